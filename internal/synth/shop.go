package synth

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"kequn"
)

// The sizes a shop can have. Below the least, the past campaign is too small to learn from and some dirt never occurs.
const (
	DefaultCustomers = 20_000
	MinCustomers     = 100
	MaxCustomers     = 5_000_000
)

// Shop says which shop to simulate. The zero value is the default Chinese one.
type Shop struct {
	Customers int        // who have signed up by the end of the history; 0 means DefaultCustomers
	Seed      uint64     // another seed, another shop
	Lang      kequn.Lang // Chinese (the default) or English
	Threads   int        // 0 means all; does not change a byte
}

// Contact is one message that reached a customer: what an activated campaign says about its contacted members.
type Contact struct {
	Customer string        // an id as in customers.csv; others are refused
	Offer    string        // coupon10 or freeship; control is ignored
	At       kequn.Instant // see [Advance]
}

// Files says what was written. Paths are absolute or relative as the folder was.
type Files struct {
	Period int // 1 for the first files, 2 after the first advance …

	Customers string
	Events    string
	Orders    string
	Products  string // only the first period's files hold products and sends; else ""
	Sends     string

	Uplift string // the truth for a contact at To

	From, To kequn.Instant // the period: rows recorded in [From, To); To is the moment of decision
	Zone     string        // IANA name of the time zone
	Rows     Rows
	Dirt     Dirt
	Reached  int // customers whom the contacts handed to Advance reached
}

// Data returns the paths of the files a user would load, customers first.
func (f Files) Data() []string {
	var paths []string
	for _, p := range []string{f.Customers, f.Events, f.Orders, f.Products, f.Sends} {
		if p != "" {
			paths = append(paths, p)
		}
	}
	return paths
}

// Status is a demo shop as it stands in a folder.
type Status struct {
	Shop   Shop
	Period int           // how many times files were written
	End    kequn.Instant // until when the files tell of the shop
}

// world is a shop with everything that all customers share.
type world struct {
	shop        Shop
	calendar    *calendar
	goods       *catalogue
	words       *words
	money       Money
	middleOrder float64 // hundredths: half of the customers have a larger expected order
}

func newWorld(s Shop, days int) *world {
	w := &world{shop: s, calendar: newCalendar(s.Lang, days+Horizon+1), goods: newCatalogue(s.Lang), words: wordsOf(s.Lang), money: MoneyOf(s.Lang), middleOrder: 190_00}
	if s.Lang == kequn.English {
		w.middleOrder = 76_00
	}
	return w
}

// checked fills in defaults.
func (s Shop) checked() (Shop, error) {
	if s.Customers == 0 {
		s.Customers = DefaultCustomers
	}
	if s.Lang == "" {
		s.Lang = kequn.Chinese
	}
	if s.Threads <= 0 {
		s.Threads = runtime.GOMAXPROCS(0)
	}
	if s.Customers < MinCustomers || s.Customers > MaxCustomers {
		return s, kequn.Errorf(kequn.KindUsage, "", "a demo shop of %d customers cannot be made", s.Customers).
			WithHint("choose between %d and %d", MinCustomers, MaxCustomers)
	}
	if s.Lang != kequn.Chinese && s.Lang != kequn.English {
		return s, kequn.Errorf(kequn.KindUsage, "", "the demo shop does not speak %q", s.Lang).WithHint("choose zh or en")
	}
	return s, nil
}

// Write simulates the shop's history into dir: the exports in dir/files, the truth in dir/truth.
//
// The same shop gives the same bytes for any number of threads. progress, if not nil, is called now and then from one
// goroutine at a time. Files take their names together at the end: when ctx ends before, none of them is there.
//
// Returns a usage error if the size or language cannot be, or dir already holds a shop.
//
// Cost: about 85 µs of one core and 1.6 kB of disk per customer (events are gzipped); memory does not grow with the number of customers.
func (s Shop) Write(ctx context.Context, dir string, progress func(done, total int)) (Files, error) {
	s, err := s.checked()
	if err != nil {
		return Files{}, err
	}
	if _, err := os.Stat(statePath(dir)); err == nil {
		return Files{}, kequn.Errorf(kequn.KindUsage, dir, "the folder already holds a demo shop").WithHint("advance it, or choose another folder")
	}
	st := state{Shop: s, Period: 1, Days: HistoryDays}
	return st.write(ctx, dir, period{0, HistoryDays}, nil, nil, progress)
}

