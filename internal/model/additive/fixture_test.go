package additive_test

import (
	"encoding/json"
	"flag"
	"math"
	"os"
	"testing"

	"kequn/internal/model"
	"kequn/internal/model/additive"
)

var writeFixture = flag.Bool("write-fixture", false, "write testdata/v1 for a version that has none yet")

// TestOldModelsLoad opens a model file of every version there was; testdata/v1 is never edited.
func TestOldModelsLoad(t *testing.T) {
	x, y, _ := shop(2000, 14)
	row := x.Slice(0, 20)
	if *writeFixture {
		m := fit(t, additive.Learner{Bins: 20, PairBins: 6, Pairs: 2}, x, y, nil)
		p, err := m.Predict(row)
		if err != nil {
			t.Fatal(err)
		}
		scores, _ := json.Marshal(p)
		os.MkdirAll("testdata/v1", 0o755)
		os.WriteFile("testdata/v1/shop.model", saved(t, m), 0o644)
		os.WriteFile("testdata/v1/shop.scores.json", scores, 0o644)
	}
	f, err := os.Open("testdata/v1/shop.model")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m, err := model.Load(f, map[string]model.Decoder{additive.Name: additive.Decode})
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile("testdata/v1/shop.scores.json")
	if err != nil {
		t.Fatal(err)
	}
	var want []float64
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	got, err := m.Predict(row)
	if err != nil {
		t.Fatal(err)
	}
	for i := range want {
		if math.Abs(got[i]-want[i]) > 1e-12 {
			t.Errorf("row %d scores %v, want %v", i, got[i], want[i])
		}
	}
	if n := len(m.(*additive.Model).Grids()); n != 2 {
		t.Errorf("%d pairs, want 2", n)
	}
}
