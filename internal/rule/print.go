package rule

import (
	"math"
	"strconv"
	"strings"
	"time"

	"kequn/internal/query"
)

// Print returns the rule text of a tree. Compile of it gives the same tree back, for every tree that Compile returns.
func Print(n *query.Node) string {
	p := printer{}
	p.value(n, 0)
	return p.b.String()
}

type printer struct {
	b   strings.Builder
	row string // name of the row inside where
}

// Precedences of CEL, loosest first.
const (
	precChoice = iota + 1
	precOr
	precAnd
	precRelation
	precSum
	precProduct
	precUnary
	precMember
)

var infix = map[query.Op]struct {
	sign string
	prec int
}{
	query.Or: {" || ", precOr}, query.And: {" && ", precAnd},
	query.Eq: {" == ", precRelation}, query.Ne: {" != ", precRelation}, query.Lt: {" < ", precRelation}, query.Le: {" <= ", precRelation},
	query.Gt: {" > ", precRelation}, query.Ge: {" >= ", precRelation},
	query.Add: {" + ", precSum}, query.Sub: {" - ", precSum}, query.Mul: {" * ", precProduct}, query.Div: {" / ", precProduct},
}

var methodOf = map[query.Op]string{query.Contains: "contains", query.StartsWith: "startsWith", query.EndsWith: "endsWith", query.Matches: "matches"}

var functionOf = map[query.Op]string{query.Has: "has", query.Else: "coalesce", query.Min: "min", query.Max: "max", query.Abs: "abs", query.Log1p: "log1p",
	query.Label: "string", query.DaysBetween: "days_between", query.YearsSince: "years_since"}

var foldOf = func() map[query.Fn]string {
	out := map[query.Fn]string{}
	for name, f := range folds {
		if name != "avg" && name != "lines" {
			out[f.fn] = name
		}
	}
	return out
}()

// value prints a node where an operand of at least the given precedence is wanted.
func (p *printer) value(n *query.Node, least int) {
	prec := precedence(n)
	if prec < least {
		p.b.WriteByte('(')
		defer p.b.WriteByte(')')
	}
	if op, ok := infix[n.Op]; ok {
		for i, a := range n.Args {
			if i > 0 {
				p.b.WriteString(op.sign)
			}
			// All these group to the left, so only the first operand may be of the same precedence; && and || never are.
			if i == 0 && op.prec != precAnd && op.prec != precOr {
				p.value(a, op.prec)
			} else {
				p.value(a, op.prec+1)
			}
		}
		return
	}
	switch n.Op {
	case query.Const:
		p.literal(n.Value)
	case query.Now:
		p.b.WriteString("cutoff")
	case query.Attr:
		p.attribute(n)
	case query.Field:
		p.b.WriteString(p.row + "." + fieldName(n.Name))
	case query.Not:
		p.b.WriteByte('!')
		p.value(n.Args[0], precMember)
	case query.Neg:
		p.b.WriteByte('-')
		if a := n.Args[0]; a.Op == query.Const || precedence(a) < precMember {
			p.b.WriteByte('(')
			p.value(a, 0)
			p.b.WriteByte(')')
		} else {
			p.value(a, precMember)
		}
	case query.In:
		p.value(n.Args[0], precSum)
		p.b.WriteString(" in [")
		p.list(n.Args[1:])
		p.b.WriteByte(']')
	case query.If:
		p.value(n.Args[0], precOr)
		p.b.WriteString(" ? ")
		p.value(n.Args[1], precOr)
		p.b.WriteString(" : ")
		p.value(n.Args[2], precOr)
	case query.AggOp:
		p.aggregate(n.Agg)
	case query.SeqOp:
		p.sequence(n.Seq)
	case query.GroupOp:
		p.group(n.Group)
	case query.LifeO:
		p.b.WriteString("lifecycle(")
		p.rows(n.Life.Dataset, n.Life.Where)
		p.b.WriteString(", " + strconv.Quote(n.Life.Period.String()) + ")")
	default:
		if m, ok := methodOf[n.Op]; ok {
			p.value(n.Args[0], precMember)
			p.b.WriteString("." + m + "(")
			p.value(n.Args[1], 0)
			p.b.WriteByte(')')
			return
		}
		p.b.WriteString(functionOf[n.Op] + "(")
		p.list(n.Args)
		p.b.WriteByte(')')
	}
}

func precedence(n *query.Node) int {
	if op, ok := infix[n.Op]; ok {
		return op.prec
	}
	switch n.Op {
	case query.If:
		return precChoice
	case query.In:
		return precRelation
	case query.Not, query.Neg:
		return precUnary
	case query.Const:
		if n.Type == query.Number && n.Value.Num < 0 {
			return precUnary
		}
	}
	return precMember
}

