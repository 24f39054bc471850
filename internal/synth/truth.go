package synth

import (
	"math"
	"strconv"
)

// winter is the past campaign, of which sends.csv is the record.
const (
	winterName = "winter"
	nWinter    = 3 // control, coupon10 and freeship, a third each by hash
)

// invited tells whether a customer was in the past campaign's draw: signed up two weeks before, and reachable.
func (p *person) invited() bool { return p.joined < winterDay-14 && p.reachable() }

// winterArm returns what the past campaign drew for a customer.
func (p *person) winterArm() Offer { return Offer(key(p.key, forArm, 0) % nWinter) }

// send writes the customer's row of the past campaign.
func (g *page) send(p *person) {
	if !p.invited() || winterDay < g.period.from || winterDay >= g.period.to {
		return
	}
	w := g.w
	arm := p.winterArm()
	b := append(g.sends, 'W')
	b = strconv.AppendInt(b, int64(idBase+p.index), 10)
	b = appendCustomer(append(b, ','), idBase+p.index)
	b = append(b, ',')
	b = w.calendar.appendTime(b, int64(winterDay)*daySeconds+int64(key(p.key, forArm, 1)%540))
	b = append(append(b, ','), winterName...)
	b = append(append(b, ','), arm.String()...)
	b = append(b, ',')
	if p.consentSMS == yes {
		b = append(b, "sms"...)
	} else {
		b = append(b, "email"...)
	}
	b = append(b, ",0.333333,"...)
	if arm == Control {
		b = append(b, "0.00"...)
	} else {
		b = appendMoney(b, int64(math.Round(w.money.ContactCost*100)))
	}
	g.sends = append(b, '\n')
	g.rows.Sends++
}

// Effect is the truth about one customer and one offer, for a contact at one moment: what would happen over the [Horizon] days.
type Effect struct {
	Baseline       float64 // probability of at least one order without contact
	Treated        float64 // the same with the offer
	MarginBaseline float64 // expected margin without contact, net of refunds
	MarginUplift   float64 // what the offer adds to it, before its own cost
	OfferCost      float64 // expected cost of the offer's use
	ContactCost    float64
}

// Uplift returns the change in the probability of an order.
func (e Effect) Uplift() float64 { return e.Treated - e.Baseline }

// Profit returns what contacting the customer with the offer is expected to earn more than leaving them alone.
func (e Effect) Profit() float64 { return e.MarginUplift - e.OfferCost - e.ContactCost }

// effects computes the truth for all offers of a contact at the start of a day, for a customer in a state at that time.
func (w *world) effects(p *person, m moment, contacts []contact, day int) [nOffers]Effect {
	var all [nOffers]Effect
	base := w.outlook(p, m, contacts, day, Control)
	for o := Coupon10; o < nOffers; o++ {
		with := w.outlook(p, m, contacts, day, o)
		all[o] = Effect{
			Baseline: base.buys, Treated: with.buys,
			MarginBaseline: base.margin / 100, MarginUplift: (with.margin - base.margin) / 100,
			OfferCost: with.cost / 100, ContactCost: w.money.ContactCost,
		}
	}
	return all
}

// appendEffects writes the truth about one customer, a row for each offer.
func appendEffects(b []byte, p *person, all *[nOffers]Effect) []byte {
	for o := Coupon10; o < nOffers; o++ {
		e := &all[o]
		b = appendCustomer(b, idBase+p.index)
		b = append(append(b, ','), o.String()...)
		for _, x := range [...]float64{e.Baseline, e.Treated, e.Uplift(), e.MarginBaseline, e.MarginUplift, e.OfferCost, e.ContactCost, e.Profit()} {
			b = strconv.AppendFloat(append(b, ','), x, 'f', 6, 64)
		}
		b = append(b, '\n')
	}
	return b
}

// hide writes what nobody may know: the customer's type and traits.
func (g *page) hide(p *person, m moment) {
	b := appendCustomer(g.hidden, idBase+p.index)
	b = append(append(b, ','), p.kind.String()...)
	b = append(append(b, ','), moodNames[m.mood]...)
	for _, x := range [...]float64{p.price, p.annoyed, g.w.words.cities[p.city].distance} {
		b = strconv.AppendFloat(append(b, ','), x, 'f', 4, 64)
	}
	b = strconv.AppendBool(append(b, ','), p.reachable())
	for _, x := range [...]float64{p.moreCoupon, p.moreShip} {
		b = strconv.AppendFloat(append(b, ','), x, 'f', 4, 64)
	}
	g.hidden = append(b, '\n')
}
