package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sort"
	"strings"

	"github.com/spf13/cobra"

	"kequn"
	"kequn/internal/pipeline"
)

func (a *app) modelCommand() *cobra.Command {
	c := &cobra.Command{Use: "model", Short: "saved models: show, score a table, export to ONNX or SQL", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
		Example: `  kequn try telco.csv --outcome Churn --drop customerID --save churn.kqm
  kequn model show churn.kqm
  kequn model score churn.kqm newcomers.csv --predictions scores.csv
  kequn model export churn.kqm --to onnx --out churn.onnx`}
	c.AddCommand(a.modelShowCommand(), a.modelScoreCommand(), a.modelExportCommand())
	return c
}

// modelRun makes a command's RunE of a function on a model, named by its file or by a goal.
func (a *app) modelRun(c *cobra.Command, f func(o pipeline.Options, args []string) error) *cobra.Command {
	identity := identityFlag(c)
	c.RunE = func(_ *cobra.Command, args []string) error {
		o, err := a.options(*identity)
		if err != nil {
			return err
		}
		return f(o, args)
	}
	return c
}

func (a *app) modelShowCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "show MODEL", Short: "what a model file holds: family, columns, parameters, rules", Args: cobra.ExactArgs(1),
		Long: `Says what a model is, what it predicts, which columns it wants and how much each counts, and its rules where it has any that people
can read. MODEL is a file that kequn try --save wrote, or the name of a goal of the workspace.`,
		Example: `  kequn model show churn.kqm
  kequn model show buys_again --json`,
	}
	return a.modelRun(c, func(o pipeline.Options, args []string) error {
		res, err := pipeline.ShowModel(o, args[0])
		if err != nil {
			return err
		}
		return a.show(res, func(w io.Writer) { a.printModel(w, res) })
	})
}

func (a *app) modelScoreCommand() *cobra.Command {
	var f pipeline.ModelScoreFlags
	c := &cobra.Command{
		Use: "score MODEL TABLE", Short: "score a table with a saved model; with --outcome, judge it on the table", Args: cobra.ExactArgs(2),
		Long: `Scores every row of a table. Columns are found by their names, in any order; further ones are passed over. Rows are counted from 0,
the header aside. With --outcome the scores are compared with what happened: how the model does on another dataset of the same
shape.`,
		Example: `  kequn model score churn.kqm newcomers.csv --predictions scores.csv
  kequn model score churn.kqm lastyear.csv --outcome Churn`,
	}
	fl := c.Flags()
	fl.StringVar(&f.Predictions, "predictions", "", "CSV `FILE` of row,score to write (of several classes: row,class,score)")
	fl.StringVar(&f.Outcome, "outcome", "", "`COL` with what happened, to judge the scores by")
	fl.StringVar(&f.Positive, "positive", "", "`VALUE` of the outcome that counts as yes (default the model's)")
	return a.modelRun(c, func(o pipeline.Options, args []string) error {
		f.Model, f.File = args[0], args[1]
		res, err := pipeline.ScoreModel(a.ctx, o, f)
		if err != nil {
			return err
		}
		a.closeProgress()
		return a.show(res, func(w io.Writer) { a.printScored(w, res) })
	})
}

