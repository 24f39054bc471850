// Package audience keeps saved groups: their definition, exact membership, history, overlap, and why somebody is in or not.
//
// One engine, one number: the size in a preview, the list of members and what is exported are the same scan of the same
// tree over the same population.
//
//	rule text ── rule.Compile ──▶ tree ── conjuncts ──▶ one pass of the engine ──▶ count, waterfall, members
package audience

import (
	"context"
	"slices"
	"strings"
	"time"

	"kequn"
	"kequn/internal/engine"
	"kequn/internal/query"
	"kequn/internal/rule"
)

// Source is where audiences are asked of: the data, the engine that reads it, and what rules may speak of.
type Source struct {
	Engine    engine.Engine
	Data      engine.Data
	Catalogue rule.Catalogue
	Cutoff    kequn.Cutoff
	Zone      *time.Location

	// Who is the population; nil is every customer with an event, order or item before the cutoff.
	Who *query.Node

	// AnyTime uses attributes at cutoffs before they were known; the caller warns.
	AnyTime bool
	Threads int
}

// Extra is a step after the rule's own: consent, suppression, holdout. Rule or Keep is set.
type Extra struct {
	Name string            // what the waterfall calls it
	Rule *query.Node       // who stays, as a condition
	Keep func(string) bool // who stays, by customer id: the holdout's draw
}

// Preview is the exact size of a rule and how it came about.
type Preview struct {
	Rule      string `json:"rule"`
	Words     string `json:"words"`
	Cutoff    string `json:"cutoff"`
	Count     int    `json:"count"`
	Of        int    `json:"of"`
	Waterfall []Step `json:"waterfall"`
	SQL       string `json:"sql"`

	Notes []string `json:"notes,omitempty"` // for people, in their language, by who asks
}

// Step is one condition of a rule that all must meet, and how many have met it and all before it.
type Step struct {
	Step  string `json:"step"`
	Words string `json:"words,omitempty"`
	Left  int    `json:"left"`
}

// Preview counts who meets a rule, condition by condition in the order of the text, then extra by extra. The count is
// exact: as many as [Source.Members] returns.
func (s Source) Preview(ctx context.Context, text string, lang kequn.Lang, extras ...Extra) (*Preview, error) {
	n, err := rule.Compile(text, s.Catalogue)
	if err != nil {
		return nil, err
	}
	steps := conjuncts(n)
	sc := scan{steps: steps, extras: extras}
	if err := sc.run(ctx, s); err != nil {
		return nil, err
	}
	p := &Preview{Rule: text, Words: rule.Words(n, lang, s.Zone), Cutoff: kequn.FormatZone(s.Cutoff, s.Zone), Of: sc.of, Count: sc.left[len(sc.left)-1],
		SQL: rule.SQL(n, s.Catalogue, s.Cutoff)}
	for i, c := range steps {
		p.Waterfall = append(p.Waterfall, Step{Step: rule.Print(c), Words: rule.Words(c, lang, s.Zone), Left: sc.left[i]})
	}
	for i, e := range extras {
		p.Waterfall = append(p.Waterfall, Step{Step: e.Name, Left: sc.left[len(steps)+i]})
	}
	return p, nil
}

// Members returns the customers that meet a rule and all extras, sorted by id byte by byte.
func (s Source) Members(ctx context.Context, text string, extras ...Extra) ([]string, error) {
	n, err := rule.Compile(text, s.Catalogue)
	if err != nil {
		return nil, err
	}
	sc := scan{steps: conjuncts(n), extras: extras, collect: true}
	if err := sc.run(ctx, s); err != nil {
		return nil, err
	}
	slices.Sort(sc.members)
	return sc.members, nil
}

// conjuncts returns the conditions that a rule joins by and.
func conjuncts(n *query.Node) []*query.Node {
	if n.Op == query.And {
		return n.Args
	}
	return []*query.Node{n}
}

