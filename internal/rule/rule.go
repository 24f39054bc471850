// Package rule is the rule language: text ⇄ checked tree ⇄ plain words; and a slow plain evaluator that every engine must agree with.
//
// The text is CEL (cel.dev/cel-go parses it); names and types are checked here against a [Catalogue], because a rule's
// "orders.last("90d").count()" is no object of a general language but one node of a [query] tree:
//
//	text ── Compile ──▶ *query.Node ── Print ──▶ text      Compile(Print(n)) = n for every n that Compile returns
//	                         ├── Words ──▶ plain Chinese or English
//	                         ├── SQL ────▶ one readable statement
//	                         └── World.Eval ──▶ the answer, by the definitions of package query and nothing else
//
// # The language
//
// A bare name is a customer attribute's column name, then a feature's name, then the role of an attribute's column
// (birth), then customer (the id) or cutoff (the instant of decision). A name with other letters than a–z, or with spaces,
// is written as it is (城市) or between backticks (`First city`).
//
// A dataset goes by its name, or by its role where no dataset has that name (orders, order, events). Its methods:
//
//	where(o, o.channel == "web")   only such rows; several are joined by and
//	last("90d")  before("30d")  between("60d", "30d")  since("2017-01-01")     only rows of that time; days are calendar days
//	count()  lines()  exists()                                orders (or rows); rows; whether there is one
//	sum(c)  mean(c)  min(c)  max(c)  sd(c)  slope(c)          of a number's column; slope is per 30 days
//	distinct(c)  first(c)  latest(c)  mode(c)  mode_share(c)  entropy(c)
//	days_since_last()  days_since_first()  active_days()  gap_mean()  gap_sd()
//	weekend_share()  night_share()  hour_mean()  sessions()
//	gap_last()  gap_recent()  gap_max()                       the last gap between active days, the mean of the last three, the longest
//	session_minutes()  session_longest()                      mean and most minutes from a session's first row to its last
//	sessions_with(e, e.type == "cart")  sessions_ending(…)    sessions with such a row; sessions whose newest row is such
//	hour_entropy()  weekday_entropy()  month_turn()           spread over the day and the week; share from the 25th to the 5th
//	same_month()  same_quarter()                              share of rows in the cutoff's calendar month or quarter, of any year
//	fresh(c)                                                  how many different values are new: no row before the window had them
//	order_mean(c)  order_sd(c)  order_max(c)  order_last(c)  order_slope(c)   of orders' sums of a number's column
//	order_single()  order_distinct(c)                         share of orders of one row; mean number of different values an order
//	answered(orders, "7d")  unanswered(orders, "7d")          rows that such a row follows in time; rows since the last of these
//
// c is a column's name in quotes, or "product_id.department": an attribute of the lookup keyed by product_id; in where it
// is o.product_id.department. A name is the file's column name first, a role's name (amount, item, time …) where no
// column has it.
//
//	group_sum(household_id, orders.count())  others_mean(household_id, orders.last("90d").sum("amount"))   …_count …_min …_max
//
// are folds over the customers who have the same key at the cutoff, with or without the customer at hand; any text is a key.
// All members are looked at as of the same cutoff, so no rule sees what anybody will do.
//
//	sequence("view", "cart").gap("24h").without("order").same("item").last("30d").exists()
//	lifecycle("orders", "30d") == "stopped"      first regular back stopped dormant never
//	score("churn") > 0.6   percentile("churn") >= 0.9   segment("rfm") == "champions"
//	in_audience("vip")     consent("email")             feature("orders_30d") >= 2
//	age(birth)  days_since(t)  days_between(a, b)  years_since(t)  date("2017-01-01")
//	has(x)  coalesce(x, y)  min max abs log1p string  contains startsWith endsWith matches  in  ? :
//
// A comparison or test with a missing operand is false, and ! is two-valued above it: a rule and its negation are disjoint
// and together everybody. A step of a sequence is a dataset or the name of a type of event.
package rule

import (
	"time"

	"kequn/internal/plan"
	"kequn/internal/query"
)

// Limits of one rule, checked before anything runs. Features and audiences count with all that they stand for.
const (
	MaxBytes = 64 << 10
	MaxDepth = 64
	MaxNodes = 2000
)

// Catalogue is what a rule can speak of.
type Catalogue struct {
	Datasets  []plan.Dataset
	Features  []query.Feature // may be named in rules; their definition takes the name's place
	Goals     []string        // goals that have scores
	Segments  []Segmentation
	Audiences []plan.Audience // may be named in rules; their rule takes the name's place
	Zone      *time.Location  // of dates without one; nil is UTC

	// Ahead allows windows after the cutoff (ahead("90d")), for outcomes. Rules must not see the future.
	Ahead bool
}

// Segmentation is a division of all customers with the names of its segments, as far as they are known.
type Segmentation struct {
	Name   string
	Values []string
}

// CatalogueOf returns the catalogue of a plan: its datasets, goals, segmentations and audiences, with the features given.
func CatalogueOf(p *plan.Plan, features []query.Feature) Catalogue {
	c := Catalogue{Datasets: p.Datasets, Features: features, Audiences: p.Audience, Zone: p.Location()}
	for _, g := range p.Goals {
		c.Goals = append(c.Goals, g.Name)
	}
	for _, s := range p.Segments {
		c.Segments = append(c.Segments, Segmentation{Name: s.Name})
	}
	return c
}

// Compile reads a rule. What it cannot mean is a usage error that names the place (rule:line:column) and, for a name that
// nobody has, the nearest one that somebody has.
func Compile(text string, c Catalogue) (*query.Node, error) {
	n, at, err := compile(text, c, nil)
	if err != nil {
		return nil, err
	}
	if n.Type != query.Bool {
		return nil, at.errorf("the rule is %s, not a condition", typeWord(n.Type)).WithHint("compare it with something, for example … >= 2")
	}
	return n, nil
}

// CompileValue reads an expression of any type: a feature or an outcome.
func CompileValue(text string, c Catalogue) (*query.Node, error) {
	n, _, err := compile(text, c, nil)
	return n, err
}

func typeWord(t query.Type) string {
	switch t {
	case query.Bool:
		return "a condition"
	case query.Number:
		return "a number"
	case query.Text:
		return "a text"
	}
	return "a time"
}
