package modeltest

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"kequn"
	"kequn/internal/model"
	"kequn/internal/table"
)

// tolerance is what sums of floats in another order may differ by, relative to scores of size 1.
const tolerance = 1e-9

func sameScores(a, b []float64) error {
	if len(a) != len(b) {
		return fmt.Errorf("%d and %d scores", len(a), len(b))
	}
	for i := range a {
		if d := math.Abs(a[i] - b[i]); !(d <= tolerance*max(1, math.Abs(a[i]))) {
			return fmt.Errorf("score %d is %v and %v, %.2g apart", i, a[i], b[i], d)
		}
	}
	return nil
}

func weightsOfOne(s *subject) error {
	a, err := s.bytes(s.train, nil)
	if err != nil {
		return err
	}
	w := make([]float64, s.train.x.NRows())
	for i := range w {
		w[i] = 1
	}
	b, err := s.bytes(s.train, w)
	if err != nil {
		return err
	}
	if !bytes.Equal(a, b) {
		return errors.New("other bytes")
	}
	return nil
}

func weightZero(s *subject) error {
	n := s.train.x.NRows()
	want, err := s.scores(s.train, nil, s.test.x)
	if err != nil {
		return err
	}
	// The rows to be passed over are as odd as rows can be: huge values, a city of their own, no outcome at all.
	odd := newToy(s.task, 60, 9)
	for i := range 60 {
		odd.y.Y[i] = math.NaN()
		odd.x.Column("income").Num[i] = 1e9
		odd.x.Column("noise").Num[i] = math.Inf(1)
	}
	city := odd.x.Column("city")
	for i := range city.Code {
		city.Code[i] = city.Dict.InternString("Atlantis")
	}
	both := toy{x: cloneDeep(odd.x), y: model.Outcome{Task: s.task, Classes: s.train.y.Classes}}
	if err := both.x.Append(s.train.x); err != nil {
		return err
	}
	both.y.Y = append(slices.Clone(odd.y.Y), s.train.y.Y...)
	w := make([]float64, 60+n)
	for i := range n {
		w[60+i] = 1
	}
	got, err := s.scores(both, w, s.test.x)
	if err != nil {
		return err
	}
	return sameScores(want, got)
}

func weightTwo(s *subject) error {
	n := s.train.x.NRows()
	w := make([]float64, n)
	rows := count(n)
	for i := range w {
		w[i] = 1
		if i%3 == 0 {
			w[i] = 2
			rows = append(rows, int32(i))
		}
	}
	a, err := s.scores(s.train, w, s.test.x)
	if err != nil {
		return err
	}
	b, err := s.scores(s.train.take(rows), nil, s.test.x)
	if err != nil {
		return err
	}
	return sameScores(a, b)
}

func rowOrder(s *subject) error {
	rows := count(s.train.x.NRows())
	r := rand.New(rand.NewPCG(5, 5))
	r.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	a, err := s.scores(s.train, nil, s.test.x)
	if err != nil {
		return err
	}
	b, err := s.scores(s.train.take(rows), nil, s.test.x)
	if err != nil {
		return err
	}
	return sameScores(a, b)
}

func columnOrder(s *subject) error {
	a, err := s.bytes(s.train, nil)
	if err != nil {
		return err
	}
	back := slices.Clone(s.train.x.Columns)
	slices.Reverse(back)
	b, err := s.bytes(toy{x: table.New(back...), y: s.train.y}, nil)
	if err != nil {
		return err
	}
	if !bytes.Equal(a, b) {
		return errors.New("other bytes for columns in another order")
	}
	m, err := s.fit(s.train, nil)
	if err != nil {
		return err
	}
	p, err := s.predict(m, s.test.x)
	if err != nil {
		return err
	}
	more := slices.Clone(s.test.x.Columns)
	more = append(more, uniqueCategory("further", s.test.x.NRows()))
	slices.Reverse(more)
	q, err := s.predict(m, table.New(more...))
	if err != nil {
		return err
	}
	if !slices.Equal(p, q) {
		return errors.New("other scores for columns in another order")
	}
	return nil
}

func kinds(s *subject) error {
	n := s.train.x.NRows()
	integer, money, truth := table.NewColumn("k1", table.Integer, n), table.NewColumn("k2", table.Money, n), table.NewColumn("k3", table.Bool, n)
	money.Scale = 2
	for i := range n {
		integer.Int = append(integer.Int, int64(i*7919%13))
		money.Int = append(money.Int, int64(i*31%997))
		truth.Int = append(truth.Int, int64(i%2))
	}
	integer.Int[3], money.Int[4], truth.Int[5] = table.Missing, table.Missing, table.Missing
	as := s.train.with(integer).with(money).with(truth)
	numbers := as
	for _, c := range []*table.Column{integer, money, truth} {
		numbers = numbers.with(numberColumn(c.Name, n, c.Float))
	}
	a, err := s.bytes(as, nil)
	if err != nil {
		return err
	}
	b, err := s.bytes(numbers, nil)
	if err != nil {
		return err
	}
	if !bytes.Equal(a, b) {
		return errors.New("other bytes than for the same numbers")
	}
	return nil
}

