package source

import (
	"fmt"
	"slices"
	"strings"

	"kequn"
	"kequn/internal/table"
)

// Overrides are what the user says about a file. An empty field says nothing.
type Overrides struct {
	As       kequn.Role
	Customer string
	Time     string // a column, or one of a lookup: campaign_id.start_date
	Amount   string // a column, or a product of two: Quantity*UnitPrice
	ID       string
	Type     string
	Item     string
	Key      string
	KnownAt  string
}

// Proposal is what a file seems to be.
type Proposal struct {
	Role     kequn.Role
	Evidence string // why that role
	Columns  []Column
	Missing  []kequn.ColumnRole // what a dataset of the role needs and the file does not show
	Hints    []string           // what the user may want to say or know, in plain words

	path    string
	columns []string
	header  bool
	key     string
}

// LookupKey is the first column whose values are all there and all differ, by which a lookup could be told; "" where there is none.
func (p *Proposal) LookupKey() string { return p.key }

// Problem returns why the dataset cannot be loaded as proposed, or nil.
func (p *Proposal) Problem() error {
	if len(p.Missing) == 0 {
		return nil
	}
	what := map[kequn.ColumnRole][2]string{ // looked up only
		kequn.ColCustomer: {"the customer", "--customer COL"},
		kequn.ColTime:     {"the time", "--time COL, or take it from a lookup as in --time campaign_id.start_date"},
		kequn.ColKey:      {"the key", "--key COL"},
	}[p.Missing[0]]
	err := kequn.Errorf(kequn.KindInput, p.path, "seems to be %s, but no column of it looks like %s", p.Role, what[0])
	list := strings.Join(p.columns[:min(len(p.columns), 40)], ", ")
	if len(p.columns) > 40 {
		list += ", …"
	}
	if !p.header {
		return err.WithHint("the file seems to have no header line; add one that names the columns")
	}
	hint := fmt.Sprintf("its columns are %s; choose one with %s", list, what[1])
	if p.Missing[0] == kequn.ColCustomer {
		hint += "; a table about something else than customers is loaded with --as lookup --key COL; one flat table is modelled with kequn try"
	}
	return err.WithHint("%s", hint)
}

// Column returns the proposed column of a role, or nil.
func (p *Proposal) Column(role kequn.ColumnRole) *Column {
	for i := range p.Columns {
		if p.Columns[i].Role == role {
			return &p.Columns[i]
		}
	}
	return nil
}

// proposer is at work on one proposal.
type proposer struct {
	f     *File
	o     Overrides
	names []string
	p     []*profile
	role  []kequn.ColumnRole // "" is not decided
	why   []string
	hints []string
}

// Propose says what the file is about: the dataset's role, and a kind and role for every column, from names in English
// and Chinese, from the values of up to 10,000 rows at the file's beginning, and from the file's name. What the user says
// stands; a column that the file lacks is an error that lists those it has. See [Proposal.Problem] for what is missing.
func (f *File) Propose(o Overrides) (*Proposal, error) {
	w := &proposer{f: f, o: o, names: f.Columns, role: make([]kequn.ColumnRole, len(f.Columns)), why: make([]string, len(f.Columns))}
	for i, n := range f.Columns {
		w.p = append(w.p, profileColumn(f.sample, n, i))
	}
	from, err := w.said()
	if err != nil {
		return nil, err
	}
	w.customer()
	role, why := w.dataset()
	if o.As != "" {
		if !slices.Contains(kequn.Roles, o.As) {
			return nil, kequn.Errorf(kequn.KindUsage, "--as", "%q is no role of a dataset", o.As).
				WithHint("the roles are customers, events, orders, items, sends and lookup")
		}
		role, why = o.As, "as you said"
	}
	w.settle(role)
	out := &Proposal{Role: role, Evidence: why, path: f.Path, columns: f.Columns, header: f.Dialect.Header || f.Format != CSV && f.Format != Excel}
	for i, p := range w.p {
		if p.rows > 1 && p.distinct == p.rows && p.filled == p.rows {
			out.key = w.names[i]
			break
		}
	}
	for i := range f.Columns {
		out.Columns = append(out.Columns, w.column(i, role))
	}
	out.Columns = append(out.Columns, w.computed(role, from)...)
	w.lacks(out)
	out.Hints = w.hints
	return out, nil
}

