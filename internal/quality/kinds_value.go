package quality

import (
	"math"
	"slices"
	"strings"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/table"
)

// isClass tells whether a column has few values that mean something by themselves, and may be shown.
func isClass(t *setTally, c *columnTally) bool {
	return c.kind.InCode() && !t.set.private(c.def.Name) && c.values.exact() && c.def.Role != kequn.ColItem && c.def.Role != kequn.ColKey &&
		c.def.Role != kequn.ColCampaign && !idLike(c.def.Name)
}

// Sides are compared where both have rows enough.
const (
	minBefore = 300
	minAfter  = 100
)

// compared tells whether a column's sides can be compared.
func compared(t *setTally, c *columnTally) bool {
	return t.rows[0]-c.missing[0] >= minBefore && t.rows[1]-c.missing[1] >= minAfter
}

// lately says what the newer side is.
func (s *set) lately(zh, en *string) {
	if s.byLoad {
		*zh, *en = "最近一次加载", "in the newest load"
	} else {
		*zh, *en = "最近一段时间", "in the last weeks"
	}
}

var valueKinds = []*kind{
	valuesKind, vanishedKind, spellingKind, constantKind, uniqueKind, duplicatesKind, nearKind, sharedKind,
}

// valuesKind: only Values are allowed. Proposed where an earlier load shows which there are.
var valuesKind = &kind{name: "values", family: "values", weight: 2, zh: "是未曾见过的新值", en: "is a value that is not among the allowed ones",
	propose: eachColumn(func(sc *scan, t *setTally, c *columnTally) []Rule {
		if !isClass(t, c) || !t.set.byLoad || !compared(t, c) {
			return nil
		}
		r := ruleOf("values", t.set.Name, c.def.Name)
		for _, s := range c.values.top() {
			if s.n[0] > 0 {
				r.Values = append(r.Values, s.text)
			}
		}
		if len(r.Values) > 60 || len(r.Values) == 0 {
			return nil
		}
		return r.sharing(0)
	}),
	measure: oneColumn(func(t *setTally, c *columnTally, r *Rule) measure {
		if c.values == nil || !c.values.exact() || !c.kind.InCode() || t.set.private(c.def.Name) {
			return unknown
		}
		m := measure{of: t.total() - c.empties()}
		var odd []string
		for _, s := range c.values.top() {
			if !slices.Contains(r.Values, s.text) {
				m.found += s.rows()
				odd = append(odd, s.text)
			}
		}
		if len(odd) > 0 {
			m.zh, m.en = "新值："+listed(odd), "new: "+listed(odd)
		}
		return m
	}),
	find: func(sc *scan, s *set, r *Rule) (finder, error) {
		return everyText(r.Column, func(b []byte) bool { return !slices.Contains(r.Values, string(b)) }), nil
	},
	needs: func(r *Rule) string {
		if len(r.Values) == 0 {
			return "values"
		}
		return ""
	},
}

func listed(words []string) string {
	more := ""
	if len(words) > 4 {
		words, more = words[:4], " …"
	}
	out := make([]string, len(words))
	for i, w := range words {
		if len(w) > 40 {
			w = strings.ToValidUTF8(w[:40], "") + "…"
		}
		out[i] = w
	}
	return strings.Join(out, ", ") + more
}

// vanishedKind: a usual value no longer occurs.
var vanishedKind = &kind{name: "vanished_value", family: "values", weight: 2, value: true, zh: "个常见取值不再出现", en: "usual values no longer occur",
	propose: eachColumn(func(sc *scan, t *setTally, c *columnTally) []Rule {
		if !isClass(t, c) || !compared(t, c) || c.values.distinct() > 60 {
			return nil
		}
		return ruleOf("vanished_value", t.set.Name, c.def.Name).atMost(0)
	}),
	measure: oneColumn(func(t *setTally, c *columnTally, r *Rule) measure {
		if !compared(t, c) || c.values == nil || !c.values.exact() || t.set.private(c.def.Name) {
			return unknown
		}
		before, after := t.rows[0]-c.missing[0], t.rows[1]-c.missing[1]
		var gone []string
		for _, s := range c.values.top() {
			// Twenty were to be expected, and there is none. By time alone a value must have been common: seasons come and go.
			expected := float64(s.n[0]) / float64(before) * float64(after)
			least := .01
			if !t.set.byLoad {
				least = .1
			}
			if s.n[1] == 0 && expected >= 20 && float64(s.n[0]) >= least*float64(before) {
				gone = append(gone, s.text)
			}
		}
		return measure{value: float64(len(gone)), of: int64(len(c.values.items)), found: int64(len(gone)), zh: listed(gone), en: listed(gone)}
	}),
}

