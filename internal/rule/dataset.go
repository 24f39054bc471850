package rule

import (
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"

	"kequn"
	"kequn/internal/plan"
	"kequn/internal/query"
	"kequn/internal/table"
)

// selectionOf is rows of a dataset, or a sequence, that methods are still narrowing down.
type selectionOf struct {
	d     *plan.Dataset // of rows
	where *query.Node

	seq *query.Sequence

	window  query.Window
	hasTime bool // a window was given
}

// fold is a method that ends a chain with a value.
type fold struct {
	fn     query.Fn
	column string // kinds of column wanted: "" none, "number", "ordered", "text" or "any"; or "condition" on rows, "answer" of other rows
}

var folds = map[string]fold{
	"count": {query.Count, ""}, "lines": {query.Count, ""}, "exists": {query.Exists, ""},
	"sum": {query.Sum, "number"}, "mean": {query.Mean, "number"}, "avg": {query.Mean, "number"},
	"min": {query.MinOf, "ordered"}, "max": {query.MaxOf, "ordered"}, "sd": {query.SD, "number"}, "slope": {query.Slope, "number"},
	"distinct": {query.Distinct, "any"}, "first": {query.First, "any"}, "latest": {query.Last, "any"},
	"mode": {query.Mode, "text"}, "mode_share": {query.ModeShare, "text"}, "entropy": {query.Entropy, "text"},
	"days_since_first": {query.DaysFirst, ""}, "days_since_last": {query.DaysLast, ""}, "active_days": {query.ActiveDays, ""},
	"gap_mean": {query.GapMean, ""}, "gap_sd": {query.GapSD, ""}, "weekend_share": {query.Weekend, ""}, "night_share": {query.Night, ""},
	"hour_mean": {query.HourMean, ""}, "sessions": {query.Sessions, ""},
	"gap_last": {query.GapLast, ""}, "gap_recent": {query.GapRecent, ""}, "gap_max": {query.GapMax, ""},
	"session_minutes": {query.SessionMinutes, ""}, "session_longest": {query.SessionLongest, ""},
	"sessions_with": {query.SessionsWith, "condition"}, "sessions_ending": {query.SessionsEnding, "condition"},
	"hour_entropy": {query.HourEntropy, ""}, "weekday_entropy": {query.WeekdayEntropy, ""}, "month_turn": {query.MonthTurn, ""},
	"same_month": {query.SameMonth, ""}, "same_quarter": {query.SameQuarter, ""}, "fresh": {query.Fresh, "any"},
	"order_mean": {query.OrderMean, "number"}, "order_sd": {query.OrderSD, "number"}, "order_max": {query.OrderMax, "number"},
	"order_last": {query.OrderLast, "number"}, "order_slope": {query.OrderSlope, "number"}, "order_single": {query.OrderSingle, ""},
	"order_distinct": {query.OrderDistinct, "any"}, "answered": {query.Answered, "answer"}, "unanswered": {query.Unanswered, "answer"},
}

