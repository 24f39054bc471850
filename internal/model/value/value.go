// Package value forecasts counts and amounts of customers: the mean of a lifetime model, of trees, and of whether times how much.
//
// A row is a customer at a cutoff; its outcome is what he did from then on. Cutoffs to learn from lie near the present, so that their outcomes may cover fewer days
// than the horizon that is asked about. Three columns of the table, which no model reads when it predicts, say how a row relates to the question:
//
//	~base    what a lifetime model, fitted at the row's own cutoff, expected of the row's own window
//	~chance  the same model's chance of anything at all in it
//	~scale   by what its outcome was multiplied to stand for the horizon; those judged have 1
//
// Outcomes are given as if windows were as long as the horizon.
//
// The parts of a forecast:
//
//	base     the lifetime model's own expectation
//	poisson  trees, fitted to the outcome by Poisson's loss
//	tweedie  the same by Tweedie's loss of power 1.5
//	twopart  P(anything) × amount where there is any: trees for P that know the lifetime model's, and its amount × trees, fitted to (outcome/scale)/amount with
//	         weight amount^(2−power), which is Tweedie's loss with an offset
//
// They err in different ways, and their plain mean errs least: see docs/decisions/009-value.md.
package value

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/table"
)

// Family is the name of a [Model] in model files.
const Family = "value"

// Columns of a training table that say how a row relates to the question.
const (
	BaseColumn   = "~base"
	ChanceColumn = "~chance"
	ScaleColumn  = "~scale"
)

// expected is the name under which trees that tell whether anything happens see the lifetime model's chance of it.
const expected = "lifetime_chance"

// Forecaster is a fitted lifetime model.
type Forecaster interface {
	model.Model
	// Outlook returns the expected outcome of each row and the chance that there is any.
	Outlook(x *table.Table) (mean, chance []float64, err error)
}

// Kind is a way to forecast.
type Kind string

// The kinds of part.
const (
	Base    Kind = "base"
	Poisson Kind = "poisson"
	Tweedie Kind = "tweedie"
	TwoPart Kind = "twopart"
)

// Learner fits a mean of parts.
type Learner struct {
	Parts []Kind
	Power float64 // of TwoPart: how the variance of outcomes grows with their mean: 1 counts, 1.5 amounts

	// Base is the lifetime model of the cutoff that is to be scored, for its horizon. Without it only Poisson and Tweedie can be fitted.
	Base   Forecaster
	Factor float64 // by which the part base is multiplied: what earlier forecasts missed; 0 means 1

	// Correct, Alone and Whether make the learners of trees: with a loss of the given power for those that correct a forecast and for those that stand alone,
	// and of yes and no.
	Correct, Alone func(power float64) model.Learner
	Whether        func() model.Learner

	Fits *Fits // shared by learners with the same makers of trees and the same Base; nil remembers nothing

	Seed    uint64
	Threads int
}

// Name implements [model.Learner].
func (Learner) Name() string { return Family }

// Fit implements [model.Learner]. Negative outcomes (refunds) count as nothing for the trees, whose losses know no negative amounts, and all forecasts are
// multiplied by what refunds leave of the total.
func (l Learner) Fit(ctx context.Context, x *table.Table, y model.Outcome, w []float64) (model.Model, error) {
	began := time.Now()
	rows, err := model.Check(x, y, w)
	if err != nil {
		return nil, err
	}
	if y.Task != kequn.Regression || len(l.Parts) == 0 {
		return nil, fmt.Errorf("value: wants a regression and parts")
	}
	d, err := read(x, y, w)
	if err != nil {
		return nil, err
	}
	m := &Model{base: l.Base, keep: d.keep}
	key := fitKey{seed: l.Seed, power: l.Power}
	if l.Fits != nil {
		key.content = d.content()
	}
	for _, k := range l.Parts {
		key.kind = k
		p, ok := l.Fits.get(key)
		if !ok {
			if p, err = l.part(ctx, d, k); err != nil {
				return nil, err
			}
			if k != Base { // which costs nothing, and is of its own learner
				l.Fits.put(key, p)
			}
		}
		m.parts = append(m.parts, p)
	}
	m.setHeader(rows)
	m.h.Seconds = time.Since(began).Seconds()
	return m, nil
}

