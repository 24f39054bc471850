// Package feature turns events before a cutoff into one row per customer: the automatic definitions, and what they mean.
//
// Definitions follow from the roles of datasets and columns, and from a profile of the rows known before the earliest
// cutoff, which says which types and categories are common. They are trees of package query; engines compute them.
// Goals become definitions here too: see [Outcome].
package feature

import (
	"fmt"
	"strings"

	"kequn"
	"kequn/internal/engine"
	"kequn/internal/plan"
	"kequn/internal/query"
	"kequn/internal/table"
)

// Options bound the automatic set. The zero value is the usual one.
type Options struct {
	Windows  []kequn.Span // default 7, 30, 90 and 365 days; those longer than the history before the profile's cutoff are left out
	Top      int          // types and categories that get columns of their own; default 8
	Currency string       // of amounts that name none
}

func (o Options) withDefaults() Options {
	if len(o.Windows) == 0 {
		o.Windows = []kequn.Span{kequn.Days(7), kequn.Days(30), kequn.Days(90), kequn.Days(365)}
	}
	if o.Top == 0 {
		o.Top = 8
	}
	return o
}

// Automatic returns the automatic features of datasets, in a fixed order and with different names: who customers are, what
// they do, what they buy and how we contacted them. Sensitive ones are among them, marked. Datasets without a row in the
// profile give none, so that a feature never is missing for everybody it was chosen for.
func Automatic(datasets []engine.Dataset, profile *Profile, opts Options) []query.Feature {
	b := &builder{datasets: datasets, profile: profile, opts: opts.withDefaults(), used: map[string]bool{}}
	for i := range datasets {
		b.plans = append(b.plans, datasets[i].Dataset)
	}
	hasOrders := false
	for i := range datasets {
		hasOrders = hasOrders || datasets[i].Role == kequn.Orders && b.begin(&datasets[i])
	}
	for i := range datasets {
		if d := &datasets[i]; d.Role == kequn.Customers && !strings.HasPrefix(d.Name, "_") {
			b.personal(d)
		}
	}
	for i := range datasets {
		d := &datasets[i]
		if !d.Role.HasTime() || !b.begin(d) {
			continue
		}
		switch d.Role {
		case kequn.Orders:
			b.purchases()
			b.categories()
		case kequn.Items:
			if !hasOrders {
				b.purchases()
			}
			b.categories()
		case kequn.Events:
			b.behaviour()
		case kequn.Sends:
			b.contacts()
		}
	}
	for i := range datasets {
		if d := &datasets[i]; d.Role == kequn.Customers && !strings.HasPrefix(d.Name, "_") {
			b.groups(d)
		}
	}
	return b.out
}

// window is a stretch before the cutoff with its words.
type window struct {
	query.Window
	suffix, zh, en string
}

var ever = window{suffix: "ever", zh: "至今", en: "so far"}

func spanWindow(s kequn.Span) window {
	w := window{Window: query.Window{Span: s}, suffix: s.String()}
	if s.Exact == 0 {
		w.zh, w.en = fmt.Sprintf("过去 %d 天", s.Days), fmt.Sprintf("in the last %d days", s.Days)
		if s.Days == 1 {
			w.en = "in the last day"
		}
		return w
	}
	w.zh, w.en = "过去 "+s.String(), "in the last "+s.String()
	return w
}

// builder makes features of one dataset after the other.
type builder struct {
	datasets []engine.Dataset
	plans    []plan.Dataset
	profile  *Profile
	opts     Options
	used     map[string]bool
	out      []query.Feature

	// The dataset at hand.
	d       *engine.Dataset
	set     SetProfile
	prefix  string   // of names
	windows []window // that history fills, shortest first, ever last
	long    []window // the one nearest to 90 days, and ever
}

