package metric

import (
	"math"

	"kequn/internal/kernel"
)

// AUC returns the probability that a row with outcome 1 is scored above a row with outcome 0, ties counting half: the area
// under the ROC curve.
//
//	Σ_{i: y=1} Σ_{j: y=0} wᵢ·wⱼ·([sᵢ > sⱼ] + ½[sᵢ = sⱼ]) / (W₁·W₀)
//
// It is NaN unless both outcomes have weight. Time is that of one sort.
func AUC(outcome, score, weight []float64) float64 {
	checkBinary(outcome, score, weight)
	var pairs, yes, no float64 // yes, no: weight so far, from the lowest score up
	ascend(outcome, score, weight, func(_, tieYes, tieNo float64) {
		pairs += tieYes * (no + tieNo/2)
		yes += tieYes
		no += tieNo
	})
	if yes == 0 || no == 0 {
		return math.NaN()
	}
	return pairs / yes / no
}

// PRAUC returns the average precision Σ_n (R_n − R_{n−1})·P_n over the distinct scores from high to low, R being recall and
// P precision (scikit-learn's average_precision_score: no interpolation). NaN when no row with outcome 1 has weight.
func PRAUC(outcome, score, weight []float64) float64 {
	checkBinary(outcome, score, weight)
	var sum, yes, all float64
	descend(outcome, score, weight, func(_, tieYes, tieNo float64) {
		yes += tieYes
		all += tieYes + tieNo
		if tieYes > 0 {
			sum += tieYes * (yes / all)
		}
	})
	if yes == 0 {
		return math.NaN()
	}
	return sum / yes
}

// Point is one point of a curve.
type Point struct {
	X float64 `json:"x"`
	Y float64 `json:"y"`
}

// ROC returns the curve of false positive rate (X) against true positive rate (Y) from (0, 0) to (1, 1), with a point after
// each distinct score except where it would lie on a straight line, thinned to about maxPoints points (0: all).
// nil unless both outcomes have weight.
func ROC(outcome, score, weight []float64, maxPoints int) []Point {
	checkBinary(outcome, score, weight)
	out := []Point{{}}
	var yes, no float64
	descend(outcome, score, weight, func(_, tieYes, tieNo float64) {
		yes += tieYes
		no += tieNo
		out = append(out, Point{no, yes})
	})
	if yes == 0 || no == 0 {
		return nil
	}
	for i := range out {
		out[i].X /= no
		out[i].Y /= yes
	}
	return thin(dropStraight(out), maxPoints)
}

// dropStraight leaves out points between two others on one horizontal or vertical line.
func dropStraight(p []Point) []Point {
	out := p[:1]
	for i := 1; i < len(p); i++ {
		last := out[len(out)-1]
		if i+1 < len(p) && (last.X == p[i].X && p[i].X == p[i+1].X || last.Y == p[i].Y && p[i].Y == p[i+1].Y) {
			continue
		}
		out = append(out, p[i])
	}
	return out
}

// thin keeps first, last and about limit points evenly by index.
func thin(p []Point, limit int) []Point {
	if limit < 2 || len(p) <= limit {
		return p
	}
	out := make([]Point, limit)
	for i := range out {
		out[i] = p[i*(len(p)-1)/(limit-1)]
	}
	return out
}

// TopDecileGain is [TopGain] for the best scored tenth.
func TopDecileGain(outcome, score, weight []float64) float64 {
	return TopGain(outcome, score, weight, 0.1)
}

