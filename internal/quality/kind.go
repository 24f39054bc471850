package quality

import (
	"fmt"
	"math"
	"strings"

	"kequn"
	"kequn/internal/table"
)

// kind is one kind of rule.
type kind struct {
	name    string
	family  string
	weight  int    // 3 hurts most
	zh, en  string // what is wrong with the rows found: "is negative"
	value   bool   // it is about one figure, which Min and Max bound
	percent bool   // which is shown as a share
	days    bool   // days are counted, not rows

	// ahead proposes rules whose rows are found in the pass, from roles and definitions alone.
	ahead func(sc *scan, s *set) []Rule
	// propose proposes rules from what was seen.
	propose func(sc *scan, t *setTally) []Rule
	// measure says how much of a rule is broken, from what was seen; nil where only the pass can tell.
	measure func(sc *scan, t *setTally, r *Rule) measure
	// find makes the finder of a rule's rows; nil where there are no rows to show. inPass: its rows are counted in the pass
	// if the rule is the plan's; before it (or where measure is nil) they are.
	find func(sc *scan, s *set, r *Rule) (finder, error)
	// needs checks a rule of the plan.
	needs func(r *Rule) string
}

// measure is how much of a rule is broken.
type measure struct {
	found, of int64
	value     float64
	zh, en    string // details
	approx    bool
	unknown   bool
}

// unknown is the measure of a rule that there is too little to judge by.
var unknown = measure{unknown: true}

func rows2(n [2]int64) int64 { return n[0] + n[1] }

// ruleOf makes a proposed rule of a kind.
func ruleOf(k, dataset, column string) Rule {
	r := Rule{Proposed: true}
	r.Check, r.Dataset, r.Column, r.Level = k, dataset, column, Warn
	r.Name = dataset + "." + k
	if column != "" {
		r.Name = dataset + "." + column + "." + k
	}
	return r
}

func (r Rule) sharing(share float64) []Rule { r.Share = share; return []Rule{r} }

func (r Rule) atMost(x float64) []Rule { r.Max = &x; return []Rule{r} }

func (r Rule) atLeast(x float64) []Rule { r.Min = &x; return []Rule{r} }

// Kind describes a kind of rule for people.
type Kind struct{ Name, Family, ZH, EN string }

// Kinds lists all kinds of rule, family by family.
func Kinds() []Kind {
	var out []Kind
	for _, k := range kinds() {
		out = append(out, Kind{k.name, k.family, k.zh, k.en})
	}
	return out
}

// kinds lists them in the order in which they are judged.
func kinds() []*kind {
	var out []*kind
	for _, list := range [][]*kind{textKinds, numberKinds, valueKinds, completeKinds, referenceKinds, timeKinds, volumeKinds, driftKinds, crossKinds, moneyKinds, peopleKinds, sendKinds, {ruleKind}} {
		out = append(out, list...)
	}
	return out
}

func kindNamed(name string) *kind {
	for _, k := range kinds() {
		if k.name == name {
			return k
		}
	}
	return nil
}

// kindNames lists the names for a hint.
func kindNames() string {
	var out []string
	for _, k := range kinds() {
		out = append(out, k.name)
	}
	return strings.Join(out, ", ")
}

// eachColumn proposes a rule for every column that f wants one for.
func eachColumn(f func(sc *scan, t *setTally, c *columnTally) []Rule) func(sc *scan, t *setTally) []Rule {
	return func(sc *scan, t *setTally) []Rule {
		var out []Rule
		for i := range t.columns {
			out = append(out, f(sc, t, &t.columns[i])...)
		}
		return out
	}
}

// oneColumn measures a rule about a column.
func oneColumn(f func(t *setTally, c *columnTally, r *Rule) measure) func(sc *scan, t *setTally, r *Rule) measure {
	return func(sc *scan, t *setTally, r *Rule) measure {
		c := t.column(r.Column)
		if c == nil {
			return unknown
		}
		return f(t, c, r)
	}
}

// withTrait measures and finds the rows of a column whose values have one of some traits.
func withTrait(k *kind, tr traits) *kind {
	k.measure = oneColumn(func(t *setTally, c *columnTally, r *Rule) measure {
		return measure{found: c.hits(tr), of: t.total() - c.empties()}
	})
	k.find = func(sc *scan, s *set, r *Rule) (finder, error) {
		return everyValue(r.Column, sc, func(have traits) bool { return have&tr != 0 }), nil
	}
	return k
}

