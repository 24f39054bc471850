package ladder

import (
	"math"
	"testing"

	"kequn"
	"kequn/internal/metric"
)

func TestStandin(t *testing.T) {
	r := run(t, shop(2000, kequn.Binary), Options{Seed: 1, Threads: 1})
	for _, c := range []struct {
		line    string
		seconds float64
		want    string
	}{{"linear", 10, "linear"}, {"gbdt", 10, "gbdt"}, {AutoName, 10, "gbdt"}, {AutoName, 0, "gbdt"}, {BaseName, 10, "gbdt"}} {
		if got := r.Standin(c.line, c.seconds); got == nil || got.Name != c.want {
			t.Errorf("%s within %v s: %v, want %s", c.line, c.seconds, got, c.want)
		}
	}
	if r.Standin("nobody", 1) != nil {
		t.Error("a line that there is not has a stand-in")
	}
}

func TestInsideAgreesWithOutside(t *testing.T) {
	in := shop(4000, kequn.Binary)
	r := run(t, in, Options{Seed: 1, Threads: 1})
	for _, line := range []string{"linear", "gbdt", AutoName} {
		rows, score := r.Inside(line, 0)
		if len(rows) < len(in.Rounds[0].Train)*9/10 || len(score) != len(rows) {
			t.Fatalf("%s: %d rows of %d, %d scores", line, len(rows), len(in.Rounds[0].Train), len(score))
		}
		final, _, err := r.OutOfSample(line)
		if err != nil {
			t.Fatal(err)
		}
		inside, outside := metric.AUC(in.Y.Take(rows).Y, score, nil), metric.AUC(in.Y.Y, final, nil)
		if !(math.Abs(inside-outside) < 0.02) {
			t.Errorf("%s: AUC %v inside, %v outside", line, inside, outside)
		}
	}
}
