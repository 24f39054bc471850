package pipeline

import (
	"context"
	"math"
	"slices"
	"time"

	"kequn"
	"kequn/internal/evaluate"
	"kequn/internal/explain"
	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/model/ladder"
	"kequn/internal/table"
)

// Seconds of one processor that one fit of the family may be planned to take which explains a line, and which is trained again and
// again for the card.
const (
	explainFit = 8
	againFit   = 1.5
)

// judging is a line that a ladder chose, with what it was chosen from.
type judging struct {
	Options
	ladder *ladder.Result
	line   string

	x      *table.Table
	y      model.Outcome
	w      []float64 // nil, or 0 for rows without a known outcome
	group  []int64
	rounds []ladder.Round

	fitted model.Model // the final model, where there is one already
	later  bool        // judged on later time
	other  bool        // judged on another dataset
	train  evaluate.Scored

	words explain.Catalogue // nil: columns are called by their names
	leaks []evaluate.Suspect
	brief bool // a small card, of few rows: one of many
	left  func() time.Duration

	held model.Model // once judged: fitted on a round's training rows, so that what it says of the judged ones counts; nil where no family could be
}

// judge makes the card of the line and says why its scores are what they are. Parts that there is no time for are left out and named.
func (j *judging) judge(ctx context.Context) (*Card, *explain.Global, error) {
	score, round, err := j.ladder.OutOfSample(j.line)
	if err != nil {
		return nil, nil, err
	}
	k := j.y.NOut()
	in := evaluate.Input{Task: j.y.Task, Classes: j.y.Classes, Name: j.line, Model: j.fitted, Later: j.later, Other: j.other, Train: j.train, Seed: j.Seed, Threads: j.Threads}
	var judged []int32
	for i, r := range round {
		if r >= 0 && (j.w == nil || j.w[i] > 0) {
			judged = append(judged, int32(i))
			in.Judged.Y, in.Judged.Round = append(in.Judged.Y, j.y.Y[i]), append(in.Judged.Round, r)
			in.Judged.Score = append(in.Judged.Score, score[i*k:(i+1)*k]...)
		}
	}
	in.Judged.Group = kernel.Take(j.group, judged)
	in.PredictRows = len(in.Judged.Y)
	if e := j.ladder.Entry(j.line); e != nil {
		in.FitSeconds, in.PredictSeconds, in.PeakMB = e.FitSeconds, e.PredictSeconds, e.PeakMB
	}
	if j.other {
		rows, inside := j.ladder.Inside(j.line, 0)
		in.Inside = &evaluate.Scored{Y: j.y.Take(rows).Y, Score: inside}
	}
	if j.words != nil {
		in.Words = func(column string) (evaluate.Text, bool) {
			w := j.words(column)
			return evaluate.Text{Zh: w.Zh, En: w.En}, w.Zh != ""
		}
	}
	main, again := j.ladder.Standin(j.line, explainFit), j.ladder.Standin(j.line, againFit)
	first := j.telling()
	if main != nil {
		if j.held, err = j.fit(ctx, main, j.bounded(first.Train, mostHeldRows)); err != nil && ctx.Err() != nil {
			return nil, nil, err
		}
		if in.Model == nil {
			in.Model = j.held
		}
	}
	card, err := evaluate.NewCard(in)
	if err != nil {
		return nil, nil, err
	}
	card.Comparison, card.Suspects = j.compare(judged), j.leaks
	if again != nil {
		e := evaluate.Experiment{X: j.x, Y: j.y, W: j.w, Group: j.group, Train: first.Train, Test: first.Test, Learner: j.seeded(*again),
			Seed: j.Seed, Threads: j.Threads, Brief: evaluate.Text(j.why()), Left: j.before(explainShare), Progress: func(done, of float64, what evaluate.Text) {
				if what.En == "" {
					return // done
				}
				j.Progress(j.Lang.Pick("评判：", "judge: ")+what.In(j.Lang), int64(1000*done), int64(1000*of))
			}}
		if err := e.Run(ctx, card); err != nil {
			return nil, nil, err
		}
	}
	var why *explain.Global
	if j.held != nil && j.y.Task != kequn.Multiclass {
		if why, err = j.explain(ctx, main.Name, again, first); err != nil {
			return nil, nil, err
		}
		readable(card, why, main.Name)
	}
	card.Conclude()
	return card, why, nil
}

// telling returns the first round whose judged rows have enough of each answer to say something, or simply the first.
func (j *judging) telling() ladder.Round {
	if j.y.Task != kequn.Binary {
		return j.rounds[0]
	}
	for _, r := range j.rounds {
		yes, no := 0, 0
		for _, i := range r.Test {
			switch {
			case j.w != nil && j.w[i] == 0:
			case j.y.Y[i] == 1:
				yes++
			default:
				no++
			}
		}
		if min(yes, no) >= minJudge {
			return r
		}
	}
	return j.rounds[0]
}

