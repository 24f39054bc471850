package cluster

import (
	"os"
	"reflect"
	"strings"
	"testing"
)

// The page of the manual names every option.
func TestPageNamesOptions(t *testing.T) {
	b, err := os.ReadFile("../../../docs/learners/cluster.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []any{Options{}, KMeans{}, Mixture{}} {
		for i := range reflect.TypeOf(v).NumField() {
			if name := reflect.TypeOf(v).Field(i).Name; !strings.Contains(string(b), "`"+name+"`") {
				t.Errorf("docs/learners/cluster.md lacks %s of %T", name, v)
			}
		}
	}
}
