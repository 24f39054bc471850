package pipeline

import (
	"context"

	"kequn"
	"kequn/internal/engine"
	"kequn/internal/measure"
	"kequn/internal/receipt"
)

// Measure compares those contacted by a campaign's newest activated decision (the newest where none was activated) with those held back, within the horizon, and puts the effect
// beside what was forecast; in a demo shop also beside the truth.
func (s *Shop) Measure(ctx context.Context, campaign string) (*measure.Result, error) {
	if _, _, err := s.campaign(campaign); err != nil {
		return nil, err
	}
	v, err := s.look()
	if err != nil {
		return nil, err
	}
	r, id, err := s.standing(v, campaign)
	if err != nil {
		return nil, err
	}
	if r == nil {
		return nil, undecided(campaign)
	}
	members, err := membersOf(v.snap, r, id)
	if err != nil {
		return nil, err
	}
	cutoff, err := kequn.ParseTime(r.Cutoff, v.zone)
	if err != nil {
		return nil, err
	}
	horizon, err := kequn.ParseSpan(r.Horizon)
	if err != nil {
		return nil, err
	}
	_, last := v.span()
	if last < cutoff {
		return nil, kequn.Errorf(kequn.KindNotEnough, campaign, "the data end before %s, when it was decided: nothing can be measured yet", r.Cutoff).
			WithHint("load what happened since; in a demo shop: kequn advance %s", horizon)
	}
	o, err := s.outcome(ctx, v, r, members, cutoff, horizon)
	if err != nil {
		return nil, err
	}
	res, err := measure.Measure(r, members, o, func(offer string) float64 {
		for _, x := range r.Offers {
			if x.Name == offer {
				return x.Contact
			}
		}
		return 0
	})
	if err != nil {
		return nil, err
	}
	end := horizon.After(cutoff, v.zone)
	res.Receipt, res.From, res.To = id, r.Cutoff, kequn.FormatZone(end, v.zone)
	if res.Complete = kequn.DefaultCutoff(last, v.zone) >= end; !res.Complete {
		res.Verdict = measure.TooEarly
	}
	if res.Truth, err = s.truth(r, id, members); err != nil {
		return nil, err
	}
	res.Describe(r.Currency)
	return res, s.keepMeasure(ctx, campaign, res)
}

// standing returns the decision that was acted on, else the newest; nil where nothing was decided. A decision made later, to see
// what another budget would do, does not stand for the one that was activated.
func (s *Shop) standing(v *view, campaign string) (*receipt.Receipt, string, error) {
	var doc activationDoc
	if err := s.readDoc("activation."+campaign, &doc); err != nil {
		return nil, "", err
	}
	if doc.Receipt != "" {
		r, id, _, err := s.receiptOf(doc.Receipt)
		return r, id, err
	}
	r, id, _, err := newestReceipt(v.snap, campaign)
	return r, id, err
}

// outcome is what the members of a decision did within the horizon.
func (s *Shop) outcome(ctx context.Context, v *view, r *receipt.Receipt, members []receipt.Member, cutoff kequn.Cutoff, horizon kequn.Span) (measure.Outcome, error) {
	m, err := s.moneyOf(v, r.Campaign, r.Goal, horizon)
	if err != nil {
		return measure.Outcome{}, err
	}
	_, last := v.span()
	if err := s.findRedeemed(ctx, v, m, r.Offers, last+1); err != nil {
		return measure.Outcome{}, err
	}
	at := make(map[string]int, len(members)) // one entry per member
	for i, x := range members {
		at[x.Customer] = i
	}
	offer := map[string]int{}
	var arms []string
	for k, x := range r.Offers {
		offer[x.Name] = k
		arms = append(arms, armOf(x))
	}
	o := measure.Outcome{Converted: make([]bool, len(members)), Earned: make([]float64, len(members)), Before: make([]float64, len(members))}
	e := newEarning(r.Campaign, r.Offers)
	s.Progress(s.Lang.Pick("衡量", "measure"), 0, 0)
	q := engine.Request{Cutoffs: []kequn.Cutoff{cutoff}, Zone: v.zone, Features: m.extras(), Outcomes: m.outcomes(arms), Threads: s.Threads}
	err = s.Engine.Stream(ctx, v.data, q, func(p *engine.Panel) error {
		before := rowsOf(p.X)
		y := p.Y.Columns
		for k := range p.NRows() {
			i, ok := at[p.Customer.String(k)]
			if !ok {
				continue
			}
			bought := y[0].Num[k]
			o.Converted[i] = bought > 0
			o.Before[i] = zeroIfMissing(before.quarter[k])
			if e.campaign.Value > 0 {
				o.Earned[i] = bought * e.campaign.Value
			} else {
				o.Earned[i] = zeroIfMissing(y[1].Num[k]) * e.campaign.Margin
			}
			if x := members[i]; x.Group == receipt.Contact {
				a := offer[x.Offer]
				o.Earned[i] -= y[2+2*a].Num[k]*r.Offers[a].Redemption + zeroIfMissing(y[3+2*a].Num[k])*r.Offers[a].Rate
			}
		}
		return nil
	})
	return o, err
}

func (s *Shop) keepMeasure(ctx context.Context, campaign string, res *measure.Result) error {
	return s.locked(ctx, "measure", func() error {
		tx, err := s.ws.Begin(ctx, "measure "+campaign)
		if err != nil {
			return err
		}
		defer tx.Abort()
		if err := putDoc(tx, "measure."+campaign, res); err != nil {
			return err
		}
		return tx.Commit()
	})
}