// methodNames lists the methods of datasets and sequences in a fixed order.
func methodNames() []string {
	out := []string{"where", "last", "before", "between", "since", "gap", "without", "same"}
	for name := range folds {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// finish reads dataset.….count(), or sequence(…).….exists().
func (c *checker) finish(e ast.Expr) (*query.Node, error) {
	call := e.AsCall()
	name := c.original(call.FunctionName())
	if c.row != nil {
		return nil, c.errorf(e, "where is about one row, and %s is about many", name).WithHint("texts have contains, startsWith, endsWith and matches")
	}
	s, err := c.rows(call.Target())
	if err != nil {
		return nil, err
	}
	f, ok := folds[name]
	if !ok {
		if _, err := c.narrow(e, s, name, call.Args()); err != nil {
			return nil, err
		}
		return nil, c.errorf(e, "these are rows, not a value").WithHint("add .exists(), .count() or .sum(\"…\")")
	}
	if s.seq != nil {
		if name != "exists" || len(call.Args()) > 0 {
			return nil, c.errorf(e, "a sequence has no %s", name).WithHint("end it with .exists()")
		}
		seq := *s.seq
		seq.Window = s.window
		return &query.Node{Op: query.SeqOp, Type: query.Bool, Seq: &seq}, nil
	}
	agg := query.Agg{Dataset: s.d.Name, Fn: f.fn, Window: s.window, Where: s.where, Lines: name == "lines"}
	t := query.Number
	if f.fn == query.Exists {
		t = query.Bool
	}
	switch f.column {
	case "condition":
		if agg.Hit, err = c.where(e, s.d, call.Args()); err != nil {
			return nil, err
		}
		return query.AggOf(agg, t), nil
	case "answer":
		if err := c.answer(e, name, &agg, call.Args()); err != nil {
			return nil, err
		}
		return query.AggOf(agg, t), nil
	case "":
		if len(call.Args()) > 0 {
			return nil, c.errorf(call.Args()[0], "%s takes no column", name).WithHint("write %s()", name)
		}
		return query.AggOf(agg, t), nil
	}
	if len(call.Args()) != 1 {
		return nil, c.errorf(e, "%s wants one column", name).WithHint("for example %s(%q)", name, firstColumn(s.d))
	}
	col, err := c.columnArgument(call.Args()[0], s.d)
	if err != nil {
		return nil, err
	}
	agg.Column = col.name
	if err := checkFold(name, f.column, col); err != nil {
		return nil, c.here(call.Args()[0], err)
	}
	switch f.fn {
	case query.First, query.Last:
		t = col.queryType()
	case query.MinOf, query.MaxOf:
		if col.kind == table.Time {
			t = query.Time
		}
	case query.Mode:
		t = query.Text
	}
	return query.AggOf(agg, t), nil
}

// answer reads answered(orders, "7d"): the rows that answer, and how soon.
func (c *checker) answer(e ast.Expr, name string, agg *query.Agg, args []ast.Expr) error {
	if len(args) != 2 {
		return c.errorf(e, "%s wants the rows that answer and a duration", name).WithHint(`for example %s(orders, "7d")`, name)
	}
	if agg.Window.Ahead {
		return c.errorf(e, "%s looks back only: an answer must come before the cutoff", name)
	}
	steps, err := c.steps(args[:1])
	if err != nil {
		return err
	}
	spans, err := c.spans(e, name, args[1:], 1, 1)
	if err != nil {
		return err
	}
	agg.Then, agg.Within = &steps[0], spans[0]
	return nil
}

func firstColumn(d *plan.Dataset) string {
	for _, role := range []kequn.ColumnRole{kequn.ColAmount, kequn.ColType, kequn.ColItem} {
		if col := d.With(role); col != nil {
			return col.Name
		}
	}
	return d.Columns[0].Name
}

func checkFold(name, wants string, col column) error {
	isNumber := col.queryType() == query.Number || col.kind == table.Bool
	switch {
	case wants == "number" && !isNumber, wants == "ordered" && !isNumber && col.kind != table.Time:
		return kequn.Errorf(kequn.KindUsage, "", "%s wants a column of numbers, %q is %s", name, col.name, col.kind)
	case wants == "text" && !col.kind.InCode():
		return kequn.Errorf(kequn.KindUsage, "", "%s wants a column of texts, %q is %s", name, col.name, col.kind)
	}
	return nil
}

// columnArgument reads "amount", "product_id.department" or the same without quotes.
func (c *checker) columnArgument(e ast.Expr, d *plan.Dataset) (column, error) {
	name, err := c.text(e, "a column's name")
	if err != nil {
		return column{}, err
	}
	col, err := c.columnOf(d, name)
	if err == errNoColumn {
		err = missingColumn(d, name)
	}
	return col, c.here(e, err)
}

// rows reads what stands before a method: a dataset or a sequence with its narrowing methods.
func (c *checker) rows(e ast.Expr) (*selectionOf, error) {
	switch e.Kind() {
	case ast.IdentKind:
		name := c.original(e.AsIdent())
		d := c.datasetOf(name)
		if d == nil {
			return nil, unknown(c.place(e), "dataset", name, c.datasetNames())
		}
		if !d.Role.HasTime() {
			return nil, c.errorf(e, "%s has no time, so it has no rows to count", d.Name).WithHint("its columns are named directly")
		}
		return &selectionOf{d: d}, nil
	case ast.CallKind:
		call := e.AsCall()
		name := c.original(call.FunctionName())
		if call.IsMemberFunction() {
			s, err := c.rows(call.Target())
			if err != nil {
				return nil, err
			}
			return c.narrow(e, s, name, call.Args())
		}
		if name == "sequence" {
			steps, err := c.steps(call.Args())
			if err != nil {
				return nil, err
			}
			if len(steps) < 2 || len(steps) > maxSteps {
				return nil, c.errorf(e, "a sequence has 2 to %d steps", maxSteps).WithHint(`for example sequence("view", "cart").last("30d").exists()`)
			}
			return &selectionOf{seq: &query.Sequence{Steps: steps}}, nil
		}
		if d := c.datasetOf(name); d != nil {
			return nil, c.errorf(e, "%s is a dataset, not a function", name).WithHint("leave out the brackets")
		}
	}
	return nil, c.errorf(e, "methods belong to datasets, sequences and texts").WithHint("datasets are %s", strings.Join(c.datasetNames(), ", "))
}

// maxSteps bounds a sequence.
const maxSteps = 16

// narrow applies a method that returns fewer rows.
func (c *checker) narrow(e ast.Expr, s *selectionOf, name string, args []ast.Expr) (*selectionOf, error) {
	out := *s
	switch name {
	case "where":
		if s.seq != nil {
			return nil, c.errorf(e, "conditions belong to a sequence's steps").WithHint(`for example sequence(events.where(e, e.type == "view"), orders)`)
		}
		pred, err := c.where(e, s.d, args)
		if err != nil {
			return nil, err
		}
		out.where = pred
		if s.where != nil {
			out.where = join(query.And, s.where, pred)
		}
		return &out, nil
	case "since":
		if s.seq != nil || len(args) != 1 {
			return nil, c.errorf(e, "since wants one date, of a dataset").WithHint(`for example orders.since("2017-01-01")`)
		}
		t, err := c.typed(args[0], query.Time)
		if err != nil {
			return nil, err
		}
		pred := query.Apply(query.Ge, query.Bool, query.FieldOf(query.TimeColumn, query.Time), t)
		out.where = pred
		if s.where != nil {
			out.where = join(query.And, s.where, pred)
		}
		return &out, nil
	case "last", "between", "before", "ahead":
		if s.hasTime {
			return nil, c.errorf(e, "the window is given twice")
		}
		w, err := c.windowOf(e, name, args)
		out.window, out.hasTime = w, true
		return &out, err
	}
	if s.seq != nil {
		seq := *s.seq
		out.seq = &seq
		switch name {
		case "gap":
			spans, err := c.spans(e, name, args, 1, 1)
			if err != nil {
				return nil, err
			}
			seq.Gap = spans[0]
			return &out, nil
		case "without":
			steps, err := c.steps(args)
			if err != nil {
				return nil, err
			}
			seq.Without = append(slices.Clone(seq.Without), steps...)
			if len(steps) == 0 || len(seq.Without) > maxSteps {
				return nil, c.errorf(e, "without names 1 to %d steps", maxSteps)
			}
			return &out, nil
		case "same":
			if len(args) != 1 || seq.Same != "" {
				return nil, c.errorf(e, "same names one column").WithHint(`for example .same("product_id")`)
			}
			same, err := c.sameColumn(args[0], seq.Steps)
			seq.Same = same
			return &out, err
		}
	}
	if _, ok := folds[name]; ok {
		return nil, c.errorf(e, "%s gives a value, nothing can follow it", name)
	}
	return nil, unknown(c.place(e), "method", name, methodNames())
}

// sameColumn finds the one column that all steps share.
func (c *checker) sameColumn(e ast.Expr, steps []query.Step) (string, error) {
	name, err := c.text(e, "a column's name")
	if err != nil {
		return "", err
	}
	same := ""
	for _, s := range steps {
		d := c.datasetOf(s.Dataset)
		col, err := c.columnOf(d, name)
		if err == errNoColumn {
			err = missingColumn(d, name)
		}
		if err != nil {
			return "", c.here(e, err)
		}
		if same != "" && same != col.name {
			return "", c.errorf(e, "the steps' datasets call it %q and %q; a sequence wants one name", same, col.name).
				WithHint("name the column alike in both files")
		}
		same = col.name
	}
	return same, nil
}

// where reads where(o, condition) or where(condition); sessions_with and sessions_ending take the same.
func (c *checker) where(e ast.Expr, d *plan.Dataset, args []ast.Expr) (*query.Node, error) {
	scope := &rowScope{d: d}
	switch {
	case len(args) == 2 && args[0].Kind() == ast.IdentKind:
		scope.name = c.original(args[0].AsIdent())
	case len(args) != 1:
		return nil, c.errorf(e, "where wants a name for the row and a condition").WithHint("for example where(o, o.%s == …)", d.Columns[0].Name)
	}
	if c.row != nil {
		return nil, c.errorf(e, "where is about one row, and cannot hold another where")
	}
	c.row = scope
	defer func() { c.row = nil }()
	return c.typed(args[len(args)-1], query.Bool)
}

func (c *checker) windowOf(e ast.Expr, name string, args []ast.Expr) (query.Window, error) {
	switch name {
	case "last":
		spans, err := c.spans(e, name, args, 1, 1)
		if err != nil {
			return query.Window{}, err
		}
		return query.Window{Span: spans[0]}, nil
	case "before":
		spans, err := c.spans(e, name, args, 1, 1)
		if err != nil {
			return query.Window{}, err
		}
		return query.Window{Skip: spans[0]}, nil
	case "between":
		spans, err := c.spans(e, name, args, 2, 2)
		if err != nil {
			return query.Window{}, err
		}
		if spans[0].Duration() <= spans[1].Duration() {
			return query.Window{}, c.errorf(e, "the window from %s to %s before the cutoff is empty", spans[0], spans[1]).WithHint("the longer one comes first: between(\"60d\", \"30d\")")
		}
		return query.Window{Span: spans[0], Skip: spans[1]}, nil
	}
	if !c.Ahead {
		return query.Window{}, c.errorf(e, "a rule cannot see what comes after the cutoff").WithHint("goals can: see goals in kequn.yaml")
	}
	spans, err := c.spans(e, name, args, 1, 2)
	if err != nil {
		return query.Window{}, err
	}
	w := query.Window{Span: spans[0], Ahead: true}
	if len(spans) == 2 {
		w.Skip = spans[1]
	}
	return w, nil
}

func (c *checker) spans(e ast.Expr, name string, args []ast.Expr, least, most int) ([]kequn.Span, error) {
	if len(args) < least || len(args) > most {
		return nil, c.errorf(e, "%s has %d arguments", name, len(args)).WithHint(`durations are like "90d", "24h" or "2w"; the newest value of a column is latest("…")`)
	}
	var out []kequn.Span
	for i, a := range args {
		text, err := c.text(a, `a duration like "90d"`)
		if err != nil {
			return nil, err
		}
		s, err := kequn.ParseSpan(text)
		if err != nil {
			if k, ok := err.(*kequn.Error); ok && name == "last" {
				err = k.WithHint(`%s; the newest value of a column is latest("%s")`, k.Hint, text)
			}
			return nil, c.here(a, err)
		}
		if s.IsZero() && i == 0 {
			return nil, c.errorf(a, "the duration is zero")
		}
		out = append(out, s)
	}
	return out, nil
}

// steps reads the steps of a sequence: datasets, with or without where, and names of datasets or of types of event.
func (c *checker) steps(args []ast.Expr) ([]query.Step, error) {
	var out []query.Step
	for _, a := range args {
		if a.Kind() == ast.LiteralKind {
			name, err := c.text(a, "a step")
			if err != nil {
				return nil, err
			}
			s, err := c.namedStep(a, name)
			if err != nil {
				return nil, err
			}
			out = append(out, s)
			continue
		}
		s, err := c.rows(a)
		if err != nil {
			return nil, err
		}
		if s.seq != nil || s.hasTime {
			return nil, c.errorf(a, "a step is a dataset, with or without where").WithHint("the window belongs to the whole sequence")
		}
		out = append(out, query.Step{Dataset: s.d.Name, Where: s.where})
	}
	return out, nil
}

func (c *checker) namedStep(e ast.Expr, name string) (query.Step, error) {
	if d := c.datasetOf(name); d != nil && d.Role.HasTime() {
		return query.Step{Dataset: d.Name}, nil
	}
	for i := range c.Datasets {
		d := &c.Datasets[i]
		if d.Role != kequn.Events {
			continue
		}
		if col := d.With(kequn.ColType); col != nil {
			at := column{col.Name, col.Kind}
			if at.queryType() != query.Text {
				continue
			}
			return query.Step{Dataset: d.Name, Where: query.Apply(query.Eq, query.Bool, query.FieldOf(col.Name, query.Text), query.Str(name))}, nil
		}
	}
	return query.Step{}, unknown(c.place(e), "dataset", name, c.datasetNames())
}

func (c *checker) lifecycle(e ast.Expr, args []ast.Expr) (*query.Node, error) {
	var s *selectionOf
	var err error
	if args[0].Kind() == ast.LiteralKind {
		step, err := c.steps(args[:1])
		if err != nil {
			return nil, err
		}
		s = &selectionOf{d: c.datasetOf(step[0].Dataset), where: step[0].Where}
	} else if s, err = c.rows(args[0]); err != nil {
		return nil, err
	}
	if s.seq != nil || s.hasTime {
		return nil, c.errorf(args[0], "a lifecycle is of a dataset, with or without where")
	}
	spans, err := c.spans(e, "lifecycle", args[1:], 1, 1)
	if err != nil {
		return nil, err
	}
	return &query.Node{Op: query.LifeO, Type: query.Text, Life: &query.Lifecycle{Dataset: s.d.Name, Where: s.where, Period: spans[0]}}, nil
}
