package pipeline

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"kequn"
	"kequn/internal/evaluate"
	"kequn/internal/explain"
	"kequn/internal/kernel"
	"kequn/internal/metric"
	"kequn/internal/model"
	"kequn/internal/model/ladder"
	"kequn/internal/source"
	"kequn/internal/table"
)

// TryFlags say what to try on one flat table. No workspace is needed.
type TryFlags struct {
	File     string
	Outcome  string
	Task     string // "" follows from the outcome; else binary, regression, multiclass or cluster
	Positive string // value of the outcome that counts as yes; "" chooses
	Drop     []string

	// Sensitive are columns that no model sees, but whose groups the card compares.
	Sensitive []string

	ID       string // column that says whose row it is: no feature, and its rows stay together
	Folds    string // CSV with the columns row and fold; "" makes five folds by the seed
	Test     string // file that is scored instead of folds
	Models   []string
	Time     time.Duration // budget of everything; 0 is none
	Schedule string        // JSON of an earlier call, or the plan in it, to repeat

	Predictions string // CSV to write
	Plot        string // SVG to write
	Save        string // model file to write: the chosen line, trained on all rows
	Card        string // model card to write, by WriteCard
	Quick       bool   // figures only: no card

	// WriteCard writes the page of the card: the windows of the house draw it.
	WriteCard func(w io.Writer, r *TryResult) error
	Labels    string // CSV to write, of groups
	K         string // of groups: a number or auto
}

// SimpleName is the line of the simplest rung within one paired standard error of the most accurate.
const SimpleName = "simple"

// TryResult is what the models of a flat table can do.
type TryResult struct {
	Task       kequn.Task  `json:"task"`
	Rows       int         `json:"rows"` // rows that took part
	Positives  *int        `json:"positives,omitempty"`
	Folds      int         `json:"folds"`
	Models     []TryModel  `json:"models"`
	Chosen     string      `json:"chosen"`
	Why        string      `json:"why"`
	Brief      string      `json:"brief"` // the same in a few sentences
	Leaks      []TryLeak   `json:"leaks"`
	Outcome    string      `json:"outcome"`
	Positive   string      `json:"positive,omitempty"` // the value that counts as yes
	Classes    []string    `json:"classes,omitempty"`
	Features   int         `json:"features"`
	RowsRead   int64       `json:"rows_read"`
	TestRows   int64       `json:"test_rows,omitempty"`
	Simple     string      `json:"simple,omitempty"` // the simplest rung that will do
	Baseline   *TryModel   `json:"baseline,omitempty"`
	NotRun     []TryNotRun `json:"not_run"`
	Notes      []string    `json:"notes"` // what was done with odd rows and columns
	Seed       uint64      `json:"seed"`
	Asked      []string    `json:"asked"`
	Plan       ladder.Plan `json:"plan"`
	TrainLimit int         `json:"train_limit,omitempty"` // training rows of a round, where fewer than all were taken to save time
	StoppedBy  string      `json:"stopped_by"`            // "time" where the clock dropped later steps, else ""
	Seconds    float64     `json:"seconds"`
	DataHash   string      `json:"data_sha256,omitempty"` // of the file

	Card     *Card           `json:"card,omitempty"`    // how far to trust the chosen line
	Reasons  *explain.Global `json:"reasons,omitempty"` // why it says what it says
	Examples []TryExample    `json:"examples,omitempty"`
}

// TryModel is one line: its figures are means over folds of rows that the model was not trained on.
type TryModel struct {
	Name string `json:"name"`
	*BinaryFigures
	*AmountFigures
	*ClassFigures
	LogLoss        *float64           `json:"log_loss,omitempty"`
	FitSeconds     float64            `json:"fit_seconds"`
	PredictSeconds float64            `json:"predict_seconds"`
	PeakMB         float64            `json:"peak_mb"`
	Params         map[string]float64 `json:"params"`
	Rung           string             `json:"rung,omitempty"` // simple: which rung it is
	Blend          []ladder.Share     `json:"blend,omitempty"`
	Calibration    string             `json:"calibration,omitempty"`
	Behind         *ladder.Gap        `json:"behind,omitempty"`
}

