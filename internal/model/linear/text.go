package linear

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/ngram"
	"kequn/internal/table"
)

// textPart is a text column in training: one more block of the sum, Σ_j weight_j·γ_j over the grams of the row's text. Its coefficients stand
// behind those of all other columns, k×width of them, and have a penalty of their own.
type textPart struct {
	vocabulary *ngram.Vocabulary
	matrix     *ngram.Matrix
	blank      []bool // by code: the text has no gram
	missing    bool   // some training row has no text
}

// newTextPart learns the vocabulary of a column, nil if no gram is common enough and every row has a text.
func newTextPart(l Learner, c *table.Column, w []float64) *textPart {
	t := &textPart{blank: ngram.Blank(c.Dict, l.Threads)}
	for _, k := range c.Code {
		if k < 0 || t.blank[k] {
			t.missing = true
			break
		}
	}
	t.vocabulary, t.matrix = ngram.Learn(ngram.Cells{Texts: c.Dict, Code: c.Code}, w, l.Threads)
	if t.vocabulary.NCols() == 0 && !t.missing {
		return nil
	}
	return t
}

func (t *textPart) note(name string) string {
	learnt := 0
	for _, ok := range t.matrix.Learnt {
		if ok {
			learnt++
		}
	}
	if learnt < t.matrix.NTexts {
		return fmt.Sprintf("%s: free text, %d n-grams, learnt from %d of %d texts", name, t.matrix.NCols, learnt, t.matrix.NTexts)
	}
	return fmt.Sprintf("%s: free text, %d n-grams", name, t.matrix.NCols)
}

// onlyLearnt takes the weight off rows whose texts were too many to learn from all of them.
func (e *encoding) onlyLearnt(w []float64) []float64 {
	copied := false
	for _, t := range e.texts() {
		for i, line := range t.matrix.Row {
			if line < 0 || t.matrix.Learnt[line] {
				continue
			}
			if !copied {
				own := make([]float64, len(t.matrix.Row))
				for r := range own {
					own[r] = 1
				}
				copy(own, w)
				w, copied = own, true
			}
			w[i] = 0
		}
	}
	return w
}

// column returns the column's codes with -1 where the text has no gram.
func (t *textPart) column(c *table.Column) []int32 {
	out := make([]int32, len(c.Code))
	for i, k := range c.Code {
		if out[i] = k; k >= 0 && t.blank[k] {
			out[i] = -1
		}
	}
	return out
}

// canonical returns the rows in an order that follows from their values, so that sums over texts, whose solution is not driven to the last
// digit, come out the same for any order of rows.
func canonical(inputs *table.Table, y, w []float64) []int32 {
	hash := model.RowHash(inputs, 1)
	order := make([]int32, len(y))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortStableFunc(order, func(a, b int32) int {
		if c := cmp.Compare(hash[a], hash[b]); c != 0 {
			return c
		}
		if c := cmp.Compare(y[a], y[b]); c != 0 || w == nil {
			return c
		}
		return cmp.Compare(w[a], w[b])
	})
	return order
}

// textHash returns a number per row by its texts: the same for rows that say the same.
func textHash(inputs *table.Table) []uint64 {
	only := &table.Table{}
	for _, c := range inputs.Columns {
		if c.Kind == table.Text {
			only.Columns = append(only.Columns, c)
		}
	}
	return model.RowHash(only, 2)
}

// textPenalties are tried from the strongest. A text's weights have length 1, on which λ = 1 is what text classifiers commonly take.
var textPenalties = []float64{10, 3, 1, 0.3, 0.1, 0.03}

// heldOut is one of how many rows are held out to choose the penalty of texts, and leastHeldOut the least weight of rows for which that
// is tried: fewer tell one penalty from the next by chance.
const (
	heldOut      = 5
	leastHeldOut = 100
)

// solveText minimises the loss of a problem with text columns: all coefficients together, by L-BFGS. The penalty of the texts is the one that
// does best on every fifth text, by its content, when the others are learnt from.
func (p *problem) solveText(ctx context.Context, l Learner, hash []uint64) (*solution, error) {
	l2 := l.L2
	if l2 == 0 {
		l2 = defaultL2
	}
	s := &solution{l2: l2, textL2: l.TextL2}
	if s.textL2 == 0 {
		s.textL2 = 1
		if p.weight >= heldOut*leastHeldOut {
			var err error
			if s.textL2, err = p.chooseText(ctx, l2, hash); err != nil {
				return nil, err
			}
		}
	}
	begin := make([]float64, p.k*(p.q+p.textWidth()))
	copy(begin, p.start())
	all, settled, err := p.descendText(ctx, begin, l2, s.textL2, 10*l.MaxSteps, settledText)
	if err != nil {
		return nil, err
	}
	if !settled {
		s.notes = append(s.notes, fmt.Sprintf("the coefficients did not settle in %d steps", 10*l.MaxSteps))
	}
	s.beta, s.text = all[:p.k*p.q], all[p.k*p.q:]
	return s, nil
}