// said notes the columns that the user named and returns the computed ones.
func (w *proposer) said() (from map[kequn.ColumnRole]string, err error) {
	from = map[kequn.ColumnRole]string{} // looked up by role only
	for _, s := range []struct {
		role kequn.ColumnRole
		name string
	}{
		{kequn.ColCustomer, w.o.Customer}, {kequn.ColTime, w.o.Time}, {kequn.ColAmount, w.o.Amount}, {kequn.ColID, w.o.ID},
		{kequn.ColType, w.o.Type}, {kequn.ColItem, w.o.Item}, {kequn.ColKey, w.o.Key}, {kequn.ColKnownAt, w.o.KnownAt},
	} {
		if s.name == "" {
			continue
		}
		i, err := w.f.columnIndex(s.name)
		if err == nil {
			if w.role[i] != "" {
				return nil, kequn.Errorf(kequn.KindUsage, w.f.Path, "column %q cannot be both the %s and the %s", s.name, w.role[i], s.role)
			}
			w.set(i, s.role, "as you said")
			continue
		}
		a, b, product := Column{From: s.name}.factors()
		key, _, lookup := strings.Cut(s.name, ".")
		switch {
		case product && s.role == kequn.ColAmount:
			for _, n := range []string{a, b} {
				if _, err := w.f.columnIndex(n); err != nil {
					return nil, err
				}
			}
			from[s.role] = a + " * " + b
		case lookup && (s.role == kequn.ColTime || s.role == kequn.ColKnownAt):
			if _, err := w.f.columnIndex(key); err != nil {
				return nil, err
			}
			from[s.role] = s.name
		default:
			return nil, err
		}
	}
	return from, nil
}

func (w *proposer) set(i int, role kequn.ColumnRole, why string) { w.role[i], w.why[i] = role, why }

func (w *proposer) has(role kequn.ColumnRole) int { return slices.Index(w.role, role) }

// find returns the undecided column whose name stands first in the list and whose values fit, or -1.
func (w *proposer) find(list []string, fits func(*profile) bool) int {
	best, bestRank := -1, 0
	for i, p := range w.p {
		if w.role[i] != "" {
			continue
		}
		if r := rankOf(p.name, list); r >= 0 && (best < 0 || r < bestRank) && fits(p) {
			best, bestRank = i, r
		}
	}
	return best
}

// claim gives a role to the column that find finds, if nobody has it.
func (w *proposer) claim(role kequn.ColumnRole, list []string, fits func(*profile) bool) int {
	if i := w.has(role); i >= 0 {
		return i
	}
	i := w.find(list, fits)
	if i >= 0 {
		w.set(i, role, "by its name")
	}
	return i
}

func anything(p *profile) bool { return p.filled > 0 || p.rows == 0 }

// Where the name speaks, the values need only agree for the most part: what does not is rejected, and said.
const agree = 0.6

func numeric(p *profile) bool {
	_, ok := p.numberLayout(agree)
	return ok || p.rows == 0
}

func timely(p *profile) bool {
	_, _, ok := p.isTime(agree)
	return ok || p.rows == 0
}

func yesNo(p *profile) bool { return p.share(p.bools, 0.9) || p.rows == 0 }

// customer finds whose rows they are.
func (w *proposer) customer() {
	if w.has(kequn.ColCustomer) >= 0 {
		return
	}
	notTime := func(p *profile) bool {
		_, _, isTime := p.timeLayout(0.9)
		return anything(p) && (!isTime || p.code) && (p.numbers == 0 || p.share(p.whole, 0.9) || p.code)
	}
	i := w.find(customerNames, notTime)
	if i >= 0 && w.p[i].filled*2 < w.p[i].rows { // mostly missing: perhaps another one is there for every row
		saved := w.role[i]
		w.role[i] = kequn.ColIgnore
		if j := w.find(customerNames, func(p *profile) bool { return notTime(p) && p.filled == p.rows }); j >= 0 {
			w.role[i] = saved
			w.hints = append(w.hints, fmt.Sprintf("%s is mostly empty, so %s is taken for the customer", w.names[i], w.names[j]))
			i = j
		}
		w.role[i] = saved
	}
	if i < 0 { // a plain id in a table about people
		for k, p := range w.p {
			if p.name == "id" && p.unique() && w.people() >= 2 && w.role[k] == "" {
				i = k
			}
		}
		if i < 0 && roleOfFile(w.f.name()) == kequn.Customers && len(w.p) > 1 && w.p[0].code && w.p[0].unique() && w.role[0] == "" {
			i = 0
		}
	}
	if i >= 0 {
		w.set(i, kequn.ColCustomer, "by its name")
	}
}

