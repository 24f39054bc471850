package modeltest

import (
	"bytes"
	"context"
	"testing"

	"kequn"
	"kequn/internal/model"
)

// Fuzz feeds changed arrays to a decoder: it must refuse them or return a model that can score, and never panic.
func Fuzz(f *testing.F, l model.Learner, decode model.Decoder) {
	small := newToy(kequn.Binary, 60, 1)
	m, err := l.Fit(context.Background(), small.x, small.y, nil)
	if err != nil {
		f.Fatal(err)
	}
	var arrays bytes.Buffer
	if err := m.Encode(&arrays); err != nil {
		f.Fatal(err)
	}
	f.Add(arrays.Bytes())
	h, x := m.Header(), newToy(kequn.Binary, 5, 2).x
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := decode(h, bytes.NewReader(b))
		if err != nil {
			return
		}
		if _, err := m.Predict(x); err != nil {
			t.Fatal(err)
		}
		if a, ok := m.(model.Attributor); ok {
			if _, _, err := a.Attribute(x, 0); err != nil {
				t.Fatal(err)
			}
		}
		if r, ok := m.(model.Ruler); ok {
			r.Rules(kequn.English)
		}
	})
}
