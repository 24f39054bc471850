package evaluate

import (
	"fmt"
	"math"
	"strconv"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/metric"
	"kequn/internal/table"
)

// Limits of what single columns may tell.
const (
	pureShare   = 0.97 // of the rows with such a value have one outcome: only what follows from the outcome is so clean
	pureRows    = 30   // rows with such a value at least
	pureOfClass = 0.02 // and this share of the outcome's rows
	commonClass = 0.8  // an outcome as frequent as this is nearly pure by nature
	pureChance  = 20   // rows with one outcome by chance are less likely than e^−20

	copyR2      = 0.995 // of a straight line between the amount and its copy
	partRows    = 30    // rows that repeat the amount at least
	partShare   = 0.9   // of the rows with a value that do, where it is there for some
	boundShare  = 0.995 // of the rows lie on the amount's safe side, where a total contains it
	boundChance = 0.9   // and would by chance no more often than this
	equalShare  = 0.02  // of the rows have nothing else in the total
)

// columns probes each column by itself.
func (x *xray) columns() {
	list := x.X.Columns
	alone, found := make([]float64, len(list)), make([]*Leak, len(list))
	kernel.Parallel(len(list), x.Threads, 1, func(lo, hi int) {
		for j := lo; j < hi; j++ {
			if list[j].Kind != table.Text {
				alone[j], found[j] = x.column(list[j])
			}
		}
	})
	for _, j := range kernel.ArgsortDesc(alone) {
		if l := found[j]; l != nil {
			x.add(*l)
		}
	}
}

// column looks for the kinds of leak that show in one column, the most telling first. know is how much the column tells by itself: rows are
// scored by the mean outcome of their bin in the other folds.
func (x *xray) column(c *table.Column) (know float64, leak *Leak) {
	bin, n := bins(c)
	know = x.know(outOfFold(bin, n, x.hash, x.Y.Y, x.W))
	if x.has(c.Name) {
		return know, nil
	}
	found := func(reason string, zh, en string) (float64, *Leak) {
		return know, &Leak{Column: c.Name, Reason: reason, AUCWith: some(know), Evidence: Text{zh, en}}
	}
	missing := make([]int32, len(bin))
	for i := range missing {
		if c.IsMissing(i) {
			missing[i] = 1
		}
	}
	limit := aloneAUC
	if x.Y.Task == kequn.Regression {
		limit = aloneR2
	}
	figure := fmt.Sprintf("%s %.3f", x.figure(), know)
	if x.know(outOfFold(missing, 2, x.hash, x.Y.Y, x.W)) >= limit {
		return found(LeakMissing, "仅凭这一列有没有值就几乎能断定结果，它很可能是事后才填的。",
			"whether it has a value nearly decides the outcome: it was probably filled in afterwards.")
	}
	if l := x.pure(c); l != nil {
		l.AUCWith = some(know)
		return know, l
	}
	if x.Y.Task == kequn.Regression && !c.Kind.InCode() {
		if l := x.amount(c); l != nil {
			return know, l
		}
	}
	switch right := x.determined(bin, n); {
	case know >= limit && right >= pureShare && x.Y.Task == kequn.Binary:
		return found(LeakCopy, fmt.Sprintf("它几乎就是结果本身换了写法：%.1f%% 的行由它的值就能说出结果（%s）。", 100*right, figure),
			fmt.Sprintf("it is nearly the outcome itself in other words: its values give the outcome of %.1f %% of the rows (%s).", 100*right, figure))
	case know >= limit:
		return found(LeakAlone, "仅凭这一列就几乎能断定结果（"+figure+"），它很可能在结果之后才知道。",
			"this column alone nearly decides the outcome ("+figure+"): it is probably known only afterwards.")
	}
	return know, nil
}

// determined returns the share of rows with their bin's more frequent outcome.
func (x *xray) determined(bin []int32, n int) float64 {
	if x.Y.Task != kequn.Binary {
		return 0
	}
	count := make([]float64, 2*n)
	for _, i := range x.known {
		count[2*int(bin[i])+int(x.Y.Y[i])]++
	}
	right := 0.0
	for b := range n {
		right += max(count[2*b], count[2*b+1])
	}
	return right / float64(len(x.known))
}

