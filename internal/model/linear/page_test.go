package linear_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"kequn/internal/model"
	"kequn/internal/model/linear"
)

// The page of the manual lists every parameter with its default.
func TestPageListsParameters(t *testing.T) {
	b, err := os.ReadFile("../../../docs/learners/linear.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range model.Params(linear.Learner{}) {
		if row := fmt.Sprintf("| `%s` | %v | %s |", p.Name, p.Default, p.Doc); !strings.Contains(string(b), row) {
			t.Errorf("docs/learners/linear.md lacks %q", row)
		}
	}
}