// part fits one part.
func (l Learner) part(ctx context.Context, d *data, k Kind) (p part, err error) {
	p.Kind = k
	if !p.alone() && l.Base == nil {
		return p, fmt.Errorf("value: %s wants a lifetime model", k)
	}
	switch k {
	case Base:
		if p.factor = l.Factor; p.factor == 0 {
			p.factor = 1
		}
		return p, nil
	case Poisson:
		p.amount, err = l.plain(ctx, d, 1)
	case Tweedie:
		p.amount, err = l.plain(ctx, d, 1.5)
	case TwoPart:
		p.whether, p.amount, err = l.twoPart(ctx, d)
	default:
		err = fmt.Errorf("value: no part %q", k)
	}
	if err == nil {
		p.factor, err = d.level(p)
	}
	return p, err
}

// Bare is any learner, which does not see the three columns.
type Bare struct {
	Learner model.Learner
	Seed    uint64
	Threads int
}

// Name implements [model.Learner].
func (s Bare) Name() string { return s.Learner.Name() }

// Fit implements [model.Learner].
func (s Bare) Fit(ctx context.Context, x *table.Table, y model.Outcome, w []float64) (model.Model, error) {
	return model.WithThreads(model.WithSeed(s.Learner, s.Seed), s.Threads).Fit(ctx, bare(x), y, w)
}

// Given is a learner of a model that is fitted already.
type Given struct{ Model model.Model }

// Name implements [model.Learner].
func (g Given) Name() string { return g.Model.Header().Family }

// Fit implements [model.Learner].
func (g Given) Fit(context.Context, *table.Table, model.Outcome, []float64) (model.Model, error) {
	return g.Model, nil
}

// bare returns the table without the three columns.
func bare(x *table.Table) *table.Table { return x.Drop(BaseColumn, ChanceColumn, ScaleColumn) }

// data is a training table with its columns taken apart.
type data struct {
	x                         *table.Table
	y, w, base, chance, scale []float64
	keep                      float64 // of the total, after refunds
}

func read(x *table.Table, y model.Outcome, w []float64) (*data, error) {
	d := &data{x: bare(x), w: w, y: make([]float64, len(y.Y)), keep: 1}
	for name, to := range map[string]*[]float64{BaseColumn: &d.base, ChanceColumn: &d.chance, ScaleColumn: &d.scale} { // order does not matter
		if c := x.Column(name); c != nil {
			*to = c.Num
		}
	}
	if d.scale == nil {
		d.scale = slices.Repeat([]float64{1}, len(y.Y))
	}
	gross, net := 0.0, 0.0
	for i, v := range y.Y {
		d.y[i] = max(0, v)
		gross += d.y[i]
		net += v
	}
	if gross > 0 {
		d.keep = max(0, net/gross)
	}
	if gross == 0 {
		return nil, kequn.Errorf(kequn.KindNotEnough, "", "nobody did anything in the windows that are learnt from").WithHint("a longer horizon, or a wider population")
	}
	return d, nil
}

// level returns by what a part is multiplied, so that it gives the total of the rows that it was fitted to: the losses of amounts weigh small ones more, and
// leave a few percent of the total out.
func (d *data) level(p part) (float64, error) {
	p.factor = 1
	f, err := p.predict(d.x, d.base, d.chance)
	if err != nil {
		return 0, err
	}
	said, did := 0.0, 0.0
	for i, v := range f {
		y := d.y[i]
		if !p.alone() { // of the row's own window
			y /= d.scale[i]
		}
		said += d.weight(i) * v
		did += d.weight(i) * y
	}
	if !(said > 0 && did > 0) {
		return 1, nil
	}
	return did / said, nil
}

func (l Learner) seeded(trees model.Learner) model.Learner {
	return model.WithThreads(model.WithSeed(trees, l.Seed), l.Threads)
}

func (d *data) weight(i int) float64 {
	if d.w == nil {
		return 1
	}
	return d.w[i]
}

// ratio fits trees to y/mean with weight mean^(2−power), over the rows that use tells. Means are held above a thousandth of their average.
func (l Learner) ratio(ctx context.Context, d *data, mean []float64, use func(i int) bool) (model.Model, error) {
	var rows []int32
	total, weight := 0.0, 0.0
	for i := range mean {
		if use(i) && d.weight(i) > 0 {
			rows = append(rows, int32(i))
			total += mean[i] * d.weight(i)
			weight += d.weight(i)
		}
	}
	if !(total > 0) {
		return nil, model.ErrNoRows
	}
	least := floorShare * total / weight
	y, w := make([]float64, len(rows)), make([]float64, len(rows))
	sum := 0.0
	for k, i := range rows {
		m := max(least, mean[i])
		y[k] = d.y[i] / (d.scale[i] * m)
		w[k] = d.weight(int(i)) * math.Pow(m, 2-l.Power)
		sum += w[k]
	}
	for k := range w { // trees count rows by weight
		w[k] *= weight / sum
	}
	x := d.x
	if len(rows) < x.NRows() {
		x = x.Take(rows)
	}
	return l.seeded(l.Correct(l.Power)).Fit(ctx, x, model.Outcome{Task: kequn.Regression, Y: y}, w)
}