// happened returns the outcome as yes or no: of amounts, whether there is any, where some have none; nil where all have or none has.
func (x *xray) happened() []float64 {
	if x.Y.Task == kequn.Binary {
		return x.Y.Y
	}
	some, none := 0, 0
	out := make([]float64, len(x.Y.Y))
	for _, i := range x.known {
		if x.Y.Y[i] != 0 {
			out[i] = 1
			some++
		} else {
			none++
		}
	}
	if least := len(x.known) / 50; some <= least || none <= least {
		return nil
	}
	return out
}

// purity counts rows with a value of some kind, and those of them with the outcome.
type purity struct{ rows, yes float64 }

// one tells whether nearly all rows of p have one outcome that is not frequent anyway, and which. total counts all rows.
func (p purity) one(total purity) (yes, ok bool) {
	for _, yes := range []bool{true, false} {
		class, all := p.yes, total.yes
		if !yes {
			class, all = p.rows-p.yes, total.rows-total.yes
		}
		if p.rows < pureRows || class < pureShare*p.rows || class < pureOfClass*all || all > commonClass*total.rows {
			continue
		}
		if -p.rows*math.Log(all/total.rows) >= pureChance { // many levels and words are tried
			return yes, true
		}
	}
	return false, false
}

// pure looks for values that occur with one outcome only: any value at all, none, zero or not, a negative one, a level.
func (x *xray) pure(c *table.Column) *Leak {
	y := x.happened()
	if y == nil {
		return nil
	}
	var total purity
	for _, i := range x.known {
		total.rows++
		total.yes += y[i]
	}
	count := func(has func(i int32) bool) (p purity) {
		for _, i := range x.known {
			if has(i) {
				p.rows++
				p.yes += y[i]
			}
		}
		return p
	}
	say := func(reason string, p purity, yes bool, zh, en string) *Leak {
		n, of := p.yes, p.rows
		z, e := "出现结果", "the outcome happened"
		if !yes {
			n, z, e = p.rows-p.yes, "没有出现结果", "the outcome did not happen"
		}
		return &Leak{Column: c.Name, Reason: reason, Evidence: Text{
			fmt.Sprintf("%s的 %.0f 行里有 %.0f 行%s（全体只有 %.0f%%）：它很可能是因为结果才有的。", zh, of, n, z, 100*share(total, yes)),
			fmt.Sprintf("of %.0f rows %s, %s in %.0f (%.0f %% of all rows): it is probably there because of the outcome.", of, en, e, n, 100*share(total, yes))}}
	}
	empty := count(func(i int32) bool { return c.IsMissing(int(i)) })
	filled := purity{total.rows - empty.rows, total.yes - empty.yes}
	if yes, ok := filled.one(total); ok && empty.rows > 0 {
		return say(LeakMissing, filled, yes, "有值", "with a value")
	}
	if yes, ok := empty.one(total); ok && !x.Sparse && share(total, yes) <= rareClass {
		return say(LeakMissing, empty, yes, "没有值", "without a value")
	}
	if c.Kind.InCode() {
		return x.pureLevel(c, y, total, say)
	}
	if c.Kind == table.Time {
		return nil
	}
	zero := count(func(i int32) bool { return c.Float(int(i)) == 0 })
	other := purity{filled.rows - zero.rows, filled.yes - zero.yes}
	minus := count(func(i int32) bool { return c.Float(int(i)) < 0 })
	if yes, ok := other.one(total); ok && zero.rows > 0 {
		return say(LeakRefund, other, yes, "不为零", "in which it is not zero")
	}
	if yes, ok := zero.one(total); ok && other.rows > 0 && 2*zero.rows > filled.rows/4 {
		return say(LeakRefund, zero, yes, "为零", "in which it is zero")
	}
	if yes, ok := minus.one(total); ok && minus.rows < filled.rows {
		return say(LeakRefund, minus, yes, "为负", "in which it is negative")
	}
	return nil
}

