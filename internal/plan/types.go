// Package plan reads and writes kequn.yaml: datasets and their roles, goals, segments, audiences, offers and campaigns.
//
// A plan is text that people edit; writing it back keeps their comments. It never holds a personal value.
package plan

import (
	"time"

	"kequn"
	"kequn/internal/table"
)

// Plan is what kequn.yaml says. Lists keep the file's order.
type Plan struct {
	Zone     string // IANA name; days and zone-less times are of this zone; default UTC
	Currency string // ISO code of amounts that name none
	Datasets []Dataset
	Features []Feature // of the user, beside the automatic ones
	Quality  []Quality // of the user, beside the proposed ones
	Goals    []Goal
	Segments []Segmentation
	Audience []Audience
	Offers   []Offer
	Campaign []Campaign
	Holdout  float64 // share of customers never contacted by any campaign
}

// Location returns the plan's zone, UTC where the name is empty or unknown (Read refuses unknown names).
func (p *Plan) Location() *time.Location {
	if l, err := time.LoadLocation(p.Zone); err == nil {
		return l
	}
	return time.UTC
}

// Dataset is one table and what its columns are.
type Dataset struct {
	Name    string     `json:"name"`
	Role    kequn.Role `json:"role,omitempty"`
	Columns []Column   `json:"columns,omitempty"`
}

// Column is one column of a dataset.
type Column struct {
	Name     string           `json:"name"`
	Kind     table.Kind       `json:"kind,omitempty"`
	Role     kequn.ColumnRole `json:"role,omitempty"`
	Scale    int              `json:"scale,omitempty"`    // money: decimal digits kept
	Layout   string           `json:"layout,omitempty"`   // time: layout as sniffed, "" for ISO
	Currency string           `json:"currency,omitempty"` // money: ISO code, "" for the plan's
	From     string           `json:"from,omitempty"`     // computed at loading: "Quantity * UnitPrice", or "campaign_id.start_date" (by a lookup)
	Fixed    bool             `json:"fixed,omitempty"`    // an attribute that counts at any cutoff: birth date, sign-up channel
	// Sensitive attributes (gender, age, ethnicity …) are not used as features unless asked for.
	Sensitive bool `json:"sensitive,omitempty"`
	// Allow asks for a sensitive attribute as a feature all the same; how it is used is then judged by its groups.
	Allow bool `json:"allow,omitempty"`
}

// Column returns the dataset's column of that name, or nil.
func (d *Dataset) Column(name string) *Column {
	for i := range d.Columns {
		if d.Columns[i].Name == name {
			return &d.Columns[i]
		}
	}
	return nil
}

// With returns the dataset's first column of a role, or nil.
func (d *Dataset) With(role kequn.ColumnRole) *Column {
	for i := range d.Columns {
		if d.Columns[i].Role == role {
			return &d.Columns[i]
		}
	}
	return nil
}

// Dataset returns the dataset of that name, or nil.
func (p *Plan) Dataset(name string) *Dataset {
	for i := range p.Datasets {
		if p.Datasets[i].Name == name {
			return &p.Datasets[i]
		}
	}
	return nil
}

// Feature is a column that the user defines: an expression of the rule language, as known at the cutoff.
type Feature struct {
	Name    string `json:"name"`
	Value   string `json:"value"`             // orders.last("90d").mean("amount")
	Unit    string `json:"unit,omitempty"`    //
	Kind    string `json:"kind,omitempty"`    // trait, behaviour, lever or proxy; "" is behaviour
	Missing string `json:"missing,omitempty"` // what a missing value means
	TextZH  string `json:"zh,omitempty"`      // plain words; "" is the expression's own
	TextEN  string `json:"en,omitempty"`
	// Sensitive and Allow mean what they do for columns.
	Sensitive bool `json:"sensitive,omitempty"`
	Allow     bool `json:"allow,omitempty"`

	Line int `json:"-"` // of the file, for errors; 0 where it was not read from one
}

