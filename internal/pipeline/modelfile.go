package pipeline

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"kequn"
	"kequn/internal/metric"
	"kequn/internal/model"
	"kequn/internal/model/ladder"
	"kequn/internal/source"
	"kequn/internal/store"
	"kequn/internal/table"
)

// saveModel writes the chosen line's model, trained on all rows.
func (t *trial) saveModel(ctx context.Context, files *stage) error {
	if t.f.Save == "" {
		return nil
	}
	t.Progress(t.Lang.Pick("训练最终模型", "train the final model"), 0, 0)
	m, err := t.ladder.Fit(ctx, t.rung(t.res.Chosen))
	if err != nil {
		return err
	}
	positive := ""
	if t.y.Task == kequn.Binary {
		positive = t.target.positive
	}
	m.SetOutcome(t.f.Outcome, positive)
	t.note("模型 %s 已用全部 %d 行重新训练，存为 %s", "the model %s, trained again on all %d rows, is in %s", t.res.Chosen, m.Header().Rows, t.f.Save)
	return files.write(t.f.Save, func(w io.Writer) error { return model.Save(w, m) })
}

// OpenModel opens a model by its file or, where there is no such file and the folder is a workspace, by the name of a goal.
//
// Errors: input where there is neither, damaged for a file that is no model, is cut or was written by a newer program.
func OpenModel(o Options, name string) (model.Model, error) {
	f, err := os.Open(name)
	if err == nil {
		defer f.Close()
		m, err := model.Load(f, o.Decoders)
		var e *kequn.Error
		if errors.As(err, &e) {
			placed := *e
			placed.Where = name
			return nil, &placed
		}
		return m, err
	}
	if store.Exists(orDot(o.Dir)) {
		s, err := Open(o)
		if err != nil {
			return nil, err
		}
		defer s.Close()
		return s.GoalModel(name)
	}
	return nil, kequn.Errorf(kequn.KindInput, name, "cannot be read: %v", plain(err)).WithHint("kequn try FILE --outcome COL --save MODEL.kqm makes one")
}

func orDot(dir string) string {
	if dir == "" {
		return "."
	}
	return dir
}

// GoalModel returns the model of a goal of the workspace.
func (s *Shop) GoalModel(goal string) (model.Model, error) {
	v, err := s.look()
	if err != nil {
		return nil, err
	}
	var goals []string
	for _, b := range v.snap.Blobs("models") {
		if b.Name == goal {
			text, err := v.snap.Blob("models", goal)
			if err != nil {
				return nil, err
			}
			return model.Load(bytes.NewReader(text), s.Decoders)
		}
		goals = append(goals, b.Name)
	}
	if len(goals) == 0 {
		return nil, kequn.Errorf(kequn.KindInput, goal, "there is no such file, and no goal of the workspace has a model yet").WithHint("kequn predict GOAL makes one")
	}
	return nil, kequn.Errorf(kequn.KindInput, goal, "there is neither such a file nor a goal with a model").WithHint("goals with a model are %s", listed(goals))
}

// ModelInfo says what a model file holds.
type ModelInfo struct {
	File     string             `json:"file"`
	Family   string             `json:"family"`
	Line     string             `json:"line,omitempty"` // of the ladder, that it was made from
	Task     kequn.Task         `json:"task"`
	Outcome  string             `json:"outcome,omitempty"`
	Positive string             `json:"positive,omitempty"`
	Classes  []string           `json:"classes,omitempty"`
	Rows     int                `json:"rows"`
	Columns  []ModelColumn      `json:"columns"`
	Members  []ModelMember      `json:"members,omitempty"` // of a blend
	Params   map[string]float64 `json:"params"`
	Rules    []string           `json:"rules,omitempty"`
	Notes    []string           `json:"notes"`
	Exports  []string           `json:"exports"` // what it can be written as
}

// ModelColumn is a column that a model wants.
type ModelColumn struct {
	Name       string  `json:"name"`
	Kind       string  `json:"kind"`
	Levels     int     `json:"levels,omitempty"`
	Importance float64 `json:"importance"`
}

// ModelMember is a part of a blend.
type ModelMember struct {
	Name        string             `json:"name"`
	Family      string             `json:"family"`
	Weight      float64            `json:"weight"`
	Calibration string             `json:"calibration"`
	Params      map[string]float64 `json:"params"`
}