// BinaryFigures are those of yes or no. A figure that cannot be had (one class in every fold) is null.
type BinaryFigures struct {
	AUC           *float64 `json:"auc"`
	AUCSD         *float64 `json:"auc_sd"`
	PRAUC         *float64 `json:"pr_auc"`
	Brier         *float64 `json:"brier"`
	ECE           *float64 `json:"ece"`
	ECEPooled     *float64 `json:"ece_pooled"` // of all folds' rows together: in small folds the error is mostly noise
	TopDecileGain *float64 `json:"top_decile_gain"`
}

// AmountFigures are those of amounts.
type AmountFigures struct {
	RMSE   *float64 `json:"rmse"`
	RMSESD *float64 `json:"rmse_sd"`
	MAE    *float64 `json:"mae"`
	R2     *float64 `json:"r2"`
}

// ClassFigures are those of several classes, beside the log loss.
type ClassFigures struct {
	Accuracy *float64 `json:"accuracy"`
	MacroAUC *float64 `json:"macro_auc"`
}

// TryNotRun is a rung that was not run, and why.
type TryNotRun struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// TryLeak is a column that seems to know the outcome.
type TryLeak struct {
	Column     string   `json:"column"`
	Kind       string   `json:"kind"`
	Evidence   string   `json:"evidence"`
	AUCWith    *float64 `json:"auc_with"`
	AUCWithout *float64 `json:"auc_without"`
	R2With     *float64 `json:"r2_with,omitempty"` // of amounts
	R2Without  *float64 `json:"r2_without,omitempty"`
}

// trial is one call of Try on its way.
type trial struct {
	Options
	f     TryFlags
	began time.Time
	asked []string // lines whose scores are written
	plan  *ladder.Plan

	x     *table.Table // features of the rows that take part; with a test file, its rows come last
	y     model.Outcome
	w     []float64 // nil, or 0 for rows of the test file without an outcome
	group []int64
	// sensitive has the declared sensitive columns of the rows of x.
	sensitive *table.Table
	row       []int64 // of each row of x: its number in its file
	target    *target
	split     split
	apart     *table.Table // features of a test file without outcomes, scored but not judged
	unused    *table.Table // columns that no model sees and that are probed for leaks: the id, names, numbers given to rows
	leaks     []evaluate.Leak
	res       *TryResult
	ladder    *ladder.Result
}

// Try trains and judges models on one flat table and writes what the flags ask for: all of the files or, on an error, none.
//
// Errors: usage for flags that cannot be, input for files and columns, not_enough where the table cannot answer.
func Try(ctx context.Context, o Options, f TryFlags) (*TryResult, error) {
	t := &trial{Options: o.withDefaults(), f: f, began: time.Now(), res: &TryResult{Seed: o.Seed, Leaks: []TryLeak{}, NotRun: []TryNotRun{}, Notes: []string{}}}
	files := &stage{inputs: []string{f.File, f.Test, f.Folds, f.Schedule}}
	if err := t.checkFlags(); err != nil {
		return nil, err
	}
	if err := files.check(f.Predictions, f.Plot, f.Save, f.Card); err != nil {
		return nil, err
	}
	if err := t.readSchedule(); err != nil {
		return nil, err
	}
	if err := t.read(ctx); err != nil {
		return nil, err
	}
	if err := t.probe(ctx); err != nil {
		return nil, err
	}
	if err := t.climb(ctx); err != nil {
		return nil, err
	}
	t.report()
	if err := t.weighLeaks(ctx); err != nil {
		return nil, err
	}
	if err := t.card(ctx); err != nil {
		return nil, err
	}
	if err := t.write(ctx, files); err != nil {
		return nil, err
	}
	t.res.Seconds = time.Since(t.began).Seconds()
	return t.res, nil
}

