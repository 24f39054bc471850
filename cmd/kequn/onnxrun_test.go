package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"kequn"
	"kequn/internal/model"
	"kequn/internal/model/additive"
	"kequn/internal/model/gbdt"
	"kequn/internal/model/ladder"
	"kequn/internal/model/linear"
	"kequn/internal/model/tree"
	"kequn/internal/table"
)

// A plain evaluator of the ONNX files that we write: it reads their bytes and follows the operators' pages word by word. bench/onnx does the same
// with onnxruntime.

// fields are those of a protobuf message by number.
type fields map[protowire.Number][]field

type field struct {
	n uint64
	b []byte
}

func parse(b []byte) fields {
	out := fields{}
	for len(b) > 0 {
		num, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			panic("tag")
		}
		b = b[n:]
		var f field
		switch kind {
		case protowire.VarintType:
			f.n, n = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			f.b, n = protowire.ConsumeBytes(b)
		default:
			panic("wire type")
		}
		if n < 0 {
			panic("field")
		}
		b = b[n:]
		out[num] = append(out[num], f)
	}
	return out
}

func (f fields) text(n protowire.Number) string {
	if len(f[n]) == 0 {
		return ""
	}
	return string(f[n][0].b)
}

func (f fields) ints(n protowire.Number) (out []int64) {
	for _, x := range f[n] {
		for b := x.b; len(b) > 0; {
			v, k := protowire.ConsumeVarint(b)
			out, b = append(out, int64(v)), b[k:]
		}
	}
	return out
}

// array is a tensor of numbers or texts.
type array struct {
	dims  []int
	num   []float64
	texts []string
}

func arrayOf(f fields) array {
	var a array
	for _, d := range f.ints(1) {
		a.dims = append(a.dims, int(d))
	}
	for _, x := range f[10] {
		for b := x.b; len(b) > 0; b = b[8:] {
			a.num = append(a.num, math.Float64frombits(binary.LittleEndian.Uint64(b)))
		}
	}
	for _, v := range append(f.ints(5), f.ints(7)...) {
		a.num = append(a.num, float64(v))
	}
	for _, x := range f[6] {
		a.texts = append(a.texts, string(x.b))
	}
	return a
}

// runONNX returns the outputs of a file for the rows of x.
func runONNX(file []byte, x *table.Table) map[string]array {
	m := parse(file)
	graph := parse(m[7][0].b)
	values := map[string]array{}
	for _, t := range graph[5] {
		f := parse(t.b)
		values[f.text(8)] = arrayOf(f)
	}
	n := x.NRows()
	for _, in := range graph[11] {
		p := parse(in.b)
		name, a := p.text(1), array{dims: []int{n, 1}}
		isText := parse(parse(p[2][0].b)[1][0].b)[1][0].n == 8
		c := x.Column(name)
		for i := range n {
			switch {
			case isText && (c == nil || c.IsMissing(i)):
				a.texts = append(a.texts, "")
			case isText:
				a.texts = append(a.texts, c.String(i))
			case c == nil:
				a.num = append(a.num, math.NaN())
			default:
				a.num = append(a.num, c.Float(i))
			}
		}
		values[name] = a
	}
	for _, b := range graph[1] {
		f := parse(b.b)
		attrs := map[string]fields{}
		for _, at := range f[5] {
			g := parse(at.b)
			attrs[g.text(1)] = g
		}
		var in []array
		for _, name := range f[1] {
			v, ok := values[string(name.b)]
			if !ok {
				panic("no value " + string(name.b))
			}
			in = append(in, v)
		}
		name := string(f[2][0].b)
		if _, again := values[name]; again {
			panic("two values are called " + name)
		}
		values[name] = compute(f.text(4), attrs, in)
	}
	out := map[string]array{}
	for _, o := range graph[12] {
		name := parse(o.b).text(1)
		out[name] = values[name]
	}
	return out
}

func truth(v bool) float64 {
	if v {
		return 1
	}
	return 0
}

