package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"kequn"
	"kequn/internal/model/ladder"
	"kequn/internal/pipeline"
)

// goalFlags adds the flags that define a goal on the command line, or change one of the plan.
func goalFlags(c *cobra.Command, f *pipeline.GoalFlags) {
	fl := c.Flags()
	fl.StringVar(&f.Event, "event", "", "goal: does an event of this `DATASET` (or DATASET.TYPE) happen within the horizon?")
	fl.BoolVar(&f.Absent, "absent", false, "turn the question round: does none happen?")
	fl.StringVar(&f.Sum, "sum", "", "goal: the sum of `DATASET.COL` within the horizon")
	fl.StringVar(&f.Count, "count", "", "goal: how many rows of `DATASET` within the horizon")
	fl.StringVar(&f.When, "when", "", "goal: how many days until the next row of `DATASET` (or DATASET.TYPE), looking as far as the horizon?")
	fl.StringVar(&f.Next, "next", "", "goal: which values of `DATASET.COL` come next? A ranked list for each customer; COL may be a lookup's: items.product_id.department")
	fl.IntVar(&f.Top, "top", 0, "with --next: `N` values on a list (default 20)")
	fl.BoolVar(&f.Fresh, "fresh", false, "with --next: only values that the customer has not had")
	fl.StringVar(&f.Column, "column", "", "goal: `customers.COL`, a fact learnt later")
	fl.StringVar(&f.Positive, "positive", "", "`VALUE` of --column that counts as yes")
	fl.StringVar(&f.Within, "within", "", "horizon, a `DURATION` such as 90d")
	fl.StringVar(&f.Gap, "gap", "", "time between cutoff and horizon, a `DURATION`")
	fl.StringVar(&f.Who, "who", "", "`RULE` of the eligible population")
	fl.StringVar(&f.Models, "models", "", "`RUNGS` to try, for example linear,gbdt (default all)")
	fl.StringVar(&f.Prefer, "prefer", "auto", "`auto|simple`: the most accurate, or the simplest within noise of it")
	fl.StringSliceVar(&f.ConfirmLeak, "confirm-leak", nil, "`COLUMN` that looks like a leak and is none")
}

const goalHelp = `What may be asked (docs/goals.md shows each on real data):
  --event orders --within 90d        does one come? --absent: does none come?
  --count orders, --sum orders.amount  how many, how much; refunds are taken off
  --when orders --within 90d         in how many days is the next one, and how surely within the horizon?
  --next events.item --top 20        which values come next? Without --within: with the very next visit
  --column customers.X --positive V  a fact that is learnt later
--gap 7d begins the horizon a week after the cutoff; --who RULE says for whom the question makes sense.`

func (a *app) predictCommand() *cobra.Command {
	var f pipeline.GoalFlags
	var card string
	c := &cobra.Command{
		Use: "predict [GOAL]", Short: "score a goal: the ladder of models, the one chosen and why", Args: cobra.MaximumNArgs(1),
		Long: `Fits the rungs of the ladder on earlier cutoffs, judges them on later time, chooses one and says why, and scores every eligible
customer. GOAL is one of kequn.yaml, or is given by flags.

` + goalHelp,
		Example: `  kequn predict buys_again
  kequn predict buys_again --card card.html
  kequn predict --sum orders.amount --within 90d --cutoff 2017-10-01 --out spend.csv
  kequn predict --event events.cart --absent --within 14d --who 'orders.count() >= 2'
  kequn predict --when orders --within 90d --out next_order.csv
  kequn predict --next events.item --top 20 --fresh --out lists.csv`,
	}
	goalFlags(c, &f)
	c.Flags().StringVar(&f.Cutoff, "cutoff", "", "instant of decision `T` (default just after the last event)")
	c.Flags().StringVar(&f.Out, "out", "", "CSV `FILE` of scores to write")
	c.Flags().StringVar(&card, "card", "", "`FILE` for the model card: a page (.html) or Markdown (.md)")
	return a.shopRun(c, false, func(s *pipeline.Shop, args []string) error {
		if len(args) == 1 {
			f.Goal = args[0]
		}
		if err := checkPage(card); err != nil {
			return err
		}
		res, err := s.Predict(a.ctx, f)
		if err != nil {
			return err
		}
		if card != "" {
			if err := writePage(card, func(w io.Writer) error { return writeCardTo(w, card, a.goalCard(res, s)) }); err != nil {
				return err
			}
		}
		a.closeProgress()
		return a.show(res, func(w io.Writer) { a.printPrediction(w, res) })
	})
}

func (a *app) backtestCommand() *cobra.Command {
	var f pipeline.GoalFlags
	c := &cobra.Command{
		Use: "backtest [GOAL]", Short: "rerun a goal at an earlier cutoff and compare with what happened", Args: cobra.MaximumNArgs(1),
		Long: `Learns and scores as if it were --cutoff, when nothing after it was known, and compares the scores with what happened.

` + goalHelp,
		Example: `  kequn backtest buys_again --cutoff 2017-10-01
  kequn backtest --next items.product_id --top 10 --cutoff 2017-10-01 --predictions lists.csv
  kequn backtest --when orders --within 60d --cutoff 2017-10-01 --predictions times.csv`,
	}
	goalFlags(c, &f)
	c.Flags().StringVar(&f.Cutoff, "cutoff", "", "instant `T` to go back to")
	c.Flags().StringVar(&f.Out, "predictions", "", "CSV `FILE` of customer,score,actual; of --next customer,rank,value,score; of --when also low,high,within")
	return a.shopRun(c, false, func(s *pipeline.Shop, args []string) error {
		if len(args) == 1 {
			f.Goal = args[0]
		}
		if f.Cutoff == "" {
			return kequn.Errorf(kequn.KindUsage, "", "backtest wants --cutoff").WithHint("for example --cutoff 2017-10-01")
		}
		res, err := s.Backtest(a.ctx, f)
		if err != nil {
			return err
		}
		a.closeProgress()
		return a.show(res, func(w io.Writer) { a.printPrediction(w, res) })
	})
}

