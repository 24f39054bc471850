package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"

	"kequn"
	"kequn/internal/plan"
	"kequn/internal/source"
	"kequn/internal/store"
	"kequn/internal/table"
)

// LoadFlags are what the user says about the files of one load.
type LoadFlags struct {
	Files                                                []string
	As, Name                                             string
	Customer, Time, Amount, ID, Type, Item, Key, KnownAt string
	LoadedAt                                             string
	SinceColumn                                          string // of a database: a second load reads only what is newer
}

func (f LoadFlags) overrides() source.Overrides {
	return source.Overrides{As: kequn.Role(f.As), Customer: f.Customer, Time: f.Time, Amount: f.Amount, ID: f.ID, Type: f.Type, Item: f.Item, Key: f.Key, KnownAt: f.KnownAt}
}

// says tells whether the flags say anything about columns, so that the plan's dataset must follow.
func (f LoadFlags) says() bool { return f.overrides() != source.Overrides{As: kequn.Role(f.As)} }

// LoadResult is what became of the files.
type LoadResult struct {
	Datasets []LoadedFile  `json:"datasets"`
	Quality  *QualityBrief `json:"quality,omitempty"` // where the new rows are held back
}

// LoadedFile is what became of the rows of one file: Read = Kept + Rejected + Duplicate.
type LoadedFile struct {
	Name      string         `json:"name"`
	Role      kequn.Role     `json:"role"`
	File      string         `json:"file"`
	Read      int64          `json:"read"`
	Kept      int64          `json:"kept"`
	Rejected  int64          `json:"rejected"`
	Duplicate int64          `json:"duplicate"`
	Columns   []LoadedColumn `json:"columns"`
	Rejects   string         `json:"rejects"` // file of rejected rows, "" where there are none

	Identical int64          `json:"identical"` // kept rows that repeat another one without an id
	Corrected int64          `json:"corrected"` // kept rows that correct an earlier one
	Reasons   []source.Tally `json:"-"`
	Warnings  []source.Tally `json:"-"`
	Why       []Tally        `json:"reasons"`
	Odd       []Tally        `json:"warnings"`
	Notes     []string       `json:"notes,omitempty"`
	First     string         `json:"first,omitempty"`
	Last      string         `json:"last,omitempty"`
	Again     bool           `json:"loaded_before"`
}

// LoadedColumn is a column as it was read.
type LoadedColumn struct {
	Name string           `json:"name"`
	Type table.Kind       `json:"type"`
	Role kequn.ColumnRole `json:"role"`
}

// Tally counts rows of one reason.
type Tally struct {
	Reason string `json:"reason"`
	Column string `json:"column,omitempty"`
	Rows   int64  `json:"rows"`
	Line   int64  `json:"line"` // of the first one
}

// job is one file on its way in.
type job struct {
	path     string       // as it may be shown
	address  string       // as the user gave it
	file     *source.File // nil while many files wait
	columns  []string
	fields   []string // of JSON: columns that its first objects do not have
	json     bool
	stem     string
	proposal *source.Proposal

	def   plan.Dataset // as it will stand in the plan
	notes map[string]string
	fresh bool        // the plan does not have it yet, or flags change it
	again *store.File // it was loaded before, with the same columns: nobody opens it
	hints []string
	defs  []plan.Dataset // of the plan and of all files of the call
}

// Load reads files into the workspace: all of them or, on an error, none.
func (s *Shop) Load(ctx context.Context, f LoadFlags) (*LoadResult, error) {
	var res *LoadResult
	err := s.locked(ctx, "load", func() (err error) {
		res, err = s.load(ctx, f)
		return err
	})
	if err != nil {
		s.Discard()
	}
	return res, err
}

