package ladder

import (
	"context"
	"errors"
	"math"
	"slices"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/metric"
	"kequn/internal/model"
)

// heats lets the families that cost much try themselves on few rows, round by round inside that round's training rows: models are
// trained on some of the rows without inner part 0, and judged on part 0 together with the families that need no heat. Those go on
// that a blend would take, then those with the least loss.
func (r *Result) heats(ctx context.Context, inner [][]int32, done *float64) error {
	if len(r.Plan.Heats) == 0 {
		return nil
	}
	var entrants []*rung
	for _, g := range r.rungs {
		if s := r.Plan.step(g.named.Name); g.failed == "" && s.Heat {
			g.alive = make([]bool, len(r.in.Rounds))
			entrants = append(entrants, g)
		}
	}
	left := make([][]*rung, len(r.in.Rounds))
	for k := range left {
		left[k] = entrants
	}
	for h, heat := range r.Plan.Heats {
		r.progress(*done, "")
		for k := range r.in.Rounds {
			kept, err := r.heat(ctx, k, heat, h, inner[k], left[k])
			if err != nil {
				if errors.Is(err, context.DeadlineExceeded) { // nobody came through
					for _, g := range entrants {
						g.failed = timeUp
					}
				}
				return err
			}
			left[k] = kept
		}
		*done += heat.Seconds
	}
	for k := range left {
		for _, g := range left[k] {
			g.alive[k] = true
		}
	}
	for _, g := range entrants {
		if !g.whole() {
			s := r.Plan.step(g.named.Name)
			s.Reason = text("在 %d 行的预赛中落选", "left behind in a heat on %d rows", r.Plan.Heats[len(r.Plan.Heats)-1].Rows)
		}
	}
	return nil
}

// heat trains the families left on the heat's rows of a round and returns those that go on, in their order.
func (r *Result) heat(ctx context.Context, round int, heat Heat, number int, part []int32, left []*rung) ([]*rung, error) {
	if len(left) <= heat.Keep {
		return left, nil
	}
	var train, test []int32
	for i, row := range r.in.Rounds[round].Train {
		if part[i] == 0 {
			test = append(test, row)
		} else {
			train = append(train, row)
		}
	}
	train = r.draw(train, heat.Rows, 5+uint64(number))
	test = r.draw(test, max(heat.Rows, enough/2), 5+uint64(number))
	if len(train) == 0 || len(test) == 0 {
		return left, nil
	}
	field := slices.Clone(left)
	for _, g := range r.rungs {
		if s := r.Plan.step(g.named.Name); g.failed == "" && !s.Heat && g.named.Name != BaseName {
			field = append(field, g)
		}
	}
	x, y, w := take(r.in, train)
	seen := r.in.X.Take(test)
	threads, each := 1, r.o.Threads
	if len(train)*len(r.in.X.Columns) <= smallTable {
		threads, each = kernel.Threads(r.o.Threads), 1
	}
	c := make([]candidate, len(field))
	errs := make([]error, len(field))
	kernel.Parallel(len(field), threads, 1, func(lo, hi int) {
		for j := lo; j < hi; j++ {
			l := model.WithThreads(model.WithSeed(field[j].named.Learner, r.o.Seed), each)
			m, err := l.Fit(ctx, x, y, w)
			if err == nil {
				c[j].raw, err = m.Predict(seen)
			}
			c[j].rung, errs[j] = field[j], err
		}
	})
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	// A family that cannot do this will say why when it is run in full: it goes on only if all others do.
	for j := len(c) - 1; j >= 0; j-- {
		if errs[j] != nil {
			c = slices.Delete(c, j, j+1)
		}
	}
	if len(c) == 0 {
		return left, nil
	}
	for j := range c {
		c[j].score = c[j].raw
		if r.Task == kequn.Binary {
			c[j].each = metric.Calibration{}
			c[j].score = make([]float64, len(c[j].raw))
			for i, p := range c[j].raw {
				c[j].score[i] = logit(p)
			}
		}
	}
	weight := r.blend(c, test)
	loss := make([]float64, len(c))
	k := r.in.Y.NOut()
	for j := range c {
		for i, row := range test {
			loss[j] += r.weightOf(row) * r.rowLoss(row, c[j].raw[i*k:(i+1)*k])
		}
	}
	order := make([]int, 0, len(c))
	for j := range c {
		if slices.Contains(left, c[j].rung) {
			order = append(order, j)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case weight[a] != weight[b] && (weight[a] > 0) != (weight[b] > 0):
			if weight[a] > 0 {
				return -1
			}
			return 1
		case loss[a] < loss[b]:
			return -1
		case loss[a] > loss[b]:
			return 1
		}
		return 0
	})
	best := map[*rung]bool{} // looked up only
	for _, j := range order[:min(heat.Keep, len(order))] {
		best[c[j].rung] = true
	}
	var kept []*rung
	for _, g := range left {
		if best[g] {
			kept = append(kept, g)
		}
	}
	return kept, nil
}

// draw keeps about n of the rows by a hash of their values, those of one group together.
func (r *Result) draw(rows []int32, n int, salt uint64) []int32 {
	if len(rows) <= n || r.hash == nil && r.in.Group == nil {
		return rows
	}
	limit := uint64(float64(n) / float64(len(rows)) * math.MaxUint64)
	seed := kernel.Mix(r.o.Seed + salt)
	var kept []int32
	for _, row := range rows {
		if kernel.Mix(seed^r.key(row)) <= limit {
			kept = append(kept, row)
		}
	}
	return kept
}