func (a *app) modelExportCommand() *cobra.Command {
	var f pipeline.ModelExportFlags
	var goal string
	c := &cobra.Command{
		Use: "export [MODEL] --to onnx|sql --out FILE", Short: "write a model as ONNX or SQL, for other programs to score with", Args: cobra.MaximumNArgs(1),
		Long: `Writes a model for other programs: onnx for onnxruntime and all that reads ONNX; sql for a database, as one SELECT with a column score;
kqm for another kequn (of a goal).

ONNX: linear, tree, rulelist, additive, forest, extra, gbdt in all its kinds, and blends of these with their calibration. One input of shape
(rows, 1) per column: float64 with NaN for missing, texts with "" for missing.
SQL: linear, tree, rulelist, additive, gbdt of at most 2,000 questions in all, and blends of these. Missing values are NULL, times are seconds
since 1970.

The file holds the model and no customer. It names the columns and the values of categories (such as cities) that training rows had:
also of a goal of a sealed workspace, whose export is not encrypted.`,
		Example: `  kequn model export churn.kqm --to onnx --out churn.onnx
  kequn model export churn.kqm --to sql --table newcomers --keep customerID --out churn.sql
  kequn model export --goal buys_again --to onnx --out buys_again.onnx`,
	}
	fl := c.Flags()
	fl.StringVar(&f.To, "to", "", "`FORMAT`: onnx, sql or kqm")
	fl.StringVar(&f.Out, "out", "", "`FILE` to write")
	fl.StringVar(&goal, "goal", "", "`GOAL` of the workspace whose model it is, instead of a file")
	fl.StringVar(&f.Table, "table", "customers", "sql: `TABLE` that is read")
	fl.StringSliceVar(&f.Keep, "keep", nil, "sql: `COLUMNS` of the table in the result (default all)")
	fl.StringVar(&f.Dialect, "dialect", "standard", "sql: `standard` (SQLite, DuckDB, PostgreSQL), spark or clickhouse")
	return a.modelRun(c, func(o pipeline.Options, args []string) error {
		switch {
		case goal != "" && len(args) == 0:
			if _, err := os.Stat(goal); !errors.Is(err, os.ErrNotExist) {
				return kequn.Errorf(kequn.KindUsage, "--goal", "there is a file of the goal's name too").WithHint("run it from another folder, with -C for the workspace")
			}
			f.Model = goal
		case goal == "" && len(args) == 1:
			f.Model = args[0]
		default:
			return kequn.Errorf(kequn.KindUsage, "", "which model?").WithHint("name a model file, or a goal with --goal")
		}
		if f.To == "" {
			return kequn.Errorf(kequn.KindUsage, "", "export wants --to").WithHint("--to onnx or --to sql")
		}
		res, err := pipeline.ExportModel(o, f)
		if err != nil {
			return err
		}
		return a.show(res, func(w io.Writer) {
			fmt.Fprintf(w, a.say("%s 已写成 %s：%s（%s 字节）\n", "%s written as %s: %s (%s bytes)\n"), res.Model, res.To, res.Out, count(res.Bytes))
		})
	})
}

// How many columns and rules of a model are shown to people; JSON has them all.
const (
	mostColumns = 30
	mostRules   = 30
)

func (a *app) printModel(w io.Writer, m *pipeline.ModelInfo) {
	task := map[kequn.Task]string{kequn.Binary: a.say("是或否", "yes or no"), kequn.Regression: a.say("数额", "an amount"), kequn.Multiclass: a.say("多个类别之一", "one of several classes")}[m.Task]
	fmt.Fprintf(w, a.say("%s：%s\n", "%s: %s\n"), m.File, kindOfModel(m))
	what := task
	switch {
	case m.Outcome != "" && m.Positive != "":
		what = fmt.Sprintf(a.say("%s（%s = %s）", "%s (%s = %s)"), task, m.Outcome, m.Positive)
	case m.Outcome != "":
		what = fmt.Sprintf(a.say("%s（%s）", "%s (%s)"), task, m.Outcome)
	}
	if len(m.Classes) > 0 {
		what += a.say("：", ": ") + strings.Join(m.Classes, ", ")
	}
	fmt.Fprintf(w, a.say("预测：%s\n训练行数：%s\n", "predicts: %s\ntraining rows: %s\n"), what, count(m.Rows))
	for _, p := range m.Members {
		fmt.Fprintf(w, a.say("组成：%s，权重 %s，校准 %s%s\n", "part: %s, weight %s, calibration %s%s\n"), p.Name, percent(p.Weight), p.Calibration, paramWords(p.Params))
	}
	if len(m.Params) > 0 {
		fmt.Fprintf(w, a.say("参数：%s\n", "parameters: %s\n"), strings.TrimPrefix(paramWords(m.Params), "; "))
	}
	can := strings.Join(m.Exports, ", ")
	if can == "" {
		can = a.say("无", "nothing")
	}
	fmt.Fprintf(w, a.say("可导出为：%s\n\n", "can be exported as: %s\n\n"), can)
	t := newTable(a.say("列", "column"), a.say("类型", "kind"), a.say("取值数", "values"), a.say("重要性", "importance"))
	columns := slices.Clone(m.Columns)
	slices.SortStableFunc(columns, func(a, b pipeline.ModelColumn) int { return cmp.Compare(b.Importance, a.Importance) })
	for _, c := range columns[:min(mostColumns, len(columns))] {
		levels := ""
		if c.Levels > 0 {
			levels = count(c.Levels)
		}
		t.row(c.Name, a.kindWord(c.Kind), levels, percent(c.Importance))
	}
	t.print(w)
	if more := len(columns) - mostColumns; more > 0 {
		fmt.Fprintf(w, a.say("… 还有 %d 列（--json 列出全部）\n", "… and %d more columns (--json lists all)\n"), more)
	}
	if len(m.Rules) > 0 {
		fmt.Fprintln(w)
	}
	for i, r := range m.Rules {
		if i == mostRules {
			fmt.Fprintf(w, a.say("… 还有 %d 条（--json 列出全部）\n", "… and %d more (--json lists all)\n"), len(m.Rules)-i)
			break
		}
		fmt.Fprintf(w, "%d. %s\n", i+1, r)
	}
	if len(m.Notes) > 0 {
		fmt.Fprintln(w)
	}
	for _, n := range m.Notes {
		fmt.Fprintf(w, "· %s\n", n)
	}
}

