package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"

	"kequn"
	"kequn/internal/audience"
	"kequn/internal/engine"
	"kequn/internal/feature"
	"kequn/internal/plan"
	"kequn/internal/query"
	"kequn/internal/rule"
	"kequn/internal/store"
)

// view is the workspace at one moment.
type view struct {
	snap     *store.Snapshot
	data     engine.Data
	datasets []engine.Dataset
	zone     *time.Location
	begun    map[kequn.Cutoff]kequn.Instant // see begins
	money    map[string]*currencies         // of datasets with several currencies
	lang     kequn.Lang
}

// look opens a view of the newest state, with the newest data that broke no rule that stops. A workspace without rows is a
// not-enough error.
func (s *Shop) look() (*view, error) {
	snap, err := s.ws.Snapshot()
	if err != nil {
		return nil, err
	}
	if err := s.blocked(snap); err != nil {
		return nil, err
	}
	if snap, err = snap.Served(); err != nil {
		return nil, err
	}
	return s.viewOf(snap)
}

// viewOf opens a view of a state.
func (s *Shop) viewOf(snap *store.Snapshot) (*view, error) {
	v := &view{snap: snap, zone: s.Plan.Location(), lang: s.Lang}
	v.datasets = snapshotData{snap}.Datasets()
	if len(v.datasets) == 0 {
		return nil, kequn.Errorf(kequn.KindNotEnough, s.Dir, "nothing is loaded yet").WithHint("kequn load FILE…")
	}
	// The plan's datasets are the truth about roles; the store's about what was loaded.
	for i := range v.datasets {
		if d := s.Plan.Dataset(v.datasets[i].Name); d != nil {
			v.datasets[i].Dataset = merged(*d, v.datasets[i].Dataset)
		}
	}
	var err error
	if v.money, err = s.moneys(context.Background(), planned{snapshotData{snap}, v.datasets, nil}); err != nil {
		return nil, err
	}
	v.data = planned{snapshotData{snap}, v.datasets, v.money}
	return v, nil
}

// merged returns the stored columns with the marks that a plan may change without loading again.
func merged(p, stored plan.Dataset) plan.Dataset {
	out := stored
	out.Columns = append([]plan.Column(nil), stored.Columns...)
	for i := range out.Columns {
		if c := p.Column(out.Columns[i].Name); c != nil {
			out.Columns[i].Sensitive, out.Columns[i].Allow, out.Columns[i].Fixed, out.Columns[i].Currency = c.Sensitive, c.Allow, c.Fixed, c.Currency
			if soft(c.Role) && soft(out.Columns[i].Role) {
				out.Columns[i].Role = c.Role
			}
		}
	}
	return out
}

// soft tells whether a role only says how a column is used: it may change without loading again.
func soft(r kequn.ColumnRole) bool {
	switch r {
	case kequn.ColAttribute, kequn.ColCategory, kequn.ColText, kequn.ColIgnore:
		return true
	}
	return false
}

// planned is data whose datasets are described as the plan says.
type planned struct {
	snapshotData
	datasets []engine.Dataset
	money    map[string]*currencies // nil where every amount is of one currency
}

func (p planned) Datasets() []engine.Dataset { return p.datasets }

// plans returns the datasets' definitions.
func (v *view) plans() []plan.Dataset {
	out := make([]plan.Dataset, len(v.datasets))
	for i, d := range v.datasets {
		out[i] = d.Dataset
	}
	return out
}

// span returns the first and last event of the datasets that tell what customers do.
func (v *view) span() (first, last kequn.Instant) {
	first, last = kequn.NoTime, kequn.NoTime
	for _, d := range v.datasets {
		if d.Role != kequn.Events && d.Role != kequn.Orders && d.Role != kequn.Items || d.Rows == 0 || d.First == kequn.NoTime {
			continue
		}
		if first == kequn.NoTime || d.First < first {
			first = d.First
		}
		last = max(last, d.Last)
	}
	return first, last
}

// cutoff reads a cutoff argument; "" is the first midnight after the last event.
func (v *view) cutoff(text string) (kequn.Cutoff, error) {
	first, last := v.span()
	if first == kequn.NoTime {
		return 0, kequn.Errorf(kequn.KindNotEnough, "", "%s", v.lang.Pick("还没有任何行为、订单或订单明细", "there is no event, order or item yet")).
			WithHint("%s", v.lang.Pick("加载一张记录客户做了什么或买了什么的表", "load a table of what customers do or buy"))
	}
	if text == "" {
		return kequn.DefaultCutoff(last, v.zone), nil
	}
	t, err := kequn.ParseTime(text, v.zone)
	if err != nil {
		return 0, err
	}
	if t <= first {
		return 0, kequn.Errorf(kequn.KindNotEnough, "", v.lang.Pick("截止 %s 时还什么都没有发生：最早的记录是 %s", "at the cutoff %s nothing had happened yet: the first event is of %s"), text, kequn.FormatZone(first, v.zone)).
			WithHint("%s", v.lang.Pick("选择更晚的截止时刻", "choose a cutoff after it"))
	}
	return t, nil
}