// people counts the columns that describe a person.
func (w *proposer) people() int {
	n := 0
	for i, p := range w.p {
		if kequn.LooksSensitive(w.names[i]) || isOne(p.name, mailNames) || isOne(p.name, phoneNames) || p.name == "income" || p.name == "education" ||
			p.name == "occupation" || isOne(p.name, nameNames) && p.name != "name" && p.name != "名称" || p.share(p.mails, 0.8) {
			n++
		}
	}
	return n
}

// dataset decides what the rows are. Names of columns come first, then the file's name, then uniqueness of the customer.
func (w *proposer) dataset() (kequn.Role, string) {
	file := roleOfFile(w.f.name())
	customer := w.has(kequn.ColCustomer)
	free := func(list []string, fits func(*profile) bool) bool { return w.find(list, fits) >= 0 }
	said := func(role kequn.ColumnRole) bool { return w.has(role) >= 0 }
	amount := said(kequn.ColAmount) || w.o.Amount != "" || free(amountNames, numeric)
	price := free(priceNames, numeric)
	quantity := free(quantityNames, numeric)
	order := free(orderNames, anything)
	row := said(kequn.ColID) || free(rowNames, anything)
	item := said(kequn.ColItem) || free(itemNames, anything)
	event := free(eventNames, anything) || said(kequn.ColType)
	kind := free(typeNames, anything)
	eventTime := w.o.Time != "" || free(eventTimeNames, timely)
	anyTime := eventTime || free(timeNames, timely)
	campaign := free(campaignNames, anything)
	arm := free(armNames, anything)

	if customer < 0 {
		switch {
		case order && item && (file == kequn.Items || !anyTime):
			return kequn.Items, "lines of orders: an order and a product, no customer"
		case said(kequn.ColKey):
			return kequn.Lookup, "a key"
		case file == kequn.Customers || w.people() >= 3:
			return kequn.Customers, "columns about people"
		case (amount || price) && (order || item) && anyTime:
			return kequn.Orders, "orders or their lines"
		case w.key() >= 0:
			return kequn.Lookup, "no customer, but " + w.names[w.key()] + " identifies the rows"
		case file != "" && file != kequn.Lookup:
			return file, "the file's name"
		}
		return kequn.Customers, "no customer column: perhaps one row is one customer"
	}
	unique := w.p[customer].unique()
	switch {
	case campaign && (arm || file == kequn.Sends || !item && !amount && !event && file != kequn.Events):
		return kequn.Sends, "a campaign and a customer"
	case file == kequn.Items && order && item:
		return kequn.Items, "the file's name, an order and a product"
	case unique && file == kequn.Customers && !order && !event:
		return kequn.Customers, "one row per customer"
	case unique && w.people() >= 2 && !order && !event:
		return kequn.Customers, "one row per customer, with columns about people"
	case unique && !eventTime && !order && !row && !event && !(anyTime && (amount || item)):
		return kequn.Customers, "one row per customer"
	case !anyTime && !order && !item && !event && (file == kequn.Customers || w.people() >= 2):
		return kequn.Customers, "columns about people, and no time"
	case event:
		return kequn.Events, "a customer and what happened"
	case (amount || price) && (order || item || quantity):
		return kequn.Orders, "a customer, an amount, and an order, product or quantity"
	case order && (item || file == kequn.Orders):
		return kequn.Orders, "a customer and an order"
	case amount && file == kequn.Orders && !kind:
		return kequn.Orders, "a customer, an amount and the file's name"
	case file == kequn.Sends && !amount && !item:
		return kequn.Sends, "the file's name"
	}
	return kequn.Events, "a customer in several rows"
}

// key returns the column that identifies the rows of a lookup, or -1.
func (w *proposer) key() int {
	if i := w.has(kequn.ColKey); i >= 0 {
		return i
	}
	for i, p := range w.p {
		if w.role[i] == "" && p.code && p.unique() && p.filled == p.rows {
			return i
		}
	}
	if len(w.p) > 0 && w.role[0] == "" && w.p[0].code && w.p[0].filled == w.p[0].rows && w.p[0].rows > 0 {
		return 0
	}
	return -1
}