func (p *printer) list(nodes []*query.Node) {
	for i, n := range nodes {
		if i > 0 {
			p.b.WriteString(", ")
		}
		p.value(n, 0)
	}
}

func (p *printer) literal(v *query.Value) {
	switch v.Type {
	case query.Bool:
		p.b.WriteString(strconv.FormatBool(v.Bool))
	case query.Number:
		p.b.WriteString(number(v.Num))
	case query.Text:
		p.b.WriteString(strconv.Quote(v.Text))
	case query.Time:
		p.b.WriteString("timestamp(" + strconv.Quote(v.Time.Time().Format(time.RFC3339Nano)) + ")")
	}
}

// number prints a number so that it reads back as the same one.
func number(v float64) string {
	if v == math.Trunc(v) && math.Abs(v) < 1e15 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	s := strconv.FormatFloat(v, 'g', -1, 64)
	if !strings.ContainsAny(s, ".e") {
		s += ".0"
	}
	return s
}

func (p *printer) attribute(n *query.Node) {
	switch n.Dataset {
	case "":
		p.b.WriteString(query.CustomerColumn)
	case query.ScoreSet:
		p.b.WriteString("score(" + strconv.Quote(n.Name) + ")")
	case query.PercentileSet:
		p.b.WriteString("percentile(" + strconv.Quote(n.Name) + ")")
	case query.SegmentSet:
		p.b.WriteString("segment(" + strconv.Quote(n.Name) + ")")
	default:
		p.b.WriteString(quoteName(n.Dataset) + "." + fieldName(n.Name))
	}
}

// fieldName prints a column, or a column and its lookup's attribute.
func fieldName(name string) string {
	if dot := strings.LastIndexByte(name, '.'); dot > 0 {
		return quoteName(name[:dot]) + "." + quoteName(name[dot+1:])
	}
	return quoteName(name)
}

// rows prints a dataset with its condition.
func (p *printer) rows(dataset string, where *query.Node) {
	p.b.WriteString(quoteName(dataset))
	if where == nil {
		return
	}
	p.row = rowName(dataset)
	p.b.WriteString(".where(" + p.row + ", ")
	p.value(where, 0)
	p.b.WriteByte(')')
	p.row = ""
}

// rowName is a dataset's first letter.
func rowName(dataset string) string {
	if dataset != "" && dataset[0] >= 'a' && dataset[0] <= 'z' {
		return dataset[:1]
	}
	return "r"
}

func (p *printer) window(w query.Window) {
	var method string
	var args []string
	switch {
	case w.Ahead:
		method, args = "ahead", []string{w.Span.String()}
		if !w.Skip.IsZero() {
			args = append(args, w.Skip.String())
		}
	case w.Span.IsZero() && w.Skip.IsZero():
		return
	case w.Span.IsZero():
		method, args = "before", []string{w.Skip.String()}
	case w.Skip.IsZero():
		method, args = "last", []string{w.Span.String()}
	default:
		method, args = "between", []string{w.Span.String(), w.Skip.String()}
	}
	for i := range args {
		args[i] = strconv.Quote(args[i])
	}
	p.b.WriteString("." + method + "(" + strings.Join(args, ", ") + ")")
}

func (p *printer) aggregate(a *query.Agg) {
	p.rows(a.Dataset, a.Where)
	p.window(a.Window)
	name := foldOf[a.Fn]
	if a.Fn == query.Count && a.Lines {
		name = "lines"
	}
	p.b.WriteString("." + name + "(")
	switch {
	case a.Hit != nil:
		p.row = rowName(a.Dataset)
		p.b.WriteString(p.row + ", ")
		p.value(a.Hit, 0)
		p.row = ""
	case a.Then != nil:
		p.rows(a.Then.Dataset, a.Then.Where)
		p.b.WriteString(", " + strconv.Quote(a.Within.String()))
	case a.Column != "":
		p.b.WriteString(strconv.Quote(a.Column))
	}
	p.b.WriteByte(')')
}

func (p *printer) steps(steps []query.Step) {
	for i, s := range steps {
		if i > 0 {
			p.b.WriteString(", ")
		}
		p.rows(s.Dataset, s.Where)
	}
}

func (p *printer) sequence(s *query.Sequence) {
	p.b.WriteString("sequence(")
	p.steps(s.Steps)
	p.b.WriteByte(')')
	if !s.Gap.IsZero() {
		p.b.WriteString(".gap(" + strconv.Quote(s.Gap.String()) + ")")
	}
	if len(s.Without) > 0 {
		p.b.WriteString(".without(")
		p.steps(s.Without)
		p.b.WriteByte(')')
	}
	if s.Same != "" {
		p.b.WriteString(".same(" + strconv.Quote(s.Same) + ")")
	}
	p.window(s.Window)
	p.b.WriteString(".exists()")
}
