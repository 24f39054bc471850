package gbdt_test

import (
	"encoding/json"
	"flag"
	"os"
	"testing"

	"kequn/internal/model"
	"kequn/internal/model/gbdt"
)

var writeFixture = flag.Bool("write-fixture", false, "write testdata/v1 for a version that has none yet")

// TestOldModelsLoad opens a model file of every version there was; testdata/v1 is never edited.
func TestOldModelsLoad(t *testing.T) {
	x, y := shop(3000, 11)
	row := x.Slice(0, 20)
	if *writeFixture {
		m := fit(t, gbdt.Learner{Trees: 4, Leaves: 8}, x, y, nil)
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
	m, err := model.Load(f, map[string]model.Decoder{gbdt.Name: gbdt.Decode})
	if err != nil {
		t.Fatal(err)
	}
	var want []float64
	b, err := os.ReadFile("testdata/v1/shop.scores.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	got, err := m.Predict(row)
	if err != nil {
		t.Fatal(err)
	}
	for i := range want {
		if d := got[i] - want[i]; d > 1e-12 || d < -1e-12 {
			t.Errorf("row %d scores %v, want %v", i, got[i], want[i])
		}
	}
}
