package linear_test

import (
	"bytes"
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"kequn"
	"kequn/internal/metric"
	"kequn/internal/model"
	"kequn/internal/model/linear"
	"kequn/internal/model/modeltest"
	"kequn/internal/table"
)

// Where the text decides, the model finds it in Chinese and English, on reviews that it has not seen.
func TestTextDecides(t *testing.T) {
	for _, task := range []kequn.Task{kequn.Binary, kequn.Regression, kequn.Multiclass} {
		x, y := modeltest.Reviews(task, 1500, 1)
		fresh, truth := modeltest.Reviews(task, 1000, 2)
		m := fit(t, linear.Learner{}, x, y, nil)
		got, err := m.Predict(fresh)
		if err != nil {
			t.Fatal(err)
		}
		switch task {
		case kequn.Binary:
			if auc := metric.AUC(truth.Y, got, nil); auc < 0.97 {
				t.Errorf("AUC %.4f", auc)
			}
			if loss := metric.LogLoss(truth.Y, got, nil); loss > 0.25 {
				t.Errorf("log loss %.4f", loss)
			}
		case kequn.Regression:
			left, all := 0.0, 0.0
			for i, v := range truth.Y {
				left += (v - got[i]) * (v - got[i])
				all += (v - 3) * (v - 3)
			}
			if left > 0.25*all {
				t.Errorf("%.2f of the variance is left", left/all)
			}
		case kequn.Multiclass:
			right := 0.0
			for i, v := range truth.Y {
				p := got[3*i : 3*i+3]
				if slices.Index(p, slices.Max(p)) == int(v) {
					right++
				}
			}
			if right < 930 {
				t.Errorf("%v of 1000 right", right)
			}
		}
		if i := m.Importance(); m.Header().Columns[2].Name != "review" || i[2] < 0.8 {
			t.Errorf("%s: importance %v", task, i)
		}
		contributionsAddUp(t, m, fresh)
		saved(t, m, fresh, got)
	}
	x, y := modeltest.Reviews(kequn.Binary, 1500, 1)
	rules := fit(t, linear.Learner{}, x, y, nil).Rules(kequn.Chinese)
	if !slices.ContainsFunc(rules[:8], func(s string) bool { return strings.Contains(s, "“review”里有") }) {
		t.Errorf("the rules are %q", rules[:8])
	}
}

func contributionsAddUp(t *testing.T, m *linear.Model, x *table.Table) {
	t.Helper()
	base, phi, err := m.Attribute(x, 0)
	if err != nil {
		t.Fatal(err)
	}
	margin, err := m.Margin(x)
	if err != nil {
		t.Fatal(err)
	}
	cols := len(m.Header().Columns)
	for i, want := range margin {
		sum := base
		for _, v := range phi[i*cols : (i+1)*cols] {
			sum += v
		}
		if math.Abs(sum-want) > 1e-9 {
			t.Fatalf("row %d: contributions add up to %v, the margin is %v", i, sum, want)
		}
	}
}

func saved(t *testing.T, m *linear.Model, x *table.Table, want []float64) {
	t.Helper()
	var file bytes.Buffer
	if err := model.Save(&file, m); err != nil {
		t.Fatal(err)
	}
	again, err := model.Load(&file, map[string]model.Decoder{linear.Family: linear.Decode})
	if err != nil {
		t.Fatal(err)
	}
	got, err := again.Predict(x)
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("a loaded model predicts otherwise: %v", err)
	}
}

