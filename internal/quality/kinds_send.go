package quality

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"kequn"
	"kequn/internal/metric"
	"kequn/internal/table"
)

var sendKinds = []*kind{noConsent, controlContacted, sendTwice, sendAfterEnd, armRatio}

// controlWords are what sends call customers who were deliberately not contacted.
var controlWords = []string{"control", "control group", "holdout", "none", "no contact", "no e-mail", "no email", "对照", "对照组", "未触达"}

func isControl(arm string) bool {
	return slices.Contains(controlWords, strings.ToLower(strings.TrimSpace(arm)))
}

// controls returns by code whether an arm is the control.
func controls(arm *table.Column) []bool {
	out := make([]bool, arm.Dict.Len())
	for k := range out {
		out[k] = isControl(arm.Dict.At(k))
	}
	return out
}

// noConsent: nobody is contacted who said no. Other is dataset.column of the consent.
var noConsent = &kind{name: "no_consent", family: "sends", weight: 3, zh: "发给了不同意接收的客户", en: "went to a customer who does not consent",
	ahead: func(sc *scan, s *set) []Rule {
		if s.Role != kequn.Sends {
			return nil
		}
		// Where there are several consents, one a channel, and sends do not say which they used, who refuses all of them counts.
		var said []string
		from := ""
		for _, o := range sc.sets {
			if o.Role != kequn.Customers || said != nil {
				continue
			}
			for _, c := range o.Columns {
				if c.Role == kequn.ColConsent && o.column(c.Name) >= 0 {
					from = o.Name
					said = append(said, c.Name)
				}
			}
		}
		if said == nil {
			return nil
		}
		r := ruleOf("no_consent", s.Name, "")
		r.Other = from + "." + strings.Join(said, " ")
		return r.sharing(0)
	},
	find: func(sc *scan, s *set, r *Rule) (finder, error) {
		name, columns, _ := strings.Cut(r.Other, ".")
		o := sc.setOf(name)
		words := strings.Fields(columns)
		if o == nil || o.part < 0 || len(words) == 0 || slices.ContainsFunc(words, func(w string) bool { return o.column(w) < 0 }) {
			return nil, kequn.Errorf(kequn.KindPlan, "quality: "+r.Name, "other names no column of consent: %q", r.Other).WithHint("write customers.COLUMN, or customers.COLUMN OTHER where one of several is enough")
		}
		return everyRow(func(p *piece, s *pieceSet) func(int) (bool, bool) {
			said := &p.sets[o.at]
			var consents []*table.Column
			for _, w := range words {
				consents = append(consents, said.col(w))
			}
			var control []bool
			arm := s.col(s.with(kequn.ColArm))
			if arm != nil && arm.Kind.InCode() {
				control = controls(arm)
			}
			return func(r int) (bool, bool) {
				if control != nil && arm.Code[r] >= 0 && control[arm.Code[r]] || !said.has(s.owner[r]) {
					return false, false
				}
				at := int(said.start[s.owner[r]+1]) - 1 // the last word
				return true, !slices.ContainsFunc(consents, func(c *table.Column) bool { return !refused(c, at) })
			}
		}), nil
	},
	needs: needsOther,
}

// refused tells whether a consent says no. Nothing said is no refusal.
func refused(c *table.Column, at int) bool {
	switch {
	case c.IsMissing(at):
		return false
	case c.Kind.InCode():
		switch fold(c.String(at)) {
		case "no", "n", "false", "0", "off", "out", "opt-out", "optout", "unsubscribed", "否", "不同意", "拒绝", "退订":
			return true
		}
		return false
	}
	return c.Float(at) == 0
}

// inCampaign proposes a rule ahead for sends with arms.
func inCampaign(name string) func(sc *scan, s *set) []Rule {
	return func(sc *scan, s *set) []Rule {
		if s.Role != kequn.Sends || s.with(kequn.ColArm) == "" {
			return nil
		}
		return ruleOf(name, s.Name, s.with(kequn.ColArm)).sharing(0)
	}
}

// controlContacted: who is control in a campaign gets nothing from it.
var controlContacted = &kind{name: "control_contacted", family: "sends", weight: 3, zh: "触达了同一活动的对照组客户", en: "contacted somebody who is control in the same campaign",
	ahead: inCampaign("control_contacted"),
	find: func(sc *scan, s *set, r *Rule) (finder, error) {
		return perCampaign(r.Column, func(control []bool, arm *table.Column, rows []int, emit func(int)) {
			held := false
			for _, r := range rows {
				held = held || arm.Code[r] >= 0 && control[arm.Code[r]]
			}
			for _, r := range rows {
				if held && arm.Code[r] >= 0 && !control[arm.Code[r]] {
					emit(r)
				}
			}
		}), nil
	},
}

// sendTwice: nobody is in two arms of one campaign.
var sendTwice = &kind{name: "two_arms", family: "sends", weight: 2, zh: "使一位客户出现在同一活动的两个组中", en: "puts a customer into two offers of the same campaign",
	ahead: inCampaign("two_arms"),
	find: func(sc *scan, s *set, r *Rule) (finder, error) {
		return perCampaign(r.Column, func(control []bool, arm *table.Column, rows []int, emit func(int)) {
			first := int32(-1)
			for _, r := range rows {
				k := arm.Code[r]
				if k < 0 || control[k] {
					continue
				}
				if first >= 0 && k != first {
					emit(r)
				}
				if first < 0 {
					first = k
				}
			}
		}), nil
	},
}

