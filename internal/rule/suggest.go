package rule

import (
	"slices"
	"strings"
)

// Suggest returns the known name that is nearest to a name by the number of typing mistakes (a letter too many, too few,
// wrong, or two swapped; case does not count), or "" if all are further than a third of its length. The first of equals wins.
func Suggest(name string, known []string) string {
	best, bestDistance := "", max(1, len([]rune(name))/3)+1
	for _, k := range known {
		if d := mistakes([]rune(strings.ToLower(name)), []rune(strings.ToLower(k)), bestDistance); d < bestDistance {
			best, bestDistance = k, d
		}
	}
	return best
}

// mistakes returns the restricted edit distance of a and b (insertions, deletions, changes, swaps of neighbours), or at
// least limit if it is not below.
func mistakes(a, b []rune, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

// unknown is the error of a name that nobody has: it names the nearest one, or some of those there are.
func unknown(at place, what, name string, known []string) error {
	if r := []rune(name); len(r) > 64 {
		name = string(r[:64]) + "…"
	}
	err := at.errorf("there is no %s %q", what, name)
	if near := Suggest(name, known); near != "" {
		return err.WithHint("did you mean %q?", near)
	}
	var once []string
	for _, k := range known {
		if !slices.Contains(once, k) {
			once = append(once, k)
		}
	}
	known = once
	if len(known) == 0 {
		return err.WithHint("there is none yet")
	}
	if len(known) > 12 {
		known = append(known[:12], "…")
	}
	return err.WithHint("there are %s", strings.Join(known, ", "))
}
