package rooms

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

func TestImportsGoDown(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", "{{.ImportPath}}: {{join .Imports \" \"}}", "kequn/...").CombinedOutput()
	if err != nil {
		t.Skipf("go list does not run here: %v\n%s", err, out)
	}
	floor := map[string]int{}
	for f, rooms := range Floors {
		for _, r := range rooms {
			floor[r] = f
		}
	}
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		room, imports, _ := strings.Cut(line, ": ")
		own, known := floor[room]
		kit := slices.Contains(Kits, room)
		if !known && !kit && !strings.HasPrefix(room, "kequn/bench") {
			t.Errorf("%s is on no floor: add it to Floors", room)
			continue
		}
		for _, i := range strings.Fields(imports) {
			if !strings.HasPrefix(i+"/", "kequn/") || kit || !known {
				continue
			}
			of, ok := floor[i]
			_, allowed := Neighbours[[2]string{room, i}]
			switch {
			case !ok:
				t.Errorf("%s (floor %d) imports %s, which is on no floor", room, own, i)
			case of > own || of == own && !allowed:
				t.Errorf("%s (floor %d) imports %s (floor %d): imports go down", room, own, i, of)
			}
		}
	}
}
