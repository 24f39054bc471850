package cluster

import (
	"context"
	"math"
	"slices"

	"kequn/internal/kernel"
)

// A mini-batch round looks at Batch random rows only: each of their centres moves to the mean of all rows that it was ever
// given, c ← c + (mean of the batch's rows − c)·(their number / its number so far). The rounds end when a running mean of
// the batches' inertia has not fallen for patience rounds, at the latest after MaxIterations times all rows.
//
// Reference: Sculley, Web-scale k-means clustering, 2010.
const patience = 10

// batches goes from the given centres to the end of the mini-batch rounds.
func (l *lloyd) batches(ctx context.Context, begin []float32) error {
	copy(l.centre, begin)
	n, k, p := l.rows.NRows, l.k, l.p
	size := min(l.set.Batch, n)
	centre, given := make([]float64, k*p), make([]float64, k)
	for i, v := range l.centre {
		centre[i] = float64(v)
	}
	stream := kernel.NewStream(l.set.Seed, kernel.ID("k-means batches"))
	// Rows are taken from a random order of all, so that a pass leaves none out and no row comes twice.
	order := stream.Perm(n)
	at := 0
	mean, least, since := math.NaN(), math.Inf(1), 0
	batch := make([]float32, size*p)
	weight := min(1, 2*float64(size)/float64(n+1))
	for l.rounds = 0; l.rounds < l.set.MaxIterations*kernel.NBlocks(n, size); l.rounds++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		for b := range size {
			if at == n {
				at = 0
			}
			l.rows.Row(order[at], batch[b*p:])
			at++
		}
		label := Assign(batch, p, l.centre, l.set.Threads)
		sum, count, inertia := make([]float64, k*p), make([]float64, k), 0.0
		for b, g := range label {
			row := batch[b*p : (b+1)*p]
			inertia += distance2(row, l.centre[int(g)*p:(int(g)+1)*p])
			count[g]++
			for j, v := range row {
				sum[int(g)*p+j] += float64(v)
			}
		}
		for g, c := range count {
			if c == 0 {
				continue
			}
			given[g] += c
			for j := range p {
				at := g*p + j
				centre[at] += (sum[at] - c*centre[at]) / given[g]
				l.centre[at] = float32(centre[at])
			}
		}
		inertia /= float64(size)
		if math.IsNaN(mean) {
			mean = inertia
		} else {
			mean += weight * (inertia - mean)
		}
		if mean < least {
			least, since = mean, 0
		} else if since++; since == patience {
			break
		}
	}
	l.settle()
	return ctx.Err()
}

// settle gives every row to its nearest centre.
func (l *lloyd) settle() {
	for i := range l.label {
		l.label[i] = -1
	}
	clear(l.sum)
	clear(l.count)
	l.assign()
	if slices.Contains(l.count, 0) {
		l.fillEmpty()
		for i := range l.label {
			l.label[i] = -1
		}
		clear(l.sum)
		clear(l.count)
		l.assign()
	}
}