// begin turns to a dataset; false where the profile has no row of it.
func (b *builder) begin(d *engine.Dataset) bool {
	b.d, b.set, b.prefix = d, b.profile.Set(d.Name), clean(d.Name)
	if b.set.Rows == 0 {
		return false
	}
	history := kequn.Instant(0)
	if b.set.First != kequn.NoTime {
		history = b.profile.Cutoff - b.set.First
	}
	b.windows, b.long = nil, nil
	for _, s := range b.opts.Windows {
		if kequn.Instant(s.Duration().Microseconds()) <= history {
			b.windows = append(b.windows, spanWindow(s))
		}
	}
	if n := len(b.windows); n > 0 {
		b.long = append(b.long, b.windows[min(2, n-1)])
	}
	b.windows, b.long = append(b.windows, ever), append(b.long, ever)
	return true
}

func (b *builder) add(f query.Feature) {
	f.TextZH = strings.TrimSpace(f.TextZH) // some begin with a name, which has a space before it elsewhere
	name := f.Name
	for i := 2; b.used[f.Name]; i++ {
		f.Name = fmt.Sprintf("%s_%d", name, i)
	}
	b.used[f.Name] = true
	b.out = append(b.out, f)
}

// agg is an aggregate of the dataset at hand.
func (b *builder) agg(fn query.Fn, column string, w window, where *query.Node) *query.Node {
	t := query.Number
	switch {
	case fn == query.Mode:
		t = query.Text
	case fn == query.Exists:
		t = query.Bool
	}
	return query.AggOf(query.Agg{Dataset: b.d.Name, Column: column, Fn: fn, Window: w.Window, Where: where}, t)
}

func (b *builder) source(columns ...string) []string {
	out := []string{}
	for _, c := range columns {
		if c != "" {
			out = append(out, b.d.Name+"."+c)
		}
	}
	return out
}

func (b *builder) timeColumn() string {
	if c := b.d.With(kequn.ColTime); c != nil {
		return c.Name
	}
	return engine.TimeColumn
}

func divide(x, y *query.Node) *query.Node { return query.Apply(query.Div, query.Number, x, y) }
func plus(x, y *query.Node) *query.Node   { return query.Apply(query.Add, query.Number, x, y) }
func both(x, y *query.Node) *query.Node {
	switch {
	case x == nil:
		return y
	case y == nil:
		return x
	}
	return query.Apply(query.And, query.Bool, x, y)
}

func equals(column, value string) *query.Node {
	return query.Apply(query.Eq, query.Bool, query.FieldOf(column, query.Text), query.Str(value))
}

const (
	noRows  = "nothing of the kind in the window"
	tooFew  = "too few rows in the window"
	noValue = "unknown at the cutoff"
	never0  = "never missing: nothing counts as 0"
)

// currency returns the unit of a column's money.
func (b *builder) currency(c *plan.Column) string {
	if c != nil && c.Currency != "" {
		return c.Currency
	}
	if b.opts.Currency != "" {
		return b.opts.Currency
	}
	return "money"
}

