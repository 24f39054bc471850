package modeltest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"kequn"
	"kequn/internal/model"
	"kequn/internal/table"
)

func (s *subject) fit(t toy, w []float64) (model.Model, error) {
	return s.learner.Fit(context.Background(), t.x, t.y, w)
}

// scores fits on t and predicts the table x.
func (s *subject) scores(t toy, w []float64, x *table.Table) ([]float64, error) {
	m, err := s.fit(t, w)
	if err != nil {
		return nil, err
	}
	return s.predict(m, x)
}

// predict checks what holds for every prediction.
func (s *subject) predict(m model.Model, x *table.Table) ([]float64, error) {
	p, err := m.Predict(x)
	if err != nil {
		return nil, err
	}
	nOut := m.Header().NOut()
	if len(p) != x.NRows()*nOut {
		return nil, fmt.Errorf("%d scores for %d rows of %d", len(p), x.NRows(), nOut)
	}
	for i, v := range p {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("score %d is %v", i, v)
		}
		if s.task != kequn.Regression && (v < 0 || v > 1) {
			return nil, fmt.Errorf("probability %d is %v", i, v)
		}
	}
	if s.task == kequn.Multiclass {
		for i := 0; i < len(p); i += nOut {
			sum := 0.0
			for _, v := range p[i : i+nOut] {
				sum += v
			}
			if math.Abs(sum-1) > 1e-9 {
				return nil, fmt.Errorf("probabilities of row %d sum to %v", i/nOut, sum)
			}
		}
	}
	return p, nil
}

func beatsConstant(s *subject) error {
	p, err := s.scores(s.train, nil, s.test.x)
	if err != nil {
		return err
	}
	nOut := s.train.y.NOut()
	mean := make([]float64, nOut)
	for _, v := range s.train.y.Y {
		if s.task == kequn.Multiclass {
			mean[int(v)] += 1 / float64(len(s.train.y.Y))
		} else {
			mean[0] += v / float64(len(s.train.y.Y))
		}
	}
	var got, base float64
	for i, v := range s.test.y.Y {
		got += loss(s.task, v, p[i*nOut:(i+1)*nOut])
		base += loss(s.task, v, mean)
	}
	if !(got < 0.8*base) {
		return fmt.Errorf("loss %.4f, a constant's is %.4f", got/float64(len(p)), base/float64(len(p)))
	}
	return nil
}

func loss(task kequn.Task, y float64, p []float64) float64 {
	switch task {
	case kequn.Regression:
		return (y - p[0]) * (y - p[0])
	case kequn.Multiclass:
		return -math.Log(max(p[int(y)], 1e-15))
	}
	if y == 0 {
		return -math.Log(max(1-p[0], 1e-15))
	}
	return -math.Log(max(p[0], 1e-15))
}

func parameters(s *subject) error {
	m, err := s.fit(s.train, nil)
	if err != nil {
		return err
	}
	params := model.Params(s.learner)
	effect := map[string]float64{}
	for _, v := range m.Header().Params {
		effect[v.Name] = v.Value
	}
	for _, p := range params {
		if strings.TrimSpace(p.Doc) == "" {
			return fmt.Errorf("%s has no doc", p.Name)
		}
		if !(p.Min <= p.Default && p.Default <= p.Max) {
			return fmt.Errorf("%s: default %v is not in %v to %v", p.Name, p.Default, p.Min, p.Max)
		}
		if _, ok := effect[p.Name]; !ok {
			return fmt.Errorf("the header does not say what %s was", p.Name)
		}
		for _, bad := range []float64{math.Nextafter(p.Min, math.Inf(-1)), p.Min - 1, p.Max + 1} {
			if math.IsInf(bad, 0) || p.Kind.String() == "bool" || p.Kind.String() == "uint64" ||
				(p.Kind.String() == "int" && bad != math.Trunc(bad)) || (bad >= p.Min && bad <= p.Max) || bad == 0 {
				continue
			}
			l, err := model.With(s.learner, p.Name, bad)
			if err != nil {
				return err
			}
			_, err = l.Fit(context.Background(), s.train.x, s.train.y, nil)
			if e := new(kequn.Error); !errors.As(err, &e) || e.Kind != kequn.KindUsage || !strings.Contains(e.Error(), p.Name) {
				return fmt.Errorf("%s = %v gives %v, want a usage error that names it", p.Name, bad, err)
			}
		}
	}
	return nil
}

func header(s *subject) error {
	w := make([]float64, s.train.x.NRows())
	for i := range w {
		w[i] = float64(i % 3)
	}
	note := uniqueCategory("note", len(w))
	note.Kind = table.Text
	t := s.train.with(note)
	m, err := s.fit(t, w)
	if err != nil {
		return err
	}
	h := m.Header()
	switch {
	case h.Family != s.learner.Name() || h.Family == "":
		return fmt.Errorf("family is %q, the learner's name %q", h.Family, s.learner.Name())
	case h.Version < 1:
		return fmt.Errorf("version is %d", h.Version)
	case h.Task != s.task:
		return fmt.Errorf("task is %q", h.Task)
	case h.NOut() != t.y.NOut():
		return fmt.Errorf("%d outputs, want %d", h.NOut(), t.y.NOut())
	case h.Rows != 266:
		return fmt.Errorf("%d rows, want 266 with weight", h.Rows)
	}
	want, _, _ := model.Inputs(t.x, w)
	known := map[string]table.Kind{}
	for _, c := range want {
		known[c.Name] = c.Kind
	}
	if len(h.Columns) == 0 {
		return errors.New("no columns")
	}
	for i, c := range h.Columns {
		if k, ok := known[c.Name]; !ok || k != c.Kind {
			return fmt.Errorf("column %q of kind %s is not an input", c.Name, c.Kind)
		}
		if i > 0 && c.Name <= h.Columns[i-1].Name {
			return fmt.Errorf("columns are not in the order of their names at %q", c.Name)
		}
	}
	return nil
}