// everyValue finds the rows whose value has traits that are bad.
func everyValue(column string, sc *scan, bad func(traits) bool) finder {
	now := int64(kequn.At(sc.o.Now))
	return func(p *piece, s *pieceSet, emit func(int)) (of int64) {
		col := s.col(column)
		if col == nil {
			return 0
		}
		var wrong []bool
		if col.Kind.InCode() {
			wrong = make([]bool, col.Dict.Len())
			for k := range wrong {
				wrong[k] = bad(textTraits(col.Dict.Bytes(k)))
			}
		}
		for r := range s.n {
			if s.skipped(r) || col.IsMissing(r) {
				continue
			}
			of++
			switch {
			case wrong != nil:
				if wrong[col.Code[r]] {
					emit(r)
				}
			case col.Kind == table.Time:
				if bad(timeTraits(col.Int[r], now)) {
					emit(r)
				}
			default:
				if bad(numberTraits(col.Float(r))) {
					emit(r)
				}
			}
		}
		return of
	}
}

// everyText finds the rows whose text is bad.
func everyText(column string, bad func([]byte) bool) finder {
	return func(p *piece, s *pieceSet, emit func(int)) (of int64) {
		col := s.col(column)
		if col == nil || !col.Kind.InCode() {
			return 0
		}
		state := make([]int8, col.Dict.Len())
		for r, k := range col.Code {
			if k < 0 || s.skipped(r) {
				continue
			}
			of++
			if state[k] == 0 {
				state[k] = 1
				if bad(col.Dict.Bytes(int(k))) {
					state[k] = 2
				}
			}
			if state[k] == 2 {
				emit(r)
			}
		}
		return of
	}
}

// everyNumber finds the rows whose number is bad.
func everyNumber(column string, bad func(float64) bool) finder {
	return func(p *piece, s *pieceSet, emit func(int)) (of int64) {
		col := s.col(column)
		if col == nil || col.Kind.InCode() {
			return 0
		}
		for r := range s.n {
			if x := col.Float(r); x == x && !s.skipped(r) {
				of++
				if bad(x) {
					emit(r)
				}
			}
		}
		return of
	}
}

// everyRow finds the rows that are bad by something of several columns. judge says whether a row is judged at all, and whether
// it is bad.
func everyRow(prepare func(p *piece, s *pieceSet) func(r int) (judged, bad bool)) finder {
	return func(p *piece, s *pieceSet, emit func(int)) (of int64) {
		f := prepare(p, s)
		if f == nil {
			return 0
		}
		for r := range s.n {
			if s.skipped(r) {
				continue
			}
			judged, bad := f(r)
			if judged {
				of++
			}
			if bad {
				emit(r)
			}
		}
		return of
	}
}

// idLike tells whether a column's name says that it identifies something.
func idLike(name string) bool {
	for _, w := range kequn.NameWords(name) {
		switch w {
		case "id", "ids", "key", "code", "number", "no", "nr", "uuid", "guid", "sku", "ean", "barcode", "zip", "postcode", "postal", "invoiceno", "stockcode":
			return true
		}
	}
	return strings.Contains(name, "编号") || strings.Contains(name, "编码") || strings.Contains(name, "号码")
}

// short writes a figure for people.
func short(x float64) string {
	switch a := math.Abs(x); {
	case x == math.Trunc(x) && a < 1e7:
		return fmt.Sprintf("%.0f", x)
	case a >= 1000:
		return fmt.Sprintf("%.4g", x)
	}
	return fmt.Sprintf("%.3g", x)
}

// days counts the days with rows.
func activeDays(perDay []int64) (n int) {
	for _, x := range perDay {
		if x > 0 {
			n++
		}
	}
	return n
}

// ruleKind is a condition of the rule language about customers. This room does not know that language: who does judges it,
// and adds what was found with [Report.AddRule].
var ruleKind = &kind{name: "rule", family: "rule language", weight: 2, zh: "符合不应出现的条件", en: "is a customer whom the condition describes",
	needs: func(r *Rule) string {
		if r.Rule == "" {
			return "rule"
		}
		return ""
	}}
