package plan

import (
	"regexp"
	"strings"

	"kequn"
)

// Check refuses a plan that contradicts itself: a goal of a dataset that there is not, an offer that nobody defined,
// shares outside [0, 1], costs below zero.
func (p *Plan) Check() error {
	for _, d := range p.Datasets {
		if err := d.check(); err != nil {
			return err
		}
	}
	for _, f := range p.Features {
		if err := p.checkFeature(f); err != nil {
			return err
		}
	}
	for _, q := range p.Quality {
		if err := p.checkQuality(q); err != nil {
			return err
		}
	}
	for _, g := range p.Goals {
		if err := p.CheckGoal(g); err != nil {
			return err
		}
	}
	for _, s := range p.Segments {
		if s.Method != "rfm" && s.Method != "behaviour" && s.Method != "mixture" {
			return wrong("segments: "+s.Name, "unknown method %q", s.Method).WithHint("methods are rfm, behaviour and mixture")
		}
		if s.K != 0 && (s.K < 2 || s.K > 50) {
			return wrong("segments: "+s.Name, "k is %d, want 2 to 50, or 0 to choose", s.K)
		}
	}
	for _, a := range p.Audience {
		if !nameRE.MatchString(a.Name) {
			return wrong("audiences", "%q is not a name", a.Name).WithHint("letters, digits, _ and -, not starting with a digit")
		}
		if strings.TrimSpace(a.Rule) == "" {
			return wrong("audiences: "+a.Name, "has no rule")
		}
	}
	for _, o := range p.Offers {
		if o.Fixed < 0 || o.Contact < 0 || o.Redemption < 0 || o.Rate < 0 || o.Rate > 1 {
			return wrong("offers: "+o.Name, "costs are not negative and rate is from 0 to 1")
		}
	}
	for _, c := range p.Campaign {
		if err := p.checkCampaign(c); err != nil {
			return err
		}
	}
	return share("holdout", p.Holdout)
}

// nameRE says what names of goals, audiences and campaigns look like: they become file names and words of rules.
var nameRE = regexp.MustCompile(`^[\p{L}_][\p{L}\p{N}_-]{0,63}$`)

func wrong(where, format string, args ...any) *kequn.Error {
	return kequn.Errorf(kequn.KindPlan, FileName+": "+where, format, args...)
}

func share(where string, x float64) error {
	if !(x >= 0 && x < 1) {
		return wrong(where, "is %v, want a share from 0 to below 1", x)
	}
	return nil
}

func (d *Dataset) check() error {
	if !nameRE.MatchString(d.Name) {
		return wrong("datasets", "%q is not a name", d.Name).WithHint("letters, digits, _ and -, not starting with a digit")
	}
	if d.Role == "" {
		return wrong("datasets: "+d.Name, "has no role").WithHint("roles are %s", join(kequn.Roles))
	}
	for _, role := range []kequn.ColumnRole{kequn.ColCustomer, kequn.ColTime, kequn.ColKnownAt, kequn.ColID, kequn.ColOrder, kequn.ColAmount,
		kequn.ColCurrency, kequn.ColKey, kequn.ColArm} {
		n := 0
		for _, c := range d.Columns {
			if c.Role == role {
				n++
			}
		}
		if n > 1 {
			return wrong("datasets: "+d.Name, "has %d columns of role %s, at most one is allowed", n, role)
		}
	}
	if d.Role.HasCustomer() && d.With(kequn.ColCustomer) == nil {
		return wrong("datasets: "+d.Name, "has no column of role customer").WithHint("set role: customer on the column that says whose row it is")
	}
	if d.Role.HasTime() && d.With(kequn.ColTime) == nil {
		return wrong("datasets: "+d.Name, "has no column of role time").WithHint("set role: time on the column that says when it happened")
	}
	for _, c := range d.Columns {
		if c.Scale < 0 || c.Scale > 9 {
			return wrong("datasets: "+d.Name+": "+c.Name, "scale is %d, want 0 to 9", c.Scale)
		}
	}
	return nil
}

