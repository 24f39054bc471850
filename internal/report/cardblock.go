package report

import (
	"html/template"

	"kequn"
)

// document is a card as paragraphs, tables and pictures, from which both its forms are printed.
type document struct {
	Code     string // of the language
	Title    string
	Kind     string
	Under    []string // below the title
	Tiles    []tile
	Sections []section
	Foot     string
}

// tile is a figure that is seen first.
type tile struct{ Figure, Word string }

// section is one part of a card.
type section struct {
	ID, Title string
	Blocks    []block
}

// block is one thing on the page. Kind says which: heading, text, soft, say, list, steps, table, figure or pair.
type block struct {
	Kind    string
	Text    string
	Class   string        // of say: good, warn or bad
	Lines   []string      // of list and steps
	Table   *grid         // of table and figure
	Picture template.HTML // of figure, made by package chart
	Word    string        // of figure: "show as table"
	Parts   []block       // of pair: figures side by side, of small size where Class says so
}

// grid is a table. Columns named by Numbers stand right.
type grid struct {
	Head    []string
	Rows    [][]string
	Numbers []bool
	Strong  int // row that stands out, -1 for none
}

// Number tells whether the column holds figures.
func (g *grid) Number(column int) bool { return column < len(g.Numbers) && g.Numbers[column] }

// table makes a table; a head that starts with ">" stands over figures.
func table(head ...string) *grid {
	g := &grid{Strong: -1}
	for _, h := range head {
		number := len(h) > 0 && h[0] == '>'
		if number {
			h = h[1:]
		}
		g.Head, g.Numbers = append(g.Head, h), append(g.Numbers, number)
	}
	return g
}

func (g *grid) row(cells ...string) { g.Rows = append(g.Rows, cells) }

// without leaves out the columns that say nothing in any row; the first stays.
func (g *grid) without(empty ...string) *grid {
	out := &grid{Strong: g.Strong}
	keep := make([]bool, len(g.Head))
	for j := range g.Head {
		keep[j] = j == 0
		for _, r := range g.Rows {
			keep[j] = keep[j] || j < len(r) && r[j] != "" && !contains(empty, r[j])
		}
		if keep[j] {
			out.Head, out.Numbers = append(out.Head, g.Head[j]), append(out.Numbers, g.Numbers[j])
		}
	}
	for _, r := range g.Rows {
		var row []string
		for j, c := range r {
			if keep[j] {
				row = append(row, c)
			}
		}
		out.Rows = append(out.Rows, row)
	}
	return out
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

func heading(s string) block { return block{Kind: "heading", Text: capital(s)} }
func para(s string) block    { return block{Kind: "text", Text: capital(s)} }
func soft(s string) block    { return block{Kind: "soft", Text: capital(s)} }

func tabled(g *grid) block { return block{Kind: "table", Table: g} }

// figure is a picture with the table of its figures.
func (v cardView) figure(caption, svg string, g *grid) block {
	return block{Kind: "figure", Text: caption, Picture: template.HTML(svg), Table: g, Word: v.say("查看数据表", "show as table")}
}

// pair puts figures side by side; one alone stands by itself.
func pair(figures ...block) block {
	return block{Kind: "pair", Parts: figures}
}

// sentence joins sentences as the language does.
func sentence(l kequn.Lang, parts ...string) string {
	out := ""
	for _, p := range parts {
		if p == "" {
			continue
		}
		if out != "" {
			out += l.Pick("", " ")
		}
		out += p
	}
	return out
}
