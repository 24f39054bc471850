package evaluate

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/table"
)

// Limits of the order of rows and of ids.
const (
	idAUC        = 0.65 // what the number or the letters of an id may not know
	idR2         = 0.2
	idErrors     = 6   // and by so many standard errors: the best of some ways to read it is taken
	nearAgree    = 0.5 // correlation of neighbours' outcomes from which the order tells, whatever the reason
	localAgree   = 0.2 // and from which it does if that is local:
	localExcess  = 0.15
	agreeErrors  = 8
	farRows      = 100 // neighbours at this distance have in common what drifts with time
	mostPrefixes = 2000
)

// keeping adds what a finding that is no feature would tell a model, and the finding. Unless it adds something to the other
// columns it will be dropped.
func (x *xray) keeping(score []float64, l Leak) {
	if x.has(l.Column) {
		return
	}
	if x.extra == nil {
		x.extra = &table.Table{}
	}
	x.extra.Columns = append(x.extra.Columns, &table.Column{Name: l.Column, Kind: table.Number, Num: score})
	x.doubtful(l)
}

func (x *xray) doubtful(l Leak) {
	x.doubt[l.Column] = true
	x.add(l)
}

// ids probes identifiers: columns that are no features, and running numbers among those that are.
func (x *xray) ids() {
	if len(x.known) < leastProbed {
		return
	}
	if x.Others != nil {
		for _, c := range x.Others.Columns {
			if c.Kind != table.Time && !model.IsText(c, nil) {
				x.id(c)
			}
		}
	}
	for _, c := range x.X.Columns {
		if c.Kind == table.Number || c.Kind == table.Integer {
			if runningNumber(c) {
				x.id(c)
			}
		}
	}
}

// id reads one identifier in several ways and keeps the one that tells most.
func (x *xray) id(c *table.Column) {
	type way struct {
		bin    []int32
		n      int
		zh, en string
	}
	var ways []way
	number, numbered := idNumbers(c)
	if numbered {
		bin, n := bins(&table.Column{Kind: table.Number, Num: number})
		ways = append(ways, way{bin, n, "它的编号大小", "how large its number is"})
		last := make([]int32, len(number))
		for i, v := range number {
			last[i] = 10
			if v == v {
				last[i] = int32(math.Abs(math.Mod(v, 10)))
			}
		}
		ways = append(ways, way{last, 11, "它的末位数字", "its last digit"})
	}
	if c.Kind.InCode() {
		for _, part := range []struct {
			of     func(s string) string
			zh, en string
		}{
			{func(s string) string { return s[:min(1, len(s))] }, "它的首字符", "its first character"},
			{func(s string) string { return s[:min(2, len(s))] }, "它的前两个字符", "its first two characters"},
			{func(s string) string { return s[:min(3, len(s))] }, "它的前三个字符", "its first three characters"},
			{func(s string) string { return s[max(0, len(s)-1):] }, "它的末字符", "its last character"},
			{func(s string) string { return s[max(0, len(s)-2):] }, "它的末两个字符", "its last two characters"},
			{func(s string) string { return fmt.Sprint(len(s)) }, "它的长度", "its length"},
		} {
			if bin, n := codesOf(c, part.of); n <= min(mostPrefixes, c.Len()/5) && n > 1 {
				ways = append(ways, way{bin, n, part.zh, part.en})
			}
		}
	}
	best, at := math.Inf(-1), -1
	scores := make([][]float64, len(ways))
	for k, w := range ways {
		scores[k] = outOfFold(w.bin, w.n, x.hash, x.Y.Y, x.W)
		if v := x.know(scores[k]); v > best {
			best, at = v, k
		}
	}
	if at >= 0 && best >= x.idLimit() {
		figure := fmt.Sprintf("%s %.3f", x.figure(), best)
		x.keeping(scores[at], Leak{Column: c.Name, Reason: LeakID, AUCWith: some(best), Evidence: Text{
			fmt.Sprintf("它只是编号，但%s就能看出结果（%s）：编号泄漏了结果。", ways[at].zh, figure),
			fmt.Sprintf("it is only an id, yet %s tells the outcome (%s): the way ids were given leaks it.", ways[at].en, figure)}})
		return
	}
	order := slices.Clone(x.known)
	if numbered {
		slices.SortStableFunc(order, func(a, b int32) int { return cmp.Compare(number[a], number[b]) })
	} else if c.Kind.InCode() {
		slices.SortStableFunc(order, func(a, b int32) int { return strings.Compare(c.String(int(a)), c.String(int(b))) })
	} else {
		return
	}
	if near, far, ok := x.agreement(order); ok {
		x.keeping(x.neighbours(order), Leak{Column: c.Name, Reason: LeakID, Evidence: Text{
			"按它排序，" + agreeZh(near, far) + "：编号是按结果发的，或同一个人有几个编号。",
			"sorted by it, " + agreeEn(near, far) + ": ids were given by outcome, or one person has several."}})
	}
}