// Advance lets the shop in dir live on for a span of whole days and writes what it records meanwhile, as files of their own
// (orders-0002.csv …): new customers, changed ones, events, orders, and late rows and corrections of what happened
// before. Contacts move their customers for [Horizon] days, exactly as the truth of the moment says; everybody else does
// what they would have done anyway.
//
// A contact works from the first day that begins at or after its time; the first ten minutes of a day count as its beginning. A contact
// before the shop's present end (or without a time) works from that end: the past is written. One at or after the new end, or a second
// one of the same customer on one day, is refused. Contacts are remembered: hand over each only once. A later contact ends an earlier one.
//
// Returns a usage error if dir holds no demo shop, the span is not whole days, or a contact cannot be.
func Advance(ctx context.Context, dir string, span kequn.Span, contacts []Contact, threads int, progress func(done, total int)) (Files, error) {
	st, err := readState(dir)
	if err != nil {
		return Files{}, err
	}
	days := span.Days
	if span.Exact%kequn.Day == 0 {
		days += int(span.Exact / kequn.Day)
	}
	if days <= 0 || span.Exact%kequn.Day != 0 {
		return Files{}, kequn.Errorf(kequn.KindUsage, "", "the demo shop advances by whole days, not by %s", span).WithHint("for example 14d")
	}
	const mostDays = 4000 // event ids have room for 8,191 days
	if st.Days+days > mostDays {
		return Files{}, kequn.Errorf(kequn.KindUsage, "", "the demo shop ends after %d days", mostDays).WithHint("make a new one")
	}
	if st.Shop, err = withThreads(st.Shop, threads).checked(); err != nil {
		return Files{}, err
	}
	p := period{st.Days, st.Days + days}
	known, err := readContacts(dir, st.Contacts)
	if err != nil {
		return Files{}, err
	}
	fresh, err := st.accept(p, contacts)
	if err != nil {
		return Files{}, err
	}
	all := append(known, fresh...) // in this order in the file, so that an advance that fails half-way adds lines only at the end
	sorted := slices.Clone(all)
	slices.SortFunc(sorted, reach.compare)
	for i := 1; i < len(sorted); i++ {
		if sorted[i].compare(sorted[i-1]) == 0 {
			return Files{}, kequn.Errorf(kequn.KindUsage, "", "a customer is contacted twice on one day").WithHint("hand over each contact once, and one offer per customer")
		}
	}
	st.Period, st.Days = st.Period+1, p.to
	st.Contacts = len(all)
	files, err := st.write(ctx, dir, p, all, sorted, progress)
	files.Reached = len(fresh)
	return files, err
}

// Open returns the demo shop in dir. It returns a usage error if there is none.
func Open(dir string) (Status, error) {
	st, err := readState(dir)
	if err != nil {
		return Status{}, err
	}
	return Status{Shop: st.Shop, Period: st.Period, End: newCalendar(st.Shop.Lang, 0).instant(st.Days)}, nil
}

// End returns the moment at which the first files of any shop of a language end: the moment of the first decision.
func End(lang kequn.Lang) kequn.Instant { return newCalendar(lang, 0).instant(HistoryDays) }

func withThreads(s Shop, threads int) Shop {
	s.Threads = threads
	return s
}

// reach is a contact as the simulation knows it.
type reach struct {
	index int
	contact
}

func (r reach) compare(o reach) int {
	if r.index != o.index {
		return r.index - o.index
	}
	return r.day - o.day
}

// contactsOf returns the contacts of a customer, the past campaign's first. all is sorted.
func contactsOf(all []reach, p *person, into []contact) []contact {
	into = into[:0]
	if p.invited() {
		into = append(into, contact{winterDay, p.winterArm()})
	}
	at, _ := slices.BinarySearchFunc(all, p.index, func(r reach, index int) int { return r.index - index })
	for ; at < len(all) && all[at].index == p.index; at++ {
		into = append(into, all[at].contact)
	}
	return into
}

