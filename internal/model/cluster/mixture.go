package cluster

import (
	"cmp"
	"context"
	"math"
	"slices"

	"kequn"
	"kequn/internal/kernel"
)

// Mixture looks for weights πₖ, means μₖ and covariances Σₖ of a Gaussian mixture that make the mean log-likelihood
//
//	1/n · Σᵢ ln Σₖ πₖ·N(xᵢ | μₖ, Σₖ)
//
// large, by expectation maximisation from the groups of k-means. The zero value of every field but K means its default.
//
// Every covariance is kept at or above Floor times the mean variance of the columns, in every direction: variances below are raised to
// it, with full covariances in the direction of their eigenvectors. That is the exact maximum under this constraint, so the likelihood
// never falls, and no component can shrink onto repeated rows, whatever is tied, rounded, constant or duplicated.
//
// Reference: Dempster, Laird, Rubin, Maximum likelihood from incomplete data via the EM algorithm, 1977; Hathaway, A constrained
// formulation of maximum-likelihood estimation for normal mixture distributions, 1985.
type Mixture struct {
	K             int
	Diagonal      bool    // columns are independent within a component; else covariances are full
	Starts        int     // of k-means, default 10
	MaxIterations int     // default 200
	Tolerance     float64 // stop when the mean log-likelihood rises by no more; default 1e-4
	Floor         float64 // default 1e-3: a component is at least 3 % as wide as everything
	Begin         []int32 // begin with these groups instead of those of k-means
	Seed          uint64
	Threads       int
}

// Gaussians is a fitted mixture. Components are in the order of their weight, heaviest first.
type Gaussians struct {
	K        int       `json:"k"`
	NCols    int       `json:"ncols"`
	Diagonal bool      `json:"diagonal,omitempty"`
	Weights  []float64 `json:"weights"`
	Means    []float64 `json:"means"` // (K, NCols)
	Cov      []float64 `json:"cov"`   // (K, NCols) variances, or (K, NCols, NCols)

	LogLikelihood float64   `json:"log_likelihood"` // mean of a row
	BIC           float64   `json:"bic"`            // −2·log-likelihood + parameters·ln n: the smaller, the better
	Iterations    int       `json:"-"`
	Trace         []float64 `json:"-"` // mean log-likelihood before each iteration and at the end: it never falls
}

func (m Mixture) defaults() Mixture {
	if m.Starts <= 0 {
		m.Starts = 10
	}
	if m.MaxIterations <= 0 {
		m.MaxIterations = 200
	}
	if m.Tolerance <= 0 {
		m.Tolerance = 1e-4
	}
	if m.Floor <= 0 {
		m.Floor = 1e-3
	}
	return m
}

// Fit returns the mixture of x, which is (n, nCols) row-major and finite. A K below 1 or above [MaxGroups], or no rows, is an
// error. x is not changed.
//
// Time is O(n·nCols·K) an iteration for diagonal covariances, O(n·nCols²·K) for full ones, memory K·nCols² for every 4,096
// rows; the result does not depend on the number of threads.
func (m Mixture) Fit(ctx context.Context, x []float32, nCols int) (*Gaussians, error) {
	if nCols < 1 || len(x)%nCols != 0 || m.Begin != nil && len(m.Begin) != len(x)/nCols {
		panic("cluster: length mismatch")
	}
	n := len(x) / nCols
	if m.K < 1 || m.K > MaxGroups {
		return nil, kequn.Errorf(kequn.KindUsage, "", "k is %d, want 1 to %d", m.K, MaxGroups)
	}
	if n == 0 {
		return nil, kequn.Errorf(kequn.KindNotEnough, "", "groups need rows, and there are none")
	}
	m = m.defaults()
	begin := m.Begin
	if begin == nil {
		g, err := KMeans{K: m.K, Starts: m.Starts, Seed: m.Seed, Threads: m.Threads}.Fit(ctx, x, nCols)
		if err != nil {
			return nil, err
		}
		begin = g.Label
	}
	e := newEM(m, x, nCols)
	e.first(begin)
	before := math.Inf(-1)
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		s := e.pass(e.responsibilities)
		likelihood := s.likelihood / float64(n)
		e.g.Trace = append(e.g.Trace, likelihood)
		e.g.LogLikelihood = likelihood
		if likelihood-before <= m.Tolerance || e.g.Iterations == m.MaxIterations {
			break
		}
		before = likelihood
		e.maximise(s)
		e.g.Iterations++
	}
	e.g.BIC = -2*e.g.LogLikelihood*float64(n) + e.g.parameters()*math.Log(float64(n))
	e.g.sort()
	return e.g, nil
}