// ShowModel describes a model.
func ShowModel(o Options, name string) (*ModelInfo, error) {
	o = o.withDefaults()
	m, err := OpenModel(o, name)
	if err != nil {
		return nil, err
	}
	h := m.Header()
	out := &ModelInfo{File: name, Family: h.Family, Task: h.Task, Outcome: h.Outcome, Positive: h.Positive, Classes: h.Classes, Rows: h.Rows,
		Columns: []ModelColumn{}, Params: valuesOf(h.Params), Notes: append([]string{}, h.Notes...), Exports: []string{}}
	importance := make([]float64, len(h.Columns))
	if i, ok := m.(model.Importancer); ok {
		importance = i.Importance()
	}
	for j, c := range h.Columns {
		out.Columns = append(out.Columns, ModelColumn{Name: c.Name, Kind: c.Kind.String(), Levels: len(c.Levels), Importance: importance[j]})
	}
	if c, ok := m.(*ladder.Choice); ok {
		out.Line, out.Params = c.Line(), map[string]float64{}
		members, shares := c.Members()
		_, kinds := c.Calibrations()
		for i, s := range shares {
			mh := members[i].Header()
			kind := kinds[i]
			if kind == "" {
				kind = metric.NoCalibration
			}
			out.Members = append(out.Members, ModelMember{Name: s.Name, Family: mh.Family, Weight: s.Weight, Calibration: kind, Params: valuesOf(mh.Params)})
		}
	}
	if r, ok := m.(model.Ruler); ok {
		out.Rules = r.Rules(o.Lang)
	}
	if _, err := model.ExportONNX(m); err == nil {
		out.Exports = append(out.Exports, "onnx")
	}
	if _, err := model.ExportSQL(m, model.SQLOptions{Dialect: model.Dialects[0]}); err == nil {
		out.Exports = append(out.Exports, "sql")
	}
	return out, nil
}

func valuesOf(v []model.Value) map[string]float64 {
	out := map[string]float64{}
	for _, x := range v {
		out[x.Name] = x.Value
	}
	return out
}

// ModelExportFlags say what to write a model as.
type ModelExportFlags struct {
	Model   string
	To      string // onnx, sql, or kqm: the model file itself, of a goal
	Out     string
	Table   string   // sql: what is read
	Keep    []string // sql: columns that the result keeps
	Dialect string   // sql
}

// ModelExported says what was written.
type ModelExported struct {
	Model string `json:"model"`
	To    string `json:"to"`
	Out   string `json:"out"`
	Bytes int    `json:"bytes"`
}

// ExportModel writes a model as another format, or says why it cannot be: nothing is written then.
func ExportModel(o Options, f ModelExportFlags) (*ModelExported, error) {
	o = o.withDefaults()
	if f.Dialect == "" {
		f.Dialect = model.Dialects[0].Name
	}
	dialect, err := model.DialectOf(f.Dialect)
	switch {
	case err != nil:
		return nil, err
	case f.Out == "":
		return nil, usage("", "export wants --out").WithHint("name the file to write: --out model.onnx")
	case f.To != "onnx" && f.To != "sql" && f.To != "kqm":
		return nil, usage("--to", "%q is nothing that models are written as", f.To).WithHint("onnx, sql or kqm")
	}
	files := &stage{inputs: []string{f.Model}}
	if err := files.check(f.Out); err != nil {
		return nil, err
	}
	m, err := OpenModel(o, f.Model)
	if err != nil {
		return nil, err
	}
	var text []byte
	switch f.To {
	case "onnx":
		text, err = model.ExportONNX(m)
	case "sql":
		var s string
		s, err = model.ExportSQL(m, model.SQLOptions{Dialect: dialect, Table: f.Table, Keep: f.Keep})
		text = []byte(s)
	default:
		var b bytes.Buffer
		err = model.Save(&b, m)
		text = b.Bytes()
	}
	if err != nil {
		return nil, err
	}
	defer files.abort()
	if err := files.write(f.Out, func(w io.Writer) error { _, err := w.Write(text); return err }); err != nil {
		return nil, err
	}
	return &ModelExported{Model: f.Model, To: f.To, Out: f.Out, Bytes: len(text)}, files.commit()
}

// ModelScoreFlags say what to score with a model.
type ModelScoreFlags struct {
	Model       string
	File        string // the table
	Outcome     string // a column to judge by; "" judges not
	Positive    string // its value that counts as yes; "" is the model's
	Predictions string // CSV to write
}

// ModelScored is what became of it. Figures are those of rows whose outcome is known.
type ModelScored struct {
	Model       string     `json:"model"`
	Task        kequn.Task `json:"task"`
	Rows        int        `json:"rows"`
	Mean        *float64   `json:"mean_score,omitempty"`
	Predictions string     `json:"predictions,omitempty"`
	Seconds     float64    `json:"predict_seconds"` // of scoring alone, without reading
	Judged      int        `json:"judged"`          // rows with an outcome
	Positives   *int       `json:"positives,omitempty"`
	Outcome     string     `json:"outcome,omitempty"`
	Positive    string     `json:"positive,omitempty"`
	*BinaryFigures
	*AmountFigures
	*ClassFigures
	AUC95   *metric.Interval `json:"auc_95,omitempty"`
	LogLoss *float64         `json:"log_loss,omitempty"`
	Notes   []string         `json:"notes"`
}

