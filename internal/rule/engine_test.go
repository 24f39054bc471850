package rule_test

import (
	"context"
	"testing"

	"kequn"
	"kequn/internal/engine"
	"kequn/internal/engine/local"
	"kequn/internal/plan"
	"kequn/internal/rule"
	"kequn/internal/table"
)

// nobody is a shop without customers: enough for an engine to say what it would refuse.
type nobody struct{ datasets []plan.Dataset }

func (n nobody) Datasets() (out []engine.Dataset) {
	for _, d := range n.datasets {
		out = append(out, engine.Dataset{Dataset: d})
	}
	return out
}

func (nobody) NParts() int { return 0 }

func (nobody) Part(context.Context, int, []table.Want) (*table.Partition, error) {
	panic("there are no parts")
}

func (n nobody) Lookup(_ context.Context, name string, columns []string) (*table.Table, error) {
	out := &table.Table{}
	for _, d := range n.datasets {
		for _, c := range columns {
			if d.Name == name {
				out.Columns = append(out.Columns, table.NewColumn(c, d.Column(c).Kind, 0))
			}
		}
	}
	return out, nil
}

// TestEngineTakesWhatCompiles: no rule that compiles is refused by the engine.
func TestEngineTakesWhatCompiles(t *testing.T) {
	c := rule.ShopForTests()
	sets := append([]plan.Dataset{}, c.Datasets...)
	house := func(name string, kind table.Kind, columns ...string) {
		d := plan.Dataset{Name: name, Role: kequn.Customers}
		for _, n := range columns {
			d.Columns = append(d.Columns, plan.Column{Name: n, Kind: kind, Role: kequn.ColAttribute, Fixed: true})
		}
		sets = append(sets, d)
	}
	house("_score", table.Number, c.Goals...)
	house("_percentile", table.Number, c.Goals...)
	house("_segment", table.Category, "rfm", "groups")
	for _, text := range rule.RulesForTests() {
		n, err := rule.Compile(text, c)
		if err != nil {
			continue
		}
		r := engine.Request{Cutoffs: []kequn.Cutoff{1}, Rules: []engine.Rule{{Name: "x", Node: n}}}
		if err := (local.Engine{}).Stream(context.Background(), nobody{sets}, r, func(*engine.Panel) error { return nil }); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}
