package main

import (
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"kequn"
	"kequn/internal/measure"
	"kequn/internal/pipeline"
	"kequn/internal/receipt"
)

func (a *app) demoCommand() *cobra.Command {
	var f pipeline.DemoFlags
	c := &cobra.Command{
		Use: "demo DIR", Short: "make up a shop, do everything below on it, and say what was found", Args: cobra.ExactArgs(1),
		Long: `Makes up a shop with customers, events, orders and a past random campaign in DIR, loads it, answers everything, decides a
campaign, lets the shop live on for two weeks, and measures. Because the shop is made up, the truth is known and stands
beside what was measured. DIR is then a workspace like any other: look at DIR/kequn.yaml and DIR/report.html.`,
		Example: `  kequn demo shop
  kequn -C shop why C10482
  kequn -C shop decide spring --budget 2000
  kequn demo line --plot line.svg`,
	}
	c.AddCommand(a.textbookCommands()...)
	c.Flags().IntVar(&f.Customers, "customers", 0, "how many customers, 1,000 to 1,000,000 (default 20,000)")
	c.RunE = func(_ *cobra.Command, args []string) error {
		if f.Customers != 0 && (f.Customers < 1000 || f.Customers > 1_000_000) {
			return kequn.Errorf(kequn.KindUsage, "--customers", "%d is not between 1,000 and 1,000,000", f.Customers)
		}
		a.dir = args[0]
		o, err := a.options("")
		if err != nil {
			return err
		}
		f.Report = func(s *pipeline.Shop) (string, error) { return a.writeReport(s, "") }
		d, err := pipeline.RunDemo(a.ctx, o, f)
		if err != nil {
			return err
		}
		a.closeProgress()
		if err := a.show(d, func(w io.Writer) { a.printDemo(w, d) }); err != nil {
			return err
		}
		if !a.json && atTerminal(a.stdout) {
			openFile(d.Report)
		}
		return nil
	}
	return c
}

// openFile shows a file in the user's browser, if there is a way to: whether it works is not waited for.
func openFile(path string) {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	name, args := "xdg-open", []string{path}
	switch runtime.GOOS {
	case "darwin":
		name = "open"
	case "windows":
		name, args = "rundll32", []string{"url.dll,FileProtocolHandler", path}
	}
	c := exec.Command(name, args...)
	if c.Start() == nil {
		go c.Wait()
	}
}

func (a *app) advanceCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "advance DURATION", Short: "let the demo shop live on, contacts included, and load what happened", Args: cobra.ExactArgs(1),
		Long: `Lets the demo shop in the workspace live on for whole days. Customers contacted by an activated decision do what the shop's
hidden truth says they do; what the shop records meanwhile is loaded.`,
		Example: `  kequn -C shop advance 14d`,
	}
	return a.shopRun(c, false, func(s *pipeline.Shop, args []string) error {
		res, err := s.Advance(a.ctx, args[0])
		if err != nil {
			return err
		}
		a.closeProgress()
		return a.show(res, func(w io.Writer) {
			fmt.Fprintf(w, a.say("商店营业到 %s；交给它 %s 位触达客户\n", "the shop lived on until %s; it was handed %s contacted customers\n"), day(res.To), count(res.Handed))
			a.printLoad(w, res.Datasets)
		})
	})
}

