package ladder

import (
	"fmt"
	"math"
	"slices"

	"kequn"
	"kequn/internal/table"
)

// Facts are what the policy decides on: the problem, the size of the data and the compute there is.
type Facts struct {
	Task    kequn.Task `json:"task"`
	Classes int        `json:"classes,omitempty"` // multiclass
	Rows    int        `json:"rows"`              // training rows of the largest round
	Columns int        `json:"columns"`           // free text counts as many
	Texts   int        `json:"texts,omitempty"`   // of them free text
	Rarer   int        `json:"rarer,omitempty"`   // binary: training rows of the rarer class
	Threads int        `json:"threads"`
	Seconds float64    `json:"seconds,omitempty"` // time given; 0: no limit
	Memory  int64      `json:"memory,omitempty"`  // bytes that may be used; 0: no limit
}

// trait is what the ladder knows of a family before it has seen the data. Costs were measured on the public sets of the bench
// and on synthetic tables, in seconds of one processor; they only decide what is tried, the true time is in the result.
type trait struct {
	name   string
	once   float64 // seconds per fit, however small
	cell   float64 // seconds of the first million rows × columns; more cost a little less each
	square float64 // seconds per million squared rows
	bytes  float64 // memory per row × column while it is fitted
	class  bool    // several classes cost several times
	simple bool    // few numbers, learnt from few rows
	deep   bool    // many numbers, learnt from many rows
	boost  bool    // a kind of gradient boosting
	mute   bool    // its contributions are slow, or not of the model's own parts: another member explains a blend
}

// traits are in the order of worth: what is tried first where time is short.
var traits = []trait{
	{name: BaseName, cell: 0.001, simple: true},
	{name: "linear", once: 0.02, cell: 0.35, bytes: 16, class: true, simple: true},
	{name: "gbdt", once: 0.06, cell: 0.4, bytes: 6, class: true, boost: true},
	{name: "sequence", once: 0.06, cell: 0.4, bytes: 6, class: true, boost: true}, // the same trees over embeddings too
	{name: "gbdt-symmetric", once: 0.55, cell: 3.8, bytes: 6, class: true, boost: true},
	{name: "additive", once: 0.1, cell: 4.3, bytes: 8, class: true},
	{name: "gbdt-careful", once: 0.25, cell: 3.1, bytes: 6, class: true, boost: true},
	{name: "gbdt-varied", once: 0.2, cell: 2.5, bytes: 6, class: true, boost: true},
	{name: "mlp", once: 0.15, cell: 6, bytes: 12, deep: true, mute: true},
	{name: "forest", once: 0.05, cell: 4.3, bytes: 8, mute: true},
	{name: "svm", once: 0.05, cell: 1, square: 0.035, bytes: 12, class: true, mute: true},
	{name: "extra", once: 0.05, cell: 4.4, bytes: 8, mute: true},
	{name: "tree", once: 0.02, cell: 0.25, bytes: 8, simple: true},
	{name: "rulelist", once: 0.15, cell: 0.8, bytes: 8, simple: true},
}

// traitOf returns what is known of a family, something middling where nothing is.
func traitOf(name string) trait {
	if i := slices.IndexFunc(traits, func(t trait) bool { return t.name == name }); i >= 0 {
		return traits[i]
	}
	return trait{name: name, once: 0.1, cell: 10, bytes: 16, class: true}
}

// Cheap tells whether a family trains so quickly that it need not earn its place in a heat.
func Cheap(name string) bool {
	t := traitOf(name)
	return t.cell <= cheapCell && t.square == 0
}

// worth is the place of a family in the order in which families are tried where time is short.
func worth(name string) int {
	if i := slices.IndexFunc(traits, func(t trait) bool { return t.name == name }); i >= 0 {
		return i
	}
	return len(traits)
}

// seconds estimates one fit on one processor.
func (t trait) seconds(rows, cols, classes int) float64 {
	n := float64(rows)
	cells := t.cell * math.Pow(n*float64(cols)/1e6, 0.9)
	s := t.once + cells + t.square*n*n/1e6
	if t.square > 0 && rows > kernelUpTo { // over landmarks
		s = t.once + 4*cells
	}
	if t.class && classes > 2 {
		s *= float64(classes)
	}
	return s
}

// The borders of the policy, in rows.
const (
	// few is the number of rows of the rarer class below which only simple families are tried: ten to twenty events per number
	// learnt is the old rule for regressions (Peduzzi et al., 1996), and trees and networks learn more numbers.
	few = 30
	// deepFrom is the number of training rows from which networks are tried: below, trees and straight lines win on tables
	// (Grinsztajn et al., 2022; Shwartz-Ziv, Armon, 2022).
	deepFrom = 500
	// kernelUpTo is the number of training rows up to which a kernel machine is tried: the time of an exact one grows with their
	// square, and above an approximate one was behind trees on every table of the bench.
	kernelUpTo = 10_000
	// textColumns is how many columns a column of free text costs.
	textColumns = 30
	// manyClasses is the number of classes above which families that fit one function per class are left out.
	manyClasses = 30
)

