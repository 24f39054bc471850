package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"kequn"
	"kequn/internal/pipeline"
	"kequn/internal/quality"
)

// mostShown is how many findings are shown at the prompt: a page.
const mostShown = 20

func (a *app) checkCommand() *cobra.Command {
	var f pipeline.CheckFlags
	c := &cobra.Command{
		Use: "check", Short: "what is wrong with the data: rules proposed from them, checked in one scan", Args: cobra.NoArgs,
		Long: `Proposes rules from the data (types, ranges, ids, references, freshness, volume, drift, time, money, bots, sends, personal data),
takes yours from quality: in kequn.yaml, checks all of them in one scan, and shows what is broken, the gravest first.

A rule warns or stops. While a rule that stops is broken, run, predict, decide and the others go on answering from the last
good data. Exit code 0: nothing stops; 3: a rule that stops is broken.

docs/quality.md lists every kind of rule.`,
		Example: `  kequn check
  kequn check --rows orders.amount.negative > negative.csv
  kequn check --propose                      # write the rules into kequn.yaml, to be edited`,
	}
	fl := c.Flags()
	fl.StringVar(&f.Rows, "rows", "", "write the rows that break `RULE` as CSV to stdout (or to --out)")
	fl.StringVar(&f.Out, "out", "", "`DIR` for the failing rows of every broken rule, or with --rows the file for those of one")
	fl.BoolVar(&f.Clear, "clear", false, "write readable rows out of a sealed workspace")
	fl.BoolVar(&f.Propose, "propose", false, "write the proposed rules into kequn.yaml, where you can edit them")
	fl.BoolVar(&f.Accept, "accept", false, "serve the data as they are, although rules that stop are broken")
	fl.BoolVar(&f.Undo, "undo", false, "take back the loads that broke a rule that stops")
	c = a.shopRun(c, false, func(s *pipeline.Shop, _ []string) error {
		if f.Accept && f.Undo {
			return kequn.Errorf(kequn.KindUsage, "", "--accept and --undo do not go together")
		}
		res, err := s.Check(a.ctx, f)
		if err != nil {
			return err
		}
		a.closeProgress()
		if res.CSV != nil && !a.json {
			_, err := a.stdout.Write(res.CSV)
			return err
		}
		if err := a.show(res, func(w io.Writer) { a.printCheck(w, res) }); err != nil {
			return err
		}
		if res.Stops > 0 && !f.Accept && res.Serving != "newest" {
			a.exit = kequn.ExitCode(kequn.Errorf(kequn.KindInput, "", "stopped"))
		}
		return nil
	})
	return c
}

func (a *app) printCheck(w io.Writer, r *pipeline.CheckResult) {
	shown := 0
	for _, x := range r.Rules {
		if x.Status != quality.Broken {
			continue
		}
		if shown++; shown > mostShown {
			continue
		}
		level := a.say("提醒", "warn")
		if x.Level == quality.Stop {
			level = a.say("拦截", "STOP")
		}
		fmt.Fprintf(w, "%s  %s\n      %s\n", level, x.Text, x.Name)
	}
	if shown > mostShown {
		fmt.Fprintf(w, a.say("……还有 %d 项：--json 列出全部\n", "… and %d more: --json lists all\n"), shown-mostShown)
	}
	if shown == 0 {
		fmt.Fprintln(w, a.say("没有发现问题。", "nothing found."))
	}
	fmt.Fprintf(w, a.say("检查了 %s 行、%d 条规则：%d 条拦截，%d 条提醒\n", "%s rows and %d rules checked: %d stop, %d warn\n"), count(r.Rows), len(r.Rules), r.Stops, r.Warns)
	for _, f := range r.Failing {
		fmt.Fprintf(w, a.say("%s：%s 行在 %s\n", "%s: %s rows in %s\n"), f.Rule, count(f.Rows), f.File)
	}
	if r.Added > 0 {
		fmt.Fprintf(w, a.say("%d 条规则已写入 kequn.yaml 的 quality，可修改\n", "%d rules were written to quality: in kequn.yaml, where you can edit them\n"), r.Added)
	}
	if r.Note != "" {
		fmt.Fprintln(w, r.Note)
	}
	if len(r.Failing) == 0 && shown > 0 {
		fmt.Fprintln(w, a.say("查看某条规则的行：kequn check --rows 规则名", "the rows that break a rule: kequn check --rows RULE"))
	}
}

// printQuality says in a few lines what a check found.
func (a *app) printQuality(w io.Writer, q *pipeline.QualityBrief) {
	if q == nil {
		return
	}
	if q.Note != "" {
		fmt.Fprintf(w, "%s: %s\n", a.say("数据质量", "data quality"), q.Note)
	}
	for i, text := range q.Found {
		if i >= 3 && q.Note == "" {
			break
		}
		fmt.Fprintf(w, "  %s\n", text)
	}
	if q.Stops+q.Warns > 0 && q.Note == "" {
		fmt.Fprintf(w, a.say("数据质量：%d 条规则中 %d 条提醒；kequn check\n", "data quality: %[2]d of %[1]d rules warn; kequn check\n"), q.Rules, q.Stops+q.Warns)
	}
}
