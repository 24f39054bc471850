package feature

import (
	"strings"

	"kequn"
	"kequn/internal/query"
)

// Family is what a feature is about, for people who look for one among hundreds.
type Family string

// The families, in the order in which they are listed.
const (
	Who      Family = "who"      // what customers are
	Counts   Family = "counts"   // how often
	Amounts  Family = "amounts"  // how much
	Rhythm   Family = "rhythm"   // when, and at what distance
	Taste    Family = "taste"    // of what, and how varied
	Visits   Family = "visits"   // sessions
	Paths    Family = "paths"    // sequences and stages of life
	Circle   Family = "circle"   // what others of the household or group do
	Contacts Family = "contacts" // what we sent and gave away, and the answers
	Mixed    Family = "mixed"    // of several families
)

// Families lists the families in order.
var Families = []Family{Who, Counts, Amounts, Rhythm, Taste, Visits, Paths, Circle, Contacts, Mixed}

// Title says a family in plain words.
func (f Family) Title(lang kequn.Lang) string {
	switch f {
	case Who:
		return lang.Pick("客户是谁", "Who customers are")
	case Counts:
		return lang.Pick("次数", "How often")
	case Amounts:
		return lang.Pick("金额与数量", "How much")
	case Rhythm:
		return lang.Pick("时间与节奏", "When, and how regularly")
	case Taste:
		return lang.Pick("品类与偏好", "What they choose")
	case Visits:
		return lang.Pick("访问", "Visits")
	case Paths:
		return lang.Pick("路径与生命周期", "Paths and stages of life")
	case Circle:
		return lang.Pick("家庭与同组", "The household or group")
	case Contacts:
		return lang.Pick("触达与优惠", "Contacts and offers")
	}
	return lang.Pick("综合", "Several of these")
}

// familyOf finds a feature's family from its definition: that of all its aggregates, if it is one.
func familyOf(f query.Feature) Family {
	if f.Kind == query.Lever {
		return Contacts
	}
	var all []Family
	grouped := false
	add := func(x Family) {
		for _, y := range all {
			if x == y {
				return
			}
		}
		all = append(all, x)
	}
	f.Node.Walk(func(n *query.Node) {
		switch {
		case n.Group != nil:
			grouped = true
		case n.Op == query.Attr:
			add(Who)
		case n.Seq != nil, n.Life != nil:
			add(Paths)
		case n.Agg != nil:
			add(familyOfFn(n.Agg))
		}
	})
	if grouped {
		return Circle
	}
	// A share or mean divides by a count: what is above the line says what it is about.
	if f.Node.Op == query.Div && len(all) == 2 && all[1] == Counts {
		return all[0]
	}
	if len(all) == 1 {
		return all[0]
	}
	if len(all) == 0 {
		return Who
	}
	return Mixed
}

func familyOfFn(a *query.Agg) Family {
	switch a.Fn {
	case query.Count, query.Exists, query.OrderSingle:
		return Counts
	case query.Sum, query.Mean, query.MinOf, query.MaxOf, query.SD, query.First, query.Last, query.Slope,
		query.OrderMean, query.OrderSD, query.OrderMax, query.OrderLast, query.OrderSlope:
		return Amounts
	case query.Distinct, query.Mode, query.ModeShare, query.Entropy, query.Fresh, query.OrderDistinct:
		return Taste
	case query.Answered, query.Unanswered:
		return Contacts
	}
	if strings.HasPrefix(string(a.Fn), "session") {
		return Visits
	}
	return Rhythm
}
