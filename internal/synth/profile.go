package synth

import (
	"strconv"
	"strings"
	"time"

	"kequn"
)

// changeRate is the daily chance, after the history, that a customer changes consent or moves to another tier.
const changeRate = .0005

// profile is a customer's row, dirt included.
type profile struct {
	name, gender, birth, city, email, phone string
	channel                                 int
	tier                                    int
	consentEmail, consentSMS                answer
	messy, odd, formula, badBirth           bool
}

// profile draws what the shop's records say about a customer.
func (w *world) profile(p *person) profile {
	r := stream{key(p.key, forProfile, 0)}
	v := w.words
	surname := r.below(len(v.surnames))
	given := v.men
	if p.woman {
		given = v.women
	}
	first := given[r.below(len(given))]
	f := profile{consentEmail: p.consentEmail, consentSMS: p.consentSMS}
	number := strconv.Itoa(idBase + p.index)
	if w.shop.Lang == kequn.Chinese {
		f.name = v.surnames[surname] + first
		f.phone = "100" + pad(number, 8) // no mobile number begins with 100
	} else {
		f.name = first + " " + v.surnames[surname]
		f.phone = "+999 " + pad(number, 8) // no country has 999
	}
	f.email = v.latin[surname] + "." + number + "@example.com"
	if r.chance(.07) {
		f.email = ""
	}
	if r.chance(.05) {
		f.phone = ""
	}

	switch u := r.unit(); {
	case u < pFormulaName:
		f.name, f.formula = fill(v.formulas[r.below(len(v.formulas))], f.name), true
	case u < pFormulaName+pOddName:
		f.name, f.odd = fill(v.odd[r.below(len(v.odd))], f.name), true
	}

	if !r.chance(pNoGender) {
		f.gender = v.gender[1]
		if p.woman {
			f.gender = v.gender[0]
		}
	}
	born := firstDay.AddDate(0, 0, -int(p.age*365.25)-r.below(300))
	switch u := r.unit(); {
	case u < pBadBirthDate:
		born, f.badBirth = []time.Time{born.AddDate(-110, 0, 0), time.Date(2031, 5, 1, 0, 0, 0, 0, time.UTC), time.Date(1880, 1, 1, 0, 0, 0, 0, time.UTC)}[r.below(3)], true
		f.birth = born.Format(time.DateOnly)
	case u >= pBadBirthDate+pNoBirthDate:
		f.birth = born.Format(time.DateOnly)
	}
	f.city = v.cities[p.city].name
	switch u, how := r.unit(), r.below(3); {
	case u < pMessyCity:
		f.city, f.messy = messy(f.city, how, w.shop.Lang), true
	case u < pMessyCity+pNoCity:
		f.city = ""
	}

	// What people chose on signing up: regulars take the card that pays for them.
	silver := [nKinds]float64{.55, .35, .18, .12, .25, .15, .30}[p.kind]
	if u := r.unit(); u < silver*.35 {
		f.tier = 2
	} else if u < silver {
		f.tier = 1
	}
	f.channel = r.pick(p.channels[:])
	return f
}

// messy spells a city as people do who type.
func messy(name string, how int, lang kequn.Lang) string {
	switch how {
	case 0:
		return " " + name
	case 1:
		return name + "  "
	}
	if lang == kequn.Chinese {
		return name + "市"
	}
	if len(name)%2 == 0 {
		return strings.ToUpper(name)
	}
	return strings.ToLower(name)
}

func fill(pattern, name string) string { return strings.ReplaceAll(pattern, "%s", name) }

func pad(digits string, n int) string {
	if len(digits) >= n {
		return digits
	}
	return strings.Repeat("0", n-len(digits)) + digits
}

// apply changes the profile by what happened to it on the days [HistoryDays, day), and returns the last such day, or −1.
// Nothing changes before the history ends, so the first files hold one version of each customer.
func (w *world) apply(p *person, f *profile, day int) int {
	last := -1
	for d := max(HistoryDays, p.joined+1); d < day; d++ {
		r := stream{key(p.key, forChange, uint64(d))}
		if !r.chance(changeRate) {
			continue
		}
		last = d
		switch u := r.unit(); {
		case u < .45:
			f.consentSMS = no
		case u < .8:
			f.consentEmail = no
		default:
			f.tier = min(f.tier+1, 2)
		}
	}
	return last
}

// register writes the customer's row if they signed up, or their record changed, in the period. lastVisit is the last day on which
// they visited or ordered, or never: the shop's export looks it up at the moment of exporting, although the row claims to be
// older. That is the planted leak.
func (g *page) register(p *person, lastVisit int) {
	w := g.w
	f := w.profile(p)
	r := stream{key(p.key, forProfile, 1)}
	clock := r.clock()
	joinedAt := int64(p.joined)*daySeconds + clock
	changed := w.apply(p, &f, g.period.to)
	isNew := g.inPeriod(joinedAt)
	if !isNew && changed < g.period.from {
		return
	}
	recordedDay := p.joined
	if changed >= g.period.from && changed >= 0 {
		recordedDay = changed
	}
	if !isNew {
		g.dirt.CorrectedCustomers++
	}
	if f.messy {
		g.dirt.MessyCities++
	}
	if f.odd {
		g.dirt.OddNames++
	}
	if f.formula {
		g.dirt.FormulaNames++
	}
	if f.badBirth {
		g.dirt.BadBirthDates++
	}

	b := appendCustomer(g.line[:0], idBase+p.index)
	b = appendText(append(b, ','), f.name)
	b = append(append(b, ','), f.gender...)
	b = append(append(b, ','), f.birth...)
	b = appendText(append(b, ','), f.city)
	b = w.appendAnyTime(append(b, ','), p.joined, clock)
	b = append(append(b, ','), w.words.channels[f.channel]...)
	b = append(append(b, ','), w.words.tiers[f.tier]...)
	b = append(append(b, ','), f.email...)
	b = append(append(b, ','), f.phone...)
	b = append(append(b, ','), f.consentEmail.String()...)
	b = append(append(b, ','), f.consentSMS.String()...)
	b = append(b, ',')
	if lastVisit != never {
		b = append(b, w.calendar.date[lastVisit]...)
	}
	b = w.appendAnyTime(append(b, ','), recordedDay, clock+5)
	b = append(b, '\n')
	g.line = b
	g.customers = append(g.customers, b...)
	g.rows.Customers++
	if r.chance(pRepeatedCustomer) {
		g.customers = append(g.customers, b...)
		g.rows.Customers++
		g.dirt.RepeatedCustomers++
	}
}

// String returns true, false or nothing.
func (a answer) String() string { return [...]string{unsaid: "", yes: "true", no: "false"}[a] }

// appendAnyTime appends a moment of a day that may lie before the calendar begins.
func (w *world) appendAnyTime(b []byte, day int, clock int64) []byte {
	if day >= 0 {
		return w.calendar.appendTime(b, int64(day)*daySeconds+clock)
	}
	b = firstDay.AddDate(0, 0, day).AppendFormat(b, time.DateOnly)
	return append(appendClock(append(b, 'T'), int(clock)), w.calendar.suffix...)
}