// floorShare is the least forecast that trees correct, as a share of the mean: below, a single order would be a thousandfold surprise.
const floorShare = 1e-3

// plain fits trees to outcomes whose variance is as the mean to the power: Poisson's loss listens more to those who do much, Tweedie's to everybody.
func (l Learner) plain(ctx context.Context, d *data, power float64) (model.Model, error) {
	return l.seeded(l.Alone(power)).Fit(ctx, d.x, model.Outcome{Task: kequn.Regression, Y: d.y}, d.w)
}

func (l Learner) twoPart(ctx context.Context, d *data) (whether, amount model.Model, err error) {
	if d.base == nil || d.chance == nil {
		return nil, nil, fmt.Errorf("value: no column %s", ChanceColumn)
	}
	buys := make([]float64, len(d.y))
	for i, v := range d.y {
		if v > 0 {
			buys[i] = 1
		}
	}
	x := table.New(append(slices.Clone(d.x.Columns), &table.Column{Name: expected, Kind: table.Number, Num: d.chance})...)
	whether, err = l.seeded(l.Whether()).Fit(ctx, x, model.Outcome{Task: kequn.Binary, Y: buys}, d.w)
	if err != nil {
		return nil, nil, err
	}
	amount, err = l.ratio(ctx, d, perBuyer(d.base, d.chance), func(i int) bool { return d.y[i] > 0 })
	return whether, amount, err
}

// perBuyer is what a lifetime model expects of those who do anything at all.
func perBuyer(mean, chance []float64) []float64 {
	out := make([]float64, len(mean))
	for i := range out {
		out[i] = mean[i] / max(leastChance, chance[i])
	}
	return out
}

const leastChance = 1e-4

// part is one way to forecast, fitted.
type part struct {
	Kind            Kind
	whether, amount model.Model
	factor          float64 // of the whole part
}

// Model is a mean of parts.
type Model struct {
	h     model.Header
	base  Forecaster
	parts []part
	keep  float64
}

// alone tells whether a part does without the lifetime model.
func (p part) alone() bool { return p.Kind == Poisson || p.Kind == Tweedie }

func (m *Model) setHeader(rows int) {
	m.h = model.Header{Family: Family, Version: 1, Task: kequn.Regression, Rows: rows}
	add := func(o model.Model) {
		if o == nil {
			return
		}
		for _, c := range o.Header().Columns {
			if at, ok := slices.BinarySearchFunc(m.h.Columns, c.Name, func(a model.Column, name string) int { return strings.Compare(a.Name, name) }); !ok && c.Name != expected {
				m.h.Columns = slices.Insert(m.h.Columns, at, c)
			}
		}
	}
	if m.base != nil {
		add(m.base)
	}
	for _, p := range m.parts {
		add(p.whether)
		add(p.amount)
		m.h.Params = append(m.h.Params, model.Value{Name: string(p.Kind), Value: 1 / float64(len(m.parts))})
	}
	m.h.Params = append(m.h.Params, model.Value{Name: "kept_after_refunds", Value: m.keep})
}

// Header implements [model.Model]. Its parameters are the shares of the parts.
func (m *Model) Header() model.Header { return m.h }

// Base returns the lifetime model, nil where there is none.
func (m *Model) Base() Forecaster { return m.base }

// Predict implements [model.Model].
func (m *Model) Predict(x *table.Table) ([]float64, error) {
	var mean, chance []float64
	if m.base != nil {
		var err error
		if mean, chance, err = m.base.Outlook(x); err != nil {
			return nil, err
		}
	}
	out := make([]float64, x.NRows())
	for _, p := range m.parts {
		one, err := p.predict(x, mean, chance)
		if err != nil {
			return nil, err
		}
		for i, v := range one {
			keep := m.keep
			if p.Kind == Base { // its spend is net already
				keep = 1
			}
			out[i] += v * keep / float64(len(m.parts))
		}
	}
	return out, nil
}

func (p part) predict(x *table.Table, mean, chance []float64) ([]float64, error) {
	if p.Kind == Base {
		out := make([]float64, len(mean))
		for i, v := range mean {
			out[i] = v * p.factor
		}
		return out, nil
	}
	f, err := p.amount.Predict(x)
	if err != nil {
		return nil, err
	}
	for i := range f {
		f[i] *= p.factor
	}
	if p.alone() {
		return f, nil
	}
	all := table.New(append(slices.Clone(x.Columns), &table.Column{Name: expected, Kind: table.Number, Num: chance})...)
	whether, err := p.whether.Predict(all)
	if err != nil {
		return nil, err
	}
	for i, each := range perBuyer(mean, chance) {
		f[i] *= whether[i] * each
	}
	return f, nil
}

