package rule

import (
	"fmt"
	"slices"
	"strings"

	"kequn"
	"kequn/internal/plan"
	"kequn/internal/query"
)

// own is a plan's features while they are compiled: each may name the others.
type own struct {
	list []plan.Feature
	open []string               // features being read, outermost first
	done map[string]*query.Node // features read
}

// CompileFeatures reads the features that a plan defines, in its order, as numbers, texts or conditions. Each may name the
// catalogue's features and the other features of the list. An error is a plan error that names the line of kequn.yaml, the
// feature and the place in its expression.
//
// A feature must mean the same at every cutoff it is asked at, so one that looks ahead, or at today's scores or segments, is
// refused; so are definitions that come back to themselves, and names that already mean something else.
func CompileFeatures(list []plan.Feature, c Catalogue) ([]*query.Node, error) {
	c.Ahead = false
	o := &own{list: list, done: map[string]*query.Node{}}
	out := make([]*query.Node, len(list))
	for i, f := range list {
		if err := c.free(f); err != nil {
			return nil, err
		}
		n, err := o.compile(f, c, map[string]*query.Node{}, nil)
		if err != nil {
			return nil, err
		}
		out[i] = n
	}
	return out, nil
}

// free refuses a name that already means something in rules.
func (c Catalogue) free(f plan.Feature) error {
	taken := func(by string) error {
		return kequn.Errorf(kequn.KindPlan, featurePlace(f), "the name is taken by %s", by).WithHint("choose another, for example my_%s", f.Name)
	}
	if f.Name == "customer" || f.Name == "cutoff" || f.Name == query.CustomerColumn {
		return taken("a word of the rule language")
	}
	for _, d := range c.Datasets {
		if d.Name == f.Name {
			return taken("a dataset")
		}
		if d.Role == kequn.Customers && d.Column(f.Name) != nil {
			return taken("a column of " + d.Name)
		}
	}
	if c.featureNamed(f.Name) != nil {
		return taken("an automatic feature")
	}
	return nil
}

func (c Catalogue) featureNamed(name string) *query.Feature {
	for i := range c.Features {
		if c.Features[i].Name == name {
			return &c.Features[i]
		}
	}
	return nil
}

// featurePlace is where a feature stands in the plan.
func featurePlace(f plan.Feature) string {
	if f.Line > 0 {
		return fmt.Sprintf("%s: line %d: feature %s", plan.FileName, f.Line, f.Name)
	}
	return plan.FileName + ": feature " + f.Name
}

// compile reads one feature, once.
func (o *own) compile(f plan.Feature, c Catalogue, audiences map[string]*query.Node, open []string) (*query.Node, error) {
	if n := o.done[f.Name]; n != nil {
		return n, nil
	}
	o.open = append(o.open, f.Name)
	defer func() { o.open = o.open[:len(o.open)-1] }()
	n, at, err := compile(f.Value, c, &checker{title: featurePlace(f), own: o, done: audiences, open: open})
	if err == nil {
		err = checkFeature(n, at)
	}
	if k, ok := err.(*kequn.Error); ok && k.Kind != kequn.KindPlan {
		inPlan := *k
		inPlan.Kind = kequn.KindPlan
		err = &inPlan
	}
	if err != nil {
		return nil, err
	}
	o.done[f.Name] = n
	return n, nil
}

// checkFeature refuses what cannot be a column known at each cutoff.
func checkFeature(n *query.Node, at place) error {
	if n.Type == query.Time {
		return at.errorf("the feature is a time, want a number, a text or a condition").WithHint(`days_since(…) or days_between(date("2020-01-01"), …) make a number of it`)
	}
	if n.Op == query.Attr && n.Dataset == "" {
		return at.errorf("the customer's id says who somebody is, not what he is like")
	}
	var today string
	n.Walk(func(n *query.Node) {
		if n.Op != query.Attr {
			return
		}
		switch n.Dataset {
		case query.ScoreSet, query.PercentileSet:
			today = "the score " + n.Name
		case query.SegmentSet:
			today = "the segment " + n.Name
		}
	})
	if today != "" {
		return at.errorf("%s is of today and would tell earlier cutoffs their future", today).WithHint("build the feature from datasets and other features; rules may use scores and segments")
	}
	return nil
}

// ownFeature reads a feature of the plan that an expression names; nil if there is none of that name.
func (c *checker) ownFeature(name string) (*query.Node, error) {
	if c.own == nil {
		return nil, nil
	}
	for _, f := range c.own.list {
		if f.Name != name {
			continue
		}
		if i := slices.Index(c.own.open, name); i >= 0 {
			return nil, kequn.Errorf(kequn.KindUsage, "", "feature %q is defined by itself: %s", name, strings.Join(append(slices.Clone(c.own.open[i:]), name), " → ")).
				WithHint("take one of these references away")
		}
		return c.own.compile(f, c.Catalogue, c.done, c.open)
	}
	return nil, nil
}

// ownNames lists the plan's features that an expression may name.
func (c *checker) ownNames() []string {
	var out []string
	if c.own != nil {
		for _, f := range c.own.list {
			if !slices.Contains(c.own.open, f.Name) {
				out = append(out, f.Name)
			}
		}
	}
	return out
}
