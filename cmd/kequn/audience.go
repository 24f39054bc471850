package main

import (
	"bufio"
	"cmp"
	"encoding/csv"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"kequn/internal/audience"
	"kequn/internal/pipeline"
)

func (a *app) audienceCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "audience", Short: "saved rules: preview, save, members, overlap, why", Args: cobra.NoArgs,
		Long: `A rule says who belongs: attributes, counts, sums and recency of what customers did, scores, segments, other audiences.

  city == "上海" && orders.last("90d").count() >= 2 && orders.sum("amount") > 500.0
  events.where(e, e.type == "cart").last("7d").exists() && !orders.last("7d").exists()
  score("churn") > 0.6 && !in_audience("vip") && consent("email")

Preview, members and export always agree.`,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	var cutoff string
	add := func(use, short string, args cobra.PositionalArgs, f func(s *pipeline.Shop, args []string) error) {
		sub := &cobra.Command{Use: use, Short: short, Args: args}
		sub.Flags().StringVar(&cutoff, "cutoff", "", "instant `T` (default just after the last event)")
		c.AddCommand(a.shopRun(sub, false, f))
	}
	add("list", "the saved audiences with their sizes", cobra.NoArgs, func(s *pipeline.Shop, _ []string) error {
		res, err := s.ListAudiences(a.ctx, cutoff)
		if err != nil {
			return err
		}
		return a.show(res, func(w io.Writer) {
			t := newTable(a.say("人群包", "audience"), a.say("人数", "customers"), a.say("规则", "rule"))
			for _, x := range res.Audiences {
				t.row(x.Name, count(x.Count), x.Rule)
			}
			t.print(w)
		})
	})
	add("preview RULE", "how many, and who drops out at each condition", cobra.ExactArgs(1), func(s *pipeline.Shop, args []string) error {
		res, err := s.PreviewAudience(a.ctx, args[0], cutoff)
		if err != nil {
			return err
		}
		return a.show(res, func(w io.Writer) { a.printPreview(w, res) })
	})
	add("save NAME RULE", "keep a rule under a name in kequn.yaml", cobra.ExactArgs(2), func(s *pipeline.Shop, args []string) error {
		res, err := s.SaveAudience(a.ctx, args[0], args[1])
		if err != nil {
			return err
		}
		return a.show(res, func(w io.Writer) {
			fmt.Fprintf(w, a.say("已保存 %s（第 %d 版）：%s / %s 人\n", "saved %s (version %d): %s of %s customers\n"), res.Name, res.Version, count(res.Count), count(res.Of))
		})
	})
	add("members NAME", "the customers, as CSV on stdout", cobra.ExactArgs(1), func(s *pipeline.Shop, args []string) error {
		members, err := s.MembersOfRule(a.ctx, args[0], cutoff)
		if err != nil {
			return err
		}
		if a.json {
			return a.printJSON(map[string]any{"count": len(members), "members": members})
		}
		out := bufio.NewWriter(a.stdout)
		w := csv.NewWriter(out)
		w.Write([]string{"customer"})
		for _, m := range members {
			w.Write([]string{m})
		}
		w.Flush()
		if err := w.Error(); err != nil {
			return err
		}
		return out.Flush()
	})
	add("overlap A B", "who is in one, the other, and both", cobra.ExactArgs(2), func(s *pipeline.Shop, args []string) error {
		res, err := s.OverlapAudiences(a.ctx, args[0], args[1], cutoff)
		if err != nil {
			return err
		}
		return a.show(res, func(w io.Writer) { a.printOverlap(w, res) })
	})
	add("why NAME ID", "why a customer is in or not", cobra.ExactArgs(2), func(s *pipeline.Shop, args []string) error {
		res, err := s.WhyAudience(a.ctx, args[0], args[1], cutoff)
		if err != nil {
			return err
		}
		return a.show(res, func(w io.Writer) { a.printWhyAudience(w, res) })
	})
	return c
}

func (a *app) printPreview(w io.Writer, p *audience.Preview) {
	fmt.Fprintf(w, a.say("%s / %s 位客户\n", "%s of %s customers\n"), count(p.Count), count(p.Of))
	t := newTable(a.say("条件", "condition"), a.say("剩余", "left"))
	for _, s := range p.Waterfall {
		t.row(cmp.Or(s.Words, s.Step), count(s.Left))
	}
	t.print(w)
	for _, n := range p.Notes {
		fmt.Fprintln(w, a.say("注意：", "note: ")+n)
	}
}

func (a *app) printOverlap(w io.Writer, o *audience.Overlap) {
	t := newTable("", a.say("人数", "customers"))
	for i, name := range o.Names {
		t.row(name, count(o.Sizes[i]))
	}
	for i := range o.Names {
		for j := i + 1; j < len(o.Names); j++ {
			t.row(o.Names[i]+" ∩ "+o.Names[j], count(o.Both[i][j]))
		}
	}
	t.row(a.say("至少一个", "at least one"), count(o.Any))
	t.print(w)
}

func (a *app) printWhyAudience(w io.Writer, y *audience.Why) {
	switch {
	case !y.There:
		fmt.Fprintln(w, a.say("不在总体内：截止时刻之前没有任何行为", "not in the population: no event before the cutoff"))
	case y.Member:
		fmt.Fprintln(w, a.say("在人群包内", "a member"))
	default:
		fmt.Fprintln(w, a.say("不在人群包内", "not a member"))
	}
	for i, c := range y.Conditions {
		fmt.Fprintf(w, "%d. %s %s\n", i+1, mark(c.Holds), c.Words)
		for _, t := range c.Tests {
			for _, v := range t.Values {
				fmt.Fprintf(w, "     %s = %s\n", v.Words, v.Text)
			}
		}
	}
}

func mark(ok bool) string {
	if ok {
		return "✓"
	}
	return "✗"
}
