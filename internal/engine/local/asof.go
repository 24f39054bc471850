package local

import (
	"context"
	"slices"
	"strings"

	"kequn"
	"kequn/internal/engine"
	"kequn/internal/query"
	"kequn/internal/table"
)

// compileAll compiles a request into passes over the same columns. Mostly there is one. Where a lookup has history and cutoffs
// see different versions of its rows, or where outcomes of different cutoffs are to be as known at different moments, each
// such group of cutoffs has a pass of its own: within a pass, a row's attributes are the same for all cutoffs.
func compileAll(ctx context.Context, d engine.Data, r engine.Request, extra ...*query.Node) ([]*pass, error) {
	read := lookupTables{}
	whole, err := compile(ctx, d, r, read, extra...)
	if err != nil {
		return nil, err
	}
	if r.KnownByEach != nil && !whole.knownApart() {
		whole.req.KnownByEach, whole.req.KnownBy = nil, kequn.NoTime
	}
	groups := whole.groups()
	if len(groups) == 1 {
		out := []*pass{whole}
		return out, rollUp(ctx, d, r, out)
	}
	out := make([]*pass, len(groups))
	for i, g := range groups {
		some := r
		some.Cutoffs, some.KnownByEach, some.KnownBy = nil, nil, r.KnownFor(int(g[0]))
		for _, k := range g {
			some.Cutoffs = append(some.Cutoffs, r.Cutoffs[k])
		}
		if out[i], err = compile(ctx, d, some, read, extra...); err != nil {
			return nil, err
		}
		out[i].places = g
	}
	return out, rollUp(ctx, d, r, out)
}

// places are the numbers below n.
func places(n int) []int32 {
	out := make([]int32, n)
	for i := range out {
		out[i] = int32(i)
	}
	return out
}

// knownBy is the moment at and after which what was known is hidden from the pass's outcomes.
func (p *pass) knownBy() int64 {
	if by := p.req.KnownFor(0); isSet(by) {
		return int64(by)
	}
	return dusk
}

// groups divides the cutoffs into those that see the same, in order of their first.
func (p *pass) groups() [][]int32 {
	var out [][]int32
	var states [][]int64
	for k := range p.cutoffs {
		var state []int64
		if p.req.KnownByEach != nil {
			state = append(state, int64(p.req.KnownFor(k)))
		}
		for _, l := range p.lookups {
			if l.known >= 0 && !l.ahead {
				state = append(state, l.versionsBefore(p.cutoffs[k]))
			}
		}
		i := slices.IndexFunc(states, func(s []int64) bool { return slices.Equal(s, state) })
		if i < 0 {
			i = len(states)
			states, out = append(states, state), append(out, nil)
		}
		out[i] = append(out[i], int32(k))
	}
	return out
}

// knownApart tells whether it matters that outcomes of different cutoffs are as known at different moments. It does not where
// everything was known as it happened, and every window ends by the moment its rows are to be known by.
func (p *pass) knownApart() bool {
	if len(p.outcomes) == 0 {
		return false
	}
	if slices.ContainsFunc(p.defs, func(d engine.Dataset) bool { return d.Late || d.Versioned || d.HasHistory() }) {
		return true
	}
	for k, c := range p.cutoffs {
		by := p.req.KnownFor(k)
		for _, s := range p.sources {
			for _, w := range s.future.windows {
				if _, end := bounds(p, w, c); isSet(by) && end > int64(by) {
					return true
				}
			}
		}
	}
	return false
}

// versionsBefore counts the lookup's rows known before an instant: as long as it stays the same, so does what is seen.
func (l *lookup) versionsBefore(at int64) int64 {
	n := int64(0)
	for _, known := range l.rows.Columns[l.known].Int {
		if known < at {
			n++
		}
	}
	return n
}

// lookupTables are the lookups that were read, so that passes read them once.
type lookupTables map[string]*table.Table

func (t lookupTables) lookup(ctx context.Context, d engine.Data, name string, columns []string) (*table.Table, error) {
	key := name + "\x00" + strings.Join(columns, "\x00")
	if have := t[key]; have != nil {
		return have, nil
	}
	rows, err := d.Lookup(ctx, name, columns)
	if err == nil {
		t[key] = rows
	}
	return rows, err
}

// crew is a worker for each pass.
type crew struct {
	workers []*worker
	req     engine.Request
}

func newCrew(passes []*pass, r engine.Request) *crew {
	c := &crew{req: r}
	for _, p := range passes {
		c.workers = append(c.workers, newWorker(p))
	}
	return c
}

// partition computes the panel of one partition.
func (c *crew) partition(ctx context.Context, part *table.Partition) (*engine.Panel, error) {
	var panels []*engine.Panel
	for _, w := range c.workers {
		p, err := w.partition(ctx, part)
		if err != nil {
			return nil, err
		}
		for i, k := range p.Cutoff {
			p.Cutoff[i] = w.p.places[k]
		}
		panels = append(panels, p)
	}
	if len(panels) == 1 {
		return panels[0], nil
	}
	return engine.Merge(panels, c.req)
}
