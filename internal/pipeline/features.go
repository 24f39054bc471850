package pipeline

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"kequn"
	"kequn/internal/engine"
	"kequn/internal/feature"
	"kequn/internal/plan"
	"kequn/internal/query"
	"kequn/internal/rule"
)

// FeatureFlags say which features are wanted, at which cutoffs, and where to.
type FeatureFlags struct {
	Cutoff string // "", or cutoffs separated by commas
	Only   string // "", own, automatic, or names separated by commas
	Out    string // CSV, or Parquet where the name says so
	Facts  bool   // how values look and drift, also where Out is set
}

// FeatureList is the catalogue, and where the values went.
type FeatureList struct {
	Cutoff    string          `json:"cutoff"`             // the newest
	Cutoffs   []string        `json:"cutoffs,omitempty"`  // where several were asked for, oldest first
	Compared  []string        `json:"compared,omitempty"` // cutoffs between which drift is told, oldest first
	Customers int             `json:"customers,omitempty"`
	Rows      int             `json:"rows,omitempty"` // customers × cutoffs written
	Out       string          `json:"out,omitempty"`
	Page      string          `json:"page,omitempty"`
	Hash      string          `json:"hash"` // of the definitions
	Notes     []string        `json:"notes,omitempty"`
	Features  []feature.Entry `json:"features"`
}

// Drifting returns the features that moved most between the cutoffs, most first, at most n of them and none below a small effect.
func (l *FeatureList) Drifting(n int) []feature.Entry {
	var out []feature.Entry
	for _, e := range l.Features {
		if e.Stats != nil && e.Stats.Drift >= feature.SmallDrift {
			out = append(out, e)
		}
	}
	slices.SortStableFunc(out, func(a, b feature.Entry) int { return cmp.Compare(b.Stats.Drift, a.Stats.Drift) })
	return out[:min(n, len(out))]
}

// Features lists the features, and how their values look and drift. With Out it writes a row for every cutoff and customer with an
// event before it.
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
	for i := range out.Features {
		out.Features[i].Own = s.own(out.Features[i].Name)
	}
	if len(cutoffs) > 1 {
		out.Cutoffs = v.times(cutoffs)
	}
	s.Progress(s.Lang.Pick("特征", "features"), 0, 0)
	if f.Out != "" {
		out.Out = f.Out
		if out.Rows, err = s.writeFeatures(ctx, v, f.Out, cutoffs, defs); err != nil {
			return nil, err
		}
	}
	if f.Out == "" || f.Facts {
		if len(cutoffs) == 1 {
			if cutoffs, err = v.compared(ctx, cutoffs[0]); err != nil {
				return nil, err
			}
		}
		out.Compared = v.times(cutoffs)
		out.Notes = s.unknownYet(v, cutoffs[len(cutoffs)-1], defs)
		out.Customers, err = s.summarise(ctx, v, cutoffs, defs, out.Features)
	}
	return out, err
}

// times writes cutoffs in the plan's zone.
func (v *view) times(cutoffs []kequn.Cutoff) []string {
	out := make([]string, len(cutoffs))
	for i, c := range cutoffs {
		out[i] = kequn.FormatZone(c, v.zone)
	}
	return out
}

// compared returns the cutoffs between which drift is told: those that a goal of 30 days would be learnt and judged at, and the
// asking one last.
func (v *view) compared(ctx context.Context, ask kequn.Cutoff) ([]kequn.Cutoff, error) {
	first, err := v.begins(ctx, ask)
	if err != nil {
		return nil, err
	}
	c, ok := ChooseCutoffs(first, ask, kequn.Span{}, kequn.Days(30), v.zone)
	if first == kequn.NoTime || !ok {
		return []kequn.Cutoff{ask}, nil
	}
	return append(c.All(), ask), nil
}

// summarise sums the features' values up in their entries, in one pass over all cutoffs, and returns the customers at the last.
func (s *Shop) summarise(ctx context.Context, v *view, cutoffs []kequn.Cutoff, defs []query.Feature, entries []feature.Entry) (int, error) {
	sum := feature.NewSummary(defs, len(cutoffs))
	r := engine.Request{Cutoffs: cutoffs, Zone: v.zone, Features: defs, Threads: s.Threads}
	if err := s.Engine.Stream(ctx, v.data, r, func(p *engine.Panel) error { sum.Add(p); return nil }); err != nil {
		return 0, err
	}
	sum.Describe(entries)
	return sum.Customers(), nil
}

// unknownYet says which tables of customers that the features read were loaded after a cutoff, so that they are missing at it.
func (s *Shop) unknownYet(v *view, cutoff kequn.Cutoff, defs []query.Feature) []string {
	var out []string
	for _, d := range v.datasets {
		if d.Role != kequn.Customers || d.LoadedAt < cutoff {
			continue
		}
		reads := func(f query.Feature) bool {
			return slices.ContainsFunc(f.Sources, func(source string) bool {
				c := d.Column(strings.TrimPrefix(source, d.Name+"."))
				return c != nil && !c.Fixed && strings.HasPrefix(source, d.Name+".")
			})
		}
		if slices.ContainsFunc(defs, reads) {
			out = append(out, fmt.Sprintf(s.Lang.Pick("%s 在截止时刻之后才载入（%s），其中的列在此之前视为未知；一直不变的列可在 kequn.yaml 中标 fixed: true，或用 --loaded-at 说明当时就已知道",
				"%s was loaded after the cutoff (%s), so its columns count as unknown before; mark those that never change with fixed: true in kequn.yaml, or say with --loaded-at that they were known"),
				d.Name, day(d.LoadedAt, v)))
		}
	}
	return out
}

// own tells whether the plan defines a feature.
func (s *Shop) own(name string) bool {
	return slices.ContainsFunc(s.Plan.Features, func(f plan.Feature) bool { return f.Name == name })
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
	onlyOwn := only == "own" || only != "" && !slices.ContainsFunc(names, func(n string) bool { return !s.own(n) })
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
		return slices.DeleteFunc(defs, func(f query.Feature) bool { return !s.own(f.Name) }), nil
	case "automatic":
		return slices.DeleteFunc(defs, func(f query.Feature) bool { return s.own(f.Name) }), nil
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
	return s.definitionsAt(ctx, v, earliest, feature.TakeProfile)
}

// definitionsAt is allDefinitions with attributes as [feature.TakeProfile] or [feature.TakeProfileAnyTime] see them.
func (s *Shop) definitionsAt(ctx context.Context, v *view, earliest kequn.Cutoff, take takeProfile) ([]query.Feature, error) {
	automatic, err := s.automatic(ctx, v, earliest, take)
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
		known, other := s.automatic(ctx, v, today, take)
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

// takeProfile describes data as known before a cutoff.
type takeProfile func(ctx context.Context, data engine.Data, before kequn.Cutoff, threads int) (*feature.Profile, error)

// automatic returns the automatic features found in what was known before a cutoff.
func (s *Shop) automatic(ctx context.Context, v *view, earliest kequn.Cutoff, take takeProfile) ([]query.Feature, error) {
	p, err := take(ctx, v.data, earliest, s.Threads)
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