func share(p purity, yes bool) float64 {
	if yes {
		return p.yes / p.rows
	}
	return 1 - p.yes/p.rows
}

// pureLevel looks for a level that goes with one outcome.
func (x *xray) pureLevel(c *table.Column, y []float64, total purity, say func(string, purity, bool, string, string) *Leak) *Leak {
	level := make([]purity, c.Dict.Len())
	for _, i := range x.known {
		if k := c.Code[i]; k >= 0 {
			level[k].rows++
			level[k].yes += y[i]
		}
	}
	best := -1
	for k, p := range level {
		yes, ok := p.one(total)
		if ok && p.rows < total.rows && share(total, yes) <= rareClass && (best < 0 || p.rows > level[best].rows) {
			best = k
		}
	}
	if best < 0 {
		return nil
	}
	yes, _ := level[best].one(total)
	name := strconv.Quote(c.Dict.At(best))
	return say(LeakRefund, level[best], yes, "写着 "+name+" ", "that say "+name)
}

// amount looks for columns that repeat the amount, wholly or where they have a value, or that contain it.
func (x *xray) amount(c *table.Column) *Leak {
	y, v := x.Y.Y, c.Floats()
	var rows []int32 // with a value and an amount that is known
	for _, i := range x.known {
		if v[i] == v[i] && !math.IsInf(v[i], 0) {
			rows = append(rows, i)
		}
	}
	if len(rows) < partRows {
		return nil
	}
	a, b := kernel.Take(v, rows), kernel.Take(y, rows)
	if r := correlation(a, b); r*r >= copyR2 && len(rows) >= len(x.known)/2 {
		return &Leak{Column: c.Name, Reason: LeakCopy, AUCWith: some(r * r), Evidence: Text{
			fmt.Sprintf("它几乎就是结果本身换了单位（与结果成一条直线，R² %.4f）。", r*r),
			fmt.Sprintf("it is nearly the outcome itself in other units (a straight line of it, R² %.4f).", r*r)}}
	}
	// The amount or its mirror image, in the rows that have one.
	filled, same, mirror := 0.0, 0.0, 0.0
	for k := range a {
		if a[k] == 0 {
			continue
		}
		filled++
		switch tiny := 1e-6 * math.Abs(b[k]); {
		case b[k] == 0:
		case math.Abs(a[k]-b[k]) <= tiny:
			same++
		case math.Abs(a[k]+b[k]) <= tiny:
			mirror++
		}
	}
	// Small whole numbers agree by chance: what shuffled rows have in common is taken off.
	byChance := x.sameByChance(a, b)
	if n := max(same, mirror); n >= partRows && n >= partShare*filled && byChance < partShare/2 {
		zh, en := "等于结果", "it is the outcome"
		if mirror > same {
			zh, en = "正好是结果的负数", "it is the outcome with the sign turned"
		}
		return &Leak{Column: c.Name, Reason: LeakRefund, Evidence: Text{
			fmt.Sprintf("凡是不为零的 %.0f 行里，有 %.0f 行%s：它是因为结果才有的。", filled, n, zh),
			fmt.Sprintf("in %.0f of the %.0f rows in which it is not zero, %s: it is there because of the outcome.", n, filled, en)}}
	}
	return x.total(c, a, b, same, byChance)
}

// total looks for an amount that is never less than the outcome, and often just as much: a sum with the outcome in it.
func (x *xray) total(c *table.Column, a, b []float64, same, byChance float64) *Leak {
	within, shuffled, n := 0.0, 0.0, 0.0
	for k := range a {
		if b[k] <= 0 { // nothing bought is contained in everything
			continue
		}
		n++
		if a[k] >= b[k]*(1-1e-9) {
			within++
		}
		if a[partner(k, len(a))] >= b[k] {
			shuffled++
		}
	}
	if n < 2*partRows || within < boundShare*n || shuffled > boundChance*n || same < partRows || same < equalShare*n || byChance > same/n/4 {
		return nil
	}
	return &Leak{Column: c.Name, Reason: LeakTotal, Evidence: Text{
		fmt.Sprintf("它从不小于结果，还有 %.0f 行与结果完全相等：结果很可能算在这个合计里。", same),
		fmt.Sprintf("it is never below the outcome and in %.0f rows just equal to it: the outcome is probably part of this total.", same)}}
}

