package evaluate

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/metric"
	"kequn/internal/model"
)

// Fewer rows than these say nothing about a model: the card then has words and no figure.
const leastClass = 10 // of each of two classes; of amounts, twice as many rows in all

// jury judges any number of models on the same rows: by their skill (AUC, R², or the macro AUC of several classes), whose standard
// errors count rows of one group as one, and which are paired where two models are compared.
//
// Errors come from influences: skill − truth ≈ Σᵢ aᵢ, where aᵢ is what row i moves the skill by. For an AUC these are DeLong's
// components, for R² the derivative of 1 − MSE/variance. Then se² = G/(G−1)·Σ_g (Σ_{i∈g} aᵢ)² over the G groups, and that of a
// difference takes aᵢ − bᵢ. Time is that of one sort for each model, and class.
//
// Source: DeLong, DeLong & Clarke-Pearson (1988); Obuchowski (1997) for groups.
type jury struct {
	task    kequn.Task
	classes int
	y, w    []float64
	group   []int32 // number of each row's group, nil where each stands alone
	nGroups int
}

// figure is a model's skill on a jury's rows, and each row's influence on it; NaN and nil where rows cannot say.
type figure struct {
	skill     float64
	influence []float64
}

// newJury takes outcomes of rows with weight above 0; w and group may be nil.
func newJury(y model.Outcome, w []float64, group []int64) *jury {
	j := &jury{task: y.Task, classes: y.NOut(), y: y.Y, w: w, nGroups: len(y.Y)}
	if group == nil {
		return j
	}
	order := make([]int32, len(group))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortStableFunc(order, func(a, b int32) int {
		switch {
		case group[a] < group[b]:
			return -1
		case group[a] > group[b]:
			return 1
		}
		return 0
	})
	j.group, j.nGroups = make([]int32, len(group)), 0
	for k, i := range order {
		if k == 0 || group[i] != group[order[k-1]] {
			j.nGroups++
		}
		j.group[i] = int32(j.nGroups - 1)
	}
	return j
}

// enough tells whether the rows can judge at all: two outcomes with at least so many rows each, or twice as many rows of amounts that differ.
func (j *jury) enough(least int) bool { return enough(j.task, j.classes, j.y, least) }

func enough(task kequn.Task, classes int, y []float64, least int) bool {
	if task == kequn.Regression {
		return len(y) >= 2*least && slices.ContainsFunc(y, func(v float64) bool { return v != y[0] })
	}
	full := 0
	for _, n := range counts(classes, y) {
		if n >= least {
			full++
		}
	}
	return full >= 2
}

// counts returns how many rows each class has; of yes or no, those of no first.
func counts(classes int, y []float64) []int {
	n := make([]int, max(2, classes))
	for _, v := range y {
		n[int(v)]++
	}
	return n
}

// judge returns the skill of scores, row-major with as many numbers a row as there are classes.
func (j *jury) judge(score []float64) figure {
	if !j.enough(leastClass) {
		return figure{skill: math.NaN()}
	}
	switch j.task {
	case kequn.Regression:
		return j.r2(score)
	case kequn.Multiclass:
		return j.macroAUC(score)
	}
	return j.auc(j.y, score)
}

func (j *jury) weight(i int) float64 {
	if j.w == nil {
		return 1
	}
	return j.w[i]
}

func (j *jury) auc(y, score []float64) figure {
	var all, seen [2]float64 // weight of no, yes
	for i, v := range y {
		all[int(v)] += j.weight(i)
	}
	if all[0] == 0 || all[1] == 0 {
		return figure{skill: math.NaN()}
	}
	f := figure{influence: make([]float64, len(y))}
	order := kernel.Argsort(score)
	for lo, hi := 0, 0; lo < len(order); lo = hi {
		var tie [2]float64
		for hi = lo; hi < len(order) && score[order[hi]] == score[order[lo]]; hi++ {
			tie[int(y[order[hi]])] += j.weight(int(order[hi]))
		}
		for _, i := range order[lo:hi] {
			if y[i] == 1 {
				f.influence[i] = (seen[0] + tie[0]/2) / all[0]
			} else {
				f.influence[i] = 1 - (seen[1]+tie[1]/2)/all[1]
			}
		}
		seen[0] += tie[0]
		seen[1] += tie[1]
	}
	yes := make([]float64, len(y))
	for i, v := range y {
		yes[i] = v * j.weight(i)
	}
	f.skill = kernel.SumProduct(f.influence, yes) / all[1]
	for i, v := range y {
		f.influence[i] = (f.influence[i] - f.skill) * j.weight(i) / all[int(v)]
	}
	return f
}

