package feature

import (
	"slices"
	"time"

	"kequn"
	"kequn/internal/engine"
	"kequn/internal/plan"
	"kequn/internal/query"
	"kequn/internal/rule"
	"kequn/internal/table"
)

// Own returns the features that a plan defines, in its order. The catalogue holds what they may speak of besides each other.
// What the plan does not say follows from the definition: its words, its sources, a trait where only attributes are read,
// sensitive where a sensitive column is read and nobody allows it.
func Own(list []plan.Feature, c rule.Catalogue, zone *time.Location) ([]query.Feature, error) {
	nodes, err := rule.CompileFeatures(list, c)
	if err != nil {
		return nil, err
	}
	out := make([]query.Feature, len(list))
	for i, f := range list {
		r := read(nodes[i], c.Datasets)
		q := query.Feature{Name: f.Name, Node: nodes[i], Kind: query.Kind(f.Kind), Unit: f.Unit, Missing: f.Missing, Sources: r.sources,
			Sensitive: (f.Sensitive || r.sensitive) && !f.Allow, TextZH: f.TextZH, TextEN: f.TextEN}
		if q.Kind == "" {
			if q.Kind = query.Behaviour; !r.rows {
				q.Kind = query.Trait
			}
		}
		if q.Unit == "" && q.Node.Type == query.Bool {
			q.Unit = "yes or no"
		}
		if q.Missing == "" {
			q.Missing = missingOf(q.Node, r)
		}
		if q.TextZH == "" {
			q.TextZH = rule.Words(q.Node, kequn.Chinese, zone)
		}
		if q.TextEN == "" {
			q.TextEN = rule.Words(q.Node, kequn.English, zone)
		}
		out[i] = q
	}
	return out, nil
}

// reading is what a definition reads.
type reading struct {
	sources   []string // dataset.column, without repeats, in the definition's order
	rows      bool     // rows of a dataset with event times
	sensitive bool     // a sensitive column that nobody allows
}

func read(n *query.Node, datasets []plan.Dataset) reading {
	var r reading
	column := func(dataset, name string) {
		if dataset == "" || name == query.CustomerColumn {
			return
		}
		at := slices.IndexFunc(datasets, func(d plan.Dataset) bool { return d.Name == dataset })
		if at < 0 {
			return
		}
		d := &datasets[at]
		if name == "" || name == query.TimeColumn {
			if name = query.TimeColumn; d.With(kequn.ColTime) != nil {
				name = d.With(kequn.ColTime).Name
			}
		}
		if s := dataset + "." + name; !slices.Contains(r.sources, s) {
			r.sources = append(r.sources, s)
		}
		if c := d.Column(name); c != nil && Sensitive(*c) {
			r.sensitive = true
		} else if _, l, a, err := plan.LookupOf(datasets, d.Columns, name); err == nil && l >= 0 {
			if c := datasets[l].Column(a); c != nil && Sensitive(*c) {
				r.sensitive = true
			}
		}
	}
	fields := func(dataset string, where *query.Node) {
		where.Walk(func(n *query.Node) {
			if n.Op == query.Field {
				column(dataset, n.Name)
			}
		})
	}
	step := func(s query.Step) {
		r.rows = true
		column(s.Dataset, "")
		fields(s.Dataset, s.Where)
	}
	n.Walk(func(n *query.Node) {
		switch {
		case n.Op == query.Attr:
			column(n.Dataset, n.Name)
		case n.Agg != nil:
			r.rows = true
			column(n.Agg.Dataset, n.Agg.Column)
			fields(n.Agg.Dataset, n.Agg.Where)
			fields(n.Agg.Dataset, n.Agg.Hit)
			if n.Agg.Then != nil {
				step(*n.Agg.Then)
			}
		case n.Seq != nil:
			for _, s := range append(slices.Clone(n.Seq.Steps), n.Seq.Without...) {
				step(s)
			}
		case n.Life != nil:
			step(query.Step{Dataset: n.Life.Dataset, Where: n.Life.Where})
		}
	})
	return r
}

// missingOf says what a missing value of a definition means.
func missingOf(n *query.Node, r reading) string {
	switch {
	case !MayMiss(n):
		if n.Agg != nil {
			return never0
		}
		return "never missing"
	case !r.rows:
		return noValue
	case n.Agg != nil:
		return noRows
	}
	return "a part of the definition is missing"
}

// MayMiss tells whether a definition can be missing for anybody.
func MayMiss(n *query.Node) bool {
	switch {
	case n.Type == query.Bool, n.Op == query.Const, n.Op == query.Now, n.Op == query.LifeO:
		return false
	case n.Agg != nil:
		switch n.Agg.Fn {
		case query.Count, query.Sum, query.Distinct, query.ActiveDays, query.Sessions, query.Exists, query.SessionsWith, query.SessionsEnding, query.Fresh,
			query.Answered, query.Unanswered:
			return false
		}
		return true
	case n.Op == query.Else:
		return !slices.ContainsFunc(n.Args, func(a *query.Node) bool { return !MayMiss(a) })
	case n.Op == query.If:
		return MayMiss(n.Args[1]) || MayMiss(n.Args[2])
	case n.Op == query.Add, n.Op == query.Sub, n.Op == query.Mul, n.Op == query.Neg, n.Op == query.Abs, n.Op == query.Min, n.Op == query.Max:
		return slices.ContainsFunc(n.Args, MayMiss)
	}
	return true
}

// Whole tells whether every value of a numeric definition is a whole number: counts and conditions, columns of whole numbers and
// their sums, and what is added, subtracted and multiplied of them.
func Whole(n *query.Node, datasets []engine.Dataset) bool {
	column := func(dataset, name string) bool {
		for i := range datasets {
			if datasets[i].Name == dataset {
				c := datasets[i].Column(name)
				return c != nil && (c.Kind == table.Integer || c.Kind == table.Bool)
			}
		}
		return false
	}
	switch n.Op {
	case query.Const:
		return n.Type == query.Bool || n.Value.Num == float64(int64(n.Value.Num))
	case query.Attr:
		return n.Type == query.Bool || column(n.Dataset, n.Name)
	case query.AggOp:
		switch n.Agg.Fn {
		case query.Count, query.Distinct, query.ActiveDays, query.Sessions, query.Exists, query.SessionsWith, query.SessionsEnding, query.Fresh,
			query.Answered, query.Unanswered:
			return true
		case query.Sum, query.MinOf, query.MaxOf, query.First, query.Last:
			return n.Type == query.Bool || column(n.Agg.Dataset, n.Agg.Column)
		}
		return false
	case query.Add, query.Sub, query.Mul, query.Neg, query.Abs, query.Min, query.Max, query.Else:
		return !slices.ContainsFunc(n.Args, func(a *query.Node) bool { return !Whole(a, datasets) })
	case query.If:
		return Whole(n.Args[1], datasets) && Whole(n.Args[2], datasets)
	case query.YearsSince:
		return true
	}
	return n.Type == query.Bool
}
