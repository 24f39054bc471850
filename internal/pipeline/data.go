package pipeline

import (
	"context"

	"kequn/internal/engine"
	"kequn/internal/store"
	"kequn/internal/table"
)

// snapshotData shows a snapshot to engines.
type snapshotData struct{ snap *store.Snapshot }

func (d snapshotData) Datasets() []engine.Dataset {
	var out []engine.Dataset
	for _, x := range d.snap.Datasets() {
		out = append(out, asEngine(x))
	}
	return out
}

func asEngine(x store.Dataset) engine.Dataset {
	return engine.Dataset{Dataset: x.Dataset, Rows: x.Rows, First: x.First, Last: x.Last, Late: x.Late, Versioned: x.Versioned, LoadedAt: x.LoadedAt}
}

func (d snapshotData) NParts() int { return d.snap.NParts() }

func (d snapshotData) Part(ctx context.Context, p int, want []table.Want) (*table.Partition, error) {
	return d.snap.Part(ctx, p, want)
}

func (d snapshotData) Lookup(ctx context.Context, name string, columns []string) (*table.Table, error) {
	return d.snap.Lookup(ctx, name, columns)
}

// PartOf tells in which partition a customer is, so that one customer's question reads one partition.
func (d snapshotData) PartOf(customer string) int { return d.snap.PartOf(customer) }
