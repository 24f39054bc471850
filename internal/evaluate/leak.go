package evaluate

import (
	"context"
	"math"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/metric"
	"kequn/internal/model"
	"kequn/internal/table"
)

// Leak is a finding of the leak X-ray: a column, the order of rows or repeated rows that seem to know the outcome. What it says was
// perhaps written down after it.
type Leak struct {
	Column     string   `json:"column"` // or RowOrder, RepeatedRows
	Reason     string   `json:"reason"` // one of the Reason constants
	Evidence   Text     `json:"evidence"`
	AUCWith    *float64 `json:"auc_with,omitempty"`    // of the probe model; R² for amounts
	AUCWithout *float64 `json:"auc_without,omitempty"` // without the column
}

// What a finding is.
const (
	LeakAlone    = "alone"    // one column is too good by itself
	LeakVanishes = "vanishes" // much of what a model knows goes with one column
	LeakCopy     = "copy"     // the outcome in other words, or a text that says it
	LeakMissing  = "missing"  // filled, or left empty, only after the outcome
	LeakRefund   = "refund"   // exists only because the outcome happened, such as its refund
	LeakTotal    = "total"    // an amount that contains the outcome's
	LeakID       = "id"       // an identifier that tells the outcome
	LeakOrder    = "order"    // rows that stand together share their outcome
	LeakTwins    = "twins"    // the same record more than once
	LeakNear     = "near"     // the same record again, a little changed
	LeakPerson   = "person"   // rows of one person, who keeps the outcome
	LeakEncoding = "encoding" // the mean outcome of a group, the row itself included
	LeakDate     = "date"     // a date that lies later because of the outcome
	LeakFuture   = "future"   // a date after the cutoff at which it counts as known
	LeakMoved    = "moved"    // a value of today that stands in for the past
)

// Names of findings that are no column.
const (
	RowOrder     = "row order"
	RepeatedRows = "repeated rows"
)

// IsColumn tells whether the finding names a column of the table rather than the order or repetition of its rows.
func (l Leak) IsColumn() bool { return l.Column != RowOrder && l.Column != RepeatedRows }

// LeakProbe is what is probed.
type LeakProbe struct {
	X *table.Table
	Y model.Outcome // binary or regression; of several classes, each of the three largest is asked for against the rest, without fits
	W []float64

	// Others are columns that no model sees but that may tell how the rows were put together: the declared id, columns with a
	// different value in every row, texts that are no prose. nil: none.
	Others *table.Table

	// Ordered says that rows stand as they did in their file, so that their order may tell the outcome.
	Ordered bool

	// Records says that each row claims to be somebody else, so that equal rows are copies of a record. It is not set
	// for a panel, in which customers recur.
	Records bool

	// Sparse says that a missing value means that nothing was known of somebody then, so that its absence says nothing of how the
	// column was filled.
	Sparse bool

	// Group, where not nil, is the same for rows that are never split between training and judging.
	Group []int64

	// Learner is the model that is fitted with and without a suspect: quick and able to find what there is, such as a
	// small gbdt. Its models must know their importance. nil probes columns by themselves only.
	Learner model.Learner

	Seed    uint64
	Threads int
	MaxRows int // rows that columns are probed on; 0: 20,000. The order of rows and repetitions are looked for in all
}

// Limits of the probe. docs/leaks.md says why they are what they are.
const (
	aloneAUC  = 0.95 // one column alone tells this much: real customers are not that simple
	aloneR2   = 0.95
	knowsAUC  = 0.85 // a model that knows less than this has hardly seen the future
	knowsR2   = 0.8
	vanish    = 0.15 // share of what the model knows (AUC − ½, or R²) that goes with the column: honest columns share what they know
	mostWorth = 0.25 // share of importance from which on a column is worth a fit without it
	suspects  = 3    // columns that are tried so

	idGain       = 0.02 // what an id or the order of rows adds to the model's AUC or R² at least: else other columns say as much honestly
	mostWeighed  = 6    // findings whose loss is measured by a fit of its own
	leastProbed  = 50   // rows below which nothing can be said of order and ids
	probedLabels = 3    // classes that are asked for against the rest
)

// Leaks returns what seems to know the outcome, columns that do so by themselves first: see the Reason constants for what is looked for.
//
// A finding is a question, not a proof: some columns are just good. Cost is O(n) per column for the order of rows, ids and
// repetitions, O(m) per pair of a category and a number on m = MaxRows rows, and up to eleven fits on those.
// The result is the same for any number of threads.
func Leaks(ctx context.Context, p LeakProbe) ([]Leak, error) {
	if p.Y.Task == kequn.Multiclass {
		return p.classes(ctx)
	}
	if p.Y.Task != kequn.Binary && p.Y.Task != kequn.Regression {
		return nil, nil
	}
	if p.MaxRows <= 0 {
		p.MaxRows = 20_000
	}
	if _, err := model.Check(p.X, p.Y, p.W); err != nil {
		return nil, err
	}
	cols, inputs, _ := model.Inputs(p.X, p.W)
	if len(cols) == 0 && p.Others == nil {
		return nil, nil
	}
	full := &xray{LeakProbe: p, doubt: map[string]bool{}, hash: model.RowDraw(inputs, p.Y, p.W, kernel.Mix(p.Seed))}
	full.known = full.knownRows()
	steps := []func(){full.encodings, full.texts, full.ids, full.order, full.twins, full.persons}
	for _, step := range steps {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		step()
	}
	s := full.sample(inputs)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.columns()
	s.within()
	s.dates()
	if err := s.vanishing(ctx); err != nil {
		return nil, err
	}
	return s.weigh(ctx)
}

