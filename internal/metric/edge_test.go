package metric

import (
	"encoding/json"
	"math"
	"slices"
	"testing"

	"kequn/internal/kernel"
)

func TestUnanswerableIsNaN(t *testing.T) {
	one, zero, p := []float64{1, 1}, []float64{0, 0}, []float64{0.2, 0.7}
	none := []float64{}
	for name, got := range map[string]float64{
		"AUC of ones": AUC(one, p, nil), "AUC of zeros": AUC(zero, p, nil), "AUC of nothing": AUC(none, none, nil),
		"AUC without weight": AUC([]float64{0, 1}, p, []float64{1, 0}),
		"PRAUC of zeros":     PRAUC(zero, p, nil), "PRAUC of nothing": PRAUC(none, none, nil),
		"LogLoss of nothing": LogLoss(none, none, nil), "Brier of nothing": Brier(none, none, nil), "ECE of nothing": ECE(none, none, nil),
		"TopDecileGain of 9 rows": TopDecileGain(make([]float64, 9), make([]float64, 9), nil), "TopDecileGain of zeros": TopGain(zero, p, nil, 0.5),
		"RMSE of nothing": RMSE(none, none, nil), "MAE of nothing": MAE(none, none, nil), "R2 of a constant": R2(one, p, nil), "TotalError of zeros": TotalError(zero, p, nil),
		"Qini without control": Qini([]float64{0, 1}, p, one, nil), "Qini of one outcome": Qini(one, p, []float64{0, 1}, nil), "AUUC of nothing": AUUC(none, none, none, nil),
		"UpliftAt without control": UpliftAt([]float64{0, 1}, p, one, nil, 1), "QiniGain without control": QiniGain([]float64{0, 1}, p, one, nil),
		"MacroAUC of one class": MacroAUC([]int32{1, 1}, make([]float64, 6), 3, nil), "Accuracy of nothing": Accuracy(nil, nil, nil),
		"Spearman of a constant": SpearmanRank(one, p), "ARI of nothing": AdjustedRand(nil, nil), "silhouette of one group": Silhouette(make([]float32, 4), 2, []int32{0, 0}, 0, 0, 1),
		"PSI of nothing": PSI(zero, one), "drift of nothing": DriftOf(none, one),
	} {
		if !math.IsNaN(got) {
			t.Errorf("%s = %v, want NaN", name, got)
		}
	}
	if _, se := AUCError(one, p); !math.IsNaN(se) {
		t.Errorf("error of one class: %v", se)
	}
	if i := AUCInterval([]float64{0, 1}, p, 0.95); i.Mean != 1 || !math.IsNaN(i.Low) {
		t.Errorf("one row of each: %v", i)
	}
	if ROC(one, p, nil, 0) != nil || Gains(zero, p, nil, 5) != nil || QiniCurve(none, none, none, nil, 0) != nil {
		t.Error("curves of unanswerable data must be nil")
	}
}

func TestMistakesPanic(t *testing.T) {
	nan := []float64{math.NaN(), 1}
	y, p := []float64{0, 1}, []float64{0.1, 0.2}
	for _, c := range []struct {
		name, text string
		f          func()
	}{
		{"NaN score", errNaN, func() { AUC(y, nan, nil) }},
		{"infinite score", errNaN, func() { PRAUC(y, []float64{math.Inf(1), 0}, nil) }},
		{"NaN outcome", errOutcome, func() { AUC(nan, p, nil) }},
		{"outcome 2", errOutcome, func() { LogLoss([]float64{2, 0}, p, nil) }},
		{"probability 1.5", errProbability, func() { Brier(y, []float64{1.5, 0}, nil) }},
		{"NaN probability", errProbability, func() { ECE(y, nan, nil) }},
		{"lengths", errLength, func() { RMSE(y, p[:1], nil) }},
		{"weight length", errLength, func() { RMSE(y, p, p[:1]) }},
		{"negative weight", errWeight, func() { AUC(y, p, []float64{-1, 1}) }},
		{"treatment", errTreatment, func() { Qini(y, p, p, nil) }},
		{"class", errClass, func() { MacroAUC([]int32{3}, make([]float64, 2), 2, nil) }},
		{"propensity 0", errProbability, func() { Logged{[]int32{0}, []float64{0}, []float64{1}}.IPS([]int32{0}, 0.95) }},
	} {
		func() {
			defer func() {
				if r := recover(); r != c.text {
					t.Errorf("%s: panic %v, want %q", c.name, r, c.text)
				}
			}()
			c.f()
		}()
	}
}