// settle gives every column its role within a dataset of the role.
func (w *proposer) settle(role kequn.Role) {
	w.claim(kequn.ColCurrency, currencyNames, func(p *profile) bool { return p.share(p.currency, 0.8) || p.rows == 0 })
	if role != kequn.Lookup && w.o.KnownAt == "" {
		w.claim(kequn.ColKnownAt, knownNames, timely)
	}
	if role.HasTime() {
		if w.o.Time == "" && w.claim(kequn.ColTime, eventTimeNames, timely) < 0 {
			w.claim(kequn.ColTime, timeNames, timely)
		}
		if w.o.Time == "" && w.has(kequn.ColTime) < 0 {
			for i, p := range w.p {
				if w.role[i] == "" && timely(p) && p.rows > 0 && !hasPart(p.name, endParts) && !isOne(p.name, birthNames) && w.has(kequn.ColTime) < 0 {
					w.set(i, kequn.ColTime, "the first column of times")
				}
			}
		}
		w.rowOrOrder()
		if w.o.Amount == "" {
			w.claim(kequn.ColAmount, amountNames, numeric)
		}
		w.claim(kequn.ColQuantity, quantityNames, numeric)
		w.claim(kequn.ColPrice, priceNames, numeric)
		if i := w.has(kequn.ColPrice); i >= 0 && w.o.Amount == "" && w.has(kequn.ColAmount) < 0 && w.has(kequn.ColQuantity) < 0 && role != kequn.Sends {
			w.set(i, kequn.ColAmount, "the only column of money")
		}
		if role != kequn.Sends {
			w.claim(kequn.ColItem, itemNames, anything)
		}
		for i, p := range w.p {
			if w.role[i] == "" && hasPart(p.name, discountParts) && numeric(p) && !p.code {
				w.set(i, kequn.ColDiscount, "by its name")
			}
		}
	}
	switch role {
	case kequn.Events:
		if w.claim(kequn.ColType, eventNames, anything) < 0 {
			w.claim(kequn.ColType, typeNames, (*profile).few)
		}
	case kequn.Sends:
		w.claim(kequn.ColArm, armNames, anything)
	case kequn.Customers:
		w.claim(kequn.ColBirth, birthNames, timely)
		if i := w.has(kequn.ColTime); i >= 0 && w.has(kequn.ColKnownAt) < 0 { // customers do not happen
			w.set(i, kequn.ColKnownAt, "when the row was known; customers have no other time")
		}
		if i := w.has(kequn.ColCustomer); i >= 0 && !w.p[i].unique() && w.p[i].rows > 0 {
			w.history()
		}
	case kequn.Lookup:
		if i := w.key(); i >= 0 {
			w.set(i, kequn.ColKey, orElse(w.why[i], "it identifies the rows"))
			if !w.p[i].unique() && w.p[i].rows > 0 && !w.history() {
				w.hints = append(w.hints, fmt.Sprintf("%s repeats, so it is no key; choose one with --key", w.names[i]))
			}
		}
	}
	if role.HasTime() {
		w.claim(kequn.ColCampaign, campaignNames, func(p *profile) bool { return anything(p) && (role == kequn.Sends || p.code || p.few()) })
	}
	w.person(role)
	for i, p := range w.p {
		if w.role[i] == "" && hasPart(p.name, consentParts) && yesNo(p) {
			w.set(i, kequn.ColConsent, "by its name and values")
		}
	}
}

// history finds the column that tells the rows of one customer, or of one key, apart: from when each holds. Several rows are then
// one after the other, not against each other.
func (w *proposer) history() bool {
	if w.has(kequn.ColKnownAt) >= 0 {
		return true
	}
	i := w.find(historyNames, timely)
	if i >= 0 {
		w.set(i, kequn.ColKnownAt, "several rows of one "+string(w.whose())+": from when each holds")
	}
	return i >= 0
}

// whose is the role of the column that identifies what the rows are about.
func (w *proposer) whose() kequn.ColumnRole {
	if w.has(kequn.ColKey) >= 0 {
		return kequn.ColKey
	}
	return kequn.ColCustomer
}

