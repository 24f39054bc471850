package feature

import (
	"cmp"
	"math"
	"slices"

	"kequn/internal/engine"
	"kequn/internal/kernel"
	"kequn/internal/metric"
	"kequn/internal/query"
	"kequn/internal/table"
)

// Stats are the values of a feature: of the customers at the newest cutoff, and how far they moved since the oldest.
// Nothing in them is the value of fewer than [fewest] customers.
type Stats struct {
	Rows         int     `json:"rows"` // customers
	MissingShare float64 `json:"missing_share"`
	Few          bool    `json:"few,omitempty"` // too few have a value for anything to be said of it

	// Of numbers; conditions are 0 and 1.
	Mean      float64    `json:"mean"`
	SD        float64    `json:"sd"`
	Quantiles []float64  `json:"quantiles,omitempty"` // at 5, 25, 50, 75 and 95 %, the outer ones at the share of ten customers if that is more
	Histogram *Histogram `json:"histogram,omitempty"`

	// Of texts.
	Distinct int     `json:"distinct,omitempty"`
	Top      []Value `json:"top,omitempty"` // the commonest

	// Drift is the effect size of the change from the oldest cutoff to the newest, 0 with one cutoff: the larger of |Shift| and
	// of the distance of two normal distributions, in their standard deviation, that overlap as the two samples do. Below 0.2
	// hardly anything moved, from 0.8 on nearly everybody did.
	Drift   float64  `json:"drift"`
	Shift   float64  `json:"shift,omitempty"`   // of numbers: difference of means in standard deviations of both together
	Overlap float64  `json:"overlap,omitempty"` // 1 − half the sum of the absolute differences of the shares; missing counts as a value
	PSI     float64  `json:"psi,omitempty"`     // population stability index over the same shares, each at least 0.0001
	Trend   []Moment `json:"trend,omitempty"`   // by cutoff, oldest first
}

// Histogram counts values in bins of equal width; the outer ones hold what lies beyond too. A bin of fewer than ten customers is empty.
type Histogram struct {
	From   float64   `json:"from"`
	Step   float64   `json:"step"`
	Shares []float64 `json:"shares"` // of the customers with a value
}

// Value is a text with its share of the customers with a value.
type Value struct {
	Text  string  `json:"text"`
	Share float64 `json:"share"`
}

// Moment is a feature at one cutoff.
type Moment struct {
	Rows         int     `json:"rows"`
	MissingShare float64 `json:"missing_share"`
	Mean         float64 `json:"mean"` // of numbers
}

// Effect sizes of drift from which on it is small and large, after Cohen (1988).
const (
	SmallDrift = 0.2
	LargeDrift = 0.8
)

const (
	fewest      = 10        // customers that a published figure stands for at least
	mostTexts   = 8         // texts that are listed
	mostBins    = 14        // of a histogram
	sampleCells = 6_000_000 // values kept for quantiles: 48 MB
	mostSampled = 16_384    // customers kept for quantiles
	leastShare  = 1e-4      // of the stability index: the usual floor
)

// Summary gathers the values of features from panels, in the order of their partitions. Counts, means and shares of texts
// are exact; quantiles, histograms and overlaps are of all customers, or of a draw of them (by hash) where they are many.
// Memory does not grow with the number of customers.
type Summary struct {
	features []query.Feature
	nCutoffs int
	rows     []int      // per cutoff
	moments  [][]moment // feature × cutoff, of numbers
	texts    []map[string]*[2]int
	missing  [][2]int  // of texts, at the oldest and the newest cutoff
	sample   [2]sample // at the oldest and the newest cutoff
}

// moment is a count, mean and sum of squared deviations, and how many are missing.
type moment struct {
	n, missing int
	mean, m2   float64
}

// sample keeps the values of customers whose hash is below a limit; the limit is halved when there are too many.
type sample struct {
	limit uint64
	most  int
	hash  []uint64
	value [][]float64 // feature × kept customer; nil for texts
}

// NewSummary begins a summary of features at a number of cutoffs.
func NewSummary(features []query.Feature, nCutoffs int) *Summary {
	s := &Summary{features: features, nCutoffs: nCutoffs, rows: make([]int, nCutoffs)}
	s.moments, s.texts, s.missing = make([][]moment, len(features)), make([]map[string]*[2]int, len(features)), make([][2]int, len(features))
	numbers := 0
	for i, f := range features {
		if s.moments[i] = make([]moment, nCutoffs); isText(f) {
			s.texts[i] = map[string]*[2]int{}
		} else {
			numbers++
		}
	}
	for k := range s.sample {
		s.sample[k] = sample{limit: math.MaxUint64, most: min(mostSampled, max(1000, sampleCells/2/max(1, numbers))), value: make([][]float64, len(features))}
	}
	return s
}

