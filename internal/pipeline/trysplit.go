package pipeline

import (
	"context"
	"math"
	"slices"
	"strings"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/model/ladder"
	"kequn/internal/source"
	"kequn/internal/table"
)

// split says which rows are judged in which round, and what the file calls the round.
type split struct {
	rounds []ladder.Round
	name   []int64 // of each round: its number in the file of folds
}

// Bounds of folds.
const (
	ownFolds  = 5
	mostFolds = 1000
)

// splitOf makes a round of each fold number that is not negative, in their order.
func splitOf(fold []int64, where string) (split, error) {
	var s split
	for _, f := range fold {
		if f >= 0 && !slices.Contains(s.name, f) {
			if s.name = append(s.name, f); len(s.name) > mostFolds {
				return s, kequn.Errorf(kequn.KindInput, where, "has more than %d folds", mostFolds)
			}
		}
	}
	slices.Sort(s.name)
	s.rounds = make([]ladder.Round, len(s.name))
	for i, f := range fold {
		for k, name := range s.name {
			switch {
			case f < 0:
			case f == name:
				s.rounds[k].Test = append(s.rounds[k].Test, int32(i))
			default:
				s.rounds[k].Train = append(s.rounds[k].Train, int32(i))
			}
		}
	}
	if len(s.rounds) < 2 {
		return s, kequn.Errorf(kequn.KindInput, where, "needs at least two folds with rows that have an outcome, has %d", len(s.rounds))
	}
	return s, nil
}

// readFolds reads the file of folds: a fold per row of the table, nil where no file was given.
func (t *trial) readFolds(ctx context.Context, rows int, info *source.Info) ([]int64, error) {
	if t.f.Folds == "" {
		return nil, nil
	}
	where := t.f.Folds
	bad := func(format string, args ...any) error {
		return kequn.Errorf(kequn.KindInput, where, format, args...).WithHint("folds are a CSV file with the columns row,fold: one line per data row, counted from 0")
	}
	given, _, err := source.ReadFlat(ctx, where, source.Options{Threads: t.Threads})
	if err != nil {
		return nil, err
	}
	r, f := given.Column("row"), given.Column("fold")
	if r == nil || f == nil {
		return nil, bad("has no columns row and fold")
	}
	of := make([]int64, info.Counts.Read) // by row of the file
	for i := range of {
		of[i] = math.MinInt64
	}
	if given.NRows() != len(of) {
		return nil, bad("has %d lines, and %s has %d data rows", given.NRows(), t.f.File, len(of))
	}
	for i := range given.NRows() {
		row, ok := wholeNumber(r, i)
		fold, okFold := wholeNumber(f, i)
		switch {
		case !ok || !okFold:
			return nil, bad("line %d does not hold two whole numbers", i+2)
		case row < 0 || row >= int64(len(of)):
			return nil, bad("line %d: there is no row %d", i+2, row)
		case of[row] != math.MinInt64:
			return nil, bad("line %d: row %d has a fold already", i+2, row)
		}
		of[row] = max(fold, -1)
	}
	if info.Row == nil {
		return of, nil
	}
	out := make([]int64, rows)
	for i, row := range info.Row {
		out[i] = of[row]
	}
	return out, nil
}

func wholeNumber(c *table.Column, i int) (int64, bool) {
	if c.Kind.InCode() || c.IsMissing(i) {
		return 0, false
	}
	v := c.Float(i)
	return int64(v), v == math.Trunc(v) && math.Abs(v) < 1<<53
}

// defaultSplit makes five folds by the seed. Equal rows lie in one fold, and rows of one id, so that no model is judged on
// what it has learnt by heart; but where there are few different rows, so that the folds would differ in their outcomes, each
// class is dealt out evenly instead.
func (t *trial) defaultSplit() split {
	fold := ladder.Folds(t.x, t.y, t.group, ownFolds, t.Seed)
	if t.group == nil && !t.even(fold) {
		fold = t.dealt()
	}
	given := make([]int64, len(fold))
	for i, f := range fold {
		given[i] = int64(f)
	}
	s, _ := splitOf(given, "") // checkSplit says what is missing
	return s
}

