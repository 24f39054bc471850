package sequence

import (
	"cmp"
	"context"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"kequn"
	"kequn/internal/engine"
	"kequn/internal/kernel"
	"kequn/internal/plan"
	"kequn/internal/table"
)

// Look says which events are read.
type Look struct {
	Before  kequn.Cutoff // only what happened and was known before it
	Zone    *time.Location
	Most    int // events of a customer: the newest ones; 0 is 256
	Threads int
}

func (l Look) most() int {
	if l.Most == 0 {
		return 256
	}
	return l.Most
}

// wordRoles are the roles of columns whose words are part of a token, and numberRoles those whose numbers are.
var (
	wordRoles   = []kequn.ColumnRole{kequn.ColCategory, kequn.ColItem, kequn.ColAttribute, kequn.ColCampaign, kequn.ColArm, kequn.ColKey}
	numberRoles = []kequn.ColumnRole{kequn.ColAmount, kequn.ColQuantity, kequn.ColPrice, kequn.ColDiscount, kequn.ColAttribute}
)

// join is a lookup's column behind a column of a set.
type join struct {
	value *table.Column
	rows  map[string]int32 // of a key; looked up once for each word of a partition
}

// reader reads partitions as a schema says.
type reader struct {
	data  engine.Data
	defs  []*engine.Dataset // per set of the schema
	wants []table.Want
	joins map[string]*join // by set and name; looked up only
}

// newReader prepares to read the columns of sets.
func newReader(ctx context.Context, data engine.Data, sets []Set) (*reader, error) {
	r := &reader{data: data, joins: map[string]*join{}}
	all := data.Datasets()
	plans := make([]plan.Dataset, len(all))
	for i := range all {
		plans[i] = all[i].Dataset
	}
	for _, s := range sets {
		i := slices.IndexFunc(all, func(d engine.Dataset) bool { return d.Name == s.Dataset })
		if i < 0 {
			return nil, kequn.Errorf(kequn.KindInput, "", "the model reads dataset %q, which is not there", s.Dataset).WithHint("load it, or train the model again")
		}
		def := &all[i]
		want := table.Want{Dataset: s.Dataset, Columns: engine.VisibleColumns(def)}
		add := func(name string) error {
			if def.Column(name) == nil {
				return kequn.Errorf(kequn.KindInput, "", "the model reads column %q of %s, which is not there", name, s.Dataset).WithHint("load it, or train the model again")
			}
			if !slices.Contains(want.Columns, name) {
				want.Columns = append(want.Columns, name)
			}
			return nil
		}
		if s.Type != "" {
			if err := add(s.Type); err != nil {
				return nil, err
			}
		}
		for _, c := range s.Columns {
			name, at, attribute, err := plan.LookupOf(plans, def.Columns, c.Name)
			if err != nil {
				return nil, err
			}
			if err := add(name); err != nil {
				return nil, err
			}
			if at >= 0 {
				if r.joins[s.Dataset+"\x00"+c.Name], err = newJoin(ctx, data, &all[at], attribute); err != nil {
					return nil, err
				}
			}
		}
		r.defs, r.wants = append(r.defs, def), append(r.wants, want)
	}
	return r, nil
}

func newJoin(ctx context.Context, data engine.Data, d *engine.Dataset, attribute string) (*join, error) {
	key := d.With(kequn.ColKey).Name
	rows, err := data.Lookup(ctx, d.Name, []string{key, attribute})
	if err != nil {
		return nil, err
	}
	j := &join{value: rows.Column(attribute), rows: map[string]int32{}}
	k := rows.Column(key)
	for i := range k.Len() {
		if text, ok := keyText(k, i); ok {
			if _, twice := j.rows[text]; !twice {
				j.rows[text] = int32(i)
			}
		}
	}
	return j, nil
}

// keyText returns a key as text: lookups hold words or whole numbers.
func keyText(c *table.Column, i int) (string, bool) {
	switch {
	case c.IsMissing(i):
		return "", false
	case c.Kind.InCode():
		return c.String(i), true
	case c.Kind == table.Integer:
		return strconv.FormatInt(c.Int[i], 10), true
	}
	return "", false
}

