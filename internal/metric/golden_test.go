package metric

import (
	"encoding/csv"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"
)

// rows are the columns of testdata/scores.csv.
type rows map[string][]float64

func readRows(t *testing.T) rows {
	t.Helper()
	f, err := os.Open("testdata/scores.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	out := rows{}
	for _, line := range lines[1:] {
		for i, text := range line {
			x, err := strconv.ParseFloat(text, 64)
			if err != nil {
				t.Fatal(err)
			}
			out[lines[0][i]] = append(out[lines[0][i]], x)
		}
	}
	return out
}

func (r rows) classes(name string) []int32 {
	out := make([]int32, len(r[name]))
	for i, x := range r[name] {
		out[i] = int32(x)
	}
	return out
}

// matrix puts columns side by side, row-major.
func (r rows) matrix(names ...string) []float64 {
	var out []float64
	for i := range r[names[0]] {
		for _, n := range names {
			out = append(out, r[n][i])
		}
	}
	return out
}

// readGolden returns the values of each line of testdata/scores.golden by the line's whole text before them.
func readGolden(t *testing.T) map[string][]float64 {
	t.Helper()
	b, err := os.ReadFile("testdata/scores.golden")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]float64{}
	for _, line := range strings.Split(strings.TrimSpace(string(b)), "\n")[1:] {
		fields := strings.Fields(line)
		args := map[string]int{"norm_quantile": 1, "t_quantile": 2, "t_cdf": 2, "chi_tail": 2, "wald": 4, "newcombe": 4, "ztest": 4, "wilson": 4}[fields[0]]
		var values []float64
		for _, f := range fields[1+args:] {
			x, err := strconv.ParseFloat(f, 64)
			if err != nil {
				t.Fatal(line)
			}
			values = append(values, x)
		}
		out[strings.Join(fields[:1+args], " ")] = values
	}
	return out
}

