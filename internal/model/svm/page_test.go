package svm_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"kequn/internal/model"
	"kequn/internal/model/svm"
)

// The page of the manual lists every parameter with its default.
func TestPageListsParameters(t *testing.T) {
	b, err := os.ReadFile("../../../docs/learners/svm.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range model.Params(svm.Learner{}) {
		if row := fmt.Sprintf("| `%s` | %v |", p.Name, p.Default); !strings.Contains(string(b), row) {
			t.Errorf("docs/learners/svm.md lacks %q", row)
		}
	}
}
