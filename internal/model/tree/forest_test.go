package tree_test

import (
	"testing"

	"kequn/internal/model/modeltest"
	"kequn/internal/model/tree"
)

func TestForestConformance(t *testing.T) {
	modeltest.Exercise(t, tree.Forest{}, tree.DecodeForest, nil)
}