func usage(where, format string, args ...any) *kequn.Error {
	return kequn.Errorf(kequn.KindUsage, where, format, args...)
}

func (t *trial) checkFlags() error {
	f := &t.f
	switch kequn.Task(f.Task) {
	case "", kequn.Binary, kequn.Regression, kequn.Multiclass:
	default:
		return usage("--task", "%q is not a task", f.Task).WithHint("binary, regression, multiclass or cluster; without it the outcome decides")
	}
	switch {
	case f.Outcome == "":
		return usage("", "try wants --outcome").WithHint("name the column to predict: kequn try %s --outcome COL", f.File)
	case f.Folds != "" && f.Test != "":
		return usage("", "--folds and --test exclude each other").WithHint("folds judge within one file, --test on another")
	case f.Labels != "" || f.K != "":
		return usage("", "--labels and --k belong to --task cluster")
	case slices.Contains(f.Sensitive, f.Outcome):
		return usage("--sensitive", "the outcome is what is predicted, not an attribute of people")
	case slices.Contains(f.Drop, f.Outcome):
		return usage("--drop", "the outcome cannot be dropped")
	case f.ID == f.Outcome:
		return usage("--id", "the outcome cannot be the id")
	case f.Task != "" && f.Task != string(kequn.Binary) && f.Positive != "":
		return usage("--positive", "belongs to a yes-or-no outcome, not to --task %s", f.Task)
	}
	return t.checkModels()
}

// checkModels puts the names asked for into t.asked, without repetition.
func (t *trial) checkModels() error {
	for _, name := range t.f.Models {
		name = strings.TrimSpace(name)
		known := name == ladder.AutoName || name == SimpleName || t.learner(name)
		switch {
		case !known:
			return usage("--models", "there is no model %q", name).WithHint("available: %s", strings.Join(t.names(), ", "))
		case !slices.Contains(t.asked, name):
			t.asked = append(t.asked, name)
		}
	}
	return nil
}

func (t *trial) learner(name string) bool {
	return slices.ContainsFunc(t.Learners, func(n model.Named) bool { return n.Name == name })
}

// names lists what --models may say.
func (t *trial) names() []string {
	out := []string{ladder.AutoName, SimpleName}
	for _, n := range t.Learners {
		out = append(out, n.Name)
	}
	return out
}

// whole tells whether all rungs are climbed: auto and simple are chosen among them.
func (t *trial) whole() bool {
	return slices.Contains(t.asked, ladder.AutoName) || slices.Contains(t.asked, SimpleName)
}

func (t *trial) rungs() []model.Named {
	if t.whole() {
		return t.Learners
	}
	var out []model.Named
	for _, n := range t.Learners {
		if slices.Contains(t.asked, n.Name) {
			out = append(out, n)
		}
	}
	return out
}

func (t *trial) note(zh, en string, args ...any) {
	t.res.Notes = append(t.res.Notes, fmt.Sprintf(t.Lang.Pick(zh, en), args...))
}

// read reads the files: features, outcome and folds.
func (t *trial) read(ctx context.Context) error {
	t.Progress(t.Lang.Pick("读取表格", "read the table"), 0, 0)
	all, info, err := source.ReadFlat(ctx, t.f.File, source.Options{Threads: t.Threads})
	if err != nil {
		return err
	}
	t.res.RowsRead = info.Counts.Read
	t.res.Notes = append(t.res.Notes, info.Notes...)
	t.noteReading(t.f.File, info.Counts)
	if err := t.checkColumns(all); err != nil {
		return err
	}
	if all.NRows() == 0 {
		return kequn.Errorf(kequn.KindInput, t.f.File, "has a header and no row")
	}
	outcome := all.Column(t.f.Outcome)
	if t.target, err = targetOf(outcome, t.f); err != nil {
		return err
	}
	y := t.target.values(outcome)
	fold, err := t.readFolds(ctx, all.NRows(), info)
	if err != nil {
		return err
	}
	var use []int32
	without := 0
	for i, v := range y {
		switch {
		case fold != nil && fold[i] < 0:
		case math.IsNaN(v):
			without++
		default:
			use = append(use, int32(i))
		}
	}
	if without > 0 {
		t.note("%d 行没有结果值，未参与训练和评分", "%d rows without an outcome: neither trained on nor scored", without)
	}
	t.features(all, use, info, y)
	if err := t.checkEnough(); err != nil {
		return err
	}
	if t.f.Test != "" {
		return t.readTest(ctx, info)
	}
	if fold == nil {
		t.split = t.defaultSplit()
	} else {
		given := make([]int64, len(use))
		for i, r := range use {
			given[i] = fold[r]
		}
		if t.split, err = splitOf(given, t.f.Folds); err != nil {
			return err
		}
	}
	return t.checkSplit()
}

