package additive

import "kequn/internal/treekit"

// stepper takes the steps of one goroutine. A step asks all borders of a column at once. Border b alone would make a tree of
// two leaves, worth G/(H+λ) on either side, where G and H are the side's sums of gradients and hessians, and would lower the
// loss by gain(b). A cell is given the mean over all those trees, weighted by their gains:
//
//	u(c) = −rate/Σ gain · ( Σ_{borders b > c} gain(b)·G_{<b}/(H_{<b}+λ) + Σ_{borders b ≤ c} gain(b)·G_{≥b}/(H_{≥b}+λ) )
//
// Boosting with the best border alone believes any border at once, and the shape keeps the scar. Random borders (the
// smoothing rounds of InterpretML) give the plain mean, but with noise, and are slow where a border is real. The weighted
// mean is smooth where many borders are about as good and sharp where one stands out, and needs no random numbers.
// Over a pair every crossing of borders makes four leaves, and the mean is over all crossings.
//
// With running sums a step costs O(cells).
type stepper struct {
	rate, minRows, l2, smooth float64
	noise                     float64

	g, h, w    []float64 // sums of a term's cells
	pg, ph, pw []float64 // running sums
	leaf       [4][]float64
}

func newStepper(l Learner) *stepper {
	room := func() []float64 { return make([]float64, pairCells) }
	s := &stepper{
		rate: l.Rate, minRows: l.MinRows, l2: l.L2, smooth: l.CategorySmooth,
		g: room(), h: room(), pg: room(), ph: room(), pw: room(),
	}
	for i := range s.leaf {
		s.leaf[i] = room()
	}
	return s
}

// column writes the update of a column's cells. Levels and missing values have no neighbours and move by themselves, the more
// slowly the fewer they are.
func (s *stepper) column(cut *treekit.Cut, out []float32) {
	n := cut.NBins
	numbers := n
	if cut.IsCategory() {
		numbers = 0
	}
	for c := numbers; c <= n; c++ {
		out[c] = 0
		if s.h[c] > 0 {
			out[c] = float32(-s.rate * s.g[c] / (s.h[c] + s.smooth))
		}
	}
	if numbers > 0 {
		s.numbers(out[:numbers])
	}
}

func (s *stepper) numbers(out []float32) {
	n := len(out)
	pg, ph, pw := s.pg[:n+1], s.ph[:n+1], s.pw[:n+1] // sums of the cells before
	pg[0], ph[0], pw[0] = 0, 0, 0
	for c := range n {
		pg[c+1], ph[c+1], pw[c+1] = pg[c]+s.g[c], ph[c]+s.h[c], pw[c]+s.w[c]
	}
	g, h, w := pg[n], ph[n], pw[n]
	below, above := s.leaf[0][:n], s.leaf[1][:n]
	base := g * g / (h + s.l2)
	sumBelow, sumAbove, sumGain, square := 0.0, 0.0, 0.0, 0.0
	gains := s.leaf[2][:n]
	for c := 1; c < n; c++ {
		below[c], above[c], gains[c] = 0, 0, 0
		if pw[c] < s.minRows || w-pw[c] < s.minRows || !(ph[c] > 0) || !(h-ph[c] > 0) {
			continue
		}
		gl, gr := pg[c], g-pg[c]
		vl, vr := gl/(ph[c]+s.l2), gr/(h-ph[c]+s.l2)
		if gain := gl*vl + gr*vr - base; gain > 0 {
			below[c], above[c] = vl, vr
			gains[c] = gain
		}
	}
	for c := 1; c < n; c++ {
		if gains[c] > 0 {
			q := gains[c]
			below[c] *= q
			above[c] *= q
			sumBelow += below[c]
			sumGain += q
			square += q * q
		}
	}
	if !(sumGain > 0) {
		clear(out)
		return
	}
	factor := -s.rate / sumGain * max(0, 1-s.noise*sumGain/square)
	for c := range n {
		if c > 0 {
			sumBelow -= below[c]
			sumAbove += above[c]
		}
		out[c] = float32(factor * (sumBelow + sumAbove))
	}
}

