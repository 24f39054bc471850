package ngram

import (
	"math/bits"
	"slices"

	"kequn/internal/kernel"
)

// pick returns up to n columns, ascending, whose presence tells most about the targets: those of the largest
//
//	Σ_k (S_k − d·ȳ_k)² / (d·(1−d/W)·v_k)
//
// d being the weight of the rows that have the gram, S_k their sum of target k, and ȳ_k, v_k its mean and variance: the chi-square of a
// two-by-two table where y is 0 or 1. Of columns that stand in much the same texts, as the parts of one word do, the best is
// picked.
func (m *Matrix) pick(targets []target, n, threads int) []int {
	total := kernel.Sum(targets[0].weight)
	if total == 0 || n == 0 {
		return nil
	}
	gain := make([]float64, m.NCols)
	means, variances := make([]float64, len(targets)), make([]float64, len(targets))
	for k, t := range targets {
		means[k] = kernel.Sum(t.y) / total
		if t.logistic {
			variances[k] = means[k] * (1 - means[k])
			continue
		}
		for i, w := range t.weight {
			if w > 0 {
				d := t.y[i]/w - means[k]
				variances[k] += w * d * d / total
			}
		}
	}
	kernel.Parallel(m.NCols, threads, 1024, func(lo, hi int) {
		for j := lo; j < hi; j++ {
			line := m.line[m.cstart[j]:m.cstart[j+1]]
			d := 0.0
			for _, t := range line {
				d += targets[0].weight[t]
			}
			if d < leastPicked || d > total-leastPicked {
				continue
			}
			for k := range targets {
				if variances[k] > 0 {
					s := 0.0
					for _, t := range line {
						s += targets[k].y[t]
					}
					s -= d * means[k]
					gain[j] += s * s / (d * (1 - d/total) * variances[k])
				}
			}
		}
	})
	var picked []int
	var sets [][]uint64
	var sizes []int
	tried := 0
	for _, j := range kernel.ArgsortDesc(gain) {
		if !(gain[j] > 0) || len(picked) == n || tried == 8*n {
			break
		}
		tried++
		set, size := make([]uint64, (m.NTexts+63)/64), 0
		for _, t := range m.line[m.cstart[j]:m.cstart[j+1]] {
			set[t/64] |= 1 << (t % 64)
			size++
		}
		if !slices.ContainsFunc(counted(len(picked)), func(p int) bool { return alike(set, sets[p], size, sizes[p]) }) {
			picked, sets, sizes = append(picked, int(j)), append(sets, set), append(sizes, size)
		}
	}
	slices.Sort(picked)
	return picked
}

// leastPicked is the weight of rows that must have a gram, and of those that must not: a tree asks no question of fewer.
const leastPicked = 10

func counted(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// alike tells whether two sets share four fifths of their members.
func alike(a, b []uint64, na, nb int) bool {
	if 5*min(na, nb) < 4*max(na, nb) {
		return false
	}
	both := 0
	for i, w := range a {
		both += bits.OnesCount64(w & b[i])
	}
	return 5*both >= 4*(na+nb-both)
}
