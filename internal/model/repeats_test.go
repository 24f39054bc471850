package model

import (
	"math/rand/v2"
	"slices"
	"testing"

	"kequn"
	"kequn/internal/table"
)

// fewLevels is a table of so many levels, with as many rows of each.
func fewLevels(levels, copies int, outcome func(level, copy int) float64) (*table.Table, Outcome) {
	c, y := table.NewColumn("city", table.Category, 0), Outcome{Task: kequn.Regression}
	for k := range copies {
		for l := range levels {
			c.AppendString(string(rune('A' + l)))
			y.Y = append(y.Y, outcome(l, k))
		}
	}
	return table.New(c), y
}

func distinct(n int) (*table.Table, Outcome) {
	r := rand.New(rand.NewPCG(1, 1))
	c, y := table.NewColumn("age", table.Number, n), Outcome{Task: kequn.Regression}
	for range n {
		c.Num, y.Y = append(c.Num, r.Float64()), append(y.Y, r.Float64())
	}
	return table.New(c), y
}

func TestMostlyDistinctRowsKeepTheirHash(t *testing.T) {
	x, y := distinct(300)
	counts := make([]float64, 300)
	for i := range counts {
		counts[i] = float64(i % 9)
	}
	var many []int32 // every row six times, as a join makes them
	for range 6 {
		for i := range int32(300) {
			many = append(many, i)
		}
	}
	half := append(slices.Clone(many[:300]), slices.Repeat([]int32{7}, 200)...)
	alike, same := fewLevels(1, 80, func(_, k int) float64 { return float64(k) })
	for _, c := range []struct {
		name string
		x    *table.Table
		y    Outcome
		w    []float64
	}{
		{"distinct", x, y, nil},
		{"weights that count", x, y, counts},
		{"every row six times", x.Take(many), y.Take(many), nil},
		{"one row two fifths of the table", x.Take(half), y.Take(half), nil},
		{"all rows alike", alike, same, nil},
	} {
		hash := RowHash(c.x, 5)
		gotX, gotY, gotW, draw := Spread(c.x, c.y, c.w, 5)
		if gotX != c.x || !slices.Equal(gotY.Y, c.y.Y) || !slices.Equal(gotW, c.w) || !slices.Equal(draw, hash) || !slices.Equal(RowDraw(c.x, c.y, c.w, 5), hash) {
			t.Errorf("%s: not left alone", c.name)
		}
	}
}

func TestCopiesOfFewRowsPart(t *testing.T) {
	yes := func(l, k int) float64 { return float64(min(1, (l+k)%3)) }
	for _, levels := range []int{2, 7, 20} {
		x, y := fewLevels(levels, 60, yes)
		_, _, w, draw := Spread(x, y, nil, 3)
		if w != nil || len(draw) != len(y.Y) {
			t.Fatalf("%d levels: %d rows, weights %v", levels, len(draw), w)
		}
		if slices.Sort(draw); len(slices.Compact(draw)) != len(y.Y) {
			t.Errorf("%d levels: copies have one draw", levels)
		}
		// Of each level, about a fifth is held out.
		held := map[int32]int{}
		for i, d := range RowDraw(x, y, nil, 3) {
			if d%5 == 0 {
				held[x.Columns[0].Code[i]]++
			}
		}
		for l := range levels {
			if n := held[int32(l)]; n < 3 || n > 24 {
				t.Errorf("%d of 60 rows of level %d are held out", n, l)
			}
		}
	}
	pure, y := fewLevels(7, 60, func(l, _ int) float64 { return float64(l % 2) })
	if slices.Equal(RowDraw(pure, y, nil, 3), RowHash(pure, 3)) {
		t.Error("levels that decide the outcome are held out whole")
	}
}

func TestSpreadIsFair(t *testing.T) {
	x, y := fewLevels(7, 60, func(l, k int) float64 { return float64((l + k) % 4) })
	w, rows := make([]float64, len(y.Y)), []int32(nil)
	for i := range w {
		w[i] = float64(i % 4)
		for range i % 4 {
			rows = append(rows, int32(i))
		}
	}
	r := rand.New(rand.NewPCG(5, 5))
	r.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	for _, most := range []int{1 << 17, 100} {
		aX, aY, aW, aDraw := SpreadTo(most, x, y, w, 3)
		bX, bY, bW, bDraw := SpreadTo(most, x.Take(rows), y.Take(rows), nil, 3)
		if !slices.Equal(aX.Columns[0].Code, bX.Columns[0].Code) || !slices.Equal(aY.Y, bY.Y) || !slices.Equal(aW, bW) || !slices.Equal(aDraw, bDraw) {
			t.Errorf("into %d pieces: a row of weight k is not the row k times", most)
		}
		sum := 0.0
		for _, v := range aW {
			sum += v
		}
		if aW == nil {
			sum = float64(len(aDraw))
		}
		if sum != float64(len(rows)) || len(aDraw) > max(most, 28) && most == 100 {
			t.Errorf("%d pieces of %v in all, want %d", len(aDraw), sum, len(rows))
		}
	}
	// Weights that are no counts: rows are taken as they are, in any order.
	for i := range w {
		w[i] = 0.3 * float64(i%4)
	}
	back := make([]int32, len(w))
	for i := range back {
		back[i] = int32(len(w) - 1 - i)
	}
	_, aY, aW, aDraw := Spread(x, y, w, 3)
	wBack := make([]float64, len(w))
	for i, k := range back {
		wBack[i] = w[k]
	}
	_, bY, bW, bDraw := Spread(x.Take(back), y.Take(back), wBack, 3)
	if len(aW) != 315 || !slices.Equal(aY.Y, bY.Y) || !slices.Equal(aW, bW) || !slices.Equal(aDraw, bDraw) {
		t.Errorf("%d rows of fractions depend on their order", len(aW))
	}
}

func BenchmarkSpread(b *testing.B) {
	distinct, y := distinct(100_000)
	few, z := fewLevels(7, 14_000, func(l, k int) float64 { return float64((l + k) % 2) })
	b.Run("distinct", func(b *testing.B) {
		for b.Loop() {
			Spread(distinct, y, nil, 1)
		}
	})
	b.Run("few", func(b *testing.B) {
		for b.Loop() {
			Spread(few, z, nil, 1)
		}
	})
}
