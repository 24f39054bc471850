package explain

import (
	"context"
	"fmt"
	"math"
	"slices"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/table"
)

// Question is a model to explain and what that needs. Model and X with Y are needed; each other field opens further parts.
type Question struct {
	Model model.Model
	Name  string // of the model, as people know it

	X *table.Table // rows that the model was not trained on
	Y model.Outcome
	W []float64 // nil for all ones

	Train  *table.Table // rows to fit stand-ins and smaller models on
	TrainY model.Outcome
	TrainW []float64

	Learner  model.Named   // of the model's family, for what fewer columns give up
	Tree     model.Learner // stand-ins; parameters max_leaves and max_rules are set where there are such
	RuleList model.Learner
	Path     model.Pather // for the path of penalties

	Words   Catalogue // may be nil
	Seed    uint64
	Threads int
	MaxRows int // judged rows used by each part; 0: 10,000. Shuffles take half of it.

	// FitRows is how many training rows stand-ins and smaller models are fitted to at most; 0: 20,000. The family is fitted up to 13 times, half
	// of these on half of the rows: less is kinder where a fit takes seconds.
	FitRows int

	// Brief explains a little where there are many models: importance, effects and the stand-in tree. It says why the other parts are left out.
	Brief Text

	// Left tells whether there is time for another part; nil is always. Parts are begun in a fixed order, so that less time only
	// means fewer of them; what was left out is named in Global.Missing.
	Left func() bool
}

const (
	mostPathRows = 5_000 // … of the path, whose steps each solve again
	leastRows    = 50    // judged rows below which nothing is said
	leastClass   = 10    // … and rows of the rarer outcome
	mostShuffled = 30    // columns
	mostEffects  = 8     // columns
)

// Explain says what a model does on the whole: which columns matter, how the score goes along each, which tree and which rules come
// near it, what fewer columns would give up. Parts without a figure that means something are left out and named in Missing.
//
// It serves outcomes of two classes and amounts. The same question gives the same answer for any number of threads (but for seconds).
// With a gbdt of 100 trees and 50 columns it takes about 6 s of one processor, whatever the number of rows.
func Explain(ctx context.Context, q Question) (*Global, error) {
	g := &Global{Own: []Weight{}, Permutation: []Weight{}, Effects: []Effect{}, Fewer: []Fewer{}, Missing: []Text{}}
	if q.Y.Task == kequn.Multiclass {
		return nil, model.ErrTask
	}
	if n := q.X.NRows(); len(q.Y.Y) != n || q.W != nil && len(q.W) != n {
		return nil, fmt.Errorf("explain: %d rows, %d outcomes, %d weights", n, len(q.Y.Y), len(q.W))
	}
	if q.MaxRows <= 0 {
		q.MaxRows = 10_000
	}
	if q.FitRows <= 0 {
		q.FitRows = 20_000
	}
	if own := Importance(q.Model); own != nil {
		g.Own = own
	}
	if len(q.Model.Header().Columns) == 0 {
		g.miss("模型没有用到任何列", "the model uses no column")
		return g, nil
	}
	s := q.judged()
	if s.n < leastRows {
		g.miss(fmt.Sprintf("只有 %d 行可供评判，少于 %d 行，不给出任何数字", s.n, leastRows), fmt.Sprintf("only %d rows to judge on, fewer than %d: no figures are given", s.n, leastRows))
		return g, nil
	}
	for _, part := range []struct {
		zh, en string
		brief  bool
		do     func(context.Context, *sample, *Global) error
	}{
		{"打乱各列的重要性", "importance by shuffling", true, q.permutation},
		{"各列的影响曲线", "effects of columns", true, q.effects},
		{"替代树", "the stand-in tree", true, q.tree},
		{"替代规则", "the stand-in rules", false, q.rules},
		{"更少的列", "fewer columns", false, q.fewer},
		{"惩罚路径", "the path of penalties", false, q.path},
		{"重要性的误差", "the error of the model's own importance", false, q.ownErrors},
	} {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if q.Brief.En != "" && !part.brief {
			g.miss(part.zh+"："+q.Brief.Zh, part.en+": "+q.Brief.En)
			continue
		}
		if q.Left != nil && !q.Left() {
			g.miss(part.zh+"：时间不够", part.en+": no time left")
			continue
		}
		if err := part.do(ctx, s, g); err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			return nil, fmt.Errorf("%s: %w", part.en, err)
		}
	}
	return g, nil
}

func (g *Global) miss(zh, en string) { g.Missing = append(g.Missing, Text{zh, en}) }

// sample is the judged rows that are used.
type sample struct {
	x      *table.Table // the model's columns, matched
	asRead *table.Table // the same rows of the columns as they were read
	y      model.Outcome
	w      []float64
	n      int
	few    bool // too few rows of the rarer outcome, or a constant one, for any figure of skill
}

func (q *Question) judged() *sample {
	s := &sample{asRead: q.X, y: q.Y, w: q.W}
	if q.W != nil { // rows of weight 0 are as if absent
		var rows []int32
		for i, w := range q.W {
			if w > 0 {
				rows = append(rows, int32(i))
			}
		}
		if len(rows) < len(q.W) {
			s.asRead, s.y, s.w = s.asRead.Take(rows), s.y.Take(rows), kernel.Take(s.w, rows)
		}
	}
	s.take(q.Seed, q.MaxRows)
	return s
}

