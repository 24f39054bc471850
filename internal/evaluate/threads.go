package evaluate

import (
	"math"
	"slices"

	"kequn/internal/kernel"
)

// shortFit is a fit that is timed twice, the quicker one counting: what else the machine does lasts as long.
const shortFit = 1.0

// threads trains on the same rows with 1, 2, 4 … threads up to all.
func (l *lab) threads() error {
	most := kernel.Threads(l.Threads)
	if most < 2 {
		l.not("threads", "只有一个处理器线程可用", "there is one thread only")
		return nil
	}
	base, err := l.asChosen("threads")
	if base == nil {
		return err
	}
	if !l.time(2 * float64(most) * base.seconds) {
		l.lateFor("threads")
		return nil
	}
	var out []ThreadPoint
	for n := 1; ; n = min(2*n, most) {
		t, why, err := l.try(l.Learner.Learner, l.rows, n)
		if err != nil {
			return err
		}
		if t == nil {
			l.not("threads", why.Zh, why.En)
			return nil
		}
		if t.seconds < shortFit && l.time(t.seconds) {
			again, _, err := l.train(l.Learner.Learner, l.rows, nil, n, false)
			if err != nil {
				return err
			}
			if again != nil {
				t.seconds = math.Min(t.seconds, again.seconds)
			}
		}
		p := ThreadPoint{Threads: n, Seconds: t.seconds, Speedup: 1, Same: slices.Equal(t.score, base.score)}
		if len(out) > 0 && t.seconds > 0 {
			p.Speedup = out[0].Seconds / t.seconds
		}
		out = append(out, p)
		if n == most {
			break
		}
	}
	l.card.Scalability.Threads = out
	return nil
}
