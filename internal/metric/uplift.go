package metric

import (
	"math"

	"kequn/internal/kernel"
)

// Scores of an uplift ranking follow scikit-uplift 0.5.1 to the last digit that floats allow. Rows are contacted in
// order of predicted uplift, best first; after each distinct prediction the curves take a point from
//
//	N, Nᵗ, Nᶜ   rows so far, treated, untreated
//	Yᵗ, Yᶜ      outcomes so far among them
//
//	Qini curve     Yᵗ − Yᶜ·Nᵗ/Nᶜ               (second term 0 while Nᶜ is 0)
//	uplift curve   (Yᵗ/Nᵗ − Yᶜ/Nᶜ)·N           (each term 0 while its N is 0)
//
// treatment is 1 for treated and 0 for untreated rows. The rows must come from a random split, or the numbers mean nothing.

const errTreatment = "metric: treatment is not 0 or 1"

type upliftSums struct{ n, nT, yT, yC float64 }

func (s *upliftSums) add(y, t, w float64) {
	s.n += w
	if t == 1 {
		s.nT += w
		s.yT += w * y
	} else {
		s.yC += w * y
	}
}

func (s upliftSums) qini() float64 {
	if nC := s.n - s.nT; nC != 0 {
		return s.yT - s.yC*(s.nT/nC)
	}
	return s.yT
}

func (s upliftSums) uplift() float64 {
	d := 0.0
	if s.nT != 0 {
		d = s.yT / s.nT
	}
	if nC := s.n - s.nT; nC != 0 {
		d -= s.yC / nC
	}
	return d * s.n
}

// QiniCurve returns the points (rows contacted, incremental outcome) from (0, 0), thinned to about maxPoints points
// (0: all). Outcomes may be amounts. nil without rows.
func QiniCurve(outcome, uplift, treatment, weight []float64, maxPoints int) []Point {
	checkUplift(outcome, uplift, treatment, weight)
	return thin(upliftCurve(outcome, uplift, treatment, weight, upliftSums.qini), maxPoints)
}

// UpliftCurve is [QiniCurve] for the uplift curve.
func UpliftCurve(outcome, uplift, treatment, weight []float64, maxPoints int) []Point {
	checkUplift(outcome, uplift, treatment, weight)
	return thin(upliftCurve(outcome, uplift, treatment, weight, upliftSums.uplift), maxPoints)
}

// Qini returns scikit-uplift's qini_auc_score with negative effects: the area between the Qini curve and the straight
// line to its end, over that of the perfect ranking. 0 is random, 1 perfect. NaN unless both arms and both outcomes have weight.
func Qini(outcome, uplift, treatment, weight []float64) float64 {
	checkUplift(outcome, uplift, treatment, weight)
	checkYes(outcome)
	if !askable(outcome, treatment, weight) {
		return math.NaN()
	}
	return normalised(outcome, uplift, treatment, weight, upliftSums.qini, func(y, t float64) int {
		return int(y*t - y*(1-t)) // 1, 0, −1
	})
}

// AUUC returns scikit-uplift's uplift_auc_score: as [Qini], for the uplift curve. NaN in the same cases.
func AUUC(outcome, uplift, treatment, weight []float64) float64 {
	checkUplift(outcome, uplift, treatment, weight)
	checkYes(outcome)
	if !askable(outcome, treatment, weight) {
		return math.NaN()
	}
	yesC, noT := 0.0, 0.0
	for i, y := range outcome {
		switch {
		case y == 1 && treatment[i] == 0:
			yesC += at(weight, i)
		case y == 0 && treatment[i] == 1:
			noT += at(weight, i)
		}
	}
	return normalised(outcome, uplift, treatment, weight, upliftSums.uplift, func(y, t float64) int {
		extra := t
		if yesC > noT {
			extra = y
		}
		if y == t {
			return 2 + int(extra)
		}
		return int(extra)
	})
}