// rhythm adds when things happen: recency, gaps, seasons, and how the recent pace compares with the one before. noun names one thing in both languages, with its plural.
func (b *builder) rhythm(where *query.Node, stem, zh, en, plural string) {
	src := b.source(b.timeColumn())
	b.add(query.Feature{Name: "days_since_last_" + stem, Node: b.agg(query.DaysLast, "", ever, where), Kind: query.Behaviour, Unit: "days", Missing: "no " + en + " yet", Sources: src,
		TextZH: "距最近一次" + zh + "的天数", TextEN: "days since the last " + en})
	b.add(query.Feature{Name: "days_since_first_" + stem, Node: b.agg(query.DaysFirst, "", ever, where), Kind: query.Behaviour, Unit: "days", Missing: "no " + en + " yet", Sources: src,
		TextZH: "距首次" + zh + "的天数", TextEN: "days since the first " + en})
	for _, w := range b.windows {
		b.add(query.Feature{Name: stem + "_active_days_" + w.suffix, Node: b.agg(query.ActiveDays, "", w, where), Kind: query.Behaviour, Unit: "days", Missing: never0, Sources: src,
			TextZH: w.zh + "有" + zh + "的天数", TextEN: "days with " + plural + " " + w.en})
	}
	gap := b.agg(query.GapMean, "", ever, where)
	b.add(query.Feature{Name: stem + "_gap_mean", Node: gap, Kind: query.Behaviour, Unit: "days", Missing: "fewer than two active days", Sources: src,
		TextZH: "两次" + zh + "之间的平均天数", TextEN: "mean days between " + plural})
	b.add(query.Feature{Name: stem + "_gap_sd", Node: b.agg(query.GapSD, "", ever, where), Kind: query.Behaviour, Unit: "days", Missing: "fewer than three active days", Sources: src,
		TextZH: zh + "间隔天数的标准差", TextEN: "standard deviation of days between " + plural})
	b.add(query.Feature{Name: stem + "_overdue", Node: divide(b.agg(query.DaysLast, "", ever, where), gap), Kind: query.Behaviour, Unit: "gaps", Missing: "fewer than two active days", Sources: src,
		TextZH: "距最近一次" + zh + "的时间（以平均间隔计）", TextEN: "time since the last " + en + ", in mean gaps"})
	for _, w := range b.windows[:len(b.windows)-1] {
		if w.Span.Days != 30 && w.Span.Days != 90 || kequn.Instant(2*w.Span.Duration().Microseconds()) > b.profile.Cutoff-b.set.First {
			continue
		}
		before := window{Window: query.Window{Span: kequn.Days(2 * w.Span.Days), Skip: w.Span}}
		b.add(query.Feature{Name: stem + "_trend_" + w.suffix, Node: divide(b.agg(query.Count, "", w, where), b.agg(query.Count, "", before, where)), Kind: query.Behaviour, Unit: "ratio",
			Missing: fmt.Sprintf("none in the %d days before", w.Span.Days), Sources: src,
			TextZH: fmt.Sprintf("近 %d 天%s数与前 %d 天之比", w.Span.Days, zh, w.Span.Days), TextEN: fmt.Sprintf("%s of the last %d days over those of the %d before", plural, w.Span.Days, w.Span.Days)})
	}
	if b.profile.Cutoff-b.set.First >= kequn.Instant((395 * kequn.Day).Microseconds()) {
		last := window{Window: query.Window{Span: kequn.Days(365), Skip: kequn.Days(335)}}
		b.add(query.Feature{Name: stem + "_count_year_ago", Node: b.agg(query.Count, "", last, where), Kind: query.Behaviour, Unit: unitOf(plural), Missing: never0, Sources: src,
			TextZH: "去年同期未来 30 天的" + zh + "数", TextEN: plural + " of the coming 30 days, a year ago"})
	}
	for _, w := range b.long {
		b.add(query.Feature{Name: stem + "_weekend_share_" + w.suffix, Node: b.agg(query.Weekend, "", w, where), Kind: query.Behaviour, Unit: "share", Missing: noRows, Sources: src,
			TextZH: w.zh + zh + "在周末的占比", TextEN: "share of " + plural + " at the weekend " + w.en})
	}
	b.pauses(where, stem, zh, en, plural)
	b.seasons(where, stem, zh, plural)
}

// unitOf is the unit of a count.
func unitOf(plural string) string {
	if i := strings.LastIndexByte(plural, ' '); i >= 0 {
		return plural[i+1:]
	}
	return plural
}

// column is a column of the dataset at hand, or an attribute of a lookup through one.
type column struct {
	plan.Column
	name    string // as in definitions
	stem    string // as in feature names
	profile ColumnProfile
}

// columns returns the columns of the dataset at hand that hold one of the kinds, those of lookups last.
func (b *builder) columns(want func(c plan.Column) bool) []column {
	var out []column
	for _, c := range b.d.Columns {
		if usable(c) && want(c) {
			out = append(out, column{c, c.Name, clean(c.Name), b.set.Column(c.Name)})
		}
	}
	for _, c := range b.d.Columns {
		for _, a := range lookupAttributes(b.plans, b.d.Columns, c) {
			if want(a) {
				name := c.Name + "." + a.Name
				out = append(out, column{a, name, clean(a.Name), b.set.Column(name)})
			}
		}
	}
	return out
}

func isClass(c plan.Column) bool {
	return c.Kind.InCode() && (c.Role == kequn.ColCategory || c.Role == kequn.ColAttribute || c.Role == kequn.ColType)
}

func isAmount(c plan.Column) bool { return !c.Kind.InCode() && c.Kind != table.Time }
