package tree_test

import (
	"testing"

	"kequn/internal/model/modeltest"
	"kequn/internal/model/tree"
)

func TestRuleListConformance(t *testing.T) {
	modeltest.Exercise(t, tree.RuleList{}, tree.DecodeRuleList, nil)
}

func FuzzDecodeRuleList(f *testing.F) {
	modeltest.Fuzz(f, tree.RuleList{}, tree.DecodeRuleList)
}
