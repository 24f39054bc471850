package evaluate

import (
	"fmt"
	"math"
	"slices"

	"kequn/internal/kernel"
	"kequn/internal/metric"
)

// leastCurve is how many training rows a learning curve wants: a sixteenth of fewer trains nothing.
const leastCurve = 200

// curve trains on 1/16, 1/8, 1/4, 1/2 and all of the training rows, each draw part of the next, and judges on the same rows.
func (l *lab) curve() error {
	if len(l.Train) < leastCurve {
		l.not("curve", fmt.Sprintf("训练数据只有 %d 行，画不出学习曲线（至少 %d 行）", len(l.Train), leastCurve),
			fmt.Sprintf("%d training rows are too few for a learning curve (%d are wanted)", len(l.Train), leastCurve))
		return nil
	}
	c := &l.card.Scalability
	c.By, c.Curve, c.More = l.Learner.Name, nil, nil
	order := l.draw.draw(l.rowsOf(maxCurveRows, briefCurve), saltCurve)
	var figures []figure
	for part := 16; part >= 1; part /= 2 {
		n := len(order) / part
		rows := sorted(order[:n])
		if n < leastTrain || !enough(l.Y.Task, l.Y.NOut(), kernel.Take(l.Y.Y, rows), leastClass) {
			continue
		}
		// Twice the rows take about twice as long, the judged ones aside.
		if k := len(c.Curve); k > 0 && !l.time(2.5*c.Curve[k-1].Seconds) {
			l.not("curve", fmt.Sprintf("时间不够，学习曲线只画到 %s 行", thousands(c.Curve[k-1].Rows)), fmt.Sprintf("time was short: the curve ends at %s rows", thousands(c.Curve[k-1].Rows)))
			break
		}
		t, why, err := l.train(l.Learner.Learner, rows, nil, l.Threads, true)
		if err != nil {
			return err
		}
		if t != nil {
			why, err = l.ask(t)
		}
		switch {
		case err != nil:
			return err
		case why.En != "":
			l.not("curve", fmt.Sprintf("%s 行：%s", thousands(n), why.Zh), fmt.Sprintf("%s rows: %s", thousands(n), why.En))
			continue
		case math.IsNaN(t.figure.skill):
			continue
		}
		known := sorted(order[:min(n, maxTrained)])
		onTrain, err := t.model.Predict(l.X.Take(known))
		if err != nil {
			return err
		}
		c.Curve = append(c.Curve, CurvePoint{Rows: n, Skill: some(t.figure.skill), SE: some(l.jury.se(t.figure)),
			TrainSkill: some(l.juryOf(known).judge(onTrain).skill), Loss: some(l.jury.loss(t.score)), Seconds: t.seconds, MB: math.Round(10*t.mb) / 10})
		figures = append(figures, t.figure)
	}
	if len(c.Curve) > 0 {
		c.More = l.more(c.Curve, figures)
	}
	return nil
}

// leastGain is a gain in skill that is worth words: below it nobody would notice.
const leastGain = 0.002

// more says what twice the training rows would bring; nil from fewer than three points.
//
// The curve a − b·rows^(−c), b ≥ 0, a ≤ 1, is fitted by least squares, c over a grid. The interval is that of 400 curves through points
// moved by their errors: paired to the last point (all are judged on the same rows), and not less than the points miss the curve.
func (l *lab) more(curve []CurvePoint, figures []figure) *MoreRows {
	k := len(curve)
	m := &MoreRows{Rows: 2 * len(l.Train)}
	if k < 3 {
		l.not("twice_the_rows", "学习曲线上的点太少，看不出数据翻倍的作用", "the learning curve has too few points to tell what twice the rows would bring")
		return nil
	}
	chance, _, _, _, _ := limits(l.Y.Task)
	if last := figures[k-1]; last.skill-crossed*aboveChance*l.jury.se(last) <= chance {
		l.not("twice_the_rows", "用全部训练数据也不比瞎猜好，看不出数据翻倍的作用", "with all training rows it is no better than chance, so the curve cannot tell what twice the rows would bring")
		return nil
	}
	n, s, se := make([]float64, k), make([]float64, k), make([]float64, k)
	for i, p := range curve {
		n[i], s[i] = float64(p.Rows), *p.Skill
		other := k - 1
		if i == other {
			other = k - 2
		}
		if _, se[i] = l.jury.less(figures[i], figures[other]); math.IsNaN(se[i]) {
			se[i] = 0
		}
		se[i] = math.Max(se[i], 1e-4)
	}
	se[k-1] /= math.Sqrt2 // half of that difference's variance is the last but one's
	from, to := float64(len(l.Train)), float64(m.Rows)
	f := fitCurve(n, s, se)
	for i := range se {
		se[i] = math.Hypot(se[i], f.miss)
	}
	gains := make([]float64, 400)
	moved := make([]float64, k)
	for r := range gains {
		random := kernel.NewStream(l.Seed, kernel.ID("curve"), uint64(r))
		for i := range moved {
			moved[i] = s[i] + se[i]*random.Norm()
		}
		g := fitCurve(n, moved, se)
		gains[r] = g.at(to) - g.at(from)
	}
	slices.Sort(gains)
	gain := f.at(to) - f.at(from)
	m.Gain = &metric.Interval{Mean: gain, Low: math.Min(gain, kernel.QuantileSorted(gains, 0.025)), High: math.Max(gain, kernel.QuantileSorted(gains, 0.975))}
	m.Text = moreWords(m, skillName(l.Y.Task), s[k-1] < s[0]-2*se[0])
	m.Zh = tidy(m.Zh)
	return m
}

