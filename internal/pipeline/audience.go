package pipeline

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"kequn"
	"kequn/internal/audience"
	"kequn/internal/plan"
	"kequn/internal/rule"
)

// AudienceList is the saved audiences with their sizes.
type AudienceList struct {
	Cutoff    string         `json:"cutoff"`
	Audiences []AudienceSize `json:"audiences"`
}

// AudienceSize is one saved audience.
type AudienceSize struct {
	Name    string `json:"name"`
	Rule    string `json:"rule"`
	Count   int    `json:"count"`
	Of      int    `json:"of"`
	Version int    `json:"version"` // of the definition, 0 where it was never saved by kequn
}

// asking opens what audiences are asked of.
func (s *Shop) asking(ctx context.Context, cutoff string) (audience.Source, error) {
	_, src, err := s.viewed(ctx, cutoff)
	return src, err
}

func (s *Shop) viewed(ctx context.Context, cutoff string) (*view, audience.Source, error) {
	v, err := s.look()
	if err != nil {
		return nil, audience.Source{}, err
	}
	t, err := v.cutoff(cutoff)
	if err != nil {
		return nil, audience.Source{}, err
	}
	src, err := s.rules(ctx, v, t)
	return v, src, err
}

// PreviewAudience counts a rule: exactly as many as MembersOfRule returns.
func (s *Shop) PreviewAudience(ctx context.Context, text, cutoff string) (*audience.Preview, error) {
	v, src, err := s.viewed(ctx, cutoff)
	if err != nil {
		return nil, err
	}
	p, err := src.Preview(ctx, s.ruleOf(text), s.Lang)
	if p != nil {
		p.Notes = v.lateIn(p.Rule, src.Cutoff)
	}
	return p, s.noAudience(err, text)
}

// ruleOf returns the rule of an audience's name, or the text itself.
func (s *Shop) ruleOf(text string) string {
	if a := s.Plan.AudienceNamed(text); a != nil {
		return a.Rule
	}
	return text
}

// MembersOfRule lists the customers of an audience or a rule, sorted.
func (s *Shop) MembersOfRule(ctx context.Context, name, cutoff string) ([]string, error) {
	src, err := s.asking(ctx, cutoff)
	if err != nil {
		return nil, err
	}
	m, err := src.Members(ctx, s.ruleOf(name))
	return m, s.noAudience(err, name)
}

// WhyAudience says for one customer whether a rule holds, and why.
func (s *Shop) WhyAudience(ctx context.Context, name, customer, cutoff string) (*audience.Why, error) {
	src, err := s.asking(ctx, cutoff)
	if err != nil {
		return nil, err
	}
	y, err := src.Why(ctx, s.ruleOf(name), customer, s.Lang)
	return y, s.noAudience(err, name)
}

// OverlapAudiences counts who is in one, the other, and both.
func (s *Shop) OverlapAudiences(ctx context.Context, a, b, cutoff string) (*audience.Overlap, error) {
	src, err := s.asking(ctx, cutoff)
	if err != nil {
		return nil, err
	}
	o, err := src.Overlap(ctx, audience.Named{Name: a, Rule: s.ruleOf(a)}, audience.Named{Name: b, Rule: s.ruleOf(b)})
	return o, s.noAudience(err, a, b)
}

// noAudience puts an error of a rule into the words of somebody who meant an audience's name: a text that is a single name,
// and neither an audience nor a rule.
func (s *Shop) noAudience(err error, texts ...string) error {
	if err == nil || kequn.KindOf(err) != kequn.KindUsage {
		return err
	}
	var names []string
	for _, a := range s.Plan.Audience {
		names = append(names, a.Name)
	}
	for _, t := range texts {
		if !singleName.MatchString(t) || slices.Contains(names, t) {
			continue
		}
		e := kequn.Errorf(kequn.KindUsage, "", "there is no audience %q, and as a rule it cannot be read", t)
		switch near := rule.Suggest(t, names); {
		case near != "":
			return e.WithHint("did you mean %q?", near)
		case len(names) > 0:
			return e.WithHint("the audiences are %s", strings.Join(names[:min(len(names), 12)], ", "))
		}
		return e.WithHint("kequn audience save NAME RULE keeps one")
	}
	return err
}

var singleName = regexp.MustCompile(`^[\p{L}_][\p{L}\p{N}_-]*$`)

// SaveAudience writes a rule into the plan under a name, as a new version of it.
func (s *Shop) SaveAudience(ctx context.Context, name, text string) (*AudienceSize, error) {
	src, err := s.asking(ctx, "")
	if err != nil {
		return nil, err
	}
	p, err := src.Preview(ctx, text, s.Lang)
	if err != nil {
		return nil, err
	}
	var out *AudienceSize
	err = s.locked(ctx, "audience save", func() error {
		var book audience.Book
		if err := s.readDoc("audiences", &book); err != nil {
			return err
		}
		version, fresh, err := book.Save(name, text, src.Catalogue, s.Now(), s.By, "")
		if err != nil {
			return err
		}
		out = &AudienceSize{Name: name, Rule: text, Count: p.Count, Of: p.Of, Version: version.Version}
		if a := s.Plan.AudienceNamed(name); a == nil || a.Rule != text {
			edit := s.edit()
			edit.PutAudience(plan.Audience{Name: name, Rule: text})
			if err := s.writePlan(edit); err != nil {
				return err
			}
		}
		if !fresh {
			return nil
		}
		tx, err := s.ws.Begin(ctx, "audience save")
		if err != nil {
			return err
		}
		defer tx.Abort()
		if err := putDoc(tx, "audiences", book); err != nil {
			return err
		}
		return tx.Commit()
	})
	return out, err
}

// ListAudiences counts every saved audience.
func (s *Shop) ListAudiences(ctx context.Context, cutoff string) (*AudienceList, error) {
	src, err := s.asking(ctx, cutoff)
	if err != nil {
		return nil, err
	}
	var book audience.Book
	if err := s.readDoc("audiences", &book); err != nil {
		return nil, err
	}
	out := &AudienceList{Cutoff: kequn.FormatZone(src.Cutoff, src.Zone), Audiences: []AudienceSize{}}
	for _, a := range s.Plan.Audience {
		p, err := src.Preview(ctx, a.Rule, s.Lang)
		if err != nil {
			return nil, err
		}
		size := AudienceSize{Name: a.Name, Rule: a.Rule, Count: p.Count, Of: p.Of}
		if h := book.History(a.Name); h != nil {
			size.Version = h.Latest().Version
		}
		out.Audiences = append(out.Audiences, size)
	}
	slices.SortFunc(out.Audiences, func(a, b AudienceSize) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}
