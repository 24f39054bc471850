package neural

import (
	"context"
	"errors"
	"math"
	"slices"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/net"
)

// member is one network of the ensemble: embeddings that write into its input, and layers.
type member struct {
	embeddings []*net.Embedding // by block, nil where the column is not embedded
	layers     *net.Sequence
}

// First weights of inputs are smaller than what keeps variances: training then starts from smoother functions of the pieces of
// a number, and from categories that hardly differ. On the shared tables half lowered the loss on all but one, as
// much as twice the networks would.
const (
	firstGain      = 0.5
	firstEmbedding = 0.3 // deviation of a category's vector, all its numbers together
	outGain        = 0.1
)

// newMember draws first weights.
func newMember(l Learner, e *encoder, base []float64, id int) *member {
	s := kernel.NewStream(l.Seed, kernel.ID("mlp"), uint64(id))
	m := &member{embeddings: make([]*net.Embedding, len(e.blocks)), layers: &net.Sequence{}}
	for j := range e.blocks {
		if b := &e.blocks[j]; b.embedded {
			m.embeddings[j] = net.NewEmbedding(e.cols[j].Name, b.rows, b.width, firstEmbedding/math.Sqrt(float64(b.width)), s)
		}
	}
	f := l.function()
	// Every column has variance 1 however many inputs it takes, so that it is columns that the first weights are scaled to.
	width := e.width()
	first := net.NewDense("layer 1", width, l.Width, firstGain*f.Gain()*math.Sqrt(float64(width)/float64(len(e.blocks))), s)
	first.GradFrom = e.nSlots
	add := func(d *net.Dense, k int) {
		m.layers.Layers = append(m.layers.Layers, d, &net.Activation{Function: f}, &net.Dropout{Rate: l.Dropout, Seed: l.Seed, ID: uint64(id)<<8 | uint64(k)})
	}
	add(first, 1)
	for k := 2; k <= l.Layers; k++ {
		add(net.NewDense("layer", l.Width, l.Width, f.Gain(), s), k)
	}
	out := net.NewDense("out", l.Width, len(base), outGain, s)
	for c, v := range base {
		out.B.Value[c] = float32(v)
	}
	m.layers.Layers = append(m.layers.Layers, out)
	return m
}

func (m *member) params() []*net.Param {
	var all []*net.Param
	for _, e := range m.embeddings {
		if e != nil {
			all = append(all, e.Table)
		}
	}
	return append(all, m.layers.Params()...)
}

// share returns the member with buffers of its own.
func (m *member) share() *member {
	return &member{embeddings: m.embeddings, layers: m.layers.Share().(*net.Sequence)}
}

// forward returns the margins of encoded rows; the first nSlots columns of x are set.
func (m *member) forward(p net.Pass, e *encoder, c *cells, rows []int32, x net.Matrix, codes []int32) net.Matrix {
	for j, t := range m.embeddings {
		if t != nil {
			c.codes(j, rows, codes[:len(rows)])
			t.Forward(codes[:len(rows)], x, e.blocks[j].at)
		}
	}
	return m.layers.Forward(p, x)
}

// training is what the members share.
type training struct {
	l     Learner
	m     *Model
	cells *cells
	y, w  []float32 // w averages 1, nil for all ones
	base  []float64
}

func (t *training) weigh(w []float64) {
	if w == nil {
		return
	}
	mean := kernel.Sum(w) / float64(len(w))
	t.w = make([]float32, len(w))
	for i, v := range w {
		t.w[i] = float32(v / mean)
	}
}

// errDiverged is returned where no weights were ever finite and better than the first.
var errDiverged = kequn.Errorf(kequn.KindUsage, "rate", "is too large: training gave numbers that are not finite").WithHint("try a smaller one")

// run trains all members.
func (t *training) run(ctx context.Context) error {
	n := t.l.Members
	t.m.members = make([]*member, n)
	failed := make([]error, n)
	kernel.Parallel(n, t.l.Threads, 1, func(lo, hi int) {
		for k := lo; k < hi; k++ {
			t.m.members[k], failed[k] = t.member(ctx, k)
		}
	})
	return errors.Join(failed...)
}

// parts is into how many parts the rows are cut for holding back.
func (t *training) parts() int { return max(5, t.l.Members) }

// blindEpochs is how many passes are made where too few rows are there to hold some back: on few rows others stop about there.
const blindEpochs = 6

// fewHeld is how many rows of the rarest class a held-back part needs to be worth stopping by.
const fewHeld = 5

// split returns the rows to train on and those held back by member k. Rows are in order of their hash: every parts-th of each
// class is held back, so that each part has the same share of it.
func (t *training) split(k int) (train, held []int32) {
	parts := t.parts()
	seen := make([]int, t.m.nOut+1)
	heldOf := make([]int, t.m.nOut+1)
	for i, v := range t.y {
		c := 0
		if t.m.h.Task != kequn.Regression {
			c = int(v)
		}
		if seen[c]%parts == k%parts {
			held = append(held, int32(i))
			heldOf[c]++
		} else {
			train = append(train, int32(i))
		}
		seen[c]++
	}
	least := math.MaxInt
	for c, n := range seen {
		if n > 0 {
			least = min(least, heldOf[c])
		}
	}
	if least < fewHeld {
		all := make([]int32, len(t.y))
		for i := range all {
			all[i] = int32(i)
		}
		return all, nil
	}
	return train, held
}

func (t *training) loss() net.Loss {
	switch t.m.h.Task {
	case kequn.Binary:
		return net.BinaryCrossEntropy
	case kequn.Multiclass:
		return net.CrossEntropy
	}
	return net.SquaredError
}

