package nextitem

import (
	"math"
	"slices"

	"kequn/internal/metric"
)

// Score is how well lists of one order met what came. Figures are means over customers with something to meet.
type Score struct {
	Name     string          `json:"name"`
	K        int             `json:"k"`
	Queries  int             `json:"customers"`
	HitRate  metric.Interval `json:"hit_rate"`  // share of customers with at least one hit among the first k
	NDCG     metric.Interval `json:"ndcg"`      // Σ over hits 1/log₂(1+rank), over the best possible
	MRR      metric.Interval `json:"mrr"`       // 1 / rank of the first hit, 0 without
	Recall   metric.Interval `json:"recall"`    // hits over what came
	Coverage float64         `json:"coverage"`  // share of all values that stand on somebody's list
	Against  string          `json:"against"`   // the baseline compared with
	Gain     metric.Interval `json:"ndcg_gain"` // NDCG less that of the baseline, customer by customer
	Failed   string          `json:"failed,omitempty"`
}

// tally collects one order's figures per query.
type tally struct{ hit, ndcg, mrr, recall []float64 }

func newTally(n int) *tally {
	return &tally{make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)}
}

// judge fills the figures of query i from the list's first k values.
func (t *tally) judge(i int, list, relevant []int32, k int) {
	list = list[:min(k, len(list))]
	hits, gain := 0, 0.0
	for r, v := range list {
		if _, ok := slices.BinarySearch(relevant, v); ok {
			if hits == 0 {
				t.hit[i], t.mrr[i] = 1, 1/float64(r+1)
			}
			hits++
			gain += 1 / math.Log2(float64(r+2))
		}
	}
	ideal := 0.0
	for r := range min(k, len(relevant)) {
		ideal += 1 / math.Log2(float64(r+2))
	}
	if len(relevant) > 0 {
		t.ndcg[i], t.recall[i] = gain/ideal, float64(hits)/float64(len(relevant))
	}
}

func (t *tally) score(name string, k int) Score {
	at := func(v []float64) metric.Interval { return metric.MeanInterval(v, nil, 0.95) }
	return Score{Name: name, K: k, Queries: len(t.hit), HitRate: at(t.hit), NDCG: at(t.ndcg), MRR: at(t.mrr), Recall: at(t.recall)}
}

// difference returns a − b, query by query.
func difference(a, b []float64) metric.Interval {
	d := make([]float64, len(a))
	for i := range d {
		d[i] = a[i] - b[i]
	}
	return metric.MeanInterval(d, nil, 0.95)
}

// Compare judges lists against what came: list[i] and relevant[i] are of the same customer. base, if any, is the baseline's lists.
func Compare(name string, k int, list, relevant, base [][]int32, against string, nValues int) Score {
	t, u := newTally(len(list)), newTally(len(list))
	seen := make([]bool, nValues)
	covered := 0
	for i := range list {
		t.judge(i, list[i], relevant[i], k)
		if base != nil {
			u.judge(i, base[i], relevant[i], k)
		}
		for _, v := range list[i][:min(k, len(list[i]))] {
			if !seen[v] {
				seen[v] = true
				covered++
			}
		}
	}
	s := t.score(name, k)
	s.Coverage = float64(covered) / math.Max(1, float64(nValues))
	if base != nil {
		s.Against, s.Gain = against, difference(t.ndcg, u.ndcg)
	}
	return s
}
