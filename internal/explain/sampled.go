package explain

import (
	"context"
	"math"
	"slices"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/table"
)

// Sampled explains scores of models that have no exact contributions, or too slow ones, by sampling. Background is needed.
type Sampled struct {
	Background *table.Table // rows that stand for "not known", such as judged ones
	Pairs      int          // orders drawn, each with its reverse, each beside one background row; 0: 32
	Class      int          // of several classes: which one
	Seed       uint64
	Threads    int
}

// Attribute returns Shapley values of the columns on the margin, in the game in which columns that are not known have the values of a
// background row, and the standard error of each. For each row
//
//	base + Σ_c phi[row·nCols+c] = margin        (to rounding, whatever is drawn)
//
// For each drawn background row and order of the columns, the row's values are put in one after the other, first in the order and then in
// its reverse; what the margin moves by is the column's. The sums telescope to margin(row) − margin(background row), and base is the mean margin
// of the background rows drawn, the same for all rows. The error is that of the mean over pairs; its size falls with √Pairs.
//
// The margin is the model's own, or the log-odds of its probability. Cost is 2·Pairs·columns scores a row; columns in which row and background
// agree cost nothing.
//
// Reference: Štrumbelj and Kononenko, Explaining Prediction Models and Individual Predictions with Feature Contributions (2014); Mitchell et
// al., Sampling Permutations for Shapley Value Estimation (2022), for the reversed orders.
func (s Sampled) Attribute(ctx context.Context, m model.Model, x *table.Table) (base float64, phi, se []float64, err error) {
	if s.Pairs <= 0 {
		s.Pairs = 32
	}
	if s.Background == nil || s.Background.NRows() == 0 {
		return 0, nil, nil, kequn.Errorf(kequn.KindUsage, "", "no rows to compare with")
	}
	if k := m.Header().NOut(); s.Class < 0 || s.Class >= k {
		return 0, nil, nil, kequn.Errorf(kequn.KindUsage, "", "class %d of %d", s.Class, k)
	}
	matcher := model.NewMatcher(m.Header().Columns) // one for both, so that they share dictionaries
	in, err := matcher.Match(x)
	if err != nil {
		return 0, nil, nil, err
	}
	stream := kernel.NewStream(s.Seed, kernel.ID("sampled"))
	drawn := make([]int32, s.Pairs)
	if n := s.Background.NRows(); n >= s.Pairs {
		for i, r := range stream.Perm(n)[:s.Pairs] {
			drawn[i] = int32(r)
		}
	} else {
		for i := range drawn {
			drawn[i] = int32(i % n)
		}
	}
	back, err := matcher.Match(s.Background.Take(drawn))
	if err != nil {
		return 0, nil, nil, err
	}
	in, back = shareTexts(in, back)
	from, err := s.margins(m, back)
	if err != nil {
		return 0, nil, nil, err
	}
	nCols := len(in.Columns)
	orders := make([][]int, s.Pairs)
	for i := range orders {
		orders[i] = stream.Perm(nCols)
	}
	base = kernel.Sum(from) / float64(s.Pairs)
	phi, se = make([]float64, in.NRows()*nCols), make([]float64, in.NRows()*nCols)
	errs := make([]error, in.NRows())
	kernel.Parallel(in.NRows(), s.Threads, 1, func(i, _ int) {
		if errs[i] = ctx.Err(); errs[i] == nil {
			errs[i] = s.row(m, in, i, back, from, orders, phi[i*nCols:(i+1)*nCols], se[i*nCols:(i+1)*nCols])
		}
	})
	for _, err := range errs {
		if err != nil {
			return 0, nil, nil, err
		}
	}
	return base, phi, se, nil
}

