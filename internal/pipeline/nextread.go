package pipeline

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"kequn"
	"kequn/internal/engine"
	"kequn/internal/kernel"
	"kequn/internal/model/nextitem"
	"kequn/internal/plan"
	"kequn/internal/table"
)

// valueRows reads the values of a "next" goal: what each customer had, and when.
type valueRows struct {
	data   engine.Data
	def    *engine.Dataset
	want   table.Want
	value  int // columns of the want, −1 where there is none
	order  int
	amount int

	values *table.Dict // every value met, in order of meeting
	lookup map[string]int32
	via    bool // values are a lookup's attribute
}

// valueRows finds the dataset and column that "events.item" or "items.product_id.department" names.
func (s *Shop) valueRows(ctx context.Context, v *view, g plan.Goal) (*valueRows, error) {
	where := "goal " + g.Name
	name, rest, _ := strings.Cut(g.Next, ".")
	at := slices.IndexFunc(v.datasets, func(d engine.Dataset) bool { return d.Name == name })
	if at < 0 {
		at = slices.IndexFunc(v.datasets, func(d engine.Dataset) bool { return string(d.Role) == name })
	}
	if at < 0 {
		return nil, kequn.Errorf(kequn.KindPlan, where, "no dataset %q is loaded", name)
	}
	d := &v.datasets[at]
	if !d.Role.HasTime() {
		return nil, kequn.Errorf(kequn.KindPlan, where, "%s has no event times, so nothing of it comes next", d.Name)
	}
	column, via, attribute, err := plan.LookupOf(v.plans(), d.Columns, rest)
	if err != nil {
		return nil, err
	}
	col := d.Column(column)
	if col == nil {
		col = d.With(kequn.ColumnRole(column))
	}
	if col == nil {
		return nil, kequn.Errorf(kequn.KindPlan, where, "dataset %s has no column %q", d.Name, column).WithHint("give a column the role item, or name it: --next %s.COLUMN", d.Name)
	}
	if !col.Kind.InCode() && col.Kind != table.Integer {
		return nil, kequn.Errorf(kequn.KindPlan, where, "%s.%s is a %s, not a thing that comes next", d.Name, col.Name, col.Kind).WithHint("name a column of products, categories or types")
	}
	out := &valueRows{data: v.data, def: d, values: table.NewDict(), order: -1, amount: -1}
	out.want = table.Want{Dataset: d.Name, Columns: []string{engine.TimeColumn, engine.KnownColumn}}
	if d.Versioned {
		out.want.Columns = append(out.want.Columns, engine.IDColumn, engine.GoneColumn, engine.SeqColumn)
	}
	add := func(name string) int {
		if i := slices.Index(out.want.Columns, name); i >= 0 {
			return i
		}
		out.want.Columns = append(out.want.Columns, name)
		return len(out.want.Columns) - 1
	}
	switch col.Role {
	case kequn.ColID:
		return nil, kequn.Errorf(kequn.KindPlan, where, "%s.%s identifies rows, so none comes again", d.Name, col.Name).WithHint("name a column of products, categories or types")
	case kequn.ColCustomer:
		return nil, kequn.Errorf(kequn.KindPlan, where, "%s.%s says whose row it is", d.Name, col.Name).WithHint("name a column of products, categories or types")
	}
	out.value = add(col.Name)
	if c := d.With(kequn.ColOrder); c != nil {
		out.order = add(c.Name)
	}
	if c := d.With(kequn.ColAmount); c != nil && (d.Role == kequn.Orders || d.Role == kequn.Items) && !c.Kind.InCode() {
		out.amount = add(c.Name) // a row given back is no purchase
	}
	if via < 0 {
		return out, nil
	}
	out.via, out.lookup = true, map[string]int32{}
	l := &v.datasets[via]
	key := l.With(kequn.ColKey).Name
	t, err := v.data.Lookup(ctx, l.Name, []string{key, attribute})
	if err != nil {
		return nil, err
	}
	k, a := t.Column(key), t.Column(attribute)
	for i := range t.NRows() {
		id, value := label(k, i), label(a, i)
		if _, again := out.lookup[id]; id != "" && value != "" && !again {
			out.lookup[strings.Clone(id)] = out.values.InternString(value)
		}
	}
	return out, nil
}

// label returns a value as text, "" where missing.
func label(c *table.Column, i int) string {
	if c.IsMissing(i) {
		return ""
	}
	if c.Kind.InCode() {
		return c.String(i)
	}
	return strconv.FormatFloat(c.Float(i), 'g', -1, 64)
}

// part reads one partition: the customers with their rows that happened and were known before the moment. With a later end, then also
// what came in [from, to), as known now, beside it.
func (r *valueRows) part(ctx context.Context, p int, ask kequn.Cutoff, from, to kequn.Instant) (customers *table.Column, past, future *nextitem.History, err error) {
	part, err := r.data.Part(ctx, p, []table.Want{r.want})
	if err != nil {
		return nil, nil, nil, err
	}
	set := &part.Sets[0]
	code := r.codes(set.Rows.Columns[r.value])
	past, future = &nextitem.History{}, &nextitem.History{}
	then := byCustomer{rows: engine.Known(r.def, set, ask)}
	var now byCustomer
	if to > from {
		now.rows = engine.Known(r.def, set, latestInstant)
	}
	var pick picker
	for c := range part.Customer.Len() {
		end := set.Start[c+1]
		r.add(past, &pick, set.Rows, code, then.until(end), kequn.NoTime, ask)
		if to > from {
			r.add(future, &pick, set.Rows, code, now.until(end), from, to)
		}
	}
	return part.Customer, past, future, nil
}

