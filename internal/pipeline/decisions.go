package pipeline

import (
	"fmt"
	"slices"

	"kequn"
	"kequn/internal/measure"
	"kequn/internal/receipt"
	"kequn/internal/store"
)

// Kinds of blobs that decisions leave.
const (
	receiptBlobs = "receipts" // by campaign; all are kept
	memberBlobs  = "members"  // by receipt id
)

// newestReceipt returns a campaign's newest receipt and its id; nil where nothing was decided.
func newestReceipt(snap *store.Snapshot, campaign string) (*receipt.Receipt, string, []byte, error) {
	var newest *store.Blob
	for _, b := range snap.Blobs(receiptBlobs) {
		if b.Name == campaign {
			newest = &b
		}
	}
	if newest == nil {
		return nil, "", nil, nil
	}
	text, err := snap.ReadBlob(*newest)
	if err != nil {
		return nil, "", nil, err
	}
	r, err := receipt.Decode(text, newest.SHA256)
	return r, newest.SHA256, text, err
}

// decisions returns of every campaign of the plan the decision that was acted on, else the newest, with what was measured.
func (s *Shop) decisions(v *view) ([]DecisionData, error) {
	var out []DecisionData
	for _, c := range s.Plan.Campaign {
		r, id, err := s.standing(v, c.Name)
		if err != nil {
			return nil, err
		}
		if r == nil {
			continue
		}
		d := DecisionData{ID: id, Receipt: r}
		var res measure.Result
		if err := s.readDoc("measure."+c.Name, &res); err != nil {
			return nil, err
		}
		if res.Receipt == id {
			d.Result = &res
		}
		out = append(out, d)
	}
	return out, nil
}

// whyDecisions tells what was decided for a customer.
func (s *Shop) whyDecisions(v *view, customer string) ([]WhyDecision, error) {
	out := []WhyDecision{}
	for _, c := range s.Plan.Campaign {
		r, id, err := s.standing(v, c.Name)
		if err != nil {
			return nil, err
		}
		if r == nil {
			continue
		}
		text, err := v.snap.Blob(memberBlobs, id)
		if err != nil {
			return nil, err
		}
		members, err := receipt.ReadMembers(text)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(members, func(m receipt.Member) bool { return m.Customer == customer })
		if i < 0 {
			continue
		}
		m := members[i]
		out = append(out, WhyDecision{Campaign: c.Name, Group: string(m.Group), Offer: m.Offer, Value: m.Value, Reason: m.Reason, Text: s.decisionText(m, r.Currency)})
	}
	return out, nil
}

func (s *Shop) decisionText(m receipt.Member, currency string) string {
	worth := fmt.Sprintf("%.2f %s", m.Value, currency)
	switch m.Group {
	case receipt.Contact:
		return s.Lang.Pick("触达，方案 "+m.Offer+"，预期利润 "+worth, "contact with "+m.Offer+", expected profit "+worth)
	case receipt.Control:
		return s.Lang.Pick("随机留作对照，不触达；若触达，方案为 "+m.Offer+"，预期利润 "+worth, "held back at random as control; would have got "+m.Offer+", expected profit "+worth)
	}
	return s.Lang.Pick("不打扰："+ReasonWord(m.Reason, kequn.Chinese), "left alone: "+ReasonWord(m.Reason, kequn.English))
}

// ReasonWord says why somebody is left alone.
func ReasonWord(reason string, l kequn.Lang) string {
	words := map[string][2]string{
		"no_gain":  {"任何方案预期都不赚钱", "no offer is expected to earn more than it costs"},
		"budget":   {"预算用在了更值得的人身上", "the budget went to better ones"},
		"audience": {"不在目标人群内", "not in the audience"},
		"excluded": {"在排除名单内", "suppressed by a rule"},
		"consent":  {"未同意接收", "no consent for the channel"},
		"holdout":  {"全局留出，任何活动都不联系", "in the holdout that no campaign contacts"},
	}
	if w, ok := words[reason]; ok {
		return l.Pick(w[0], w[1])
	}
	return reason
}