// UpliftAt returns the difference of mean outcomes, treated minus untreated, among the ⌊share·N⌋ rows with the largest
// predicted uplift (scikit-uplift: uplift_at_k, strategy "overall"; of equal predictions the later row comes first, as there).
// Outcomes may be amounts. NaN when one arm is empty among them.
func UpliftAt(outcome, uplift, treatment, weight []float64, share float64) float64 {
	checkUplift(outcome, uplift, treatment, weight)
	if !(share > 0 && share <= 1) {
		panic(errRange)
	}
	left := math.Floor(totalWeight(len(outcome), weight) * share)
	var s upliftSums
	order := kernel.Argsort(uplift)
	for k := len(order) - 1; k >= 0 && left > 0; k-- {
		i := int(order[k])
		w := min(left, at(weight, i))
		s.add(outcome[i], treatment[i], w)
		left -= w
	}
	if s.nT == 0 || s.n-s.nT == 0 {
		return math.NaN()
	}
	return s.yT/s.nT - s.yC/(s.n-s.nT)
}

// QiniGain returns the area between the Qini curve and the straight line to its end, divided by N²: the incremental
// outcome a customer that the ranking wins over contacting at random, averaged over all depths. It is on the outcome's
// scale, needs no perfect ranking to compare with, and so serves amounts. NaN unless both arms have weight.
func QiniGain(outcome, uplift, treatment, weight []float64) float64 {
	checkUplift(outcome, uplift, treatment, weight)
	c := upliftCurve(outcome, uplift, treatment, weight, upliftSums.qini)
	var nT, nC float64
	for i, t := range treatment {
		if t == 1 {
			nT += at(weight, i)
		} else {
			nC += at(weight, i)
		}
	}
	if nT == 0 || nC == 0 {
		return math.NaN()
	}
	return aboveLine(c) / (nT + nC) / (nT + nC)
}

func checkUplift(outcome, uplift, treatment, weight []float64) {
	checkPair(outcome, uplift, weight)
	if len(treatment) != len(outcome) {
		panic(errLength)
	}
	for _, t := range treatment {
		if t != 0 && t != 1 {
			panic(errTreatment)
		}
	}
}

// askable tells whether both arms and both outcomes have weight.
func askable(outcome, treatment, weight []float64) bool {
	var seen [2][2]bool
	for i, y := range outcome {
		if at(weight, i) > 0 {
			seen[int(treatment[i])][int(y)] = true
		}
	}
	return (seen[0][0] || seen[0][1]) && (seen[1][0] || seen[1][1]) && (seen[0][0] || seen[1][0]) && (seen[0][1] || seen[1][1])
}

// upliftCurve returns (N, value) after each distinct prediction, best first, beginning with (0, 0).
func upliftCurve(outcome, uplift, treatment, weight []float64, value func(upliftSums) float64) []Point {
	if len(outcome) == 0 {
		return nil
	}
	order := kernel.Argsort(uplift)
	out := []Point{{}}
	var s upliftSums
	for k := len(order) - 1; k >= 0; k-- {
		i := int(order[k])
		s.add(outcome[i], treatment[i], at(weight, i))
		if (k == 0 || uplift[order[k-1]] != uplift[i]) && s.n > out[len(out)-1].X {
			out = append(out, Point{s.n, value(s)})
		}
	}
	return out
}

// normalised returns the area above the straight line of the actual ranking over that of the ranking by the small whole
// number rank(outcome, treatment), which needs no sort.
func normalised(outcome, uplift, treatment, weight []float64, value func(upliftSums) float64, rank func(y, t float64) int) float64 {
	var perfect [5]upliftSums // by rank + 1
	for i, y := range outcome {
		perfect[rank(y, treatment[i])+1].add(y, treatment[i], at(weight, i))
	}
	best := []Point{{}}
	var s upliftSums
	for r := len(perfect) - 1; r >= 0; r-- {
		if p := perfect[r]; p.n > 0 {
			s = upliftSums{s.n + p.n, s.nT + p.nT, s.yT + p.yT, s.yC + p.yC}
			best = append(best, Point{s.n, value(s)})
		}
	}
	return aboveLine(upliftCurve(outcome, uplift, treatment, weight, value)) / aboveLine(best)
}

// aboveLine returns the area between a curve from (0, 0) and the straight line to its end, by the trapezoidal rule.
func aboveLine(c []Point) float64 {
	sum := 0.0
	for i := 1; i < len(c); i++ {
		sum += (c[i].X - c[i-1].X) * (c[i].Y + c[i-1].Y) / 2
	}
	end := c[len(c)-1]
	return sum - end.X*end.Y/2
}
