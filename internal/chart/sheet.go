package chart

import (
	"fmt"
	"math"
	"strings"
)

// Tile is a picture of a sheet with the line above it.
type Tile struct {
	Caption string
	SVG     string // as the functions of this package return it
}

// Sheet lays pictures out on one, cols side by side, from left to right and from top to bottom; each row is as high as the
// highest of its pictures.
func Sheet(title string, tiles []Tile, cols, width int) string {
	w := orSize(width, 960)
	cols = max(1, min(cols, len(tiles)))
	const gap, caption, head = 16.0, 22.0, 34.0
	cw := (float64(w) - gap*float64(cols+1)) / float64(cols)
	var body strings.Builder
	y := head
	for from := 0; from < len(tiles); from += cols {
		highest := 0.0
		for i, t := range tiles[from:min(from+cols, len(tiles))] {
			x := gap + float64(i)*(cw+gap)
			text(&body, x, y+14, "start", clip(t.Caption, cw), "kq-strong")
			tw, th := viewBox(t.SVG)
			height := cw * th / tw
			highest = math.Max(highest, height)
			fmt.Fprintf(&body, `<svg x="%s" y="%s" width="%s" height="%s" `, num(x), num(y+caption), num(cw), num(height))
			body.WriteString(strings.TrimPrefix(t.SVG, "<svg "))
		}
		y += caption + highest + gap
	}
	var b strings.Builder
	open(&b, w, int(math.Ceil(y)), title)
	text(&b, gap, 22, "start", clip(title, float64(w)-2*gap), "kq-strong")
	b.WriteString(body.String())
	b.WriteString("</svg>")
	return b.String()
}

// viewBox returns the size of a picture in its own units.
func viewBox(svg string) (w, h float64) {
	if i := strings.Index(svg, `viewBox="`); i >= 0 {
		if n, _ := fmt.Sscanf(svg[i:], `viewBox="0 0 %g %g"`, &w, &h); n == 2 && w > 0 && h > 0 {
			return w, h
		}
	}
	return 640, 320
}