func moreWords(m *MoreRows, name Text, falls bool) Text {
	rows := thousands(m.Rows)
	switch g := m.Gain; {
	case falls:
		return Text{fmt.Sprintf("行数增加时%s反而下降：新增的行可能与评判的行不是同一类人", name.Zh), fmt.Sprintf("the %s fell as rows were added: the added rows may be of other people than those judged", name.En)}
	case g.Low > 0 && g.Mean >= leastGain:
		return Text{fmt.Sprintf("训练数据翻倍（%s 行），%s大约再高 %.3f（%.3f 到 %.3f）", rows, name.Zh, g.Mean, g.Low, g.High),
			fmt.Sprintf("with twice the training rows (%s) the %s would rise by about %.3f (%.3f to %.3f)", rows, name.En, g.Mean, g.Low, g.High)}
	case g.High < 5*leastGain:
		return Text{fmt.Sprintf("曲线已经平了：训练数据翻倍（%s 行），%s最多再高 %.3f", rows, name.Zh, g.High),
			fmt.Sprintf("the curve is flat: twice the training rows (%s) would raise the %s by %.3f at most", rows, name.En, g.High)}
	}
	return Text{fmt.Sprintf("训练数据翻倍（%s 行）是否有用，曲线还看不清（%s再高 %.3f 到 %.3f）", rows, name.Zh, m.Gain.Low, m.Gain.High),
		fmt.Sprintf("whether twice the training rows (%s) would help, the curve cannot tell yet (the %s would rise by %.3f to %.3f)", rows, name.En, m.Gain.Low, m.Gain.High)}
}

// powerLaw is a − b·(rows/scale)^(−c).
type powerLaw struct {
	a, b, c, scale float64
	miss           float64 // root of the mean square by which points miss it, two of the three parameters taken off
}

func (p powerLaw) at(rows float64) float64 { return p.a - p.b*math.Pow(rows/p.scale, -p.c) }

// fitCurve returns the law nearest to the points, each weighted by 1/se².
func fitCurve(n, skill, se []float64) powerLaw {
	best, least := powerLaw{}, math.Inf(1)
	for c := 0.05; c < 1.55; c += 0.05 {
		p := powerLaw{c: c, scale: n[len(n)-1]}
		var w, z, s, zz, zs float64
		for i := range n {
			wi, zi := 1/(se[i]*se[i]), math.Pow(n[i]/p.scale, -c)
			w, z, s, zz, zs = w+wi, z+wi*zi, s+wi*skill[i], zz+wi*zi*zi, zs+wi*zi*skill[i]
		}
		if spread := zz - z*z/w; spread > 0 {
			p.b = math.Max(0, -(zs-z*s/w)/spread)
		}
		p.a = (s + p.b*z) / w
		if p.a > 1 { // no skill is above 1
			p.a = 1
			p.b = math.Max(0, (z-zs)/zz)
		}
		sum, loss := 0.0, 0.0
		for i := range n {
			e := skill[i] - p.at(n[i])
			sum += e * e
			loss += e * e / (se[i] * se[i])
		}
		p.miss = math.Sqrt(sum / math.Max(1, float64(len(n)-2)))
		if loss < least*(1-1e-9) {
			best, least = p, loss
		}
	}
	return best
}

// thousands writes a number of rows with commas.
func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
