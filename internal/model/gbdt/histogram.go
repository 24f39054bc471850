package gbdt

import (
	"encoding/binary"
	"sync"
	"sync/atomic"

	"kequn/internal/kernel"
	"kequn/internal/treekit"
)

// cell is one bin of a histogram: the sums of rounded gradients and hessians of its rows. Both are whole numbers below
// 2⁵³, so float64 holds and adds them exactly.
type cell struct{ g, h float64 }

// histogram has the cells of all columns of one leaf, one column after the other (see layout).
type histogram []cell

// layout says where the cells of a column lie.
//
//	column    0          1       2
//	cells   [ 0 1 2 … m | 0 1 m | 0 1 2 … ]      m: the bin of missing values
//	         ↑ first[0]  ↑ first[1]
type layout struct {
	first  []int
	nCells int
}

func layoutOf(cuts []treekit.Cut) layout {
	var l layout
	for c := range cuts {
		l.first = append(l.first, l.nCells)
		l.nCells += cuts[c].Cells()
	}
	return l
}

const (
	gatherRows = 128  // rows copied together: 4 kB of bins and 1 kB of gradients stay in the first-level cache
	taskRows   = 8192 // rows one worker takes at a time
	rowGrain   = 16384
	// A loop is spread over processors if it has at least so many additions to do; below, waking them takes longer.
	worthSharing = 1 << 16
)

// counter adds up histograms. Its scratch is reused from leaf to leaf.
type counter struct {
	bins    *treekit.Bins
	layout  layout
	threads int
	workers []*countScratch
	guard   []sync.Mutex // per group: who pours into the histogram
}

// countScratch is one worker's: full 256-bin tables, so that a cell's place is known without a look at the layout.
type countScratch struct {
	packed [][256]int64 // per column of a group
	wide   [][256]cell
	rows   []uint8 // gathered
	gh     [gatherRows]int64
	held   int // rows added to packed since it was poured
}

func newCounter(bins *treekit.Bins, threads int) *counter {
	return &counter{
		bins: bins, layout: layoutOf(bins.Cuts), threads: kernel.Threads(threads),
		workers: make([]*countScratch, kernel.Threads(threads)), guard: make([]sync.Mutex, len(bins.Groups)),
	}
}

func (c *counter) scratch(worker int) *countScratch {
	if c.workers[worker] == nil {
		c.workers[worker] = &countScratch{}
	}
	return c.workers[worker]
}

// count fills hist with the sums over rows: those listed, or all n rows of the table if all is set.
//
// Rows are cut into tasks, which workers take as they come; each adds into scratch of its own and pours it into hist from
// time to time. Sums are exact, so neither matters for the result.
func (c *counter) count(hist histogram, rows []int32, all bool, gh []int64, f fixed) {
	clear(hist)
	n := len(rows)
	if all {
		n = c.bins.NRows
	}
	perGroup := kernel.NBlocks(n, taskRows)
	nTasks := perGroup * len(c.bins.Groups)
	workers := min(c.threads, nTasks)
	if n*c.bins.NCols < worthSharing {
		workers = 1
	}
	var next atomic.Int64
	kernel.Workers(workers, workers, 1, func(worker, _, _, _ int) {
		s := c.scratch(worker)
		group := -1
		for {
			task := int(next.Add(1)) - 1
			if task >= nTasks {
				break
			}
			if g := task / perGroup; g != group {
				c.pour(hist, s, group, f)
				group = g
				s.start(c.bins.Groups[g].N, f.wide)
			}
			lo := task % perGroup * taskRows
			hi := min(n, lo+taskRows)
			if all {
				c.addAll(hist, s, group, lo, hi, gh, f)
			} else {
				c.addListed(hist, s, group, rows[lo:hi], gh, f)
			}
		}
		c.pour(hist, s, group, f)
	})
}

func (s *countScratch) start(nCols int, wide bool) {
	s.held = 0
	if wide {
		if len(s.wide) < nCols {
			s.wide = make([][256]cell, nCols)
		}
	} else if len(s.packed) < nCols {
		s.packed = make([][256]int64, nCols)
	}
}

func (c *counter) addAll(hist histogram, s *countScratch, group, lo, hi int, gh []int64, f fixed) {
	g := &c.bins.Groups[group]
	for lo < hi {
		n := min(gatherRows, hi-lo)
		c.makeRoom(hist, s, group, n, f)
		s.add(g, g.Rows[lo*g.Stride:(lo+n)*g.Stride], gh[lo:lo+n], f.wide)
		lo += n
	}
}

// addListed copies rows together first: a short loop has many cache misses under way at once, and the additions then
// find everything in the first-level cache.
func (c *counter) addListed(hist histogram, s *countScratch, group int, rows []int32, gh []int64, f fixed) {
	g := &c.bins.Groups[group]
	if len(s.rows) < gatherRows*g.Stride {
		s.rows = make([]uint8, gatherRows*g.Stride)
	}
	for len(rows) > 0 {
		n := min(gatherRows, len(rows))
		s.gather(g, rows[:n], gh)
		c.makeRoom(hist, s, group, n, f)
		s.add(g, s.rows[:n*g.Stride], s.gh[:n], f.wide)
		rows = rows[n:]
	}
}

