package evaluate

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/table"
)

// Experiment trains one family again and again, on fewer rows, other rows, other parameters and shuffled outcomes, to see how far
// what it says depends on them. It fills the parts of a [Card] that the model by itself cannot tell.
type Experiment struct {
	X     *table.Table
	Y     model.Outcome
	W     []float64 // nil for all ones; rows of weight 0 are neither trained on nor judged
	Group []int64   // rows of one number (a customer's) are drawn together and count as one in errors; nil where rows stand alone

	Train, Test []int32 // one round: the first fold, or the later cutoff

	Learner model.Named // the family that is trained again: the chosen one, or the best quick one of a blend

	// Places are columns of the rows of X, in X or not, whose levels are left out of training in turns: region, channel.
	// None: the most important category columns of X.
	Places []*table.Column

	Seed    uint64
	Threads int
	MaxRows int // training rows of variations and of groups; 0: 20,000

	// Brief makes a small card where there are many models: drift, shuffles and the curve, of fewer rows. It says why the other parts are
	// left out.
	Brief Text

	// Left is the time that is left, nil for any. Parts that would go beyond it are left out, the last ones first.
	Left func() time.Duration

	Progress func(done, of float64, what Text)
}

// Bounds of the experiments, so that nothing but the learning curve's largest points grows with the table.
const (
	maxVaryRows  = 20_000
	maxCurveRows = 200_000
	briefCurve   = 10_000
	maxJudged    = 25_000 // rows that every model of an experiment is judged on
	maxTrained   = 5_000  // rows on which a model is asked about its own training
	leastTrain   = 50     // rows that are worth training on
)

// Salts of draws: each kind of draw has its own.
const (
	saltJudge = iota + 2
	saltCurve
	saltBase
	saltChance
	saltDrift
	saltVary // and on
)

// briefParts are the parts of a brief card.
var briefParts = []string{"drift", "chance", "curve"}

// rowsOf returns a bound on rows, or the smaller one of a brief card.
func (e *Experiment) rowsOf(full, brief int) int {
	if e.Brief.En != "" {
		return brief
	}
	return full
}

// lab is an experiment on its way.
type lab struct {
	Experiment
	ctx  context.Context
	card *Card

	draw   drawer // of training rows
	judged []int32
	testX  *table.Table
	jury   *jury
	base   *trial // the family as chosen, on rows
	rows   []int32
}