// elementwise broadcasts its inputs and calls f with their numbers.
func elementwise(in []array, f func(v []float64) float64) array {
	rank := 0
	for _, a := range in {
		rank = max(rank, len(a.dims))
	}
	dims := make([]int, rank)
	for d := range dims {
		dims[d] = 1
		for _, a := range in {
			if at := d - rank + len(a.dims); at >= 0 {
				dims[d] = max(dims[d], a.dims[at])
			}
		}
	}
	total := 1
	for _, d := range dims {
		total *= d
	}
	out := array{dims: dims, num: make([]float64, total)}
	v := make([]float64, len(in))
	for i := range out.num {
		for k, a := range in {
			at, rest, step := 0, i, 1
			for d := rank - 1; d >= 0; d-- {
				index := rest % dims[d]
				rest /= dims[d]
				if own := d - rank + len(a.dims); own >= 0 {
					if a.dims[own] > 1 {
						at += index * step
					}
					step *= a.dims[own]
				}
			}
			v[k] = a.num[at]
		}
		out.num[i] = f(v)
	}
	return out
}

func compute(op string, attrs map[string]fields, in []array) array {
	attr := func(name string) int { return int(attrs[name][3][0].n) }
	one := func(f func(float64) float64) array {
		return elementwise(in, func(v []float64) float64 { return f(v[0]) })
	}
	two := func(f func(a, b float64) float64) array {
		return elementwise(in, func(v []float64) float64 { return f(v[0], v[1]) })
	}
	switch op {
	case "Identity", "Cast":
		return in[0]
	case "Add":
		return two(func(a, b float64) float64 { return a + b })
	case "Sub":
		return two(func(a, b float64) float64 { return a - b })
	case "Mul":
		return two(func(a, b float64) float64 { return a * b })
	case "Div":
		return two(func(a, b float64) float64 { return a / b })
	case "Min":
		return two(math.Min)
	case "Max":
		return two(math.Max)
	case "And":
		return two(func(a, b float64) float64 { return a * b })
	case "Or":
		return two(math.Max)
	case "Greater":
		return two(func(a, b float64) float64 { return truth(a > b) })
	case "LessOrEqual":
		return two(func(a, b float64) float64 { return truth(a <= b) })
	case "Exp":
		return one(math.Exp)
	case "Log":
		return one(math.Log)
	case "Abs":
		return one(math.Abs)
	case "Sign":
		return one(func(v float64) float64 { return truth(v > 0) - truth(v < 0) })
	case "IsNaN":
		return one(func(v float64) float64 { return truth(v != v) })
	case "Sigmoid":
		return one(func(v float64) float64 { return 1 / (1 + math.Exp(-v)) })
	case "Where":
		return elementwise(in, func(v []float64) float64 {
			if v[0] != 0 {
				return v[1]
			}
			return v[2]
		})
	case "Sum":
		return elementwise(in, func(v []float64) float64 {
			sum := 0.0
			for _, x := range v {
				sum += x
			}
			return sum
		})
	case "Shape":
		out := array{dims: []int{len(in[0].dims)}}
		for _, d := range in[0].dims {
			out.num = append(out.num, float64(d))
		}
		return out
	case "Expand":
		dims := make([]int, len(in[1].num))
		total := 1
		for i, d := range in[1].num {
			dims[i] = int(d)
			total *= int(d)
		}
		return elementwise([]array{in[0], {dims: dims, num: make([]float64, total)}}, func(v []float64) float64 { return v[0] })
	case "Reshape":
		out, known := in[0], 1
		out.dims = nil
		for _, d := range in[1].num {
			out.dims = append(out.dims, int(d))
			known *= int(d)
		}
		for i, d := range out.dims {
			if d < 0 {
				out.dims[i] = max(len(out.num), len(out.texts)) / -known
			}
		}
		return out
	case "Concat":
		axis := attr("axis")
		out := array{dims: slices.Clone(in[0].dims)}
		out.dims[axis] = 0
		for _, a := range in {
			out.dims[axis] += a.dims[axis]
		}
		if axis == 0 {
			for _, a := range in {
				out.num = append(out.num, a.num...)
			}
			return out
		}
		for i := range out.dims[0] {
			for _, a := range in {
				out.num = append(out.num, a.num[i*a.dims[1]:(i+1)*a.dims[1]]...)
			}
		}
		return out
	case "Gather":
		data, at := in[0], in[1]
		if attr("axis") == 1 {
			out := array{dims: []int{data.dims[0], len(at.num)}}
			for i := range data.dims[0] {
				for _, k := range at.num {
					out.num = append(out.num, data.num[i*data.dims[1]+int(k)])
				}
			}
			return out
		}
		out, width := array{dims: append(slices.Clone(at.dims), data.dims[1:]...)}, 1
		for _, d := range data.dims[1:] {
			width *= d
		}
		for _, k := range at.num {
			if data.texts != nil {
				out.texts = append(out.texts, data.texts[int(k)])
			} else {
				out.num = append(out.num, data.num[int(k)*width:(int(k)+1)*width]...)
			}
		}
		return out
	case "ReduceSum": // of the middle of three
		d := in[0].dims
		out := array{dims: []int{d[0], d[2]}, num: make([]float64, d[0]*d[2])}
		for i, v := range in[0].num {
			out.num[i/(d[1]*d[2])*d[2]+i%d[2]] += v
		}
		return out
	case "Softmax", "ArgMax":
		k := in[0].dims[1]
		out := array{dims: in[0].dims}
		for i := 0; i < len(in[0].num); i += k {
			row := in[0].num[i : i+k]
			top := slices.Max(row)
			if op == "ArgMax" {
				out.num = append(out.num, float64(slices.Index(row, top)))
				continue
			}
			sum := 0.0
			for _, v := range row {
				sum += math.Exp(v - top)
			}
			for _, v := range row {
				out.num = append(out.num, math.Exp(v-top)/sum)
			}
		}
		if op == "ArgMax" {
			out.dims = in[0].dims[:1]
		}
		return out
	case "LabelEncoder":
		codes, unknown := attrs["values_int64s"].ints(8), attrs["default_int64"][3][0].n
		of := map[string]float64{}
		for i, k := range attrs["keys_strings"][9] {
			of[string(k.b)] = float64(codes[i])
		}
		out := array{dims: in[0].dims}
		for _, s := range in[0].texts {
			v, ok := of[s]
			if !ok {
				v = float64(unknown)
			}
			out.num = append(out.num, v)
		}
		return out
	case "TreeEnsemble":
		return treeEnsemble(attrs, in[0])
	}
	panic("no operator " + op)
}