// main is the part that explains: trees of their own, else any that corrects.
func (m *Model) main() model.Model {
	for _, k := range []Kind{Poisson, Tweedie, TwoPart} {
		for _, p := range m.parts {
			if p.Kind == k {
				return p.amount
			}
		}
	}
	return m.base
}

// Margin implements [model.Marginer]: that of the part that explains.
func (m *Model) Margin(x *table.Table) ([]float64, error) {
	if g, ok := m.main().(model.Marginer); ok {
		return g.Margin(x)
	}
	return m.main().Predict(x)
}

// Attribute implements [model.Attributor]: the contributions of the part that explains.
func (m *Model) Attribute(x *table.Table, class int) (float64, []float64, error) {
	return model.AttributeInner(m.main(), m.h.Columns, x, class)
}

// Importance implements [model.Importancer]: that of the part that explains.
func (m *Model) Importance() []float64 { return model.ImportanceInner(m.main(), m.h.Columns) }

// Encode implements [model.Model].
func (m *Model) Encode(w io.Writer) error {
	a := model.NewArrayWriter(w)
	put := func(o model.Model) error {
		if o == nil {
			a.Bytes(nil)
			return nil
		}
		var b bytes.Buffer
		if err := model.Save(&b, o); err != nil {
			return err
		}
		a.Bytes(b.Bytes())
		return nil
	}
	a.Float64(m.keep)
	var base model.Model
	if m.base != nil {
		base = m.base
	}
	if err := put(base); err != nil {
		return err
	}
	a.Int(len(m.parts))
	for _, p := range m.parts {
		a.String(string(p.Kind))
		a.Float64(p.factor)
		if err := put(p.whether); err != nil {
			return err
		}
		if err := put(p.amount); err != nil {
			return err
		}
	}
	return a.Err()
}

// Decoder returns the decoder of models whose parts are of the given families.
func Decoder(members map[string]model.Decoder) model.Decoder {
	return func(h model.Header, r io.Reader) (model.Model, error) {
		if err := h.UpTo(1); err != nil {
			return nil, err
		}
		a := model.NewArrayReader(r)
		m := &Model{h: h, keep: a.Finite()}
		get := func() (model.Model, error) {
			b := a.Bytes()
			if a.Err() != nil || len(b) == 0 {
				return nil, a.Err()
			}
			return model.Load(bytes.NewReader(b), members)
		}
		base, err := get()
		if err != nil {
			return nil, err
		}
		var ok bool
		if m.base, ok = base.(Forecaster); base != nil && !ok {
			return nil, model.ErrArrays
		}
		for range a.Int() {
			p := part{Kind: Kind(a.String()), factor: a.Finite()}
			if p.whether, err = get(); err != nil {
				return nil, err
			}
			if p.amount, err = get(); err != nil {
				return nil, err
			}
			known := p.Kind == Base && p.amount == nil || p.amount != nil && p.alone() || p.amount != nil && p.whether != nil && p.Kind == TwoPart
			if a.Err() != nil || !known || !p.alone() && m.base == nil || p.amount != nil && p.amount.Header().Task != kequn.Regression ||
				p.whether != nil && p.whether.Header().Task != kequn.Binary {
				return nil, model.ErrArrays
			}
			m.parts = append(m.parts, p)
		}
		if err := a.End(); err != nil {
			return nil, err
		}
		like := &Model{base: m.base, parts: m.parts}
		like.setHeader(0)
		if len(m.parts) == 0 || h.Task != kequn.Regression || m.keep < 0 || len(like.h.Columns) != len(h.Columns) {
			return nil, model.ErrArrays
		}
		for i, c := range like.h.Columns {
			if h.Columns[i].Name != c.Name || h.Columns[i].Kind != c.Kind {
				return nil, model.ErrArrays
			}
		}
		return m, nil
	}
}

// Ratio returns Σoutcome/Σbase of the rows, 1 where either is nothing: by how much lifetime forecasts missed.
func Ratio(y, base []float64) float64 {
	a := kernel.ExactSum(len(y), func(i int) float64 { return y[i] })
	b := kernel.ExactSum(len(base), func(i int) float64 { return base[i] })
	if !(a > 0 && b > 0) {
		return 1
	}
	return a / b
}
