package main

import (
	"fmt"
	"io"
	"math"
	"strings"

	"charm.land/lipgloss/v2"
)

// textTable prints rows in aligned columns; wide characters count as two.
type textTable struct {
	head []string
	rows [][]string
}

func newTable(head ...string) *textTable { return &textTable{head: head} }

func (t *textTable) row(cells ...string) { t.rows = append(t.rows, cells) }

// print writes the table. Columns of numbers are aligned on the right.
func (t *textTable) print(w io.Writer) {
	width, numeric := make([]int, len(t.head)), make([]bool, len(t.head))
	for c := range t.head {
		width[c], numeric[c] = lipgloss.Width(t.head[c]), len(t.rows) > 0
		for _, r := range t.rows {
			width[c] = max(width[c], lipgloss.Width(r[c]))
			numeric[c] = numeric[c] && looksNumeric(r[c])
		}
	}
	line := func(cells []string) {
		var b strings.Builder
		for c, s := range cells {
			pad := strings.Repeat(" ", width[c]-lipgloss.Width(s))
			if numeric[c] {
				b.WriteString(pad + s)
			} else {
				b.WriteString(s + pad)
			}
			b.WriteString("  ")
		}
		fmt.Fprintln(w, strings.TrimRight(b.String(), " "))
	}
	if strings.Join(t.head, "") != "" {
		line(t.head)
	}
	for _, r := range t.rows {
		line(r)
	}
}

func looksNumeric(s string) bool {
	return strings.Trim(s, "0123456789.,+-−–%± ()…") == ""
}

// count writes a whole number with thousands separators.
func count[T int | int64](n T) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// money writes an amount without decimals, with its currency.
func money(x float64, currency string) string {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return "–"
	}
	return strings.TrimSpace(count(int64(math.Round(x))) + " " + currency)
}

func percent(x float64) string {
	if math.IsNaN(x) {
		return "–"
	}
	return fmt.Sprintf("%.1f%%", 100*x)
}