func (p *problem) chooseText(ctx context.Context, l2 float64, hash []uint64) (float64, error) {
	learn, judge := make([]float64, p.n), make([]float64, p.n)
	for i := range learn {
		if kernel.Mix(hash[i])%heldOut == 0 {
			judge[i] = p.weightOf(i)
		} else {
			learn[i] = p.weightOf(i)
		}
	}
	inner := *p
	inner.w, inner.weight = learn, kernel.Sum(learn)
	outer := *p
	outer.w, outer.weight = judge, kernel.Sum(judge)
	if inner.oneClass() || outer.weight < 0.5*leastHeldOut {
		return 1, nil
	}
	beta := make([]float64, p.k*(p.q+p.textWidth()))
	copy(beta, inner.start())
	best, least := 1.0, math.Inf(1)
	for _, t := range textPenalties {
		var err error
		if beta, _, err = inner.descendText(ctx, beta, l2, t, 40, compared); err != nil {
			return 0, err
		}
		loss, _, err := outer.textLoss(ctx, beta, 0, 0)
		if err != nil {
			return 0, err
		}
		// A weaker penalty has larger coefficients: it must be worth them.
		if !(loss < least-worthwhile) {
			break
		}
		best, least = t, loss
	}
	return best, nil
}

// oneClass tells whether rows of weight have one outcome only.
func (p *problem) oneClass() bool {
	if p.task == kequn.Regression {
		return false
	}
	first := -1.0
	for i, v := range p.y {
		if p.weightOf(i) > 0 {
			if first >= 0 && v != first {
				return false
			}
			first = v
		}
	}
	return true
}

// textWidth returns how many coefficients the texts have for one class.
func (p *problem) textWidth() int {
	n := 0
	for _, t := range p.texts {
		n += t.matrix.NCols
	}
	return n
}

// settledText is the decrease of the loss, relative to it, that counts as none where there are texts: what would be gained below is
// far less than other rows would change. To compare penalties, less will do.
const (
	settledText = 1e-7
	compared    = 1e-5
)

func (p *problem) descendText(ctx context.Context, beta []float64, l2, textL2 float64, maxSteps int, tolerance float64) ([]float64, bool, error) {
	metric, err := p.metric(ctx, l2)
	if err != nil {
		return nil, false, err
	}
	scale, err := p.textScale(textL2)
	if err != nil {
		return nil, false, err
	}
	search := kernel.LBFGS{MaxSteps: maxSteps, Tolerance: tolerance, Quiet: 3, Metric: func(v []float64) {
		metric(v[:p.k*p.q])
		rest := v[p.k*p.q:]
		for j := range rest {
			rest[j] *= scale[j%len(scale)]
		}
	}}
	best, _, settled, err := search.Minimise(beta, func(beta []float64) (float64, []float64, error) { return p.textLoss(ctx, beta, l2, textL2) })
	return best, settled, err
}

// textScale returns about one over the second derivative by each text coefficient, for one class.
func (p *problem) textScale(textL2 float64) ([]float64, error) {
	h := make([]float64, p.n)
	bound := 0.5
	if p.k == 1 {
		bound = p.curvature()
	}
	for i := range h {
		h[i] = bound * p.weightOf(i)
	}
	var out []float64
	for _, t := range p.texts {
		lines := make([]float64, t.matrix.NTexts)
		t.matrix.AddRows(h, lines)
		part := make([]float64, t.matrix.NCols)
		t.matrix.Squares(lines, p.threads, part)
		for j := range part {
			part[j] = 1 / (part[j] + textL2)
		}
		out = append(out, part...)
	}
	return out, nil
}

// curvature returns the loss's second derivative at the start, as a share of the row's weight.
func (p *problem) curvature() float64 {
	if p.power > 0 {
		return math.Exp((2 - p.power) * p.logMean())
	}
	if p.task != kequn.Binary {
		return 1
	}
	m := kernel.SumProduct(p.y, p.w) / p.weight
	return max(m*(1-m), 0.01)
}

