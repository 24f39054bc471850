package cluster

import (
	"encoding/json"
	"testing"
)

// Whatever is read either is an error or assigns rows without a panic.
func FuzzReadModel(f *testing.F) {
	f.Add([]byte(`{"preparation":{"columns":[{"name":"a","mean":1,"scale":2},{"name":"b","levels":["x","y"],"share":[0.5,0.5],"mean":0,"scale":1}]},"k":1,"centres":[0,1,2],"sizes":[3]}`))
	f.Add([]byte(`{"preparation":{"columns":[{"name":"a","scale":1}]},"k":2,"centres":[1,2],"sizes":[1,1]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ReadModel(b)
		if err != nil {
			return
		}
		Assign(make([]float32, 3*m.Preparation.NCols()), m.Preparation.NCols(), m.Centres, 1)
		if _, err := json.Marshal(m); err != nil {
			t.Fatal(err)
		}
	})
}
