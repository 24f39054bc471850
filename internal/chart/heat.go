package chart

import (
	"fmt"
	"math"
	"strings"
)

// Heat is a grid of small cells without words: the first colour where values are above 0, the second where they are below,
// the stronger the further.
type Heat struct {
	Title  string
	X, Y   string      // what the columns and rows stand for
	XNames []string    // one per column; as many are shown as have room
	YNames []string    // one per row, from bottom to top
	Values [][]float64 // Values[row][column]; one that is not finite is left blank
	Most   float64     // the value of full colour; 0 is the largest of the grid
	Width  int         // 0 is 640
	Height int         // 0 is 320
}

// SVG returns the picture as one svg element.
func (g Heat) SVG() string {
	w, h := orSize(g.Width, 640), orSize(g.Height, 320)
	most := g.Most
	if most == 0 {
		for _, row := range g.Values {
			for _, v := range row {
				if finite(v) {
					most = math.Max(most, math.Abs(v))
				}
			}
		}
	}
	longest := 20.0
	for _, n := range g.YNames {
		longest = math.Max(longest, textWidth(n))
	}
	x0 := math.Min(longest+10, float64(w)*.3)
	y0, y1 := 34.0, float64(h)-bottom
	var b strings.Builder
	open(&b, w, h, g.Title)
	text(&b, 4, 14, "start", clip(g.Title, float64(w)-8), "kq-strong")
	rows, cols := float64(len(g.Values)), float64(len(g.XNames))
	cw, ch := (float64(w)-x0-right)/math.Max(1, cols), (y1-y0)/math.Max(1, rows)
	for i, row := range g.Values {
		for j, v := range row {
			if !finite(v) || most == 0 || v == 0 {
				continue
			}
			paint := color(1)
			if v < 0 {
				paint = color(2)
			}
			fmt.Fprintf(&b, `<rect x="%s" y="%s" width="%s" height="%s" fill="%s" fill-opacity="%s"/>`,
				num(x0+cw*float64(j)), num(y1-ch*float64(i+1)), num(cw+.2), num(ch+.2), paint, strings.TrimPrefix(fmt.Sprintf("%.2f", math.Min(1, math.Abs(v)/most)), "0"))
		}
	}
	fmt.Fprintf(&b, `<rect x="%s" y="%s" width="%s" height="%s" fill="none" class="kq-axis"/>`, num(x0), num(y0), num(cw*cols), num(y1-y0))
	for i, n := range g.YNames {
		if every := int(math.Ceil(14 / ch)); i%every == 0 && i < len(g.Values) {
			text(&b, x0-6, y1-ch*(float64(i)+.5)+4, "end", clip(n, x0-8), "kq-small")
		}
	}
	shown := -math.MaxFloat64
	for j, n := range g.XNames {
		at, half := x0+cw*(float64(j)+.5), math.Min(textWidth(n), 90)/2
		if at-half > shown+4 && at+half <= float64(w) {
			text(&b, at, y1+16, "middle", clip(n, 90), "kq-small")
			shown = at + half
		}
	}
	text(&b, x0+cw*cols/2, y1+34, "middle", clip(g.X, cw*cols), "")
	text(&b, 4, y0-6, "start", clip(g.Y, float64(w)-8), "kq-small")
	b.WriteString("</svg>")
	return b.String()
}
