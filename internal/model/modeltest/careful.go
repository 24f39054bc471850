package modeltest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"time"

	"kequn"
	"kequn/internal/model"
	"kequn/internal/table"
)

func shapes(s *subject) error {
	ctx, n := context.Background(), s.train.x.NRows()
	short := s.train.y
	short.Y = short.Y[:n-1]
	if _, err := s.learner.Fit(ctx, s.train.x, short, nil); err == nil {
		return errors.New("fitted with too few outcomes")
	}
	if _, err := s.learner.Fit(ctx, s.train.x, s.train.y, make([]float64, n+1)); err == nil {
		return errors.New("fitted with too many weights")
	}
	return nil
}

func badValues(s *subject) error {
	for _, bad := range []float64{-1, math.NaN(), math.Inf(1)} {
		w := make([]float64, s.train.x.NRows())
		for i := range w {
			w[i] = 1
		}
		w[7] = bad
		if _, err := s.fit(s.train, w); err == nil {
			return fmt.Errorf("fitted with a weight of %v", bad)
		}
	}
	outcomes := []float64{math.NaN(), math.Inf(-1)}
	switch s.task {
	case kequn.Binary:
		outcomes = append(outcomes, 2, 0.5)
	case kequn.Multiclass:
		outcomes = append(outcomes, 3, 0.5, -1)
	}
	for _, bad := range outcomes {
		y := s.train.y
		y.Y = slices.Clone(y.Y)
		y.Y[7] = bad
		if _, err := s.fit(toy{x: s.train.x, y: y}, nil); err == nil {
			return fmt.Errorf("fitted with an outcome of %v", bad)
		}
	}
	return nil
}

func missingColumn(s *subject) error {
	m, err := s.fit(s.train, nil)
	if err != nil {
		return err
	}
	_, err = m.Predict(s.test.x.Drop("age", "city"))
	if kequn.KindOf(err) != kequn.KindInput || !strings.Contains(err.Error(), "age") {
		return fmt.Errorf("got %v, want an input error that names age", err)
	}
	return nil
}

func wrongKind(s *subject) error {
	m, err := s.fit(s.train, nil)
	if err != nil {
		return err
	}
	n := s.test.x.NRows()
	_, err = m.Predict(s.test.with(uniqueCategory("age", n)).x)
	if kequn.KindOf(err) != kequn.KindInput || !strings.Contains(err.Error(), "age") {
		return fmt.Errorf("got %v, want an input error that names age", err)
	}
	_, err = m.Predict(s.test.with(numberColumn("city", n, func(int) float64 { return 1 })).x)
	if kequn.KindOf(err) != kequn.KindInput || !strings.Contains(err.Error(), "city") {
		return fmt.Errorf("got %v, want an input error that names city", err)
	}
	return nil
}

func infinite(s *subject) error {
	odd := []float64{math.Inf(1), math.Inf(-1), 1e300, -1e300, 1e-310, math.MaxFloat64, math.Copysign(0, -1), math.NaN()}
	n := s.train.x.NRows()
	wild := numberColumn("wild", n, func(i int) float64 {
		if i%5 == 0 {
			return odd[i/5%len(odd)]
		}
		return float64(i % 11)
	})
	far := numberColumn("far", n, func(i int) float64 { return math.Inf(1 - 2*(i%2)) })
	m, err := s.fit(s.train.with(wild).with(far), nil)
	if err != nil {
		return err
	}
	k := s.test.x.NRows()
	x := s.test.with(numberColumn("wild", k, func(i int) float64 { return odd[i%len(odd)] })).
		with(numberColumn("far", k, func(i int) float64 { return odd[(i+3)%len(odd)] })).
		with(numberColumn("age", k, func(i int) float64 { return odd[(i+5)%len(odd)] })).x
	if _, err := s.predict(m, x); err != nil {
		return err
	}
	if a, ok := m.(model.Attributor); ok {
		_, phi, err := a.Attribute(x, 0)
		if err != nil {
			return err
		}
		for i, v := range phi {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return fmt.Errorf("contribution %d is %v", i, v)
			}
		}
	}
	return nil
}

func missing(s *subject) error {
	n := s.train.x.NRows()
	nan := func(int) float64 { return math.NaN() }
	m, err := s.fit(s.train.with(numberColumn("void", n, nan)), nil)
	if err != nil {
		return err
	}
	x := cloneDeep(s.test.x)
	for _, c := range x.Columns {
		for i := range c.Len() {
			switch {
			case c.Kind == table.Number:
				c.Num[i] = math.NaN()
			case c.Kind.InInt():
				c.Int[i] = table.Missing
			default:
				c.Code[i] = -1
			}
		}
	}
	x.Columns = append(x.Columns, numberColumn("void", x.NRows(), nan))
	_, err = s.predict(m, x)
	return err
}

func emptyTable(s *subject) error {
	none := s.train.take(nil)
	if _, err := s.fit(none, nil); !errors.Is(err, model.ErrNoRows) {
		return fmt.Errorf("no rows gives %v, want ErrNoRows", err)
	}
	if _, err := s.fit(s.train, make([]float64, s.train.x.NRows())); !errors.Is(err, model.ErrNoRows) {
		return fmt.Errorf("weights of 0 give %v, want ErrNoRows", err)
	}
	m, err := s.fit(s.train, nil)
	if err != nil {
		return err
	}
	_, err = s.predict(m, none.x)
	return err
}

