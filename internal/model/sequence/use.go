package sequence

import (
	"cmp"
	"context"
	"math"
	"slices"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/net"
)

// Ranked is a word with the model's probability that it comes next.
type Ranked struct {
	Word  string
	Share float64
}

// Next returns, for each stream, the words of a guessed field that come next, the likeliest first, at most top of them; skip, if not nil,
// leaves words out by stream (those a customer has had). Words that only have a hash bucket are never among them. A field that the
// model does not guess is a usage error that names those it does.
func (m *Model) Next(ctx context.Context, s *Streams, field string, top int, skip func(stream int, word string) bool, threads int) ([][]Ranked, error) {
	g := slices.IndexFunc(m.net.guess, func(f int) bool { return m.Schema.Fields[f].Name == field })
	if g < 0 {
		var known []string
		for _, f := range m.net.guess {
			known = append(known, m.Schema.Fields[f].Name)
		}
		return nil, kequn.Errorf(kequn.KindUsage, "", "the model of behaviour does not guess %q", field).WithHint("it guesses %v", known)
	}
	words := m.Schema.Fields[m.net.guess[g]].Words
	out := make([][]Ranked, s.Len())
	err := m.each(ctx, s, threads, func(n *network, h net.Matrix, b *batch, from, to int) {
		last := net.NewMatrix(to-from, h.Cols)
		for k := range to - from {
			if end := int(b.start[k+1]); end > int(b.start[k]) {
				copy(last.Row(k), h.Row(end-1))
			}
		}
		logits := n.heads[g].Forward(net.Pass{}, last)
		for k := range to - from {
			if b.start[k+1] == b.start[k] {
				continue
			}
			out[from+k] = ranked(logits.Row(k), words, top, func(w string) bool { return skip != nil && skip(from+k, w) })
		}
	})
	return out, err
}

// ranked returns the likeliest words of a row of logits.
func ranked(logits []float32, words []string, top int, skip func(string) bool) []Ranked {
	p := make([]float32, len(logits))
	highest := slices.Max(logits)
	for j, v := range logits {
		p[j] = v - highest
	}
	kernel.Exp32(p, p)
	total := 0.0
	for _, v := range p {
		total += float64(v)
	}
	order := make([]int, len(words))
	for k := range order {
		order[k] = k
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p[codeOf+b], p[codeOf+a]) })
	var out []Ranked
	for _, k := range order {
		if len(out) == top {
			break
		}
		if !skip(words[k]) {
			out = append(out, Ranked{words[k], float64(p[codeOf+k]) / total})
		}
	}
	return out
}

// Surprise returns how unlikely each stream's newest events were to the model, given those before them: the mean of −log probability over
// guessed fields, in nats, for the newest recent events and for those before. Recent much above before says that a customer does
// not behave like himself any more. NaN where there is no such event.
func (m *Model) Surprise(ctx context.Context, s *Streams, recent int, threads int) (now, before []float64, err error) {
	now, before = make([]float64, s.Len()), make([]float64, s.Len())
	err = m.each(ctx, s, threads, func(n *network, h net.Matrix, b *batch, from, to int) {
		rows := b.tokens()
		loss := make([]float64, rows) // of each token, given those before
		for k, f := range n.guess {
			out := n.heads[k].Forward(net.Pass{}, h)
			for q := range to - from {
				for r := int(b.start[q]) + 1; r < int(b.start[q+1]); r++ {
					if y := b.fields[f][r]; y >= codeRare {
						loss[r] += surprise(out.Row(r-1), int(y)) / float64(len(n.guess))
					}
				}
			}
		}
		for q := range to - from {
			lo, hi := int(b.start[q])+1, int(b.start[q+1])
			cut := max(lo, hi-recent)
			now[from+q], before[from+q] = mean(loss[min(cut, hi):max(cut, hi)]), mean(loss[min(lo, cut):cut])
		}
	})
	return now, before, err
}

func mean(v []float64) float64 {
	if len(v) == 0 {
		return math.NaN()
	}
	return kernel.Sum(v) / float64(len(v))
}

func surprise(logits []float32, y int) float64 {
	top := slices.Max(logits)
	total := 0.0
	for _, v := range logits {
		total += math.Exp(float64(v - top))
	}
	return math.Log(total) - float64(logits[y]-top)
}

// each passes the streams through the network in groups, in parallel: f gets the hidden numbers of streams [from, to).
func (m *Model) each(ctx context.Context, s *Streams, threads int, f func(n *network, h net.Matrix, b *batch, from, to int)) error {
	if len(s.Fields) != len(m.Schema.Fields) || len(s.Numbers) != len(m.Schema.Numbers) {
		return kequn.Errorf(kequn.KindInternal, "", "streams of another schema")
	}
	var groups []int // streams at which a group begins
	for i, tokens := 0, 0; i < s.Len(); i++ {
		lo, hi := m.window(s, i)
		if tokens == 0 || tokens+int(hi-lo) > embedTokens {
			groups, tokens = append(groups, i), 0
		}
		tokens += int(hi-lo) + 1
	}
	groups = append(groups, s.Len())
	nets := make([]*network, kernel.Threads(threads))
	batches := make([]batch, kernel.Threads(threads))
	kernel.Workers(len(groups)-1, threads, 1, func(w, g, _, _ int) {
		if ctx.Err() != nil {
			return
		}
		if nets[w] == nil {
			nets[w] = m.net.share()
		}
		b := &batches[w]
		b.clear(len(s.Fields), len(s.Numbers))
		for i := groups[g]; i < groups[g+1]; i++ {
			lo, hi := m.window(s, i)
			b.add(s, lo, hi)
		}
		f(nets[w], nets[w].forward(net.Pass{}, b), b, groups[g], groups[g+1])
	})
	return ctx.Err()
}

// Near returns, for each row of queries, the rows of all whose embeddings point most nearly the same way (cosine), the nearest first, at most
// k of them. Equally near ones come in order of rows. Work is queries × rows × width.
func Near(all []float32, queries []float32, width, k, threads int) [][]int32 {
	n, q := len(all)/width, len(queries)/width
	unit := func(v []float32) []float32 {
		out := slices.Clone(v)
		for i := 0; i < len(out); i += width {
			row := out[i : i+width]
			toLength1(row)
		}
		return out
	}
	a, b := unit(all), unit(queries)
	out := make([][]int32, q)
	const block = 64
	kernel.Parallel(q, threads, block, func(lo, hi int) {
		similar := make([]float32, (hi-lo)*n)
		kernel.Gemm(hi-lo, n, width, kernel.RowMajor(b[lo*width:hi*width], width), kernel.RowMajor(a, width).T(), kernel.RowMajor(similar, n), kernel.Strided{})
		for i := lo; i < hi; i++ {
			out[i] = topRows(similar[(i-lo)*n:][:n], k)
		}
	})
	return out
}

// toLength1 brings a vector to length 1; zeros stay.
func toLength1(row []float32) {
	if norm := math.Sqrt(kernel.SumSquares32(row)); norm > 0 {
		inverse := float32(1 / norm)
		for j := range row {
			row[j] *= inverse
		}
	}
}

// topRows returns the k rows with the largest numbers, the largest first, the smaller row on a tie.
func topRows(v []float32, k int) []int32 {
	order := make([]int32, len(v))
	for i := range order {
		order[i] = int32(i)
	}
	less := func(a, b int32) int {
		if c := cmp.Compare(v[b], v[a]); c != 0 {
			return c
		}
		return cmp.Compare(a, b)
	}
	slices.SortFunc(order, less)
	return order[:min(k, len(order))]
}
