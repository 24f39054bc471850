package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"kequn"
	"kequn/internal/evaluate"
	"kequn/internal/pipeline"
)

func (a *app) tryCommand() *cobra.Command {
	var f pipeline.TryFlags
	var limit, treatment, control string
	c := &cobra.Command{
		Use: "try FILE --outcome COL", Short: "models on one flat table, no workspace needed",
		Long: `Trains the ladder of models on a CSV, Parquet, JSON or Excel file (also .gz and .zst), judges each on rows that it was not trained on,
chooses one and says why, and warns of columns that seem to know the outcome. Two different values make a yes-or-no
outcome, many numbers an amount, several words classes.

The chosen model is then judged and explained: a grade in words, how stable it is, what moves the score, whether more rows would help, how it
treats groups of people. --card writes all of it as a page; --quick leaves it out.

Rows are counted from 0, the header aside. Probabilities are calibrated inside the training rows. The same file, seed
and flags give the same scores for any number of threads.`,
		Example: `  kequn try telco.csv --outcome Churn --drop customerID --card card.html
  kequn try bank.csv.gz --outcome y --positive yes --folds folds.csv --predictions out.csv --time 60s
  kequn try customers.parquet --task cluster --k auto --labels groups.csv`,
		Args: cobra.ExactArgs(1),
	}
	fl := c.Flags()
	fl.StringVar(&f.Outcome, "outcome", "", "`COL` to predict")
	fl.StringVar(&f.Positive, "positive", "", "`VALUE` of the outcome that counts as yes (default yes, 1, true … or the rarer)")
	fl.StringVar(&f.Task, "task", "", "binary, regression, multiclass or cluster (default as the outcome is)")
	fl.StringSliceVar(&f.Drop, "drop", nil, "`COLUMNS` to leave out")
	fl.StringSliceVar(&f.Sensitive, "sensitive", nil, "`COLUMNS` about people that no model sees; the card compares how it treats their groups")
	fl.StringVar(&f.ID, "id", "", "`COL` that says whose row it is: no feature, and rows of one id are never split between training and judging")
	fl.StringVar(&f.Folds, "folds", "", "`CSV` with the columns row,fold; fold -1 is not used (default five stratified folds by --seed)")
	fl.StringVar(&f.Test, "test", "", "`FILE` to score by models of the first one, instead of folds")
	fl.StringSliceVar(&f.Models, "models", nil, "auto, simple, or `NAMES` of linear tree forest gbdt additive svm mlp (default auto)")
	fl.StringVar(&limit, "time", "", "total time allowed, for example `60s`")
	fl.StringVar(&f.Schedule, "schedule", "", "`FILE` with the JSON of an earlier try: repeats its plan to the same bytes")
	fl.StringVar(&f.Predictions, "predictions", "", "CSV `FILE` of row,fold,model,score to write")
	fl.StringVar(&f.Save, "save", "", "model `FILE` to write, such as churn.kqm: the chosen model, trained on all rows (see kequn model)")
	fl.StringVar(&f.Plot, "plot", "", "SVG `FILE` to write: a line, a boundary or curves, as suits the task")
	fl.StringVar(&f.Card, "card", "", "`FILE` for the model card: a page (.html) or Markdown (.md)")
	fl.BoolVar(&f.Quick, "quick", false, "figures only: do not judge and explain the chosen model")
	fl.StringVar(&f.K, "k", "", "groups of --task cluster: a number or auto")
	fl.StringVar(&f.Labels, "labels", "", "CSV `FILE` of row,cluster to write")
	fl.StringVar(&treatment, "treatment", "", "`COL` that says who was treated")
	fl.StringVar(&control, "control", "", "`VALUE` of --treatment that means untreated")
	c.RunE = func(_ *cobra.Command, args []string) error {
		f.File = args[0]
		if treatment != "" || control != "" {
			return kequn.Errorf(kequn.KindUsage, "--treatment", "uplift on a flat table is not available in this version").
				WithHint("kequn decide and measure use a randomised send of a workspace")
		}
		if limit != "" {
			span, err := kequn.ParseSpan(limit)
			if err != nil {
				return err
			}
			if f.Time = span.Duration(); f.Time <= 0 {
				return kequn.Errorf(kequn.KindUsage, "--time", "no time is left to do anything in")
			}
		}
		o, err := a.options("")
		if err != nil {
			return err
		}
		if f.Task == "cluster" {
			res, err := pipeline.TryCluster(a.ctx, o, f)
			if err != nil {
				return err
			}
			a.closeProgress()
			return a.show(res, func(w io.Writer) { a.printGroups(w, res) })
		}
		if f.Card != "" && f.Quick {
			return kequn.Errorf(kequn.KindUsage, "--quick", "makes no card to write to --card")
		}
		f.WriteCard = func(w io.Writer, r *pipeline.TryResult) error { return writeCardTo(w, f.Card, a.tryCard(r, f)) }
		res, err := pipeline.Try(a.ctx, o, f)
		if err != nil {
			return err
		}
		a.closeProgress()
		return a.show(res, func(w io.Writer) { a.printTry(w, res) })
	}
	return c
}

