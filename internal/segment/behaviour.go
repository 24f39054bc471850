package segment

import (
	"context"
	"fmt"
	"math"
	"sort"
	"strings"

	"kequn"
	"kequn/internal/plan"
	"kequn/internal/query"
	"kequn/internal/table"
)

// Groups are what a Grouper found.
type Groups struct {
	Label      []int32 // of each row, from 0
	K          int
	Stability  float64
	Silhouette float64
	Notes      []string
}

// Grouper finds groups of alike rows; k 0 chooses their number. model/cluster does; the corridor hands it in.
type Grouper func(ctx context.Context, x *table.Table, k int) (*Groups, error)

// aspect is a side of behaviour that a group can be high or low in, with words for both. Words hold in comparison with
// everybody: "big spenders" spend more than the average customer.
type aspect struct {
	feature   string
	high, low Text
	flip      bool    // a low figure is the high side: days since the last order
	weight    float64 // how much sooner it is told: people ask how often, how much and how lately first
}

var aspects = []aspect{
	{"behaviour_orders", Text{"高频", "frequent"}, Text{"低频", "infrequent"}, false, 2},
	{"behaviour_spend", Text{"大额", "big spenders"}, Text{"小额", "small spenders"}, false, 2},
	{"behaviour_recency", Text{"近期活跃", "active lately"}, Text{"久未购买", "not seen lately"}, true, 1.5},
	{"behaviour_basket", Text{"客单价高", "large baskets"}, Text{"客单价低", "small baskets"}, false, 1},
	{"behaviour_visits", Text{"常来浏览", "visits often"}, Text{"很少浏览", "visits seldom"}, false, 1},
	{"behaviour_items", Text{"品类广", "wide range"}, Text{"品类窄", "narrow range"}, false, 1},
	{"behaviour_discount", Text{"爱用优惠", "loves discounts"}, Text{"少用优惠", "rarely discounted"}, false, 1},
	{"behaviour_weekend", Text{"周末型", "weekend shoppers"}, Text{"平日型", "weekday shoppers"}, false, 1},
	{"behaviour_night", Text{"夜间型", "night-time"}, Text{"日间型", "daytime"}, false, 1},
}

// BehaviourFeatures returns the features that behaviour groups are made from: of the first dataset of purchases how many,
// how much, how lately, how large, how wide, at what discount and when; of the first dataset of events how often.
// What the data has no columns for is left out.
func BehaviourFeatures(datasets []plan.Dataset, within kequn.Span) []query.Feature {
	w := query.Window{Span: within}
	var out []query.Feature
	add := func(name, zh, en, unit, missing string, n *query.Node) {
		out = append(out, query.Feature{Name: name, Node: n, Kind: query.Behaviour, Unit: unit, Missing: missing, TextZH: zh, TextEN: en})
	}
	agg := func(d *plan.Dataset, fn query.Fn, column string) *query.Node {
		return query.AggOf(query.Agg{Dataset: d.Name, Fn: fn, Column: column, Window: w}, query.Number)
	}
	if d := first(datasets, kequn.Orders, kequn.Items); d != nil {
		orders := agg(d, query.Count, "")
		add("behaviour_orders", "购买次数", "number of purchases", "orders", "never: 0", orders)
		add("behaviour_recency", "距上次购买天数", "days since the last purchase", "days", "never bought", agg(d, query.DaysLast, ""))
		add("behaviour_weekend", "周末购买占比", "share of purchases at weekends", "share", "never bought", agg(d, query.Weekend, ""))
		add("behaviour_night", "夜间购买占比", "share of purchases at night", "share", "never bought", agg(d, query.Night, ""))
		if a := d.With(kequn.ColAmount); a != nil {
			spend := agg(d, query.Sum, a.Name)
			add("behaviour_spend", "消费金额", "spend", a.Currency, "never: 0", spend)
			add("behaviour_basket", "平均每单金额", "spend per purchase", a.Currency, "never bought", query.Apply(query.Div, query.Number, spend, orders))
			if c := d.With(kequn.ColDiscount); c != nil {
				add("behaviour_discount", "优惠占消费的比例", "discount per unit of spend", "share", "never bought", query.Apply(query.Div, query.Number, agg(d, query.Sum, c.Name), spend))
			}
		}
		if c := d.With(kequn.ColItem); c != nil {
			add("behaviour_items", "不同商品数", "number of different products", "products", "never: 0", agg(d, query.Distinct, c.Name))
		} else if c := d.With(kequn.ColCategory); c != nil {
			add("behaviour_items", "不同品类数", "number of different categories", "categories", "never: 0", agg(d, query.Distinct, c.Name))
		}
	}
	if d := first(datasets, kequn.Events); d != nil {
		add("behaviour_visits", "访问次数", "number of visits", "visits", "never: 0", agg(d, query.Sessions, ""))
	}
	return out
}

