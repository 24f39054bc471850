package metric

import (
	"encoding/csv"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

type fairCase struct {
	y, s, w []float64
	g       []int32
	n       int
}

func fairCases(t *testing.T) map[string]*fairCase {
	t.Helper()
	f, err := os.Open("testdata/fairness.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]*fairCase{}
	for _, line := range lines[1:] {
		c := out[line[0]]
		if c == nil {
			c = &fairCase{}
			out[line[0]] = c
		}
		var v [4]float64
		for i, text := range line[1:] {
			if v[i], err = strconv.ParseFloat(text, 64); err != nil {
				t.Fatal(err)
			}
		}
		c.y, c.s, c.w, c.g = append(c.y, v[0]), append(c.s, v[1]), append(c.w, v[2]), append(c.g, int32(v[3]))
		c.n = max(c.n, int(v[3])+1)
	}
	return out
}

// Every figure equals Fairlearn's, its NaN and its zeros of nothing included.
func TestFairnessEqualsFairlearn(t *testing.T) {
	cases := fairCases(t)
	golden, err := os.ReadFile("testdata/fairness.golden")
	if err != nil {
		t.Fatal(err)
	}
	if len(cases) < 20 {
		t.Fatalf("%d cases", len(cases))
	}
	checked := map[string]int{}
	for _, line := range strings.Split(strings.TrimSpace(string(golden)), "\n") {
		field := strings.Fields(line)
		if field[0] == "#" {
			continue
		}
		c := cases[field[0]]
		groups := RatesByGroup(c.y, c.s, c.w, c.g, c.n)
		of := func(f func(g GroupRates) float64) (out []float64) {
			for _, g := range groups {
				out = append(out, f(g))
			}
			return out
		}
		parity, odds, equal := DemographicParity(groups), EqualizedOdds(groups), EqualOpportunity(groups)
		got, ok := map[string][]float64{
			"demographic_parity_difference": {parity.Difference}, "demographic_parity_ratio": {parity.Ratio},
			"equalized_odds_difference": {odds.Difference}, "equalized_odds_ratio": {odds.Ratio},
			"equal_opportunity_difference": {equal.Difference}, "equal_opportunity_ratio": {equal.Ratio},
			"selection": of(func(g GroupRates) float64 { return g.Selection }), "accuracy": of(func(g GroupRates) float64 { return g.Accuracy }),
			"tpr": of(func(g GroupRates) float64 { return g.TPR }), "fpr": of(func(g GroupRates) float64 { return g.FPR }),
			"tnr": of(func(g GroupRates) float64 { return g.TNR }), "fnr": of(func(g GroupRates) float64 { return g.FNR }),
		}[field[1]]
		if !ok || len(got) != len(field)-2 {
			t.Fatalf("%s: %d values", line, len(got))
		}
		checked[field[1]]++
		for i, x := range got {
			want, err := strconv.ParseFloat(field[2+i], 64)
			if err != nil {
				t.Fatal(err)
			}
			if math.IsNaN(x) != math.IsNaN(want) || math.Abs(x-want) > 1e-9 { // sums run in another order
				t.Errorf("%s %s[%d] = %v, want %v", field[0], field[1], i, x, want)
			}
		}
	}
	if len(checked) != 12 {
		t.Errorf("only %v were checked", checked)
	}
}

func TestFairnessOfNothing(t *testing.T) {
	g := RatesByGroup(nil, nil, nil, nil, 2)
	if d := DemographicParity(g); !math.IsNaN(d.Difference) || !math.IsNaN(d.Ratio) {
		t.Errorf("%+v", d)
	}
	// A group without weight does not count, and a row without group is in none.
	g = RatesByGroup([]float64{1, 0, 1, 1}, []float64{1, 0, 1, 0}, []float64{1, 1, 0, 5}, []int32{0, 0, 1, -1}, 2)
	if d := DemographicParity(g); d.Difference != 0 || d.Ratio != 1 || g[1].Rows != 0 || g[0].Rows != 2 {
		t.Errorf("%+v of %+v", d, g)
	}
}

// A weight of 2 is the row twice, and neither the order of rows nor the numbers of groups matter.
func TestFairnessCountsWeights(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 60).Draw(t, "rows")
		var y, s, w, y2, s2 []float64
		var g, g2 []int32
		for range n {
			yi, si := float64(rapid.IntRange(0, 1).Draw(t, "y")), float64(rapid.IntRange(0, 1).Draw(t, "s"))
			wi, gi := rapid.IntRange(0, 3).Draw(t, "w"), int32(rapid.IntRange(0, 2).Draw(t, "g"))
			y, s, w, g = append(y, yi), append(s, si), append(w, float64(wi)), append(g, gi)
			for range wi {
				y2, s2, g2 = append([]float64{yi}, y2...), append([]float64{si}, s2...), append([]int32{2 - gi}, g2...)
			}
		}
		a, b := RatesByGroup(y, s, w, g, 3), RatesByGroup(y2, s2, nil, g2, 3)
		for _, f := range []func([]GroupRates) Disparity{DemographicParity, EqualizedOdds, EqualOpportunity} {
			if x, z := f(a), f(b); x != z && x == x {
				t.Fatalf("%+v, %+v", x, z)
			}
		}
	})
}
