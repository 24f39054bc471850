package ngram

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/table"
)

// Encoder makes number columns of text columns. Where x has a text column, the table that it makes has in its place
//
//	the score    margin of a linear model of the text alone: one per class for multiclass; missing where there is no text
//	the grams    up to 64 columns with the weight that a gram has in the text, for those that tell most about the outcome
//
// and all other columns as they are. It is immutable and may be used by several goroutines.
type Encoder struct {
	columns []*encoded // by column of x; nil for those that stay
	owner   []int
	names   []string // of the columns made
}

type encoded struct {
	vocabulary *Vocabulary
	scores     []score
	picked     []int
	place      []uint8 // of a column of the vocabulary among the picked, from 1
}

func (e *encoded) setPlace() {
	e.place = make([]uint8, e.vocabulary.NCols())
	for k, j := range e.picked {
		e.place[j] = uint8(k + 1)
	}
}

func (e *encoded) width() int { return len(e.scores) + len(e.picked) }

// Most numbers that the grams of one column may take together, 128 MB, and how many grams there are where that allows.
const (
	mostCells  = 16 << 20
	mostPicked = 64
	mostScores = 20 // classes with a score of their own: the heaviest
)

// Train learns from the text columns of x and returns the encoder with the table for training, or nil and x where there is no text column.
//
// In the table for training each row's score is that of a model which has not seen the row's text: the texts are cut into four parts
// by their content, and each is scored by a model of the other three. So a learner that trusts the score finds it as good as it will be on new texts.
// Rows of weight 0 are scored like new ones. The same rows in another order give the same encoder, bit for bit.
//
// Cost: about 1 µs per character for cutting and 40 passes over the grams of all texts for each part; 16 bytes per gram.
func Train(ctx context.Context, x *table.Table, task kequn.Task, y, w []float64, classes, threads int) (*Encoder, *table.Table, error) {
	if !slices.ContainsFunc(x.Columns, func(c *table.Column) bool { return c.Kind == table.Text }) {
		return nil, x, nil
	}
	e := &Encoder{columns: make([]*encoded, len(x.Columns))}
	made := make([][]*table.Column, len(x.Columns))
	for j, c := range x.Columns {
		if c.Kind != table.Text {
			continue
		}
		var err error
		if e.columns[j], made[j], err = train(ctx, c, task, y, w, classes, threads); err != nil {
			return nil, nil, err
		}
	}
	e.settle(x.Names())
	return e, e.assemble(x, made), nil
}

// settle sets owners and names. A made column's name holds a zero byte, as no column of a file does.
func (e *Encoder) settle(names []string) {
	for j, c := range e.columns {
		if c == nil {
			e.owner, e.names = append(e.owner, j), append(e.names, names[j])
			continue
		}
		for k := range c.width() {
			e.owner = append(e.owner, j)
			e.names = append(e.names, fmt.Sprintf("%s\x00%d", names[j], k))
		}
	}
}

// Owner returns for each column that the encoder makes the column that it was made of.
func (e *Encoder) Owner() []int { return e.owner }

// Names returns the names of the columns that the encoder makes.
func (e *Encoder) Names() []string { return e.names }

func (e *Encoder) assemble(x *table.Table, made [][]*table.Column) *table.Table {
	out := &table.Table{Columns: make([]*table.Column, 0, len(e.owner))}
	for j, c := range x.Columns {
		if e.columns[j] == nil {
			out.Columns = append(out.Columns, c)
		} else {
			out.Columns = append(out.Columns, made[j]...)
		}
	}
	for i, c := range out.Columns {
		if e.columns[e.owner[i]] != nil {
			c.Name = e.names[i]
		}
	}
	return out
}

// Table returns the table that the encoder makes of x, whose columns are those of training, in that order.
func (e *Encoder) Table(x *table.Table, threads int) *table.Table {
	made := make([][]*table.Column, len(x.Columns))
	for j, c := range x.Columns {
		if e.columns[j] != nil {
			made[j] = e.columns[j].apply(Cells{c.Dict, c.Code}, threads)
		}
	}
	return e.assemble(x, made)
}

func train(ctx context.Context, c *table.Column, task kequn.Task, y, w []float64, classes, threads int) (*encoded, []*table.Column, error) {
	order := canonical(c, y, w)
	cells := Cells{c.Dict, kernel.Take(c.Code, order)}
	yo := kernel.Take(y, order)
	var wo []float64
	if w != nil {
		wo = kernel.Take(w, order)
	}
	for i := range yo { // an outcome of weight 0 may be anything
		if wo != nil && wo[i] == 0 {
			yo[i] = 0
		}
	}
	v, m := Learn(cells, wo, threads)
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	targets := m.targets(task, yo, wo, classes)
	e := &encoded{vocabulary: v, picked: m.pick(targets, min(mostPicked, max(8, mostCells/max(1, len(y)))), threads)}
	e.setPlace()
	fold := m.folds(c.Dict)
	out := e.apply(Cells{c.Dict, c.Code}, threads)
	for _, t := range heaviest(targets, mostScores) {
		margin, s, err := m.honest(ctx, t, fold, threads)
		if err != nil {
			return nil, nil, err
		}
		e.scores = append(e.scores, s)
		column := &table.Column{Num: e.score(s, Cells{c.Dict, c.Code}, threads)}
		for i, r := range order {
			if line := m.Row[i]; line >= 0 && m.Learnt[line] && !math.IsNaN(column.Num[r]) {
				column.Num[r] = float64(float32(margin[line]))
			}
		}
		out = slices.Insert(out, len(e.scores)-1, column)
	}
	return e, out, nil
}