// words gives each row the number of its word, −1 where missing, and the words.
func (r *reader) words(set *table.Set, dataset, name string) (code []int32, word func(int32) string, n int) {
	if j := r.joins[dataset+"\x00"+name]; j != nil {
		base := set.Rows.Column(name[:strings.LastIndexByte(name, '.')])
		code = make([]int32, base.Len())
		to := func(text string) int32 {
			at, ok := j.rows[text]
			if !ok || !j.value.Kind.InCode() {
				return -1
			}
			return j.value.Code[at]
		}
		if base.Kind.InCode() {
			memo := make([]int32, base.Dict.Len())
			for i := range memo {
				memo[i] = -2
			}
			for i, c := range base.Code {
				if code[i] = -1; c >= 0 {
					if memo[c] == -2 {
						memo[c] = to(base.Dict.At(int(c)))
					}
					code[i] = memo[c]
				}
			}
		} else {
			for i := range code {
				code[i] = -1
				if text, ok := keyText(base, i); ok {
					code[i] = to(text)
				}
			}
		}
		return code, func(k int32) string { return j.value.Dict.At(int(k)) }, j.value.Dict.Len()
	}
	c := set.Rows.Column(name)
	if c.Kind.InCode() {
		return c.Code, func(k int32) string { return c.Dict.At(int(k)) }, c.Dict.Len()
	}
	d := table.NewDict()
	code = make([]int32, c.Len())
	for i := range code {
		code[i] = -1
		if !c.IsMissing(i) {
			code[i] = d.InternString(strconv.FormatFloat(c.Float(i), 'g', -1, 64))
		}
	}
	return code, func(k int32) string { return d.At(int(k)) }, d.Len()
}

// count is how often a word was seen.
type count struct {
	word string
	rows int64
}

// mostFirst sorts counts: the commonest first, the smaller word first on a tie.
func mostFirst(a, b count) int {
	if c := cmp.Compare(b.rows, a.rows); c != 0 {
		return c
	}
	return cmp.Compare(a.word, b.word)
}

// candidate is a column that may feed a field, with what a pass found in it.
type candidate struct {
	name   string
	words  bool
	counts []count
	rows   int64 // with a value
	many   bool  // too many different words to be told apart
	sample []float64
}

// perPart bounds what one partition tells of a column: its commonest words, and a draw of its numbers.
const perPart = 5000

// Learn finds out what a token is from what happened and was known before a cutoff: the kinds of event, the words of columns, the
// quantiles of numbers. One pass, partitions in parallel; the same schema for any number of threads. It is a not-enough error where
// no dataset has an event before the cutoff.
func Learn(ctx context.Context, data engine.Data, look Look) (*Schema, error) {
	defs := data.Datasets()
	plans := make([]plan.Dataset, len(defs))
	for i := range defs {
		plans[i] = defs[i].Dataset
	}
	zone := look.Zone
	if zone == nil {
		zone = time.UTC
	}
	s := &Schema{Zone: zone.String(), Before: int64(look.Before)}
	var found [][]candidate
	for i := range defs {
		d := &defs[i]
		if !d.Role.HasTime() || strings.HasPrefix(d.Name, "_") || d.Rows == 0 {
			continue
		}
		set := Set{Dataset: d.Name}
		if t := d.With(kequn.ColType); t != nil && t.Kind.InCode() {
			set.Type = t.Name
		}
		var columns []candidate
		take := func(c plan.Column, name string) {
			switch {
			case c.Sensitive || kequn.LooksSensitive(c.Name) || c.Kind == table.Time:
			case c.Kind.InCode() && slices.Contains(wordRoles, c.Role), c.Kind == table.Bool && c.Role == kequn.ColAttribute:
				columns = append(columns, candidate{name: name, words: true})
			case !c.Kind.InCode() && slices.Contains(numberRoles, c.Role):
				columns = append(columns, candidate{name: name})
			}
		}
		for _, c := range d.Columns {
			take(c, c.Name)
			for j := range defs {
				if defs[j].Role != kequn.Lookup || defs[j].With(kequn.ColKey) == nil {
					continue
				}
				for _, a := range defs[j].Columns {
					if name := c.Name + "." + a.Name; a.Role != kequn.ColKey && a.Kind.InCode() {
						if base, at, _, err := plan.LookupOf(plans, d.Columns, name); err == nil && at == j && base == c.Name && (c.Role == kequn.ColItem || c.Role == kequn.ColKey || c.Role == kequn.ColCampaign) {
							take(a, name)
						}
					}
				}
			}
		}
		for k := range columns {
			set.Columns = append(set.Columns, Column{Name: columns[k].name, Field: -1, Number: -1})
		}
		s.Sets, found = append(s.Sets, set), append(found, columns)
	}
	kinds := make([]candidate, len(s.Sets))
	hours, err := s.pass(ctx, data, look, kinds, found)
	if err != nil {
		return nil, err
	}
	return s.settle(kinds, found, hours)
}

