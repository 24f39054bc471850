// Package engine says what a place to run can do: features, rules, outcomes and scores over all customers.
//
// engine/local does it here, in one streaming pass. Conformance kit enginetest demands the same answers of every engine.
package engine

import (
	"context"
	"time"

	"kequn"
	"kequn/internal/plan"
	"kequn/internal/query"
	"kequn/internal/table"
)

// Data is the datasets of one workspace at one moment, readable customer by customer.
// Its methods may be called by several goroutines at once.
type Data interface {
	// Datasets lists the datasets with their columns and facts.
	Datasets() []Dataset

	// NParts returns the number of partitions. Every customer is whole within one, and the number never affects results.
	NParts() int

	// Part reads partition p of the wanted columns. The customer, time and known-at columns need not be asked for by
	// name: see [CustomerColumn]. The caller owns the result.
	Part(ctx context.Context, p int, want []table.Want) (*table.Partition, error)

	// Lookup reads a lookup dataset whole: of each key the row known last. Where columns name KnownColumn, every version of
	// every row comes, with when it was known.
	Lookup(ctx context.Context, name string, columns []string) (*table.Table, error)
}

// Columns that every dataset of customers has in the store, whatever the file called them. They may be asked for in a
// [table.Want]; datasets without event time (customers) have no TimeColumn.
const (
	CustomerColumn = query.CustomerColumn // Text
	TimeColumn     = query.TimeColumn     // Time: when it happened
	KnownColumn    = query.KnownColumn    // Time: when it was known; equal to TimeColumn where nothing else was said
	SeqColumn      = query.SeqColumn      // Integer: order of arrival, unique within a dataset
	IDColumn       = query.IDColumn       // Text: the declared id, where there is one
	GoneColumn     = query.GoneColumn     // Bool: this version of an id says that the row is no longer this customer's
)

// Dataset is a dataset's definition and facts.
type Dataset struct {
	plan.Dataset
	Rows  int64
	First kequn.Instant // earliest event time, NoTime without one
	Last  kequn.Instant // latest event time

	// Late tells whether any row was known after it happened. Where false, KnownColumn need not be read.
	Late bool

	// Versioned tells whether an id may occur more than once: of each id, only the row with the newest known-at time
	// before the moment of asking counts.
	Versioned bool

	// LoadedAt is when a dataset without history (customers) was loaded: its attributes are as of then.
	LoadedAt kequn.Instant
}

// HasHistory tells whether a lookup's rows depend on when one asks. Of each key, the row known newest before the moment of
// asking counts, the first of those known together. Where none was known yet, a lookup that says itself when its rows were
// known (a column of role known_at) has none; others are taken to have been always as they came first, as products mostly are.
func (d *Dataset) HasHistory() bool {
	return d.Role == kequn.Lookup && (d.Late || d.Versioned || d.With(kequn.ColKnownAt) != nil)
}

// Request is a set of definitions to be computed in one pass.
type Request struct {
	Cutoffs []kequn.Cutoff
	Zone    *time.Location

	Features []query.Feature
	Rules    []Rule
	Outcomes []Outcome

	// Who is the population; nil means every customer with an event, order or item before the cutoff (and known by then).
	// Nobody is in a population before he is known: has a row of any dataset with event times, or of a dataset of
	// customers, that counts at the cutoff.
	Who *query.Node

	// KnownBy hides rows known at or after it from outcomes too, as if asked at that time. NoTime (or 0) hides nothing.
	KnownBy kequn.Instant

	// KnownByEach, where set, is KnownBy for each cutoff of its own: what was learnt by a judging cutoff cannot have been
	// taught with what came in after it.
	KnownByEach []kequn.Instant

	// Attributes without history are used only for cutoffs after they were loaded, or where they are fixed; AnyTime
	// uses them at every cutoff (the caller warns).
	AnyTime bool

	Threads int
}

// KnownFor returns the instant at and after which what was known is hidden from outcomes of cutoff k; NoTime hides nothing.
func (r Request) KnownFor(k int) kequn.Instant {
	by := r.KnownBy
	if r.KnownByEach != nil {
		by = r.KnownByEach[k]
	}
	if by == 0 {
		return kequn.NoTime
	}
	return by
}

// Rule is a named condition.
type Rule struct {
	Name string
	Node *query.Node // Bool
}

// Outcome is a named value of the time after the cutoff.
type Outcome struct {
	Name string
	Node *query.Node // Number or Bool (1 or 0), usually of an Ahead window
}

// Panel is one row per customer and cutoff: rows of the first cutoff, then of the second …, each in the store's order of
// customers.
type Panel struct {
	Customer *table.Column // Text
	Cutoff   []int32       // index into Request.Cutoffs
	X        *table.Table  // a column per feature: Number or Category
	Rules    [][]bool      // per rule, one value per row
	Y        *table.Table  // a Number column per outcome
}

// NRows returns the number of rows.
func (p *Panel) NRows() int { return len(p.Cutoff) }

// Engine computes requests.
type Engine interface {
	// Stream computes the request and calls each with one partition's panel after the other, in order of partitions.
	// A panel is the callee's to keep. Dictionaries of category columns may differ from panel to panel.
	Stream(ctx context.Context, d Data, r Request, each func(*Panel) error) error
}

// Collect computes a request into one panel: rows by cutoff, then partition, then the store's order.
func Collect(ctx context.Context, e Engine, d Data, r Request) (*Panel, error) {
	var parts []*Panel
	if err := e.Stream(ctx, d, r, func(p *Panel) error { parts = append(parts, p); return nil }); err != nil {
		return nil, err
	}
	return Merge(parts, r)
}
