package sequence

import (
	"context"
	"math"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/net"
)

// Task is one goal of a tuning: an outcome for each stream, NaN where it is not known.
type Task struct {
	Name string     `json:"name"`
	Kind kequn.Task `json:"kind"` // Binary or Regression
	Y    []float64  `json:"-"`

	Mean      float64 `json:"mean"`      // Regression: the network learns (y − mean)/deviation
	Deviation float64 `json:"deviation"` //
}

// TuneOptions say how a model is tuned to goals. The zero value suits some thousand customers.
type TuneOptions struct {
	Steps    int     // at most; 0: as many as go through the streams ten times, 100 to 5,000
	Tokens   int     // of a step; 0 is 4096
	Rate     float64 // of learning; 0 is 0.0005·√(64/Dim)
	Seed     uint64
	Threads  int
	Progress func(step, of int, valid float64)
}

// Tuned is a model whose network was trained further, end to end, to tell one goal or several at once. It is immutable.
type Tuned struct {
	*Model
	Tasks []Task
	Steps int // at the best judging

	head *net.Dense // (2·Dim, a task each)
}

// Tune trains a copy of the model's network for the tasks together: from a stream's embedding a linear map tells each of them. One in ten
// customers (by name, so that one's streams at several cutoffs stay together) is held out and says when to stop. It stops soon after
// ctx is cancelled, with ctx's error.
func (m *Model) Tune(ctx context.Context, s *Streams, tasks []Task, o TuneOptions) (*Tuned, error) {
	if o.Tokens == 0 {
		o.Tokens = 4096
	}
	if o.Steps == 0 {
		o.Steps = min(5000, max(100, 10*s.Tokens()/o.Tokens))
	}
	if o.Rate == 0 {
		o.Rate = 0.0005 * math.Sqrt(64/float64(m.Options.Shape.Dim))
	}
	t := &tuner{o: o, s: s, tasks: append([]Task(nil), tasks...), model: m}
	if err := t.begin(); err != nil {
		return nil, err
	}
	every := max(1, o.Steps/25)
	worse := 0
	for t.step < o.Steps && worse < 6 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		t.learn()
		if t.step%every != 0 && t.step != o.Steps {
			continue
		}
		valid := t.judge()
		if o.Progress != nil {
			o.Progress(t.step, o.Steps, valid)
		}
		if worse++; valid < t.best {
			t.best, t.bestStep, t.kept, worse = valid, t.step, writeParams(t.params), 0
		}
	}
	if err := readParams(t.kept, t.params); err != nil {
		return nil, err
	}
	copied := *m
	copied.net = t.net
	out := &Tuned{Model: &copied, Tasks: t.tasks, Steps: t.bestStep, head: t.head}
	for i := range out.Tasks {
		out.Tasks[i].Y = nil
	}
	for _, p := range t.params {
		p.Grad = nil
	}
	return out, nil
}

type tuner struct {
	o     TuneOptions
	s     *Streams
	tasks []Task
	model *Model

	net    *network
	head   *net.Dense
	params []*net.Param
	adam   net.Adam
	train  []int32
	valid  []int32

	step, cursor int
	epoch        uint64
	perm         []int
	best         float64
	bestStep     int
	kept         []byte

	b               batch
	who             []int32
	pooled, dHidden []float32
	grad            []float32
}

func (t *tuner) begin() error {
	n := t.s.Len()
	known := make([]bool, n)
	for k := range t.tasks {
		task := &t.tasks[k]
		if len(task.Y) != n || task.Kind != kequn.Binary && task.Kind != kequn.Regression {
			return kequn.Errorf(kequn.KindInternal, "", "task %d does not fit the streams", k)
		}
		var have []float64
		for i, y := range task.Y {
			if !math.IsNaN(y) {
				known[i] = true
				have = append(have, y)
			}
		}
		mean, variance := kernel.MeanVar(have, nil)
		if len(have) < fewestStreams || variance == 0 {
			return kequn.Errorf(kequn.KindNotEnough, task.Name, "%d streams with a known outcome, at least %d of both kinds are needed", len(have), fewestStreams)
		}
		task.Mean, task.Deviation = mean, math.Sqrt(variance)
	}
	for i := range n {
		switch {
		case !known[i]:
		case kernel.HashUnit(t.o.Seed^kernel.ID("tuning"), t.s.Customer[i]) < 0.1:
			t.valid = append(t.valid, int32(i))
		default:
			t.train = append(t.train, int32(i))
		}
	}
	if len(t.valid) == 0 || len(t.train) == 0 {
		return kequn.Errorf(kequn.KindNotEnough, "", "too few customers to hold some out")
	}
	t.net = newNetwork(&t.model.Schema, t.model.Options.Shape, t.model.Options.Dropout, t.o.Seed)
	if t.model.Options.Masked > 0 {
		t.net.lookBothWays()
	}
	if err := readParams(writeParams(t.model.net.params()), t.net.params()); err != nil {
		return err
	}
	t.head = net.NewDense("goal", 2*t.model.Options.Shape.Dim, len(t.tasks), 0.1, kernel.NewStream(t.o.Seed, kernel.ID("goal")))
	for k, task := range t.tasks { // begin at everybody's mean
		if task.Kind == kequn.Binary {
			p := min(max(task.Mean, 1e-4), 1-1e-4)
			t.head.B.Value[k] = float32(math.Log(p / (1 - p)))
		}
	}
	t.params = append(t.net.params(), t.head.Params()...)
	t.adam.Decay = 0.05
	t.best = math.Inf(1)
	return nil
}

