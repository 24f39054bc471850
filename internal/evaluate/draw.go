package evaluate

import (
	"cmp"
	"math"
	"slices"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/table"
)

// drawer draws rows by what is in them, or by their group, so that the order of the rows and of the columns does not matter.
// Draws of one salt are nested: a smaller one is part of every larger one.
type drawer struct {
	rows []int32
	key  []uint64 // of each of rows
}

// newDrawer gives each row a number from its values and outcome, or from its group where there are groups. Of equal rows the
// second, third … get further numbers. Time is O(rows·(columns + log rows)).
func newDrawer(x *table.Table, y model.Outcome, group []int64, rows []int32, seed uint64) drawer {
	d := drawer{rows, make([]uint64, len(rows))}
	if group != nil {
		for k, r := range rows {
			d.key[k] = kernel.Mix(kernel.Mix(seed) ^ kernel.Mix(uint64(group[r])))
		}
		return d
	}
	for k, r := range rows {
		d.key[k] = kernel.Mix(math.Float64bits(y.Y[r] + 0))
	}
	for _, c := range x.Columns {
		name := kernel.ID(c.Name)
		if c.Kind.InCode() {
			value := make([]uint64, c.Dict.Len()+1)
			for i := range c.Dict.Len() {
				value[i+1] = kernel.Hash64(name, c.Dict.Bytes(i))
			}
			for k, r := range rows {
				d.key[k] += value[c.Code[r]+1]
			}
			continue
		}
		for k, r := range rows {
			v := c.Float(int(r))
			bits := math.Float64bits(v + 0) // −0 becomes 0
			if v != v {
				bits = 1
			}
			d.key[k] += kernel.Mix(name ^ kernel.Mix(bits))
		}
	}
	again := make([]uint64, len(rows)) // how many rows before it are equal
	order := d.order(0)
	for i := 1; i < len(order); i++ {
		if k, before := order[i], order[i-1]; d.key[k] == d.key[before] {
			again[k] = again[before] + 1
		}
	}
	salt := kernel.Mix(seed)
	for k := range d.key {
		d.key[k] = kernel.Mix(d.key[k]+again[k]) ^ salt
	}
	return d
}

// order returns positions in rows by their numbers under the salt; salt 0 leaves the numbers as they are, so that equal ones are neighbours.
func (d drawer) order(salt uint64) []int32 {
	type place struct {
		key uint64
		at  int32
	}
	p := make([]place, len(d.key))
	for i, k := range d.key {
		p[i] = place{kernel.Mix(k ^ salt), int32(i)}
		if salt == 0 {
			p[i].key = k
		}
	}
	slices.SortFunc(p, func(a, b place) int {
		if c := cmp.Compare(a.key, b.key); c != 0 {
			return c
		}
		return cmp.Compare(a.at, b.at)
	})
	out := make([]int32, len(p))
	for i := range p {
		out[i] = p[i].at
	}
	return out
}

// draw returns n rows (all, if there are no more) in the order in which smaller draws of the salt are their beginnings.
func (d drawer) draw(n int, salt uint64) []int32 {
	order := d.order(salt)
	out := make([]int32, min(n, len(order)))
	for i := range out {
		out[i] = d.rows[order[i]]
	}
	return out
}

// mixed is draw with at least the given share of each answer of a yes or no, as far as there are so many: few rows of a rare answer would tell nothing.
func (d drawer) mixed(n int, salt uint64, y model.Outcome, share float64) []int32 {
	all := d.draw(len(d.rows), salt)
	if len(all) <= n || y.Task != kequn.Binary {
		return all[:min(n, len(all))]
	}
	var have [2]int
	for _, r := range all {
		have[int(y.Y[r])]++
	}
	rare := 0
	if have[1] < have[0] {
		rare = 1
	}
	want := [2]int{}
	want[rare] = min(have[rare], max(int(share*float64(n)), n*have[rare]/len(all)))
	want[1-rare] = n - want[rare]
	out := make([]int32, 0, n)
	for _, r := range all {
		if v := int(y.Y[r]); want[v] > 0 {
			want[v]--
			out = append(out, r)
		}
	}
	return out
}

// sorted returns rows in the order of the table.
func sorted(rows []int32) []int32 {
	out := slices.Clone(rows)
	slices.Sort(out)
	return out
}