// scan is one pass that counts, and collects if asked to.
type scan struct {
	steps   []*query.Node
	extras  []Extra
	collect bool

	of      int
	left    []int // after each step and extra
	members []string
}

func (sc *scan) run(ctx context.Context, s Source) error {
	r := s.request()
	for i, n := range sc.steps {
		r.Rules = append(r.Rules, engine.Rule{Name: rule.Print(sc.steps[i]), Node: n})
	}
	at := make([]int, len(sc.extras)) // the extra's rule, −1 for one that is drawn
	for i, e := range sc.extras {
		if at[i] = -1; e.Rule != nil {
			at[i] = len(r.Rules)
			r.Rules = append(r.Rules, engine.Rule{Name: e.Name, Node: e.Rule})
		}
	}
	sc.left = make([]int, len(sc.steps)+len(sc.extras))
	return s.Engine.Stream(ctx, s.Data, r, func(p *engine.Panel) error {
		sc.of += p.NRows()
	rows:
		for row := range p.NRows() {
			for i := range sc.steps {
				if !p.Rules[i][row] {
					continue rows
				}
				sc.left[i]++
			}
			for i, e := range sc.extras {
				if at[i] >= 0 && !p.Rules[at[i]][row] || at[i] < 0 && !e.Keep(p.Customer.String(row)) {
					continue rows
				}
				sc.left[len(sc.steps)+i]++
			}
			if sc.collect {
				sc.members = append(sc.members, strings.Clone(p.Customer.String(row)))
			}
		}
		return nil
	})
}

func (s Source) request() engine.Request {
	return engine.Request{Cutoffs: []kequn.Cutoff{s.Cutoff}, Zone: s.Zone, Who: s.Who, AnyTime: s.AnyTime, Threads: s.Threads}
}

// Named is a rule under a name.
type Named struct {
	Name string `json:"name"`
	Rule string `json:"rule"`
}

// Overlap says how much audiences have in common. Both is symmetric; its diagonal holds the audiences' own sizes.
type Overlap struct {
	Names []string    `json:"names"`
	Sizes []int       `json:"sizes"`
	Both  [][]int     `json:"both"`
	Share [][]float64 `json:"share"` // of row's members, those in column too; 0 where the row is empty
	Any   int         `json:"any"`   // customers in at least one
	Of    int         `json:"of"`
}

// maxOverlap bounds an overlap: its matrix is to be looked at.
const maxOverlap = 50

// Overlap compares audiences in one pass.
func (s Source) Overlap(ctx context.Context, audiences ...Named) (*Overlap, error) {
	if len(audiences) < 2 || len(audiences) > maxOverlap {
		return nil, kequn.Errorf(kequn.KindUsage, "", "an overlap is of 2 to %d audiences, not %d", maxOverlap, len(audiences))
	}
	o := &Overlap{}
	r := s.request()
	for _, a := range audiences {
		n, err := rule.Compile(a.Rule, s.Catalogue)
		if err != nil {
			return nil, err
		}
		r.Rules = append(r.Rules, engine.Rule{Name: a.Name, Node: n})
		o.Names = append(o.Names, a.Name)
		o.Both = append(o.Both, make([]int, len(audiences)))
		o.Share = append(o.Share, make([]float64, len(audiences)))
	}
	err := s.Engine.Stream(ctx, s.Data, r, func(p *engine.Panel) error {
		o.Of += p.NRows()
		for row := range p.NRows() {
			any := 0
			for i := range p.Rules {
				if !p.Rules[i][row] {
					continue
				}
				any = 1
				for j := range p.Rules {
					if p.Rules[j][row] {
						o.Both[i][j]++
					}
				}
			}
			o.Any += any
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i := range o.Both {
		o.Sizes = append(o.Sizes, o.Both[i][i])
		for j := range o.Both {
			if o.Sizes[i] > 0 {
				o.Share[i][j] = float64(o.Both[i][j]) / float64(o.Sizes[i])
			}
		}
	}
	return o, nil
}
