package pipeline

import (
	"context"
	"math"
	"slices"
	"strings"

	"kequn"
	"kequn/internal/model/ladder"
	"kequn/internal/source"
	"kequn/internal/table"
)

// readTest reads the file of --test with the kinds of columns that the training file has. Where it has outcomes, one round
// trains on the file and judges on the test file. Where it has none, its rows are scored by models of the whole file, and what
// is said about them comes from five folds of it.
func (t *trial) readTest(ctx context.Context, info *source.Info) error {
	x, y, rows, err := t.readLike(ctx, info)
	if err != nil {
		return err
	}
	t.res.TestRows = int64(x.NRows())
	known := 0
	for _, v := range y {
		if !math.IsNaN(v) {
			known++
		}
	}
	if known == 0 {
		t.note("%s 没有可用的结果值：只评分，指标来自训练文件的交叉验证", "%s has no outcome that is known: its rows are scored, and the figures come from folds of the training file", t.f.Test)
		t.apart = x
		t.split = t.defaultSplit()
		t.row = append(t.row, rows...) // after those of the training file
		return t.checkSplit()
	}
	n := t.x.NRows()
	if known < len(y) {
		t.note("%[3]s 中 %[1]d 行没有已知的结果值：只评分，不计入指标", "%[1]d rows of %[3]s have no known outcome: scored, not judged", len(y)-known, 0, t.f.Test)
		t.w = slices.Repeat([]float64{1}, n+len(y))
	}
	for i, v := range y {
		if math.IsNaN(v) {
			y[i], t.w[n+i] = 0, 0
		}
	}
	if err := t.x.Append(x); err != nil {
		return err
	}
	t.y.Y = append(t.y.Y, y...)
	t.row = append(t.row, rows...)
	if t.group != nil {
		for i := range y {
			t.group = append(t.group, math.MinInt64+int64(i)) // judged only: alone
		}
	}
	var round ladder.Round
	for i := range n + len(y) {
		if i < n {
			round.Train = append(round.Train, int32(i))
		} else {
			round.Test = append(round.Test, int32(i))
		}
	}
	t.split = split{rounds: []ladder.Round{round}, name: []int64{0}}
	return nil
}

// readLike reads the features from the test file, its outcomes (NaN where there are none) and its rows' numbers.
func (t *trial) readLike(ctx context.Context, info *source.Info) (*table.Table, []float64, []int64, error) {
	f, err := source.Open(t.f.Test, source.Options{Threads: t.Threads})
	if err != nil {
		return nil, nil, nil, err
	}
	defer f.Close()
	var schema []source.Column
	var missing []string
	for _, c := range info.Columns {
		wanted, there := t.x.Column(c.Name) != nil, slices.Contains(f.Columns, c.Name)
		switch {
		case wanted && !there:
			missing = append(missing, c.Name)
		case wanted || there && (c.Name == t.f.Outcome || t.sensitive.Column(c.Name) != nil):
			schema = append(schema, c)
		}
	}
	if missing != nil {
		return nil, nil, nil, kequn.Errorf(kequn.KindInput, t.f.Test, "lacks columns that %s has: %s", t.f.File, listed(missing)).
			WithHint("leave them out with --drop %s", strings.Join(missing[:min(len(missing), 5)], ","))
	}
	all := &table.Table{}
	for _, c := range schema {
		all.Columns = append(all.Columns, table.NewColumn(c.Name, c.Kind, 0))
	}
	var rows []int64
	counts, err := f.Read(ctx, schema, func(b *source.Batch) error {
		for _, r := range b.Record {
			rows = append(rows, r-1)
		}
		return all.Append(b.Table)
	}, nil)
	if err != nil {
		return nil, nil, nil, err
	}
	t.noteReading(t.f.Test, counts)
	if all.NRows() == 0 {
		return nil, nil, nil, kequn.Errorf(kequn.KindInput, t.f.Test, "has a header and no row")
	}
	y := slices.Repeat([]float64{math.NaN()}, all.NRows())
	if c := all.Column(t.f.Outcome); c != nil {
		y = t.target.values(c)
	}
	x, err := all.Select(t.x.Names()...)
	if err == nil {
		err = t.appendSensitive(all)
	}
	return x, y, rows, err
}