func (a *app) printTry(w io.Writer, r *pipeline.TryResult) {
	switch r.Task {
	case kequn.Binary:
		fmt.Fprintf(w, a.say("%s = %s：%s 行，%s 个正例（%s），%d 个特征，%d 折\n", "%s = %s: %s rows, %s of them yes (%s), %d features, %d folds\n"),
			r.Outcome, r.Positive, count(r.Rows), count(*r.Positives), percent(float64(*r.Positives)/float64(r.Rows)), r.Features, r.Folds)
	default:
		fmt.Fprintf(w, a.say("%s：%s 行，%d 个特征，%d 折\n", "%s: %s rows, %d features, %d folds\n"), r.Outcome, count(r.Rows), r.Features, r.Folds)
	}
	fmt.Fprintln(w)
	a.tryTable(r).print(w)
	for _, n := range r.NotRun {
		fmt.Fprintf(w, a.say("%s 未运行：%s\n", "%s was not run: %s\n"), n.Name, n.Reason)
	}
	fmt.Fprintf(w, "\n%s\n", r.Brief)
	for _, l := range r.Leaks {
		fmt.Fprintln(w)
		fmt.Fprintln(w, a.tryLeak(r, l))
	}
	a.printCard(w, r.Card, r.Reasons, nil)
	if len(r.Notes) > 0 {
		fmt.Fprintln(w)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(w, "· %s\n", n)
	}
}

// tryLeak says what may know the outcome, what it is worth and what to do about it.
func (a *app) tryLeak(r *pipeline.TryResult, l pipeline.TryLeak) string {
	text := fmt.Sprintf(a.say("警告：列 %s 可能泄漏了结果。%s", "warning: column %s may know the outcome: %s"), l.Column, l.Evidence)
	next := fmt.Sprintf(a.say("如果决策时还不知道它，请用 --drop %s。", " If it is not known when you decide: --drop %s."), l.Column)
	switch {
	case l.Column == evaluate.RowOrder:
		text, next = a.say("警告：行的顺序可能泄漏了结果。", "warning: the order of rows may leak the outcome: ")+l.Evidence, ""
	case l.Column == evaluate.RepeatedRows:
		text, next = a.say("警告：有重复的记录。", "warning: records are repeated: ")+l.Evidence, ""
	case l.Kind == evaluate.LeakPerson: // the evidence says what to do
		next = ""
	case l.Kind == evaluate.LeakID:
		next = a.say("不要用它，也不要用由它得来的列。", " Do not use it, nor columns made from it.")
	}
	with, without, name := l.AUCWith, l.AUCWithout, "AUC"
	if r.Task == kequn.Regression {
		with, without, name = l.R2With, l.R2Without, "R²"
	}
	if with != nil && without != nil {
		text += fmt.Sprintf(a.say(" %s %.4f，去掉后 %.4f。", " %s %.4f, without it %.4f."), name, *with, *without)
	}
	return text + next
}

// tryTable shows the lines of the ladder with the figures of the task; the chosen one has a mark.
func (a *app) tryTable(r *pipeline.TryResult) *textTable {
	head := map[kequn.Task][]string{
		kequn.Binary:     {"AUC", "±", "PR-AUC", a.say("对数损失", "log loss"), "Brier", "ECE", a.say("前 10% 增益", "top 10% gain")},
		kequn.Regression: {"RMSE", "±", "MAE", "R²"},
		kequn.Multiclass: {a.say("准确率", "accuracy"), a.say("对数损失", "log loss"), a.say("宏 AUC", "macro AUC")},
	}[r.Task]
	t := newTable(append(append([]string{a.say("模型", "model")}, head...), a.say("训练秒", "fit s"), "MB", "")...)
	for _, m := range r.Models {
		row := []string{m.Name}
		if m.Rung != "" {
			row[0] += " = " + m.Rung
		}
		switch {
		case m.BinaryFigures != nil:
			row = append(row, figure(m.AUC), figure(m.AUCSD), figure(m.PRAUC), figure(m.LogLoss), figure(m.Brier), figure(m.ECE), short(m.TopDecileGain))
		case m.AmountFigures != nil:
			row = append(row, plainFigure(m.RMSE), plainFigure(m.RMSESD), plainFigure(m.MAE), figure(m.R2))
		default:
			row = append(row, figure(m.Accuracy), figure(m.LogLoss), figure(m.MacroAUC))
		}
		mark := ""
		if m.Name == r.Chosen {
			mark = a.say("← 选中", "← chosen")
		}
		t.row(append(row, fmt.Sprintf("%.2f", m.FitSeconds), fmt.Sprintf("%.0f", m.PeakMB), mark)...)
	}
	return t
}

func figure(v *float64) string      { return orDash("%.4f", v) }
func short(v *float64) string       { return orDash("%.2f", v) }
func plainFigure(v *float64) string { return orDash("%.4g", v) }

func orDash(format string, v *float64) string {
	if v == nil {
		return "–"
	}
	return fmt.Sprintf(format, *v)
}

func (a *app) printGroups(w io.Writer, r *pipeline.TryGroups) {
	fmt.Fprintf(w, a.say("%s 行分成 %d 群；轮廓系数 %.3f，稳定性 %.3f，惯性 %.6g\n", "%s rows in %d groups; silhouette %.3f, stability %.3f, inertia %.6g\n"),
		count(r.Rows), r.K, r.Silhouette, r.Stability, r.Inertia)
	t := newTable(a.say("群", "group"), a.say("行数", "rows"), a.say("占比", "share"))
	for g, n := range r.Sizes {
		t.row(fmt.Sprint(g), count(n), percent(float64(n)/float64(r.Rows)))
	}
	t.print(w)
	fmt.Fprintln(w, a.say("特征：", "features: ")+strings.Join(r.Features, ", "))
	for _, n := range r.Notes {
		fmt.Fprintf(w, "· %s\n", n)
	}
}
