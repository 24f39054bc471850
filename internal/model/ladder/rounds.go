package ladder

import (
	"cmp"
	"slices"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/table"
)

// Round is one split: a model trained on the rows of Train is judged on those of Test. Both are increasing.
type Round struct {
	Train, Test []int32
}

// FoldRounds returns a round per fold number: trained on all other folds, judged on this one. A row of fold −1 takes no part.
func FoldRounds(fold []int32) []Round {
	last := int32(-1)
	for _, f := range fold {
		last = max(last, f)
	}
	rounds := make([]Round, last+1)
	for i, f := range fold {
		for k := range rounds {
			switch {
			case f < 0:
			case int32(k) == f:
				rounds[k].Test = append(rounds[k].Test, int32(i))
			default:
				rounds[k].Train = append(rounds[k].Train, int32(i))
			}
		}
	}
	return slices.DeleteFunc(rounds, func(r Round) bool { return len(r.Test) == 0 })
}

// TimeRound returns the round that is trained on the rows of train cutoffs and judged on those of judge cutoffs, cutoff having an
// index per row.
func TimeRound(cutoff []int32, train, judge []int32) Round {
	var r Round
	for i, c := range cutoff {
		switch {
		case slices.Contains(judge, c):
			r.Test = append(r.Test, int32(i))
		case slices.Contains(train, c):
			r.Train = append(r.Train, int32(i))
		}
	}
	return r
}

// Folds cuts the rows into k folds by a hash of their values, so that neither their order nor that of columns matters and equal
// rows lie in one fold, as long as they are less than a fifth of its share of their class. Where few different rows make up the table
// ([model.RowDraw]), that would judge levels by models that hardly saw them: there each copy is dealt out by itself. Rows of one group stay
// together; without groups, each fold has its share of each class (or of each tenth of the amounts).
func Folds(x *table.Table, y model.Outcome, group []int64, k int, seed uint64) []int32 {
	fold := make([]int32, len(y.Y)) // a table without columns does not know its rows
	if group != nil {
		for i, g := range group {
			fold[i] = int32(kernel.Mix(kernel.Mix(seed)^uint64(g)) % uint64(k))
		}
		return fold
	}
	_, inputs, _ := model.TextInputs(x, nil)
	hash := make([]uint64, len(y.Y))
	if len(inputs.Columns) > 0 {
		hash = model.RowDraw(inputs, y, nil, seed)
	}
	stratum := strata(y)
	order := make([]int32, len(fold))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int {
		switch {
		case stratum[a] != stratum[b]:
			return int(stratum[a] - stratum[b])
		case hash[a] != hash[b]:
			if hash[a] < hash[b] {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(y.Y[a], y.Y[b]), int(a-b)) // copies of one amount are interchangeable
	})
	size := make([]int, slices.Max(append(stratum, 0))+1)
	for _, s := range stratum {
		size[s]++
	}
	next, run := int32(-1), 0
	for j, i := range order {
		run++
		// Where a table has few different rows, whole lots of them in one fold would make folds of one class each.
		if j == 0 || hash[i] != hash[order[j-1]] || stratum[i] != stratum[order[j-1]] || run > max(1, size[stratum[i]]/(5*k)) {
			next, run = (next+1)%int32(k), 1
		}
		fold[i] = next
	}
	return fold
}

// strata returns a class per row: the outcome's, or the tenth that an amount lies in.
func strata(y model.Outcome) []int32 {
	out := make([]int32, len(y.Y))
	if y.Task != kequn.Regression {
		for i, v := range y.Y {
			out[i] = int32(v)
		}
		return out
	}
	borders := kernel.Quantiles(y.Y, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
	for i, v := range y.Y {
		for _, b := range borders {
			if v > b {
				out[i]++
			}
		}
	}
	return out
}
