package feature

import (
	"strings"

	"kequn"
	"kequn/internal/engine"
	"kequn/internal/plan"
	"kequn/internal/query"
)

// groups adds what the people do whom a customer belongs together with: a household, a firm. What others buy says what a
// home needs and who already has it. All of it is as of the cutoff, and of the others only: what a person will do enters
// nobody's features.
func (b *builder) groups(d *engine.Dataset) {
	for _, c := range d.Columns {
		if c.Role != kequn.ColGroup {
			continue
		}
		key := query.AttrOf(d.Name, c.Name, typeOf(c.Kind))
		switch key.Type {
		case query.Text:
		case query.Number:
			key = query.Apply(query.Label, query.Text, key)
		default:
			continue
		}
		b.group(d, c, key)
	}
}

func (b *builder) group(d *engine.Dataset, c plan.Column, key *query.Node) {
	stem := strings.TrimSuffix(clean(c.Name), "_id")
	source := d.Name + "." + c.Name
	fold := func(fn query.Fn, of *query.Node, others bool) *query.Node {
		return query.GroupOf(query.Group{Key: key, Fn: fn, Of: of, Others: others})
	}
	none, alone := "in no "+stem, "in no "+stem+", or nobody else is in it or did so"
	b.add(query.Feature{Name: stem + "_members", Node: fold(query.Count, nil, false), Kind: query.Trait, Unit: "people", Missing: none, Sources: []string{source},
		TextZH: "同一 " + c.Name + " 的客户数", TextEN: "customers of the same " + c.Name})
	if o, bought := b.answering(); o != nil && b.begin(o) {
		zh, en, unit := "下单次数", "orders", "orders"
		if o.Role == kequn.Events {
			zh, en, unit = "事件数", "events", "events"
		}
		src := append(b.source(b.timeColumn()), source)
		count := func(w window) *query.Node { return b.agg(query.Count, "", w, bought) }
		for _, w := range b.long {
			b.add(query.Feature{Name: stem + "_others_" + unit + "_" + w.suffix, Node: fold(query.Sum, count(w), true), Kind: query.Behaviour, Unit: unit, Missing: none, Sources: src,
				TextZH: w.zh + "同一 " + c.Name + " 的其他人的" + zh, TextEN: en + " of the others of the same " + c.Name + " " + w.en})
		}
		w := b.long[0]
		some := query.Apply(query.If, query.Number, query.AggOf(query.Agg{Dataset: o.Name, Fn: query.Exists, Window: w.Window, Where: bought}, query.Bool), query.Num(1), query.Num(0))
		b.add(query.Feature{Name: stem + "_others_active_" + w.suffix, Node: fold(query.Mean, some, true), Kind: query.Behaviour, Unit: "share", Missing: alone, Sources: src,
			TextZH: w.zh + "同一 " + c.Name + " 的其他人中有" + strings.TrimSuffix(strings.TrimSuffix(zh, "次数"), "数") + "的占比", TextEN: "share of the others of the same " + c.Name + " with " + en + " " + w.en})
		b.add(query.Feature{Name: stem + "_others_days_since_last", Node: fold(query.MinOf, b.agg(query.DaysLast, "", ever, bought), true), Kind: query.Behaviour, Unit: "days", Missing: alone, Sources: src,
			TextZH: "距同一 " + c.Name + " 的其他人最近一次" + strings.TrimSuffix(strings.TrimSuffix(zh, "次数"), "数") + "的天数", TextEN: "days since any other of the same " + c.Name + " had " + en})
		b.add(query.Feature{Name: stem + "_own_share", Node: divide(count(ever), fold(query.Sum, count(ever), false)), Kind: query.Behaviour, Unit: "share", Missing: none + ", or nobody in it did so", Sources: src,
			TextZH: "本人占同一 " + c.Name + " 全体" + zh + "的比例", TextEN: "own share of the " + en + " of the same " + c.Name})
		if amount := o.With(kequn.ColAmount); amount != nil && isAmount(*amount) {
			src := append(b.source(amount.Name), source)
			for _, w := range b.long {
				b.add(query.Feature{Name: stem + "_others_spend_" + w.suffix, Node: fold(query.Sum, b.agg(query.Sum, amount.Name, w, nil), true), Kind: query.Behaviour, Unit: b.currency(amount), Missing: none, Sources: src,
					TextZH: w.zh + "同一 " + c.Name + " 的其他人的净消费额", TextEN: "net spend of the others of the same " + c.Name + " " + w.en})
			}
		}
	}
	for i := range b.datasets {
		if s := &b.datasets[i]; s.Role == kequn.Sends && b.begin(s) {
			for _, w := range b.long {
				b.add(query.Feature{Name: stem + "_others_contacts_" + w.suffix, Node: fold(query.Sum, b.agg(query.Count, "", w, nil), true), Kind: query.Lever, Unit: "contacts", Missing: none, Sources: append(b.source(b.timeColumn()), source),
					TextZH: w.zh + "对同一 " + c.Name + " 的其他人的营销次数", TextEN: "contacts with the others of the same " + c.Name + " " + w.en})
			}
			break
		}
	}
}
