package pipeline

import (
	"context"

	"kequn"
	"kequn/internal/receipt"
	"kequn/internal/synth"
)

// Advanced is what a demo shop did meanwhile.
type Advanced struct {
	From     string      `json:"from"`
	To       string      `json:"to"`
	Handed   int         `json:"handed"`  // contacts handed over
	Reached  int         `json:"reached"` // customers whom they reached
	Datasets *LoadResult `json:"load"`
}

// Advance lets the demo shop in the workspace's folder live on: it hands over the contacts of decisions that were activated and
// not handed over yet, and loads what the shop records meanwhile.
func (s *Shop) Advance(ctx context.Context, duration string) (*Advanced, error) {
	span, err := kequn.ParseSpan(duration)
	if err != nil {
		return nil, err
	}
	status, err := synth.Open(s.Dir)
	if err != nil {
		return nil, err
	}
	var out *Advanced
	err = s.locked(ctx, "advance", func() error {
		contacts, err := s.handOver(ctx, status)
		if err != nil {
			return err
		}
		step := s.Lang.Pick("商店继续营业", "the shop lives on")
		files, err := synth.Advance(ctx, s.Dir, span, contacts, s.Threads, func(done, total int) { s.Progress(step, int64(done), int64(total)) })
		if err != nil {
			return err
		}
		out = &Advanced{From: kequn.FormatZone(files.From, s.Plan.Location()), To: kequn.FormatZone(files.To, s.Plan.Location()), Handed: len(contacts), Reached: files.Reached}
		out.Datasets, err = s.Load(ctx, LoadFlags{Files: files.Data(), LoadedAt: kequn.FormatZone(files.To, s.Plan.Location())})
		return err
	})
	return out, err
}

// handOver returns the contacts of activated decisions that the shop does not know of yet, and remembers that it gets them now.
func (s *Shop) handOver(ctx context.Context, status synth.Status) ([]synth.Contact, error) {
	snap, err := s.ws.Snapshot()
	if err != nil {
		return nil, err
	}
	var out []synth.Contact
	taken := map[string]bool{} // a customer gets one message a day, whatever the campaigns say
	for _, c := range s.Plan.Campaign {
		var doc activationDoc
		if err := s.readDoc("activation."+c.Name, &doc); err != nil {
			return nil, err
		}
		// Handed over for a period that was never written: the shop was stopped before it lived on.
		if doc.Receipt == "" || doc.Handed != 0 && doc.Handed <= status.Period {
			continue
		}
		r, _, _, err := s.receiptOf(doc.Receipt)
		if err != nil {
			return nil, err
		}
		members, err := membersOf(snap, r, doc.Receipt)
		if err != nil {
			return nil, err
		}
		cutoff, err := kequn.ParseTime(r.Cutoff, s.Plan.Location())
		if err != nil {
			return nil, err
		}
		arm := map[string]string{}
		for _, o := range r.Offers {
			if _, ok := synth.ParseOffer(armOf(o)); ok {
				arm[o.Name] = armOf(o)
			}
		}
		for _, m := range members {
			if a := arm[m.Offer]; m.Group == receipt.Contact && a != "" && !taken[m.Customer+"@"+r.Cutoff] {
				taken[m.Customer+"@"+r.Cutoff] = true
				out = append(out, synth.Contact{Customer: m.Customer, Offer: a, At: cutoff})
			}
		}
		doc.Handed = status.Period + 1
		if err := s.keepActivation(ctx, c.Name, doc); err != nil {
			return nil, err
		}
	}
	return out, nil
}
