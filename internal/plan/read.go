package plan

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"kequn"
	"kequn/internal/table"
)

// FileName is the plan's name in a workspace.
const FileName = "kequn.yaml"

// maxBytes bounds a plan's text: definitions of a few thousand columns take less than a megabyte.
const maxBytes = 4 << 20

// What stands under a name in the file. The name itself is the key.
type (
	columnText struct {
		Kind      table.Kind `yaml:"kind"`
		Role      string     `yaml:"role"`
		Scale     int        `yaml:"scale"`
		Layout    string     `yaml:"layout"`
		Currency  string     `yaml:"currency"`
		From      string     `yaml:"from"`
		Fixed     bool       `yaml:"fixed"`
		Sensitive bool       `yaml:"sensitive"`
		Allow     bool       `yaml:"allow"`
	}
	goalText struct {
		Event    string     `yaml:"event"`
		Absent   bool       `yaml:"absent"`
		Sum      string     `yaml:"sum"`
		Count    string     `yaml:"count"`
		Column   string     `yaml:"column"`
		Positive string     `yaml:"positive"`
		When     string     `yaml:"when"`
		Next     string     `yaml:"next"`
		Top      int        `yaml:"top"`
		Fresh    bool       `yaml:"fresh"`
		Within   kequn.Span `yaml:"within"`
		Gap      kequn.Span `yaml:"gap"`
		Who      string     `yaml:"who"`
	}
	segmentText struct {
		Method string     `yaml:"method"`
		K      int        `yaml:"k"`
		Within kequn.Span `yaml:"within"`
	}
	offerText struct {
		Arm        string  `yaml:"arm"`
		Fixed      float64 `yaml:"fixed"`
		Contact    float64 `yaml:"contact"`
		Redemption float64 `yaml:"redemption"`
		Rate       float64 `yaml:"rate"`
	}
	campaignText struct {
		Goal     string     `yaml:"goal"`
		Offers   []string   `yaml:"offers"`
		Margin   float64    `yaml:"margin"`
		Value    float64    `yaml:"value"`
		Budget   float64    `yaml:"budget"`
		Control  float64    `yaml:"control"`
		Channel  string     `yaml:"channel"`
		Audience string     `yaml:"audience"`
		Exclude  string     `yaml:"exclude"`
		History  string     `yaml:"history"`
		Within   kequn.Span `yaml:"within"`
	}
)

// Parse reads a plan's text. What cannot be is a plan error with its line; an unknown field is named.
// The plan is checked as a whole: see [Plan.Check].
func Parse(text []byte) (*Plan, error) {
	if len(text) > maxBytes {
		return nil, kequn.Errorf(kequn.KindPlan, FileName, "is %d bytes, at most %d are read", len(text), maxBytes)
	}
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil, syntaxError(err)
	}
	if len(file.Docs) > 1 {
		return nil, kequn.Errorf(kequn.KindPlan, FileName, "holds %d documents, want one", len(file.Docs))
	}
	p := &Plan{Zone: "UTC"}
	if len(file.Docs) == 0 || file.Docs[0].Body == nil {
		return p, nil
	}
	entries, err := mapping(file.Docs[0].Body)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if err := p.parseSection(e); err != nil {
			return nil, err
		}
	}
	return p, p.Check()
}

func (p *Plan) parseSection(e entry) error {
	switch e.key {
	case "version":
		var v int
		if err := e.decode(&v); err != nil {
			return err
		}
		if v != 1 {
			return e.errorf("version %d was written by a newer program, this one reads 1", v)
		}
		return nil
	case "zone":
		if err := e.decode(&p.Zone); err != nil {
			return err
		}
		if _, err := time.LoadLocation(p.Zone); err != nil {
			return e.errorf("%q is not a time zone", p.Zone).WithHint("for example Asia/Shanghai, Europe/London or UTC")
		}
		return nil
	case "currency":
		return e.decode(&p.Currency)
	case "holdout":
		return e.decode(&p.Holdout)
	case "datasets":
		return each(e, func(e entry) error {
			d := Dataset{Name: e.key}
			if err := d.parse(e); err != nil {
				return err
			}
			p.Datasets = append(p.Datasets, d)
			return nil
		})
	case "goals":
		return each(e, func(e entry) error {
			var t goalText
			if err := e.decode(&t); err != nil {
				return err
			}
			p.Goals = append(p.Goals, Goal{Name: e.key, Event: t.Event, Absent: t.Absent, Sum: t.Sum, Count: t.Count, Column: t.Column,
				Positive: t.Positive, When: t.When, Next: t.Next, Top: t.Top, Fresh: t.Fresh, Within: t.Within, Gap: t.Gap, Who: t.Who})
			return nil
		})
	case "features":
		return each(e, p.parseFeature)
	case "quality":
		return each(e, p.parseQuality)
	case "segments":
		return each(e, func(e entry) error {
			var t segmentText
			if err := e.decode(&t); err != nil {
				return err
			}
			p.Segments = append(p.Segments, Segmentation{Name: e.key, Method: t.Method, K: t.K, Within: t.Within})
			return nil
		})
	case "audiences":
		return each(e, func(e entry) error {
			a := Audience{Name: e.key}
			if err := e.decode(&a.Rule); err != nil {
				return err
			}
			p.Audience = append(p.Audience, a)
			return nil
		})
	case "offers":
		return each(e, func(e entry) error {
			var t offerText
			if err := e.decode(&t); err != nil {
				return err
			}
			p.Offers = append(p.Offers, Offer{Name: e.key, Arm: t.Arm, Fixed: t.Fixed, Contact: t.Contact, Redemption: t.Redemption, Rate: t.Rate})
			return nil
		})
	case "campaigns":
		return each(e, func(e entry) error {
			var t campaignText
			if err := e.decode(&t); err != nil {
				return err
			}
			p.Campaign = append(p.Campaign, Campaign{Name: e.key, Goal: t.Goal, Offers: t.Offers, Margin: t.Margin, Value: t.Value, Budget: t.Budget,
				Control: t.Control, Channel: t.Channel, Audience: t.Audience, Exclude: t.Exclude, History: t.History, Within: t.Within})
			return nil
		})
	}
	return e.errorf("unknown section %q", e.key).WithHint("sections are %s", strings.Join(sections, ", "))
}

