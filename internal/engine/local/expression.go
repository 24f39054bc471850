package local

import (
	"math"
	"strconv"
	"time"

	"kequn"
	"kequn/internal/query"
	"kequn/internal/table"
)

// vec is the value of one operation for every row (of a source's block, or customer and cutoff). Which slice is set
// follows from the operation's type.
type vec struct {
	num  []float64 // Number, Time in microseconds; NaN is missing
	bit  []bool    // Bool
	code []int32   // Text; −1 is missing
	dict *table.Dict
}

// run is a program at work: one per worker and program.
type run struct {
	p     *program
	vecs  []vec
	own   []vec  // memory of the vecs that are not borrowed
	memos []memo // what is known about texts
	size  int    // rows for which there is room; constants are filled that far
}

// memo keeps decisions about texts by number, for one dictionary.
type memo struct {
	dict  *table.Dict
	truth []int8 // 0: not asked yet, 1: no, 2: yes
	code  int32  // of the wanted text
	trans [][]int32
	from  []*table.Dict
	out   *table.Dict
}

// leaves gives a run the vecs of leaf operations, and knows the cutoffs of its rows.
type leaves interface {
	leaf(n *node, rows int) vec
	years(birth, out []float64)
	rollup(n *node, key, own *vec, out []float64)
}

func newRun(p *program) *run {
	return &run{p: p, vecs: make([]vec, len(p.nodes)), own: make([]vec, len(p.nodes)), memos: make([]memo, len(p.nodes))}
}

// renew gives the next partition dictionaries of its own: those of the last one went out with its panel. What is known
// about dictionaries that partitions share stays.
func (r *run) renew() {
	for i := range r.memos {
		m := &r.memos[i]
		m.out, m.trans, m.from = nil, nil, nil
	}
}

func (r *run) grow(rows int) {
	if rows <= r.size {
		return
	}
	r.size = max(rows, 2*r.size)
	for i := range r.p.nodes {
		n, v := &r.p.nodes[i], &r.own[i]
		switch n.op {
		case opSlot, opRef, opCustomer, query.Now:
			continue
		}
		switch n.typ {
		case query.Bool:
			v.bit = make([]bool, r.size)
		case query.Text:
			v.code = make([]int32, r.size)
		default:
			v.num = make([]float64, r.size)
		}
		if n.op != query.Const {
			continue
		}
		if n.typ == query.Text {
			v.dict = table.DictOf(n.con.Text)
		}
		for j := range r.size {
			switch n.typ {
			case query.Bool:
				v.bit[j] = n.con.Bool
			case query.Number:
				v.num[j] = n.con.Num
			case query.Time:
				v.num[j] = float64(n.con.Time)
			}
		}
	}
}

// eval computes every operation for rows rows.
func (r *run) eval(l leaves, rows int) {
	r.grow(rows)
	for i := range r.p.nodes {
		n := &r.p.nodes[i]
		switch n.op {
		case opSlot, opRef, opCustomer, query.Now:
			r.vecs[i] = l.leaf(n, rows)
			continue
		}
		own := &r.own[i]
		v := vec{dict: own.dict}
		switch n.typ {
		case query.Bool:
			v.bit = own.bit[:rows]
		case query.Text:
			v.code = own.code[:rows]
		default:
			v.num = own.num[:rows]
		}
		switch {
		case n.op == query.Const:
		case n.op == query.YearsSince:
			l.years(r.vecs[n.args[0]].num, v.num)
		case n.op == opRollup:
			own := &vec{}
			if len(n.args) > 1 {
				own = r.arg(n, 1)
			}
			l.rollup(n, r.arg(n, 0), own, v.num)
		case n.typ == query.Bool:
			r.truth(i, n, v.bit)
		case n.typ == query.Text:
			v.dict = r.text(i, n, v.code)
		default:
			r.number(n, v.num)
		}
		r.vecs[i] = v
	}
}

func (r *run) arg(n *node, i int) *vec { return &r.vecs[n.args[i]] }

