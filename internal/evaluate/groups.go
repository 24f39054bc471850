package evaluate

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/table"
)

const (
	leastLevels  = 2
	mostLevels   = 30 // a column with more is a name or a number, not a place
	mostPlaces   = 3
	levelsEach   = 4
	mostUnseen   = 8    // fits in all
	leastOfGroup = 30   // judged rows of each answer in a group
	leastOthers  = 0.25 // share of training rows that must be left without the group
)

// groups leaves a region, a channel, a plan out of training and judges on it: how the model does on people of a kind it has never seen.
func (l *lab) groups() error {
	base, err := l.asChosen("groups")
	if base == nil {
		return err
	}
	type level struct {
		column *table.Column
		code   int32
		judged []int32 // positions in l.judged
	}
	var levels []level
	perPlace := make([][]level, mostPlaces)
	for p, c := range l.places(base.model) {
		for _, code := range l.largest(c) {
			var at []int32
			for i, r := range l.judged {
				if c.Code[r] == code {
					at = append(at, int32(i))
				}
			}
			if len(perPlace[p]) < levelsEach && enough(l.Y.Task, l.Y.NOut(), kernel.Take(l.jury.y, at), leastOfGroup) && len(at) < len(l.judged) {
				perPlace[p] = append(perPlace[p], level{c, code, at})
			}
		}
	}
	// The largest level of each column first, then the second …
	for rank := range levelsEach {
		for _, of := range perPlace {
			if rank < len(of) && len(levels) < mostUnseen {
				levels = append(levels, of[rank])
			}
		}
	}
	if len(levels) == 0 {
		l.not("groups", fmt.Sprintf("没有合适的分类列：每个群体在评判数据中每种结果至少要 %d 行", leastOfGroup),
			fmt.Sprintf("no category column has groups with at least %d judged rows of each answer", leastOfGroup))
		return nil
	}
	if !l.time(base.seconds * float64(len(levels))) {
		l.lateFor("groups")
		return nil
	}
	// Others take the place of the group's rows as far as there are more, so that it is not the number of rows that tells.
	all := l.draw.draw(len(l.Train), saltBase)
	out := make([]*GroupFigure, len(levels))
	err = l.each(len(levels), func(i int) error {
		v := levels[i]
		others := slices.DeleteFunc(slices.Clone(all), func(r int32) bool { return v.column.Code[r] == v.code })
		others = sorted(others[:min(len(others), len(l.rows))])
		if float64(len(others)) < leastOthers*float64(len(l.rows)) || len(others) < leastTrain || !enough(l.Y.Task, l.Y.NOut(), kernel.Take(l.Y.Y, others), leastClass) {
			return nil
		}
		t, _, err := l.train(l.Learner.Learner, others, nil, 1, false)
		if t == nil {
			return err
		}
		rows := kernel.Take(l.judged, v.judged)
		unseen, err := t.model.Predict(l.X.Take(rows))
		if err != nil {
			return err
		}
		j := l.juryOf(rows)
		a, b := j.judge(unseen), j.judge(takeWide(base.score, v.judged, l.Y.NOut()))
		_, se := j.less(a, b)
		if !math.IsNaN(a.skill) && !math.IsNaN(b.skill) {
			out[i] = &GroupFigure{Column: v.column.Name, Group: v.column.Dict.At(int(v.code)), Rows: len(rows), Unseen: some(a.skill), Seen: some(b.skill), SE: some(se)}
		}
		return nil
	})
	if err != nil {
		return err
	}
	var found []GroupFigure
	for _, g := range out {
		if g != nil {
			found = append(found, *g)
		}
	}
	slices.SortStableFunc(found, func(a, b GroupFigure) int { return strings.Compare(a.Column, b.Column) })
	l.card.Generalization.Groups = found
	if len(found) == 0 {
		l.not("groups", "去掉任何一个群体后，剩下的数据都不够训练", "without any one group too few rows are left to train on")
	}
	return nil
}

// places returns the columns whose levels are left out: those the caller named or, of the table's, the most important.
func (l *lab) places(m model.Model) []*table.Column {
	from := l.Places
	if len(from) == 0 {
		rank := map[string]float64{}
		if i, ok := m.(model.Importancer); ok {
			for j, share := range i.Importance() {
				rank[m.Header().Columns[j].Name] = share
			}
		}
		from = slices.Clone(l.X.Columns)
		slices.SortStableFunc(from, func(a, b *table.Column) int {
			if x, y := rank[a.Name], rank[b.Name]; x != y {
				if x > y {
					return -1
				}
				return 1
			}
			return strings.Compare(a.Name, b.Name)
		})
	}
	var out []*table.Column
	for _, c := range from {
		if c.Kind == table.Category && c.Len() == len(l.Y.Y) && len(out) < mostPlaces {
			if n := len(l.largest(c)); n >= leastLevels && n <= mostLevels {
				out = append(out, c)
			}
		}
	}
	return out
}

// largest returns the levels that occur in the training rows, the most frequent first.
func (l *lab) largest(c *table.Column) []int32 {
	n := make([]int, c.Dict.Len())
	for _, r := range l.rows {
		if k := c.Code[r]; k >= 0 {
			n[k]++
		}
	}
	var out []int32
	for k := range n {
		if n[k] > 0 {
			out = append(out, int32(k))
		}
	}
	slices.SortFunc(out, func(a, b int32) int {
		if n[a] != n[b] {
			return n[b] - n[a]
		}
		return strings.Compare(c.Dict.At(int(a)), c.Dict.At(int(b)))
	})
	return out
}

// takeWide takes rows of row-major scores.
func takeWide(v []float64, rows []int32, width int) []float64 {
	if width == 1 {
		return kernel.Take(v, rows)
	}
	out := make([]float64, 0, len(rows)*width)
	for _, r := range rows {
		out = append(out, v[int(r)*width:int(r+1)*width]...)
	}
	return out
}
