package pipeline

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"kequn"
	"kequn/internal/chart"
	"kequn/internal/model/cluster"
	"kequn/internal/source"
	"kequn/internal/table"
)

// TryGroups is what groups of rows there are.
type TryGroups struct {
	Task       string          `json:"task"`
	Rows       int             `json:"rows"`
	K          int             `json:"k"`
	Inertia    float64         `json:"inertia"`    // Σ squared distance to the centres, in standardised units
	Silhouette float64         `json:"silhouette"` // −1 to 1: how much nearer rows are to their own group than to the next
	Stability  float64         `json:"stability"`  // 0 to 1: agreement with groups found in random halves
	FitSeconds float64         `json:"fit_seconds"`
	Sizes      []int           `json:"sizes"`
	Trials     []cluster.Trial `json:"trials,omitempty"` // of each k that was tried
	Features   []string        `json:"features"`
	RowsRead   int64           `json:"rows_read"`
	Notes      []string        `json:"notes"`
	Seed       uint64          `json:"seed"`
	Seconds    float64         `json:"seconds"`
}

// TryCluster finds groups of the rows of one flat table. A column --outcome would name is left out if it is given.
func TryCluster(ctx context.Context, o Options, f TryFlags) (*TryGroups, error) {
	t := &trial{Options: o.withDefaults(), f: f, began: time.Now(), res: &TryResult{Notes: []string{}}}
	for _, wrong := range []struct{ flag, value string }{
		{"--positive", f.Positive}, {"--folds", f.Folds}, {"--test", f.Test}, {"--predictions", f.Predictions}, {"--schedule", f.Schedule}, {"--save", f.Save},
	} {
		if wrong.value != "" {
			return nil, usage(wrong.flag, "does not belong to --task cluster")
		}
	}
	k := 0
	if f.K != "" && f.K != "auto" {
		n, err := strconv.Atoi(f.K)
		if err != nil || n < 2 || n > cluster.MaxGroups {
			return nil, usage("--k", "%q is no number of groups", f.K).WithHint("auto, or 2 to %d", cluster.MaxGroups)
		}
		k = n
	}
	files := &stage{inputs: []string{f.File}}
	defer files.abort()
	if err := files.check(f.Labels, f.Plot); err != nil {
		return nil, err
	}
	t.Progress(t.Lang.Pick("读取表格", "read the table"), 0, 0)
	all, info, err := source.ReadFlat(ctx, f.File, source.Options{Threads: t.Threads})
	if err != nil {
		return nil, err
	}
	t.noteReading(f.File, info.Counts)
	leave := slices.Concat([]string{f.Outcome, f.ID}, f.Drop, f.Sensitive)
	for _, name := range leave {
		if name != "" && all.Column(name) == nil {
			return nil, kequn.Errorf(kequn.KindInput, f.File, "there is no column %q", name).WithHint("its columns are %s", listed(all.Names()))
		}
	}
	x := all.Drop(leave...)
	if x.NRows() == 0 {
		return nil, kequn.Errorf(kequn.KindInput, f.File, "has no row, or no column is left to group by")
	}
	t.Progress(t.Lang.Pick("寻找群组", "find groups"), 0, 0)
	m, label, err := cluster.Find(ctx, x, cluster.Options{K: k, Seed: t.Seed, Threads: t.Threads})
	if err != nil {
		return nil, err
	}
	res := &TryGroups{Task: "cluster", Rows: x.NRows(), K: m.K, Inertia: m.Inertia, Silhouette: m.Silhouette, Stability: m.Stability, FitSeconds: m.FitSeconds,
		Sizes: m.Sizes, Trials: m.Trials, Features: m.Preparation.Names(), RowsRead: info.Counts.Read, Notes: append(t.res.Notes, m.Notes...), Seed: t.Seed}
	if f.Labels != "" {
		if err := files.write(f.Labels, func(w io.Writer) error { return writeLabels(w, label, info.Row) }); err != nil {
			return nil, err
		}
	}
	if f.Plot != "" {
		svg := chart.Standalone(t.plotGroups(x, label, m))
		if err := files.write(f.Plot, func(w io.Writer) error { _, err := io.WriteString(w, svg); return err }); err != nil {
			return nil, err
		}
	}
	if err := files.commit(); err != nil {
		return nil, err
	}
	res.Seconds = time.Since(t.began).Seconds()
	return res, nil
}

func writeLabels(w io.Writer, label []int32, row []int64) error {
	if _, err := io.WriteString(w, "row,cluster\n"); err != nil {
		return err
	}
	var b []byte
	for i, c := range label {
		r := int64(i)
		if row != nil {
			r = row[i]
		}
		b = strconv.AppendInt(b[:0], r, 10)
		b = append(b, ',')
		b = strconv.AppendInt(b, int64(c), 10)
		b = append(b, '\n')
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	return nil
}

// plotGroups draws the rows over two numeric columns, coloured by group; of more columns, the sizes of the groups.
func (t *trial) plotGroups(x *table.Table, label []int32, m *cluster.Model) string {
	name := func(g int) string {
		return fmt.Sprintf(t.Lang.Pick("群 %d（%d 行）", "group %d (%d rows)"), g, m.Sizes[g])
	}
	if len(x.Columns) != 2 || x.Columns[0].Kind.InCode() || x.Columns[1].Kind.InCode() || m.K > 8 {
		bars := make([]chart.Bar, m.K)
		for g := range bars {
			bars[g] = chart.Bar{Label: name(g), Value: float64(m.Sizes[g]), Color: 1 + g%8}
		}
		return chart.Bars(t.Lang.Pick("群组大小", "sizes of the groups"), bars, 0)
	}
	a, b := x.Columns[0], x.Columns[1]
	t.x = x
	line := chart.Line{X: chart.Axis{Label: a.Name}, Y: chart.Axis{Label: b.Name}, Height: 480}
	for g := range m.K {
		line.Series = append(line.Series, chart.Series{Name: name(g), Color: 1 + g, Marks: true, Points: t.points(func(i int) (chart.Point, bool) {
			return chart.Point{X: a.Float(i), Y: b.Float(i)}, label[i] == int32(g)
		})})
	}
	return line.SVG()
}
