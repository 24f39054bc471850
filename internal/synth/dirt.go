package synth

// Dirt counts what was planted in the files of one period, exactly.
//
// "Rows" that are planted are additional: an order's true row always stands in the files, so dirt costs a careful reader
// nothing. A retry repeats a row byte by byte; a garbled row precedes the good one of the same id; a guest's row has an own id.
type Dirt struct {
	// Orders.
	RepeatedOrders    int `json:"repeated_orders"`    // rows that repeat the row before, same order_id
	ConflictingOrders int `json:"conflicting_orders"` // same order_id and recorded_at as the next row, but another amount; the later row is true
	BadOrderTimes     int `json:"bad_order_times"`    // ordered_at has month 13, year 2999, or is empty
	BadAmounts        int `json:"bad_amounts"`        // amount is abc, NaN, "1,2,3" or empty
	NamelessOrders    int `json:"nameless_orders"`    // customer_id is empty
	OrphanOrders      int `json:"orphan_orders"`      // customer_id is in no customer file
	LateOrders        int `json:"late_orders"`        // recorded one to nine days after they happened
	CorrectedOrders   int `json:"corrected_orders"`   // second versions of an order_id: true, and recorded days later

	// Events.
	RepeatedEvents int `json:"repeated_events"`
	BadEventTimes  int `json:"bad_event_times"`
	NamelessEvents int `json:"nameless_events"`
	OrphanEvents   int `json:"orphan_events"`
	LateEvents     int `json:"late_events"` // recorded one to four days after they happened (a phone that was offline)

	// Customers.
	RepeatedCustomers  int `json:"repeated_customers"`
	CorrectedCustomers int `json:"corrected_customers"` // new versions of a customer known before (only after an advance)
	MessyCities        int `json:"messy_cities"`        // spaces or case differ from the usual spelling
	OddNames           int `json:"odd_names"`           // quotes, commas, line breaks, emoji
	FormulaNames       int `json:"formula_names"`       // begin with = + - or @
	BadBirthDates      int `json:"bad_birth_dates"`     // ages below 0 or above 120
}

func (d *Dirt) add(o *Dirt) {
	d.RepeatedOrders += o.RepeatedOrders
	d.ConflictingOrders += o.ConflictingOrders
	d.BadOrderTimes += o.BadOrderTimes
	d.BadAmounts += o.BadAmounts
	d.NamelessOrders += o.NamelessOrders
	d.OrphanOrders += o.OrphanOrders
	d.LateOrders += o.LateOrders
	d.CorrectedOrders += o.CorrectedOrders
	d.RepeatedEvents += o.RepeatedEvents
	d.BadEventTimes += o.BadEventTimes
	d.NamelessEvents += o.NamelessEvents
	d.OrphanEvents += o.OrphanEvents
	d.LateEvents += o.LateEvents
	d.RepeatedCustomers += o.RepeatedCustomers
	d.CorrectedCustomers += o.CorrectedCustomers
	d.MessyCities += o.MessyCities
	d.OddNames += o.OddNames
	d.FormulaNames += o.FormulaNames
	d.BadBirthDates += o.BadBirthDates
}

// Shares of rows that get each kind of dirt. In all about 0.9 % of orders, 0.6 % of events, 3 % of customers.
const (
	pRepeatedOrder    = .0025
	pConflictingOrder = .0006
	pBadOrderTime     = .0010
	pBadAmount        = .0010
	pNamelessOrder    = .0010
	pOrphanOrder      = .0010
	pLateOrder        = .0040
	pCorrectedOrder   = .0020

	pRepeatedEvent = .0015
	pBadEventTime  = .0004
	pNamelessEvent = .0010
	pOrphanEvent   = .0006
	pLateVisit     = .0040 // of visits by phone

	pRepeatedCustomer = .0010
	pMessyCity        = .0120
	pOddName          = .0040
	pFormulaName      = .0005
	pBadBirthDate     = .0030
	pNoBirthDate      = .03 // not dirt: not asked
	pNoGender         = .06
	pNoCity           = .01
)

var (
	badTimes   = [...]string{"2025-13-07T10:00:00Z", "2999-01-01T00:00:00Z", "", "2025-02-30T08:00:00Z", "yesterday"}
	badAmounts = [...]string{"abc", "NaN", "1.2.3", "", "Inf"}
)

// orphanNumber begins the numbers of customers who are in no file.
const orphanNumber = 90_000_000
