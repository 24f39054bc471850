package sequence

import (
	"context"
	"math"
	"slices"
	"testing"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/metric"
)

// trained returns a small model of made streams, trained until it knows which way customers walk.
func trained(t *testing.T) (*Model, *Streams, []float64) {
	t.Helper()
	schema, streams, y := made(300, 16, 5)
	m, err := Pretrain(context.Background(), schema, streams, Options{Shape: smallGRU, Next: 1, Steps: 250, Tokens: 512, Rate: 0.01})
	if err != nil {
		t.Fatal(err)
	}
	return m, streams, y
}

func TestNextAndSurprise(t *testing.T) {
	m, s, y := trained(t)
	had := func(i int, w string) bool { return w == "events.0" }
	lists, err := m.Next(context.Background(), s, "kind", 3, had, 2)
	if err != nil {
		t.Fatal(err)
	}
	right, of := 0, 0
	for i, l := range lists {
		for k, r := range l {
			if r.Word == "events.0" || k > 0 && r.Share > l[k-1].Share || !(r.Share > 0 && r.Share < 1) {
				t.Fatalf("stream %d: %v", i, l)
			}
		}
		if s.Start[i+1]-s.Start[i] < 4 {
			continue
		}
		last := int(s.Fields[0][s.Start[i+1]-1]) - codeOf
		want := []string{"events.0", "events.1", "events.2", "events.3", "events.4", "events.5"}[(last+1+4*int(y[i]))%6]
		if want == "events.0" {
			continue
		}
		of++
		if l[0].Word == want {
			right++
		}
	}
	if right < of*8/10 {
		t.Errorf("the next kind is first in %d of %d lists", right, of)
	}
	if _, err := m.Next(context.Background(), s, "pause", 3, nil, 1); err == nil {
		t.Error("a field that is not guessed can be ranked")
	}

	// Who turns round in the middle surprises.
	turned := &Streams{}
	turned.Append(s)
	turned.Fields[0] = slices.Clone(turned.Fields[0])
	for i := range turned.Len() {
		if i%3 == 0 {
			hi := turned.Start[i+1]
			for k := max(turned.Start[i]+4, hi-4); k < hi; k++ {
				turned.Fields[0][k] = codeOf + uint16((int(turned.Fields[0][k-1])-codeOf+3)%6) // nobody walks like this
			}
		}
	}
	now, before, err := m.Surprise(context.Background(), turned, 4, 2)
	if err != nil {
		t.Fatal(err)
	}
	var who, more []float64
	for i := range now {
		if turned.Start[i+1]-turned.Start[i] < 9 {
			continue
		}
		who, more = append(who, map[bool]float64{true: 1}[i%3 == 0]), append(more, now[i]-before[i])
	}
	if auc := metric.AUC(who, more, nil); auc < 0.9 {
		t.Errorf("surprise finds those who turned with AUC %.3f", auc)
	}
}

func TestTune(t *testing.T) {
	m, s, y := trained(t)
	length := make([]float64, s.Len())
	for i := range length {
		length[i] = 100 + 10*float64(s.Start[i+1]-s.Start[i])
	}
	y[3], y[7] = math.NaN(), math.NaN()
	tasks := []Task{{Name: "way", Kind: kequn.Binary, Y: y}, {Name: "length", Kind: kequn.Regression, Y: length}}
	o := TuneOptions{Steps: 150, Tokens: 512, Rate: 0.005, Threads: 1}
	tuned, err := m.Tune(context.Background(), s, tasks, o)
	if err != nil {
		t.Fatal(err)
	}
	p, err := tuned.Predict(context.Background(), s, 1)
	if err != nil {
		t.Fatal(err)
	}
	var a, b []float64
	for i, v := range y {
		if !math.IsNaN(v) {
			a, b = append(a, v), append(b, p[0][i])
		}
	}
	if auc := metric.AUC(a, b, nil); auc < 0.9 {
		t.Errorf("which way: AUC %.3f", auc)
	}
	if r2 := metric.R2(length, p[1], nil); r2 < 0.5 {
		t.Errorf("how long: R² %.3f", r2)
	}
	o.Threads = 3
	again, err := m.Tune(context.Background(), s, tasks, o)
	if err != nil {
		t.Fatal(err)
	}
	if q, _ := again.Predict(context.Background(), s, 3); !slices.Equal(q[0], p[0]) || !slices.Equal(q[1], p[1]) {
		t.Error("three threads tune otherwise")
	}

	// Reasons add up: integrated gradients but for the integral, occlusion exactly.
	margin, _ := tuned.Margin(context.Background(), s, 1)
	for _, i := range []int{0, 1, 12} {
		why := tuned.Why(s, i, 0)
		if math.Abs(why.Score-margin[0][i]) > 1e-5 || math.Abs(why.Gap) > 0.02*(1+math.Abs(why.Score-why.Base)) {
			t.Errorf("stream %d: score %.4f of %.4f, shares miss %.4f", i, why.Score, margin[0][i], why.Gap)
		}
		hidden, err := Occlude(context.Background(), s, i, 6, 4, 1, func(v *Streams) ([]float64, error) {
			f, err := tuned.Margin(context.Background(), v, 1)
			return f[0], err
		})
		if err != nil || hidden.Gap != 0 || math.Abs(hidden.Score-margin[0][i]) > 1e-5 || len(hidden.Events) != int(min(6, s.Start[i+1]-s.Start[i])) {
			t.Errorf("stream %d: %+v (%v)", i, hidden, err)
		}
	}
	if _, err := m.Tune(context.Background(), s, []Task{{Name: "all", Kind: kequn.Binary, Y: make([]float64, s.Len())}}, o); err == nil {
		t.Error("one outcome for everybody is learnt")
	}
}

func TestNear(t *testing.T) {
	r := kernel.NewStream(1)
	const n, w = 300, 7
	all := make([]float32, n*w)
	for i := range all {
		all[i] = float32(r.Norm())
	}
	for q, rows := range Near(all, all[:5*w], w, 4, 2) {
		if rows[0] != int32(q) || len(rows) != 4 {
			t.Errorf("row %d is not nearest to itself: %v", q, rows)
		}
		cosine := func(i int32) float64 {
			a, b := all[q*w:(q+1)*w], all[int(i)*w:(int(i)+1)*w]
			return float64(kernel.Dot32(a, b)) / math.Sqrt(kernel.SumSquares32(a)*kernel.SumSquares32(b))
		}
		last := cosine(rows[3])
		nearer := 0
		for i := range int32(n) {
			if cosine(i) > last+1e-6 {
				nearer++
			}
		}
		if nearer != 3 {
			t.Errorf("row %d: %d rows are nearer than the fourth", q, nearer)
		}
	}
}