// features keeps the used rows of the columns that may be learnt from.
func (t *trial) features(all *table.Table, use []int32, info *source.Info, y []float64) {
	t.y = model.Outcome{Task: t.target.task, Classes: t.target.classes, Y: y}
	x := all.Drop(slices.Concat([]string{t.f.Outcome, t.f.ID}, t.f.Drop, t.f.Sensitive)...)
	t.keepSensitive(all, use)
	var id *table.Column
	if t.f.ID != "" {
		id = all.Column(t.f.ID)
	}
	if len(use) < all.NRows() {
		x, t.y = x.Take(use), t.y.Take(use)
		if id != nil {
			id = id.Take(use)
		}
	}
	t.x, t.unused = &table.Table{}, &table.Table{}
	if id != nil {
		t.unused.Columns = append(t.unused.Columns, id)
	}
	for _, c := range x.Columns {
		if reason := useless(c); reason.En != "" {
			t.unused.Columns = append(t.unused.Columns, c)
			t.note("列 %[1]s：%[2]s，未使用", "column %[1]s: %[3]s, not used", c.Name, reason.Zh, reason.En)
			continue
		}
		t.x.Columns = append(t.x.Columns, c)
	}
	t.row = make([]int64, len(use))
	for i, r := range use {
		t.row[i] = int64(r)
		if info.Row != nil {
			t.row[i] = info.Row[r]
		}
	}
	if id != nil {
		t.group = groupsOf(id)
	}
	t.res.Features = len(t.x.Columns)
	t.noteSensitive()
}

// useless says why a column cannot help any model, or nothing.
func useless(c *table.Column) ladder.Text {
	first, filled, same := -1, 0, true
	seen := make([]bool, 0)
	if c.Kind.InCode() {
		seen = make([]bool, c.Dict.Len())
	}
	distinct := 0
	for i := range c.Len() {
		if c.IsMissing(i) {
			continue
		}
		filled++
		if first < 0 {
			first = i
		}
		if c.Kind.InCode() {
			if same = same && c.Code[i] == c.Code[first]; !seen[c.Code[i]] {
				seen[c.Code[i]] = true
				distinct++
			}
		} else {
			same = same && c.Float(i) == c.Float(first)
		}
	}
	switch {
	case filled == 0:
		return ladder.Text{Zh: "没有任何值", En: "no value at all"}
	case same && filled == c.Len():
		return ladder.Text{Zh: "只有一个值", En: "one value only"}
	case model.IsText(c, nil): // linear and gbdt read it
	case c.Kind == table.Text:
		return ladder.Text{Zh: "几乎不重复的代码或名称", En: "codes or names that hardly repeat"}
	case c.Kind.InCode() && distinct == filled && filled > 1 && filled >= c.Len()/2:
		return ladder.Text{Zh: "每行的值都不同", En: "a different value in every row"}
	}
	return ladder.Text{}
}

