package gbdt_test

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
	"kequn/internal/model/gbdt"
	"kequn/internal/model/modeltest"
	"kequn/internal/table"
)

func fitReviews(t *testing.T, l gbdt.Learner, x *table.Table, y model.Outcome, w []float64) (model.Model, []byte) {
	t.Helper()
	m, err := l.Fit(context.Background(), x, y, w)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := m.Encode(&b); err != nil {
		t.Fatal(err)
	}
	return m, b.Bytes()
}

// Where the text decides, the trees find it in Chinese and English, on reviews that they have not seen; explained and saved it is one column.
func TestTextDecides(t *testing.T) {
	for _, task := range []kequn.Task{kequn.Binary, kequn.Regression, kequn.Multiclass} {
		x, y := modeltest.Reviews(task, 1500, 1)
		fresh, truth := modeltest.Reviews(task, 1000, 2)
		m, arrays := fitReviews(t, gbdt.Learner{Trees: 40}, x, y, nil)
		got, err := m.Predict(fresh)
		if err != nil {
			t.Fatal(err)
		}
		switch task {
		case kequn.Binary:
			if auc := metric.AUC(truth.Y, got, nil); auc < 0.97 {
				t.Errorf("AUC %.4f", auc)
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
			right := 0
			for i, v := range truth.Y {
				if p := got[3*i : 3*i+3]; slices.Index(p, slices.Max(p)) == int(v) {
					right++
				}
			}
			if right < 930 {
				t.Errorf("%d of 1000 right", right)
			}
		}
		h := m.Header()
		if len(h.Columns) != 3 || h.Columns[2].Kind != table.Text || m.(model.Importancer).Importance()[2] < 0.7 {
			t.Errorf("%s: columns %v, importance %v", task, h.Columns, m.(model.Importancer).Importance())
		}
		for _, n := range h.Notes {
			if strings.ContainsRune(n, 0) {
				t.Errorf("a note of a hidden column: %q", n)
			}
		}
		margin, err := m.(model.Marginer).Margin(fresh)
		if err != nil {
			t.Fatal(err)
		}
		k := h.NOut()
		for class := range k {
			base, phi, err := m.(model.Attributor).Attribute(fresh, class)
			if err != nil {
				t.Fatal(err)
			}
			for i := range 1000 {
				if sum := base + phi[3*i] + phi[3*i+1] + phi[3*i+2]; math.Abs(sum-margin[i*k+class]) > 1e-9 {
					t.Fatalf("row %d: contributions add up to %v, the margin is %v", i, sum, margin[i*k+class])
				}
			}
		}
		again, err := gbdt.Decode(h, bytes.NewReader(arrays))
		if err != nil {
			t.Fatal(err)
		}
		same, err := again.Predict(fresh)
		if err != nil || !slices.Equal(got, same) {
			t.Errorf("a loaded model predicts otherwise: %v", err)
		}
		for cut := 0; cut < len(arrays); cut += len(arrays)/50 + 1 {
			if _, err := gbdt.Decode(h, bytes.NewReader(arrays[:cut])); err == nil {
				t.Fatalf("arrays cut at %d were accepted", cut)
			}
		}
	}
}

// Threads and the order of rows change no byte; odd cells are scored.
func TestTextIsFair(t *testing.T) {
	x, y := modeltest.Reviews(kequn.Binary, 600, 3)
	_, want := fitReviews(t, gbdt.Learner{Trees: 10, Threads: 1}, x, y, nil)
	if _, got := fitReviews(t, gbdt.Learner{Trees: 10, Threads: 8}, x, y, nil); !bytes.Equal(want, got) {
		t.Error("eight threads give other bytes")
	}
	back := make([]int32, 600)
	for i := range back {
		back[i] = int32(599 - i)
	}
	a, _ := fitReviews(t, gbdt.Learner{Trees: 10}, x, y, nil)
	b, _ := fitReviews(t, gbdt.Learner{Trees: 10}, x.Take(back), y.Take(back), nil)
	pa, _ := a.Predict(x)
	pb, _ := b.Predict(x)
	for i := range pa {
		if math.Abs(pa[i]-pb[i]) > 1e-9 {
			t.Fatalf("row %d scores %v, with rows in another order %v", i, pa[i], pb[i])
		}
	}
	review := table.NewColumn("review", table.Text, 0)
	review.AppendMissing()
	for _, s := range []string{"", "，。", "未曾见过的词句", "🦄🦄", strings.Repeat("快递太差了", 100_000), "\xff\xfe", strings.Repeat("\xff", 1<<20)} {
		review.AppendString(s)
	}
	n := review.Len()
	odd := table.New(review, &table.Column{Name: "price", Num: make([]float64, n)}, x.Column("city").Slice(0, n))
	p, err := a.Predict(odd)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range p {
		if !(v >= 0 && v <= 1) {
			t.Errorf("row %d scores %v", i, v)
		}
	}
	if _, err := a.Predict(odd.Drop("review")); kequn.KindOf(err) != kequn.KindInput {
		t.Errorf("without the text: %v", err)
	}
}
