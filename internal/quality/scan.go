package quality

import (
	"context"

	"kequn/internal/engine"
	"kequn/internal/kernel"
	"kequn/internal/table"
)

// scan is one check: what is looked at, and afterwards what was seen.
type scan struct {
	o     Options
	sets  []*set
	wants []table.Want
	clock *clock
	marks []*mark

	tallies []*setTally // by set, after the pass
	pairs   []*pairSums
}

// mark is a rule about single rows that needs more than one column of one row to be judged: its rows are found in the pass.
type mark struct {
	rule Rule
	kind *kind
	set  *set
	find finder

	tally markTally // after the pass
}

// finder calls emit for every row of a dataset, in one piece, that breaks a rule, and tells of how many rows it judged.
type finder func(p *piece, s *pieceSet, emit func(row int)) (of int64)

// markTally counts the rows of a mark, by side.
type markTally struct {
	found [2]int64
	of    int64
}

// worker is what one goroutine counts.
type worker struct {
	tallies []*setTally
	marks   []markTally
}

func (sc *scan) newWorker() *worker {
	w := &worker{marks: make([]markTally, len(sc.marks))}
	for _, s := range sc.sets {
		w.tallies = append(w.tallies, newSetTally(s))
	}
	return w
}

// run makes the pass.
func (sc *scan) run(ctx context.Context, data engine.Data) error {
	n := data.NParts()
	threads := min(kernel.Threads(sc.o.Threads), n)
	workers := make([]*worker, max(1, threads))
	errs := make([]error, n)
	for _, s := range sc.sets {
		sc.pairs = append(sc.pairs, newPairSums(s, n))
	}
	kernel.Workers(n, threads, 1, func(w, p, _, _ int) {
		if errs[p] = ctx.Err(); errs[p] != nil {
			return
		}
		if workers[w] == nil {
			workers[w] = sc.newWorker()
		}
		one, err := sc.piece(ctx, data, p)
		if err != nil {
			errs[p] = err
			return
		}
		workers[w].take(sc, one, p)
		if sc.o.Progress != nil {
			sc.o.Progress(int64(p), int64(n))
		}
	})
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	total := sc.newWorker()
	for _, w := range workers {
		if w != nil {
			total.merge(w)
		}
	}
	for i, s := range sc.sets {
		if s.part < 0 {
			one := &pieceSet{set: s, t: s.rows, n: s.rows.NRows(), present: true}
			total.tallies[i].take(sc, one)
			for k, m := range sc.marks {
				if m.set == s {
					total.marks[k].take(m, &piece{sc: sc, sets: sc.lookupSets()}, one)
				}
			}
		}
		total.tallies[i].done()
	}
	sc.tallies = total.tallies
	for i := range sc.marks {
		sc.marks[i].kept(total.marks[i])
	}
	return nil
}

// lookupSets are the sets of a piece without customers.
func (sc *scan) lookupSets() []pieceSet {
	out := make([]pieceSet, len(sc.sets))
	for i, s := range sc.sets {
		out[i].set = s
		if s.part < 0 {
			out[i].t, out[i].n = s.rows, s.rows.NRows()
		}
	}
	return out
}

func (w *worker) take(sc *scan, p *piece, number int) {
	for i := range p.sets {
		if s := &p.sets[i]; s.present {
			w.tallies[i].take(sc, s)
			sc.pairs[i].take(s, number)
		}
	}
	for i, m := range sc.marks {
		if s := &p.sets[m.set.at]; s.present {
			w.marks[i].take(m, p, s)
		}
	}
}

func (t *markTally) take(m *mark, p *piece, s *pieceSet) {
	t.of += m.find(p, s, func(r int) { t.found[s.side(r)]++ })
}

func (w *worker) merge(o *worker) {
	for i := range w.tallies {
		w.tallies[i].merge(o.tallies[i])
	}
	for i := range w.marks {
		w.marks[i].found[0] += o.marks[i].found[0]
		w.marks[i].found[1] += o.marks[i].found[1]
		w.marks[i].of += o.marks[i].of
	}
}
