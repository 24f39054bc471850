package metric

import (
	"encoding/json"
	"math"
	"testing"

	"kequn/internal/kernel"

	"pgregory.net/rapid"
)

// sample is a random small table with ties, weights and both arms.
type sample struct{ y, p, q, t, w []float64 }

func drawSample(t *rapid.T) sample {
	n := rapid.IntRange(1, 60).Draw(t, "n")
	s := kernel.NewStream(rapid.Uint64().Draw(t, "seed"))
	levels := float64(rapid.IntRange(1, 50).Draw(t, "levels"))
	var out sample
	for range n {
		out.y = append(out.y, float64(s.Intn(2)))
		out.p = append(out.p, math.Floor(s.Float64()*levels)/levels)
		out.q = append(out.q, s.Float64())
		out.t = append(out.t, float64(s.Intn(2)))
		out.w = append(out.w, float64(s.Intn(4)))
	}
	return out
}

// repeated returns each row as often as its weight says.
func (s sample) repeated() sample {
	var out sample
	for i, w := range s.w {
		for range int(w) {
			out.y, out.p, out.q, out.t = append(out.y, s.y[i]), append(out.p, s.p[i]), append(out.q, s.q[i]), append(out.t, s.t[i])
		}
	}
	return out
}

func same(a, b float64) bool {
	return math.IsNaN(a) && math.IsNaN(b) || math.Abs(a-b) <= 1e-9*(1+math.Abs(a)) || a == b
}

var scores = map[string]Score{
	"AUC": AUC, "PRAUC": PRAUC, "LogLoss": LogLoss, "Brier": Brier, "ECE": ECE, "TopDecileGain": TopDecileGain,
	"RMSE": RMSE, "MAE": MAE, "R2": R2, "MeanError": MeanError, "TotalError": TotalError,
	"top third": func(y, p, w []float64) float64 { return TopGain(y, p, w, 1.0/3) },
	"last gain": func(y, p, w []float64) float64 {
		if g := Gains(y, p, w, 7); g != nil {
			return g[2].Captured
		}
		return math.NaN()
	},
}

func TestWeightsAreRepetitions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSample(t)
		r := s.repeated()
		for name, f := range scores {
			if a, b := f(s.y, s.p, s.w), f(r.y, r.p, nil); !same(a, b) {
				t.Errorf("%s: weighted %v, repeated %v", name, a, b)
			}
		}
		for name, f := range map[string]func(y, u, t, w []float64) float64{"Qini": Qini, "AUUC": AUUC, "QiniGain": QiniGain,
			"UpliftAt": func(y, u, t, w []float64) float64 { return UpliftAt(y, u, t, w, 0.3) }} {
			if a, b := f(s.y, s.p, s.t, s.w), f(r.y, r.p, r.t, nil); !same(a, b) && !(math.IsInf(a, 0) || math.IsInf(b, 0)) {
				t.Errorf("%s: weighted %v, repeated %v", name, a, b)
			}
		}
		for _, kind := range []string{Platt, Beta, Isotonic} {
			a, b := FitCalibration(kind, s.y, s.p, s.w), FitCalibration(kind, r.y, r.p, nil)
			for _, x := range []float64{0, 0.2, 0.5, 1} {
				if len(r.y) > 0 && math.Abs(a.Apply(x)-b.Apply(x)) > 1e-6 {
					t.Errorf("%s at %v: weighted %v, repeated %v", kind, x, a.Apply(x), b.Apply(x))
				}
			}
		}
	})
}

func TestRankScoresSeeOnlyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSample(t)
		bent := make([]float64, len(s.p))
		for i, p := range s.p {
			bent[i] = math.Exp(3*p) - 40
		}
		for name, f := range map[string]Score{"AUC": AUC, "PRAUC": PRAUC, "TopDecileGain": TopDecileGain} {
			if a, b := f(s.y, s.p, s.w), f(s.y, bent, s.w); a != b && !math.IsNaN(a) {
				t.Errorf("%s: %v, after a rising map %v", name, a, b)
			}
		}
	})
}

// AUC, its DeLong error and PRAUC against their definitions over all pairs.
func TestAUCIsTheShareOfPairs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSample(t)
		pairs, won := 0.0, 0.0
		for i := range s.y {
			for j := range s.y {
				if s.y[i] == 1 && s.y[j] == 0 {
					w := s.w[i] * s.w[j]
					pairs += w
					if s.p[i] > s.p[j] {
						won += w
					} else if s.p[i] == s.p[j] {
						won += w / 2
					}
				}
			}
		}
		if got := AUC(s.y, s.p, s.w); !same(got, won/pairs) {
			t.Errorf("AUC %v, pairs %v", got, won/pairs)
		}
	})
}

