// Package chart draws lines, bars, grids and points as SVG text, readable light and dark, without a script.
//
// Colours are CSS variables with defaults: a page sets them for its theme; a file of its own (see [Standalone]) carries them
// with it. Everything that comes from data is escaped.
package chart

import (
	"fmt"
	"html"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Point is a place in data coordinates.
type Point struct{ X, Y float64 }

// Series is one line with, where Low and High are set, a band around it.
type Series struct {
	Name   string
	Points []Point   // one that is not finite breaks the line
	Low    []float64 // one per point, or nil
	High   []float64
	Color  int    // 1 to 8
	CSS    string // a fixed colour instead, for pictures whose colours are part of their description
	Dashed bool   // for references: random order, perfect calibration
	Dots   bool   // marks each point
	Marks  bool   // points only, no line

	Whiskers bool // Low and High are upright whiskers at the points, not a band
}

// Axis says how values of one direction are shown.
type Axis struct {
	Label   string
	Min     float64 // with Max: the range; both 0 is the data's own
	Max     float64
	Percent bool
	Log     bool // powers of ten
}

// Line is a picture of lines over two axes. Width and Height are in pixels of the view box.
type Line struct {
	Title  string
	X, Y   Axis
	Series []Series
	VLines []Mark    // upright marks, such as the chosen cutoff
	Rug    []Stretch // where the rows are, along the x axis
	Width  int       // 0 is 640
	Height int       // 0 is 320
}

// Mark is an upright line at a value of x with a word.
type Mark struct {
	X    float64
	Text string
}

// Stretch is a piece of the x axis with the share of the rows in it.
type Stretch struct{ From, To, Share float64 }

const (
	left, right, top, bottom = 62.0, 18.0, 14.0, 46.0
	fontSize                 = 12.0
)

// SVG returns the picture as one svg element.
func (l Line) SVG() string {
	w, h := orSize(l.Width, 640), orSize(l.Height, 320)
	var keys []key
	if len(l.Series) > 1 || (len(l.Series) == 1 && l.Series[0].Name != "") {
		for _, s := range l.Series {
			if s.Name != "" {
				keys = append(keys, key{s.Name, s.paint(), s.Dashed, s.Marks})
			}
		}
	}
	under := bottom
	if l.X.Label == "" {
		under = 26
	}
	y := scaleOf(l.Y, l.values(func(s Series) []float64 { return append(append(ys(s.Points), s.Low...), s.High...) }), float64(h)-under, 0)
	from := margin(y, l.Y)
	y.to = top + legend(keys, from, float64(w)-right, top, nil) + 15*float64(len(l.VLines))
	x := scaleOf(l.X, l.values(func(s Series) []float64 { return xs(s.Points) }), from, float64(w)-right)
	var b strings.Builder
	open(&b, w, h, l.Title)
	frame(&b, x, y, l.X, l.Y)
	l.rug(&b, x, y)
	for _, s := range l.Series {
		s.draw(&b, x, y)
	}
	legend(keys, from, float64(w)-right, top, &b)
	for i, m := range l.VLines {
		upright(&b, x.at(m.X), y.to, y.from, y.to-4-15*float64(len(l.VLines)-1-i), m.Text, float64(w))
	}
	b.WriteString("</svg>")
	return b.String()
}

// rug draws where the rows are: along the x axis, the higher the denser.
func (l Line) rug(b *strings.Builder, x, y scale) {
	const high = 13.0
	densest := 0.0
	for _, r := range l.Rug {
		if d := r.Share / math.Abs(x.at(r.To)-x.at(r.From)); finite(d) {
			densest = math.Max(densest, d)
		}
	}
	for _, r := range l.Rug {
		a, z := x.at(r.From), x.at(r.To)
		d := r.Share / math.Abs(z-a)
		if !finite(d) || d <= 0 {
			continue
		}
		tall := math.Max(1.5, high*math.Sqrt(d/densest))
		fmt.Fprintf(b, `<rect x="%s" y="%s" width="%s" height="%s" class="kq-rug"/>`, num(a), num(y.from-tall), num(math.Max(z-a, .5)), num(tall))
	}
}

// key is what one line of a picture is called.
type key struct {
	name, paint string
	dashed      bool
	dot         bool
}

// legend writes the keys from left to right, a further line where they do not fit, and returns the height they take; with
// nothing to write to it only measures.
func legend(keys []key, from, to, y float64, b *strings.Builder) float64 {
	if len(keys) == 0 {
		return 0
	}
	const line, mark, gap = 20.0, 24.0, 16.0
	x, lines := from, 1.0
	for _, k := range keys {
		name := clip(k.name, to-from-mark)
		if x > from && x+mark+textWidth(name) > to {
			x, lines = from, lines+1
		}
		if b != nil {
			ly := y + line*(lines-1)
			if k.dot {
				fmt.Fprintf(b, `<circle cx="%s" cy="%s" r="4" fill="%s"/>`, num(x+9), num(ly), k.paint)
			} else {
				dash := ""
				if k.dashed {
					dash = ` stroke-dasharray="5 4"`
				}
				fmt.Fprintf(b, `<line x1="%s" y1="%s" x2="%s" y2="%s" stroke="%s" stroke-width="2.5"%s/>`, num(x), num(ly), num(x+18), num(ly), k.paint, dash)
			}
			text(b, x+mark, ly+4, "start", name, "")
		}
		x += mark + textWidth(name) + gap
	}
	return line * lines
}

// margin is the room that an upright axis takes at the left.
func margin(y scale, a Axis) float64 {
	if a.Label != "" {
		return left
	}
	widest := 0.0
	for _, v := range y.ticks(5) {
		widest = math.Max(widest, textWidth(tick(v, a.Percent)))
	}
	return math.Max(30, widest*.9+14)
}

func (l Line) values(of func(Series) []float64) []float64 {
	var out []float64
	for _, s := range l.Series {
		out = append(out, of(s)...)
	}
	return out
}

func (s Series) draw(b *strings.Builder, x, y scale) {
	banded := len(s.Low) == len(s.Points) && len(s.High) == len(s.Points) && len(s.Low) > 0
	for i, p := range s.Points {
		if banded && s.Whiskers && finite(p.X) && finite(s.Low[i]) && finite(s.High[i]) {
			fmt.Fprintf(b, `<path d="M%s %sV%s" stroke="%s" stroke-width="1.5" opacity=".7"/>`, num(x.at(p.X)), num(y.at(s.Low[i])), num(y.at(s.High[i])), s.paint())
		}
	}
	if banded && !s.Whiskers {
		b.WriteString(`<path d="M`)
		for i, p := range s.Points {
			fmt.Fprintf(b, "%s %s ", num(x.at(p.X)), num(y.at(s.Low[i])))
		}
		for i := len(s.Points) - 1; i >= 0; i-- {
			fmt.Fprintf(b, "L%s %s ", num(x.at(s.Points[i].X)), num(y.at(s.High[i])))
		}
		fmt.Fprintf(b, `Z" fill="%s" opacity=".16"/>`, s.paint())
	}
	if !s.Marks && len(s.Points) > 1 {
		dash := ""
		if s.Dashed {
			dash = ` stroke-dasharray="5 4"`
		}
		// A point that is not finite breaks the line: what comes after it is a piece of its own.
		for rest := s.Points; len(rest) > 0; {
			n := 0
			for n < len(rest) && finite(rest[n].X) && finite(rest[n].Y) {
				n++
			}
			if n > 1 {
				b.WriteString(`<polyline points="`)
				for _, p := range rest[:n] {
					fmt.Fprintf(b, "%s,%s ", num(x.at(p.X)), num(y.at(p.Y)))
				}
				fmt.Fprintf(b, `" fill="none" stroke="%s" stroke-width="2" stroke-linejoin="round"%s/>`, s.paint(), dash)
			}
			rest = rest[min(n+1, len(rest)):]
		}
	}
	if s.Dots || s.Marks {
		for _, p := range s.Points {
			if finite(p.X) && finite(p.Y) {
				fmt.Fprintf(b, `<circle cx="%s" cy="%s" r="3" fill="%s"/>`, num(x.at(p.X)), num(y.at(p.Y)), s.paint())
			}
		}
	}
}

// Bar is one bar of a list.
type Bar struct {
	Label string
	Value float64
	Low   float64 // with High: an interval; both 0 is none
	High  float64
	Text  string // beside the bar; "" is the value
	Color int
}

// Bars returns horizontal bars, one below the other; negative values go left from zero.
func Bars(title string, bars []Bar, width int) string {
	return BarList{Title: title, Bars: bars, Width: width}.SVG()
}

// BarList are horizontal bars, one below the other, with upright marks across them.
type BarList struct {
	Title string
	Bars  []Bar
	Marks []Mark // such as a limit, each with its word above the bars
	Width int    // 0 is 640
}

// SVG returns the picture as one svg element.
func (l BarList) SVG() string {
	bars := slices.Clone(l.Bars)
	w := orSize(l.Width, 640)
	const row = 26.0
	head := 0.0
	if len(l.Marks) > 0 {
		head = 4 + 14*float64(len(l.Marks))
	}
	h := int(head + row*float64(len(bars)) + 12)
	longest, words := 0.0, 40.0
	lo, hi := 0.0, 0.0
	for i := range bars {
		r := &bars[i]
		if r.Text == "" {
			r.Text = Short(r.Value)
		}
		longest, words = math.Max(longest, textWidth(r.Label)), math.Max(words, textWidth(r.Text))
		for _, v := range []float64{r.Value, r.Low, r.High} {
			if finite(v) {
				lo, hi = math.Min(lo, v), math.Max(hi, v)
			}
		}
	}
	for _, m := range l.Marks {
		if finite(m.X) {
			lo, hi = math.Min(lo, m.X), math.Max(hi, m.X)
		}
	}
	longest = math.Min(longest, float64(w)*.45)
	words = math.Min(words, float64(w)*.35)
	s := scale{min: lo, max: hi, from: longest + 12, to: float64(w) - words - 12}
	if lo == hi {
		s.max = lo + 1
	}
	var b strings.Builder
	open(&b, w, h, l.Title)
	ends := make([]float64, len(bars)) // where the words begin
	for i, r := range bars {
		y := head + 6 + row*float64(i)
		a, z := s.at(math.Min(0, r.Value)), s.at(math.Max(0, r.Value))
		text(&b, longest, y+16, "end", clip(r.Label, longest), "")
		fmt.Fprintf(&b, `<rect x="%s" y="%s" width="%s" height="16" rx="3" fill="%s"/>`, num(a), num(y+4), num(math.Max(z-a, 1)), color(r.Color))
		if r.Low != 0 || r.High != 0 {
			fmt.Fprintf(&b, `<path d="M%s %sH%sM%s %sv8M%s %sv8" class="kq-whisker"/>`, num(s.at(r.Low)), num(y+12), num(s.at(r.High)), num(s.at(r.Low)), num(y+8), num(s.at(r.High)), num(y+8))
			z = math.Max(z, s.at(r.High))
		}
		ends[i] = z + 6
	}
	for i, m := range l.Marks {
		upright(&b, s.at(m.X), head, float64(h)-4, 12+14*float64(i), m.Text, float64(w))
	}
	for i, r := range bars {
		text(&b, ends[i], head+22+row*float64(i), "start", clip(r.Text, float64(w)-ends[i]), "kq-halo")
	}
	b.WriteString("</svg>")
	return b.String()
}

// upright draws a dashed line from y1 to y2 with its word at the height of yText, on the side where there is room.
func upright(b *strings.Builder, x, y1, y2, yText float64, word string, width float64) {
	fmt.Fprintf(b, `<line x1="%s" y1="%s" x2="%s" y2="%s" class="kq-mark"/>`, num(x), num(y1), num(x), num(y2))
	word = clip(word, width-8)
	half := textWidth(word) / 2
	text(b, math.Max(half+2, math.Min(width-half-2, x)), yText, "middle", word, "kq-small kq-strong")
}

// Cell is one field of a grid.
type Cell struct {
	Share float64 // 0 to 1: how strongly it is filled
	Text  string
	Sub   string // second line, smaller
}

// Grid returns a table of cells coloured by share: rows from top to bottom.
func Grid(title string, rows, cols []string, cells [][]Cell, xLabel, yLabel string, width int) string {
	w := orSize(width, 640)
	const row, head = 46.0, 40.0
	h := int(head + row*float64(len(rows)) + 10)
	x0 := 70.0
	cw := (float64(w) - x0 - 8) / math.Max(1, float64(len(cols)))
	var b strings.Builder
	open(&b, w, h, title)
	text(&b, x0+cw*float64(len(cols))/2, 14, "middle", xLabel, "kq-strong")
	text(&b, 4, 34, "start", yLabel, "kq-strong")
	for j, c := range cols {
		text(&b, x0+cw*(float64(j)+.5), 32, "middle", c, "")
	}
	for i, r := range rows {
		y := head + row*float64(i)
		text(&b, x0-8, y+row/2+2, "end", r, "")
		for j := range cols {
			c := cells[i][j]
			alpha := .06 + .9*math.Min(1, math.Max(0, c.Share))
			fmt.Fprintf(&b, `<rect x="%s" y="%s" width="%s" height="%s" rx="4" fill="var(--kq1,#2563a8)" fill-opacity="%s"/>`,
				num(x0+cw*float64(j)+1), num(y+1), num(cw-2), num(row-2), num(alpha))
			class := ""
			if alpha > .68 { // where the paper's colour stands out more than the ink's
				class = "kq-on"
			}
			text(&b, x0+cw*(float64(j)+.5), y+20, "middle", clip(c.Text, cw-6), class+" kq-strong")
			if c.Sub != "" {
				text(&b, x0+cw*(float64(j)+.5), y+36, "middle", clip(c.Sub, (cw-2)*12/10.5), class+" kq-small")
			}
		}
	}
	b.WriteString("</svg>")
	return b.String()
}

// Style is the CSS that pictures need within a page. The page may set --kq1 … --kq8, --kq-ink, --kq-faint and --kq-paper.
const Style = `.kq text{font:12px system-ui,-apple-system,"Segoe UI","Noto Sans","Noto Sans CJK SC","PingFang SC","Microsoft YaHei",sans-serif;fill:var(--kq-ink,#24292f)}
.kq .kq-small{font-size:10.5px}.kq .kq-strong{font-weight:600}.kq .kq-on{fill:var(--kq-paper,#fff)}
.kq .kq-grid{stroke:var(--kq-faint,#d0d7de);stroke-width:1}.kq .kq-axis{stroke:var(--kq-ink,#24292f);stroke-width:1;opacity:.55}
.kq .kq-mark{stroke:var(--kq-ink,#24292f);stroke-width:1.5;stroke-dasharray:2 3}.kq .kq-whisker{stroke:var(--kq-ink,#24292f);stroke-width:1.5;fill:none}
.kq .kq-rug{fill:var(--kq-ink,#24292f);opacity:.2}.kq .kq-hollow{fill:var(--kq-paper,#fff)}
.kq .kq-halo{paint-order:stroke;stroke:var(--kq-paper,#fff);stroke-width:4px;stroke-linejoin:round}`

// Standalone makes a file of its own of a picture: it carries its style and follows the viewer's light or dark setting.
func Standalone(svg string) string {
	style := `<style>` + Style + `svg{background:var(--kq-paper,#fff)}@media(prefers-color-scheme:dark){svg{--kq-ink:#e6edf3;--kq-faint:#3d444d;--kq-paper:#0d1117}}</style>`
	if i := strings.Index(svg, ">"); i >= 0 {
		return svg[:i+1] + style + svg[i+1:] + "\n"
	}
	return svg
}

// palette holds eight colours that differ for the colour-blind too (Okabe & Ito, 2008, darkened for white paper).
var palette = [...]string{"#2563a8", "#d1495b", "#1b8a6b", "#b7791f", "#7a4fb5", "#0e7c9b", "#a8456b", "#5c6670"}

func (s Series) paint() string {
	if s.CSS != "" {
		return s.CSS
	}
	return color(s.Color)
}

func color(i int) string {
	if i < 1 || i > len(palette) {
		i = 1
	}
	return fmt.Sprintf("var(--kq%d,%s)", i, palette[i-1])
}

func open(b *strings.Builder, w, h int, title string) {
	fmt.Fprintf(b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" class="kq" role="img" aria-label="%s"><title>%s</title>`, w, h, html.EscapeString(title), html.EscapeString(title))
}

func frame(b *strings.Builder, x, y scale, ax, ay Axis) {
	for _, v := range y.ticks(5) {
		p := y.at(v)
		fmt.Fprintf(b, `<line x1="%s" y1="%s" x2="%s" y2="%s" class="kq-grid"/>`, num(x.from), num(p), num(x.to), num(p))
		text(b, x.from-7, p+4, "end", tick(v, ay.Percent), "kq-small")
	}
	across(b, x, y.from, ax)
	if ay.Label != "" {
		fmt.Fprintf(b, `<g transform="rotate(-90 14 %s)">`, num((y.from+y.to)/2))
		text(b, 14, (y.from+y.to)/2+4, "middle", ay.Label, "")
		b.WriteString("</g>")
	}
}

// across draws a lying axis at the height y with its ticks, as many as have room, and its word.
func across(b *strings.Builder, x scale, y float64, a Axis) {
	wide := math.Abs(x.to - x.from)
	shown := math.Inf(-1)
	for _, v := range x.ticks(max(3, min(7, int(wide/40)))) {
		p, word := x.at(v), tick(v, a.Percent)
		fmt.Fprintf(b, `<line x1="%s" y1="%s" x2="%s" y2="%s" class="kq-axis"/>`, num(p), num(y), num(p), num(y+4))
		if half := textWidth(word) * .44; p-half > shown+5 {
			text(b, p, y+17, "middle", word, "kq-small")
			shown = p + half
		}
	}
	fmt.Fprintf(b, `<line x1="%s" y1="%s" x2="%s" y2="%s" class="kq-axis"/>`, num(x.from), num(y), num(x.to), num(y))
	label := clip(a.Label, x.to)
	half := textWidth(label) / 2
	text(b, math.Max((x.from+x.to)/2, math.Min(half, x.to-half)), y+36, "middle", label, "")
}

func text(b *strings.Builder, x, y float64, anchor, s, class string) {
	if s == "" {
		return
	}
	if class = strings.TrimSpace(class); class != "" {
		class = ` class="` + class + `"`
	}
	fmt.Fprintf(b, `<text x="%s" y="%s" text-anchor="%s"%s>%s</text>`, num(x), num(y), anchor, class, html.EscapeString(s))
}

// textWidth estimates the width of a text in pixels: wide characters are as broad as the font is high.
func textWidth(s string) float64 {
	w := 0.0
	for _, r := range s {
		switch {
		case r >= 0x2E80:
			w += fontSize
		case strings.ContainsRune("mwMW@%", r):
			w += fontSize * .9
		case r >= 'A' && r <= 'Z':
			w += fontSize * .72
		default:
			w += fontSize * .62
		}
	}
	return w
}

// clip shortens a text to a width.
func clip(s string, width float64) string {
	if textWidth(s) <= width {
		return s
	}
	r := []rune(s)
	for len(r) > 1 && textWidth(string(r))+fontSize > width {
		r = r[:len(r)-1]
	}
	return string(r) + "…"
}

func num(v float64) string {
	if !finite(v) {
		v = 0
	}
	return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64)
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

func orSize(v, d int) int {
	if v == 0 {
		return d
	}
	return v
}

func xs(p []Point) []float64 {
	out := make([]float64, len(p))
	for i := range p {
		out[i] = p[i].X
	}
	return out
}

func ys(p []Point) []float64 {
	out := make([]float64, len(p))
	for i := range p {
		out[i] = p[i].Y
	}
	return out
}
