package additive

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"kequn"
	"kequn/internal/chart"
)

// Picture draws the whole model on one sheet: what each column adds to the margin over its values, the most important first,
// with a band of one standard deviation between the bags either side; then what pairs add, the strongest first. All of it together is
// the model: whoever adds up what they read for a customer has the score. most bounds the pictures of columns and those of
// pairs, 0 for all; what is left out is said. Of a multiclass model, one line per class.
func (m *Model) Picture(lang kequn.Lang, most int) string {
	var tiles []chart.Tile
	shapes, grids := m.Shapes(), m.Grids()
	outputs := len(m.body.base)
	columns := len(shapes) / outputs
	left := 0
	for t := range columns {
		if most > 0 && t >= most {
			left += columns - t
			break
		}
		tiles = append(tiles, m.tile(shapes[t*outputs:(t+1)*outputs], lang))
	}
	for t := range grids {
		if most > 0 && t >= most {
			left += len(grids) - t
			break
		}
		tiles = append(tiles, grids[t].tile(lang))
	}
	title := lang.Pick("每一列、每一对列对分数的贡献", "What each column, and each pair of columns, adds to the score")
	switch m.header.Task {
	case kequn.Binary:
		title = lang.Pick("每一列、每一对列对分数（对数几率）的贡献", "What each column, and each pair of columns, adds to the score (log-odds)")
	case kequn.Regression:
		title += fmt.Sprintf(lang.Pick("，平均为 %s", ", whose mean is %s"), chart.Short(m.body.base[0]))
	}
	if left > 0 {
		title += fmt.Sprintf(lang.Pick("；另有 %d 个较小的未画出", "; %d smaller ones are not drawn"), left)
	}
	return chart.Sheet(title, tiles, 3, 1200)
}

func (m *Model) tile(shapes []Shape, lang kequn.Lang) chart.Tile {
	s := &shapes[0]
	caption := fmt.Sprintf(lang.Pick("%s（占 %.0f%%）", "%s (%.0f%% of all)"), s.Column, 100*s.Importance)
	if s.Missing.Weight > 0 && len(shapes) == 1 {
		caption += fmt.Sprintf(lang.Pick("，缺失 %s", ", missing %s"), signed(s.Missing.Value))
	}
	if s.Levels != nil && len(shapes) == 1 {
		return chart.Tile{Caption: caption, SVG: s.bars(lang)}
	}
	line := chart.Line{Title: s.Column, Width: 420, Height: 260}
	for k := range shapes {
		line.Series = append(line.Series, shapes[k].series(k))
	}
	if s.Levels != nil {
		line.X.Label = strings.Join(s.Levels, " · ")
	}
	return chart.Tile{Caption: caption, SVG: line.SVG()}
}

// series draws a shape as stairs. The outermost steps have no end; they are drawn as wide as the ones beside them.
func (s *Shape) series(k int) chart.Series {
	out := chart.Series{Name: s.Class, Color: k%8 + 1}
	n := len(s.Cells)
	border := func(i int) float64 { // left of cell i
		switch b := s.Borders; {
		case s.Borders == nil:
			return float64(i)
		case len(b) == 0:
			return float64(i)
		case i == 0 && len(b) > 1:
			return b[0] - (b[1] - b[0])
		case i == 0:
			return b[0] - max(1, math.Abs(b[0]))/2
		case i == n && len(b) > 1:
			return b[n-2] + (b[n-2] - b[n-3])
		case i == n:
			return b[0] + max(1, math.Abs(b[0]))/2
		default:
			return b[i-1]
		}
	}
	for i, c := range s.Cells {
		for _, x := range []float64{border(i), border(i + 1)} {
			if math.IsInf(x, 0) || math.Abs(x) > math.MaxFloat64/4 {
				continue
			}
			out.Points = append(out.Points, chart.Point{X: x, Y: c.Value})
			out.Low, out.High = append(out.Low, c.Value-c.Spread), append(out.High, c.Value+c.Spread)
		}
	}
	return out
}

// bars draws the levels, those that add most first; of many, the heaviest.
func (s *Shape) bars(lang kequn.Lang) string {
	const most = 12
	order := make([]int, len(s.Cells))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(x, y int) int { return cmp.Compare(s.Cells[y].Weight, s.Cells[x].Weight) })
	rest := len(order) - most
	order = order[:min(most, len(order))]
	slices.SortStableFunc(order, func(x, y int) int { return cmp.Compare(s.Cells[y].Value, s.Cells[x].Value) })
	var bars []chart.Bar
	for _, i := range order {
		c := s.Cells[i]
		color := 1
		if c.Value < 0 {
			color = 2
		}
		bars = append(bars, chart.Bar{Label: s.Levels[i], Value: c.Value, Low: c.Value - c.Spread, High: c.Value + c.Spread, Text: signed(c.Value), Color: color})
	}
	title := s.Column
	if rest > 0 {
		title += fmt.Sprintf(lang.Pick("（另有 %d 个少见的值）", " (%d rarer values are not drawn)"), rest)
	}
	return chart.Bars(title, bars, 420)
}

func (g *Grid) tile(lang kequn.Lang) chart.Tile {
	h := chart.Heat{Title: fmt.Sprintf("%s × %s", g.A.Column, g.B.Column), X: g.A.Column, Y: g.B.Column, Width: 420, Height: 300}
	h.XNames, h.YNames = g.A.names(), g.B.names()
	h.Values = make([][]float64, len(h.YNames))
	most := 0.0
	for j := range h.Values {
		h.Values[j] = make([]float64, len(h.XNames))
		for i := range h.Values[j] {
			c := g.Cells[i][j]
			h.Values[j][i] = math.NaN() // where nobody was, there is nothing to be seen
			if c.Weight > 0 {
				h.Values[j][i] = c.Value
				most = max(most, math.Abs(c.Value))
			}
		}
	}
	h.Most = most
	h.Title = fmt.Sprintf(lang.Pick("蓝：高至 %s；红：低至 %s", "blue: up to %s; red: down to %s"), signed(most), signed(-most))
	return chart.Tile{Caption: fmt.Sprintf("%s × %s", g.A.Column, g.B.Column), SVG: h.SVG()}
}

// names tells the steps in short.
func (s *Side) names() []string {
	var out []string
	for _, l := range s.Levels {
		out = append(out, strings.Join(l, "/"))
	}
	if s.Levels != nil {
		return out
	}
	for i := range s.Steps() {
		switch {
		case len(s.Borders) == 0:
			out = append(out, "–")
		case i < len(s.Borders):
			out = append(out, "≤"+chart.Short(s.Borders[i]))
		default:
			out = append(out, ">"+chart.Short(s.Borders[i-1]))
		}
	}
	return out
}

func signed(v float64) string {
	if v > 0 {
		return "+" + chart.Short(v)
	}
	return chart.Short(v)
}