func (t *tuner) add(i int32) {
	lo, hi := t.model.window(t.s, int(i))
	t.b.add(t.s, lo, hi)
	t.who = append(t.who, i)
}

func (t *tuner) learn() {
	t.b.clear(len(t.s.Fields), len(t.s.Numbers))
	t.who = t.who[:0]
	for n := 0; n < len(t.train) && (t.b.tokens() < t.o.Tokens && len(t.who) < 1024); n++ {
		if t.perm == nil || t.cursor == len(t.perm) {
			if t.perm != nil {
				t.epoch++
			}
			t.perm, t.cursor = kernel.NewStream(t.o.Seed, kernel.ID("tune"), t.epoch).Perm(len(t.train)), 0
		}
		t.add(t.train[t.perm[t.cursor]])
		t.cursor++
	}
	net.ClearGrads(t.params)
	t.pass(net.Pass{Train: true, Step: uint64(t.step), Threads: kernel.Threads(t.o.Threads)})
	net.ClipGrads(t.params, 1)
	t.adam.Step(t.params, t.o.Rate*net.Cosine(t.step, t.o.Steps/20, t.o.Steps))
	t.step++
}

func (t *tuner) judge() float64 {
	sum, weight := 0.0, 0.0
	for at := 0; at < len(t.valid); {
		t.b.clear(len(t.s.Fields), len(t.s.Numbers))
		t.who = t.who[:0]
		for ; at < len(t.valid) && t.b.tokens() < t.o.Tokens; at++ {
			t.add(t.valid[at])
		}
		sum += float64(len(t.who)) * t.pass(net.Pass{Threads: kernel.Threads(t.o.Threads)})
		weight += float64(len(t.who))
	}
	return sum / weight
}

// pass computes the mean loss of the batch over streams and tasks and, in training, its gradients.
func (t *tuner) pass(p net.Pass) float64 {
	h := t.net.forward(p, &t.b)
	n := len(t.who)
	pooled := sizedTo(&t.pooled, n, 2*h.Cols)
	for i := range n {
		pool(pooled.Row(i), h, int(t.b.start[i]), int(t.b.start[i+1]))
	}
	out := t.head.Forward(p, pooled)
	grad := sized(&t.grad, out)
	sum := 0.0
	scale := 1 / float64(n*len(t.tasks))
	for i, who := range t.who {
		for k, task := range t.tasks {
			f, y := float64(out.Row(i)[k]), task.Y[who]
			g := 0.0
			switch {
			case math.IsNaN(y):
			case task.Kind == kequn.Binary:
				sum += max(f, 0) - y*f + math.Log1p(math.Exp(-math.Abs(f)))
				g = 1/(1+math.Exp(-f)) - y
			default:
				g = f - (y-task.Mean)/task.Deviation
				sum += g * g / 2
			}
			grad.Row(i)[k] = float32(g * scale)
		}
	}
	if p.Train {
		back := t.head.Backward(grad)
		dh := sized(&t.dHidden, h)
		clear(dh.Data)
		for i := range n {
			unpool(dh, back.Row(i), int(t.b.start[i]), int(t.b.start[i+1]))
		}
		t.net.backward(dh)
	}
	return sum * scale
}

// Margin returns each stream's margin for each task, task after task: the log-odds, or (value − mean)/deviation.
func (t *Tuned) Margin(ctx context.Context, s *Streams, threads int) ([][]float64, error) {
	e, err := t.Embed(ctx, s, threads)
	if err != nil {
		return nil, err
	}
	w := t.Width()
	out := t.head.Share().Forward(net.Pass{}, net.Matrix{Rows: s.Len(), Cols: w, Data: e})
	all := make([][]float64, len(t.Tasks))
	for k := range all {
		all[k] = make([]float64, s.Len())
		for i := range all[k] {
			all[k][i] = float64(out.Row(i)[k])
		}
	}
	return all, nil
}

// Predict returns each stream's probability, or value, for each task, task after task.
func (t *Tuned) Predict(ctx context.Context, s *Streams, threads int) ([][]float64, error) {
	all, err := t.Margin(ctx, s, threads)
	if err != nil {
		return nil, err
	}
	for k, task := range t.Tasks {
		for i, f := range all[k] {
			if task.Kind == kequn.Binary {
				all[k][i] = 1 / (1 + math.Exp(-f))
			} else {
				all[k][i] = task.Mean + task.Deviation*f
			}
		}
	}
	return all, nil
}