func (a *app) printPrediction(w io.Writer, p *pipeline.Prediction) {
	switch {
	case p.Next != nil:
		a.printNext(w, p)
		return
	case p.When != nil:
		a.printWhen(w, p)
		return
	}
	fmt.Fprintln(w, p.Question)
	var ran []ladder.Entry
	var left []string
	for _, m := range p.Models {
		if m.Failed == "" {
			ran = append(ran, m)
		} else {
			left = append(left, m.Name)
		}
	}
	if p.Task == kequn.Binary {
		t := newTable(a.say("阶梯", "rung"), "AUC", a.say("对数损失", "log loss"), "ECE", a.say("前十分之一增益", "top-decile gain"), a.say("秒", "seconds"), "")
		for _, m := range ran {
			t.row(m.Name, withSpread(m.AUC, m.AUCSD, "%.4f"), withSpread(m.LogLoss, nil, "%.4f"), withSpread(m.ECE, nil, "%.4f"), withSpread(m.TopDecileGain, nil, "%.2f"), fmt.Sprintf("%.1f", m.FitSeconds), a.chosenMark(m.Name, p))
		}
		t.print(w)
	} else {
		t := newTable(a.say("阶梯", "rung"), "RMSE", "MAE", "R²", a.say("秒", "seconds"), "")
		for _, m := range ran {
			t.row(m.Name, withSpread(m.RMSE, m.RMSESD, "%.3f"), withSpread(m.MAE, nil, "%.3f"), withSpread(m.R2, nil, "%.4f"), fmt.Sprintf("%.1f", m.FitSeconds), a.chosenMark(m.Name, p))
		}
		t.print(w)
	}
	if len(left) > 0 {
		fmt.Fprintf(w, a.say("未运行（为何见 --json 的 why）：%s\n", "not run (--json says why): %s\n"), strings.Join(left, a.say("、", ", ")))
	}
	fmt.Fprintln(w, p.Brief)
	if line := p.DroppedLine(a.language()); line != "" {
		fmt.Fprintln(w, line)
	}
	for _, l := range p.Leaks {
		fmt.Fprintf(w, a.say("疑似泄漏 %s：%s", "may be a leak: %s: %s"), l.Column, l.Evidence)
		if l.Dropped {
			fmt.Fprint(w, a.say("（未用于训练）", " (left out of training)"))
		}
		fmt.Fprintln(w)
	}
	for _, n := range p.Notes {
		fmt.Fprintln(w, n)
	}
	if p.Card != nil {
		a.printCard(w, p.Card, p.Reasons, p.Words)
	} else if len(p.Drivers) > 0 {
		fmt.Fprintln(w, a.say("主要依据：", "what moves the score:"))
		for _, d := range p.Drivers[:min(5, len(p.Drivers))] {
			fmt.Fprintf(w, "  %5s  %s\n", percent(d.Share), a.say(d.TextZH, d.TextEN))
		}
	}
	a.printLifetime(w, p.Lifetime)
	if b := p.Actual; b != nil {
		if p.Task == kequn.Binary {
			fmt.Fprintf(w, a.say("回测：%s 位客户，AUC %.4f，平均预测 %.4f，实际 %.4f\n", "backtest: %s customers, AUC %.4f, mean score %.4f, what happened %.4f\n"), count(b.Rows), b.AUC, b.Mean, b.Actual)
		} else {
			fmt.Fprintf(w, a.say("回测：%s 位客户，RMSE %.3f，平均预测 %.3f，实际 %.3f\n", "backtest: %s customers, RMSE %.3f, mean score %.3f, what happened %.3f\n"), count(b.Rows), b.RMSE, b.Mean, b.Actual)
		}
	}
	fmt.Fprintf(w, a.say("已为 %s 位客户打分，截止 %s", "%s customers scored as of %s"), count(p.Scored), p.Cutoff)
	if p.Out != "" {
		fmt.Fprintf(w, " → %s", p.Out)
	}
	fmt.Fprintln(w)
}

func (a *app) chosenMark(name string, p *pipeline.Prediction) string {
	var marks []string
	if name == p.Chosen {
		marks = append(marks, a.say("← 选用", "← chosen"))
	}
	if name == p.Simple && name != p.Chosen {
		marks = append(marks, a.say("（最简可用）", "(simplest within noise)"))
	}
	return strings.Join(marks, " ")
}

func withSpread(v, sd *float64, format string) string {
	if v == nil {
		return "–"
	}
	s := fmt.Sprintf(format, *v)
	if sd != nil && *sd > 0 {
		s += " ± " + fmt.Sprintf(format, *sd)
	}
	return s
}