func agreeZh(near, far float64) string {
	return fmt.Sprintf("相邻两行的结果高度一致（相关 %.2f，相隔 %d 行只有 %.2f）", near, farRows, far)
}

func agreeEn(near, far float64) string {
	return fmt.Sprintf("neighbouring rows have the same outcome far too often (correlation %.2f, %.2f at a distance of %d rows)", near, far, farRows)
}

// idLimit is what an id may know at most.
func (x *xray) idLimit() float64 {
	n := float64(len(x.known))
	if x.Y.Task == kequn.Regression {
		return max(idR2, idErrors*idErrors/n)
	}
	yes := 0.0
	for _, i := range x.known {
		yes += x.Y.Y[i]
	}
	return max(idAUC, 0.5+idErrors*math.Sqrt((1/max(1, yes)+1/max(1, n-yes))/12))
}

// idNumbers returns the number in each id: the last run of digits of a text. numbered is false where most ids have none, or all the same.
func idNumbers(c *table.Column) (number []float64, numbered bool) {
	if !c.Kind.InCode() {
		return c.Floats(), true
	}
	of := make([]float64, c.Dict.Len())
	for k := range of {
		of[k] = lastNumber(c.Dict.Bytes(k))
	}
	number = make([]float64, c.Len())
	with := 0
	for i, k := range c.Code {
		number[i] = math.NaN()
		if k >= 0 {
			number[i] = of[k]
		}
		if number[i] == number[i] {
			with++
		}
	}
	return number, with >= c.Len()*9/10
}

// lastNumber returns the last run of digits, NaN where there is none. Of long ones, the last 15 count.
func lastNumber(b []byte) float64 {
	end := len(b)
	for end > 0 && (b[end-1] < '0' || b[end-1] > '9') {
		end--
	}
	if end == 0 {
		return math.NaN()
	}
	from := end
	for from > 0 && end-from < 15 && b[from-1] >= '0' && b[from-1] <= '9' {
		from--
	}
	v := 0.0
	for _, d := range b[from:end] {
		v = 10*v + float64(d-'0')
	}
	return v
}

// codesOf numbers what a function makes of each text; missing is 0.
func codesOf(c *table.Column, of func(string) string) (bin []int32, n int) {
	d := table.NewDict()
	code := make([]int32, c.Dict.Len())
	for k := range code {
		code[k] = d.InternString(of(c.Dict.At(k))) + 1
		if d.Len() > mostPrefixes {
			return nil, math.MaxInt
		}
	}
	bin = make([]int32, c.Len())
	for i, k := range c.Code {
		if k >= 0 {
			bin[i] = code[k]
		}
	}
	return bin, d.Len() + 1
}

// runningNumber tells whether the column holds whole numbers, all different and dense enough to have been counted.
func runningNumber(c *table.Column) bool {
	if c.Kind.InCode() || c.Len() < leastProbed {
		return false
	}
	v := c.Floats()
	for _, x := range v[:min(len(v), 1000)] { // most columns are told apart without a sort
		if v := x; v != math.Trunc(v) || math.IsInf(v, 0) {
			return false
		}
	}
	order := kernel.Argsort(v)
	for k, i := range order {
		x := v[i]
		if x != math.Trunc(x) || math.IsInf(x, 0) || k > 0 && v[order[k-1]] == x {
			return false
		}
	}
	return true
}