// textLoss returns the penalised loss and its gradient by all coefficients: k×q of the other columns, then k×width of the texts.
func (p *problem) textLoss(ctx context.Context, beta []float64, l2, textL2 float64) (float64, []float64, error) {
	rows, texts := beta[:p.k*p.q], beta[p.k*p.q:]
	q := *p
	q.offset = p.textMargins(texts)
	q.resid = make([]float64, p.k*p.n)
	value, rowGrad, err := q.penalisedLoss(ctx, rows, l2)
	if err != nil {
		return 0, nil, err
	}
	grad := make([]float64, len(beta))
	copy(grad, rowGrad)
	width, at := p.textWidth(), 0
	for _, t := range p.texts {
		lines := make([]float64, t.matrix.NTexts)
		for c := range p.k {
			t.matrix.AddRows(q.resid[c*p.n:(c+1)*p.n], lines)
			t.matrix.Gradient(lines, p.threads, grad[p.k*p.q+c*width+at:][:t.matrix.NCols])
		}
		at += t.matrix.NCols
	}
	kernel.Axpy(textL2, texts, grad[p.k*p.q:])
	return value + 0.5*textL2*kernel.Dot(texts, texts), grad, nil
}

// textMargins returns what the texts add to the rows' margins: (k, n).
func (p *problem) textMargins(texts []float64) []float64 {
	out := make([]float64, p.k*p.n)
	width, at := p.textWidth(), 0
	for _, t := range p.texts {
		lines := make([]float64, t.matrix.NTexts)
		for c := range p.k {
			t.matrix.Margins(texts[c*width+at:][:t.matrix.NCols], p.threads, lines)
			sum := out[c*p.n : (c+1)*p.n]
			for i, line := range t.matrix.Row {
				if line >= 0 {
					sum[i] += lines[line]
				}
			}
		}
		at += t.matrix.NCols
	}
	return out
}

// mean returns the weighted mean of what the texts add to the rows.
func (t *textPart) mean(p *problem, coef []float64) float64 {
	lines := make([]float64, t.matrix.NTexts)
	t.matrix.Margins(coef, p.threads, lines)
	sum := 0.0
	for i, line := range t.matrix.Row {
		if line >= 0 {
			sum += p.weightOf(i) * lines[line]
		}
	}
	return sum / p.weight
}

// effects returns what the column adds to the margin of each training row.
func (t *textPart) effects(c *table.Column, coef []float64, f effect, threads int) []float64 {
	lines := make([]float64, t.matrix.NTexts)
	t.matrix.Margins(coef, threads, lines)
	out := make([]float64, len(c.Code))
	for i, k := range c.Code {
		if k < 0 || t.blank[k] {
			out[i] = f.none
		} else {
			out[i] = lines[t.matrix.Row[i]] - f.centre
		}
	}
	return out
}

// textEffect is what a text column adds: per class the coefficient of each known gram.
type textEffect struct {
	vocabulary *ngram.Vocabulary
	coef       [][]float64
}

// addTo adds to each class's out the effect of the rows' texts: coefficients less the centre, or the effect of having no text.
func (t *textEffect) addTo(c *table.Column, effects []*effect, out [][]float64) {
	for k, f := range effects {
		for i := range out[k] {
			out[k][i] += f.none
		}
	}
	t.vocabulary.Each(ngram.Cells{Texts: c.Dict, Code: c.Code}, 0, c.Len(), func(row int, col []uint32, weight []float32) {
		for k, f := range effects {
			sum := 0.0
			for e, j := range col {
				sum += float64(weight[e]) * t.coef[k][j]
			}
			out[k][row] += sum - f.centre - f.none
		}
	})
}

// said is how many grams of a text column are named in the regression table: those that move the score most.
const said = 40

// saidFrom is the weight of rows from which a gram may be named: fewer people's words are theirs.
const saidFrom = 10

// sayGrams returns the lines of the regression table for a text column.
func (t *textPart) sayGrams(name string, c *table.Column, w []float64, coef []float64) []Coefficient {
	rows, adds := make([]float64, t.matrix.NCols), make([]float64, t.matrix.NCols)
	t.matrix.AddPresence(w, rows, adds)
	size := make([]float64, len(coef))
	for j, v := range coef {
		if rows[j] >= saidFrom {
			adds[j] *= v / rows[j]
			size[j] = math.Abs(adds[j]) * math.Sqrt(rows[j])
		}
	}
	var places []int
	for _, j := range kernel.ArgsortDesc(size) {
		if len(places) == said || size[j] == 0 {
			break
		}
		places = append(places, int(j))
	}
	names := t.vocabulary.Names(ngram.Cells{Texts: c.Dict, Code: c.Code}, w, places)
	var out []Coefficient
	for i, j := range places {
		out = append(out, Coefficient{Column: name, Kind: Gram, Level: names[i], Value: adds[j], SE: math.NaN()})
	}
	return out
}