func (s *Shop) load(ctx context.Context, f LoadFlags) (*LoadResult, error) {
	// A load holds columns of numbers, which the garbage collector passes over: a tight heap costs no time.
	defer debug.SetGCPercent(debug.SetGCPercent(loadGCPercent))
	loadedAt := kequn.At(s.Now())
	if f.LoadedAt != "" {
		t, err := kequn.ParseTime(f.LoadedAt, s.Plan.Location())
		if err != nil {
			return nil, err
		}
		loadedAt = t
	}
	jobs, err := s.jobs(f)
	defer func() {
		for _, j := range jobs {
			if j.file != nil {
				j.file.Close()
			}
		}
	}()
	if err != nil {
		return nil, err
	}
	if err := s.checkJobs(jobs); err != nil {
		return nil, err
	}
	tx, err := s.ws.Begin(ctx, "load")
	if err != nil {
		return nil, err
	}
	defer tx.Abort()
	res := &LoadResult{}
	rejects := &rejectFiles{shop: s}
	defer rejects.abort()
	looked := lookups{}
	for _, j := range jobs {
		one, err := s.loadFile(ctx, tx, j, loadedAt, f.SinceColumn, rejects, looked)
		if err != nil {
			return nil, err
		}
		res.Datasets = append(res.Datasets, *one)
	}
	if !slices.ContainsFunc(res.Datasets, func(d LoadedFile) bool { return !d.Again }) && !slices.ContainsFunc(jobs, func(j *job) bool { return j.fresh }) {
		return res, nil // nothing is new: not a byte changes
	}
	edit := s.edit()
	for _, j := range jobs {
		if j.fresh {
			edit.PutDataset(j.def, j.notes)
		}
	}
	s.suggest(edit, jobs)
	if err := s.keepLoadDoc(tx, res); err != nil {
		return nil, err
	}
	if err := rejects.commit(tx); err != nil {
		return nil, err
	}
	was, err := s.ws.Snapshot()
	if err != nil {
		return nil, err
	}
	gated := s.gated(was, res)
	if len(gated) > 0 && was.Serving() == 0 && len(was.Datasets()) > 0 {
		tx.Serve(was.Seq()) // until they are checked
	}
	before := s.text
	if err := s.writePlan(edit); err != nil {
		return nil, err
	}
	if err := tx.Commit(); err != nil {
		return nil, errors.Join(err, s.restorePlan(before))
	}
	if len(gated) > 0 {
		return res, s.gate(ctx, was, gated, res)
	}
	return res, nil
}

// jobs opens the files, says what each is, and puts lookups first, because times may come from them.
func (s *Shop) jobs(f LoadFlags) ([]*job, error) {
	files, passed, err := source.Expand(f.Files)
	if err != nil {
		return nil, err
	}
	known, err := s.filesBefore(f)
	if err != nil {
		return nil, err
	}
	var jobs []*job
	for _, path := range files {
		if j := known.find(path); j != nil {
			jobs = append(jobs, j)
			continue
		}
		j := &job{path: path}
		if err := s.open(j); err != nil {
			return jobs, err
		}
		jobs = append(jobs, j)
		if f.SinceColumn != "" && !j.file.IsDatabase() {
			return jobs, j.file.Since(f.SinceColumn, "", false)
		}
		if j.proposal, err = j.file.Propose(f.overrides()); err != nil {
			return jobs, err
		}
		j.hints = j.proposal.Hints
		if len(files) > maxOpen && !j.file.IsDatabase() { // samples of many files would fill the memory
			j.columns, j.stem = j.file.Columns, j.file.Stem()
			j.file.Close()
			j.file = nil
		}
	}
	if len(passed) > 0 && len(jobs) > 0 {
		more := ""
		if len(passed) > 5 {
			passed, more = passed[:5], " …"
		}
		jobs[0].hints = append(jobs[0].hints, s.Lang.Pick("文件夹中不是表格的文件已跳过：", "passed over, being no tables: ")+strings.Join(passed, ", ")+more)
	}
	slices.SortStableFunc(jobs, func(a, b *job) int { return loadOrder(a.role()) - loadOrder(b.role()) })
	defs := slices.Clone(s.Plan.Datasets)
	for _, j := range jobs {
		if j.again != nil {
			continue
		}
		if err := s.define(j, f, defs); err != nil {
			return jobs, s.amongOthers(j, len(files), err)
		}
		if i := slices.IndexFunc(defs, func(d plan.Dataset) bool { return d.Name == j.def.Name }); i >= 0 {
			defs[i] = j.def
		} else {
			defs = append(defs, j.def)
		}
	}
	for _, j := range jobs {
		j.defs = defs
	}
	return jobs, nil
}

