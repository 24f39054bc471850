package synth

import "math"

// mood is where a customer stands on a day.
type mood uint8

const (
	idle mood = iota
	curious
	hot
	sated
	gone
	nMoods
)

var moodNames = [nMoods]string{"idle", "curious", "hot", "sated", "gone"}

// contact is an offer that reached a customer at the start of a day.
type contact struct {
	day   int
	offer Offer
}

// moment is a customer's whole hidden state between two days. All else is drawn from keys of the day.
type moment struct {
	mood      mood
	focus     int // the product in mind, when curious or hot
	lastOrder int // the day of the last order, or never
}

const never = math.MinInt32

// rates are a customer's chances on one day.
type rates struct{ wake, warm, cool, coolHot, buyHot, buyCurious, buyIdle, buySated, leave, comeback float64 }

// ratesOn returns the customer's chances on a day, under an offer that reached them the given number of days ago.
func (p *person) ratesOn(c *calendar, day int, offer Offer, ago int) rates {
	sale := c.sale[day]
	visit, buy := c.visit[day]*p.saleWake[sale], c.buy[day]*p.saleBuy[sale]
	idly := buy
	if c.gift[day] {
		visit *= p.life.giftBoost
	}
	if offer != Control {
		fade := 1 - float64(ago)/20 // an offer loses its pull
		f := &p.effect[offer]
		visit *= math.Exp(fade * f.wake)
		buy *= math.Exp(fade * f.buy)
		idly *= math.Exp(fade * f.buyIdl)
	}
	l := &p.life
	return rates{
		wake: math.Min(l.wake*visit, .7), warm: l.warm, cool: l.cool, coolHot: l.coolHot,
		buyHot: math.Min(l.buyHot*buy, .85), buyCurious: math.Min(l.buyCurious*buy, .5),
		buyIdle: math.Min(l.buyIdle*idly, .3), buySated: math.Min(.25*l.buyIdle*idly, .3),
		leave: l.leave, comeback: .0012 * c.visit[day],
	}
}

const rest = .11 // Sated → Idle: about nine days without appetite after an order

// move returns the mood after the day's step, for a uniform draw u. More wake (or less) moves only customers at the edge,
// so the same u under an offer differs by the offer's pull alone.
func (r *rates) move(from mood, u float64) mood {
	switch from {
	case idle:
		if u < r.wake {
			return curious
		}
		if u >= 1-r.leave {
			return gone
		}
	case curious:
		if u < r.warm {
			return hot
		}
		if u >= 1-r.cool {
			return idle
		}
	case hot:
		if u >= 1-r.coolHot {
			return idle
		}
	case sated:
		if u < rest {
			return idle
		}
		if u >= 1-r.leave {
			return gone
		}
	case gone:
		if u < r.comeback {
			return curious
		}
	}
	return from
}

// buy returns the chance of an order in a mood.
func (r *rates) buy(m mood) float64 {
	switch m {
	case idle:
		return r.buyIdle
	case curious:
		return r.buyCurious
	case hot:
		return r.buyHot
	case sated:
		return r.buySated
	}
	return 0
}

// begin returns the customer's state before their first day in the history.
func (w *world) begin(p *person) (moment, int) {
	r := stream{key(p.key, forLife, 0)}
	u := r.unit()
	m := moment{mood: idle, lastOrder: never}
	if p.joined < 0 { // has been a customer for -joined days: may be gone already
		if u < 1-math.Exp(-p.life.leave*float64(-p.joined)) {
			m.mood = gone
		}
		return m, 0
	}
	m.mood = curious // people sign up because they want something
	if u < .55 {
		m.mood = hot
	}
	m.focus = w.wish(p, r.unit(), r.unit())
	return m, p.joined
}

// wish draws the product a customer has in mind from two uniform draws: by taste, then by price level.
func (w *world) wish(p *person, u, v float64) int {
	c := pickAt(p.taste[:], u)
	return c*perCategory + pickAt(w.goods.cum[c][p.tier][:], v)
}

// day is what a customer did on one day.
type day struct {
	number  int
	mood    mood // after the day's step, before an order changed it
	focus   int
	ordered bool
	offer   Offer // on whose account the order may use a coupon; Control if none
}

// live runs the customer's life from their first day up to but not including the day to, calls seen for every day that is not
// before from, and returns the state then. Contacts are in order of time.
func (w *world) live(p *person, contacts []contact, from, to int, seen func(day)) moment {
	m, first := w.begin(p)
	lifeKey := key(p.key, forLife, 1)
	next, on := 0, contact{day: never}
	for d := first; d < to; d++ {
		for next < len(contacts) && contacts[next].day <= d {
			on = contacts[next]
			next++
		}
		offer, ago := Control, 0
		if d-on.day < Horizon && on.day != never {
			offer, ago = on.offer, d-on.day
		}
		r := p.ratesOn(w.calendar, d, offer, ago)
		draw := stream{lifeKey + uint64(d)*0xd1342543de82ef95}
		was := m.mood
		m.mood = r.move(m.mood, draw.unit())
		buys := draw.unit() < r.buy(m.mood)
		if m.mood == curious && was != curious || buys && (m.mood == idle || m.mood == sated) {
			m.focus = w.wish(p, draw.unit(), draw.unit())
		}
		if d >= from && seen != nil {
			today := day{number: d, mood: m.mood, focus: m.focus, ordered: buys}
			if buys && offer != Control && m.lastOrder < on.day {
				today.offer = offer
			}
			seen(today)
		}
		if buys {
			m.mood, m.lastOrder = sated, d
		}
	}
	return m
}

