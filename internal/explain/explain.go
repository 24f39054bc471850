// Package explain says why a score is what it is: importance of columns, and reasons of one customer in plain words.
package explain

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/table"
)

// Words are what people call a column.
type Words struct {
	Zh, En    string // plain name; the column's own where empty
	Unit      string // "orders", "days", "CNY"; "share" prints as a percentage
	Kind      string // trait, behaviour, lever, proxy; "" where nobody said
	MissingZh string // what a missing value means; "" for "unknown"
	MissingEn string

	// Fact says what the column holds in a row, in plain sentences; nil puts name, value and unit together.
	Fact func(c *table.Column, row int) (zh, en string)
}

// Catalogue returns the words of a column. It may be nil.
type Catalogue func(column string) Words

// Reason is one column's part in one score.
type Reason struct {
	Column       string  `json:"column"`
	Value        string  `json:"value"`        // as people read it, in no language in particular
	Contribution float64 `json:"contribution"` // on the margin, against the average customer
	Kind         string  `json:"kind,omitempty"`
	Zh           string  `json:"zh"`
	En           string  `json:"en"`
}

// Explained is why one row's margin is what it is: Base plus the contributions of all reasons (and of Rest) is Margin, to 1e-9.
type Explained struct {
	Base    float64  `json:"base"`    // margin of the average customer
	Margin  float64  `json:"margin"`  // before calibration and blending
	Reasons []Reason `json:"reasons"` // largest first
	Rest    float64  `json:"rest"`    // what the columns that are not listed contribute together
}

// Reasons explains the rows of x by at most the n columns that contribute most (0: all that contribute anything). The model must be a
// [model.Attributor]; for several classes, class says which one.
//
// A contribution φ on log-odds multiplies the odds by e^φ; the words say so: "raises the odds 1.8 times". In a regression it is in
// the outcome's unit.
func Reasons(m model.Model, x *table.Table, class, n int, words Catalogue) ([]Explained, error) {
	a, ok := m.(model.Attributor)
	if !ok {
		return nil, kequn.Errorf(kequn.KindUsage, "", "%s gives no reasons", m.Header().Family)
	}
	base, phi, err := a.Attribute(x, class)
	if err != nil {
		return nil, err
	}
	cols := m.Header().Columns
	out := make([]Explained, x.NRows())
	size := make([]float64, len(cols))
	for i := range out {
		row := phi[i*len(cols) : (i+1)*len(cols)]
		e := Explained{Base: base, Margin: base, Reasons: []Reason{}}
		for j, v := range row {
			size[j] = math.Abs(v)
			e.Margin += v
		}
		for rank, j := range kernel.ArgsortDesc(size) {
			if row[j] == 0 {
				break
			}
			if n > 0 && rank >= n {
				e.Rest += row[j]
				continue
			}
			e.Reasons = append(e.Reasons, reason(m.Header().Task, x.Column(cols[j].Name), i, row[j], words))
		}
		out[i] = e
	}
	return out, nil
}

func reason(task kequn.Task, c *table.Column, row int, phi float64, words Catalogue) Reason {
	var w Words
	if words != nil {
		w = words(c.Name)
	}
	if w.Zh == "" {
		w.Zh = c.Name
	}
	if w.En == "" {
		w.En = c.Name
	}
	r := Reason{Column: c.Name, Value: Value(c, row, w.Unit), Contribution: phi, Kind: w.Kind}
	if w.Fact != nil {
		zh, en := w.Fact(c, row)
		r.Zh, r.En = zh+"："+effect(kequn.Chinese, task, phi), en+": "+effect(kequn.English, task, phi)
		return r
	}
	isZh, isEn := "为 "+r.Value, "is "+r.Value
	if c.IsMissing(row) {
		isZh, isEn = w.MissingZh, w.MissingEn
		if isZh == "" {
			isZh = "未知"
		}
		if isEn == "" {
			isEn = "is unknown"
		}
	}
	r.Zh, r.En = w.Zh+" "+isZh+"："+effect(kequn.Chinese, task, phi), w.En+" "+isEn+": "+effect(kequn.English, task, phi)
	return r
}

// effect says what a contribution does.
func effect(l kequn.Lang, task kequn.Task, phi float64) string {
	if task == kequn.Regression {
		if phi > 0 {
			return fmt.Sprintf(l.Pick("使预测增加 %s", "adds %s to the prediction"), short(phi))
		}
		return fmt.Sprintf(l.Pick("使预测减少 %s", "takes %s off the prediction"), short(-phi))
	}
	times := math.Exp(math.Abs(phi))
	switch {
	case times < 1.05 && phi > 0:
		return l.Pick("略微提高可能性", "raises the odds a little")
	case times < 1.05:
		return l.Pick("略微降低可能性", "lowers the odds a little")
	case times > 1e4:
		times = 1e4
	}
	if phi > 0 {
		return fmt.Sprintf(l.Pick("可能性（几率）提高到 %s 倍", "raises the odds %s times"), short(times))
	}
	return fmt.Sprintf(l.Pick("可能性（几率）降到 %s 分之一", "lowers the odds %s times"), short(times))
}

// short prints a number with as many digits as people compare: three.
func short(v float64) string {
	s := strconv.FormatFloat(v, 'g', 3, 64)
	if strings.ContainsAny(s, "e") {
		s = strconv.FormatFloat(v, 'f', 0, 64)
	}
	return s
}

