package pipeline

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"kequn"
	"kequn/internal/decision"
	"kequn/internal/measure"
	"kequn/internal/receipt"
	"kequn/internal/synth"
)

// truth returns what the demo shop knows of a decision: the expected effect on just those contacted, and the profit of the
// best choice among the same customers and offers without a budget. nil elsewhere, and where the decision was not made at the
// moment that the truth is of.
func (s *Shop) truth(r *receipt.Receipt, id string, members []receipt.Member) (*measure.Truth, error) {
	if _, err := synth.Open(s.Dir); err != nil {
		return nil, nil
	}
	var doc activationDoc
	if err := s.readDoc("activation."+r.Campaign.Name, &doc); err != nil {
		return nil, err
	}
	if doc.Receipt != id || doc.Period == 0 {
		return nil, nil
	}
	name := "uplift.csv"
	if doc.Period > 1 {
		name = fmt.Sprintf("uplift-%04d.csv", doc.Period)
	}
	effects, err := readTruth(filepath.Join(s.Dir, "truth", name))
	if err != nil || effects == nil {
		return nil, err
	}
	t := &measure.Truth{}
	contacted := 0
	for _, m := range members {
		best := 0.0
		for _, o := range r.Offers {
			e := effects[truthKey{m.Customer, armOf(o)}]
			best = max(best, e.profit)
			if m.Group == receipt.Contact && m.Offer == o.Name {
				contacted++
				t.Conversion += e.uplift
				t.Profit += e.profit
			}
		}
		free := m.Group != receipt.Control && !decision.InControl(m.Customer, r.Assignment.Experiment, r.Seed, r.Assignment.Share)
		if free && (m.Group == receipt.Contact || m.Reason == decision.ReasonNoGain || m.Reason == decision.ReasonBudget) {
			t.Oracle += best
		}
	}
	t.Conversion /= max(1, float64(contacted))
	return t, nil
}

type truthKey struct{ customer, offer string }

type trueEffect struct{ uplift, profit float64 }

// readTruth reads a file of true effects; nil where there is none.
func readTruth(path string) (map[truthKey]trueEffect, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	in := csv.NewReader(f)
	head, err := in.Read()
	if err != nil {
		return nil, kequn.Errorf(kequn.KindDamaged, path, "%v", err)
	}
	at := map[string]int{}
	for i, h := range head {
		at[h] = i
	}
	out := map[truthKey]trueEffect{}
	for {
		row, err := in.Read()
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return nil, kequn.Errorf(kequn.KindDamaged, path, "%v", err)
		}
		uplift, err1 := strconv.ParseFloat(row[at["uplift"]], 64)
		profit, err2 := strconv.ParseFloat(row[at["profit"]], 64)
		if err := errors.Join(err1, err2); err != nil {
			return nil, kequn.Errorf(kequn.KindDamaged, path, "%v", err)
		}
		out[truthKey{row[at["customer_id"]], row[at["offer"]]}] = trueEffect{uplift, profit}
	}
}
