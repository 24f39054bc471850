package ngram

import "kequn/internal/kernel"

// Matrix holds the weights of training texts, one line per different text, by line and by column.
//
//	Row[i]  the line of table row i, -1 where it has no text
type Matrix struct {
	NTexts, NCols int
	Row           []int32
	Learnt        []bool // lines that were learnt from; the others are empty

	code []int32 // of each line

	start []int // line t is start[t]:start[t+1] of col and val
	col   []uint32
	val   []float32

	cstart []int // column j is cstart[j]:cstart[j+1] of line and cval, lines ascending
	line   []uint32
	cval   []float32
}

// entry is a bucket of a text and how often it occurs.
type entry struct {
	bucket uint32
	count  uint16
}

// rawTexts are the entries of all texts, in blocks.
type rawTexts struct {
	entries [][]entry
	start   []int32 // of text t in its block; the end is the next one's
	length  []int32
}

const textBlock = 256

func (r *rawTexts) of(t int) []entry {
	return r.entries[t/textBlock][r.start[t] : r.start[t]+r.length[t]]
}

func cutAll(texts Texts, code []int32, learnt []bool, light bool, threads int) *rawTexts {
	r := &rawTexts{entries: make([][]entry, kernel.NBlocks(len(code), textBlock)), start: make([]int32, len(code)), length: make([]int32, len(code))}
	cutters := make([]*cutter, kernel.Threads(threads))
	kernel.Workers(len(code), threads, textBlock, func(worker, block, lo, hi int) {
		c := cutters[worker]
		if c == nil {
			c = newCutter(light)
			cutters[worker] = c
		}
		var out []entry
		for t := lo; t < hi; t++ {
			r.start[t] = int32(len(out))
			if learnt[t] {
				c.cut(texts.At(int(code[t])))
				for _, b := range c.touched {
					out = append(out, entry{b, c.count[b]})
				}
				c.done()
			}
			r.length[t] = int32(len(out)) - r.start[t]
		}
		r.entries[block] = out
	})
	return r
}

// fill sets the lines. It frees raw on the way.
func (m *Matrix) fill(v *Vocabulary, raw *rawTexts) {
	index := v.places()
	m.start = make([]int, m.NTexts+1)
	known := 0
	for t := range m.NTexts {
		for _, e := range raw.of(t) {
			if index[e.bucket] >= 0 {
				known++
			}
		}
		m.start[t+1] = known
	}
	m.col, m.val = make([]uint32, known), make([]float32, known)
	at := 0
	for t := range m.NTexts {
		from := at
		for _, e := range raw.of(t) {
			if j := index[e.bucket]; j >= 0 {
				m.col[at], m.val[at] = uint32(j), v.raw(j, e.count)
				at++
			}
		}
		v.scale(m.col[from:at], m.val[from:at])
		if (t+1)%textBlock == 0 {
			raw.entries[t/textBlock] = nil
		}
	}
}

// transpose sets the columns.
func (m *Matrix) transpose(threads int) {
	m.cstart = make([]int, m.NCols+1)
	for _, j := range m.col {
		m.cstart[j+1]++
	}
	for j := range m.NCols {
		m.cstart[j+1] += m.cstart[j]
	}
	m.line, m.cval = make([]uint32, len(m.col)), make([]float32, len(m.col))
	next := append([]int(nil), m.cstart...)
	for t := range m.NTexts {
		for e := m.start[t]; e < m.start[t+1]; e++ {
			j := m.col[e]
			m.line[next[j]], m.cval[next[j]] = uint32(t), m.val[e]
			next[j]++
		}
	}
}

// Entries returns how many weights there are.
func (m *Matrix) Entries() int { return len(m.val) }

// Margins writes for each line Σ_j weight·beta_j to out.
func (m *Matrix) Margins(beta []float64, threads int, out []float64) {
	kernel.Parallel(m.NTexts, threads, 512, func(lo, hi int) {
		for t := lo; t < hi; t++ {
			sum := 0.0
			col, val := m.col[m.start[t]:m.start[t+1]], m.val[m.start[t]:m.start[t+1]]
			for e, j := range col {
				sum += float64(val[e]) * beta[j]
			}
			out[t] = sum
		}
	})
}

// Gradient writes for each column Σ_t weight·r_t to out: the product with the transpose. Every sum runs in the order of lines, for any
// number of threads.
func (m *Matrix) Gradient(r []float64, threads int, out []float64) {
	kernel.Parallel(m.NCols, threads, 1024, func(lo, hi int) {
		for j := lo; j < hi; j++ {
			sum := 0.0
			line, val := m.line[m.cstart[j]:m.cstart[j+1]], m.cval[m.cstart[j]:m.cstart[j+1]]
			for e, t := range line {
				sum += float64(val[e]) * r[t]
			}
			out[j] = sum
		}
	})
}

// Squares writes for each column Σ_t weight²·h_t to out.
func (m *Matrix) Squares(h []float64, threads int, out []float64) {
	kernel.Parallel(m.NCols, threads, 1024, func(lo, hi int) {
		for j := lo; j < hi; j++ {
			sum := 0.0
			for e := m.cstart[j]; e < m.cstart[j+1]; e++ {
				sum += float64(m.cval[e]) * float64(m.cval[e]) * h[m.line[e]]
			}
			out[j] = sum
		}
	})
}

// AddRows writes for each line the sum of the rows' r to out.
func (m *Matrix) AddRows(r, out []float64) {
	clear(out)
	for i, t := range m.Row {
		if t >= 0 {
			out[t] += r[i]
		}
	}
}

// AddPresence adds, for each column, the weight (w nil: the number) of the rows whose text has its gram to rows, and those rows' sum of the
// gram's weight to sum.
func (m *Matrix) AddPresence(w, rows, sum []float64) {
	lines := make([]float64, m.NTexts)
	for i, t := range m.Row {
		if t >= 0 {
			lines[t] += weightOf(w, i)
		}
	}
	for t, v := range lines {
		for e := m.start[t]; e < m.start[t+1]; e++ {
			rows[m.col[e]] += v
			sum[m.col[e]] += v * float64(m.val[e])
		}
	}
}
