package metric_test

import (
	"fmt"

	"kequn/internal/metric"
)

func Example() {
	bought := []float64{1, 0, 1, 1, 0, 0, 0, 1, 0, 0}
	propensity := []float64{0.9, 0.2, 0.8, 0.4, 0.5, 0.1, 0.3, 0.7, 0.6, 0.2}
	fmt.Printf("AUC %.3f, log loss %.3f, gain of the best tenth %.1f\n",
		metric.AUC(bought, propensity, nil), metric.LogLoss(bought, propensity, nil), metric.TopDecileGain(bought, propensity, nil))
	i := metric.AUCInterval(bought, propensity, 0.95)
	fmt.Printf("AUC between %.2f and %.2f\n", i.Low, i.High)
	// Output:
	// AUC 0.917, log loss 0.412, gain of the best tenth 2.5
	// AUC between 0.47 and 0.99
}

func ExampleDesign_SmallestRateEffect() {
	d := metric.Design{Treated: 9600, Control: 2400}
	fmt.Printf("%.4f\n", d.SmallestRateEffect(0.05))
	// Output: 0.0143
}
