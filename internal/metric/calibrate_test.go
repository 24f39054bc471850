package metric

import (
	"testing"

	"kequn/internal/kernel"
)

// An isotonic calibration may level differences of probability, but it never makes two different scores equal: ranking by
// calibrated scores is ranking by scores.
func TestIsotonicKeepsTheOrder(t *testing.T) {
	s := kernel.NewStream(8)
	y, p := make([]float64, 400), make([]float64, 400)
	for i := range y {
		p[i] = s.Float64()*0.98 + 0.01
		if s.Float64() < 0.3 {
			y[i] = 1
		}
	}
	c := FitCalibration(Isotonic, y, p, nil)
	if !c.Valid() {
		t.Fatalf("%+v", c)
	}
	if before, after := AUC(y, p, nil), AUC(y, c.ApplyAll(p), nil); before != after {
		t.Errorf("AUC %v became %v", before, after)
	}
	if lo, hi := c.Apply(0), c.Apply(1); !(lo < c.Apply(0.005) && hi > c.Apply(0.995) && lo >= 0 && hi <= 1) {
		t.Errorf("ends %v and %v", lo, hi)
	}
}
