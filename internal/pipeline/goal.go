package pipeline

import (
	"fmt"
	"strconv"
	"strings"

	"kequn"
	"kequn/internal/plan"
)

// GoalFlags name a goal of the plan, change it, or define one.
type GoalFlags struct {
	Goal              string
	Event, Sum, Count string
	When, Next        string
	Top               int
	Fresh             bool
	Column, Positive  string
	Absent            bool
	Within, Gap, Who  string
	Models, Prefer    string
	ConfirmLeak       []string
	Cutoff, Out       string

	dropLeaks bool // leave suspects out instead of stopping
}

// resolve returns the goal that the flags mean.
func (s *Shop) resolve(f GoalFlags) (plan.Goal, error) {
	g := plan.Goal{Name: f.Goal}
	if f.Goal != "" {
		found := s.Plan.Goal(f.Goal)
		if found == nil {
			names := make([]string, len(s.Plan.Goals))
			for i, x := range s.Plan.Goals {
				names[i] = x.Name
			}
			return g, kequn.Errorf(kequn.KindUsage, "", s.Lang.Pick("没有名为 %q 的目标", "there is no goal %q"), f.Goal).WithHint(s.Lang.Pick("已有目标：%s；也可用 --event、--sum、--count、--when、--next 或 --column 定义一个", "goals are %s; or define one with --event, --sum, --count, --when, --next or --column"), strings.Join(names, ", "))
		}
		g = *found
	}
	if f.defines() {
		g.Event, g.Sum, g.Count, g.When, g.Next, g.Column = f.Event, f.Sum, f.Count, f.When, f.Next, f.Column
		g.Absent, g.Positive, g.Top, g.Fresh = f.Absent, f.Positive, 0, false
	} else if f.Absent || f.Positive != "" {
		return g, kequn.Errorf(kequn.KindUsage, "", "%s", s.Lang.Pick("--absent 须与 --event 同用，--positive 须与 --column 同用", "--absent goes with --event, --positive with --column"))
	}
	if f.Top != 0 {
		g.Top = f.Top
	}
	g.Fresh = g.Fresh || f.Fresh
	if g.Name == "" {
		g.Name = adHocName(g)
	}
	for _, x := range []struct {
		text string
		to   *kequn.Span
	}{{f.Within, &g.Within}, {f.Gap, &g.Gap}} {
		if x.text != "" {
			span, err := kequn.ParseSpan(x.text)
			if err != nil {
				return g, err
			}
			*x.to = span
		}
	}
	if f.Who != "" {
		g.Who = f.Who
	}
	if g.Event+g.Sum+g.Count+g.When+g.Next+g.Column == "" {
		return g, kequn.Errorf(kequn.KindUsage, "", "%s", s.Lang.Pick("哪个目标？", "which goal?")).WithHint("%s", s.Lang.Pick("给出 kequn.yaml 中的一个目标，或定义一个：--event orders --within 90d", "name one of kequn.yaml, or define one: --event orders --within 90d"))
	}
	if err := s.Plan.CheckGoal(g); err != nil {
		// What was said on the command line is a mistake of use, not of the plan.
		if k, ok := err.(*kequn.Error); ok && (f.defines() || f.changes()) {
			c := *k
			c.Kind, c.Where = kequn.KindUsage, ""
			return g, &c
		}
		return g, err
	}
	return g, nil
}

// defines tells whether the flags define a goal, changes whether they change one.
func (f GoalFlags) defines() bool { return f.Event+f.Sum+f.Count+f.When+f.Next+f.Column != "" }
func (f GoalFlags) changes() bool { return f.Within+f.Gap != "" || f.Top != 0 || f.Fresh }

// adHocName makes a name of a goal given by flags.
func adHocName(g plan.Goal) string {
	name := g.Event + g.Sum + g.Count + g.When + g.Next + g.Column
	switch {
	case g.Absent:
		name = "no_" + name
	case g.Sum != "":
		name = "sum_" + name
	case g.Count != "":
		name = "count_" + name
	case g.When != "":
		name = "when_" + name
	case g.Next != "":
		name = "next_" + name
	}
	return strings.ReplaceAll(name, ".", "_")
}

