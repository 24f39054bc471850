package ngram

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/table"

	"pgregory.net/rapid"
)

// grams returns what a text is cut into, in order.
func grams(text string, light bool) []string {
	var out []string
	c := newCutter(light)
	c.named = func(_ uint32, gram string) { out = append(out, gram) }
	c.cut(text)
	return out
}

func TestGrams(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"质量很好", "质|质量|质量很|量|量很|量很好|很|很好|好"},
		{"好，差", "好|差"},
		{"Not good", "not| no| not|not|not |ot |good|not good| go| goo|goo|good|ood|ood |od "},
		{"a b, c", "a|b|a b|c"},
		{"ＯＫ！", "ok|!"}, // full width
		{"don’t 'x'", "don't| do| don|don|don'|on't|on'|n't|n't |'t |x|don't x"},
		{"很good", "很|good| go| goo|goo|good|ood|ood |od "},
		{"👍👍 ok?", "👍|👍|ok|?"},
		{"Straße", "strasse| st| str|str|stra|tra|tras|ras|rass|ass|asse|sse|sse |se "},
		{"", ""},
		{" \t\n.,;", ""},
		{"a\xffb\xfe\xfd", "a|b"},
	} {
		got := grams(c.text, false)
		want := strings.Split(c.want, "|")
		if c.want == "" {
			want = nil
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", c.text, got, want)
		}
	}
	if got := grams("质量很好 Not good", true); !slices.Equal(got, []string{"质", "质量", "量", "量很", "很", "很好", "好", "not", "good", "not good"}) {
		t.Errorf("light: %q", got)
	}
}

func TestProse(t *testing.T) {
	for text, want := range map[string]bool{
		"the parcel came late":              true,
		"质量很好推荐":                            true,
		"好":                                 false,
		"A-1234-B":                          false,
		"John Smith":                        false,
		"someone@example.com":               false,
		"id17":                              false,
		"2023-01-04 12:30:00":               false,
		"12 34 56 78 90":                    false,
		"Braund, Mr. Owen Harris":           true,
		"":                                  false,
		strings.Repeat("\xff", 100):         false,
		"SKU 99X BLUE":                      false,
		strings.Repeat("无", maxBytes) + "x": true,
	} {
		if got := ProseOf(table.DictOf(text)); got != want {
			t.Errorf("%.40q: %v", text, got)
		}
	}
}

// A word without meaning decides: its grams are found, and named.
func TestLearnFindsWhatDecides(t *testing.T) {
	c, y := cells(2000)
	v, m := Learn(c, nil, 2)
	targets := m.targets(kequn.Binary, y, nil, 0)
	picked := m.pick(targets, 4, 2)
	names := v.Names(c, nil, picked)
	if !slices.ContainsFunc(names, func(s string) bool { return strings.Contains("zorblax", strings.TrimSpace(s)) }) {
		t.Errorf("picked %q", names)
	}
	for line := range m.NTexts {
		var sum [2]float64
		for e := m.start[line]; e < m.start[line+1]; e++ {
			sum[v.kind(m.col[e])] += float64(m.val[e]) * float64(m.val[e])
		}
		if math.Abs(sum[0]-1) > 1e-5 || math.Abs(sum[1]-innerLength*innerLength) > 1e-5 {
			t.Fatalf("line %d has lengths² %v", line, sum)
		}
	}
}

// cells returns reviews of which those with "zorblax" are 1, with some noise.
func cells(n int) (Cells, []float64) { return cellsOf(n, 3) }

func cellsOf(n int, seed uint64) (Cells, []float64) {
	s := kernel.NewStream(seed)
	words := strings.Split("the a parcel came late early and was broken fine good cheap dear blue red small large box seller again never", " ")
	c, y := table.NewColumn("x", table.Text, n), make([]float64, n)
	for i := range n {
		var text []string
		for range 4 + s.Intn(6) {
			text = append(text, words[s.Intn(len(words))])
		}
		if s.Bool(0.4) {
			text = append(text, "zorblax")
			y[i] = 1
		}
		if s.Bool(0.05) {
			y[i] = 1 - y[i]
		}
		c.AppendString(strings.Join(text, " "))
	}
	return Cells{c.Dict, c.Code}, y
}

