package pipeline

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"kequn"
)

func TestCutoffsNeverSeeTheFuture(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		zone, err := time.LoadLocation(rapid.SampledFrom([]string{"UTC", "Europe/London", "America/New_York", "Asia/Shanghai", "Australia/Lord_Howe", "America/Sao_Paulo"}).Draw(t, "zone"))
		if err != nil {
			t.Skip("no time zone database")
		}
		first := kequn.At(time.Date(2015, 3, 1, 0, 0, 0, 0, time.UTC))
		ask := kequn.Midnight(kequn.Days(rapid.IntRange(1, 2000).Draw(t, "history")).After(first, zone), zone)
		gap, within := kequn.Days(rapid.IntRange(0, 30).Draw(t, "gap")), kequn.Days(rapid.IntRange(1, 200).Draw(t, "within"))
		if rapid.IntRange(0, 5).Draw(t, "hours") == 0 {
			within = kequn.Span{Exact: time.Duration(rapid.IntRange(1, 400).Draw(t, "exact")) * time.Hour}
		}
		c, ok := ChooseCutoffs(first, ask, gap, within, zone)
		if !ok {
			return
		}
		end := func(t kequn.Instant) kequn.Instant { return within.After(gap.After(t, zone), zone) }
		all := c.All()
		if end(c.Judge) > ask || c.Judge <= first || c.SameTime != (len(c.Learn) == 0) || !slices.IsSorted(all) || len(slices.Compact(all)) != len(c.All()) {
			t.Fatalf("judged at %v, asked at %v, learnt at %v, first %v", c.Judge, ask, c.Learn, first)
		}
		known, next := c.KnownBy(), ask
		for k, r := range c.Rounds {
			if len(r.Learn) == 0 && (k > 0 || !c.SameTime) || end(all[r.Judge]) > next || k == 0 && r.Judge != len(all)-1 {
				t.Fatalf("round %d of %v: %v", k, all, c.Rounds)
			}
			for _, i := range r.Learn {
				if end(all[i]) > all[r.Judge] || known[i] > all[r.Judge] || known[i] < end(all[i]) || all[i] <= first {
					t.Fatalf("learns at %v what is known by %v, judged at %v", all[i], known[i], all[r.Judge])
				}
			}
			next = all[r.Judge]
		}
	})
}

func TestCutoffsKeepStep(t *testing.T) {
	at := func(s string) kequn.Instant {
		i, err := kequn.ParseTime(s, time.UTC)
		if err != nil {
			t.Fatal(err)
		}
		return i
	}
	for _, c := range []struct{ first, ask, within, gap, want string }{
		{"2017-01-01", "2017-11-01", "30d", "0d", "2017-06-01 2017-07-01 2017-08-01 2017-09-01 2017-10-01"}, // the first of months
		{"2017-01-01", "2017-10-25", "7d", "0d", "2017-09-20 2017-09-27 2017-10-04 2017-10-11 2017-10-18"},  // Wednesdays
		{"2017-01-01", "2017-10-25", "1d", "0d", "2017-09-20 2017-09-27 2017-10-04 2017-10-11 2017-10-18"},  // and no others, though a day would do
		{"2017-01-01", "2017-10-25", "1d", "2d", "2017-09-20 2017-09-27 2017-10-04 2017-10-11 2017-10-18"},
		{"2017-01-01", "2017-10-15", "90d", "0d", "2017-02-17 2017-03-19 2017-04-18 2017-07-17"},
		{"2017-01-01", "2017-02-10", "14d", "0d", "2017-01-13 2017-01-27"},
		{"2017-01-01", "2017-02-01", "30d", "0d", "2017-01-02"}, // no room for a first of a month
	} {
		within, err := kequn.ParseSpan(c.within)
		if err != nil {
			t.Fatal(err)
		}
		gap, _ := kequn.ParseSpan(c.gap)
		cuts, ok := ChooseCutoffs(at(c.first), at(c.ask), gap, within, time.UTC)
		var got []string
		for _, x := range cuts.All() {
			got = append(got, x.Time().Format(time.DateOnly))
		}
		if g := strings.Join(got, " "); !ok || g != c.want {
			t.Errorf("%s before %s: %s, want %s", c.within, c.ask, g, c.want)
		}
	}
	// cdnow: 39 weeks of history and a horizon as long.
	first, ask := at("1997-01-01"), at("1997-10-01")
	if _, ok := ChooseCutoffs(first, ask, kequn.Span{}, kequn.Days(273), time.UTC); ok {
		t.Error("a horizon as long as history leaves nothing to learn from")
	}
	cuts, ok := Shorter(first, ask, kequn.Span{}, kequn.Days(273), time.UTC)
	if !ok || cuts.Within != kequn.Days(91) || len(cuts.Learn) == 0 || cuts.SameTime {
		t.Errorf("shorter: %v %+v", ok, cuts)
	}
	if _, ok := Shorter(first, kequn.Days(20).After(first, time.UTC), kequn.Span{}, kequn.Days(30), time.UTC); ok {
		t.Error("20 days are three weeks")
	}
	// The history must hold a third of the horizon, and an answer opens on the day that it does.
	for _, gap := range []int{0, 10} {
		gap := kequn.Days(gap)
		from := shorterFrom(first, gap, kequn.Days(900), time.UTC)
		if _, ok := Shorter(first, from, gap, kequn.Days(900), time.UTC); !ok {
			t.Errorf("gap %v: not possible when it opens", gap)
		}
		if _, ok := Shorter(first, from-1, gap, kequn.Days(900), time.UTC); ok {
			t.Errorf("gap %v: possible before it opens", gap)
		}
	}
}

func TestHistoryBeginsAfterStrayDates(t *testing.T) {
	at := func(s string) int64 {
		i, _ := kequn.ParseTime(s, time.UTC)
		return int64(i)
	}
	c := &dayCounts{}
	c.reach(dayNumber(at("1970-01-01")), dayNumber(at("2017-12-31")))
	times := []int64{at("1970-01-01")}
	for d := range 1500 {
		times = append(times, at("2017-01-01")+int64(d%300)*dayMicros+7)
	}
	c.add(times, times, at("2017-12-31"))
	if got := c.begin(); got != kequn.Instant(at("2017-01-01")+7) {
		t.Errorf("history begins at %v", got)
	}
	few := &dayCounts{}
	few.reach(c.from, dayNumber(at("2017-12-31")))
	few.add(times[:500], times[:500], at("2017-12-31")) // one row in 500 is no slip
	if got := few.begin(); got != kequn.Instant(at("1970-01-01")) {
		t.Errorf("history begins at %v", got)
	}
}