// order probes the order in which rows stand.
func (x *xray) order() {
	if !x.Ordered || len(x.known) < leastProbed {
		return
	}
	rows := x.known
	if x.Group != nil { // rows of one person stay together when judged: one of them speaks
		rows = nil
		last := int64(math.MinInt64)
		for _, i := range x.known {
			if x.Group[i] != last {
				rows = append(rows, i)
			}
			last = x.Group[i]
		}
	}
	near, far, ok := x.agreement(rows)
	if !ok {
		return
	}
	x.keeping(x.neighbours(rows), Leak{Column: RowOrder, Reason: LeakOrder, Evidence: Text{
		"在文件里，" + agreeZh(near, far) + "：行的排列顺序泄漏了结果，随机切分会高估。不要用行号，也不要用按行编号的列。",
		"in the file, " + agreeEn(near, far) + ": the order of rows leaks it and a random split flatters. Use neither row numbers nor columns numbered along with rows."}})
}

// agreement measures how alike outcomes of neighbours are in an order of rows, and of rows far from each other in it: what drifts with
// time is alike at both distances and no leak. ok tells whether the order leaks.
//
// The correlation of outcomes at lag l is Σ z(k)·z(k+l) / Σ z(k)², z being outcomes (of amounts, their ranks) less their mean; of
// an order that means nothing it is within a few times 1/√n of 0, which is what shuffling the rows would give.
func (x *xray) agreement(order []int32) (near, far float64, ok bool) {
	n := len(order)
	if n < 2*leastProbed {
		return 0, 0, false
	}
	z := kernel.Take(x.Y.Y, order)
	if x.Y.Task == kequn.Regression {
		z = ranks(z)
	}
	mean := kernel.Sum(z) / float64(n)
	square := 0.0
	for i := range z {
		z[i] -= mean
		square += z[i] * z[i]
	}
	if !(square > 0) {
		return 0, 0, false
	}
	at := func(lag int) float64 {
		s := 0.0
		for i := lag; i < n; i++ {
			s += z[i] * z[i-lag]
		}
		return s / square * float64(n) / float64(n-lag)
	}
	away := min(farRows, n/4)
	near = at(1)
	far = (at(away) + at(away+3) + at(away+7)) / 3
	ok = near*math.Sqrt(float64(n)) >= agreeErrors && (near >= nearAgree || near >= localAgree && near-far >= localExcess)
	return near, far, ok
}

// ranks returns the rank of each value, ties sharing theirs.
func ranks(v []float64) []float64 {
	out := make([]float64, len(v))
	order := kernel.Argsort(v)
	for a := 0; a < len(order); {
		b := a + 1
		for b < len(order) && v[order[b]] == v[order[a]] {
			b++
		}
		for _, i := range order[a:b] {
			out[i] = float64(a+b-1) / 2
		}
		a = b
	}
	return out
}

// neighbours returns for each row of an order the mean outcome of the nearest rows of other folds, two on each side: what a model
// knows that knows where a row stands. Rows outside the order get the overall mean.
func (x *xray) neighbours(order []int32) []float64 {
	const each, reach = 2, 50
	y := x.Y.Y
	mean := 0.0
	for _, i := range order {
		mean += y[i] / float64(len(order))
	}
	out := make([]float64, len(y))
	for i := range out {
		out[i] = mean
	}
	for k, i := range order {
		own := x.hash[i] % nFolds
		sum, n := mean, 1.0
		for _, step := range []int{-1, 1} {
			found := 0
			for j, far := k+step, 0; j >= 0 && j < len(order) && found < each && far < reach; j, far = j+step, far+1 {
				if o := order[j]; x.hash[o]%nFolds != own {
					sum, n, found = sum+y[o], n+1, found+1
				}
			}
		}
		out[i] = sum / n
	}
	return out
}