func (r *run) truth(i int, n *node, out []bool) {
	switch n.op {
	case query.And:
		fill(out, true)
		for a := range n.args {
			for j, b := range r.arg(n, a).bit {
				out[j] = out[j] && b
			}
		}
	case query.Or:
		fill(out, false)
		for a := range n.args {
			for j, b := range r.arg(n, a).bit {
				out[j] = out[j] || b
			}
		}
	case query.Not:
		for j, b := range r.arg(n, 0).bit {
			out[j] = !b
		}
	case opTruth:
		for j, x := range r.arg(n, 0).num {
			out[j] = x == 1
		}
	case query.Has:
		if v := r.arg(n, 0); v.num != nil {
			for j, x := range v.num {
				out[j] = x == x
			}
		} else {
			for j, c := range v.code {
				out[j] = c >= 0
			}
		}
	case opTextIs:
		v, m := r.arg(n, 0), &r.memos[i]
		if m.dict != v.dict || m.code < 0 {
			m.dict, m.code = v.dict, v.dict.Find(n.con.Text)
		}
		want := m.code
		if want < 0 {
			want = math.MinInt32 // no row has it
		}
		for j, c := range v.code {
			out[j] = c == want
		}
	case opTest:
		r.test(i, n, out)
	case query.If:
		c, x, y := r.arg(n, 0).bit, r.arg(n, 1).bit, r.arg(n, 2).bit
		for j := range out {
			if c[j] {
				out[j] = x[j]
			} else {
				out[j] = y[j]
			}
		}
	case query.Else:
		copy(out, r.arg(n, 0).bit) // a Bool is never missing
	case query.Contains, query.StartsWith, query.EndsWith:
		x, y := r.arg(n, 0), r.arg(n, 1)
		for j := range out {
			out[j] = x.code[j] >= 0 && y.code[j] >= 0 && textHolds(n.op, x.dict.At(int(x.code[j])), y.dict.At(int(y.code[j])))
		}
	default:
		x, y := r.arg(n, 0), r.arg(n, 1)
		if r.p.nodes[n.args[0]].typ == query.Text {
			compareTexts(n.op, x, y, out)
		} else {
			compare(n.op, x.num, y.num, out)
		}
	}
}

// test decides each different text once.
func (r *run) test(i int, n *node, out []bool) {
	v, m := r.arg(n, 0), &r.memos[i]
	if m.dict != v.dict || len(m.truth) < v.dict.Len() {
		if m.dict != v.dict {
			m.truth = m.truth[:0]
		}
		m.dict = v.dict
		m.truth = append(m.truth, make([]int8, v.dict.Len()-len(m.truth))...)
	}
	for j, c := range v.code {
		if c < 0 {
			out[j] = false
			continue
		}
		t := m.truth[c]
		if t == 0 {
			t = 1
			if n.test(v.dict.At(int(c))) {
				t = 2
			}
			m.truth[c] = t
		}
		out[j] = t == 2
	}
}

func compareTexts(op query.Op, x, y *vec, out []bool) {
	for j := range out {
		a, b := x.code[j], y.code[j]
		if a < 0 || b < 0 {
			out[j] = false
			continue
		}
		s, t := x.dict.At(int(a)), y.dict.At(int(b))
		switch op {
		case query.Eq:
			out[j] = s == t
		case query.Ne:
			out[j] = s != t
		case query.Lt:
			out[j] = s < t
		case query.Le:
			out[j] = s <= t
		case query.Gt:
			out[j] = s > t
		default:
			out[j] = s >= t
		}
	}
}

func compare(op query.Op, x, y []float64, out []bool) {
	x, y = x[:len(out)], y[:len(out)]
	switch op {
	case query.Eq:
		for j := range out {
			out[j] = x[j] == y[j]
		}
	case query.Ne:
		for j := range out {
			out[j] = x[j] < y[j] || x[j] > y[j] // false where one is missing
		}
	case query.Lt:
		for j := range out {
			out[j] = x[j] < y[j]
		}
	case query.Le:
		for j := range out {
			out[j] = x[j] <= y[j]
		}
	case query.Gt:
		for j := range out {
			out[j] = x[j] > y[j]
		}
	default:
		for j := range out {
			out[j] = x[j] >= y[j]
		}
	}
}

var lifeStates = table.DictOf(query.LifeFirst, query.LifeRegular, query.LifeBack, query.LifeStopped, query.LifeDormant, query.LifeNever)

