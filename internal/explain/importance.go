package explain

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/table"
)

// Weight is a column's importance.
type Weight struct {
	Column string  `json:"column"`
	Share  float64 `json:"share"`        // of the whole, the model's own measure; or of all losses by permutation, where above 0
	Loss   float64 `json:"loss"`         // permutation: by how much the loss rises when the column is shuffled
	SE     float64 `json:"se,omitempty"` // permutation: of Loss, over rows and repeats; own measure: of Share, over models of other draws of the rows
}

// Importance returns the model's own importance, largest first; columns without any are left out. It is nil if the model has none.
func Importance(m model.Model) []Weight {
	a, ok := m.(model.Importancer)
	if !ok {
		return nil
	}
	share, cols := a.Importance(), m.Header().Columns
	var out []Weight
	for _, j := range kernel.ArgsortDesc(share) {
		if share[j] > 0 {
			out = append(out, Weight{Column: cols[j].Name, Share: share[j]})
		}
	}
	return out
}

// Permutation is how permutation importance is measured. The zero value works.
type Permutation struct {
	Repeats int // 0: 5
	MaxRows int // rows used, a sample by seed; 0: 10,000
	Seed    uint64
	Threads int

	// Columns names those to shuffle, nil for all that the model wants. Shares are then of the losses of these.
	Columns []string
}

// Weights returns, for each column of the model, by how much the loss on held-out rows (log loss, or squared error) rises when
// its values are shuffled among the rows, as a mean over repeats; largest first. Its standard error is that of the mean over rows of
// what each row's loss rises by (over all repeats), so that it says both how much the shuffles and how much the rows matter.
//
// Columns that say the same share their importance: shuffling one leaves the other. Cost is columns × repeats predictions of MaxRows rows.
//
// Reference: Fisher, Rudin and Dominici, All Models are Wrong, but Many are Useful (2019).
func (p Permutation) Weights(ctx context.Context, m model.Model, x *table.Table, y model.Outcome, w []float64) ([]Weight, error) {
	if p.Repeats <= 0 {
		p.Repeats = 5
	}
	if p.MaxRows <= 0 {
		p.MaxRows = 10_000
	}
	if n := x.NRows(); len(y.Y) != n || (w != nil && len(w) != n) {
		return nil, fmt.Errorf("explain: %d rows, %d outcomes, %d weights", n, len(y.Y), len(w))
	}
	if x.NRows() == 0 {
		return nil, kequn.Errorf(kequn.KindNotEnough, "", "no held-out rows to measure importance on")
	}
	cols := m.Header().Columns
	in, err := model.Match(cols, x)
	if err != nil {
		return nil, err
	}
	if n := x.NRows(); n > p.MaxRows {
		rows := kernel.NewStream(p.Seed, kernel.ID("permutation")).Sample(n, p.MaxRows)
		in, y, w = in.Take(rows), y.Take(rows), kernel.Take(w, rows)
	}
	chosen := make([]int, 0, len(cols))
	for c := range cols {
		if p.Columns == nil || slices.Contains(p.Columns, cols[c].Name) {
			chosen = append(chosen, c)
		}
	}
	n := len(y.Y)
	whole, err := losses(m, in, y)
	if err != nil {
		return nil, err
	}
	out := make([]Weight, len(chosen))
	errs := make([]error, len(chosen))
	kernel.Parallel(len(chosen), p.Threads, 1, func(at, _ int) {
		if errs[at] = ctx.Err(); errs[at] != nil {
			return
		}
		col := chosen[at]
		rise := make([]float64, n)
		mixed := &table.Table{Columns: slices.Clone(in.Columns)}
		rows := make([]int32, n)
		for repeat := range p.Repeats {
			for i, r := range kernel.NewStream(p.Seed, kernel.ID(cols[col].Name), uint64(repeat)).Perm(n) {
				rows[i] = int32(r)
			}
			mixed.Columns[col] = in.Columns[col].Take(rows)
			l, err := losses(m, mixed, y)
			if err != nil {
				errs[at] = err
				return
			}
			for i, v := range l {
				rise[i] += (v - whole[i]) / float64(p.Repeats)
			}
		}
		mean, se := meanError(rise, w)
		out[at] = Weight{Column: cols[col].Name, Loss: mean, SE: finite(se)}
	})
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	total := 0.0
	for _, o := range out {
		total += max(o.Loss, 0)
	}
	for c := range out {
		if total > 0 {
			out[c].Share = max(out[c].Loss, 0) / total
		}
	}
	slices.SortStableFunc(out, func(a, b Weight) int { return cmp.Compare(b.Loss, a.Loss) })
	return out, nil
}

// losses returns each row's loss: log loss, or squared error.
func losses(m model.Model, x *table.Table, y model.Outcome) ([]float64, error) {
	p, err := m.Predict(x)
	if err != nil {
		return nil, err
	}
	k := m.Header().NOut()
	each := make([]float64, len(y.Y))
	for i, v := range y.Y {
		switch {
		case y.Task == kequn.Regression:
			each[i] = (v - p[i]) * (v - p[i])
		case y.Task == kequn.Multiclass:
			each[i] = -math.Log(max(p[i*k+int(v)], 1e-15))
		case v == 1:
			each[i] = -math.Log(max(p[i], 1e-15))
		default:
			each[i] = -math.Log(max(1-p[i], 1e-15))
		}
	}
	return each, nil
}

// meanError returns the weighted mean and its standard error √Σwᵢ²(vᵢ−mean)²/Σwᵢ, with the factor n/(n−1); NaN below two rows.
func meanError(v, w []float64) (mean, se float64) {
	mean, _ = kernel.MeanVar(v, w)
	square, total, n := make([]float64, len(v)), 0.0, 0.0
	for i, x := range v {
		u := 1.0
		if w != nil {
			u = w[i]
		}
		if u > 0 {
			n++
		}
		total += u
		square[i] = u * u * (x - mean) * (x - mean)
	}
	if n < 2 {
		return mean, math.NaN()
	}
	return mean, math.Sqrt(kernel.Sum(square)*n/(n-1)) / total
}

// finite returns v, or 0 where it is no number.
func finite(v float64) float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	return v
}