var sections = []string{"version", "zone", "currency", "holdout", "datasets", "features", "quality", "goals", "segments", "audiences", "offers", "campaigns"}

func (d *Dataset) parse(e entry) error {
	return each(e, func(f entry) error {
		switch f.key {
		case "role":
			var s string
			if err := f.decode(&s); err != nil {
				return err
			}
			if d.Role = kequn.Role(s); !slices.Contains(kequn.Roles, d.Role) {
				return f.errorf("unknown role %q", s).WithHint("roles are %s", join(kequn.Roles))
			}
			return nil
		case "columns":
			return each(f, func(c entry) error {
				t := columnText{Kind: table.Category, Role: string(kequn.ColAttribute)}
				if err := c.decode(&t); err != nil {
					return err
				}
				if !slices.Contains(columnRoles, kequn.ColumnRole(t.Role)) {
					return c.errorf("unknown column role %q", t.Role).WithHint("roles are %s", join(columnRoles))
				}
				d.Columns = append(d.Columns, Column{Name: c.key, Kind: t.Kind, Role: kequn.ColumnRole(t.Role), Scale: t.Scale, Layout: t.Layout,
					Currency: t.Currency, From: t.From, Fixed: t.Fixed, Sensitive: t.Sensitive, Allow: t.Allow})
				return nil
			})
		}
		return f.errorf("unknown field %q of a dataset", f.key).WithHint("fields are role, columns")
	})
}

var columnRoles = []kequn.ColumnRole{kequn.ColCustomer, kequn.ColTime, kequn.ColKnownAt, kequn.ColID, kequn.ColOrder, kequn.ColAmount,
	kequn.ColQuantity, kequn.ColPrice, kequn.ColDiscount, kequn.ColCurrency, kequn.ColType, kequn.ColItem, kequn.ColCategory, kequn.ColKey,
	kequn.ColCampaign, kequn.ColArm, kequn.ColConsent, kequn.ColBirth, kequn.ColGroup, kequn.ColName, kequn.ColPhone, kequn.ColEmail, kequn.ColAttribute,
	kequn.ColText, kequn.ColIgnore}

func join[S ~string](list []S) string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = string(s)
	}
	return strings.Join(out, ", ")
}

// entry is one "key: value" of the file, with its place.
type entry struct {
	key   string
	value ast.Node
	line  int
}

func (e entry) errorf(format string, args ...any) *kequn.Error {
	return kequn.Errorf(kequn.KindPlan, fmt.Sprintf("%s: line %d", FileName, e.line), format, args...)
}

// decode reads the value into v; unknown fields and wrong types are errors at their own line.
func (e entry) decode(v any) error {
	err := yaml.NodeToValue(e.value, v, yaml.Strict())
	if err == nil {
		return nil
	}
	return syntaxErrorAt(err, e.line)
}

func each(e entry, f func(entry) error) error {
	if e.value == nil || e.value.Type() == ast.NullType {
		return nil
	}
	entries, err := mapping(e.value)
	if err != nil {
		return err
	}
	for _, x := range entries {
		if err := f(x); err != nil {
			return err
		}
	}
	return nil
}

func mapping(n ast.Node) ([]entry, error) {
	line := 1
	if t := n.GetToken(); t != nil {
		line = t.Position.Line
	}
	var values []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	default:
		return nil, kequn.Errorf(kequn.KindPlan, fmt.Sprintf("%s: line %d", FileName, line), "is a %s, want names with values", strings.ToLower(n.Type().String()))
	}
	var out []entry
	for _, v := range values {
		key := v.Key.GetToken().Value
		if slices.ContainsFunc(out, func(e entry) bool { return e.key == key }) {
			return nil, entry{line: v.Key.GetToken().Position.Line}.errorf("%q stands twice", key)
		}
		out = append(out, entry{key: key, value: v.Value, line: v.Key.GetToken().Position.Line})
	}
	return out, nil
}

func syntaxError(err error) error { return syntaxErrorAt(err, 0) }

func syntaxErrorAt(err error, line int) error {
	message := err.Error()
	var e yaml.Error
	if errors.As(err, &e) {
		if t := e.GetToken(); t != nil {
			line = t.Position.Line
		}
		message = e.GetMessage()
	}
	where := FileName
	if line > 0 {
		where = fmt.Sprintf("%s: line %d", FileName, line)
	}
	return kequn.Errorf(kequn.KindPlan, where, "%s", firstLine(message))
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	return s
}
