package feature

import (
	"kequn"
	"kequn/internal/query"
	"kequn/internal/rule"
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
	Family     Family     `json:"family"`
	Own        bool       `json:"own,omitempty"` // defined in the plan
	Stats      *Stats     `json:"stats,omitempty"`
}

// Catalogue describes features.
func Catalogue(features []query.Feature) []Entry {
	out := make([]Entry, len(features))
	for i, f := range features {
		out[i] = Entry{Name: f.Name, Type: typeName(f.Node.Type), Definition: rule.Print(f.Node), TextZH: f.TextZH, TextEN: f.TextEN, Unit: f.Unit, Window: windowOf(f.Node),
			Missing: f.Missing, Kind: f.Kind, Sensitive: f.Sensitive, Sources: f.Sources, Family: familyOf(f)}
	}
	return out
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
