package sequence

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"io"
	"math"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/net"
)

// Options say how a model learns without labels. The zero value suits some ten thousand customers.
type Options struct {
	Shape    Shape                     `json:"shape"`    // zero: Tiny
	Steps    int                       `json:"steps"`    // 0: as many as go through the events ten times, 200 to 20,000
	Tokens   int                       `json:"tokens"`   // of a step; 0 is 4096
	Window   int                       `json:"window"`   // tokens of a slice at most; 0 is 128
	Next     float64                   `json:"next"`     // weight of telling the next event; all three 0: 1
	Contrast float64                   `json:"contrast"` // weight of telling slices of one stream from others'; all three 0: 0.5
	Masked   float64                   `json:"masked"`   // weight of filling blanks; it looks both ways, so that it excludes Next
	Rate     float64                   `json:"rate"`     // of learning; 0 is 0.002·√(64/Dim)
	Dropout  float64                   `json:"dropout"`  // share of hidden numbers left out in training; 0 is 0.1, negative none
	Decay    float64                   `json:"decay"`    // of weights; 0 is 0.01
	Seed     uint64                    `json:"seed"`     //
	Threads  int                       `json:"-"`        // the model does not depend on it
	Progress func(Point, int, float64) `json:"-"`        // after each judging: the point, the steps planned, the share done

	// Checkpoint is called after each judging with what training goes on from; Resume is such a state.
	Checkpoint func(state []byte) error `json:"-"`
	Resume     []byte                   `json:"-"`
}

// Point is one moment of training: loss is the weighted sum of the objectives, in nats; valid is that of customers held out.
type Point struct {
	Step   int     `json:"step"`
	Tokens int64   `json:"tokens"`
	Train  float64 `json:"train"`
	Valid  float64 `json:"valid"`
}

func (o Options) withDefaults(tokens int) Options {
	if o.Shape.Dim == 0 {
		o.Shape = Tiny
	}
	if o.Tokens == 0 {
		o.Tokens = 4096
	}
	if o.Window == 0 {
		o.Window = 128
	}
	if o.Steps == 0 {
		o.Steps = min(20000, max(200, 10*tokens/o.Tokens))
	}
	if o.Next == 0 && o.Contrast == 0 && o.Masked == 0 {
		o.Next, o.Contrast = 1, 0.5
	}
	if o.Rate == 0 {
		o.Rate = 0.002 * math.Sqrt(64/float64(o.Shape.Dim))
	}
	switch {
	case o.Dropout == 0:
		o.Dropout = 0.1
	case o.Dropout < 0:
		o.Dropout = 0
	}
	if o.Decay == 0 {
		o.Decay = 0.01
	}
	return o
}

func (o Options) check() error {
	if o.Next > 0 && o.Masked > 0 {
		return kequn.Errorf(kequn.KindUsage, "", "a model either tells the next event or fills blanks: the one must not see what comes, the other must")
	}
	if s := o.Shape; s.Dim < 8 || s.Dim > 4096 || s.Layers < 1 || s.Layers > 64 || s.Body != Transformer && s.Body != GRU || s.Body == Transformer && (s.Heads < 1 || s.Dim%(2*s.Heads) != 0) {
		return kequn.Errorf(kequn.KindUsage, "", "there is no network of this shape").WithHint("8 to 4096 numbers, a multiple of twice the heads; 1 to 64 layers")
	}
	return nil
}

// fewestStreams is how many customers with two events or more there must be to learn from.
const fewestStreams = 50

// trainer is a training under way.
type trainer struct {
	o       Options
	streams *Streams
	net     *network
	params  []*net.Param
	adam    net.Adam
	learn   []int32 // customers learnt from
	valid   []int32 // customers held out

	step, cursor int
	epoch        uint64
	perm         []int
	seen         int64
	curve        []Point
	train        float64 // sum of losses since the last judging
	since        int
	best         float64
	kept         []byte // parameters at the best judging

	b        batch
	targets  [][]int32 // per guess
	group    []int32
	grads    []float32
	pooled   []float32
	dPooled  []float32
	dHidden  []float32
	contrast net.Contrastive
}

