package ladder

import (
	"fmt"
	"slices"
	"time"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/table"
)

// Plan is what the ladder sets out to do. It follows from the shape of the data, the budget and the number of threads, not from
// the clock; replayed, it gives the same bytes.
type Plan struct {
	Inner   int     `json:"inner_folds"`      // parts that training rows are cut into, to choose and to calibrate
	InnerOf int     `json:"inner_folds_used"` // how many of the parts are held out in turn
	Steps   []Step  `json:"steps"`
	Seconds float64 `json:"seconds"`          // estimated
	Budget  float64 `json:"budget,omitempty"` // seconds; 0: none
}

// Step is one rung in the plan.
type Step struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"` // estimated
	Run     bool    `json:"run"`
	Reason  Text    `json:"reason"` // why it is run, or not
	Done    bool    `json:"done"`
}

// Text is a sentence in both languages.
type Text struct {
	Zh string `json:"zh"`
	En string `json:"en"`
}

// In returns the text in the language.
func (t Text) In(l kequn.Lang) string { return l.Pick(t.Zh, t.En) }

// costs is the fixed table: seconds per million cells (rows × columns) of one fit on one processor, measured on the public sets of
// the bench. It only decides what is tried; the true time is in the result.
var costs = map[string]float64{
	BaseName: 0.001, "linear": 0.3, "tree": 0.4, "gbdt": 0.8, "forest": 5, "additive": 6, "svm": 40, "neural": 15, "mlp": 15,
}

// overhead is what a fit costs however small the table.
const overhead = 0.003

func cost(name string, rows, cols, threads int) float64 {
	c, ok := costs[name]
	if !ok {
		c = 10
	}
	return overhead + c*float64(rows)*float64(cols)/1e6/float64(threads)
}

// The size of training tables from which on fewer inner parts do.
const (
	fewParts = 20_000 // from here on 3 instead of 5
	onePart  = 30_000 // from here on one part of 3 is held out, once
)

// few is the number of rows of the rarer class below which only simple rungs are worth trying.
const few = 30

// MakePlan returns the plan that [Run] sets out with: callers can see beforehand what a budget leaves room for.
func MakePlan(in Input, o Options) Plan { return makePlan(in, o) }

func makePlan(in Input, o Options) Plan {
	train := 0
	for _, r := range in.Rounds {
		train = max(train, len(r.Train))
	}
	p := Plan{Inner: 5, InnerOf: 5, Budget: o.Budget.Seconds()}
	switch {
	case train >= onePart:
		p.Inner, p.InnerOf = 3, 1
	case train >= fewParts:
		p.Inner, p.InnerOf = 3, 3
	}
	steps := func() {
		p.Steps, p.Seconds = nil, 0
		for _, n := range rungs(in.Rungs) {
			s := Step{Name: n.Name, Run: true, Reason: Text{"按顺序尝试", "tried in its turn"}}
			s.Seconds = estimate(in, n.Name, p, kernel.Threads(o.Threads))
			p.Steps = append(p.Steps, s)
		}
	}
	steps()
	sum := func() (total float64) {
		for _, s := range p.Steps {
			if s.Run {
				total += s.Seconds
			}
		}
		return total
	}
	if budget := p.Budget; budget > 0 {
		// First fewer inner parts, then fewer rungs, the dearest first; the last fifth is for the final fit.
		if sum() > 0.8*budget && p.InnerOf > 3 {
			p.Inner, p.InnerOf = 3, 3
			steps()
		}
		if sum() > 0.8*budget && p.InnerOf > 1 {
			p.Inner, p.InnerOf = 5, 1
			steps()
		}
		for sum() > 0.8*budget {
			dearest := -1
			for i, s := range p.Steps {
				if s.Run && i > 1 && (dearest < 0 || s.Seconds > p.Steps[dearest].Seconds) {
					dearest = i
				}
			}
			if dearest < 0 {
				break
			}
			s := &p.Steps[dearest]
			s.Run = false
			s.Reason = Text{
				fmt.Sprintf("预计需要 %.0f 秒，超出给定的 %.0f 秒", s.Seconds, budget),
				fmt.Sprintf("would take about %.0f s of the %.0f s given", s.Seconds, budget),
			}
		}
	}
	if rare := rarer(in); in.Y.Task == kequn.Binary && rare < few {
		for i := range p.Steps {
			if n := p.Steps[i].Name; p.Steps[i].Run && n != BaseName && n != "linear" && n != "tree" && hasSimple(in.Rungs) && !slices.Contains(o.Asked, n) {
				p.Steps[i].Run = false
				p.Steps[i].Reason = Text{
					fmt.Sprintf("只有 %d 个少数类样本，复杂模型无从学起", rare),
					fmt.Sprintf("only %d rows of the rarer class: too few for a complex model to learn from", rare),
				}
			}
		}
	}
	p.Seconds = sum()
	return p
}

func hasSimple(rungs []model.Named) bool {
	for _, r := range rungs {
		if r.Name == "linear" || r.Name == "tree" {
			return true
		}
	}
	return false
}

// rungs puts the constant before the given ones.
func rungs(given []model.Named) []model.Named {
	out := []model.Named{{Name: BaseName, Learner: Base{}}}
	for _, n := range given {
		if n.Name != BaseName {
			out = append(out, n)
		}
	}
	return out
}

func estimate(in Input, name string, p Plan, threads int) float64 {
	cols := 0
	for _, c := range in.X.Columns {
		if c.Kind != table.Text {
			cols++
		}
	}
	sum := 0.0
	for _, r := range in.Rounds {
		inner := min(innerRows, len(r.Train)*(p.Inner-1)/p.Inner)
		sum += cost(name, len(r.Train), cols, threads) + float64(p.InnerOf)*cost(name, inner, cols, threads)
	}
	return sum
}

// rarer returns the number of training rows of the rarer class.
func rarer(in Input) int {
	least := len(in.Y.Y)
	for _, r := range in.Rounds {
		yes := 0
		for _, i := range r.Train {
			if in.Y.Y[i] == 1 {
				yes++
			}
		}
		least = min(least, yes, len(r.Train)-yes)
	}
	return least
}

// deadline returns when rungs must have ended, so that the final fit still has its share.
func (r *Result) deadline() (time.Time, bool) {
	if r.o.Budget <= 0 || r.o.Plan != nil {
		return time.Time{}, false
	}
	left := r.o.Budget
	if r.o.Left > 0 {
		left = r.o.Left
	}
	return r.began.Add(left * 85 / 100), true
}