// macroAUC is the mean of the classes' AUC against the rest, over classes with enough rows to have one.
func (j *jury) macroAUC(score []float64) figure {
	n := counts(j.classes, j.y)
	sum := figure{influence: make([]float64, len(j.y))}
	y, s, used := make([]float64, len(j.y)), make([]float64, len(j.y)), 0.0
	for c := range j.classes {
		if n[c] < leastClass || n[c] == len(y) {
			continue
		}
		for i := range y {
			y[i] = 0
			if int(j.y[i]) == c {
				y[i] = 1
			}
			s[i] = score[i*j.classes+c]
		}
		f := j.auc(y, s)
		sum.skill += f.skill
		kernel.Axpy(1, f.influence, sum.influence)
		used++
	}
	sum.skill /= used
	kernel.Scale(1/used, sum.influence)
	return sum
}

func (j *jury) r2(score []float64) figure {
	f := figure{influence: make([]float64, len(j.y))}
	mean, variance := kernel.MeanVar(j.y, j.w)
	total := 0.0
	for i := range j.y {
		total += j.weight(i)
		f.influence[i] = (j.y[i] - score[i]) * (j.y[i] - score[i])
	}
	mse := kernel.SumProduct(f.influence, j.w) / total
	f.skill = 1 - mse/variance
	if f.skill-f.skill != 0 {
		return figure{skill: math.NaN()}
	}
	for i, e := range f.influence {
		d := j.y[i] - mean
		f.influence[i] = j.weight(i) / total * (mse/variance*(d*d-variance) - (e - mse)) / variance
	}
	return f
}

// se returns the standard error of a figure, NaN where there is none.
func (j *jury) se(f figure) float64 {
	sum := f.influence
	if f.influence == nil || j.nGroups < 2 {
		return math.NaN()
	}
	if j.group != nil {
		sum = make([]float64, j.nGroups)
		for i, g := range j.group {
			sum[g] += f.influence[i]
		}
	}
	return math.Sqrt(kernel.Dot(sum, sum) * float64(j.nGroups) / float64(j.nGroups-1))
}

// less returns a − b with its paired standard error.
func (j *jury) less(a, b figure) (difference, se float64) {
	if a.influence == nil || b.influence == nil {
		return math.NaN(), math.NaN()
	}
	d := figure{a.skill - b.skill, slices.Clone(a.influence)}
	kernel.Axpy(-1, b.influence, d.influence)
	return d.skill, j.se(d)
}

// interval returns a figure's 95 % interval: of an AUC on the logit scale, so that it stays within (0, 1).
func (j *jury) interval(f figure) *metric.Interval {
	se := j.se(f)
	if math.IsNaN(f.skill) {
		return nil
	}
	if j.task == kequn.Regression || !(f.skill > 0 && f.skill < 1) || math.IsNaN(se) {
		i := around(f.skill, se)
		i.High = math.Min(1, i.High)
		return &i
	}
	l := around(math.Log(f.skill/(1-f.skill)), se/(f.skill*(1-f.skill)))
	return &metric.Interval{Mean: f.skill, Low: 1 / (1 + math.Exp(-l.Low)), High: 1 / (1 + math.Exp(-l.High))}
}

// around is the normal 95 % interval.
func around(mean, se float64) metric.Interval {
	const z = 1.959963984540054
	return metric.Interval{Mean: mean, Low: mean - z*se, High: mean + z*se}
}

// loss returns the log loss or RMSE, NaN where rows cannot say.
func (j *jury) loss(score []float64) float64 {
	switch {
	case len(j.y) == 0:
		return math.NaN()
	case j.task == kequn.Regression:
		return metric.RMSE(j.y, score, j.w)
	case j.task == kequn.Multiclass:
		return metric.MultiLogLoss(classesOf(j.y), score, j.classes, j.w)
	}
	return metric.LogLoss(j.y, score, j.w)
}

func classesOf(y []float64) []int32 {
	out := make([]int32, len(y))
	for i, v := range y {
		out[i] = int32(v)
	}
	return out
}

// skillName is what the skill of a task is called. The Chinese name has spaces around it, which [tidy] takes away where they are not wanted.
func skillName(t kequn.Task) Text {
	switch t {
	case kequn.Regression:
		return Text{" R² ", "R²"}
	case kequn.Multiclass:
		return Text{"宏平均 AUC ", "macro AUC"}
	}
	return Text{" AUC ", "AUC"}
}

// tidy takes spaces away at the ends of a Chinese text and beside its full-width marks.
func tidy(zh string) string {
	for _, mark := range []string{"，", "。", "：", "；", "（", "）", "“", "”", " "} {
		zh = strings.ReplaceAll(strings.ReplaceAll(zh, mark+" ", mark), " "+mark, mark)
	}
	return strings.TrimSpace(zh)
}

// signed writes a difference in skill with its sign, and none for what rounds to nothing.
func signed(v float64) string {
	if v = math.Round(1000*v) / 1000; v == 0 {
		return "0.000"
	}
	return fmt.Sprintf("%+.3f", v)
}
