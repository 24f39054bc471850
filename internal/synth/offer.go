package synth

import "math"

// Offer is what a customer can be contacted with.
type Offer uint8

// The offers; their names are the arms of sends.csv.
const (
	Control  Offer = iota // not contacted
	Coupon10              // 10 % off one order
	FreeShip              // the shop pays the parcel of one order
	nOffers
)

var offerNames = [nOffers]string{"control", "coupon10", "freeship"}

// String returns the offer's name, as it stands in sends.csv, orders.csv and truth/uplift.csv.
func (o Offer) String() string { return offerNames[o] }

// ParseOffer returns the offer of a name and whether there is one.
func ParseOffer(name string) (Offer, bool) {
	for o, s := range offerNames {
		if s == name {
			return Offer(o), true
		}
	}
	return Control, false
}

// force is how an offer moves one customer: what it adds to the logarithm of the daily rates on the first day, and the
// chance that the offer is used on the first order within the horizon.
type force struct {
	wake   float64 // Idle → Curious
	buy    float64 // buying when Curious or Hot
	buyIdl float64 // buying without browsing before
	redeem float64
}

// forces computes what each offer does to the customer.
//
// The coupon moves those who look at prices; free shipping those who live far away and buy small baskets; a message
// repels those whom messages annoy, whatever it offers. To each comes a personal taste that no column shows.
func (p *person) forces(distance float64, w *world) [nOffers]force {
	p.expectOrder(w)
	small := 1 / (1 + math.Exp((math.Log(p.amount/w.middleOrder))/.30)) // 1 for small baskets, 0 for large
	coupon := math.Max(p.price-.40, 0)
	ship := math.Max(distance-.30, 0) / .70 * (.25 + .75*small)
	irritated := math.Max(p.annoyed-.30, 0) / .70
	var f [nOffers]force
	f[Coupon10] = force{
		wake:   2.30*coupon + .12*p.moreCoupon - .95*irritated,
		buy:    3.00*coupon + .15*p.moreCoupon - 1.00*irritated,
		buyIdl: .40*coupon - .80*irritated,
		redeem: .45 + .45*p.price,
	}
	f[FreeShip] = force{
		wake:   1.60*ship + .12*p.moreShip - .85*irritated,
		buy:    2.20*ship + .15*p.moreShip - .90*irritated,
		buyIdl: .40*ship - .70*irritated,
		redeem: .85,
	}
	for o := range f {
		f[o].wake, f[o].buy = clamp(f[o].wake, -1.8, 1.5), clamp(f[o].buy, -1.8, 1.7)
	}
	return f
}

// expectOrder computes the expected value of the customer's orders at list price, in all and net of refunds.
func (p *person) expectOrder(w *world) {
	last := 0.0
	for c := range categories {
		share := p.taste[c] - last
		last = p.taste[c]
		value := w.goods.mean[c][p.tier] * p.pieces(c)
		p.amount += share * value
		p.net += share * value * (1 - p.refundRate(c))
	}
}

// maxPieces is the most pieces in an order.
const maxPieces = 5

// another returns the chance of one more piece in a category.
func (p *person) another(c int) float64 { return clamp(p.more*categories[c].more, 0, .75) }

// pieces returns the expected number of pieces in an order: 1 + g + g² + … + g⁴.
func (p *person) pieces(c int) float64 {
	g, sum, term := p.another(c), 0.0, 1.0
	for range maxPieces {
		sum += term
		term *= g
	}
	return sum
}

// refundRate returns the chance that an order in a category is sent back.
func (p *person) refundRate(c int) float64 { return clamp(p.refund*categories[c].refund, 0, .65) }

// reductions are the price reductions of orders that carry one.
var (
	reductions     = [...]float64{.10, .20, .30}
	reductionShare = [...]float64{.40, .80, 1} // cumulative
)

const meanReduction = .40*.10 + .40*.20 + .20*.30

// keeps returns the expected share of the list price that is charged on a kind of day.
func (p *person) keeps(sale uint8) float64 { return 1 - p.deal[sale]*meanReduction }
