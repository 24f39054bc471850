// Package synth simulates the demo shop: customers with hidden types, what they browse and buy, a past randomised
// campaign, and each person's true uplift, written as the files a real shop would export, dirt included.
//
// The whole shop is a pure function of (seed, number of customers, language, day, who was contacted with what).
// Every customer has an own random stream, and every day of a customer an own key within it, so customers are made
// one at a time in little memory, on any number of threads, to the same bytes; and what one customer would have done
// with and without an offer differs by the offer alone (the same random numbers decide both).
//
// # How a customer lives
//
//	        wake            warm            buy
//	Idle ─────────▶ Curious ─────▶ Hot ──────────▶ Sated ──▶ Idle …
//	 │  ◀──────────────┘◀───────────┘ cool           │
//	 └── leave ──▶ Gone ── comeback ──▶ Curious      └── leave ──▶ Gone
//
// Once a day the customer moves along at most one arrow and then buys with a probability that depends on the state
// (never when Gone). The rates are the customer's own: a mean by hidden type times a gamma draw, times season, sales and
// paydays. A Curious or Hot customer looks, day after day, at one product in mind and puts it into the cart before buying it,
// so the order of events says more than their counts. Offers multiply the wake and buy rates for [Horizon] days.
//
// Because the chain is small, purchase probability and expected margin with and without an offer are computed by
// running its distribution forward ([world.outlook]), not by simulating: the truth has no noise of its own.
//
// # Who may read what
//
// The folder files/ is what a user has. The folder truth/ is for measure, which shows it beside what it measured,
// and for tests. A row is written in the file of the period in which it was *recorded*: late rows and corrections of
// rows from before the end of the first files come with a later [Advance].
package synth
