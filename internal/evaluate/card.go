package evaluate

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/metric"
	"kequn/internal/model"
)

// Scored are rows with their outcome and what a model that was not trained on them said. All slices have one length, but that Score has
// NOut numbers a row, row-major: one probability per class of several classes, else one number.
type Scored struct {
	Y     []float64 // 0 or 1, the amount, or the index of the class
	Score []float64 // probability (binary), value (regression), probabilities (multiclass)
	W     []float64 // nil for all ones; rows of weight 0 are not judged
	Round []int32   // fold or judging cutoff; nil for one round
	Group []int64   // rows of one number (a customer's) count as one in standard errors; nil where each row stands alone
}

// weighted returns the rows of weight above 0.
func (s Scored) weighted(width int) Scored {
	var rows []int32
	for i, w := range s.W {
		if w > 0 {
			rows = append(rows, int32(i))
		}
	}
	if len(rows) == len(s.Y) || s.W == nil {
		return s
	}
	return s.take(rows, width)
}

func (s Scored) take(rows []int32, width int) Scored {
	return Scored{Y: kernel.Take(s.Y, rows), Score: takeWide(s.Score, rows, width), W: kernel.Take(s.W, rows), Round: kernel.Take(s.Round, rows), Group: kernel.Take(s.Group, rows)}
}

func (s Scored) fits(width int) bool {
	n := len(s.Y)
	return len(s.Score) == n*width && (s.W == nil || len(s.W) == n) && (s.Round == nil || len(s.Round) == n) && (s.Group == nil || len(s.Group) == n)
}

// Input is what a card is made from.
type Input struct {
	Task    kequn.Task
	Classes []string // multiclass: the classes' names
	Name    string   // of the model
	Model   model.Model

	Judged Scored
	Later  bool // the judged rows are of a later time than those trained on

	// Other says that the judged rows are of another dataset of the same shape (try --test); Inside are then rows of the training
	// file, each scored by a model that was not trained on it, or nil.
	Other  bool
	Inside *Scored

	// Train has the final model's scores of (some of) its training rows, for the gap between the two; it may be empty.
	Train Scored

	FitSeconds, PredictSeconds, PeakMB float64
	PredictRows                        int // rows that PredictSeconds were for

	// Words says what a column is, for the advice; nil, and columns that it does not know, are called by their names.
	Words func(column string) (Text, bool)

	Seed    uint64
	Threads int
}

// Card says how far to trust a model, in five parts.
type Card struct {
	Task      kequn.Task `json:"task"`
	Model     string     `json:"model"`
	Rows      int        `json:"rows"`                // judged: those of weight above 0
	Positives int        `json:"positives,omitempty"` // binary, of those judged
	Rate      float64    `json:"rate"`                // weighted mean outcome; of several classes the share of the most frequent one

	Classes []ClassFigure `json:"classes,omitempty"` // multiclass

	Accuracy         Accuracy         `json:"accuracy"`
	Stability        Stability        `json:"stability"`
	Interpretability Interpretability `json:"interpretability"`
	Scalability      Scalability      `json:"scalability"`
	Generalization   Generalization   `json:"generalization"`

	Chance      *Chance       `json:"chance,omitempty"`
	Fairness    []Fairness    `json:"fairness,omitempty"`
	Comparison  []Comparison  `json:"comparison,omitempty"`
	Help        []Help        `json:"help,omitempty"`
	Suspects    []Suspect     `json:"suspects,omitempty"` // set by who probed for leaks, before Conclude
	NotMeasured []NotMeasured `json:"not_measured,omitempty"`

	Verdict Verdict `json:"grade"`
	Tips    []Text  `json:"advice"`

	words func(string) (Text, bool) // what columns are called
	off   *off                      // where scores are wrong
}

// ClassFigure is one of several classes.
type ClassFigure struct {
	Class string   `json:"class"`
	Rows  int      `json:"rows"`
	AUC   *float64 `json:"auc,omitempty"`    // of this class or another
	Right *float64 `json:"recall,omitempty"` // share of its rows whose likeliest class it is
}