func first(datasets []plan.Dataset, roles ...kequn.Role) *plan.Dataset {
	for _, role := range roles {
		for i := range datasets {
			if datasets[i].Role == role {
				return &datasets[i]
			}
		}
	}
	return nil
}

// ByBehaviour finds groups of customers who behave alike in the columns of in.X and returns each customer's group: g1,
// g2 …, by falling share of revenue, or size without one.
func ByBehaviour(ctx context.Context, in Input, k int, find Grouper) (*Segmentation, []string, error) {
	g, err := find(ctx, in.X, k)
	if err != nil {
		return nil, nil, err
	}
	d := describe(in, g.Label, g.K)
	order := make([]int, g.K)
	for c := range order {
		order[c] = c
	}
	sort.SliceStable(order, func(i, j int) bool {
		a, b := d[order[i]], d[order[j]]
		if a.Revenue != nil && b.Revenue != nil && *a.Revenue != *b.Revenue {
			return *a.Revenue > *b.Revenue
		}
		return a.Size > b.Size
	})
	names := nameGroups(in, g.Label, g.K, order)
	s := &Segmentation{Name: in.Name, Method: "behaviour", Customers: len(g.Label), Notes: g.Notes, Stability: finite(g.Stability), Silhouette: finite(g.Silhouette)}
	position := make([]string, g.K)
	for i, c := range order {
		position[c] = fmt.Sprint("g", i+1)
		d[c].Key, d[c].Name = position[c], names[c]
		s.Segments = append(s.Segments, d[c])
	}
	keys := make([]string, len(g.Label))
	for i, l := range g.Label {
		keys[i] = position[l]
	}
	s.Note = Text{fmt.Sprintf("%d 组，稳定度 %.2f（随机取一半客户重新分组的一致程度）", g.K, g.Stability),
		fmt.Sprintf("%d groups, stability %.2f (agreement with groups found again in random halves)", g.K, g.Stability)}
	return s, keys, nil
}

func finite(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}

// told is how far a group must be from the others, in standard deviations, to be called by it.
const told = 0.25

// nameGroups names groups by what they are highest and lowest in. A name says at most three things, more only where two
// groups would be called the same; what it says holds of the group's mean.
func nameGroups(in Input, label []int32, k int, order []int) []Text {
	type saying struct {
		aspect int
		effect float64 // above 0: the high side
	}
	say := make([][]saying, k)
	for at, a := range aspects {
		c := in.X.Column(a.feature)
		if c == nil {
			continue
		}
		x := make([]float64, c.Len())
		for i := range x {
			// Skewed figures are compared by their logarithm, so that one rich customer does not name his group.
			v := c.Float(i)
			x[i] = math.Copysign(math.Log1p(math.Abs(v)), v)
		}
		for _, t := range compare(Trait{}, x, label, k) {
			e := t.Effect
			if a.flip {
				e = -e
			}
			if math.Abs(e) >= told && t.P <= maxP {
				say[t.segment] = append(say[t.segment], saying{at, e})
			}
		}
	}
	for c := range say {
		loud := func(s saying) float64 { return math.Abs(s.effect) * aspects[s.aspect].weight }
		sort.SliceStable(say[c], func(i, j int) bool { return loud(say[c][i]) > loud(say[c][j]) })
	}
	idle := neverBought(in, label, k)
	name := func(c, n int) Text {
		if idle[c] {
			return idleName(in, label, c)
		}
		chosen := append([]saying(nil), say[c][:min(n, len(say[c]))]...)
		sort.SliceStable(chosen, func(i, j int) bool { return chosen[i].aspect < chosen[j].aspect })
		var zh, en []string
		for _, s := range chosen {
			t := aspects[s.aspect].high
			if s.effect < 0 {
				t = aspects[s.aspect].low
			}
			zh, en = append(zh, t.ZH), append(en, t.EN)
		}
		if len(zh) == 0 {
			return Text{"各方面居中", "Average in everything"}
		}
		// Frequency and spend read as one: 高频大额, frequent big spenders.
		if len(chosen) > 1 && chosen[0].aspect == 0 && chosen[1].aspect == 1 {
			zh = append([]string{zh[0] + zh[1]}, zh[2:]...)
			en = append([]string{en[0] + " " + en[1]}, en[2:]...)
		}
		text := strings.Join(en, ", ")
		return Text{strings.Join(zh, "·"), strings.ToUpper(text[:1]) + text[1:]}
	}
	names := make([]Text, k)
	for c := range names {
		names[c] = name(c, 3)
	}
	// Where two are alike, say more; where there is no more to say, number them.
	for n := 4; n <= len(aspects); n++ {
		for _, c := range alike(names) {
			names[c] = name(c, n)
		}
	}
	for i, c := range order {
		for _, other := range order[:i] {
			if names[other] == names[c] {
				names[c] = Text{fmt.Sprintf("%s（第 %d 组）", names[c].ZH, i+1), fmt.Sprintf("%s (group %d)", names[c].EN, i+1)}
				break
			}
		}
	}
	return names
}

