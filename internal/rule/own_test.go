package rule_test

import (
	"strings"
	"testing"

	"kequn"
	"kequn/internal/plan"
	"kequn/internal/query"
	"kequn/internal/rule"
)

// features reads "name: expression" lines as a plan would, from line 10 on.
func features(text string) (out []plan.Feature) {
	for i, l := range strings.Split(strings.TrimSpace(text), "\n") {
		name, value, _ := strings.Cut(strings.TrimSpace(l), ": ")
		out = append(out, plan.Feature{Name: name, Value: value, Line: 10 + i})
	}
	return out
}

func TestFeaturesOfThePlan(t *testing.T) {
	c := rule.ShopForTests()
	c.Features = []query.Feature{{Name: "auto", Node: query.Num(7)}}
	nodes, err := rule.CompileFeatures(features(`
		twice: 2 * spend
		spend: orders.last("90d").sum("sales_value")
		many: orders.count() > auto`), c)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{`2 * orders.last("90d").sum("sales_value")`, `orders.last("90d").sum("sales_value")`, `orders.count() > 7`} {
		if got := rule.Print(nodes[i]); got != want {
			t.Errorf("feature %d is %s, want %s", i, got, want)
		}
	}
}

func TestFeaturesThatCannotBe(t *testing.T) {
	c := rule.ShopForTests()
	c.Features = []query.Feature{{Name: "auto", Node: query.Num(7)}}
	for _, x := range []struct{ text, where, says string }{
		{"a: b + 1\nb: 2 * c\nc: a", "kequn.yaml: line 12: feature c:1:1", "a → b → c → a"},
		{"a: a", "line 10: feature a:1:1", "defined by itself"},
		{"spend: 1\na: 1 + spent", "line 11: feature a:1:5", "spent"},
		{"a: orders.sum(\"amuont\")", "line 10: feature a:1:12", "amuont"},
		{"a: 1\nb: a +", "line 11: feature b:1:4", "still to come"},
		{"a: score(\"churn\")", "line 10: feature a:1:1", "of today"},
		{"a: segment(\"rfm\")", "line 10: feature a:1:1", "of today"},
		{"a: orders.ahead(\"30d\").count()", "line 10: feature a", "after the cutoff"},
		{"a: orders.first(\"time\")", "line 10: feature a:1:1", "is a time"},
		{"a: customer", "line 10: feature a:1:1", "id"},
		{"auto: 1", "line 10: feature auto", "taken by an automatic feature"},
		{"orders: 1", "line 10: feature orders", "taken by a dataset"},
		{"cutoff: 1", "line 10: feature cutoff", "taken by a word"},
	} {
		_, err := rule.CompileFeatures(features(x.text), c)
		if kequn.KindOf(err) != kequn.KindPlan || !strings.Contains(err.Error(), x.where) || !strings.Contains(err.Error(), x.says) {
			t.Errorf("%q: %v, want a plan error at %s that says %q", x.text, err, x.where, x.says)
		}
	}
}

// A feature of features of features counts with all that they stand for.
func TestFeaturesDoNotExplode(t *testing.T) {
	list := []plan.Feature{{Name: "f0", Value: "orders.count()"}}
	for i := range 40 {
		name := "f" + string(rune('A'+i))
		last := list[len(list)-1].Name
		list = append(list, plan.Feature{Name: name, Value: last + " + " + last})
	}
	if _, err := rule.CompileFeatures(list, rule.ShopForTests()); kequn.KindOf(err) != kequn.KindPlan || !strings.Contains(err.Error(), "too long") {
		t.Errorf("%v, want a refusal of its length", err)
	}
}
