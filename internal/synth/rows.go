package synth

import (
	"strconv"
	"strings"
)

const (
	customersHeader = "customer_id,name,gender,birth_date,city,signed_up_at,signup_channel,tier,email,phone,consent_email,consent_sms,last_visit_on,recorded_at\n"
	ordersHeader    = "order_id,customer_id,ordered_at,recorded_at,channel,product_id,category,quantity,amount,discount,coupon,coupon_value,refund_of\n"
	eventsHeader    = "event_id,customer_id,occurred_at,recorded_at,type,session_id,channel,device,category,product_id\n"
	sendsHeader     = "send_id,customer_id,sent_at,campaign,arm,channel,probability,cost\n"
	productsHeader  = "product_id,name,category,list_price\n"
	upliftHeader    = "customer_id,offer,baseline,treated,uplift,margin_baseline,margin_uplift,offer_cost,contact_cost,profit\n"
	hiddenHeader    = "customer_id,type,state,price_sensitivity,annoyed_by_contact,distance,reachable,coupon10_taste,freeship_taste\n"
)

// idBase is added to a customer's index to give the number in the id: C10482.
const idBase = 10_000

// CustomerID returns the id of the customer with an index, 0 … Customers−1 in order of signing up.
func CustomerID(index int) string { return "C" + strconv.Itoa(idBase+index) }

// customerIndex is the inverse of CustomerID.
func customerIndex(id string) (int, bool) {
	if !strings.HasPrefix(id, "C") {
		return 0, false
	}
	n, err := strconv.Atoi(id[1:])
	return n - idBase, err == nil && n >= idBase && strconv.Itoa(n) == id[1:]
}

// period says which rows go into a file: those recorded in [from, to), in days since firstDay.
type period struct{ from, to int }

// page collects the rows of a run of customers in one period.
type page struct {
	w      *world
	period period

	customers, orders, events, sends, uplift, winter, hidden []byte

	rows Rows
	dirt Dirt
	line []byte // scratch
}

// Rows counts the data rows of each file.
type Rows struct {
	Customers int `json:"customers"`
	Events    int `json:"events"`
	Orders    int `json:"orders"`
	Refunds   int `json:"refunds"` // of the orders
	Products  int `json:"products"`
	Sends     int `json:"sends"`
}

func (r *Rows) add(o *Rows) {
	r.Customers += o.Customers
	r.Events += o.Events
	r.Orders += o.Orders
	r.Refunds += o.Refunds
	r.Products += o.Products
	r.Sends += o.Sends
}

func (g *page) reset(p period) {
	*g = page{
		w: g.w, period: p, line: g.line[:0],
		customers: g.customers[:0], orders: g.orders[:0], events: g.events[:0], sends: g.sends[:0], uplift: g.uplift[:0], winter: g.winter[:0], hidden: g.hidden[:0],
	}
}

// inPeriod tells whether a row recorded at a moment belongs to this period.
func (g *page) inPeriod(recorded int64) bool {
	return recorded < int64(g.period.to)*daySeconds && (recorded >= int64(g.period.from)*daySeconds || g.period.from == 0)
}

// order is one row of orders.csv.
type order struct {
	refund        bool
	day           int // names the order
	at, recorded  int64
	channel       int
	product       int
	pieces        int64
	amount        int64 // hundredths; after the price reduction, before the coupon
	discount      int64
	offer         Offer
	coupon        int64 // what the offer's use cost the shop
	wrongAmount   int64 // what an earlier version of the row said; 0 if there was none
	wrongRecorded int64
}