// pair writes the update of a grid of na×nb cells.
func (s *stepper) pair(na, nb int, out []float32) {
	n := na * nb
	pg, ph, pw := s.pg[:n], s.ph[:n], s.pw[:n] // at (i, j): sums of all cells up to i and up to j
	for i := range na {
		var g, h, w float64
		for j := range nb {
			c := i*nb + j
			g, h, w = g+s.g[c], h+s.h[c], w+s.w[c]
			pg[c], ph[c], pw[c] = g, h, w
			if i > 0 {
				pg[c] += pg[c-nb]
				ph[c] += ph[c-nb]
				pw[c] += pw[c-nb]
			}
		}
	}
	for d := range s.leaf {
		clear(s.leaf[d][:n])
	}
	// leaf[d] at (i, j) has what quarter d of the crossing after i and after j is worth:
	//
	//	  0 │ 1
	//	────┼────   i
	//	  2 │ 3
	//	    j
	last, end := n-nb, n-1
	base := 0.0
	if ph[end] > 0 {
		base = pg[end] * pg[end] / (ph[end] + s.l2)
	}
	sumGain, square := 0.0, 0.0
	for i := range na - 1 {
		row := i*nb + nb - 1
		if pw[row] == 0 || pw[end]-pw[row] <= 0 {
			continue
		}
		for j := range nb - 1 {
			c, col := i*nb+j, last+j
			if pw[col] == 0 || pw[end]-pw[col] <= 0 {
				continue
			}
			v0, gain0 := s.worth(pg[c], ph[c], pw[c])
			v1, gain1 := s.worth(pg[row]-pg[c], ph[row]-ph[c], pw[row]-pw[c])
			v2, gain2 := s.worth(pg[col]-pg[c], ph[col]-ph[c], pw[col]-pw[c])
			v3, gain3 := s.worth(pg[end]-pg[row]-pg[col]+pg[c], ph[end]-ph[row]-ph[col]+ph[c], pw[end]-pw[row]-pw[col]+pw[c])
			if gain := gain0 + gain1 + gain2 + gain3 - base; gain > 0 {
				s.leaf[0][c], s.leaf[1][c], s.leaf[2][c], s.leaf[3][c] = gain*v0, gain*v1, gain*v2, gain*v3
				sumGain += gain
				square += gain * gain
			}
		}
	}
	if !(sumGain > 0) {
		clear(out[:n])
		return
	}
	// Cell (a, b) lies in quarter 0 of crossings i ≥ a, j ≥ b; in 1 of i ≥ a, j < b; in 2 of i < a, j ≥ b; in 3 of the others.
	for c := n - nb - 1; c >= 0; c-- {
		s.leaf[0][c] += s.leaf[0][c+nb]
		s.leaf[1][c] += s.leaf[1][c+nb]
	}
	for c := nb; c < n; c++ {
		s.leaf[2][c] += s.leaf[2][c-nb]
		s.leaf[3][c] += s.leaf[3][c-nb]
	}
	factor := -s.rate / sumGain * max(0, 1-s.noise*sumGain/square)
	none := s.leaf[0][n-nb:][:nb] // no crossing lies after the last row: all 0
	for a := range na {
		row := a * nb
		l0, l1, l2, l3 := s.leaf[0][row:row+nb], s.leaf[1][row:row+nb], none, none
		if a > 0 {
			l2, l3 = s.leaf[2][row-nb:row], s.leaf[3][row-nb:row]
		}
		var right, left float64 // crossings after and before column b
		for b := range nb {
			right += l0[b] + l2[b]
		}
		for b := range nb {
			out[row+b] = float32(factor * (right + left))
			right -= l0[b] + l2[b]
			left += l1[b] + l3[b]
		}
	}
}

// worth returns a leaf's value and how much it lowers the loss; 0 for a leaf that is too small.
func (s *stepper) worth(g, h, w float64) (value, gain float64) {
	if w < s.minRows || !(h > 0) {
		return 0, 0
	}
	value = g / (h + s.l2)
	return value, value * g
}
