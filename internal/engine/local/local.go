// Package local runs definitions here: one streaming pass over customer-sorted parts, partition by partition.
//
// A request is compiled once: equal definitions become one, and every dataset, row filter, column and window that occurs
// is read, tested, summed and searched once. Each partition is then worked through in blocks of a few hundred
// customers whose rows fit in the processor's cache:
//
//	rows of a block, sorted by customer and time
//	  → which rows are visible at which cutoff     view.go       (usually all: then the cutoffs share everything)
//	  → which rows meet which filter               expression.go
//	  → where windows begin and end                grid.go       (an index per customer and instant)
//	  → aggregates of every window                 aggregate.go  (differences of running sums, or one walk backwards)
//	  → sequences                                  sequence.go
//	  → features, rules and outcomes               expression.go (column by column)
//
// All cutoffs, features, rules and outcomes come out of the same pass. Memory is bounded by a few partitions and their
// panels, however many there are.
package local

import (
	"context"
	"sync"

	"kequn/internal/engine"
	"kequn/internal/kernel"
)

// Engine computes requests in this process. The zero value is ready, has no state and may be shared.
type Engine struct{}

// Stream implements [engine.Engine]. At most Threads+1 partitions are in memory at a time; each is called on the caller's
// goroutine. Results are the same bits for any number of threads, and per customer for any number of partitions.
func (Engine) Stream(ctx context.Context, d engine.Data, r engine.Request, each func(*engine.Panel) error) error {
	passes, err := compileAll(ctx, d, r)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	nParts := d.NParts()
	threads := max(1, min(kernel.Threads(r.Threads), nParts))
	type result struct {
		panel *engine.Panel
		err   error
	}
	results := make([]chan result, nParts)
	for i := range results {
		results[i] = make(chan result, 1)
	}
	next := make(chan int)
	tickets := make(chan struct{}, threads+1) // partitions begun and not yet delivered
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	group.Go(func() {
		defer close(next)
		for i := range nParts {
			select {
			case tickets <- struct{}{}:
			case <-ctx.Done():
				return
			}
			select {
			case next <- i:
			case <-ctx.Done():
				return
			}
		}
	})
	for range threads {
		group.Go(func() {
			c := newCrew(passes, r)
			for i := range next {
				part, err := d.Part(ctx, i, passes[0].wants)
				if err != nil {
					results[i] <- result{err: err}
					return
				}
				panel, err := c.partition(ctx, part)
				results[i] <- result{panel, err}
			}
		})
	}
	for i := range nParts {
		select {
		case got := <-results[i]:
			if got.err != nil {
				return got.err
			}
			if err := each(got.panel); err != nil {
				return err
			}
			<-tickets
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return ctx.Err()
}
