package pipeline

import (
	"slices"
	"strings"

	"kequn"
	"kequn/internal/evaluate"
	"kequn/internal/model"
	"kequn/internal/table"
)

// keepSensitive keeps the declared sensitive columns of the used rows beside the features.
func (t *trial) keepSensitive(all *table.Table, use []int32) {
	t.sensitive = &table.Table{}
	for _, c := range all.Columns {
		if slices.Contains(t.f.Sensitive, c.Name) {
			if len(use) < all.NRows() {
				c = c.Take(use)
			}
			t.sensitive.Columns = append(t.sensitive.Columns, c)
		}
	}
}

// likelySensitive returns the features whose name says that they are sensitive.
func (t *trial) likelySensitive() []*table.Column {
	var out []*table.Column
	for _, c := range t.x.Columns {
		if evaluate.LooksSensitive(c.Name) && len(out) < mostSensitive {
			out = append(out, c)
		}
	}
	return out
}

// noteSensitive says which features look sensitive: they are used, for the figures are to compare with those of others.
func (t *trial) noteSensitive() {
	var names []string
	for _, c := range t.likelySensitive() {
		names = append(names, c.Name)
	}
	if len(names) > 0 {
		t.note("列 %[1]s 看来是敏感属性，模型用了它们；加 --sensitive %[2]s 则不用，只比较各群体", "columns used though they look sensitive: %[1]s; --sensitive %[2]s leaves them out and compares their groups",
			strings.Join(names, t.Lang.Pick("、", ", ")), strings.Join(names, ","))
	}
}

// appendSensitive adds the rows of the test file to the declared columns; one that the file lacks is missing there.
func (t *trial) appendSensitive(test *table.Table) error {
	rows := &table.Table{}
	for _, c := range t.sensitive.Columns {
		d := test.Column(c.Name)
		if d == nil {
			d = table.NewColumn(c.Name, c.Kind, test.NRows())
			d.Scale = c.Scale
			for range test.NRows() {
				d.AppendMissing()
			}
		}
		rows.Columns = append(rows.Columns, d)
	}
	return t.sensitive.Append(rows)
}

// fairness compares how the scores of a line treat the groups of sensitive columns, on the rows that it was not trained on: the
// declared ones, which no model saw, and those used whose name says so. m tells how much columns weigh; it may be nil.
func (t *trial) fairness(line string, m model.Model) ([]evaluate.Fairness, error) {
	score, round, err := t.ladder.OutOfSample(line)
	if err != nil || t.y.Task == kequn.Multiclass {
		return nil, err
	}
	in := evaluate.FairInput{Task: t.y.Task, X: t.x, Weight: weightsOf(m), Seed: t.Seed, Threads: t.Threads}
	for i, r := range round {
		if r >= 0 && t.judged(int32(i)) {
			in.Y, in.Score, in.XRow = append(in.Y, t.y.Y[i]), append(in.Score, score[i]), append(in.XRow, int32(i))
		}
	}
	var out []evaluate.Fairness
	compare := func(columns []*table.Column, used bool) error {
		for _, c := range columns {
			in.Attribute, in.Group, in.Used = c.Name, c.Take(in.XRow), used
			f, err := evaluate.FairnessOf(in)
			if err != nil {
				return err
			}
			out = append(out, *f)
		}
		return nil
	}
	if err := compare(t.sensitive.Columns, false); err != nil {
		return nil, err
	}
	return out, compare(t.likelySensitive(), true)
}