// Question says a goal in words.
func Question(g plan.Goal, l kequn.Lang) string {
	within := spanWords(g.Within, l)
	if g.When != "" {
		w := within
		if !g.Gap.IsZero() {
			return l.Pick(fmt.Sprintf("%s之后的下一次%s在多少天之后？（看 %s）", spanWords(g.Gap, l), deeds(g.When, l), w), fmt.Sprintf("From %s on, in how many days is the next one of %s, looking %s ahead?", spanWords(g.Gap, l), g.When, w))
		}
		return l.Pick(fmt.Sprintf("下一次%s在多少天之后？（看 %s）", deeds(g.When, l), w), fmt.Sprintf("In how many days is the next one of %s, looking %s ahead?", g.When, w))
	}
	if !g.Gap.IsZero() {
		within += l.Pick("内（间隔 "+spanWords(g.Gap, l)+"之后）", ", beginning "+spanWords(g.Gap, l)+" from now")
	} else {
		within += l.Pick("内", "")
	}
	ask := func(zh, en string, thing string) string { return fmt.Sprintf(l.Pick(zh, en), thing, within) }
	switch {
	case g.Absent:
		return ask("未来 %[2]s不会有%[1]s吗？", "Will there be no %s within %s?", deeds(g.Event, l))
	case g.Event != "":
		return ask("未来 %[2]s会有%[1]s吗？", "Will there be %s within %s?", deeds(g.Event, l))
	case g.Sum != "":
		return ask("未来 %[2]s %[1]s 合计多少？", "What will %s add up to within %s?", g.Sum)
	case g.Count != "":
		return ask("未来 %[2]s有多少%[1]s？", "How many %s within %s?", deeds(g.Count, l))
	case g.Next != "":
		return nextQuestion(g, l)
	case g.Positive != "":
		return l.Pick(fmt.Sprintf("%s 会是 %s 吗？", g.Column, g.Positive), fmt.Sprintf("Will %s be %s?", g.Column, g.Positive))
	}
	return l.Pick(fmt.Sprintf("%s 会是多少？", g.Column), fmt.Sprintf("What will %s be?", g.Column))
}

// deeds says a dataset's name in a sentence: those that are named after their role have a word, others stay as they are.
func deeds(name string, l kequn.Lang) string {
	if l != kequn.Chinese {
		return name
	}
	switch name {
	case "orders":
		return "订单"
	case "events":
		return "行为"
	case "items":
		return "购买"
	}
	return " " + name + " "
}

// spanWords says a length of time: 30 days, 30 天.
func spanWords(s kequn.Span, l kequn.Lang) string {
	text := s.String()
	n, unit := text[:max(0, len(text)-1)], text[max(0, len(text)-1):]
	words := map[string][2]string{"s": {"秒", "second"}, "m": {"分钟", "minute"}, "h": {"小时", "hour"}, "d": {"天", "day"}, "w": {"周", "week"}} // looked up only
	w, ok := words[unit]
	if _, err := strconv.Atoi(n); err != nil || !ok {
		return text
	}
	if l == kequn.Chinese {
		return n + " " + w[0]
	}
	if n == "1" {
		return n + " " + w[1]
	}
	return n + " " + w[1] + "s"
}

// asked returns the goal that the flags mean, the newest data, and the cutoff.
func (s *Shop) asked(f GoalFlags) (plan.Goal, *view, kequn.Cutoff, error) {
	g, err := s.resolve(f)
	if err != nil {
		return g, nil, 0, err
	}
	v, err := s.look()
	if err != nil {
		return g, nil, 0, err
	}
	ask, err := v.cutoff(f.Cutoff)
	return g, v, ask, err
}
