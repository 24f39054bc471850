// Package evaluate judges a model: how accurate, stable, readable, fast and general it is, in a card with one grade and advice;
// and probes columns for leaks.
//
// card.go is the card and what one model's scores tell of it; experiment.go trains the family again for what they cannot: curve.go (rows),
// vary.go (seeds, draws, parameters), threads.go, groups.go (unseen ones), drift.go, chance.go (shuffled outcomes). skill.go has the
// paired errors that all of them stand on, compare.go sets rungs side by side, fairness.go sensitive groups. calibration.go finds where scores are
// off, verdict.go has the grade and advice, help.go what would help most, leak.go the probe.
package evaluate

import "kequn"

// Text is a sentence in both languages.
type Text struct {
	Zh string `json:"zh"`
	En string `json:"en"`
}

// In returns the text in the language.
func (t Text) In(l kequn.Lang) string { return l.Pick(t.Zh, t.En) }
