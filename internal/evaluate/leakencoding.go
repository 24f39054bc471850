package evaluate

import (
	"fmt"
	"math"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/metric"
	"kequn/internal/table"
)

// Limits of what counts as the group's own mean outcome.
const (
	encodedGroups = 8    // different values at least
	encodedRows   = 3    // rows a value on average
	encodedOff    = 0.1  // of the distance that chance puts between an honest figure and the mean outcome of its rows
	encodedChance = 1e-6 // and an honest one is so near with this chance at most
)

// encodings looks for numbers that are the mean outcome of a group, with the row itself counted in: target encoding over the whole table.
//
// An honest figure, such as a score of last year, lies beside the mean outcome of its rows by chance: with n rows of variance v, by v/n
// squared. One made from the very outcomes lies on it, or, if it was pulled toward the overall mean, on a line of 1, value, 1/n and
// value/n. So Σ n·(mean − line)²/v over k values is about k − 4 for an honest one and nearly 0 for the other.
func (x *xray) encodings() {
	list := x.X.Columns
	off, groups := make([]float64, len(list)), make([]int, len(list))
	kernel.Parallel(len(list), x.Threads, 1, func(lo, hi int) {
		for j := lo; j < hi; j++ {
			off[j] = math.Inf(1)
			if c := list[j]; c.Kind == table.Number || c.Kind == table.Money || c.Kind == table.Integer {
				off[j], groups[j] = x.encoded(c)
			}
		}
	})
	for j, c := range list {
		if off[j] <= encodedOff {
			x.add(Leak{Column: c.Name, Reason: LeakEncoding, Evidence: Text{
				fmt.Sprintf("它有 %d 个不同的值，每个值都正好等于这些行的平均结果（偏差只有偶然的 %.0f%%）：它是用结果算出来的，连这一行自己也算在内。", groups[j], 100*off[j]),
				fmt.Sprintf("each of its %d values is just the mean outcome of its rows (off by %.0f %% of what chance would have): it was computed from the outcome, the row's own included.", groups[j], 100*off[j])}})
		}
	}
}

// encoded returns how far values lie from the mean outcome of their rows, as a share of what is due to chance.
func (x *xray) encoded(c *table.Column) (off float64, values int) {
	none := math.Inf(1)
	v := c.Floats()
	distinct := map[float64]bool{} // counted only, to pass over columns with too many values without a sort
	look := min(len(x.known), 5000)
	for _, i := range x.known[:look] {
		distinct[v[i]] = true
	}
	if len(distinct) < encodedGroups/2 || look >= 1000 && len(distinct) > look*9/10 {
		return none, 0
	}
	group, n := valuesOf(c)
	sum, count, value := make([]float64, n), make([]float64, n), make([]float64, n)
	square := 0.0
	for _, i := range x.known {
		g := group[i]
		sum[g] += x.Y.Y[i]
		count[g]++
		value[g] = v[i]
		square += x.Y.Y[i] * x.Y.Y[i]
	}
	rows, k := 0.0, 0
	for g := 1; g < n; g++ {
		if count[g] > 0 && !math.IsInf(value[g], 0) {
			rows += count[g]
			k++
		}
	}
	if k < encodedGroups || rows < encodedRows*float64(k) || rows < float64(len(x.known))/2 {
		return none, 0
	}
	// Weighted least squares of the mean on (1, value, 1/n, value/n), values scaled to about 1.
	scale := 0.0
	for g := 1; g < n; g++ {
		if count[g] > 0 && !math.IsInf(value[g], 0) {
			scale += math.Abs(value[g]) * count[g] / rows
		}
	}
	if !(scale > 0) || math.IsInf(scale, 0) {
		return none, 0
	}
	var a [16]float64
	var b [4]float64
	terms := func(g int) [4]float64 {
		u := value[g] / scale
		return [4]float64{1, u, 1 / count[g], u / count[g]}
	}
	within := square // Σ (y − mean of its group)²
	for g := 1; g < n; g++ {
		if count[g] == 0 || math.IsInf(value[g], 0) {
			continue
		}
		t, m := terms(g), sum[g]/count[g]
		within -= count[g] * m * m
		for i := range 4 {
			b[i] += count[g] * t[i] * m
			for j := range 4 {
				a[4*i+j] += count[g] * t[i] * t[j]
			}
		}
	}
	beta, _ := kernel.SolveSPD(a[:], 4, b[:])
	if beta == nil {
		return none, 0
	}
	pooled := within / math.Max(1, rows-float64(k))
	chi, spread, mean := 0.0, 0.0, kernel.Sum(sum)/math.Max(1, kernel.Sum(count))
	for g := 1; g < n; g++ {
		if count[g] == 0 || math.IsInf(value[g], 0) {
			continue
		}
		t, m := terms(g), sum[g]/count[g]
		fit := beta[0]*t[0] + beta[1]*t[1] + beta[2]*t[2] + beta[3]*t[3]
		variance := pooled
		if x.Y.Task == kequn.Binary {
			p := math.Min(math.Max(fit, 1e-4), 1-1e-4)
			variance = p * (1 - p)
		}
		chi += count[g] * (m - fit) * (m - fit) / math.Max(variance, 1e-300)
		spread += count[g] * (m - mean) * (m - mean)
	}
	if !(spread > 0) || !(pooled > 0) {
		return none, 0
	}
	if 1-metric.ChiSquareTail(chi, float64(k-4)) > encodedChance {
		return none, 0
	}
	return chi / float64(k-4), k
}
