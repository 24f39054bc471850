package ladder

import (
	"math"
	"slices"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/metric"
	"kequn/internal/model"
)

// Figures are how well a line of the ladder does on rows it was not trained on: the mean over rounds with its sample standard
// deviation, but for the calibration error, which is of all rounds' rows together (in small rounds it is mostly noise). Only those
// of the task are set.
type Figures struct {
	AUC           *float64 `json:"auc,omitempty"`
	AUCSD         *float64 `json:"auc_sd,omitempty"`
	PRAUC         *float64 `json:"pr_auc,omitempty"`
	LogLoss       *float64 `json:"log_loss,omitempty"`
	LogLossSD     *float64 `json:"log_loss_sd,omitempty"`
	Brier         *float64 `json:"brier,omitempty"`
	ECE           *float64 `json:"ece,omitempty"`
	TopDecileGain *float64 `json:"top_decile_gain,omitempty"`

	RMSE   *float64 `json:"rmse,omitempty"`
	RMSESD *float64 `json:"rmse_sd,omitempty"`
	MAE    *float64 `json:"mae,omitempty"`
	R2     *float64 `json:"r2,omitempty"`

	Accuracy *float64 `json:"accuracy,omitempty"`
	MacroAUC *float64 `json:"macro_auc,omitempty"`
}

// Loss returns the figure by which lines are compared: the log loss, or the RMSE.
func (f Figures) Loss() float64 {
	switch {
	case f.LogLoss != nil:
		return *f.LogLoss
	case f.RMSE != nil:
		return *f.RMSE
	}
	return math.NaN()
}

// judge fills in the lines, the choice and the simplest good one.
func (r *Result) judge() {
	for _, g := range r.rungs {
		e := Entry{Name: g.named.Name, Failed: g.failed}
		if g.failed == "" && !g.whole() {
			e.Failed = r.Plan.step(e.Name).Reason.En
		}
		if g.whole() {
			e.Figures = r.figures(g.final)
			e.FitSeconds, e.PredictSeconds, e.PeakMB = g.fitSeconds, g.predictSeconds, g.peakMB
			e.Params = params(g.params)
			e.Calibration = g.recipe.calibration.Kind
		}
		r.Models = append(r.Models, e)
	}
	r.Chosen = r.bestRung()
	if r.auto != nil {
		e := Entry{Name: AutoName, Figures: r.figures(r.auto.final), Params: map[string]float64{}, Calibration: r.auto.recipe.calibration.Kind}
		for _, g := range r.rungs {
			if g.whole() {
				e.FitSeconds += g.fitSeconds * float64(1+r.Plan.InnerOf)
				e.PeakMB = max(e.PeakMB, g.peakMB)
			}
		}
		shown := r.auto.recipe
		if r.o.Inside {
			shown = r.auto.first
		}
		for j, g := range shown.rungs {
			e.Blend = append(e.Blend, Share{g.named.Name, shown.weights[j]})
			e.PredictSeconds += g.predictSeconds
		}
		r.Models = append(r.Models, e)
		r.Chosen = AutoName
	}
	r.compare()
}

func params(v []model.Value) map[string]float64 {
	out := map[string]float64{}
	for _, p := range v {
		out[p.Name] = p.Value
	}
	return out
}

// bestRung returns the name of the rung with the least loss.
func (r *Result) bestRung() string {
	name, least := r.Models[0].Name, math.Inf(1)
	for _, e := range r.Models {
		if e.Failed == "" && e.Name != AutoName && e.Loss() < least {
			name, least = e.Name, e.Loss()
		}
	}
	return name
}

// Overrule chooses the rung with the least loss on the judged rows instead of auto, where it is better by more than two paired standard
// errors. It is for rows of a later time than those that auto chose by: what had been good stays good only if the world stays. It tells
// whether it did.
func (r *Result) Overrule() bool {
	best := r.Entry(r.bestRung())
	if r.Chosen != AutoName || best == nil || best.Behind == nil || !(best.Behind.Loss < -2*best.Behind.SE) {
		return false
	}
	r.Chosen = best.Name
	for i := range r.Models {
		r.Models[i].Behind = nil
	}
	r.compare()
	return true
}

// compare sets how far each line is behind the chosen one, and the simplest rung that is not further behind than the noise.
func (r *Result) compare() {
	chosen, _, err := r.OutOfSample(r.Chosen)
	if err != nil {
		return
	}
	rows, k := r.judged(), r.in.Y.NOut()
	losses := func(score []float64) []float64 {
		out := make([]float64, len(rows))
		for i, row := range rows {
			out[i] = r.rowLoss(row, score[int(row)*k:(int(row)+1)*k])
		}
		return out
	}
	best := losses(chosen)
	r.Simple = r.Chosen
	found := false
	for i := range r.Models {
		e := &r.Models[i]
		if e.Failed != "" || e.Name == r.Chosen {
			continue
		}
		score, _, err := r.OutOfSample(e.Name)
		if err != nil {
			continue
		}
		g := r.gap(rows, losses(score), best)
		e.Behind = &g
		if !found && e.Name != AutoName && g.Loss <= g.SE {
			r.Simple, found = e.Name, true
		}
	}
}