func (s *countScratch) gather(g *treekit.Group, rows []int32, gh []int64) {
	all, dst := g.Rows, s.rows
	switch g.Stride {
	case 8:
		for k, r := range rows {
			*(*[8]uint8)(dst[k*8:]) = *(*[8]uint8)(all[int(r)*8:])
			s.gh[k] = gh[r]
		}
	case 16:
		for k, r := range rows {
			*(*[16]uint8)(dst[k*16:]) = *(*[16]uint8)(all[int(r)*16:])
			s.gh[k] = gh[r]
		}
	case 24:
		for k, r := range rows {
			*(*[24]uint8)(dst[k*24:]) = *(*[24]uint8)(all[int(r)*24:])
			s.gh[k] = gh[r]
		}
	case 32:
		for k, r := range rows {
			*(*[32]uint8)(dst[k*32:]) = *(*[32]uint8)(all[int(r)*32:])
			s.gh[k] = gh[r]
		}
	default:
		panic("gbdt: a group is wider than 32 columns")
	}
}

func (c *counter) makeRoom(hist histogram, s *countScratch, group, n int, f fixed) {
	if !f.wide && s.held+n > f.pour {
		c.pour(hist, s, group, f)
	}
	s.held += n
}

// add adds rows, which lie side by side, to the scratch, a few columns at a time: their tables fit into the first-level
// cache together with the rows.
func (s *countScratch) add(g *treekit.Group, rows []uint8, gh []int64, wide bool) {
	for c := 0; c < g.N; {
		left := g.N - c
		switch {
		case wide:
			addWide(&s.wide[c], rows[c:], g.Stride, gh)
			c++
		case left >= 8:
			add8((*[8][256]int64)(s.packed[c:]), rows[c:], g.Stride, gh)
			c += 8
		case left >= 4:
			add4((*[4][256]int64)(s.packed[c:]), rows[c:], g.Stride, gh)
			c += 4
		case left >= 2:
			add2((*[2][256]int64)(s.packed[c:]), rows[c:], g.Stride, gh)
			c += 2
		default:
			add1(&s.packed[c], rows[c:], g.Stride, gh)
			c++
		}
	}
}

// The plain loop that add8 … add1 must equal is in histogram_test.go:
//
//	for each row, each column: table[column][bin(row, column)] += gh[row]

func add8(t *[8][256]int64, rows []uint8, stride int, gh []int64) {
	at := 0
	for _, v := range gh {
		w := binary.LittleEndian.Uint64(rows[at:])
		t[0][uint8(w)] += v
		t[1][uint8(w>>8)] += v
		t[2][uint8(w>>16)] += v
		t[3][uint8(w>>24)] += v
		t[4][uint8(w>>32)] += v
		t[5][uint8(w>>40)] += v
		t[6][uint8(w>>48)] += v
		t[7][uint8(w>>56)] += v
		at += stride
	}
}

func add4(t *[4][256]int64, rows []uint8, stride int, gh []int64) {
	at := 0
	for _, v := range gh {
		w := binary.LittleEndian.Uint32(rows[at:])
		t[0][uint8(w)] += v
		t[1][uint8(w>>8)] += v
		t[2][uint8(w>>16)] += v
		t[3][uint8(w>>24)] += v
		at += stride
	}
}

func add2(t *[2][256]int64, rows []uint8, stride int, gh []int64) {
	at := 0
	for _, v := range gh {
		w := binary.LittleEndian.Uint16(rows[at:])
		t[0][uint8(w)] += v
		t[1][uint8(w>>8)] += v
		at += stride
	}
}

func add1(t *[256]int64, rows []uint8, stride int, gh []int64) {
	at := 0
	for _, v := range gh {
		t[rows[at]] += v
		at += stride
	}
}

func addWide(t *[256]cell, rows []uint8, stride int, gh []int64) {
	at := 0
	for _, v := range gh {
		g, h := unpack(v)
		c := &t[rows[at]]
		c.g += float64(g)
		c.h += float64(h)
		at += stride
	}
}

// pour adds the scratch to the histogram and empties it.
func (c *counter) pour(hist histogram, s *countScratch, group int, f fixed) {
	if group < 0 {
		return
	}
	g := &c.bins.Groups[group]
	c.guard[group].Lock()
	defer c.guard[group].Unlock()
	for k := range g.N {
		at := c.layout.first[g.First+k]
		cells := hist[at : at+c.bins.Cuts[g.First+k].Cells()]
		if f.wide {
			for b, v := range s.wide[k][:len(cells)] {
				cells[b].g += v.g
				cells[b].h += v.h
			}
			clear(s.wide[k][:len(cells)])
			continue
		}
		for b, v := range s.packed[k][:len(cells)] {
			if v != 0 {
				g, h := unpack(v)
				cells[b].g += float64(g)
				cells[b].h += float64(h)
			}
		}
		clear(s.packed[k][:len(cells)])
	}
	s.held = 0
}
