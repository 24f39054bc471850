// Package query holds the definitions of features, rules, goals and windows as plain trees; nothing is executed here.
//
// Rule text, the automatic features and goals all become trees of [Node]. Engines run them; a tree says the same
// everywhere. A tree is evaluated for one customer at one cutoff; inside [Agg.Where], for one row.
package query

import "kequn"

// Type is what a node's value is.
type Type uint8

// The types of value. Every type but Bool has a missing value.
const (
	Bool Type = iota
	Number
	Text
	Time // compared and subtracted as microseconds since 1970
)

// Op is what a node does.
type Op string

// The operations. Missing operands: comparisons and tests (the atoms) are false; arithmetic and functions are missing.
// Not, And and Or are two-valued, so that X and not X are disjoint and together everybody.
//
// Fine print. A Bool column that is missing is false as a Bool and missing as a Number. Texts compare byte by byte. A
// number that is not finite (overflow, Log1p(−1)) is missing. In passes over missing members of its list. Inside
// Agg.Where and steps only Const, Field and operations on them occur: a row knows neither customer nor cutoff. Field,
// Attr, Agg.Column and Sequence.Same may all be named "column.attribute", through the lookup that plan.LookupOf finds.
const (
	Const Op = "const" // Value
	Attr  Op = "attr"  // column Name of a table with one value per customer, Dataset, as known at the cutoff; see CustomerID
	Field Op = "field" // column Name of the row at hand; only inside Agg.Where and steps
	AggOp Op = "agg"   // Agg
	SeqOp Op = "seq"   // Seq: Bool
	LifeO Op = "life"  // Life: Text
	Now   Op = "now"   // the cutoff: Time

	GroupOp Op = "group" // Group: Number

	And Op = "and"
	Or  Op = "or"
	Not Op = "not"

	Eq         Op = "=="
	Ne         Op = "!="
	Lt         Op = "<"
	Le         Op = "<="
	Gt         Op = ">"
	Ge         Op = ">="
	In         Op = "in" // Args[0] equals one of Args[1:]
	Contains   Op = "contains"
	StartsWith Op = "starts_with"
	EndsWith   Op = "ends_with"
	Matches    Op = "matches" // RE2, Args[1] is a Const
	Has        Op = "has"     // Args[0] is not missing

	Add   Op = "+"
	Sub   Op = "-"
	Mul   Op = "*"
	Div   Op = "/" // division by zero is missing
	Neg   Op = "neg"
	Log1p Op = "log1p"
	Abs   Op = "abs"
	Min   Op = "min"
	Max   Op = "max"
	If    Op = "if"       // Args: condition, then, else
	Else  Op = "coalesce" // the first of Args that is not missing
	Label Op = "string"   // Args[0] as text: shortest decimal number, RFC 3339 in UTC, true or false: Text

	DaysBetween Op = "days_between" // whole and part days from Args[0] to Args[1], both Time: Number
	YearsSince  Op = "years_since"  // full calendar years from Args[0] to the cutoff, by date and time of day in the zone, a birthday of 29 February falling on 1 March in other years; missing when Args[0] is after the cutoff: Number
)

// Columns that every dataset of customers has in the store, whatever the file called them. Fields and the columns of
// aggregates that hold the customer, the time and so on go by these names.
const (
	CustomerColumn = "_customer" // Text
	TimeColumn     = "_time"     // Time: when it happened
	KnownColumn    = "_known"    // Time: when it was known; equal to TimeColumn where nothing else was said
	SeqColumn      = "_seq"      // Integer: order of arrival, unique within a dataset
	IDColumn       = "_id"       // Text: the declared id, where there is one
	GoneColumn     = "_gone"     // Bool: this version of an id says that the row is no longer this customer's
)

// Datasets that the house computes itself: one row per customer, read by Attr like a customer table whose columns are all
// fixed. They are there only where somebody has put them beside the loaded datasets.
const (
	ScoreSet      = "_score"      // Number: a column per goal, the chosen model's score
	PercentileSet = "_percentile" // Number: a column per goal, the share of scored customers whose score is not higher
	SegmentSet    = "_segment"    // Text: a column per segmentation
)