// pass counts what the candidates hold. hours tells whether any event is at another time of day than midnight.
func (s *Schema) pass(ctx context.Context, data engine.Data, look Look, kinds []candidate, found [][]candidate) (hours bool, err error) {
	r, err := newReader(ctx, data, s.Sets)
	if err != nil {
		return false, err
	}
	n := data.NParts()
	type tally struct {
		kinds []candidate
		found [][]candidate
		hours bool
		err   error
	}
	parts := make([]tally, n)
	zone := newClock(s.location())
	kernel.Blocks(n, look.Threads, 1, func(p, _, _ int) {
		t := &parts[p]
		if t.err = ctx.Err(); t.err != nil {
			return
		}
		var part *table.Partition
		if part, t.err = data.Part(ctx, p, r.wants); t.err != nil {
			return
		}
		clock := zone
		for i := range s.Sets {
			set := &part.Sets[i]
			rows := engine.Visible(r.defs[i], set, look.Before)
			for _, row := range rows {
				if !t.hours {
					t.hours = clock.at(set.Rows.Column(engine.TimeColumn).Int[row])%day != 0
				}
			}
			kind := candidate{rows: int64(len(rows))}
			if s.Sets[i].Type != "" {
				kind = r.tally(set, rows, s.Sets[i].Dataset, candidate{name: s.Sets[i].Type, words: true})
			}
			t.kinds = append(t.kinds, kind)
			columns := make([]candidate, len(found[i]))
			for k, c := range found[i] {
				columns[k] = r.tally(set, rows, s.Sets[i].Dataset, candidate{name: c.name, words: c.words})
			}
			t.found = append(t.found, columns)
		}
	})
	for p := range parts { // in order, so that the same comes out whoever was first
		t := &parts[p]
		if t.err != nil {
			return false, t.err
		}
		hours = hours || t.hours
		for i := range s.Sets {
			kinds[i].add(t.kinds[i])
			for k := range found[i] {
				found[i][k].add(t.found[i][k])
			}
		}
	}
	return hours, nil
}

// tally counts the words, or draws from the numbers, of rows.
func (r *reader) tally(set *table.Set, rows []int32, dataset string, c candidate) candidate {
	if !c.words {
		v := set.Rows.Column(c.name)
		step := max(1, len(rows)/perPart)
		for i := 0; i < len(rows); i += step {
			if x := v.Float(int(rows[i])); !math.IsNaN(x) {
				c.sample = append(c.sample, x)
			}
		}
		c.rows = int64(len(c.sample))
		return c
	}
	code, word, n := r.words(set, dataset, c.name)
	seen := make([]int64, n)
	for _, row := range rows {
		if k := code[row]; k >= 0 {
			seen[k]++
			c.rows++
		}
	}
	for k, rows := range seen {
		if rows > 0 {
			c.counts = append(c.counts, count{strings.Clone(word(int32(k))), rows})
		}
	}
	slices.SortFunc(c.counts, mostFirst)
	if len(c.counts) > perPart {
		c.counts, c.many = c.counts[:perPart:perPart], true
	}
	return c
}

func (c *candidate) add(o candidate) {
	c.rows += o.rows
	c.many = c.many || o.many
	c.sample = append(c.sample, o.sample...)
	c.counts = append(c.counts, o.counts...)
	if len(c.counts) > 4*perPart {
		c.join()
	}
}

