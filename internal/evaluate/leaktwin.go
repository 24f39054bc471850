package evaluate

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/table"
)

// Limits of what counts as the same record, or the same person, again.
const (
	twinShare   = 0.01 // of the rows repeat another
	twinLeast   = 20
	twinAgree   = 0.95 // of the repetitions carry the outcome along: look-alikes differ in it now and then
	twinErrors  = 5    // more than shuffled outcomes would
	twinRarity  = 10   // bits by which a repeated row's values are rarer than one in all pairs of rows
	personRows  = 50   // rows of one person at most, on average
	personShare = 0.3  // of the rows have another one of the same person
	personAgree = 0.3  // correlation of outcomes within a person beyond that of neighbouring values
	personPairs = 100
)

// twins looks for rows that stand in the table more than once with the same outcome: a random split learns on one what it is judged on
// with the other.
func (x *xray) twins() {
	if !x.Records || len(x.X.Columns) < 2 {
		return
	}
	rows := slices.Clone(x.known)
	hash := model.RowHash(x.X, x.Seed)
	slices.SortFunc(rows, func(a, b int32) int {
		if c := cmp.Compare(hash[a], hash[b]); c != 0 {
			return c
		}
		return cmp.Compare(a, b)
	})
	keep := make([]bool, len(x.Y.Y))
	var repeated, all []int32 // one of each, and all of them
	again, alike, kinds := 0.0, 0.0, 0.0
	for a := 0; a < len(rows); {
		b := a + 1
		for b < len(rows) && hash[rows[b]] == hash[rows[a]] {
			b++
		}
		kinds++
		keep[rows[a]] = true
		for k := a + 1; k < b; k++ {
			again++
			if slices.ContainsFunc(rows[a:k], func(i int32) bool { return x.Y.Y[i] == x.Y.Y[rows[k]] }) {
				alike++
			}
		}
		if b > a+1 {
			repeated, all = append(repeated, rows[a]), append(all, rows[a:b]...)
		}
		a = b
	}
	n := float64(len(rows))
	chance := max(x.sameOutcome(x.known), x.sameOutcome(all)) // people of whom nothing is known look alike and mostly do the same
	beyond := (alike/math.Max(1, again) - chance) * math.Sqrt(again/math.Max(1e-9, chance*(1-chance)))
	if again < twinLeast || again < twinShare*n || kinds < n/2 || alike < twinAgree*again || beyond < twinErrors || x.rarity(repeated) < 2*math.Log2(n)+twinRarity {
		return
	}
	if x.apart == nil {
		x.apart = map[string]split{}
	}
	x.apart[RepeatedRows] = split{with: x.rowFolds(), without: x.hash, keep: keep}
	x.add(Leak{Column: RepeatedRows, Reason: LeakTwins, Evidence: Text{
		fmt.Sprintf("%.0f 行（%.1f%%）与别的行完全相同，连结果也相同：随机切分会用同一条记录既训练又评判。请先去重，或让相同的行留在同一折。", alike, 100*alike/n),
		fmt.Sprintf("%.0f rows (%.1f %%) equal another row in every column, the outcome too: a random split trains and judges on the same record. Remove them, or keep equal rows in one fold.", alike, 100*alike/n)}})
}

// rowFolds draws a fold for each row by its number: a split that knows nothing of repetitions.
func (x *xray) rowFolds() []uint64 {
	out := make([]uint64, len(x.Y.Y))
	for i := range out {
		out[i] = kernel.Mix(kernel.Mix(x.Seed) ^ uint64(i))
	}
	return out
}

// sameOutcome is the chance that two of the rows have the same outcome.
func (x *xray) sameOutcome(rows []int32) float64 {
	y := kernel.Take(x.Y.Y, rows)
	order := kernel.Argsort(y)
	same, n := 0.0, float64(len(y))
	for a := 0; a < len(order); {
		b := a + 1
		for b < len(order) && y[order[b]] == y[order[a]] {
			b++
		}
		same += float64(b-a) / n * float64(b-a) / n
		a = b
	}
	return same
}

// rarity returns the mean number of bits that rows' values have, each column for itself: −log₂ of the share of rows with the same value.
func (x *xray) rarity(rows []int32) float64 {
	bits := make([]float64, len(x.X.Columns))
	kernel.Parallel(len(bits), x.Threads, 1, func(lo, hi int) {
		for j := lo; j < hi; j++ {
			c := x.X.Columns[j]
			group, n := valuesOf(c)
			count := make([]float64, n)
			for _, i := range x.known {
				count[group[i]]++
			}
			for _, i := range rows {
				bits[j] -= math.Log2(count[group[i]] / float64(len(x.known)))
			}
		}
	})
	return kernel.Sum(bits) / math.Max(1, float64(len(rows)))
}

