package explain

import (
	"cmp"
	"context"
	"math"
	"slices"

	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/table"
)

const (
	fewEffects  = 3   // columns whose curves are found in any case
	mostCells   = 20  // of a number
	cellRows    = 25  // rows of a cell on average at least
	mostLevels  = 20  // of a category: those with the most rows
	levelRows   = 10  // rows below which nothing is said of a level
	orderedRows = 500 // rows by which levels are put in order
)

// effects finds the curves of the most important columns.
func (q *Question) effects(ctx context.Context, s *sample, g *Global) error {
	x, err := s.matched(q.Model)
	if err != nil {
		return err
	}
	for i, name := range g.important() {
		// Of columns that matter no more than chance would have it, a few stand for all.
		if len(g.Effects) == mostEffects {
			break
		}
		if i >= fewEffects && g.doubtful(name) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		e, err := effectOf(q.Model, x, s.w, x.Index(name), q.Seed)
		if err != nil {
			return err
		}
		if e == nil {
			continue
		}
		e.Text = describe(e, s.asRead.Column(name), q.Model.Header().Task, q.Words.called(name))
		g.Effects = append(g.Effects, *e)
	}
	if len(g.Effects) == 0 {
		g.miss("各列的影响曲线：没有一列影响分数", "effects of columns: no column changes the score")
	}
	return nil
}

// doubtful tells whether shuffling the column raised the loss by no more than its standard error.
func (g *Global) doubtful(column string) bool {
	for _, w := range g.Permutation {
		if w.Column == column {
			return w.Loss <= w.SE
		}
	}
	return len(g.Permutation) > 0
}

// effectOf returns the accumulated local effects of column col on the margin over the rows of x, whose columns are those of the model,
// matched. It is nil for text, and where there are too few rows or values.
//
// Numbers. The values are cut at z₀ < z₁ < … < z_K, at most 20 cells of about equal weight between values that occur, z₀ being the
// least. Within a cell, each row is moved from the cell's lower to its upper border, other columns staying as they are:
//
//	d_k = mean over rows with z_{k−1} < v ≤ z_k of  f(z_k, rest) − f(z_{k−1}, rest),    effect(z_k) = Σ_{j≤k} d_j − c
//
// and c makes the mean over the rows 0, a row counting at the upper border of its cell.
//
// Categories. Levels are put in the order of their partial dependence (the mean margin of 500 rows that are given the level), which for
// a sum of curves is the order of the curve itself; then neighbours are compared on the rows that have one of the two levels. Levels
// beyond the 20 most frequent, or with fewer than 10 rows, are left out.
//
// Missing values are a level of their own: rows without a value are given the quartiles of the others, and the mean difference is laid
// at these points of the curve.
//
// Standard errors are those of the means d_k, taken as independent. For a model that is a sum of curves of single columns every row of a
// cell says the same: effects are its curve, to rounding, with an error of 0, and Method says shape.
//
// Cost is about 3 predictions of the rows.
//
// Reference: Apley and Zhu, Visualizing the Effects of Predictor Variables in Black Box Supervised Learning Models (2020); the order of
// levels is simpler than theirs.
func effectOf(m model.Model, x *table.Table, w []float64, col int, seed uint64) (*Effect, error) {
	if col < 0 {
		return nil, nil
	}
	c := x.Columns[col]
	l := &local{m: m, x: x, w: w, col: col}
	var err error
	switch c.Kind {
	case table.Number:
		err = l.numbers(c)
	case table.Category:
		err = l.levels(c, seed)
	}
	if err != nil || len(l.points) < 2 {
		return nil, err
	}
	return l.effect(c.Name), nil
}

// local gathers differences between neighbouring points.
type local struct {
	m   model.Model
	x   *table.Table
	w   []float64
	col int

	points []EffectPoint
	// steps[s] leads from point from[s] to point to[s]; the mean difference and its squared error.
	from, to     []int
	mean, square []float64
}

func (l *local) weight(i int32) float64 {
	if l.w == nil {
		return 1
	}
	return l.w[i]
}

// with returns the rows with other values in the column.
func (l *local) with(rows []int32, c *table.Column) *table.Table {
	out := l.x.Take(rows)
	out.Columns[l.col] = c
	return out
}

func (l *local) asNumbers(rows []int32, at func(i int) float64) ([]float64, error) {
	c := &table.Column{Name: l.x.Columns[l.col].Name, Kind: table.Number, Num: make([]float64, len(rows))}
	for i := range rows {
		c.Num[i] = at(i)
	}
	return margins(l.m, l.with(rows, c))
}

