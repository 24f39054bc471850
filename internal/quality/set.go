package quality

import (
	"context"
	"math"
	"slices"
	"sort"
	"strings"
	"time"

	"kequn"
	"kequn/internal/engine"
	"kequn/internal/plan"
	"kequn/internal/table"
)

// set is one dataset during a check.
type set struct {
	engine.Dataset
	at      int // in scan.sets
	part    int // in the partitions' sets; −1 of lookups
	names   []string
	known   bool // KnownColumn is read
	newFrom int64
	splitAt int64 // time from which rows are the newer side, where no load splits them; 0 without
	byLoad  bool
	loads   []Load
	days    dayRange
	rows    *table.Table // of lookups
}

// column returns the position of a column among those read, −1 without.
func (s *set) column(name string) int { return slices.Index(s.names, name) }

// with returns the name of the first column of a role that is read, "".
func (s *set) with(role kequn.ColumnRole) string {
	if c := s.With(role); c != nil && s.column(c.Name) >= 0 {
		return c.Name
	}
	return ""
}

// timed tells whether its rows happen at an instant.
func (s *set) timed() bool { return s.Role.HasTime() }

// private tells whether values of a column may name or describe a person, so that no finding may show one.
func (s *set) private(name string) bool {
	c := s.Column(name)
	return c == nil || c.Role.Personal() || c.Role == kequn.ColText || c.Role == kequn.ColCustomer || c.Role == kequn.ColID || c.Role == kequn.ColOrder ||
		c.Kind == table.Text && c.Role != kequn.ColItem && c.Role != kequn.ColKey && c.Role != kequn.ColCampaign && c.Role != kequn.ColType && c.Role != kequn.ColCategory && c.Role != kequn.ColArm && c.Role != kequn.ColCurrency
}

// dayRange is the stretch of days that rows are counted by: dates outside it are counted as outliers of time.
type dayRange struct{ first, n int32 }

// of returns the index of a day, −1 outside.
func (d dayRange) of(day int32) int32 {
	if day < d.first || day >= d.first+d.n {
		return -1
	}
	return day - d.first
}

const microsPerDay = 24 * 3600 * 1e6

// clock turns instants into days and hours of a zone without asking the zone every time.
type clock struct {
	from   []int64 // instants at which an offset begins, ascending
	offset []int64 // microseconds east of UTC
}

func newClock(zone *time.Location, first, last kequn.Instant) *clock {
	c := &clock{}
	if zone == nil {
		zone = time.UTC
	}
	if first == kequn.NoTime {
		first, last = 0, 0
	}
	for t := time.UnixMicro(int64(first)).In(zone); len(c.from) < 4096; {
		_, east := t.Zone()
		start, end := t.ZoneBounds()
		at := int64(math.MinInt64)
		if len(c.from) > 0 && !start.IsZero() {
			at = start.UnixMicro()
		}
		c.from, c.offset = append(c.from, at), append(c.offset, int64(east)*1e6)
		if end.IsZero() || end.UnixMicro() > int64(last) {
			break
		}
		t = end.In(zone)
	}
	return c
}

