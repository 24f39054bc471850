package quality

import (
	"strings"

	"kequn"
	"kequn/internal/table"
)

// enough is the fewest values from which something is learnt about a column.
const enough = 50

// mostly tells whether nearly all values with a text have a trait, but not all: those without it are the findings.
func mostly(c *columnTally, t *setTally, tr traits, least float64) (without, of int64, ok bool) {
	of = t.total() - c.empties()
	have := c.hits(tr)
	return of - have, of, of >= enough && have < of && float64(have) >= least*float64(of)
}

// lacking makes a kind whose rows are those without a trait that nearly all others have.
func lacking(k *kind, tr traits, least float64, wanted func(c *columnTally) bool) *kind {
	k.propose = eachColumn(func(sc *scan, t *setTally, c *columnTally) []Rule {
		if !c.kind.InCode() || !wanted(c) {
			return nil
		}
		if _, _, ok := mostly(c, t, tr, least); ok {
			return ruleOf(k.name, t.set.Name, c.def.Name).sharing(0)
		}
		return nil
	})
	k.measure = oneColumn(func(t *setTally, c *columnTally, r *Rule) measure {
		of := t.total() - c.empties()
		return measure{found: of - c.hits(tr), of: of}
	})
	k.find = func(sc *scan, s *set, r *Rule) (finder, error) {
		return everyValue(r.Column, sc, func(have traits) bool { return have&tr == 0 }), nil
	}
	return k
}

// having makes a kind whose rows are those with a trait that hardly any should have.
func having(k *kind, tr traits, most float64, wanted func(c *columnTally) bool) *kind {
	withTrait(k, tr)
	k.propose = eachColumn(func(sc *scan, t *setTally, c *columnTally) []Rule {
		n, of := c.hits(tr), t.total()-c.empties()
		few := c.kind == table.Time && tr == placeholder && n < 3 // somebody was born on 1970-01-01
		if !wanted(c) || n == 0 || few || float64(n) > most*float64(of) {
			return nil
		}
		return ruleOf(k.name, t.set.Name, c.def.Name).sharing(0)
	})
	return k
}

func isText(c *columnTally) bool { return c.kind.InCode() }

// isFree tells whether a column's texts are written by people, not codes that say who or what.
func isFree(c *columnTally) bool {
	return c.kind.InCode() && c.def.Role != kequn.ColCustomer && c.def.Role != kequn.ColID && c.def.Role != kequn.ColOrder && c.def.Role != kequn.ColKey
}

var textKinds = []*kind{
	lacking(&kind{name: "number_text", family: "type", weight: 2, zh: "不是数字，而该列几乎都是数字", en: "is no number, in a column of numbers"}, numeric, .97, func(c *columnTally) bool {
		return isFree(c) && c.def.Role != kequn.ColItem && !idLike(c.def.Name)
	}),
	lacking(&kind{name: "date_text", family: "type", weight: 2, zh: "不是日期，而该列几乎都是日期", en: "is no date, in a column of dates"}, dated, .95, isFree),
	lacking(&kind{name: "yes_no_text", family: "type", weight: 1, zh: "既非“是”也非“否”，而该列几乎都是", en: "is neither yes nor no, in a column of such words"}, truth, .97, isFree),
	lacking(&kind{name: "email", family: "format", weight: 2, zh: "不是电子邮箱", en: "is no e-mail address"}, mail, .5, func(c *columnTally) bool { return c.def.Role == kequn.ColEmail || isFree(c) && c.hits(mail) > 0 }),
	lacking(&kind{name: "phone", family: "format", weight: 2, zh: "不像电话号码", en: "does not look like a telephone number"}, telephone, .8, func(c *columnTally) bool { return c.def.Role == kequn.ColPhone }),
	shapeKind, patternKind, lengthKind,
	having(&kind{name: "spaces", family: "format", weight: 1, zh: "首尾有空格或中间有连续空格", en: "has spaces around it or twice in a row"}, padded, .5, isFree),
	having(&kind{name: "encoding", family: "format", weight: 2, zh: "编码已损坏（乱码）", en: "was damaged by a wrong encoding"}, garbled, 1, isText),
	having(&kind{name: "control_characters", family: "format", weight: 1, zh: "含控制字符或换行", en: "holds control characters or line breaks"}, control, .2, isText),
	having(&kind{name: "formula", family: "format", weight: 2, zh: "以 = + - @ 开头，表格软件会当作公式", en: "would be run as a formula by a spreadsheet"}, formula, .2, isText),
	having(&kind{name: "placeholder", family: "values", weight: 1, zh: "是占位词（unknown、N/A、未知……）", en: "is a word that stands for nothing (unknown, n/a …)"}, placeholder, .98, isText),
	having(&kind{name: "test_data", family: "values", weight: 2, zh: "像测试数据", en: "looks like test data"}, trial, .2, isText),
	lostZeros,
	personalKind,
}