// kindWord is what people call a kind of column.
func (a *app) kindWord(kind string) string {
	switch kind {
	case "number":
		return a.say("数字", kind)
	case "category":
		return a.say("类别", kind)
	case "text":
		return a.say("文本", kind)
	}
	return kind
}

func kindOfModel(m *pipeline.ModelInfo) string {
	if m.Line != "" && m.Line != m.Family {
		return m.Line
	}
	return m.Family
}

// paramWords lists parameters in the order of their names, "; " before them.
func paramWords(p map[string]float64) string {
	names := make([]string, 0, len(p))
	for n := range p {
		names = append(names, n)
	}
	sort.Strings(names)
	for i, n := range names {
		names[i] = fmt.Sprintf("%s=%.6g", n, p[n])
	}
	if len(names) == 0 {
		return ""
	}
	return "; " + strings.Join(names, " ")
}

func (a *app) printScored(w io.Writer, r *pipeline.ModelScored) {
	fmt.Fprintf(w, a.say("%s 行已评分", "%s rows scored"), count(r.Rows))
	if r.Mean != nil {
		fmt.Fprintf(w, a.say("，平均分 %.6g", ", mean score %.6g"), *r.Mean)
	}
	if r.Predictions != "" {
		fmt.Fprintf(w, a.say("，已写入 %s", ", written to %s"), r.Predictions)
	}
	fmt.Fprintln(w)
	if r.Outcome != "" {
		fmt.Fprintf(w, a.say("%s 行有结果 %s", "%s rows have the outcome %s"), count(r.Judged), r.Outcome)
		if r.Positives != nil {
			fmt.Fprintf(w, a.say("，其中 %s 行为 %s", ", %s of them %s"), count(*r.Positives), r.Positive)
		}
		fmt.Fprintln(w)
	}
	switch {
	case r.BinaryFigures != nil:
		t := newTable("AUC", "95 %", "PR-AUC", a.say("对数损失", "log loss"), "Brier", "ECE", a.say("前 10% 增益", "top 10% gain"))
		t.row(figure(r.AUC), fmt.Sprintf("%.4f–%.4f", r.AUC95.Low, r.AUC95.High), figure(r.PRAUC), figure(r.LogLoss), figure(r.Brier), figure(r.ECE), short(r.TopDecileGain))
		t.print(w)
	case r.AmountFigures != nil:
		t := newTable("RMSE", "MAE", "R²")
		t.row(plainFigure(r.RMSE), plainFigure(r.MAE), figure(r.R2))
		t.print(w)
	case r.ClassFigures != nil:
		t := newTable(a.say("准确率", "accuracy"), a.say("对数损失", "log loss"), a.say("宏 AUC", "macro AUC"))
		t.row(figure(r.Accuracy), figure(r.LogLoss), figure(r.MacroAUC))
		t.print(w)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(w, "· %s\n", n)
	}
}
