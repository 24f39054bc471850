package sequence

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"kequn/internal/kernel"
	"kequn/internal/metric"
)

// made returns streams of two kinds of customer: those of the first kind walk up a circle of kinds of event, the others down it. Which
// kind a customer is, is not in any one event. Everybody spends about his own amount.
func made(customers, most int, seed uint64) (*Schema, *Streams, []float64) {
	s := &Schema{Zone: "UTC", Sets: []Set{{Dataset: "events", Type: "type"}}, Fields: []Field{
		{Name: "kind", Kind: FieldKindOf, Guessed: true},
		{Name: "pause", Kind: FieldGap},
		{Name: "amount", Kind: FieldAmount, Edges: []float64{0}, Guessed: true},
	}, Numbers: []Number{{Name: "amount", Mean: 0, Deviation: 1}}}
	for i := range 6 {
		s.Fields[0].Words = append(s.Fields[0].Words, fmt.Sprintf("events.%d", i))
	}
	out := &Streams{Start: []int64{0}, Fields: make([][]uint16, 3), Numbers: make([][]float32, 1)}
	var y []float64
	r := kernel.NewStream(seed)
	for c := range customers {
		kind, at, spends := c%2, r.Intn(6), r.Norm()
		time := int64(0)
		for range 2 + r.Intn(most-1) {
			pause := int64(60e6 * (1 + r.Intn(1000)))
			time += pause
			if r.Bool(0.9) {
				at = (at + 1 + 4*kind) % 6
			} else {
				at = r.Intn(6)
			}
			x := spends + r.Norm()/3
			out.Time = append(out.Time, time)
			out.Fields[0] = append(out.Fields[0], codeOf+uint16(at))
			out.Fields[1] = append(out.Fields[1], gapCode(pause))
			amount := uint16(codeOf)
			if x > 0 {
				amount++
			}
			out.Fields[2] = append(out.Fields[2], amount)
			out.Numbers[0] = append(out.Numbers[0], float32(x))
		}
		out.Customer = append(out.Customer, fmt.Sprintf("c%d", c))
		out.Start = append(out.Start, int64(len(out.Time)))
		y = append(y, float64(kind))
	}
	return s, out, y
}

var (
	smallGRU  = Shape{Body: GRU, Dim: 24, Layers: 1}
	smallForm = Shape{Body: Transformer, Dim: 24, Layers: 1, Heads: 2}
)

// probe returns how well a plain logistic regression on the embeddings of every second pair of customers tells the kinds of the others
// apart, as AUC.
func probe(t *testing.T, m *Model, s *Streams, y []float64) float64 {
	t.Helper()
	e, err := m.Embed(context.Background(), s, 2)
	if err != nil {
		t.Fatal(err)
	}
	w := m.Width()
	for j := range w { // on one scale
		v := make([]float64, len(y))
		for i := range v {
			v[i] = float64(e[i*w+j])
		}
		mean, variance := kernel.MeanVar(v, nil)
		for i := range v {
			e[i*w+j] = float32((v[i] - mean) / math.Sqrt(variance+1e-9))
		}
	}
	weight, slope := make([]float64, w), make([]float64, w)
	score := func(i int) float64 {
		v := 0.0
		for j, x := range weight {
			v += x * float64(e[i*w+j])
		}
		return v
	}
	for range 300 {
		clear(slope)
		for i := range y {
			if i%4 < 2 {
				d := 1/(1+math.Exp(-score(i))) - y[i]
				for j := range slope {
					slope[j] += d * float64(e[i*w+j]) / float64(len(y))
				}
			}
		}
		for j := range weight {
			weight[j] -= slope[j] + 0.001*weight[j]
		}
	}
	var outcome, v []float64
	for i := range y {
		if i%4 >= 2 {
			outcome, v = append(outcome, y[i]), append(v, score(i))
		}
	}
	return metric.AUC(outcome, v, nil)
}

// Learning without labels finds out which way customers walk, which no count of their events tells.
func TestPretrainFindsWhatIsNotCounted(t *testing.T) {
	schema, streams, y := made(400, 20, 1)
	for _, c := range []struct {
		name string
		o    Options
	}{
		{"next event, gru", Options{Shape: smallGRU, Next: 1}},
		{"next event, transformer", Options{Shape: smallForm, Next: 1}},
		{"slices, gru", Options{Shape: smallGRU, Contrast: 1}}, // told apart by what they spend
		{"blanks, transformer", Options{Shape: smallForm, Masked: 1}},
		{"next event and slices", Options{Shape: smallGRU}},
	} {
		c.o.Steps, c.o.Tokens, c.o.Rate = 300, 512, 0.006
		m, err := Pretrain(context.Background(), schema, streams, c.o)
		if err != nil {
			t.Fatal(err)
		}
		first, last := m.Curve[0], m.Curve[len(m.Curve)-1]
		if last.Valid > first.Valid*0.98 {
			t.Errorf("%s: the loss of customers held out went from %.3f to %.3f", c.name, first.Valid, last.Valid)
		}
		if auc := probe(t, m, streams, y); auc < 0.7 && c.o.Contrast != 1 {
			t.Errorf("%s: the embeddings tell the kinds apart with AUC %.3f", c.name, auc)
		}
	}
}

