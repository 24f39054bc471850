package nextitem

import (
	"context"
	"math"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"kequn"
	"kequn/internal/kernel"
)

const day = kequn.Instant(24 * 3600 * 1e6)

// shop is a history of customers who each have a favourite pair of values that they buy in turn, and now and then something popular.
func shop(customers, values, visits int) *History {
	h := &History{}
	for c := range customers {
		r := kernel.NewStream(3, uint64(c))
		a := int32(r.Intn(values / 2))
		var code, visit []int32
		var time []kequn.Instant
		at := kequn.Instant(r.Intn(20)) * day
		for v := range visits {
			x := 2*a + int32(v%2) // the pair follows each other
			if r.Bool(0.2) {
				x = int32(values) - 1 // popular with everybody
			}
			code, time, visit = append(code, x), append(time, at), append(visit, int32(v))
			at += day * kequn.Instant(1+r.Intn(5))
		}
		h.Add(code, time, nil, visit)
	}
	return h
}

func TestAddLeavesOutWhatAVisitRepeats(t *testing.T) {
	h := &History{}
	h.Add([]int32{4, 4, 5, 4}, []kequn.Instant{1, 1, 1, 2}, nil, []int32{0, 0, 0, 1})
	if want := []int32{4, 5, 4}; !slices.Equal(h.Code, want) {
		t.Errorf("codes %v, want %v", h.Code, want)
	}
}

func TestQueriesLookAheadAndNoFurther(t *testing.T) {
	h := &History{}
	h.Add([]int32{1, 2, 3, 1, 4}, []kequn.Instant{10, 20, 20, 30, 40}, nil, []int32{0, 1, 1, 2, 3})
	for _, c := range []struct {
		name string
		got  []Query
		want []int32
	}{
		{"a row at the cutoff is the future", h.Within(20, 20, 40, nil, false), []int32{1, 2, 3}},
		{"the window's end is outside", h.Within(20, 20, 30, nil, false), []int32{2, 3}},
		{"fresh: what was had does not count", h.Within(20, 20, 41, nil, true), []int32{2, 3, 4}},
		{"the next visit whole, and only it", h.After(15, 15, 100, nil, false), []int32{2, 3}},
		{"nothing before, nothing asked", h.Within(10, 10, 100, nil, false), nil},
	} {
		var got []int32
		if len(c.got) > 0 {
			got = c.got[0].Relevant
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	if v := h.Visits(0, 100, 2, nil, false); len(v) != 2 || v[0].At != 40 || v[1].At != 30 {
		t.Errorf("last visits %v", v)
	}
}

// The figures of a list worked out by hand: hits at ranks 2 and 4 of three values that came.
func TestFiguresOfAList(t *testing.T) {
	s := Compare("x", 10, [][]int32{{9, 1, 8, 3}}, [][]int32{{1, 3, 5}}, nil, "", 20)
	ndcg := (1/math.Log2(3) + 1/math.Log2(5)) / (1 + 1/math.Log2(3) + 1/math.Log2(4))
	for _, c := range []struct {
		name      string
		got, want float64
	}{{"hit", s.HitRate.Mean, 1}, {"mrr", s.MRR.Mean, 0.5}, {"recall", s.Recall.Mean, 2. / 3}, {"ndcg", s.NDCG.Mean, ndcg}, {"coverage", s.Coverage, 4. / 20}} {
		if math.Abs(c.got-c.want) > 1e-12 {
			t.Errorf("%s is %v, want %v", c.name, c.got, c.want)
		}
	}
}

func TestBestIsASort(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		score := rapid.SliceOfN(rapid.SampledFrom([]float64{-1, 0, 0.5, 1, 2, 3}), 0, 40).Draw(t, "score")
		n := rapid.IntRange(0, 45).Draw(t, "n")
		var want []int32
		for _, at := range kernel.ArgsortDesc(score) {
			if score[at] > 0 && len(want) < n {
				want = append(want, at)
			}
		}
		if got := best(score, nil, n); !slices.Equal(got, want) {
			t.Fatalf("best(%v, %d) = %v, want %v", score, n, got, want)
		}
	})
}