// spellingKind: values that differ from a commoner one in case or spaces only. Values are the common spellings.
var spellingKind = &kind{name: "spelling", family: "format", weight: 1, zh: "与更常见的写法只差大小写或空格", en: "differs from a commoner spelling in case or spaces only",
	propose: eachColumn(func(sc *scan, t *setTally, c *columnTally) []Rule {
		if !isClass(t, c) {
			return nil
		}
		best := map[string]bool{}
		r := ruleOf("spelling", t.set.Name, c.def.Name)
		double := map[string]string{}
		for _, s := range c.values.top() {
			f := fold(s.text)
			if !best[f] {
				best[f] = true
				double[f] = s.text
			} else if double[f] != "" {
				r.Values = append(r.Values, double[f])
				double[f] = ""
			}
		}
		if len(r.Values) == 0 {
			return nil
		}
		slices.Sort(r.Values)
		return r.sharing(0)
	}),
	measure: oneColumn(func(t *setTally, c *columnTally, r *Rule) measure {
		if c.values == nil || t.set.private(c.def.Name) {
			return unknown
		}
		m := measure{of: t.total() - c.empties(), approx: !c.values.exact(), zh: "应为：" + listed(r.Values), en: "expected: " + listed(r.Values)}
		odd := oddSpelling(r)
		for i := range c.values.items {
			if s := &c.values.items[i]; odd([]byte(s.text)) {
				m.found += s.rows()
			}
		}
		return m
	}),
	find: func(sc *scan, s *set, r *Rule) (finder, error) { return everyText(r.Column, oddSpelling(r)), nil },
}

func oddSpelling(r *Rule) func([]byte) bool {
	folds := map[string]bool{}
	for _, v := range r.Values {
		folds[fold(v)] = true
	}
	return func(b []byte) bool { return folds[fold(string(b))] && !slices.Contains(r.Values, string(b)) }
}

// constantKind: a column that says the same in every row tells nothing.
var constantKind = &kind{name: "constant", family: "completeness", weight: 1, value: true, zh: "个不同取值：该列每行都相同，不含信息", en: "different value: the column is the same in every row and tells nothing",
	propose: eachColumn(func(sc *scan, t *setTally, c *columnTally) []Rule {
		if c.values == nil || t.total() < 10*enough || c.def.Role == kequn.ColCurrency || c.def.Role == kequn.ColType || c.def.Role == kequn.ColCampaign || len(c.values.items) != 1 || !c.values.exact() {
			return nil
		}
		return ruleOf("constant", t.set.Name, c.def.Name).atLeast(2)
	}),
	measure: oneColumn(func(t *setTally, c *columnTally, r *Rule) measure {
		if c.values == nil {
			return unknown
		}
		return measure{value: math.Round(c.values.distinct()), of: t.total(), approx: !c.values.exact()}
	}),
}

// uniqueKind: what identifies a row occurs once. Counted in the pass where a value stays with its customer, else by sample.
var uniqueKind = &kind{name: "unique", family: "uniqueness", weight: 3, zh: "的编号重复出现", en: "holds an id that occurs more than once",
	propose: eachColumn(func(sc *scan, t *setTally, c *columnTally) []Rule {
		if !c.kind.InCode() && c.kind != table.Integer || t.set.Versioned || t.total() < enough || c.def.Role == kequn.ColCustomer {
			return nil
		}
		found, of := repeated(c)
		key := c.def.Role == kequn.ColID || c.def.Role == kequn.ColKey || idLike(c.def.Name)
		if key && found > 0 && float64(found) <= .02*float64(of) {
			return ruleOf("unique", t.set.Name, c.def.Name).sharing(0)
		}
		return nil
	}),
	measure: oneColumn(func(t *setTally, c *columnTally, r *Rule) measure {
		if c.values == nil {
			return unknown
		}
		found, of := repeated(c)
		m := measure{found: found, of: of, approx: !c.values.exact()}
		if m.approx && of > 0 {
			all := t.total() - c.empties()
			m.found, m.of = int64(math.Round(float64(found)/float64(of)*float64(all))), all
			if found > 0 {
				m.found = max(1, m.found)
			}
		}
		return m
	}),
	find: func(sc *scan, s *set, r *Rule) (finder, error) { return findRepeated(r.Column), nil },
}

