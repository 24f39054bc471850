// Package evaluate judges a model: how accurate, stable, readable, fast and general it is, in a card with one grade and advice;
// and probes columns for leaks.
//
// card.go is the card, verdict.go its grade and advice, leak.go the probe.
package evaluate

import "kequn"

// Text is a sentence in both languages.
type Text struct {
	Zh string `json:"zh"`
	En string `json:"en"`
}

// In returns the text in the language.
func (t Text) In(l kequn.Lang) string { return l.Pick(t.Zh, t.En) }