// loadGCPercent is how much a load's heap may grow between two collections.
const loadGCPercent = 25

// maxOpen is how many files are held open, with their samples, between looking at all of them and reading them.
const maxOpen = 16

// open opens the job's file. From then on its path is what may be shown: of a database the address without user and query.
func (s *Shop) open(j *job) error {
	path := j.path
	if j.address != "" {
		path = j.address
	}
	file, err := source.Open(path, source.Options{Zone: s.Plan.Location(), Now: s.Now(), Threads: s.Threads, Fields: j.fields})
	if err != nil {
		return err
	}
	j.json = file.Format == source.JSON
	j.file, j.address, j.path, j.columns, j.stem = file, path, file.Path, file.Columns, file.Stem()
	return nil
}

func (j *job) role() kequn.Role {
	if j.proposal != nil {
		return j.proposal.Role
	}
	return j.def.Role
}

// filesBefore are the files of earlier loads, by which a folder's old files are passed over without a look into them.
type filesBefore struct {
	byHash map[string]*job // looked up only
}

// filesBefore lists the files that were loaded with the columns that the plan has today. Flags that say anything about
// columns or datasets may change what a file is, so then there are none.
func (s *Shop) filesBefore(f LoadFlags) (filesBefore, error) {
	out := filesBefore{byHash: map[string]*job{}}
	if f.says() || f.As != "" || f.Name != "" || f.SinceColumn != "" {
		return out, nil
	}
	snap, err := s.ws.Snapshot()
	if err != nil {
		return out, err
	}
	for _, d := range s.Plan.Datasets {
		if d.Role == kequn.Lookup {
			continue // others may take their times from its rows
		}
		kept := keptColumns(d)
		for _, file := range snap.Files(d.Name) {
			if before, ok := snap.HasFile(kept, file.Hash); ok {
				out.byHash[file.Hash] = &job{def: d, again: &before}
			}
		}
	}
	return out, nil
}

// find returns the job of a file that was loaded before, or nil.
func (b filesBefore) find(path string) *job {
	if len(b.byHash) == 0 {
		return nil
	}
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return nil // a database, a sheet, or nothing at all
	}
	hash, err := fileHash(path)
	if err != nil {
		return nil
	}
	j := b.byHash[hash]
	if j == nil {
		return nil
	}
	return &job{path: path, def: j.def, again: j.again}
}

// keptColumns is a dataset as the store has it: without the ignored columns.
func keptColumns(d plan.Dataset) plan.Dataset {
	kept := plan.Dataset{Name: d.Name, Role: d.Role}
	for _, c := range d.Columns {
		if c.Role != kequn.ColIgnore {
			kept.Columns = append(kept.Columns, c)
		}
	}
	return kept
}

// borrowTime gives a dataset that needs a time and shows none the first date of a lookup that one of its columns is a key
// of: sends take the start of their campaign.
func (j *job) borrowTime(defs []plan.Dataset) {
	p := j.proposal
	if len(p.Missing) == 0 || p.Missing[0] != kequn.ColTime {
		return
	}
	for _, d := range defs {
		key := d.With(kequn.ColKey)
		if d.Role != kequn.Lookup || key == nil || !slices.Contains(j.columns, key.Name) {
			continue
		}
		for _, c := range d.Columns {
			if c.Kind != table.Time {
				continue
			}
			from := key.Name + "." + c.Name
			p.Columns = append(p.Columns, source.Column{Name: c.Name, Kind: table.Time, Role: kequn.ColTime, From: from, Layout: c.Layout,
				Evidence: "the file has no time; taken from " + d.Name})
			p.Missing = p.Missing[1:]
			j.hints = []string{"the time comes from " + from + " of " + d.Name}
			return
		}
	}
}

