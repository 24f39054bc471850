package decision

import (
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"

	"kequn/internal/kernel"
	"kequn/internal/receipt"
)

func problem(t *rapid.T, n int) Problem {
	p := Problem{Offers: []string{"a", "b", "c"}, Fixed: []float64{0, 0, 0}, Experiment: "e"}
	p.Value, p.Cost = make([][]float64, 3), make([][]float64, 3)
	for i := range n {
		p.Customers = append(p.Customers, fmt.Sprint("c", i))
		p.Excluded = append(p.Excluded, rapid.SampledFrom([]string{"", "", "", "consent"}).Draw(t, "excluded"))
		for o := range 3 {
			p.Value[o] = append(p.Value[o], float64(rapid.IntRange(-50, 100).Draw(t, "value"))/10)
			p.Cost[o] = append(p.Cost[o], float64(rapid.IntRange(1, 40).Draw(t, "cost"))/10)
		}
	}
	return p
}

// exhaustive returns the most that can be earned within the budget, trying everything.
func exhaustive(p Problem, i int, left float64) float64 {
	if i == len(p.Customers) {
		return 0
	}
	best := exhaustive(p, i+1, left)
	if p.Excluded[i] != "" {
		return best
	}
	for o := range p.Offers {
		if p.Cost[o][i] <= left+1e-9 {
			best = math.Max(best, p.Value[o][i]+exhaustive(p, i+1, left-p.Cost[o][i]))
		}
	}
	return best
}

func TestChooseIsWithinOneStepOfTheOptimum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := problem(t, 7)
		p.Budget = float64(rapid.IntRange(1, 120).Draw(t, "budget")) / 10
		s := Choose(p)
		if s.Cost > p.Budget+1e-9 {
			t.Fatalf("costs %v, budget %v", s.Cost, p.Budget)
		}
		if best := exhaustive(p, 0, p.Budget); s.Value < best-10 || s.Value > best+1e-9 {
			t.Fatalf("earns %v, the optimum is %v", s.Value, best)
		}
		if s.Contact+s.Control+s.LeftAlone != len(p.Customers) {
			t.Fatal("the groups do not add up")
		}
		for i, m := range s.Members {
			if p.Excluded[i] != "" && (m.Group != receipt.LeftAlone || m.Reason != p.Excluded[i]) {
				t.Fatalf("excluded customer is %v", m)
			}
		}
	})
}

func TestWithoutBudgetEverybodyGetsTheBestOffer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := problem(t, 6)
		s := Choose(p)
		if best := exhaustive(p, 0, math.Inf(1)); math.Abs(s.Value-best) > 1e-9 {
			t.Fatalf("earns %v, the optimum is %v", s.Value, best)
		}
	})
}

func TestControlIsDrawnFromTheChosenAndStaysWhenOthersJoin(t *testing.T) {
	make1 := func(n int) Problem {
		p := Problem{Offers: []string{"a"}, Fixed: []float64{0}, Control: 0.2, Experiment: "spring", Value: make([][]float64, 1), Cost: make([][]float64, 1)}
		for i := range n {
			p.Customers = append(p.Customers, fmt.Sprint("C", i))
			p.Excluded = append(p.Excluded, "")
			p.Value[0] = append(p.Value[0], 1)
			p.Cost[0] = append(p.Cost[0], 1)
		}
		return p
	}
	small, large := Choose(make1(5_000)), Choose(make1(10_000))
	for i, m := range small.Members {
		if large.Members[i].Group != m.Group {
			t.Fatalf("%s was %s, is %s after others joined", m.Customer, m.Group, large.Members[i].Group)
		}
	}
	if share := float64(large.Control) / 10_000; math.Abs(share-0.2) > 4*math.Sqrt(.16/10_000) {
		t.Errorf("control's share is %v, want 0.2", share)
	}
}

// A policy's value on history that was made with known profits comes out within its interval.
func TestHistoryValuesPoliciesAsTheyAre(t *testing.T) {
	s := kernel.NewStream(7)
	n := 40_000
	h := History{Share: []float64{.5, .25, .25}, Arm: make([]int, n), Profit: make([]float64, n)}
	offer, truth := make([]int, n), 0.0
	rank := make([]float64, n)
	for i := range n {
		x := s.Float64()
		effect := []float64{0, 4*x - 1, 1 - 2*x}
		h.Arm[i] = s.Choice(h.Share)
		h.Profit[i] = 10*x + effect[h.Arm[i]] + 5*s.Norm()
		offer[i] = -1
		if rank[i] = effect[1]; effect[1] > 0 {
			offer[i] = 0
			truth += effect[1] / float64(n)
		}
	}
	v := h.Value(offer)
	if !v.Contains(truth) || v.High-v.Low > 0.6 {
		t.Errorf("value %v, truth %v", v, truth)
	}
	h.Predicted = make([][]float64, 3)
	for a := range h.Predicted {
		h.Predicted[a] = make([]float64, n)
		for i := range n {
			x := (rank[i] + 1) / 4
			h.Predicted[a][i] = 10*x + []float64{0, 4*x - 1, 1 - 2*x}[a]
		}
	}
	if d := h.Value(offer); !d.Contains(truth) || d.High-d.Low > 0.8*(v.High-v.Low) {
		t.Errorf("with predictions %v, without %v, truth %v", d, v, truth)
	}
	if h.BestSingle(2) != 0 {
		t.Error("offer b to everybody is not the best")
	}
	curve := h.Curve(rank, make([]int, n), 1_000, 10)
	if len(curve) != 11 || curve[10].Contacted != 1_000 || curve[7].Profit.Mean < curve[10].Profit.Mean {
		t.Errorf("curve %v", curve)
	}
}

func BenchmarkChoose(b *testing.B) {
	s := kernel.NewStream(1)
	n := 1_000_000
	p := Problem{Offers: []string{"a", "b", "c", "d", "e"}, Fixed: make([]float64, 5), Control: .1, Budget: 1e6, Experiment: "x"}
	p.Customers, p.Excluded = make([]string, n), make([]string, n)
	p.Value, p.Cost = make([][]float64, 5), make([][]float64, 5)
	for o := range 5 {
		p.Value[o], p.Cost[o] = make([]float64, n), make([]float64, n)
	}
	for i := range n {
		p.Customers[i] = fmt.Sprint("C", i)
		for o := range 5 {
			p.Value[o][i], p.Cost[o][i] = s.Norm()*5, 1+9*s.Float64()
		}
	}
	for b.Loop() {
		Choose(p)
	}
}