// Outlook is what to expect of a customer over the horizon under an offer.
type outlook struct {
	buys   float64 // probability of at least one order
	margin float64 // expected margin of all orders, net of refunds, before the offer's own cost; hundredths
	cost   float64 // expected cost of the offer's use; hundredths
}

// Where probability lies in outlook: moods, with those who still have in mind what they had at the start kept apart, for
// what they will buy is known.
const (
	atIdle = iota
	atCurious
	atHot
	atSated
	atGone
	atCuriousFocus
	atHotFocus
	nPlaces
)

// outlook runs the distribution of the customer's state forward over [Horizon] days from the day start, exactly:
// one vector for "no order yet", one for "has ordered". An offer, if any, reaches the customer as the day begins;
// with Control, earlier contacts go on working.
//
// Cost is O(Horizon) small constants; there is no sampling.
func (w *world) outlook(p *person, m moment, contacts []contact, start int, offer Offer) outlook {
	var none, some [nPlaces]float64
	switch m.mood {
	case curious:
		none[atCuriousFocus] = 1
	case hot:
		none[atHotFocus] = 1
	default:
		none[[nMoods]int{idle: atIdle, sated: atSated, gone: atGone}[m.mood]] = 1
	}
	focus := w.focusValue(p, m.focus)
	var out outlook
	for d := start; d < start+Horizon; d++ {
		on, ago := offer, d-start
		if offer == Control {
			on, ago = running(contacts, d)
		}
		r := p.ratesOn(w.calendar, d, on, ago)
		keeps := p.keeps(w.calendar.sale[d])
		fresh, same := r.push(&none)
		out.buys += fresh + same
		value := keeps * (fresh*p.net + same*focus)
		out.margin += value
		if offer == Coupon10 {
			out.cost += p.effect[offer].redeem * w.money.CouponShare * value
		} else if offer == FreeShip {
			out.cost += p.effect[offer].redeem * w.money.ShippingFee * 100 * (fresh + same)
		}
		again, _ := r.push(&some) // who has ordered has nothing from before in mind
		out.margin += keeps * again * p.net
		some[atSated] += fresh + same + again
	}
	out.margin *= w.money.Margin
	return out
}

// focusValue returns the expected value at list price, net of refunds, of an order of the product in mind.
func (w *world) focusValue(p *person, product int) float64 {
	c := product / perCategory
	return float64(w.goods.price[product]) * p.pieces(c) * (1 - p.refundRate(c))
}

// running returns the offer that works on a day, and for how many days it has.
func running(contacts []contact, day int) (Offer, int) {
	for i := len(contacts) - 1; i >= 0; i-- {
		if c := contacts[i]; c.day <= day {
			if day-c.day < Horizon {
				return c.offer, day - c.day
			}
			break
		}
	}
	return Control, 0
}

// push moves the distribution by one day and takes out those who order, apart by whether they buy what they had in mind at the start.
func (r *rates) push(at *[nPlaces]float64) (fresh, same float64) {
	var to [nPlaces]float64
	to[atIdle] = at[atIdle]*(1-r.wake-r.leave) + (at[atCurious]+at[atCuriousFocus])*r.cool + (at[atHot]+at[atHotFocus])*r.coolHot + at[atSated]*rest
	to[atCurious] = at[atIdle]*r.wake + at[atCurious]*(1-r.warm-r.cool) + at[atGone]*r.comeback
	to[atHot] = at[atCurious]*r.warm + at[atHot]*(1-r.coolHot)
	to[atSated] = at[atSated] * (1 - rest - r.leave)
	to[atGone] = at[atGone]*(1-r.comeback) + (at[atIdle]+at[atSated])*r.leave
	to[atCuriousFocus] = at[atCuriousFocus] * (1 - r.warm - r.cool)
	to[atHotFocus] = at[atCuriousFocus]*r.warm + at[atHotFocus]*(1-r.coolHot)
	take := func(place int, chance float64) float64 {
		n := to[place] * chance
		to[place] -= n
		return n
	}
	fresh = take(atIdle, r.buyIdle) + take(atCurious, r.buyCurious) + take(atHot, r.buyHot) + take(atSated, r.buySated)
	same = take(atCuriousFocus, r.buyCurious) + take(atHotFocus, r.buyHot)
	*at = to
	return fresh, same
}
