package enginetest

import (
	"embed"
	"fmt"
	"io/fs"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"kequn"
	"kequn/internal/engine"
	"kequn/internal/plan"
	"kequn/internal/query"
	"kequn/internal/rule"
	"kequn/internal/table"
)

//go:embed testdata/*.txt
var tables embed.FS

// exerciseTables runs the hand-made tables of testdata. A file is
//
//	zone Europe/Berlin
//	events                        a role; its rows: customer, time, then column=value …
//	c1 2024-03-01 type=order amount=20
//	customers loaded=2024-01-01   customers have no time
//	c1 city=上海
//	features cutoff=2024-04-01    one name = definition a line, in the rule language
//	orders = events.last("90d").count()
//	----
//	c1 orders=1                   one customer a line; "-" is missing
//
// with as many features stanzas as wanted. Times are in the zone. Numbers with two decimals are money; known=TIME, id=X and
// gone=1 are the store's own columns. # begins a comment.
func exerciseTables(t *testing.T, e engine.Engine) {
	files, err := fs.Glob(tables, "testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no tables: %v", err)
	}
	for _, name := range files {
		text, err := tables.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(strings.TrimSuffix(strings.TrimPrefix(name, "testdata/"), ".txt"), func(t *testing.T) {
			f := &tableFile{t: t, e: e, zone: time.UTC}
			for i, line := range strings.Split(string(text), "\n") {
				line, _, _ = strings.Cut(line, "#")
				if line = strings.TrimSpace(line); line != "" {
					f.line = i + 1
					f.read(line)
				}
			}
			f.check()
		})
	}
}

type tableFile struct {
	t    *testing.T
	e    engine.Engine
	zone *time.Location
	line int

	sets   []Rows
	role   kequn.Role
	loaded kequn.Instant
	rows   [][]string

	cutoff  kequn.Cutoff
	by      kequn.Instant
	defs    [][2]string
	results []string
	mode    string
}

func (f *tableFile) fatalf(format string, args ...any) {
	f.t.Helper()
	f.t.Fatalf("line %d: %s", f.line, fmt.Sprintf(format, args...))
}

func (f *tableFile) time(s string) kequn.Instant {
	i, err := kequn.ParseTime(s, f.zone)
	if err != nil {
		f.fatalf("%v", err)
	}
	return i
}

func (f *tableFile) read(line string) {
	words := strings.Fields(line)
	switch {
	case words[0] == "zone":
		z, err := time.LoadLocation(words[1])
		if err != nil {
			f.fatalf("%v", err)
		}
		f.zone = z
		return
	case words[0] == "features":
		f.check()
		f.endRows()
		f.mode, f.by = "features", 0
		for _, w := range words[1:] {
			key, value, _ := strings.Cut(w, "=")
			switch key {
			case "cutoff":
				f.cutoff = f.time(value)
			case "by":
				f.by = f.time(value)
			}
		}
		return
	case line == "----":
		f.mode = "results"
		return
	}
	for _, r := range kequn.Roles {
		if string(r) == words[0] && (len(words) == 1 || words[1] != "=") {
			f.endRows()
			f.mode, f.role, f.loaded = "rows", r, 0
			for _, w := range words[1:] {
				f.loaded = f.time(strings.TrimPrefix(w, "loaded="))
			}
			return
		}
	}
	switch f.mode {
	case "rows":
		f.rows = append(f.rows, words)
	case "features":
		name, def, _ := strings.Cut(line, " = ")
		f.defs = append(f.defs, [2]string{name, def})
	case "results":
		f.results = append(f.results, line)
	default:
		f.fatalf("%q belongs to nothing", line)
	}
}

// roles of columns by their names in tables; others are attributes.
var roles = map[string]kequn.ColumnRole{"type": kequn.ColType, "amount": kequn.ColAmount, "order": kequn.ColOrder, "item": kequn.ColItem,
	"key": kequn.ColKey, "birth": kequn.ColBirth, "arm": kequn.ColArm, "quantity": kequn.ColQuantity}

// endRows makes a dataset of the rows read.
func (f *tableFile) endRows() {
	if f.mode != "rows" {
		return
	}
	d := Rows{Dataset: engine.Dataset{Dataset: plan.Dataset{Name: string(f.role), Role: f.role}, LoadedAt: f.loaded}}
	var cols []*table.Column
	who := table.NewColumn(engine.CustomerColumn, table.Text, 0)
	at := table.NewColumn(engine.TimeColumn, table.Time, 0)
	first := 0
	if f.role.HasCustomer() {
		cols, first = append(cols, who), 1
	}
	if f.role.HasTime() {
		cols, first = append(cols, at), 2
	}
	values := map[string][]string{}
	var order []string
	for i, row := range f.rows {
		if first > 0 {
			who.AppendString(row[0])
		}
		if first > 1 {
			at.Int = append(at.Int, int64(f.time(row[1])))
		}
		for _, w := range row[first:] {
			name, value, ok := strings.Cut(w, "=")
			if !ok {
				f.fatalf("%q is not column=value", w)
			}
			if values[name] == nil {
				order = append(order, name)
				values[name] = make([]string, len(f.rows))
			}
			values[name][i] = value
		}
	}
	for _, name := range order {
		c := f.column(name, values[name])
		if strings.HasPrefix(c.Name, "_") {
			if c.Name == engine.KnownColumn && f.role == kequn.Lookup {
				d.Columns = append(d.Columns, plan.Column{Name: "valid_from", Kind: table.Time, Role: kequn.ColKnownAt})
			}
			if c.Name == engine.KnownColumn {
				for i, v := range c.Int {
					if v == table.Missing && f.role.HasTime() {
						c.Int[i] = at.Int[i]
					} else if v == table.Missing {
						c.Int[i] = int64(f.loaded)
					}
				}
			}
		} else {
			role, ok := roles[name]
			if !ok {
				role = kequn.ColAttribute
			}
			d.Columns = append(d.Columns, plan.Column{Name: name, Kind: c.Kind, Role: role, Scale: c.Scale, Fixed: role == kequn.ColBirth})
		}
		cols = append(cols, c)
	}
	d.Table = table.New(cols...)
	f.sets, f.rows, f.mode = append(f.sets, d), nil, ""
}

