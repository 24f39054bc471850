// Command panel times the automatic features of a loaded workspace at several cutoffs in one pass: the profile that chooses
// the features, and the panel itself, partition by partition, nothing kept.
//
//	go run ./bench/panel WORKSPACE 2017-07-01 2017-08-01 …
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"kequn"
	"kequn/internal/engine"
	"kequn/internal/engine/local"
	"kequn/internal/feature"
	"kequn/internal/store"
	"kequn/internal/table"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: panel WORKSPACE CUTOFF…")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(kequn.ExitCode(err))
	}
}

func run(dir string, texts []string) error {
	var cutoffs []kequn.Cutoff
	for _, t := range texts {
		c, err := kequn.ParseTime(t, time.UTC)
		if err != nil {
			return err
		}
		cutoffs = append(cutoffs, c)
	}
	w, err := store.Open(dir, store.Options{})
	if err != nil {
		return err
	}
	snap, err := w.Snapshot()
	if err != nil {
		return err
	}
	d := data{snap}
	ctx := context.Background()
	for range 3 {
		began := time.Now()
		p, err := feature.TakeProfile(ctx, d, cutoffs[0], 0)
		if err != nil {
			return err
		}
		profile := time.Since(began)
		began = time.Now()
		features := feature.Automatic(d.Datasets(), p, feature.Options{})
		rows := 0
		err = local.Engine{}.Stream(ctx, d, engine.Request{Cutoffs: cutoffs, Zone: time.UTC, Features: features}, func(p *engine.Panel) error {
			rows += p.NRows()
			return nil
		})
		if err != nil {
			return err
		}
		fmt.Printf("%d features at %d cutoffs, %d rows: profile %.2f s, panel %.2f s\n", len(features), len(cutoffs), rows, profile.Seconds(), time.Since(began).Seconds())
	}
	return nil
}

// data shows a snapshot to the engine.
type data struct{ *store.Snapshot }

func (d data) Datasets() []engine.Dataset {
	var out []engine.Dataset
	for _, x := range d.Snapshot.Datasets() {
		out = append(out, engine.Dataset{Dataset: x.Dataset, Rows: x.Rows, First: x.First, Last: x.Last, Late: x.Late, Versioned: x.Versioned, LoadedAt: x.LoadedAt})
	}
	return out
}

func (d data) Part(ctx context.Context, p int, want []table.Want) (*table.Partition, error) {
	return d.Snapshot.Part(ctx, p, want)
}
