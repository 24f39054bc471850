package modeltest

import (
	"fmt"
	"math"
	"math/rand/v2"

	"kequn"
	"kequn/internal/metric"
	"kequn/internal/model"
	"kequn/internal/table"
)

// levels is a table of few different rows, each of them many times, and what its outcome is on average.
type levels struct {
	toy
	truth []float64 // (rows, outputs)
}

// newLevels returns a table of one category column of 7 levels with 60 rows each, or of two with 5 and 4 levels and 20 rows of each pair,
// whose effects add up. Levels explain most of an amount.
func newLevels(task kequn.Task, columns int, seed uint64) levels {
	r := rand.New(rand.NewPCG(seed, 11))
	sizes, copies := []int{7}, 60
	if columns == 2 {
		sizes, copies = []int{5, 4}, 20
	}
	t := levels{toy: toy{y: model.Outcome{Task: task}}}
	if task == kequn.Multiclass {
		t.y.Classes = []string{"low", "middle", "high"}
	}
	effects := [][]float64{{0.4, -1, 1.3, -0.2, -1.5, 0.9, 0.1}, {-0.6, 0.7, 0, -0.1}}
	var cols []*table.Column
	cells := 1
	for j, n := range sizes {
		cols = append(cols, table.NewColumn([]string{"city", "plan"}[j], table.Category, 0))
		cells *= n
	}
	for range copies {
		for cell := range cells {
			at, s := cell, 0.0
			for j, n := range sizes {
				cols[j].AppendString(string(rune('A' + at%n)))
				s += effects[j][at%n]
				at /= n
			}
			switch task {
			case kequn.Binary:
				p := 1 / (1 + math.Exp(-2*s))
				y := 0.0
				if r.Float64() < p {
					y = 1
				}
				t.y.Y, t.truth = append(t.y.Y, y), append(t.truth, p)
			case kequn.Regression:
				t.y.Y, t.truth = append(t.y.Y, 50+10*s+5*r.NormFloat64()), append(t.truth, 50+10*s)
			case kequn.Multiclass:
				low, middle := 1/(1+math.Exp(3*s+2)), 1/(1+math.Exp(3*s-2))
				u, y := r.Float64(), 2.0
				if u < low {
					y = 0
				} else if u < middle {
					y = 1
				}
				t.y.Y, t.truth = append(t.y.Y, y), append(t.truth, low, middle-low, 1-middle)
			}
		}
	}
	t.x = table.New(cols...)
	return t
}

// learnsLevels asks for half of what there is to know, and of a sum of two columns for a third: small steps on one column at a time need more of
// them than some test grants. Whoever holds all rows of a level out together to find out what helps finds that
// nothing does.
func learnsLevels(s *subject) error {
	for columns := 1; columns <= 2; columns++ {
		t := newLevels(s.task, columns, 1)
		p, err := s.scores(t.toy, nil, t.x)
		if err != nil {
			return err
		}
		nOut := s.train.y.NOut()
		mean := make([]float64, nOut)
		for i, v := range t.truth {
			mean[i%nOut] += v * float64(nOut) / float64(len(t.truth))
		}
		wrong, all := 0.0, 0.0
		for i, v := range t.truth {
			wrong += (p[i] - v) * (p[i] - v)
			all += (v - mean[i%nOut]) * (v - mean[i%nOut])
		}
		if r2 := 1 - wrong/all; !(r2 > []float64{0, 1. / 2, 1. / 3}[columns]) {
			return fmt.Errorf("%d columns of few levels: R² against the true means is %.3f", columns, r2)
		}
		if s.task == kequn.Binary {
			got, possible := metric.AUC(t.y.Y, p, nil), metric.AUC(t.y.Y, t.truth, nil)
			if !(got-0.5 > 0.5*(possible-0.5)) {
				return fmt.Errorf("%d columns of few levels: AUC %.3f of %.3f", columns, got, possible)
			}
		}
	}
	return nil
}

// fairLevels is weightTwo and rowOrder where copies of a row may part.
func fairLevels(s *subject) error {
	t := newLevels(s.task, 1, 2).toy
	test := t.x.Slice(0, 7) // each level once
	n := t.x.NRows()
	w, rows := make([]float64, n), count(n)
	for i := range w {
		w[i] = 1
		if i%3 == 0 {
			w[i] = 2
			rows = append(rows, int32(i))
		}
	}
	weighted, err := s.scores(t, w, test)
	if err != nil {
		return err
	}
	r := rand.New(rand.NewPCG(5, 5))
	r.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	twice, err := s.scores(t.take(rows), nil, test)
	if err != nil {
		return err
	}
	return sameScores(weighted, twice)
}
