package sequence

import (
	"context"
	"math"
	"slices"

	"kequn/internal/kernel"
	"kequn/internal/net"
)

// EventShare says what one event did to a score.
type EventShare struct {
	Token int64   // row of the streams
	Share float64 // on the score's margin; all shares and Base add up to the score
}

// Reason says which events moved one stream's score.
type Reason struct {
	Base   float64 // the score without any event
	Score  float64
	Events []EventShare // oldest first, the tokens that the model looks at
	Gap    float64      // Score − Base − Σ Share: what the method misses
}

// integrationPoints is how many points of the way from nothing to the events gradients are taken at.
const integrationPoints = 64

// Why says which events moved stream i's margin for a task, by integrated gradients: the tokens' inputs grow from nothing to what they
// are, and each event gets what its own growth adds,
//
//	share = Σ_j x_j · ∫₀¹ ∂score(αx)/∂x_j dα
//
// so that shares add up to score − base but for the integral's error, which Gap tells. Base is the score of as many empty events.
//
// Reference: Sundararajan, Taly and Yan, Axiomatic Attribution for Deep Networks, 2017.
func (t *Tuned) Why(s *Streams, i, task int) Reason {
	n, head := t.net.share(), t.head.Share().(*net.Dense)
	var b batch
	b.clear(len(s.Fields), len(s.Numbers))
	lo, hi := t.window(s, i)
	b.add(s, lo, hi)
	rows := int(hi - lo)
	n.fill(net.Pass{}, &b)
	x := net.Matrix{Rows: rows, Cols: n.width, Data: slices.Clone(n.input.Data)}
	at := net.NewMatrix(rows, n.width)
	shares := make([]float64, rows)
	pooled, dh := net.NewMatrix(1, t.Width()), net.NewMatrix(rows, t.Options.Shape.Dim)
	score := func(alpha float64) (float64, net.Matrix) {
		for k, v := range x.Data {
			at.Data[k] = float32(alpha) * v
		}
		h := n.run(net.Pass{}, at, b.start)
		pool(pooled.Row(0), h, 0, rows)
		return float64(head.Forward(net.Pass{}, pooled).Row(0)[task]), h
	}
	for k := range integrationPoints {
		score((float64(k) + 0.5) / integrationPoints)
		grad := net.NewMatrix(1, len(t.Tasks))
		grad.Data[task] = 1
		clear(dh.Data)
		unpool(dh, head.Backward(grad).Row(0), 0, rows)
		dx := n.in.Backward(n.drop.Backward(n.body.Backward(dh)))
		for r := range rows {
			for j, g := range dx.Row(r) {
				shares[r] += float64(g) * float64(x.Row(r)[j]) / integrationPoints
			}
		}
	}
	out := Reason{}
	out.Base, _ = score(0)
	out.Score, _ = score(1)
	out.Gap = out.Score - out.Base
	for r, v := range shares {
		out.Events = append(out.Events, EventShare{lo + int64(r), v})
		out.Gap -= v
	}
	return out
}

// Occlude says which events moved stream i's score, whatever computes it from streams: events come in one by one, in random orders, and each
// gets what the score changed by, the mean over orders (sampled Shapley values). Shares and Base add up to the score exactly. Only the
// newest most events are told apart; older ones are always there.
func Occlude(ctx context.Context, s *Streams, i int, most, orders int, seed uint64, score func(*Streams) ([]float64, error)) (Reason, error) {
	lo, hi := s.Start[i], s.Start[i+1]
	first := max(lo, hi-int64(most))
	n := int(hi - first)
	shares := make([]float64, n)
	out := Reason{}
	for o := range orders {
		if err := ctx.Err(); err != nil {
			return out, err
		}
		perm := kernel.NewStream(seed, kernel.ID("occlude"), uint64(o/2)).Perm(n)
		if o%2 == 1 { // the same order backwards, which takes out most of the noise
			slices.Reverse(perm)
		}
		there := make([]bool, n)
		views := &Streams{Start: []int64{0}, Fields: make([][]uint16, len(s.Fields)), Numbers: make([][]float32, len(s.Numbers))}
		views.push(s, i, lo, first, there)
		for _, k := range perm {
			there[k] = true
			views.push(s, i, lo, first, there)
		}
		f, err := score(views)
		if err != nil {
			return out, err
		}
		for k, token := range perm {
			shares[token] += (f[k+1] - f[k]) / float64(orders)
		}
		out.Base, out.Score = f[0], f[n]
	}
	out.Gap = out.Score - out.Base
	for k, v := range shares {
		out.Events = append(out.Events, EventShare{first + int64(k), v})
		out.Gap -= v
	}
	if math.Abs(out.Gap) < 1e-9*(1+math.Abs(out.Score)) {
		out.Gap = 0
	}
	return out, nil
}

// push adds stream i of o, of its tokens from first on only those that are there. Pauses stay as they were.
func (s *Streams) push(o *Streams, i int, lo, first int64, there []bool) {
	for k := lo; k < o.Start[i+1]; k++ {
		if k >= first && !there[k-first] {
			continue
		}
		s.Time = append(s.Time, o.Time[k])
		for f := range o.Fields {
			s.Fields[f] = append(s.Fields[f], o.Fields[f][k])
		}
		for f := range o.Numbers {
			s.Numbers[f] = append(s.Numbers[f], o.Numbers[f][k])
		}
	}
	s.Customer = append(s.Customer, o.Customer[i])
	s.Start = append(s.Start, int64(len(s.Time)))
}
