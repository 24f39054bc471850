package nextitem

import (
	"math"
	"slices"

	"kequn/internal/model"
	"kequn/internal/table"
)

// The orders that a list may be made by, simplest first.
const (
	Popular = "popular" // what everybody had lately
	Repeat  = "repeat"  // what the customer had most often, the latest first among equals
	Recent  = "recent"  // what the customer had last
	Cooccur = "cooccur" // what goes with, and follows, what the customer had
	Ranker  = "ranker"  // learnt from what came next at earlier moments
)

// Names are all orders, simplest first.
var Names = []string{Popular, Repeat, Recent, Cooccur, Ranker}

// Baselines are the orders that need no learning about values that go together.
var Baselines = []string{Popular, Repeat, Recent}

// scores returns the order's score of each of n candidates; popularity breaks ties of the simple ones.
func scores(fact []float32, n int, name string, learnt model.Model) ([]float64, error) {
	if name == Ranker {
		if n == 0 {
			return nil, nil
		}
		return learnt.Predict(asTable(fact, n))
	}
	out := make([]float64, n)
	for k := range n {
		f := fact[k*nFacts : (k+1)*nFacts]
		popular := float64(f[popLately]) + 1e-3*float64(f[popAll])
		rank := float64(f[ownRank])
		mine := !math.IsNaN(rank)
		switch name {
		case Popular:
			out[k] = popular
		case Repeat:
			out[k] = 1e-6 * popular
			if mine {
				out[k] += math.Expm1(float64(f[ownCount])) + 0.5/(1+rank)
			}
		case Recent:
			out[k] = 1e-6 * popular
			if mine {
				out[k] += 1 / (1 + rank)
			}
		case Cooccur:
			out[k] = float64(f[blend]) + 1e-6*popular
		}
	}
	return out, nil
}

// top returns the n best candidates by score, best first, ties by the value's order.
func top(score []float64, n int) []int32 {
	order := make([]int32, len(score))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int {
		if score[a] != score[b] {
			if score[a] > score[b] {
				return -1
			}
			return 1
		}
		return int(a) - int(b)
	})
	return order[:min(n, len(order))]
}

// asTable turns facts, row by row, into columns.
func asTable(fact []float32, n int) *table.Table {
	t := &table.Table{}
	for c, name := range FactNames {
		v := make([]float64, n)
		for i := range v {
			v[i] = float64(fact[i*nFacts+c])
		}
		t.Columns = append(t.Columns, &table.Column{Name: name, Kind: table.Number, Num: v})
	}
	return t
}
