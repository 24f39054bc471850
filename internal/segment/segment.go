// Package segment divides all customers: the RFM grid with named classes, and behaviour groups with profiles, names, stability and movement.
//
// A segmentation is an assignment (one key per customer) and a description of each segment: how many, what share of the
// revenue, in what it differs from everybody, and a plain name in both languages made from that difference.
//
//	features ─ FitRFM ─────▶ RFM (thresholds, repeatable) ─ Assign ─▶ keys ─┐
//	features ─ a Grouper ──▶ labels ────────────────────────────────────────┴─ describe ─▶ Segmentation
package segment

import (
	"kequn/internal/query"
	"kequn/internal/table"
)

// Text is a text in both languages.
type Text struct {
	ZH string `json:"zh"`
	EN string `json:"en"`
}

// Segmentation describes a division of customers. Every customer is in exactly one segment; sizes add up to Customers.
type Segmentation struct {
	Name      string    `json:"name"`
	Method    string    `json:"method"` // rfm, behaviour or mixture
	Customers int       `json:"customers"`
	Segments  []Segment `json:"segments"` // rfm: best to worst; behaviour: largest revenue, or size, first
	Note      Text      `json:"note"`     // how it was made

	// RFM only: the thresholds, and customers by recency score (row 0 is 5, the most recent) and value score (column 0 is 1).
	RFM  *RFM        `json:"rfm,omitempty"`
	Grid *[5][5]Cell `json:"grid,omitempty"`

	// Behaviour only: the agreement of the groups with those found in random halves, and how well they are apart.
	Stability  *float64 `json:"stability,omitempty"`
	Silhouette *float64 `json:"silhouette,omitempty"`
	Notes      []string `json:"notes,omitempty"`
}

// Cell is a cell of the RFM grid.
type Cell struct {
	Recency int    `json:"recency"`
	Value   int    `json:"value"`
	Class   string `json:"class"` // of those who bought more than once: see ClassOf
	Count   int    `json:"count"`
}

// Segment is one segment, compared with everybody.
type Segment struct {
	Key     string   `json:"key"` // the value in assignments and rules: segment("rfm") == "champions"
	Name    Text     `json:"name"`
	Size    int      `json:"size"`
	Share   float64  `json:"share"`             // of customers
	Revenue *float64 `json:"revenue,omitempty"` // share of all revenue; absent where there is none
	Text    Text     `json:"text"`              // in what it differs, in a sentence
	Profile []Trait  `json:"profile"`           // the most telling differences, largest first
}

// Trait is one feature of a segment against everybody else.
type Trait struct {
	Feature string  `json:"feature"`
	Level   string  `json:"level,omitempty"` // of a category: figures are the share that has it
	Text    Text    `json:"text"`
	Mean    float64 `json:"mean"`            // in the segment
	Overall float64 `json:"overall"`         // of everybody
	Index   float64 `json:"index,omitempty"` // 100·Mean/Overall; 0 where Overall is not above 0
	Effect  float64 `json:"effect"`          // (mean in − mean out) / standard deviation of everybody: Cohen's d
	P       float64 `json:"p"`               // Welch's t, adjusted for all comparisons made (Benjamini and Hochberg)
}

// Input is what a segmentation is made from: one row per customer.
type Input struct {
	Name     string          // of the segmentation
	X        *table.Table    // features for making and naming it
	Profile  *table.Table    // features to compare on; nil is X
	Features []query.Feature // of both, for their words; columns without one go by their names
	Revenue  []float64       // per customer, in currency; nil where there is none
}

func (in Input) profile() *table.Table {
	if in.Profile != nil {
		return in.Profile
	}
	return in.X
}

// words returns a feature's plain words.
func (in Input) words(name string) Text {
	for _, f := range in.Features {
		if f.Name == name && f.TextZH != "" && f.TextEN != "" {
			return Text{f.TextZH, f.TextEN}
		}
	}
	return Text{name, name}
}
