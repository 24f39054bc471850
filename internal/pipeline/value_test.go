package pipeline

import (
	"testing"
	"time"

	"kequn"
	"kequn/internal/plan"
)

// TestValueCutoffs holds that every window ends before what it is learnt for, whatever history, horizon and gap.
func TestValueCutoffs(t *testing.T) {
	s, v := &Shop{}, &view{zone: time.UTC}
	first := kequn.Instant(time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro())
	for _, c := range []struct {
		history, within, gap int
		ok                   bool
		judge                int // days of the judging window
	}{
		{273, 273, 0, true, 137}, // as much history as horizon: half of it judges
		{900, 90, 0, true, 90},
		{400, 90, 14, true, 90},
		{121, 180, 0, true, 61},
		{30, 180, 0, false, 0}, // six times as long as what could be judged
		{14, 20, 0, true, 7},
		{5, 30, 0, false, 0},
		{40, 30, 39, false, 0},
	} {
		ask := kequn.Cutoff(kequn.Days(c.history).After(first, time.UTC))
		got, ok := s.cutoffsOfValue(first, ask, plan.Goal{Count: "orders", Within: kequn.Days(c.within), Gap: kequn.Days(c.gap)}, v)
		if ok != c.ok {
			t.Errorf("%+v: ok is %v", c, ok)
		}
		if !ok {
			continue
		}
		if got.window[got.judge] != c.judge {
			t.Errorf("%+v: judged over %d days", c, got.window[got.judge])
		}
		end := func(at kequn.Cutoff) kequn.Instant {
			return kequn.Days(got.window[at]).After(kequn.Days(c.gap).After(at, time.UTC), time.UTC)
		}
		for _, at := range got.learn {
			if at <= first || end(at) > got.judge {
				t.Errorf("%+v: learns from %d days before what is judged at %v", c, got.window[at], got.judge)
			}
		}
		for _, at := range append(got.later, got.judge) {
			if at <= first || end(at) > ask {
				t.Errorf("%+v: a window ends after the cutoff", c)
			}
		}
	}
}
