package explain

import (
	"context"
	"fmt"
	"math"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/metric"
	"kequn/internal/model"
	"kequn/internal/table"
)

const (
	surrogateLeaves = 16
	surrogateRules  = 8
)

// tree fits the stand-in tree.
func (q *Question) tree(ctx context.Context, s *sample, g *Global) (err error) {
	g.Tree, err = q.surrogate(ctx, s, g, "tree", q.Tree, "max_leaves", surrogateLeaves)
	return err
}

// rules fits the stand-in rule list.
func (q *Question) rules(ctx context.Context, s *sample, g *Global) (err error) {
	g.Rules, err = q.surrogate(ctx, s, g, "rules", q.RuleList, "max_rules", surrogateRules)
	return err
}

// surrogate fits a learner of readable models to the margin that the model gives training rows (at most FitRows), as to an amount, and
// says how near it comes to the model on judged rows.
//
// Rules say the score that a margin stands for.
func (q *Question) surrogate(ctx context.Context, s *sample, g *Global, kind string, l model.Learner, limit string, most float64) (*Surrogate, error) {
	if l == nil || q.Train == nil || q.Train.NRows() < leastRows {
		return nil, nil
	}
	if limited, err := model.With(l, limit, most); err == nil {
		l = limited
	}
	x, y, w := someRows(q.inputs(), q.TrainY, q.TrainW, q.Seed, q.FitRows)
	target, err := imitated(q.Model, x)
	if err != nil {
		return nil, err
	}
	if _, variance := kernel.MeanVar(target, w); !(variance > 0) {
		g.miss("替代模型：分数处处相同", "stand-ins: the score is the same everywhere")
		return nil, nil
	}
	y.Task, y.Classes, y.Y = kequn.Regression, nil, target
	m, err := l.Fit(ctx, x, y, w)
	if err != nil {
		return nil, err
	}
	judged, err := s.matched(q.Model)
	if err != nil {
		return nil, err
	}
	want, err := imitated(q.Model, judged)
	if err != nil {
		return nil, err
	}
	got, err := m.Predict(s.asRead)
	if err != nil {
		return nil, err
	}
	out := &Surrogate{Kind: kind, Fidelity: metric.R2(want, got, s.w), Top: agreement(want, got, s.w, 0.1)}
	if math.IsNaN(out.Fidelity) {
		g.miss("替代模型：评判行的分数处处相同", "stand-ins: the judged rows' score is the same everywhere")
		return nil, nil
	}
	out.Fidelity = min(max(out.Fidelity, -1), 1)
	out.RulesZh, out.RulesEn = q.rulesOf(m, kequn.Chinese), q.rulesOf(m, kequn.English)
	out.Leaves = len(out.RulesEn)
	if !s.few {
		score := metric.AUC
		if q.Y.Task == kequn.Regression {
			score = metric.R2
		}
		own, err := q.Model.Predict(judged)
		if err != nil {
			return nil, err
		}
		out.Skill, out.Of = some(score(s.y.Y, got, s.w)), some(score(s.y.Y, own, s.w))
	}
	out.Text = out.say(q.Y.Task)
	return out, nil
}

// imitated returns what a stand-in imitates: the margin, and of amounts the value itself. Where the score is no longer what the margin says,
// because it was blended or calibrated, it is the score's log-odds, within 1 in 10,000, so that rules speak of what people see.
func imitated(m model.Model, x *table.Table) ([]float64, error) {
	p, err := m.Predict(x)
	if err != nil || m.Header().Task == kequn.Regression {
		return p, err
	}
	v, err := margins(m, x)
	if err != nil {
		return nil, err
	}
	same := true
	for i, s := range p {
		same = same && math.Abs(s-1/(1+math.Exp(-v[i]))) < 1e-6
	}
	if !same {
		for i, s := range p {
			v[i] = logOdds(min(max(s, 1e-4), 1-1e-4))
		}
	}
	return v, nil
}

