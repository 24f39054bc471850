package pipeline

import (
	"bufio"
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"kequn"
	"kequn/internal/engine"
	"kequn/internal/feature"
	"kequn/internal/query"
	"kequn/internal/rule"
)

// FeatureFlags say which features are wanted, at which cutoffs, and where to.
type FeatureFlags struct {
	Cutoff string // "", or cutoffs separated by commas
	Only   string // "", own, automatic, or names separated by commas
	Out    string // CSV, or Parquet where the name says so
}

// FeatureList is the catalogue, and where the values went.
type FeatureList struct {
	Cutoff   string          `json:"cutoff"`            // the newest
	Cutoffs  []string        `json:"cutoffs,omitempty"` // where several were asked for, oldest first
	Rows     int             `json:"rows,omitempty"`    // customers × cutoffs written
	Out      string          `json:"out,omitempty"`
	Hash     string          `json:"hash"` // of the definitions
	Features []feature.Entry `json:"features"`
}

// Features lists the features; with Out it writes a row for every cutoff and customer with an event before it.
func (s *Shop) Features(ctx context.Context, f FeatureFlags) (*FeatureList, error) {
	v, err := s.look()
	if err != nil {
		return nil, err
	}
	cutoffs, err := v.cutoffs(f.Cutoff)
	if err != nil {
		return nil, err
	}
	defs, err := s.wanted(ctx, v, cutoffs[0], f.Only)
	if err != nil {
		return nil, err
	}
	out := &FeatureList{Cutoff: kequn.FormatZone(cutoffs[len(cutoffs)-1], v.zone), Hash: query.Hash(defs), Features: feature.Catalogue(defs)}
	if len(cutoffs) > 1 {
		for _, c := range cutoffs {
			out.Cutoffs = append(out.Cutoffs, kequn.FormatZone(c, v.zone))
		}
	}
	if f.Out == "" {
		return out, nil
	}
	s.Progress(s.Lang.Pick("特征", "features"), 0, 0)
	out.Out = f.Out
	out.Rows, err = s.writeFeatures(ctx, v, f.Out, cutoffs, defs)
	return out, err
}

// cutoffs reads a list of cutoffs: different ones, oldest first.
func (v *view) cutoffs(text string) ([]kequn.Cutoff, error) {
	var out []kequn.Cutoff
	for _, t := range strings.Split(text, ",") {
		c, err := v.cutoff(strings.TrimSpace(t))
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// wanted returns the definitions that are asked for: all, own, automatic, or those of some names, in the catalogue's order.
func (s *Shop) wanted(ctx context.Context, v *view, earliest kequn.Cutoff, only string) ([]query.Feature, error) {
	names := strings.Split(only, ",")
	for i := range names {
		names[i] = strings.TrimSpace(names[i])
	}
	own := func(name string) bool {
		for _, f := range s.Plan.Features {
			if f.Name == name {
				return true
			}
		}
		return false
	}
	onlyOwn := only == "own" || only != "" && !slices.ContainsFunc(names, func(n string) bool { return !own(n) })
	if only == "own" && len(s.Plan.Features) == 0 {
		return nil, kequn.Errorf(kequn.KindUsage, "--only own", "kequn.yaml defines no features").WithHint(`for example  spend_90d: 'orders.last("90d").sum("amount")'  under features`)
	}
	var defs []query.Feature
	var err error
	if onlyOwn {
		// Where no automatic feature is named, the data need not be looked through for them.
		defs, err = feature.Own(s.Plan.Features, s.catalogue(v, nil), v.zone)
	}
	if !onlyOwn || err != nil {
		if defs, err = s.allDefinitions(ctx, v, earliest); err != nil {
			return nil, err
		}
	}
	var known []string
	for _, d := range defs {
		known = append(known, d.Name)
	}
	switch only {
	case "":
		return defs, nil
	case "own":
		return slices.DeleteFunc(defs, func(f query.Feature) bool { return !own(f.Name) }), nil
	case "automatic":
		return slices.DeleteFunc(defs, func(f query.Feature) bool { return own(f.Name) }), nil
	}
	for _, n := range names {
		if !slices.Contains(known, n) {
			err := kequn.Errorf(kequn.KindUsage, "--only", "there is no feature %q", n)
			if near := rule.Suggest(n, known); near != "" {
				return nil, err.WithHint("did you mean %q?", near)
			}
			return nil, err.WithHint("kequn features lists them")
		}
	}
	return slices.DeleteFunc(defs, func(f query.Feature) bool { return !slices.Contains(names, f.Name) }), nil
}

// allDefinitions returns the automatic features, sensitive ones included, found in what was known before a cutoff, and the plan's
// own after them.
func (s *Shop) allDefinitions(ctx context.Context, v *view, earliest kequn.Cutoff) ([]query.Feature, error) {
	automatic, err := s.automatic(ctx, v, earliest)
	if err != nil || len(s.Plan.Features) == 0 {
		return automatic, err
	}
	own, err := feature.Own(s.Plan.Features, s.catalogue(v, automatic), v.zone)
	if err != nil {
		// At an early cutoff, an automatic feature that an own one names may not be there yet (a window longer than the history).
		// Its definition says the same at any cutoff, so it is taken from today's.
		today, other := v.cutoff("")
		if other != nil || today <= earliest {
			return nil, err
		}
		known, other := s.automatic(ctx, v, today)
		if other != nil {
			return nil, err
		}
		known = slices.DeleteFunc(known, func(f query.Feature) bool {
			return slices.ContainsFunc(automatic, func(a query.Feature) bool { return a.Name == f.Name })
		})
		if own, err = feature.Own(s.Plan.Features, s.catalogue(v, append(slices.Clip(automatic), known...)), v.zone); err != nil {
			return nil, err
		}
	}
	return append(automatic, own...), nil
}

// automatic returns the automatic features found in what was known before a cutoff.
func (s *Shop) automatic(ctx context.Context, v *view, earliest kequn.Cutoff) ([]query.Feature, error) {
	p, err := feature.TakeProfile(ctx, v.data, earliest, s.Threads)
	if err != nil {
		return nil, err
	}
	return feature.Automatic(v.datasets, p, feature.Options{Currency: s.Plan.Currency}), nil
}

// writeFeatures writes the features' values, partition by partition, and returns the number of rows.
func (s *Shop) writeFeatures(ctx context.Context, v *view, path string, cutoffs []kequn.Cutoff, defs []query.Feature) (rows int, err error) {
	layout := feature.Layout{Features: defs, Datasets: v.datasets, Cutoffs: cutoffs, Zone: v.zone}
	err = replaceFile(path, func(w io.Writer) error {
		var file feature.File
		if strings.EqualFold(filepath.Ext(path), ".parquet") {
			if file, err = feature.NewParquet(w, layout); err != nil {
				return err
			}
		} else {
			file = feature.NewCSV(w, layout)
		}
		err := s.Engine.Stream(ctx, v.data, engine.Request{Cutoffs: cutoffs, Zone: v.zone, Features: defs, Threads: s.Threads}, func(p *engine.Panel) error {
			rows += p.NRows()
			return file.Write(p)
		})
		if err != nil {
			return err
		}
		return file.Close()
	})
	return rows, err
}

// replaceFile writes a file beside its place and moves it there when it is whole.
func replaceFile(path string, fill func(io.Writer) error) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return kequn.Errorf(kequn.KindUsage, path, "cannot be written: %v", err)
	}
	defer os.Remove(tmp.Name())
	defer tmp.Close()
	w := bufio.NewWriterSize(tmp, 1<<20)
	if err := fill(w); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if err := tmp.Chmod(0o644); err != nil {
		return err
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}
