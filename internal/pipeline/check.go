package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"kequn"
	"kequn/internal/engine"
	"kequn/internal/plan"
	"kequn/internal/quality"
	"kequn/internal/source"
	"kequn/internal/store"
)

// CheckFlags say what is wanted beside the findings.
type CheckFlags struct {
	Rows    string // rule whose failing rows are wanted
	Out     string // folder for the failing rows of all broken rules, or file for those of one
	Clear   bool   // write readable rows out of a sealed workspace
	Propose bool   // write the proposed rules into the plan
	Accept  bool   // serve the newest data although rules that stop are broken
	Undo    bool   // take the loads back that broke them
}

// CheckResult is what the data look like.
type CheckResult struct {
	Rules   []quality.Result `json:"rules"`
	Failing []FailingRows    `json:"failing"`
	Stops   int              `json:"stops"`
	Warns   int              `json:"warns"`
	Rows    int64            `json:"checked_rows"`
	Serving string           `json:"serving"` // newest, earlier or nothing
	Note    string           `json:"note,omitempty"`
	Added   int              `json:"proposed,omitempty"` // rules that were written into the plan
	CSV     []byte           `json:"-"`                  // failing rows of one rule, where no file was asked for
}

// FailingRows is a file of rows that break a rule.
type FailingRows struct {
	Rule string `json:"rule"`
	File string `json:"file"`
	Rows int64  `json:"rows"`
}

// Which data answer.
const (
	servingNewest  = "newest"
	servingEarlier = "earlier"
	servingNothing = "nothing"
)

// qualityDoc is the name of the document that keeps what the last check found.
const qualityDoc = "quality"

// verdict is what the last check found, and which data may be served.
type verdict struct {
	Key      string      `json:"key"`  // of everything that the check depends on
	Data     string      `json:"data"` // of the data that were checked
	Good     int64       `json:"good"` // manifest whose data broke no rule that stops, 0 without one
	Stops    []string    `json:"stops,omitempty"`
	Texts    [][2]string `json:"texts,omitempty"`    // of the rules that stop, in Chinese and English
	Accepted string      `json:"accepted,omitempty"` // hash of data that are served all the same
	Warns    int         `json:"warns"`
	Rules    int         `json:"rules"`
	Brief    [][2]string `json:"brief,omitempty"` // the gravest findings
}

// QualityBrief is a check in a few lines: what run and load show of it.
type QualityBrief struct {
	Rules   int      `json:"rules"`
	Stops   int      `json:"stops"`
	Warns   int      `json:"warns"`
	Serving string   `json:"serving"`
	Found   []string `json:"found"`
	Note    string   `json:"note,omitempty"`
}

// Check looks at the newest data and says what is wrong with them. A broken rule that stops keeps them from being served: the
// data of before go on answering, until the rule holds, its level is changed, or somebody accepts the data.
func (s *Shop) Check(ctx context.Context, f CheckFlags) (*CheckResult, error) {
	if (f.Rows != "" || f.Out != "") && s.Sealed() && !f.Clear {
		return nil, kequn.Errorf(kequn.KindDenied, "", "the workspace is sealed, and these rows could be read by everybody").WithHint("--clear writes them all the same")
	}
	var out *CheckResult
	err := s.locked(ctx, "check", func() (err error) {
		out, err = s.check(ctx, f)
		return err
	})
	return out, err
}

func (s *Shop) check(ctx context.Context, f CheckFlags) (*CheckResult, error) {
	if f.Undo {
		if err := s.undoLoads(ctx); err != nil {
			return nil, err
		}
	}
	rep, snap, err := s.inspect(ctx, nil)
	if err != nil {
		return nil, err
	}
	out := &CheckResult{Rules: rep.Results, Failing: []FailingRows{}, Stops: rep.Stops, Warns: rep.Warns, Rows: rep.Rows}
	if f.Propose {
		if out.Added, err = s.propose(rep); err != nil {
			return nil, err
		}
	}
	v, err := s.settle(ctx, rep, snap, f.Accept)
	if err != nil {
		return nil, err
	}
	out.Serving, out.Note = s.serving(v)
	return out, s.failing(ctx, rep, f, out)
}

