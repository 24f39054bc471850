package source

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Nobody looks for a column of a flat table by its name, so a second one of a name is no reason to refuse the file.
func TestReadFlatNameTwice(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.csv")
	if err := os.WriteFile(path, []byte("a,A,a (2),b\n1,2,3,4\n5,6,7,8\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	x, info, err := ReadFlat(context.Background(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(x.Names(), "|"); got != "a|A (2)|a (2) (2)|b" || len(info.Notes) != 2 {
		t.Errorf("%s, notes %q", got, info.Notes)
	}
}
