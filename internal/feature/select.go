package feature

import (
	"context"
	"fmt"
	"math"
	"slices"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/query"
	"kequn/internal/table"
)

// Selection is what of a table's columns is worth learning from, and why the rest is not.
type Selection struct {
	Kept    []string  `json:"kept"` // in the table's order
	Dropped []Dropped `json:"dropped,omitempty"`
}

// Dropped is a column that adds nothing.
type Dropped struct {
	Name   string     `json:"name"`
	Reason DropReason `json:"reason"`
	Like   string     `json:"like,omitempty"` // the column that says the same, or nearly so
}

// DropReason is why a column is not learnt from.
type DropReason string

// The reasons.
const (
	Constant  DropReason = "constant"  // one value for everybody
	Duplicate DropReason = "duplicate" // orders people as Like does
	Nothing   DropReason = "nothing"   // tells no more than shuffled columns do, in two halves of the people
)

// Words says why in plain words.
func (d Dropped) Words(lang kequn.Lang) string {
	switch {
	case d.Reason == Constant:
		return lang.Pick("所有人都一样", "the same for everybody")
	case d.Reason == Duplicate:
		return lang.Pick("与 "+d.Like+" 说的是同一件事", "says the same as "+d.Like)
	case d.Like != "":
		return lang.Pick("在 "+d.Like+" 之外没有新信息", "adds nothing to "+d.Like)
	}
	return lang.Pick("不比打乱的数字更有用", "tells no more than shuffled numbers")
}

// Selector chooses among the columns of a training table. It must be shown rows that may be learnt from only: never those of the
// cutoff that judges.
type Selector struct {
	// Learner measures what columns are good for; its models tell their importance. nil leaves out constants and duplicates only.
	Learner model.Learner

	MaxRows int // rows looked at, drawn by group; 0: 12,000
	Seed    uint64
	Threads int
}

// The measures of a selection.
const (
	sameOrder  = 0.999 // rank correlation from which on two columns say the same
	nearOrder  = 0.95  // from which on a weak column leans on a strong one
	shadows    = 40    // shuffled columns that show what chance achieves
	chance     = 0.9   // their quantile that a column must beat
	clearly    = 5.0   // summed over both halves, in units of that quantile: enough although one half is not convinced
	leastRows  = 600   // fewer say nothing about single columns
	pairRows   = 4000  // rows on which all pairs of columns are compared
	associated = 2.0   // standard errors of a rank correlation with the outcome, in both halves
)

// Select tells which columns to learn from. rows are those that may be looked at; group tells which belong to one person, so
// that nobody is in both halves and shuffles keep people whole. features are the columns' definitions in order, or nil: of two
// columns that say the same the one that is said in fewer words stays.
//
//	constant   one value, or missing for everybody
//	duplicate  |rank correlation| ≥ 0.999 with a simpler column, missing values as the lowest rank
//	nothing    the learner's importance is below what nine of ten shuffled columns reach, in both halves of the people, and
//	           the column neither goes with the outcome by itself nor without a strong column that it goes with (≥ 0.95)
//
// The same rows and seed give the same answer for any number of threads. Cost is two fits on half of at most MaxRows rows, and
// columns² × 4,000 products.
func (s Selector) Select(ctx context.Context, x *table.Table, y model.Outcome, rows []int32, group []int64, features []query.Feature) (*Selection, error) {
	c := &chooser{s: s, x: x, y: y, group: group, features: features, like: make([]int, len(x.Columns)), reason: make([]DropReason, len(x.Columns))}
	c.rows = c.draw(rows)
	c.rank()
	c.duplicates()
	if s.Learner != nil && len(c.rows) >= leastRows {
		if err := c.nothing(ctx); err != nil {
			return nil, err
		}
	}
	out := &Selection{}
	for j, col := range x.Columns {
		if c.reason[j] == "" {
			out.Kept = append(out.Kept, col.Name)
			continue
		}
		d := Dropped{Name: col.Name, Reason: c.reason[j]}
		if c.like[j] > 0 {
			d.Like = x.Columns[c.like[j]-1].Name
		}
		out.Dropped = append(out.Dropped, d)
	}
	return out, nil
}

