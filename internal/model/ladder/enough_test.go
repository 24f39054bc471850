package ladder

import (
	"math"
	"testing"

	"kequn"
	"kequn/internal/kernel"
)

// Of very many rows an inner part trains on some: whole groups, whatever the order of rows, and without a look at outcomes.
func TestThin(t *testing.T) {
	const n = 3 * innerRows
	in := shop(n, kequn.Binary)
	in.Group = make([]int64, n)
	rows := make([]int32, n)
	for i := range in.Group {
		in.Group[i], rows[i] = int64(i/3), int32(i)
	}
	kept := func(in Input) map[int32]bool {
		r := &Result{in: in, o: Options{Seed: 5}}
		r.setHash()
		if got := r.thin(rows[:innerRows]); len(got) != innerRows {
			t.Errorf("%d of %d rows kept, though they are few", len(got), innerRows)
		}
		m := map[int32]bool{}
		for _, i := range r.thin(rows) {
			m[i] = true
		}
		if math.Abs(float64(len(m))-innerRows) > innerRows/20 {
			t.Errorf("%d rows kept, not about %d", len(m), innerRows)
		}
		return m
	}
	whole := kept(in)
	for i := range rows {
		if whole[int32(i)] != whole[int32(i/3*3)] {
			t.Fatal("a group is cut")
		}
	}
	alone := in
	alone.Group = nil
	want := kept(alone)
	order := kernel.NewStream(2).Perm(n)
	at := make([]int32, n)
	for i, r := range order {
		at[i] = int32(r)
	}
	shuffled := alone
	shuffled.X, shuffled.Y = in.X.Take(at), in.Y.Take(at)
	clear(shuffled.Y.Y)
	got := kept(shuffled)
	for i, r := range at {
		if got[int32(i)] != want[r] {
			t.Fatal("another order keeps other rows")
		}
	}
}
