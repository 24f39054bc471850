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
//
// It works on units: a group of narrow columns, whose rows lie side by side, or one wide column by itself.
type counter struct {
	bins    *treekit.Bins
	layout  layout
	threads int
	units   []unit
	workers []*countScratch
}

type unit struct {
	group *treekit.Group // nil: a wide column
	cols  []int          // ^p is pack p
	guard *sync.Mutex    // who pours into the histogram
}

// countScratch is one worker's: full 256-bin tables, so that a cell's place is known without a look at the layout.
type countScratch struct {
	packed [][256]int64 // per column of a group
	exact  [][256]cell  // the same if rows are added to float64 cells directly
	rows   []uint8      // gathered
	gh     [gatherRows]int64
	held   int // rows added to packed since it was poured
}

func newCounter(bins *treekit.Bins, threads int) *counter {
	c := &counter{
		bins: bins, layout: layoutOf(bins.Cuts), threads: kernel.Threads(threads), workers: make([]*countScratch, kernel.Threads(threads)),
	}
	for g := range bins.Groups {
		c.units = append(c.units, unit{&bins.Groups[g], bins.Groups[g].Cols, &sync.Mutex{}})
	}
	for col := range bins.Cuts {
		if bins.Cuts[col].IsWide() {
			c.units = append(c.units, unit{nil, []int{col}, &sync.Mutex{}})
		}
	}
	return c
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
	perUnit := kernel.NBlocks(n, taskRows)
	nTasks := perUnit * len(c.units)
	workers := min(c.threads, nTasks)
	if n*c.bins.NCols < worthSharing {
		workers = 1
	}
	var next atomic.Int64
	kernel.Workers(workers, workers, 1, func(worker, _, _, _ int) {
		s := c.scratch(worker)
		var u *unit
		for {
			task := int(next.Add(1)) - 1
			if task >= nTasks {
				break
			}
			if now := &c.units[task/perUnit]; now != u {
				c.pour(hist, s, u, f)
				u = now
				s.makeTables(c.tables(u), f.exact)
			}
			lo := task % perUnit * taskRows
			hi := min(n, lo+taskRows)
			for lo < hi {
				k := min(gatherRows, hi-lo)
				if !f.exact && s.held+k > f.pour {
					c.pour(hist, s, u, f)
				}
				s.held += k
				if all {
					c.addRun(s, u, lo, lo+k, gh, f)
				} else {
					c.addListed(s, u, rows[lo:lo+k], gh, f)
				}
				lo += k
			}
		}
		c.pour(hist, s, u, f)
	})
}

// tables returns how many tables of 256 a unit takes.
func (c *counter) tables(u *unit) int {
	if u.group == nil {
		return kernel.NBlocks(c.bins.Cuts[u.cols[0]].Cells(), 256)
	}
	return len(u.cols)
}

func (s *countScratch) makeTables(n int, exact bool) {
	if exact && len(s.exact) < n {
		s.exact = make([][256]cell, n)
	}
	if !exact && len(s.packed) < n {
		s.packed = make([][256]int64, n)
	}
}

// addRun adds the rows [lo, hi).
func (c *counter) addRun(s *countScratch, u *unit, lo, hi int, gh []int64, f fixed) {
	if u.group == nil {
		s.addWideRun(c.bins.Wide[u.cols[0]][lo:hi], gh[lo:hi], f.exact)
		return
	}
	s.add(u.group, u.group.Rows[lo*u.group.Stride:hi*u.group.Stride], gh[lo:hi], f.exact)
}

// addListed adds at most gatherRows rows. It copies them together first: a short loop has many cache misses under way at
// once, and the additions then find everything in the first-level cache.
func (c *counter) addListed(s *countScratch, u *unit, rows []int32, gh []int64, f fixed) {
	if u.group == nil {
		for k, r := range rows {
			s.gh[k] = gh[r]
		}
		s.addWideListed(c.bins.Wide[u.cols[0]], rows, f.exact)
		return
	}
	if len(s.rows) < gatherRows*u.group.Stride {
		s.rows = make([]uint8, gatherRows*u.group.Stride)
	}
	s.gather(u.group, rows, gh)
	s.add(u.group, s.rows[:len(rows)*u.group.Stride], s.gh[:len(rows)], f.exact)
}

