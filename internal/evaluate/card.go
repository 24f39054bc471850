package evaluate

import (
	"errors"
	"math"
	"slices"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/metric"
	"kequn/internal/model"
)

// Scored are rows with their outcome and what a model that was not trained on them said. All slices have one length.
type Scored struct {
	Y     []float64
	Score []float64 // probability (binary) or value (regression)
	W     []float64 // nil for all ones
	Round []int32   // fold or judging cutoff; nil for one round
}

// Input is what a card is made from.
type Input struct {
	Task  kequn.Task // binary or regression
	Name  string     // of the model
	Model model.Model

	Judged Scored
	Later  bool // the judged rows are of a later time than those trained on

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
	Rows      int        `json:"rows"`                // judged
	Positives int        `json:"positives,omitempty"` // binary, of those judged
	Rate      float64    `json:"rate"`                // weighted mean outcome

	Accuracy         Accuracy         `json:"accuracy"`
	Stability        Stability        `json:"stability"`
	Interpretability Interpretability `json:"interpretability"`
	Scalability      Scalability      `json:"scalability"`
	Generalization   Generalization   `json:"generalization"`

	Chance      *Chance       `json:"chance,omitempty"`
	Fairness    []Fairness    `json:"fairness,omitempty"`
	Comparison  []Comparison  `json:"comparison,omitempty"`
	Help        []Help        `json:"help,omitempty"`
	NotMeasured []NotMeasured `json:"not_measured,omitempty"`

	Verdict Verdict `json:"grade"`
	Tips    []Text  `json:"advice"`
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

	Gains       []metric.Gain `json:"gains,omitempty"`       // contacting the best scored share finds …
	Calibration []metric.Bin  `json:"calibration,omitempty"` // predicted against what happened, in ten bins of equal weight
}

// Stability is how much figures differ from round to round (fold, or cutoff).
type Stability struct {
	Rounds []RoundFigure `json:"rounds"`
	SD     *float64      `json:"sd,omitempty"`    // of the rounds' AUC or R²
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
	Loss  *float64 `json:"loss,omitempty"` // log loss or RMSE
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

	Other  bool          `json:"other_data,omitempty"` // judged on another dataset of the same shape
	Groups []GroupFigure `json:"unseen_groups,omitempty"`
	Drift  []ColumnDrift `json:"drift,omitempty"` // the columns that differ most, PSI above 0.1
}

// NewCard judges a model. It returns an error if nothing can be said: no rows, or a task it does not know. A figure that the data
// cannot answer, such as an AUC of one class, is left out.

// Cost is that of 200 bootstrap resamples: about 3 s at a million rows.
func NewCard(in Input) (*Card, error) {
	s := in.Judged
	n := len(s.Y)
	switch {
	case in.Task != kequn.Binary && in.Task != kequn.Regression:
		return nil, model.ErrTask
	case n == 0 || len(s.Score) != n || (s.W != nil && len(s.W) != n) || (s.Round != nil && len(s.Round) != n):
		return nil, errors.New("evaluate: no judged rows, or lengths that do not fit")
	}
	c := &Card{Task: in.Task, Model: in.Name, Rows: n}
	c.Rate, _ = kernel.MeanVar(s.Y, s.W)
	c.accuracy(in)
	c.stability(in)
	c.interpretability(in.Model)
	c.generalization(in)
	c.Scalability = Scalability{FitSeconds: in.FitSeconds, PredictSeconds: in.PredictSeconds, PeakMB: in.PeakMB}
	if in.Model != nil {
		c.Scalability.TrainRows = in.Model.Header().Rows
	}
	if in.PredictSeconds > 0 && in.PredictRows > 0 {
		c.Scalability.RowsPerSecond = some(float64(in.PredictRows) / in.PredictSeconds)
	}
	c.judge(in.Words)
	return c, nil
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

func (c *Card) accuracy(in Input) {
	s, a := in.Judged, &c.Accuracy
	b := metric.Bootstrap{Seed: in.Seed, Threads: in.Threads}
	of := func(f metric.Score) *metric.Interval { return someInterval(b.Interval(f, s.Y, s.Score, s.W)) }
	if in.Task == kequn.Regression {
		a.RMSE, a.MAE, a.R2 = of(metric.RMSE), of(metric.MAE), of(metric.R2)
		a.TotalError = some(metric.TotalError(s.Y, s.Score, s.W))
		a.Gains = gains(s)
		return
	}
	for _, y := range s.Y {
		if y == 1 {
			c.Positives++
		}
	}
	if s.W == nil {
		a.AUC = someInterval(metric.AUCInterval(s.Y, s.Score, 0.95))
	} else {
		a.AUC = of(metric.AUC)
	}
	a.PRAUC, a.LogLoss, a.Brier, a.ECE = of(metric.PRAUC), of(metric.LogLoss), of(metric.Brier), of(metric.ECE)
	a.TopDecileGain = of(metric.TopDecileGain)
	base := make([]float64, len(s.Y))
	for i := range base {
		base[i] = c.Rate
	}
	a.LogLossBase = some(metric.LogLoss(s.Y, base, s.W))
	a.Gains = gains(s)
	a.Calibration = metric.ReliabilityByRank(s.Y, s.Score, s.W, 10)
}

// gains returns the curve at twenty shares, nil where outcomes sum to nothing or less.
func gains(s Scored) []metric.Gain {
	if kernel.SumProduct(s.Y, s.W) <= 0 {
		return nil
	}
	return metric.Gains(s.Y, s.Score, s.W, 20)
}

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
	for _, name := range names {
		rows := byRound[name]
		y, p, w := kernel.Take(s.Y, rows), kernel.Take(s.Score, rows), kernel.Take(s.W, rows)
		f := RoundFigure{Round: int(name), Rows: len(rows)}
		if in.Task == kequn.Binary {
			f.AUC, f.Loss = some(metric.AUC(y, p, w)), some(metric.LogLoss(y, p, w))
		} else {
			f.R2, f.Loss = some(metric.R2(y, p, w)), some(metric.RMSE(y, p, w))
		}
		for _, v := range []*float64{f.AUC, f.R2} {
			if v != nil {
				figures = append(figures, *v)
			}
		}
		c.Stability.Rounds = append(c.Stability.Rounds, f)
	}
	if len(figures) > 1 {
		_, variance := kernel.MeanVar(figures, nil)
		c.Stability.SD = some(math.Sqrt(variance * float64(len(figures)) / float64(len(figures)-1)))
		c.Stability.Worst = some(slices.Min(figures))
		first, last := byRound[names[0]], byRound[names[len(names)-1]]
		c.Stability.PSI = some(metric.DriftOf(kernel.Take(s.Score, first), kernel.Take(s.Score, last)))
	}
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

func (c *Card) generalization(in Input) {
	g := &c.Generalization
	g.Later = in.Later
	loss := func(s Scored) *float64 {
		if len(s.Y) == 0 {
			return nil
		}
		if in.Task == kequn.Binary {
			return some(metric.LogLoss(s.Y, s.Score, s.W))
		}
		return some(metric.RMSE(s.Y, s.Score, s.W))
	}
	auc := func(s Scored) *float64 {
		if len(s.Y) == 0 || in.Task != kequn.Binary {
			return nil
		}
		return some(metric.AUC(s.Y, s.Score, s.W))
	}
	g.TestLoss, g.TrainLoss = loss(in.Judged), loss(in.Train)
	g.TestAUC, g.TrainAUC = auc(in.Judged), auc(in.Train)
}