// A square and a table of pairs count the same.
func TestPairsDenseAndSparse(t *testing.T) {
	dense, sparse := newPairs(50), &pairs{n: 50, key: make([]uint64, 1<<4), val: make([]float32, 1<<4)}
	r := kernel.NewStream(1)
	for range 3000 {
		i, j := int32(r.Intn(50)), int32(r.Intn(50))
		dense.add(i, j, 1)
		sparse.add(i, j, 1)
	}
	same := func(_, _ int32, w float32) float32 { return w }
	if a, b := dense.lists(50, true, same), sparse.lists(50, true, same); !reflect.DeepEqual(a, b) {
		t.Error("neighbours differ")
	}
}

// No row at or after the cutoff, and none known after it, changes a list by a bit.
func TestTheFutureChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := shop(40, 10, 12)
		at := kequn.Instant(rapid.IntRange(15, 40).Draw(t, "day")) * day
		cut := &History{}
		for c := range int32(h.NCustomers()) {
			lo, hi := h.before(c, at)
			cut.Add(h.Code[lo:hi], h.Time[lo:hi], nil, h.Visit[lo:hi])
		}
		p, q := newPool(h, 10, false), newPool(cut, 10, false)
		s, u := gather(h, 10, at, nothing, 0, 0, 20), gather(cut, 10, at, nothing, 0, 0, 20)
		for c := range int32(h.NCustomers()) {
			p.find(s, c, at)
			q.find(u, c, at)
			if !slices.Equal(p.code, q.code) || !sameFloats(p.fact, q.fact) {
				t.Fatalf("customer %d: the future shows", c)
			}
		}
	})
}

func sameFloats(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool { return math.Float32bits(x) == math.Float32bits(y) })
}

func TestOrdersOnAShopOfHabits(t *testing.T) {
	h := shop(400, 20, 30)
	ask := 60 * day
	lesson := func(at kequn.Instant) Lesson {
		return Lesson{Until: at, Queries: h.After(at, at, at+10*day, nil, false)}
	}
	task := Task{History: h, NValues: 20, Learn: []Lesson{lesson(30 * day), lesson(40 * day)}, Judge: lesson(50 * day), Ask: ask}
	var first *Fit
	var lists [][][]int32
	for _, threads := range []int{1, 3} {
		f, err := Learn(context.Background(), task, Options{Top: 5, Threads: threads, Orders: []string{Popular, Repeat, Recent, Cooccur}})
		if err != nil {
			t.Fatal(err)
		}
		l, _, err := f.Lists(context.Background(), h, f.Chosen)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first, lists = f, l
			continue
		}
		if !reflect.DeepEqual(f.Scores, first.Scores) || !reflect.DeepEqual(l, lists) {
			t.Error("another number of threads, another answer")
		}
	}
	if first.Base == Popular || first.Scores[0].NDCG.Mean > 0.7 {
		t.Errorf("habits make popular a bad order here: %+v", first.Scores[0])
	}
	if first.Chosen != Repeat && first.Chosen != Recent && first.Chosen != Cooccur {
		t.Errorf("chosen %s", first.Chosen)
	}
	for _, list := range lists[0] {
		if len(list) > 5 {
			t.Fatal("a list is longer than asked")
		}
		if s := slices.Clone(list); len(slices.Compact(sorted(s))) != len(list) {
			t.Fatal("a value stands twice on a list")
		}
	}
}

func sorted(v []int32) []int32 { slices.Sort(v); return v }

func TestTooFewToJudge(t *testing.T) {
	h := shop(5, 10, 12)
	at := 20 * day
	_, err := Learn(context.Background(), Task{History: h, NValues: 10, Judge: Lesson{Until: at, Queries: h.After(at, at, at+10*day, nil, false)}, Ask: 30 * day}, Options{Top: 5})
	if few, ok := err.(ErrFew); !ok || few.Queries != 5 {
		t.Errorf("error %v", err)
	}
}