// Products with the matrix are those of the plain loops.
func TestMatrixProducts(t *testing.T) {
	c, _ := cells(700)
	v, m := Learn(c, nil, 2)
	s := kernel.NewStream(1)
	beta, r := make([]float64, m.NCols), make([]float64, m.NTexts)
	for j := range beta {
		beta[j] = s.Norm()
	}
	for j := range r {
		r[j] = s.Norm()
	}
	got, want := make([]float64, m.NTexts), make([]float64, m.NTexts)
	m.Margins(beta, 3, got)
	grad, wantGrad := make([]float64, m.NCols), make([]float64, m.NCols)
	m.Gradient(r, 3, grad)
	v.Each(c, 0, len(c.Code), func(row int, col []uint32, weight []float32) {
		at := m.Row[row]
		want[at] = 0
		for e, j := range col {
			want[at] += float64(weight[e]) * beta[j]
		}
	})
	for t2 := range m.NTexts {
		for e := m.start[t2]; e < m.start[t2+1]; e++ {
			wantGrad[m.col[e]] += float64(m.val[e]) * r[t2]
		}
	}
	for i := range want {
		if math.Abs(got[i]-want[i]) > 1e-9 {
			t.Fatalf("line %d: %v, want %v", i, got[i], want[i])
		}
	}
	for j := range grad {
		if math.Abs(grad[j]-wantGrad[j]) > 1e-9 {
			t.Fatalf("column %d: %v, want %v", j, grad[j], wantGrad[j])
		}
	}
}

func bytesOf(t *testing.T, x *table.Table, y, w []float64, threads int) ([]byte, *table.Table) {
	t.Helper()
	e, made, err := Train(context.Background(), x, kequn.Binary, y, w, 0, threads)
	if err != nil {
		t.Fatal(err)
	}
	return e.Append(nil), made
}

// The encoder does not depend on threads nor on the order of rows; its training scores are of models that have not seen the text.
func TestEncoder(t *testing.T) {
	c, y := cells(1500)
	text := &table.Column{Name: "x", Kind: table.Text, Dict: c.Texts.(*table.Dict), Code: c.Code}
	number := &table.Column{Name: "n", Num: make([]float64, 1500)}
	x := table.New(text, number)
	one, made := bytesOf(t, x, y, nil, 1)
	eight, _ := bytesOf(t, x, y, nil, 8)
	if !bytes.Equal(one, eight) {
		t.Error("eight threads give other bytes than one")
	}
	back := make([]int32, 1500)
	yb := make([]float64, 1500)
	for i := range back {
		back[i] = int32(1499 - i)
		yb[i] = y[1499-i]
	}
	// Another dictionary too: its numbers must not matter.
	again := table.NewColumn("x", table.Text, 0)
	for _, i := range back {
		again.AppendString(text.String(int(i)))
	}
	other, otherMade := bytesOf(t, table.New(again, number), yb, nil, 2)
	if !bytes.Equal(one, other) {
		t.Error("rows in another order give other bytes")
	}
	for i := range 1500 {
		if made.Columns[0].Num[i] != otherMade.Columns[0].Num[1499-i] {
			t.Fatal("rows in another order have other scores")
		}
	}
	// Weight 0 is absent.
	w, odd := make([]float64, 3000), text.Take(append(slices.Clone(back), back...))
	y2 := append(slices.Clone(yb), yb...)
	for i := range 1500 {
		w[1500+i] = 1
		odd.Code[i] = odd.Code[1500]
		y2[i] = math.NaN()
	}
	absent, _ := bytesOf(t, table.New(odd, &table.Column{Name: "n", Num: make([]float64, 3000)}), y2, w, 2)
	if !bytes.Equal(one, absent) {
		t.Error("rows of weight 0 matter")
	}

	e, _, err := ReadEncoder(one, []string{"x", "n"}, []bool{true, false})
	if err != nil {
		t.Fatal(err)
	}
	if e.Owner()[0] != 0 || e.Owner()[len(e.Owner())-1] != 1 || !bytes.Equal(e.Append(nil), one) {
		t.Error("a stored encoder reads otherwise")
	}
	fresh, yf := cellsOf(900, 4)
	scored := e.Table(table.New(&table.Column{Name: "x", Kind: table.Text, Dict: fresh.Texts.(*table.Dict), Code: fresh.Code},
		&table.Column{Name: "n", Num: make([]float64, 900)}), 2)
	inside, outside := auc(made.Columns[0].Num, y), auc(scored.Columns[0].Num, yf)
	if math.Abs(inside-outside) > 0.03 || outside < 0.9 {
		t.Errorf("the score's AUC is %.3f in training, %.3f on new texts", inside, outside)
	}
	// Where nothing can be learnt, the training scores say so.
	s := kernel.NewStream(5)
	coin := make([]float64, 1500)
	for i := range coin {
		coin[i] = float64(s.Intn(2))
	}
	_, noise := bytesOf(t, x, coin, nil, 2)
	if a := auc(noise.Columns[0].Num, coin); math.Abs(a-0.5) > 0.06 {
		t.Errorf("on coin tosses the training score has AUC %.3f", a)
	}
}

