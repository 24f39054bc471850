package tree

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"math"
	"os"
	"strconv"
	"testing"

	"kequn"
	"kequn/internal/model"
	"kequn/internal/table"
)

// Forests draw at random, so that ours and scikit-learn's are never the same; but the mean of 2,000 trees hardly depends on the draws.
// Their trees take 3 different rows a leaf at least, ours 4 draws, which comes close. Drawn borders are even in bins here and in values
// there, so that extra trees differ more.
func TestForestBesideScikitLearn(t *testing.T) {
	f, err := os.Open("testdata/people.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	column := func(name string) (v []float64) {
		for j, c := range lines[0] {
			for _, l := range lines[1:] {
				if c == name {
					x, err := strconv.ParseFloat(l[j], 64)
					if err != nil {
						t.Fatal(err)
					}
					v = append(v, x)
				}
			}
		}
		return v
	}
	b, err := os.ReadFile("testdata/forest.json")
	if err != nil {
		t.Fatal(err)
	}
	type said struct{ Probability, Value []float64 }
	var want struct{ Forest, Extra said }
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	x := &table.Table{}
	for _, name := range []string{"age", "income", "visits"} {
		x.Columns = append(x.Columns, &table.Column{Name: name, Kind: table.Number, Num: column(name)})
	}
	const train = 160
	for _, c := range []struct {
		name   string
		extra  bool
		task   kequn.Task
		y      []float64
		want   []float64
		differ float64 // root mean square
	}{
		{"forest", false, kequn.Binary, column("bought"), want.Forest.Probability, 0.025},
		{"forest", false, kequn.Regression, column("spend"), want.Forest.Value, 0.5},
		{"extra trees", true, kequn.Binary, column("bought"), want.Extra.Probability, 0.05},
		{"extra trees", true, kequn.Regression, column("spend"), want.Extra.Value, 1.5},
	} {
		l := Forest{Trees: 2000, MinLeaf: 4, Columns: 2, Smoothing: 1e-9, Extra: c.extra}
		m, err := l.Fit(context.Background(), x.Slice(0, train), model.Outcome{Task: c.task, Y: c.y[:train]}, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := m.(*ForestModel).trees.Predict(x.Slice(train, x.NRows()), 0) // before calibration
		sum := 0.0
		for i, v := range got {
			sum += (v - c.want[i]) * (v - c.want[i])
		}
		differ := math.Sqrt(sum / float64(len(got)))
		t.Logf("%s, %s: %.4f apart", c.name, c.task, differ)
		if !(differ <= c.differ) {
			t.Errorf("%s, %s: %.4f apart from scikit-learn's, want at most %v", c.name, c.task, differ, c.differ)
		}
	}
}

// Weights that are whole numbers, duplicates in any order and one row of their sum are drawn alike.
func TestDrawFollowsWeights(t *testing.T) {
	b := &bag{key: []uint64{1, 2, 3, 4}, row: make([]int32, 4), weight: []int64{1, 3, 40, 400}, wUnit: 1, rate: 1}
	times, rows := make([]int32, 4), []int32(nil)
	var sum, square [4]float64
	const trees = 4000
	for tree := range uint64(trees) {
		rows = b.draw(tree, times, rows)
		for e, n := range times {
			sum[e] += float64(n) / trees
			square[e] += float64(n) * float64(n) / trees
		}
	}
	for e, w := range b.weight {
		mean, variance := sum[e], square[e]-sum[e]*sum[e]
		if math.Abs(mean-float64(w)) > 5*math.Sqrt(float64(w)/trees) || math.Abs(variance/float64(w)-1) > 0.15 {
			t.Errorf("weight %d: mean %.3f, variance %.3f, want %d for both", w, mean, variance, w)
		}
	}
}