func (f *tableFile) column(name string, values []string) *table.Column {
	switch name {
	case "known", "birth":
		c := table.NewColumn(map[string]string{"known": engine.KnownColumn, "birth": "birth"}[name], table.Time, 0)
		for _, v := range values {
			if v == "" {
				c.AppendMissing()
			} else {
				c.Int = append(c.Int, int64(f.time(v)))
			}
		}
		return c
	case "id":
		name = engine.IDColumn
	case "gone":
		c := table.NewColumn(engine.GoneColumn, table.Bool, 0)
		for _, v := range values {
			c.Int = append(c.Int, int64(len(v)))
		}
		return c
	}
	kind := table.Money
	for _, v := range values {
		x, err := strconv.ParseFloat(v, 64)
		switch {
		case v == "":
		case err != nil || name == engine.IDColumn || name == "order":
			kind = table.Text
		case kind == table.Money && (x*100 != math.Round(x*100) || name == "value"):
			kind = table.Number
		}
	}
	c := table.NewColumn(name, kind, 0)
	if kind == table.Money {
		c.Scale = 2
	}
	for _, v := range values {
		x, _ := strconv.ParseFloat(v, 64)
		switch {
		case v == "":
			c.AppendMissing()
		case kind == table.Text:
			c.AppendString(v)
		case kind == table.Money:
			c.Int = append(c.Int, int64(math.Round(x*100)))
		default:
			c.Num = append(c.Num, x)
		}
	}
	return c
}

// check runs the stanza read and compares.
func (f *tableFile) check() {
	if f.mode != "results" {
		return
	}
	f.t.Helper()
	cat := rule.Catalogue{Zone: f.zone}
	aheadCat := rule.Catalogue{Zone: f.zone, Ahead: true}
	for _, s := range f.sets {
		cat.Datasets = append(cat.Datasets, s.Dataset.Dataset)
	}
	aheadCat.Datasets = cat.Datasets
	r := engine.Request{Cutoffs: []kequn.Cutoff{f.cutoff}, Zone: f.zone, KnownBy: f.by}
	for _, d := range f.defs {
		if n, err := rule.CompileValue(d[1], cat); err == nil {
			r.Features = append(r.Features, query.Feature{Name: d[0], Node: n})
		} else if n, err2 := rule.CompileValue(d[1], aheadCat); err2 == nil {
			r.Outcomes = append(r.Outcomes, engine.Outcome{Name: d[0], Node: n})
		} else {
			f.fatalf("%s: %v", d[0], err)
		}
	}
	got := collect(f.t, f.e, NewMemory(2, f.sets...), r)
	if len(got) != len(f.results) {
		f.t.Errorf("before line %d: %d customers, want %d", f.line, len(got), len(f.results))
	}
	for _, line := range f.results {
		words := strings.Fields(line)
		a, ok := got[cell{words[0], 0}]
		if !ok {
			f.t.Errorf("before line %d: customer %s is not in the population", f.line, words[0])
			continue
		}
		for _, w := range words[1:] {
			name, want, _ := strings.Cut(w, "=")
			found := false
			for i, x := range r.Features {
				if x.Name == name {
					found = true
					f.compare(words[0]+" "+name, x.Node.Type == query.Text, a.x[i], a.num[i], want)
				}
			}
			for i, x := range r.Outcomes {
				if x.Name == name {
					found = true
					f.compare(words[0]+" "+name, false, "", a.y[i], want)
				}
			}
			if !found {
				f.fatalf("no definition is called %s", name)
			}
		}
	}
	f.defs, f.results, f.mode = nil, nil, ""
}

func (f *tableFile) compare(what string, isText bool, text string, num float64, want string) {
	f.t.Helper()
	if isText {
		w := fmt.Sprintf("%q false", want)
		if want == "-" {
			w = `"" true`
		}
		if text != w {
			f.t.Errorf("before line %d: %s is %s, want %s", f.line, what, text, want)
		}
		return
	}
	x := math.NaN()
	if want != "-" {
		var err error
		if x, err = strconv.ParseFloat(want, 64); err != nil {
			f.fatalf("%v", err)
		}
	}
	if !near(num, x) && !(math.Abs(num-x) < 5e-5 && strings.Contains(want, ".")) {
		f.t.Errorf("before line %d: %s is %v, want %s", f.line, what, num, want)
	}
}