// even tells whether each fold has between half and twice its share of each class, or of the rows of an amount.
func (t *trial) even(fold []int32) bool {
	classes := 1
	if t.y.Task != kequn.Regression {
		classes = max(2, len(t.y.Classes))
	}
	count := make([]int, classes*ownFolds)
	total := make([]int, classes)
	for i, f := range fold {
		c := 0
		if t.y.Task != kequn.Regression {
			c = int(t.y.Y[i])
		}
		count[c*ownFolds+int(f)]++
		total[c]++
	}
	for c, n := range total {
		for _, k := range count[c*ownFolds : (c+1)*ownFolds] {
			if k < n/ownFolds/2 || k > 2*(n/ownFolds+1) || (n >= ownFolds && k == 0) {
				return false
			}
		}
	}
	return true
}

// dealt deals the rows of each class, in an order drawn by the seed, to the folds in turn.
func (t *trial) dealt() []int32 {
	n := len(t.y.Y)
	key := make([]uint64, n)
	order := make([]int32, n)
	for i := range order {
		key[i], order[i] = kernel.Mix(kernel.Mix(t.Seed)^uint64(i)), int32(i)
	}
	class := func(i int32) float64 {
		if t.y.Task == kequn.Regression {
			return 0
		}
		return t.y.Y[i]
	}
	slices.SortFunc(order, func(a, b int32) int {
		switch x, y := class(a), class(b); {
		case x < y:
			return -1
		case x > y:
			return 1
		case key[a] < key[b]:
			return -1
		case key[a] > key[b]:
			return 1
		}
		return int(a - b)
	})
	fold := make([]int32, n)
	for j, i := range order {
		fold[i] = int32(j % ownFolds)
	}
	return fold
}

// checkEnough refuses a table that cannot answer, and says what it lacks.
func (t *trial) checkEnough() error {
	lacks := func(format string, args ...any) error {
		return kequn.Errorf(kequn.KindNotEnough, t.f.File, format, args...)
	}
	n := len(t.y.Y)
	switch {
	case n == 0:
		return lacks("no row takes part: none has both an outcome and a fold")
	case t.y.Task == kequn.Regression && n < 2*ownFolds:
		return lacks("rows with an outcome: %d; at least %d are needed", n, 2*ownFolds)
	case len(t.x.Columns) == 0:
		return lacks("has no column to predict from: %s", strings.Join(append([]string{"none is left"}, t.res.Notes...), "; "))
	}
	if t.y.Task == kequn.Regression {
		if slices.Min(t.y.Y) == slices.Max(t.y.Y) {
			return t.target.oneValue()
		}
		return nil
	}
	count := t.classCounts()
	slices.Sort(count)
	if t.y.Task == kequn.Binary {
		if count[0] == 0 {
			return t.target.oneValue()
		}
		if count[0] < ownFolds {
			return lacks("rows with the rarer outcome in column %q: %d; at least %d are needed, one for each fold", t.f.Outcome, count[0], ownFolds)
		}
		return nil
	}
	if count[len(count)-2] < ownFolds {
		return lacks("fewer than two classes of column %q have %d rows each", t.f.Outcome, ownFolds)
	}
	return nil
}

// classCounts returns how many rows each class has.
func (t *trial) classCounts() []int {
	count := make([]int, max(2, len(t.y.Classes)))
	for i, v := range t.y.Y {
		if t.judged(int32(i)) {
			count[int(v)]++
		}
	}
	return count
}

// checkSplit refuses folds in which some model would have nothing to tell apart.
func (t *trial) checkSplit() error {
	if len(t.split.rounds) < 2 {
		return kequn.Errorf(kequn.KindNotEnough, t.f.File, "the rows cannot be cut into folds: too few of them differ, or all have one id")
	}
	if t.y.Task == kequn.Regression {
		return nil
	}
	for k, r := range t.split.rounds {
		two := false
		for _, i := range r.Train {
			two = two || t.y.Y[i] != t.y.Y[r.Train[0]]
		}
		if !two {
			return kequn.Errorf(kequn.KindNotEnough, t.f.File, "without fold %d, all rows have the same outcome in column %q", t.split.name[k], t.f.Outcome).
				WithHint("more rows of the rarer outcome are needed, or other folds")
		}
	}
	return nil
}