func TestTiesAtTheTopAreTakenInProportion(t *testing.T) {
	// Ten rows, all tied: the best tenth finds what everyone finds.
	y, p := []float64{1, 0, 0, 1, 0, 0, 0, 0, 0, 0}, make([]float64, 10)
	if g := TopDecileGain(y, p, nil); g != 1 {
		t.Errorf("gain of ties %v", g)
	}
	for _, g := range Gains(y, p, nil, 4) {
		if math.Abs(g.Captured-g.Share) > 1e-15 {
			t.Errorf("gains of ties %+v", g)
		}
	}
	g := Gains([]float64{0, 1, 1, 0}, []float64{1, 4, 3, 2}, nil, 4)
	want := []Gain{{0.25, 0.5, 2, 1}, {0.5, 1, 2, 1}, {0.75, 1, 4.0 / 3, 2.0 / 3}, {1, 1, 1, 0.5}}
	if !slices.Equal(g, want) {
		t.Errorf("gains %+v", g)
	}
}

func TestReliability(t *testing.T) {
	y, p := []float64{0, 1, 1, 1}, []float64{0.1, 0.15, 0.9, 1}
	bins := Reliability(y, p, nil, 5)
	if len(bins) != 2 || bins[0].Rows != 2 || bins[0].Rate != 0.5 || bins[1].Low != 0.8 || bins[1].Predicted != 0.95 || bins[0].RateLow <= 0 || bins[0].RateHigh >= 1 {
		t.Errorf("%+v", bins)
	}
	bins = ReliabilityByRank(y, p, nil, 2)
	if len(bins) != 2 || bins[0].High != 0.15 || bins[1].Rows != 2 {
		t.Errorf("%+v", bins)
	}
	if got := ReliabilityByRank(y, []float64{.5, .5, .5, .5}, nil, 3); len(got) != 1 || got[0].Rows != 4 {
		t.Errorf("ties must stay together: %+v", got)
	}
}

// DeLong's interval covers the true AUC of two normal populations about as often as it says.
func TestIntervalsCover(t *testing.T) {
	truth := NormCDF(1 / math.Sqrt2)
	covered, coveredMean, coveredBoot, rounds := 0, 0, 0, 400
	for round := range rounds {
		s := kernel.NewStream(77, uint64(round))
		y, p := make([]float64, 200), make([]float64, 200)
		for i := range y {
			y[i] = float64(i % 2)
			p[i] = s.Norm() + y[i]
		}
		if AUCInterval(y, p, 0.9).Contains(truth) {
			covered++
		}
		if MeanInterval(p, nil, 0.9).Contains(0.5) {
			coveredMean++
		}
		if round < 100 && (Bootstrap{Resamples: 100, Level: 0.9, Seed: uint64(round)}).Interval(AUC, y, p, nil).Contains(truth) {
			coveredBoot++
		}
	}
	if covered < 340 || covered > 380 {
		t.Errorf("DeLong covers %d of %d, want 360 ± 18", covered, rounds)
	}
	if coveredMean < 340 || coveredMean > 380 {
		t.Errorf("mean covers %d of %d, want 360 ± 18", coveredMean, rounds)
	}
	if coveredBoot < 80 || coveredBoot > 98 {
		t.Errorf("bootstrap covers %d of 100", coveredBoot)
	}
}

func TestIntervalJSON(t *testing.T) {
	b, err := json.Marshal(Interval{1, math.NaN(), math.Inf(1)})
	if err != nil || string(b) != `{"mean":1,"low":null,"high":null}` {
		t.Errorf("%s %v", b, err)
	}
	var i Interval
	if err := json.Unmarshal(b, &i); err != nil || i.Mean != 1 || !math.IsNaN(i.Low) {
		t.Errorf("%+v %v", i, err)
	}
}