// rowOrOrder finds the columns that identify the row, and the order of several rows.
func (w *proposer) rowOrOrder() {
	if w.has(kequn.ColID) < 0 {
		w.claim(kequn.ColID, rowNames, (*profile).unique)
	}
	for {
		i := w.find(orderNames, anything)
		if i < 0 {
			break
		}
		p := w.p[i]
		switch {
		case w.has(kequn.ColID) < 0 && p.unique():
			w.set(i, kequn.ColID, "by its name; it does not repeat")
		case w.has(kequn.ColOrder) < 0:
			w.set(i, kequn.ColOrder, "by its name; it repeats")
		default:
			w.set(i, kequn.ColText, "by its name")
		}
	}
	if w.has(kequn.ColID) < 0 && len(w.p) > 0 && w.role[0] == "" && w.p[0].code && w.p[0].unique() && w.p[0].rows > 1 &&
		rankOf(w.p[0].name, itemNames) < 0 && rankOf(w.p[0].name, campaignNames) < 0 {
		w.set(0, kequn.ColID, "the first column; it does not repeat")
	}
}

// person finds what names a person directly.
func (w *proposer) person(role kequn.Role) {
	for i, p := range w.p {
		if w.role[i] != "" {
			continue
		}
		switch {
		case p.share(p.mails, 0.8) || isOne(p.name, mailNames) && (p.rows == 0 || p.share(p.mails, 0.3)):
			w.set(i, kequn.ColEmail, "by its values")
		case (isOne(p.name, phoneNames) || strings.Contains(p.name, "phone") || strings.Contains(p.name, "手机")) && (p.rows == 0 || p.share(p.phones, 0.5)):
			w.set(i, kequn.ColPhone, "by its name and values")
		case role != kequn.Lookup && isOne(p.name, nameNames) && p.numbers*2 <= p.filled && (role == kequn.Customers || p.name != "name" && p.name != "名称"):
			w.set(i, kequn.ColName, "by its name")
		}
	}
}

// column decides the kind of column i, and its role if none was found.
func (w *proposer) column(i int, role kequn.Role) (c Column) {
	p := w.p[i]
	c = Column{Name: w.names[i], Role: w.role[i], Evidence: w.why[i]}
	c.Sensitive = kequn.LooksSensitive(c.Name)
	c.Fixed = role == kequn.Customers && hasPart(p.name, fixedParts)
	note := func(s string) {
		if s != "" && c.Evidence != "" {
			s = c.Evidence + "; " + s
		}
		c.Evidence = orElse(s, c.Evidence)
	}
	var typ valueType
	if w.f.db != nil {
		typ = w.f.db.columns[i].typ
		if s := w.f.db.columns[i].comment; s != "" {
			defer func() { note("the database says: " + s) }()
		}
	}
	layout, style := "", ""
	switch c.Role {
	case kequn.ColCustomer, kequn.ColID, kequn.ColOrder, kequn.ColItem, kequn.ColKey, kequn.ColName, kequn.ColPhone, kequn.ColEmail, kequn.ColText:
		c.Kind = table.Text
		return c
	case kequn.ColType, kequn.ColCurrency, kequn.ColCampaign, kequn.ColArm, kequn.ColCategory:
		c.Kind = table.Category
		return c
	case kequn.ColTime, kequn.ColKnownAt, kequn.ColBirth:
		c.Kind = table.Time
		c.Layout, style, _ = p.timeLayout(0.5)
		note(style)
		return c
	case kequn.ColAmount, kequn.ColPrice, kequn.ColDiscount:
		c.Kind = table.Money
		c.Layout, _ = p.numberLayout(0.5)
		c.Scale = p.scale()
		note(fmt.Sprintf("%s numbers, %d decimals", p.percent(p.numbers+max(p.commaOnly, p.dotOnly)), c.Scale))
		return c
	case kequn.ColQuantity:
		c.Kind = table.Number
		c.Layout, _ = p.numberLayout(0.5)
		if p.whole*10 >= p.numbers*9 && c.Layout == "" {
			c.Kind = table.Integer
		}
		return c
	case kequn.ColConsent:
		c.Kind = table.Bool
		return c
	}
	var ok bool
	switch layout, style, ok = p.isTime(0.98); {
	case p.filled == 0:
		c.Kind, c.Role = table.Text, kequn.ColText
		if typ.known && typ.kind != table.Text {
			c.Kind, c.Role, c.Layout = typ.kind, kequn.ColAttribute, typ.layout
		}
		note("no value in the sample")
		return c
	case ok:
		c.Kind, c.Role, c.Layout = table.Time, kequn.ColAttribute, layout
		note(style)
		return c
	case p.share(p.bools, 0.98) && (p.zeroOne < p.filled || namesFlag(p.name)) && p.distinct <= 6:
		c.Kind, c.Role = table.Bool, kequn.ColAttribute
		note("yes and no")
		return c
	}
	if layout, ok := p.numberLayout(0.99); ok && !p.code && p.leadingZero == 0 && !(typ.known && typ.kind == table.Text) {
		c.Kind, c.Role, c.Layout = table.Number, kequn.ColAttribute, layout
		if p.share(p.whole, 0.99) && layout == "" && p.scales[0] == p.numbers {
			c.Kind = table.Integer
		}
		note(p.percent(p.numbers+max(p.commaOnly, p.dotOnly)) + " numbers")
		return c
	}
	if p.few() && !(isOne(p.name, textNames) && p.distinct > 50) {
		c.Kind, c.Role = table.Category, kequn.ColCategory
		note(fmt.Sprintf("%d different values", p.distinct))
		return c
	}
	c.Kind, c.Role = table.Text, kequn.ColText
	note(fmt.Sprintf("%d different values in %d", p.distinct, p.filled))
	return c
}

