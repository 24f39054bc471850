package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"kequn"
	"kequn/internal/model"
	"kequn/internal/model/additive"
	"kequn/internal/model/gbdt"
	"kequn/internal/model/ladder"
	"kequn/internal/model/lifetime"
	"kequn/internal/model/linear"
	"kequn/internal/model/neural"
	"kequn/internal/model/svm"
	"kequn/internal/model/tree"
	"kequn/internal/model/value"
	"kequn/internal/source"
	"kequn/internal/table"
)

var writeFixtures = flag.Bool("write-fixtures", false, "write files of internal/model/testdata/v1 that are not there yet; those that are stay")

const (
	fixtures     = "../../internal/model/testdata/v1"
	mostFixture  = 20_000 // bytes
	fixtureDigit = 1e-12
)

// fixtureModels are what the kept files were made of; they are fitted only where a file is written.
func fixtureModels(t *testing.T) map[string]func() model.Model {
	x, ys := exportTable(160, 7, false)
	fit := func(l model.Learner, task kequn.Task) func() model.Model {
		return func() model.Model {
			m, err := l.Fit(context.Background(), x, ys[task], nil)
			if err != nil {
				t.Fatal(err)
			}
			return m
		}
	}
	return map[string]func() model.Model{
		"base":           fit(ladder.Base{}, kequn.Binary),
		"linear":         fit(linear.Learner{}, kequn.Binary),
		"linear-classes": fit(linear.Learner{Straight: true}, kequn.Multiclass),
		"tree":           fit(tree.Learner{NoPrune: true}, kequn.Binary),
		"rulelist":       fit(tree.RuleList{}, kequn.Regression),
		"forest":         fit(tree.Forest{Trees: 8, MinLeaf: 12}, kequn.Binary),
		"forest-classes": fit(tree.Forest{Trees: 4, MinLeaf: 12, Extra: true}, kequn.Multiclass),
		"gbdt":           fit(gbdt.Learner{Trees: 8, Leaves: 6}, kequn.Binary),
		"gbdt-power":     fit(gbdt.Learner{Trees: 8, Leaves: 6, Power: 1.5}, kequn.Regression),
		"gbdt-classes":   fit(gbdt.Learner{Trees: 4, Symmetric: true, Depth: 3}, kequn.Multiclass),
		"additive":       fit(additive.Learner{Sweeps: 40, Bins: 16, PairBins: 6}, kequn.Binary),
		"svm":            fit(svm.Learner{Kernel: 1}, kequn.Binary),
		"svm-rbf":        fit(svm.Learner{Kernel: 2, MinCount: 30}, kequn.Regression),
		"mlp":            fit(neural.Learner{Width: 8, Epochs: 6, Members: 1, Bins: 4}, kequn.Binary),
		"auto": func() model.Model {
			return blendOf(t, x, ys[kequn.Binary], model.Named{Name: "linear", Learner: linear.Learner{}}, model.Named{Name: "gbdt", Learner: gbdt.Learner{Trees: 8, Leaves: 6}})
		},
		"lifetime": func() model.Model { return fixtureForecast(t, false) },
		"value": func() model.Model {
			rows := withHistories(x)
			base := fixtureForecast(t, true)
			mean, chance, err := base.Outlook(rows)
			if err != nil {
				t.Fatal(err)
			}
			y := make([]float64, len(mean))
			for i := range y {
				y[i] = float64(i%3) * mean[i]
			}
			column := func(name string, v []float64) *table.Column {
				return &table.Column{Name: name, Kind: table.Number, Num: v}
			}
			rows.Columns = append(rows.Columns, column(value.BaseColumn, mean), column(value.ChanceColumn, chance), column(value.ScaleColumn, slices.Repeat([]float64{1}, len(y))))
			trees := func(power float64) model.Learner { return gbdt.Learner{Trees: 4, Leaves: 4, Power: power} }
			m, err := value.Learner{Parts: []value.Kind{value.Base, value.Tweedie, value.TwoPart}, Power: 1.5, Base: base, Factor: 1.1, Correct: trees, Alone: trees,
				Whether: func() model.Learner { return gbdt.Learner{Trees: 4, Leaves: 4} }}.Fit(context.Background(), rows, model.Outcome{Task: kequn.Regression, Y: y}, nil)
			if err != nil {
				t.Fatal(err)
			}
			return m
		},
		"auto-of-one": func() model.Model {
			return blendOf(t, x, ys[kequn.Regression], model.Named{Name: "tree", Learner: tree.Learner{}})
		},
	}
}