// Add takes one partition's panel, which is not kept.
func (s *Summary) Add(p *engine.Panel) {
	for k := range s.nCutoffs {
		from, to := stretch(p.Cutoff, int32(k))
		if from == to {
			continue
		}
		s.rows[k] += to - from
		for i, c := range p.X.Columns {
			if s.texts[i] == nil {
				s.moments[i][k].add(c.Num[from:to])
			} else if end := s.end(k); end >= 0 {
				s.addTexts(i, end, c, from, to)
			}
		}
		if end := s.end(k); end >= 0 {
			s.sample[end].add(s, p, from, to)
		}
	}
}

// end is 1 for the newest cutoff, 0 for the oldest of several, -1 for those between.
func (s *Summary) end(k int) int {
	switch {
	case k == s.nCutoffs-1:
		return 1
	case k == 0:
		return 0
	}
	return -1
}

func stretch(cutoff []int32, k int32) (from, to int) {
	from, _ = slices.BinarySearch(cutoff, k)
	to, _ = slices.BinarySearch(cutoff, k+1)
	return from, to
}

// add joins the moments of v, by the formula of Chan, Golub and LeVeque (1979).
func (m *moment) add(v []float64) {
	known := make([]float64, 0, len(v))
	for _, x := range v {
		if x == x {
			known = append(known, x)
		}
	}
	m.missing += len(v) - len(known)
	if len(known) == 0 {
		return
	}
	mean, variance := kernel.MeanVar(known, nil)
	n, all := float64(len(known)), float64(m.n+len(known))
	d := mean - m.mean
	m.m2 += variance*n + d*d*float64(m.n)*n/all
	m.mean += d * n / all
	m.n += len(known)
}

func (m moment) variance() float64 {
	if m.n == 0 {
		return 0
	}
	return m.m2 / float64(m.n)
}

func (s *Summary) addTexts(i, end int, c *table.Column, from, to int) {
	seen := make([]int, c.Dict.Len())
	for _, k := range c.Code[from:to] {
		if k < 0 {
			s.missing[i][end]++
		} else {
			seen[k]++
		}
	}
	for k, n := range seen {
		if n == 0 {
			continue
		}
		at := s.texts[i][c.Dict.At(k)]
		if at == nil {
			at = &[2]int{}
			s.texts[i][string(c.Dict.Bytes(k))] = at
		}
		at[end] += n
	}
}

func (d *sample) add(s *Summary, p *engine.Panel, from, to int) {
	for r := from; r < to; r++ {
		h := kernel.Hash64(0, p.Customer.String(r))
		if h > d.limit {
			continue
		}
		d.hash = append(d.hash, h)
		for i, c := range p.X.Columns {
			if s.texts[i] == nil {
				d.value[i] = append(d.value[i], c.Num[r])
			}
		}
		for len(d.hash) > d.most {
			d.halve()
		}
	}
}

// halve keeps the customers below half the limit. What is kept in the end depends on the customers only, not on their order.
func (d *sample) halve() {
	d.limit /= 2
	n := 0
	for k, h := range d.hash {
		if h > d.limit {
			continue
		}
		d.hash[n] = h
		for i := range d.value {
			if d.value[i] != nil {
				d.value[i][n] = d.value[i][k]
			}
		}
		n++
	}
	d.hash = d.hash[:n]
	for i := range d.value {
		if d.value[i] != nil {
			d.value[i] = d.value[i][:n]
		}
	}
}

// Customers returns how many there are at the newest cutoff.
func (s *Summary) Customers() int { return s.rows[s.nCutoffs-1] }

// Describe puts what was gathered into entries, which are those of [Catalogue] for the same features.
func (s *Summary) Describe(entries []Entry) {
	for i := range s.features {
		if s.texts[i] != nil {
			entries[i].Stats = s.textStats(i)
		} else {
			entries[i].Stats = s.numberStats(i)
		}
	}
}

func (s *Summary) numberStats(i int) *Stats {
	last := s.nCutoffs - 1
	m := s.moments[i][last]
	out := &Stats{Rows: s.rows[last], MissingShare: share(m.missing, s.rows[last])}
	if s.nCutoffs > 1 {
		for k, m := range s.moments[i] {
			at := Moment{Rows: s.rows[k], MissingShare: share(m.missing, s.rows[k])}
			if m.n >= fewest {
				at.Mean = m.mean
			}
			out.Trend = append(out.Trend, at)
		}
	}
	if out.Few = m.n < fewest; out.Few {
		return out
	}
	out.Mean, out.SD = m.mean, math.Sqrt(m.variance())
	newest := known(s.sample[1].value[i])
	if edge := math.Max(0.05, fewest/float64(m.n)); edge <= 0.25 && len(newest) >= 4*fewest {
		for _, q := range []float64{edge, 0.25, 0.5, 0.75, 1 - edge} {
			out.Quantiles = append(out.Quantiles, kernel.QuantileSorted(newest, q))
		}
		out.Histogram = histogram(newest, m.n)
	}
	if first := s.moments[i][0]; s.nCutoffs > 1 && s.rows[0] >= 10*fewest && s.rows[last] >= 10*fewest {
		if sd := math.Sqrt((first.variance() + m.variance()) / 2); sd > 0 && first.n >= fewest {
			out.Shift = (m.mean - first.mean) / sd
		}
		a, b := s.bins(i, newest)
		out.drift(a, b)
	}
	return out
}

