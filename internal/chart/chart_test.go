package chart

import (
	"encoding/xml"
	"io"
	"math"
	"strings"
	"testing"
)

// wellFormed reads a picture as a browser reads XML: to its end, and with nothing but numbers in coordinates.
func wellFormed(t *testing.T, name, svg string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, svg)
		}
	}
	if strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
		t.Errorf("%s holds a number that is none", name)
	}
}

func TestPicturesAreWellFormed(t *testing.T) {
	hostile := `<script>&"'`
	line := Line{Title: hostile, X: Axis{Label: hostile, Percent: true}, Y: Axis{Label: "y"}, VLines: []Mark{{.5, hostile}},
		Series: []Series{
			{Name: hostile, Points: []Point{{0, 0}, {.5, math.NaN()}, {1, 3}}, Low: []float64{0, 1, 2}, High: []float64{1, 2, math.Inf(1)}, Color: 1},
			{Name: "diagonal", Points: []Point{{0, 0}, {1, 1}}, Dashed: true, Color: 99},
		}}
	wellFormed(t, "line", line.SVG())
	wellFormed(t, "empty line", Line{}.SVG())
	wellFormed(t, "one point", Line{Series: []Series{{Points: []Point{{2, 2}}, Marks: true}}}.SVG())
	wellFormed(t, "log", Line{X: Axis{Log: true}, Series: []Series{{Points: []Point{{10, 1}, {1000, 2}}}}}.SVG())
	wellFormed(t, "bars", Bars("b", []Bar{{Label: hostile, Value: -2, Low: -3, High: -1}, {Label: "客户", Value: 5}, {Value: math.NaN()}}, 0))
	wellFormed(t, "no bars", Bars("b", nil, 0))
	wellFormed(t, "grid", Grid("g", []string{"5"}, []string{"1", "2"}, [][]Cell{{{.9, hostile, "1"}, {0, "", ""}}}, "x", "y", 0))
	wellFormed(t, "marked bars", BarList{Bars: []Bar{{Label: hostile, Value: .2, Text: hostile}}, Marks: []Mark{{.16, hostile}, {math.NaN(), ""}}, Width: 300}.SVG())
	wellFormed(t, "whiskers and rug", Line{Width: 280, Rug: []Stretch{{0, 1, .5}, {1, 1, .5}, {math.NaN(), 2, 1}}, VLines: []Mark{{1, hostile}, {1, "b"}},
		Series: []Series{{Points: []Point{{0, 1}, {1, 2}}, Low: []float64{0, math.NaN()}, High: []float64{1, 2}, Whiskers: true}}}.SVG())
	wellFormed(t, "file", Standalone(line.SVG()))
}

func TestShort(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 12345.6: "12,346", -1234567: "-1.23M", .01234: "0.0123", 3.14159: "3.14", 2.5e9: "2.5G", 999: "999", -1000: "-1,000"} {
		if got := Short(v); got != want {
			t.Errorf("Short(%v) = %q, want %q", v, got, want)
		}
	}
}

func TestTicksAreRoundAndInside(t *testing.T) {
	for _, s := range []scale{{min: 0, max: 1}, {min: -3, max: 17}, {min: .001, max: .0042}, {min: 1e6, max: 3e6}} {
		ticks := s.ticks(5)
		if len(ticks) < 3 || len(ticks) > 8 {
			t.Errorf("%v has %d ticks", s, len(ticks))
		}
		for _, v := range ticks {
			if v < s.min-1e-9*math.Abs(s.max) || v > s.max*(1+1e-9) {
				t.Errorf("tick %v outside %v", v, s)
			}
		}
	}
}