// shapeKind: nearly all values are written alike. Pattern is how; several are joined by |.
var shapeKind = &kind{name: "shape", family: "format", weight: 1, zh: "写法与其余不同", en: "is written otherwise than the rest",
	propose: eachColumn(func(sc *scan, t *setTally, c *columnTally) []Rule {
		if !c.kind.InCode() || c.def.Role == kequn.ColEmail || c.def.Role == kequn.ColName || c.def.Role == kequn.ColText {
			return nil
		}
		of := t.total() - c.empties()
		if of < 4*enough || c.values.distinct() < 30 {
			return nil
		}
		kept := rows2(c.shapes.sums())
		var got int64
		pattern, same := "", 3
		top := c.shapes.top()
		if len(top) > 1 && wholeNumbers(top[0].text) && wholeNumbers(top[1].text) {
			same = 1 // numbers of any length are of no shape
		}
		for i, s := range top {
			if i >= same || len(pattern)+len(s.text) > 120 || i > 0 && float64(s.rows()) < .05*float64(of) {
				break
			}
			if i > 0 {
				pattern += "|"
			}
			pattern += s.text
			got += s.rows()
		}
		// Names and words have as many shapes as lengths: a column is of one shape only where the rest is rare and known.
		if float64(kept) < .9*float64(of) && c.shapes.full || float64(got) < .98*float64(of) || got == of {
			return nil
		}
		r := ruleOf("shape", t.set.Name, c.def.Name)
		r.Pattern = pattern
		return r.sharing(0)
	}),
	measure: oneColumn(func(t *setTally, c *columnTally, r *Rule) measure {
		p, err := ParsePattern(r.Pattern)
		if err != nil || c.shapes == nil {
			return unknown
		}
		of := t.total() - c.empties()
		var fit int64
		for i := range c.shapes.items {
			if s := &c.shapes.items[i]; p.Fits([]byte(example(s.text))) {
				fit += s.rows()
			}
		}
		return measure{found: of - fit, of: of, approx: c.shapes.full, zh: "应如 " + r.Pattern, en: "expected " + r.Pattern}
	}),
	find: findPattern,
	needs: func(r *Rule) string {
		_, err := ParsePattern(r.Pattern)
		if r.Pattern == "" || err != nil {
			return "pattern"
		}
		return ""
	},
}

var patternKind = &kind{name: "pattern", family: "format", weight: 2, zh: "不符合规定的写法", en: "is not written as the pattern says", find: findPattern, needs: shapeKind.needs}

func findPattern(sc *scan, s *set, r *Rule) (finder, error) {
	p, err := ParsePattern(r.Pattern)
	if err != nil {
		return nil, err
	}
	return everyText(r.Column, func(b []byte) bool { return !p.Fits(b) }), nil
}

// wholeNumbers tells whether a shape is of digits only.
func wholeNumbers(shape string) bool {
	e := example(shape)
	return e != "" && strings.Trim(e, "9") == ""
}

// example returns a text of a shape.
func example(shape string) string {
	var out []rune
	runes := []rune(shape)
	for i := 0; i < len(runes); i++ {
		switch r := runes[i]; r {
		case '\\':
			i++
			if i < len(runes) {
				out = append(out, runes[i])
			}
		case '{':
			n := 0
			for i++; i < len(runes) && runes[i] != '}'; i++ {
				n = n*10 + int(runes[i]-'0')
			}
			for k := 1; k < n && len(out) > 0; k++ {
				out = append(out, out[len(out)-1])
			}
		default:
			out = append(out, r)
		}
	}
	return string(out)
}

// lengthKind: texts are not much longer than the usual ones. Min and Max are bytes.
var lengthKind = &kind{name: "length", family: "format", weight: 1, zh: "长度不寻常", en: "is unusually long or short",
	propose: eachColumn(func(sc *scan, t *setTally, c *columnTally) []Rule {
		of := t.total() - c.empties()
		if !isFree(c) || c.def.Role == kequn.ColText || of < 4*enough || c.values.distinct() < 20 {
			return nil
		}
		var sum int64
		p99 := 0
		for l, n := range c.lengths {
			if sum += n; float64(sum) >= .99*float64(of) {
				p99 = l
				break
			}
		}
		most := 2*p99 + 8
		if most >= maxLength {
			return nil
		}
		for _, n := range c.lengths[most+1:] {
			if n > 0 {
				return ruleOf("length", t.set.Name, c.def.Name).atMost(float64(most))
			}
		}
		return nil
	}),
	find: func(sc *scan, s *set, r *Rule) (finder, error) {
		return everyText(r.Column, func(b []byte) bool {
			return r.Max != nil && float64(len(b)) > *r.Max || r.Min != nil && float64(len(b)) < *r.Min
		}), nil
	},
	measure: oneColumn(func(t *setTally, c *columnTally, r *Rule) measure {
		m := measure{of: t.total() - c.empties()}
		for l, n := range c.lengths {
			if r.Max != nil && float64(l) > *r.Max || r.Min != nil && float64(l) < *r.Min {
				m.found += n
			}
		}
		if r.Max != nil {
			m.zh, m.en = "最长 "+short(*r.Max)+" 字节", "at most "+short(*r.Max)+" bytes"
		}
		return m
	}),
	needs: minOrMax,
}

