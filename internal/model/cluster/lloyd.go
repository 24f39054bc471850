package cluster

import (
	"cmp"
	"context"
	"math"
	"slices"

	"kequn/internal/kernel"
)

// lloyd holds the state of Lloyd's method on one set of rows:
//
//	assign   each row goes to its nearest centre
//	move     each centre goes to the mean of its rows
//
// until nothing changes or the centres hardly move. After the first rounds few rows change group, so a round does not sum
// all rows again: each block sums what left and what joined (in float64, so the sums stay good to the last digits of
// float32), and the totals are brought up to date in block order.
type lloyd struct {
	set     KMeans
	k, p    int // p: number of columns
	rows    *kernel.Tiles
	spread  float64 // mean variance of a column
	centre  []float32
	points  *kernel.Points
	label   []int32 // −1 before the first round
	sum     []float64
	count   []int
	part    []change
	scratch []found
	rounds  int
}

// change is what one block's rows did in a round.
type change struct {
	moved int       // rows that changed group
	sum   []float64 // (k, p): what joined less what left
	count []int
}

func newLloyd(x []float32, nCols int, set KMeans) *lloyd {
	l := &lloyd{set: set, k: set.K, p: nCols, rows: kernel.NewTiles(x, nCols, set.Threads), points: &kernel.Points{}}
	n := l.rows.NRows
	l.centre = make([]float32, l.k*l.p)
	l.label = make([]int32, n)
	l.sum, l.count = make([]float64, l.k*l.p), make([]int, l.k)
	l.part = make([]change, kernel.NBlocks(n, blockRows))
	l.scratch = make([]found, kernel.Threads(set.Threads))
	l.spread = l.meanVariance()
	return l
}

// meanVariance returns the mean over columns of their population variance.
func (l *lloyd) meanVariance() float64 {
	type moments struct{ sum, square []float64 }
	n, row := l.rows.NRows, l.p
	first := l.rows.Row(0, make([]float32, row)) // sums are taken about the first row, near enough to the mean for float64
	m := kernel.Reduce(n, l.set.Threads, blockRows, func(lo, hi int) moments {
		m := moments{make([]float64, row), make([]float64, row)}
		buf := make([]float32, row)
		for i := lo; i < hi; i++ {
			for j, v := range l.rows.Row(i, buf) {
				d := float64(v) - float64(first[j])
				m.sum[j] += d
				m.square[j] += d * d
			}
		}
		return m
	}, func(a, b moments) moments {
		kernel.Axpy(1, b.sum, a.sum)
		kernel.Axpy(1, b.square, a.square)
		return a
	})
	total := 0.0
	for j := range row {
		mean := m.sum[j] / float64(n)
		total += max(0, m.square[j]/float64(n)-mean*mean)
	}
	return total / float64(row)
}

// run goes from the given centres to the end, leaving centre and label such that each row's label is its nearest centre.
func (l *lloyd) run(ctx context.Context, begin []float32) error {
	copy(l.centre, begin)
	for i := range l.label {
		l.label[i] = -1
	}
	clear(l.sum)
	clear(l.count)
	for l.rounds = 0; l.rounds < l.set.MaxIterations; {
		if err := ctx.Err(); err != nil {
			return err
		}
		if l.assign() == 0 {
			return nil // labels are those of these centres
		}
		l.fillEmpty()
		l.rounds++
		if l.move() <= l.set.Tolerance*l.spread {
			break
		}
	}
	l.assign()
	return ctx.Err()
}

// assign brings label, sum and count up to date with the centres. It returns how many rows changed group.
func (l *lloyd) assign() int {
	l.points.Set(l.centre, l.p)
	kernel.Workers(l.rows.NRows, l.set.Threads, blockRows, func(worker, block, lo, hi int) {
		f, c := l.scratch[worker].ready(), &l.part[block]
		l.rows.Nearest(lo, hi, l.points, f.label, f.best)
		c.reset(l.k, l.p)
		for i, to := range f.label[:hi-lo] {
			from := l.label[lo+i]
			if to == from {
				continue
			}
			l.label[lo+i] = to
			c.moved++
			c.count[to]++
			l.rows.AddRow(lo+i, 1, c.sum[int(to)*l.p:])
			if from >= 0 {
				c.count[from]--
				l.rows.AddRow(lo+i, -1, c.sum[int(from)*l.p:])
			}
		}
	})
	moved := 0
	for b := range l.part {
		c := &l.part[b]
		if c.moved == 0 {
			continue
		}
		moved += c.moved
		kernel.Axpy(1, c.sum, l.sum)
		for g, n := range c.count {
			l.count[g] += n
		}
	}
	return moved
}

func (c *change) reset(k, p int) {
	if c.sum == nil {
		c.sum, c.count = make([]float64, k*p), make([]int, k)
	} else if c.moved > 0 {
		clear(c.sum)
		clear(c.count)
	}
	c.moved = 0
}