func TestPower(t *testing.T) {
	d := Design{Treated: 8000, Control: 2000}
	e := d.SmallestRateEffect(0.05)
	if p := d.PowerOfRates(0.05, e); math.Abs(p-0.8) > 1e-9 {
		t.Errorf("power at the smallest visible effect %v is %v", e, p)
	}
	m := d.SmallestMeanEffect(10)
	if p := d.PowerOfMeans(10, m); math.Abs(p-0.8) > 1e-4 { // the far tail, which the formula leaves out
		t.Errorf("power at %v is %v", m, p)
	}
	n := Design{}.NeededForRates(0.05, e, 0.8)
	if math.Abs(n-10_000) > 2 {
		t.Errorf("needed %v rows, want 10000", n)
	}
	if n := (Design{}).NeededForMeans(10, m, 0.8); math.Abs(n-10_000) > 2 {
		t.Errorf("needed %v rows, want 10000", n)
	}
	if !math.IsNaN((Design{Treated: 2, Control: 2}).SmallestRateEffect(0.5)) || !math.IsInf(Design{}.NeededForRates(0.1, 0, 0.5), 1) {
		t.Error("the unanswerable must say so")
	}
	// Simulated: the planned power is what repeated experiments show.
	seen, s := 0, kernel.NewStream(4)
	for range 1500 {
		x, y := 0.0, 0.0
		for range 500 {
			if s.Bool(0.3) {
				x++
			}
			if s.Bool(0.2) {
				y++
			}
		}
		if WaldDifference(Count{x, 500}, Count{y, 500}, 0.95).Low > 0 {
			seen++
		}
	}
	want := Design{Treated: 500, Control: 500}.PowerOfRates(0.2, 0.1)
	if got := float64(seen) / 1500; math.Abs(got-want) > 0.03 {
		t.Errorf("power %v, planned %v", got, want)
	}
}

func TestDrift(t *testing.T) {
	s := kernel.NewStream(6)
	a, b, c := make([]float64, 5000), make([]float64, 5000), make([]float64, 5000)
	for i := range a {
		a[i], b[i], c[i] = s.Norm(), s.Norm(), s.Norm()+1
	}
	b[0] = math.NaN()
	if same, moved := DriftOf(a, b), DriftOf(a, c); same > 0.02 || moved < 0.5 {
		t.Errorf("same %v, moved %v", same, moved)
	}
	// By hand: shares 0.5, 0.5 against 0.25, 0.75.
	if got, want := PSI([]float64{50, 50}, []float64{25, 75}), -0.25*math.Log(0.5)+0.25*math.Log(1.5); math.Abs(got-want) > 1e-15 {
		t.Errorf("PSI %v, want %v", got, want)
	}
}

// Logged by a coin with known odds: every estimate covers the true value of the policy, DR is the sharpest with a good model,
// and stays right with a wrong one.
func TestPolicyValues(t *testing.T) {
	s := kernel.NewStream(12)
	const n = 40_000
	l := Logged{make([]int32, n), make([]float64, n), make([]float64, n)}
	policy := make([]int32, n)
	good, wrong := [][]float64{make([]float64, n), make([]float64, n)}, [][]float64{make([]float64, n), make([]float64, n)}
	truth := 0.0
	for i := range n {
		x := s.Float64()
		value := [2]float64{5 + x, 5 + 2*x - 0.5}
		if x > 0.5 {
			policy[i] = 1
		}
		truth += value[policy[i]] / n
		odds := 0.2 + 0.5*x
		l.Propensity[i] = 1 - odds
		if s.Bool(odds) {
			l.Arm[i], l.Propensity[i] = 1, odds
		}
		l.Outcome[i] = value[l.Arm[i]] + 0.3*s.Norm()
		good[0][i], good[1][i] = value[0], value[1]
		wrong[0][i], wrong[1][i] = -3, 20*x
	}
	ips, snips, dr, off := l.IPS(policy, 0.999), l.SNIPS(policy, 0.999), l.DR(policy, good, 0.999), l.DR(policy, wrong, 0.999)
	for name, v := range map[string]PolicyValue{"IPS": ips, "SNIPS": snips, "DR": dr, "DR with a wrong model": off} {
		if !v.Contains(truth) {
			t.Errorf("%s: %+v misses %v", name, v, truth)
		}
		if v.Matched == 0 || v.Effective <= 0 || v.Effective > float64(v.Matched) || v.MaxWeight < 1 {
			t.Errorf("%s: %+v", name, v)
		}
	}
	if !(dr.StdErr < snips.StdErr && snips.StdErr < ips.StdErr) {
		t.Errorf("errors: DR %v, SNIPS %v, IPS %v", dr.StdErr, snips.StdErr, ips.StdErr)
	}
	if !slices.Equal(Best(good), policy) {
		t.Error("the best arm is the policy's by construction")
	}
	if d := l.DRDifference(policy, make([]int32, n), good, 0.999); !(d.Low > 0) {
		t.Errorf("the policy beats always-0: %v", d)
	}
	if d := l.IPSDifference(policy, policy, 0.95); d.Mean != 0 || d.High != 0 {
		t.Errorf("a policy against itself: %v", d)
	}
}

