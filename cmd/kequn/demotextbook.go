package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"kequn/internal/pipeline"
)

// textbookCommands are the examples that every book on our subject begins with.
func (a *app) textbookCommands() []*cobra.Command {
	line := &cobra.Command{
		Use: "line", Short: "the textbook's straight line through 100 points", Args: cobra.NoArgs,
		Long: `Makes up 100 points of y = 3x + 2 + u, x and u uniform on [0, 1), and fits a straight line by ordinary least squares (the
learner linear without a penalty). Prints slope and intercept with their errors, beside the truth, and draws it: red
points, blue line, its 95 % band. Explained in docs/learners/line.md. A folder of that name: kequn demo ./line`,
		Example: `  kequn demo line --plot line.svg
  kequn demo line --data line.csv
  kequn try line.csv --outcome y --plot try.svg`,
	}
	boundary := &cobra.Command{
		Use: "boundary", Short: "the textbook's boundary between 100 points of two classes", Args: cobra.NoArgs,
		Long: `Makes up 100 points of two classes with two informative features, two overlapping clouds, and fits a logistic regression (the
learner linear without a penalty). Prints coefficients with their errors, the boundary and its accuracy, beside the truth,
and draws it in two colours. Explained in docs/learners/boundary.md. A folder of that name: kequn demo ./boundary`,
		Example: `  kequn demo boundary --plot boundary.svg
  kequn demo boundary --data boundary.csv
  kequn try boundary.csv --outcome y --plot try.svg`,
	}
	flags := func(c *cobra.Command) *pipeline.TextbookFlags {
		f := &pipeline.TextbookFlags{}
		c.Flags().StringVar(&f.Plot, "plot", "", "SVG `FILE` to draw")
		c.Flags().StringVar(&f.Data, "data", "", "CSV `FILE` for the points, to try them yourself")
		return f
	}
	lineFlags, boundaryFlags := flags(line), flags(boundary)
	line.RunE = func(*cobra.Command, []string) error {
		o, err := a.options("")
		if err != nil {
			return err
		}
		d, err := pipeline.RunLine(a.ctx, o, *lineFlags)
		if err != nil {
			return err
		}
		return a.show(d, func(w io.Writer) { a.printLine(w, d) })
	}
	boundary.RunE = func(*cobra.Command, []string) error {
		o, err := a.options("")
		if err != nil {
			return err
		}
		d, err := pipeline.RunBoundary(a.ctx, o, *boundaryFlags)
		if err != nil {
			return err
		}
		return a.show(d, func(w io.Writer) { a.printBoundary(w, d) })
	}
	return []*cobra.Command{line, boundary}
}

func (a *app) printLine(w io.Writer, d *pipeline.LineDemo) {
	fmt.Fprintf(w, a.say("%d 个点：%s（种子 %d）\n", "%d points: %s (seed %d)\n"), d.Rows, d.Formula, d.Seed)
	fmt.Fprintf(w, a.say("拟合：%s（模型 %s，%s，无惩罚）\n\n", "fitted: %s (model %s, %s, no penalty)\n\n"), d.Equation, d.Model, d.Method)
	a.printCoefficients(w, "t", d.Coefficients)
	fmt.Fprintf(w, a.say("\nR² %.4f：y 的起伏中由直线说明的比例；残差标准差 σ %.4f（真相 %.4f），自由度 %d\n",
		"\nR² %.4f: the share of y's variation that the line explains; residual σ %.4f (truth %.4f), %d degrees of freedom\n"), d.R2, d.Sigma, d.Truth.Sigma, d.DF)
	fmt.Fprintln(w, d.Why)
	a.printTextbookFiles(w, "line", d.Plot, d.Data)
}

func (a *app) printBoundary(w io.Writer, d *pipeline.BoundaryDemo) {
	fmt.Fprintf(w, a.say("%d 个点：%s（种子 %d）\n", "%d points: %s (seed %d)\n"), d.Rows, d.Formula, d.Seed)
	fmt.Fprintf(w, a.say("拟合：模型 %s，%s，无惩罚\n%s\n\n", "fitted: model %s, %s, no penalty\n%s\n\n"), d.Model, d.Method, d.Words)
	a.printCoefficients(w, "z", d.Coefficients)
	fmt.Fprintf(w, a.say("\n准确率：%s（95%% 区间 %s 至 %s）；五折中未参与训练的点 %s；任何规则对新点最好也只有 %s\n",
		"\naccuracy: %s (95 %% interval %s to %s); on points left out of training, in five folds, %s; the best of all rules would have %s on new points\n"),
		percent(d.Accuracy), percent(d.AccuracyInterval.Low), percent(d.AccuracyInterval.High), percent(d.CVAccuracy), percent(d.Truth.Accuracy))
	fmt.Fprintf(w, a.say("对数损失 %.4f，AUC %.4f\n", "log loss %.4f, AUC %.4f\n"), d.LogLoss, d.AUC)
	a.printTextbookFiles(w, "boundary", d.Plot, d.Data)
}

// printCoefficients prints a regression table; test is the letter of its statistic.
func (a *app) printCoefficients(w io.Writer, test string, lines []pipeline.TextbookCoefficient) {
	head := []string{"", a.say("系数", "value"), a.say("标准误", "error"), a.say("95% 下限", "95 % low"), a.say("上限", "high"), test, "p"}
	odds := test == "z"
	if odds {
		head = append(head, a.say("优势比", "odds ratio"))
	}
	t := newTable(append(head, a.say("真相", "truth"))...)
	for _, c := range lines {
		name := c.Name
		if name == "intercept" {
			name = a.say("截距", "intercept")
		}
		statistic := c.T
		if statistic == nil {
			statistic = c.Z
		}
		row := []string{name, fmt.Sprintf("%.4f", c.Value), fmt.Sprintf("%.4f", c.SE), fmt.Sprintf("%.4f", c.Low), fmt.Sprintf("%.4f", c.High), orDash("%.2f", statistic), chance(c.P)}
		if odds {
			row = append(row, orDash("%.2f", c.OddsRatio))
		}
		t.row(append(row, fmt.Sprintf("%g", c.Truth))...)
	}
	t.print(w)
}

// chance writes a p-value; below a ten-thousandth the digits say nothing.
func chance(p float64) string {
	if p < 1e-4 {
		return "<0.0001"
	}
	return fmt.Sprintf("%.4f", p)
}

func (a *app) printTextbookFiles(w io.Writer, name, plot, data string) {
	if plot != "" {
		fmt.Fprintf(w, a.say("图：%s\n", "picture: %s\n"), plot)
	} else {
		fmt.Fprintf(w, a.say("画出来：kequn demo %[1]s --plot %[1]s.svg\n", "to draw it: kequn demo %[1]s --plot %[1]s.svg\n"), name)
	}
	if data != "" {
		fmt.Fprintf(w, a.say("数据：%[1]s；自己试：kequn try %[1]s --outcome y --plot try.svg\n", "data: %[1]s; your turn: kequn try %[1]s --outcome y --plot try.svg\n"), data)
	}
}