// Accuracy is how near scores come to outcomes, on rows the model was not trained on, with 95 % intervals.
type Accuracy struct {
	AUC           *metric.Interval `json:"auc,omitempty"`
	PRAUC         *metric.Interval `json:"pr_auc,omitempty"`
	LogLoss       *metric.Interval `json:"log_loss,omitempty"`
	LogLossBase   *float64         `json:"log_loss_of_base_rate,omitempty"`
	Brier         *metric.Interval `json:"brier,omitempty"`
	ECE           *metric.Interval `json:"ece,omitempty"`
	TopDecileGain *metric.Interval `json:"top_decile_gain,omitempty"`

	RMSE       *metric.Interval `json:"rmse,omitempty"`
	MAE        *metric.Interval `json:"mae,omitempty"`
	R2         *metric.Interval `json:"r2,omitempty"`
	TotalError *float64         `json:"total_error,omitempty"` // predicted over true total, minus 1

	Right     *metric.Interval `json:"accuracy,omitempty"` // multiclass: share of rows whose likeliest class is theirs
	RightBase *float64         `json:"accuracy_of_most_frequent,omitempty"`
	MacroAUC  *metric.Interval `json:"macro_auc,omitempty"` // mean over classes

	Gains       []metric.Gain `json:"gains,omitempty"`       // contacting the best scored share finds …
	Calibration []metric.Bin  `json:"calibration,omitempty"` // predicted against what happened, in ten bins of equal weight
}

// Stability is how much figures differ from round to round (fold, or cutoff).
type Stability struct {
	Rounds []RoundFigure `json:"rounds"`
	SD     *float64      `json:"sd,omitempty"`    // of the rounds' skill
	Worst  *float64      `json:"worst,omitempty"` // the least of them
	PSI    *float64      `json:"psi,omitempty"`   // drift of scores between the first and the last round

	By         string      `json:"by,omitempty"` // family that was trained again, and on how many rows
	ByRows     int         `json:"by_rows,omitempty"`
	Seeds      []Variation `json:"seeds,omitempty"`      // other seeds and other draws of the training rows
	Parameters []Variation `json:"parameters,omitempty"` // each parameter halved and doubled
}

// RoundFigure is one round.
type RoundFigure struct {
	Round int      `json:"round"`
	Rows  int      `json:"rows"`
	AUC   *float64 `json:"auc,omitempty"`
	R2    *float64 `json:"r2,omitempty"`
	Macro *float64 `json:"macro_auc,omitempty"`
	Loss  *float64 `json:"loss,omitempty"` // log loss or RMSE
}

// skill is the figure that fits the task.
func (f RoundFigure) skill() *float64 {
	for _, v := range []*float64{f.AUC, f.R2, f.Macro} {
		if v != nil {
			return v
		}
	}
	return nil
}

// Interpretability is how readable the model is.
type Interpretability struct {
	Columns      int      `json:"columns"`       // that the model wants
	Used         int      `json:"used"`          // with any importance
	ForMost      int      `json:"for_80_pct"`    // the fewest columns that hold 80 % of the importance
	Top          []Weight `json:"top,omitempty"` // the ten most important
	Rules        int      `json:"rules,omitempty"`
	ExactReasons bool     `json:"exact_reasons"` // contributions that add up to the score's margin

	// Of the simplest stand-ins that explain measured: how much of the score's variation on judged rows they tell.
	TreeFidelity *float64 `json:"tree_fidelity,omitempty"`
	TreeLeaves   int      `json:"tree_leaves,omitempty"`
	RuleFidelity *float64 `json:"rule_fidelity,omitempty"`
	SurrogateFor string   `json:"surrogate_for,omitempty"`
}

// Weight is a column's share of importance.
type Weight struct {
	Column string  `json:"column"`
	Share  float64 `json:"share"`
}