// groupsOf numbers the rows by the values of the id, nil where no value repeats. A row without an id stands alone.
func groupsOf(id *table.Column) []int64 {
	out := make([]int64, id.Len())
	repeats := false
	byNumber := map[float64]int64{} // one entry per different id: the order of entries is not used
	seen := map[int32]bool{}
	for i := range out {
		switch {
		case id.IsMissing(i):
			out[i] = -1 - int64(i)
		case id.Kind.InCode():
			out[i] = int64(id.Code[i])
			repeats = repeats || seen[id.Code[i]]
			seen[id.Code[i]] = true
		default:
			v := id.Float(i)
			g, ok := byNumber[v]
			if !ok {
				g = int64(len(byNumber))
				byNumber[v] = g
			}
			out[i] = g
			repeats = repeats || ok
		}
	}
	if !repeats {
		return nil
	}
	return out
}

func (t *trial) checkColumns(all *table.Table) error {
	for _, name := range slices.Concat([]string{t.f.Outcome}, t.f.Drop, t.f.Sensitive, []string{t.f.ID}) {
		if name != "" && all.Column(name) == nil {
			return kequn.Errorf(kequn.KindInput, t.f.File, "there is no column %q", name).WithHint("its columns are %s", listed(all.Names()))
		}
	}
	if all.Column(t.f.Outcome+" (2)") != nil {
		return kequn.Errorf(kequn.KindInput, t.f.File, "two columns are called %q: which is the outcome?", t.f.Outcome).WithHint("rename one of them")
	}
	if all.Column(t.f.Outcome).Kind == table.Time {
		return kequn.Errorf(kequn.KindInput, t.f.File, "column %q holds times; an outcome is yes or no, a class or a number", t.f.Outcome)
	}
	return nil
}

// listed joins names, the first thirty of many.
func listed(names []string) string {
	const most = 30
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}

// noteReading says which rows and values a file lost on reading.
func (t *trial) noteReading(file string, c source.Counts) {
	if c.Rejected > 0 {
		t.note("%s：%d 行不完整或损坏，未使用", "%s: %d rows are flawed and were not used", file, c.Rejected)
	}
	for _, w := range c.Warnings {
		t.note("%s 的列 %s：%d 个值按缺失处理（%s）", "%s, column %s: %d values count as missing (%s)", file, w.Column, w.Rows, w.Reason.Words(t.Lang))
	}
}

// climb runs the ladder.
func (t *trial) climb(ctx context.Context) error {
	o := ladder.Options{Seed: t.Seed, Threads: t.Threads, Memory: t.Memory, NoAuto: !t.whole(), Inside: t.f.Test != "", Plan: t.plan, Asked: t.asked, Progress: func(done, of float64, doing string) {
		t.Progress(t.Lang.Pick("训练模型", "train models"), int64(1000*done), int64(1000*of))
	}}
	in := ladder.Input{X: t.x, Y: t.y, W: t.w, Rungs: t.rungs(), Rounds: t.split.rounds, Group: t.group}
	if t.f.Time <= 0 {
		o.Effort = usualEffort
	}
	if t.f.Time > 0 && t.plan == nil {
		// The plan follows from the time allowed, whatever reading took; the clock, less a little for figures and files, only
		// drops steps. With no time left the ladder still does its constant.
		o.Budget = t.f.Time * 8 / 10
		o.Left = max(t.f.Time-time.Since(t.began)-t.f.Time/20-time.Duration(t.x.NRows())*afterwards, time.Millisecond)
		t.res.TrainLimit = t.limitFor(in, o)
	}
	in.Rounds = t.limited(in.Rounds)
	r, err := ladder.Run(ctx, in, o)
	if err != nil {
		return err
	}
	t.ladder = r
	return nil
}

// usualEffort is what is planned for where no time is given: a coffee, not a lunch.
const usualEffort = 3 * time.Minute

// afterwards is about what a row costs once its models are trained: calibration, figures, the line in the file.
const afterwards = 2 * time.Microsecond

// leastTrain is the number of training rows below which none are left out to save time.
const leastTrain = 20_000

