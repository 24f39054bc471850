// Package cluster finds groups of rows by k-means or Gaussian mixtures: prepared columns, several starts, choice of k, stability.
//
// The path of a table through the room:
//
//	table ─ Prepare ─▶ Preparation ─ Rows ─▶ float32 rows ─ KMeans.Fit, Mixture.Fit ─▶ groups ─ judged ─▶ Model
//
// [Find] walks it all, choosing the number of groups if asked to; the [Model] it returns assigns new rows by the same
// preparation and the same centres, or components. The same table, options and seed give the same bytes for any number of threads.
package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"kequn"
	"kequn/internal/table"
)

// Options say how groups are looked for. The zero value chooses k from 2 to 10.
type Options struct {
	K          int // number of groups; 0 chooses it
	MinK, MaxK int // range of the choice; 0 means 2 and 10
	Prepare    PrepareOptions
	Method     Method // the zero value is k-means
	Batch      int    // mini-batch k-means: rows a round looks at; 0 means 4096
	Starts     int    // how often k-means begins anew; 0 means 10
	Seed       uint64
	Threads    int
}

// Method is a way to find groups.
type Method string

// The methods. Mixtures have full covariances for up to 20 prepared columns, diagonal ones beyond: they have p²/2 numbers a group.
const (
	ByKMeans    Method = "kmeans"
	ByMiniBatch Method = "minibatch"
	ByMixture   Method = "mixture"

	fullColumns = 20
	batchRows   = 4096
)

// Model is a set of groups with all that is needed to assign further rows. It is immutable and safe to share.
type Model struct {
	Preparation *Preparation `json:"preparation"`
	K           int          `json:"k"`       // number of groups, none of them empty
	Centres     []float32    `json:"centres"` // (K, number of prepared columns), row-major, in prepared units
	Sizes       []int        `json:"sizes"`   // rows of each group; the largest group is number 0
	Inertia     float64      `json:"inertia"` // Σ squared distance of rows to their centres, in prepared units
	Silhouette  float64      `json:"silhouette"`
	Stability   float64      `json:"stability"` // agreement with groups found in random halves, in [0, 1]
	Trials      []Trial      `json:"trials,omitempty"`
	Mixture     *Gaussians   `json:"mixture,omitempty"` // of method mixture: then Centres are its means
	Notes       []string     `json:"notes,omitempty"`   // what was done with odd columns or too few rows

	FitSeconds float64 `json:"-"` // never saved, so that files repeat bit for bit
}

// Find returns groups of the rows of t and each row's group. Columns that cannot serve are named in the model's notes; a
// table without a usable column, or with fewer than two different rows, is a not_enough error. It stops soon after ctx
// is cancelled and returns ctx's error.
func Find(ctx context.Context, t *table.Table, o Options) (*Model, []int32, error) {
	begin := time.Now()
	low, high, err := o.rangeOfK()
	if err != nil {
		return nil, nil, err
	}
	switch o.Method {
	case "", ByKMeans, ByMiniBatch, ByMixture:
	default:
		return nil, nil, kequn.Errorf(kequn.KindUsage, "", "unknown method %q for groups", o.Method).WithHint("methods are kmeans, minibatch and mixture")
	}
	prep, err := Prepare(t, o.Prepare)
	if err != nil {
		return nil, nil, err
	}
	x, err := prep.Rows(t)
	if err != nil {
		return nil, nil, err
	}
	m := &Model{Preparation: prep, Notes: prep.Notes}
	p := prep.NCols()
	distinct := distinctRows(x, p, high)
	if distinct < 2 {
		return nil, nil, kequn.Errorf(kequn.KindNotEnough, "", "groups need rows that differ, and all %d rows are alike in the %d usable columns", len(x)/p, len(prep.Columns)).
			WithHint("choose columns in which customers differ")
	}
	if o.K > distinct {
		m.Notes = append(m.Notes[:len(m.Notes):len(m.Notes)], fmt.Sprintf("%d groups were asked for, but only %d rows differ", o.K, distinct))
	}
	low, high = min(low, distinct), min(high, distinct)
	judge := newJudge(x, p, o)
	k := low
	if low < high {
		if m.Trials, err = judge.tryAll(ctx, low, high); err != nil {
			return nil, nil, err
		}
		k = chooseK(m.Trials, o.Method == ByMixture)
	}
	g, err := o.group(ctx, x, p, k, o.Starts, o.Seed, o.Threads)
	if err != nil {
		return nil, nil, err
	}
	m.K, m.Centres, m.Sizes, m.Inertia, m.Mixture = g.K, g.Centres, g.Sizes, g.Inertia, g.mixture
	if m.Silhouette, m.Stability, err = judge.figures(ctx, g); err != nil {
		return nil, nil, err
	}
	m.FitSeconds = time.Since(begin).Seconds()
	return m, g.Label, nil
}

// grouping is what either method found.
type grouping struct {
	*Groups
	mixture *Gaussians // nil for k-means
}

