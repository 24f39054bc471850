package tree

import (
	"cmp"
	"math"
	"slices"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/table"
	"kequn/internal/treekit"
)

// A bag is the training table as trees of a forest draw from it. Rows that are equal in every column and in the outcome are
// one entry that weighs as much as they do together: then a row of weight 2 is the row twice, for the sum of two Poisson
// draws is a Poisson draw of the sum.
//
//	cells    (entries, nCols)   bins, entry by entry; of a category the ranks of its levels in the order of their outcomes, or bins as
//	                            they are where each tree has an order of its own
//	weight   entries            in units of 1/wUnit
//	key      entries            a hash of the values and the outcome, from which each tree's draw follows
type bag struct {
	task  kequn.Task
	k     int // numbers that a leaf predicts
	nCols int
	cuts  []treekit.Cut
	rank  [][]uint8 // of a category column: the rank of each bin; nil for numbers and where each tree has its own
	loose []int     // category columns of which each tree has an order of its own

	cells  []uint8
	key    []uint64
	row    []int32 // of the table, for each entry
	weight []int64
	wUnit  float64
	total  float64 // weight of all entries

	class  []int32 // classes
	amount []int64 // amounts: (y − centre) in units of 1/yUnit, exact enough for leaves
	coarse []int64 // amounts: the same in few bits, for the search of questions
	yUnit  float64
	centre float64 // the median

	coarseUnit float64
	prior      []float64 // mean outcome, or share of each class

	rate float64 // draws a tree makes per unit of weight
}

const (
	mostDraws  = 200_000 // rows that a tree draws on average, at most
	countBits  = 40      // a packed number is draws<<40 + Σ draws·y
	coarseBits = 17      // of |y − centre|: with 2²² draws the sum stays below 2³⁹
	fineBits   = 39
	mostCount  = 1 << 22 // draws of a tree
)

func newBag(x *table.Table, y model.Outcome, w []float64, l Forest) *bag {
	b := &bag{task: y.Task, k: y.NOut(), nCols: len(x.Columns), wUnit: 1}
	weightOf := func(i int) float64 {
		if w == nil {
			return 1
		}
		return w[i]
	}
	whole := true
	n := x.NRows()
	for i := range n {
		v := weightOf(i)
		b.total += v
		whole = whole && v == math.Trunc(v)
	}
	if !whole || b.total > 1<<52 {
		b.wUnit = math.Exp2(math.Floor(52 - math.Log2(b.total)))
	}
	// Entries are found in a table of open addressing, in the order of their first rows.
	hash := model.RowHash(x, l.Seed)
	slots := make([]int32, 1<<int(math.Ceil(math.Log2(float64(2*n+2)))))
	mask := uint64(len(slots) - 1)
	for i := range n {
		v := weightOf(i)
		if v <= 0 {
			continue
		}
		key := kernel.Mix(hash[i] ^ kernel.Mix(math.Float64bits(y.Y[i]+0)))
		units := int64(math.RoundToEven(v * b.wUnit))
		at := key & mask
		for slots[at] != 0 && b.key[slots[at]-1] != key {
			at = (at + 1) & mask
		}
		if slots[at] == 0 {
			b.key, b.row, b.weight = append(b.key, key), append(b.row, int32(i)), append(b.weight, 0)
			slots[at] = int32(len(b.key))
		}
		b.weight[slots[at]-1] += units
	}
	bins := treekit.Bin(x, w, treekit.Options{Threads: l.Threads})
	b.cuts = bins.Cuts
	b.outcomes(y)
	b.order(bins)
	b.cells = make([]uint8, len(b.row)*b.nCols)
	kernel.Parallel(len(b.row), l.Threads, 4096, func(lo, hi int) {
		for c, col := range bins.Cols {
			rank := b.rank[c]
			for e := lo; e < hi; e++ {
				bin := col[b.row[e]]
				if rank != nil {
					bin = rank[bin]
				}
				b.cells[e*b.nCols+c] = bin
			}
		}
	})
	b.rate = min(max(1, float64(len(b.row))/b.total), mostDraws/float64(len(b.row)), mostCount/2/b.total)
	return b
}

