package pipeline

import (
	"context"
	"encoding/csv"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"kequn"
	"kequn/internal/engine"
)

// scores are the chosen model's scores of every eligible customer at a cutoff.
type scores struct {
	customer []string
	score    []float64
	median   []float64 // of counts and amounts: half of what may happen lies below
	actual   []float64 // backtest: what happened
}

// score asks the model about every eligible customer, partition by partition.
func (s *Shop) score(ctx context.Context, v *view, l *learned, actual bool) (*scores, error) {
	t := l.study
	r := engine.Request{Cutoffs: []kequn.Cutoff{t.cuts.Ask}, Zone: v.zone, Features: t.defs, Who: t.who, Threads: s.Threads}
	if actual {
		r.Outcomes = []engine.Outcome{{Name: t.goal.Name, Node: t.outcome}}
	}
	data, err := s.reading(v, t.defs, t.cuts.Ask)
	if err != nil {
		return nil, err
	}
	out := &scores{}
	err = s.Engine.Stream(ctx, data, r, func(p *engine.Panel) error {
		f, err := l.choice.Predict(p.X)
		if err != nil {
			return err
		}
		out.score = append(out.score, f...)
		if l.median != nil {
			m, err := l.median(p.X)
			if err != nil {
				return err
			}
			out.median = append(out.median, m...)
		}
		for i := range p.NRows() {
			out.customer = append(out.customer, strings.Clone(p.Customer.String(i)))
		}
		if actual {
			out.actual = append(out.actual, p.Y.Columns[0].Num...)
		}
		s.Progress(s.Lang.Pick("打分 ", "scores of ")+t.goal.Name, int64(len(out.score)), 0)
		return nil
	})
	if err == nil && actual && t.goal.Column != "" {
		err = l.unseen(out)
	}
	return out, err
}

// unseen replaces the scores of customers whose fact was learnt from by what models said that had not seen it: a fact without a
// date is the same at the cutoff learnt at and at the one gone back to.
func (l *learned) unseen(sc *scores) error {
	score, round, err := l.ladder.OutOfSample(l.line)
	if err != nil {
		return err
	}
	at := map[string]int{} // one entry per customer
	for i, r := range round {
		if r >= 0 {
			at[l.study.panel.Customer.String(i)] = i
		}
	}
	for i, c := range sc.customer {
		if k, ok := at[c]; ok {
			sc.score[i] = score[k]
		}
	}
	return nil
}

// write writes what the prediction says of customers to a file, if one is asked for.
func (p *Prediction) write(path string, write func(path string) error) error {
	if path == "" {
		return nil
	}
	p.Out = path
	return write(path)
}

// writeScores writes customer,score(,actual)(,median) sorted by customer; the file appears whole or not at all.
func writeScores(path string, sc *scores) error {
	order := make([]int, len(sc.customer))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return strings.Compare(sc.customer[a], sc.customer[b]) })
	return writeFile(path, func(w *csv.Writer) error {
		head := []string{"customer", "score"}
		if sc.actual != nil {
			head = append(head, "actual")
		}
		if sc.median != nil {
			head = append(head, "median")
		}
		if err := w.Write(head); err != nil {
			return err
		}
		for _, i := range order {
			row := []string{sc.customer[i], strconv.FormatFloat(sc.score[i], 'g', -1, 64)}
			if sc.actual != nil {
				row = append(row, missingOr(sc.actual[i]))
			}
			if sc.median != nil {
				row = append(row, missingOr(sc.median[i]))
			}
			if err := w.Write(row); err != nil {
				return err
			}
		}
		return nil
	})
}

func missingOr(x float64) string {
	if math.IsNaN(x) {
		return ""
	}
	return strconv.FormatFloat(x, 'g', -1, 64)
}

// writeFile writes a CSV file beside its place and renames it, so that nothing half-written is left.
func writeFile(path string, fill func(*csv.Writer) error) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return kequn.Errorf(kequn.KindUsage, path, "cannot be written: %v", err)
	}
	defer os.Remove(tmp.Name())
	w := csv.NewWriter(tmp)
	if err := fill(w); err != nil {
		tmp.Close()
		return err
	}
	w.Flush()
	if err := w.Error(); err != nil {
		tmp.Close()
		return err
	}
	if err := tmp.Chmod(0o644); err != nil {
		tmp.Close()
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}
