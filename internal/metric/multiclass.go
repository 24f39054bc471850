package metric

import (
	"math"

	"kequn/internal/kernel"
)

const errClass = "metric: class is out of range"

func checkClasses(class []int32, nClasses int, weight []float64) {
	for _, c := range class {
		if c < 0 || int(c) >= nClasses {
			panic(errClass)
		}
	}
	checkWeight(len(class), weight)
}

// TopClass returns for each row the class with the largest of its scores, the first of equals. score is (n, nClasses),
// row-major.
func TopClass(score []float64, nClasses int) []int32 {
	if nClasses < 1 || len(score)%nClasses != 0 {
		panic(errLength)
	}
	checkFinite(score)
	out := make([]int32, len(score)/nClasses)
	for i := range out {
		row := score[i*nClasses : (i+1)*nClasses]
		for c, s := range row {
			if s > row[out[i]] {
				out[i] = int32(c)
			}
		}
	}
	return out
}

// Accuracy returns the share of rows whose predicted class is the true one. NaN without weight.
func Accuracy(class, predicted []int32, weight []float64) float64 {
	if len(class) != len(predicted) {
		panic(errLength)
	}
	checkWeight(len(class), weight)
	right, total := 0.0, 0.0
	for i, c := range class {
		w := at(weight, i)
		total += w
		if c == predicted[i] {
			right += w
		}
	}
	return right / total
}

// MultiLogLoss returns −mean log p of the true class, probabilities held in [1e-15, 1−1e-15] after each row was scaled to
// sum to 1. p is (n, nClasses), row-major. NaN without weight.
func MultiLogLoss(class []int32, p []float64, nClasses int, weight []float64) float64 {
	if len(p) != len(class)*nClasses {
		panic(errLength)
	}
	checkClasses(class, nClasses, weight)
	for _, q := range p {
		if !(q >= 0 && q <= 1) {
			panic(errProbability)
		}
	}
	loss := make([]float64, len(class))
	for i, c := range class {
		row := p[i*nClasses : (i+1)*nClasses]
		sum := 0.0
		for _, q := range row {
			sum += q
		}
		if sum == 0 {
			sum = 1
		}
		loss[i] = -math.Log(min(max(row[c]/sum, 1e-15), 1-1e-15))
	}
	return kernel.SumProduct(loss, weight) / totalWeight(len(loss), weight)
}

// MacroAUC returns the plain mean over classes of the [AUC] of "this class or another" by the class's own score
// (scikit-learn: multi_class="ovr", average="macro"). Classes that no row has, or every row, are left out; NaN if none is
// left. score is (n, nClasses), row-major.
func MacroAUC(class []int32, score []float64, nClasses int, weight []float64) float64 {
	if len(score) != len(class)*nClasses {
		panic(errLength)
	}
	checkClasses(class, nClasses, weight)
	y, s := make([]float64, len(class)), make([]float64, len(class))
	sum, n := 0.0, 0
	for c := range nClasses {
		for i := range y {
			y[i] = 0
			if int(class[i]) == c {
				y[i] = 1
			}
			s[i] = score[i*nClasses+c]
		}
		if a := AUC(y, s, weight); !math.IsNaN(a) {
			sum += a
			n++
		}
	}
	return sum / float64(n)
}

// MacroF1 returns the plain mean over classes of 2·tp/(2·tp+fp+fn). Classes that are neither true nor predicted anywhere are
// left out. NaN without weight.
func MacroF1(class, predicted []int32, nClasses int, weight []float64) float64 {
	if len(class) != len(predicted) {
		panic(errLength)
	}
	checkClasses(class, nClasses, weight)
	checkClasses(predicted, nClasses, nil)
	hit, seen := make([]float64, nClasses), make([]float64, nClasses) // seen: 2·tp + fp + fn
	for i, c := range class {
		w := at(weight, i)
		if c == predicted[i] {
			hit[c] += w
		}
		seen[c] += w
		seen[predicted[i]] += w
	}
	sum, n := 0.0, 0
	for c, s := range seen {
		if s > 0 {
			sum += 2 * hit[c] / s
			n++
		}
	}
	return sum / float64(n)
}