// join adds up the counts of the same word.
func (c *candidate) join() {
	slices.SortFunc(c.counts, func(a, b count) int { return cmp.Compare(a.word, b.word) })
	out := c.counts[:0]
	for _, x := range c.counts {
		if n := len(out); n > 0 && out[n-1].word == x.word {
			out[n-1].rows += x.rows
		} else {
			out = append(out, x)
		}
	}
	c.counts = out
	slices.SortFunc(c.counts, mostFirst)
}

// The fewest rows that a word needs to be told apart, and the most fields whose next value is guessed: more only take time.
const (
	fewest     = 5
	mostGuess  = 5
	guessWords = 1000
)

// settle makes fields and numbers of what the pass found.
func (s *Schema) settle(kinds []candidate, found [][]candidate, hours bool) (*Schema, error) {
	kind := Field{Name: "kind", Kind: FieldKindOf, Guessed: true}
	var events int64
	for i := range s.Sets {
		kinds[i].join()
		events += kinds[i].rows
		if s.Sets[i].Type == "" {
			kind.Words = append(kind.Words, s.Sets[i].Dataset)
			continue
		}
		for _, w := range kinds[i].counts {
			if w.rows >= fewest && len(kind.Words) < maxWords {
				kind.Words = append(kind.Words, s.Sets[i].Dataset+"."+w.word)
			}
		}
	}
	if events == 0 {
		return nil, kequn.Errorf(kequn.KindNotEnough, "", "no customer has an event before the cutoff").WithHint("load events or orders, or choose a later cutoff")
	}
	s.Fields = append(s.Fields, kind, Field{Name: "pause", Kind: FieldGap, Guessed: true})
	if hours {
		s.Fields = append(s.Fields, Field{Name: "hour", Kind: FieldHour})
	}
	s.Fields = append(s.Fields, Field{Name: "weekday", Kind: FieldWeekday}, Field{Name: "day", Kind: FieldDay})
	guessed := 0
	for i := range s.Sets {
		for k := range s.Sets[i].Columns {
			to, c := &s.Sets[i].Columns[k], &found[i][k]
			name := s.Sets[i].Dataset + "." + c.name
			if !c.words {
				s.number(to, c, name)
				continue
			}
			c.join()
			if len(c.counts) < 2 || !c.many && int64(len(c.counts)) > c.rows/2 && c.rows > 100 {
				continue // says nothing, or is an id of the event
			}
			f := Field{Name: name, Kind: FieldWord}
			for _, w := range c.counts {
				if w.rows >= fewest && len(f.Words) < maxWords {
					f.Words = append(f.Words, w.word)
				}
			}
			if len(f.Words) < len(c.counts) {
				f.Hash = hashBuckets
			}
			if guessed < mostGuess && len(f.Words) <= guessWords && len(f.Words) > 1 {
				f.Guessed = true
				guessed++
			}
			to.Field = len(s.Fields)
			s.Fields = append(s.Fields, f)
		}
		s.Sets[i].Columns = slices.DeleteFunc(s.Sets[i].Columns, func(c Column) bool { return c.Field < 0 && c.Number < 0 })
	}
	return s, nil
}

// quantiles is the number of parts that a number's values are cut into.
const quantiles = 16

// number makes a field and a number of a column's values; one value for everybody says nothing.
func (s *Schema) number(to *Column, c *candidate, name string) {
	v := slices.Clone(c.sample)
	slices.Sort(v)
	if len(v) < 2 || v[0] == v[len(v)-1] {
		return
	}
	f := Field{Name: name, Kind: FieldAmount, Guessed: true}
	for q := 1; q < quantiles; q++ {
		if x := kernel.QuantileSorted(v, float64(q)/quantiles); (len(f.Edges) == 0 || x > f.Edges[len(f.Edges)-1]) && x > v[0] {
			f.Edges = append(f.Edges, x)
		}
	}
	if len(f.Edges) == 0 {
		f.Edges = []float64{v[len(v)-1]}
	}
	for i, x := range v {
		v[i] = squash(x)
	}
	mean, variance := kernel.MeanVar(v, nil)
	to.Field, to.Number = len(s.Fields), len(s.Numbers)
	s.Fields = append(s.Fields, f)
	s.Numbers = append(s.Numbers, Number{Name: name, Mean: mean, Deviation: max(math.Sqrt(variance), 1e-6)})
}