func loadOrder(r kequn.Role) int {
	switch r {
	case kequn.Lookup:
		return 0
	case kequn.Customers:
		return 1
	}
	return 2
}

// define says which dataset a file is part of. A dataset of the plan that the file fits stands as the user left it.
func (s *Shop) define(j *job, f LoadFlags, defs []plan.Dataset) error {
	p := j.proposal
	name := f.Name
	if name == "" {
		name = string(p.Role)
		if p.Role == kequn.Lookup {
			name = stem(j.stem)
		}
	}
	existing := findDataset(defs, name)
	if err := s.leftOut(j, existing); err != nil {
		return err
	}
	if existing != nil && !fits(*existing, j.columns) && f.Name == "" {
		// Another table of the same role: it gets a name of its own.
		name = stem(j.stem)
		existing = findDataset(defs, name)
	}
	if existing != nil && !f.says() && (f.As == "" || kequn.Role(f.As) == existing.Role) {
		if missing := lacking(*existing, j.columns); missing != nil {
			return kequn.Errorf(kequn.KindInput, j.path, s.Lang.Pick("没有 %q 列，而 %[3]s 中的数据集 %[2]q 有这一列", "has no column %q, which dataset %q has in %s"), missing[0], name, plan.FileName).
				WithHint(s.Lang.Pick("它的列有 %s；可用 --name 换一个名字载入", "its columns are %s; load it under another name with --name"), strings.Join(j.columns, ", "))
		}
		j.def, j.hints = *existing, s.unread(*existing, j.columns) // what the file alone looked like no longer matters
		return nil
	}
	j.borrowTime(defs)
	if err := p.Problem(); err != nil {
		return err
	}
	j.def, j.fresh, j.notes = plan.Dataset{Name: name, Role: p.Role}, true, map[string]string{}
	for _, c := range p.Columns {
		j.def.Columns = append(j.def.Columns, plan.Column{Name: c.Name, Kind: c.Kind, Role: c.Role, Scale: c.Scale, Layout: c.Layout,
			From: c.From, Fixed: c.Fixed, Sensitive: c.Sensitive})
		j.notes[c.Name] = c.Evidence
	}
	return nil
}

// amongOthers adds to a refusal of one of several files that none was loaded, and what to do with it by itself: the flags of a load hold for all of its files.
func (s *Shop) amongOthers(j *job, files int, err error) error {
	var e *kequn.Error
	if files < 2 || j.proposal == nil || !errors.As(err, &e) || e.Kind != kequn.KindInput {
		return err
	}
	hint := fmt.Sprintf(s.Lang.Pick("%d 个文件都没有载入。请把这个文件移出文件夹（或不列出它）再载入其余的", "none of the %d files was loaded. Move this one out of the folder, or leave it out, to load the others"), files)
	if key := j.proposal.LookupKey(); key != "" {
		hint += fmt.Sprintf(s.Lang.Pick("；它若不是关于客户的，可单独载入：kequn load %[1]s --as lookup --key %[2]s（%[2]s 的值各不相同）", "; if it is not about customers, load it by itself: kequn load %[1]s --as lookup --key %[2]s (all values of %[2]s differ)"), j.path, key)
	}
	if e.Hint != "" {
		hint += s.Lang.Pick("。", ". ") + e.Hint
	}
	return e.WithHint("%s", hint)
}

// leftOut opens a file of objects again with the dataset's columns that its first objects do not have: objects may leave fields out. So it is where the file has no
// field that the dataset lacks, and has all that say who, when and how much; otherwise it is another table.
func (s *Shop) leftOut(j *job, d *plan.Dataset) error {
	if d == nil || !j.json || slices.ContainsFunc(j.columns, func(c string) bool { return d.Column(c) == nil }) {
		return nil
	}
	missing := lacking(*d, j.columns)
	for _, c := range missing {
		if r := d.Column(c).Role; !soft(r) {
			return nil
		}
	}
	if missing == nil {
		return nil
	}
	open := j.file != nil
	if open {
		j.file.Close()
		j.file = nil
	}
	j.fields = missing
	if err := s.open(j); err != nil {
		return err
	}
	if !open {
		j.file.Close()
		j.file = nil
	}
	return nil
}

