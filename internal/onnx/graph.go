// Package onnx writes models as ONNX files, which other programs run: onnxruntime, Spark, databases, browsers.
//
// A [Graph] has one input of shape (rows, 1) per column, float64 or text, under the column's own name, so that the names of a data frame
// are kept. NaN is a missing number; a missing text is "" (or any other that no training row had). All arithmetic is in float64, as ours is: thresholds are not rounded, and
// scores agree to the last digits. Files use ai.onnx 18 and ai.onnx.ml 5, which onnxruntime reads from version 1.20 on.
//
// Reference: the Open Neural Network Exchange format, onnx.proto and Operators-ml.md of version 1.16.
package onnx

import (
	"fmt"
	"slices"
	"strings"

	"kequn"
)

// Versions that a file names: of the file format, of the operators, of those for classical learners.
const (
	irVersion = 9
	opset     = 18
	mlOpset   = 5
	mlDomain  = "ai.onnx.ml"
)

// Column is an input of the graph.
type Column struct {
	Name string
	Text bool // a text, else a float64
}

// Value is what a node of the graph gives: a tensor of one row per row. Values belong to the graph that made them.
type Value struct{ name string }

// Graph is a computation over columns. Make it with [New].
type Graph struct {
	columns []Column
	prefix  string // of the names of values: no column begins with it
	next    int
	nodes   []node
	consts  []tensor
	outputs []port
	facts   [][2]string
	codes   map[string]Value // looked up only
	rows    Value
}

// New returns a graph whose inputs are the given columns. A graph without any has an input "row" instead, of which only the number of
// rows counts.
func New(columns []Column) *Graph {
	if len(columns) == 0 {
		columns = []Column{{Name: "row"}}
	}
	g := &Graph{columns: columns, prefix: "v", codes: map[string]Value{}}
	for slices.ContainsFunc(columns, func(c Column) bool { return strings.HasPrefix(c.Name, g.prefix+".") }) {
		g.prefix += "_"
	}
	return g
}

// Input returns the column of a name: (rows, 1).
func (g *Graph) Input(name string) Value { return Value{name} }

// Op adds a node of the standard operators with one output.
func (g *Graph) Op(op string, in ...Value) Value { return g.add("", op, nil, in...) }

func (g *Graph) add(domain, op string, attrs []attr, in ...Value) Value {
	out := g.name()
	n := node{op: op, domain: domain, out: []string{out.name}, attrs: attrs}
	for _, v := range in {
		n.in = append(n.in, v.name)
	}
	g.nodes = append(g.nodes, n)
	return out
}

func (g *Graph) name() Value {
	g.next++
	return Value{fmt.Sprintf("%s.%d", g.prefix, g.next)}
}

func (g *Graph) constant(t tensor) Value {
	v := g.name()
	t.name = v.name
	g.consts = append(g.consts, t)
	return v
}

// Row returns a constant of shape (1, len(v)).
func (g *Graph) Row(v ...float64) Value {
	return g.constant(tensor{dims: []int64{1, int64(len(v))}, kind: typeDouble, doubles: v})
}

// Matrix returns a constant of shape (len(v)/cols, cols).
func (g *Graph) Matrix(cols int, v []float64) Value {
	return g.constant(tensor{dims: []int64{int64(len(v) / cols), int64(cols)}, kind: typeDouble, doubles: v})
}

func (g *Graph) wholes(v ...int64) Value {
	return g.constant(tensor{dims: []int64{int64(len(v))}, kind: typeInt64, ints: v})
}

// Concat puts (rows, a), (rows, b), … side by side.
func (g *Graph) Concat(v ...Value) Value {
	if len(v) == 1 {
		return v[0]
	}
	return g.add("", "Concat", []attr{intAttr("axis", 1)}, v...)
}

// Pick returns column i of a (rows, cols) value, as (rows, 1).
func (g *Graph) Pick(v Value, i int) Value { return g.picks(v, i, 1) }

// Sum adds up several values of one shape.
func (g *Graph) Sum(v ...Value) Value {
	if len(v) == 1 {
		return v[0]
	}
	return g.Op("Sum", v...)
}

// Softmax returns the row's e^v over their sum.
func (g *Graph) Softmax(v Value) Value { return g.add("", "Softmax", []attr{intAttr("axis", 1)}, v) }

// Clamp holds a value between two bounds. NaN stays NaN.
func (g *Graph) Clamp(v Value, lo, hi float64) Value {
	return g.Op("Min", g.Op("Max", v, g.Row(lo)), g.Row(hi))
}

