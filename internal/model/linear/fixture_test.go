package linear_test

import (
	"encoding/json"
	"os"
	"slices"
	"testing"

	"kequn/internal/model"
	"kequn/internal/model/linear"
)

// A model that was saved in format 1 always loads and scores as it did. The files in testdata/v1 are never made anew.
func TestFormat1Loads(t *testing.T) {
	f, err := os.Open("testdata/v1/people.model")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m, err := model.Load(f, map[string]model.Decoder{linear.Family: linear.Decode})
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile("testdata/v1/people.scores.json")
	if err != nil {
		t.Fatal(err)
	}
	var want []float64
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	x, _ := people(t)
	got, err := m.Predict(x.Slice(0, len(want)))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		near(t, "scores", got, want, 1e-12)
	}
	if c := m.(*linear.Model).Coefficients(); len(c) != 6 || m.(*linear.Model).Path() != nil {
		t.Errorf("%d coefficients", len(c))
	}
}
