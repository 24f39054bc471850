package synth

import (
	"math"

	"kequn"
)

// Kind is a customer's hidden type: how often they look, hesitate, buy, return and leave.
type Kind uint8

// The hidden types.
const (
	Regular    Kind = iota // buys often and anyway
	Bargain                // hesitates until there is something off
	Window                 // looks a lot, buys little
	Gift                   // buys presents when presents are due
	Occasional             // buys now and then
	Fleeting               // came, bought once or twice, leaves soon
	Refunder               // buys and sends back
	nKinds
)

var kindNames = [nKinds]string{"regular", "bargain", "window", "gift", "occasional", "fleeting", "refunder"}

// String returns the type as it stands in truth/customers.csv.
func (k Kind) String() string { return kindNames[k] }

// habit is what is typical of a hidden type. Rates are chances per day on a quiet weekday.
type habit struct {
	share      float64
	wake       float64 // Idle → Curious
	warm       float64 // Curious → Hot
	cool       float64 // Curious → Idle
	buyHot     float64
	buyCurious float64
	coolHot    float64 // Hot → Idle
	buyIdle    float64 // without browsing before: replenishing, the shop around the corner
	leave      float64 // Idle or Sated → Gone
	glance     float64 // a visit without interest
	price      float64 // mean sensitivity to prices, 0…1
	annoyed    float64 // share that messages annoy
	refund     float64
	tier       float64 // mean price level, 0…4
	more       float64 // chance of one more piece
	giftBoost  float64 // multiplies wake when presents are due
}

var habits = [nKinds]habit{
	Regular:    {.13, .052, .24, .13, .32, .045, .12, .0080, .0007, .014, .22, .20, .030, 2.4, .30, 1.2},
	Bargain:    {.20, .036, .18, .13, .080, .008, .15, .0004, .0011, .013, .78, .10, .040, 1.3, .24, 1.1},
	Window:     {.19, .040, .14, .16, .055, .005, .16, .0002, .0010, .020, .52, .12, .040, 2.0, .15, 1.1},
	Gift:       {.11, .004, .30, .12, .32, .040, .14, .0003, .0012, .003, .35, .14, .025, 2.6, .20, 9},
	Occasional: {.23, .022, .19, .15, .24, .025, .14, .0014, .0010, .007, .42, .18, .030, 2.0, .22, 1.5},
	Fleeting:   {.10, .040, .20, .14, .24, .025, .14, .0015, .0150, .013, .50, .22, .045, 1.8, .18, 1.2},
	Refunder:   {.04, .045, .22, .14, .28, .035, .14, .0020, .0008, .013, .45, .12, .330, 2.4, .20, 1.2},
}

// person is one customer's hidden truth: fixed for life.
type person struct {
	index  int
	key    uint64
	joined int // the day of signing up, counted from firstDay; may be negative
	kind   Kind

	woman                bool
	age                  float64 // in years, at the start of the history
	city                 int
	price, annoyed       float64
	moreCoupon, moreShip float64 // personal taste for an offer that nothing observable tells: the noise nobody can predict
	tier                 int
	more, refund         float64
	taste                [nCategories]float64 // cumulative
	life                 habit                // the customer's own rates
	saleWake, saleBuy    [nSales]float64
	deal                 [nSales]float64 // chance that an order carries a price reduction
	channels             [4]float64      // cumulative: app, web, mini program, store
	desktop              bool
	consentEmail         answer
	consentSMS           answer
	effect               [nOffers]force

	amount, net float64 // expected value of an order at list price, hundredths: all, and net of what will be refunded
}

// answer is yes, no or not said.
type answer uint8

const (
	unsaid answer = iota
	yes
	no
)

// reachable tells whether the shop may send the customer anything: a consent that was not given is a refusal.
func (p *person) reachable() bool { return p.consentEmail == yes || p.consentSMS == yes }

// joinedOn returns the day customer number index signs up in a shop that has had n customers by the end of the history:
// 42 % before the first day, spread over three years and denser towards the end; the others evenly, and at the same rate afterwards.
func joinedOn(index, n int) int {
	before := n * 42 / 100
	if index < before {
		return -1 - int(1095*math.Pow(float64(before-index)/float64(before+1), 1.3))
	}
	return int(int64(index-before) * HistoryDays / int64(n-before))
}

