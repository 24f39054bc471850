package chart

import (
	"fmt"
	"math"
	"strings"
)

// Dots are rows of dots with whiskers over one axis: how far figures are from each other, and how sure each is.
type Dots struct {
	Title string
	X     Axis
	Rows  []DotRow
	Keys  []DotKey // what the kinds of dots are, for a line above; nil for none
	Marks []Mark   // upright lines, such as no difference, each with its word above the rows
	Width int      // 0 is 640
}

// DotRow is one line of the picture.
type DotRow struct {
	Label  string
	Dots   []Dot
	Text   string // at the right
	Joined bool   // a line from the first dot to the last: a pair to be compared
	Strong bool   // its label stands out
}

// Dot is a value with, where Low and High are not both 0, an interval around it. One that is not finite is left out.
type Dot struct {
	Value, Low, High float64
	Color            int
	Hollow           bool
}

// DotKey names a kind of dot.
type DotKey struct {
	Name   string
	Color  int
	Hollow bool
}

func (d Dot) whiskered() bool { return (d.Low != 0 || d.High != 0) && finite(d.Low) && finite(d.High) }

// SVG returns the picture as one svg element.
func (d Dots) SVG() string {
	const row, gap = 24.0, 10.0
	w := orSize(d.Width, 640)
	wide := float64(w)
	labels, words := 0.0, 0.0
	var values []float64
	for _, r := range d.Rows {
		labels, words = math.Max(labels, textWidth(r.Label)), math.Max(words, textWidth(r.Text))
		for _, p := range r.Dots {
			values = append(values, p.Value)
			if p.whiskered() {
				values = append(values, p.Low, p.High)
			}
		}
	}
	for _, m := range d.Marks {
		values = append(values, m.X)
	}
	labels, words = math.Min(labels+2, wide*.4), math.Min(words, wide*.3)
	x := scaleOf(d.X, values, labels+gap+8, wide-words-gap-8)
	y := 6.0
	var keys strings.Builder
	if len(d.Keys) > 0 {
		y += d.keys(&keys, wide)
	}
	marks := y
	y += 14 * float64(len(d.Marks))
	head := y
	bottomOfRows := head + row*float64(len(d.Rows)) + 4
	h := bottomOfRows + 22
	if d.X.Label != "" {
		h += 20
	}
	var b strings.Builder
	open(&b, w, int(math.Ceil(h)), d.Title)
	b.WriteString(keys.String())
	for i, m := range d.Marks {
		if finite(m.X) {
			upright(&b, x.at(m.X), head, bottomOfRows, marks+10+14*float64(i), m.Text, wide)
		}
	}
	for i, r := range d.Rows {
		at := head + row*(float64(i)+.5)
		class := ""
		if r.Strong {
			class = "kq-strong"
		}
		text(&b, labels, at+4, "end", clip(r.Label, labels), class)
		fmt.Fprintf(&b, `<line x1="%s" y1="%s" x2="%s" y2="%s" class="kq-grid"/>`, num(x.from), num(at), num(x.to), num(at))
		r.draw(&b, x, at)
		text(&b, wide-2, at+4, "end", clip(r.Text, words), "kq-small")
	}
	across(&b, x, bottomOfRows, d.X)
	b.WriteString("</svg>")
	return b.String()
}

func (r DotRow) draw(b *strings.Builder, x scale, at float64) {
	if n := len(r.Dots); r.Joined && n > 1 && finite(r.Dots[0].Value) && finite(r.Dots[n-1].Value) {
		fmt.Fprintf(b, `<line x1="%s" y1="%s" x2="%s" y2="%s" class="kq-whisker"/>`, num(x.at(r.Dots[0].Value)), num(at), num(x.at(r.Dots[n-1].Value)), num(at))
	}
	// Many dots lie beside and above each other, so that each is seen.
	crowd := len(r.Dots) > 6 && !r.Joined
	for i, p := range r.Dots {
		if !finite(p.Value) {
			continue
		}
		y, size := at, 5.0
		if crowd {
			y, size = at+3.5*float64(i%5-2), 3.2
		}
		if p.whiskered() {
			fmt.Fprintf(b, `<path d="M%s %sH%s" stroke="%s" stroke-width="2" opacity=".75"/>`, num(x.at(p.Low)), num(y), num(x.at(p.High)), color(p.Color))
		}
		if p.Hollow {
			fmt.Fprintf(b, `<circle cx="%s" cy="%s" r="%s" class="kq-hollow" stroke="%s" stroke-width="%s"/>`, num(x.at(p.Value)), num(y), num(size-.5), color(p.Color), num(size*.4))
		} else {
			fmt.Fprintf(b, `<circle cx="%s" cy="%s" r="%s" fill="%s"/>`, num(x.at(p.Value)), num(y), num(size), color(p.Color))
		}
	}
}

// keys writes the line that names the kinds of dots and returns its height.
func (d Dots) keys(b *strings.Builder, wide float64) float64 {
	const line, mark, space = 20.0, 16.0, 16.0
	x, y := 4.0, 14.0
	for _, k := range d.Keys {
		name := clip(k.Name, wide-mark-8)
		if x > 4 && x+mark+textWidth(name) > wide {
			x, y = 4, y+line
		}
		DotRow{Dots: []Dot{{Value: x + 5, Color: k.Color, Hollow: k.Hollow}}}.draw(b, scale{min: 0, max: wide, from: 0, to: wide}, y-4)
		text(b, x+mark, y, "start", name, "")
		x += mark + textWidth(name) + space
	}
	return y + 4
}