// Pretrain learns from streams, without labels. It is a not-enough error where too few customers have two events. It stops soon after
// ctx is cancelled, with ctx's error; what Checkpoint was given last goes on to the same bytes.
func Pretrain(ctx context.Context, schema *Schema, streams *Streams, o Options) (*Model, error) {
	o = o.withDefaults(streams.Tokens())
	if err := o.check(); err != nil {
		return nil, err
	}
	t := &trainer{o: o, streams: streams, net: newNetwork(schema, o.Shape, o.Dropout, o.Seed), best: math.Inf(1)}
	if o.Masked > 0 {
		t.net.lookBothWays()
	}
	t.params = t.net.params()
	t.adam.Decay = o.Decay
	t.contrast.Temperature = 0.1
	for i := range streams.Len() {
		switch {
		case streams.Start[i+1]-streams.Start[i] < 2:
		case kernel.HashUnit(o.Seed^kernel.ID("held out"), streams.Customer[i]) < 0.08:
			t.valid = append(t.valid, int32(i))
		default:
			t.learn = append(t.learn, int32(i))
		}
	}
	if len(t.learn) < fewestStreams {
		return nil, kequn.Errorf(kequn.KindNotEnough, "", "%d customers have two events or more, at least %d are needed to learn behaviour", len(t.learn)+len(t.valid), fewestStreams).
			WithHint("load more history or more customers")
	}
	if o.Resume != nil {
		if err := t.restore(o.Resume); err != nil {
			return nil, err
		}
	}
	every := max(1, o.Steps/20)
	for t.step < o.Steps {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		t.train += t.learnStep()
		t.since++
		if t.step%every == 0 || t.step == o.Steps {
			if err := t.judge(); err != nil {
				return nil, err
			}
		}
	}
	m := &Model{Schema: *schema, Options: o, Curve: t.curve, Customers: len(t.learn), Seen: t.seen, net: t.net}
	m.Options.Resume = nil
	if t.kept != nil {
		if err := readParams(t.kept, t.params); err != nil {
			return nil, err
		}
	}
	m.freeze()
	return m, nil
}

// draw fills the batch with slices of the next customers; two of each where slices are told apart.
func (t *trainer) draw(customers []int32, next func() int32, r *kernel.Stream, tokens int) {
	s := t.streams
	t.b.clear(len(s.Fields), len(s.Numbers))
	t.group = t.group[:0]
	for k := range t.net.guess {
		t.targets[k] = t.targets[k][:0]
	}
	for n := 0; t.b.tokens() < tokens && n < len(customers); n++ {
		c := next()
		lo, hi := s.Start[c], s.Start[c+1]
		if t.o.Contrast == 0 || hi-lo < 4 {
			t.slice(c, lo, hi, r)
			continue
		}
		// Two slices that share no event: what they have in common is the customer, not the same rows.
		cut := lo + 1 + int64(r.Intn(int(hi-lo-1)))
		t.slice(c, lo, cut, r)
		t.slice(c, cut, hi, r)
	}
	if t.o.Masked > 0 {
		t.hide(r)
	}
}

// slice adds a slice of customer c's tokens [lo, hi) to the batch, of at most a window and at a random place.
func (t *trainer) slice(c int32, lo, hi int64, r *kernel.Stream) {
	s := t.streams
	length := min(hi-lo, int64(t.o.Window))
	from := lo + int64(r.Intn(int(hi-lo-length)+1))
	t.b.add(s, from, from+length)
	t.group = append(t.group, c)
	end := s.Start[c+1]
	for k, f := range t.net.guess { // the code of the token after, −1 where there is none
		for i := from + 1; i <= from+length; i++ {
			target := int32(-1)
			if i < end && s.Fields[f][i] >= codeRare {
				target = int32(s.Fields[f][i])
			}
			t.targets[k] = append(t.targets[k], target)
		}
	}
}

// hide blanks tokens out: they become the targets.
func (t *trainer) hide(r *kernel.Stream) {
	n := t.b.tokens()
	for k, f := range t.net.guess {
		for i := range n {
			t.targets[k][i] = -1
			if c := t.b.fields[f][i]; c >= codeRare {
				t.targets[k][i] = c
			}
		}
	}
	for i := range n {
		if !r.Bool(0.2) {
			for k := range t.net.guess {
				t.targets[k][i] = -1
			}
			continue
		}
		for f := range t.b.fields {
			t.b.fields[f][i] = codeBlank
		}
		for f := range t.b.numbers {
			t.b.numbers[f][i] = 0
		}
	}
}

// nextCustomer returns customers in an order that is drawn anew each time all have been seen.
func (t *trainer) nextCustomer() int32 {
	if t.perm == nil || t.cursor == len(t.perm) {
		if t.perm != nil {
			t.epoch, t.cursor = t.epoch+1, 0
		}
		t.perm = kernel.NewStream(t.o.Seed, kernel.ID("epoch"), t.epoch).Perm(len(t.learn))
	}
	c := t.learn[t.perm[t.cursor]]
	t.cursor++
	return c
}

