package cluster

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/metric"

	"pgregory.net/rapid"
)

// From the same first groups, the same mixture as scikit-learn's. Ours stops at a rise of 1e-9 too; its covariances have 1e-9 added.
func TestMixtureAgreesWithScikitLearn(t *testing.T) {
	x, _ := readBlobs(t)
	b, err := os.ReadFile("testdata/mixture.golden")
	if err != nil {
		t.Fatal(err)
	}
	golden := map[string][]float64{}
	for _, line := range strings.Split(strings.TrimSpace(string(b)), "\n")[1:] {
		f := strings.Fields(line)
		for _, text := range f[1:] {
			v, _ := strconv.ParseFloat(text, 64)
			golden[f[0]] = append(golden[f[0]], v)
		}
	}
	begin := make([]int32, len(x)/3)
	for i := range begin {
		begin[i] = int32(i % 4)
	}
	for _, kind := range []string{"diag", "full"} {
		g, err := Mixture{K: 4, Diagonal: kind == "diag", Begin: begin, Tolerance: 1e-9, Floor: 1e-9, MaxIterations: 5000}.Fit(t.Context(), x, 3)
		if err != nil {
			t.Fatal(err)
		}
		near := func(what string, got []float64, tolerance float64) {
			for i, want := range golden[kind+"."+what] {
				if math.Abs(got[i]-want) > tolerance*max(1, math.Abs(want)) {
					t.Errorf("%s %s %d: %v, want %v", kind, what, i, got[i], want)
				}
			}
		}
		near("likelihood", []float64{g.LogLikelihood}, 1e-7)
		near("bic", []float64{g.BIC}, 1e-7)
		near("weights", g.Weights, 1e-3)
		near("means", g.Means, 1e-3)
		near("cov", g.Cov, 1e-3)
		t.Logf("%s: %d iterations, %v", kind, g.Iterations, g.LogLikelihood)
	}
}

// awkward draws rows that are tied, rounded, constant in a column, or the same many times.
func awkward(t *rapid.T) (x []float32, p int) {
	n := rapid.IntRange(1, 300).Draw(t, "n")
	p = rapid.IntRange(1, 5).Draw(t, "p")
	s := kernel.NewStream(rapid.Uint64().Draw(t, "seed"))
	kinds := make([]int, p)
	for j := range kinds {
		kinds[j] = rapid.IntRange(0, 5).Draw(t, "kind")
	}
	for range n {
		for j, kind := range kinds {
			v := s.Norm()
			switch kind {
			case 0:
				v = math.Round(v)
			case 1:
				v = 3
			case 2:
				v = math.Round(v*10) / 10 * 1000
			case 3:
				v = math.Exp(5 * v)
			case 4:
				if j > 0 {
					v = float64(x[len(x)-1]) // a copy of the column before
				}
			}
			x = append(x, float32(v))
		}
	}
	if s.Bool(0.3) { // every row many times
		for range 3 {
			x = append(x, x...)
		}
	}
	return x, p
}

// Whatever the rows are, there is a mixture: finite, with responsibilities that sum to 1, and a likelihood that never fell.
func TestMixtureNeverFails(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, p := awkward(t)
		k := rapid.IntRange(1, 7).Draw(t, "k")
		set := Mixture{K: k, Diagonal: rapid.Bool().Draw(t, "diagonal"), Starts: 1, MaxIterations: 40, Tolerance: 1e-12, Threads: 1}
		if rapid.Bool().Draw(t, "narrow") {
			set.Floor = 1e-9
		}
		g, err := set.Fit(context.Background(), x, p)
		if err != nil {
			t.Fatal(err)
		}
		for i := 1; i < len(g.Trace); i++ {
			if fall := g.Trace[i-1] - g.Trace[i]; fall > 1e-7*(1+math.Abs(g.Trace[i])) {
				t.Fatalf("iteration %d: the likelihood fell by %v to %v", i, fall, g.Trace[i])
			}
		}
		for _, v := range slices.Concat(g.Weights, g.Means, g.Cov, []float64{g.LogLikelihood, g.BIC}) {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				t.Fatalf("not finite: %+v", g)
			}
		}
		if !g.valid() || math.Abs(kernel.Sum(g.Weights)-1) > 1e-9 || !slices.IsSortedFunc(g.Weights, func(a, b float64) int { return int(math.Copysign(1, b-a)) }) {
			t.Fatalf("weights %v", g.Weights)
		}
		r, label := g.Responsibilities(x, 1), g.Assign(x, 1)
		for i := range label {
			row := r[i*k : (i+1)*k]
			if s := kernel.Sum(row); math.Abs(s-1) > 1e-12 {
				t.Fatalf("row %d: responsibilities %v sum to %v", i, row, s)
			}
			if row[label[i]] < slices.Max(row) {
				t.Fatalf("row %d: group %d of %v", i, label[i], row)
			}
		}
	})
}

