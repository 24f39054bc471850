package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"kequn/internal/pipeline"
)

func (a *app) readyCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "ready", Short: "what can be answered today, and what is missing for the rest", Args: cobra.NoArgs,
		Long: `Tells for every goal whether the data can answer it today: how many customers did it, how much history there is, and what
is missing otherwise. For uplift it looks for a past send with a random control group.`,
	}
	return a.shopRun(c, false, func(s *pipeline.Shop, _ []string) error {
		res, err := s.Ready(a.ctx)
		if err != nil {
			return err
		}
		a.closeProgress()
		return a.show(res, func(w io.Writer) { a.printReady(w, res) })
	})
}

func (a *app) printReady(w io.Writer, r *pipeline.Readiness) {
	fmt.Fprintf(w, a.say("%s 位客户，数据 %s 至 %s\n", "%s customers, data from %s to %s\n"), count(r.Customers), day(r.First), day(r.Last))
	for _, g := range append(append([]pipeline.ReadyGoal(nil), r.Goals...), r.Uplift) {
		fmt.Fprintf(w, "%s %-12s %s\n", mark(g.Ready), g.Name, g.Question)
		fmt.Fprintf(w, "    %s\n", g.Why)
		for _, o := range g.Opens {
			fmt.Fprintf(w, "    → %s\n", o.Text)
		}
	}
	for _, o := range r.Opens {
		fmt.Fprintf(w, "→ %s\n", o.Text)
	}
	fmt.Fprintln(w, a.say("下一步：kequn run", "next: kequn run"))
}