// The fewest rows, and rows of the rarer kind, on which figures mean anything.
const (
	fewestJudged = 30
	fewestRare   = 5
)

// ScoreModel scores a table with a model. Columns are found by name; a table that lacks some, or whose columns hold something else, is
// refused with their names.
func ScoreModel(ctx context.Context, o Options, f ModelScoreFlags) (*ModelScored, error) {
	o = o.withDefaults()
	if f.Predictions == "" && f.Outcome == "" {
		return nil, usage("", "score wants --predictions, --outcome or both").WithHint("--predictions OUT.csv writes the scores; --outcome COL says how good they are")
	}
	files := &stage{inputs: []string{f.Model, f.File}}
	if err := files.check(f.Predictions); err != nil {
		return nil, err
	}
	m, err := OpenModel(o, f.Model)
	if err != nil {
		return nil, err
	}
	h := m.Header()
	o.Progress(o.Lang.Pick("读取表格", "read the table"), 0, 0)
	x, rows, notes, err := readForModel(ctx, o, f.File, h, f.Outcome)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	score, err := m.Predict(x)
	if err != nil {
		return nil, err
	}
	out := &ModelScored{Model: f.Model, Task: h.Task, Rows: x.NRows(), Seconds: time.Since(began).Seconds(), Notes: append([]string{}, notes...)}
	if h.Task != kequn.Multiclass {
		mean := 0.0
		for _, s := range score {
			mean += s / float64(len(score))
		}
		out.Mean = sound(&mean)
	}
	if f.Outcome != "" {
		if err := out.judge(o, f, h, x.Column(f.Outcome), score); err != nil {
			return nil, err
		}
	}
	if f.Predictions != "" {
		defer files.abort()
		if err := files.write(f.Predictions, func(w io.Writer) error { return writeScored(w, h, rows, score) }); err != nil {
			return nil, err
		}
		out.Predictions = f.Predictions
	}
	return out, files.commit()
}

// readForModel reads a table as a model wants it: a column of numbers is read as words where the model knows it as a category. rows are
// the numbers of the rows in the file.
func readForModel(ctx context.Context, o Options, path string, h model.Header, outcome string) (x *table.Table, rows []int64, notes []string, err error) {
	all, info, err := source.ReadFlat(ctx, path, source.Options{Threads: o.Threads})
	if err != nil {
		return nil, nil, nil, err
	}
	if all.NRows() == 0 {
		return nil, nil, nil, kequn.Errorf(kequn.KindInput, path, "has a header and no row")
	}
	var missing, wrong []string
	words := map[string]bool{} // looked up only
	for _, want := range h.Columns {
		c := all.Column(want.Name)
		switch {
		case c == nil:
			missing = append(missing, want.Name)
		case want.Kind != table.Number && !c.Kind.InCode():
			words[want.Name] = true
		case want.Kind == table.Number && c.Kind.InCode():
			if !allMissing(c) {
				wrong = append(wrong, want.Name)
				continue
			}
			*c = table.Column{Name: c.Name, Kind: table.Number, Num: slices.Repeat([]float64{math.NaN()}, c.Len())}
		}
	}
	hint := "was the model trained on another table? kequn model show lists its columns"
	switch {
	case missing != nil:
		return nil, nil, nil, kequn.Errorf(kequn.KindInput, path, "lacks %d of the model's %d columns: %s", len(missing), len(h.Columns), listed(missing)).WithHint("%s", hint)
	case wrong != nil:
		return nil, nil, nil, kequn.Errorf(kequn.KindInput, path, "holds words where the model wants numbers: %s", listed(wrong)).WithHint("%s", hint)
	case outcome != "" && all.Column(outcome) == nil:
		return nil, nil, nil, kequn.Errorf(kequn.KindInput, path, "there is no column %q", outcome).WithHint("its columns are %s", listed(all.Names()))
	}
	if len(words) > 0 {
		if err := asWords(ctx, o, path, info.Columns, words, all); err != nil {
			return nil, nil, nil, err
		}
	}
	if info.Counts.Rejected > 0 {
		notes = append(notes, strings.TrimSpace(o.Lang.Pick("不完整或损坏而未评分的行数：", "rows that are flawed and were not scored: ")+strconv.FormatInt(info.Counts.Rejected, 10)))
	}
	for i := range all.NRows() {
		row := int64(i)
		if info.Row != nil {
			row = info.Row[i]
		}
		rows = append(rows, row)
	}
	return all, rows, notes, nil
}

func allMissing(c *table.Column) bool {
	for i := range c.Len() {
		if !c.IsMissing(i) {
			return false
		}
	}
	return true
}