// TopGain returns the mean outcome of the best scored share of rows over the mean outcome of all: 3 means that contacting
// the best share finds three times as many as contacting at random.
//
// The best k = ⌊share·n⌋ rows count (with weights that are not whole numbers: weight share·W); a tie at the edge is taken in
// proportion, which is the expected value over the orders of the tied rows. Outcomes may be amounts. NaN when k is 0 or
// the mean outcome is 0.
func TopGain(outcome, score, weight []float64, share float64) float64 {
	checkPair(outcome, score, weight)
	if !(share > 0 && share <= 1) {
		panic(errRange)
	}
	total, whole := 0.0, true
	sum := 0.0
	for i, y := range outcome {
		w := at(weight, i)
		total += w
		sum += w * y
		whole = whole && w == math.Trunc(w)
	}
	k := share * total
	if whole {
		k = math.Floor(k)
	}
	if !(k > 0) || sum == 0 {
		return math.NaN()
	}
	taken, found := 0.0, 0.0
	groups(kernel.ArgsortDesc(score), score, func(rows []int32) bool {
		tieW, tieY := 0.0, 0.0
		for _, i := range rows {
			tieW += at(weight, int(i))
			tieY += at(weight, int(i)) * outcome[i]
		}
		if tieW == 0 {
			return true
		}
		if taken+tieW >= k {
			found += tieY / tieW * (k - taken)
			taken = k
			return false
		}
		taken += tieW
		found += tieY
		return true
	})
	return found / k / (sum / total)
}

// Gain is one point of the gains curve: what contacting the best scored share finds.
type Gain struct {
	Share    float64 `json:"share"`    // of the rows contacted, best scored first
	Captured float64 `json:"captured"` // of the outcome's total found among them
	Gain     float64 `json:"gain"`     // Captured / Share: 1 is random
	Rate     float64 `json:"rate"`     // mean outcome among them
}

// Gains returns the cumulative gains curve at the shares 1/points, 2/points, … 1, ties taken in proportion. Outcomes may be
// amounts, not negative in sum. nil when there is no weight or the outcomes sum to 0.
func Gains(outcome, score, weight []float64, points int) []Gain {
	checkPair(outcome, score, weight)
	if points < 1 {
		panic(errRange)
	}
	var curve []Point // cumulative weight and outcome after each distinct score
	curve = append(curve, Point{})
	w, y := 0.0, 0.0
	groups(kernel.ArgsortDesc(score), score, func(rows []int32) bool {
		for _, i := range rows {
			w += at(weight, int(i))
			y += at(weight, int(i)) * outcome[i]
		}
		curve = append(curve, Point{w, y})
		return true
	})
	if w == 0 || y == 0 {
		return nil
	}
	out := make([]Gain, points)
	k := 0
	for i := range out {
		share := float64(i+1) / float64(points)
		x := share * w
		for k+1 < len(curve)-1 && curve[k+1].X < x {
			k++
		}
		a, b := curve[k], curve[min(k+1, len(curve)-1)]
		found := b.Y
		if b.X > x && b.X > a.X {
			found = a.Y + (x-a.X)/(b.X-a.X)*(b.Y-a.Y)
		}
		out[i] = Gain{Share: share, Captured: found / y, Gain: found / y / share, Rate: found / x}
	}
	return out
}

// groups calls f for each run of equal scores in the given order of rows, until f returns false.
func groups(order []int32, score []float64, f func(rows []int32) bool) {
	for lo := 0; lo < len(order); {
		hi, s := lo+1, score[order[lo]]
		for hi < len(order) && score[order[hi]] == s {
			hi++
		}
		if !f(order[lo:hi]) {
			return
		}
		lo = hi
	}
}

// ascend calls f with each distinct score from low to high and the weight of its rows by outcome.
func ascend(outcome, score, weight []float64, f func(s, tieYes, tieNo float64)) {
	walk(kernel.Argsort(score), outcome, score, weight, f)
}

// descend is ascend from high to low.
func descend(outcome, score, weight []float64, f func(s, tieYes, tieNo float64)) {
	walk(kernel.ArgsortDesc(score), outcome, score, weight, f)
}

func walk(order []int32, outcome, score, weight []float64, f func(s, tieYes, tieNo float64)) {
	for lo := 0; lo < len(order); {
		s := score[order[lo]]
		yes, no := 0.0, 0.0
		for ; lo < len(order) && score[order[lo]] == s; lo++ {
			i := order[lo]
			w := at(weight, int(i))
			if outcome[i] != 0 {
				yes += w
			} else {
				no += w
			}
		}
		f(s, yes, no)
	}
}