// Verdict is what the policy says about one family: whether it is tried, which rule said so, and why in words.
type Verdict struct {
	Name   string `json:"name"`
	Try    bool   `json:"try"`
	Rule   string `json:"rule"`   // problem, size or compute
	Reason Text   `json:"reason"` //
}

// Policy says which of the families are worth trying, before anything is measured, by the three criteria: the type of the problem,
// the size of the data (simple families for small tables, deep ones for large) and the compute (simple where it is poor). What it
// lets through is then judged by evidence: by held-out rows, in heats where time is short. Families asked for by name are tried in
// any case that could work.
func Policy(f Facts, names, asked []string) []Verdict {
	out := make([]Verdict, 0, len(names))
	for _, name := range names {
		v := Verdict{Name: name, Try: true}
		v.Rule, v.Reason, v.Try = judgeFamily(f, traitOf(name), names, slices.Contains(asked, name))
		out = append(out, v)
	}
	return out
}

func judgeFamily(f Facts, t trait, names []string, asked bool) (rule string, why Text, try bool) {
	no := func(rule, zh, en string, a ...any) (string, Text, bool) { return rule, text(zh, en, a...), false }
	simpleThere := slices.ContainsFunc(names, func(n string) bool { return n != BaseName && traitOf(n).simple })
	switch {
	case t.name == BaseName:
		return "problem", text("对照：所有人同一个分数", "the yardstick: one score for everybody"), true
	case asked:
		return "asked", text("按名称要求", "asked for by name"), true

	case f.Task == kequn.Multiclass && f.Classes > manyClasses && t.class && !t.simple && !t.boost:
		return no("problem", "%d 个类别，每类一个函数代价过高", "%d classes, and it fits a function for each", f.Classes)
	case f.Task == kequn.Multiclass && f.Classes > manyClasses && t.boost && t.name != "gbdt":
		return no("problem", "%d 个类别，一种提升树已足够", "%d classes: one kind of boosting must do", f.Classes)

	case f.Task == kequn.Binary && f.Rarer < few && !t.simple && simpleThere:
		return no("size", "只有 %d 个少数类样本，复杂模型无从学起", "only %d rows of the rarer class: too few for a complex model to learn from", f.Rarer)
	case f.Task != kequn.Binary && f.Rows < 2*few && !t.simple && simpleThere:
		return no("size", "只有 %d 行，复杂模型无从学起", "only %d rows: too few for a complex model to learn from", f.Rows)
	case t.deep && f.Rows < deepFrom:
		return no("size", "%d 行不足以训练神经网络（至少 %d 行）", "%d rows are too few for a network (from %d on)", f.Rows, deepFrom)
	case t.square > 0 && f.Rows > kernelUpTo:
		return no("size", "%d 行对精确的核方法过多（至多 %d 行），近似的不如树", "%d rows are too many for an exact kernel machine (up to %d), and trees beat an approximate one", f.Rows, kernelUpTo)

	case f.Memory > 0 && t.bytes*float64(f.Rows)*float64(f.Columns) > 0.6*float64(f.Memory):
		return no("compute", "需要约 %.0f MB 内存，超出许可", "would need about %.0f MB of memory, more than is allowed", t.bytes*float64(f.Rows)*float64(f.Columns)/1e6)
	}
	switch {
	case t.simple:
		return "size", text("简单模型，总是作为比较的起点", "simple: always tried, others must beat it"), true
	case t.deep:
		return "size", text("数据足够多，可以试神经网络", "rows enough for a network"), true
	case t.square > 0:
		return "size", text("数据少，核方法负担得起", "few enough rows for a kernel machine"), true
	}
	return "problem", text("表格数据上的有力方法", "strong on tables"), true
}

func text(zh, en string, a ...any) Text {
	if len(a) == 0 {
		return Text{zh, en}
	}
	return Text{fmt.Sprintf(zh, a...), fmt.Sprintf(en, a...)}
}

// factsOf gathers what the policy wants to know.
func factsOf(in Input, o Options) Facts {
	f := Facts{Task: in.Y.Task, Threads: threadsOf(o), Seconds: o.Budget.Seconds(), Memory: o.Memory}
	if in.Y.Task == kequn.Multiclass {
		f.Classes = in.Y.NOut()
	}
	for _, r := range in.Rounds {
		f.Rows = max(f.Rows, len(r.Train))
	}
	for _, c := range in.X.Columns {
		f.Columns++
		if c.Kind == table.Text {
			f.Texts++
			f.Columns += textColumns - 1
		}
	}
	if in.Y.Task == kequn.Binary {
		f.Rarer = rarer(in)
	}
	return f
}