// limitFor returns how many training rows a round may have so that the rungs worth most have their turn within the budget, 0 for
// all: a good model of some rows beats a simple one of all.
func (t *trial) limitFor(in ladder.Input, o ladder.Options) int {
	most := 0
	for _, r := range in.Rounds {
		most = max(most, len(r.Train))
	}
	all := in.Rounds
	for limit := most; ; limit = max(limit/2, leastTrain) {
		t.res.TrainLimit = 0
		if limit < most {
			t.res.TrainLimit = limit
		}
		in.Rounds = t.limited(all)
		if ladder.MakePlan(in, o).Enough() || limit <= leastTrain {
			return t.res.TrainLimit
		}
	}
}

// limited leaves out training rows beyond the limit, by a draw that follows from the seed.
func (t *trial) limited(rounds []ladder.Round) []ladder.Round {
	limit := t.res.TrainLimit
	if limit <= 0 {
		return rounds
	}
	out := slices.Clone(rounds)
	for k, r := range rounds {
		if len(r.Train) <= limit {
			continue
		}
		keep := uint64(float64(limit) / float64(len(r.Train)) * (1 << 53))
		out[k].Train = slices.DeleteFunc(slices.Clone(r.Train), func(i int32) bool { return kernel.Mix(kernel.Mix(t.Seed+2)^uint64(i))>>11 >= keep })
	}
	return out
}

// report fills in the result from the ladder.
func (t *trial) report() {
	r, res := t.ladder, t.res
	res.Task, res.Folds = r.Task, len(t.split.rounds)
	res.Rows = t.trainRows()
	if r.Task == kequn.Binary {
		n := 0
		for _, v := range t.y.Y[:res.Rows] {
			n += int(v)
		}
		res.Positives, res.Positive = &n, t.target.positive
	}
	res.Outcome, res.Classes = t.f.Outcome, t.target.classes
	res.Asked, res.Plan, res.StoppedBy = t.asked, r.Plan, r.StoppedBy
	for i := range r.Models {
		e := &r.Models[i]
		switch {
		case e.Failed != "":
			res.NotRun = append(res.NotRun, TryNotRun{e.Name, t.reason(e)})
		case e.Name == ladder.BaseName:
			m := t.line(e)
			res.Baseline = &m
		default:
			res.Models = append(res.Models, t.line(e))
		}
	}
	if t.whole() {
		res.Simple = r.Simple
	}
	if e := r.Entry(r.Simple); slices.Contains(t.asked, SimpleName) && e != nil {
		m := t.line(e)
		m.Name, m.Rung = SimpleName, e.Name
		res.Models = append(res.Models, m)
	}
	t.choose()
	if res.TrainLimit > 0 {
		t.note("为守住时限，每折只用约 %d 行训练", "to keep to the time, each fold's models were trained on about %d rows", res.TrainLimit)
	}
	if r.Task == kequn.Binary {
		if rare := min(*res.Positives, res.Rows-*res.Positives); rare < fewRare {
			t.note("少数类只有 %d 行，各项指标的误差很大", "only %d rows of the rarer class: every figure is mostly noise", rare)
		}
	}
}

// fewRare is the number of rows of the rarer class below which a word of warning is due.
const fewRare = 30

func (t *trial) reason(e *ladder.Entry) string {
	for _, s := range t.ladder.Plan.Steps {
		if s.Name == e.Name && !s.Run && s.Reason.En == e.Failed {
			return s.Reason.In(t.Lang)
		}
	}
	return e.Failed
}

