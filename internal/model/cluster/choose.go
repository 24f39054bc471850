package cluster

import (
	"context"
	"math"

	"kequn/internal/kernel"
	"kequn/internal/metric"
)

// Trial is how one number of groups did.
type Trial struct {
	K             int     `json:"k"`
	Silhouette    float64 `json:"silhouette"`
	SilhouetteErr float64 `json:"silhouette_err"` // standard error of the difference to the best trial, paired by row
	Stability     float64 `json:"stability"`
	Inertia       float64 `json:"inertia"`       // on the rows of the trial
	BIC           float64 `json:"bic,omitempty"` // mixtures only

	widths []float64 // silhouette of each sampled row
}

const (
	trialRows      = 8000 // enough that groups of 1 % still have 80 rows
	silhouetteRows = 1500 // the silhouette compares all pairs
	halves         = 8    // random halves on which stability is tried
	halfStarts     = 3    // starts on each half; fewer than for the groups themselves, so stability is rather under- than overstated
	stableEnough   = 0.8  // agreement above which groups are called the same groups again
)

// judge measures groupings of one table.
type judge struct {
	o       Options
	p       int
	rows    []float32 // a sample, (m, p)
	compare []int32   // rows of the sample whose silhouette is taken
}

func newJudge(x []float32, p int, o Options) *judge {
	n := len(x) / p
	j := &judge{o: o, p: p, rows: x}
	if n > trialRows {
		j.rows = takeRows(x, p, kernel.NewStream(o.Seed, kernel.ID("trial rows")).Sample(n, trialRows))
	}
	j.compare = kernel.NewStream(o.Seed, kernel.ID("trial silhouette")).Sample(len(j.rows)/p, silhouetteRows)
	return j
}

func takeRows(x []float32, p int, rows []int32) []float32 {
	out := make([]float32, 0, len(rows)*p)
	for _, r := range rows {
		out = append(out, x[int(r)*p:(int(r)+1)*p]...)
	}
	return out
}

// tryAll judges each k from low to high on the sample.
func (j *judge) tryAll(ctx context.Context, low, high int) ([]Trial, error) {
	trials := make([]Trial, high-low+1)
	errs := make([]error, len(trials))
	// Each k is one task on one thread: k-means gives the same bytes for any number of threads, and so many small tasks
	// spread better than small blocks.
	kernel.Parallel(len(trials), j.o.Threads, 1, func(i, _ int) {
		trials[i], errs[i] = j.try(ctx, low+i)
	})
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	best := bestTrial(trials)
	for i := range trials {
		d := make([]float64, len(trials[i].widths))
		for r, w := range trials[i].widths {
			d[r] = trials[best].widths[r] - w
		}
		_, variance := kernel.MeanVar(d, nil)
		trials[i].SilhouetteErr = math.Sqrt(variance / float64(max(1, len(d)-1)))
	}
	return trials, nil
}

func (j *judge) try(ctx context.Context, k int) (Trial, error) {
	g, err := j.o.group(ctx, j.rows, j.p, k, j.o.Starts, j.o.Seed, 1)
	if err != nil {
		return Trial{}, err
	}
	t := Trial{K: k, Inertia: g.Inertia, BIC: g.bic(), widths: j.widths(g.Label, 1)}
	t.Silhouette = kernel.Sum(t.widths) / float64(len(t.widths))
	t.Stability, err = j.stability(ctx, k, g.Label, 1)
	return t, err
}

// widths returns the silhouettes of the compared rows; all 0, as for rows that belong nowhere, where they are of one group.
func (j *judge) widths(label []int32, threads int) []float64 {
	out := metric.SilhouetteRows(j.rows, j.p, label, j.compare, threads)
	if math.IsNaN(out[0]) {
		clear(out)
	}
	return out
}

// figures returns silhouette and stability of groups found on all rows.
func (j *judge) figures(ctx context.Context, g *grouping) (silhouette, stability float64, err error) {
	label := g.assign(j.rows, j.p, j.o.Threads)
	widths := j.widths(label, j.o.Threads)
	stability, err = j.stability(ctx, g.K, label, j.o.Threads)
	return kernel.Sum(widths) / float64(len(widths)), stability, err
}

// stability returns how well the grouping agrees, by adjusted Rand index, with groups found anew in random halves of the
// rows and spread to all of them: the mean over halves, 0 where it is below.
func (j *judge) stability(ctx context.Context, k int, label []int32, threads int) (float64, error) {
	n := len(j.rows) / j.p
	agree, errs := make([]float64, halves), make([]error, halves)
	kernel.Parallel(halves, threads, 1, func(h, _ int) {
		half := kernel.NewStream(j.o.Seed, kernel.ID("half"), uint64(h)).Sample(n, (n+1)/2)
		seed := kernel.NewStream(j.o.Seed, kernel.ID("half seed"), uint64(h)).Uint64()
		g, err := j.o.group(ctx, takeRows(j.rows, j.p, half), j.p, k, halfStarts, seed, 1)
		if err != nil {
			errs[h] = err
			return
		}
		agree[h] = metric.AdjustedRand(label, g.assign(j.rows, j.p, 1))
	})
	for _, err := range errs {
		if err != nil {
			return 0, err
		}
	}
	return max(0, kernel.Sum(agree)/halves), nil
}

// candidates tells which trials may be chosen: those whose groups come back in other halves of the rows, or, where
// none does so well, those within 0.1 of the steadiest.
func candidates(trials []Trial) []bool {
	limit := 0.0
	for _, t := range trials {
		limit = max(limit, t.Stability)
	}
	limit = min(stableEnough, limit-0.1)
	out := make([]bool, len(trials))
	for i, t := range trials {
		out[i] = t.Stability >= limit
	}
	return out
}

// bestTrial returns the candidate with the largest silhouette, the fewest groups of equals.
func bestTrial(trials []Trial) int {
	best := -1
	for i, ok := range candidates(trials) {
		if ok && (best < 0 || trials[i].Silhouette > trials[best].Silhouette) {
			best = i
		}
	}
	return best
}

// chooseK returns the fewest groups whose silhouette is within one standard error of the best candidate's; of mixtures the
// candidate of the smallest BIC.
func chooseK(trials []Trial, mixture bool) int {
	if mixture {
		at := -1
		for i, ok := range candidates(trials) {
			if ok && (at < 0 || trials[i].BIC < trials[at].BIC) {
				at = i
			}
		}
		return trials[at].K
	}
	best := bestTrial(trials)
	for i, ok := range candidates(trials) {
		if ok && trials[i].Silhouette >= trials[best].Silhouette-trials[i].SilhouetteErr {
			return trials[i].K
		}
	}
	return trials[best].K
}