const day = int64(24 * time.Hour / time.Microsecond)

// clock turns instants into wall clocks, remembering the offset of the stretch it is in.
type clock struct {
	zone           *time.Location
	from, to, move int64
}

func newClock(zone *time.Location) clock { return clock{zone: zone, from: 1, to: 0} }

// at returns microseconds since 1970 on the zone's wall clock.
func (c *clock) at(micro int64) int64 {
	if micro < c.from || micro >= c.to {
		t := time.UnixMicro(micro).In(c.zone)
		_, offset := t.Zone()
		begin, end := t.ZoneBounds()
		c.from, c.to, c.move = math.MinInt64, math.MaxInt64, int64(offset)*1e6
		if !begin.IsZero() {
			c.from = begin.UnixMicro()
		}
		if !end.IsZero() {
			c.to = end.UnixMicro()
		}
	}
	return micro + c.move
}

// Read returns the streams of partition p: of every customer with an event, the newest ones before the cutoff.
func (s *Schema) Read(ctx context.Context, data engine.Data, p int, look Look) (*Streams, error) {
	r, err := newReader(ctx, data, s.Sets)
	if err != nil {
		return nil, err
	}
	return s.read(ctx, r, p, look)
}

// ReadAll returns the streams of all partitions, read in parallel.
func (s *Schema) ReadAll(ctx context.Context, data engine.Data, look Look) (*Streams, error) {
	r, err := newReader(ctx, data, s.Sets)
	if err != nil {
		return nil, err
	}
	n := data.NParts()
	parts, errs := make([]*Streams, n), make([]error, n)
	kernel.Blocks(n, look.Threads, 1, func(p, _, _ int) { parts[p], errs[p] = s.read(ctx, r, p, look) })
	out := &Streams{Start: []int64{0}, Fields: make([][]uint16, len(s.Fields)), Numbers: make([][]float32, len(s.Numbers))}
	for p := range parts {
		if errs[p] != nil {
			return nil, errs[p]
		}
		out.Append(parts[p])
		parts[p] = nil
	}
	return out, nil
}

func (s *Schema) read(ctx context.Context, r *reader, p int, look Look) (*Streams, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	part, err := r.data.Part(ctx, p, r.wants)
	if err != nil {
		return nil, err
	}
	out := &Streams{Start: []int64{0}, Fields: make([][]uint16, len(s.Fields)), Numbers: make([][]float32, len(s.Numbers))}
	visible := make([][]int32, len(s.Sets))
	times := make([][]int64, len(s.Sets))
	encoders := make([]*encoder, len(s.Sets))
	for i := range s.Sets {
		set := &part.Sets[i]
		visible[i] = engine.Visible(r.defs[i], set, look.Before)
		times[i] = set.Rows.Column(engine.TimeColumn).Int
		encoders[i] = s.encoder(r, i, set)
	}
	clock := newClock(s.location())
	next := make([]int, len(s.Sets)) // the first visible row of each set that is not of an earlier customer
	type event struct {
		time int64
		set  int32
		row  int32
	}
	var events []event
	for c := range part.Customer.Len() {
		events = events[:0]
		for i := range s.Sets {
			end := part.Sets[i].Start[c+1]
			for next[i] < len(visible[i]) && visible[i][next[i]] < end {
				row := visible[i][next[i]]
				events = append(events, event{times[i][row], int32(i), row})
				next[i]++
			}
		}
		if len(events) == 0 {
			continue
		}
		slices.SortStableFunc(events, func(a, b event) int { return cmp.Compare(a.time, b.time) })
		from := max(0, len(events)-look.most())
		for k := from; k < len(events); k++ {
			e := events[k]
			gap := uint16(codeNone)
			if k > 0 {
				gap = gapCode(e.time - events[k-1].time)
			}
			s.push(out, encoders[e.set], e.row, e.time, gap, &clock)
		}
		out.Customer = append(out.Customer, strings.Clone(part.Customer.String(c)))
		out.Start = append(out.Start, int64(len(out.Time)))
	}
	return out, nil
}