// buy writes the order that a day brought, its refund, and, unless it was in the store, the visit that led to it.
func (g *page) buy(p *person, d day) {
	w := g.w
	r := stream{key(p.key, forOrder, uint64(d.number))}
	o := order{day: d.number, product: d.focus, pieces: 1, offer: Control}
	c := o.product / perCategory
	o.channel = r.pick(p.channels[:])
	clock := r.clock()
	for more := p.another(c); o.pieces < maxPieces && r.chance(more); {
		o.pieces++
	}
	gross := w.goods.price[o.product] * o.pieces
	reduced, how := r.chance(p.deal[w.calendar.sale[d.number]]), r.unit()
	if reduced {
		o.discount = (int64(reductions[pickAt(reductionShare[:], how)]*100)*gross + 50) / 100
	}
	o.amount = gross - o.discount
	if uses := r.unit(); d.offer != Control && uses < p.effect[d.offer].redeem {
		o.offer = d.offer
		o.coupon = int64(w.money.ShippingFee * 100)
		if o.offer == Coupon10 {
			o.coupon = (o.amount + 5) / 10
		}
	}
	back, backAfter, backClock := r.chance(p.refundRate(c)), 2+r.below(7)+r.below(12), r.clock()
	delay, late, lateDays := int64(4+r.below(90)), r.chance(pLateOrder), 1+r.below(9)
	fixed, fixedDays, wrong := r.chance(pCorrectedOrder), 1+r.below(14), r.unit()

	o.at = int64(d.number)*daySeconds + clock
	if o.channel == store {
		o.recorded = o.at + delay
	} else {
		o.at = g.visit(p, d, o.at, &o)
		o.recorded = o.at + delay
	}
	if late {
		o.recorded += int64(lateDays) * daySeconds
	} else if fixed {
		o.wrongRecorded, o.wrongAmount = o.recorded, o.amount*10
		if wrong < .5 {
			o.wrongAmount = o.amount + w.goods.price[o.product]
		}
		o.recorded += int64(fixedDays) * daySeconds
	}
	g.order(p, &o)
	if back {
		b := o
		b.refund, b.wrongAmount = true, 0
		b.at = int64(d.number+backAfter)*daySeconds + backClock
		b.recorded = b.at + delay
		b.pieces, b.amount, b.discount = -o.pieces, -o.amount, -o.discount
		b.coupon = 0 // the parcel was paid for; money off comes back
		if o.offer == Coupon10 {
			b.coupon = -o.coupon
		}
		g.order(p, &b)
	}
}

const (
	app = iota
	web
	miniProgram
	store
)

// order writes an order's row if it belongs to the period, with the dirt it attracts.
func (g *page) order(p *person, o *order) {
	if o.wrongAmount != 0 {
		first := *o
		first.recorded, first.amount, first.wrongAmount = o.wrongRecorded, o.wrongAmount, 0
		g.dirtyOrder(p, &first)
		if g.inPeriod(o.recorded) {
			g.dirt.CorrectedOrders++
			g.putOrder(p, o, idOf(p, o), idBase+p.index, nil, nil)
		}
		return
	}
	g.dirtyOrder(p, o)
}

func (g *page) dirtyOrder(p *person, o *order) {
	if !g.inPeriod(o.recorded) {
		return
	}
	salt := uint64(o.day) * 2
	if o.refund {
		salt++
	}
	r := stream{key(p.key, forDirt, salt)}
	id := idOf(p, o)
	number := idBase + p.index
	if r.chance(pBadOrderTime) {
		g.putOrder(p, o, id, number, &badTimes[r.below(len(badTimes))], nil)
		g.dirt.BadOrderTimes++
	}
	if r.chance(pBadAmount) {
		g.putOrder(p, o, id, number, nil, &badAmounts[r.below(len(badAmounts))])
		g.dirt.BadAmounts++
	}
	if r.chance(pConflictingOrder) {
		wrong := *o
		wrong.amount += g.w.goods.price[o.product]
		g.putOrder(p, &wrong, id, number, nil, nil)
		g.dirt.ConflictingOrders++
	}
	g.putOrder(p, o, id, number, nil, nil)
	if o.recorded-o.at >= daySeconds {
		g.dirt.LateOrders++
	}
	if r.chance(pRepeatedOrder) {
		g.orders = append(g.orders, g.line...)
		g.countOrder(o)
		g.dirt.RepeatedOrders++
	}
	if r.chance(pNamelessOrder) && !o.refund {
		g.putOrder(p, o, "G"+id[1:], 0, nil, nil)
		g.dirt.NamelessOrders++
	}
	if r.chance(pOrphanOrder) && !o.refund {
		g.putOrder(p, o, "X"+id[1:], orphanNumber+p.index, nil, nil)
		g.dirt.OrphanOrders++
	}
}

// idOf names an order by its day and customer (nobody orders twice a day), a refund likewise with another letter.
func idOf(p *person, o *order) string {
	b := make([]byte, 0, 24)
	b = append(b, 'O')
	if o.refund {
		b[0] = 'R'
	}
	b = strconv.AppendInt(b, int64(o.day), 10)
	b = append(b, '-')
	return string(strconv.AppendInt(b, int64(idBase+p.index), 10))
}

func (g *page) countOrder(o *order) {
	g.rows.Orders++
	if o.refund {
		g.rows.Refunds++
	}
}