func treeEnsemble(attrs map[string]fields, x array) array {
	ints := func(name string) []int64 { return attrs[name].ints(8) }
	nums := func(name string) []float64 {
		if attrs[name] == nil {
			return nil
		}
		return arrayOf(parse(attrs[name][5][0].b)).num
	}
	modes, cols, splits, missing := nums("nodes_modes"), ints("nodes_featureids"), nums("nodes_splits"), ints("nodes_missing_value_tracks_true")
	yesLeaf, yes, noLeaf, no := ints("nodes_trueleafs"), ints("nodes_truenodeids"), ints("nodes_falseleafs"), ints("nodes_falsenodeids")
	targets, weights := ints("leaf_targetids"), nums("leaf_weights")
	members := make([][]float64, len(modes)) // NaN ends a set
	rest := nums("membership_values")
	for i, m := range modes {
		if m == 6 {
			end := slices.IndexFunc(rest, func(v float64) bool { return v != v })
			members[i], rest = rest[:end], rest[end+1:]
		}
	}
	k := int(attrs["n_targets"][3][0].n)
	out := array{dims: []int{x.dims[0], k}, num: make([]float64, x.dims[0]*k)}
	for i := range x.dims[0] {
		for _, root := range ints("tree_roots") {
			for at := root; ; {
				v := x.num[i*x.dims[1]+int(cols[at])]
				answer := v <= splits[at]
				if members[at] != nil {
					answer = slices.Contains(members[at], v)
				}
				if v != v {
					answer = missing[at] == 1
				}
				leaf, next := noLeaf[at], no[at]
				if answer {
					leaf, next = yesLeaf[at], yes[at]
				}
				if leaf == 1 {
					out.num[i*k+int(targets[next])] += weights[next]
					break
				}
				at = next
			}
		}
	}
	return out
}

