package evaluate

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"kequn/internal/kernel"
	"kequn/internal/metric"
	"kequn/internal/table"
)

const (
	driftPSI    = 0.1    // from here on a column is named
	mostDrift   = 5      // columns that are named
	driftRows   = 20_000 // of each side: the index is then known to 0.002
	driftLevels = 20     // levels of a category that are told apart; the rarest are taken together
)

// drift compares each column's values between the rows trained on and those judged.
func (l *lab) drift() error {
	before := sorted(l.draw.draw(driftRows, saltDrift))
	after := sorted(newDrawer(l.X, l.Y, l.Group, l.Test, l.Seed).draw(driftRows, saltDrift))
	found := make([]*ColumnDrift, len(l.X.Columns))
	kernel.Parallel(len(found), l.Threads, 1, func(i, _ int) { found[i] = columnDrift(l.X.Columns[i], before, after) })
	var out []ColumnDrift
	for _, d := range found {
		if d != nil {
			out = append(out, *d)
		}
	}
	slices.SortStableFunc(out, func(a, b ColumnDrift) int {
		if a.PSI != b.PSI {
			return cmp.Compare(b.PSI, a.PSI)
		}
		return cmp.Compare(a.Column, b.Column)
	})
	l.card.Generalization.Drift = out[:min(len(out), mostDrift)]
	return nil
}

// columnDrift returns nil where a column did not move, or not more than so few rows move by themselves.
func columnDrift(c *table.Column, before, after []int32) *ColumnDrift {
	d := &ColumnDrift{Column: c.Name}
	cells := 11.0 // deciles and missing
	switch {
	case c.Kind == table.Text:
		return nil
	case c.Kind == table.Category:
		d.PSI, d.Text, cells = categoryDrift(c, before, after)
	default:
		d.PSI, d.Text = numberDrift(c, before, after)
	}
	// Of two draws of the same, PSI is about (1/n + 1/m)·χ² with cells − 1 degrees of freedom.
	free := math.Max(1, cells-1)
	noise := (1/float64(len(before)) + 1/float64(len(after))) * (free + 3*math.Sqrt(2*free))
	if !(d.PSI > math.Max(driftPSI, noise)) || math.IsInf(d.PSI, 0) {
		return nil
	}
	return d
}

func numberDrift(c *table.Column, before, after []int32) (float64, Text) {
	values := func(rows []int32) (v []float64, missing float64) {
		v = make([]float64, len(rows))
		for i, r := range rows {
			if v[i] = c.Float(int(r)); v[i] != v[i] {
				missing++
			}
		}
		return v, missing / float64(len(rows))
	}
	a, missA := values(before)
	b, missB := values(after)
	psi := metric.DriftOf(a, b)
	if math.Abs(missA-missB) > 0.1 {
		return psi, Text{fmt.Sprintf("缺失的比例：训练 %.0f%%，评判 %.0f%%", 100*missA, 100*missB), fmt.Sprintf("missing in %.0f %% of the rows trained on, %.0f %% of those judged", 100*missA, 100*missB)}
	}
	p, q := kernel.Quantiles(a, 0.1, 0.5, 0.9), kernel.Quantiles(b, 0.1, 0.5, 0.9)
	switch {
	case c.Kind == table.Time && q[1] > p[1]:
		return psi, Text{"评判数据的时间更晚", "later in the rows judged"}
	case c.Kind == table.Time:
		return psi, Text{"评判数据的时间更早", "earlier in the rows judged"}
	case c.Kind == table.Bool:
		m, _ := kernel.MeanVar(known(a), nil)
		n, _ := kernel.MeanVar(known(b), nil)
		return psi, Text{fmt.Sprintf("为是的比例：训练 %.0f%%，评判 %.0f%%", 100*m, 100*n), fmt.Sprintf("yes in %.0f %% of the rows trained on, %.0f %% of those judged", 100*m, 100*n)}
	case p[1] != q[1]:
		return psi, Text{fmt.Sprintf("中位数：训练 %.4g，评判 %.4g", p[1], q[1]), fmt.Sprintf("median %.4g in the rows trained on, %.4g in those judged", p[1], q[1])}
	}
	return psi, Text{fmt.Sprintf("中间八成的范围：训练 %.4g 到 %.4g，评判 %.4g 到 %.4g", p[0], p[2], q[0], q[2]),
		fmt.Sprintf("the middle eight tenths are %.4g to %.4g in the rows trained on, %.4g to %.4g in those judged", p[0], p[2], q[0], q[2])}
}

func known(v []float64) []float64 {
	return slices.DeleteFunc(slices.Clone(v), math.IsNaN)
}

// categoryDrift compares shares of levels; a missing value is one too.
func categoryDrift(c *table.Column, before, after []int32) (psi float64, words Text, cells float64) {
	count := func(rows []int32) []float64 {
		n := make([]float64, c.Dict.Len()+1)
		for _, r := range rows {
			n[c.Code[r]+1]++
		}
		return n
	}
	a, b := count(before), count(after)
	order := make([]int, len(a))
	for i := range order {
		order[i] = i
	}
	name := func(i int) string {
		if i == 0 {
			return ""
		}
		return c.Dict.At(i - 1)
	}
	slices.SortFunc(order, func(i, j int) int {
		if x, y := a[i]+b[i], a[j]+b[j]; x != y {
			return cmp.Compare(y, x)
		}
		return cmp.Compare(name(i), name(j))
	})
	var p, q []float64
	most, at := 0.0, 0
	for rank, i := range order {
		if rank < driftLevels {
			p, q = append(p, a[i]), append(q, b[i])
			if d := math.Abs(a[i]/float64(len(before)) - b[i]/float64(len(after))); d > most {
				most, at = d, i
			}
			continue
		}
		if rank == driftLevels {
			p, q = append(p, 0), append(q, 0)
		}
		p[driftLevels] += a[i]
		q[driftLevels] += b[i]
	}
	was, is := 100*a[at]/float64(len(before)), 100*b[at]/float64(len(after))
	words = Text{fmt.Sprintf("“%s”的比例：训练 %.0f%%，评判 %.0f%%", name(at), was, is), fmt.Sprintf("%q is %.0f %% of the rows trained on, %.0f %% of those judged", name(at), was, is)}
	if at == 0 {
		words = Text{fmt.Sprintf("缺失的比例：训练 %.0f%%，评判 %.0f%%", was, is), fmt.Sprintf("missing in %.0f %% of the rows trained on, %.0f %% of those judged", was, is)}
	}
	return metric.PSI(p, q), words, float64(len(p))
}
