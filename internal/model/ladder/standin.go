package ladder

import (
	"math"

	"kequn/internal/model"
)

// Standin returns the family that speaks for a line of the ladder where many fits are needed, nil if no family was run: the line
// itself or, of a blend, the member with most weight, as long as its contributions are quick and exact and one fit on all
// training rows is planned to take at most the given seconds of one processor; else the most accurate quick family that was run.
func (r *Result) Standin(line string, seconds float64) *model.Named {
	rec, err := r.recipe(line)
	if err != nil {
		return nil
	}
	f := r.Plan.Facts
	fits := func(name string) bool {
		t := traitOf(name)
		return name != BaseName && !t.mute && t.seconds(f.Rows, f.Columns, f.Classes) <= seconds
	}
	var best *rung
	most := 0.0
	for i, g := range rec.rungs {
		if fits(g.named.Name) && rec.weights[i] > most {
			best, most = g, rec.weights[i]
		}
	}
	if best != nil {
		return &best.named
	}
	least := math.Inf(1)
	for _, quick := range []bool{true, false} {
		for _, g := range r.rungs {
			if e := r.Entry(g.named.Name); g.named.Name != BaseName && g.whole() && Cheap(g.named.Name) == quick && e != nil && (best == nil || e.Loss() < least) {
				best, least = g, e.Loss()
			}
		}
		if best != nil {
			return &best.named
		}
	}
	return nil
}

// Inside returns what a line said of the training rows of a round, each time by models that were not trained on the row, calibrated
// as in that round: the training file's own figures, to stand beside those of another. Rows without a score are left out.
func (r *Result) Inside(line string, round int) (rows []int32, score []float64) {
	rec, err := r.recipe(line)
	if err != nil {
		return nil, nil
	}
	k, whole := r.in.Y.NOut(), rec.calibration
	switch {
	case line == AutoName && r.auto.first != nil:
		rec = r.auto.first
		whole = rec.calibration
	case rec.rungs[0].rounds != nil:
		whole = rec.rungs[0].rounds[round]
	}
	var at []int32
	for i := range r.in.Rounds[round].Train {
		known := true
		for _, g := range rec.rungs {
			known = known && g.inner != nil && len(g.inner[round]) > 0 && !math.IsNaN(g.inner[round][i*k])
		}
		if known {
			at, rows = append(at, int32(i)), append(rows, r.in.Rounds[round].Train[i])
		}
	}
	members := make([][]float64, len(rec.rungs))
	for j, g := range rec.rungs {
		if len(at) > 0 {
			members[j] = pick(g.inner[round], at, k)
		}
	}
	_, score = blendScores(r.Task, rec.weights, rec.each, whole, members)
	return rows, score
}