func (l *local) asLevels(rows []int32, at func(i int) int32) ([]float64, error) {
	old := l.x.Columns[l.col]
	c := &table.Column{Name: old.Name, Kind: table.Category, Dict: old.Dict, Code: make([]int32, len(rows))}
	for i := range rows {
		c.Code[i] = at(i)
	}
	return margins(l.m, l.with(rows, c))
}

func (l *local) step(from, to int, difference, weight []float64) {
	mean, se := meanError(difference, weight)
	if math.IsNaN(se) { // one row: as uncertain as its size
		se = math.Abs(mean)
	}
	l.from, l.to = append(l.from, from), append(l.to, to)
	l.mean, l.square = append(l.mean, mean), append(l.square, se*se)
}

func (l *local) numbers(c *table.Column) error {
	var known, missing []int32
	total := 0.0
	for i, v := range c.Num {
		if total += l.weight(int32(i)); v == v {
			known = append(known, int32(i))
		} else {
			missing = append(missing, int32(i))
		}
	}
	borders := borders(kernel.Take(c.Num, known), kernel.Take(l.w, known))
	if len(borders) < 2 {
		return nil
	}
	cell := make([]int, len(known)) // the point at its upper border; 0 for the least value
	share := make([]float64, len(borders))
	for i, r := range known {
		cell[i], _ = slices.BinarySearch(borders, c.Num[r])
		share[cell[i]] += l.weight(r) / total
	}
	// The least value belongs to the first cell.
	lower, err := l.asNumbers(known, func(i int) float64 { return borders[max(cell[i], 1)-1] })
	if err != nil {
		return err
	}
	upper, err := l.asNumbers(known, func(i int) float64 { return borders[max(cell[i], 1)] })
	if err != nil {
		return err
	}
	difference, weight := make([][]float64, len(borders)), make([][]float64, len(borders))
	for i, r := range known {
		k := max(cell[i], 1)
		difference[k] = append(difference[k], upper[i]-lower[i])
		weight[k] = append(weight[k], l.weight(r))
	}
	for k, z := range borders {
		l.points = append(l.points, EffectPoint{At: z, Share: share[k]})
		if k > 0 {
			l.step(k-1, k, difference[k], weight[k])
		}
	}
	if len(missing) >= levelRows {
		// Quartiles of the points by share: the places where most rows are.
		at := []int{}
		sum := 0.0
		for k := range borders {
			for _, quart := range []float64{0.25, 0.5, 0.75} {
				if known := kernel.Sum(share); sum < quart*known && sum+share[k] >= quart*known && !slices.Contains(at, k) {
					at = append(at, k)
				}
			}
			sum += share[k]
		}
		none, err := margins(l.m, l.x.Take(missing))
		if err != nil {
			return err
		}
		if err := l.lay(missing, at, none, total, func(k int) ([]float64, error) {
			return l.asNumbers(missing, func(int) float64 { return borders[k] })
		}); err != nil {
			return err
		}
	}
	return nil
}

// missingLevel is the name of the point for missing values.
const missingLevel = "∅"

// lay adds a point for missing values, whose margins are none, by what the same rows would score at some points.
func (l *local) lay(missing []int32, at []int, none []float64, total float64, score func(k int) ([]float64, error)) error {
	share := 0.0
	weight := make([]float64, len(missing))
	for i, r := range missing {
		weight[i] = l.weight(r)
		share += weight[i] / total
	}
	to := len(l.points)
	l.points = append(l.points, EffectPoint{Level: missingLevel, Share: share})
	for _, k := range at {
		v, err := score(k)
		if err != nil {
			return err
		}
		for i := range v {
			v[i] = none[i] - v[i]
		}
		l.step(k, to, v, weight)
	}
	return nil
}

// borders returns at most 21 values that occur, the least and the greatest among them: all values where they are few (those of hardly any
// rows are in a cell with the next), else such with about equal weight between them.
func borders(v, w []float64) []float64 {
	cells := min(mostCells, len(v)/cellRows)
	if cells < 1 {
		return nil
	}
	order := kernel.Argsort(v)
	var all []float64
	rows, distinct := 0, 0
	for i, r := range order {
		rows++
		if i+1 < len(order) && v[order[i+1]] == v[r] {
			continue
		}
		if distinct++; distinct > mostCells+1 {
			break
		}
		switch {
		case len(all) == 0 || rows >= levelRows:
			all, rows = append(all, v[r]), 0
		case i+1 == len(order) && len(all) > 1: // the last few are in a cell with those before
			all[len(all)-1] = v[r]
		case i+1 == len(order):
			all = append(all, v[r])
		}
	}
	if distinct > mostCells+1 {
		q := make([]float64, cells+1)
		for i := range q {
			q[i] = float64(i) / float64(cells)
		}
		all = kernel.WeightedQuantiles(v, w, q)
	}
	for i := range all { // infinite values are no place on an axis
		all[i] = min(max(all[i], -math.MaxFloat64), math.MaxFloat64)
	}
	return slices.Compact(all)
}

