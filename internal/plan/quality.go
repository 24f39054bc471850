package plan

import (
	"slices"
	"strings"
)

// qualityLevels are what a broken rule does; off switches a proposed rule off.
var qualityLevels = []string{"", "warn", "stop", "off"}

// parseQuality reads a rule about the data.
func (p *Plan) parseQuality(e entry) error {
	var t struct {
		Dataset string   `yaml:"dataset"`
		Column  string   `yaml:"column"`
		Check   string   `yaml:"check"`
		Level   string   `yaml:"level"`
		Min     *float64 `yaml:"min"`
		Max     *float64 `yaml:"max"`
		Values  []string `yaml:"values"`
		Other   string   `yaml:"other"`
		Pattern string   `yaml:"pattern"`
		Rule    string   `yaml:"rule"`
		Share   float64  `yaml:"share"`
	}
	if err := e.decode(&t); err != nil {
		return err
	}
	if !slices.Contains(qualityLevels, t.Level) {
		return e.errorf("unknown level %q of a quality rule", t.Level).WithHint("levels are %s", strings.Join(qualityLevels[1:], ", "))
	}
	p.Quality = append(p.Quality, Quality{Name: e.key, Dataset: t.Dataset, Column: t.Column, Check: t.Check, Level: t.Level, Min: t.Min, Max: t.Max,
		Values: t.Values, Other: t.Other, Pattern: t.Pattern, Rule: t.Rule, Share: t.Share})
	return nil
}

// checkQuality refuses a rule about a dataset or a column that there is not. Which kinds of rule there are is package quality's.
func (p *Plan) checkQuality(q Quality) error {
	at := "quality: " + q.Name
	if q.Level == "off" {
		return nil
	}
	d := p.Dataset(q.Dataset)
	if d == nil {
		return wrong(at, "there is no dataset %q", q.Dataset).WithHint("datasets are %s", strings.Join(p.datasetNames(), ", "))
	}
	if q.Column != "" && d.Column(q.Column) == nil {
		return wrong(at, "%s has no column %q", d.Name, q.Column).WithHint("its columns are %s", strings.Join(d.columnNames(), ", "))
	}
	if q.Check == "" {
		return wrong(at, "has no check").WithHint("for example check: range, with min and max")
	}
	return share(at+": share", q.Share)
}

// PutQuality adds or replaces a rule about the data.
func (e *Edit) PutQuality(q Quality) {
	f := []string{"dataset: " + scalar(q.Dataset)}
	add := func(name, v string) {
		if v != "" {
			f = append(f, name+": "+scalar(v))
		}
	}
	add("column", q.Column)
	add("check", q.Check)
	add("level", q.Level)
	for _, x := range []struct {
		name string
		v    *float64
	}{{"min", q.Min}, {"max", q.Max}} {
		if x.v != nil {
			f = append(f, x.name+": "+number(*x.v))
		}
	}
	if len(q.Values) > 0 {
		words := make([]string, len(q.Values))
		for i, v := range q.Values {
			words[i] = quoted(v)
		}
		f = append(f, "values: ["+strings.Join(words, ", ")+"]")
	}
	add("other", q.Other)
	if q.Pattern != "" {
		f = append(f, "pattern: "+quoted(q.Pattern))
	}
	if q.Rule != "" {
		f = append(f, "rule: "+quoted(q.Rule))
	}
	if q.Share != 0 {
		f = append(f, "share: "+number(q.Share))
	}
	e.put("quality", q.Name, "  "+scalar(q.Name)+": {"+strings.Join(f, ", ")+"}\n")
}
