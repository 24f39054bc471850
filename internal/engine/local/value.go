package local

import (
	"context"

	"kequn"
	"kequn/internal/engine"
	"kequn/internal/query"
	"kequn/internal/table"
)

var _ engine.Valuer = Engine{}

// Values implements [engine.Valuer]: the same path as Stream, on the rows of one customer.
func (Engine) Values(ctx context.Context, d engine.Data, r engine.Request, customer string, nodes []*query.Node) ([][]engine.Value, error) {
	r.Features, r.Rules, r.Outcomes, r.Who = nil, nil, nil, query.True() // all datasets are read, to know the customer
	passes, err := compileAll(ctx, d, r, nodes...)
	if err != nil {
		return nil, err
	}
	part, at, err := find(ctx, d, passes[0].wants, customer)
	if err != nil {
		return nil, err
	}
	out := make([][]engine.Value, len(r.Cutoffs))
	for _, p := range passes {
		w := newWorker(p)
		w.begin(part)
		w.block(at, 1)
		for k, place := range p.places {
			for _, id := range p.userNodes {
				out[place] = append(out[place], w.value(id, k))
			}
		}
	}
	return out, nil
}

// find reads the partition of a customer.
func find(ctx context.Context, d engine.Data, wants []table.Want, customer string) (*table.Partition, int, error) {
	from, to := 0, d.NParts()
	if l, ok := d.(engine.Locator); ok {
		from = l.PartOf(customer)
		to = from + 1
	}
	for i := from; i < to; i++ {
		part, err := d.Part(ctx, i, wants)
		if err != nil {
			return nil, 0, err
		}
		if c := part.Customer.Dict.Find(customer); c >= 0 {
			for at, code := range part.Customer.Code {
				if code == c {
					return part, at, nil
				}
			}
		}
	}
	return nil, 0, kequn.Errorf(kequn.KindUsage, "", "no such customer").WithHint("ids are texts; leading zeros count")
}

func (w *worker) value(id, k int) engine.Value {
	n, v := &w.p.program.nodes[id], &w.expr.vecs[id]
	out := engine.Value{Value: query.Value{Type: n.typ}}
	switch n.typ {
	case query.Bool:
		out.Bool = v.bit[k]
	case query.Text:
		if out.Missing = v.code[k] < 0; !out.Missing {
			out.Text = v.dict.At(int(v.code[k]))
		}
	case query.Time:
		if out.Missing = v.num[k] != v.num[k]; !out.Missing {
			out.Time = kequn.Instant(v.num[k])
		}
	default:
		if out.Missing = v.num[k] != v.num[k]; !out.Missing {
			out.Num = v.num[k]
		}
	}
	return out
}
