package explain

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/table"
)

// FlipOptions say what may be changed. Background is needed.
type FlipOptions struct {
	// Background has rows whose values count as plausible, such as the judged ones; at most 20,000 of them are used.
	Background *table.Table

	Words      Catalogue // kinds: traits and proxies stay as they are
	Fixed      []string  // further columns that stay
	LeversOnly bool      // only what Words calls a lever may change
	MaxColumns int       // 1 to 3 columns may change together; 0: 3
	Class      int       // of several classes: whose probability is the score
	Seed       uint64
}

const (
	flipRows   = 20_000
	flipValues = 16 // places of a number, levels of a category
	flipPairs  = 10 // columns that are tried two at a time, the most promising ones
	flipTriple = 6  // … three at a time
	flipFew    = 6  // values each of these is tried at
)

// Flip returns the nearest change of one row of x that takes its score to the other side of the threshold (a score at the threshold has passed
// it), or a Change without steps, whose text says so, where there is none among those tried.
//
// Nearest is: the fewest columns; among these the least sum of distances; then the order of names. The distance of a number is how
// many of the background's rows lie between the old and the new value, as a share; that of a category is 1 less the share of the rows
// that have the new level, since a rare level is further away than a common one. A missing value may become a value, at distance ½, but not the other
// way round. Only values that occur in the background are tried: up to 16 quantiles, or the 16 most frequent levels.
//
// One column: all are tried, so that the answer is exact on this grid. Two columns: all pairs of the 10 columns that alone bring the score
// furthest to the threshold; three: all triples of the first 6, at the 6 values of each that bring it furthest. Traits, proxies, texts, dates and categories with
// nearly as many values as rows (names) are never changed.
//
// Cost is at most about 20,000 scores.
func Flip(ctx context.Context, m model.Model, x *table.Table, row int, threshold float64, o FlipOptions) (*Change, error) {
	if row < 0 || row >= x.NRows() {
		return nil, kequn.Errorf(kequn.KindUsage, "", "row %d of %d", row, x.NRows())
	}
	if o.Background == nil || o.Background.NRows() == 0 {
		return nil, kequn.Errorf(kequn.KindUsage, "", "no rows to take plausible values from")
	}
	one := x.Take([]int32{int32(row)})
	in, err := model.Match(m.Header().Columns, one)
	if err != nil {
		return nil, err
	}
	s, err := newFlipSearch(m, in, threshold, o)
	if err != nil {
		return nil, err
	}
	most := o.MaxColumns
	if most <= 0 || most > 3 {
		most = 3
	}
	for n := 1; n <= most; n++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		best, err := s.nearest(n)
		if err != nil {
			return nil, err
		}
		if best != nil {
			return s.change(one, best), nil
		}
	}
	c := &Change{Steps: []Step{}, From: s.from, To: s.from}
	bound := s.bound()
	c.Text = Text{
		fmt.Sprintf("在见过的取值范围内，改变至多 %d 列都不能使分数%s %s", most, s.pick("达到", "降到"), bound) + s.pick("", " 以下"),
		fmt.Sprintf("no change of up to %d columns, among values seen before, takes the score %s %s", most, s.pick("to", "below"), bound),
	}
	if len(s.columns) == 0 {
		c.Text = Text{"没有可以改变的列", "there is no column that can be changed"}
	}
	return c, nil
}

// flipSearch is one row and the changes that may be made.
type flipSearch struct {
	m         model.Model
	in        *table.Table // the row, matched
	o         FlipOptions
	threshold float64
	up        bool // the score is to rise to the threshold
	from      float64
	columns   []flipColumn // the most promising first, once single changes are known
}

// flipColumn is a column with the values it may take.
type flipColumn struct {
	at     int // among the model's columns
	values []flipValue
}

type flipValue struct {
	num      float64
	code     int32
	distance float64
	score    float64 // of the row with this change alone
}

func (s *flipSearch) pick(up, down string) string {
	if s.up {
		return up
	}
	return down
}

func (s *flipSearch) passes(score float64) bool { return score >= s.threshold == s.up }

func newFlipSearch(m model.Model, in *table.Table, threshold float64, o FlipOptions) (*flipSearch, error) {
	s := &flipSearch{m: m, in: in, o: o, threshold: threshold}
	p, err := s.scores(in)
	if err != nil {
		return nil, err
	}
	s.from, s.up = p[0], p[0] < threshold
	back := o.Background
	if n := back.NRows(); n > flipRows {
		back = back.Take(kernel.NewStream(o.Seed, kernel.ID("flip")).Sample(n, flipRows))
	}
	seen, err := model.Match(m.Header().Columns, back)
	if err != nil {
		return nil, err
	}
	for j, c := range seen.Columns {
		w := o.Words.called(c.Name)
		read := back.Column(c.Name)
		if w.Kind == "trait" || w.Kind == "proxy" || o.LeversOnly && w.Kind != "lever" || slices.Contains(o.Fixed, c.Name) || c.Kind == table.Text ||
			read.Kind == table.Time || read.Kind == table.Text {
			continue
		}
		f := flipColumn{at: j}
		if c.Kind == table.Category {
			f.values = levelsTo(c, in.Columns[j].Code[0])
		} else {
			f.values = numbersTo(c.Num, in.Columns[j].Num[0])
		}
		if len(f.values) > 0 {
			s.columns = append(s.columns, f)
		}
	}
	return s, s.tryEach()
}