// Every score equals its peer's on the same rows. The tolerance of 1e-12 covers another order of summation; what needs
// more says why.
func TestScoresAgreeWithPeers(t *testing.T) {
	r, golden := readRows(t), readGolden(t)
	used := map[string]bool{}
	check := func(name string, tolerance float64, got ...float64) {
		t.Helper()
		want, ok := golden[name]
		if !ok {
			t.Fatalf("no golden value %q", name)
		}
		used[name] = true
		if len(got) != len(want) {
			t.Fatalf("%s: %d values, want %d", name, len(got), len(want))
		}
		for i := range got {
			if !(math.Abs(got[i]-want[i]) <= tolerance*math.Max(1e-3, math.Abs(want[i]))) {
				t.Errorf("%s[%d] = %.17g, want %.17g", name, i, got[i], want[i])
			}
		}
	}
	y, p, q, w := r["y"], r["p"], r["q"], r["w"]
	class, proba := r.classes("c"), r.matrix("p0", "p1", "p2")
	for suffix, weight := range map[string][]float64{"": nil, "_weighted": w} {
		check("auc"+suffix, 1e-12, AUC(y, p, weight))
		check("prauc"+suffix, 1e-12, PRAUC(y, p, weight))
		check("log_loss"+suffix, 1e-12, LogLoss(y, q, weight))
		check("brier"+suffix, 1e-12, Brier(y, q, weight))
		check("rmse"+suffix, 1e-12, RMSE(r["a"], r["b"], weight))
		check("mae"+suffix, 1e-12, MAE(r["a"], r["b"], weight))
		check("r2"+suffix, 1e-12, R2(r["a"], r["b"], weight))
		predicted := TopClass(proba, 3)
		check("accuracy"+suffix, 1e-12, Accuracy(class, predicted, weight))
		check("macro_f1"+suffix, 1e-12, MacroF1(class, predicted, 3, weight))
		check("multi_log_loss"+suffix, 1e-12, MultiLogLoss(class, proba, 3, weight))
		check("macro_auc"+suffix, 1e-12, MacroAUC(class, proba, 3, weight))
	}
	check("top_decile_gain", 1e-12, TopDecileGain(y, p, nil))
	check("ece", 1e-12, ECE(y, p, nil))
	check("spearman", 1e-12, SpearmanRank(r["a"], r["b"]))
	check("roc_area", 1e-12, area(ROC(y, p, nil, 0)))

	auc, se := AUCError(y, p)
	check("auc", 1e-12, auc)
	check("delong_se", 1e-12, se)
	d, se := AUCDifference(y, p, q, 0.95)
	check("delong_difference", 1e-12, d.Mean, se)

	yu, u, tr := r["yu"], r["u"], r["t"]
	check("qini", 1e-11, Qini(yu, u, tr, nil))
	check("auuc", 1e-11, AUUC(yu, u, tr, nil))
	for _, k := range []float64{0.1, 0.3, 0.5} {
		check("uplift_at_"+strconv.Itoa(int(k*100)), 1e-12, UpliftAt(yu, u, tr, nil, k))
	}
	check("qini_swapped", 1e-11, Qini(inverted(yu), u, inverted(tr), nil))
	check("auuc_swapped", 1e-11, AUUC(inverted(yu), u, inverted(tr), nil))
	whole := make([]float64, len(w))
	for i, x := range w {
		whole[i] = math.RoundToEven(x)
	}
	check("qini_repeated", 1e-11, Qini(yu, u, tr, whole))
	check("auuc_repeated", 1e-11, AUUC(yu, u, tr, whole))
	check("uplift_at_30_repeated", 1e-12, UpliftAt(yu, u, tr, whole, 0.3))
	x, curve := split(QiniCurve(yu, u, tr, nil, 0))
	check("qini_curve_x", 0, x...)
	check("qini_curve_y", 1e-12, curve...)
	_, curve = split(UpliftCurve(yu, u, tr, nil, 0))
	check("uplift_curve_y", 1e-12, curve...)

	knotX, knotY := pooled(y, p, w, false)
	fit := make([]float64, 41)
	for i := range fit {
		fit[i] = interpolate(knotX, knotY, float64(i)/40)
	}
	check("isotonic", 1e-12, fit...)
	platt := FitCalibration(Platt, y, p, w)
	check("platt", 1e-6, platt.A, platt.B) // 1e-6: iterative on both sides, and ours has a small slope penalty
	beta := FitCalibration(Beta, y, p, w)
	check("beta", 1e-6, beta.A, beta.B, beta.C)

	check("silhouette", 1e-6, Silhouette(float32s(r.matrix("g0", "g1")), 2, class, 1000, 0, 0)) // distances in float32
	cells := make([]int32, len(y))
	for i := range cells {
		if r["g0"][i] > 1 {
			cells[i]++
		}
		if r["g1"][i] > 1 {
			cells[i] += 2
		}
	}
	check("adjusted_rand", 1e-12, AdjustedRand(class, cells))

	var a, b []float64
	for i, v := range r["a"] {
		if tr[i] == 1 {
			a = append(a, v)
		} else {
			b = append(b, v)
		}
	}
	e := MeanDifference(SampleOf(a), SampleOf(b), 0.95)
	check("welch", 1e-11, e.Mean, e.Low, e.High, e.DF, e.P)
	chi, pv := SampleRatio([]float64{480, 530, 90}, []float64{0.45, 0.45, 0.1})
	check("sample_ratio", 1e-12, chi, pv)

	for name, values := range golden {
		fields := strings.Fields(name)
		arg := make([]float64, len(fields)-1)
		for i := range arg {
			arg[i], _ = strconv.ParseFloat(fields[i+1], 64)
		}
		switch fields[0] {
		case "norm_quantile":
			check(name, 1e-13, NormQuantile(arg[0]))
		case "t_quantile":
			check(name, 1e-9, TQuantile(arg[0], arg[1])) // with 1e6 degrees of freedom, Lgamma cancels to 1e-10
		case "t_cdf":
			check(name, 1e-12, TCDF(arg[0], arg[1]))
		case "chi_tail":
			check(name, 1e-12, ChiSquareTail(arg[0], arg[1]))
		case "wald", "newcombe", "ztest":
			x, y := Count{arg[0], arg[1]}, Count{arg[2], arg[3]}
			e := NewcombeDifference(x, y, 0.95)
			if fields[0] == "wald" {
				e = WaldDifference(x, y, 0.95)
			}
			if fields[0] == "ztest" {
				check(name, 1e-12, e.P)
			} else {
				check(name, 1e-12, e.Low, e.High)
			}
		case "wilson":
			ci := Wilson(arg[0], arg[1], 0.95)
			check(name, 1e-12, ci.Low, ci.High)
		default:
			if !used[name] {
				t.Errorf("golden %s %v is compared with nothing", name, values)
			}
		}
	}
}

func area(c []Point) float64 {
	sum := 0.0
	for i := 1; i < len(c); i++ {
		sum += (c[i].X - c[i-1].X) * (c[i].Y + c[i-1].Y) / 2
	}
	return sum
}

func inverted(v []float64) []float64 {
	out := make([]float64, len(v))
	for i, x := range v {
		out[i] = 1 - x
	}
	return out
}

func split(c []Point) (x, y []float64) {
	for _, p := range c {
		x, y = append(x, p.X), append(y, p.Y)
	}
	return x, y
}

func float32s(v []float64) []float32 {
	out := make([]float32, len(v))
	for i, x := range v {
		out[i] = float32(x)
	}
	return out
}
