package engine

import (
	"kequn/internal/table"
)

// Merge joins the panels of partitions, or of some of the request's cutoffs each, rows by cutoff first.
func Merge(parts []*Panel, r Request) (*Panel, error) {
	out := &Panel{Customer: table.NewColumn(CustomerColumn, table.Text, 0), X: &table.Table{}, Y: &table.Table{}, Rules: make([][]bool, len(r.Rules))}
	for cut := range r.Cutoffs {
		for _, p := range parts {
			from, to := p.rowsOf(int32(cut))
			if from == to {
				continue
			}
			if err := out.append(p, from, to); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// rowsOf returns the stretch of rows of a cutoff.
func (p *Panel) rowsOf(cut int32) (from, to int) {
	for from < len(p.Cutoff) && p.Cutoff[from] < cut {
		from++
	}
	for to = from; to < len(p.Cutoff) && p.Cutoff[to] == cut; to++ {
	}
	return from, to
}

func (p *Panel) append(q *Panel, from, to int) error {
	if len(p.X.Columns) == 0 && len(p.Y.Columns) == 0 {
		p.X, p.Y = emptyLike(q.X), emptyLike(q.Y)
	}
	if err := table.New(p.Customer).Append(table.New(q.Customer.Slice(from, to))); err != nil {
		return err
	}
	if err := p.X.Append(q.X.Slice(from, to)); err != nil {
		return err
	}
	if err := p.Y.Append(q.Y.Slice(from, to)); err != nil {
		return err
	}
	for i := range p.Rules {
		p.Rules[i] = append(p.Rules[i], q.Rules[i][from:to]...)
	}
	p.Cutoff = append(p.Cutoff, q.Cutoff[from:to]...)
	return nil
}

func emptyLike(t *table.Table) *table.Table {
	out := &table.Table{}
	for _, c := range t.Columns {
		e := table.NewColumn(c.Name, c.Kind, 0)
		e.Scale = c.Scale
		out.Columns = append(out.Columns, e)
	}
	return out
}
