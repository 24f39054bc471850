package pipeline

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"kequn"
	"kequn/internal/engine"
	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/model/sequence"
	"kequn/internal/plan"
	"kequn/internal/query"
	"kequn/internal/store"
	"kequn/internal/table"
)

// behaviourPrefix begins the names of datasets that the house computes beside the loaded ones: of each customer and cutoff, his embedding by
// a model of behaviour, known just before the cutoff. Features read it like any attribute with history. The rest of the name is the
// beginning of the model's hash, so that definitions say which model they mean.
const behaviourPrefix = "_behaviour_"

// behaved is data with embeddings beside it, computed partition by partition when they are asked for.
type behaved struct {
	engine.Data
	model   *sequence.Model
	set     engine.Dataset
	cutoffs []kequn.Cutoff // that may be asked about, oldest first
	zone    *time.Location
}

// withBehaviour returns data with the model's embeddings at the cutoffs beside it.
func withBehaviour(data engine.Data, name string, m *sequence.Model, zone *time.Location, cutoffs ...kequn.Cutoff) engine.Data {
	d := behaved{Data: data, model: m, zone: zone, cutoffs: slices.Compact(slices.Sorted(slices.Values(cutoffs)))}
	d.set.Name, d.set.Role = name, kequn.Customers
	d.set.First, d.set.Last, d.set.Rows, d.set.Late = kequn.NoTime, kequn.NoTime, 1, true
	for _, column := range m.Names() {
		d.set.Columns = append(d.set.Columns, plan.Column{Name: column, Kind: table.Number, Role: kequn.ColAttribute})
	}
	return d
}

// Datasets implements [engine.Data].
func (d behaved) Datasets() []engine.Dataset { return append(slices.Clone(d.Data.Datasets()), d.set) }

// Part implements [engine.Data].
func (d behaved) Part(ctx context.Context, p int, want []table.Want) (*table.Partition, error) {
	at := slices.IndexFunc(want, func(w table.Want) bool { return w.Dataset == d.set.Name })
	if at < 0 {
		return d.Data.Part(ctx, p, want)
	}
	inner := slices.Delete(slices.Clone(want), at, at+1)
	n := len(inner)
	for _, set := range d.model.Schema.Sets { // so that everybody with an event is among the partition's customers
		if !slices.ContainsFunc(inner, func(w table.Want) bool { return w.Dataset == set.Dataset }) {
			inner = append(inner, table.Want{Dataset: set.Dataset, Columns: []string{engine.TimeColumn}})
		}
	}
	part, err := d.Data.Part(ctx, p, inner)
	if err != nil {
		return nil, err
	}
	rows, err := d.embeddings(ctx, p, part.Customer, want[at].Columns)
	if err != nil {
		return nil, err
	}
	part.Sets = slices.Insert(part.Sets[:n:n], at, *rows)
	return part, nil
}

// embeddings returns a row for each of a partition's customers and each cutoff before which he had an event.
func (d behaved) embeddings(ctx context.Context, p int, customer *table.Column, columns []string) (*table.Set, error) {
	names, width := d.model.Names(), d.model.Width()
	at := make(map[string]int32, customer.Len()) // customers of one partition
	for i := range customer.Len() {
		at[customer.String(i)] = int32(i)
	}
	type found struct {
		rows []int32 // by customer: row of e, −1 for none
		e    []float32
	}
	all := make([]found, len(d.cutoffs))
	for k, c := range d.cutoffs {
		streams, err := d.model.Schema.Read(ctx, d.Data, p, sequence.Look{Before: c, Zone: d.zone, Most: d.model.Options.Window})
		if err != nil {
			return nil, err
		}
		if all[k].e, err = d.model.Embed(ctx, streams, 1); err != nil {
			return nil, err
		}
		all[k].rows = make([]int32, customer.Len())
		for i := range all[k].rows {
			all[k].rows[i] = -1
		}
		for i, name := range streams.Customer {
			if to, ok := at[name]; ok {
				all[k].rows[to] = int32(i)
			}
		}
	}
	set := &table.Set{Start: []int32{0}, Rows: &table.Table{}}
	picked := make([]int, len(columns)) // a number of the embedding, or which column of the house
	for j, name := range columns {
		kind := table.Number
		switch picked[j] = slices.Index(names, name); {
		case name == engine.KnownColumn:
			kind = table.Time
		case picked[j] < 0:
			return nil, kequn.Errorf(kequn.KindInternal, "", "%s has no column %q", d.set.Name, name)
		}
		set.Rows.Columns = append(set.Rows.Columns, table.NewColumn(name, kind, 0))
	}
	n := int32(0)
	for i := range customer.Len() {
		for k, f := range all {
			r := f.rows[i]
			if r < 0 {
				continue
			}
			for j, c := range set.Rows.Columns {
				if picked[j] < 0 {
					c.Int = append(c.Int, int64(d.cutoffs[k])-1)
				} else {
					c.Num = append(c.Num, float64(f.e[int(r)*width+picked[j]]))
				}
			}
			n++
		}
		set.Start = append(set.Start, n)
	}
	return set, nil
}

