package local

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"kequn"
	"kequn/internal/engine"
	"kequn/internal/kernel"
	"kequn/internal/plan"
	"kequn/internal/query"
	"kequn/internal/table"
)

// shop is orders in memory, as the store would hand them out: 20 categories, 3 channels, 2 years, few customers with many
// orders.
type shop struct {
	def   engine.Dataset
	parts []*table.Partition
	from  time.Time
}

func newShop(nRows, nParts int) *shop {
	s := &shop{from: time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)}
	s.def = engine.Dataset{Dataset: plan.Dataset{Name: "orders", Role: kequn.Orders, Columns: []plan.Column{
		{Name: "amount", Kind: table.Money, Role: kequn.ColAmount, Scale: 2},
		{Name: "category", Kind: table.Category, Role: kequn.ColCategory},
		{Name: "channel", Kind: table.Category, Role: kequn.ColCategory},
		{Name: "quantity", Kind: table.Integer, Role: kequn.ColQuantity},
	}}}
	categories, channels := table.NewDict(), table.DictOf("web", "app", "shop")
	for i := range 20 {
		categories.InternString(fmt.Sprint("category", i))
	}
	span := int64(2*365) * dayMicros
	per := nRows / nParts
	for p := range nParts {
		r := kernel.NewStream(1, uint64(p))
		ids := table.NewColumn(engine.CustomerColumn, table.Text, 0)
		start := []int32{0}
		at := &table.Column{Name: engine.TimeColumn, Kind: table.Time}
		amount := &table.Column{Name: "amount", Kind: table.Money, Scale: 2}
		category := &table.Column{Name: "category", Kind: table.Category, Dict: categories}
		channel := &table.Column{Name: "channel", Kind: table.Category, Dict: channels}
		quantity := &table.Column{Name: "quantity", Kind: table.Integer}
		for len(at.Int) < per {
			ids.AppendString(fmt.Sprintf("C%02d%07d", p, len(start)))
			first := len(at.Int)
			for range 1 + r.Poisson(r.Exp()*19) {
				at.Int = append(at.Int, s.from.UnixMicro()+int64(r.Float64()*float64(span)))
				amount.Int = append(amount.Int, int64(100+r.Exp()*4000))
				category.Code = append(category.Code, int32(r.Intn(20)))
				channel.Code = append(channel.Code, int32(r.Intn(3)))
				quantity.Int = append(quantity.Int, int64(1+r.Intn(4)))
			}
			slices.Sort(at.Int[first:])
			start = append(start, int32(len(at.Int)))
		}
		s.parts = append(s.parts, &table.Partition{Customer: ids, Sets: []table.Set{{Rows: table.New(at, amount, category, channel, quantity), Start: start}}})
	}
	return s
}

func (s *shop) Datasets() []engine.Dataset { return []engine.Dataset{s.def} }
func (s *shop) NParts() int                { return len(s.parts) }
func (s *shop) Lookup(context.Context, string, []string) (*table.Table, error) {
	panic("no lookups")
}

func (s *shop) Part(_ context.Context, p int, want []table.Want) (*table.Partition, error) {
	rows, err := s.parts[p].Sets[0].Rows.Select(want[0].Columns...)
	return &table.Partition{Customer: s.parts[p].Customer, Sets: []table.Set{{Rows: rows, Start: s.parts[p].Sets[0].Start}}}, err
}

// features49 are the columns of the prototype in which DuckDB's SQL took 40 CPU-seconds at 6 cutoffs.
func features49() []query.Feature {
	var out []query.Feature
	add := func(name string, n *query.Node) { out = append(out, query.Feature{Name: name, Node: n}) }
	agg := func(a query.Agg) *query.Node { a.Dataset = "orders"; return query.AggOf(a, query.Number) }
	div := func(a, b *query.Node) *query.Node { return query.Apply(query.Div, query.Number, a, b) }
	add("n", agg(query.Agg{Fn: query.Count}))
	for _, fn := range []query.Fn{query.Sum, query.Mean, query.SD, query.MaxOf} {
		add(string(fn), agg(query.Agg{Fn: fn, Column: "amount"}))
	}
	add("recency", agg(query.Agg{Fn: query.DaysLast}))
	add("tenure", agg(query.Agg{Fn: query.DaysFirst}))
	is := func(column, value string) *query.Node {
		return query.Apply(query.Eq, query.Bool, query.FieldOf(column, query.Text), query.Str(value))
	}
	for _, d := range []int{7, 30, 90, 365} {
		w := query.Window{Span: kequn.Days(d)}
		add(fmt.Sprint("n", d), agg(query.Agg{Fn: query.Count, Window: w}))
		add(fmt.Sprint("sum", d), agg(query.Agg{Fn: query.Sum, Column: "amount", Window: w}))
		add(fmt.Sprint("mean", d), agg(query.Agg{Fn: query.Mean, Column: "amount", Window: w}))
		add(fmt.Sprint("categories", d), agg(query.Agg{Fn: query.Distinct, Column: "category", Window: w}))
		add(fmt.Sprint("web", d), agg(query.Agg{Fn: query.Count, Window: w, Where: is("channel", "web")}))
	}
	total := agg(query.Agg{Fn: query.Sum, Column: "amount"})
	for i := range 20 {
		name := fmt.Sprint("category", i)
		add(name, div(agg(query.Agg{Fn: query.Sum, Column: "amount", Where: is("category", name)}), total))
	}
	add("trend", query.Apply(query.Sub, query.Number, agg(query.Agg{Fn: query.Sum, Column: "amount", Window: query.Window{Span: kequn.Days(30)}}),
		agg(query.Agg{Fn: query.Sum, Column: "amount", Window: query.Window{Span: kequn.Days(60), Skip: kequn.Days(30)}})))
	add("slope", agg(query.Agg{Fn: query.Slope, Column: "amount"}))
	return out
}

// BenchmarkPanel computes 49 features. KEQUN_BENCH_ROWS sets the rows (default 200,000; the figures in bench/ are of 10,000,000).
func BenchmarkPanel(b *testing.B) {
	rows := 200_000
	if n, err := strconv.Atoi(os.Getenv("KEQUN_BENCH_ROWS")); err == nil {
		rows = n
	}
	s := newShop(rows, 32)
	for _, nCutoffs := range []int{1, 6} {
		r := engine.Request{Features: features49(), Threads: 2}
		for i := range nCutoffs {
			r.Cutoffs = append(r.Cutoffs, kequn.At(s.from.AddDate(0, 18+i, 0)))
		}
		b.Run(fmt.Sprintf("rows=%d,cutoffs=%d", rows, nCutoffs), func(b *testing.B) {
			b.ReportAllocs()
			panel := 0
			for b.Loop() {
				panel = 0
				if err := (Engine{}).Stream(context.Background(), s, r, func(p *engine.Panel) error { panel += p.NRows(); return nil }); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(panel), "panelrows")
		})
	}
}