// Threads, the order of rows and columns and the dictionary's numbering change no byte; weight 0 is absent, weight 2 twice.
func TestTextIsFair(t *testing.T) {
	x, y := modeltest.Reviews(kequn.Binary, 900, 3)
	arrays := func(l linear.Learner, x *table.Table, y model.Outcome, w []float64) []byte {
		var b bytes.Buffer
		if err := fit(t, l, x, y, w).Encode(&b); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	want := arrays(linear.Learner{Threads: 1}, x, y, nil)
	if !bytes.Equal(want, arrays(linear.Learner{Threads: 8}, x, y, nil)) {
		t.Error("eight threads give other bytes")
	}
	back := make([]int32, 900)
	for i := range back {
		back[i] = int32(899 - i)
	}
	turned := x.Take(back)
	again := table.NewColumn("review", table.Text, 0)
	for i := range 900 {
		if turned.Column("review").IsMissing(i) {
			again.AppendMissing()
		} else {
			again.AppendString(turned.Column("review").String(i))
		}
	}
	turned = table.New(turned.Column("city"), again, turned.Column("price"))
	if !bytes.Equal(want, arrays(linear.Learner{}, turned, y.Take(back), nil)) {
		t.Error("rows and columns in another order give other bytes")
	}
	w := make([]float64, 900)
	for i := range w {
		w[i] = float64(i % 3)
	}
	var rows []int32
	for i := range w {
		for range i % 3 {
			rows = append(rows, int32(i))
		}
	}
	a, _ := fit(t, linear.Learner{}, x, y, w).Predict(x)
	b, _ := fit(t, linear.Learner{}, x.Take(rows), y.Take(rows), nil).Predict(x)
	near(t, "weight 2 is the row twice", a, b, 1e-9)
}

// Odd cells are scored as any other: unseen words, none, emoji, a megabyte, invalid bytes. No text is no text in whatever way.
func TestOddTexts(t *testing.T) {
	x, y := modeltest.Reviews(kequn.Binary, 900, 4)
	x.Columns[0].AppendString(strings.Repeat("好", 350_000))
	x.Columns[0].AppendString("bad \xff\xfe\x80 bytes")
	for range 2 {
		x.Columns[1].Num = append(x.Columns[1].Num, 5)
		x.Columns[2].AppendString("Paris")
		y.Y = append(y.Y, 1)
	}
	m := fit(t, linear.Learner{}, x, y, nil)
	review := table.NewColumn("review", table.Text, 0)
	review.AppendMissing()
	for _, s := range []string{"", " \t ", "，。", "未曾见过的词句", "unseen vocabulary entirely", "🦄🦄", strings.Repeat("快递太差了", 100_000), "\xff\xfe", strings.Repeat("\xff", 1<<20)} {
		review.AppendString(s)
	}
	n := review.Len()
	price, city := &table.Column{Name: "price", Num: make([]float64, n)}, table.NewColumn("city", table.Category, n)
	for range n {
		city.AppendMissing()
	}
	got, err := m.Predict(table.New(review, price, city))
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range got {
		if !(p >= 0 && p <= 1) {
			t.Errorf("row %d scores %v", i, p)
		}
		if i < 4 && p != got[0] {
			t.Errorf("row %d has no text but scores %v, not %v", i, p, got[0])
		}
	}
	// A category is text too, numbers are not.
	asCategory := *review
	asCategory.Kind = table.Category
	same, err := m.Predict(table.New(&asCategory, price, city))
	if err != nil || !slices.Equal(got, same) {
		t.Errorf("as a category it scores otherwise: %v", err)
	}
	if _, err := m.Predict(table.New(&table.Column{Name: "review", Num: make([]float64, n)}, price, city)); kequn.KindOf(err) != kequn.KindInput {
		t.Errorf("a column of numbers gives %v", err)
	}
	if m := fit(t, linear.Learner{NoText: true}, x, y, nil); len(m.Header().Columns) != 2 {
		t.Errorf("without text the columns are %v", m.Header().Columns)
	}
	// A few texts, all the same, none at all.
	for _, texts := range [][]string{{"good one here", "bad one here", "good one here too"}, {"the same words", "the same words", "the same words"}} {
		c := table.NewColumn("t", table.Text, 0)
		for _, s := range texts {
			c.AppendString(s)
		}
		if _, err := (linear.Learner{}).Fit(context.Background(), table.New(c, &table.Column{Name: "n", Num: []float64{1, 2, 3}}), model.Outcome{Task: kequn.Binary, Y: []float64{1, 0, 1}}, nil); err != nil {
			t.Error(err)
		}
	}
}

func TestTextIsCancelled(t *testing.T) {
	x, y := modeltest.Reviews(kequn.Binary, 3000, 5)
	ctx, stop := context.WithCancel(context.Background())
	stop()
	if _, err := (linear.Learner{}).Fit(ctx, x, y, nil); err != context.Canceled {
		t.Error(err)
	}
}

func FuzzDecodeText(f *testing.F) {
	x, y := modeltest.Reviews(kequn.Binary, 60, 1)
	m, err := linear.Learner{TextL2: 1}.Fit(context.Background(), x, y, nil)
	if err != nil {
		f.Fatal(err)
	}
	var arrays bytes.Buffer
	if err := m.Encode(&arrays); err != nil {
		f.Fatal(err)
	}
	f.Add(arrays.Bytes())
	h := m.Header()
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := linear.Decode(h, bytes.NewReader(b))
		if err != nil {
			return
		}
		if _, err := m.Predict(x); err != nil {
			t.Fatal(err)
		}
	})
}

func BenchmarkText(b *testing.B) {
	x, y := modeltest.Reviews(kequn.Binary, 20_000, 1)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := (linear.Learner{}).Fit(context.Background(), x, y, nil); err != nil {
			b.Fatal(err)
		}
	}
}