// latestInstant is after everything.
const latestInstant = kequn.Instant(1<<63 - 1)

// byCustomer deals rows of a partition, which are in order, to one customer after the other.
type byCustomer struct {
	rows []int32
	next int
}

// until returns the rows before end that were not dealt yet.
func (b *byCustomer) until(end int32) []int32 {
	from := b.next
	for b.next < len(b.rows) && b.rows[b.next] < end {
		b.next++
	}
	return b.rows[from:b.next]
}

// picker is scratch memory for one customer's rows.
type picker struct {
	code  []int32
	time  []kequn.Instant
	known []kequn.Instant
	visit []int32
}

// add appends those of a customer's rows that happened in [from, to), but nothing given back.
func (r *valueRows) add(h *nextitem.History, k *picker, rows *table.Table, code, own []int32, from, to kequn.Instant) {
	time, known := rows.Columns[0].Int, rows.Columns[1].Int
	k.code, k.time, k.known, k.visit = k.code[:0], k.time[:0], k.known[:0], k.visit[:0]
	visit, last := int32(-1), int32(-1)
	for _, i := range own {
		if time[i] < int64(from) || time[i] >= int64(to) {
			continue
		}
		if code[i] < 0 || r.amount >= 0 && rows.Columns[r.amount].Float(int(i)) <= 0 {
			continue
		}
		if last < 0 || !r.together(rows, last, i) {
			visit++
		}
		last = i
		k.code, k.time, k.visit = append(k.code, code[i]), append(k.time, kequn.Instant(time[i])), append(k.visit, visit)
		k.known = append(k.known, kequn.Instant(known[i]))
	}
	late := k.known
	if !r.def.Late && !r.def.Versioned {
		late = nil
	}
	h.Add(k.code, k.time, late, k.visit)
}

// together tells whether two rows are of one visit: of one order, or where there is none, of one instant.
func (r *valueRows) together(rows *table.Table, a, b int32) bool {
	if r.order >= 0 {
		c := rows.Columns[r.order]
		if c.Kind.InCode() {
			return c.Code[a] >= 0 && c.Code[a] == c.Code[b]
		}
		if c.Kind.InInt() {
			return c.Int[a] != table.Missing && c.Int[a] == c.Int[b]
		}
	}
	return rows.Columns[0].Int[a] == rows.Columns[0].Int[b]
}

// codes returns the value of each row as a code of r.values, −1 where there is none.
func (r *valueRows) codes(c *table.Column) []int32 {
	out := make([]int32, c.Len())
	if c.Kind.InCode() {
		memo := make([]int32, c.Dict.Len())
		for i := range memo {
			memo[i] = -2
		}
		for i, k := range c.Code {
			if k < 0 {
				out[i] = -1
				continue
			}
			if memo[k] == -2 {
				memo[k] = r.code(c.Dict.At(int(k)))
			}
			out[i] = memo[k]
		}
		return out
	}
	for i := range out {
		out[i] = -1
		if text := label(c, i); text != "" {
			out[i] = r.code(text)
		}
	}
	return out
}

func (r *valueRows) code(text string) int32 {
	switch {
	case r.via:
		if k, ok := r.lookup[text]; ok {
			return k
		}
		return -1
	case text == "":
		return -1
	}
	return r.values.InternString(text)
}

// everyValue fills the dictionary of values and sorts it, so that codes, and with them ties, do not depend on where customers lie.
func (r *valueRows) everyValue(ctx context.Context) (rows int64, err error) {
	for p := range r.data.NParts() {
		part, err := r.data.Part(ctx, p, []table.Want{{Dataset: r.def.Name, Columns: []string{r.want.Columns[r.value]}}})
		if err != nil {
			return 0, err
		}
		c := part.Sets[0].Rows.Columns[0]
		r.codes(c)
		rows += int64(c.Len())
	}
	sorted := slices.Clone(r.values.Values())
	slices.Sort(sorted)
	d := table.DictOf(sorted...)
	for k, at := range r.lookup { // each entry by itself: order does not matter
		r.lookup[k] = d.Find(r.values.At(int(at)))
	}
	r.values = d
	return rows, nil
}

// maxNextRows is how many rows a "next" goal learns from. Beyond it, customers are drawn by hash. 12 million rows take 200 MB.
const maxNextRows = 12_000_000

// all reads the history before the moment, of a draw of customers where there is too much. keep tells who of them counts.
func (r *valueRows) all(ctx context.Context, ask kequn.Cutoff, rows int64, seed uint64) (*nextitem.History, []string, error) {
	share := float64(maxNextRows) / float64(max(1, rows))
	out := &nextitem.History{}
	var names []string
	var pick picker
	for p := range r.data.NParts() {
		part, err := r.data.Part(ctx, p, []table.Want{r.want})
		if err != nil {
			return nil, nil, err
		}
		set := &part.Sets[0]
		code := r.codes(set.Rows.Columns[r.value])
		then := byCustomer{rows: engine.Known(r.def, set, ask)}
		for c := range part.Customer.Len() {
			name := part.Customer.String(c)
			own := then.until(set.Start[c+1])
			if set.Start[c] == set.Start[c+1] || share < 1 && kernel.HashUnit(seed^kernel.ID("sample"), name) >= share {
				continue
			}
			r.add(out, &pick, set.Rows, code, own, kequn.NoTime, ask)
			names = append(names, strings.Clone(name))
		}
	}
	return out, names, nil
}