// outcomes turns outcomes into whole numbers: their sums do not depend on the order of rows.
func (b *bag) outcomes(y model.Outcome) {
	n := len(b.row)
	b.prior = make([]float64, b.k)
	if b.task != kequn.Regression {
		b.class = make([]int32, n)
		sum := make([]int64, max(2, b.k))
		for e, r := range b.row {
			b.class[e] = int32(y.Y[r])
			sum[b.class[e]] += b.weight[e]
		}
		for c := range b.prior {
			if b.k == 1 {
				c++
			}
			b.prior[min(c, b.k-1)] = float64(sum[c]) / (b.total * b.wUnit)
		}
		return
	}
	v, w := make([]float64, n), make([]float64, n)
	for e, r := range b.row {
		v[e], w[e] = y.Y[r], float64(b.weight[e])
	}
	b.centre = kernel.WeightedQuantiles(v, w, []float64{0.5})[0]
	size := 0.0
	for e, x := range v {
		v[e] = max(-math.MaxFloat64, min(x-b.centre, math.MaxFloat64))
		size = max(size, math.Abs(v[e]))
	}
	b.yUnit, b.coarseUnit = 1, 1
	if size > 0 {
		b.yUnit = math.Exp2(math.Floor(fineBits - math.Log2(size)))
		b.coarseUnit = math.Exp2(math.Floor(coarseBits - math.Log2(size)))
	}
	b.amount, b.coarse = make([]int64, n), make([]int64, n)
	for e, x := range v {
		b.amount[e] = int64(math.RoundToEven(x * b.yUnit))
		b.coarse[e] = int64(math.RoundToEven(x * b.coarseUnit))
	}
	b.prior[0] = kernel.SumProduct(v, w) / kernel.Sum(w)
}

// packed returns what one draw of an entry adds to a histogram.
func (b *bag) packed(e int32) int64 {
	if b.coarse != nil {
		return 1<<countBits + b.coarse[e]
	}
	return 1<<countBits + int64(b.class[e])
}

// unpack returns the draws and Σ draws·y of a packed number.
func unpack(v int64) (draws, sum float64) {
	s := v << (64 - countBits) >> (64 - countBits)
	return float64((v - s) >> countBits), float64(s)
}

// draw writes how often the tree draws each entry: a Poisson number of mean weight·rate, by the entry's own hash. It returns the
// entries drawn at least once.
func (b *bag) draw(tree uint64, times []int32, rows []int32) []int32 {
	rows = rows[:0]
	salt := kernel.Mix(tree ^ 0x6261_67)
	mean := b.rate / b.wUnit
	var table [24]float64 // of the cumulative distribution of the weight last seen
	last := int64(-1)
	for e, w := range b.weight {
		if w != last {
			last = w
			cumulate(&table, float64(w)*mean)
		}
		u := float64(kernel.Mix(b.key[e]^salt)>>11) / (1 << 53)
		k := int32(0)
		for int(k) < len(table) && u >= table[k] {
			k++
		}
		if int(k) == len(table) {
			k = int32(kernel.NewStream(b.key[e], salt).Poisson(float64(w) * mean))
		}
		times[e] = k
		if k > 0 {
			rows = append(rows, int32(e))
		}
	}
	return rows
}

// cumulate writes P(Poisson(mean) ≤ k). For means that the table does not cover it is 0 throughout.
func cumulate(table *[24]float64, mean float64) {
	if mean > 4 { // beyond 23 lie less than 1e-10
		*table = [24]float64{}
		return
	}
	p := math.Exp(-mean)
	sum := 0.0
	for k := range table {
		sum += p
		table[k] = sum
		p *= mean / float64(k+1)
	}
	table[len(table)-1] = 1
}