// choose names the chosen line and says why. Where the clock stopped all models, the constant is all there is.
func (t *trial) choose() {
	r, res := t.ladder, t.res
	if len(res.Models) == 0 {
		res.Models = append(res.Models, *res.Baseline)
	}
	has := func(name string) bool {
		return slices.ContainsFunc(res.Models, func(m TryModel) bool { return m.Name == name })
	}
	switch {
	case slices.Contains(t.asked, ladder.AutoName) && has(ladder.AutoName):
		res.Chosen = ladder.AutoName
	case slices.Contains(t.asked, SimpleName) && has(SimpleName):
		res.Chosen = SimpleName
	default:
		best := math.Inf(1)
		for _, m := range res.Models {
			if e := r.Entry(m.Name); e != nil && e.Loss() < best {
				res.Chosen, best = m.Name, e.Loss()
			}
		}
		if res.Chosen == "" {
			res.Chosen = res.Models[0].Name
		}
		r.Chosen = res.Chosen
	}
	res.Why, res.Brief = r.Why(t.Lang), r.Brief(t.Lang)
	add := func(zh, en string, args ...any) {
		text := t.Lang.Pick("", " ") + fmt.Sprintf(t.Lang.Pick(zh, en), args...)
		res.Why, res.Brief = res.Why+text, res.Brief+text
	}
	if res.Chosen == SimpleName {
		add("按要求取最简单者：%s。", "The simplest was asked for: %s.", r.Simple)
	}
	if b := r.Entry(ladder.BaseName); !t.whole() && b != nil && b.Failed == "" && res.Chosen != ladder.BaseName && b.Loss() < r.Entry(res.Chosen).Loss() {
		add("对所有人给同一个分数反而更好：这些列里看不出规律。", "The same score for everybody does better: the columns do not tell.")
	}
}

// line turns an entry of the ladder into a line of the result.
func (t *trial) line(e *ladder.Entry) TryModel {
	m := TryModel{Name: e.Name, FitSeconds: e.FitSeconds, PredictSeconds: e.PredictSeconds, PeakMB: e.PeakMB, Params: e.Params,
		Blend: e.Blend, Calibration: e.Calibration, Behind: e.Behind}
	if m.Params == nil {
		m.Params = map[string]float64{}
	}
	if m.Behind != nil && !(finite(m.Behind.Loss) && finite(m.Behind.SE)) {
		m.Behind = nil
	}
	f := e.Figures
	switch t.ladder.Task {
	case kequn.Binary:
		m.BinaryFigures = &BinaryFigures{AUC: sound(f.AUC), AUCSD: sound(f.AUCSD), PRAUC: sound(f.PRAUC), Brier: sound(f.Brier), TopDecileGain: sound(f.TopDecileGain)}
		m.ECE, m.ECEPooled = t.calibrationError(e.Name)
		m.LogLoss = sound(f.LogLoss)
	case kequn.Regression:
		m.AmountFigures = &AmountFigures{RMSE: sound(f.RMSE), RMSESD: sound(f.RMSESD), MAE: sound(f.MAE), R2: sound(f.R2)}
	default:
		m.ClassFigures = &ClassFigures{Accuracy: sound(f.Accuracy), MacroAUC: sound(f.MacroAUC)}
		m.LogLoss = sound(f.LogLoss)
	}
	return m
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// sound returns a figure that JSON can hold, nil for one that there is not.
func sound(v *float64) *float64 {
	if v == nil || !finite(*v) {
		return nil
	}
	return v
}

// calibrationError returns the calibration error of a line: the mean over folds, and that of all rows together.
func (t *trial) calibrationError(name string) (byFold, pooled *float64) {
	score, _, err := t.ladder.OutOfSample(name)
	if err != nil {
		return nil, nil
	}
	of := func(rows []int32) float64 {
		y, p := make([]float64, 0, len(rows)), make([]float64, 0, len(rows))
		for _, r := range rows {
			if t.judged(r) {
				y, p = append(y, t.y.Y[r]), append(p, score[r])
			}
		}
		return metric.ECE(y, p, nil)
	}
	sum := 0.0
	var all []int32
	for _, round := range t.split.rounds {
		sum += of(round.Test)
		all = append(all, round.Test...)
	}
	sum /= float64(len(t.split.rounds))
	together := of(all)
	return sound(&sum), sound(&together)
}

// judged tells whether the outcome of a row is known.
func (t *trial) judged(row int32) bool { return t.w == nil || t.w[row] > 0 }

// rung returns the ladder's line behind a name of the result.
func (t *trial) rung(name string) string {
	if name == SimpleName {
		return t.ladder.Simple
	}
	return name
}