// failing writes the rows that break rules to where they are wanted.
func (s *Shop) failing(ctx context.Context, rep *quality.Report, f CheckFlags, out *CheckResult) error {
	if f.Rows != "" && f.Out == "" {
		var b strings.Builder
		_, err := s.writeRows(ctx, rep, &b, f.Rows)
		out.CSV = []byte(b.String())
		return err
	}
	if f.Out == "" {
		return nil
	}
	write := func(rule, path string) error {
		file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
		if err != nil {
			return kequn.Errorf(kequn.KindUsage, path, "cannot be written: %v", err)
		}
		n, err := s.writeRows(ctx, rep, file, rule)
		if e := file.Close(); err == nil {
			err = e
		}
		out.Failing = append(out.Failing, FailingRows{rule, path, n})
		return err
	}
	if f.Rows != "" {
		return write(f.Rows, f.Out)
	}
	if err := os.MkdirAll(f.Out, 0o755); err != nil {
		return kequn.Errorf(kequn.KindUsage, f.Out, "the folder cannot be made: %v", err)
	}
	for _, r := range rep.Broken() {
		if r.Rows && r.Found > 0 {
			if err := write(r.Name, filepath.Join(f.Out, stem(r.Name)+".csv")); err != nil {
				return err
			}
		}
	}
	return nil
}

// propose writes the proposed rules into the plan. Rules of the plan stay.
func (s *Shop) propose(rep *quality.Report) (int, error) {
	edit := s.edit()
	list := rep.Proposals()
	for _, q := range list {
		edit.PutQuality(q)
	}
	if len(list) == 0 {
		return 0, nil
	}
	return len(list), s.writePlan(edit)
}

// inspect checks the newest data, whatever is served. datasets limits it to some; nil is all.
func (s *Shop) inspect(ctx context.Context, datasets []string) (*quality.Report, *store.Snapshot, error) {
	snap, err := s.ws.Snapshot()
	if err != nil {
		return nil, nil, err
	}
	v, err := s.viewOf(snap)
	if err != nil {
		return nil, nil, err
	}
	o := quality.Options{Now: s.Now(), Zone: v.zone, Lang: s.Lang, Threads: s.Threads, Sealed: s.Sealed(), Rules: s.Plan.Quality, Datasets: datasets}
	if o.Loads, err = s.loadsOf(snap, v.datasets); err != nil {
		return nil, nil, err
	}
	for _, c := range s.Plan.Campaign {
		if c.Control > 0 {
			o.Designs = append(o.Designs, quality.Design{Campaign: c.Name, Control: c.Control})
		}
	}
	step := s.Lang.Pick("检查数据", "check the data")
	o.Progress = func(done, total int64) { s.Progress(step, done, total) }
	rep, err := quality.Check(ctx, v.data, o)
	if err != nil {
		return nil, nil, err
	}
	for _, q := range s.Plan.Quality {
		if q.Check != ruleCheck || q.Level == quality.Off || datasets != nil && !slices.Contains(datasets, q.Dataset) {
			continue
		}
		found, of, err := s.ruleBreakers(ctx, v, q)
		if err != nil {
			return nil, nil, err
		}
		rep.AddRule(q, int64(len(found)), int64(of))
	}
	return rep, snap, nil
}

// ruleCheck is the check whose rule is a condition of the rule language.
const ruleCheck = "rule"

// ruleBreakers lists the customers whom the condition of a rule describes, as of just after the last event, and says of how many.
func (s *Shop) ruleBreakers(ctx context.Context, v *view, q plan.Quality) (found []string, of int, err error) {
	cutoff, err := v.cutoff("")
	if err != nil {
		return nil, 0, err
	}
	defs, err := s.allDefinitions(ctx, v, cutoff)
	if err != nil {
		return nil, 0, err
	}
	node, err := s.who(v, q.Rule, defs)
	if err != nil {
		return nil, 0, err
	}
	p, err := engine.Collect(ctx, s.Engine, v.data, engine.Request{Cutoffs: []kequn.Cutoff{cutoff}, Zone: v.zone, AnyTime: true, Rules: []engine.Rule{{Name: q.Name, Node: node}}, Threads: s.Threads})
	if err != nil {
		return nil, 0, err
	}
	for i, bad := range p.Rules[0] {
		if bad {
			found = append(found, p.Customer.String(i))
		}
	}
	return found, p.NRows(), nil
}