// Levels are put in order of their mean outcome, and an order that the same rows have made tells them their own outcome: of pure chance
// it explains a share of (levels − 1)/rows. Where that is next to nothing, there is one order for all trees, which makes scoring
// cheap. Else each tree has its own, made by the rows that it did not draw.
const (
	mostLoose  = 0.005 // the share
	levelDraws = 10    // draws of the mean outcome that a level's is pulled to in a tree's own order
)

// order ranks the levels of each category that has one order, and lists the others.
func (b *bag) order(bins *treekit.Bins) {
	b.rank = make([][]uint8, b.nCols)
	for c := range b.cuts {
		nBins := b.cuts[c].NBins
		switch {
		case !b.cuts[c].IsCategory():
		case nBins > 2 && float64(nBins-1) > mostLoose*float64(len(b.row)):
			b.loose = append(b.loose, c)
		default:
			b.rank[c] = b.rankLevels(nBins, 0, func(e int) (uint8, float64) { return bins.Cols[c][b.row[e]], float64(b.weight[e]) / b.wUnit })
		}
	}
}

// rankLevels returns the rank of each bin, by the mean outcome of its rows (with several classes: along the direction in which the shares
// of classes differ most), pulled toward the mean of all by that many rows. row returns bin and weight of an entry.
func (b *bag) rankLevels(nBins int, pull float64, row func(e int) (uint8, float64)) []uint8 {
	k := max(2, b.k)
	if b.class == nil {
		k = 1
	}
	weight, sum := make([]float64, nBins+1), make([]float64, (nBins+1)*k)
	for e := range b.row {
		bin, w := row(e)
		weight[bin] += w
		if b.class != nil {
			sum[int(bin)*k+int(b.class[e])] += w
		} else {
			sum[bin] += w * float64(b.coarse[e])
		}
	}
	if k > 1 {
		along := direction(sum[:nBins*k], weight[:nBins], b.prior, k)
		for i := range weight {
			at := 0.0
			for c, v := range sum[i*k : i*k+k] {
				at += along[c] * v
			}
			sum[i] = at // i·k ≥ i: what is overwritten has been read
		}
	}
	all, total := 0.0, 0.0
	for i, w := range weight[:nBins] {
		all += w
		total += sum[i]
	}
	mean := total / max(all, math.SmallestNonzeroFloat64)
	score := make([]float64, nBins)
	for i := range score {
		if weight[i]+pull > 0 {
			score[i] = (sum[i] + pull*mean) / (weight[i] + pull)
		}
	}
	order := make([]int, nBins)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(score[i], score[j]) })
	rank := make([]uint8, nBins+1)
	for r, i := range order {
		rank[i] = uint8(r)
	}
	rank[nBins] = uint8(nBins)
	return rank
}

// direction returns the direction in which the shares of classes differ most between levels: for two classes that of "yes", else
// the first eigenvector of Σ weight·(share − prior)(share − prior)ᵀ. sum is (levels, k).
//
// Reference: Coppersmith, Hong, Hosking, Partitioning Nominal Attributes in Decision Trees (1999).
func direction(sum, weight, prior []float64, k int) []float64 {
	v := make([]float64, k)
	if k == 2 && len(prior) == 1 {
		v[1] = 1
		return v
	}
	spread := make([]float64, k*k)
	d := make([]float64, k)
	for i, w := range weight {
		if w <= 0 {
			continue
		}
		for c := range d {
			d[c] = sum[i*k+c]/w - prior[c]
		}
		for c := range d {
			kernel.Axpy(w*d[c], d, spread[c*k:c*k+k])
		}
	}
	for c := range v { // a start that is not orthogonal to anything likely
		v[c] = 1 / float64(c+1)
	}
	next := make([]float64, k)
	for range 64 {
		size := 0.0
		for c := range next {
			next[c] = kernel.Dot(spread[c*k:c*k+k], v)
			size = max(size, math.Abs(next[c]))
		}
		if !(size > 0) {
			break // no level differs
		}
		kernel.Scale(1/size, next)
		v, next = next, v
	}
	return v
}