// The blocks' matrix products are the formula.
func TestMixtureIsTheFormula(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, p := awkward(t)
		k := rapid.IntRange(1, 4).Draw(t, "k")
		g, err := Mixture{K: k, Diagonal: rapid.Bool().Draw(t, "diagonal"), Starts: 1, MaxIterations: 3, Threads: 1, Floor: 0.01}.Fit(context.Background(), x, p)
		if err != nil {
			t.Fatal(err)
		}
		sum := 0.0
		for i := 0; i < len(x); i += p {
			density := math.Inf(-1)
			for c := range k {
				if g.Weights[c] > 0 {
					density = logAdd(density, math.Log(g.Weights[c])+logNormal(x[i:i+p], g, c))
				}
			}
			sum += density
		}
		if mean := sum / float64(len(x)/p); math.Abs(mean-g.LogLikelihood) > 1e-6*(1+math.Abs(mean)) {
			t.Fatalf("log-likelihood %v, want %v", g.LogLikelihood, mean)
		}
	})
}

func logAdd(a, b float64) float64 {
	if a < b {
		a, b = b, a
	}
	return a + math.Log1p(math.Exp(b-a))
}

// logNormal is ln N(x | μ, Σ) by elimination.
func logNormal(x []float32, g *Gaussians, k int) float64 {
	p := g.NCols
	a, d := make([]float64, p*p), make([]float64, p)
	for i := range p {
		d[i] = float64(x[i]) - g.Means[k*p+i]
		for j := range p {
			switch {
			case !g.Diagonal:
				a[i*p+j] = g.Cov[k*p*p+i*p+j]
			case i == j:
				a[i*p+j] = g.Cov[k*p+i]
			}
		}
	}
	logDet, square := 0.0, 0.0
	for i := range p {
		pivot := a[i*p+i]
		logDet += math.Log(pivot)
		square += d[i] * d[i] / pivot
		for r := i + 1; r < p; r++ {
			m := a[r*p+i] / pivot
			for c := i; c < p; c++ {
				a[r*p+c] -= m * a[i*p+c]
			}
			d[r] -= m * d[i]
		}
	}
	return -0.5 * (float64(p)*math.Log(2*math.Pi) + logDet + square)
}

func TestMixtureSameBytesForAnyThreads(t *testing.T) {
	x, _ := blobs(1, 30_000, 5, 4, 2.5)
	var first *Gaussians
	for _, threads := range []int{1, 2, 4, 8} {
		g, err := Mixture{K: 4, Threads: threads, Starts: 2}.Fit(t.Context(), x, 5)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = g
		}
		if !slices.Equal(first.Means, g.Means) || !slices.Equal(first.Cov, g.Cov) || !slices.Equal(first.Trace, g.Trace) {
			t.Errorf("%d threads give another mixture", threads)
		}
	}
}

// Long thin clouds side by side: k-means cuts them across, a mixture with full covariances does not.
func TestMixtureSeesShapes(t *testing.T) {
	s := kernel.NewStream(5)
	var x []float32
	var truth []int32
	for i := range 2000 {
		g := i % 2
		a, b := 1.5*s.Norm(), 0.2*s.Norm()
		x = append(x, float32(a+b), float32(a-b+2*float64(g)))
		truth = append(truth, int32(g))
	}
	k, err := KMeans{K: 2}.Fit(t.Context(), x, 2)
	if err != nil {
		t.Fatal(err)
	}
	g, err := Mixture{K: 2, Tolerance: 1e-7, MaxIterations: 1000}.Fit(t.Context(), x, 2)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := metric.AdjustedRand(truth, k.Label), metric.AdjustedRand(truth, g.Assign(x, 1)); a > 0.3 || b < 0.95 {
		t.Errorf("agreement with the truth: k-means %v, mixture %v", a, b)
	}
}