// batchRows returns the rows per step: fewer where the table is small, so that an epoch has 16 steps.
func (t *training) batchRows(n int) int {
	return max(1, min(t.l.Batch, max(16, n/16), n))
}

func (t *training) optimizer() net.Optimizer {
	switch t.l.Optimizer {
	case 2:
		return &net.SGD{Momentum: 0.9, Decay: t.l.Decay}
	case 3:
		return &net.SGD{Decay: t.l.Decay}
	}
	return &net.Adam{Decay: t.l.Decay}
}

// member trains member k.
func (t *training) member(ctx context.Context, k int) (*member, error) {
	l, e := t.l, t.m.encoder
	m := newMember(l, e, t.base, k)
	params := m.params()
	train, held := t.split(k)
	batch := t.batchRows(len(train))
	steps := (len(train) + batch - 1) / batch
	epochs := l.Epochs
	if held == nil {
		epochs = min(epochs, blindEpochs)
	}
	total := steps * epochs
	loss, o := t.loss(), t.optimizer()
	b := t.newBatch(max(batch, min(len(held), 256)))
	draw := kernel.NewStream(l.Seed, kernel.ID("mlp batches"), uint64(k))
	plateau := net.Plateau{Patience: max(1, l.Patience/3)}
	share := 1.0
	best, since := math.Inf(1), 0
	kept := make([][]float32, len(params))
	for i, p := range params {
		kept[i] = slices.Clone(p.Value)
	}
	step := 0
	for range epochs {
		draw.Shuffle(len(train), func(i, j int) { train[i], train[j] = train[j], train[i] })
		for at := range steps {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			rows := train[at*len(train)/steps : (at+1)*len(train)/steps]
			net.ClearGrads(params)
			out := b.load(m, net.Pass{Train: true, Step: uint64(step)}, rows)
			loss(out, b.y, b.w, b.grad)
			b.back(m, rows)
			if l.Clip > 0 {
				net.ClipGrads(params, l.Clip)
			}
			switch l.Schedule {
			case 1:
				share = net.Cosine(step, min(total/10, 2*steps), total)
			case 3:
				share = 1
			}
			o.Step(params, l.Rate*share)
			step++
		}
		if held == nil {
			continue
		}
		score := t.judge(m, b, held, loss)
		if l.Schedule == 2 {
			share = plateau.Next(score)
		}
		if score < best {
			best, since = score, 0
			for i, p := range params {
				copy(kept[i], p.Value)
			}
		} else if since++; since >= l.Patience {
			break
		}
	}
	if held != nil {
		for i, p := range params {
			copy(p.Value, kept[i])
		}
	}
	for _, p := range params {
		for _, v := range p.Value {
			if v-v != 0 {
				return nil, errDiverged
			}
		}
		p.Grad = nil
	}
	m.average(e)
	return m, nil
}

// average sets the vector of unseen levels to the weighted mean of the others, where no row had it.
func (m *member) average(e *encoder) {
	for j, table := range m.embeddings {
		if table == nil {
			continue
		}
		if b := &e.blocks[j]; b.shares[b.none] == 0 {
			copy(table.Table.Value[int(b.none)*b.width:], m.centre(e, j))
		}
	}
}

// centre returns the weighted mean vector of an embedded column.
func (m *member) centre(e *encoder, j int) []float32 {
	b, v := &e.blocks[j], m.embeddings[j].Table.Value
	out := make([]float32, b.width)
	for d := range out {
		sum := 0.0
		for k, share := range b.shares {
			sum += float64(share) * float64(v[k*b.width+d])
		}
		out[d] = float32(sum)
	}
	return out
}

// judge returns the mean loss of held-back rows.
func (t *training) judge(m *member, b *batch, held []int32, loss net.Loss) float64 {
	sum, total := 0.0, 0.0
	for at := 0; at < len(held); at += 256 {
		rows := held[at:min(len(held), at+256)]
		out := b.load(m, net.Pass{}, rows)
		n := float64(len(rows))
		sum += n * loss(out, b.y, b.w, b.grad)
		total += n
	}
	return sum / total
}

// batch is the buffers of one member's training.
type batch struct {
	t     *training
	x     []float32
	codes []int32
	y, w  []float32
	yAll  []float32
	wAll  []float32
	gAll  []float32
	grad  net.Matrix
}

func (t *training) newBatch(n int) *batch {
	b := &batch{t: t, x: make([]float32, n*t.m.encoder.width()), codes: make([]int32, n), yAll: make([]float32, n), gAll: make([]float32, n*t.m.nOut)}
	if t.w != nil {
		b.wAll = make([]float32, n)
	}
	return b
}

// load encodes the rows and passes them forward.
func (b *batch) load(m *member, p net.Pass, rows []int32) net.Matrix {
	t, n := b.t, len(rows)
	e := t.m.encoder
	x := net.Matrix{Rows: n, Cols: e.width(), Data: b.x[:n*e.width()]}
	e.write(t.cells, rows, x)
	b.y = b.yAll[:n]
	for i, r := range rows {
		b.y[i] = t.y[r]
	}
	if t.w != nil {
		b.w = b.wAll[:n]
		for i, r := range rows {
			b.w[i] = t.w[r]
		}
	}
	b.grad = net.Matrix{Rows: n, Cols: t.m.nOut, Data: b.gAll[:n*t.m.nOut]}
	return m.forward(p, e, t.cells, rows, x, b.codes)
}

// back passes the gradient back into layers and embeddings.
func (b *batch) back(m *member, rows []int32) {
	dx := m.layers.Backward(b.grad)
	for j, e := range m.embeddings {
		if e != nil {
			b.t.cells.codes(j, rows, b.codes[:len(rows)])
			e.Backward(b.codes[:len(rows)], dx, b.t.m.encoder.blocks[j].at)
		}
	}
}