// accept checks contacts and turns them into days.
func (st state) accept(p period, contacts []Contact) ([]reach, error) {
	c := newCalendar(st.Shop.Lang, 0)
	end, newEnd := c.instant(p.from), c.instant(p.to)
	customers := joinedBefore(p.from, st.Shop.Customers)
	var list []reach
	for i := range contacts {
		k := &contacts[i]
		offer, ok := ParseOffer(k.Offer)
		if !ok {
			return nil, kequn.Errorf(kequn.KindUsage, "", "the demo shop does not know the offer %q", k.Offer).WithHint("it knows coupon10 and freeship")
		}
		index, ok := customerIndex(k.Customer)
		if !ok || index >= customers {
			return nil, kequn.Errorf(kequn.KindUsage, "", "contact %d is with nobody of this shop", i+1).WithHint("customers are called C%d to C%d", idBase, idBase+customers-1)
		}
		if k.At >= newEnd {
			return nil, kequn.Errorf(kequn.KindUsage, "", "contact %d is after the span ends", i+1).WithHint("advance further, or hand it over with a later advance")
		}
		if offer == Control {
			continue
		}
		day := p.from
		if k.At > end {
			grace := kequn.Instant((10 * time.Minute).Microseconds())
			whole := kequn.Instant(kequn.Day.Microseconds())
			day += int((k.At - end + whole - grace - 1) / whole)
		}
		list = append(list, reach{index, contact{day, offer}})
	}
	return list, nil
}

// state is what dir/files/shop.json holds: enough to go on.
type state struct {
	Format   int    `json:"format"`
	Shop     Shop   `json:"shop"`
	Period   int    `json:"period"`
	Days     int    `json:"days"`
	End      string `json:"end"`
	Contacts int    `json:"contacts"` // lines of shop.contacts that count
}

// MarshalJSON leaves threads out: they change nothing.
func (s Shop) MarshalJSON() ([]byte, error) {
	return json.Marshal(shopJSON{s.Customers, s.Seed, s.Lang})
}

// UnmarshalJSON is the inverse of MarshalJSON.
func (s *Shop) UnmarshalJSON(b []byte) error {
	var j shopJSON
	err := json.Unmarshal(b, &j)
	*s = Shop{Customers: j.Customers, Seed: j.Seed, Lang: j.Lang}
	return err
}

type shopJSON struct {
	Customers int        `json:"customers"`
	Seed      uint64     `json:"seed"`
	Lang      kequn.Lang `json:"lang"`
}

const stateFormat = 1

func filesDir(dir string) string     { return filepath.Join(dir, "files") }
func truthDir(dir string) string     { return filepath.Join(dir, "truth") }
func statePath(dir string) string    { return filepath.Join(filesDir(dir), "shop.json") }
func contactsPath(dir string) string { return filepath.Join(filesDir(dir), "shop.contacts") }

func readState(dir string) (state, error) {
	var st state
	b, err := os.ReadFile(statePath(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return st, kequn.Errorf(kequn.KindUsage, dir, "the folder holds no demo shop").WithHint("make one with kequn demo %s", dir)
	}
	if err != nil {
		return st, fmt.Errorf("read demo shop: %w", err)
	}
	broken := kequn.Errorf(kequn.KindDamaged, statePath(dir), "the demo shop's state cannot be read").WithHint("make a new shop in another folder")
	if json.Unmarshal(b, &st) != nil || st.Format != stateFormat || st.Period < 1 || st.Days < HistoryDays || st.Contacts < 0 {
		return st, broken
	}
	if _, err := st.Shop.checked(); err != nil {
		return st, broken
	}
	return st, nil
}

// readContacts reads the first n lines of the remembered contacts: index, day, offer. More lines than n are of an advance that did not finish.
func readContacts(dir string, n int) ([]reach, error) {
	if n == 0 {
		return nil, nil
	}
	f, err := os.Open(contactsPath(dir))
	if err != nil {
		return nil, fmt.Errorf("read demo shop: %w", err)
	}
	defer f.Close()
	var list []reach
	scan := bufio.NewScanner(f)
	for len(list) < n && scan.Scan() {
		part := strings.Split(scan.Text(), " ")
		if len(part) != 3 {
			break
		}
		index, err1 := strconv.Atoi(part[0])
		day, err2 := strconv.Atoi(part[1])
		offer, ok := ParseOffer(part[2])
		if err1 != nil || err2 != nil || !ok {
			break
		}
		list = append(list, reach{index, contact{day, offer}})
	}
	if len(list) < n {
		return nil, kequn.Errorf(kequn.KindDamaged, contactsPath(dir), "the demo shop's contacts cannot be read").WithHint("make a new shop in another folder")
	}
	return list, nil
}