func auc(score, y []float64) float64 {
	wins, pairs := 0.0, 0.0
	for i := range y {
		for j := range y {
			if y[i] == 1 && y[j] == 0 {
				pairs++
				switch {
				case score[i] > score[j]:
					wins++
				case score[i] == score[j]:
					wins += 0.5
				}
			}
		}
	}
	return wins / pairs
}

// Any text is cut without panic, the same twice; a text of a megabyte takes no longer than a long letter.
func TestOddTexts(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		text := string(rapid.SliceOf(rapid.Byte()).Draw(r, "bytes"))
		if rapid.Bool().Draw(r, "runes") {
			text = rapid.String().Draw(r, "text")
		}
		if !slices.Equal(grams(text, false), grams(text, false)) {
			r.Fatal("another time, other grams")
		}
		if blank := Blank(table.DictOf(text), 1)[0]; blank != (len(grams(text, false)) == 0) {
			r.Fatalf("%q: blank is %v, grams %q", text, blank, grams(text, false))
		}
	})
	c := table.NewColumn("x", table.Text, 0)
	for _, text := range []string{strings.Repeat("好", 350_000), strings.Repeat("x", 1<<20), strings.Repeat("\xff", 1<<20), strings.Repeat("a\u0301", 1<<19), strings.Repeat("word ", 200_000), strings.Repeat("👩‍👩‍👧", 60_000), "ﷺ" + strings.Repeat("ﷺ", 300_000)} {
		c.AppendString(text)
	}
	v, m := Learn(Cells{c.Dict, c.Code}, []float64{3, 3, 3, 3, 3, 3, 3}, 2)
	if m.NTexts != 7 || v.NCols() == 0 {
		t.Errorf("%d texts, %d buckets", m.NTexts, v.NCols())
	}
}

func FuzzReadEncoder(f *testing.F) {
	c, y := cells(60)
	x := table.New(&table.Column{Name: "x", Kind: table.Text, Dict: c.Texts.(*table.Dict), Code: c.Code})
	e, _, err := Train(context.Background(), x, kequn.Binary, y, nil, 0, 1)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(e.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, _, err := ReadEncoder(b, []string{"x"}, []bool{true})
		if err != nil {
			return
		}
		for _, col := range e.Table(x, 1).Columns {
			for _, v := range col.Num {
				if math.IsInf(v, 0) {
					t.Fatal("an infinite score")
				}
			}
		}
	})
}

func Example() {
	texts := table.DictOf("质量很好", "质量太差", "很好很好", "太差了", "很好", "太差")
	v, m := Learn(Cells{Texts: texts, Code: []int32{0, 1, 2, 3, 4, 5}}, nil, 1)
	fmt.Println(m.NTexts, "texts,", v.NCols(), "buckets:", v.Names(Cells{texts, []int32{0, 1, 2, 3, 4, 5}}, nil, []int{0, 1, 2}))
	// Output:
	// 6 texts, 21 buckets: [很 好 量很]
}

func BenchmarkTrain(b *testing.B) {
	c, y := cells(20_000)
	x := table.New(&table.Column{Name: "x", Kind: table.Text, Dict: c.Texts.(*table.Dict), Code: c.Code})
	b.Run("learn", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			Learn(c, nil, 1)
		}
	})
	b.Run("train", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := Train(context.Background(), x, kequn.Binary, y, nil, 0, 1); err != nil {
				b.Fatal(err)
			}
		}
	})
}
