package onnx

import (
	"bytes"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"pgregory.net/rapid"
)

// TestStepsCount compares the tree of a search with a loop.
func TestStepsCount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 40).Draw(t, "points")
		x := make([]float64, n)
		for i := range x {
			x[i] = float64(3 * i)
		}
		tree := steps(x)
		if len(tree.Questions) != n || len(tree.Leaves) != n+1 {
			t.Fatalf("%d questions, %d leaves for %d points", len(tree.Questions), len(tree.Leaves), n)
		}
		v := rapid.Float64Range(-5, 130).Draw(t, "value")
		want := 0
		for _, b := range x {
			if b < v {
				want++
			}
		}
		at := int32(0)
		for at >= 0 {
			q := tree.Questions[at]
			if at = q.No; v <= q.Split {
				at = q.Yes
			}
		}
		if got := tree.Leaves[^at].Value; got != float64(want) {
			t.Fatalf("%v points below %v, want %d", got, v, want)
		}
	})
}

func TestNamesDoNotCollide(t *testing.T) {
	build := func() []byte {
		g := New([]Column{{Name: "v.1"}, {Name: "score"}, {Name: "v_.1", Text: true}})
		g.Output("score", g.Op("Add", g.Input("v.1"), g.Input("score")), 1)
		return g.Encode()
	}
	file := build()
	if !bytes.Equal(file, build()) {
		t.Error("the same graph gives other bytes")
	}
	for b := file; len(b) > 0; {
		_, _, n := protowire.ConsumeField(b)
		if n < 0 {
			t.Fatal("the file is no protobuf message")
		}
		b = b[n:]
	}
	for _, want := range []string{"score_", "v__.1", "ai.onnx.ml"} {
		if !strings.Contains(string(file), want) {
			t.Errorf("no %q in the file", want)
		}
	}
}
