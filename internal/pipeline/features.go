package pipeline

import (
	"context"
	"encoding/csv"
	"math"
	"slices"
	"strconv"
	"strings"

	"kequn"
	"kequn/internal/engine"
	"kequn/internal/feature"
	"kequn/internal/query"
	"kequn/internal/table"
)

// FeatureFlags say at which cutoff features are wanted, and where to.
type FeatureFlags struct {
	Cutoff, Out string
}

// FeatureList is the catalogue, and where the values went.
type FeatureList struct {
	Cutoff   string          `json:"cutoff"`
	Rows     int             `json:"rows,omitempty"` // customers written
	Out      string          `json:"out,omitempty"`
	Hash     string          `json:"hash"` // of the definitions
	Features []feature.Entry `json:"features"`
}

// allDefinitions returns the automatic features, sensitive ones included, found in what was known before a cutoff.
func (s *Shop) allDefinitions(ctx context.Context, v *view, earliest kequn.Cutoff) ([]query.Feature, error) {
	p, err := feature.TakeProfile(ctx, v.data, earliest, s.Threads)
	if err != nil {
		return nil, err
	}
	return feature.Automatic(v.datasets, p, feature.Options{Currency: s.Plan.Currency}), nil
}

// Features lists the automatic features; with Out it writes a row for every customer with an event before the cutoff.
func (s *Shop) Features(ctx context.Context, f FeatureFlags) (*FeatureList, error) {
	v, err := s.look()
	if err != nil {
		return nil, err
	}
	cutoff, err := v.cutoff(f.Cutoff)
	if err != nil {
		return nil, err
	}
	defs, err := s.allDefinitions(ctx, v, cutoff)
	if err != nil {
		return nil, err
	}
	out := &FeatureList{Cutoff: kequn.FormatZone(cutoff, v.zone), Hash: query.Hash(defs), Features: feature.Catalogue(defs)}
	if f.Out == "" {
		return out, nil
	}
	s.Progress(s.Lang.Pick("特征", "features"), 0, 0)
	p, err := engine.Collect(ctx, s.Engine, v.data, engine.Request{Cutoffs: []kequn.Cutoff{cutoff}, Zone: v.zone, Features: defs, Threads: s.Threads})
	if err != nil {
		return nil, err
	}
	out.Rows, out.Out = p.NRows(), f.Out
	return out, writeFeatures(f.Out, p)
}

// writeFeatures writes customer first, then a column per feature; rows are sorted by customer.
func writeFeatures(path string, p *engine.Panel) error {
	order := make([]int, p.NRows())
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return strings.Compare(p.Customer.String(a), p.Customer.String(b)) })
	return writeFile(path, func(w *csv.Writer) error {
		row := append([]string{"customer"}, p.X.Names()...)
		if err := w.Write(row); err != nil {
			return err
		}
		for _, i := range order {
			row[0] = p.Customer.String(i)
			for k, c := range p.X.Columns {
				row[k+1] = cell(c, i)
			}
			if err := w.Write(row); err != nil {
				return err
			}
		}
		return nil
	})
}

// cell returns a value as it is written to CSV, "" when missing.
func cell(c *table.Column, i int) string {
	if c.Kind.InCode() {
		return c.String(i)
	}
	v := c.Float(i)
	if math.IsNaN(v) {
		return ""
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}
