package gbdt

import (
	"context"
	"math"
	"testing"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/table"
	"kequn/internal/treekit"
)

// reference is boosting as the books have it: float64 histograms, no packing, no subtraction, every leaf searched anew,
// numbers only, logistic loss. It is the referee: what it and the fast version disagree on is due to rounding alone.
type reference struct {
	l    Learner
	bins *treekit.Bins
	y    []float64
}

type refNode struct {
	col, bin    int
	missingLeft bool
	left, right *refNode
	rows        []int
	value       float64
	gain        float64
}

func (r *reference) fit() (base float64, score []float64, trees []*refNode) {
	n := len(r.y)
	p := 0.0
	for _, v := range r.y {
		p += v / float64(n)
	}
	base = math.Log(p / (1 - p))
	score = make([]float64, n)
	g, h := make([]float64, n), make([]float64, n)
	for i := range score {
		score[i] = base
	}
	for range r.l.Trees {
		root := &refNode{}
		for i, s := range score {
			p := 1 / (1 + math.Exp(-s))
			g[i], h[i] = p-r.y[i], p*(1-p)
			root.rows = append(root.rows, i)
		}
		leaves := []*refNode{root}
		r.search(root, g, h)
		for len(leaves) < r.l.Leaves {
			best := 0
			for i := range leaves {
				if leaves[i].gain > leaves[best].gain {
					best = i
				}
			}
			l := leaves[best]
			if l.gain <= 0 {
				break
			}
			l.left, l.right = &refNode{}, &refNode{}
			for _, i := range l.rows {
				b := int(r.bins.Cols[l.col][i])
				if b == r.bins.Cuts[l.col].NBins && l.missingLeft || b < r.bins.Cuts[l.col].NBins && b <= l.bin {
					l.left.rows = append(l.left.rows, i)
				} else {
					l.right.rows = append(l.right.rows, i)
				}
			}
			r.search(l.left, g, h)
			r.search(l.right, g, h)
			leaves[best] = l.left
			leaves = append(leaves, l.right)
		}
		for _, l := range leaves {
			var sg, sh float64
			for _, i := range l.rows {
				sg += g[i]
				sh += h[i]
			}
			l.value = -r.l.Rate * sg / (sh + r.l.L2)
			for _, i := range l.rows {
				score[i] += l.value
			}
		}
		trees = append(trees, root)
	}
	return base, score, trees
}

func (r *reference) search(l *refNode, g, h []float64) {
	var sg, sh float64
	for _, i := range l.rows {
		sg += g[i]
		sh += h[i]
	}
	perH := float64(len(l.rows)) / sh
	score := func(g, h float64) float64 { return g * g / (h + r.l.L2) }
	enough := func(h float64) bool { return h >= r.l.MinHessian && h*perH >= r.l.MinRows-0.5 }
	for c := range r.bins.Cuts {
		nBins := r.bins.Cuts[c].NBins
		hg, hh := make([]float64, nBins+1), make([]float64, nBins+1)
		count := make([]int, nBins+1)
		for _, i := range l.rows {
			b := r.bins.Cols[c][i]
			hg[b] += g[i]
			hh[b] += h[i]
			count[b]++
		}
		for _, missingLeft := range []bool{false, true} {
			if missingLeft && count[nBins] == 0 {
				continue
			}
			var gl, hl float64
			if missingLeft {
				gl, hl = hg[nBins], hh[nBins]
			}
			for b := 0; b < nBins; b++ {
				gl += hg[b]
				hl += hh[b]
				if count[b] == 0 || b == nBins-1 && (missingLeft || count[nBins] == 0) || !enough(hl) || !enough(sh-hl) {
					continue
				}
				gain := score(gl, hl) + score(sg-gl, sh-hl) - score(sg, sh)
				if gain > l.gain*(1+1e-12) && gain > 1e-10*score(sg, sh) {
					l.gain, l.col, l.bin, l.missingLeft = gain, c, b, missingLeft
				}
			}
		}
	}
}

// TestWholeNumbersAgreeWithTheReferee grows the same trees both ways. A rounded gradient is off by 2^-17 of the largest at
// most, so the first trees must be equal but for ties, and the scores of all rows near each other throughout.
func TestWholeNumbersAgreeWithTheReferee(t *testing.T) {
	const n = 4000
	s := kernel.NewStream(3)
	x := &table.Table{}
	z := make([]float64, n)
	for c := range 6 {
		col := table.NewColumn(string(rune('a'+c)), table.Number, n)
		for i := range n {
			v := s.Norm()
			switch {
			case c == 1:
				v = math.Round(2 * v)
			case c == 2 && s.Bool(0.3):
				z[i] += 0.7
				v = math.NaN()
			}
			if v == v && c < 4 {
				z[i] += v * float64(2-c) / 2
			}
			col.Num = append(col.Num, v)
		}
		x.Columns = append(x.Columns, col)
	}
	y := make([]float64, n)
	for i := range y {
		if s.Float64() < 1/(1+math.Exp(-z[i])) {
			y[i] = 1
		}
	}
	l, _, err := model.Resolve(Learner{Trees: 20})
	if err != nil {
		t.Fatal(err)
	}
	m, err := l.Fit(context.Background(), x, model.Outcome{Task: kequn.Binary, Y: y}, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := m.(*Model).Margin(x)
	if err != nil {
		t.Fatal(err)
	}
	r := &reference{l: l, bins: treekit.Bin(x, nil, treekit.Options{}), y: y}
	base, want, _ := r.fit()
	if e := m.(*Model).Ensemble(); math.Abs(e.Base[0]-base) > 1e-12 {
		t.Fatalf("base %v, want %v", e.Base[0], base)
	}
	sum, worst := 0.0, 0.0
	for i := range want {
		d := math.Abs(got[i] - want[i])
		sum += d
		worst = max(worst, d)
	}
	t.Logf("scores differ by %.2g on average, %.2g at most", sum/n, worst)
	if sum/n > 1e-3 {
		t.Fatal("the fast version is not the referee's")
	}
}