// Scalability is what the model costs.
type Scalability struct {
	TrainRows      int      `json:"train_rows"`
	FitSeconds     float64  `json:"fit_seconds"`
	RowsPerSecond  *float64 `json:"predict_rows_per_second,omitempty"`
	PeakMB         float64  `json:"peak_mb,omitempty"`
	PredictSeconds float64  `json:"predict_seconds"`

	By      string        `json:"by,omitempty"` // family whose curve it is
	Curve   []CurvePoint  `json:"curve,omitempty"`
	Threads []ThreadPoint `json:"threads,omitempty"`
	More    *MoreRows     `json:"twice_the_rows,omitempty"`
}

// Generalization is whether what was learnt holds elsewhere.
type Generalization struct {
	Later     bool     `json:"later_time"` // judged on a later time than trained on
	TrainLoss *float64 `json:"train_loss,omitempty"`
	TestLoss  *float64 `json:"test_loss,omitempty"`
	TrainAUC  *float64 `json:"train_auc,omitempty"`
	TestAUC   *float64 `json:"test_auc,omitempty"`

	TrainSkill *float64 `json:"train_skill,omitempty"` // AUC, R² or macro AUC on rows that were trained on
	TestSkill  *float64 `json:"test_skill,omitempty"`

	Other  bool             `json:"other_data,omitempty"` // judged on another dataset of the same shape
	Inside *metric.Interval `json:"inside,omitempty"`     // skill inside the training file, on rows not trained on
	Moved  *metric.Interval `json:"moved,omitempty"`      // skill on the other data less that
	Groups []GroupFigure    `json:"unseen_groups,omitempty"`
	Drift  []ColumnDrift    `json:"drift,omitempty"` // the columns that differ most, PSI above 0.1
}

// NewCard judges a model. It returns an error if nothing can be said: no rows of weight, or lengths that do not fit. A figure that the data
// cannot answer, such as an AUC of one class or of 12 rows, is left out, and NotMeasured says why.
//
// Cost is that of 200 bootstrap resamples: about 3 s at a million rows.
func NewCard(in Input) (*Card, error) {
	width := in.width()
	if in.Task != kequn.Binary && in.Task != kequn.Regression && (in.Task != kequn.Multiclass || width < 2) {
		return nil, model.ErrTask
	}
	if len(in.Judged.Y) == 0 || !in.Judged.fits(width) || !in.Train.fits(width) || (in.Inside != nil && !in.Inside.fits(width)) {
		return nil, errors.New("evaluate: no judged rows, or lengths that do not fit")
	}
	in.Judged, in.Train = in.Judged.weighted(width), in.Train.weighted(width)
	if len(in.Judged.Y) == 0 {
		return nil, errors.New("evaluate: all judged rows have weight 0")
	}
	c := &Card{Task: in.Task, Model: in.Name, Rows: len(in.Judged.Y), words: in.Words}
	j := in.jury(in.Judged)
	c.count(in)
	if j.enough(leastClass) {
		c.accuracy(in, j)
		c.calibration(in.Judged)
		c.stability(in)
		c.generalization(in, j)
	} else {
		c.tooFew(j)
	}
	c.Generalization.Later, c.Generalization.Other = in.Later, in.Other
	c.interpretability(in.Model)
	c.Scalability = Scalability{FitSeconds: in.FitSeconds, PredictSeconds: in.PredictSeconds, PeakMB: in.PeakMB}
	if in.Model != nil {
		c.Scalability.TrainRows = in.Model.Header().Rows
	}
	if in.PredictSeconds > 0 && in.PredictRows > 0 {
		c.Scalability.RowsPerSecond = some(float64(in.PredictRows) / in.PredictSeconds)
	}
	c.Conclude()
	return c, nil
}

// width is how many numbers a row is scored with.
func (in Input) width() int { return model.Outcome{Task: in.Task, Classes: in.Classes}.NOut() }

func (in Input) jury(s Scored) *jury {
	return newJury(model.Outcome{Task: in.Task, Y: s.Y, Classes: in.Classes}, s.W, s.Group)
}