func TestSameForAnyThreadsAndResumed(t *testing.T) {
	schema, streams, _ := made(120, 12, 2)
	for _, shape := range []Shape{smallGRU, smallForm} {
		o := Options{Shape: shape, Steps: 40, Tokens: 256, Threads: 1}
		var states [][]byte
		o.Checkpoint = func(state []byte) error { states = append(states, state); return nil }
		m, err := Pretrain(context.Background(), schema, streams, o)
		if err != nil {
			t.Fatal(err)
		}
		want := saved(t, m)
		o.Checkpoint, o.Threads = nil, 3
		if m, err = Pretrain(context.Background(), schema, streams, o); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(saved(t, m), want) {
			t.Errorf("%s: three threads give another model", shape.Body)
		}

		// Stopped in the middle, it goes on to the same bytes.
		ctx, stop := context.WithCancel(context.Background())
		var state []byte
		o.Checkpoint = func(s []byte) error {
			if state = s; len(s) > 0 && bytes.Equal(s, states[9]) {
				stop()
			}
			return nil
		}
		if _, err := Pretrain(ctx, schema, streams, o); !errors.Is(err, context.Canceled) {
			t.Fatalf("a cancelled training says %v", err)
		}
		o.Checkpoint, o.Resume = nil, state
		if m, err = Pretrain(context.Background(), schema, streams, o); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(saved(t, m), want) {
			t.Errorf("%s: resumed, it gives another model", shape.Body)
		}
		for _, bad := range [][]byte{{}, state[:len(state)-5], states[0][:50]} {
			o.Resume = bad
			if _, err := Pretrain(context.Background(), schema, streams, o); err == nil {
				t.Error("a cut checkpoint is taken")
			}
		}
	}
}

func saved(t *testing.T, m *Model) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := m.Save(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestSaveAndEmbed(t *testing.T) {
	schema, streams, _ := made(120, 12, 3)
	m, err := Pretrain(context.Background(), schema, streams, Options{Shape: smallForm, Steps: 10, Tokens: 256})
	if err != nil {
		t.Fatal(err)
	}
	file := saved(t, m)
	back, err := Load(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(saved(t, back), file) {
		t.Error("saved again, the file differs")
	}
	want, _ := m.Embed(context.Background(), streams, 1)
	got, err := back.Embed(context.Background(), streams, 3)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("the loaded model embeds otherwise (%v)", err)
	}
	// Alone, a customer has the same embedding; without events, zeros.
	lone := &Streams{Customer: []string{"nobody", "c5"}, Start: []int64{0, 0, streams.Start[6] - streams.Start[5]}}
	lo, hi := streams.Start[5], streams.Start[6]
	lone.Time = streams.Time[lo:hi]
	for _, f := range streams.Fields {
		lone.Fields = append(lone.Fields, f[lo:hi])
	}
	lone.Numbers = append(lone.Numbers, streams.Numbers[0][lo:hi])
	e, err := m.Embed(context.Background(), lone, 1)
	if err != nil {
		t.Fatal(err)
	}
	w := m.Width()
	if !slices.Equal(e[w:], want[5*w:6*w]) {
		t.Error("beside others, a customer's embedding differs")
	}
	if slices.Max(e[:w]) != 0 || slices.Min(e[:w]) != 0 {
		t.Error("nobody has an embedding")
	}
	for i := range file {
		if i%97 == 0 || i < 12 {
			bad := bytes.Clone(file)
			bad[i] ^= 1
			if _, err := Load(bytes.NewReader(bad)); err == nil {
				t.Fatalf("byte %d changed, and it loads", i)
			}
		}
	}
	if _, err := Load(bytes.NewReader(file[:len(file)/2])); err == nil {
		t.Error("half a file loads")
	}
}

func TestPretrainRefuses(t *testing.T) {
	schema, streams, _ := made(40, 5, 4)
	if _, err := Pretrain(context.Background(), schema, streams, Options{}); err == nil {
		t.Error("40 customers are enough")
	}
	_, streams, _ = made(200, 5, 4)
	if _, err := Pretrain(context.Background(), schema, streams, Options{Next: 1, Masked: 1}); err == nil {
		t.Error("next and masked together")
	}
	if _, err := Pretrain(context.Background(), schema, streams, Options{Shape: Shape{Transformer, 30, 1, 4}}); err == nil {
		t.Error("30 numbers for 4 heads")
	}
}