// neverBought tells of each group whether nobody in it bought anything.
func neverBought(in Input, label []int32, k int) []bool {
	out := make([]bool, k)
	c := in.X.Column("behaviour_orders")
	if c == nil {
		return out
	}
	for g := range out {
		out[g] = true
	}
	for i, l := range label {
		if c.Float(i) > 0 {
			out[l] = false
		}
	}
	return out
}

// idleName names a group that never bought by its visits alone: words about purchases would say nothing of it.
func idleName(in Input, label []int32, group int) Text {
	c := in.X.Column("behaviour_visits")
	if c == nil {
		return Text{"未购买", "No purchases"}
	}
	mine, n, all := 0.0, 0.0, 0.0
	for i, l := range label {
		v := orZero(c.Float(i))
		all += v
		if int(l) == group {
			mine, n = mine+v, n+1
		}
	}
	if mine/max(n, 1) >= all/float64(max(len(label), 1)) {
		return Text{"常来浏览·未购买", "Visits, never bought"}
	}
	return Text{"很少来·未购买", "Seldom here, never bought"}
}

// alike returns the groups whose name another one has too.
func alike(names []Text) []int {
	var out []int
	for i := range names {
		for j := range names {
			if i != j && names[i] == names[j] {
				out = append(out, i)
				break
			}
		}
	}
	return out
}

// Movement counts who went from which segment to which, for customers in both assignments. Keys are sorted.
type Movement struct {
	Keys   []string `json:"keys"`
	Counts [][]int  `json:"counts"` // from row to column
	Stayed float64  `json:"stayed"` // share on the diagonal
	Both   int      `json:"both"`
	Joined int      `json:"joined"` // only in the later one
	Gone   int      `json:"gone"`   // only in the earlier one
}

// Moves compares two assignments. Customers are sorted in both, as an engine's panels and snapshots are after sorting.
func Moves(earlier, earlierKeys, later, laterKeys []string) Movement {
	m := Movement{}
	at := map[string]int{}
	for _, keys := range [][]string{earlierKeys, laterKeys} {
		for _, k := range keys {
			at[k] = 0
		}
	}
	for k := range at {
		m.Keys = append(m.Keys, k)
	}
	sort.Strings(m.Keys)
	for i, k := range m.Keys {
		at[k] = i
		m.Counts = append(m.Counts, make([]int, len(m.Keys)))
	}
	stayed := 0
	i, j := 0, 0
	for i < len(earlier) && j < len(later) {
		switch {
		case earlier[i] < later[j]:
			m.Gone++
			i++
		case later[j] < earlier[i]:
			m.Joined++
			j++
		default:
			m.Counts[at[earlierKeys[i]]][at[laterKeys[j]]]++
			m.Both++
			if earlierKeys[i] == laterKeys[j] {
				stayed++
			}
			i, j = i+1, j+1
		}
	}
	m.Gone += len(earlier) - i
	m.Joined += len(later) - j
	if m.Both > 0 {
		m.Stayed = float64(stayed) / float64(m.Both)
	}
	return m
}