// printDemo tells the story in plain words.
func (a *app) printDemo(w io.Writer, d *pipeline.Demo) {
	say := func(zh, en string, args ...any) { fmt.Fprintf(w, a.say(zh, en)+"\n", args...) }
	x := d.Data
	say("虚构商店 %s：%s 位客户，%s 至 %s", "The made-up shop %s: %s customers, %s to %s", d.Dir, count(x.Customers), x.First, x.Last)
	fmt.Fprintln(w)
	say("1. 读入（读入 = 保留 + 拒收 + 重复）", "1. Loaded (read = kept + rejected + duplicate)")
	t := newTable("  ", a.say("读入", "read"), a.say("保留", "kept"), a.say("拒收", "rejected"), a.say("重复", "duplicate"))
	for _, l := range x.Loads {
		t.row("  "+l.Name, count(l.Read), count(l.Kept), count(l.Rejected), count(l.Duplicate))
	}
	t.print(w)
	fmt.Fprintln(w)
	say("2. 客户分群", "2. Segments")
	for _, s := range x.Segments {
		var parts []string
		for i, g := range s.Segments {
			if i == 5 {
				parts = append(parts, "…")
				break
			}
			parts = append(parts, fmt.Sprintf("%s %s", a.say(g.Name.ZH, g.Name.EN), percent(g.Share)))
		}
		fmt.Fprintf(w, "  %s: %s\n", s.Name, strings.Join(parts, a.say("，", ", ")))
	}
	fmt.Fprintln(w)
	say("3. 目标与模型（在之后的时间上评判）", "3. Goals and models (judged on later time)")
	for _, g := range x.Goals {
		a.printDemoGoal(w, g)
	}
	fmt.Fprintln(w)
	for _, c := range x.Decision {
		if c.Receipt.Campaign.Name == pipeline.DemoCampaign {
			a.printDemoDecision(w, c.Receipt, c.ID, d.Measured)
		}
	}
	fmt.Fprintln(w)
	say("报告：%s（用时 %.0f 秒）", "Report: %s (%.0f seconds)", d.Report, d.Seconds)
	say("接下来：kequn -C %[1]s why C10482 · kequn -C %[1]s decide spring --budget 2000 · 编辑 %[1]s/kequn.yaml 后 kequn -C %[1]s run",
		"Next: kequn -C %[1]s why C10482 · kequn -C %[1]s decide spring --budget 2000 · edit %[1]s/kequn.yaml, then kequn -C %[1]s run", d.Dir)
}

func (a *app) printDemoGoal(w io.Writer, g *pipeline.Prediction) {
	var parts []string
	for _, m := range g.Models {
		v, sd := m.AUC, m.AUCSD
		if g.Task != kequn.Binary {
			v, sd = m.R2, nil
		}
		if v == nil || m.Failed != "" {
			continue
		}
		s := m.Name + " " + withSpread(v, sd, "%.3f")
		if m.Name == g.Chosen {
			s += a.say("（选用）", " (chosen)")
		}
		parts = append(parts, s)
	}
	measured := "AUC"
	if g.Task != kequn.Binary {
		measured = "R²"
	}
	fmt.Fprintf(w, "  %-10s  %s: %s\n", g.Name, measured, strings.Join(parts, ", "))
	for _, l := range g.Leaks {
		if l.Dropped {
			fmt.Fprintf(w, a.say("    抓到泄漏 %s：%s，已不用于训练\n", "    leak caught, left out of training: %s: %s\n"), l.Column, strings.TrimRight(a.say(l.EvidenceZH, l.EvidenceEN), ".。"))
		}
	}
}

func (a *app) printDemoDecision(w io.Writer, r *receipt.Receipt, id string, m *measure.Result) {
	say := func(zh, en string, args ...any) { fmt.Fprintf(w, a.say(zh, en)+"\n", args...) }
	say("4. 决策 %s（凭证 %s）", "4. Decision %s (receipt %s)", r.Campaign.Name, id[:12])
	say("  触达 %s 人，随机留出对照 %s 人，不打扰 %s 人；预期成本 %s", "  contact %s, hold back %s at random, leave %s alone; expected cost %s",
		count(r.Contact), count(r.Control), count(r.LeftAlone), money(r.Cost, r.Currency))
	say("  预期利润 %s（95%% 区间 %s）；对照组能看清的最小效果：%.1f 个百分点", "  expected profit %s (95 %% interval %s); the control can show an effect of %.1f points",
		money(r.Forecast.Mean, r.Currency), a.interval(r.Forecast), 100*r.Smallest)
	fmt.Fprintf(w, "  %s\n", a.say(r.Method.WhyZH, r.Method.Why))
	a.printPolicies(w, r.Policies, r.Currency)
	if m == nil {
		return
	}
	fmt.Fprintln(w)
	say("5. 两周之后", "5. Two weeks later")
	fmt.Fprintf(w, "  %s\n", a.say(m.TextZH, m.TextEN))
}