// explainShare is the share of the time that is kept for reasons: without them figures are half a card.
const explainShare = 0.4

// before returns how much time is left when a share of what there is now is kept; nil where there is no limit.
func (j *judging) before(keep float64) func() time.Duration {
	if j.left == nil {
		return nil
	}
	kept := time.Duration(keep * float64(max(j.left(), 0)))
	return func() time.Duration { return j.left() - kept }
}

// briefRows is about how many rows each part of a brief explanation looks at: `run` makes one for each of many goals, every week.
const briefRows = 2_000

// why says why a card is brief, nothing of one that is not.
func (j *judging) why() explain.Text {
	if !j.brief {
		return explain.Text{}
	}
	return explain.Text{Zh: "kequn predict 目标名 时测量", En: "measured by kequn predict GOAL"}
}

// Large tables are explained by a draw of their rows: copies of millions would not fit beside the table, and tell no more.
const (
	mostHeldRows    = 200_000
	mostExplainRows = 50_000
)

// bounded returns the rows, or a draw of at most so many.
func (j *judging) bounded(rows []int32, most int) []int32 {
	if len(rows) <= most {
		return rows
	}
	at := kernel.NewStream(j.Seed, kernel.ID("explained rows")).Sample(len(rows), most)
	slices.Sort(at)
	out := make([]int32, len(at))
	for i, k := range at {
		out[i] = rows[k]
	}
	return out
}

// fit fits a family on some rows.
func (j *judging) fit(ctx context.Context, n *model.Named, rows []int32) (model.Model, error) {
	return j.seeded(*n).Learner.Fit(ctx, j.x.Take(rows), j.y.Take(rows), kernel.Take(j.w, rows))
}

func (j *judging) seeded(n model.Named) model.Named {
	n.Learner = model.WithThreads(model.WithSeed(n.Learner, j.Seed), j.Threads)
	return n
}

// compare sets every line of the ladder beside the chosen one, on the rows judged.
func (j *judging) compare(judged []int32) []evaluate.Comparison {
	k := j.y.NOut()
	var lines []evaluate.Line
	for i := range j.ladder.Models {
		e := &j.ladder.Models[i]
		score, _, err := j.ladder.OutOfSample(e.Name)
		if e.Failed != "" || err != nil {
			continue
		}
		l := evaluate.Line{Name: e.Name, Chosen: e.Name == j.line, Simple: e.Name == j.ladder.Simple}
		for _, r := range judged {
			l.Score = append(l.Score, score[int(r)*k:(int(r)+1)*k]...)
		}
		lines = append(lines, l)
	}
	return evaluate.Compare(j.y.Take(judged), kernel.Take(j.w, judged), kernel.Take(j.group, judged), lines)
}

// explain says what the model does that was held back from a round's judged rows. The family again is fitted where that takes many fits.
func (j *judging) explain(ctx context.Context, name string, again *model.Named, round ladder.Round) (*explain.Global, error) {
	j.Progress(j.Lang.Pick("解释", "explain"), 0, 0)
	q := explain.Question{Model: j.held, Name: name, Learner: j.seeded(*again), Words: j.words, Seed: j.Seed, Threads: j.Threads}
	test, train := j.bounded(round.Test, mostExplainRows), j.bounded(round.Train, mostExplainRows)
	q.X, q.Y, q.W = j.x.Take(test), j.y.Take(test), kernel.Take(j.w, test)
	q.Train, q.TrainY, q.TrainW = j.x.Take(train), j.y.Take(train), kernel.Take(j.w, train)
	for _, l := range j.Learners {
		switch l.Name {
		case "tree":
			q.Tree = l.Learner
		case "rulelist":
			q.RuleList = l.Learner
		case "linear":
			q.Path, _ = l.Learner.(model.Pather)
		}
	}
	if j.brief {
		q.Brief, q.MaxRows, q.FitRows = j.why(), briefRows, 2*briefRows
	}
	if j.left != nil {
		q.Left = func() bool { return j.left() > 0 }
	}
	return explain.Explain(ctx, q)
}

// readable puts what stand-ins told onto the card.
func readable(c *Card, g *explain.Global, name string) {
	i := &c.Interpretability
	i.SurrogateFor = name
	if t := g.Tree; t != nil && !math.IsNaN(t.Fidelity) {
		i.TreeFidelity, i.TreeLeaves = &t.Fidelity, t.Leaves
	}
	if r := g.Rules; r != nil && !math.IsNaN(r.Fidelity) {
		i.RuleFidelity = &r.Fidelity
	}
}
