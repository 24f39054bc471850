package treekit

import "kequn/internal/table"

// Pack is a few columns of few bins in one byte: the bins are the digits of a number whose place values are the products of
// the numbers of digits before,
//
//	subscribed 0/1, plan 0/1/2, age missing or not     v = subscribed + 2·plan + 6·age
//
// Counting rows by v counts them by every column at once: the eight columns of a pack of eight yes-or-no columns cost what
// one does. Words of texts and levels spread over columns come as hundreds of those.
type Pack struct {
	Cols  []int
	Radix []int   // digits of each; the last is that of missing values, if there are any
	Rows  []uint8 // v by row
}

const (
	maxRadix = 16 // columns with more bins gain little and crowd out others
	maxPack  = 256
)

// packsOf puts columns of few bins together, in their order, wherever there is room first.
func packsOf(cuts []Cut) []Pack {
	var packs []Pack
	var room []int
	for c := range cuts {
		cut := &cuts[c]
		radix := cut.NBins
		if cut.Missing {
			radix++
		}
		if cut.IsWide() || radix > maxRadix {
			continue
		}
		radix = max(radix, 1)
		at := 0
		for at < len(packs) && room[at] < radix {
			at++
		}
		if at == len(packs) {
			packs, room = append(packs, Pack{}), append(room, maxPack)
		}
		packs[at].Cols = append(packs[at].Cols, c)
		packs[at].Radix = append(packs[at].Radix, radix)
		room[at] /= radix
	}
	out := packs[:0]
	for _, p := range packs {
		if len(p.Cols) > 1 {
			out = append(out, p)
		}
	}
	return out
}

// Place returns the place value of column k of the pack: its bin is v / place % Radix[k].
func (p *Pack) Place(k int) int {
	place := 1
	for _, r := range p.Radix[:k] {
		place *= r
	}
	return place
}

// fill writes rows [lo, hi). A missing value of a row without weight, of which the cut knows nothing, counts as digit 0: such a
// row adds nothing anywhere.
func (p *Pack) fill(x *table.Table, cuts []Cut, lo, hi int) {
	bins := make([]uint8, hi-lo)
	place := 1
	for k, c := range p.Cols {
		binColumn(bins, x.Columns[c].Slice(lo, hi), &cuts[c])
		rows := p.Rows[lo:hi]
		for i, b := range bins {
			if int(b) < p.Radix[k] {
				rows[i] += uint8(int(b) * place)
			}
		}
		place *= p.Radix[k]
	}
}