// known returns the values that are not missing, sorted.
func known(v []float64) []float64 {
	out := make([]float64, 0, len(v))
	for _, x := range v {
		if x == x {
			out = append(out, x)
		}
	}
	slices.Sort(out)
	return out
}

// histogram counts sorted values, which stand for n customers: a bin for each whole number where they are few, else bins between
// the first and last hundredth.
func histogram(v []float64, n int) *Histogram {
	low, high := kernel.QuantileSorted(v, 0.01), kernel.QuantileSorted(v, 0.99)
	if low == high {
		return nil // all alike
	}
	h := &Histogram{From: low, Step: (high - low) / mostBins}
	bins := mostBins
	if whole := !slices.ContainsFunc(v, func(x float64) bool { return x != math.Trunc(x) }); whole && high-low < mostBins {
		h.From, h.Step, bins = math.Floor(low)-0.5, 1, int(math.Ceil(high)-math.Floor(low))+1
	}
	count := make([]int, bins)
	for _, x := range v {
		count[min(bins-1, max(0, int(math.Floor((x-h.From)/h.Step))))]++
	}
	h.Shares = make([]float64, bins)
	for b, c := range count {
		if s := share(c, len(v)); s*float64(n) >= fewest {
			h.Shares[b] = s
		}
	}
	return h
}

// bins returns the shares of the oldest and the newest cutoff in the tenths of both together, and of missing values.
func (s *Summary) bins(i int, newest []float64) (a, b []float64) {
	oldest := known(s.sample[0].value[i])
	both := append(slices.Clone(oldest), newest...)
	slices.Sort(both)
	var edges []float64
	if len(both) > 0 {
		for k := 1; k < 10; k++ {
			e := both[k*len(both)/10]
			if len(edges) == 0 || e > edges[len(edges)-1] {
				edges = append(edges, e)
			}
		}
	}
	count := func(v []float64, all int) []float64 {
		out := make([]float64, len(edges)+2)
		for _, x := range v {
			k, same := slices.BinarySearch(edges, x)
			if same {
				k++ // an edge begins its bin
			}
			out[k]++
		}
		out[len(edges)+1] = float64(all - len(v))
		for k := range out {
			out[k] /= math.Max(1, float64(all))
		}
		return out
	}
	return count(oldest, len(s.sample[0].hash)), count(newest, len(s.sample[1].hash))
}

// drift compares two lists of shares.
func (t *Stats) drift(a, b []float64) {
	distance := 0.0
	for k := range a {
		distance += math.Abs(a[k]-b[k]) / 2
		p, q := math.Max(a[k], leastShare), math.Max(b[k], leastShare)
		t.PSI += (q - p) * math.Log(q/p)
	}
	t.Overlap = 1 - distance
	// Two normal distributions d standard deviations apart share 2Φ(−d/2) of their area.
	apart := 2 * metric.NormQuantile((1+math.Min(distance, 0.999))/2)
	t.Drift = math.Max(math.Abs(t.Shift), apart)
}

func (s *Summary) textStats(i int) *Stats {
	last := s.nCutoffs - 1
	out := &Stats{Rows: s.rows[last], MissingShare: share(s.missing[i][1], s.rows[last])}
	type word struct {
		text string
		n    [2]int
	}
	words := make([]word, 0, len(s.texts[i]))
	for t, n := range s.texts[i] {
		words = append(words, word{t, *n})
	}
	slices.SortFunc(words, func(a, b word) int { return cmp.Or(cmp.Compare(b.n[1], a.n[1]), cmp.Compare(a.text, b.text)) })
	n := out.Rows - s.missing[i][1]
	for _, w := range words {
		if w.n[1] > 0 {
			out.Distinct++
		}
		if w.n[1] >= fewest && len(out.Top) < mostTexts {
			out.Top = append(out.Top, Value{w.text, share(w.n[1], n)})
		}
	}
	out.Few = n < fewest
	if s.nCutoffs > 1 {
		out.Trend = []Moment{{Rows: s.rows[0], MissingShare: share(s.missing[i][0], s.rows[0])}, {Rows: out.Rows, MissingShare: out.MissingShare}}
		if s.rows[0] >= 10*fewest && s.rows[last] >= 10*fewest {
			a, b := make([]float64, len(words)+1), make([]float64, len(words)+1)
			for k, w := range words {
				a[k], b[k] = share(w.n[0], s.rows[0]), share(w.n[1], s.rows[last])
			}
			a[len(words)], b[len(words)] = share(s.missing[i][0], s.rows[0]), share(s.missing[i][1], s.rows[last])
			out.drift(a, b)
		}
	}
	return out
}

func share(n, of int) float64 {
	if of == 0 {
		return 0
	}
	return float64(n) / float64(of)
}
