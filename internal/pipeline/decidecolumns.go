package pipeline

import (
	"context"
	"math"
	"slices"

	"kequn"
	"kequn/internal/engine"
	"kequn/internal/kernel"
	"kequn/internal/metric"
	"kequn/internal/plan"
	"kequn/internal/query"
	"kequn/internal/table"
)

// What a column must be to carry an effect from a past send to now, and from customer to customer.
const (
	// drifted is the population stability index from which on a column is not the same thing now as it was then: a count that
	// grows with the age of the records, or a date that was written down later. (0.25 is called a drift; season alone
	// reaches 0.5 in the demo shop.)
	drifted = 0.5

	// alike is the rank correlation from which on a column tells nothing beside another: counts over windows that overlap.
	alike = 0.9

	levelShare = 0.01   // levels rarer than this have no column of their own
	mostNow    = 20_000 // customers that stand for everybody now, drawn by hash
)

// columnView is the choice of columns that effects are learnt from. It is made without looking at any outcome.
type columnView struct {
	names  []string // numbers, and categories that say what a customer is
	levels []level
}

// level is a value of a category with a 0/1 column of its own.
type level struct{ column, value string }

// viewOf chooses what customers are, how much and how recently they did what, as far as it means the same now as then, without
// columns that repeat others.
func viewOf(p *past, now *table.Table, datasets []plan.Dataset, seed uint64) columnView {
	var v columnView
	rows := kernel.NewStream(seed, kernel.ID("alike")).Sample(p.x.NRows(), 4000)
	var kept [][]float64
	for i, c := range p.x.Columns {
		if shape(p.defs[i].Node, datasets) {
			continue
		}
		if c.Kind.InCode() {
			v.names = append(v.names, c.Name)
			v.levels = append(v.levels, levelsOf(c)...)
			continue
		}
		if d := metric.DriftOf(c.Floats(), now.Column(c.Name).Floats()); !(d < drifted) {
			continue
		}
		r := ranks(c.Take(rows).Floats())
		if r == nil || slices.ContainsFunc(kept, func(k []float64) bool { return math.Abs(kernel.Dot(k, r)) > alike }) {
			continue
		}
		v.names, kept = append(v.names, c.Name), append(kept, r)
	}
	return v
}

// shapes are aggregates that tell when, how evenly or among what somebody did things, not how much or how recently.
var shapes = []query.Fn{query.Entropy, query.Mode, query.ModeShare, query.Distinct, query.ActiveDays, query.GapMean, query.GapSD, query.Slope,
	query.Weekend, query.Night, query.HourMean, query.SD, query.First, query.Last, query.MinOf, query.MaxOf}

// shape tells whether a feature describes the shape of behaviour: one of the shapes, a comparison of windows, or a share of one
// category. Effects of offers hang on them so little that, at a few thousand customers an arm, they cost more by their noise than they
// tell: without them decisions earned a fifth more on three demo shops.
func shape(n *query.Node, datasets []plan.Dataset) bool {
	found := false
	n.Walk(func(n *query.Node) {
		a := n.Agg
		if a == nil {
			return
		}
		found = found || slices.Contains(shapes, a.Fn) || !a.Window.Skip.IsZero()
		a.Where.Walk(func(w *query.Node) {
			if w.Op != query.Field || w.Type != query.Text {
				return
			}
			for i := range datasets {
				if d := &datasets[i]; d.Name == a.Dataset {
					t := d.With(kequn.ColType)
					found = found || t == nil || t.Name != w.Name
				}
			}
		})
	})
	return found
}

func levelsOf(c *table.Column) []level {
	count := make([]int, c.Dict.Len())
	for _, k := range c.Code {
		if k >= 0 {
			count[k]++
		}
	}
	var out []level
	for k, n := range count {
		if n > 0 && float64(n) >= levelShare*float64(len(c.Code)) {
			out = append(out, level{c.Name, c.Dict.At(k)})
		}
	}
	slices.SortFunc(out, func(a, b level) int {
		if a.value < b.value {
			return -1
		}
		return 1
	})
	return out
}

// of returns the chosen columns; flat ones have categories as 0/1 columns.
func (v columnView) of(x *table.Table, flat bool) *table.Table {
	out := &table.Table{}
	for _, name := range v.names {
		if c := x.Column(name); !flat || !c.Kind.InCode() {
			out.Columns = append(out.Columns, c)
		}
	}
	if !flat {
		return out
	}
	for _, l := range v.levels {
		c := x.Column(l.column)
		code, one := c.Dict.Find(l.value), make([]float64, c.Len())
		for i, k := range c.Code {
			if k == code && k >= 0 {
				one[i] = 1
			}
		}
		out.Columns = append(out.Columns, &table.Column{Name: l.column + "=" + l.value, Kind: table.Number, Num: one})
	}
	return out
}

// ranks returns the ranks of values, missing ones in the middle, centred and of length 1; nil where they do not vary.
func ranks(v []float64) []float64 {
	order := kernel.Argsort(v)
	n := len(v)
	for n > 0 && math.IsNaN(v[order[n-1]]) {
		n--
	}
	out := make([]float64, len(v))
	square := 0.0
	for from := 0; from < n; {
		to := from + 1
		for to < n && v[order[to]] == v[order[from]] {
			to++
		}
		r := float64(from+to-1)/2 - float64(n-1)/2
		for _, i := range order[from:to] {
			out[i] = r
		}
		square += float64(to-from) * r * r
		from = to
	}
	if square == 0 {
		return nil
	}
	kernel.Scale(1/math.Sqrt(square), out)
	return out
}

// sampleNow returns features of some of those who may be contacted, to compare with the past.
func (s *Shop) sampleNow(ctx context.Context, v *view, pop *population, cutoff kequn.Cutoff, defs []query.Feature) (*table.Table, error) {
	share := float64(mostNow) / math.Max(1, float64(pop.left()))
	var out *table.Table
	err := s.eachEligible(ctx, v, pop, cutoff, defs, func(p *engine.Panel, _ []int) error {
		var keep []int32
		for i := range p.Customer.Len() {
			if share >= 1 || kernel.HashUnit(kernel.ID("now")^s.Seed, p.Customer.String(i)) < share {
				keep = append(keep, int32(i))
			}
		}
		x := p.X.Take(keep)
		if out == nil {
			out = x
			return nil
		}
		return out.Append(x)
	})
	return out, err
}
