package pipeline

import (
	"context"
	"math"
	"slices"
	"strings"

	"kequn"
	"kequn/internal/engine"
	"kequn/internal/measure"
	"kequn/internal/plan"
	"kequn/internal/query"
	"kequn/internal/receipt"
	"kequn/internal/segment"
)

// ReportData is everything that a report shows, as the steps left it: aggregates only.
type ReportData struct {
	Name      string
	Created   string
	Cutoff    string
	First     string
	Last      string
	Customers int
	Currency  string
	Sealed    bool

	Loads    []LoadedFile
	Months   []Month
	Segments []*segment.Segmentation
	Goals    []*Prediction
	Decision []DecisionData
}

// Month is what was bought in one calendar month.
type Month struct {
	Name            string
	Orders, Revenue float64
}

// DecisionData is a campaign's newest receipt, and what came of it.
type DecisionData struct {
	ID      string
	Receipt *receipt.Receipt
	Result  *measure.Result
}

// ReportData collects what the newest state knows.
func (s *Shop) ReportData(ctx context.Context) (*ReportData, error) {
	v, err := s.look()
	if err != nil {
		return nil, err
	}
	ask, err := v.cutoff("")
	if err != nil {
		return nil, err
	}
	first, last := v.span()
	d := &ReportData{Name: folderName(s.Dir), Created: s.Now().In(v.zone).Format("2006-01-02 15:04"), Cutoff: day(ask, v), First: day(first, v), Last: day(last, v), Currency: s.Plan.Currency, Sealed: s.Sealed()}
	if err := s.readDoc("loads", &d.Loads); err != nil {
		return nil, err
	}
	d.Loads = summed(d.Loads)
	if d.Customers, d.Months, err = s.months(ctx, v, ask); err != nil {
		return nil, err
	}
	for _, p := range s.Plan.Segments {
		var doc segmentDoc
		if err := s.readDoc("segment."+p.Name, &doc); err != nil {
			return nil, err
		}
		if doc.Segmentation != nil {
			d.Segments = append(d.Segments, doc.Segmentation)
		}
	}
	for _, g := range s.Plan.Goals {
		if why := skipped(v.snap, "goal."+g.Name); why != "" {
			d.Goals = append(d.Goals, &Prediction{Goal: g, Name: g.Name, Task: g.Task(), Skipped: why})
			continue
		}
		var doc goalDoc
		if err := s.readDoc("goal."+g.Name, &doc); err != nil {
			return nil, err
		}
		if doc.Prediction != nil {
			doc.Prediction.Goal, doc.Prediction.WhyZH, doc.Prediction.WhyEN = doc.Goal, doc.WhyZH, doc.WhyEN
			d.Goals = append(d.Goals, doc.Prediction)
		}
	}
	d.Decision, err = s.decisions(v)
	return d, err
}

// summed adds up the loads of each dataset, in order of first loading. A file that was loaded again adds nothing.
func summed(loads []LoadedFile) []LoadedFile {
	var out []LoadedFile
	for _, l := range loads {
		if l.Again {
			continue
		}
		i := slices.IndexFunc(out, func(x LoadedFile) bool { return x.Name == l.Name })
		if i < 0 {
			out = append(out, l)
			continue
		}
		o := &out[i]
		o.Read, o.Kept, o.Rejected, o.Duplicate = o.Read+l.Read, o.Kept+l.Kept, o.Rejected+l.Rejected, o.Duplicate+l.Duplicate
		o.Why, o.Odd = addTallies(o.Why, l.Why), addTallies(o.Odd, l.Odd)
	}
	return out
}

func addTallies(a, b []Tally) []Tally {
	for _, t := range b {
		if i := slices.IndexFunc(a, func(x Tally) bool { return x.Reason == t.Reason && x.Column == t.Column }); i >= 0 {
			a[i].Rows += t.Rows
		} else {
			a = append(a, t)
		}
	}
	return a
}

// maxMonths is how many months the report looks back.
const maxMonths = 18

// months counts orders and revenue of the last months, and the customers with an event before the cutoff, in one pass.
func (s *Shop) months(ctx context.Context, v *view, ask kequn.Cutoff) (customers int, out []Month, err error) {
	orders := v.purchases()
	r := engine.Request{Cutoffs: []kequn.Cutoff{ask}, Zone: v.zone, Threads: s.Threads}
	first, _ := v.span()
	var money []int
	if orders != nil {
		end := ask
		for i := 0; i < maxMonths && end > first; i++ {
			begin := kequn.Midnight(end-1, v.zone)
			begin = kequn.Days(begin.Time().In(v.zone).Day()-1).Before(begin, v.zone)
			w := query.Window{Span: exact(ask - begin), Skip: exact(ask - end)}
			out = append(out, Month{Name: begin.Time().In(v.zone).Format("2006-01")})
			r.Features = append(r.Features, monthly(orders, query.Count, "", w, len(r.Features)))
			money = append(money, -1)
			if a := orders.With(kequn.ColAmount); a != nil {
				money[i] = len(r.Features)
				r.Features = append(r.Features, monthly(orders, query.Sum, a.Name, w, len(r.Features)))
			}
			end = begin
		}
	}
	sums := make([]float64, len(r.Features))
	err = s.Engine.Stream(ctx, v.data, r, func(p *engine.Panel) error {
		customers += p.NRows()
		for k, c := range p.X.Columns {
			for _, x := range c.Num {
				if !math.IsNaN(x) {
					sums[k] += x
				}
			}
		}
		return nil
	})
	k := 0
	for i := range out {
		out[i].Orders = sums[k]
		k++
		if money[i] >= 0 {
			out[i].Revenue = sums[k]
			k++
		}
	}
	slices.Reverse(out)
	return customers, out, err
}

func monthly(d *plan.Dataset, fn query.Fn, column string, w query.Window, i int) query.Feature {
	return query.Feature{Name: "m" + number(float64(i)), Node: query.AggOf(query.Agg{Dataset: d.Name, Column: column, Fn: fn, Window: w}, query.Number)}
}

func exact(length kequn.Instant) kequn.Span {
	return kequn.Span{Exact: asDuration(length)}
}

func day(i kequn.Instant, v *view) string { return i.Time().In(v.zone).Format("2006-01-02") }

// folderName returns the workspace's name: its folder's.
func folderName(dir string) string {
	name := baseName(dir)
	if strings.Trim(name, ".") == "" {
		return "kequn"
	}
	return name
}