// CheckGoal refuses a goal that the plan's datasets cannot answer.
func (p *Plan) CheckGoal(g Goal) error {
	at := "goals: " + g.Name
	kinds := 0
	for _, s := range []string{g.Event, g.Sum, g.Count, g.When, g.Next, g.Column} {
		if s != "" {
			kinds++
		}
	}
	if kinds != 1 {
		return wrong(at, "wants exactly one of event, sum, count, when, next and column").WithHint("for example {event: orders, within: 30d}")
	}
	if g.Absent && g.Event == "" {
		return wrong(at, "absent goes with event only")
	}
	if g.Top < 0 || g.Next == "" && (g.Top != 0 || g.Fresh) {
		return wrong(at, "top and fresh go with next only, and top is not negative")
	}
	if g.Column+g.Next == "" && g.Within.IsZero() {
		return wrong(at, "has no horizon").WithHint("add within: 30d")
	}
	name, column, _ := strings.Cut(g.Event+g.Sum+g.Count+g.When+g.Next+g.Column, ".")
	d := p.Dataset(name)
	for i := range p.Datasets { // a role's name, where no dataset has it
		if d == nil && string(p.Datasets[i].Role) == name {
			d = &p.Datasets[i]
		}
	}
	if d == nil {
		return wrong(at, "there is no dataset %q", name).WithHint("datasets are %s", strings.Join(p.datasetNames(), ", "))
	}
	if g.Column == "" && !d.Role.HasTime() {
		return wrong(at, "dataset %q has no time", name)
	}
	if g.Sum+g.Next+g.Column != "" {
		if column == "" {
			return wrong(at, "names no column").WithHint("write %s.COLUMN", name)
		}
		if g.Next != "" && strings.Contains(column, ".") { // an attribute of what the column names
			var err error
			if column, _, _, err = LookupOf(p.Datasets, d.Columns, column); err != nil {
				return wrong(at, "%s", err.(*kequn.Error).Message).WithHint("%s", err.(*kequn.Error).Hint)
			}
		}
		if d.Column(column) == nil && d.With(kequn.ColumnRole(column)) == nil {
			return wrong(at, "%s has no column %q", name, column).WithHint("its columns are %s", strings.Join(d.columnNames(), ", "))
		}
	}
	return nil
}

func (p *Plan) checkCampaign(c Campaign) error {
	at := "campaigns: " + c.Name
	if !nameRE.MatchString(c.Name) {
		return wrong("campaigns", "%q is not a name", c.Name).WithHint("letters, digits, _ and -, not starting with a digit")
	}
	if c.Goal != "" && p.Goal(c.Goal) == nil {
		return wrong(at, "there is no goal %q", c.Goal)
	}
	if len(c.Offers) == 0 {
		return wrong(at, "has no offers").WithHint("define one under offers and name it here")
	}
	for _, o := range c.Offers {
		if p.Offer(o) == nil {
			return wrong(at, "there is no offer %q", o)
		}
	}
	if c.Margin < 0 || c.Value < 0 || c.Budget < 0 {
		return wrong(at, "margin, value and budget are not negative")
	}
	return share(at+": control", c.Control)
}

func (p *Plan) datasetNames() []string {
	out := make([]string, len(p.Datasets))
	for i, d := range p.Datasets {
		out[i] = d.Name
	}
	return out
}

func (d *Dataset) columnNames() []string {
	out := make([]string, len(d.Columns))
	for i, c := range d.Columns {
		out[i] = c.Name
	}
	return out
}

// Goal returns the goal of that name, or nil.
func (p *Plan) Goal(name string) *Goal {
	return find(p.Goals, name, func(g *Goal) string { return g.Name })
}

// Offer returns the offer of that name, or nil.
func (p *Plan) Offer(name string) *Offer {
	return find(p.Offers, name, func(o *Offer) string { return o.Name })
}

// CampaignNamed returns the campaign of that name, or nil.
func (p *Plan) CampaignNamed(name string) *Campaign {
	return find(p.Campaign, name, func(c *Campaign) string { return c.Name })
}

// AudienceNamed returns the audience of that name, or nil.
func (p *Plan) AudienceNamed(name string) *Audience {
	return find(p.Audience, name, func(a *Audience) string { return a.Name })
}

func find[T any](list []T, name string, of func(*T) string) *T {
	for i := range list {
		if of(&list[i]) == name {
			return &list[i]
		}
	}
	return nil
}
