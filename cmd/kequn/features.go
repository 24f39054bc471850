package main

import (
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"kequn"
	"kequn/internal/feature"
	"kequn/internal/pipeline"
	"kequn/internal/report"
)

func (a *app) featuresCommand() *cobra.Command {
	var f pipeline.FeatureFlags
	var page string
	c := &cobra.Command{
		Use: "features", Short: "the catalogue of features, or one row per customer with --out", Args: cobra.NoArgs,
		Long: `Says what features there are, those found in the data and your own (features in kequn.yaml), and which of them drift: whose values
moved most between earlier cutoffs and now. --page writes the whole catalogue as one HTML page: every feature with its definition,
unit, window, kind, what a missing value means, how its values are spread and how far they drift; --json says the same to programs.

With --out it writes a CSV file, or a Parquet file where the name ends in .parquet, with customer first and one row per customer with
an event before the cutoff; with several cutoffs, one row for each, and cutoff second. Nothing at or after the cutoff, and nothing
that became known after it, reaches a feature.`,
	}
	c.Flags().StringVar(&f.Cutoff, "cutoff", "", "instant `T` that features are as of, or several separated by commas (default just after the last event)")
	c.Flags().StringVar(&f.Only, "only", "", "own, automatic, or some `NAMES` separated by commas")
	c.Flags().StringVar(&f.Out, "out", "", "CSV or Parquet `FILE` to write")
	c.Flags().StringVar(&page, "page", "", "HTML `FILE` to write the catalogue to")
	return a.shopRun(c, false, func(s *pipeline.Shop, _ []string) error {
		if err := checkPage(page); err != nil {
			return err
		}
		f.Facts = page != ""
		res, err := s.Features(a.ctx, f)
		if err != nil {
			return err
		}
		if page != "" {
			if err := writePage(page, func(w io.Writer) error { return report.WriteFeatures(w, a.featuresPage(res)) }); err != nil {
				return err
			}
			res.Page = page
		}
		a.closeProgress()
		return a.show(res, func(w io.Writer) { a.printFeatures(w, res) })
	})
}

func (a *app) featuresPage(r *pipeline.FeatureList) report.FeaturesPage {
	name := a.dir
	if whole, err := filepath.Abs(a.dir); err == nil {
		name = filepath.Base(whole)
	}
	return report.FeaturesPage{Lang: a.language(), Name: name, Program: kequn.Version, Created: time.Now().Format("2006-01-02 15:04"), Cutoff: r.Cutoff,
		Compared: r.Compared, Customers: r.Customers, Notes: r.Notes, Features: r.Features, Drifting: r.Drifting(mostDrifting)}
}

// mostDrifting is how many drifting features are named.
const mostDrifting = 10

func (a *app) printFeatures(w io.Writer, r *pipeline.FeatureList) {
	if r.Out != "" {
		if len(r.Cutoffs) > 1 {
			fmt.Fprintf(w, a.say("%s 行（客户 × %d 个截止时刻）× %d 个特征 → %s\n", "%s rows (customers × %d cutoffs) × %d features → %s\n"), count(r.Rows), len(r.Cutoffs), len(r.Features), r.Out)
		} else {
			fmt.Fprintf(w, a.say("%s 位客户 × %d 个特征，截止 %s → %s\n", "%s customers × %d features as of %s → %s\n"), count(r.Rows), len(r.Features), r.Cutoff, r.Out)
		}
	}
	if r.Page != "" {
		fmt.Fprintf(w, a.say("特征目录（%d 个特征）→ %s\n", "catalogue of %d features → %s\n"), len(r.Features), r.Page)
	}
	if r.Out != "" || r.Page != "" {
		return
	}
	fmt.Fprintf(w, a.say("%d 个特征，截止 %s，%s 位客户\n", "%d features as of %s, %s customers\n"), len(r.Features), r.Cutoff, count(r.Customers))
	own := 0
	of := map[feature.Family]int{}
	for _, e := range r.Features {
		if e.Own {
			own++
		} else {
			of[e.Family]++
		}
	}
	if own > 0 {
		fmt.Fprintf(w, "  %s: %d\n", a.say("自定义", "your own"), own)
	}
	for _, f := range feature.Families {
		if of[f] > 0 {
			fmt.Fprintf(w, "  %s: %d\n", f.Title(a.language()), of[f])
		}
	}
	if most := r.Drifting(mostDrifting); len(most) > 0 {
		fmt.Fprintf(w, a.say("\n自 %s 以来变化最大的：\n", "\nwhat moved most since %s:\n"), r.Compared[0])
		t := newTable(a.say("漂移", "drift"), a.say("特征", "feature"), a.say("含义", "meaning"))
		for _, e := range most {
			t.row(fmt.Sprintf("%.2f", e.Stats.Drift), e.Name, a.say(e.TextZH, e.TextEN))
		}
		t.print(w)
	} else if len(r.Compared) > 1 {
		fmt.Fprintf(w, a.say("自 %s 以来没有特征明显变化\n", "no feature moved noticeably since %s\n"), r.Compared[0])
	}
	for _, n := range r.Notes {
		fmt.Fprintln(w, n)
	}
	fmt.Fprintln(w, a.say("每个特征的定义、分布与漂移：kequn features --page features.html", "every feature with its definition, spread and drift: kequn features --page features.html"))
}
