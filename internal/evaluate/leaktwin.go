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
	twinErrors  = 4    // more than shuffled outcomes would
	twinRarity  = 10   // bits by which a repeated row's values are rarer than one in all pairs of rows
	nearRank    = 0.01 // of all rows lie between the numbers of nearly equal rows
	nearRarity  = 3    // bits, as for equal rows; their outcomes must agree besides
	nearWindow  = 4    // rows that each is compared with
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
	if again < twinLeast || again < twinShare*n || kinds < n/2 || !x.beyondChance(again, alike, all) || x.rarity(repeated) < 2*math.Log2(n)+twinRarity {
		x.nearTwins()
		return
	}
	x.repeats(keep, Leak{Column: RepeatedRows, Reason: LeakTwins, Evidence: Text{
		fmt.Sprintf("%.0f 行（%.1f%%）与别的行完全相同，连结果也相同：随机切分会用同一条记录既训练又评判。请先去重，或让相同的行留在同一折。", alike, 100*alike/n),
		fmt.Sprintf("%.0f rows (%.1f %%) equal another row in every column, the outcome too: a random split trains and judges on the same record. Remove them, or keep equal rows in one fold.", alike, 100*alike/n)}})
}

// beyondChance tells whether repetitions carry their outcome along, more often than the outcomes of such rows agree by chance: people of whom
// nothing is known look alike too, and mostly do the same.
func (x *xray) beyondChance(again, alike float64, rows []int32) bool {
	chance := max(x.sameOutcome(x.known), x.sameOutcome(rows))
	beyond := (alike/math.Max(1, again) - chance) * math.Sqrt(again/math.Max(1e-9, chance*(1-chance)))
	return alike >= twinAgree*again && beyond >= twinErrors
}

// repeats keeps a finding about rows that repeat others: all but those to keep.
func (x *xray) repeats(keep []bool, l Leak) {
	if x.apart == nil {
		x.apart = map[string]split{}
	}
	x.apart[l.Column] = split{with: x.rowFolds(), without: x.hash, keep: keep}
	x.add(l)
}

// nearTwins looks for records that stand in the table again with figures a little changed: rows of the same categories whose numbers lie
// within a hundredth of all rows of each other in every column. Rows are compared with the next few by each of the columns with most values.
func (x *xray) nearTwins() {
	type ranked struct {
		column *table.Column
		rank   []float64 // NaN: missing
		values int
	}
	n := len(x.known)
	key := make([]uint64, len(x.Y.Y))
	var numbers []ranked
	for _, c := range x.X.Columns {
		if c.Kind.InCode() || c.Kind == table.Bool {
			group, _ := valuesOf(c)
			for i, g := range group {
				key[i] = kernel.Mix(key[i] ^ uint64(g))
			}
			continue
		}
		numbers = append(numbers, ranked{column: c})
	}
	if n < 2*leastProbed || len(numbers) < 3 {
		return
	}
	kernel.Parallel(len(numbers), x.Threads, 1, func(lo, hi int) {
		for j := lo; j < hi; j++ {
			v := numbers[j].column.Floats()
			numbers[j].rank = ranks(v)
			last := math.NaN()
			for _, r := range numbers[j].rank {
				if r != last {
					numbers[j].values, last = numbers[j].values+1, r
				}
			}
		}
	})
	slices.SortStableFunc(numbers, func(a, b ranked) int { return cmp.Compare(b.values, a.values) })
	near := nearRank * float64(len(x.Y.Y))
	same := func(a, b int32) bool {
		if key[a] != key[b] {
			return false
		}
		for _, c := range numbers {
			if d := c.rank[a] - c.rank[b]; d > near || d < -near {
				return false
			}
		}
		return true
	}
	first := make([]int32, len(x.Y.Y)) // an earlier row that is nearly the same, + 1
	for _, c := range numbers[:min(3, len(numbers))] {
		order := slices.Clone(x.known)
		slices.SortStableFunc(order, func(a, b int32) int {
			if d := cmp.Compare(key[a], key[b]); d != 0 {
				return d
			}
			return cmp.Compare(c.rank[a], c.rank[b])
		})
		for k, a := range order {
			for _, b := range order[k+1 : min(k+1+nearWindow, n)] {
				if from, to := min(a, b), max(a, b); same(a, b) && (first[to] == 0 || from+1 < first[to]) {
					first[to] = from + 1
				}
			}
		}
	}
	keep := make([]bool, len(x.Y.Y))
	var again, alike float64
	var all, repeated []int32
	for i, f := range first {
		if keep[i] = f == 0; keep[i] {
			continue
		}
		again++
		if x.Y.Y[i] == x.Y.Y[f-1] {
			alike++
		}
		all = append(all, int32(i), f-1)
		repeated = append(repeated, int32(i))
	}
	if again < twinLeast || again < twinShare*float64(n) || again > float64(n)/2 || !x.beyondChance(again, alike, all) {
		return
	}
	// What the pairs have in common must be rare: each column for itself, a hundredth of the rows on either side.
	bits := make([]float64, len(x.X.Columns))
	for j, c := range x.X.Columns {
		group, k := valuesOf(c)
		count := make([]float64, k)
		for _, i := range x.known {
			count[group[i]]++
		}
		for _, i := range repeated {
			share := count[group[i]] / float64(n)
			if !c.Kind.InCode() && c.Kind != table.Bool {
				share = math.Max(share, 2*nearRank)
			}
			bits[j] -= math.Log2(share)
		}
	}
	if kernel.Sum(bits)/again < 2*math.Log2(float64(n))+nearRarity {
		return
	}
	l := Leak{Column: RepeatedRows, Reason: LeakNear, Evidence: Text{
		fmt.Sprintf("%.0f 行（%.1f%%）与别的行几乎相同（类别一致、数字相差无几），结果也相同：很可能是同一个人的记录，随机切分会在两边见到他。请去重，或用 --id 指明是谁。", alike, 100*alike/float64(n)),
		fmt.Sprintf("%.0f rows (%.1f %%) nearly equal another row (the same categories, numbers hardly different), the outcome too: they are probably records of one person, whom a random split sees on both sides. Remove them, or say with --id who it is.", alike, 100*alike/float64(n))}}
	x.repeats(keep, l)
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
	keep := x.apart[RepeatedRows].keep // copies of a record are said already
	order := slices.DeleteFunc(slices.Clone(x.known), func(i int32) bool { return group[i] == 0 || keep != nil && !keep[i] })
	if n < leastProbed || len(order) > personRows*n {
		return group, 0, 0, 0
	}
	// Within a value rows are taken in an order drawn by lot: in the file's, neighbours may agree for other reasons.
	lot := x.rowFolds()
	slices.SortFunc(order, func(a, b int32) int {
		if d := cmp.Compare(group[a], group[b]); d != 0 {
			return d
		}
		return cmp.Compare(lot[a], lot[b])
	})
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
