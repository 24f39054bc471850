package onnx

import (
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// Types of tensors, as onnx.proto numbers them.
const (
	typeUint8  = 2
	typeInt64  = 7
	typeString = 8
	typeDouble = 11
)

// Types of attributes.
const (
	attrInt     = 2
	attrString  = 3
	attrTensor  = 4
	attrInts    = 7
	attrStrings = 8
)

// message is a protobuf message in the making.
type message []byte

func (m *message) int(field protowire.Number, v int64) {
	*m = protowire.AppendVarint(protowire.AppendTag(*m, field, protowire.VarintType), uint64(v))
}

func (m *message) bytes(field protowire.Number, v []byte) {
	*m = protowire.AppendBytes(protowire.AppendTag(*m, field, protowire.BytesType), v)
}

func (m *message) text(field protowire.Number, v string) {
	*m = protowire.AppendString(protowire.AppendTag(*m, field, protowire.BytesType), v)
}

// ints writes a packed field.
func (m *message) ints(field protowire.Number, v []int64) {
	n := 0
	for _, x := range v {
		n += protowire.SizeVarint(uint64(x))
	}
	b := protowire.AppendVarint(protowire.AppendTag(*m, field, protowire.BytesType), uint64(n))
	for _, x := range v {
		b = protowire.AppendVarint(b, uint64(x))
	}
	*m = b
}

// doubles writes a packed field.
func (m *message) doubles(field protowire.Number, v []float64) {
	b := protowire.AppendVarint(protowire.AppendTag(*m, field, protowire.BytesType), uint64(8*len(v)))
	for _, x := range v {
		b = protowire.AppendFixed64(b, math.Float64bits(x))
	}
	*m = b
}

// tensor is a TensorProto: doubles, whole numbers (of type uint8 or int64) or texts.
type tensor struct {
	name    string
	dims    []int64
	kind    int64
	doubles []float64
	ints    []int64
	texts   []string
}

func (t *tensor) encode() []byte {
	var m message
	m.ints(1, t.dims)
	m.int(2, t.kind)
	switch t.kind {
	case typeDouble:
		m.doubles(10, t.doubles)
	case typeInt64:
		m.ints(7, t.ints)
	case typeUint8:
		m.ints(5, t.ints)
	case typeString:
		for _, s := range t.texts {
			m.text(6, s)
		}
	}
	if t.name != "" {
		m.text(8, t.name)
	}
	return m
}

// attr is an attribute of a node.
type attr struct {
	name   string
	kind   int64
	i      int64
	s      string
	ints   []int64
	texts  []string
	tensor *tensor
}

func intAttr(name string, v int64) attr      { return attr{name: name, kind: attrInt, i: v} }
func intsAttr(name string, v []int64) attr   { return attr{name: name, kind: attrInts, ints: v} }
func textsAttr(name string, v []string) attr { return attr{name: name, kind: attrStrings, texts: v} }
func tensorAttr(name string, t *tensor) attr { return attr{name: name, kind: attrTensor, tensor: t} }
func doublesAttr(name string, v []float64) attr {
	return tensorAttr(name, &tensor{name: name, dims: []int64{int64(len(v))}, kind: typeDouble, doubles: v})
}

func (a *attr) encode() []byte {
	var m message
	m.text(1, a.name)
	switch a.kind {
	case attrInt:
		m.int(3, a.i)
	case attrString:
		m.text(4, a.s)
	case attrTensor:
		m.bytes(5, a.tensor.encode())
	case attrInts:
		m.ints(8, a.ints)
	case attrStrings:
		for _, s := range a.texts {
			m.text(9, s)
		}
	}
	m.int(20, a.kind)
	return m
}

// node is a NodeProto.
type node struct {
	op, domain string
	in, out    []string
	attrs      []attr
}

func (n *node) encode() []byte {
	var m message
	for _, s := range n.in {
		m.text(1, s)
	}
	for _, s := range n.out {
		m.text(2, s)
	}
	m.text(4, n.op)
	for i := range n.attrs {
		m.bytes(5, n.attrs[i].encode())
	}
	if n.domain != "" {
		m.text(7, n.domain)
	}
	return m
}

// port is a ValueInfoProto: an input or output of the graph, one row per row and cols numbers or texts in it.
type port struct {
	name string
	kind int64
	cols int64
}

func (p *port) encode() []byte {
	var rows, cols, shape, of, kind, m message
	rows.text(2, "rows")
	cols.int(1, p.cols)
	shape.bytes(1, rows)
	shape.bytes(1, cols)
	of.int(1, p.kind)
	of.bytes(2, shape)
	kind.bytes(1, of)
	m.text(1, p.name)
	m.bytes(2, kind)
	return m
}