// local returns an instant as microseconds of the zone's own time since 1970.
func (c *clock) local(t int64) int64 {
	if len(c.from) == 1 {
		return t + c.offset[0]
	}
	i := sort.Search(len(c.from), func(i int) bool { return c.from[i] > t }) - 1
	return t + c.offset[max(0, i)]
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// dayOf returns the day of a local time, counted from 1970.
func dayOf(local int64) int32 { return int32(floorDiv(local, microsPerDay)) }

// dayText writes a day counted from 1970.
func dayText(day int32) string { return time.Unix(int64(day)*86400, 0).UTC().Format("2006-01-02") }

// A split by time needs a history this long; its newer side is the last tenth, within these bounds.
const (
	minSplitDays = 60
	minNewDays   = 14
	maxNewDays   = 60
)

// prepare lists the datasets with the columns that are read, and says how the sides are divided.
func (sc *scan) prepare(ctx context.Context, data engine.Data) error {
	now := int64(kequn.At(sc.o.Now))
	first, last := kequn.NoTime, kequn.NoTime
	for _, d := range data.Datasets() {
		if strings.HasPrefix(d.Name, "_") {
			continue
		}
		s := &set{Dataset: d, at: len(sc.sets), part: -1, newFrom: math.MaxInt64, loads: sc.o.Loads[d.Name]}
		for _, c := range d.Columns {
			if c.Role == kequn.ColIgnore || sc.o.Sealed && c.Role.Personal() || !sc.wanted(d.Name) && !referredTo(d.Role, c) {
				continue
			}
			s.names = append(s.names, c.Name)
		}
		if d.Role == kequn.Lookup {
			rows, err := data.Lookup(ctx, d.Name, s.names)
			if err != nil {
				return err
			}
			s.rows = rows
		} else {
			s.part = len(sc.wants)
			want := table.Want{Dataset: d.Name, Columns: slices.Clone(s.names)}
			want.Columns = append(want.Columns, engine.SeqColumn, engine.CustomerColumn)
			s.known = d.Late && d.Role.HasTime() || d.Versioned
			if s.known {
				want.Columns = append(want.Columns, engine.KnownColumn)
			}
			if d.Versioned {
				want.Columns = append(want.Columns, engine.IDColumn, engine.GoneColumn)
				if d.Role == kequn.Customers {
					want.Columns = want.Columns[:len(want.Columns)-2]
					want.Columns = append(want.Columns, engine.GoneColumn)
				}
			}
			if d.Role.HasTime() {
				want.Columns = append(want.Columns, engine.TimeColumn)
			}
			sc.wants = append(sc.wants, want)
		}
		if n := len(s.loads); n > 1 {
			at, from := s.loads[n-1].At, s.loads[n-1].From
			for i := n - 1; i >= 0 && s.loads[i].At == at; i-- {
				from = s.loads[i].From
			}
			if from > 0 {
				s.newFrom, s.byLoad = from, true
			}
		}
		if d.Role.HasTime() && d.First != kequn.NoTime {
			if first == kequn.NoTime || d.First < first {
				first = d.First
			}
			last = max(last, d.Last)
		}
		sc.sets = append(sc.sets, s)
	}
	const year = 366 * microsPerDay
	sc.clock = newClock(sc.o.Zone, max(first, kequn.Instant(now-100*year)), min(last, kequn.Instant(now+year)))
	for _, s := range sc.sets {
		if !s.timed() || s.First == kequn.NoTime {
			continue
		}
		from := dayOf(sc.clock.local(max(int64(s.First), now-60*year)))
		to := dayOf(sc.clock.local(min(int64(s.Last), now+2*microsPerDay)))
		s.days = dayRange{from, max(0, to-from+1)}
		if span := to - from + 1; !s.byLoad && span >= minSplitDays {
			s.splitAt = (int64(to+1)-int64(min(maxNewDays, max(minNewDays, span/10))))*microsPerDay - sc.clock.offset[len(sc.clock.offset)-1]
		}
	}
	return nil
}

// referredTo tells whether a rule of another dataset may look at a column: of datasets that are not checked no other is read.
func referredTo(role kequn.Role, c plan.Column) bool {
	switch c.Role {
	case kequn.ColID, kequn.ColOrder, kequn.ColAmount, kequn.ColConsent, kequn.ColKey:
		return true
	}
	return role == kequn.Lookup && c.Kind == table.Time
}

// piece is the rows of one partition, of all datasets that belong to customers; or the rows of one lookup.
type piece struct {
	sc        *scan
	sets      []pieceSet // in the order of scan.sets
	customers *table.Column
}

// pieceSet is one dataset's rows in a piece.
type pieceSet struct {
	*set
	t       *table.Table
	start   []int32
	n       int
	time    []int64 // nil without event time
	known   []int64 // nil where all were known when they happened
	seq     []int64
	skip    []bool // older versions of a row, and rows that have left; nil without
	owner   []int32
	day     []int32 // of event time, −1 outside the range; nil without event time
	local   []int64 // event time in the zone
	present bool
	people  *table.Column // the customers of the piece
}

// col returns a column by its position among those read.
func (s *pieceSet) col(name string) *table.Column {
	if i := s.set.column(name); i >= 0 {
		return s.t.Columns[i]
	}
	return nil
}

// side returns 1 for rows of the newest load (or the last stretch of time), else 0.
func (s *pieceSet) side(r int) int {
	if s.byLoad {
		if s.seq != nil && s.seq[r] >= s.newFrom {
			return 1
		}
		return 0
	}
	if s.splitAt != 0 && s.time[r] >= s.splitAt {
		return 1
	}
	return 0
}

// skipped tells whether a row does not count: it was corrected since, or has left.
func (s *pieceSet) skipped(r int) bool { return s.skip != nil && s.skip[r] }

func (sc *scan) piece(ctx context.Context, data engine.Data, p int) (*piece, error) {
	part, err := data.Part(ctx, p, sc.wants)
	if err != nil {
		return nil, err
	}
	out := &piece{sc: sc, sets: make([]pieceSet, len(sc.sets)), customers: part.Customer}
	for i, s := range sc.sets {
		ps := &out.sets[i]
		ps.set = s
		if s.part < 0 {
			ps.t = s.rows // read by those who join; not counted here
			ps.n = s.rows.NRows()
			continue
		}
		rows := part.Sets[s.part]
		ps.t, ps.start, ps.n, ps.present = rows.Rows, rows.Start, rows.Rows.NRows(), true
		ps.people = part.Customer
		for k, name := range sc.wants[s.part].Columns {
			if k < len(s.names) {
				continue
			}
			switch name {
			case engine.SeqColumn:
				ps.seq = ps.t.Columns[k].Int
			case engine.KnownColumn:
				ps.known = ps.t.Columns[k].Int
			case engine.TimeColumn:
				ps.time = ps.t.Columns[k].Int
			}
		}
		ps.owner = make([]int32, ps.n)
		for c := 0; c+1 < len(ps.start); c++ {
			for r := ps.start[c]; r < ps.start[c+1]; r++ {
				ps.owner[r] = int32(c)
			}
		}
		if ps.time != nil {
			ps.day, ps.local = make([]int32, ps.n), make([]int64, ps.n)
			for r, t := range ps.time {
				ps.day[r] = -1
				if t != table.Missing {
					ps.local[r] = sc.clock.local(t)
					ps.day[r] = s.days.of(dayOf(ps.local[r]))
				}
			}
		}
		if s.Versioned {
			ps.versions()
		}
	}
	return out, nil
}

// versions marks all but the newest version of each row.
func (s *pieceSet) versions() {
	s.skip = make([]bool, s.n)
	ids, gone := s.t.Column(engine.IDColumn), s.t.Column(engine.GoneColumn)
	newest := map[int32]int32{} // of one customer at a time
	for c := 0; c+1 < len(s.start); c++ {
		clear(newest)
		for r := s.start[c]; r < s.start[c+1]; r++ {
			id := int32(0) // a customer's attributes have no other id
			if ids != nil {
				if id = ids.Code[r]; id < 0 {
					continue
				}
			}
			before, ok := newest[id]
			if ok && s.known != nil && s.known[before] > s.known[r] {
				s.skip[r] = true
				continue
			}
			if ok {
				s.skip[before] = true
			}
			newest[id] = r
		}
		if gone != nil {
			for r := s.start[c]; r < s.start[c+1]; r++ {
				s.skip[r] = s.skip[r] || gone.Int[r] == 1
			}
		}
	}
}