func TestChooseCalibration(t *testing.T) {
	s := kernel.NewStream(2)
	const n = 6000
	y, p := make([]float64, n), make([]float64, n)
	draw := func(shape func(float64) float64) {
		for i := range y {
			p[i] = s.Float64()
			y[i] = 0
			if s.Bool(shape(p[i])) {
				y[i] = 1
			}
		}
	}
	for _, c := range []struct {
		name  string
		shape func(float64) float64
		want  string
	}{
		{"calibrated", func(p float64) float64 { return p }, NoCalibration},
		{"too sure", func(p float64) float64 { return sigmoid(0.4*logit(p) - 0.5) }, Platt},
		{"a staircase", func(p float64) float64 { return []float64{0.05, 0.5, 0.52, 0.95}[int(p*4)] }, Isotonic},
	} {
		draw(c.shape)
		got, trials := ChooseCalibration(y, p, nil, nil, 1)
		if got.Kind != c.want || len(trials) != 4 {
			t.Errorf("%s: chose %s: %+v", c.name, got.Kind, trials)
		}
	}
	if c, trials := ChooseCalibration(y[:12], p[:12], nil, nil, 1); c.Kind != "" || trials != nil {
		t.Error("12 rows choose nothing")
	}
	group := make([]int64, n)
	for i := range group {
		group[i] = int64(i / 3)
	}
	for i, f := range calibrationFold(y, group, 3) {
		if f != calibrationFold(y, group, 3)[i-i%3] {
			t.Fatal("a group is split")
		}
		if i > 30 {
			break
		}
	}
}

func BenchmarkAUC(b *testing.B) {
	s := kernel.NewStream(1)
	y, p := make([]float64, 1_000_000), make([]float64, 1_000_000)
	for i := range y {
		p[i], y[i] = s.Float64(), float64(s.Intn(2))
	}
	b.Run("AUC/rows=1e6", func(b *testing.B) {
		for b.Loop() {
			AUC(y, p, nil)
		}
	})
	b.Run("AUCInterval/rows=1e6", func(b *testing.B) {
		for b.Loop() {
			AUCInterval(y, p, 0.95)
		}
	})
	b.Run("Bootstrap10/rows=1e6", func(b *testing.B) {
		for b.Loop() {
			Bootstrap{Resamples: 10}.Interval(AUC, y, p, nil)
		}
	})
	b.Run("Isotonic/rows=1e6", func(b *testing.B) {
		for b.Loop() {
			FitCalibration(Isotonic, y, p, nil)
		}
	})
	b.Run("Beta/rows=1e6", func(b *testing.B) {
		for b.Loop() {
			FitCalibration(Beta, y, p, nil)
		}
	})
}

// Effect and PolicyValue embed an Interval; its JSON must not stand for theirs.
func TestWhatEmbedsAnIntervalKeepsItsFieldsInJSON(t *testing.T) {
	e := Effect{Interval{1, 0.5, 1.5}, 0.25, math.Inf(1), 0.01}
	b, err := json.Marshal(e)
	if err != nil || string(b) != `{"mean":1,"low":0.5,"high":1.5,"std_err":0.25,"df":null,"p":0.01}` {
		t.Errorf("%s %v", b, err)
	}
	var e2 Effect
	if err := json.Unmarshal(b, &e2); err != nil || e2 != e {
		t.Errorf("%+v %v", e2, err)
	}
	v := PolicyValue{Interval{1, math.NaN(), 1.5}, 0.25, 7, 5.5, 4}
	b, err = json.Marshal(v)
	if err != nil || string(b) != `{"mean":1,"low":null,"high":1.5,"std_err":0.25,"matched":7,"effective":5.5,"max_weight":4}` {
		t.Errorf("%s %v", b, err)
	}
	var v2 PolicyValue
	if err := json.Unmarshal(b, &v2); err != nil || v2.Matched != 7 || v2.MaxWeight != 4 || v2.High != 1.5 || !math.IsNaN(v2.Low) {
		t.Errorf("%+v %v", v2, err)
	}
}
