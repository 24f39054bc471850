package store

import (
	"encoding/hex"
	"os"
	"os/exec"
	"strings"
	"testing"

	"kequn"
)

// TestPyarrowReadsParts runs where KEQUN_PYARROW names a Python that has pyarrow (26.0.1 was tried).
func TestPyarrowReadsParts(t *testing.T) {
	python := os.Getenv("KEQUN_PYARROW")
	if python == "" {
		t.Skip("KEQUN_PYARROW is not set")
	}
	for _, sealed := range []bool{false, true} {
		w := newWorkspace(t, Options{})
		if sealed {
			w = sealedWorkspace(t, Options{})
		}
		p := fixturePlan()
		load(t, w, p, rowsOf(p, "u 1 1050 Ulm O1\nu 3 -5 - O3"), LoadOptions{LoadedAt: kequn.Instant(10 * day)})
		s := snapshot(t, w)
		args := []string{"testdata/read_part.py", s.Parts("orders")[0].Path}
		if sealed {
			if out, err := exec.Command(python, args...).CombinedOutput(); err == nil {
				t.Errorf("without the key it reads\n%s", out)
			}
			key, aad, err := s.PartKey(args[1])
			if err != nil {
				t.Fatal(err)
			}
			args = append(args, hex.EncodeToString(key), aad)
		}
		out, err := exec.Command(python, args...).CombinedOutput()
		want := `_customer string
_time timestamp[us, tz=UTC]
_seq int64
_id string
amount decimal128(18, 2)
city string
u 1970-01-02 00:00:00+00:00 0 O1 10.50 Ulm
u 1970-01-04 00:00:00+00:00 1 O3 -0.05 None
`
		if err != nil || strings.ReplaceAll(string(out), "\r", "") != want {
			t.Errorf("sealed %v: %v\n%s", sealed, err, out)
		}
		if sealed {
			args[2] = strings.Repeat("00", 32)
			if out, err := exec.Command(python, args...).CombinedOutput(); err == nil {
				t.Errorf("with a wrong key it reads\n%s", out)
			}
		}
	}
}