func (s *countScratch) gather(g *treekit.Group, rows []int32, gh []int64) {
	all, dst := g.Rows, s.rows
	switch g.Stride {
	case 8:
		for k, r := range rows {
			row := *(*[8]uint8)(all[int(r)*8:])
			*(*[8]uint8)(dst[k*8:]) = row
			s.gh[k] = gh[r]
		}
	case 16:
		for k, r := range rows {
			row := *(*[16]uint8)(all[int(r)*16:])
			*(*[16]uint8)(dst[k*16:]) = row
			s.gh[k] = gh[r]
		}
	case 24:
		for k, r := range rows {
			row := *(*[24]uint8)(all[int(r)*24:])
			*(*[24]uint8)(dst[k*24:]) = row
			s.gh[k] = gh[r]
		}
	case 32:
		for k, r := range rows {
			row := *(*[32]uint8)(all[int(r)*32:])
			*(*[32]uint8)(dst[k*32:]) = row
			s.gh[k] = gh[r]
		}
	default:
		panic("gbdt: a group is wider than 32 columns")
	}
}

// add adds rows, which lie side by side, to the scratch, a few columns at a time: their tables fit into the first-level
// cache together with the rows.
func (s *countScratch) add(g *treekit.Group, rows []uint8, gh []int64, exact bool) {
	for c := 0; c < len(g.Cols); {
		left := len(g.Cols) - c
		switch {
		case exact:
			addExact(&s.exact[c], rows[c:], g.Stride, gh)
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

func addExact(t *[256]cell, rows []uint8, stride int, gh []int64) {
	at := 0
	for _, v := range gh {
		g, h := unpack(v)
		c := &t[rows[at]]
		c.g += float64(g)
		c.h += float64(h)
		at += stride
	}
}

func (s *countScratch) addWideRun(bins []uint16, gh []int64, exact bool) {
	for i, v := range gh {
		s.addWide(bins[i], v, exact)
	}
}

func (s *countScratch) addWideListed(bins []uint16, rows []int32, exact bool) {
	for k, r := range rows {
		s.addWide(bins[r], s.gh[k], exact)
	}
}

func (s *countScratch) addWide(bin uint16, v int64, exact bool) {
	if exact {
		g, h := unpack(v)
		c := &s.exact[bin>>8][uint8(bin)]
		c.g += float64(g)
		c.h += float64(h)
		return
	}
	s.packed[bin>>8][uint8(bin)] += v
}

// pour adds the scratch to the histogram and empties it.
func (c *counter) pour(hist histogram, s *countScratch, u *unit, f fixed) {
	if u == nil {
		return
	}
	u.guard.Lock()
	defer u.guard.Unlock()
	for k := range c.tables(u) {
		col, from := u.cols[0], 256*k
		if u.group != nil {
			col, from = u.cols[k], 0
		}
		if col < 0 {
			c.unfold(hist, s, k, &c.bins.Packs[^col], f)
			continue
		}
		at := c.layout.first[col]
		cells := hist[at+from : at+min(from+256, c.bins.Cuts[col].Cells())]
		if f.exact {
			table := s.exact[k][:len(cells)]
			for b, v := range table {
				cells[b].g += v.g
				cells[b].h += v.h
			}
			clear(table)
			continue
		}
		table := s.packed[k][:len(cells)]
		for b, v := range table {
			if v != 0 {
				g, h := unpack(v)
				cells[b].g += float64(g)
				cells[b].h += float64(h)
			}
		}
		clear(table)
	}
	s.held = 0
}

// unfold adds table k of the scratch, which counts rows by the digits of a pack, to the cells of each of its columns, and
// empties it. From the last column to the first, the table is as many blocks as the column has digits: a block's sum
// belongs to a cell, and the sum of the blocks is the table of the columns before.
func (c *counter) unfold(hist histogram, s *countScratch, k int, p *treekit.Pack, f fixed) {
	size := p.Place(len(p.Cols))
	for j := len(p.Cols) - 1; j >= 0; j-- {
		cells := hist[c.layout.first[p.Cols[j]]:]
		size /= p.Radix[j]
		for d := range p.Radix[j] {
			var sum cell
			if f.exact {
				table := s.exact[k][:]
				for i, v := range table[d*size : (d+1)*size] {
					sum.g += v.g
					sum.h += v.h
					if d > 0 {
						table[i].g += v.g
						table[i].h += v.h
					}
				}
			} else {
				sum = foldPacked(s.packed[k][:size], s.packed[k][d*size:(d+1)*size], d > 0)
			}
			cells[d].g += sum.g
			cells[d].h += sum.h
		}
	}
	if f.exact {
		clear(s.exact[k][:])
	} else {
		clear(s.packed[k][:])
	}
}

// foldPacked returns the sum of a block, and adds it to the first unless it is that.
func foldPacked(first, block []int64, add bool) cell {
	var sum int64
	for i, v := range block {
		sum += v
		if add {
			first[i] += v
		}
	}
	g, h := unpack(sum)
	return cell{float64(g), float64(h)}
}