// notMeasured notes why a part was left out; a part's same reason once.
func (c *Card) notMeasured(part, zh, en string) {
	n := NotMeasured{part, Text{zh, en}}
	if !slices.Contains(c.NotMeasured, n) {
		c.NotMeasured = append(c.NotMeasured, n)
	}
}

// tooFew says why there is no figure at all.
func (c *Card) tooFew(j *jury) {
	if c.Task == kequn.Regression {
		c.notMeasured("accuracy", fmt.Sprintf("评判的数据只有 %d 行，或金额全相同，任何数字都没有意义", c.Rows), fmt.Sprintf("%d judged rows, or amounts that are all alike: no figure would mean anything", c.Rows))
		return
	}
	n := counts(j.classes, j.y)
	slices.Sort(n)
	few := n[len(n)-2]
	c.notMeasured("accuracy", fmt.Sprintf("评判的 %d 行中，较少的那种结果只有 %d 个（至少要 %d 个），任何数字都没有意义", c.Rows, few, leastClass),
		fmt.Sprintf("of %d judged rows the rarer answer has %d (%d are needed): no figure would mean anything", c.Rows, few, leastClass))
}

func some(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}

func someInterval(i metric.Interval) *metric.Interval {
	if math.IsNaN(i.Mean) || math.IsInf(i.Mean, 0) {
		return nil
	}
	return &i
}

// count fills how many rows there are of what.
func (c *Card) count(in Input) {
	s := in.Judged
	switch in.Task {
	case kequn.Multiclass:
		share, total := make([]float64, len(in.Classes)), 0.0
		for k, n := range counts(len(in.Classes), s.Y) {
			c.Classes = append(c.Classes, ClassFigure{Class: in.Classes[k], Rows: n})
		}
		for i, y := range s.Y {
			w := 1.0
			if s.W != nil {
				w = s.W[i]
			}
			share[int(y)] += w
			total += w
		}
		c.Rate = slices.Max(share) / total
		return
	case kequn.Binary:
		c.Positives = counts(1, s.Y)[1]
	}
	if c.Rate, _ = kernel.MeanVar(s.Y, s.W); !finite(c.Rate) {
		c.Rate = 0
	}
}

func (c *Card) accuracy(in Input, j *jury) {
	s, a := in.Judged, &c.Accuracy
	b := metric.Bootstrap{Seed: in.Seed, Threads: in.Threads}
	of := func(f metric.Score) *metric.Interval { return someInterval(b.Interval(f, s.Y, s.Score, s.W)) }
	own := j.interval(j.judge(s.Score))
	switch in.Task {
	case kequn.Regression:
		a.RMSE, a.MAE, a.R2 = of(metric.RMSE), of(metric.MAE), of(metric.R2)
		if s.Group != nil {
			a.R2 = own
		}
		a.R2 = c.doubted(a.R2, in)
		a.TotalError = some(metric.TotalError(s.Y, s.Score, s.W))
		a.Gains = gains(s)
		return
	case kequn.Multiclass:
		c.classAccuracy(in, j)
		a.MacroAUC = c.doubted(own, in)
		return
	}
	a.AUC = c.doubted(own, in)
	a.PRAUC, a.LogLoss, a.Brier, a.ECE = of(metric.PRAUC), of(metric.LogLoss), of(metric.Brier), of(metric.ECE)
	a.TopDecileGain = of(metric.TopDecileGain)
	base := make([]float64, len(s.Y))
	for i := range base {
		base[i] = c.Rate
	}
	a.LogLossBase = some(metric.LogLoss(s.Y, base, s.W))
	a.Gains = gains(s)
}

// crossed is by how much a cross-validated skill varies more than rows by themselves say, where there is nothing to find: i's outcome moves j's
// score and j's outcome i's, so each pair of rows counts twice and the variance doubles. Measured on shuffled outcomes (linear,
// forest, gbdt; 120 to 1,500 rows; five folds): 0.95 to 1.43, and less with every true signal.
const crossed = math.Sqrt2

