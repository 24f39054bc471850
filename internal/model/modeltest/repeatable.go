package modeltest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"

	"kequn/internal/model"
)

func save(m model.Model) ([]byte, error) {
	var b bytes.Buffer
	err := model.Save(&b, m)
	return b.Bytes(), err
}

func (s *subject) bytes(t toy, w []float64) ([]byte, error) {
	m, err := s.fit(t, w)
	if err != nil {
		return nil, err
	}
	return save(m)
}

func sameBytes(s *subject) error {
	a, err := s.bytes(s.train, nil)
	if err != nil {
		return err
	}
	if _, err := s.fit(s.test, nil); err != nil {
		return err
	}
	b, err := s.bytes(s.train, nil)
	if err != nil {
		return err
	}
	if !bytes.Equal(a, b) {
		return errors.New("two fits gave different bytes")
	}
	return nil
}

func threads(s *subject) error {
	// Enough rows that a family that splits them into blocks has several.
	t := newToy(s.task, 3000, 3)
	var first []byte
	for _, n := range []int{1, 2, 3, 8} {
		c := *s
		c.learner = model.WithThreads(s.learner, n)
		b, err := c.bytes(t, nil)
		if err != nil {
			return err
		}
		if first == nil {
			first = b
		}
		if !bytes.Equal(first, b) {
			return fmt.Errorf("%d threads gave other bytes than 1", n)
		}
	}
	return nil
}

func inputsUntouched(s *subject) error {
	w := make([]float64, s.train.x.NRows())
	for i := range w {
		w[i] = 1 + float64(i%2)
	}
	x, y, v := cloneDeep(s.train.x), slices.Clone(s.train.y.Y), slices.Clone(w)
	m, err := s.fit(s.train, w)
	if err != nil {
		return err
	}
	if !sameTable(x, s.train.x) || !slices.Equal(y, s.train.y.Y) || !slices.Equal(v, w) {
		return errors.New("fit changed its input")
	}
	z := cloneDeep(s.test.x)
	if _, err := s.predict(m, s.test.x); err != nil {
		return err
	}
	if a, ok := m.(model.Attributor); ok {
		if _, _, err := a.Attribute(s.test.x, 0); err != nil {
			return err
		}
	}
	if !sameTable(z, s.test.x) {
		return errors.New("predict changed its input")
	}
	return nil
}

func saveLoad(s *subject) error {
	m, err := s.fit(s.train, nil)
	if err != nil {
		return err
	}
	want, err := s.predict(m, s.test.x)
	if err != nil {
		return err
	}
	b, err := save(m)
	if err != nil {
		return err
	}
	again, err := model.Load(bytes.NewReader(b), map[string]model.Decoder{m.Header().Family: s.decode})
	if err != nil {
		return err
	}
	got, err := s.predict(again, s.test.x)
	if err != nil {
		return err
	}
	if !slices.Equal(got, want) {
		return errors.New("the loaded model scores differently")
	}
	if c, err := save(again); err != nil || !bytes.Equal(b, c) {
		return fmt.Errorf("the loaded model saves other bytes (%v)", err)
	}
	if err := sameAbilities(m, again); err != nil {
		return err
	}
	if a, ok := m.(model.Attributor); ok {
		base, phi, err := a.Attribute(s.test.x, 0)
		if err != nil {
			return err
		}
		base2, phi2, err := again.(model.Attributor).Attribute(s.test.x, 0)
		if err != nil || base != base2 || !slices.Equal(phi, phi2) {
			return fmt.Errorf("the loaded model explains differently (%v)", err)
		}
	}
	if a, ok := m.(model.Importancer); ok && !slices.Equal(a.Importance(), again.(model.Importancer).Importance()) {
		return errors.New("the loaded model has other importances")
	}
	return nil
}

func sameAbilities(a, b model.Model) error {
	has := func(m model.Model) (out [4]bool) {
		_, out[0] = m.(model.Attributor)
		_, out[1] = m.(model.Marginer)
		_, out[2] = m.(model.Importancer)
		_, out[3] = m.(model.Ruler)
		return out
	}
	if has(a) != has(b) {
		return errors.New("the loaded model has other abilities")
	}
	return nil
}

func shared(s *subject) error {
	m, err := s.fit(s.train, nil)
	if err != nil {
		return err
	}
	want, err := s.predict(m, s.test.x)
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	wrong := make([]error, 4)
	for g := range wrong {
		wg.Go(func() {
			got, err := s.predict(m, s.test.x)
			if err == nil && !slices.Equal(got, want) {
				err = errors.New("scores differ when scored side by side")
			}
			wrong[g] = err
		})
	}
	wg.Wait()
	return errors.Join(wrong...)
}