// text computes codes and returns their dictionary.
func (r *run) text(i int, n *node, out []int32) *table.Dict {
	if n.op == opLife {
		last, previous, earlier := r.arg(n, 0).num, r.arg(n, 1).num, r.arg(n, 2).num
		for j := range out {
			switch {
			case last[j] == 1 && previous[j] == 1:
				out[j] = 1
			case last[j] == 1 && earlier[j] == 1:
				out[j] = 2
			case last[j] == 1:
				out[j] = 0
			case previous[j] == 1:
				out[j] = 3
			case earlier[j] == 1:
				out[j] = 4
			default:
				out[j] = 5
			}
		}
		return lifeStates
	}
	if n.op == query.Label {
		return r.label(i, n, out)
	}
	// If and Else bring texts of several dictionaries together in a new one.
	m := &r.memos[i]
	if m.out == nil {
		m.out = table.NewDict()
		m.trans = make([][]int32, len(n.args))
		m.from = make([]*table.Dict, len(n.args))
	}
	take := func(a, j int) int32 {
		v := r.arg(n, a)
		c := v.code[j]
		if c < 0 {
			return -1
		}
		if m.from[a] != v.dict {
			m.from[a], m.trans[a] = v.dict, m.trans[a][:0]
		}
		for len(m.trans[a]) < v.dict.Len() {
			m.trans[a] = append(m.trans[a], -1)
		}
		if m.trans[a][c] < 0 {
			m.trans[a][c] = m.out.Intern(v.dict.Bytes(int(c)))
		}
		return m.trans[a][c]
	}
	for j := range out {
		if n.op == query.If {
			if r.arg(n, 0).bit[j] {
				out[j] = take(1, j)
			} else {
				out[j] = take(2, j)
			}
			continue
		}
		out[j] = -1
		for a := range n.args {
			if out[j] = take(a, j); out[j] >= 0 {
				break
			}
		}
	}
	return m.out
}

// label writes values as text: decimal numbers, RFC 3339 in UTC, true or false.
func (r *run) label(i int, n *node, out []int32) *table.Dict {
	m := &r.memos[i]
	if m.out == nil {
		m.out = table.NewDict()
	}
	v := r.arg(n, 0)
	if r.p.nodes[n.args[0]].typ == query.Bool {
		for j, b := range v.bit {
			out[j] = m.out.InternString(strconv.FormatBool(b))
		}
		return m.out
	}
	isTime := r.p.nodes[n.args[0]].typ == query.Time
	last, lastCode := math.NaN(), int32(-1)
	for j, x := range v.num {
		if x != last {
			last, lastCode = x, -1
			switch {
			case x != x:
			case isTime:
				lastCode = m.out.InternString(kequn.Instant(x).Time().Format(time.RFC3339Nano))
			default:
				lastCode = m.out.InternString(strconv.FormatFloat(x, 'f', -1, 64))
			}
		}
		out[j] = lastCode
	}
	return m.out
}

func (r *run) number(n *node, out []float64) {
	nan := math.NaN()
	switch n.op {
	case opNumber:
		for j, b := range r.arg(n, 0).bit {
			out[j] = 0
			if b {
				out[j] = 1
			}
		}
		return
	case query.If:
		c, x, y := r.arg(n, 0).bit, r.arg(n, 1).num, r.arg(n, 2).num
		for j := range out {
			if c[j] {
				out[j] = x[j]
			} else {
				out[j] = y[j]
			}
		}
		return
	case query.Else:
		copy(out, r.arg(n, 0).num)
		for a := 1; a < len(n.args); a++ {
			for j, x := range r.arg(n, a).num {
				if out[j] != out[j] {
					out[j] = x
				}
			}
		}
		return
	}
	x := r.arg(n, 0).num
	switch n.op {
	case query.Neg:
		for j := range out {
			out[j] = -x[j]
		}
	case query.Abs:
		for j := range out {
			out[j] = math.Abs(x[j])
		}
	case query.Log1p:
		for j := range out {
			out[j] = math.Log1p(x[j])
		}
	case query.DaysBetween:
		y := r.arg(n, 1).num
		for j := range out {
			out[j] = (y[j] - x[j]) / dayMicros
		}
	case query.Div:
		y := r.arg(n, 1).num
		for j := range out {
			out[j] = nan
			if y[j] != 0 {
				out[j] = x[j] / y[j]
			}
		}
	case query.Sub:
		y := r.arg(n, 1).num
		for j := range out {
			out[j] = x[j] - y[j]
		}
	default:
		copy(out, x)
		for a := 1; a < len(n.args); a++ {
			fold(n.op, out, r.arg(n, a).num)
		}
	}
	for j, v := range out {
		if v-v != 0 { // infinite, or missing already
			out[j] = nan
		}
	}
}

func fold(op query.Op, out, y []float64) {
	switch op {
	case query.Add:
		for j := range out {
			out[j] += y[j]
		}
	case query.Mul:
		for j := range out {
			out[j] *= y[j]
		}
	case query.Min:
		for j := range out {
			out[j] = min(out[j], y[j]) // NaN where either is
		}
	case query.Max:
		for j := range out {
			out[j] = max(out[j], y[j])
		}
	}
}

func fill[T any](v []T, x T) {
	for i := range v {
		v[i] = x
	}
}
