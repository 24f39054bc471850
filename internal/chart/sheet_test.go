package chart

import (
	"math"
	"strings"
	"testing"
)

func TestSheetHoldsItsTiles(t *testing.T) {
	heat := Heat{Title: `<b>&"`, X: "hour", Y: "天", XNames: []string{"0", "1"}, YNames: []string{"一", "二"},
		Values: [][]float64{{1, -2}, {0, math.NaN()}}}.SVG()
	wellFormed(t, "heat", heat)
	wellFormed(t, "empty heat", Heat{}.SVG())
	line := Line{Width: 300, Height: 200, Series: []Series{{Points: []Point{{0, 1}, {1, 2}}}}}.SVG()
	sheet := Sheet(`<i>`, []Tile{{"one", heat}, {`t&o`, line}, {"three", line}}, 2, 0)
	wellFormed(t, "sheet", sheet)
	wellFormed(t, "empty sheet", Sheet("", nil, 3, 0))
	if n := strings.Count(sheet, "<svg "); n != 4 {
		t.Errorf("%d pictures in one, want 4", n)
	}
	if w, h := viewBox(sheet); w != 960 || h < 400 {
		t.Errorf("the sheet is %v×%v", w, h)
	}
}
