package tree_test

import (
	"testing"

	"kequn/internal/model/modeltest"
	"kequn/internal/model/tree"
)

// Fewer trees than by default: the kit fits some two hundred forests.
func TestForestConformance(t *testing.T) {
	modeltest.Exercise(t, tree.Forest{Trees: 25}, tree.DecodeForest, nil)
}

func TestExtraTreesConformance(t *testing.T) {
	modeltest.Exercise(t, tree.Forest{Trees: 25, Extra: true}, tree.DecodeForest, nil)
}

func FuzzDecodeForest(f *testing.F) {
	modeltest.Fuzz(f, tree.Forest{Trees: 3}, tree.DecodeForest)
}
