package pipeline

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"kequn"
)

func TestCutoffsNeverSeeTheFuture(t *testing.T) {
	zone, err := time.LoadLocation("Europe/London")
	if err != nil {
		t.Skip("no time zone database")
	}
	rapid.Check(t, func(t *rapid.T) {
		first := kequn.At(time.Date(2015, 3, 1, 0, 0, 0, 0, time.UTC))
		ask := kequn.Days(rapid.IntRange(1, 2000).Draw(t, "history")).After(first, zone)
		gap, within := kequn.Days(rapid.IntRange(0, 30).Draw(t, "gap")), kequn.Days(rapid.IntRange(1, 200).Draw(t, "within"))
		c, ok := ChooseCutoffs(first, ask, gap, within, zone)
		if !ok {
			return
		}
		end := func(t kequn.Instant) kequn.Instant { return within.After(gap.After(t, zone), zone) }
		day := kequn.Instant(25 * time.Hour / time.Microsecond) // adding and taking a day differ by an hour over a clock change
		if end(c.Judge) > ask+day || c.Judge <= first {
			t.Fatalf("judged at %v, asked at %v, first %v", c.Judge, ask, first)
		}
		for i, l := range c.Learn {
			if end(l) > c.Judge+day || l <= first || (i > 0 && l <= c.Learn[i-1]) {
				t.Fatalf("learns at %v, judged at %v", c.Learn, c.Judge)
			}
		}
		if c.SameTime != (len(c.Learn) == 0) {
			t.Fatal("SameTime does not say whether there are learning cutoffs")
		}
	})
}