// IfMissing returns then where x is NaN, else otherwise. All are (rows, 1), or constants.
func (g *Graph) IfMissing(x, then, otherwise Value) Value {
	return g.Op("Where", g.Op("IsNaN", x), then, otherwise)
}

// Repeat returns a constant row for every row: (rows, len(v)).
func (g *Graph) Repeat(v ...float64) Value {
	if g.rows.name == "" {
		shape := g.Op("Shape", g.Input(g.columns[0].Name))
		g.rows = g.add("", "Gather", []attr{intAttr("axis", 0)}, shape, g.wholes(0))
	}
	shape := g.add("", "Concat", []attr{intAttr("axis", 0)}, g.rows, g.wholes(int64(len(v))))
	return g.Op("Expand", g.Row(v...), shape)
}

// Codes returns for each row the number of the column's text among the levels, len(levels) for one that is not: whole numbers, (rows, 1).
func (g *Graph) Codes(column string, levels []string) Value {
	key := column + "\x00" + strings.Join(levels, "\x00")
	if v, ok := g.codes[key]; ok {
		return v
	}
	codes := make([]int64, len(levels))
	for i := range codes {
		codes[i] = int64(i)
	}
	v := g.add(mlDomain, "LabelEncoder", []attr{textsAttr("keys_strings", levels), intsAttr("values_int64s", codes), intAttr("default_int64", int64(len(levels)))}, g.Input(column))
	g.codes[key] = v
	return v
}

// Lookup returns row code of a table with the given number of columns, for each code of a (rows, 1) value of whole numbers: (rows, cols).
func (g *Graph) Lookup(code Value, cols int, values []float64) Value {
	wide := g.add("", "Gather", []attr{intAttr("axis", 0)}, g.Matrix(cols, values), code) // (rows, 1, cols)
	return g.Op("Reshape", wide, g.wholes(-1, int64(cols)))
}

// whole turns float64 that are whole into int64.
func (g *Graph) whole(v Value) Value {
	return g.add("", "Cast", []attr{intAttr("to", typeInt64)}, v)
}

// Output makes a value an output of cols float64 per row, under the name or, if a column is called so, the name with _ after it.
func (g *Graph) Output(name string, v Value, cols int) {
	g.output(port{name: name, kind: typeDouble, cols: int64(cols)}, v)
}

// OutputClass makes the name of each row's greatest value an output.
func (g *Graph) OutputClass(name string, scores Value, classes []string) {
	best := g.add("", "ArgMax", []attr{intAttr("axis", 1), intAttr("keepdims", 0)}, scores)
	texts := g.constant(tensor{dims: []int64{int64(len(classes))}, kind: typeString, texts: classes})
	named := g.add("", "Gather", []attr{intAttr("axis", 0)}, texts, best)
	g.output(port{name: name, kind: typeString, cols: 1}, g.Op("Reshape", named, g.wholes(-1, 1)))
}

func (g *Graph) output(p port, v Value) {
	for slices.ContainsFunc(g.columns, func(c Column) bool { return c.Name == p.name }) || slices.ContainsFunc(g.outputs, func(o port) bool { return o.name == p.name }) {
		p.name += "_"
	}
	g.nodes = append(g.nodes, node{op: "Identity", in: []string{v.name}, out: []string{p.name}})
	g.outputs = append(g.outputs, p)
}

// Note adds a fact to the file's metadata.
func (g *Graph) Note(key, value string) { g.facts = append(g.facts, [2]string{key, value}) }

// Encode returns the file. The same graph gives the same bytes.
func (g *Graph) Encode() []byte {
	var graph message
	for i := range g.nodes {
		graph.bytes(1, g.nodes[i].encode())
	}
	graph.text(2, "kequn")
	for i := range g.consts {
		graph.bytes(5, g.consts[i].encode())
	}
	for _, c := range g.columns {
		p := port{name: c.Name, kind: typeDouble, cols: 1}
		if c.Text {
			p.kind = typeString
		}
		graph.bytes(11, p.encode())
	}
	for i := range g.outputs {
		graph.bytes(12, g.outputs[i].encode())
	}
	var m message
	m.int(1, irVersion)
	m.text(2, "kequn")
	m.text(3, kequn.Version)
	m.bytes(7, graph)
	for _, o := range []struct {
		domain  string
		version int64
	}{{"", opset}, {mlDomain, mlOpset}} {
		var set message
		set.text(1, o.domain)
		set.int(2, o.version)
		m.bytes(8, set)
	}
	for _, f := range g.facts {
		var entry message
		entry.text(1, f[0])
		entry.text(2, f[1])
		m.bytes(14, entry)
	}
	return m
}