// fillEmpty gives each empty group the row that lies furthest from its centre, the first of equals. A group stays empty
// where every row lies on its centre.
func (l *lloyd) fillEmpty() {
	for g := range l.count {
		if l.count[g] > 0 {
			continue
		}
		type far struct {
			row int
			d   float64
		}
		best := kernel.Reduce(l.rows.NRows, l.set.Threads, blockRows, func(lo, hi int) far {
			out := far{-1, 0}
			for i := lo; i < hi; i++ {
				from := int(l.label[i])
				if l.count[from] < 2 {
					continue // taking its only row would empty that group
				}
				if d := l.rows.Distance2(i, l.centre[from*l.p:(from+1)*l.p]); d > out.d {
					out = far{i, d}
				}
			}
			return out
		}, func(a, b far) far {
			if b.d > a.d {
				return b
			}
			return a
		})
		if best.d == 0 {
			return
		}
		from := int(l.label[best.row])
		l.label[best.row] = int32(g)
		l.count[from]--
		l.count[g]++
		l.rows.AddRow(best.row, -1, l.sum[from*l.p:])
		l.rows.AddRow(best.row, 1, l.sum[g*l.p:])
		l.rows.Row(best.row, l.centre[g*l.p:])
	}
}

// move puts each centre on the mean of its rows and returns Σ‖moved‖². The centre of an empty group stays.
func (l *lloyd) move() float64 {
	total := 0.0
	for g, n := range l.count {
		if n == 0 {
			continue
		}
		for j := range l.p {
			c := &l.centre[g*l.p+j]
			next := float32(l.sum[g*l.p+j] / float64(n))
			d := float64(next) - float64(*c)
			total += d * d
			*c = next
		}
	}
	return total
}

// inertia returns Σ‖row − its centre‖² in float64.
func (l *lloyd) inertia() float64 {
	return kernel.Reduce(l.rows.NRows, l.set.Threads, blockRows, func(lo, hi int) float64 {
		s := 0.0
		for i := lo; i < hi; i++ {
			g := int(l.label[i])
			s += l.rows.Distance2(i, l.centre[g*l.p:(g+1)*l.p])
		}
		return s
	}, func(a, b float64) float64 { return a + b })
}

// rank numbers the groups from the largest down, so that the first of equally near centres is the same one here and in
// [Assign]. Renumbering lets tied rows change over to a larger group, which can change the order again: the largest groups
// only gain, so this ends. A group that loses all its rows starts again at the row furthest from its centre.
func (l *lloyd) rank() {
	for range l.set.MaxIterations {
		order := make([]int, l.k)
		for g := range order {
			order[g] = g
		}
		slices.SortStableFunc(order, func(a, b int) int {
			if c := cmp.Compare(l.count[b], l.count[a]); c != 0 {
				return c
			}
			return slices.Compare(l.centre[a*l.p:(a+1)*l.p], l.centre[b*l.p:(b+1)*l.p])
		})
		to := make([]int32, l.k)
		centre, sum, count := slices.Clone(l.centre), slices.Clone(l.sum), slices.Clone(l.count)
		for i, g := range order {
			to[g] = int32(i)
			l.count[i] = count[g]
			copy(l.centre[i*l.p:(i+1)*l.p], centre[g*l.p:])
			copy(l.sum[i*l.p:(i+1)*l.p], sum[g*l.p:])
		}
		for i, g := range l.label {
			l.label[i] = to[g]
		}
		full := l.groupsWithRows()
		if l.assign() == 0 {
			return
		}
		if l.groupsWithRows() < full {
			l.fillEmpty()
			l.assign()
		}
	}
}

func (l *lloyd) groupsWithRows() int {
	full := 0
	for _, n := range l.count {
		if n > 0 {
			full++
		}
	}
	return full
}

// groups returns the result: groups from the largest down, empty ones left out.
func (l *lloyd) groups() *Groups {
	l.rank()
	full := l.groupsWithRows()
	return &Groups{K: full, Centres: l.centre[:full*l.p], Sizes: l.count[:full], Inertia: l.inertia(), Iterations: l.rounds, Label: l.label}
}

// plusPlus draws seeds: the first row at random, each further one with probability proportional to its squared distance
// to the nearest seed so far, taking the best of 2+⌊ln k⌋ candidates (greedy k-means++, Arthur & Vassilvitskii 2007, §5).
func (l *lloyd) plusPlus(s *kernel.Stream) []float32 {
	n, trials := l.rows.NRows, 2+int(math.Log(float64(l.k)))
	seeds := make([]float32, l.k*l.p)
	l.rows.Row(s.Intn(n), seeds)
	near := make([]float64, n) // squared distance to the nearest seed
	for i := range near {
		near[i] = l.rows.Distance2(i, seeds)
	}
	candidate, least := make([]float64, n), make([]float64, n)
	for g := 1; g < l.k; g++ {
		total := kernel.Sum(near)
		if total == 0 { // all rows lie on seeds: repeat one, whose group will stay empty
			copy(seeds[g*l.p:], seeds[:l.p])
			continue
		}
		seed := seeds[g*l.p : (g+1)*l.p]
		bestTotal, bestRow := math.Inf(1), 0
		for range trials {
			row := drawRow(near, s.Float64()*total)
			l.rows.Row(row, seed)
			for i := range candidate {
				candidate[i] = min(near[i], l.rows.Distance2(i, seed))
			}
			if t := kernel.Sum(candidate); t < bestTotal {
				bestTotal, bestRow = t, row
				candidate, least = least, candidate
			}
		}
		near, least = least, near
		l.rows.Row(bestRow, seed)
	}
	return seeds
}

// drawRow returns the row in which the running sum of weight passes u.
func drawRow(weight []float64, u float64) int {
	last := 0
	for i, w := range weight {
		if w > 0 {
			last = i
			if u -= w; u < 0 {
				return i
			}
		}
	}
	return last
}