func fewRows(s *subject) error {
	for _, rows := range [][]int32{{0}, {0, 1}, {0, 1, 2, 3, 4}} {
		m, err := s.fit(s.train.take(rows), nil)
		if err != nil {
			continue // refused with an error, which is fine; a panic is not
		}
		if _, err := s.predict(m, s.test.x); err != nil {
			return fmt.Errorf("%d rows: %w", len(rows), err)
		}
	}
	return nil
}

func oneClass(s *subject) error {
	t := s.train
	t.y.Y = make([]float64, len(t.y.Y))
	if s.task != kequn.Regression {
		if _, err := s.fit(t, nil); !errors.Is(err, model.ErrOneClass) {
			return fmt.Errorf("got %v, want ErrOneClass", err)
		}
		return nil
	}
	for i := range t.y.Y {
		t.y.Y[i] = 4.5
	}
	p, err := s.scores(t, nil, s.test.x)
	if err != nil {
		return err
	}
	for i, v := range p {
		if math.Abs(v-4.5) > 1e-6 {
			return fmt.Errorf("the amount is always 4.5, row %d scores %v", i, v)
		}
	}
	return nil
}

func noColumn(s *subject) error {
	n := s.train.x.NRows()
	text := uniqueCategory("note", n)
	text.Kind = table.Text
	void := numberColumn("void", n, func(int) float64 { return math.NaN() })
	if _, err := s.fit(toy{x: table.New(text, void), y: s.train.y}, nil); !errors.Is(err, model.ErrNoColumn) {
		return fmt.Errorf("got %v, want ErrNoColumn", err)
	}
	return nil
}

func constantColumns(s *subject) error {
	x := table.New(s.train.x.Column("flat"), s.train.x.Column("only"))
	p, err := s.scores(toy{x: x, y: s.train.y}, nil, s.test.x)
	if err != nil {
		return err
	}
	k := s.train.y.NOut()
	mean := make([]float64, k)
	for _, v := range s.train.y.Y {
		if k > 1 {
			mean[int(v)] += 1 / float64(len(s.train.y.Y))
		} else {
			mean[0] += v / float64(len(s.train.y.Y))
		}
	}
	for i, v := range p {
		// A family may shrink a little toward an even chance; it may not invent differences.
		if math.Abs(v-mean[i%k]) > 0.02*max(1, math.Abs(mean[i%k])) || v != p[i%k] {
			return fmt.Errorf("score %d is %v, the base rate %v", i, v, mean[i%k])
		}
	}
	return nil
}

func uniqueLevels(s *subject) error {
	_, err := s.scores(s.train.with(uniqueCategory("id", s.train.x.NRows())), nil, s.test.with(uniqueCategory("id", s.test.x.NRows())).x)
	return err
}

func damagedFile(s *subject) error {
	m, err := s.fit(s.train, nil)
	if err != nil {
		return err
	}
	var body bytes.Buffer
	if err := m.Encode(&body); err != nil {
		return err
	}
	h, b := m.Header(), body.Bytes()
	for cut := 0; cut < len(b); cut += max(1, len(b)/97) {
		if _, err := s.decode(h, bytes.NewReader(b[:cut])); err == nil {
			return fmt.Errorf("arrays cut at %d of %d bytes were accepted", cut, len(b))
		}
	}
	if _, err := s.decode(h, bytes.NewReader(append(slices.Clone(b), 0))); err == nil {
		return errors.New("a byte too many was accepted")
	}
	// The container's checksum finds changed bytes, so that they only must not bring the decoder or the model down.
	for i := 0; i < len(b); i += max(1, len(b)/397) {
		for _, flip := range []byte{0x01, 0x80, 0xff} {
			changed := slices.Clone(b)
			changed[i] ^= flip
			if m, err := s.decode(h, bytes.NewReader(changed)); err == nil {
				m.Predict(s.test.x.Slice(0, 5))
			}
		}
	}
	return nil
}

func cancel(s *subject) error {
	ctx, stop := context.WithCancel(context.Background())
	stop()
	if _, err := s.learner.Fit(ctx, s.train.x, s.train.y, nil); !errors.Is(err, context.Canceled) {
		return fmt.Errorf("cancelled before the start gives %v", err)
	}
	before := runtime.NumGoroutine()
	big := newToy(s.task, 20_000, 4)
	ctx, stop = context.WithCancel(context.Background())
	var cancelled time.Time
	time.AfterFunc(5*time.Millisecond, func() { cancelled = time.Now(); stop() })
	_, err := s.learner.Fit(ctx, big.x, big.y, nil)
	<-ctx.Done()
	if late := time.Since(cancelled); err != nil && late > 2*time.Second {
		return fmt.Errorf("returned %v after cancelling", late)
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("cancelling gives %v", err)
	}
	for wait := 0; runtime.NumGoroutine() > before; wait++ {
		if wait == 100 {
			return fmt.Errorf("%d goroutines more than before", runtime.NumGoroutine()-before)
		}
		time.Sleep(10 * time.Millisecond)
	}
	return nil
}
