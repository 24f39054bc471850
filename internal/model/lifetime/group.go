package lifetime

import (
	"cmp"
	"math"
	"slices"
)

// groups holds the different summaries with how many customers share each, sorted, so that a fit does not depend on the order of customers
// and costs as much as there are different ones. Times are divided by scale, the mean age, so that parameters are near 1.
type groups struct {
	x         []int32
	recency   []float64
	age       []float64
	weight    []float64
	scale     float64
	customers float64
	kind      []int32 // index into unique
	unique    []int   // the different x, rising
	repeats   float64 // Σ x
	logGaps   float64 // Σ log(gap), gaps scaled too
	gaps      bool    // whether anybody's gaps are known
}

func group(all []Summary) *groups {
	g := &groups{}
	sorted := make([]Summary, len(all))
	copy(sorted, all)
	slices.SortFunc(sorted, func(a, b Summary) int {
		if c := cmp.Compare(a.Repeats, b.Repeats); c != 0 {
			return c
		}
		if c := cmp.Compare(a.Recency, b.Recency); c != 0 {
			return c
		}
		if c := cmp.Compare(a.Age, b.Age); c != 0 {
			return c
		}
		return cmp.Compare(a.LogGaps, b.LogGaps) // only so that sums have one order
	})
	age := 0.0
	for i, s := range sorted {
		age += s.Age
		g.repeats += float64(s.Repeats)
		g.logGaps += s.LogGaps
		g.gaps = g.gaps || s.LogGaps != 0
		if last := i - 1; last >= 0 && sorted[last].Repeats == s.Repeats && sorted[last].Recency == s.Recency && sorted[last].Age == s.Age {
			g.weight[len(g.weight)-1]++
			continue
		}
		g.x = append(g.x, int32(s.Repeats))
		g.recency = append(g.recency, s.Recency)
		g.age = append(g.age, s.Age)
		g.weight = append(g.weight, 1)
		g.mark(s.Repeats)
	}
	g.customers = float64(len(all))
	g.scale = age / max(g.customers, 1)
	if g.scale == 0 {
		g.scale = 1
	}
	g.logGaps -= g.repeats * math.Log(g.scale)
	for i := range g.x {
		g.recency[i] /= g.scale
		g.age[i] /= g.scale
	}
	return g
}

// mark notes the x of the group just added.
func (g *groups) mark(x int) {
	if n := len(g.unique); n == 0 || g.unique[n-1] != x {
		g.unique = append(g.unique, x)
	}
	g.kind = append(g.kind, int32(len(g.unique)-1))
}

// thin returns about one of every n different summaries: enough to find where the full likelihood's search should start.
func (g *groups) thin(n int) *groups {
	t := &groups{scale: g.scale}
	for i := n / 2; i < len(g.x); i += n {
		t.x = append(t.x, g.x[i])
		t.recency = append(t.recency, g.recency[i])
		t.age = append(t.age, g.age[i])
		t.weight = append(t.weight, g.weight[i])
		t.customers += g.weight[i]
		t.repeats += g.weight[i] * float64(g.x[i])
		t.mark(int(g.x[i]))
	}
	return t
}