// asWords reads columns of a file again, as categories, into the table.
func asWords(ctx context.Context, o Options, path string, columns []source.Column, words map[string]bool, all *table.Table) error {
	f, err := source.Open(path, source.Options{Threads: o.Threads})
	if err != nil {
		return err
	}
	defer f.Close()
	schema := slices.Clone(columns) // all of them, so that the same rows are flawed
	again := &table.Table{}
	for i := range schema {
		if words[schema[i].Name] {
			schema[i].Kind, schema[i].Layout = table.Category, ""
		}
		again.Columns = append(again.Columns, table.NewColumn(schema[i].Name, schema[i].Kind, 0))
	}
	if _, err := f.Read(ctx, schema, func(b *source.Batch) error { return again.Append(b.Table) }, nil); err != nil {
		return err
	}
	for i, c := range all.Columns {
		if words[c.Name] {
			all.Columns[i] = again.Column(c.Name)
		}
	}
	return nil
}

// judge fills in the figures, where they mean anything.
func (r *ModelScored) judge(o Options, f ModelScoreFlags, h model.Header, c *table.Column, score []float64) error {
	t := &target{file: f.File, column: f.Outcome, task: h.Task, classes: h.Classes, positive: f.Positive}
	switch h.Task {
	case kequn.Binary:
		if t.positive == "" {
			t.positive = h.Positive
		}
		if t.positive == "" {
			var err error
			if t, err = targetOf(c, TryFlags{File: f.File, Outcome: f.Outcome, Task: string(kequn.Binary)}); err != nil {
				return err
			}
		}
		r.Positive = t.positive
	case kequn.Regression:
		if c.Kind.InCode() {
			return kequn.Errorf(kequn.KindInput, f.File, "column %q does not hold numbers, and the model predicts an amount", f.Outcome)
		}
	}
	r.Outcome = f.Outcome
	k := h.NOut()
	var y, p []float64
	for i, v := range t.values(c) {
		if finite(v) {
			y, p = append(y, v), append(p, score[i*k:(i+1)*k]...)
		}
	}
	r.Judged = len(y)
	yes := 0
	for _, v := range y {
		if v == 1 {
			yes++
		}
	}
	say := func(zh, en string) { r.Notes = append(r.Notes, o.Lang.Pick(zh, en)) }
	if h.Task == kequn.Binary {
		r.Positives = &yes
	}
	switch {
	case len(y) < fewestJudged:
		say("有结果的行太少，任何指标都没有意义", "too few rows have an outcome for any figure to mean something")
	case h.Task == kequn.Binary && min(yes, len(y)-yes) < fewestRare:
		say("少数类的行太少，任何指标都没有意义", "too few rows of the rarer kind for any figure to mean something")
	case h.Task == kequn.Binary:
		auc, pr, brier, gain, ece, loss := metric.AUC(y, p, nil), metric.PRAUC(y, p, nil), metric.Brier(y, p, nil), metric.TopDecileGain(y, p, nil), metric.ECE(y, p, nil), metric.LogLoss(y, p, nil)
		r.BinaryFigures = &BinaryFigures{AUC: sound(&auc), PRAUC: sound(&pr), Brier: sound(&brier), TopDecileGain: sound(&gain), ECE: sound(&ece)}
		interval := metric.AUCInterval(y, p, 0.95)
		r.AUC95, r.LogLoss = &interval, sound(&loss)
	case h.Task == kequn.Regression:
		rmse, mae, r2 := metric.RMSE(y, p, nil), metric.MAE(y, p, nil), metric.R2(y, p, nil)
		r.AmountFigures = &AmountFigures{RMSE: sound(&rmse), MAE: sound(&mae), R2: sound(&r2)}
	default:
		class := make([]int32, len(y))
		for i, v := range y {
			class[i] = int32(v)
		}
		accuracy, auc, loss := metric.Accuracy(class, metric.TopClass(p, k), nil), metric.MacroAUC(class, p, k, nil), metric.MultiLogLoss(class, p, k, nil)
		r.ClassFigures, r.LogLoss = &ClassFigures{Accuracy: sound(&accuracy), MacroAUC: sound(&auc)}, sound(&loss)
	}
	return nil
}

func writeScored(w io.Writer, h model.Header, rows []int64, score []float64) error {
	head, k := "row,score\n", h.NOut()
	classes := make([]string, k)
	if h.Task == kequn.Multiclass {
		head = "row,class,score\n"
		for i, c := range h.Classes {
			classes[i] = csvField(c) + ","
		}
	}
	if _, err := io.WriteString(w, head); err != nil {
		return err
	}
	var b []byte
	for i, row := range rows {
		b = b[:0]
		for c := range k {
			b = strconv.AppendInt(b, row, 10)
			b = append(b, ',')
			b = append(b, classes[c]...)
			b = strconv.AppendFloat(b, score[i*k+c], 'g', -1, 64)
			b = append(b, '\n')
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	return nil
}