// rulesOf prints a stand-in's rules in people's words.
func (q *Question) rulesOf(m model.Model, lang kequn.Lang) []string {
	if r, ok := m.(model.WordedRuler); ok {
		return r.RulesIn(lang, model.Wording{
			Column: func(name string) string {
				w := q.Words.called(name)
				return lang.Pick(w.Zh, w.En)
			},
			Value: func(v float64) string {
				if q.Y.Task == kequn.Regression {
					return lang.Pick("预测 ", "predicts ") + short(v)
				}
				return lang.Pick("分数约 ", "score about ") + percent(1/(1+math.Exp(-v)))
			},
		})
	}
	if r, ok := m.(model.Ruler); ok {
		return r.Rules(lang)
	}
	return []string{}
}

// percent prints a share.
func percent(p float64) string {
	if p > 0.9995 || p < 0.0005 {
		return fmt.Sprintf("%.2f%%", 100*p)
	}
	return fmt.Sprintf("%.1f%%", 100*p)
}

// agreement returns which share of the best scored part by want is in the best scored part by got. Rows that tie at the edge
// are in it as far as there is room.
func agreement(want, got, w []float64, share float64) float64 {
	a, b := topPart(want, w, share), topPart(got, w, share)
	both, all := 0.0, 0.0
	for i := range a {
		both += a[i] * b[i] * weightAt(w, i)
		all += a[i] * weightAt(w, i)
	}
	return both / all
}

func weightAt(w []float64, i int) float64 {
	if w == nil {
		return 1
	}
	return w[i]
}

// topPart returns to which degree each row is among the best share of the weight: 0 or 1, and between them for those that tie at the edge.
func topPart(v, w []float64, share float64) []float64 {
	order := kernel.ArgsortDesc(v)
	total := 0.0
	for i := range v {
		total += weightAt(w, i)
	}
	room, out := share*total, make([]float64, len(v))
	for lo := 0; lo < len(order) && room > 0; {
		hi, tied := lo, 0.0
		for hi < len(order) && v[order[hi]] == v[order[lo]] {
			tied += weightAt(w, int(order[hi]))
			hi++
		}
		for _, i := range order[lo:hi] {
			out[i] = min(1, room/tied)
		}
		room -= tied
		lo = hi
	}
	return out
}

// say sums a stand-in up.
func (s *Surrogate) say(task kequn.Task) Text {
	zh, en, it := fmt.Sprintf("一棵 %d 个叶子的树", s.Leaves), fmt.Sprintf("a tree of %d leaves", s.Leaves), "it tells"
	if s.Kind == "rules" {
		zh, en, it = fmt.Sprintf("%d 条规则", s.Leaves), fmt.Sprintf("%d rules", s.Leaves), "they tell"
	}
	how, said := "只能大致代替模型", "can stand in for the model only roughly"
	switch {
	case s.Fidelity >= 0.9:
		how, said = "几乎可以代替模型", "can stand in for the model almost wholly"
	case s.Fidelity >= 0.7:
		how, said = "大体可以代替模型", "can stand in for the model for the most part"
	case s.Fidelity < 0.4:
		how, said = "代替不了模型", "cannot stand in for the model"
	}
	t := Text{
		fmt.Sprintf("%s%s：说明了分数变化的 %s，得分最高的十分之一中有 %s 相同", zh, how, percent(max(0, s.Fidelity)), percent(s.Top)),
		fmt.Sprintf("%s %s: %s %s of the score's variation, and %s of the best tenth are the same", en, said, it, percent(max(0, s.Fidelity)), percent(s.Top)),
	}
	if s.Skill != nil && s.Of != nil {
		name := "AUC"
		if task == kequn.Regression {
			name = "R²"
		}
		t.Zh += fmt.Sprintf("；%s %.3f，模型为 %.3f", name, *s.Skill, *s.Of)
		t.En += fmt.Sprintf("; %s %.3f against the model's %.3f", name, *s.Skill, *s.Of)
	}
	return t
}

// some returns a number that can be shown, nil for others.
func some(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}