// writeRows writes the rows that break a rule as CSV.
func (s *Shop) writeRows(ctx context.Context, rep *quality.Report, w io.Writer, name string) (int64, error) {
	r := rep.Named(name)
	if r == nil || r.Kind != ruleCheck {
		return rep.WriteRows(ctx, w, name, 0)
	}
	snap, err := s.ws.Snapshot()
	if err != nil {
		return 0, err
	}
	v, err := s.viewOf(snap)
	if err != nil {
		return 0, err
	}
	found, _, err := s.ruleBreakers(ctx, v, r.Rule.Quality)
	if err != nil {
		return 0, err
	}
	out := csv.NewWriter(w)
	out.Write([]string{"reason", "customer"})
	for _, c := range found {
		out.Write([]string{r.Rule.Rule, c})
	}
	out.Flush()
	return int64(len(found)), out.Error()
}

// loadsOf tells what is known of the loads of each dataset.
func (s *Shop) loadsOf(snap *store.Snapshot, datasets []engine.Dataset) (map[string][]quality.Load, error) {
	var notes []LoadedFile
	if err := s.readDoc("loads", &notes); err != nil {
		return nil, err
	}
	out := map[string][]quality.Load{}
	for _, d := range datasets {
		for _, f := range snap.Files(d.Name) {
			out[d.Name] = append(out[d.Name], quality.Load{At: f.LoadedAt, From: f.First, Read: f.Kept + f.Duplicate + f.Rejected, Kept: f.Kept, Rejected: f.Rejected, Duplicate: f.Duplicate})
		}
		list := out[d.Name]
		for i := len(notes) - 1; i >= 0 && len(list) > 0; i-- {
			if notes[i].Name != d.Name {
				continue
			}
			cells := map[string]int64{}
			for _, t := range notes[i].Odd {
				if t.Reason == string(source.Unreadable) {
					cells[t.Column] += t.Rows
				}
			}
			list[len(list)-1].Unreadable = cells
			break
		}
	}
	return out, nil
}