// CustomerID returns the customer's own id: an Attr of no dataset.
func CustomerID() *Node { return AttrOf("", CustomerColumn, Text) }

// Node is one operation with its operands.
type Node struct {
	Op      Op         `json:"op"`
	Type    Type       `json:"type"`
	Dataset string     `json:"dataset,omitempty"`
	Name    string     `json:"name,omitempty"`
	Value   *Value     `json:"value,omitempty"`
	Args    []*Node    `json:"args,omitempty"`
	Agg     *Agg       `json:"agg,omitempty"`
	Seq     *Sequence  `json:"seq,omitempty"`
	Life    *Lifecycle `json:"life,omitempty"`
	Group   *Group     `json:"group,omitempty"`
}

// Value is a literal.
type Value struct {
	Type Type          `json:"type"`
	Bool bool          `json:"bool,omitempty"`
	Num  float64       `json:"num,omitempty"`
	Text string        `json:"text,omitempty"`
	Time kequn.Instant `json:"time,omitempty"`
}

// Fn is how an aggregate folds rows into one value.
type Fn string

// The aggregates, of the rows of one customer in a window, oldest first. Where there is no row: Count, Sum, Distinct,
// ActiveDays, Sessions and Exists are 0 or false, as are those that say so; all others are missing. Rows whose column is missing are passed over, except by Count.
const (
	Count      Fn = "count"       // rows; where the dataset has an order column, distinct orders: see Agg.Lines
	Sum        Fn = "sum"         // money is summed in its integer unit
	Mean       Fn = "mean"        //
	MinOf      Fn = "min"         //
	MaxOf      Fn = "max"         //
	SD         Fn = "sd"          // sample standard deviation; missing below two rows
	Distinct   Fn = "distinct"    // number of different values
	Exists     Fn = "exists"      // Bool
	First      Fn = "first"       // the oldest row's value
	Last       Fn = "last"        // the newest row's value
	Mode       Fn = "mode"        // Text: the commonest value; the smaller text on a tie
	ModeShare  Fn = "mode_share"  // its share of rows with a value
	Entropy    Fn = "entropy"     // Shannon entropy of the values' shares, in nats
	DaysFirst  Fn = "days_first"  // days from the oldest row to the cutoff
	DaysLast   Fn = "days_last"   // days from the newest row to the cutoff
	ActiveDays Fn = "active_days" // different calendar days, in the zone
	GapMean    Fn = "gap_mean"    // mean days between consecutive active days; missing below two
	GapSD      Fn = "gap_sd"      // their sample standard deviation; missing below three
	Slope      Fn = "slope"       // least-squares slope of the column per 30 days over time; missing where times are equal
	Weekend    Fn = "weekend"     // share of rows on Saturday or Sunday, in the zone
	Night      Fn = "night"       // share of rows from 22 to 6 o'clock, in the zone
	HourMean   Fn = "hour_mean"   // circular mean hour of day in [0, 24), in the zone; missing where the mean direction is shorter than 1e-9
	Sessions   Fn = "sessions"    // number of sessions: a pause of over 30 minutes begins a new one

	GapLast   Fn = "gap_last"   // days between the last two active days; missing below two
	GapRecent Fn = "gap_recent" // mean of the last three gaps, or of as many as there are; missing below two active days
	GapMax    Fn = "gap_max"    // the longest gap; missing below two active days

	// Sessions are those of the window's rows: one that began before the window counts from its first row in it.
	SessionMinutes Fn = "session_minutes" // mean minutes from a session's first row to its last
	SessionLongest Fn = "session_longest" // the most of these minutes
	SessionsWith   Fn = "sessions_with"   // sessions in which a row meets Agg.Hit; 0 without rows
	SessionsEnding Fn = "sessions_ending" // sessions whose newest row meets Agg.Hit; 0 without rows

	HourEntropy    Fn = "hour_entropy"    // Shannon entropy of the rows' hours of the day in the zone, in nats
	WeekdayEntropy Fn = "weekday_entropy" // of their days of the week
	MonthTurn      Fn = "month_turn"      // share of rows from the 25th of a month to the 5th of the next, in the zone
	SameMonth      Fn = "same_month"      // share of rows in the cutoff's calendar month, of any year, in the zone
	SameQuarter    Fn = "same_quarter"    // share of rows in the cutoff's quarter, of any year, in the zone

	Fresh Fn = "fresh" // number of different values of the window that no earlier row had; 0 without rows

	// Folds over orders (see Agg.Lines): an order's value is the sum of the column over its rows in the window, its time that
	// of the first of them. Orders stand in the order of their first rows.
	OrderMean     Fn = "order_mean"     // mean value of an order
	OrderSD       Fn = "order_sd"       // sample standard deviation; missing below two orders
	OrderMax      Fn = "order_max"      // the largest value
	OrderLast     Fn = "order_last"     // the newest order's value
	OrderSlope    Fn = "order_slope"    // least-squares slope of the values per 30 days; missing where times are equal
	OrderSingle   Fn = "order_single"   // share of orders of one row
	OrderDistinct Fn = "order_distinct" // mean number of different values in an order

	// Rows of two datasets: a row is answered where a row of Agg.Then that counts at the cutoff comes at its time or within
	// Agg.Within after it. Both lie before the cutoff: windows ahead are refused.
	Answered   Fn = "answered"   // number of answered rows; 0 without rows
	Unanswered Fn = "unanswered" // rows after the newest answered one, all where none is; 0 without rows
)