// parameters returns how many numbers are free.
func (g *Gaussians) parameters() float64 {
	p := float64(g.NCols)
	each := p + p*(p+1)/2
	if g.Diagonal {
		each = 2 * p
	}
	return float64(g.K)*(each+1) - 1
}

// size returns how many numbers a covariance has.
func (g *Gaussians) size() int {
	if g.Diagonal {
		return g.NCols
	}
	return g.NCols * g.NCols
}

// keep returns the mixture of the given components, with weights that sum to 1 again.
func (g *Gaussians) keep(components []int) *Gaussians {
	out, p, size := *g, g.NCols, g.size()
	out.K, out.Weights, out.Means, out.Cov = len(components), nil, nil, nil
	total := 0.0
	for _, k := range components {
		total += g.Weights[k]
	}
	for _, k := range components {
		out.Weights = append(out.Weights, g.Weights[k]/total)
		out.Means = append(out.Means, g.Means[k*p:(k+1)*p]...)
		out.Cov = append(out.Cov, g.Cov[k*size:(k+1)*size]...)
	}
	return &out
}

// sort puts the heaviest component first; of equals the one of the smaller mean.
func (g *Gaussians) sort() {
	order := make([]int, g.K)
	for k := range order {
		order[k] = k
	}
	p := g.NCols
	slices.SortStableFunc(order, func(a, b int) int {
		if c := cmp.Compare(g.Weights[b], g.Weights[a]); c != 0 {
			return c
		}
		return slices.Compare(g.Means[a*p:(a+1)*p], g.Means[b*p:(b+1)*p])
	})
	*g = *g.keep(order)
}

// Responsibilities returns for each row of x the probability of each component, (n, K) row-major; each row sums to 1.
func (g *Gaussians) Responsibilities(x []float32, threads int) []float64 {
	e := g.over(x, threads)
	out := make([]float64, e.n*g.K)
	e.pass(func(lo, rows int, s *scratch) float64 {
		l := e.responsibilities(lo, rows, s)
		for r := range rows {
			for k := range g.K {
				out[(lo+r)*g.K+k] = s.density[k*emStride+r]
			}
		}
		return l
	})
	return out
}

// Assign returns for each row of x the component of the largest responsibility, the first of equals.
func (g *Gaussians) Assign(x []float32, threads int) []int32 {
	e := g.over(x, threads)
	out := make([]int32, e.n)
	e.pass(func(lo, rows int, s *scratch) float64 {
		e.densities(lo, rows, s)
		for r := range rows {
			best := math.Inf(-1)
			for k := range g.K {
				if d := s.density[k*emStride+r]; d > best {
					best, out[lo+r] = d, int32(k)
				}
			}
		}
		return 0
	})
	return out
}

// over returns the way through x with g as it is: sums are not taken.
func (g *Gaussians) over(x []float32, threads int) *em {
	e := &em{set: Mixture{K: g.K, Diagonal: g.Diagonal, Threads: threads}, x: x, p: g.NCols, n: len(x) / g.NCols, g: g, still: true}
	e.centre = make([]float64, g.NCols)
	e.prepare()
	return e
}

// valid tells whether what was read can be used.
func (g *Gaussians) valid() bool {
	if g.K < 1 || g.K > MaxGroups || g.NCols < 1 || len(g.Weights) != g.K || len(g.Means) != g.K*g.NCols || len(g.Cov) != g.K*g.size() {
		return false
	}
	for _, w := range g.Weights {
		if !(w >= 0 && w <= 1) {
			return false
		}
	}
	for k := range g.K {
		if g.Diagonal {
			for _, v := range g.Cov[k*g.NCols : (k+1)*g.NCols] {
				if !(v > 0) {
					return false
				}
			}
		} else if c := slices.Clone(g.Cov[k*g.size() : (k+1)*g.size()]); !kernel.Cholesky(c, g.NCols) {
			return false
		}
	}
	return true
}