// chooser is a selection at work.
type chooser struct {
	s        Selector
	x        *table.Table
	y        model.Outcome
	group    []int64
	features []query.Feature
	rows     []int32

	ranks  [][]float64 // per column: standardised mid-ranks of rows; nil where there is one value only
	pairs  [][]float32 // the same of a draw of them
	reason []DropReason
	like   []int // column that is as good, from 1; 0 none
}

// unit places a person in [0, 1) for draws and halves.
func (c *chooser) unit(row int32, what string) float64 {
	return float64(kernel.Mix(uint64(c.group[row])^c.s.Seed^kernel.ID(what))>>11) / (1 << 53)
}

// draw keeps the rows of a share of the people.
func (c *chooser) draw(rows []int32) []int32 {
	most := c.s.MaxRows
	if most == 0 {
		most = 12_000
	}
	if len(rows) <= most {
		return slices.Clone(rows)
	}
	share := float64(most) / float64(len(rows))
	var out []int32
	for _, r := range rows {
		if c.unit(r, "selection") < share {
			out = append(out, r)
		}
	}
	return out
}

// value returns a column as numbers that order its rows: texts by their number, missing below everything.
func value(c *table.Column, r int32) float64 {
	switch {
	case c.IsMissing(int(r)):
		return math.Inf(-1)
	case c.Kind.InCode():
		return float64(c.Code[r])
	}
	return c.Float(int(r))
}

// rank fills ranks. Constants are found on the way.
func (c *chooser) rank() {
	n := len(c.rows)
	c.ranks, c.pairs = make([][]float64, len(c.x.Columns)), make([][]float32, len(c.x.Columns))
	step := (n + pairRows - 1) / pairRows
	kernel.Blocks(len(c.x.Columns), c.s.Threads, 1, func(j, _, _ int) {
		v := make([]float64, n)
		for i, r := range c.rows {
			v[i] = value(c.x.Columns[j], r)
		}
		c.ranks[j] = standardRanks(v)
		if c.ranks[j] == nil {
			return
		}
		for i := 0; i < n; i += step {
			c.pairs[j] = append(c.pairs[j], float32(c.ranks[j][i]))
		}
		standardise(c.pairs[j])
	})
	for j := range c.ranks {
		if c.ranks[j] == nil {
			c.reason[j] = Constant
		}
	}
}

// standardRanks returns mid-ranks with mean 0 and sum of squares 1, or nil where all values are equal.
func standardRanks(v []float64) []float64 {
	n := len(v)
	if n == 0 {
		return nil
	}
	order := kernel.Argsort(v)
	out := make([]float64, n)
	ss := 0.0
	for from := 0; from < n; {
		to := from + 1
		for to < n && v[order[to]] == v[order[from]] {
			to++
		}
		mid := float64(from+to-1)/2 - float64(n-1)/2
		for _, i := range order[from:to] {
			out[i] = mid
		}
		ss += mid * mid * float64(to-from)
		from = to
	}
	if ss == 0 {
		return nil
	}
	kernel.Scale(1/math.Sqrt(ss), out)
	return out
}

func standardise(v []float32) {
	mean, ss := 0.0, 0.0
	for _, x := range v {
		mean += float64(x) / float64(len(v))
	}
	for _, x := range v {
		ss += (float64(x) - mean) * (float64(x) - mean)
	}
	for i, x := range v {
		v[i] = 0
		if ss > 0 {
			v[i] = float32((float64(x) - mean) / math.Sqrt(ss))
		}
	}
}

// words is how much a definition says: of two that order people alike, the shorter is kept.
func (c *chooser) words(j int) int {
	if c.features == nil {
		return 0
	}
	n := 0
	c.features[j].Node.Walk(func(*query.Node) { n++ })
	return n
}