// Needs tells what else than a column an aggregate wants: a condition on rows (Agg.Hit), or rows of another dataset (Agg.Then).
func (f Fn) Needs() (hit, then bool) {
	return f == SessionsWith || f == SessionsEnding, f == Answered || f == Unanswered
}

// OverOrders tells whether an aggregate folds orders rather than rows.
func (f Fn) OverOrders() bool {
	switch f {
	case OrderMean, OrderSD, OrderMax, OrderLast, OrderSlope, OrderSingle, OrderDistinct:
		return true
	}
	return false
}

// Agg folds the rows of one dataset in a window into one value.
//
// Where the dataset has an order column, an order is all its rows with the same value: Count counts orders, unless
// Lines is set; other functions run over rows. A row without an order value is an order of its own. Rows are in order of
// time, then known-at, then arrival.
type Agg struct {
	Dataset string `json:"dataset"`
	Column  string `json:"column,omitempty"` // "column", or "column.attribute" through the lookup keyed by that column
	Fn      Fn     `json:"fn"`
	Window  Window `json:"window"`
	Where   *Node  `json:"where,omitempty"` // Bool over Fields; nil is every row
	Lines   bool   `json:"lines,omitempty"`

	Hit    *Node      `json:"hit,omitempty"`   // Bool over Fields: of SessionsWith and SessionsEnding
	Then   *Step      `json:"then,omitempty"`  // of Answered and Unanswered
	Within kequn.Span `json:"within,omitzero"` // how long after a row its answer may come: not at or after its end
}

// Window is a stretch of time relative to a cutoff.
//
//	looking back:  [cutoff − Span, cutoff − Skip), from the beginning where Span is zero
//	Ahead:         [cutoff + Skip, cutoff + Skip + Span)
type Window struct {
	Span  kequn.Span `json:"span"`
	Skip  kequn.Span `json:"skip"`
	Ahead bool       `json:"ahead,omitempty"`
}

// Step is one step of a sequence: a row of a dataset that meets a condition.
type Step struct {
	Dataset string `json:"dataset"`
	Where   *Node  `json:"where,omitempty"`
}

// Sequence is true for a customer with rows that meet the steps in order.
//
// A step's row comes strictly later than the one before, or at the same time and later in the store's order: rows of
// one dataset in their sorted order, rows of two datasets in the order of the datasets in the plan.
// Gap, if not zero, is the most time between consecutive steps. Same names a column in which all rows of the match hold
// the same value (missing matches nothing). Without: no row meeting it lies strictly between the first and the last step.
type Sequence struct {
	Steps   []Step     `json:"steps"`
	Gap     kequn.Span `json:"gap"`
	Same    string     `json:"same,omitempty"`
	Without []Step     `json:"without,omitempty"`
	Window  Window     `json:"window"`
}