// Find counts the blobs by the information criterion, and the model assigns and survives being written.
func TestFindMixture(t *testing.T) {
	for _, k := range []int{2, 3, 5} {
		x, truth := blobs(uint64(20+k), 3000, 4, k, 0.6)
		tab := asTable(x, 4)
		m, label, err := Find(t.Context(), tab, Options{Method: ByMixture, MaxK: 7, Starts: 3})
		if err != nil {
			t.Fatal(err)
		}
		if m.K != k || metric.AdjustedRand(label, truth) < 0.98 {
			t.Errorf("%d blobs: k = %d, agreement %v, %+v", k, m.K, metric.AdjustedRand(label, truth), shown(m.Trials))
		}
		b, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		back, err := ReadModel(b)
		if err != nil {
			t.Fatal(err)
		}
		again, err := back.Assign(tab, 0)
		if err != nil || !slices.Equal(again, label) {
			t.Errorf("assigning after reading gives other groups (%v)", err)
		}
		r, err := back.Responsibilities(tab, 1)
		if err != nil || len(r) != len(label)*m.K {
			t.Errorf("%d responsibilities (%v)", len(r), err)
		}
		m.Mixture.Cov[0] = -1
		b, _ = json.Marshal(m)
		if _, err := ReadModel(b); kequn.KindOf(err) != kequn.KindDamaged {
			t.Errorf("a negative variance: %v", err)
		}
	}
	x, _ := blobs(13, 9000, 5, 3, 0.6)
	if m, _, err := Find(t.Context(), asTable(x, 5), Options{Method: ByMiniBatch, Starts: 3, Batch: 512}); err != nil || m.K != 3 {
		t.Errorf("mini-batch: %v, %v", m, err)
	}
	if _, _, err := Find(t.Context(), asTable(x, 5), Options{Method: "means"}); kequn.KindOf(err) != kequn.KindUsage {
		t.Errorf("an unknown method: %v", err)
	}
}

func TestMixtureRefuses(t *testing.T) {
	if _, err := (Mixture{K: 0}).Fit(t.Context(), []float32{1}, 1); kequn.KindOf(err) != kequn.KindUsage {
		t.Errorf("k of 0: %v", err)
	}
	if _, err := (Mixture{K: 2}).Fit(t.Context(), nil, 1); kequn.KindOf(err) != kequn.KindNotEnough {
		t.Errorf("no rows: %v", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := (Mixture{K: 2}).Fit(ctx, []float32{1, 2, 3}, 1); err != context.Canceled {
		t.Errorf("cancelled: %v", err)
	}
}

// Batches come near what all rows give, and repeat to the bit.
func TestMiniBatch(t *testing.T) {
	x, truth := blobs(7, 50_000, 6, 5, 1)
	all, err := KMeans{K: 5}.Fit(t.Context(), x, 6)
	if err != nil {
		t.Fatal(err)
	}
	var first *Groups
	for _, threads := range []int{1, 2, 8} {
		g, err := KMeans{K: 5, Batch: 1024, Threads: threads}.Fit(t.Context(), x, 6)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = g
			if g.Inertia > all.Inertia*1.02 || metric.AdjustedRand(g.Label, truth) < 0.97 {
				t.Errorf("inertia %v, all rows give %v; agreement with the truth %v", g.Inertia, all.Inertia, metric.AdjustedRand(g.Label, truth))
			}
			if !slices.Equal(Assign(x, 6, g.Centres, 1), g.Label) {
				t.Error("rows are not with their nearest centre")
			}
		}
		if !slices.Equal(g.Centres, first.Centres) || !slices.Equal(g.Label, first.Label) {
			t.Errorf("%d threads give other groups", threads)
		}
	}
}

func TestMiniBatchOfAwkwardRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x, p := awkward(t)
		k := rapid.IntRange(1, 7).Draw(t, "k")
		g, err := KMeans{K: k, Batch: rapid.IntRange(1, 64).Draw(t, "batch"), Starts: 1, MaxIterations: 5, Threads: 1}.Fit(context.Background(), x, p)
		if err != nil {
			t.Fatal(err)
		}
		if slices.Min(g.Sizes) == 0 || g.K > k {
			t.Fatalf("groups %v", g.Sizes)
		}
		for i, l := range Assign(x, p, g.Centres, 1) {
			row := x[i*p : (i+1)*p]
			own, near := distance2(row, g.Centres[int(g.Label[i])*p:][:p]), distance2(row, g.Centres[int(l)*p:][:p])
			if own > near+1e-5*(1+near) { // rounded rows do lie half-way between two centres
				t.Fatalf("row %d lies %v from its centre, %v from another", i, own, near)
			}
		}
	})
}

func BenchmarkMixture(b *testing.B) {
	x, _ := blobs(1, 100_000, 16, 8, 4)
	begin := make([]int32, 100_000)
	for i := range begin {
		begin[i] = int32(i % 8)
	}
	for _, c := range []struct {
		name     string
		diagonal bool
	}{{"diagonal", true}, {"full", false}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := (Mixture{K: 8, Diagonal: c.diagonal, Begin: begin, MaxIterations: 9, Tolerance: 1e-300, Threads: 1}).Fit(b.Context(), x, 16); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