// newFields names the fields that came after the first rows and were left out, with their rows and what to do.
func (s *Shop) newFields(d plan.Dataset, fields []source.FieldRows) []string {
	if len(fields) == 0 {
		return nil
	}
	var parts []string
	for i, f := range fields {
		if i == 8 {
			parts = append(parts, "…")
			break
		}
		parts = append(parts, fmt.Sprintf(s.Lang.Pick("%s（%d 行）", "%s (%d rows)"), f.Name, f.Rows))
	}
	return []string{fmt.Sprintf(s.Lang.Pick("文件开头没有、后面才出现的字段未读入：%[1]s；要读入，请在 kequn.yaml 的 %[2]s 中加上该列（如 %[3]s: {kind: text, role: attribute}），再重新加载此文件",
		"fields that come after the file's first rows are not read: %[1]s; to read them, add them to %[2]s in kequn.yaml (as %[3]s: {kind: text, role: attribute}) and load the file again"), strings.Join(parts, ", "), d.Name, fields[0].Name)}
}

// unread names columns of a file that the plan's dataset does not have: they are not read, and that must not pass in silence.
func (s *Shop) unread(d plan.Dataset, columns []string) []string {
	var more []string
	for _, c := range columns {
		if c != "" && d.Column(c) == nil {
			more = append(more, c)
		}
	}
	if more == nil {
		return nil
	}
	return []string{fmt.Sprintf(s.Lang.Pick("%[2]s 中没有、因此未读入的列：%[1]s；要读入，请在 kequn.yaml 中加上该列，再重新加载", "columns that %[2]s does not have and that are not read: %[1]s; to read them, add them to kequn.yaml and load again"), strings.Join(more, ", "), d.Name)}
}

func findDataset(defs []plan.Dataset, name string) *plan.Dataset {
	for i := range defs {
		if defs[i].Name == name {
			return &defs[i]
		}
	}
	return nil
}

// fits tells whether a file has at least the columns that make up the dataset.
func fits(d plan.Dataset, columns []string) bool { return lacking(d, columns) == nil }

// lacking returns the dataset's columns that the file should have and has not.
func lacking(d plan.Dataset, columns []string) (missing []string) {
	for _, c := range d.Columns {
		if c.From == "" && !slices.Contains(columns, c.Name) {
			missing = append(missing, c.Name)
		}
	}
	return missing
}

// stem returns a dataset's name from a file's: products.csv.gz is products.
func stem(base string) string {
	base = notName.ReplaceAllString(base, "_")
	if base == "" || base[0] >= '0' && base[0] <= '9' || base[0] == '-' {
		base = "data_" + base
	}
	return base[:min(len(base), 60)]
}

var notName = regexp.MustCompile(`[^\p{L}\p{N}_-]+`)

// checkJobs refuses what the plan would refuse after the work.
func (s *Shop) checkJobs(jobs []*job) error {
	p := *s.Plan
	p.Datasets = slices.Clone(p.Datasets)
	for _, j := range jobs {
		if d := p.Dataset(j.def.Name); d != nil {
			*d = j.def
		} else {
			p.Datasets = append(p.Datasets, j.def)
		}
	}
	return p.Check()
}

// schema returns the columns that the file's reader shall deliver, in the plan's order: not the ignored ones, and not
// those that come from lookups.
func (j *job) schema() []source.Column {
	var out []source.Column
	for _, c := range j.def.Columns {
		if c.Role == kequn.ColIgnore || byLookup(c) {
			continue
		}
		out = append(out, source.Column{Name: c.Name, Kind: c.Kind, Role: c.Role, Scale: c.Scale, Layout: c.Layout, From: c.From, Fixed: c.Fixed, Sensitive: c.Sensitive})
	}
	return out
}

