package kernel_test

import (
	"errors"
	"math"
	"testing"

	"kequn/internal/kernel"
)

// Rosenbrock's valley in ten dimensions ends at ones.
func TestLBFGSFindsTheValley(t *testing.T) {
	f := func(x []float64) (float64, []float64, error) {
		v, g := 0.0, make([]float64, len(x))
		for i := range len(x) - 1 {
			a, b := x[i+1]-x[i]*x[i], 1-x[i]
			v += 100*a*a + b*b
			g[i] += -400*a*x[i] - 2*b
			g[i+1] += 200 * a
		}
		return v, g, nil
	}
	x, value, settled, err := kernel.LBFGS{Quiet: 4}.Minimise(make([]float64, 10), f)
	if err != nil || !settled || value > 1e-12 {
		t.Fatal(value, settled, err)
	}
	for _, v := range x {
		if math.Abs(v-1) > 1e-5 {
			t.Fatal(x)
		}
	}
	if _, _, settled, _ := (kernel.LBFGS{MaxSteps: 3}).Minimise(make([]float64, 10), f); settled {
		t.Error("settled in three steps")
	}
	stop := errors.New("stop")
	if _, _, _, err := (kernel.LBFGS{}).Minimise([]float64{1}, func([]float64) (float64, []float64, error) { return 0, nil, stop }); err != stop {
		t.Error(err)
	}
}