// group finds k groups of rows by the method of the options.
func (o Options) group(ctx context.Context, x []float32, p, k, starts int, seed uint64, threads int) (*grouping, error) {
	if o.Method != ByMixture {
		set := KMeans{K: k, Starts: starts, Seed: seed, Threads: threads}
		if o.Method == ByMiniBatch {
			set.Batch = batchRows
			if o.Batch > 0 {
				set.Batch = o.Batch
			}
		}
		g, err := set.Fit(ctx, x, p)
		return &grouping{Groups: g}, err
	}
	g, err := Mixture{K: k, Diagonal: p > fullColumns, Starts: starts, Seed: seed, Threads: threads}.Fit(ctx, x, p)
	if err != nil {
		return nil, err
	}
	// Components that are nobody's most likely one are no groups.
	count := make([]int, g.K)
	for _, l := range g.Assign(x, threads) {
		count[l]++
	}
	var kept []int
	for c, n := range count {
		if n > 0 {
			kept = append(kept, c)
		}
	}
	slices.SortStableFunc(kept, func(a, b int) int { return count[b] - count[a] })
	out := &grouping{Groups: &Groups{K: len(kept), Iterations: g.Iterations}, mixture: g.keep(kept)}
	out.Label = out.mixture.Assign(x, threads)
	for _, c := range kept {
		out.Sizes = append(out.Sizes, count[c])
	}
	for _, v := range out.mixture.Means {
		out.Centres = append(out.Centres, float32(v))
	}
	for i, l := range out.Label {
		out.Inertia += distance2(x[i*p:(i+1)*p], out.Centres[int(l)*p:(int(l)+1)*p])
	}
	return out, nil
}

func (g *grouping) assign(x []float32, p, threads int) []int32 {
	if g.mixture != nil {
		return g.mixture.Assign(x, threads)
	}
	return Assign(x, p, g.Centres, threads)
}

func (g *grouping) bic() float64 {
	if g.mixture == nil {
		return 0
	}
	return g.mixture.BIC
}

func (o Options) rangeOfK() (low, high int, err error) {
	if o.K != 0 {
		if o.K < 2 || o.K > MaxGroups {
			return 0, 0, kequn.Errorf(kequn.KindUsage, "", "k is %d, want 2 to %d", o.K, MaxGroups)
		}
		return o.K, o.K, nil
	}
	low, high = 2, 10
	if o.MinK != 0 {
		low = o.MinK
	}
	if o.MaxK != 0 {
		high = o.MaxK
	}
	if low < 2 || high < low || high > MaxGroups {
		return 0, 0, kequn.Errorf(kequn.KindUsage, "", "the range of k is %d to %d, want at least 2 and at most %d", low, high, MaxGroups)
	}
	return low, high, nil
}

// Assign returns the group of each row of t, whose columns are matched by name. A column that the groups were made from
// and t lacks is an input error that names it.
func (m *Model) Assign(t *table.Table, threads int) ([]int32, error) {
	x, err := m.Preparation.Rows(t)
	if err != nil {
		return nil, err
	}
	if m.Mixture != nil {
		return m.Mixture.Assign(x, threads), nil
	}
	return Assign(x, m.Preparation.NCols(), m.Centres, threads), nil
}

// Responsibilities returns for each row of t how likely it belongs to each group, (n, K) row-major; nil for groups of k-means,
// which are certain.
func (m *Model) Responsibilities(t *table.Table, threads int) ([]float64, error) {
	if m.Mixture == nil {
		return nil, nil
	}
	x, err := m.Preparation.Rows(t)
	if err != nil {
		return nil, err
	}
	return m.Mixture.Responsibilities(x, threads), nil
}

// Distances returns for each row of t the distance to every centre, (n, K), row-major, in prepared units.
func (m *Model) Distances(t *table.Table) ([]float64, error) {
	x, err := m.Preparation.Rows(t)
	if err != nil {
		return nil, err
	}
	p := m.Preparation.NCols()
	out := make([]float64, len(x)/p*m.K)
	for i := range len(x) / p {
		for c := range m.K {
			out[i*m.K+c] = math.Sqrt(distance2(x[i*p:(i+1)*p], m.Centres[c*p:(c+1)*p]))
		}
	}
	return out, nil
}

// ReadModel reads what [json.Marshal] of a Model gives. A model whose parts do not fit together is a damaged error.
func ReadModel(b []byte) (*Model, error) {
	m := &Model{}
	if err := json.Unmarshal(b, m); err != nil {
		return nil, &kequn.Error{Kind: kequn.KindDamaged, Message: "groups cannot be read", Err: err}
	}
	if m.Preparation == nil || !m.Preparation.valid() || m.K < 1 || len(m.Centres) != m.K*m.Preparation.NCols() || len(m.Sizes) != m.K ||
		m.Mixture != nil && (m.Mixture.K != m.K || m.Mixture.NCols != m.Preparation.NCols() || !m.Mixture.valid()) {
		return nil, kequn.Errorf(kequn.KindDamaged, "", "groups do not fit together")
	}
	return m, nil
}

// distinctRows counts different rows, up to limit.
func distinctRows(x []float32, p, limit int) int {
	var seen [][]float32
next:
	for i := 0; i < len(x) && len(seen) < limit; i += p {
		row := x[i : i+p]
		for _, s := range seen {
			if equal(row, s) {
				continue next
			}
		}
		seen = append(seen, row)
	}
	return len(seen)
}

func equal(a, b []float32) bool {
	for i, v := range a {
		if v != b[i] {
			return false
		}
	}
	return true
}

func distance2(a, b []float32) float64 {
	s := 0.0
	for i, v := range a {
		d := float64(v) - float64(b[i])
		s += d * d
	}
	return s
}
