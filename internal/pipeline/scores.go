package pipeline

import (
	"context"
	"math"
	"slices"
	"strconv"

	"kequn"
	"kequn/internal/engine"
	"kequn/internal/query"
	"kequn/internal/rule"
	"kequn/internal/store"
	"kequn/internal/table"
)

// Derived tables have one row per customer and a column per goal or segmentation. Rules read them as customer tables.

// putScores puts a goal's scores, and each customer's place among them, into the tables that rules read.
func (s *Shop) putScores(ctx context.Context, tx *store.Tx, v *view, goal string, ask kequn.Cutoff, sc *scores) error {
	if err := s.putColumn(ctx, tx, v, query.ScoreSet, goal, ask, sc.customer, numbers(goal, sc.score)); err != nil {
		return err
	}
	return s.putColumn(ctx, tx, v, query.PercentileSet, goal, ask, sc.customer, numbers(goal, percentiles(sc.score)))
}

func numbers(name string, v []float64) *table.Column {
	return &table.Column{Name: name, Kind: table.Number, Num: v}
}

// percentiles returns for each score the share of scores that are not higher.
func percentiles(score []float64) []float64 {
	order := make([]int, len(score))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		switch {
		case score[a] < score[b]:
			return -1
		case score[a] > score[b]:
			return 1
		}
		return a - b
	})
	out := make([]float64, len(score))
	for i := 0; i < len(order); {
		j := i
		for j < len(order) && score[order[j]] == score[order[i]] {
			j++
		}
		for k := i; k < j; k++ {
			out[order[k]] = float64(j) / float64(len(order))
		}
		i = j
	}
	return out
}

// putColumn replaces or adds one column of a derived table, keeping the others. The table's note says of when each is.
func (s *Shop) putColumn(ctx context.Context, tx *store.Tx, v *view, set, name string, ask kequn.Cutoff, customer []string, values *table.Column) error {
	key := table.NewColumn(engine.CustomerColumn, table.Text, len(customer))
	for _, c := range customer {
		key.AppendString(c)
	}
	out := table.New(key, values)
	meta := map[string]string{}
	if _, ok := v.snap.Dataset(set); ok {
		old, oldMeta, err := v.snap.Table(set)
		if err != nil {
			return err
		}
		for k, x := range oldMeta {
			meta[k] = x
		}
		out = joinByCustomer(out, old.Drop(name))
	}
	meta[name] = strconv.FormatInt(int64(ask), 10)
	return tx.PutTable(set, out, meta)
}

// joinByCustomer returns a table with the customers and columns of both.
func joinByCustomer(a, b *table.Table) *table.Table {
	ka, kb := a.Column(engine.CustomerColumn), b.Column(engine.CustomerColumn)
	if len(b.Columns) <= 1 {
		return a
	}
	key := table.NewColumn(engine.CustomerColumn, table.Text, ka.Len())
	rowA, rowB := []int32{}, []int32{}
	find := func(c *table.Column, i int) int {
		k := int(key.Dict.InternString(c.String(i)))
		if k == len(rowA) {
			key.Code = append(key.Code, int32(k))
			rowA, rowB = append(rowA, -1), append(rowB, -1)
		}
		return k
	}
	for i := range ka.Len() {
		rowA[find(ka, i)] = int32(i)
	}
	for i := range kb.Len() {
		rowB[find(kb, i)] = int32(i)
	}
	out := &table.Table{Columns: []*table.Column{key}}
	add := func(t *table.Table, rows []int32) {
		for _, c := range t.Columns {
			if c.Name != engine.CustomerColumn {
				out.Columns = append(out.Columns, spread(c, rows))
			}
		}
	}
	add(a, rowA)
	add(b, rowB)
	return out
}

// spread returns the values at rows, missing where a row is −1.
func spread(c *table.Column, rows []int32) *table.Column {
	out := &table.Column{Name: c.Name, Kind: c.Kind, Dict: c.Dict, Scale: c.Scale}
	for _, r := range rows {
		switch {
		case r < 0:
			out.AppendMissing()
		case c.Kind == table.Number:
			out.Num = append(out.Num, c.Num[r])
		case c.Kind.InInt():
			out.Int = append(out.Int, c.Int[r])
		default:
			out.Code = append(out.Code, c.Code[r])
		}
	}
	return out
}

// withScores returns the view's data with the derived tables beside it, so that rules can read them.
func (s *Shop) withScores(v *view) (engine.Data, error) {
	list := slices.Clone(v.datasets)
	for _, set := range []string{query.ScoreSet, query.PercentileSet, query.SegmentSet} {
		d, ok := v.snap.Dataset(set)
		if !ok {
			continue
		}
		x := asEngine(d)
		x.Role = kequn.Customers
		x.LoadedAt = math.MinInt64 + 1 // beside every cutoff: whoever asks takes the newest scores
		for i := range x.Columns {
			x.Columns[i].Role, x.Columns[i].Fixed = kequn.ColAttribute, true
		}
		list = append(list, x)
	}
	return planned{snapshotData{v.snap}, list, v.money}, nil
}

// knownSegments lists the segmentations with the names of their segments, as far as they were made.
func (s *Shop) knownSegments() []rule.Segmentation {
	var out []rule.Segmentation
	for _, p := range s.Plan.Segments {
		one := rule.Segmentation{Name: p.Name}
		var d segmentDoc
		if err := s.readDoc("segment."+p.Name, &d); err == nil {
			one.Values = d.names()
		}
		out = append(out, one)
	}
	return out
}