// behaviourFeatures are the definitions of the model's embeddings.
func behaviourFeatures(set string, m *sequence.Model) []query.Feature {
	var out []query.Feature
	for i, name := range m.Names() {
		out = append(out, query.Feature{Name: name, Node: query.AttrOf(set, name, query.Number), Kind: query.Behaviour, Missing: "no event yet", Sources: behaviourSources(m),
			TextZH: fmt.Sprintf("行为序列特征 %d", i+1), TextEN: fmt.Sprintf("behaviour sequence, pattern %d", i+1)})
	}
	return out
}

// behaviourSources lists what the model reads.
func behaviourSources(m *sequence.Model) []string {
	var out []string
	for _, s := range m.Schema.Sets {
		out = append(out, s.Dataset+"."+engine.TimeColumn)
		for _, c := range s.Columns {
			out = append(out, s.Dataset+"."+c.Name)
		}
	}
	return out
}

// tokensPerSecond is about how many tokens one core learns from in a second, by parameters besides the vocabulary's: measured, and rounded down.
func tokensPerSecond(dim int) float64 { return 4e6 / float64(dim) }

// behaviourPlan chooses the network and the number of steps by what there is to learn from and the seconds there are: a fixed table, so that
// the same data and budget give the same model. ok is false where there is no time for a model worth having.
func behaviourPlan(tokens int, seconds float64, threads int) (o sequence.Options, ok bool) {
	o.Shape = sequence.Shape{Body: sequence.GRU, Dim: 32, Layers: 1}
	if tokens > 2_000_000 {
		o.Shape.Dim = 64
	}
	o.Window = 128
	o.Tokens = min(4096, max(512, tokens/50)) // fifty steps or more to go through the events once
	full := min(20000, max(200, 10*tokens/o.Tokens))
	o.Steps = min(full, int(seconds*tokensPerSecond(o.Shape.Dim)*math.Sqrt(float64(kernel.Threads(threads)))/float64(o.Tokens)))
	return o, o.Steps >= 150
}

// behaviour returns the model of behaviour learnt from what was known before a cutoff, with the name of its dataset. It is nil where there is too
// little to learn from, or no time.
func (s *Shop) behaviour(ctx context.Context, v *view, before kequn.Cutoff, seconds float64) (string, *sequence.Model, error) {
	look := sequence.Look{Before: before, Zone: v.zone, Most: 512, Threads: s.Threads}
	schema, err := sequence.Learn(ctx, v.data, look)
	if err != nil {
		return "", nil, unlessTooLittle(err)
	}
	streams, err := schema.ReadAll(ctx, v.data, look)
	if err != nil {
		return "", nil, err
	}
	o, ok := behaviourPlan(streams.Tokens(), seconds, s.Threads)
	if !ok {
		return "", nil, nil
	}
	o.Seed, o.Threads = s.Seed, s.Threads
	o.Progress = func(_ sequence.Point, _ int, share float64) {
		s.Progress(s.Lang.Pick("行为模型", "model of behaviour"), int64(1000*share), 1000)
	}
	m, err := sequence.Pretrain(ctx, schema, streams, o)
	if err != nil {
		return "", nil, unlessTooLittle(err)
	}
	var file bytes.Buffer
	if err := m.Save(&file); err != nil {
		return "", nil, err
	}
	sum := sha256.Sum256(file.Bytes())
	name := behaviourPrefix + hex.EncodeToString(sum[:6])
	if s.behaviours == nil {
		s.behaviours = map[string]*sequence.Model{}
	}
	s.behaviours[name] = m
	return name, m, nil
}

// unlessTooLittle passes errors on but those that say that there is too little.
func unlessTooLittle(err error) error {
	if kequn.KindOf(err) == kequn.KindNotEnough {
		return nil
	}
	return err
}