// doubted returns the interval wider by crossed where the skill, so doubted, could be chance.
func (c *Card) doubted(i *metric.Interval, in Input) *metric.Interval {
	chance, _, _, _, _ := limits(c.Task)
	rounds := in.Judged.Round
	if i == nil || in.Later || in.Other || len(rounds) == 0 || slices.Min(rounds) == slices.Max(rounds) {
		return i
	}
	if i.Mean-crossed*aboveChance*(i.Mean-i.Low)/1.96 > chance {
		return i
	}
	w := &metric.Interval{Mean: i.Mean, Low: i.Mean - crossed*(i.Mean-i.Low), High: math.Min(1, i.Mean+crossed*(i.High-i.Mean))}
	if c.Task != kequn.Regression {
		w.Low = math.Max(0, w.Low)
	}
	return w
}

// classAccuracy fills the figures of several classes.
func (c *Card) classAccuracy(in Input, j *jury) {
	s, k := in.Judged, len(in.Classes)
	class, top := classesOf(s.Y), metric.TopClass(s.Score, k)
	right, loss := make([]float64, len(class)), make([]float64, len(class))
	hit := make([]float64, k)
	for i, y := range class {
		loss[i] = metric.MultiLogLoss(class[i:i+1], s.Score[i*k:(i+1)*k], k, nil)
		if top[i] == y {
			right[i] = 1
			hit[y]++
		}
	}
	a := &c.Accuracy
	r := metric.MeanInterval(right, s.W, 0.95)
	r.Low, r.High = math.Max(0, r.Low), math.Min(1, r.High)
	a.Right, a.LogLoss, a.RightBase = someInterval(r), someInterval(metric.MeanInterval(loss, s.W, 0.95)), some(c.Rate)
	base := make([]float64, 0, len(s.Score))
	share := make([]float64, k)
	for i, y := range class {
		share[y] += j.weight(i)
	}
	kernel.Scale(1/kernel.Sum(share), share)
	for range class {
		base = append(base, share...)
	}
	a.LogLossBase = some(metric.MultiLogLoss(class, base, k, s.W))
	for i := range c.Classes {
		f := &c.Classes[i]
		if f.Rows < leastClass || f.Rows == len(class) {
			continue
		}
		y := make([]float64, len(class))
		for r, v := range class {
			if int(v) == i {
				y[r] = 1
			}
		}
		f.AUC, f.Right = some(metric.AUC(y, stride(s.Score, i, k), s.W)), some(hit[i]/float64(f.Rows))
	}
}

// gains returns the curve at twenty shares, nil where outcomes sum to nothing or less.
func gains(s Scored) []metric.Gain {
	if kernel.SumProduct(s.Y, s.W) <= 0 {
		return nil
	}
	return metric.Gains(s.Y, s.Score, s.W, 20)
}

// leastRound is how many rows of each of two classes a round's figure wants: fewer than the card's own, for it stands beside others.
const leastRound = 5

