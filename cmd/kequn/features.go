package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"kequn/internal/pipeline"
)

func (a *app) featuresCommand() *cobra.Command {
	var f pipeline.FeatureFlags
	c := &cobra.Command{
		Use: "features", Short: "the catalogue of features, or one row per customer with --out", Args: cobra.NoArgs,
		Long: `Lists every feature with its definition, unit, window, kind and what a missing value means: those found in the data, and your own
(features in kequn.yaml). With --out it writes a CSV file, or a Parquet file where the name ends in .parquet, with customer
first and one row per customer with an event before the cutoff; with several cutoffs, one row for each, and cutoff second.
Nothing at or after the cutoff, and nothing that became known after it, reaches a feature.`,
	}
	c.Flags().StringVar(&f.Cutoff, "cutoff", "", "instant `T` that features are as of, or several separated by commas (default just after the last event)")
	c.Flags().StringVar(&f.Only, "only", "", "own, automatic, or some `NAMES` separated by commas")
	c.Flags().StringVar(&f.Out, "out", "", "CSV or Parquet `FILE` to write")
	return a.shopRun(c, false, func(s *pipeline.Shop, _ []string) error {
		res, err := s.Features(a.ctx, f)
		if err != nil {
			return err
		}
		a.closeProgress()
		return a.show(res, func(w io.Writer) { a.printFeatures(w, res) })
	})
}

func (a *app) printFeatures(w io.Writer, r *pipeline.FeatureList) {
	if r.Out != "" {
		fmt.Fprintf(w, a.say("%s 位客户 × %d 个特征，截止 %s → %s\n", "%s customers × %d features as of %s → %s\n"), count(r.Rows), len(r.Features), r.Cutoff, r.Out)
		return
	}
	t := newTable(a.say("特征", "feature"), a.say("含义", "meaning"), a.say("单位", "unit"), a.say("类别", "kind"), a.say("缺失的含义", "when missing"), a.say("定义", "definition"))
	for _, f := range r.Features {
		kind := string(f.Kind)
		if f.Sensitive {
			kind += a.say("（敏感）", ", sensitive")
		}
		t.row(f.Name, a.say(f.TextZH, f.TextEN), f.Unit, kind, f.Missing, f.Definition)
	}
	t.print(w)
}