// take keeps at most so many rows.
func (s *sample) take(seed uint64, most int) {
	s.asRead, s.y, s.w = someRows(s.asRead, s.y, s.w, seed, most)
	s.n = len(s.y.Y)
	s.few = tooFew(s.y)
}

// someRows returns at most so many rows, each set equally likely, in their order.
func someRows(x *table.Table, y model.Outcome, w []float64, seed uint64, most int) (*table.Table, model.Outcome, []float64) {
	if n := len(y.Y); n > most {
		rows := kernel.NewStream(seed, kernel.ID("explain")).Sample(n, most)
		x, y, w = x.Take(rows), y.Take(rows), kernel.Take(w, rows)
	}
	return x, y, w
}

// tooFew tells whether outcomes say nothing of skill.
func tooFew(y model.Outcome) bool {
	if len(y.Y) < leastRows {
		return true
	}
	if y.Task == kequn.Binary {
		yes := kernel.Sum(y.Y)
		return min(yes, float64(len(y.Y))-yes) < leastClass
	}
	_, variance := kernel.MeanVar(y.Y, nil)
	return !(variance > 0)
}

// matched returns the rows as the model wants them.
func (s *sample) matched(m model.Model) (*table.Table, error) {
	if s.x == nil {
		x, err := model.Match(m.Header().Columns, s.asRead)
		if err != nil {
			return nil, err
		}
		s.x = x
	}
	return s.x, nil
}

// inputs returns the training rows of the model's columns: what it was not given (ids, leaks) is none of its reasons.
func (q *Question) inputs() *table.Table {
	out := &table.Table{}
	for _, c := range q.Model.Header().Columns {
		if col := q.Train.Column(c.Name); col != nil {
			out.Columns = append(out.Columns, col)
		}
	}
	return out
}

// missSkill says that outcomes are too few for the part.
func (g *Global) missSkill(zh, en string) {
	g.miss(zh+"：评判行中结果太少或只有一种", en+": the judged rows have too few outcomes, or one kind only")
}

// margins returns the score on which contributions add up: the model's own margin, or, where it has none, the log-odds of its
// probability, or its value.
func margins(m model.Model, x *table.Table) ([]float64, error) {
	if g, ok := m.(model.Marginer); ok {
		if v, err := g.Margin(x); err == nil {
			return v, nil
		}
	}
	p, err := m.Predict(x)
	if err == nil && m.Header().Task == kequn.Binary {
		for i, v := range p {
			p[i] = logOdds(v)
		}
	}
	return p, err
}

func logOdds(p float64) float64 {
	p = min(max(p, 1e-12), 1-1e-12)
	return math.Log(p / (1 - p))
}

// called returns what people call a column.
func (c Catalogue) called(column string) Words {
	var w Words
	if c != nil {
		w = c(column)
	}
	if w.Zh == "" {
		w.Zh = column
	}
	if w.En == "" {
		w.En = column
	}
	return w
}

// permutation measures the columns' importance by shuffling, on half of the rows. Of more than 30 columns, those with the most of the
// model's own importance are shuffled; columns without any are not in the model, so that shuffling them does nothing.
func (q *Question) permutation(ctx context.Context, s *sample, g *Global) error {
	if s.few {
		g.missSkill("打乱各列的重要性", "importance by shuffling")
		return nil
	}
	x, err := s.matched(q.Model)
	if err != nil {
		return err
	}
	p := Permutation{Repeats: 3, MaxRows: (q.MaxRows + 1) / 2, Seed: q.Seed, Threads: q.Threads}
	if cols := q.Model.Header().Columns; len(cols) > mostShuffled {
		first := g.Own
		if len(first) == 0 { // the model has no measure of its own: one rough shuffle chooses
			if first, err = (Permutation{Repeats: 1, MaxRows: 500, Seed: q.Seed, Threads: q.Threads}).Weights(ctx, q.Model, x, s.y, s.w); err != nil {
				return err
			}
		}
		p.Columns = []string{}
		for _, w := range first[:min(mostShuffled, len(first))] {
			p.Columns = append(p.Columns, w.Column)
		}
		if left := len(first) - len(p.Columns); left > 0 {
			g.miss(fmt.Sprintf("打乱重要性：只测了 %d 列，其余 %d 列按模型自身的度量更不重要", len(p.Columns), left),
				fmt.Sprintf("importance by shuffling: %d columns were measured; the other %d matter less by a first look", len(p.Columns), left))
		}
	}
	g.Permutation, err = p.Weights(ctx, q.Model, x, s.y, s.w)
	return err
}

// important returns the columns in order of importance: by shuffling where that raised the loss, then by the model's own measure.
func (g *Global) important() []string {
	var out []string
	for _, w := range g.Permutation {
		if w.Loss > 0 {
			out = append(out, w.Column)
		}
	}
	for _, w := range g.Own {
		if !slices.Contains(out, w.Column) {
			out = append(out, w.Column)
		}
	}
	return out
}