// repeated counts the rows of the sampled values beyond the first of each.
func repeated(c *columnTally) (found, of int64) {
	for i := range c.values.items {
		n := c.values.items[i].rows()
		of += n
		found += n - 1
	}
	return found, of
}

// findRepeated finds the rows whose value stood in an earlier row of the piece: exact where a value stays with its customer.
func findRepeated(column string) finder {
	return everyRow(func(p *piece, s *pieceSet) func(int) (bool, bool) {
		col := s.col(column)
		if col == nil {
			return nil
		}
		if col.Kind.InCode() {
			had := make([]bool, col.Dict.Len())
			return func(r int) (bool, bool) {
				k := col.Code[r]
				if k < 0 {
					return false, false
				}
				again := had[k]
				had[k] = true
				return true, again
			}
		}
		had := map[uint64]bool{}
		return func(r int) (bool, bool) {
			x := col.Float(r)
			if x != x {
				return false, false
			}
			again := had[math.Float64bits(x)]
			had[math.Float64bits(x)] = true
			return true, again
		}
	})
}

// duplicatesKind: rows that repeat another one in every column.
var duplicatesKind = &kind{name: "duplicates", family: "uniqueness", weight: 2, zh: "与另一行完全相同", en: "repeats another row in every column",
	ahead: func(sc *scan, s *set) []Rule {
		if s.part < 0 || s.Role == kequn.Customers {
			return nil
		}
		return ruleOf("duplicates", s.Name, "").sharing(0)
	},
	find: func(sc *scan, s *set, r *Rule) (finder, error) {
		return func(p *piece, s *pieceSet, emit func(int)) (of int64) {
			var h rowHasher
			h.prepare(s, nil)
			seen := map[uint64]struct{}{} // of rows of one customer at one instant
			for r := 0; r < s.n; {
				end := r + 1
				for end < s.n && s.owner[end] == s.owner[r] && (s.time == nil || s.time[end] == s.time[r]) {
					end++
				}
				of += int64(end - r)
				if end-r > 1 {
					clear(seen)
					for k := r; k < end; k++ {
						if s.skipped(k) {
							continue
						}
						x := h.row(k)
						if _, ok := seen[x]; ok {
							emit(k)
						}
						seen[x] = struct{}{}
					}
				}
				r = end
			}
			return of
		}, nil
	},
}

// rowHasher hashes rows of a piece. Texts are hashed once each.
type rowHasher struct {
	columns []*table.Column
	texts   [][]uint64
}

// prepare takes all columns but those that without names.
func (h *rowHasher) prepare(s *pieceSet, without func(name string) bool) {
	for i, name := range s.names {
		if without != nil && without(name) {
			continue
		}
		c := s.t.Columns[i]
		var texts []uint64
		if c.Kind.InCode() {
			texts = make([]uint64, c.Dict.Len())
		}
		h.columns, h.texts = append(h.columns, c), append(h.texts, texts)
	}
}

func (h *rowHasher) row(r int) uint64 {
	x := uint64(0)
	for i, c := range h.columns {
		v := uint64(0)
		switch {
		case c.Kind == table.Number:
			v = math.Float64bits(c.Num[r])
		case c.Kind.InInt():
			v = uint64(c.Int[r])
		case c.Code[r] >= 0:
			k := c.Code[r]
			if h.texts[i][k] == 0 {
				h.texts[i][k] = kernel.Hash64(hashSeed, c.Dict.Bytes(int(k))) | 1
			}
			v = h.texts[i][k]
		}
		x = kernel.Mix(x ^ kernel.Mix(v+uint64(i)))
	}
	return x
}