// sameByChance returns the share of other rows' amounts that a value equals.
func (x *xray) sameByChance(a, b []float64) float64 {
	same, n := 0.0, 0.0
	for k := range a {
		if o := b[partner(k, len(b))]; a[k] != 0 {
			n++
			if o != 0 && math.Abs(math.Abs(a[k])-math.Abs(o)) <= 1e-6*math.Abs(o) {
				same++
			}
		}
	}
	return same / max(1, n)
}

// partner is another row, drawn by its number.
func partner(k, n int) int { return int(kernel.Mix(uint64(k)) % uint64(n)) }

// correlation is Pearson's, 0 where either does not vary.
func correlation(a, b []float64) float64 {
	ma, _ := kernel.MeanVar(a, nil)
	mb, _ := kernel.MeanVar(b, nil)
	var ab, aa, bb float64
	for i := range a {
		u, v := a[i]-ma, b[i]-mb
		ab, aa, bb = ab+u*v, aa+u*u, bb+v*v
	}
	if !(aa > 0 && bb > 0) {
		return 0
	}
	return ab / math.Sqrt(aa*bb)
}

// within looks for numbers that tell the outcome once the level of a category is known, such as the mean outcome of all others of
// that level, which is a little less where the row itself has it.
func (x *xray) within() {
	if x.Y.Task != kequn.Binary {
		return
	}
	const mostPairs = 600
	type pair struct{ group, number *table.Column }
	var pairs []pair
	for _, g := range x.X.Columns {
		if g.Kind != table.Category || g.Dict.Len() < 2 || g.Dict.Len() > len(x.known)/10 {
			continue
		}
		for _, c := range x.X.Columns {
			if !c.Kind.InCode() && c.Kind != table.Bool && !x.has(c.Name) && len(pairs) < mostPairs {
				pairs = append(pairs, pair{g, c})
			}
		}
	}
	auc := make([]float64, len(pairs))
	kernel.Parallel(len(pairs), x.Threads, 1, func(lo, hi int) {
		for k := lo; k < hi; k++ {
			auc[k] = x.withinLevel(pairs[k].group, pairs[k].number)
		}
	})
	for _, k := range kernel.ArgsortDesc(auc) {
		if p := pairs[k]; auc[k] >= aloneAUC && !x.has(p.group.Name) {
			x.add(Leak{Column: p.number.Name, Reason: LeakEncoding, AUCWith: some(auc[k]), Evidence: Text{
				fmt.Sprintf("在“%s”的每一类里，它比平均高还是低就说出了结果（AUC %.3f）：它很可能是用结果算出来的。", p.group.Name, auc[k]),
				fmt.Sprintf("within each value of %s, whether it is above or below average tells the outcome (AUC %.3f): it was probably computed from it.", p.group.Name, auc[k])}})
		}
	}
}

func (x *xray) withinLevel(g, c *table.Column) float64 {
	n := g.Dict.Len() + 1
	sum, count := make([]float64, n), make([]float64, n)
	for _, i := range x.known {
		if v := c.Float(int(i)); v == v && !math.IsInf(v, 0) {
			sum[g.Code[i]+1] += v
			count[g.Code[i]+1]++
		}
	}
	bin := make([]int32, len(g.Code))
	for i, k := range g.Code {
		bin[i] = 2 * (k + 1)
		if v := c.Float(i); v > sum[k+1]/max(1, count[k+1]) {
			bin[i]++
		}
	}
	if x.W == nil {
		return binnedAUC(bin, 2*n, x.hash, x.Y.Y)
	}
	return metric.AUC(x.Y.Y, outOfFold(bin, 2*n, x.hash, x.Y.Y, x.W), x.W)
}