// learnStep takes one step and returns its loss.
func (t *trainer) learnStep() float64 {
	if t.targets == nil {
		t.targets = make([][]int32, len(t.net.guess))
	}
	t.draw(t.learn, t.nextCustomer, kernel.NewStream(t.o.Seed, kernel.ID("slice"), uint64(t.step)), t.o.Tokens)
	net.ClearGrads(t.params)
	loss := t.pass(net.Pass{Train: true, Step: uint64(t.step), Threads: kernel.Threads(t.o.Threads)})
	net.ClipGrads(t.params, 1)
	t.adam.Step(t.params, t.o.Rate*net.Cosine(t.step, t.o.Steps/20, t.o.Steps))
	t.seen += int64(t.b.tokens())
	t.step++
	return loss
}

// pass computes the loss of the batch and, in training, its gradients.
func (t *trainer) pass(p net.Pass) float64 {
	h := t.net.forward(p, &t.b)
	dh := sized(&t.dHidden, h)
	clear(dh.Data)
	loss := 0.0
	if w := t.o.Next + t.o.Masked; w > 0 {
		p.Start = nil
		for k, head := range t.net.heads {
			out := head.Forward(p, h)
			if cap(t.grads) < len(out.Data) {
				t.grads = make([]float32, len(out.Data))
			}
			grad := net.Matrix{Rows: out.Rows, Cols: out.Cols, Data: t.grads[:len(out.Data)]}
			loss += w * crossEntropy(out, t.targets[k], grad, float32(w)/float32(len(t.net.heads)), p.Threads) / float64(len(t.net.heads))
			if p.Train {
				back := head.Backward(grad)
				kernel.Parallel(len(dh.Data), p.Threads, 1<<15, func(lo, hi int) { kernel.Axpy32(1, back.Data[lo:hi], dh.Data[lo:hi]) })
			}
		}
	}
	if t.o.Contrast > 0 {
		n := len(t.group)
		pooled := sizedTo(&t.pooled, n, 2*h.Cols)
		for i := range n {
			pool(pooled.Row(i), h, int(t.b.start[i]), int(t.b.start[i+1]))
		}
		d := sizedTo(&t.dPooled, n, 2*h.Cols)
		loss += t.o.Contrast * t.contrast.Loss(pooled, t.group, d, p.Threads)
		if p.Train {
			for i := range d.Data {
				d.Data[i] *= float32(t.o.Contrast)
			}
			for i := range n {
				unpool(dh, d.Row(i), int(t.b.start[i]), int(t.b.start[i+1]))
			}
		}
	}
	if p.Train {
		t.net.backward(dh)
	}
	return loss
}

func sized(buffer *[]float32, like net.Matrix) net.Matrix {
	return sizedTo(buffer, like.Rows, like.Cols)
}

func sizedTo(buffer *[]float32, rows, cols int) net.Matrix {
	if cap(*buffer) < rows*cols {
		*buffer = make([]float32, rows*cols)
	}
	return net.Matrix{Rows: rows, Cols: cols, Data: (*buffer)[:rows*cols]}
}

// crossEntropy is the mean of −log softmax(out)[target] over rows with a target, and its gradient times scale. Rows are taken in
// blocks whose sums are added in order.
func crossEntropy(out net.Matrix, target []int32, grad net.Matrix, scale float32, threads int) float64 {
	rows := 0
	for _, y := range target {
		if y >= 0 {
			rows++
		}
	}
	if rows == 0 {
		clear(grad.Data)
		return 0
	}
	scale /= float32(rows)
	sum := kernel.Reduce(out.Rows, threads, 256, func(lo, hi int) float64 {
		part := 0.0
		for i := lo; i < hi; i++ {
			g := grad.Row(i)
			y := target[i]
			if y < 0 {
				clear(g)
				continue
			}
			row := out.Row(i)
			top := row[0]
			for _, v := range row[1:] {
				top = max(top, v)
			}
			for j, v := range row {
				g[j] = v - top
			}
			at := float64(g[y])
			kernel.Exp32(g, g)
			total := float32(0)
			for _, v := range g {
				total += v
			}
			part += math.Log(float64(total)) - at
			f := scale / total
			for j := range g {
				g[j] *= f
			}
			g[y] -= scale
		}
		return part
	}, func(a, b float64) float64 { return a + b })
	return sum / float64(rows)
}

// validTokens is about how many tokens of held-out customers judge.
const validTokens = 32768

