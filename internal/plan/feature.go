package plan

import (
	"slices"
	"strings"
)

// featureKinds are what a feature may mean to somebody who wants to act; package query defines them.
var featureKinds = []string{"", "trait", "behaviour", "lever", "proxy"}

// parseFeature reads a feature: its expression alone, or an expression with what people want to know about it.
func (p *Plan) parseFeature(e entry) error {
	f := Feature{Name: e.key, Line: e.line}
	if e.decode(&f.Value) != nil {
		var t struct {
			Value     string `yaml:"value"`
			Unit      string `yaml:"unit"`
			Kind      string `yaml:"kind"`
			Missing   string `yaml:"missing"`
			ZH        string `yaml:"zh"`
			EN        string `yaml:"en"`
			Sensitive bool   `yaml:"sensitive"`
			Allow     bool   `yaml:"allow"`
		}
		if err := e.decode(&t); err != nil {
			return err
		}
		f = Feature{Name: e.key, Line: e.line, Value: t.Value, Unit: t.Unit, Kind: t.Kind, Missing: t.Missing, TextZH: t.ZH, TextEN: t.EN, Sensitive: t.Sensitive, Allow: t.Allow}
	}
	if !slices.Contains(featureKinds, f.Kind) {
		return e.errorf("unknown kind %q of a feature", f.Kind).WithHint("kinds are %s", strings.Join(featureKinds[1:], ", "))
	}
	p.Features = append(p.Features, f)
	return nil
}

// checkFeature refuses a feature that has no name of its own or says nothing. What the expression means is checked against the data.
func (p *Plan) checkFeature(f Feature) error {
	if !nameRE.MatchString(f.Name) {
		return wrong("features", "%q is not a name", f.Name).WithHint("letters, digits, _ and -, not starting with a digit")
	}
	if strings.TrimSpace(f.Value) == "" {
		return wrong("features: "+f.Name, "has no expression").WithHint(`for example orders.last("90d").count()`)
	}
	return nil
}
