package rule

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"kequn"
	"kequn/internal/plan"
	"kequn/internal/query"
)

// SQL prints a rule as one readable statement for people who want to check it elsewhere. Its dialect is DuckDB's. Tables
// and columns are called as in the store's parts (_customer, _time, _known, _seq; times in UTC, money as decimals);
// literals are typed and quoted, and every atom is coalesce(…, false), so that a missing operand makes it false.
//
// Statements are for showing; engines that run SQL print their own.
func SQL(n *query.Node, c Catalogue, cutoff kequn.Cutoff) string {
	p := &sqlPrinter{datasets: c.Datasets, cutoff: cutoff, zone: c.Zone, person: "p"}
	if p.zone == nil {
		p.zone = time.UTC
	}
	var there []string
	for _, d := range c.Datasets {
		if d.Role == kequn.Events || d.Role == kequn.Orders || d.Role == kequn.Items {
			there = append(there, "  SELECT _customer FROM "+p.visible(&d, query.Window{}, "r", nil))
		}
	}
	if len(there) == 0 {
		for _, d := range c.Datasets {
			if d.Role == kequn.Customers {
				there = append(there, "  SELECT _customer FROM "+sqlName(d.Name))
			}
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "WITH people AS (\n%s\n)\nSELECT p._customer AS customer\nFROM people p\nWHERE ", strings.Join(there, "\n  UNION\n"))
	conditions := []*query.Node{n}
	if n.Op == query.And {
		conditions = n.Args
	}
	for i, c := range conditions {
		if i > 0 {
			b.WriteString("\n  AND ")
		}
		b.WriteString(p.truth(c))
	}
	b.WriteString("\nORDER BY 1")
	return b.String()
}

type sqlPrinter struct {
	datasets []plan.Dataset
	cutoff   kequn.Cutoff
	zone     *time.Location
	row      *plan.Dataset // inside where
	alias    string
	person   string // whose rows are meant: p, or q of a group's members
}

func sqlName(s string) string {
	plain := s != ""
	for i, r := range s {
		if !(r == '_' || r >= 'a' && r <= 'z' || i > 0 && r >= '0' && r <= '9') {
			plain = false
		}
	}
	if plain && !sqlReserved[s] {
		return s
	}
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}

// sqlReserved are words that are no names in SQL without quotes, of those that columns are called by.
var sqlReserved = map[string]bool{"order": true, "group": true, "select": true, "from": true, "where": true, "table": true, "user": true, "case": true, "when": true,
	"then": true, "else": true, "end": true, "desc": true, "asc": true, "limit": true, "offset": true, "union": true, "all": true, "and": true, "or": true, "not": true,
	"in": true, "is": true, "null": true, "true": true, "false": true, "default": true, "column": true, "check": true, "primary": true, "references": true, "distinct": true,
	"having": true, "join": true, "left": true, "right": true, "on": true, "using": true, "cast": true, "to": true, "values": true, "create": true, "window": true, "as": true, "any": true, "some": true, "both": true}

func sqlText(s string) string {
	if strings.ContainsRune(s, 0) {
		// NUL cannot stand in a literal.
		return "concat('" + strings.ReplaceAll(strings.ReplaceAll(s, "'", "''"), "\x00", "', chr(0), '") + "')"
	}
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}

func sqlTime(t kequn.Instant) string {
	return "TIMESTAMP '" + t.Time().Format("2006-01-02 15:04:05.999999") + "'"
}

// truth prints a condition that is never missing.
func (p *sqlPrinter) truth(n *query.Node) string {
	switch n.Op {
	case query.And, query.Or:
		parts := make([]string, len(n.Args))
		for i, a := range n.Args {
			parts[i] = p.truth(a)
		}
		return "(" + strings.Join(parts, map[query.Op]string{query.And: " AND ", query.Or: " OR "}[n.Op]) + ")"
	case query.Not:
		return "NOT " + p.truth(n.Args[0])
	case query.Const:
		return strings.ToUpper(strconv.FormatBool(n.Value.Bool))
	case query.SeqOp:
		return p.sequence(n.Seq)
	case query.Has:
		if n.Args[0].Type == query.Bool && n.Args[0].Op != query.Attr && n.Args[0].Op != query.Field && n.Args[0].Op != query.AggOp {
			return "TRUE"
		}
		return "(" + p.value(n.Args[0]) + " IS NOT NULL)"
	case query.AggOp:
		if n.Agg.Fn == query.Exists {
			return p.aggregate(n.Agg)
		}
	case query.If:
		return "CASE WHEN " + p.truth(n.Args[0]) + " THEN " + p.truth(n.Args[1]) + " ELSE " + p.truth(n.Args[2]) + " END"
	case query.In:
		if len(n.Args) == 1 {
			return "FALSE"
		}
		return "coalesce(" + p.value(n.Args[0]) + " IN (" + p.list(n.Args[1:]) + "), FALSE)"
	case query.Eq, query.Ne, query.Lt, query.Le, query.Gt, query.Ge:
		op := map[query.Op]string{query.Eq: "=", query.Ne: "<>"}[n.Op]
		if op == "" {
			op = string(n.Op)
		}
		return "coalesce(" + p.value(n.Args[0]) + " " + op + " " + p.value(n.Args[1]) + ", FALSE)"
	case query.Contains:
		return "coalesce(contains(" + p.list(n.Args) + "), FALSE)"
	case query.StartsWith:
		return "coalesce(starts_with(" + p.list(n.Args) + "), FALSE)"
	case query.EndsWith:
		return "coalesce(ends_with(" + p.list(n.Args) + "), FALSE)"
	case query.Matches:
		return "coalesce(regexp_matches(" + p.list(n.Args) + "), FALSE)"
	}
	return "coalesce(" + p.value(n) + ", FALSE)"
}

func (p *sqlPrinter) list(nodes []*query.Node) string {
	parts := make([]string, len(nodes))
	for i, n := range nodes {
		parts[i] = p.value(n)
	}
	return strings.Join(parts, ", ")
}

// value prints a value, NULL where missing.
func (p *sqlPrinter) value(n *query.Node) string {
	switch n.Op {
	case query.Const:
		switch n.Value.Type {
		case query.Number:
			if s := number(n.Value.Num); n.Value.Num < 0 {
				return "(" + s + ")"
			} else {
				return s
			}
		case query.Text:
			return sqlText(n.Value.Text)
		case query.Time:
			return sqlTime(n.Value.Time)
		}
	case query.Now:
		return sqlTime(p.cutoff)
	case query.Attr:
		return p.attribute(n)
	case query.Field:
		return p.column(p.row, p.alias, n.Name)
	case query.AggOp:
		return p.aggregate(n.Agg)
	case query.GroupOp:
		return p.group(n.Group)
	case query.LifeO:
		return p.lifecycle(n.Life)
	case query.If:
		return "CASE WHEN " + p.truth(n.Args[0]) + " THEN " + p.value(n.Args[1]) + " ELSE " + p.value(n.Args[2]) + " END"
	case query.Else:
		return "coalesce(" + p.list(n.Args) + ")"
	case query.Label:
		if n.Args[0].Type == query.Bool {
			return "CAST(" + p.truth(n.Args[0]) + " AS VARCHAR)"
		}
		return "CAST(" + p.value(n.Args[0]) + " AS VARCHAR)"
	case query.DaysBetween:
		return "((epoch_us(" + p.value(n.Args[1]) + ") - epoch_us(" + p.value(n.Args[0]) + ")) / 86400e6)"
	case query.YearsSince:
		x := p.local(p.value(n.Args[0]))
		return "(CASE WHEN " + p.value(n.Args[0]) + " <= " + sqlTime(p.cutoff) + " THEN date_part('year', age(" + p.local(sqlTime(p.cutoff)) + ", " + x + ")) END)"
	case query.Neg:
		return "(- " + p.value(n.Args[0]) + ")"
	case query.Abs:
		return "abs(" + p.value(n.Args[0]) + ")"
	case query.Log1p:
		x := p.value(n.Args[0])
		return "(CASE WHEN " + x + " > -1 THEN ln(1 + " + x + ") END)"
	case query.Min, query.Max:
		// SQL's least passes over missing operands; ours does not.
		parts := []string{}
		for _, a := range n.Args {
			parts = append(parts, p.value(a)+" IS NOT NULL")
		}
		return "(CASE WHEN " + strings.Join(parts, " AND ") + " THEN " + map[query.Op]string{query.Min: "least", query.Max: "greatest"}[n.Op] + "(" + p.list(n.Args) + ") END)"
	case query.Add, query.Sub, query.Mul, query.Div:
		parts := make([]string, len(n.Args))
		for i, a := range n.Args {
			parts[i] = p.value(a)
		}
		if n.Op == query.Div {
			return "(" + parts[0] + " / nullif(CAST(" + parts[1] + " AS DOUBLE), 0))"
		}
		return "(" + strings.Join(parts, " "+string(n.Op)+" ") + ")"
	}
	return p.truth(n)
}

// local prints a UTC time as the zone's wall clock shows it.
func (p *sqlPrinter) local(x string) string {
	if p.zone == time.UTC || p.zone.String() == "UTC" {
		return x
	}
	return "(" + x + " AT TIME ZONE 'UTC' AT TIME ZONE " + sqlText(p.zone.String()) + ")"
}

func (p *sqlPrinter) attribute(n *query.Node) string {
	if n.Dataset == "" {
		return p.person + "._customer"
	}
	d := p.dataset(n.Dataset)
	return "(SELECT " + p.column(d, "a", n.Name) + " FROM " + sqlName(n.Dataset) + " a WHERE a._customer = " + p.person + "._customer" + p.asOf(d, "a") + ")"
}

// asOf prints what picks the row known newest before the cutoff, of a dataset that says when its rows were known.
func (p *sqlPrinter) asOf(d *plan.Dataset, alias string) string {
	if d.With(kequn.ColKnownAt) == nil {
		return ""
	}
	return " AND " + alias + "._known < " + sqlTime(p.cutoff) + " ORDER BY " + alias + "._known DESC, " + alias + "._seq DESC LIMIT 1"
}

func (p *sqlPrinter) dataset(name string) *plan.Dataset {
	for i := range p.datasets {
		if p.datasets[i].Name == name {
			return &p.datasets[i]
		}
	}
	return &plan.Dataset{Name: name, Role: kequn.Customers}
}

// column prints a column of the row that an alias stands for, through its lookup if it has one.
func (p *sqlPrinter) column(d *plan.Dataset, alias, name string) string {
	base, at, attribute, err := plan.LookupOf(p.datasets, d.Columns, name)
	if err != nil || at < 0 {
		return alias + "." + sqlName(name)
	}
	l := p.datasets[at]
	return "(SELECT l." + sqlName(attribute) + " FROM " + sqlName(l.Name) + " l WHERE l." + sqlName(l.With(kequn.ColKey).Name) + " = " + alias + "." + sqlName(base) + p.asOf(&l, "l") + ")"
}

// visible prints the rows of a dataset in a window that were known by then and meet a condition, for everybody.
func (p *sqlPrinter) visible(d *plan.Dataset, w query.Window, alias string, where *query.Node) string {
	return sqlName(d.Name) + " " + alias + " WHERE " + strings.Join(p.conditions(d, w, alias, where), " AND ")
}

func (p *sqlPrinter) conditions(d *plan.Dataset, w query.Window, alias string, where *query.Node) []string {
	world := World{Cutoff: p.cutoff, Zone: p.zone}
	from, to := world.bounds(w)
	var out []string
	if !w.Span.IsZero() || w.Ahead {
		out = append(out, alias+"._time >= "+sqlTime(from))
	}
	out = append(out, alias+"._time < "+sqlTime(to))
	if d.With(kequn.ColKnownAt) != nil && !w.Ahead {
		out = append(out, alias+"._known < "+sqlTime(p.cutoff))
	}
	if where != nil {
		row, old := p.row, p.alias
		p.row, p.alias = d, alias
		out = append(out, p.truth(where))
		p.row, p.alias = row, old
	}
	return out
}

// from prints FROM and WHERE for the rows of the customer at hand.
func (p *sqlPrinter) from(d *plan.Dataset, w query.Window, alias string, where *query.Node, more ...string) string {
	conditions := append([]string{alias + "._customer = " + p.person + "._customer"}, p.conditions(d, w, alias, where)...)
	return " FROM " + sqlName(d.Name) + " " + alias + " WHERE " + strings.Join(append(conditions, more...), " AND ")
}

func (p *sqlPrinter) aggregate(a *query.Agg) string {
	d := p.dataset(a.Dataset)
	alias := rowName(a.Dataset)
	if alias == "p" || alias == "l" {
		alias = "r"
	}
	var x string
	var has []string
	if a.Column != "" {
		x = p.column(d, alias, a.Column)
		has = []string{x + " IS NOT NULL"}
	}
	t := alias + "._time"
	rows := p.from(d, a.Window, alias, a.Where, has...)
	order := " ORDER BY " + alias + "._time%[1]s, " + alias + "._known%[1]s, " + alias + "._seq%[1]s LIMIT 1"
	day := "CAST(" + p.local(t) + " AS DATE)"
	sinceCutoff := func(fold string) string {
		return "(SELECT (epoch_us(" + sqlTime(p.cutoff) + ") - epoch_us(" + fold + "(" + t + "))) / 86400e6" + rows + ")"
	}
	fold := func(expr string) string { return "(SELECT " + expr + rows + ")" }
	switch a.Fn {
	case query.Count:
		rows = p.from(d, a.Window, alias, a.Where)
		if col := d.With(kequn.ColOrder); col != nil && !a.Lines {
			id := alias + "." + sqlName(col.Name)
			return fold("count(DISTINCT " + id + ") + count(*) FILTER (WHERE " + id + " IS NULL)")
		}
		return fold("count(*)")
	case query.Exists:
		return "EXISTS (SELECT 1" + rows + ")"
	case query.Sum:
		return fold("coalesce(sum(" + x + "), 0)")
	case query.Mean:
		return fold("avg(" + x + ")")
	case query.MinOf:
		return fold("min(" + x + ")")
	case query.MaxOf:
		return fold("max(" + x + ")")
	case query.SD:
		return fold("stddev_samp(" + x + ")")
	case query.Distinct:
		return fold("count(DISTINCT " + x + ")")
	case query.First:
		return "(SELECT " + x + rows + fmt.Sprintf(order, "") + ")"
	case query.Last:
		return "(SELECT " + x + rows + fmt.Sprintf(order, " DESC") + ")"
	case query.Mode:
		return "(SELECT " + x + rows + " GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1)"
	case query.ModeShare:
		return "(SELECT CAST(max(n) AS DOUBLE) / sum(n) FROM (SELECT count(*) AS n" + rows + " GROUP BY " + x + "))"
	case query.Entropy:
		return "(SELECT - sum(n / total * ln(n / total)) FROM (SELECT count(*) AS n, sum(count(*)) OVER () AS total" + rows + " GROUP BY " + x + "))"
	case query.DaysFirst:
		return sinceCutoff("min")
	case query.DaysLast:
		return sinceCutoff("max")
	case query.ActiveDays:
		return fold("count(DISTINCT " + day + ")")
	case query.GapMean:
		return fold("CAST(max(" + day + ") - min(" + day + ") AS DOUBLE) / nullif(count(DISTINCT " + day + ") - 1, 0)")
	case query.GapSD:
		return "(SELECT stddev_samp(gap) FROM (SELECT day - lag(day) OVER (ORDER BY day) AS gap FROM (SELECT DISTINCT " + day + " AS day" + rows + ")))"
	case query.Slope:
		return fold("CASE WHEN min(" + t + ") < max(" + t + ") THEN regr_slope(" + x + ", epoch_us(" + t + ") / (30 * 86400e6)) END")
	case query.Weekend:
		return fold("avg(CASE WHEN isodow(" + p.local(t) + ") >= 6 THEN 1.0 ELSE 0.0 END)")
	case query.Night:
		return fold("avg(CASE WHEN hour(" + p.local(t) + ") >= 22 OR hour(" + p.local(t) + ") < 6 THEN 1.0 ELSE 0.0 END)")
	case query.HourMean:
		angle := "pi() / 12 * epoch(" + p.local(t) + " - date_trunc('day', " + p.local(t) + ")) / 3600"
		return "(SELECT CASE WHEN sqrt(x * x + y * y) >= 1e-9 THEN (atan2(y, x) * 12 / pi() + 24) % 24 END FROM (SELECT avg(cos(" + angle + ")) AS x, avg(sin(" + angle + ")) AS y" + rows + "))"
	case query.GapLast, query.GapRecent, query.GapMax:
		gaps := " FROM (SELECT day - lag(day) OVER (ORDER BY day) AS gap, row_number() OVER (ORDER BY day DESC) AS back FROM (SELECT DISTINCT " + day + " AS day" + rows + "))"
		return "(SELECT " + map[query.Fn]string{query.GapLast: "gap" + gaps + " WHERE back = 1", query.GapRecent: "avg(gap)" + gaps + " WHERE back <= 3", query.GapMax: "max(gap)" + gaps}[a.Fn] + ")"
	case query.SessionMinutes, query.SessionLongest, query.SessionsWith, query.SessionsEnding:
		return p.sessions(a, d, alias, rows)
	case query.HourEntropy, query.WeekdayEntropy:
		part := map[query.Fn]string{query.HourEntropy: "hour(", query.WeekdayEntropy: "isodow("}[a.Fn] + p.local(t) + ")"
		return "(SELECT - sum(n / total * ln(n / total)) FROM (SELECT count(*) AS n, sum(count(*)) OVER () AS total" + rows + " GROUP BY " + part + "))"
	case query.MonthTurn:
		return fold("avg(CASE WHEN day(" + p.local(t) + ") >= 25 OR day(" + p.local(t) + ") <= 5 THEN 1.0 ELSE 0.0 END)")
	case query.SameMonth, query.SameQuarter:
		part := map[query.Fn]string{query.SameMonth: "month(", query.SameQuarter: "quarter("}[a.Fn]
		return fold("avg(CASE WHEN " + part + p.local(t) + ") = " + part + p.local(sqlTime(p.cutoff)) + ") THEN 1.0 ELSE 0.0 END)")
	case query.Fresh:
		from, _ := (&World{Cutoff: p.cutoff, Zone: p.zone}).bounds(a.Window)
		if a.Window.Span.IsZero() {
			return fold("count(DISTINCT " + x + ")")
		}
		return "(SELECT count(*) FROM (SELECT min(" + t + ") AS first" + p.from(d, query.Window{Skip: a.Window.Skip}, alias, a.Where, has...) + " GROUP BY " + x + ") WHERE first >= " + sqlTime(from) + ")"
	case query.OrderMean, query.OrderSD, query.OrderMax, query.OrderLast, query.OrderSlope, query.OrderSingle, query.OrderDistinct:
		return p.orders(a, d, alias, x, rows)
	case query.Answered, query.Unanswered:
		then := p.dataset(a.Then.Dataset)
		end := "answer._time < " + t + " + INTERVAL '" + strconv.FormatInt(a.Within.Exact.Microseconds(), 10) + "' MICROSECOND"
		if a.Within.Days > 0 {
			end = p.local("answer._time") + " < " + p.local(t) + " + INTERVAL " + strconv.Itoa(a.Within.Days) + " DAY"
		}
		hit := "EXISTS (SELECT 1" + p.from(then, query.Window{}, "answer", a.Then.Where, "answer._time >= "+t, end) + ")"
		if a.Fn == query.Answered {
			return fold("count(*) FILTER (WHERE " + hit + ")")
		}
		return "(SELECT coalesce(min(back) FILTER (WHERE hit) - 1, count(*)) FROM (SELECT row_number() OVER (ORDER BY " + t + " DESC, " + alias + "._known DESC, " + alias + "._seq DESC) AS back, " + hit + " AS hit" + rows + "))"
	case query.Sessions:
		return "(SELECT count(*) FILTER (WHERE before IS NULL OR t - before > INTERVAL 30 MINUTE) FROM (SELECT " + t + " AS t, lag(" + t + ") OVER (ORDER BY " + t + ") AS before" + rows + "))"
	}
	return "NULL"
}

// sessions prints a fold of sessions: rows with the number of the pause before them, by that number.
func (p *sqlPrinter) sessions(a *query.Agg, d *plan.Dataset, alias, rows string) string {
	hit := "FALSE"
	if a.Hit != nil {
		row, old := p.row, p.alias
		p.row, p.alias = d, alias
		hit = p.truth(a.Hit)
		p.row, p.alias = row, old
	}
	place := alias + "._time, " + alias + "._known, " + alias + "._seq"
	numbered := "(SELECT t, place, hit, sum(CASE WHEN t - before > INTERVAL 30 MINUTE THEN 1 ELSE 0 END) OVER (ORDER BY place) AS session FROM (SELECT " + alias + "._time AS t, row_number() OVER (ORDER BY " +
		place + ") AS place, " + hit + " AS hit, lag(" + alias + "._time) OVER (ORDER BY " + place + ") AS before" + rows + "))"
	switch a.Fn {
	case query.SessionsWith:
		return "(SELECT count(*) FROM (SELECT bool_or(hit) AS hit FROM " + numbered + " GROUP BY session) WHERE hit)"
	case query.SessionsEnding:
		return "(SELECT count(*) FROM (SELECT arg_max(hit, place) AS hit FROM " + numbered + " GROUP BY session) WHERE hit)"
	}
	fold := map[query.Fn]string{query.SessionMinutes: "avg", query.SessionLongest: "max"}[a.Fn]
	return "(SELECT " + fold + "(minutes) FROM (SELECT (epoch_us(max(t)) - epoch_us(min(t))) / 60e6 AS minutes FROM " + numbered + " GROUP BY session))"
}

// orders prints a fold of orders: rows grouped by the order column, those without one by themselves.
func (p *sqlPrinter) orders(a *query.Agg, d *plan.Dataset, alias, x, rows string) string {
	by := alias + "._seq"
	if col := d.With(kequn.ColOrder); col != nil {
		id := alias + "." + sqlName(col.Name)
		by = id + ", CASE WHEN " + id + " IS NULL THEN " + alias + "._seq END"
	}
	value, kinds := "0", "0"
	switch a.Fn {
	case query.OrderDistinct:
		kinds = "count(DISTINCT " + x + ")"
	case query.OrderSingle:
	default:
		value = "sum(" + x + ")"
	}
	orders := " FROM (SELECT " + value + " AS v, " + kinds + " AS kinds, count(*) AS n, min(" + alias + "._time) AS t, min(row(" + alias + "._time, " + alias + "._known, " + alias + "._seq)) AS place" + rows + " GROUP BY " + by + ")"
	switch a.Fn {
	case query.OrderMean:
		return "(SELECT avg(v)" + orders + ")"
	case query.OrderSD:
		return "(SELECT stddev_samp(v)" + orders + ")"
	case query.OrderMax:
		return "(SELECT max(v)" + orders + ")"
	case query.OrderLast:
		return "(SELECT v" + orders + " ORDER BY place DESC LIMIT 1)"
	case query.OrderSlope:
		return "(SELECT CASE WHEN min(t) < max(t) THEN regr_slope(v, epoch_us(t) / (30 * 86400e6)) END" + orders + ")"
	case query.OrderSingle:
		return "(SELECT avg(CASE WHEN n = 1 THEN 1.0 ELSE 0.0 END)" + orders + ")"
	}
	return "(SELECT avg(kinds)" + orders + ")"
}

func (p *sqlPrinter) lifecycle(l *query.Lifecycle) string {
	two := kequn.Span{Days: 2 * l.Period.Days, Exact: 2 * l.Period.Exact}
	some := func(w query.Window) string {
		return p.aggregate(&query.Agg{Dataset: l.Dataset, Fn: query.Exists, Window: w, Where: l.Where})
	}
	last, previous, earlier := some(query.Window{Span: l.Period}), some(query.Window{Span: two, Skip: l.Period}), some(query.Window{Skip: two})
	return "(CASE WHEN " + last + " THEN CASE WHEN " + previous + " THEN 'regular' WHEN " + earlier + " THEN 'back' ELSE 'first' END WHEN " +
		previous + " THEN 'stopped' WHEN " + earlier + " THEN 'dormant' ELSE 'never' END)"
}

// sequence prints one row per step, each later than the one before, and no forbidden row between the first and the last.
func (p *sqlPrinter) sequence(s *query.Sequence) string {
	var from, conditions []string
	for i, step := range s.Steps {
		d, alias := p.dataset(step.Dataset), "s"+strconv.Itoa(i+1)
		from = append(from, sqlName(step.Dataset)+" "+alias)
		conditions = append(conditions, alias+"._customer = "+p.person+"._customer")
		conditions = append(conditions, p.conditions(d, s.Window, alias, step.Where)...)
		if s.Same != "" {
			if x := p.column(d, alias, s.Same); i == 0 {
				conditions = append(conditions, x+" IS NOT NULL")
			} else {
				conditions = append(conditions, x+" = "+p.column(p.dataset(s.Steps[0].Dataset), "s1", s.Same))
			}
		}
		if i == 0 {
			continue
		}
		before := "s" + strconv.Itoa(i)
		conditions = append(conditions, p.later(step.Dataset, alias, s.Steps[i-1].Dataset, before))
		if !s.Gap.IsZero() {
			conditions = append(conditions, p.within(s.Gap, before, alias))
		}
	}
	first, last := s.Steps[0].Dataset, s.Steps[len(s.Steps)-1].Dataset
	for _, step := range s.Without {
		d := p.dataset(step.Dataset)
		between := append(p.conditions(d, s.Window, "x", step.Where), p.later(step.Dataset, "x", first, "s1"), p.later(last, "s"+strconv.Itoa(len(s.Steps)), step.Dataset, "x"))
		conditions = append(conditions, "NOT EXISTS (SELECT 1 FROM "+sqlName(step.Dataset)+" x WHERE x._customer = "+p.person+"._customer AND "+strings.Join(between, " AND ")+")")
	}
	return "EXISTS (SELECT 1 FROM " + strings.Join(from, ", ") + " WHERE " + strings.Join(conditions, " AND ") + ")"
}

// within prints that b is at most a span after a; days are the zone's calendar days.
func (p *sqlPrinter) within(gap kequn.Span, a, b string) string {
	if gap.Days == 0 {
		return fmt.Sprintf("%s._time <= %s._time + INTERVAL %d MICROSECOND", b, a, gap.Exact.Microseconds())
	}
	return fmt.Sprintf("%s <= %s + INTERVAL %d DAY", p.local(b+"._time"), p.local(a+"._time"), gap.Days)
}

// later prints that row b comes after row a: by time, then by the datasets' order in the plan, then by the store's order.
func (p *sqlPrinter) later(datasetB, b, datasetA, a string) string {
	at := func(name string) int {
		return slices.IndexFunc(p.datasets, func(d plan.Dataset) bool { return d.Name == name })
	}
	switch i, j := at(datasetA), at(datasetB); {
	case i == j:
		return fmt.Sprintf("(%[1]s._time, %[1]s._known, %[1]s._seq) > (%[2]s._time, %[2]s._known, %[2]s._seq)", b, a)
	case i < j:
		return b + "._time >= " + a + "._time"
	}
	return b + "._time > " + a + "._time"
}