func (l *local) levels(c *table.Column, seed uint64) error {
	rows := make([][]int32, c.Dict.Len())
	weight := make([]float64, len(rows))
	var missing []int32
	total := 0.0
	for i, k := range c.Code {
		total += l.weight(int32(i))
		if k < 0 {
			missing = append(missing, int32(i))
			continue
		}
		rows[k] = append(rows[k], int32(i))
		weight[k] += l.weight(int32(i))
	}
	var levels []int32
	for _, k := range kernel.ArgsortDesc(weight) {
		if len(rows[k]) >= levelRows && len(levels) < mostLevels {
			levels = append(levels, k)
		}
	}
	if len(levels) < 2 {
		return nil
	}
	n := l.x.NRows()
	some := kernel.NewStream(seed, kernel.ID("levels"), kernel.ID(c.Name)).Sample(n, orderedRows)
	dependence := make([]float64, len(rows))
	for _, k := range levels {
		v, err := l.asLevels(some, func(int) int32 { return k })
		if err != nil {
			return err
		}
		dependence[k], _ = kernel.MeanVar(v, kernel.Take(l.w, some))
	}
	slices.SortFunc(levels, func(a, b int32) int {
		return cmp.Or(cmp.Compare(dependence[a], dependence[b]), cmp.Compare(c.Dict.At(int(a)), c.Dict.At(int(b))))
	})
	for i, k := range levels {
		l.points = append(l.points, EffectPoint{Level: c.Dict.At(int(k)), Share: weight[k] / total})
		if i == 0 {
			continue
		}
		both := slices.Concat(rows[levels[i-1]], rows[k])
		lower, err := l.asLevels(both, func(int) int32 { return levels[i-1] })
		if err != nil {
			return err
		}
		upper, err := l.asLevels(both, func(int) int32 { return k })
		if err != nil {
			return err
		}
		w := make([]float64, len(both))
		for i, r := range both {
			upper[i] -= lower[i]
			w[i] = l.weight(r)
		}
		l.step(i-1, i, upper, w)
	}
	if len(missing) < levelRows {
		return nil
	}
	// The three most frequent levels.
	at := kernel.ArgsortDesc(func() []float64 {
		s := make([]float64, len(l.points))
		for i, p := range l.points {
			s[i] = p.Share
		}
		return s
	}())
	places := make([]int, 0, 3)
	for _, k := range at[:min(3, len(at))] {
		places = append(places, int(k))
	}
	none, err := margins(l.m, l.x.Take(missing))
	if err != nil {
		return err
	}
	return l.lay(missing, places, none, total, func(k int) ([]float64, error) {
		return l.asLevels(missing, func(int) int32 { return levels[k] })
	})
}

// effect adds the steps up. Each point is a sum a·mean of the steps; with the centring that sum is linear still, and so its error is
// known: √Σ a²·error².
func (l *local) effect(name string) *Effect {
	n, nSteps := len(l.points), len(l.mean)
	a := make([][]float64, n) // per point, per step
	for p := range a {
		a[p] = make([]float64, nSteps)
	}
	arrive := make([]int, n) // how many steps lead to the point: missing values have up to three, of equal weight
	for s := range l.to {
		arrive[l.to[s]]++
	}
	for s := range l.to {
		share := 1 / float64(arrive[l.to[s]])
		for j, v := range a[l.from[s]] {
			a[l.to[s]][j] += share * v
		}
		a[l.to[s]][s] += share
	}
	total := 0.0
	centre := make([]float64, nSteps)
	for p := range l.points {
		total += l.points[p].Share
		for s, v := range a[p] {
			centre[s] += l.points[p].Share * v
		}
	}
	e := &Effect{Column: name, Method: "ale", Points: l.points}
	low, high, worst := math.Inf(1), math.Inf(-1), 0.0
	for p := range l.points {
		value, square := 0.0, 0.0
		for s, v := range a[p] {
			v -= centre[s] / total
			value += v * l.mean[s]
			square += v * v * l.square[s]
		}
		e.Points[p].Value, e.Points[p].SE = value, math.Sqrt(square)
		low, high, worst = min(low, value), max(high, value), max(worst, math.Sqrt(square))
	}
	e.Swing = high - low
	if worst <= 1e-9*max(e.Swing, 1e-3) {
		e.Method = "shape"
	}
	return e
}
