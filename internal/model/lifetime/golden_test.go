package lifetime

import (
	"encoding/csv"
	"encoding/json"
	"math"
	"os"
	"strconv"
	"testing"
)

// golden is what testdata/golden.py wrote: its first field names tools and versions.
type golden struct {
	Horizon float64
	Fits    map[Process]struct {
		Params, Alive, Orders []float64
	}
	Spend  struct{ Params, Mean []float64 }
	Pareto []struct {
		Case      [7]float64
		LL, Alive float64
	}
}

func readGolden(t *testing.T) (golden, []Summary) {
	b, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(b, &g); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open("testdata/simulated.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var all []Summary
	for _, row := range rows[1:] {
		var v [4]float64
		for i := range v {
			if v[i], err = strconv.ParseFloat(row[i], 64); err != nil {
				t.Fatal(err)
			}
		}
		all = append(all, Summary{Repeats: int(v[0]), Recency: v[1], Age: v[2], Spend: v[3]})
	}
	return g, all
}

func near(t *testing.T, what string, got, want, relative float64) {
	t.Helper()
	if !(math.Abs(got-want) <= relative*math.Abs(want)) {
		t.Errorf("%s: got %.9g, want %.9g", what, got, want)
	}
}

// The same parameters, and at their parameters the same forecasts, as the package lifetimes.
func TestEqualsLifetimes(t *testing.T) {
	g, all := readGolden(t)
	for process, want := range g.Fits {
		m, err := Fit(t.Context(), all, Options{Process: process})
		if err != nil {
			t.Fatal(err)
		}
		// Their searches stop at some 1e-4 of the parameters, Pareto/NBD's at 1 %: compare what they reached instead.
		at := append([]float64(nil), want.Params...)
		groups := group(all)
		theirs := scaled(at, process, groups.scale)
		ll, _ := processOf(process, 1).likelihood(theirs, groups, 1)
		ll -= groups.repeats * math.Log(groups.scale)
		if m.LogLikelihood < ll-1e-6 || m.LogLikelihood > ll+0.01 {
			t.Errorf("%s: log likelihood %.6f, theirs %.6f", process, m.LogLikelihood, ll)
		}
		for i, p := range m.Parameters()[:4] {
			tolerance := 2e-3
			if process == ParetoNBD {
				tolerance = 2e-2
			}
			near(t, string(process)+" "+p.Name, p.Value, want.Params[i], tolerance)
		}
		m.theta = at
		for i := range want.Alive {
			alive, orders, _ := m.Means(all[i], g.Horizon)
			near(t, string(process)+" alive", alive, want.Alive[i], 1e-7)
			near(t, string(process)+" orders", orders, want.Orders[i], 1e-7)
		}
		for i, want := range g.Spend.Params {
			near(t, "spend", m.Parameters()[4+i].Value, want, 2e-3)
		}
		m.spend.p, m.spend.q, m.spend.v = g.Spend.Params[0], g.Spend.Params[1], g.Spend.Params[2]
		m.spend.newcomer = m.spend.p * m.spend.v / (m.spend.q - 1)
		for i, want := range g.Spend.Mean {
			near(t, "mean spend", m.perOrder(all[i]), want, 1e-9)
		}
	}
}

// scaled returns parameters in units of the groups' scale.
func scaled(theta []float64, p Process, scale float64) []float64 {
	out := append([]float64(nil), theta...)
	out[1] /= scale
	if p == ParetoNBD {
		out[3] /= scale
	}
	return out
}

// The integral equals the hypergeometric functions in 60 digits, also where those overflow or cancel in doubles.
func TestParetoInManyDigits(t *testing.T) {
	g, _ := readGolden(t)
	for _, c := range g.Pareto {
		s := Summary{Repeats: int(c.Case[4]), Recency: c.Case[5], Age: c.Case[6]}
		one := &groups{x: []int32{int32(s.Repeats)}, recency: []float64{s.Recency}, age: []float64{s.Age}, weight: []float64{1}, scale: 1, kind: []int32{0}, unique: []int{s.Repeats}}
		ll, _ := paretoNBD{}.likelihood(c.Case[:4], one, 1)
		var st state
		paretoNBD{}.state(c.Case[:4], s, &st)
		near(t, "log likelihood", ll, c.LL, 1e-9)
		near(t, "alive", st.alive, c.Alive, 1e-9)
	}
}
