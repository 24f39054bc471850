package feature

import (
	"fmt"
	"strings"

	"kequn"
	"kequn/internal/engine"
	"kequn/internal/plan"
	"kequn/internal/query"
)

// responses adds whether customers answer when we write to them: with an order where there are orders, with any activity
// otherwise. An answer lies before the cutoff like everything else; rates are of contacts old enough to have been answered in
// full, so that a contact of yesterday is not held against anybody.
func (b *builder) responses(stem string) {
	o, bought := b.answering()
	if o == nil {
		return
	}
	act := [2]string{"下过单", "an order"}
	if o.Role == kequn.Events {
		act = [2]string{"有活动", "some activity"}
	}
	src := b.source(b.timeColumn())
	answered := func(fn query.Fn, w window, where *query.Node, days int) *query.Node {
		n := b.agg(fn, "", w, where)
		n.Agg.Then, n.Agg.Within = &query.Step{Dataset: o.Name, Where: bought}, kequn.Days(days)
		return n
	}
	old := func(days int) window { return window{Window: query.Window{Skip: kequn.Days(days)}} }
	for _, days := range []int{7, 30} {
		if !b.reaches(days) {
			continue
		}
		b.add(query.Feature{Name: fmt.Sprintf("%s_answered_%dd", stem, days), Node: answered(query.Answered, ever, nil, days), Kind: query.Behaviour, Unit: "contacts", Missing: never0, Sources: src,
			TextZH: fmt.Sprintf("营销后 %d 天内%s的次数", days, act[0]), TextEN: fmt.Sprintf("contacts followed by %s within %d days", act[1], days)})
		b.add(query.Feature{Name: fmt.Sprintf("%s_answer_rate_%dd", stem, days), Node: divide(answered(query.Answered, old(days), nil, days), b.agg(query.Count, "", old(days), nil)), Kind: query.Behaviour, Unit: "share",
			Missing: fmt.Sprintf("no contact more than %d days ago", days), Sources: src,
			TextZH: fmt.Sprintf("营销后 %d 天内%s的比例", days, act[0]), TextEN: fmt.Sprintf("share of contacts followed by %s within %d days", act[1], days)})
	}
	days := 30
	if !b.reaches(days) {
		days = 7
	}
	b.add(query.Feature{Name: stem + "s_unanswered", Node: answered(query.Unanswered, ever, nil, days), Kind: query.Lever, Unit: "contacts", Missing: never0, Sources: src,
		TextZH: fmt.Sprintf("最近一次有回应（%d 天内%s）之后的营销次数", days, act[0]), TextEN: fmt.Sprintf("contacts since the last one followed by %s within %d days", act[1], days)})
	for _, c := range b.armsAndTypes() {
		for i, seen := range c.profile.Top {
			if i == maxArms {
				break
			}
			where := equals(c.name, seen.Value)
			b.add(query.Feature{Name: fmt.Sprintf("%s_answer_rate_%s", stem, clean(seen.Value)), Node: divide(answered(query.Answered, old(days), where, days), b.agg(query.Count, "", old(days), where)), Kind: query.Behaviour, Unit: "share",
				Missing: fmt.Sprintf("no such contact more than %d days ago", days), Sources: b.source(c.name, b.timeColumn()),
				TextZH: fmt.Sprintf("「%s」之后 %d 天内%s的比例", seen.Value, days, act[0]), TextEN: fmt.Sprintf("share of contacts with %s followed by %s within %d days", seen.Value, act[1], days)})
		}
	}
}

// maxArms is how many arms or types of campaign have a rate of their own.
const maxArms = 4

// armsAndTypes are the columns that tell contacts apart: what was sent, and the type of the campaign.
func (b *builder) armsAndTypes() []column {
	var out []column
	if c := b.d.With(kequn.ColArm); c != nil && c.Kind.InCode() {
		out = append(out, column{*c, c.Name, clean(c.Name), b.set.Column(c.Name)})
	}
	for _, c := range b.columns(func(c plan.Column) bool { return c.Kind.InCode() && c.Role == kequn.ColCategory }) {
		if c.profile.Distinct >= 2 && len(out) < 2 {
			out = append(out, c)
		}
	}
	return out
}

// answering returns the dataset whose rows answer contacts and the condition on them: orders, their lines, or else events.
func (b *builder) answering() (*engine.Dataset, *query.Node) {
	for _, role := range []kequn.Role{kequn.Orders, kequn.Items, kequn.Events} {
		for i := range b.datasets {
			if o := &b.datasets[i]; o.Role == role && b.profile.Set(o.Name).Rows > 0 && !strings.HasPrefix(o.Name, "_") {
				return o, purchase(&o.Dataset)
			}
		}
	}
	return nil, nil
}
