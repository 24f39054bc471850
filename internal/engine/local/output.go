package local

import (
	"kequn/internal/engine"
	"kequn/internal/query"
	"kequn/internal/table"
)

// output collects a partition's panel. Rows of cutoff k are written from row k·(customers) on and moved together at the end.
type output struct {
	w        *worker
	total    int   // customers of the partition
	filled   []int // rows per cutoff
	customer *table.Column
	x, y     []*table.Column
	rules    [][]bool
}

func (w *worker) newOutput(part *table.Partition) *output {
	n := part.Customer.Len()
	size := n * len(w.p.cutoffs)
	o := &output{w: w, total: n, filled: make([]int, len(w.p.cutoffs))}
	o.customer = &table.Column{Name: engine.CustomerColumn, Kind: table.Text, Dict: part.Customer.Dict, Code: make([]int32, size)}
	for i, f := range w.p.req.Features {
		c := &table.Column{Name: f.Name}
		if w.p.program.nodes[w.p.features[i]].typ == query.Text {
			c.Kind, c.Code, c.Dict = table.Category, make([]int32, size), table.NewDict()
		} else {
			c.Num = make([]float64, size)
		}
		o.x = append(o.x, c)
	}
	for _, r := range w.p.req.Outcomes {
		o.y = append(o.y, &table.Column{Name: r.Name, Num: make([]float64, size)})
	}
	for range w.p.req.Rules {
		o.rules = append(o.rules, make([]bool, size))
	}
	return o
}

// emit appends the customers of the block who are there.
func (w *worker) emit(o *output) {
	p, n := w.p, w.nCustomers
	for k := range p.cutoffs {
		here := w.present(k)
		if len(here) == 0 {
			continue
		}
		at := k*o.total + o.filled[k]
		all := len(here) == n
		for j, i := range here {
			o.customer.Code[at+j] = w.part.Customer.Code[w.first+int(i)]
		}
		for c, id := range p.features {
			w.copyOut(o.x[c], at, id, k*n, here, all)
		}
		for c, id := range p.outcomes {
			w.copyOut(o.y[c], at, id, k*n, here, all)
		}
		for c, id := range p.rules {
			bits := w.expr.vecs[id].bit[k*n:]
			for j, i := range here {
				o.rules[c][at+j] = bits[i]
			}
		}
		o.filled[k] += len(here)
	}
}

// present returns the customers of the block that belong to the population at cutoff k.
func (w *worker) present(k int) []int32 {
	n := w.nCustomers
	here := w.i32.get(n)[:0]
next:
	for i := range n {
		if w.p.who >= 0 && !w.expr.vecs[w.p.who].bit[k*n+i] {
			continue
		}
		for _, s := range w.p.exists {
			if w.nums[s][k*n+i] == 1 {
				here = append(here, int32(i))
				continue next
			}
		}
	}
	return here
}

func (w *worker) copyOut(c *table.Column, at, id, from int, here []int32, all bool) {
	v := &w.expr.vecs[id]
	switch w.p.program.nodes[id].typ {
	case query.Text:
		c.Dict = v.dict
		for j, i := range here {
			c.Code[at+j] = v.code[from+int(i)]
		}
	case query.Bool:
		for j, i := range here {
			c.Num[at+j] = 0
			if v.bit[from+int(i)] {
				c.Num[at+j] = 1
			}
		}
	default:
		if all {
			copy(c.Num[at:at+len(here)], v.num[from:from+len(here)])
			return
		}
		for j, i := range here {
			c.Num[at+j] = v.num[from+int(i)]
		}
	}
}

// panel moves the rows together.
func (o *output) panel() *engine.Panel {
	rows := 0
	p := &engine.Panel{Customer: o.customer, X: &table.Table{Columns: o.x}, Y: &table.Table{Columns: o.y}, Rules: o.rules}
	for k, n := range o.filled {
		rows += n
		for range n {
			p.Cutoff = append(p.Cutoff, int32(k))
		}
	}
	o.customer.Code = o.together32(o.customer.Code, rows)
	for _, cols := range [][]*table.Column{o.x, o.y} {
		for _, c := range cols {
			if c.Kind == table.Category {
				c.Code = o.together32(c.Code, rows)
			} else {
				c.Num = together(o, c.Num, rows)
			}
		}
	}
	for i := range o.rules {
		o.rules[i] = together(o, o.rules[i], rows)
	}
	return p
}

func (o *output) together32(v []int32, rows int) []int32 { return together(o, v, rows) }

func together[T any](o *output, v []T, rows int) []T {
	at := 0
	for k, n := range o.filled {
		copy(v[at:at+n], v[k*o.total:k*o.total+n])
		at += n
	}
	return v[:rows:rows]
}