// putOrder writes one row. Customer 0 writes no id; badTime and badAmount, if any, stand in place of the true values.
func (g *page) putOrder(p *person, o *order, id string, customer int, badTime, badAmount *string) {
	w := g.w
	b := append(g.line[:0], id...)
	b = appendCustomer(append(b, ','), customer)
	b = append(b, ',')
	if badTime != nil {
		b = append(b, *badTime...)
	} else {
		b = w.calendar.appendTime(b, o.at)
	}
	b = append(b, ',')
	b = w.calendar.appendTime(b, o.recorded)
	b = append(b, ',')
	b = append(b, w.words.channels[o.channel]...)
	b = append(b, ',')
	b = append(b, w.goods.id[o.product]...)
	b = append(b, ',')
	b = append(b, w.goods.label[o.product/perCategory]...)
	b = append(b, ',')
	b = strconv.AppendInt(b, o.pieces, 10)
	b = append(b, ',')
	if badAmount != nil {
		b = append(b, *badAmount...)
	} else {
		b = appendMoney(b, o.amount)
	}
	b = append(b, ',')
	b = appendMoney(b, o.discount)
	b = append(b, ',')
	if o.offer != Control {
		b = append(b, o.offer.String()...)
	}
	b = append(b, ',')
	b = appendMoney(b, o.coupon)
	b = append(b, ',')
	if o.refund {
		b = append(b, 'O')
		b = append(b, id[1:]...)
	}
	b = append(b, '\n')
	g.line = b
	g.orders = append(g.orders, b...)
	g.countOrder(o)
}

// event is one row of events.csv.
type event struct {
	at, recorded int64
	kind         string
	session      int // 0 for none; else counts from 1 within the day
	channel      string
	device       string
	product      int // −1 for none
	category     int // −1 for none
}

// visit writes a visit to the app, site or mini program that begins at a moment, and returns the moment of its order, if it has one.
func (g *page) visit(p *person, d day, start int64, o *order) int64 {
	w := g.w
	r := stream{key(p.key, forBrowse, uint64(d.number))}
	channel := web
	if o != nil {
		channel = o.channel
	} else {
		for channel = r.pick(p.channels[:]); channel == store; {
			channel = r.pick(p.channels[:])
		}
	}
	e := event{at: start, session: 1, channel: w.words.channels[channel], device: "phone", product: -1, category: -1}
	if channel == web && p.desktop {
		e.device = "desktop"
	}
	lag := int64(1 + r.below(30))
	if offline := r.chance(pLateVisit); offline && e.device == "phone" {
		lag += int64(1+r.below(4)) * daySeconds
	}
	focused := d.mood == curious || d.mood == hot || o != nil
	category := d.focus / perCategory
	n := 0
	put := func(kind string, product, category int) {
		if n > 0 {
			e.at += int64(10 + r.below(120))
		}
		e.recorded = e.at + lag
		e.kind, e.product, e.category = kind, product, category
		g.event(p, &e, d.number, n)
		n++
	}
	if !focused {
		category = pickAt(p.taste[:], r.unit())
	}
	if r.chance(.22) {
		put("search", -1, category)
	}
	onward := .37
	if d.mood == curious {
		onward = .46
	}
	for range 6 {
		product := 0
		switch u := r.unit(); {
		case focused && u < .42:
			product = d.focus
		case u < .80:
			product = category*perCategory + r.pick(w.goods.cum[category][p.tier][:])
		default:
			product = w.wish(p, r.unit(), r.unit())
		}
		put("view", product, product/perCategory)
		if r.chance(.045) {
			put("wish", product, product/perCategory)
		}
		if !r.chance(onward) {
			break
		}
	}
	carts := [nMoods]float64{idle: .01, curious: .07, hot: .46, sated: .01}[d.mood]
	if o != nil || focused && r.chance(carts) {
		put("cart", d.focus, category)
	}
	if o == nil {
		return start
	}
	put("order", o.product, o.product/perCategory)
	return e.at
}

// look writes what a customer did on a day without an order: perhaps a visit.
func (g *page) look(p *person, d day) {
	r := stream{key(p.key, forBrowse, uint64(d.number)|1<<32)}
	chance := [nMoods]float64{idle: p.life.glance, curious: .20, hot: .36, sated: .6 * p.life.glance, gone: .0004}[d.mood]
	if r.chance(chance) {
		g.visit(p, d, int64(d.number)*daySeconds+r.clock(), nil)
	}
}