// joinedBefore returns how many customers have signed up before a day ≥ 0.
func joinedBefore(day, n int) int {
	before := n * 42 / 100
	return before + int((int64(day)*int64(n-before)+HistoryDays-1)/HistoryDays)
}

var kindShares = func() []float64 {
	w := make([]float64, nKinds)
	for k := range habits {
		w[k] = habits[k].share
	}
	return cumulate(w)
}()

// newPerson draws a customer.
func (w *world) newPerson(index int) *person {
	p := &person{index: index, key: key(w.shop.Seed, uint64(index), 0), joined: joinedOn(index, w.shop.Customers)}
	r := stream{key(p.key, forTraits, 0)}
	p.kind = Kind(r.pick(kindShares))
	typical := &habits[p.kind]

	p.woman = r.chance([nKinds]float64{.58, .62, .64, .42, .52, .55, .66}[p.kind])
	p.age = clamp(float64([nKinds]float64{43, 36, 31, 45, 40, 29, 33}[p.kind])+11*r.normal(), 18, 79)
	youth := (38 - p.age) / 20
	p.city = r.pick(w.words.cityShares)
	distance := w.words.cities[p.city].distance

	p.price = clamp(typical.price+.13*r.normal()+.05*youth, .02, .98)
	if r.chance(typical.annoyed) {
		p.annoyed = r.between(.55, 1)
	} else {
		p.annoyed = r.between(0, .15)
	}
	p.moreCoupon, p.moreShip = r.normal(), r.normal()
	p.tier = int(clamp(math.Round(typical.tier+1.0*r.normal()-.35*youth), 0, nTiers-1))
	p.more = clamp(typical.more+.10*r.normal(), .02, .6)
	p.refund = clamp(typical.refund*r.gamma(3), .002, .5)

	busy := r.gamma(1.6) // how lively this customer is among their type
	p.life = *typical
	p.life.wake *= busy
	p.life.buyIdle *= busy * r.gamma(1.5)
	p.life.glance *= r.gamma(2)
	p.life.leave *= r.gamma(1.6)
	p.life.buyHot = clamp(p.life.buyHot*r.gamma(8), .01, .6)
	p.saleWake = [nSales]float64{1, math.Exp(.30 * p.price), math.Exp(.55 * p.price)}
	p.saleBuy = [nSales]float64{1, math.Exp(.40 * p.price), math.Exp(.90 * p.price)}
	p.deal = [nSales]float64{clamp(.75*p.price*p.price, 0, 1), clamp(.25+.5*p.price, 0, 1), clamp(.5+.5*p.price, 0, 1)}

	for c := range categories {
		cat := &categories[c]
		like := cat.women*.5 + cat.young*youth + .8*r.normal()
		if !p.woman {
			like -= cat.women
		}
		p.taste[c] = cat.popular * math.Exp(like)
		if p.kind == Gift {
			p.taste[c] *= cat.giftable
		}
	}
	cumulate(p.taste[:])

	p.channels = [4]float64{math.Exp(.9 * youth), .55, .5 * math.Exp(.3*youth), .35 * math.Exp(-.8*youth) * (1.15 - .6*distance)}
	for i := range p.channels {
		p.channels[i] *= r.gamma(1.2)
	}
	if w.shop.Lang == kequn.English {
		p.channels[2] = 0 // mini programs are Chinese
	}
	cumulate(p.channels[:])
	p.desktop = r.chance(clamp(.45-.25*youth, .1, .9))

	p.consentEmail = askConsent(&r, .57-.25*(p.annoyed-.1))
	p.consentSMS = askConsent(&r, .44-.25*(p.annoyed-.1))
	p.effect = p.forces(distance, w)
	return p
}

func askConsent(r *stream, p float64) answer {
	switch u := r.unit(); {
	case u < .03:
		return unsaid
	case u < .03+.97*p:
		return yes
	}
	return no
}

func clamp(x, lo, hi float64) float64 { return math.Min(math.Max(x, lo), hi) }