func (c *Card) stability(in Input) {
	s := in.Judged
	var names []int32
	byRound := map[int32][]int32{}
	for i := range s.Y {
		r := int32(0)
		if s.Round != nil {
			r = s.Round[i]
		}
		if byRound[r] == nil {
			names = append(names, r)
		}
		byRound[r] = append(byRound[r], int32(i))
	}
	slices.Sort(names)
	var figures []float64
	width := in.width()
	for _, name := range names {
		part := s.take(byRound[name], width)
		j := in.jury(part)
		f := RoundFigure{Round: int(name), Rows: len(part.Y)}
		if !j.enough(leastRound) {
			c.roundTooFew(f, j)
			c.Stability.Rounds = append(c.Stability.Rounds, f)
			continue
		}
		switch in.Task {
		case kequn.Binary:
			f.AUC = some(metric.AUC(part.Y, part.Score, part.W))
		case kequn.Multiclass:
			f.Macro = some(metric.MacroAUC(classesOf(part.Y), part.Score, width, part.W))
		default:
			f.R2 = some(metric.R2(part.Y, part.Score, part.W))
		}
		f.Loss = some(j.loss(part.Score))
		if v := f.skill(); v != nil {
			figures = append(figures, *v)
		}
		c.Stability.Rounds = append(c.Stability.Rounds, f)
	}
	if len(figures) > 1 {
		_, variance := kernel.MeanVar(figures, nil)
		c.Stability.SD = some(math.Sqrt(variance * float64(len(figures)) / float64(len(figures)-1)))
		c.Stability.Worst = some(slices.Min(figures))
	}
	if len(names) > 1 && in.Task != kequn.Multiclass {
		first, last := byRound[names[0]], byRound[names[len(names)-1]]
		if min(len(first), len(last)) >= leastDrift {
			c.Stability.PSI = some(metric.DriftOf(kernel.Take(s.Score, first), kernel.Take(s.Score, last)))
		}
	}
}

// leastDrift is how many rows of a round an index of drift wants: of fewer, ten bins differ by themselves.
const leastDrift = 200

func (c *Card) roundTooFew(f RoundFigure, j *jury) {
	part := fmt.Sprintf("round %d", f.Round)
	if c.Task == kequn.Regression {
		c.notMeasured(part, fmt.Sprintf("只有 %d 行，或金额全相同：这一轮没有数字", f.Rows), fmt.Sprintf("%d rows, or amounts that are all alike: no figure for this round", f.Rows))
		return
	}
	n := counts(j.classes, j.y)
	slices.Sort(n)
	if few := n[len(n)-2]; few > 0 {
		c.notMeasured(part, fmt.Sprintf("较少的那种结果只有 %d 个：这一轮没有数字", few), fmt.Sprintf("the rarer answer has %d rows only: no figure for this round", few))
		return
	}
	c.notMeasured(part, "只有一种结果：这一轮没有数字", "one answer only: no figure for this round")
}

// most is the share of importance that the fewest columns are counted for.
const most = 0.8

func (c *Card) interpretability(m model.Model) {
	if m == nil {
		return
	}
	i := &c.Interpretability
	cols := m.Header().Columns
	i.Columns = len(cols)
	if r, ok := m.(model.Ruler); ok {
		i.Rules = len(r.Rules(kequn.English))
	}
	_, attributes := m.(model.Attributor)
	_, margin := m.(model.Marginer)
	i.ExactReasons = attributes && margin
	a, ok := m.(model.Importancer)
	if !ok {
		return
	}
	share := a.Importance()
	held := 0.0
	for rank, j := range kernel.ArgsortDesc(share) {
		if share[j] <= 0 {
			break
		}
		i.Used++
		if held < most {
			i.ForMost++
		}
		held += share[j]
		if rank < 10 {
			i.Top = append(i.Top, Weight{cols[j].Name, share[j]})
		}
	}
}

func (c *Card) generalization(in Input, j *jury) {
	g := &c.Generalization
	test := j.judge(in.Judged.Score)
	g.TestLoss, g.TestSkill = some(j.loss(in.Judged.Score)), some(test.skill)
	if t := in.jury(in.Train); t.enough(leastClass) {
		g.TrainLoss, g.TrainSkill = some(t.loss(in.Train.Score)), some(t.judge(in.Train.Score).skill)
	}
	if in.Task == kequn.Binary {
		g.TestAUC, g.TrainAUC = g.TestSkill, g.TrainSkill
	}
	if !in.Other || in.Inside == nil {
		return
	}
	own := in.Inside.weighted(in.width())
	inside := in.jury(own)
	f := inside.judge(own.Score)
	if g.Inside = inside.interval(f); g.Inside == nil {
		return
	}
	// Rows of the two files are different people, so their errors add up.
	moved := around(test.skill-f.skill, math.Hypot(j.se(test), inside.se(f)))
	g.Moved = someInterval(moved)
}