// behaviourOf returns the name of the model of behaviour that features read, "" for none.
func behaviourOf(defs []query.Feature) string {
	for _, f := range defs {
		if f.Node.Op == query.Attr && strings.HasPrefix(f.Node.Dataset, behaviourPrefix) {
			return f.Node.Dataset
		}
	}
	return ""
}

// reading returns the view's data with what the features read beside it at the cutoffs.
func (s *Shop) reading(v *view, defs []query.Feature, cutoffs ...kequn.Cutoff) (engine.Data, error) {
	name := behaviourOf(defs)
	if name == "" {
		return v.data, nil
	}
	m := s.behaviours[name]
	if m == nil {
		b, err := v.snap.Blob("models", name)
		if err != nil {
			return nil, err
		}
		if m, err = sequence.Load(bytes.NewReader(b)); err != nil {
			return nil, err
		}
		if s.behaviours == nil {
			s.behaviours = map[string]*sequence.Model{}
		}
		s.behaviours[name] = m
	}
	return withBehaviour(v.data, name, m, v.zone, cutoffs...), nil
}

// keepBehaviour keeps the model of behaviour that features read.
func (s *Shop) keepBehaviour(tx *store.Tx, defs []query.Feature) error {
	name := behaviourOf(defs)
	if name == "" {
		return nil
	}
	var b bytes.Buffer
	if err := s.behaviours[name].Save(&b); err != nil {
		return err
	}
	_, err := tx.PutBlob("models", name, b.Bytes())
	return err
}

// sequenceRung is the rung that sees the embeddings of behaviour beside the features.
const sequenceRung = "sequence"

// behaviourSeconds is what training the model of behaviour may take by the table of costs.
const behaviourSeconds = 60

// attachBehaviour adds the embeddings of behaviour to a study's panel, of a model learnt from what was known before its first cutoff.
func (s *Shop) attachBehaviour(ctx context.Context, v *view, t *study) error {
	all := t.cuts.All()
	name, m, err := s.behaviour(ctx, v, all[0], behaviourSeconds)
	if err != nil {
		return err
	}
	if m == nil {
		t.notes = append(t.notes, s.Lang.Pick("行为序列太少，未训练行为模型", "too little behaviour to train a model of it"))
		return nil
	}
	defs := behaviourFeatures(name, m)
	data, err := s.reading(v, defs, all...)
	if err != nil {
		return err
	}
	p, err := engine.Collect(ctx, s.Engine, data, engine.Request{Cutoffs: all, Zone: v.zone, Features: defs, Who: t.who, Threads: s.Threads})
	if err != nil {
		return err
	}
	at := map[string]int32{} // customer and cutoff of one panel's rows, once a goal
	key := func(p *engine.Panel, i int) string {
		return strconv.Itoa(int(p.Cutoff[i])) + " " + p.Customer.String(i)
	}
	for i := range p.NRows() {
		at[key(p, i)] = int32(i)
	}
	rows := make([]int32, t.panel.NRows())
	for i := range rows {
		r, ok := at[key(t.panel, i)]
		if !ok {
			return kequn.Errorf(kequn.KindInternal, t.goal.Name, "a customer of the goal is not in the panel of behaviour")
		}
		rows[i] = r
	}
	t.panel.X = &table.Table{Columns: append(slices.Clone(t.panel.X.Columns), p.X.Take(rows).Columns...)}
	t.defs = append(t.defs, defs...)
	return nil
}

// unembedded is a learner that does not see the embeddings of behaviour.
type unembedded struct {
	model.Learner
	Seed    uint64
	Threads int
}

// Fit implements [model.Learner].
func (u unembedded) Fit(ctx context.Context, x *table.Table, y model.Outcome, w []float64) (model.Model, error) {
	var names []string
	for _, c := range x.Columns {
		if strings.HasPrefix(c.Name, sequence.NamePrefix) {
			names = append(names, c.Name)
		}
	}
	return model.WithThreads(model.WithSeed(u.Learner, u.Seed), u.Threads).Fit(ctx, x.Drop(names...), y, w)
}

// withSequence returns the rungs with the one that sees the embeddings of behaviour, which is hidden from the others.
func withSequence(rungs []model.Named) []model.Named {
	out := []model.Named{}
	for _, r := range rungs {
		if r.Name != sequenceRung {
			r.Learner = unembedded{Learner: r.Learner}
		}
		out = append(out, r)
	}
	return out
}
