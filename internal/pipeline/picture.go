package pipeline

import (
	"math"
	"strconv"
	"strings"

	"kequn"
	"kequn/internal/chart"
	"kequn/internal/metric"
)

// The colours of pictures whose points and lines have a meaning of their own: data are red, the model is blue; of two classes, yes is red. Both stand
// out on light and on dark paper.
const (
	redColor  = "#e03131"
	blueColor = "#2f6fde"
	inkColor  = "var(--kq-ink,#24292f)"
	greyColor = "#8b949e"
)

// linePicture is points and the line through them.
type linePicture struct {
	lang           kequn.Lang
	title, caption string
	x, y           string // names
	points, line   []chart.Point
	name           string // of the line
	low, high      []float64
	more           []chart.Series
	truth          []chart.Point
	truthName      string
}

// confidence adds the 95 % band of the mean around a line of least squares through values at xs:
//
//	± t·σ·√(1/n + (x−x̄)²/Σ(x−x̄)²)
func (p *linePicture) confidence(xs []float64, sigma float64) {
	n := float64(len(xs))
	if n < 3 || !finite(sigma) {
		return
	}
	mean, sum := 0.0, 0.0
	for _, x := range xs {
		mean += x / n
	}
	for _, x := range xs {
		sum += (x - mean) * (x - mean)
	}
	if !(sum > 0) || !finite(sum) {
		return
	}
	t := metric.TQuantile(0.975, n-2)
	for _, at := range p.line {
		half := t * sigma * math.Sqrt(1/n+(at.X-mean)*(at.X-mean)/sum)
		p.low, p.high = append(p.low, at.Y-half), append(p.high, at.Y+half)
	}
}

func (p linePicture) SVG() string {
	series := []chart.Series{{Name: p.lang.Pick("数据", "data"), CSS: redColor, Marks: true, Points: p.points}}
	if p.truth != nil {
		series = append(series, chart.Series{Name: p.truthName, CSS: greyColor, Dashed: true, Points: p.truth})
	}
	series = append(series, p.more...)
	series = append(series, chart.Series{Name: brief(p.name, 44), CSS: blueColor, Points: p.line, Low: p.low, High: p.high})
	return titled(p.title, p.caption, chart.Line{Title: p.title, X: chart.Axis{Label: brief(p.x, 60)}, Y: chart.Axis{Label: brief(p.y, 40)}, Height: 420, Series: series})
}

// boundaryPicture is the points of two classes and the line between them.
type boundaryPicture struct {
	lang           kequn.Lang
	title, caption string
	x, y           string // names of the features
	yes, no        string // names of the classes
	ofYes, ofNo    []chart.Point
	line, truth    []chart.Point
	name           string // of the line
}

func (p boundaryPicture) SVG() string {
	series := []chart.Series{
		{Name: brief(p.yes, 24), CSS: redColor, Marks: true, Points: p.ofYes},
		{Name: brief(p.no, 24), CSS: blueColor, Marks: true, Points: p.ofNo},
		{Name: brief(p.name, 44), CSS: inkColor, Points: p.line},
	}
	if p.truth != nil {
		series = append(series, chart.Series{Name: p.lang.Pick("真实分界线", "true boundary"), CSS: greyColor, Dashed: true, Points: p.truth})
	}
	return titled(p.title, p.caption, chart.Line{Title: p.title, X: chart.Axis{Label: brief(p.x, 60)}, Y: chart.Axis{Label: brief(p.y, 40)}, Height: 480, Series: series})
}

// titled puts a title and a line of words above a picture.
func titled(title, caption string, of chart.Line) string {
	of.Width = 640
	return chart.Sheet(title, []chart.Tile{{Caption: caption, SVG: of.SVG()}}, 1, of.Width+32)
}

// brief shortens a name for a legend.
func brief(s string, most int) string {
	width := 0
	for i, r := range s {
		if width++; r >= 0x2E80 {
			width++
		}
		if width > most {
			return s[:i] + "…"
		}
	}
	return s
}

// evenly returns n values from low to high, evenly spaced; low and high may be as far apart as floats go.
func evenly(low, high float64, n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		f := float64(i) / float64(n-1)
		out[i] = low*(1-f) + high*f
	}
	return out
}

// straight returns the line through points if they lie on one, in the order of x.
func straight(at []chart.Point) (slope, intercept float64, ok bool) {
	if len(at) < 3 {
		return 0, 0, false
	}
	a, z := at[0], at[len(at)-1]
	slope = (z.Y - a.Y) / (z.X - a.X)
	intercept = a.Y - slope*a.X
	size := 0.0
	for _, p := range at {
		size = max(size, math.Abs(p.Y))
	}
	for _, p := range at {
		if !(math.Abs(intercept+slope*p.X-p.Y) <= 1e-7*size) {
			return 0, 0, false
		}
	}
	return slope, intercept, finite(slope) && finite(intercept)
}

// ends joins the pieces of a straight contour: its two outermost points.
func ends(pieces []chart.Point) []chart.Point {
	var a, z chart.Point
	first := true
	for _, p := range pieces {
		if !finite(p.X) || !finite(p.Y) {
			continue
		}
		if first || p.X < a.X || p.X == a.X && p.Y < a.Y {
			a = p
		}
		if first || p.X > z.X || p.X == z.X && p.Y > z.Y {
			z = p
		}
		first = false
	}
	if first {
		return nil
	}
	return []chart.Point{a, z}
}

// equation writes a line: y = 3.02 x + 2.49.
func equation(y, x string, slope, intercept float64) string {
	switch {
	case slope == 0:
		return y + " = " + signedText(intercept)
	case intercept == 0:
		return y + " = " + product(slope, x)
	}
	return y + " = " + product(slope, x) + " " + added(intercept, "")
}

// product writes a coefficient before a name; beyond the textbooks' x and x1 a sign stands between.
func product(v float64, name string) string {
	if name == "" {
		return signedText(v)
	}
	if len(name) <= 2 {
		return signedText(v) + " " + name
	}
	return signedText(v) + " × " + name
}

// added writes a further term with its sign.
func added(v float64, name string) string {
	if v < 0 {
		return "− " + product(-v, name)
	}
	return "+ " + product(v, name)
}

func signedText(v float64) string {
	if v < 0 {
		return "−" + figureText(-v)
	}
	return figureText(v)
}

// figureText writes a coefficient: at least three figures that say something.
func figureText(v float64) string {
	switch a := math.Abs(v); {
	case a >= 1e9 || a > 0 && a < 1e-4:
		return strconv.FormatFloat(v, 'g', 3, 64)
	case a >= 100:
		return chart.Short(v)
	case a >= 1 || a == 0:
		return strconv.FormatFloat(v, 'f', 2, 64)
	default: // 0.07 says too little
		return strings.TrimRight(strconv.FormatFloat(v, 'f', 2-int(math.Floor(math.Log10(a))), 64), "0")
	}
}
