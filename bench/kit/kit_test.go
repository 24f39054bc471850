package kit

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func write(t *testing.T, name string, values any) string {
	t.Helper()
	b, err := binary.Append(nil, binary.LittleEndian, values)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestArrays(t *testing.T) {
	if v, err := Float32s[float64](write(t, "a.f32", []float32{1.5, -2, 1e30})); err != nil || !slices.Equal(v, []float64{1.5, -2, float64(float32(1e30))}) {
		t.Error(v, err)
	}
	if v, err := Float64s(write(t, "a.f64", []float64{1e-300, math.Pi})); err != nil || !slices.Equal(v, []float64{1e-300, math.Pi}) {
		t.Error(v, err)
	}
	if v, err := Int32s(write(t, "a.i32", []int32{-1, 70000})); err != nil || !slices.Equal(v, []int32{-1, 70000}) {
		t.Error(v, err)
	}
}

func TestColumns(t *testing.T) {
	nan := float32(math.NaN())
	path := write(t, "x.f32", []float32{1, nan, 3, 1, nan, 0})
	x, err := Columns(path, 3, []int{0, 2})
	if err != nil {
		t.Fatal(err)
	}
	if v := x.Columns[0].Num; v[0] != 1 || v[1] == v[1] || v[2] != 3 {
		t.Error(v)
	}
	if c := x.Columns[1]; !slices.Equal(c.Code, []int32{1, -1, 0}) || c.Dict.At(1) != "l000001" {
		t.Error(c.Code)
	}
	if _, err := Columns(path, 3, []int{0, 0, 0}); err == nil {
		t.Error("a file that ends early is no error")
	}
}