// nearKind: the same row again within Max seconds: sent twice.
var nearKind = &kind{name: "double_submit", family: "uniqueness", weight: 2, zh: "在一分钟内重复上一行（时间与编号之外全部相同）", en: "repeats the row before it within a minute, but for time and ids",
	ahead: func(sc *scan, s *set) []Rule {
		if !s.timed() || s.Role == kequn.Sends || len(s.names) < 4 {
			return nil
		}
		r := ruleOf("double_submit", s.Name, "")
		if r.Share = .0003; s.Role == kequn.Events {
			r.Share = .05 // who reloads a page does nothing wrong
		}
		return r.atMost(60)
	},
	find: func(sc *scan, s *set, r *Rule) (finder, error) {
		within := int64(60e6)
		if r.Max != nil {
			within = int64(*r.Max * 1e6)
		}
		return func(p *piece, s *pieceSet, emit func(int)) (of int64) {
			var h rowHasher
			h.prepare(s, func(name string) bool {
				c := s.Column(name)
				return c.Role == kequn.ColTime || c.Role == kequn.ColKnownAt || c.Role == kequn.ColID || c.Role == kequn.ColOrder || c.Kind == table.Time ||
					c.Role == kequn.ColAttribute && idLike(c.Name)
			})
			if len(h.columns) < 3 || s.time == nil {
				return 0
			}
			prev := -1
			var before uint64
			for r := range s.n {
				if s.skipped(r) {
					continue
				}
				of++
				if r == 0 || s.owner[r] != s.owner[r-1] {
					prev = -1
				}
				if prev >= 0 && s.time[r]-s.time[prev] > within {
					prev = -1
				}
				next := r+1 < s.n && s.owner[r+1] == s.owner[r] && s.time[r+1]-s.time[r] <= within
				if prev < 0 && !next {
					continue
				}
				x := h.row(r)
				if prev >= 0 && x == before && s.time[r] > s.time[prev] {
					emit(r)
				}
				prev, before = r, x
			}
			return of
		}, nil
	},
}

// sharedKind: a phone, an address or a device that many customers share. Max is the customers that may.
var sharedKind = &kind{name: "shared_key", family: "people", weight: 2, zh: "由多位客户共用", en: "is shared by several customers",
	propose: eachColumn(func(sc *scan, t *setTally, c *columnTally) []Rule {
		if c.values == nil || !c.kind.InCode() || t.set.part < 0 || t.customers < enough {
			return nil
		}
		role := c.def.Role == kequn.ColPhone || c.def.Role == kequn.ColEmail || c.def.Role == kequn.ColOrder || c.def.Role == kequn.ColID
		name := false
		for _, w := range kequn.NameWords(c.def.Name) {
			name = name || slices.Contains([]string{"device", "phone", "mobile", "email", "mail", "card", "iban", "account", "cookie", "order", "invoice", "basket"}, w) && (idLike(c.def.Name) || w == "phone" || w == "mobile" || w == "email" || w == "mail" || w == "iban")
		}
		found, of := sharing(c)
		if !role && !name || found == 0 || float64(found) > .2*float64(of) {
			return nil
		}
		return ruleOf("shared_key", t.set.Name, c.def.Name).sharing(0)
	}),
	measure: oneColumn(func(t *setTally, c *columnTally, r *Rule) measure {
		if c.values == nil {
			return unknown
		}
		found, of := sharing(c)
		m := measure{found: found, of: of, approx: !c.values.exact()}
		if m.approx && of > 0 {
			all := t.total() - c.empties()
			m.found, m.of = max(1, int64(float64(found)/float64(of)*float64(all))), all
		}
		return m
	}),
}

// sharing counts the sampled rows whose value more than one customer has.
func sharing(c *columnTally) (found, of int64) {
	for i := range c.values.items {
		s := &c.values.items[i]
		of += s.rows()
		if s.low != s.high {
			found += s.rows()
		}
	}
	return found, of
}