// judge takes the loss of customers held out, keeps the best parameters, and hands out a checkpoint.
func (t *trainer) judge() error {
	point := Point{Step: t.step, Tokens: t.seen, Train: t.train / float64(max(1, t.since))}
	t.train, t.since = 0, 0
	point.Valid = t.validLoss()
	t.curve = append(t.curve, point)
	if v := point.Valid; v < t.best {
		t.best = v
		t.kept = writeParams(t.params)
	}
	if t.o.Progress != nil {
		t.o.Progress(point, t.o.Steps, float64(t.step)/float64(t.o.Steps))
	}
	if t.o.Checkpoint != nil {
		state, err := t.state()
		if err != nil {
			return err
		}
		return t.o.Checkpoint(state)
	}
	return nil
}

// validLoss judges the same slices of the held-out customers every time. It is the training loss where nobody was held out.
func (t *trainer) validLoss() float64 {
	who := t.valid
	if len(who) == 0 {
		who = t.learn
	}
	r := kernel.NewStream(t.o.Seed, kernel.ID("judge"))
	at, sum, weight := 0, 0.0, 0.0
	next := func() int32 { at++; return who[(at-1)%len(who)] }
	for total := 0; at < len(who) && total < validTokens; total += t.b.tokens() {
		t.draw(who[at:], next, r, t.o.Tokens)
		n := float64(t.b.tokens())
		sum += n * t.pass(net.Pass{Threads: kernel.Threads(t.o.Threads)})
		weight += n
	}
	return sum / math.Max(weight, 1)
}

// progress is what a checkpoint holds beside the network.
type progress struct {
	Options Options `json:"options"`
	Step    int     `json:"step"`
	Cursor  int     `json:"cursor"`
	Epoch   uint64  `json:"epoch"`
	Seen    int64   `json:"seen"`
	Curve   []Point `json:"curve"`
	Best    float64 `json:"best"`
	Kept    int     `json:"kept"` // bytes of the best parameters, which come first
	People  int     `json:"people"`
}

// state writes what training goes on from.
func (t *trainer) state() ([]byte, error) {
	head, err := json.Marshal(progress{t.o, t.step, t.cursor, t.epoch, t.seen, t.curve, t.best, len(t.kept), len(t.learn)})
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	binary.Write(&b, binary.LittleEndian, uint32(len(head)))
	b.Write(head)
	b.Write(t.kept)
	if err := net.WriteCheckpoint(&b, t.params, &t.adam); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// restore goes back to a state of the same training.
func (t *trainer) restore(state []byte) error {
	other := kequn.Errorf(kequn.KindDamaged, "", "the checkpoint is cut or of another training").WithHint("delete it and train again")
	if len(state) < 4 {
		return other
	}
	n := int(binary.LittleEndian.Uint32(state))
	if n > len(state)-4 {
		return other
	}
	var p progress
	if json.Unmarshal(state[4:4+n], &p) != nil || p.Kept < 0 || p.Kept > len(state)-4-n || p.Step < 0 || p.Cursor < 0 || p.Cursor > len(t.learn) || p.People != len(t.learn) {
		return other
	}
	mine, _ := json.Marshal(t.o)
	if theirs, _ := json.Marshal(p.Options); !bytes.Equal(mine, theirs) {
		return other
	}
	rest := state[4+n:]
	if err := net.ReadCheckpoint(bytes.NewReader(rest[p.Kept:]), t.params, &t.adam); err != nil {
		return other
	}
	t.kept = bytes.Clone(rest[:p.Kept])
	t.step, t.cursor, t.epoch, t.seen, t.curve, t.best = p.Step, p.Cursor, p.Epoch, p.Seen, p.Curve, p.Best
	t.perm = kernel.NewStream(t.o.Seed, kernel.ID("epoch"), t.epoch).Perm(len(t.learn))
	return nil
}

// writeParams writes the parameters' numbers one after the other.
func writeParams(params []*net.Param) []byte {
	out := make([]byte, 0, 4*nParams(params))
	for _, p := range params {
		for _, v := range p.Value {
			out = binary.LittleEndian.AppendUint32(out, math.Float32bits(v))
		}
	}
	return out
}

// readParams reads what [writeParams] wrote.
func readParams(b []byte, params []*net.Param) error {
	if len(b) != 4*nParams(params) {
		return kequn.Errorf(kequn.KindDamaged, "", "sequence model: its parameters do not fit its shape")
	}
	r := bufio.NewReader(bytes.NewReader(b))
	var word [4]byte
	for _, p := range params {
		for i := range p.Value {
			if _, err := io.ReadFull(r, word[:]); err != nil {
				return err
			}
			v := math.Float32frombits(binary.LittleEndian.Uint32(word[:]))
			if v-v != 0 {
				return kequn.Errorf(kequn.KindDamaged, "", "sequence model: a parameter is not finite")
			}
			p.Value[i] = v
		}
	}
	return nil
}
