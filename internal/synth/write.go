package synth

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"

	"kequn"
)

// chunkCustomers is how many customers one task makes. The events of a chunk are one gzip member (RFC 1952 §2.2: members are simply
// concatenated), so chunks are packed apart and the bytes do not depend on the threads.
const chunkCustomers = 256

// write simulates a period and puts its files into dir. contacts are the remembered ones, sorted. The state is written last: until then
// the period has not happened.
func (st state) write(ctx context.Context, dir string, p period, remembered, contacts []reach, progress func(done, total int)) (files Files, err error) {
	w := newWorld(st.Shop, p.to)
	st.Format, st.End = stateFormat, kequn.FormatZone(w.calendar.instant(p.to), zoneOf(st.Shop.Lang))
	for _, folder := range []string{filesDir(dir), truthDir(dir)} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return Files{}, fmt.Errorf("write demo shop: %w", err)
		}
	}
	out := new(output)
	defer func() {
		if err != nil {
			out.abandon()
		}
	}()

	name := func(folder, base, ext string) string {
		if st.Period > 1 {
			base = fmt.Sprintf("%s-%04d", base, st.Period)
		}
		return filepath.Join(folder, base+ext)
	}
	fd, td := filesDir(dir), truthDir(dir)
	files = Files{Period: st.Period, From: w.calendar.instant(p.from), To: w.calendar.instant(p.to)}
	files.Zone, _ = Zone(st.Shop.Lang)
	files.Customers, files.Events, files.Orders, files.Uplift = name(fd, "customers", ".csv"), name(fd, "events", ".csv.gz"), name(fd, "orders", ".csv"), name(td, "uplift", ".csv")
	out.open(&out.customers, files.Customers, customersHeader)
	out.open(&out.events, files.Events, "")
	out.open(&out.orders, files.Orders, ordersHeader)
	out.open(&out.uplift, files.Uplift, upliftHeader)
	out.open(&out.hidden, name(td, "customers", ".csv"), hiddenHeader)
	if st.Period == 1 {
		files.Sends, files.Products = filepath.Join(fd, "sends.csv"), filepath.Join(fd, "products.csv")
		out.open(&out.sends, files.Sends, sendsHeader)
		out.open(&out.winter, filepath.Join(td, "winter.csv"), upliftHeader)
		var products *bufio.Writer
		out.open(&products, files.Products, productsHeader)
		out.put(products, w.goods.rows())
		files.Rows.Products = nProducts
	}
	head, err := pack([]byte(eventsHeader), nil)
	if err != nil {
		return Files{}, err
	}
	out.put(out.events, head)
	if out.err != nil {
		return Files{}, fmt.Errorf("write demo shop: %w", out.err)
	}

	if err := w.simulate(ctx, p, contacts, progress, func(g *page, packed []byte) error {
		out.put(out.customers, g.customers)
		out.put(out.events, packed)
		out.put(out.orders, g.orders)
		out.put(out.uplift, g.uplift)
		out.put(out.hidden, g.hidden)
		if st.Period == 1 {
			out.put(out.sends, g.sends)
			out.put(out.winter, g.winter)
		}
		files.Rows.add(&g.rows)
		files.Dirt.add(&g.dirt)
		return out.err
	}); err != nil {
		return Files{}, err
	}

	dirt, _ := json.MarshalIndent(struct {
		Rows Rows `json:"rows"`
		Dirt Dirt `json:"dirt"`
	}{files.Rows, files.Dirt}, "", "  ")
	out.whole(name(td, "dirt", ".json"), append(dirt, '\n'))
	out.whole(filepath.Join(td, "README.md"), []byte(truthReadme))
	if len(remembered) > 0 {
		out.whole(contactsPath(dir), contactLines(remembered))
	}
	stateText, _ := json.MarshalIndent(st, "", "  ")
	out.whole(statePath(dir), append(stateText, '\n'))
	if err := out.commit(); err != nil {
		return Files{}, fmt.Errorf("write demo shop: %w", err)
	}
	return files, nil
}

func zoneOf(lang kequn.Lang) *time.Location {
	_, z := Zone(lang)
	return z
}

func contactLines(all []reach) []byte {
	var b []byte
	for _, r := range all {
		b = fmt.Appendf(b, "%d %d %s\n", r.index, r.day, r.offer)
	}
	return b
}

// rows prints the products.
func (k *catalogue) rows() []byte {
	var b []byte
	for p := range nProducts {
		b = append(append(b, k.id[p]...), ',')
		b = append(appendText(b, k.name[p]), ',')
		b = append(append(b, k.label[p/perCategory]...), ',')
		b = append(appendMoney(b, k.price[p]), '\n')
	}
	return b
}