// gap returns mean(a) − mean(b) over the rows, weighted, with the standard error of the paired difference; rows of one group
// count as one.
func (r *Result) gap(rows []int32, a, b []float64) Gap {
	mean, weight := 0.0, 0.0
	for i, row := range rows {
		w := r.weightOf(row)
		mean += w * (a[i] - b[i])
		weight += w
	}
	mean /= weight
	order := make([]int, len(rows))
	for i := range order {
		order[i] = i
	}
	if g := r.in.Group; g != nil {
		slices.SortStableFunc(order, func(i, j int) int {
			switch x, y := g[rows[i]], g[rows[j]]; {
			case x < y:
				return -1
			case x > y:
				return 1
			}
			return 0
		})
	}
	square, part, groups := 0.0, 0.0, 0
	for at, i := range order {
		part += r.weightOf(rows[i]) * (a[i] - b[i] - mean)
		if r.in.Group == nil || at+1 == len(order) || r.in.Group[rows[order[at+1]]] != r.in.Group[rows[i]] {
			square += part * part
			part = 0
			groups++
		}
	}
	if groups < 2 {
		return Gap{Loss: mean, SE: math.Abs(mean)} // nothing can be said about the noise
	}
	return Gap{Loss: mean, SE: math.Sqrt(square*float64(groups)/float64(groups-1)) / weight}
}

// rowLoss is the loss of one row's score: log loss, or squared error.
func (r *Result) rowLoss(row int32, p []float64) float64 {
	y := r.in.Y.Y[row]
	switch r.Task {
	case kequn.Regression:
		return (y - p[0]) * (y - p[0])
	case kequn.Multiclass:
		return -math.Log(max(p[int(y)], 1e-15))
	}
	if y == 1 {
		return -math.Log(max(p[0], 1e-15))
	}
	return -math.Log(max(1-p[0], 1e-15))
}

// figures computes what the task has.
func (r *Result) figures(score []float64) Figures {
	k := r.in.Y.NOut()
	rounds := map[string][]float64{}
	var names []string
	add := func(name string, v float64) {
		if _, ok := rounds[name]; !ok {
			names = append(names, name)
		}
		if !math.IsNaN(v) {
			rounds[name] = append(rounds[name], v)
		}
	}
	for _, round := range r.in.Rounds {
		y, w := r.in.Y.Take(round.Test).Y, kernel.Take(r.in.W, round.Test)
		p := pick(score, round.Test, k)
		switch r.Task {
		case kequn.Binary:
			add("auc", metric.AUC(y, p, w))
			add("pr_auc", metric.PRAUC(y, p, w))
			add("log_loss", metric.LogLoss(y, p, w))
			add("brier", metric.Brier(y, p, w))
			add("top_decile_gain", metric.TopDecileGain(y, p, w))
		case kequn.Regression:
			add("rmse", metric.RMSE(y, p, w))
			add("mae", metric.MAE(y, p, w))
			add("r2", metric.R2(y, p, w))
		default:
			class := make([]int32, len(y))
			for i, v := range y {
				class[i] = int32(v)
			}
			add("accuracy", metric.Accuracy(class, metric.TopClass(p, k), w))
			add("log_loss", metric.MultiLogLoss(class, p, k, w))
			add("macro_auc", metric.MacroAUC(class, p, k, w))
		}
	}
	mean := func(name string) *float64 {
		v := rounds[name]
		if len(v) == 0 {
			return nil
		}
		sum := 0.0
		for _, x := range v {
			sum += x
		}
		sum /= float64(len(v))
		return &sum
	}
	sd := func(name string) *float64 {
		v, m := rounds[name], mean(name)
		if len(v) < 2 {
			return nil
		}
		sum := 0.0
		for _, x := range v {
			sum += (x - *m) * (x - *m)
		}
		sum = math.Sqrt(sum / float64(len(v)-1))
		return &sum
	}
	f := Figures{
		AUC: mean("auc"), AUCSD: sd("auc"), PRAUC: mean("pr_auc"), LogLoss: mean("log_loss"), LogLossSD: sd("log_loss"), Brier: mean("brier"),
		TopDecileGain: mean("top_decile_gain"), RMSE: mean("rmse"), RMSESD: sd("rmse"), MAE: mean("mae"), R2: mean("r2"),
		Accuracy: mean("accuracy"), MacroAUC: mean("macro_auc"),
	}
	if r.Task == kequn.Binary {
		rows := r.judged()
		if len(r.in.Rounds) == 1 && r.in.W == nil { // no rounds to differ: the error of the one AUC, after DeLong
			if _, se := metric.AUCError(r.in.Y.Take(rows).Y, pick(score, rows, 1)); !math.IsNaN(se) {
				f.AUCSD = &se
			}
		}
		ece := metric.ECE(r.in.Y.Take(rows).Y, pick(score, rows, 1), kernel.Take(r.in.W, rows))
		f.ECE = &ece
	}
	return f
}