// canonical returns the rows in an order that follows from their values: by text, outcome and weight.
func canonical(c *table.Column, y, w []float64) []int32 {
	hash := make([]uint64, c.Dict.Len())
	known := make([]bool, c.Dict.Len())
	order := make([]int32, len(c.Code))
	for i, k := range c.Code {
		order[i] = int32(i)
		if k >= 0 && !known[k] {
			hash[k], known[k] = kernel.ID(c.Dict.At(int(k))), true
		}
	}
	of := func(i int32) uint64 {
		if c.Code[i] < 0 {
			return 0
		}
		return hash[c.Code[i]]
	}
	slices.SortStableFunc(order, func(a, b int32) int {
		if d := cmp.Compare(of(a), of(b)); d != 0 {
			return d
		}
		if d := cmp.Compare(weightOf(w, int(a)), weightOf(w, int(b))); d != 0 || weightOf(w, int(a)) == 0 {
			return d
		}
		return cmp.Compare(y[a], y[b])
	})
	return order
}

// heaviest returns the n targets with the largest sums, in their order.
func heaviest(targets []target, n int) []target {
	if len(targets) <= n {
		return targets
	}
	sum := make([]float64, len(targets))
	for k, t := range targets {
		sum[k] = kernel.Sum(t.y)
	}
	keep := make([]bool, len(targets))
	for _, k := range kernel.ArgsortDesc(sum)[:n] {
		keep[k] = true
	}
	var out []target
	for k, t := range targets {
		if keep[k] {
			out = append(out, t)
		}
	}
	return out
}

// score returns the model's margin of each row, NaN where there is no text.
func (e *encoded) score(s score, c Cells, threads int) []float64 {
	only := &encoded{vocabulary: e.vocabulary, scores: []score{s}}
	return only.apply(c, threads)[0].Num
}

// apply returns the number columns of a text column.
func (e *encoded) apply(c Cells, threads int) []*table.Column {
	n := len(c.Code)
	out := make([]*table.Column, e.width())
	for k := range out {
		out[k] = &table.Column{Num: make([]float64, n)}
	}
	kernel.Parallel(n, threads, 512, func(lo, hi int) {
		for k := range e.scores {
			v := out[k].Num[lo:hi]
			for i := range v {
				v[i] = math.NaN()
			}
		}
		e.vocabulary.Each(c, lo, hi, func(row int, col []uint32, weight []float32) {
			for k, s := range e.scores {
				sum := s.intercept
				for i, j := range col {
					sum += float64(weight[i]) * float64(s.coef[j])
				}
				out[k].Num[row] = float64(float32(sum))
			}
			if len(e.picked) > 0 {
				for i, j := range col {
					if p := e.place[j]; p > 0 {
						out[len(e.scores)+int(p)-1].Num[row] = float64(weight[i])
					}
				}
			}
		})
	})
	return out
}

// encoderVersion stands before a stored encoder.
const encoderVersion = 1

// Append adds the encoder to b: version, number of columns, and for each whether it is text, and if so its vocabulary, number of scores,
// each score's intercept and coefficients (float32), number of grams and their places.
func (e *Encoder) Append(b []byte) []byte {
	b = append(b, encoderVersion)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(e.columns)))
	for _, c := range e.columns {
		if c == nil {
			b = append(b, 0)
			continue
		}
		b = c.vocabulary.Append(append(b, 1))
		b = binary.LittleEndian.AppendUint32(b, uint32(len(c.scores)))
		for _, s := range c.scores {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(s.intercept))
			for _, x := range s.coef {
				b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
			}
		}
		b = binary.LittleEndian.AppendUint32(b, uint32(len(c.picked)))
		for _, j := range c.picked {
			b = binary.LittleEndian.AppendUint32(b, uint32(j))
		}
	}
	return b
}

// ReadEncoder reads what Append wrote, for columns of these names and kinds, and returns what follows it.
func ReadEncoder(b []byte, names []string, text []bool) (*Encoder, []byte, error) {
	if len(b) < 5 || b[0] != encoderVersion || int(binary.LittleEndian.Uint32(b[1:])) != len(names) || len(text) != len(names) {
		return nil, nil, errArrays
	}
	b = b[5:]
	e := &Encoder{columns: make([]*encoded, len(names))}
	number := func() int {
		if len(b) < 4 {
			b = nil
			return -1
		}
		n := int(binary.LittleEndian.Uint32(b))
		b = b[4:]
		return n
	}
	for j := range names {
		if len(b) == 0 || b[0] > 1 || (b[0] == 1) != text[j] {
			return nil, nil, errArrays
		}
		if b = b[1:]; !text[j] {
			continue
		}
		c := &encoded{}
		var err error
		if c.vocabulary, b, err = ReadVocabulary(b); err != nil {
			return nil, nil, err
		}
		q := c.vocabulary.NCols()
		n := number()
		if n < 1 || n > mostScores || len(b) < n*(8+4*q) {
			return nil, nil, errArrays
		}
		for range n {
			s := score{intercept: math.Float64frombits(binary.LittleEndian.Uint64(b)), coef: make([]float32, q)}
			b = b[8:]
			if math.IsNaN(s.intercept) || math.IsInf(s.intercept, 0) {
				return nil, nil, errArrays
			}
			for i := range s.coef {
				s.coef[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
				if s.coef[i] != finite(s.coef[i]) {
					return nil, nil, errArrays
				}
			}
			b = b[4*q:]
			c.scores = append(c.scores, s)
		}
		if n = number(); n < 0 || n > mostPicked || len(b) < 4*n {
			return nil, nil, errArrays
		}
		last := -1
		for range n {
			k := number()
			if k <= last || k >= q {
				return nil, nil, errArrays
			}
			c.picked, last = append(c.picked, k), k
		}
		c.setPlace()
		e.columns[j] = c
	}
	e.settle(names)
	return e, b, nil
}