// fixtureRows reads the rows that the kept scores are of.
func fixtureRows(t *testing.T) *table.Table {
	t.Helper()
	path := filepath.Join(fixtures, "rows.csv")
	if _, err := os.Stat(path); *writeFixtures && errors.Is(err, os.ErrNotExist) {
		x, _ := exportTable(40, 8, true)
		var b strings.Builder
		for j, c := range x.Columns {
			b.WriteString(map[bool]string{true: "", false: ","}[j == 0] + csvQuoted(c.Name))
		}
		for i := range x.NRows() {
			b.WriteByte('\n')
			for j, c := range x.Columns {
				if j > 0 {
					b.WriteByte(',')
				}
				switch {
				case c.IsMissing(i):
				case c.Kind.InCode():
					b.WriteString(csvQuoted(c.String(i)))
				default:
					b.WriteString(strconv.FormatFloat(c.Float(i), 'g', -1, 64))
				}
			}
		}
		if err := errors.Join(os.MkdirAll(fixtures, 0o755), os.WriteFile(path, []byte(b.String()+"\n"), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	x, _, err := source.ReadFlat(context.Background(), path, source.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return withHistories(x)
}

// withHistories adds the columns that lifetime models read, made up by the rows' numbers.
func withHistories(x *table.Table) *table.Table {
	out := table.New(slices.Clone(x.Columns)...)
	for k, c := range lifetime.Columns(true) {
		v := make([]float64, x.NRows())
		for i := range v {
			switch c.Name {
			case lifetime.ActiveColumn:
				v[i] = float64(1 + i%7)
			case lifetime.FirstColumn:
				v[i] = float64(100 + i%31)
			case lifetime.LastColumn:
				v[i] = float64(3 + i%90)
			case lifetime.BeginsColumn:
				v[i] = 10
			default:
				v[i] = float64(12 + (i*(k+3))%50)
			}
		}
		out.Columns = append(out.Columns, &table.Column{Name: c.Name, Kind: table.Number, Num: v})
	}
	return out
}

// fixtureForecast fits a lifetime model to simple histories.
func fixtureForecast(t *testing.T, money bool) *lifetime.Forecast {
	var all []lifetime.Summary
	for i := range 300 {
		s := lifetime.Summary{Repeats: i % 6 * (i % 2), Age: float64(100 + i%50)}
		if s.Repeats > 0 {
			s.Recency, s.Spend, s.LogGaps = float64(20+i%80), float64(5+i%40), 2*float64(s.Repeats)
		}
		all = append(all, s)
	}
	b, err := lifetime.FitBlend(context.Background(), all, nil, lifetime.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	return lifetime.NewForecast(b, lifetime.Question{Money: money, Gap: 3, Horizon: 90, Rows: 1})
}

func csvQuoted(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

// TestKeptModelsOpen opens every model file that was ever kept and compares its scores with those that were kept beside it. Files in
// internal/model/testdata are never edited: what a later version writes gets files of its own.
func TestKeptModelsOpen(t *testing.T) {
	x := fixtureRows(t)
	if *writeFixtures {
		for name, fit := range fixtureModels(t) {
			path := filepath.Join(fixtures, name+".kqm")
			if _, err := os.Stat(path); err == nil {
				continue
			}
			m := fit()
			score, err := m.Predict(x)
			if err != nil {
				t.Fatal(err)
			}
			text, _ := json.Marshal(score)
			if err := errors.Join(os.WriteFile(path, fileOf(t, m), 0o644), os.WriteFile(filepath.Join(fixtures, name+".scores.json"), append(text, '\n'), 0o644)); err != nil {
				t.Fatal(err)
			}
		}
	}
	files, err := filepath.Glob(filepath.Join(fixtures, "*.kqm"))
	if err != nil || len(files) == 0 {
		t.Fatal("no kept models", err)
	}
	seen := map[string]bool{}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if len(text) > mostFixture {
			t.Errorf("%s has %d bytes", path, len(text))
		}
		m, err := model.Load(bytes.NewReader(text), decoders)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		seen[m.Header().Family] = true
		var want []float64
		kept, err := os.ReadFile(strings.TrimSuffix(path, ".kqm") + ".scores.json")
		if err == nil {
			err = json.Unmarshal(kept, &want)
		}
		got, e := m.Predict(x)
		if err != nil || e != nil || len(got) != len(want) {
			t.Errorf("%s: %v %v, %d scores of %d", path, err, e, len(got), len(want))
			continue
		}
		for i := range want {
			if !(math.Abs(got[i]-want[i]) <= fixtureDigit*max(1, math.Abs(want[i]))) {
				t.Errorf("%s: score %d is %v, was %v", path, i, got[i], want[i])
				break
			}
		}
		if !bytes.Equal(fileOf(t, m), text) && m.Header().Family != ladder.AutoFamily {
			t.Logf("%s is written differently today", path)
		}
	}
	for family := range decoders {
		if !seen[family] {
			t.Errorf("no kept model of family %s: go test ./cmd/kequn -run KeptModels -write-fixtures", family)
		}
	}
}

func fileOf(t *testing.T, m model.Model) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := model.Save(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// withHeader returns a model file with another header, its checksum right.
func withHeader(t *testing.T, file []byte, edit func(h map[string]any)) []byte {
	t.Helper()
	n := binary.LittleEndian.Uint32(file[8:])
	var h map[string]any
	if err := json.Unmarshal(file[12:12+n], &h); err != nil {
		t.Fatal(err)
	}
	edit(h)
	head, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	out := binary.LittleEndian.AppendUint32(slices.Clone(file[:8]), uint32(len(head)))
	out = append(append(out, head...), file[12+n:len(file)-sha256.Size]...)
	sum := sha256.Sum256(out)
	return append(out, sum[:]...)
}

// TestNewerModelsAreRefused raises each version that a file has: the container's, the family's, and that of a member of a blend.
func TestNewerModelsAreRefused(t *testing.T) {
	files, _ := filepath.Glob(filepath.Join(fixtures, "*.kqm"))
	refused := func(what string, file []byte) {
		t.Helper()
		_, err := model.Load(bytes.NewReader(file), decoders)
		var e *kequn.Error
		if !errors.As(err, &e) || e.Kind != kequn.KindDamaged || !strings.Contains(e.Hint, "newer program") {
			t.Errorf("%s: %v (hint %q)", what, err, e.Hint)
		}
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(path)
		refused(name+", a newer family's version", withHeader(t, text, func(h map[string]any) { h["version"] = 99 }))
		refused(name+", an unknown family", withHeader(t, text, func(h map[string]any) { h["family"] = "oracle" }))
		container := slices.Clone(text)
		container[7]++
		refused(name+", a newer container", container)
		// What a newer program adds to the header beside a version we know does no harm.
		if _, err := model.Load(bytes.NewReader(withHeader(t, text, func(h map[string]any) { h["mood"] = "good" })), decoders); err != nil {
			t.Errorf("%s with a further field: %v", name, err)
		}
		if _, err := model.Load(bytes.NewReader(withHeader(t, text, func(h map[string]any) { h["version"] = 0 })), decoders); kequn.KindOf(err) != kequn.KindDamaged {
			t.Errorf("%s of version 0: %v", name, err)
		}
	}
	inner := map[string]model.Decoder{}
	for name, d := range decoders {
		inner[name] = d
	}
	inner[linear.Family] = func(model.Header, io.Reader) (model.Model, error) { return nil, model.ErrNewer }
	text, err := os.ReadFile(filepath.Join(fixtures, "auto.kqm"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = model.Load(bytes.NewReader(text), map[string]model.Decoder{ladder.AutoFamily: ladder.Decoder(inner)})
	var e *kequn.Error
	if !errors.As(err, &e) || !strings.Contains(e.Hint, "newer program") {
		t.Errorf("a blend with a newer member: %v", err)
	}
}