// simulate lives all customers' lives and hands their rows, in order of customers, to emit.
func (w *world) simulate(ctx context.Context, p period, contacts []reach, progress func(done, total int), emit func(*page, []byte) error) error {
	type made struct {
		page   *page
		packed []byte
		err    error
	}
	ctx, cancel := context.WithCancel(ctx)
	var workers sync.WaitGroup
	defer workers.Wait()
	defer cancel()

	total := joinedBefore(p.to, w.shop.Customers)
	pages := sync.Pool{New: func() any { return &made{page: &page{w: w}} }}
	queue := make(chan chan *made, 2*w.shop.Threads) // bounds the chunks in memory
	free := make(chan struct{}, w.shop.Threads)
	workers.Go(func() {
		defer close(queue)
		for first := 0; first < total; first += chunkCustomers {
			done := make(chan *made, 1)
			select {
			case free <- struct{}{}:
			case <-ctx.Done():
				return
			}
			select {
			case queue <- done:
			case <-ctx.Done():
				return
			}
			workers.Go(func() {
				m := pages.Get().(*made)
				m.page.reset(p)
				m.page.fill(first, min(first+chunkCustomers, total), contacts)
				m.packed, m.err = pack(m.page.events, m.packed[:0])
				done <- m
				<-free
			})
		}
	})
	count := 0
	for done := range queue {
		m := <-done
		if m.err == nil {
			m.err = emit(m.page, m.packed)
		}
		if m.err != nil {
			return fmt.Errorf("write demo shop: %w", m.err)
		}
		pages.Put(m)
		count = min(count+chunkCustomers, total)
		if progress != nil {
			progress(count, total)
		}
	}
	return ctx.Err()
}

// fill makes the customers with indexes in [first, end).
func (g *page) fill(first, end int, contacts []reach) {
	w, p := g.w, g.period
	var mine []contact
	for index := first; index < end; index++ {
		person := w.newPerson(index)
		mine = contactsOf(contacts, person, mine)
		lastVisit := never
		now := w.live(person, mine, max(0, p.from-longestLag), p.to, func(d day) {
			before := len(g.events)
			if d.ordered {
				g.buy(person, d)
			} else {
				g.look(person, d)
			}
			if d.ordered || len(g.events) > before {
				lastVisit = d.number
			}
			if w.calendar.mail[d.number] && person.reachable() {
				g.mail(person, d)
			}
		})
		g.register(person, max(lastVisit, now.lastOrder))
		g.send(person)
		if p.from <= winterDay && winterDay < p.to && person.invited() {
			then := w.live(person, nil, winterDay, winterDay, nil)
			all := w.effects(person, then, nil, winterDay)
			g.winter = appendEffects(g.winter, person, &all)
		}
		all := w.effects(person, now, mine, p.to)
		g.uplift = appendEffects(g.uplift, person, &all)
		g.hide(person, now)
	}
}

// pack compresses text as one gzip member behind into.
func pack(text, into []byte) ([]byte, error) {
	buffer := &appender{into}
	z, err := gzip.NewWriterLevel(buffer, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(text); err != nil {
		return nil, err
	}
	err = z.Close()
	return buffer.b, err
}

type appender struct{ b []byte }

func (a *appender) Write(p []byte) (int, error) {
	a.b = append(a.b, p...)
	return len(p), nil
}

// output is the files of one period. They are written beside their names and take them all at the end.
type output struct {
	customers, events, orders, sends, uplift, winter, hidden *bufio.Writer

	files []*os.File
	names []string
	bufs  []*bufio.Writer
	err   error // the first trouble; later calls do nothing
}

const unfinished = ".part"

func (o *output) open(to **bufio.Writer, name, header string) {
	if o.err != nil {
		return
	}
	f, err := os.Create(name + unfinished)
	if err != nil {
		o.err = err
		return
	}
	*to = bufio.NewWriterSize(f, 1<<16)
	o.files, o.names, o.bufs = append(o.files, f), append(o.names, name), append(o.bufs, *to)
	_, o.err = io.WriteString(*to, header)
}

func (o *output) put(to *bufio.Writer, b []byte) {
	if o.err == nil {
		_, o.err = to.Write(b)
	}
}

func (o *output) whole(name string, b []byte) {
	var to *bufio.Writer
	o.open(&to, name, "")
	o.put(to, b)
}

// commit gives all files their names, in the order in which they were opened.
func (o *output) commit() error {
	for i, f := range o.files {
		if o.err == nil {
			o.err = o.bufs[i].Flush()
		}
		if o.err == nil {
			o.err = f.Sync()
		}
		if err := f.Close(); o.err == nil {
			o.err = err
		}
	}
	for i, name := range o.names {
		if o.err == nil {
			o.err = os.Rename(name+unfinished, name)
			o.files[i] = nil
		}
	}
	return o.err
}

// abandon takes away what has not got its name.
func (o *output) abandon() {
	for i, f := range o.files {
		if f != nil {
			f.Close()
			os.Remove(o.names[i] + unfinished)
		}
	}
}

const truthReadme = `# The truth about the demo shop

No room but ` + "`measure`" + ` reads this folder, and measure only to show the truth beside what it measured. The tests of the
simulator read it too. Nothing here is known to a real shop; a model that sees it proves nothing.

| file | rows | what |
| --- | --- | --- |
| uplift.csv | customer x offer | what would happen over the next 14 days with and without the offer, for a contact at the end of the first files |
| uplift-0002.csv ... | the same | for a contact at the end of that advance |
| winter.csv | customer x offer | the same for the past campaign, at the moment it was sent, for everybody who was in its draw |
| customers.csv, customers-0002.csv ... | customer | hidden type, state and traits at that end |
| dirt.json, dirt-0002.json ... | | how much dirt of each kind was planted |

Columns of uplift: baseline and treated are probabilities of at least one order in the 14 days; uplift = treated - baseline;
margin_baseline and margin_uplift are expected margin, net of refunds, before the offer's own cost; offer_cost is the expected
cost of its use; profit = margin_uplift - offer_cost - contact_cost. They are computed exactly, not sampled.
`