// mail writes what a customer did with the newsletter, if anything.
func (g *page) mail(p *person, d day) {
	r := stream{key(p.key, forMessage, uint64(d.number))}
	opens, dismisses := .14, .015+.50*p.annoyed
	switch d.mood {
	case curious, hot:
		opens = .24
	case gone:
		opens, dismisses = .02, .5*dismisses
	}
	opens *= 1 - .5*p.annoyed
	channel := "email"
	if p.consentEmail != yes {
		channel = "sms"
	}
	at := int64(d.number)*daySeconds + 9*3600 + int64(r.below(10*3600))
	e := event{at: at, recorded: at + int64(r.below(60)), channel: channel, device: "phone", product: -1, category: -1}
	switch u := r.unit(); {
	case u < opens:
		e.kind = "message_open"
	case u < opens+dismisses:
		e.kind = "message_dismiss"
	default:
		return
	}
	g.event(p, &e, d.number, 100)
}

// event writes an event's row if it belongs to the period, with the dirt it attracts. n tells the events of one customer's day apart.
func (g *page) event(p *person, e *event, day, n int) {
	if !g.inPeriod(e.recorded) {
		return
	}
	number := uint64(p.index)<<20 | uint64(day)<<7 | uint64(n)
	r := stream{key(p.key, forDirt, number|1<<60)}
	u := r.unit()
	if u < pBadEventTime {
		g.putEvent(p, e, 'e', number, idBase+p.index, &badTimes[r.below(len(badTimes))])
		g.dirt.BadEventTimes++
	}
	g.putEvent(p, e, 'e', number, idBase+p.index, nil)
	if e.recorded-e.at >= daySeconds {
		g.dirt.LateEvents++
	}
	switch u = r.unit(); {
	case u < pRepeatedEvent:
		g.events = append(g.events, g.line...)
		g.rows.Events++
		g.dirt.RepeatedEvents++
	case u < pRepeatedEvent+pNamelessEvent:
		g.putEvent(p, e, 'g', number, 0, nil)
		g.dirt.NamelessEvents++
	case u < pRepeatedEvent+pNamelessEvent+pOrphanEvent:
		g.putEvent(p, e, 'x', number, orphanNumber+p.index, nil)
		g.dirt.OrphanEvents++
	}
}

func (g *page) putEvent(p *person, e *event, letter byte, number uint64, customer int, badTime *string) {
	w := g.w
	b := append(g.line[:0], letter)
	b = strconv.AppendUint(b, number, 36)
	b = appendCustomer(append(b, ','), customer)
	b = append(b, ',')
	if badTime != nil {
		b = append(b, *badTime...)
	} else {
		b = w.calendar.appendTime(b, e.at)
	}
	b = append(b, ',')
	b = w.calendar.appendTime(b, e.recorded)
	b = append(b, ',')
	b = append(b, e.kind...)
	b = append(b, ',')
	if e.session > 0 {
		b = append(b, 's')
		b = strconv.AppendUint(b, number>>7, 36)
	}
	b = append(b, ',')
	b = append(b, e.channel...)
	b = append(b, ',')
	b = append(b, e.device...)
	b = append(b, ',')
	if e.category >= 0 {
		b = append(b, w.goods.label[e.category]...)
	}
	b = append(b, ',')
	if e.product >= 0 {
		b = append(b, w.goods.id[e.product]...)
	}
	b = append(b, '\n')
	g.line = b
	g.events = append(g.events, b...)
	g.rows.Events++
}

func appendCustomer(b []byte, number int) []byte {
	if number == 0 {
		return b
	}
	return strconv.AppendInt(append(b, 'C'), int64(number), 10)
}

// appendMoney prints hundredths with two digits after the point.
func appendMoney(b []byte, hundredths int64) []byte {
	if hundredths < 0 {
		b = append(b, '-')
		hundredths = -hundredths
	}
	b = strconv.AppendInt(b, hundredths/100, 10)
	h := hundredths % 100
	return append(b, '.', '0'+byte(h/10), '0'+byte(h%10))
}

// appendText writes a field, quoted as RFC 4180 wants it where it must be.
func appendText(b []byte, s string) []byte {
	if !strings.ContainsAny(s, "\",\n\r") && !strings.HasPrefix(s, " ") && !strings.HasSuffix(s, " ") {
		return append(b, s...)
	}
	b = append(b, '"')
	b = append(b, strings.ReplaceAll(s, `"`, `""`)...)
	return append(b, '"')
}