// WeighLeaks fills in what findings are worth that were made elsewhere: the probe model with each, and without any of them.
func WeighLeaks(ctx context.Context, p LeakProbe, found []Leak) ([]Leak, error) {
	if len(found) == 0 {
		return found, nil
	}
	if p.MaxRows <= 0 {
		p.MaxRows = 20_000
	}
	_, inputs, _ := model.Inputs(p.X, p.W)
	x := &xray{LeakProbe: p, hash: model.RowDraw(inputs, p.Y, p.W, kernel.Mix(p.Seed))}
	s := x.sample(inputs)
	s.found, s.known = found, s.knownRows()
	return s.weigh(ctx)
}

// xray is a probe on its way.
type xray struct {
	LeakProbe
	hash  []uint64 // hash%nFolds is a row's fold; equal rows share it
	known []int32  // rows with a known outcome
	found []Leak

	// Of findings that are no feature: what each would add to the model, as a column by the name of the finding.
	extra *table.Table
	doubt map[string]bool // findings that count only if they add something; asked by name only

	apart map[string]split // findings that are about how rows are split
}

// split says how rows were split with the repetition, and are without it.
type split struct {
	with, without []uint64 // folds
	keep          []bool   // rows that remain without
}

// knownRows returns the rows with a weight.
func (x *xray) knownRows() []int32 {
	rows := make([]int32, 0, len(x.Y.Y))
	for i := range x.Y.Y {
		if x.W == nil || x.W[i] > 0 {
			rows = append(rows, int32(i))
		}
	}
	return rows
}

// add keeps a finding unless its column has one.
func (x *xray) add(l Leak) {
	if !x.has(l.Column) {
		x.found = append(x.found, l)
	}
}

func (x *xray) has(column string) bool {
	for _, l := range x.found {
		if l.Column == column {
			return true
		}
	}
	return false
}

// sample draws at most MaxRows rows by a hash of their values.
func (x *xray) sample(inputs *table.Table) *xray {
	s := *x
	n := x.X.NRows()
	if n <= x.MaxRows {
		return &s
	}
	limit := uint64(float64(math.MaxUint64) * (float64(x.MaxRows) / float64(n)))
	var rows []int32
	for i, h := range model.RowDraw(inputs, x.Y, x.W, x.Seed) {
		if h <= limit {
			rows = append(rows, int32(i))
		}
	}
	if len(rows) == 0 { // all rows are alike
		rows = []int32{0}
	}
	s.X, s.Y, s.W, s.hash = x.X.Take(rows), x.Y.Take(rows), kernel.Take(x.W, rows), kernel.Take(x.hash, rows)
	if x.Group != nil {
		s.Group = kernel.Take(x.Group, rows)
	}
	if x.extra != nil {
		s.extra = x.extra.Take(rows)
	}
	if x.apart != nil {
		s.apart = map[string]split{}
		for name, a := range x.apart { // each is made from one other, so their order does not matter
			s.apart[name] = split{kernel.Take(a.with, rows), kernel.Take(a.without, rows), kernel.Take(a.keep, rows)}
		}
	}
	s.known = s.knownRows()
	return &s
}

// classes probes for each of the largest classes against the rest.
func (p LeakProbe) classes(ctx context.Context) ([]Leak, error) {
	count := make([]float64, len(p.Y.Classes))
	for i, v := range p.Y.Y {
		if p.W == nil || p.W[i] > 0 {
			count[int(v)]++
		}
	}
	var out []Leak
	for rank, c := range kernel.ArgsortDesc(count) {
		if rank == probedLabels || count[c] < leastProbed {
			break
		}
		q := p
		q.Learner = nil
		q.Y = model.Outcome{Task: kequn.Binary, Y: make([]float64, len(p.Y.Y))}
		for i, v := range p.Y.Y {
			if int32(v) == c {
				q.Y.Y[i] = 1
			}
		}
		found, err := Leaks(ctx, q)
		if err == model.ErrOneClass {
			continue
		}
		if err != nil {
			return nil, err
		}
		have := &xray{found: out}
		for _, l := range found {
			have.add(l)
		}
		out = have.found
	}
	return out, nil
}

// know returns how much the scores know: AUC or R².
func (p LeakProbe) know(score []float64) float64 {
	if p.Y.Task == kequn.Binary {
		return metric.AUC(p.Y.Y, score, p.W)
	}
	return metric.R2(p.Y.Y, score, p.W)
}

// chance is what knowing nothing is worth.
func (p LeakProbe) chance() float64 {
	if p.Y.Task == kequn.Binary {
		return 0.5
	}
	return 0
}

// figure is what know measures.
func (p LeakProbe) figure() string {
	if p.Y.Task == kequn.Binary {
		return "AUC"
	}
	return "R²"
}