func namesFlag(name string) bool {
	return strings.HasPrefix(name, "is") || strings.HasPrefix(name, "has") || strings.HasPrefix(name, "是否") || strings.Contains(name, "flag")
}

// computed returns the columns that are not in the file.
func (w *proposer) computed(role kequn.Role, from map[kequn.ColumnRole]string) []Column {
	var out []Column
	fresh := func(name string) string {
		for slices.ContainsFunc(w.names, func(n string) bool { return strings.EqualFold(n, name) }) {
			name += "_computed"
		}
		return name
	}
	price, quantity := w.has(kequn.ColPrice), w.has(kequn.ColQuantity)
	product := from[kequn.ColAmount]
	why := "as you said"
	if product == "" && price >= 0 && quantity >= 0 && w.has(kequn.ColAmount) < 0 && role.HasTime() && role != kequn.Sends {
		product = w.names[quantity] + " * " + w.names[price]
		why = "there is a price and a quantity, but no amount"
	}
	if product != "" {
		a, b, _ := Column{From: product}.factors()
		scale := 2
		for _, n := range []string{a, b} {
			if i, err := w.f.columnIndex(n); err == nil && w.role[i] != kequn.ColQuantity {
				scale = max(scale, w.p[i].scale())
			}
		}
		out = append(out, Column{Name: fresh("amount"), Kind: table.Money, Role: kequn.ColAmount, Scale: scale, From: product, Evidence: why})
	}
	for _, r := range []kequn.ColumnRole{kequn.ColTime, kequn.ColKnownAt} {
		if from[r] != "" {
			_, name, _ := strings.Cut(from[r], ".")
			out = append(out, Column{Name: fresh(name), Kind: table.Time, Role: r, From: from[r], Evidence: "as you said, by a lookup"})
		}
	}
	return out
}

// lacks notes what a dataset of the role needs and does not have.
func (w *proposer) lacks(out *Proposal) {
	need := func(role kequn.ColumnRole) {
		if out.Column(role) == nil {
			out.Missing = append(out.Missing, role)
		}
	}
	lines := out.Role == kequn.Items && out.Column(kequn.ColOrder) != nil
	if lines && (out.Column(kequn.ColCustomer) == nil || out.Column(kequn.ColTime) == nil) {
		w.hints = append(w.hints, "customer and time of the lines come from the orders, joined by "+out.Column(kequn.ColOrder).Name)
	}
	if out.Role.HasCustomer() && !lines {
		need(kequn.ColCustomer)
	}
	if out.Role.HasTime() && !lines {
		need(kequn.ColTime)
		if out.Column(kequn.ColTime) == nil {
			by := "campaign_id"
			if c := out.Column(kequn.ColCampaign); c != nil {
				by = c.Name
			}
			w.hints = append(w.hints, "the rows have no time; if a lookup has it, say for example --time "+by+".start_date")
		}
	}
	if out.Role == kequn.Lookup {
		need(kequn.ColKey)
	}
	if t := out.Column(kequn.ColTime); t != nil && t.From == "" && t.Layout == LayoutMonth {
		if i, err := w.f.columnIndex(t.Name); err == nil && w.p[i].times[dayFirst] == w.p[i].times[monthFirst] {
			w.hints = append(w.hints, t.Name+": day and month cannot be told apart; the month is taken to come first (layout mdy, else dmy)")
		}
	}
}