// duplicates drops columns that order people as a simpler one does.
func (c *chooser) duplicates() {
	var open []int
	for j := range c.ranks {
		if c.reason[j] == "" {
			open = append(open, j)
		}
	}
	slices.SortStableFunc(open, func(a, b int) int { return c.words(a) - c.words(b) })
	var kept []int
	for _, j := range open {
		for _, k := range kept {
			text := c.x.Columns[j].Kind.InCode()
			if text != c.x.Columns[k].Kind.InCode() {
				continue // numbers of texts are no order
			}
			near := math.Abs(float64(kernel.Dot32(c.pairs[j], c.pairs[k])))
			if near < sameOrder-.002 || math.Abs(kernel.Dot(c.ranks[j], c.ranks[k])) < sameOrder || text && !c.sameTexts(j, k) {
				continue
			}
			c.reason[j], c.like[j] = Duplicate, k+1
			break
		}
		if c.reason[j] == "" {
			kept = append(kept, j)
		}
	}
}

// sameTexts tells whether two columns of texts divide people alike.
func (c *chooser) sameTexts(j, k int) bool {
	there, back := map[int32]int32{}, map[int32]int32{}
	for _, r := range c.rows {
		a, b := c.x.Columns[j].Code[r], c.x.Columns[k].Code[r]
		if x, ok := there[a]; ok && x != b {
			return false
		}
		if x, ok := back[b]; ok && x != a {
			return false
		}
		there[a], back[b] = b, a
	}
	return true
}

// half is one half of the people.
type half struct {
	at    []int // positions in rows
	gain  []float64
	noise float64   // what chance reaches
	with  []float64 // rank correlation with the outcome, in standard errors
}