// byLookup tells whether a column's values come from a lookup: from: campaign_id.start_date.
func byLookup(c plan.Column) bool { return c.From != "" && !strings.ContainsAny(c.From, "*×") }

func (s *Shop) loadFile(ctx context.Context, tx *store.Tx, j *job, loadedAt kequn.Instant, since string, rejects *rejectFiles, looked lookups) (*LoadedFile, error) {
	res := &LoadedFile{Name: j.def.Name, Role: j.def.Role, File: j.path, Notes: slices.Clone(j.hints)}
	for _, c := range j.def.Columns {
		res.Columns = append(res.Columns, LoadedColumn{c.Name, c.Kind, c.Role})
	}
	again := func(before store.File) *LoadedFile {
		res.Read = before.Kept + before.Duplicate + before.Rejected
		res.Duplicate, res.Again, res.Notes = res.Read, true, nil
		return res
	}
	if j.again != nil {
		return again(*j.again), nil
	}
	if j.file == nil {
		if err := s.open(j); err != nil {
			return nil, err
		}
		defer func() { j.file.Close(); j.file = nil }()
	}
	schema := j.schema()
	kept := keptColumns(j.def)
	from, err := s.resume(j, kept, since)
	if err != nil {
		return nil, err
	}
	hash := ""
	if from.before || !j.file.IsDatabase() && tx.HasFiles(kept.Name) { // what is read for the first time tells the hash afterwards
		sum, err := j.file.Digest(ctx, schema)
		if err != nil {
			return nil, err
		}
		hash = hex.EncodeToString(sum[:])
		if before, ok := tx.HasFile(kept, hash); ok {
			return again(before), nil
		}
	}
	if err := from.refuse(j, s.Lang); err != nil {
		return nil, err
	}
	cursor, err := from.next(ctx, j)
	if err != nil {
		return nil, err
	}
	load, err := tx.Load(kept, store.LoadOptions{File: j.file.Name(), FileHash: hash, LoadedAt: loadedAt, Cursor: cursor})
	if err != nil {
		return nil, err
	}
	out := rejects.open(j.def.Name, j.path)
	join, err := s.joinFor(ctx, j, looked)
	if err != nil {
		return nil, err
	}
	step := s.Lang.Pick("读入 ", "load ") + j.file.Name()
	var rows, unjoined, firstUnjoined int64
	counts, err := j.file.Read(ctx, schema, func(b *source.Batch) error {
		t, lines := b.Table, b.Line
		if join != nil {
			var missing []int64
			t, lines, missing = join.apply(t, lines)
			for _, line := range missing {
				if unjoined++; unjoined == 1 {
					firstUnjoined = line
				}
				if err := out.write(source.Reject{Line: line, Reason: source.MissingTime, Column: join.column}); err != nil {
					return err
				}
			}
		}
		rows += int64(t.NRows())
		if j.def.Role == kequn.Lookup {
			if err := looked.collect(j.def, t); err != nil {
				return err
			}
		}
		s.Progress(step, rows, max(j.file.Rows, 0))
		return load.Append(t, lines)
	}, out.write)
	if err != nil {
		return nil, err
	}
	res.Notes = append(slices.Clone(j.file.Notes), append(from.notes, res.Notes...)...)
	if hash == "" {
		hash = hex.EncodeToString(counts.SHA256[:])
		load.SetFileHash(hash)
	}
	if counts.Read == 0 && from.before {
		load.SetFileHash("") // nothing was said that was not known
		if _, err := load.Close(); err != nil {
			return nil, err
		}
		res.Again = true
		return res, nil
	}
	if counts.Read == 0 {
		return nil, kequn.Errorf(kequn.KindInput, j.path, "%s", s.Lang.Pick("只有表头，没有数据行", "has a header line and no row below it"))
	}
	load.AddRejected(counts.Rejected + unjoined)
	c, err := load.Close()
	if err != nil {
		return nil, err
	}
	for _, r := range c.Rejects {
		if err := out.write(source.Reject{Line: r.Line, Reason: source.Reason(r.Reason)}); err != nil {
			return nil, err
		}
	}
	res.Read, res.Kept, res.Duplicate = counts.Read, c.Kept, c.Duplicate
	res.Rejected = counts.Rejected + unjoined + c.Rejected
	res.Identical, res.Corrected = c.Identical, c.Corrected
	res.Rejects = out.name()
	res.Notes = append(res.Notes, s.newFields(j.def, counts.NewFields)...)
	res.Reasons, res.Warnings = counts.Reasons, counts.Warnings
	res.Why, res.Odd = tallies(counts.Reasons), tallies(counts.Warnings)
	if unjoined > 0 {
		res.Why = append(res.Why, Tally{Reason: string(source.MissingTime), Column: join.column, Rows: unjoined, Line: firstUnjoined})
	}
	if c.Rejected > 0 {
		res.Why = append(res.Why, Tally{Reason: "conflicting_id", Rows: c.Rejected, Line: c.Rejects[0].Line})
	}
	if c.First != kequn.NoTime {
		res.First, res.Last = kequn.FormatZone(c.First, s.Plan.Location()), kequn.FormatZone(c.Last, s.Plan.Location())
	}
	if res.Read != res.Kept+res.Rejected+res.Duplicate {
		return nil, kequn.Errorf(kequn.KindInternal, j.path, "read %d rows, but kept %d, rejected %d and found %d duplicate", res.Read, res.Kept, res.Rejected, res.Duplicate)
	}
	return res, nil
}

