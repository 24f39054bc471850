package pipeline

import (
	"fmt"
	"strings"

	"kequn"
	"kequn/internal/feature"
)

// Unlearnt is a feature that is not learnt from, because it adds nothing.
type Unlearnt struct {
	Feature string             `json:"feature"`
	Why     string             `json:"why"`
	Reason  feature.DropReason `json:"reason"`
}

// unlearnt lists what the selection left out, in the panel's order.
func unlearnt(chosen *feature.Selection, lang kequn.Lang) []Unlearnt {
	if chosen == nil {
		return nil
	}
	var out []Unlearnt
	for _, d := range chosen.Dropped {
		out = append(out, Unlearnt{Feature: d.Name, Why: d.Words(lang), Reason: d.Reason})
	}
	return out
}

// DroppedLine says in a line how many features are not learnt from and why, "" where all are.
func (p *Prediction) DroppedLine(lang kequn.Lang) string {
	if len(p.Dropped) == 0 {
		return ""
	}
	var parts []string
	for _, r := range []struct {
		reason feature.DropReason
		zh, en string
	}{
		{feature.Constant, "%d 个人人相同", "%d the same for everybody"},
		{feature.Duplicate, "%d 个与别的重复", "%d say the same as another"},
		{feature.Nothing, "%d 个不比碰运气强", "%d no better than chance"},
	} {
		n := 0
		for _, d := range p.Dropped {
			if d.Reason == r.reason {
				n++
			}
		}
		if n > 0 {
			parts = append(parts, fmt.Sprintf(lang.Pick(r.zh, r.en), n))
		}
	}
	return fmt.Sprintf(lang.Pick("%[2]d 个特征里有 %[1]d 个没有帮助，不用来学习（%[3]s）", "%d of %d features add nothing and are not learnt from (%s)"),
		len(p.Dropped), p.Offered, strings.Join(parts, lang.Pick("，", ", ")))
}