// Lifecycle tells where a customer stands with a dataset, with P the length of a period: rows in the last P before the
// cutoff, in the P before that, and earlier.
//
//	last  previous  earlier
//	yes   no        no       first     came for the first time
//	yes   yes       any      regular
//	yes   no        yes      back      came back
//	no    yes       any      stopped
//	no    no        yes      dormant
//	no    no        no       never
type Lifecycle struct {
	Dataset string     `json:"dataset"`
	Where   *Node      `json:"where,omitempty"`
	Period  kequn.Span `json:"period"`
}

// Group folds a value over the customers who have the same key as the customer at hand: a household, a company, a shop.
//
// All of it is as of the cutoff: Key and Of look back only, are evaluated for each member at the same cutoff by the same
// rules of known-at, and members are known at it. Missing where the customer has no key. Members whose value is missing are
// passed over, except by Count; where there is none left, Sum is 0 and Mean, MinOf and MaxOf are missing. Outcomes cannot
// look at groups, and groups cannot stand within groups: a person's own outcome never enters anybody's feature.
type Group struct {
	Key    *Node `json:"key"`              // Text
	Fn     Fn    `json:"fn"`               // Count, Sum, Mean, MinOf or MaxOf
	Of     *Node `json:"of,omitempty"`     // Number; nil for Count
	Others bool  `json:"others,omitempty"` // without the customer at hand
}

// GroupOf returns a group's value.
func GroupOf(g Group) *Node { return &Node{Op: GroupOp, Type: Number, Group: &g} }

// The states of a lifecycle.
const (
	LifeFirst   = "first"
	LifeRegular = "regular"
	LifeBack    = "back"
	LifeStopped = "stopped"
	LifeDormant = "dormant"
	LifeNever   = "never"
)

// Num returns a number literal.
func Num(v float64) *Node {
	return &Node{Op: Const, Type: Number, Value: &Value{Type: Number, Num: v}}
}

// Str returns a text literal.
func Str(v string) *Node {
	return &Node{Op: Const, Type: Text, Value: &Value{Type: Text, Text: v}}
}

// True is a literal that every customer meets.
func True() *Node { return &Node{Op: Const, Type: Bool, Value: &Value{Type: Bool, Bool: true}} }

// AttrOf returns the value of a customer table's column.
func AttrOf(dataset, column string, t Type) *Node {
	return &Node{Op: Attr, Type: t, Dataset: dataset, Name: column}
}

// FieldOf returns the value of a column of the row at hand.
func FieldOf(column string, t Type) *Node { return &Node{Op: Field, Type: t, Name: column} }

// AggOf returns an aggregate's value.
func AggOf(a Agg, t Type) *Node { return &Node{Op: AggOp, Type: t, Agg: &a} }

// Apply returns an operation on nodes.
func Apply(op Op, t Type, args ...*Node) *Node { return &Node{Op: op, Type: t, Args: args} }

// Walk calls f for n and every node below it, inside aggregates and sequences too, parents first.
func (n *Node) Walk(f func(*Node)) {
	if n == nil {
		return
	}
	f(n)
	for _, a := range n.Args {
		a.Walk(f)
	}
	if n.Agg != nil {
		n.Agg.Where.Walk(f)
		n.Agg.Hit.Walk(f)
		if n.Agg.Then != nil {
			n.Agg.Then.Where.Walk(f)
		}
	}
	if n.Life != nil {
		n.Life.Where.Walk(f)
	}
	if n.Group != nil {
		n.Group.Key.Walk(f)
		n.Group.Of.Walk(f)
	}
	if n.Seq != nil {
		for _, s := range n.Seq.Steps {
			s.Where.Walk(f)
		}
		for _, s := range n.Seq.Without {
			s.Where.Walk(f)
		}
	}
}
