package evaluate

import (
	"fmt"
	"math"
	"slices"

	"kequn/internal/kernel"
	"kequn/internal/model"
)

const (
	nShuffles     = 20
	farFromChance = 8  // standard errors
	leastShuffle  = 10 // fewer say nothing
	chanceTrain   = 3_500
	chanceJudge   = 1_500
	briefTrain    = 1_000
	briefJudge    = 800
	chanceShare   = 0.2 // of the rarer answer among them, if there are so many
)

// chance trains on shuffled outcomes: what the family finds where there is nothing to find. The rows are a draw of at most 5,000, those
// trained on and those judged, whose outcomes are shuffled together; then the true ones, on the same rows.
//
// A brief card does without where skill is far from chance by its own error.
func (l *lab) chance() error {
	if s := l.card.skill(); l.Brief.En != "" && s != nil {
		if chance, _, _, _, _ := limits(l.Y.Task); s.Mean-chance > farFromChance*(s.Mean-s.Low)/1.96 {
			l.not("chance", "远高于碰运气，不用打乱结果来比", "far above chance by its own error: no need to shuffle outcomes")
			return nil
		}
	}
	train := sorted(l.draw.mixed(l.rowsOf(chanceTrain, briefTrain), saltChance, l.Y, chanceShare))
	judged := sorted(newDrawer(l.X, l.Y, l.Group, l.Test, l.Seed).mixed(l.rowsOf(chanceJudge, briefJudge), saltChance, l.Y, chanceShare))
	x := l.X.Take(judged)
	rows := slices.Concat(train, judged)
	skill := make([]float64, nShuffles+1) // the last with the true outcomes
	one := func(i int) error {
		skill[i] = math.NaN()
		y := slices.Clone(l.Y.Y)
		if i < nShuffles {
			y = make([]float64, len(l.Y.Y))
			to := slices.Clone(rows)
			kernel.NewStream(l.Seed, kernel.ID("chance"), uint64(i)).Shuffle(len(to), func(a, b int) { to[a], to[b] = to[b], to[a] })
			for k, r := range rows {
				y[r] = l.Y.Y[to[k]]
			}
		}
		t, _, err := l.train(model.WithSeed(l.Learner.Learner, l.Seed+uint64(i)), train, y, 1, false)
		if t == nil {
			return err
		}
		score, err := t.model.Predict(x)
		if err != nil {
			return err
		}
		out := l.Y.Take(judged)
		out.Y = kernel.Take(y, judged)
		skill[i] = newJury(out, kernel.Take(l.W, judged), nil).judge(score).skill
		return nil
	}
	// The true outcomes first: they tell what a fit costs, and whether there is anything to compare.
	before := l.seconds()
	if err := one(nShuffles); err != nil {
		return err
	}
	truth := skill[nShuffles]
	if math.IsNaN(truth) {
		l.not("chance", "数据太少，没有与打乱的结果比较", "too few rows to compare with shuffled outcomes")
		return nil
	}
	if took := before - l.seconds(); l.Left != nil && !l.time(took*nShuffles) {
		l.lateFor("chance")
		return nil
	}
	if err := l.each(nShuffles, one); err != nil {
		return err
	}
	found := slices.DeleteFunc(skill[:nShuffles:nShuffles], math.IsNaN)
	mean, variance := kernel.MeanVar(found, nil)
	c := &Chance{Shuffles: len(found), Mean: mean, Skill: truth, Skills: found}
	if len(found) < leastShuffle || variance < 1e-18 {
		l.not("chance", "打乱结果后的模型没有差别，无法比较", "models of shuffled outcomes do not differ, so there is nothing to compare with")
		return nil
	}
	c.SD = math.Sqrt(variance * float64(len(found)) / float64(len(found)-1))
	c.Highest, c.Distance = slices.Max(found), (truth-mean)/c.SD
	asGood := 0
	for _, s := range found {
		if s >= truth {
			asGood++
		}
	}
	c.P = float64(1+asGood) / float64(1+len(found))
	c.Text = chanceWords(c, asGood, skillName(l.Y.Task), len(rows))
	l.card.Chance = c
	return nil
}

// seconds that are left, 0 without a clock.
func (l *lab) seconds() float64 {
	if l.Left == nil {
		return 0
	}
	return l.Left().Seconds()
}

func chanceWords(c *Chance, asGood int, name Text, rows int) Text {
	zh := tidy(fmt.Sprintf("把结果随机打乱 %d 次再训练（%s 行），%s为 %.3f±%.3f，最高 %.3f；用真实结果为 %.3f", c.Shuffles, thousands(rows), name.Zh, c.Mean, c.SD, c.Highest, c.Skill))
	en := fmt.Sprintf("trained on outcomes shuffled %d times (%s rows), the %s is %.3f ± %.3f, at most %.3f; on the true ones %.3f", c.Shuffles, thousands(rows), name.En, c.Mean, c.SD, c.Highest, c.Skill)
	switch {
	case asGood == 0 && c.Distance > 3:
		return Text{zh + "：不是碰运气", en + ": this is not luck"}
	case asGood == 0:
		return Text{zh + "：多半不是碰运气", en + ": this is hardly luck"}
	}
	return Text{zh + fmt.Sprintf("：有 %d 次不比真实结果差，在这些行上不比瞎猜好", asGood), en + fmt.Sprintf(": %d of the shuffles did as well, so on these rows it is no better than chance", asGood)}
}