// Value prints the value of a row as people read it: "" for missing; dates as dates, shares as percentages.
func Value(c *table.Column, row int, unit string) string {
	if c.IsMissing(row) {
		return ""
	}
	switch {
	case c.Kind.InCode():
		return c.String(row)
	case c.Kind == table.Time:
		return kequn.Instant(c.Int[row]).Time().Format("2006-01-02")
	case c.Kind == table.Bool:
		return strconv.FormatBool(c.Int[row] == 1)
	}
	v := c.Float(row)
	if unit == "share" {
		return short(100*v) + "%"
	}
	text := strconv.FormatFloat(v, 'f', -1, 64)
	if v != math.Trunc(v) || math.Abs(v) >= 1e15 {
		text = short(v)
		if math.Abs(v) >= 1000 {
			text = strconv.FormatFloat(v, 'f', 0, 64)
		}
	}
	if unit != "" {
		text += " " + unit
	}
	return text
}

// Weight is a column's importance.
type Weight struct {
	Column string  `json:"column"`
	Share  float64 `json:"share"`        // of the whole, the model's own measure; or of all losses by permutation, where above 0
	Loss   float64 `json:"loss"`         // permutation: by how much the loss rises when the column is shuffled
	SE     float64 `json:"se,omitempty"` // over repeats
}

// Importance returns the model's own importance, largest first; columns without any are left out. It is nil if the model has none.
func Importance(m model.Model) []Weight {
	a, ok := m.(model.Importancer)
	if !ok {
		return nil
	}
	share, cols := a.Importance(), m.Header().Columns
	var out []Weight
	for _, j := range kernel.ArgsortDesc(share) {
		if share[j] > 0 {
			out = append(out, Weight{Column: cols[j].Name, Share: share[j]})
		}
	}
	return out
}

// Permutation is how permutation importance is measured. The zero value works.
type Permutation struct {
	Repeats int // 0: 5
	MaxRows int // rows used, a sample by a hash of their values; 0: 10,000
	Seed    uint64
	Threads int
}

// Weights returns, for each column of the model, by how much the loss on held-out rows (log loss, or squared error) rises when
// its values are shuffled among the rows, as a mean over repeats with its standard error; largest first.
//
// Columns that say the same share their importance: shuffling one leaves the other. Cost is columns × repeats predictions of MaxRows rows.
//
// Reference: Fisher, Rudin and Dominici, All Models are Wrong, but Many are Useful (2019).
func (p Permutation) Weights(ctx context.Context, m model.Model, x *table.Table, y model.Outcome, w []float64) ([]Weight, error) {
	if p.Repeats <= 0 {
		p.Repeats = 5
	}
	if p.MaxRows <= 0 {
		p.MaxRows = 10_000
	}
	if n := x.NRows(); len(y.Y) != n || (w != nil && len(w) != n) {
		return nil, fmt.Errorf("explain: %d rows, %d outcomes, %d weights", n, len(y.Y), len(w))
	}
	if x.NRows() == 0 {
		return nil, kequn.Errorf(kequn.KindNotEnough, "", "no held-out rows to measure importance on")
	}
	cols := m.Header().Columns
	in, err := model.Match(cols, x)
	if err != nil {
		return nil, err
	}
	if n := x.NRows(); n > p.MaxRows {
		rows := kernel.NewStream(p.Seed, kernel.ID("permutation")).Sample(n, p.MaxRows)
		in, y, w = in.Take(rows), y.Take(rows), kernel.Take(w, rows)
	}
	n := len(y.Y)
	whole, err := loss(m, in, y, w)
	if err != nil {
		return nil, err
	}
	rise := make([]float64, len(cols)*p.Repeats)
	errs := make([]error, len(rise))
	kernel.Parallel(len(rise), p.Threads, 1, func(lo, hi int) {
		for j := lo; j < hi; j++ {
			if errs[j] = ctx.Err(); errs[j] != nil {
				return
			}
			col, repeat := j/p.Repeats, j%p.Repeats
			perm := kernel.NewStream(p.Seed, kernel.ID(cols[col].Name), uint64(repeat)).Perm(n)
			rows := make([]int32, n)
			for i, r := range perm {
				rows[i] = int32(r)
			}
			mixed := &table.Table{Columns: slices.Clone(in.Columns)}
			mixed.Columns[col] = in.Columns[col].Take(rows)
			var l float64
			l, errs[j] = loss(m, mixed, y, w)
			rise[j] = l - whole
		}
	})
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	out, total := make([]Weight, len(cols)), 0.0
	for c := range cols {
		r := rise[c*p.Repeats : (c+1)*p.Repeats]
		mean, variance := kernel.MeanVar(r, nil)
		out[c] = Weight{Column: cols[c].Name, Loss: mean}
		if p.Repeats > 1 {
			out[c].SE = math.Sqrt(variance / float64(p.Repeats-1))
		}
		total += max(mean, 0)
	}
	for c := range out {
		if total > 0 {
			out[c].Share = max(out[c].Loss, 0) / total
		}
	}
	slices.SortStableFunc(out, func(a, b Weight) int {
		switch {
		case a.Loss > b.Loss:
			return -1
		case a.Loss < b.Loss:
			return 1
		}
		return 0
	})
	return out, nil
}

// loss returns the weighted mean loss of the model's scores.
func loss(m model.Model, x *table.Table, y model.Outcome, w []float64) (float64, error) {
	p, err := m.Predict(x)
	if err != nil {
		return 0, err
	}
	k := m.Header().NOut()
	each := make([]float64, len(y.Y))
	for i, v := range y.Y {
		switch {
		case y.Task == kequn.Regression:
			each[i] = (v - p[i]) * (v - p[i])
		case y.Task == kequn.Multiclass:
			each[i] = -math.Log(max(p[i*k+int(v)], 1e-15))
		case v == 1:
			each[i] = -math.Log(max(p[i], 1e-15))
		default:
			each[i] = -math.Log(max(1-p[i], 1e-15))
		}
	}
	mean, _ := kernel.MeanVar(each, w)
	return mean, nil
}