// perCampaign judges a customer's sends of one campaign together.
func perCampaign(armColumn string, judge func(control []bool, arm *table.Column, rows []int, emit func(int))) finder {
	return func(p *piece, s *pieceSet, emit func(int)) (of int64) {
		arm, campaign := s.col(armColumn), s.col(s.with(kequn.ColCampaign))
		if arm == nil || !arm.Kind.InCode() {
			return 0
		}
		control := controls(arm)
		var rows []int
		for c := 0; c+1 < len(s.start); c++ {
			from, to := int(s.start[c]), int(s.start[c+1])
			of += int64(to - from)
			if to-from < 2 {
				continue
			}
			for r := from; r < to; r++ {
				if campaign != nil && again(campaign, from, r) {
					continue
				}
				rows = rows[:0]
				for k := r; k < to; k++ {
					if !s.skipped(k) && (campaign == nil || same(campaign, r, k)) {
						rows = append(rows, k)
					}
				}
				judge(control, arm, rows, emit)
				if campaign == nil {
					break
				}
			}
		}
		return of
	}
}

func same(c *table.Column, a, b int) bool {
	if c.Kind.InCode() {
		return c.Code[a] == c.Code[b]
	}
	x, y := c.Float(a), c.Float(b)
	return x == y || x != x && y != y
}

func again(c *table.Column, from, r int) bool {
	for k := from; k < r; k++ {
		if same(c, k, r) {
			return true
		}
	}
	return false
}

// sendAfterEnd: nothing is sent for a campaign that is over. Other is lookup.column of the end.
var sendAfterEnd = &kind{name: "send_after_end", family: "sends", weight: 2, zh: "在活动结束之后发送", en: "was sent after its campaign had ended",
	ahead: func(sc *scan, s *set) []Rule {
		if s.Role != kequn.Sends {
			return nil
		}
		for _, l := range sc.sets {
			key := l.With(kequn.ColKey)
			if l.Role != kequn.Lookup || key == nil || s.column(key.Name) < 0 {
				continue
			}
			for _, c := range l.Columns {
				if c.Kind == table.Time && slices.Contains(kequn.NameWords(c.Name), "end") && l.column(c.Name) >= 0 {
					r := ruleOf("send_after_end", s.Name, key.Name)
					r.Other = l.Name + "." + c.Name
					return r.sharing(0)
				}
			}
		}
		return nil
	},
	find: func(sc *scan, s *set, r *Rule) (finder, error) {
		name, column, _ := strings.Cut(r.Other, ".")
		l := sc.setOf(name)
		if l == nil || l.rows == nil || l.column(column) < 0 || l.With(kequn.ColKey) == nil {
			return nil, kequn.Errorf(kequn.KindPlan, "quality: "+r.Name, "other names no date of a lookup: %q", r.Other).WithHint("write LOOKUP.END")
		}
		keys, end := l.rows.Columns[l.column(l.With(kequn.ColKey).Name)], l.rows.Columns[l.column(column)]
		by := map[string]int64{} // an entry per campaign
		for i := range keys.Len() {
			if !keys.IsMissing(i) && !end.IsMissing(i) {
				by[plainText(keys, i)] = end.Int[i]
			}
		}
		return everyRow(func(p *piece, s *pieceSet) func(int) (bool, bool) {
			key := s.col(r.Column)
			if key == nil || s.time == nil {
				return nil
			}
			return func(r int) (bool, bool) {
				if key.IsMissing(r) {
					return false, false
				}
				last, ok := by[plainText(key, r)]
				return ok, ok && s.time[r] >= last+microsPerDay
			}
		}), nil
	},
	needs: needsOther,
}

// armRatio: the control is as large as planned. Values is the campaign, Share the planned share of control; broken where
// chance would do so less than once in 10,000. Value is the probability.
var armRatio = &kind{name: "arm_ratio", family: "sends", weight: 3, value: true, zh: "：各组人数与计划相符的概率（样本比例不符）", en: "is the probability that arms of such sizes came from the plan (sample ratio mismatch)",
	propose: func(sc *scan, t *setTally) []Rule {
		arm := t.set.with(kequn.ColArm)
		if t.set.Role != kequn.Sends || arm == "" || len(sc.o.Designs) != 1 || !(sc.o.Designs[0].Control > 0) {
			return nil
		}
		campaign := t.column(t.set.with(kequn.ColCampaign))
		if campaign == nil || campaign.values == nil || len(campaign.values.items) != 1 || campaign.values.items[0].text != sc.o.Designs[0].Campaign {
			return nil // several campaigns: measure compares each with its own plan
		}
		r := ruleOf("arm_ratio", t.set.Name, arm)
		r.Share = sc.o.Designs[0].Control
		return r.atLeast(1e-4)
	},
	measure: oneColumn(func(t *setTally, c *columnTally, r *Rule) measure {
		if c.values == nil || !c.values.exact() || !c.kind.InCode() || !(r.Share > 0) {
			return unknown
		}
		var control, treated float64
		for i := range c.values.items {
			if s := &c.values.items[i]; isControl(s.text) {
				control += float64(s.rows())
			} else {
				treated += float64(s.rows())
			}
		}
		if control+treated < enough || control == 0 {
			return unknown
		}
		_, p := metric.SampleRatio([]float64{control, treated}, []float64{r.Share, 1 - r.Share})
		if math.IsNaN(p) {
			return unknown
		}
		got := control / (control + treated)
		return measure{value: p, of: int64(control + treated), zh: fmt.Sprintf("对照占 %s，计划 %s", percent(got), percent(r.Share)), en: fmt.Sprintf("control is %s, planned %s", percent(got), percent(r.Share))}
	}),
}
