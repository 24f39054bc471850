package quality

import (
	"slices"
	"strconv"
	"strings"

	"kequn"
	"kequn/internal/table"
)

var referenceKinds = []*kind{unknownCustomer, silentCustomer, unknownKey, unknownOrder}

// setOf returns the dataset of a name, or nil.
func (sc *scan) setOf(name string) *set {
	for _, s := range sc.sets {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// roleSet returns the first dataset of a role with rows, or nil.
func (sc *scan) roleSet(role kequn.Role) *set {
	for _, s := range sc.sets {
		if s.Role == role && s.Rows > 0 {
			return s
		}
	}
	return nil
}

// has tells whether a customer of the piece has rows in a dataset.
func (s *pieceSet) has(customer int32) bool {
	return int(customer)+1 < len(s.start) && s.start[customer+1] > s.start[customer]
}

// unknownCustomer: whoever does something is a customer. Exact, because a customer is whole within a partition.
var unknownCustomer = &kind{name: "unknown_customer", family: "references", weight: 3, zh: "的客户不在客户表中", en: "belongs to a customer who is in no table of customers",
	ahead: func(sc *scan, s *set) []Rule {
		customers := sc.roleSet(kequn.Customers)
		if customers == nil || !s.timed() {
			return nil
		}
		r := ruleOf("unknown_customer", s.Name, s.with(kequn.ColCustomer))
		r.Name, r.Other = s.Name+".unknown_customer", customers.Name
		return r.sharing(0)
	},
	find: func(sc *scan, s *set, r *Rule) (finder, error) {
		to := sc.setOf(r.Other)
		if to == nil || to.part < 0 {
			return nil, kequn.Errorf(kequn.KindPlan, "quality: "+r.Name, "other names no dataset of customers: %q", r.Other)
		}
		return everyRow(func(p *piece, s *pieceSet) func(int) (bool, bool) {
			known := &p.sets[to.at]
			return func(r int) (bool, bool) { return true, !known.has(s.owner[r]) }
		}), nil
	},
}

// silentCustomer: customers of whom nothing is known but their attributes.
var silentCustomer = &kind{name: "silent_customer", family: "references", weight: 1, zh: "的客户没有任何事件、订单", en: "is a customer without any event or order",
	ahead: func(sc *scan, s *set) []Rule {
		if s.Role != kequn.Customers || !slices.ContainsFunc(sc.sets, func(o *set) bool { return o.timed() && o.Rows > 0 }) {
			return nil
		}
		r := ruleOf("silent_customer", s.Name, "")
		return r.sharing(.5)
	},
	find: func(sc *scan, s *set, r *Rule) (finder, error) {
		return everyRow(func(p *piece, s *pieceSet) func(int) (bool, bool) {
			return func(r int) (bool, bool) {
				for i := range p.sets {
					if o := &p.sets[i]; o.timed() && o.has(s.owner[r]) {
						return true, false
					}
				}
				return true, true
			}
		}), nil
	},
}

// unknownKey: what rows say of products and campaigns stands in their lookup.
var unknownKey = &kind{name: "unknown_key", family: "references", weight: 3, zh: "在对照表中查不到", en: "is in no row of its lookup",
	ahead: func(sc *scan, s *set) []Rule {
		var out []Rule
		for _, l := range sc.sets {
			key := l.With(kequn.ColKey)
			if l == s || l.Role != kequn.Lookup || key == nil || l.Rows == 0 || s.column(key.Name) < 0 || l.column(key.Name) < 0 {
				continue
			}
			r := ruleOf("unknown_key", s.Name, key.Name)
			r.Name += "." + l.Name
			r.Other = l.Name + "." + key.Name
			out = append(out, r)
		}
		return out
	},
	find: func(sc *scan, s *set, r *Rule) (finder, error) {
		name, key, _ := strings.Cut(r.Other, ".")
		l := sc.setOf(name)
		if l == nil || l.rows == nil || l.column(key) < 0 {
			return nil, kequn.Errorf(kequn.KindPlan, "quality: "+r.Name, "other names no column of a lookup: %q", r.Other).WithHint("write LOOKUP.KEY")
		}
		keys := table.NewDict()
		col := l.rows.Columns[l.column(key)]
		for i := range col.Len() {
			if !col.IsMissing(i) {
				keys.InternString(plainText(col, i))
			}
		}
		return everyRow(func(p *piece, s *pieceSet) func(int) (bool, bool) {
			col := s.col(r.Column)
			if col == nil {
				return nil
			}
			state := make([]int8, 0)
			if col.Kind.InCode() {
				state = make([]int8, col.Dict.Len())
			}
			return func(r int) (bool, bool) {
				if col.IsMissing(r) {
					return false, false
				}
				if !col.Kind.InCode() {
					return true, keys.Find(plainText(col, r)) < 0
				}
				k := col.Code[r]
				if state[k] == 0 {
					state[k] = 1
					if keys.Find(col.Dict.At(int(k))) < 0 {
						state[k] = 2
					}
				}
				return true, state[k] == 2
			}
		}), nil
	},
}

// plainText writes a key as text.
func plainText(c *table.Column, i int) string {
	switch {
	case c.Kind.InCode():
		return c.String(i)
	case c.Kind == table.Integer:
		return strconv.FormatInt(c.Int[i], 10)
	}
	return strconv.FormatFloat(c.Float(i), 'g', -1, 64)
}

// unknownOrder: lines belong to an order that there is. An order's lines belong to its customer, so one partition tells.
var unknownOrder = &kind{name: "unknown_order", family: "references", weight: 3, zh: "的订单不存在", en: "belongs to an order that there is not",
	ahead: func(sc *scan, s *set) []Rule {
		orders := sc.roleSet(kequn.Orders)
		if s.Role != kequn.Items || orders == nil || s.with(kequn.ColOrder) == "" || orders.orderKey() == "" {
			return nil
		}
		r := ruleOf("unknown_order", s.Name, s.with(kequn.ColOrder))
		r.Other = orders.Name + "." + orders.orderKey()
		return r.sharing(0)
	},
	find: func(sc *scan, s *set, r *Rule) (finder, error) {
		name, key, _ := strings.Cut(r.Other, ".")
		o := sc.setOf(name)
		if o == nil || o.part < 0 || o.column(key) < 0 {
			return nil, kequn.Errorf(kequn.KindPlan, "quality: "+r.Name, "other names no column of a dataset: %q", r.Other).WithHint("write DATASET.COLUMN")
		}
		return everyRow(func(p *piece, s *pieceSet) func(int) (bool, bool) {
			from, to := s.col(r.Column), p.sets[o.at].col(key)
			if from == nil || to == nil || !from.Kind.InCode() || !to.Kind.InCode() {
				return nil
			}
			codes := translate(from, to)
			return func(r int) (bool, bool) {
				k := from.Code[r]
				return k >= 0, k >= 0 && codes[k] < 0
			}
		}), nil
	},
}

// orderKey returns the column by which an order is known: its id, or what groups its lines.
func (s *set) orderKey() string {
	if c := s.with(kequn.ColID); c != "" {
		return c
	}
	return s.with(kequn.ColOrder)
}

// translate returns for each code of one column the code of the same text in another, −1 without.
func translate(from, to *table.Column) []int32 {
	out := make([]int32, from.Dict.Len())
	for k := range out {
		out[k] = to.Dict.Find(from.Dict.At(k))
	}
	return out
}
