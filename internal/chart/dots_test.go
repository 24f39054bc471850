package chart

import (
	"math"
	"strings"
	"testing"
)

func TestDots(t *testing.T) {
	d := Dots{Title: `<b>&"`, X: Axis{Label: "<i>"}, Keys: []DotKey{{"filled & full", 1, false}, {"hollow", 2, true}}, Marks: []Mark{{0, "no difference"}, {math.Inf(1), ""}},
		Rows: []DotRow{
			{Label: "种子 1", Dots: []Dot{{Value: .1, Low: -.1, High: .3, Color: 1}, {Value: .2, Color: 2, Hollow: true}}, Joined: true, Text: "+0.100"},
			{Label: "none", Dots: []Dot{{Value: math.NaN(), Low: 1, High: 2}}, Strong: true},
			{Label: strings.Repeat("long ", 40)},
		}}
	svg := d.SVG()
	wellFormed(t, "dots", svg)
	wellFormed(t, "no dots", Dots{}.SVG())
	wellFormed(t, "one dot", Dots{Rows: []DotRow{{Dots: []Dot{{Value: 3}}}}, Width: 200}.SVG())
	if n := strings.Count(svg, "<circle"); n != 4 {
		t.Errorf("%d dots, want two of a row and two of the keys", n)
	}
}

// Values that no picture can tell apart, or that no axis can hold, end in a picture all the same.
func TestFarValues(t *testing.T) {
	for _, v := range [][2]float64{{1e300, 1e300 + 1e285}, {1e15, 1e15 + 1}, {-1e300, 1e300}, {5e-324, 1e-323}, {-1.7e308, 1.7e308}} {
		for _, log := range []bool{false, true} {
			a := Axis{Log: log, Percent: true}
			wellFormed(t, "line", Line{X: a, Y: a, Series: []Series{{Points: []Point{{v[0], v[0]}, {v[1], v[1]}}}}}.SVG())
			wellFormed(t, "dots", Dots{X: a, Rows: []DotRow{{Dots: []Dot{{Value: v[0]}, {Value: v[1]}}}}}.SVG())
		}
		wellFormed(t, "bars", Bars("", []Bar{{Value: v[0]}, {Value: v[1]}}, 0))
	}
}

func TestLogTicks(t *testing.T) {
	for _, c := range []struct {
		s    scale
		want []float64
	}{
		{scale{min: 900, max: 33_000, log: true}, []float64{1000, 2000, 5000, 10_000, 20_000}},
		{scale{min: 1, max: 1e6, log: true}, []float64{1, 10, 100, 1000, 1e4, 1e5, 1e6}},
	} {
		got := c.s.ticks(5)
		if len(got) != len(c.want) {
			t.Fatalf("%v: %v, want %v", c.s, got, c.want)
		}
		for i := range got {
			if math.Abs(got[i]/c.want[i]-1) > 1e-9 {
				t.Errorf("%v: %v, want %v", c.s, got, c.want)
			}
		}
	}
}