// valuesOf numbers the different values of a column: of numbers in their order, missing first.
func valuesOf(c *table.Column) (group []int32, n int) {
	group = make([]int32, c.Len())
	if c.Kind.InCode() {
		for i, k := range c.Code {
			group[i] = k + 1
		}
		return group, c.Dict.Len() + 1
	}
	v := c.Floats()
	last := math.NaN()
	for _, i := range kernel.Argsort(v) {
		if v[i] != v[i] {
			continue
		}
		if v[i] != last {
			n++
			last = v[i]
		}
		group[i] = int32(n)
	}
	return group, n + 1
}

// persons looks for a column that says whose row it is, with several rows a person that share the outcome.
func (x *xray) persons() {
	if x.Group != nil || !x.Records {
		return
	}
	list := slices.Clone(x.X.Columns)
	if x.Others != nil {
		list = append(list, x.Others.Columns...)
	}
	type finding struct {
		agree float64
		group []int32
		rows  int
		keys  int
	}
	found := make([]*finding, len(list))
	kernel.Parallel(len(list), x.Threads, 1, func(lo, hi int) {
		for j := lo; j < hi; j++ {
			c := list[j]
			if c.Kind == table.Time || c.Kind == table.Bool || c.Kind == table.Money || model.IsText(c, nil) || !c.Kind.InCode() && !whole(c) {
				continue
			}
			if group, agree, rows, keys := x.person(c); agree >= personAgree {
				found[j] = &finding{agree, group, rows, keys}
			}
		}
	})
	for j, f := range found {
		if f == nil || x.has(list[j].Name) {
			continue
		}
		name := list[j].Name
		folds := make([]uint64, len(f.group))
		for i, g := range f.group {
			folds[i] = kernel.Mix(kernel.Mix(x.Seed+1) ^ uint64(g))
			if g == 0 { // nobody's row
				folds[i] = kernel.Mix(kernel.Mix(x.Seed) ^ uint64(i))
			}
		}
		if x.apart == nil {
			x.apart = map[string]split{}
		}
		x.apart[name] = split{with: x.rowFolds(), without: folds, keep: nil}
		x.doubtful(Leak{Column: name, Reason: LeakPerson, Evidence: Text{
			fmt.Sprintf("同一个值平均出现 %.1f 行，而且这些行的结果高度一致（相关 %.2f）：随机切分会在训练和评判里见到同一个人。请用 --id %s。", float64(f.rows)/float64(f.keys), f.agree, name),
			fmt.Sprintf("each value has %.1f rows on average and they share their outcome (correlation %.2f): a random split sees one person on both sides. Use --id %s.", float64(f.rows)/float64(f.keys), f.agree, name)}})
	}
}

// whole tells whether a column holds whole numbers only.
func whole(c *table.Column) bool {
	for i := range c.Len() {
		if v := c.Float(i); v == v && v != math.Trunc(v) {
			return false
		}
	}
	return true
}

// person measures how much more alike rows of one value are than rows of neighbouring values.
func (x *xray) person(c *table.Column) (group []int32, agree float64, rows, keys int) {
	group, n := valuesOf(c)
	order := slices.DeleteFunc(slices.Clone(x.known), func(i int32) bool { return group[i] == 0 })
	if n < leastProbed || len(order) > personRows*n {
		return group, 0, 0, 0
	}
	slices.SortStableFunc(order, func(a, b int32) int { return cmp.Compare(group[a], group[b]) })
	z := kernel.Take(x.Y.Y, order)
	if x.Y.Task == kequn.Regression {
		z = ranks(z)
	}
	mean, square := kernel.Sum(z)/float64(len(z)), 0.0
	for i := range z {
		z[i] -= mean
		square += z[i] * z[i]
	}
	var in, inPairs, out, outPairs float64
	several := 0
	for k := range order {
		first := k == 0 || group[order[k-1]] != group[order[k]]
		if first {
			keys++
		}
		if !first || k+1 < len(order) && group[order[k+1]] == group[order[k]] {
			several++
		}
		switch {
		case k == 0:
		case first:
			out, outPairs = out+z[k]*z[k-1], outPairs+1
		default:
			in, inPairs = in+z[k]*z[k-1], inPairs+1
		}
	}
	if inPairs < personPairs || float64(several) < personShare*float64(len(order)) || !(square > 0) {
		return group, 0, 0, 0
	}
	variance := square / float64(len(z))
	agree = in / inPairs / variance
	if !c.Kind.InCode() && outPairs > 0 {
		agree -= math.Max(0, out/outPairs/variance)
	}
	if agree*math.Sqrt(inPairs) < agreeErrors {
		agree = 0
	}
	return group, agree, len(order), keys
}