// Run fills Stability (seeds, draws, parameters), Scalability (curve, threads), Generalization (unseen groups, drift) and Chance of
// the card, and concludes it anew ([Card.Conclude]). What could not be measured is in NotMeasured with its reason.
//
// The order is fixed, the most useful first: drift, chance, curve, draws, groups, parameters, threads. All figures but seconds and MB are the same for
// any number of threads, unless Left cuts the run short. Cost: about two fits on all training rows (at most 200,000), twenty-one on 3,500 rows, and
// up to 22 on MaxRows rows, two at a time on two processors.
//
// It returns ctx's error, or one for shapes that do not fit.
func (e Experiment) Run(ctx context.Context, c *Card) error {
	if e.X == nil || e.Learner.Learner == nil || len(e.Y.Y) != e.X.NRows() || (e.W != nil && len(e.W) != len(e.Y.Y)) || (e.Group != nil && len(e.Group) != len(e.Y.Y)) {
		return errors.New("evaluate: an experiment without rows or learner, or lengths that do not fit")
	}
	if e.MaxRows <= 0 {
		e.MaxRows = maxVaryRows
	}
	l := &lab{Experiment: e, ctx: ctx, card: c}
	l.Train, l.Test = l.weighted(e.Train), l.weighted(e.Test)
	if l.enough() {
		l.prepare()
		parts := []struct {
			part string
			what Text
			cost float64 // share of all, for progress
			run  func() error
		}{
			{"drift", Text{"训练与评判数据的差别", "how training and judged rows differ"}, 1, l.drift},
			{"chance", Text{"打乱结果再训练", "training on shuffled outcomes"}, 4, l.chance},
			{"curve", Text{"学习曲线", "the learning curve"}, 6, l.curve},
			{"seeds", Text{"换随机数和抽样再训练", "training with other seeds and draws"}, 3, l.seeds},
			{"groups", Text{"没见过的群体", "unseen groups"}, 4, l.groups},
			{"parameters", Text{"参数减半与加倍", "parameters halved and doubled"}, 4, l.parameters},
			{"threads", Text{"多线程", "threads"}, 1, l.threads},
		}
		done, of := 0.0, 0.0
		for _, p := range parts {
			of += p.cost
		}
		for _, p := range parts {
			if e.Progress != nil {
				e.Progress(done, of, p.what)
			}
			switch {
			case e.Brief.En != "" && !slices.Contains(briefParts, p.part):
				l.not(p.part, e.Brief.Zh, e.Brief.En)
			case l.time(0):
				if err := p.run(); err != nil {
					return err
				}
			default:
				l.lateFor(p.part)
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			done += p.cost
		}
		if e.Progress != nil {
			e.Progress(of, of, Text{})
		}
	}
	c.Conclude()
	return nil
}

func (l *lab) weighted(rows []int32) []int32 {
	return slices.DeleteFunc(slices.Clone(rows), func(r int32) bool { return l.W != nil && l.W[r] == 0 })
}

// enough says what is missing where rows are too few for any experiment.
func (l *lab) enough() bool {
	ok := func(rows []int32) bool { return enough(l.Y.Task, l.Y.NOut(), kernel.Take(l.Y.Y, rows), leastClass) }
	if ok(l.Train) && ok(l.Test) && len(l.Train) >= leastTrain {
		return true
	}
	zh, en := "数据太少：训练和评判的行中，每种结果至少各要 %[1]d 个", "too few rows: at least %[1]d of each answer are needed to train on and to judge by"
	if l.Y.Task == kequn.Regression {
		zh, en = "数据太少：训练至少 %[3]d 行、评判至少 %[2]d 行，且金额不能全相同", "too few rows: at least %[3]d to train on and %[2]d to judge by are needed, with amounts that differ"
	}
	for _, part := range []string{"drift", "chance", "curve", "seeds", "groups", "parameters", "threads"} {
		l.not(part, fmt.Sprintf(zh, leastClass, 2*leastClass, leastTrain), fmt.Sprintf(en, leastClass, 2*leastClass, leastTrain))
	}
	return false
}

func (l *lab) prepare() {
	l.draw = newDrawer(l.X, l.Y, l.Group, l.Train, l.Seed)
	l.judged = l.Test
	if len(l.Test) > maxJudged {
		l.judged = sorted(newDrawer(l.X, l.Y, l.Group, l.Test, l.Seed).draw(maxJudged, saltJudge))
	}
	l.testX = l.X.Take(l.judged)
	l.jury = l.juryOf(l.judged)
	l.rows = sorted(l.draw.draw(l.MaxRows, saltBase))
}

func (l *lab) juryOf(rows []int32) *jury {
	return newJury(l.Y.Take(rows), kernel.Take(l.W, rows), kernel.Take(l.Group, rows))
}

// not notes that a part was left out, once.
func (l *lab) not(part, zh, en string) {
	l.card.notMeasured(part, zh, en)
}

func (l *lab) lateFor(part string) {
	l.not(part, "时间用完了，没有做", "left out: no time was left")
}

// time tells whether there is time for something that takes so many seconds.
func (l *lab) time(seconds float64) bool {
	return l.Left == nil || l.Left().Seconds() > seconds
}

// trial is the family trained once.
type trial struct {
	model   model.Model
	score   []float64
	figure  figure
	seconds float64 // of fitting
	mb      float64
}

// train fits the learner on rows and judges it on the judged rows. Where the data refuse (one class, no column) the trial is nil
// and why says so; err is ctx's.
func (l *lab) train(learner model.Learner, rows []int32, y []float64, threads int, watch bool) (t *trial, why Text, err error) {
	x, out, w := l.X.Take(rows), l.Y.Take(rows), kernel.Take(l.W, rows)
	if y != nil {
		out.Y = kernel.Take(y, rows)
	}
	var heap *heapWatch
	if watch {
		heap = watchHeap()
	}
	began := time.Now()
	m, err := model.WithThreads(learner, threads).Fit(l.ctx, x, out, w)
	t = &trial{model: m, seconds: time.Since(began).Seconds()}
	if heap != nil {
		t.mb = heap.stop()
	}
	if err != nil {
		return nil, refused(err), l.ctx.Err()
	}
	return t, Text{}, nil
}

// ask scores the judged rows.
func (l *lab) ask(t *trial) (why Text, err error) {
	if t.score, err = t.model.Predict(l.testX); err != nil {
		return refused(err), l.ctx.Err()
	}
	t.figure = l.jury.judge(t.score)
	return Text{}, nil
}

// try trains and asks.
func (l *lab) try(learner model.Learner, rows []int32, threads int) (*trial, Text, error) {
	t, why, err := l.train(learner, rows, nil, threads, false)
	if t == nil || err != nil {
		return nil, why, err
	}
	if why, err = l.ask(t); why.En != "" || err != nil {
		return nil, why, err
	}
	return t, Text{}, nil
}

// refused says in words why a fit gave no model.
func refused(err error) Text {
	switch {
	case errors.Is(err, model.ErrOneClass):
		return Text{"这些行里只有一种结果", "its rows have one answer only"}
	case errors.Is(err, model.ErrNoColumn):
		return Text{"这些行里没有可用的列", "its rows have no usable column"}
	case errors.Is(err, model.ErrNoRows):
		return Text{"没有可用的行", "there are no usable rows"}
	}
	return Text{"训练没有成功：" + err.Error(), "training failed: " + err.Error()}
}

// asChosen trains the family as it is on at most MaxRows rows, once: with one thread, as its variations are.
func (l *lab) asChosen(part string) (*trial, error) {
	if l.base == nil {
		t, why, err := l.try(l.Learner.Learner, l.rows, 1)
		if err != nil {
			return nil, err
		}
		if t == nil || math.IsNaN(t.figure.skill) {
			l.not(part, why.Zh, why.En)
			return nil, nil
		}
		l.base = t
	}
	return l.base, nil
}

// each does n independent things on all threads, each of them with one; it stops at the first error in order.
func (l *lab) each(n int, f func(i int) error) error {
	failed := make([]error, n)
	kernel.Parallel(n, l.Threads, 1, func(i, _ int) {
		if failed[i] = l.ctx.Err(); failed[i] == nil {
			failed[i] = f(i)
		}
	})
	for _, err := range failed {
		if err != nil {
			return err
		}
	}
	return nil
}
