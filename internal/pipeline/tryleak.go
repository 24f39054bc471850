package pipeline

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/metric"
	"kequn/internal/model"
	"kequn/internal/model/ladder"
	"kequn/internal/table"
)

// What makes a column suspect of knowing the outcome. Each is about rows that nothing was learnt from.
const (
	leakAlone   = 0.98  // strength of the column alone (AUC, R² or mean AUC of the classes) from which it is too good
	leakOnly    = 0.999 // the same where the amount has no other feature: a clean line is no crime
	leakMatters = 0.70  // strength alone below which taking the column away is not tried
	leakErrors  = 2.0   // times as much error (1 − AUC) without the column as with it: it carries most of what is known
	leakNamed   = 1.5   // the same for a column whose name speaks of what comes afterwards
	leakOthers  = 4     // fewer other features: that one carries most says nothing
	leakTried   = 3     // columns that are taken away at most
	leakBins    = 64    // of numbers
)

// afterwards are parts of names of columns that are often known only after the outcome.
var afterwards = []string{"duration", "outcome", "result", "refund", "cancel", "closed", "after", "last_contact", "resolution", "chargeback", "unsubscrib",
	"时长", "结果", "退款", "取消", "关闭"}

// suspect is a column with how much it knows alone.
type suspect struct {
	at       int
	strength float64
}

// findLeaks looks for columns that know the outcome too well, and says how much accuracy goes with them.
//
// A column alone is judged by the mean outcome of its value (category, or one of 64 bins of a number, missing being one more),
// learnt on the training rows of each round. The strongest are then taken away from the best single rung, which is trained
// again. This is the dearest step; it is left out where the time allowed does not suffice.
func (t *trial) findLeaks(ctx context.Context) error {
	t.Progress(t.Lang.Pick("检查泄漏", "look for leaks"), 0, 0)
	all := make([]suspect, len(t.x.Columns))
	kernel.Parallel(len(all), kernel.Threads(t.Threads), 1, func(lo, hi int) {
		for j := lo; j < hi; j++ {
			all[j] = suspect{j, t.alone(t.x.Columns[j])}
		}
	})
	slices.SortStableFunc(all, func(a, b suspect) int {
		switch {
		case a.strength > b.strength:
			return -1
		case a.strength < b.strength:
			return 1
		}
		return 0
	})
	limit := leakAlone
	if t.y.Task == kequn.Regression && len(all) == 1 {
		limit = leakOnly
	}
	var certain, doubtful []suspect
	for i, s := range all {
		switch {
		case s.strength >= limit:
			certain = append(certain, s)
		case i < leakTried && s.strength >= leakMatters && len(all) > leakOthers && t.y.Task == kequn.Binary:
			doubtful = append(doubtful, s)
		}
	}
	rung := t.bestRung()
	if rung == nil {
		return nil
	}
	with := t.skill(rung)
	if certain != nil {
		without, err := t.without(ctx, rung, certain)
		if err != nil {
			return err
		}
		for _, s := range certain {
			t.leak(s, with, without, t.Lang.Pick("仅凭这一列就几乎完全知道结果（%s %.4f）", "this column alone all but tells the outcome (%s %.4f)"), t.measure(), s.strength)
		}
		return nil // what remains doubtful would be judged beside columns that tell all
	}
	for _, s := range doubtful {
		without, err := t.without(ctx, rung, []suspect{s})
		if err != nil {
			return err
		}
		times := leakErrors
		if name := strings.ToLower(t.x.Columns[s.at].Name); slices.ContainsFunc(afterwards, func(part string) bool { return strings.Contains(name, part) }) {
			times = leakNamed
		}
		if without != nil && with != nil && 1-*without >= times*(1-*with) {
			t.leak(s, with, without, t.Lang.Pick("模型所知大多来自这一列：去掉后误差为 %.1f 倍", "most of what the models know comes from this column: without it %.1f times the error"), (1-*without)/(1-*with))
		}
	}
	return nil
}

// measure names what strength is counted in.
func (t *trial) measure() string {
	if t.y.Task == kequn.Regression {
		return "R²"
	}
	return "AUC"
}

func (t *trial) leak(s suspect, with, without *float64, evidence string, args ...any) {
	l := TryLeak{Column: t.x.Columns[s.at].Name, Evidence: fmt.Sprintf(evidence, args...)}
	if t.y.Task == kequn.Regression {
		l.R2With, l.R2Without = with, without
	} else {
		l.AUCWith, l.AUCWithout = with, without
	}
	t.res.Leaks = append(t.res.Leaks, l)
}