// numbersTo returns the values that a number may take instead of from.
func numbersTo(seen []float64, from float64) []flipValue {
	sorted := make([]float64, 0, len(seen))
	for _, v := range seen {
		if v-v == 0 {
			sorted = append(sorted, v)
		}
	}
	if len(sorted) == 0 {
		return nil
	}
	slices.Sort(sorted)
	n := len(sorted)
	place := func(v float64) float64 { // middle rank
		lo, _ := slices.BinarySearch(sorted, v)
		hi, _ := slices.BinarySearchFunc(sorted, v, func(x, v float64) int {
			if x <= v {
				return -1
			}
			return 1
		})
		return float64(lo+hi) / float64(2*n)
	}
	var out []flipValue
	for i := range flipValues {
		v := sorted[i*(n-1)/(flipValues-1)]
		if v == from || len(out) > 0 && out[len(out)-1].num == v {
			continue
		}
		d := 0.5
		if from == from {
			d = math.Abs(place(v) - place(from))
		}
		out = append(out, flipValue{num: v, distance: d})
	}
	return out
}

// levelsTo returns the levels that a category may take instead of from; none if it looks like a name of each row.
func levelsTo(c *table.Column, from int32) []flipValue {
	count := make([]float64, c.Dict.Len())
	known, levels := 0.0, 0.0
	for _, k := range c.Code {
		if k >= 0 {
			if count[k]++; count[k] == 1 {
				levels++
			}
			known++
		}
	}
	if levels > 20 && levels > known/2 {
		return nil
	}
	var out []flipValue
	for _, k := range kernel.ArgsortDesc(count) {
		if count[k] == 0 || len(out) == flipValues {
			break
		}
		if k == from {
			continue
		}
		d := 1 - count[k]/known
		if from < 0 {
			d = 0.5
		}
		out = append(out, flipValue{code: k, distance: d})
	}
	return out
}

func (s *flipSearch) scores(x *table.Table) ([]float64, error) {
	p, err := s.m.Predict(x)
	if err != nil {
		return nil, err
	}
	k := s.m.Header().NOut()
	if k == 1 {
		return p, nil
	}
	if s.o.Class < 0 || s.o.Class >= k {
		return nil, kequn.Errorf(kequn.KindUsage, "", "class %d of %d", s.o.Class, k)
	}
	out := make([]float64, len(p)/k)
	for i := range out {
		out[i] = p[i*k+s.o.Class]
	}
	return out, nil
}

// flipped is a set of changes: columns are indexes into the search's, values into theirs.
type flipped struct {
	columns, values []int
	distance, score float64
}

// try scores all changes at once.
func (s *flipSearch) try(changes []flipped) error {
	rows := make([]int32, len(changes))
	x := s.in.Take(rows)
	for i, c := range changes {
		for k, col := range c.columns {
			f := &s.columns[col]
			if to := x.Columns[f.at]; to.Kind == table.Category {
				to.Code[i] = f.values[c.values[k]].code
			} else {
				to.Num[i] = f.values[c.values[k]].num
			}
		}
	}
	p, err := s.scores(x)
	if err != nil {
		return err
	}
	for i := range changes {
		changes[i].score = p[i]
	}
	return nil
}

// tryEach scores every single change and puts columns in order of how far they bring the score.
func (s *flipSearch) tryEach() error {
	var all []flipped
	for c, f := range s.columns {
		for v := range f.values {
			all = append(all, flipped{columns: []int{c}, values: []int{v}})
		}
	}
	if len(all) == 0 {
		return nil
	}
	if err := s.try(all); err != nil {
		return err
	}
	for _, a := range all {
		s.columns[a.columns[0]].values[a.values[0]].score = a.score
	}
	slices.SortStableFunc(s.columns, func(a, b flipColumn) int {
		return cmp.Or(cmp.Compare(s.reach(b), s.reach(a)), cmp.Compare(a.at, b.at))
	})
	return nil
}

// reach is how far the column's best value brings the score towards the threshold.
func (s *flipSearch) reach(c flipColumn) float64 {
	best := math.Inf(-1)
	for _, v := range c.values {
		best = max(best, s.gain(v.score))
	}
	return best
}

func (s *flipSearch) gain(score float64) float64 {
	if s.up {
		return score - s.from
	}
	return s.from - score
}

