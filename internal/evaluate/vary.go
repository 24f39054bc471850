package evaluate

import (
	"fmt"
	"math"
	"slices"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/metric"
	"kequn/internal/model"
)

const (
	nSeeds    = 2   // other seeds, where the family draws random numbers
	nDraws    = 3   // other draws of the training rows
	drawShare = 0.9 // of the rows in a draw
	topShare  = 0.1 // best scored rows that variations are compared by
	topNames  = 5   // most important columns that they are compared by
)

// change is one thing changed about the family as chosen.
type change struct {
	what    string
	value   float64
	learner model.Learner
	rows    []int32
}

// seeds trains with other seeds and on other draws of the training rows.
func (l *lab) seeds() error {
	base, err := l.asChosen("seeds")
	if base == nil {
		return err
	}
	var changes []change
	random := slices.ContainsFunc(model.Params(l.Learner.Learner), func(p model.Param) bool { return p.Name == "seed" })
	for i := range nSeeds {
		if random {
			seed := l.Seed + 1 + uint64(i)
			changes = append(changes, change{"seed", float64(seed), model.WithSeed(l.Learner.Learner, seed), l.rows})
		}
	}
	few := int(drawShare * float64(len(l.rows)))
	for i := range nDraws {
		rows := l.drawOf(l.rows).draw(few, saltVary+uint64(i))
		changes = append(changes, change{"rows", float64(len(rows)), l.Learner.Learner, sorted(rows)})
	}
	l.card.Stability.Seeds, err = l.vary("seeds", base, changes)
	return err
}

// drawOf returns a drawer of some of the rows.
func (l *lab) drawOf(rows []int32) drawer { return newDrawer(l.X, l.Y, l.Group, rows, l.Seed) }

// parameters halves and doubles the parameters that matter.
func (l *lab) parameters() error {
	base, err := l.asChosen("parameters")
	if base == nil {
		return err
	}
	var changes []change
	for _, p := range mattering(l.Learner.Learner, base.model.Header().Params) {
		for _, by := range []float64{0.5, 2} {
			v := p.value * by
			if p.Kind != kindFloat {
				v = math.Round(v)
			}
			if v == p.value || v == 0 || v < p.Min || v > p.Max {
				continue
			}
			learner, err := model.With(l.Learner.Learner, p.Name, v)
			if err != nil {
				return err
			}
			changes = append(changes, change{p.Name, v, learner, l.rows})
		}
	}
	if len(changes) == 0 {
		l.not("parameters", "这类模型没有可以减半或加倍的参数", "the family has no parameter to halve or double")
		return nil
	}
	l.card.Stability.Parameters, err = l.vary("parameters", base, changes)
	return err
}

// vary trains each change and compares it with the family as chosen, both on the same rows.
func (l *lab) vary(part string, base *trial, changes []change) ([]Variation, error) {
	l.card.Stability.By, l.card.Stability.ByRows = l.Learner.Name, len(l.rows)
	if !l.time(base.seconds * float64(len(changes))) {
		l.lateFor(part)
		return nil, nil
	}
	out := make([]Variation, len(changes))
	why := make([]Text, len(changes))
	err := l.each(len(changes), func(i int) error {
		t, reason, err := l.try(changes[i].learner, changes[i].rows, 1)
		if t == nil {
			why[i] = reason
			return err
		}
		out[i] = l.compare(base, t)
		return nil
	})
	if err != nil {
		return nil, err
	}
	kept := out[:0]
	for i, v := range out {
		if why[i].En != "" {
			l.not(part, changes[i].what+"："+why[i].Zh, changes[i].what+": "+why[i].En)
			continue
		}
		v.What, v.Value = changes[i].what, changes[i].value
		kept = append(kept, v)
	}
	return kept, nil
}

func (l *lab) compare(base, t *trial) Variation {
	d, se := l.jury.less(t.figure, base.figure)
	v := Variation{Skill: some(t.figure.skill), Change: some(d), SE: some(se), Rank: some(rankOf(base.score, t.score, l.Y.NOut()))}
	if l.Y.Task != kequn.Multiclass {
		v.TopShared = some(shared(kernel.ArgsortDesc(base.score), kernel.ArgsortDesc(t.score), int(math.Ceil(topShare*float64(len(t.score))))))
	}
	v.Reasons = some(reasonsShared(base.model, t.model))
	return v
}

// rankOf is Spearman's correlation of two models' scores, of several classes the mean over those that both tell apart.
func rankOf(a, b []float64, classes int) float64 {
	sum, n := 0.0, 0.0
	for c := range classes {
		x, y := stride(a, c, classes), stride(b, c, classes)
		if r := metric.SpearmanRank(x, y); !math.IsNaN(r) {
			sum, n = sum+r, n+1
		}
	}
	return sum / n
}

func stride(v []float64, from, step int) []float64 {
	if step == 1 {
		return v
	}
	out := make([]float64, 0, len(v)/step)
	for i := from; i < len(v); i += step {
		out = append(out, v[i])
	}
	return out
}

// shared returns which part of the first k of a are among the first k of b.
func shared(a, b []int32, k int) float64 {
	in := make([]bool, len(b))
	for _, i := range b[:k] {
		in[i] = true
	}
	n := 0
	for _, i := range a[:k] {
		if in[i] {
			n++
		}
	}
	return float64(n) / float64(k)
}

// reasonsShared returns which part of the most important columns of a are among those of b; NaN where a model does not know.
func reasonsShared(a, b model.Model) float64 {
	x, y := topColumns(a), topColumns(b)
	n := 0.0
	for _, c := range x {
		if slices.Contains(y, c) {
			n++
		}
	}
	return n / float64(max(len(x), len(y)))
}

func topColumns(m model.Model) []string {
	i, ok := m.(model.Importancer)
	if !ok {
		return nil
	}
	var out []string
	share, cols := i.Importance(), m.Header().Columns
	for _, j := range kernel.ArgsortDesc(share) {
		if share[j] > 0 && len(out) < topNames {
			out = append(out, cols[j].Name)
		}
	}
	return out
}

// VariationWords says how far variations move the skill at most; empty where there are none.
func (c *Card) VariationWords(v []Variation) Text {
	most, name := 0.0, skillName(c.Task)
	for _, x := range v {
		if x.Change != nil {
			most = math.Max(most, math.Abs(*x.Change))
		}
	}
	if len(v) == 0 {
		return Text{}
	}
	return Text{tidy(fmt.Sprintf("%s最多变动 %.3f", name.Zh, most)), fmt.Sprintf("the %s moves by %.3f at most", name.En, most)}
}
