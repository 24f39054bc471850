package feature

import (
	"kequn"
	"kequn/internal/plan"
	"kequn/internal/query"
)

// behaviour adds what customers do: how much, how often, of which kind, in which rhythm.
func (b *builder) behaviour() {
	name, plural := b.d.Name, b.d.Name
	stem := b.prefix
	src := b.source(b.timeColumn())
	kind := b.d.With(kequn.ColType)
	if kind != nil && !kind.Kind.InCode() {
		kind = nil
	}
	item := b.d.With(kequn.ColItem)
	for _, w := range b.windows {
		b.add(query.Feature{Name: stem + "_count_" + w.suffix, Node: b.agg(query.Count, "", w, nil), Kind: query.Behaviour, Unit: "events", Missing: never0, Sources: src,
			TextZH: w.zh + " " + name + " 事件数", TextEN: plural + " " + w.en})
		if item != nil {
			b.add(query.Feature{Name: stem + "_items_" + w.suffix, Node: b.agg(query.Distinct, item.Name, w, nil), Kind: query.Behaviour, Unit: "items", Missing: never0, Sources: b.source(item.Name),
				TextZH: w.zh + "涉及的不同商品数", TextEN: "different items " + w.en})
		}
	}
	b.rhythm(nil, stem, " "+name+" 事件", "event of "+name, plural)
	b.sessions(kind, stem)
	if kind != nil {
		b.types(kind)
	}
	n := 0
	for _, c := range b.columns(func(c plan.Column) bool { return isClass(c) && (kind == nil || c.Name != kind.Name) }) {
		if c.profile.Distinct >= 2 && n < maxClasses {
			n++
			b.class(c, nil, plural, "事件")
		}
	}
	b.flows(kind)
	b.numbers(nil)
	b.conversion()
}

// types adds the commonest types of event one by one.
func (b *builder) types(kind *plan.Column) {
	p := b.set.Column(kind.Name)
	if p.Distinct < 2 {
		return
	}
	src := b.source(kind.Name, b.timeColumn())
	for i, seen := range p.Top {
		if i == b.opts.Top {
			break
		}
		where, stem := equals(kind.Name, seen.Value), b.prefix+"_"+clean(seen.Value)
		for _, w := range b.windows {
			b.add(query.Feature{Name: stem + "_count_" + w.suffix, Node: b.agg(query.Count, "", w, where), Kind: query.Behaviour, Unit: "events", Missing: never0, Sources: src,
				TextZH: w.zh + "「" + seen.Value + "」次数", TextEN: seen.Value + " events " + w.en})
		}
		b.add(query.Feature{Name: "days_since_last_" + stem, Node: b.agg(query.DaysLast, "", ever, where), Kind: query.Behaviour, Unit: "days", Missing: "no " + seen.Value + " yet", Sources: src,
			TextZH: "距最近一次「" + seen.Value + "」的天数", TextEN: "days since the last " + seen.Value})
	}
	c := column{*kind, kind.Name, clean(kind.Name), p}
	b.class(c, nil, b.d.Name, "事件")
}

// conversion adds how many days of activity end in a purchase.
func (b *builder) conversion() {
	for i := range b.datasets {
		o := &b.datasets[i]
		if o.Role != kequn.Orders || b.profile.Set(o.Name).Rows == 0 {
			continue
		}
		for _, w := range b.long {
			orders := query.AggOf(query.Agg{Dataset: o.Name, Fn: query.Count, Window: w.Window, Where: purchase(&o.Dataset)}, query.Number)
			b.add(query.Feature{Name: b.prefix + "_conversion_" + w.suffix, Node: divide(orders, b.agg(query.ActiveDays, "", w, nil)), Kind: query.Behaviour, Unit: "orders a day", Missing: noRows,
				Sources: b.source(b.timeColumn()), TextZH: w.zh + "每个活跃日的订单数", TextEN: "orders per active day " + w.en})
		}
		return
	}
}

// responseDays is how long after a contact an order still counts as a response.
const responseDays = 14

// contacts adds how we contacted customers, with what, and whether they bought soon afterwards. We set these: they are levers.
func (b *builder) contacts() {
	src, stem := b.source(b.timeColumn()), "contact"
	if len(b.sets(b.d.Role)) > 1 {
		stem = b.prefix
	}
	for _, w := range b.windows {
		b.add(query.Feature{Name: stem + "s_count_" + w.suffix, Node: b.agg(query.Count, "", w, nil), Kind: query.Lever, Unit: "contacts", Missing: never0, Sources: src,
			TextZH: w.zh + "营销记录数（含对照）", TextEN: "contacts " + w.en + ", controls included"})
	}
	b.add(query.Feature{Name: "days_since_last_" + stem, Node: b.agg(query.DaysLast, "", ever, nil), Kind: query.Lever, Unit: "days", Missing: "never contacted", Sources: src,
		TextZH: "距最近一次营销的天数", TextEN: "days since the last contact"})
	if c := b.d.With(kequn.ColCampaign); c != nil {
		b.add(query.Feature{Name: stem + "s_campaigns", Node: b.agg(query.Distinct, c.Name, ever, nil), Kind: query.Lever, Unit: "campaigns", Missing: never0, Sources: b.source(c.Name),
			TextZH: "参与过的活动数", TextEN: "different campaigns so far"})
	}
	if c := b.d.With(kequn.ColArm); c != nil && c.Kind.InCode() {
		for i, seen := range b.set.Column(c.Name).Top {
			if i == b.opts.Top {
				break
			}
			where := equals(c.Name, seen.Value)
			for _, w := range b.long {
				b.add(query.Feature{Name: stem + "s_" + clean(seen.Value) + "_" + w.suffix, Node: b.agg(query.Count, "", w, where), Kind: query.Lever, Unit: "contacts", Missing: never0, Sources: b.source(c.Name),
					TextZH: w.zh + "收到「" + seen.Value + "」的次数", TextEN: "contacts with " + seen.Value + " " + w.en})
			}
			b.add(query.Feature{Name: "days_since_last_" + stem + "_" + clean(seen.Value), Node: b.agg(query.DaysLast, "", ever, where), Kind: query.Lever, Unit: "days", Missing: "never contacted with it", Sources: b.source(c.Name),
				TextZH: "距最近一次「" + seen.Value + "」的天数", TextEN: "days since the last contact with " + seen.Value})
		}
	}
	for _, c := range b.columns(func(c plan.Column) bool { return c.Kind.InCode() && c.Role == kequn.ColCategory }) {
		if c.profile.Distinct >= 2 {
			b.class(c, nil, "contacts", "营销")
		}
	}
	for i := range b.datasets {
		o := &b.datasets[i]
		if o.Role != kequn.Orders && o.Role != kequn.Items || b.profile.Set(o.Name).Rows == 0 {
			continue
		}
		seq := &query.Sequence{Steps: []query.Step{{Dataset: b.d.Name}, {Dataset: o.Name, Where: purchase(&o.Dataset)}}, Gap: kequn.Days(responseDays)}
		b.add(query.Feature{Name: stem + "_responded", Node: &query.Node{Op: query.SeqOp, Type: query.Bool, Seq: seq}, Kind: query.Behaviour, Unit: "yes or no", Missing: never0, Sources: src,
			TextZH: "营销后 14 天内下过单", TextEN: "ordered within 14 days of a contact"})
		break
	}
	b.responses(stem)
}
