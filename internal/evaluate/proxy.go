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
	proxyAUC    = 0.7  // from here on a column tells a group
	proxyLow    = 0.65 // and with its interval's lower bound above this
	mostProxies = 10
	proxyRows   = 20_000
	proxyGroups = 8 // the largest, each told from all others
)

// proxies returns the columns from which a group can be told, the clearest first: out of fold, by the group's share in a column's bins.
// Rows whose group is unknown do not take part.
func (f *fairness) proxies() []Proxy {
	if f.X == nil {
		return []Proxy{}
	}
	groups := slices.DeleteFunc(slices.Clone(f.shown), func(g int) bool { return f.people.name[g] == UnknownGroup })
	slices.SortStableFunc(groups, func(a, b int) int { return len(f.rows[b]) - len(f.rows[a]) })
	groups = groups[:min(len(groups), proxyGroups)]
	if len(groups) < 2 {
		return []Proxy{}
	}
	rows, hash := f.sample()
	group := kernel.Take(f.people.of, rows)
	if f.XRow != nil {
		rows = kernel.Take(f.XRow, rows)
	}
	told := groups
	if known := f.known(); known == 2 {
		told = groups[:1] // who is told from the other is told
	}
	found := make([]*Proxy, len(f.X.Columns))
	kernel.Parallel(len(found), f.Threads, 1, func(lo, hi int) {
		for j := lo; j < hi; j++ {
			if c := f.X.Columns[j]; c.Name != f.Attribute && c.Kind != table.Text {
				found[j] = f.proxy(c.Take(rows), group, told, hash)
			}
		}
	})
	out := []Proxy{}
	for _, p := range found {
		if p != nil {
			out = append(out, *p)
		}
	}
	slices.SortStableFunc(out, func(a, b Proxy) int {
		if a.AUC != b.AUC {
			return cmp.Compare(b.AUC, a.AUC)
		}
		return cmp.Compare(a.Column, b.Column)
	})
	return out[:min(len(out), mostProxies)]
}

// known counts the groups that somebody is in, the unknown aside.
func (f *fairness) known() int {
	n := 0
	for g, rows := range f.rows {
		if len(rows) > 0 && f.people.name[g] != UnknownGroup {
			n++
		}
	}
	return n
}

// sample draws rows whose group is known, and a number for each that gives it its fold.
func (f *fairness) sample() (rows []int32, hash []uint64) {
	var all []int32
	for g := range f.rows {
		if f.people.name[g] != UnknownGroup {
			all = append(all, f.rows[g]...)
		}
	}
	slices.Sort(all)
	limit := uint64(math.MaxUint64)
	if len(all) > proxyRows {
		limit = uint64(float64(math.MaxUint64) * (float64(proxyRows) / float64(len(all))))
	}
	lot := kernel.Mix(f.Seed ^ kernel.ID("proxies"))
	for _, r := range all {
		if h := kernel.Mix(lot ^ uint64(r)); h <= limit {
			rows, hash = append(rows, r), append(hash, kernel.Mix(h))
		}
	}
	return rows, hash
}

// proxy returns what a column tells of the group that it tells best, nil where that is not enough.
func (f *fairness) proxy(c *table.Column, group []int32, told []int, hash []uint64) *Proxy {
	bin, n := bins(c)
	y := make([]float64, len(group))
	mark := func(g int) (in int) {
		for i, k := range group {
			y[i] = 0
			if int(k) == g {
				y[i], in = 1, in+1
			}
		}
		return in
	}
	best, at := proxyAUC, -1
	for _, g := range told {
		if in := mark(g); in < leastPeople || len(group)-in < leastPeople {
			continue
		}
		if auc := binnedAUC(bin, n, hash, y); auc > best {
			best, at = auc, g
		}
	}
	if at < 0 {
		return nil
	}
	mark(at)
	if !(metric.AUCInterval(y, outOfFold(bin, n, hash, y, nil), 0.95).Low > proxyLow) {
		return nil
	}
	p := &Proxy{Column: c.Name, AUC: best}
	if f.Weight != nil {
		p.Share = f.Weight(c.Name)
	}
	name := quoted(f.people.name[at])
	if best >= 0.995 {
		p.Text = Text{fmt.Sprintf("几乎只看这一列就能认出%s。", name.Zh), fmt.Sprintf("this column alone nearly always tells %s.", name.En)}
		return p
	}
	p.Text = Text{
		fmt.Sprintf("%s和别的人各一位，只看这一列，100 次有 %.0f 次能认对。", name.Zh, 100*best),
		fmt.Sprintf("of one %s and one other, this column alone tells which is which %.0f times in 100.", name.En, 100*best),
	}
	return p
}

// binnedAUC is the AUC of outOfFold, from counts by cell instead of a sort of all rows.
func binnedAUC(bin []int32, n int, hash []uint64, y []float64) float64 {
	mean := foldMeans(bin, n, hash, y, nil)
	k := len(mean)
	count, answer := make([]float64, 2*k), make([]float64, 2*k) // no and yes of each cell
	for i, b := range bin {
		count[cell(hash[i], b, n)+int(y[i])*k]++
	}
	for i := k; i < 2*k; i++ {
		answer[i] = 1
	}
	return metric.AUC(answer, append(mean, mean...), count)
}