// fingerprint identifies the loaded data: what files were loaded, as what, and when they count as known.
func (v *view) fingerprint() string {
	h := sha256.New()
	for _, d := range v.datasets {
		fmt.Fprintf(h, "%s %s %d\n", d.Name, d.Role, d.Rows)
		for _, f := range v.snap.Files(d.Name) {
			fmt.Fprintf(h, "%s %s\n", f.Hash, f.Mapping)
		}
		b, _ := json.Marshal(d.Dataset)
		h.Write(b)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// definitions returns the automatic features, found in what was known before the earliest cutoff, so that no choice of theirs
// comes from the future. Sensitive ones that the plan does not allow are left out.
func (s *Shop) definitions(ctx context.Context, v *view, earliest kequn.Cutoff) ([]query.Feature, error) {
	all, err := s.allDefinitions(ctx, v, earliest)
	if err != nil {
		return nil, err
	}
	var out []query.Feature
	for _, f := range all {
		if !f.Sensitive {
			out = append(out, f)
		}
	}
	return out, nil
}

// catalogue is what rules may speak of.
func (s *Shop) catalogue(v *view, features []query.Feature) rule.Catalogue {
	p := *s.Plan
	p.Datasets = v.plans()
	c := rule.CatalogueOf(&p, features)
	c.Segments = s.knownSegments()
	return c
}

// rules returns the source of audiences at a cutoff. At the end of the data attributes count as they are today; at an earlier cutoff as they were known then.
func (s *Shop) rules(ctx context.Context, v *view, cutoff kequn.Cutoff) (audience.Source, error) {
	take, today := feature.TakeProfile, v.today(cutoff)
	if today {
		take = feature.TakeProfileAnyTime
	}
	defs, err := s.definitionsAt(ctx, v, cutoff, take)
	if err != nil {
		return audience.Source{}, err
	}
	data, err := s.withScores(v)
	if err != nil {
		return audience.Source{}, err
	}
	return audience.Source{Engine: s.Engine, Data: data, Catalogue: s.catalogue(v, defs), Cutoff: cutoff, Zone: v.zone, AnyTime: today, Threads: s.Threads}, nil
}

// today tells whether a cutoff is not before the default one.
func (v *view) today(cutoff kequn.Cutoff) bool {
	_, last := v.span()
	return cutoff >= kequn.DefaultCutoff(last, v.zone)
}

// lateIn notes attributes in a rule that were not known yet at an earlier cutoff, and are missing there.
func (v *view) lateIn(text string, cutoff kequn.Cutoff) []string {
	if v.today(cutoff) {
		return nil
	}
	var out []string
	for i := range v.datasets {
		d := &v.datasets[i]
		if d.Role != kequn.Customers || d.Late || d.Versioned || d.LoadedAt == kequn.NoTime || d.LoadedAt < cutoff {
			continue
		}
		var names []string
		for _, c := range d.Columns {
			word := regexp.MustCompile(`(^|[^\p{L}\p{N}_])` + regexp.QuoteMeta(c.Name) + `($|[^\p{L}\p{N}_])`)
			if c.Role != kequn.ColCustomer && c.Role != kequn.ColIgnore && !c.Fixed && word.MatchString(text) {
				names = append(names, c.Name)
			}
		}
		if names != nil {
			out = append(out, fmt.Sprintf(v.lang.Pick("%[1]s 的 %[2]s 是 %[3]s 才加载的，在截止 %[4]s 时还不知道，按缺失处理。从不改变的可在 kequn.yaml 中标记 fixed: true；若当时已知，可用 --loaded-at 或 --known-at 说明",
				"%[2]s of %[1]s is known since it was loaded on %[3]s and missing at the cutoff %[4]s. Mark what never changes fixed: true in kequn.yaml; if it was known earlier, say so with --loaded-at or --known-at"),
				d.Name, strings.Join(names, ", "), day(d.LoadedAt, v), day(cutoff, v)))
		}
	}
	return out
}

// who compiles a rule of an eligible population; "" is nil, the default population.
func (s *Shop) who(v *view, text string, features []query.Feature) (*query.Node, error) {
	if text == "" {
		return nil, nil
	}
	return rule.Compile(text, s.catalogue(v, features))
}

// over returns the view with other data.
func (v *view) over(data engine.Data) *view {
	w := *v
	w.data = data
	return &w
}