func minOrMax(r *Rule) string {
	if r.Min == nil && r.Max == nil {
		return "min, max"
	}
	return ""
}

// lostZeros: codes of one length that begin with 0 were read as numbers somewhere on their way. Min is the length.
var lostZeros = &kind{name: "leading_zeros", family: "format", weight: 2, zh: "短于编码的长度：前导零可能丢失", en: "is shorter than its code: leading zeros may be lost",
	propose: eachColumn(func(sc *scan, t *setTally, c *columnTally) []Rule {
		if !c.kind.InCode() || c.def.Role == kequn.ColCustomer {
			return nil
		}
		of := t.total() - c.empties()
		if of < enough || float64(c.hits(digits)) < .98*float64(of) || float64(c.hits(zeroed)) < .02*float64(of) {
			return nil
		}
		size := 0
		for l, n := range c.lengths {
			if float64(n) >= .6*float64(of) {
				size = l
			}
		}
		if size < 4 {
			return nil
		}
		var shorter int64
		for _, n := range c.lengths[:size] {
			shorter += n
		}
		// Shorter ones that begin with 0 themselves have lost nothing.
		short0 := int64(0)
		for i := range c.shapes.items {
			if e := example(c.shapes.items[i].text); len(e) < size && len(e) > 0 && e[0] == '0' {
				short0 += c.shapes.items[i].rows()
			}
		}
		if shorter == 0 || short0 > 0 {
			return nil
		}
		return ruleOf("leading_zeros", t.set.Name, c.def.Name).atLeast(float64(size))
	}),
	measure: oneColumn(func(t *setTally, c *columnTally, r *Rule) measure {
		m := measure{of: t.total() - c.empties()}
		for l, n := range c.lengths {
			if float64(l) < *r.Min {
				m.found += n
			}
		}
		return m
	}),
	find: func(sc *scan, s *set, r *Rule) (finder, error) {
		return everyText(r.Column, func(b []byte) bool { return float64(len(b)) < *r.Min }), nil
	},
	needs: func(r *Rule) string {
		if r.Min == nil {
			return "min"
		}
		return ""
	},
}

// personalKind: a column that is not marked as personal looks as if it were.
var personalKind = &kind{name: "personal_data", family: "privacy", weight: 3, zh: "像个人信息（电话、邮箱、证件或卡号），而该列未标为个人信息", en: "looks like personal data (phone, e-mail, identity or card number), in a column that is not marked so",
	propose: eachColumn(func(sc *scan, t *setTally, c *columnTally) []Rule {
		if !c.kind.InCode() || c.def.Role.Personal() || c.def.Role == kequn.ColCustomer && !looksLike(c, t, mail) {
			return nil
		}
		found, of := personal(c), t.total()-c.empties()
		if found == 0 || (c.def.Role == kequn.ColID || c.def.Role == kequn.ColOrder || c.def.Role == kequn.ColItem || c.def.Role == kequn.ColKey) && float64(found) < .5*float64(of) {
			return nil
		}
		return ruleOf("personal_data", t.set.Name, c.def.Name).sharing(0)
	}),
	measure: oneColumn(func(t *setTally, c *columnTally, r *Rule) measure {
		m := measure{found: personal(c), of: t.total() - c.empties()}
		m.zh, m.en = "可用 role: phone、email 或 name 标明，或 ignore 不保留", "mark it with role: phone, email or name, or do not keep it: ignore"
		return m
	}),
	find: func(sc *scan, s *set, r *Rule) (finder, error) {
		return everyValue(r.Column, sc, func(have traits) bool { return have&(mail|telephone|identity) != 0 }), nil
	},
}

func looksLike(c *columnTally, t *setTally, tr traits) bool {
	return 2*c.hits(tr) > t.total()-c.empties()
}

// personal counts the rows that look personal; telephone and identity may be seen in one text.
func personal(c *columnTally) int64 {
	return c.hits(mail) + max(c.hits(telephone), c.hits(identity))
}