// nothing drops what chance does as well.
func (c *chooser) nothing(ctx context.Context) error {
	var open []int
	for j := range c.ranks {
		if c.reason[j] == "" {
			open = append(open, j)
		}
	}
	var halves [2]half
	for i, r := range c.rows {
		h := &halves[0]
		if c.unit(r, "half") >= .5 {
			h = &halves[1]
		}
		h.at = append(h.at, i)
	}
	for k := range halves {
		if err := c.measure(ctx, &halves[k], open, uint64(k)); err != nil {
			return err
		}
	}
	if halves[0].noise == 0 && halves[1].noise == 0 {
		return nil // nothing was learnt in either half
	}
	strength := func(j int) float64 { // in units of chance
		total := 0.0
		for _, h := range halves {
			if h.noise > 0 {
				total += h.gain[j] / h.noise
			} else if h.gain[j] > 0 {
				total += clearly
			}
		}
		return total
	}
	var strong, weak []int
	for _, j := range open {
		if halves[0].gain[j] > halves[0].noise && halves[1].gain[j] > halves[1].noise || strength(j) >= clearly {
			strong = append(strong, j)
		} else {
			weak = append(weak, j)
		}
	}
	slices.SortStableFunc(weak, func(a, b int) int {
		switch x, y := strength(a), strength(b); {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	for _, j := range weak {
		alone := halves[0].with[j]*halves[1].with[j] > 0 && math.Abs(halves[0].with[j]) > associated && math.Abs(halves[1].with[j]) > associated
		if !alone || c.x.Columns[j].Kind.InCode() {
			c.reason[j] = Nothing
			continue
		}
		for _, k := range strong {
			if !c.x.Columns[k].Kind.InCode() && math.Abs(float64(kernel.Dot32(c.pairs[j], c.pairs[k]))) >= nearOrder {
				c.reason[j], c.like[j] = Nothing, k+1
				break
			}
		}
		if c.reason[j] == "" {
			strong = append(strong, j)
		}
	}
	if len(strong) == 0 {
		for _, j := range open { // then nothing can be told apart from chance, and nothing is
			c.reason[j], c.like[j] = "", 0
		}
	}
	return nil
}

// measure fits the half with shuffled columns beside the others.
func (c *chooser) measure(ctx context.Context, h *half, open []int, which uint64) error {
	rows := make([]int32, len(h.at))
	for i, at := range h.at {
		rows[i] = c.rows[at]
	}
	y := make([]float64, len(rows))
	for i, r := range rows {
		y[i] = c.y.Y[r]
	}
	h.gain, h.with = make([]float64, len(c.ranks)), make([]float64, len(c.ranks))
	if standardRanks(y) == nil {
		return nil
	}
	x := &table.Table{}
	place := map[string]int{}
	for _, j := range open {
		col := c.x.Columns[j].Take(rows)
		col.Name = fmt.Sprint("column ", j)
		place[col.Name] = j
		x.Columns = append(x.Columns, col)
	}
	shuffled := c.shuffle(rows, which)
	n := min(shadows, len(open))
	for k := range n {
		col := c.x.Columns[open[k*len(open)/n]].Take(shuffled[k%len(shuffled)])
		col.Name = fmt.Sprint("shadow ", k)
		x.Columns = append(x.Columns, col)
	}
	m, err := model.WithThreads(model.WithSeed(c.s.Learner, kernel.Mix(c.s.Seed+which)>>12), c.s.Threads).Fit(ctx, x, model.Outcome{Task: c.y.Task, Y: y, Classes: c.y.Classes}, nil)
	if err != nil {
		return err
	}
	told, ok := m.(model.Importancer)
	if !ok {
		return kequn.Errorf(kequn.KindInternal, "", "a selection needs a learner that tells importance")
	}
	noise := make([]float64, 0, n)
	gains := told.Importance()
	for i, col := range m.Header().Columns {
		if j, real := place[col.Name]; real {
			h.gain[j] = gains[i]
		} else {
			noise = append(noise, gains[i])
		}
	}
	for len(noise) < n {
		noise = append(noise, 0)
	}
	slices.Sort(noise)
	h.noise = kernel.QuantileSorted(noise, chance)
	c.alone(h, rows, y, open)
	return nil
}

// alone measures how each column goes with the outcome by itself. People with several rows count once.
func (c *chooser) alone(h *half, rows []int32, y []float64, open []int) {
	people := map[int64]bool{}
	for _, r := range rows {
		people[c.group[r]] = true
	}
	ranksY := standardRanks(y)
	scale := math.Sqrt(float64(len(people)))
	kernel.Blocks(len(open), c.s.Threads, 1, func(k, _, _ int) {
		v := make([]float64, len(rows))
		for i, r := range rows {
			v[i] = value(c.x.Columns[open[k]], r)
		}
		if ranks := standardRanks(v); ranks != nil {
			h.with[open[k]] = kernel.Dot(ranks, ranksY) * scale
		}
	})
}

// shuffle returns several orders of the rows in which whole people change places.
func (c *chooser) shuffle(rows []int32, which uint64) [][]int32 {
	starts := []int{}
	byPerson := slices.Clone(rows)
	slices.SortStableFunc(byPerson, func(a, b int32) int {
		switch x, y := c.group[a], c.group[b]; {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	at := make(map[int32]int, len(rows)) // row → its place by person
	for i, r := range byPerson {
		at[r] = i
		if i == 0 || c.group[r] != c.group[byPerson[i-1]] {
			starts = append(starts, i)
		}
	}
	const orders = 8
	out := make([][]int32, orders)
	for k := range out {
		stream := kernel.NewStream(c.s.Seed, kernel.ID("shuffle"), which, uint64(k))
		people := slices.Clone(starts)
		for i := len(people) - 1; i > 0; i-- {
			j := stream.Intn(i + 1)
			people[i], people[j] = people[j], people[i]
		}
		dealt := make([]int32, 0, len(rows))
		for _, s := range people {
			for i := s; i < len(byPerson) && c.group[byPerson[i]] == c.group[byPerson[s]]; i++ {
				dealt = append(dealt, byPerson[i])
			}
		}
		out[k] = make([]int32, len(rows))
		for i, r := range rows {
			out[k][i] = dealt[at[r]]
		}
	}
	return out
}