// dataKey identifies the rows and columns of a snapshot's datasets.
func dataKey(snap *store.Snapshot) string {
	h := sha256.New()
	for _, d := range snap.Datasets() {
		fmt.Fprintf(h, "%s %d %d\n", d.Name, d.Rows, d.LoadedAt)
		for _, f := range snap.Files(d.Name) {
			fmt.Fprintf(h, "%s %s %d\n", f.Hash, f.Mapping, f.Kept)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// checkKey identifies everything that a check depends on: the day too, for the sake of what is stale.
func (s *Shop) checkKey(snap *store.Snapshot) (string, error) {
	b, err := json.Marshal([]any{kequn.Version, dataKey(snap), s.Plan.Quality, s.Plan.Datasets, s.Plan.Zone, s.Plan.Campaign, s.Now().UTC().Format("2006-01-02")})
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), nil
}

// settle keeps what a full check of a snapshot found, and says which data are served from now on.
func (s *Shop) settle(ctx context.Context, rep *quality.Report, snap *store.Snapshot, accept bool) (*verdict, error) {
	var old verdict
	if err := s.readDoc(qualityDoc, &old); err != nil {
		return nil, err
	}
	key, err := s.checkKey(snap)
	if err != nil {
		return nil, err
	}
	v := &verdict{Key: key, Data: dataKey(snap), Good: old.Good, Accepted: old.Accepted, Warns: rep.Warns, Rules: len(rep.Results)}
	for _, r := range rep.Broken() {
		if r.Level == quality.Stop {
			v.Stops, v.Texts = append(v.Stops, r.Name), append(v.Texts, r.Words)
		}
		if len(v.Brief) < 5 {
			v.Brief = append(v.Brief, r.Words)
		}
	}
	if accept {
		v.Accepted = v.Data
	}
	return v, s.keepVerdict(ctx, v, old, snap)
}

// keepVerdict writes the verdict and which data are served, if either changes.
func (s *Shop) keepVerdict(ctx context.Context, v *verdict, old verdict, snap *store.Snapshot) error {
	serve := int64(0)
	if v.stopped() {
		if v.Good == snap.Seq() {
			v.Good = 0
		}
		serve = max(v.Good, snap.Serving())
	} else if old.Data != v.Data || old.Good == 0 {
		v.Good = snap.Seq() // its datasets are those that were checked
	}
	a, _ := json.Marshal(old)
	b, _ := json.Marshal(v)
	if string(a) == string(b) && snap.Serving() == serve {
		return nil
	}
	tx, err := s.ws.Begin(ctx, "check")
	if err != nil {
		return err
	}
	defer tx.Abort()
	tx.Serve(serve)
	if err := putDoc(tx, qualityDoc, v); err != nil {
		return err
	}
	return tx.Commit()
}

// stopped tells whether the data that were checked must not be served.
func (v *verdict) stopped() bool { return len(v.Stops) > 0 && v.Accepted != v.Data }

// serving says which data answer, and why it is not the newest.
func (s *Shop) serving(v *verdict) (which, note string) {
	if !v.stopped() {
		if len(v.Stops) > 0 {
			return servingNewest, s.Lang.Pick("数据已被接受，虽然违反了会拦截的规则", "the data were accepted although rules that stop are broken")
		}
		return servingNewest, ""
	}
	snap, err := s.ws.Snapshot()
	if err != nil || snap.Serving() == 0 {
		return servingNothing, s.Lang.Pick("违反了会拦截的规则，且没有更早的可用数据：在修复或接受之前不会给出结果", "rules that stop are broken, and there are no earlier data to serve: nothing is answered until they are mended or accepted")
	}
	return servingEarlier, s.Lang.Pick("违反了会拦截的规则：继续用上一版可用的数据作答", "rules that stop are broken: the last good data go on answering")
}

// nextStep says what can be done about data that are not served.
func (s *Shop) nextStep() string {
	return s.Lang.Pick("kequn check 查看；修正后重新加载，或 kequn check --undo 撤回加载，或在 kequn.yaml 的 quality 中改 level，或 kequn check --accept 照用",
		"kequn check shows them; load mended rows, take the load back with kequn check --undo, change the level under quality in kequn.yaml, or use the data as they are with kequn check --accept")
}

// blocked refuses to answer where the only data there are break a rule that stops.
func (s *Shop) blocked(snap *store.Snapshot) error {
	if snap.Serving() != 0 {
		return nil
	}
	var v verdict
	if err := s.readDoc(qualityDoc, &v); err != nil {
		return err
	}
	if !v.stopped() || v.Data != dataKey(snap) {
		return nil
	}
	// The plan may have been changed since: what is no longer a rule that stops, stops nobody.
	if key, err := s.checkKey(snap); err != nil || key != v.Key {
		return err
	}
	return kequn.Errorf(kequn.KindInput, "", "%s: %s", s.Lang.Pick("数据违反了会拦截的规则", "the data break a rule that stops"), strings.Join(s.inWords(v.Texts), "; ")).WithHint("%s", s.nextStep())
}

// inWords picks the texts of the user's language.
func (s *Shop) inWords(texts [][2]string) []string {
	out := make([]string, len(texts))
	for i, t := range texts {
		out[i] = s.Lang.Pick(t[0], t[1])
	}
	return out
}

// brief says a verdict in a few lines.
func (s *Shop) brief(v *verdict) *QualityBrief {
	b := &QualityBrief{Rules: v.Rules, Stops: len(v.Stops), Warns: v.Warns, Found: s.inWords(v.Brief)}
	b.Serving, b.Note = s.serving(v)
	if v.stopped() {
		b.Note += s.Lang.Pick("。下一步：", ". Next: ") + s.nextStep()
	}
	return b
}

// checkBefore checks the newest data unless just that was done before, and returns what is to be said of it.
func (s *Shop) checkBefore(ctx context.Context) (*QualityBrief, error) {
	snap, err := s.ws.Snapshot()
	if err != nil {
		return nil, err
	}
	var old verdict
	if err := s.readDoc(qualityDoc, &old); err != nil {
		return nil, err
	}
	key, err := s.checkKey(snap)
	if err != nil {
		return nil, err
	}
	if old.Key == key && (snap.Serving() != 0) == (old.stopped() && old.Good > 0) {
		return s.brief(&old), nil
	}
	rep, snap, err := s.inspect(ctx, nil)
	if err != nil {
		return nil, err
	}
	v, err := s.settle(ctx, rep, snap, false)
	if err != nil {
		return nil, err
	}
	return s.brief(v), nil
}

// gated returns the datasets of a load that grow: what comes into them is checked against what was there before anybody is
// answered from it.
func (s *Shop) gated(before *store.Snapshot, res *LoadResult) []string {
	var out []string
	for _, d := range res.Datasets {
		had, ok := before.Dataset(d.Name)
		own := slices.ContainsFunc(s.Plan.Quality, func(q plan.Quality) bool { return q.Dataset == d.Name && q.Level == quality.Stop })
		if !d.Again && d.Kept > 0 && (ok && had.Rows > 0 || own) && !slices.Contains(out, d.Name) {
			out = append(out, d.Name)
		}
	}
	return out
}

// gate checks what a load brought into datasets that had rows. While it does, and if a rule that stops is broken, the data of
// before go on answering. A check that cannot be made leaves them so, and says why.
func (s *Shop) gate(ctx context.Context, before *store.Snapshot, datasets []string, res *LoadResult) error {
	rep, snap, err := s.inspect(ctx, datasets)
	if err != nil {
		if ctx.Err() != nil {
			return err
		}
		res.Quality = &QualityBrief{Serving: servingEarlier, Found: []string{}, Note: s.Lang.Pick("数据已保留，但无法检查："+err.Error()+"；kequn check", "the rows are kept, but could not be checked: "+err.Error()+"; kequn check")}
		return nil
	}
	var old verdict
	if err := s.readDoc(qualityDoc, &old); err != nil {
		return err
	}
	v := &verdict{Data: dataKey(snap), Good: old.Good, Accepted: old.Accepted, Warns: rep.Warns, Rules: len(rep.Results)}
	if before.Serving() == 0 && len(before.Datasets()) > 0 {
		v.Good = before.Seq()
	}
	for _, r := range rep.Broken() {
		if r.Level == quality.Stop {
			v.Stops, v.Texts, v.Brief = append(v.Stops, r.Name), append(v.Texts, r.Words), append(v.Brief, r.Words)
		}
	}
	if !v.stopped() && before.Serving() != 0 {
		return nil // a load that is good by itself does not mend the one before it: run checks all
	}
	if err := s.keepVerdict(ctx, v, old, snap); err != nil {
		return err
	}
	if v.stopped() {
		if v.Key, err = s.checkKey(snap); err != nil { // a rule of the plan is broken whatever else a full check finds
			return err
		}
		res.Quality = s.brief(v)
	}
	return nil
}

// undoLoads takes back the loads since the data that are served.
func (s *Shop) undoLoads(ctx context.Context) error {
	snap, err := s.ws.Snapshot()
	if err != nil {
		return err
	}
	if snap.Serving() == 0 {
		return kequn.Errorf(kequn.KindUsage, "--undo", "%s", s.Lang.Pick("没有被拦截的加载可以撤回", "no load is being held back, so there is none to take back"))
	}
	tx, err := s.ws.Begin(ctx, "check --undo")
	if err != nil {
		return err
	}
	defer tx.Abort()
	if err := tx.Revert(snap.Serving()); err != nil {
		return err
	}
	return tx.Commit()
}