// sameInONNX demands that the file gives the scores that the model gives.
func sameInONNX(t *testing.T, m model.Model, x *table.Table) {
	t.Helper()
	file, err := model.ExportONNX(m)
	if err != nil {
		t.Fatal(err)
	}
	want, err := m.Predict(x)
	if err != nil {
		t.Fatal(err)
	}
	h, out := m.Header(), runONNX(file, x)
	name := "score"
	if h.Task == kequn.Multiclass {
		name = "scores"
	}
	got := out[name]
	if len(got.num) != len(want) || got.dims[0] != x.NRows() || got.dims[1] != h.NOut() {
		t.Fatalf("%v scores in %v, want %d", len(got.num), got.dims, len(want))
	}
	for i, v := range got.num {
		if !(math.Abs(v-want[i]) <= 1e-12*max(1, math.Abs(want[i]))) {
			t.Fatalf("score %d: ONNX gives %v, the model %v", i, v, want[i])
		}
	}
	if h.Task == kequn.Multiclass {
		k := h.NOut()
		for i, c := range out["class"].texts {
			if row := want[i*k : (i+1)*k]; row[slices.Index(h.Classes, c)] < slices.Max(row)-1e-12 {
				t.Fatalf("row %d is %s", i, c)
			}
		}
	}
}

func TestONNXGivesTheModelsScores(t *testing.T) {
	x, ys := exportTable(700, 1, false)
	other, _ := exportTable(300, 2, true)
	for name, l := range map[string]model.Learner{
		"linear": linear.Learner{}, "linear straight": linear.Learner{Straight: true, NoLog: true}, "linear power": linear.Learner{Power: 1.5}, "base": ladder.Base{},
		"tree": tree.Learner{}, "rulelist": tree.RuleList{}, "forest": tree.Forest{Trees: 9}, "extra": tree.Forest{Trees: 9, Extra: true},
		"additive": additive.Learner{Sweeps: 60}, "gbdt": gbdt.Learner{Trees: 12, Leaves: 8}, "gbdt power": gbdt.Learner{Trees: 12, Leaves: 8, Power: 1.5},
		"gbdt quantile": gbdt.Learner{Trees: 12, Leaves: 8, Quantile: 0.8}, "gbdt symmetric": gbdt.Learner{Trees: 6, Symmetric: true, Depth: 4},
		"gbdt pooled": gbdt.Learner{Trees: 5, Levels: 6},
	} {
		for _, task := range []kequn.Task{kequn.Binary, kequn.Regression, kequn.Multiclass} {
			if (strings.HasSuffix(name, "power") || strings.HasSuffix(name, "quantile")) && task != kequn.Regression || name == "rulelist" && task == kequn.Multiclass {
				continue
			}
			t.Run(fmt.Sprintf("%s %s", name, task), func(t *testing.T) {
				m, err := l.Fit(context.Background(), x, ys[task], nil)
				if err != nil {
					t.Fatal(err)
				}
				sameInONNX(t, m, other)
			})
		}
	}
}

// TestONNXOfWideCategories has more levels than a bin's number has bits in a byte.
func TestONNXOfWideCategories(t *testing.T) {
	c, y := table.NewColumn("score", table.Category, 0), model.Outcome{Task: kequn.Binary}
	for i := range 6000 {
		c.AppendString(fmt.Sprintf("item %d", i*7%400))
		y.Y = append(y.Y, float64(i*7%400%3/2))
	}
	m, err := gbdt.Learner{Trees: 5, CategoryRows: 1, MinRows: 1}.Fit(context.Background(), table.New(c), y, nil)
	if err != nil {
		t.Fatal(err)
	}
	file, err := model.ExportONNX(m)
	if err != nil {
		t.Fatal(err)
	}
	if out := runONNX(file, table.New(c)); out["score_"].num == nil {
		t.Fatal("a column called score is not overwritten by the output")
	}
	want, _ := m.Predict(table.New(c))
	for i, v := range runONNX(file, table.New(c))["score_"].num {
		if math.Abs(v-want[i]) > 1e-12 {
			t.Fatalf("row %d: %v, want %v", i, v, want[i])
		}
	}
}
