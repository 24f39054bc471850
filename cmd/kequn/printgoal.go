package main

import (
	"fmt"
	"io"

	"kequn/internal/metric"
	"kequn/internal/model/nextitem"
	"kequn/internal/pipeline"
)

// printNext prints a goal that asks which values come next.
func (a *app) printNext(w io.Writer, p *pipeline.Prediction) {
	n := p.Next
	fmt.Fprintln(w, p.Question)
	a.printOrders(w, p, n.Models)
	fmt.Fprintln(w, p.Brief)
	if n.Never {
		fmt.Fprintln(w, a.say("这里的值几乎从不重复，因此名单不含客户有过的。", "values hardly ever come again here, so lists leave out what the customer had."))
	}
	if n.Chosen == nextitem.Ranker && len(n.Drivers) > 0 {
		fmt.Fprintln(w, a.say("排序主要看：", "what moves the order:"))
		for _, d := range n.Drivers[:min(5, len(n.Drivers))] {
			fmt.Fprintf(w, "  %5s  %s\n", percent(d.Share), a.say(d.TextZH, d.TextEN))
		}
	}
	if len(n.Happened) > 0 {
		fmt.Fprintf(w, a.say("回测：截止之后有新值的 %s 位客户\n", "backtest: %s customers with something that came after the cutoff\n"), count(n.Happened[0].Queries))
		a.printOrders(w, p, n.Happened)
	}
	fmt.Fprintf(w, a.say("已为 %s 位客户各排出至多 %d 个（共 %s 个不同的值），截止 %s", "lists of up to %[2]d for %[1]s customers (of %[3]s different values) as of %[4]s"), count(p.Scored), n.Top, count(n.Values), p.Cutoff)
	if p.Out != "" {
		fmt.Fprintf(w, " → %s", p.Out)
	}
	fmt.Fprintln(w)
}

func (a *app) printOrders(w io.Writer, p *pipeline.Prediction, scores []nextitem.Score) {
	if len(scores) == 0 {
		return
	}
	k := scores[0].K
	t := newTable(a.say("排法", "order"), fmt.Sprintf(a.say("前%d名命中率", "hit rate@%d"), k), fmt.Sprintf("NDCG@%d", k), "MRR", fmt.Sprintf(a.say("召回@%d", "recall@%d"), k), a.say("覆盖", "coverage"), a.say("NDCG 较简单排法", "NDCG over baseline"), "")
	for _, m := range scores {
		gain := "–"
		if m.Name != m.Against {
			gain = fmt.Sprintf("%+.4f (%+.4f … %+.4f)", m.Gain.Mean, m.Gain.Low, m.Gain.High)
		}
		t.row(m.Name, plusMinus(m.HitRate), plusMinus(m.NDCG), plusMinus(m.MRR), plusMinus(m.Recall), percent(m.Coverage), gain, a.chosenMark(m.Name, p))
	}
	t.print(w)
}

// plusMinus prints a mean with half its 95 % interval.
func plusMinus(i metric.Interval) string {
	return fmt.Sprintf("%.4f ± %.4f", i.Mean, (i.High-i.Low)/2)
}

// printWhen prints a goal that asks when the next one comes.
func (a *app) printWhen(w io.Writer, p *pipeline.Prediction) {
	n := p.When
	fmt.Fprintln(w, p.Question)
	a.printWays(w, p, n.Models)
	fmt.Fprintln(w, p.Brief)
	if len(n.Happened) > 0 {
		fmt.Fprintln(w, a.say("回测，与截止之后发生的相比：", "backtest, against what happened after the cutoff:"))
		a.printWays(w, p, n.Happened)
	}
	if n.Median != nil {
		fmt.Fprintf(w, a.say("%s 位客户，中间一位在 %.1f 天后；%s 位多半不会在 %.0f 天内来；截止 %s", "%s customers: the middle one comes in %.1f days, %s more likely not within %.0f days; as of %s"), count(p.Scored), *n.Median, count(n.Beyond), n.Horizon, p.Cutoff)
	} else {
		fmt.Fprintf(w, a.say("%s 位客户；%s 位多半不会在 %.0f 天内来；截止 %s", "%s customers, %s more likely not within %.0f days; as of %s"), count(p.Scored), count(n.Beyond), n.Horizon, p.Cutoff)
	}
	if p.Out != "" {
		fmt.Fprintf(w, " → %s", p.Out)
	}
	fmt.Fprintln(w)
}

func (a *app) printWays(w io.Writer, p *pipeline.Prediction, scores []pipeline.WhenScore) {
	t := newTable(a.say("方法", "way"), a.say("先后一致", "concordance"), a.say("曲线误差", "integrated Brier"), "Brier", a.say("误差（天）", "MAE (days)"), a.say("80% 区间含", "80 % interval holds"), a.say("平均把握 / 实际", "mean chance / came"), "")
	for _, m := range scores {
		held := "–"
		if m.Coverage > 0 {
			held = percent(m.Coverage)
		}
		t.row(m.Name, fmt.Sprintf("%.4f", m.Concordance), fmt.Sprintf("%.4f", m.Curve), fmt.Sprintf("%.4f", m.Brier), fmt.Sprintf("%.1f", m.MAE), held, percent(m.Mean)+" / "+percent(m.Actual), a.chosenMark(m.Name, p))
	}
	t.print(w)
}