func batch(s *subject) error {
	m, err := s.fit(s.train, nil)
	if err != nil {
		return err
	}
	all, err := s.predict(m, s.test.x)
	if err != nil {
		return err
	}
	k := m.Header().NOut()
	for i := range s.test.x.NRows() {
		one, err := s.predict(m, s.test.x.Take([]int32{int32(i)}))
		if err != nil {
			return err
		}
		if !slices.Equal(one, all[i*k:(i+1)*k]) {
			return fmt.Errorf("row %d alone scores %v, in a batch %v", i, one, all[i*k:(i+1)*k])
		}
	}
	return nil
}

func unseen(s *subject) error {
	m, err := s.fit(s.train, nil)
	if err != nil {
		return err
	}
	n := s.test.x.NRows()
	novel, none := table.NewColumn("city", table.Category, n), table.NewColumn("city", table.Category, n)
	for range n {
		novel.AppendString("Atlantis")
		none.AppendMissing()
	}
	a, err := s.predict(m, s.test.with(novel).x)
	if err != nil {
		return err
	}
	b, err := s.predict(m, s.test.with(none).x)
	if err != nil {
		return err
	}
	if !slices.Equal(a, b) {
		return errors.New("other scores")
	}
	return nil
}

func contributions(s *subject) error {
	m, err := s.fit(s.train, nil)
	if err != nil {
		return err
	}
	a, ok := m.(model.Attributor)
	if !ok {
		return nil
	}
	p, err := s.predict(m, s.test.x)
	if err != nil {
		return err
	}
	n, cols, k := s.test.x.NRows(), len(m.Header().Columns), m.Header().NOut()
	margins := make([]float64, n*k)
	for class := range k {
		base, phi, err := a.Attribute(s.test.x, class)
		if err != nil {
			return err
		}
		if len(phi) != n*cols {
			return fmt.Errorf("%d contributions for %d rows of %d columns", len(phi), n, cols)
		}
		for i := range n {
			sum := base
			for j, v := range phi[i*cols : (i+1)*cols] {
				name := m.Header().Columns[j].Name
				if (name == "flat" || name == "only") && v != 0 {
					return fmt.Errorf("the constant column %q contributes %v", name, v)
				}
				sum += v
			}
			margins[i*k+class] = sum
		}
	}
	if g, ok := m.(model.Marginer); ok && s.task != kequn.Multiclass {
		want, err := g.Margin(s.test.x)
		if err != nil {
			return err
		}
		if err := sameScores(want, margins); err != nil {
			return fmt.Errorf("base and contributions against the margin: %w", err)
		}
	} else if s.task != kequn.Multiclass {
		return errors.New("contributions without a margin")
	}
	got := make([]float64, n*k)
	for i := range n {
		switch s.task {
		case kequn.Binary:
			got[i] = 1 / (1 + math.Exp(-margins[i]))
		case kequn.Regression:
			got[i] = margins[i]
		case kequn.Multiclass:
			row := margins[i*k : (i+1)*k]
			top, sum := slices.Max(row), 0.0
			for _, v := range row {
				sum += math.Exp(v - top)
			}
			for c, v := range row {
				got[i*k+c] = math.Exp(v-top) / sum
			}
		}
	}
	if err := sameScores(p, got); err != nil {
		return fmt.Errorf("the margin against the score: %w", err)
	}
	if cols > 0 {
		if _, _, err := a.Attribute(s.test.x.Drop(m.Header().Columns[0].Name), 0); err == nil {
			return errors.New("explained a table without a wanted column")
		}
	}
	return nil
}

func importance(s *subject) error {
	m, err := s.fit(s.train, nil)
	if err != nil {
		return err
	}
	a, ok := m.(model.Importancer)
	if !ok {
		return nil
	}
	v, cols := a.Importance(), m.Header().Columns
	if len(v) != len(cols) {
		return fmt.Errorf("%d importances of %d columns", len(v), len(cols))
	}
	sum := 0.0
	at := map[string]float64{}
	for j, x := range v {
		if !(x >= 0) {
			return fmt.Errorf("importance of %q is %v", cols[j].Name, x)
		}
		sum += x
		at[cols[j].Name] = x
	}
	if math.Abs(sum-1) > 1e-9 {
		return fmt.Errorf("importances sum to %v", sum)
	}
	if at["age"] <= at["noise"] || at["flat"] != 0 {
		return fmt.Errorf("age %.3f, noise %.3f, constant %.3f", at["age"], at["noise"], at["flat"])
	}
	return nil
}