// Quality is a rule about the data themselves: what must hold, and what happens where it does not.
type Quality struct {
	Name    string   `json:"name"`
	Dataset string   `json:"dataset"`
	Column  string   `json:"column,omitempty"`
	Check   string   `json:"check"`            // the kind of rule: see docs/quality.md
	Level   string   `json:"level,omitempty"`  // warn or stop, "off" switches a proposed rule of this name off; "" is warn
	Min     *float64 `json:"min,omitempty"`    // numbers, counts, seconds or shares, as the kind says
	Max     *float64 `json:"max,omitempty"`    //
	Values  []string `json:"values,omitempty"` // allowed words; no personal value
	Other   string   `json:"other,omitempty"`  // another column, or dataset.column that is referred to
	Pattern string   `json:"pattern,omitempty"`
	Rule    string   `json:"rule,omitempty"`  // check rule: a condition of the rule language; customers whom it describes break it
	Share   float64  `json:"share,omitempty"` // of rows that may break it
}

// Goal is a question about the time after the cutoff: whether an event happens, does not happen, or how much.
// One of Event, Sum, Count, When, Next and Column is set.
type Goal struct {
	Name   string `json:"name"`
	Event  string `json:"event,omitempty"`  // dataset, or dataset.type for one type of event: does one happen within the horizon?
	Absent bool   `json:"absent,omitempty"` // the question is turned round: does none happen?
	Sum    string `json:"sum,omitempty"`    // dataset.column: the amount within the horizon
	Count  string `json:"count,omitempty"`  // dataset: how many within the horizon (orders, not their lines)

	When  string `json:"when,omitempty"`  // dataset, or dataset.type: how many days until the next one, by the horizon at the latest?
	Next  string `json:"next,omitempty"`  // dataset.column: which values come next? A ranked list for each customer
	Top   int    `json:"top,omitempty"`   // Next: values listed for a customer, 0 is 20
	Fresh bool   `json:"fresh,omitempty"` // Next: only values that the customer has not had yet

	Column   string `json:"column,omitempty"`   // customers.column: a fact learnt later
	Positive string `json:"positive,omitempty"` // its value that counts as yes; "" makes it a number to predict

	Within kequn.Span `json:"within,omitzero"` // horizon
	Gap    kequn.Span `json:"gap,omitzero"`    // from the cutoff to the horizon's start
	Who    string     `json:"who,omitempty"`   // rule of the eligible population; "" is every customer with an event before the cutoff
}

// Task returns what kind of outcome the goal has.
func (g Goal) Task() kequn.Task {
	if g.Event != "" || g.Positive != "" {
		return kequn.Binary
	}
	return kequn.Regression
}

// Segmentation divides all customers into segments.
type Segmentation struct {
	Name   string
	Method string // rfm; behaviour (k-means) or mixture (Gaussian mixture): groups of alike customers
	K      int    // behaviour and mixture: number of groups, 0 chooses
	Within kequn.Span
}

// Audience is a saved rule.
type Audience struct {
	Name string
	Rule string
}

// Offer is a treatment with its costs, in units of the plan's currency.
type Offer struct {
	Name       string  `json:"name"`
	Arm        string  `json:"arm,omitempty"`        // what the sends dataset calls it; "" is Name
	Fixed      float64 `json:"fixed,omitempty"`      // cost once, if anybody gets it
	Contact    float64 `json:"contact,omitempty"`    // cost of one contact
	Redemption float64 `json:"redemption,omitempty"` // cost of one redeemed offer (a coupon's face value)
	Rate       float64 `json:"rate,omitempty"`       // share of the order's amount given away on redemption
}

// Campaign is a decision to be made: who gets which offer.
type Campaign struct {
	Name     string     `json:"name"`
	Goal     string     `json:"goal,omitempty"`     // the goal whose amount is worth money
	Offers   []string   `json:"offers,omitempty"`   // competing offers; one a person
	Margin   float64    `json:"margin,omitempty"`   // share of the amount that is earned
	Value    float64    `json:"value,omitempty"`    // margin of one positive outcome where the goal has no amount
	Budget   float64    `json:"budget,omitempty"`   // 0 is no limit
	Control  float64    `json:"control,omitempty"`  // share of the chosen kept as control
	Channel  string     `json:"channel,omitempty"`  // consent needed for it; "" needs none
	Audience string     `json:"audience,omitempty"` // rule or name; "" is everybody eligible
	Exclude  string     `json:"exclude,omitempty"`  // rule of the suppressed
	History  string     `json:"history,omitempty"`  // campaign in sends whose randomised arms teach uplift; "" looks for one
	Within   kequn.Span `json:"within,omitzero"`
}
