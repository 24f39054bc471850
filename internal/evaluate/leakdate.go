package evaluate

import (
	"fmt"
	"math"
	"time"

	"kequn/internal/kernel"
	"kequn/internal/table"
)

// dates looks for dates that lie later because of the outcome: after another date of the row, or after everything else in the table,
// only where the outcome happened.
func (x *xray) dates() {
	y := x.happened()
	var times []*table.Column
	for _, c := range x.X.Columns {
		if c.Kind == table.Time {
			times = append(times, c)
		}
	}
	if y == nil || len(times) == 0 {
		return
	}
	var total purity
	last := make([]int64, len(times))
	for k, c := range times {
		last[k] = math.MinInt64
		for _, i := range x.known {
			last[k] = max(last[k], c.Int[i])
		}
	}
	for _, i := range x.known {
		total.rows++
		total.yes += y[i]
	}
	for j, c := range times {
		if x.tail(c, y, total) {
			continue
		}
		rest := int64(math.MinInt64) // the end of everything else
		for k := range times {
			if k != j {
				rest = max(rest, last[k])
			}
		}
		if rest > table.Missing {
			if x.later(c, y, total, func(int32) int64 { return rest }, "晚于其他所有日期", "later than any other date") {
				continue
			}
		}
		for k, o := range times {
			if k != j && x.later(c, y, total, func(i int32) int64 { return o.Int[i] }, "晚于“"+o.Name+"”", "later than "+o.Name) {
				break
			}
		}
	}
}

// tail looks for a moment after which nearly all rows have the outcome: by then it was known how they end.
func (x *xray) tail(c *table.Column, y []float64, total purity) bool {
	if total.yes > total.rows/2 || x.has(c.Name) {
		return false
	}
	v := make([]float64, 0, len(x.known))
	for _, i := range x.known {
		v = append(v, c.Float(int(i)))
	}
	var p, best purity
	from := int64(0)
	order := kernel.ArgsortDesc(v)
	for k, at := range order {
		i := x.known[at]
		if c.Int[i] == table.Missing {
			continue
		}
		p.rows++
		p.yes += y[i]
		if k+1 < len(order) && v[order[k+1]] == v[at] {
			continue
		}
		if yes, ok := p.one(total); ok && yes && p.yes >= tailOfClass*total.yes && p.rows < total.rows/2 {
			best, from = p, c.Int[i]
		}
	}
	if best.rows == 0 {
		return false
	}
	day := time.UnixMicro(from).UTC().Format(time.DateOnly)
	x.add(Leak{Column: c.Name, Reason: LeakDate, Evidence: Text{
		fmt.Sprintf("从 %s 起的 %.0f 行里有 %.0f 行出现结果（全体只有 %.0f%%）：这个日期很可能是结果之后才写下的。", day, best.rows, best.yes, 100*total.yes/total.rows),
		fmt.Sprintf("of %.0f rows from %s on, the outcome happened in %.0f (%.0f %% of all rows): the date was probably written down after the outcome.", best.rows, day, best.yes, 100*total.yes/total.rows)}})
	return true
}

// tailOfClass is the share of the outcome's rows that lie after such a moment at least.
const tailOfClass = 0.1

// later tells whether rows in which c lies after a limit have one outcome only, and keeps the finding.
func (x *xray) later(c *table.Column, y []float64, total purity, limit func(int32) int64, zh, en string) bool {
	var after, comparable purity
	for _, i := range x.known {
		v, l := c.Int[i], limit(i)
		if v == table.Missing || l == table.Missing {
			continue
		}
		comparable.rows++
		comparable.yes += y[i]
		if v > l {
			after.rows++
			after.yes += y[i]
		}
	}
	yes, ok := after.one(total)
	if !ok || !yes || after.rows == comparable.rows || x.has(c.Name) {
		return false
	}
	if p, ok := comparable.one(total); ok && p { // it is there for one outcome only: said already
		return false
	}
	x.add(Leak{Column: c.Name, Reason: LeakDate, Evidence: Text{
		fmt.Sprintf("%s的 %.0f 行里有 %.0f 行出现结果（全体只有 %.0f%%）：这个日期很可能是结果之后才写下的。", zh, after.rows, after.yes, 100*total.yes/total.rows),
		fmt.Sprintf("of %.0f rows in which it is %s, the outcome happened in %.0f (%.0f %% of all rows): the date was probably written down after the outcome.", after.rows, en, after.yes, 100*total.yes/total.rows)}})
	return true
}