func tallies(list []source.Tally) []Tally {
	out := []Tally{}
	for _, t := range list {
		out = append(out, Tally{Reason: string(t.Reason), Column: t.Column, Rows: t.Rows, Line: t.Line})
	}
	return out
}

func fileHash(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", kequn.Errorf(kequn.KindInput, path, "cannot be read: %v", err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", kequn.Errorf(kequn.KindInput, path, "cannot be read: %v", err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// keepLoadDoc adds the load to what the report shows.
func (s *Shop) keepLoadDoc(tx *store.Tx, res *LoadResult) error {
	var all []LoadedFile
	if err := s.readDoc("loads", &all); err != nil {
		return err
	}
	for _, d := range res.Datasets {
		if !d.Again {
			all = append(all, d)
		}
	}
	return putDoc(tx, "loads", all)
}

// suggest adds goals and segments to a plan that has none, as far as the data can carry them: what customers buy is asked
// about first, else what they do.
func (s *Shop) suggest(e *plan.Edit, jobs []*job) {
	if len(s.Plan.Goals) > 0 || len(s.Plan.Segments) > 0 {
		return
	}
	rank := map[kequn.Role]int{kequn.Orders: 3, kequn.Items: 2, kequn.Events: 1} // looked up only
	var deeds *plan.Dataset
	for _, j := range jobs {
		if r := rank[j.def.Role]; r > 0 && (deeds == nil || r > rank[deeds.Role]) {
			deeds = &j.def
		}
	}
	if deeds == nil {
		return
	}
	again := "buys_again"
	if deeds.Role == kequn.Events {
		again = "comes_back"
	}
	e.PutGoal(plan.Goal{Name: again, Event: deeds.Name, Within: kequn.Days(30)})
	e.PutGoal(plan.Goal{Name: "churn", Event: deeds.Name, Absent: true, Within: kequn.Days(90), Who: fmt.Sprintf("%s.last(\"180d\").exists()", deeds.Name)})
	if a := deeds.With(kequn.ColAmount); a != nil && deeds.Role != kequn.Events {
		e.PutGoal(plan.Goal{Name: "spend", Sum: deeds.Name + "." + a.Name, Within: kequn.Days(90)})
	}
	if deeds.Role != kequn.Events {
		e.PutSegmentation(plan.Segmentation{Name: "rfm", Method: "rfm"})
		e.PutSegmentation(plan.Segmentation{Name: "behaviour", Method: "behaviour"})
	}
}