// Calibration keeps order, stays in [0, 1], survives JSON, and is valid.
func TestCalibrationKeepsOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSample(t)
		for _, kind := range []string{NoCalibration, Platt, Beta, Isotonic} {
			c := FitCalibration(kind, s.y, s.p, s.w)
			if !c.Valid() {
				t.Fatalf("%+v is not valid", c)
			}
			b, err := json.Marshal(c)
			if err != nil {
				t.Fatal(err)
			}
			var back Calibration
			if err := json.Unmarshal(b, &back); err != nil {
				t.Fatal(err)
			}
			last := 0.0
			for i := range 101 {
				v := c.Apply(float64(i) / 100)
				if !(v >= 0 && v <= 1) || v < last-1e-15 {
					t.Fatalf("%s: %v after %v", kind, v, last)
				}
				if back.Apply(float64(i)/100) != v {
					t.Fatalf("%s changed in JSON", kind)
				}
				last = v
			}
			if kind == Isotonic && len(c.Y) > 0 && (c.Y[0] == 0 || c.Y[len(c.Y)-1] == 1) {
				t.Fatalf("isotonic promises never or always: %v", c.Y)
			}
		}
	})
}

// Pool adjacent violators against the min-max formula of isotonic regression.
func TestPooledIsIsotonicRegression(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSample(t)
		for i := range s.w {
			s.w[i]++
		}
		x, y := pooled(s.y, s.p, s.w, false)
		mean := func(lo, hi float64) float64 {
			sum, total := 0.0, 0.0
			for i, p := range s.p {
				if p >= lo && p <= hi {
					sum += s.w[i] * s.y[i]
					total += s.w[i]
				}
			}
			return sum / total
		}
		for _, p := range s.p {
			want := math.Inf(-1)
			for _, lo := range s.p {
				if lo > p {
					continue
				}
				least := math.Inf(1)
				for _, hi := range s.p {
					if hi >= p {
						least = min(least, mean(lo, hi))
					}
				}
				want = max(want, least)
			}
			if got := interpolate(x, y, p); !same(got, want) {
				t.Fatalf("at %v: %v, want %v", p, got, want)
			}
		}
	})
}

func TestQiniOfThePerfectAndTheRandomRanking(t *testing.T) {
	s := kernel.NewStream(3)
	const n = 20_000
	y, u, tr, perfect := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	for i := range y {
		y[i], tr[i], u[i] = float64(s.Intn(2)), float64(s.Intn(2)), s.Float64()
		perfect[i] = y[i]*tr[i] - y[i]*(1-tr[i])
	}
	if q := Qini(y, perfect, tr, nil); math.Abs(q-1) > 1e-12 {
		t.Errorf("perfect ranking: %v", q)
	}
	if q := Qini(y, u, tr, nil); math.Abs(q) > 0.05 {
		t.Errorf("random ranking: %v", q)
	}
}

// A kernel-level promise carried up: the same bytes for any number of threads.
func TestThreadsDoNotChangeAnything(t *testing.T) {
	s := kernel.NewStream(5)
	const n = 400
	y, p, q := make([]float64, n), make([]float64, n), make([]float64, n)
	x, label := make([]float32, 3*n), make([]int32, n)
	for i := range y {
		p[i], q[i], label[i] = s.Float64(), s.Float64(), int32(s.Intn(3))
		if s.Bool(p[i]) {
			y[i] = 1
		}
	}
	for i := range x {
		x[i] = float32(s.Norm())
	}
	b := func(threads int) (Interval, Interval, float64) {
		o := Bootstrap{Threads: threads, Resamples: 40, Seed: 8}
		return o.Interval(AUC, y, p, nil), o.Difference(LogLoss, y, p, q, nil), Silhouette(x, 3, label, 0, 1, threads)
	}
	a1, a2, a3 := b(1)
	for _, threads := range []int{2, 4, 8} {
		if b1, b2, b3 := b(threads); a1 != b1 || a2 != b2 || a3 != b3 {
			t.Errorf("%d threads differ", threads)
		}
	}
}