// row explains one row.
func (s Sampled) row(m model.Model, in *table.Table, row int, back *table.Table, from []float64, orders [][]int, phi, se []float64) error {
	// All mixtures of the row and background rows are scored in one table: the row itself first.
	type visit struct{ pair, col, at int } // mixture at has col put in, after the visit before
	n := len(in.Columns)
	differ := make([][]bool, len(orders)) // per pair and column
	origin := [][]bool{}                  // per mixture: which columns are the row's
	pairOf := []int32{}
	var visits []visit
	for p, order := range orders {
		differ[p] = make([]bool, n)
		left := 0
		for j := range n {
			if differ[p][j] = !sameValue(in.Columns[j], row, back.Columns[j], p); differ[p][j] {
				left++
			}
		}
		for direction := range 2 {
			known, done := make([]bool, n), 0
			for k := range order {
				j := order[k]
				if direction == 1 {
					j = order[n-1-k]
				}
				if !differ[p][j] {
					continue
				}
				known[j] = true
				if done++; done == left {
					visits = append(visits, visit{p, j, -1}) // the row itself
					break
				}
				visits = append(visits, visit{p, j, len(origin)})
				origin, pairOf = append(origin, slices.Clone(known)), append(pairOf, int32(p))
			}
			if left == 0 {
				visits = append(visits, visit{p, -1, -1})
			}
		}
	}
	mixed := back.Take(append(pairOf, 0))
	for j, c := range mixed.Columns {
		for i := range origin {
			if origin[i][j] {
				copyValue(c, i, in.Columns[j], row)
			}
		}
		copyValue(c, len(origin), in.Columns[j], row)
	}
	score, err := s.margins(m, mixed)
	if err != nil {
		return err
	}
	whole := score[len(origin)]
	one, square := make([]float64, n), make([]float64, n)
	at, now := 0, 0.0
	for p := range orders {
		clear(one)
		for ends := 0; ends < 2; {
			if v := visits[at]; v.col >= 0 {
				if at == 0 || visits[at-1].at < 0 {
					now = from[p]
				}
				next := whole
				if v.at >= 0 {
					next = score[v.at]
				}
				one[v.col] += (next - now) / 2
				now = next
			}
			if visits[at].at < 0 {
				ends++
			}
			at++
		}
		for j, v := range one {
			phi[j] += v
			square[j] += v * v
		}
	}
	k := float64(len(orders))
	for j := range phi {
		phi[j] /= k
		if k > 1 {
			se[j] = math.Sqrt(max(0, square[j]/k-phi[j]*phi[j]) / (k - 1))
		}
	}
	return nil
}

// shareTexts gives text columns of both tables one dictionary.
func shareTexts(a, b *table.Table) (*table.Table, *table.Table) {
	a, b = &table.Table{Columns: slices.Clone(a.Columns)}, &table.Table{Columns: slices.Clone(b.Columns)}
	for j, c := range a.Columns {
		if d := b.Columns[j]; c.Kind.InCode() && c.Dict != d.Dict {
			dict := table.NewDict()
			for _, t := range []*table.Table{a, b} {
				old := t.Columns[j]
				to := &table.Column{Name: old.Name, Kind: old.Kind, Dict: dict, Code: make([]int32, len(old.Code))}
				for i, k := range old.Code {
					to.Code[i] = -1
					if k >= 0 {
						to.Code[i] = dict.Intern(old.Dict.Bytes(int(k)))
					}
				}
				t.Columns[j] = to
			}
		}
	}
	return a, b
}

// sameValue compares values of matched columns that share a dictionary.
func sameValue(a *table.Column, i int, b *table.Column, k int) bool {
	if a.Kind.InCode() {
		return a.Code[i] == b.Code[k]
	}
	x, y := a.Num[i], b.Num[k]
	return x == y || x != x && y != y
}

// copyValue sets value i of c to value k of such a column.
func copyValue(c *table.Column, i int, from *table.Column, k int) {
	if c.Kind.InCode() {
		c.Code[i] = from.Code[k]
	} else {
		c.Num[i] = from.Num[k]
	}
}

// margins returns the margins that are explained: of several classes, the log-odds of the chosen one.
func (s Sampled) margins(m model.Model, x *table.Table) ([]float64, error) {
	k := m.Header().NOut()
	if k == 1 {
		return margins(m, x)
	}
	p, err := m.Predict(x)
	if err != nil {
		return nil, err
	}
	out := make([]float64, len(p)/k)
	for i := range out {
		out[i] = logOdds(p[i*k+s.Class])
	}
	return out, nil
}
