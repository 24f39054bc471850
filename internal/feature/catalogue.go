package feature

import (
	"math"

	"kequn"

	"kequn/internal/engine"
	"kequn/internal/kernel"
	"kequn/internal/query"
	"kequn/internal/rule"
	"kequn/internal/table"
)

// Entry is one row of the catalogue: what a feature is, and how its values look.
type Entry struct {
	Name       string     `json:"name"`
	Type       string     `json:"type"`       // number, text or bool
	Definition string     `json:"definition"` // in the rule language
	TextZH     string     `json:"text_zh"`
	TextEN     string     `json:"text_en"`
	Unit       string     `json:"unit"`
	Window     string     `json:"window"` // the longest stretch looked at: "90d", "ever", or "" for attributes
	Missing    string     `json:"missing"`
	Kind       query.Kind `json:"kind"`
	Sensitive  bool       `json:"sensitive"`
	Sources    []string   `json:"sources"`
	Stats      *Stats     `json:"stats,omitempty"`
}

// Stats are the values of a feature in a panel.
type Stats struct {
	Rows         int     `json:"rows"`
	MissingShare float64 `json:"missing_share"`
	Mean         float64 `json:"mean"` // of numbers, without missing ones; 0 without any
	SD           float64 `json:"sd"`
	Min          float64 `json:"min"`
	Median       float64 `json:"median"`
	Max          float64 `json:"max"`
	Distinct     int     `json:"distinct,omitempty"` // of texts

	// Drift is how far the last cutoff's values lie from the first's: of numbers the difference of means in standard
	// deviations of both together, of texts half the sum of the absolute differences of shares (0 alike, 1 disjoint). 0 with one cutoff.
	Drift float64 `json:"drift"`
}

// Catalogue describes features.
func Catalogue(features []query.Feature) []Entry {
	out := make([]Entry, len(features))
	for i, f := range features {
		out[i] = Entry{Name: f.Name, Type: typeName(f.Node.Type), Definition: rule.Print(f.Node), TextZH: f.TextZH, TextEN: f.TextEN, Unit: f.Unit, Window: windowOf(f.Node),
			Missing: f.Missing, Kind: f.Kind, Sensitive: f.Sensitive, Sources: f.Sources}
	}
	return out
}

// Describe sums up the values of a panel's features in their entries.
func Describe(entries []Entry, panel *engine.Panel) {
	for i := range entries {
		if c := panel.X.Column(entries[i].Name); c != nil {
			entries[i].Stats = statsOf(c, panel.Cutoff)
		}
	}
}

func typeName(t query.Type) string {
	switch t {
	case query.Bool:
		return "bool"
	case query.Text:
		return "text"
	}
	return "number"
}

// windowOf returns the longest stretch of time that a definition looks back.
func windowOf(n *query.Node) string {
	longest, found, ever := kequn.Span{}, false, false
	look := func(w query.Window) {
		found = true
		ever = ever || w.Span.IsZero()
		if w.Span.Duration() > longest.Duration() {
			longest = w.Span
		}
	}
	n.Walk(func(n *query.Node) {
		switch {
		case n.Agg != nil:
			look(n.Agg.Window)
		case n.Seq != nil:
			look(n.Seq.Window)
		case n.Life != nil:
			ever, found = true, true
		}
	})
	switch {
	case !found:
		return ""
	case ever:
		return "ever"
	}
	return longest.String()
}

func statsOf(c *table.Column, cutoff []int32) *Stats {
	first, last := int32(math.MaxInt32), int32(-1)
	for _, k := range cutoff {
		first, last = min(first, k), max(last, k)
	}
	if c.Kind.InCode() {
		return textStats(c, cutoff, first, last)
	}
	s := &Stats{Rows: len(c.Num)}
	var all, from, to []float64
	for i, x := range c.Num {
		if x != x {
			continue
		}
		all = append(all, x)
		if cutoff[i] == first {
			from = append(from, x)
		}
		if cutoff[i] == last {
			to = append(to, x)
		}
	}
	if s.Rows > 0 {
		s.MissingShare = 1 - float64(len(all))/float64(s.Rows)
	}
	if len(all) == 0 {
		return s
	}
	mean, variance := kernel.MeanVar(all, nil)
	s.Mean, s.SD = mean, math.Sqrt(variance)
	q := kernel.Quantiles(all, 0, 0.5, 1)
	s.Min, s.Median, s.Max = q[0], q[1], q[2]
	if last > first && len(from) > 0 && len(to) > 0 {
		m0, v0 := kernel.MeanVar(from, nil)
		m1, v1 := kernel.MeanVar(to, nil)
		if sd := math.Sqrt((v0 + v1) / 2); sd > 0 {
			s.Drift = (m1 - m0) / sd
		}
	}
	return s
}

func textStats(c *table.Column, cutoff []int32, first, last int32) *Stats {
	s := &Stats{Rows: len(c.Code)}
	n := c.Dict.Len()
	seen, from, to := make([]float64, n), make([]float64, n), make([]float64, n)
	total, nFrom, nTo := 0.0, 0.0, 0.0
	for i, k := range c.Code {
		if k < 0 {
			continue
		}
		seen[k]++
		total++
		if cutoff[i] == first {
			from[k]++
			nFrom++
		}
		if cutoff[i] == last {
			to[k]++
			nTo++
		}
	}
	if s.Rows > 0 {
		s.MissingShare = 1 - total/float64(s.Rows)
	}
	for k := range n {
		if seen[k] > 0 {
			s.Distinct++
		}
		if last > first && nFrom > 0 && nTo > 0 {
			s.Drift += math.Abs(from[k]/nFrom-to[k]/nTo) / 2
		}
	}
	return s
}