// nearest returns the nearest change of n columns that flips, nil if there is none.
func (s *flipSearch) nearest(n int) (*flipped, error) {
	var tries []flipped
	switch n {
	case 1:
		for c, f := range s.columns {
			for v := range f.values {
				tries = append(tries, flipped{columns: []int{c}, values: []int{v}, score: f.values[v].score})
			}
		}
	case 2:
		last := min(flipPairs, len(s.columns))
		for a := range last {
			for b := a + 1; b < last; b++ {
				for i := range s.columns[a].values {
					for j := range s.columns[b].values {
						tries = append(tries, flipped{columns: []int{a, b}, values: []int{i, j}})
					}
				}
			}
		}
	case 3:
		last := min(flipTriple, len(s.columns))
		few := make([][]int, last)
		for c := range few {
			few[c] = s.furthest(c)
		}
		for a := range last {
			for b := a + 1; b < last; b++ {
				for c := b + 1; c < last; c++ {
					for _, i := range few[a] {
						for _, j := range few[b] {
							for _, k := range few[c] {
								tries = append(tries, flipped{columns: []int{a, b, c}, values: []int{i, j, k}})
							}
						}
					}
				}
			}
		}
	}
	if len(tries) == 0 {
		return nil, nil
	}
	if n > 1 {
		if err := s.try(tries); err != nil {
			return nil, err
		}
	}
	var best *flipped
	for i := range tries {
		t := &tries[i]
		if !s.passes(t.score) {
			continue
		}
		for k, c := range t.columns {
			t.distance += s.columns[c].values[t.values[k]].distance
		}
		if best == nil || s.nearer(t, best) {
			best = t
		}
	}
	return best, nil
}

// furthest returns the values of a column that alone bring the score furthest.
func (s *flipSearch) furthest(c int) []int {
	gain := make([]float64, len(s.columns[c].values))
	for i, v := range s.columns[c].values {
		gain[i] = s.gain(v.score)
	}
	var out []int
	for _, i := range kernel.ArgsortDesc(gain) {
		if len(out) == flipFew {
			break
		}
		out = append(out, int(i))
	}
	return out
}

func (s *flipSearch) nearer(a, b *flipped) bool {
	if d := a.distance - b.distance; math.Abs(d) > 1e-12 {
		return d < 0
	}
	if order := slices.Compare(s.placesOf(a), s.placesOf(b)); order != 0 {
		return order < 0
	}
	return s.gain(a.score) > s.gain(b.score)
}

func (s *flipSearch) placesOf(f *flipped) []int {
	out := make([]int, len(f.columns))
	for i, c := range f.columns {
		out[i] = s.columns[c].at
	}
	slices.Sort(out)
	return out
}

func (s *flipSearch) bound() string {
	if s.m.Header().Task == kequn.Regression {
		return short(s.threshold)
	}
	return short(100*s.threshold) + "%"
}

// change puts what was found into words.
func (s *flipSearch) change(one *table.Table, f *flipped) *Change {
	c := &Change{From: s.from, To: f.score}
	order := make([]int, len(f.columns))
	for i := range order {
		order[i] = i
	}
	// The largest change first.
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(s.alone(f, b), s.alone(f, a)), cmp.Compare(s.columns[f.columns[a]].at, s.columns[f.columns[b]].at))
	})
	var zh, en []string
	for _, i := range order {
		col := &s.columns[f.columns[i]]
		name := s.in.Columns[col.at].Name
		read, value, w := one.Column(name), col.values[f.values[i]], s.o.Words.called(name)
		st := Step{Column: name, From: Value(read, 0, spoken(w.Unit)), Kind: w.Kind}
		was, wasZh := st.From, st.From
		if read.IsMissing(0) {
			was, wasZh = "unknown", "未知"
		}
		if s.in.Columns[col.at].Kind == table.Category {
			st.To = s.in.Columns[col.at].Dict.At(int(value.code))
		} else if read.Kind == table.Bool {
			st.To = Value(&table.Column{Kind: table.Bool, Int: []int64{int64(value.num)}}, 0, "")
		} else {
			st.To = Value(&table.Column{Kind: table.Number, Num: []float64{value.num}}, 0, spoken(w.Unit))
		}
		st.Zh = fmt.Sprintf("%s 为 %s 而不是 %s", w.Zh, st.To, wasZh)
		st.En = fmt.Sprintf("%s were %s instead of %s", w.En, st.To, was)
		zh, en = append(zh, st.Zh), append(en, st.En)
		c.Steps = append(c.Steps, st)
	}
	c.Zh = "若 " + strings.Join(zh, "，且 ") + "，分数将" + s.pick("达到 "+s.bound(), "降到 "+s.bound()+" 以下") + "（" + s.print(c.From) + " → " + s.print(c.To) + "）"
	c.En = "if " + strings.Join(en, " and ") + ", the score would " + s.pick("pass ", "fall below ") + s.bound() + " (" + s.print(c.From) + " → " + s.print(c.To) + ")"
	return c
}

// alone is how far one of the changes brings the score without the others.
func (s *flipSearch) alone(f *flipped, i int) float64 {
	return s.gain(s.columns[f.columns[i]].values[f.values[i]].score)
}

func (s *flipSearch) print(v float64) string {
	if s.m.Header().Task == kequn.Regression {
		return short(v)
	}
	return percent(v)
}