// encoder turns rows of a set of one partition into codes and numbers.
type encoder struct {
	kind    []uint16 // per row; nil: always kindOf
	kindOf  uint16
	columns []encoded
}

type encoded struct {
	field, number int
	code          []uint16 // per row
	value         *table.Column
}

// word returns the code of a word.
func (f *Field) word(w string, index map[string]uint16) uint16 {
	if c, ok := index[w]; ok {
		return c
	}
	if f.Hash > 0 {
		return uint16(codeOf + len(f.Words) + int(kernel.Hash64(kernel.ID(f.Name), w)%uint64(f.Hash)))
	}
	return codeRare
}

func (f *Field) index() map[string]uint16 {
	index := make(map[string]uint16, len(f.Words))
	for i, w := range f.Words {
		index[w] = uint16(codeOf + i)
	}
	return index
}

func (s *Schema) encoder(r *reader, i int, set *table.Set) *encoder {
	e := &encoder{}
	kinds := s.Fields[0].index()
	if t := s.Sets[i].Type; t == "" {
		e.kindOf = s.Fields[0].word(s.Sets[i].Dataset, kinds)
	} else {
		e.kind = codes(r, set, s.Sets[i].Dataset, t, func(w string) uint16 { return s.Fields[0].word(s.Sets[i].Dataset+"."+w, kinds) })
	}
	for _, c := range s.Sets[i].Columns {
		x := encoded{field: c.Field, number: c.Number}
		if c.Number >= 0 {
			x.value = set.Rows.Column(c.Name)
		} else {
			f := &s.Fields[c.Field]
			index := f.index()
			x.code = codes(r, set, s.Sets[i].Dataset, c.Name, func(w string) uint16 { return f.word(w, index) })
		}
		e.columns = append(e.columns, x)
	}
	return e
}

// codes turns the words of a column into codes, each word once.
func codes(r *reader, set *table.Set, dataset, name string, of func(string) uint16) []uint16 {
	code, word, n := r.words(set, dataset, name)
	memo := make([]uint16, n)
	out := make([]uint16, len(code))
	for i, k := range code {
		if k < 0 {
			continue // codeNone
		}
		if memo[k] == 0 {
			memo[k] = of(word(k))
		}
		out[i] = memo[k]
	}
	return out
}

// push appends a token.
func (s *Schema) push(out *Streams, e *encoder, row int32, at int64, gap uint16, clock *clock) {
	out.Time = append(out.Time, at)
	for i := range s.Fields {
		code := uint16(codeNone)
		switch s.Fields[i].Kind {
		case FieldKindOf:
			if code = e.kindOf; e.kind != nil {
				code = e.kind[row]
			}
		case FieldGap:
			code = gap
		case FieldHour, FieldWeekday, FieldDay:
			wall := clock.at(at)
			days := floorDiv(wall, day)
			switch s.Fields[i].Kind {
			case FieldHour:
				code = codeOf + uint16((wall-days*day)/(day/24))
			case FieldWeekday:
				code = codeOf + uint16(((days+3)%7+7)%7) // 1 January 1970 was a Thursday
			default:
				code = codeOf + uint16(time.Unix(days*86400, 0).UTC().Day()-1)
			}
		}
		out.Fields[i] = append(out.Fields[i], code)
	}
	for i := range s.Numbers {
		out.Numbers[i] = append(out.Numbers[i], 0)
	}
	last := len(out.Time) - 1
	for _, c := range e.columns {
		if c.value == nil {
			out.Fields[c.field][last] = c.code[row]
			continue
		}
		x := c.value.Float(int(row))
		if math.IsNaN(x) {
			continue
		}
		f, n := &s.Fields[c.field], &s.Numbers[c.number]
		out.Fields[c.field][last] = codeOf + uint16(sort.Search(len(f.Edges), func(k int) bool { return f.Edges[k] > x }))
		out.Numbers[c.number][last] = float32(max(-8, min(8, (squash(x)-n.Mean)/n.Deviation)))
	}
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