// alone returns how well the mean outcome by value of one column predicts the outcome of rows that it was not taken from: an
// AUC of at least 0.5, R², or the mean of the classes' AUC.
func (t *trial) alone(c *table.Column) float64 {
	bin, n := binned(c)
	k := t.y.NOut()
	var y, p []float64
	for _, round := range t.split.rounds {
		sum, rows := make([]float64, n*k), make([]float64, n)
		mean := make([]float64, k)
		for _, i := range round.Train {
			b := int(bin[i])
			rows[b]++
			if t.y.Task == kequn.Multiclass {
				sum[b*k+int(t.y.Y[i])]++
				mean[int(t.y.Y[i])] += 1 / float64(len(round.Train))
			} else {
				sum[b] += t.y.Y[i]
				mean[0] += t.y.Y[i] / float64(len(round.Train))
			}
		}
		for _, i := range round.Test {
			if !t.judged(i) {
				continue
			}
			y = append(y, t.y.Y[i])
			for class := range k {
				b := int(bin[i])
				p = append(p, (sum[b*k+class]+mean[class])/(rows[b]+1))
			}
		}
	}
	strength := 0.0
	switch t.y.Task {
	case kequn.Binary:
		strength = metric.AUC(y, p, nil)
	case kequn.Regression:
		strength = metric.R2(y, p, nil)
	default:
		class := make([]int32, len(y))
		for i, v := range y {
			class[i] = int32(v)
		}
		strength = metric.MacroAUC(class, p, k, nil)
	}
	if math.IsNaN(strength) {
		return 0
	}
	return strength
}

// binned returns each value's number among n: of its category, or of its bin of numbers; 0 is missing.
func binned(c *table.Column) (bin []int32, n int) {
	bin = make([]int32, c.Len())
	if c.Kind.InCode() {
		for i, code := range c.Code {
			bin[i] = code + 1
		}
		return bin, c.Dict.Len() + 1
	}
	v := c.Floats()
	sorted := slices.DeleteFunc(slices.Clone(v), math.IsNaN)
	slices.Sort(sorted)
	var border []float64
	for b := 1; b < leakBins && len(sorted) > 0; b++ {
		if q := sorted[b*len(sorted)/leakBins]; border == nil || q > border[len(border)-1] {
			border = append(border, q)
		}
	}
	for i, x := range v {
		if !math.IsNaN(x) {
			b, found := slices.BinarySearch(border, x)
			if found {
				b++
			}
			bin[i] = int32(b) + 1
		}
	}
	return bin, len(border) + 2
}

// bestRung returns the single rung with the least loss, nil if none was run.
func (t *trial) bestRung() *model.Named {
	var best *model.Named
	least := math.Inf(1)
	for _, n := range t.rungs() {
		if e := t.ladder.Entry(n.Name); e != nil && e.Failed == "" && e.Name != ladder.BaseName && e.Loss() < least {
			best, least = &n, e.Loss()
		}
	}
	return best
}

// skill returns the rung's AUC, R² or mean AUC.
func (t *trial) skill(rung *model.Named) *float64 {
	e := t.ladder.Entry(rung.Name)
	switch t.y.Task {
	case kequn.Binary:
		return sound(e.AUC)
	case kequn.Regression:
		return sound(e.R2)
	}
	return sound(e.MacroAUC)
}

// without returns the rung's skill without some columns: its mean over rounds. nil where no other column is left, where it cannot be
// trained without them, or where there is no time for it.
func (t *trial) without(ctx context.Context, rung *model.Named, columns []suspect) (*float64, error) {
	e := t.ladder.Entry(rung.Name)
	took := time.Duration((e.FitSeconds + e.PredictSeconds) * float64(len(t.split.rounds)) * float64(time.Second))
	if t.f.Time > 0 && time.Since(t.began)+2*took > t.f.Time*9/10 {
		return nil, nil
	}
	var names []string
	for _, s := range columns {
		names = append(names, t.x.Columns[s.at].Name)
	}
	x := t.x.Drop(names...)
	if len(x.Columns) == 0 {
		return nil, nil
	}
	l := model.WithThreads(model.WithSeed(rung.Learner, t.Seed), t.Threads)
	sum, rounds := 0.0, 0.0
	for _, round := range t.split.rounds {
		m, err := l.Fit(ctx, x.Take(round.Train), t.y.Take(round.Train), nil)
		if errors.Is(err, model.ErrNoColumn) || errors.Is(err, model.ErrOneClass) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		rows := slices.DeleteFunc(slices.Clone(round.Test), func(r int32) bool { return !t.judged(r) })
		p, err := m.Predict(x.Take(rows))
		if err != nil {
			return nil, err
		}
		y := t.y.Take(rows).Y
		v := math.NaN()
		switch t.y.Task {
		case kequn.Binary:
			v = metric.AUC(y, p, nil)
		case kequn.Regression:
			v = metric.R2(y, p, nil)
		default:
			class := make([]int32, len(y))
			for i, c := range y {
				class[i] = int32(c)
			}
			v = metric.MacroAUC(class, p, t.y.NOut(), nil)
		}
		if finite(v) {
			sum += v
			rounds++
		}
	}
	if rounds == 0 {
		return nil, nil
	}
	sum /= rounds
	return &sum, nil
}
