package report

import (
	"fmt"
	"regexp"
	"strings"
)

// markdown prints a document as GitHub-flavoured Markdown. Every text is escaped, so that what comes from data stays text.
func markdown(d document) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n", escaped(d.Title))
	under := []string{escaped(d.Kind)}
	for _, u := range d.Under {
		under = append(under, escaped(u))
	}
	fmt.Fprintf(&b, "%s\n\n", strings.Join(under, " · "))
	for _, t := range d.Tiles {
		fmt.Fprintf(&b, "- **%s** %s\n", escaped(t.Figure), escaped(t.Word))
	}
	b.WriteString("\n")
	for _, s := range d.Sections {
		fmt.Fprintf(&b, "## %s\n\n", escaped(s.Title))
		markdownBlocks(&b, s.Blocks)
	}
	fmt.Fprintf(&b, "---\n\n%s\n", escaped(d.Foot))
	return b.String()
}

func markdownBlocks(b *strings.Builder, blocks []block) {
	for _, k := range blocks {
		switch k.Kind {
		case "heading":
			fmt.Fprintf(b, "### %s\n\n", escaped(k.Text))
		case "text", "soft":
			fmt.Fprintf(b, "%s\n\n", escaped(k.Text))
		case "say":
			fmt.Fprintf(b, "> **%s**\n>\n> %s\n\n", escaped(k.Word), escaped(k.Text))
		case "list", "steps", "rules":
			for i, l := range k.Lines {
				mark := "-"
				if k.Kind != "list" {
					mark = fmt.Sprintf("%d.", i+1)
				}
				fmt.Fprintf(b, "%s %s\n", mark, escaped(l))
			}
			b.WriteString("\n")
		case "table":
			markdownTable(b, k.Table)
		case "figure":
			if k.Table == nil {
				continue // another figure's table holds its figures
			}
			fmt.Fprintf(b, "**%s**\n\n", escaped(k.Text))
			for _, l := range k.Lines {
				if l != "" {
					fmt.Fprintf(b, "%s\n\n", escaped(l))
				}
			}
			markdownTable(b, k.Table)
		case "pair":
			markdownBlocks(b, k.Parts)
		}
	}
}

func markdownTable(b *strings.Builder, g *grid) {
	line := func(cells []string, strong bool) {
		for j := range g.Head {
			c := ""
			if j < len(cells) {
				c = escaped(cells[j])
			}
			if strong && c != "" {
				c = "**" + c + "**"
			}
			fmt.Fprintf(b, "| %s ", c)
		}
		b.WriteString("|\n")
	}
	line(g.Head, false)
	for j := range g.Head {
		if g.Number(j) {
			b.WriteString("| ---: ")
		} else {
			b.WriteString("| --- ")
		}
	}
	b.WriteString("|\n")
	for i, r := range g.Rows {
		line(r, i == g.Strong)
	}
	b.WriteString("\n")
}

var (
	marks = strings.NewReplacer(`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "|", `\|`, "~", `\~`, "$", `\$`, "#", `\#`,
		"<", "&lt;", ">", "&gt;", "&", "&amp;", "\n", " ", "\r", " ", "\t", " ", "://", "&#58;//", "@", "&#64;")
	// What begins a list, a rule or a heading, only at the beginning.
	opening = regexp.MustCompile(`^(?:[-+=](?:\D|$)|\d+[.)](?:\s|$))`)
	www     = regexp.MustCompile(`(?i)\bwww\.`)
)

// escaped turns a text into Markdown that shows it as it is, on one line: no emphasis, link, table cell, tag or heading comes of it.
func escaped(s string) string {
	s = strings.TrimSpace(marks.Replace(strings.ToValidUTF8(s, "\uFFFD")))
	s = www.ReplaceAllString(s, "www&#46;")
	if opening.MatchString(s) {
		at := strings.IndexAny(s, "-+=.)")
		s = s[:at] + `\` + s[at:]
	}
	return s
}
