package plan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"kequn"
	"kequn/internal/table"
)

// New returns the text of a plan with nothing in it but explanations.
func New(zone, currency string) []byte {
	return fmt.Appendf(nil, `# The plan of this workspace: what the data is, which questions are asked of it, and what may be offered.
# Edit it freely; kequn keeps your comments. Every word is explained in docs/format/plan.md.
version: 1
zone: %s        # days begin at midnight here; times without a zone are taken to be here
currency: %s
holdout: 0      # share of customers that no campaign ever contacts

# One table each. role: customers, events, orders, items, sends or lookup.
# A column's role says what it is; its kind how it is read (number integer money time bool category text).
datasets:

# Columns of your own for models and rules, for example  spend_90d: 'orders.last("90d").sum("amount")'
features:

# What the data must keep to, beside what kequn check proposes.
quality:

# What is to be predicted about the time after the cutoff.
goals:

# Divisions of all customers: rfm, or behaviour (groups found in the data).
segments:

# Saved rules, for example  lapsed: 'orders.count() >= 2 && !orders.last("90d").exists()'
audiences:

# Treatments and what they cost.
offers:

# Decisions to be made: who gets which offer.
campaigns:
`, scalar(zone), scalar(currency))
}

// Edit is a plan's text while entries are put into it. What is not touched keeps every byte.
type Edit struct{ lines []string }

// NewEdit begins to edit a text.
func NewEdit(text []byte) *Edit {
	return &Edit{lines: strings.Split(strings.TrimRight(string(text), "\n"), "\n")}
}

// Bytes returns the text. It is read back first, so a broken plan is never returned.
func (e *Edit) Bytes() ([]byte, error) {
	text := []byte(strings.Join(e.lines, "\n") + "\n")
	if _, err := Parse(text); err != nil {
		return nil, err
	}
	return text, nil
}

// PutDataset adds a dataset or replaces the one of its name. notes are comments by column name.
func (e *Edit) PutDataset(d Dataset, notes map[string]string) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "  %s:\n    role: %s\n    columns:\n", scalar(d.Name), d.Role)
	width := 0
	for _, c := range d.Columns {
		width = max(width, len(scalar(c.Name)))
	}
	for _, c := range d.Columns {
		line := fmt.Sprintf("      %-*s {%s}", width+1, scalar(c.Name)+":", c.text())
		if n := notes[c.Name]; n != "" {
			line = fmt.Sprintf("%-72s # %s", line, strings.ReplaceAll(n, "\n", " "))
		}
		b.WriteString(line + "\n")
	}
	e.put("datasets", d.Name, b.String())
}

func (c Column) text() string {
	f := []string{"kind: " + c.Kind.String()}
	if c.Role != kequn.ColAttribute {
		f = append(f, "role: "+string(c.Role))
	}
	if c.Kind == table.Money {
		f = append(f, "scale: "+strconv.Itoa(c.Scale))
	}
	add := func(name, v string) {
		if v != "" {
			f = append(f, name+": "+scalar(v))
		}
	}
	add("layout", c.Layout)
	add("currency", c.Currency)
	add("from", c.From)
	if c.Fixed {
		f = append(f, "fixed: true")
	}
	if c.Sensitive {
		f = append(f, "sensitive: true")
	}
	if c.Allow {
		f = append(f, "allow: true")
	}
	return strings.Join(f, ", ")
}

// PutGoal adds or replaces a goal.
func (e *Edit) PutGoal(g Goal) {
	var f []string
	add := func(name, v string) {
		if v != "" {
			f = append(f, name+": "+scalar(v))
		}
	}
	add("event", g.Event)
	add("sum", g.Sum)
	add("count", g.Count)
	add("column", g.Column)
	add("positive", g.Positive)
	add("when", g.When)
	add("next", g.Next)
	if g.Top != 0 {
		f = append(f, "top: "+strconv.Itoa(g.Top))
	}
	if g.Fresh {
		f = append(f, "fresh: true")
	}
	if g.Absent {
		f = append(f, "absent: true")
	}
	if !g.Within.IsZero() {
		f = append(f, "within: "+g.Within.String())
	}
	if !g.Gap.IsZero() {
		f = append(f, "gap: "+g.Gap.String())
	}
	add("who", g.Who)
	e.put("goals", g.Name, fmt.Sprintf("  %s: {%s}\n", scalar(g.Name), strings.Join(f, ", ")))
}

// PutSegmentation adds or replaces a segmentation.
func (e *Edit) PutSegmentation(s Segmentation) {
	f := "method: " + s.Method
	if s.K != 0 {
		f += ", k: " + strconv.Itoa(s.K)
	}
	if !s.Within.IsZero() {
		f += ", within: " + s.Within.String()
	}
	e.put("segments", s.Name, fmt.Sprintf("  %s: {%s}\n", scalar(s.Name), f))
}

// PutAudience adds or replaces an audience.
func (e *Edit) PutAudience(a Audience) {
	e.put("audiences", a.Name, fmt.Sprintf("  %s: %s\n", scalar(a.Name), quoted(a.Rule)))
}

// PutOffer adds or replaces an offer.
func (e *Edit) PutOffer(o Offer) {
	var f []string
	if o.Arm != "" {
		f = append(f, "arm: "+scalar(o.Arm))
	}
	for _, x := range []struct {
		name string
		v    float64
	}{{"fixed", o.Fixed}, {"contact", o.Contact}, {"redemption", o.Redemption}, {"rate", o.Rate}} {
		if x.v != 0 {
			f = append(f, x.name+": "+number(x.v))
		}
	}
	e.put("offers", o.Name, fmt.Sprintf("  %s: {%s}\n", scalar(o.Name), strings.Join(f, ", ")))
}

// PutCampaign adds or replaces a campaign.
func (e *Edit) PutCampaign(c Campaign) {
	var b strings.Builder
	fmt.Fprintf(&b, "  %s:\n", scalar(c.Name))
	line := func(name, v string) {
		if v != "" && v != "0" {
			fmt.Fprintf(&b, "    %s: %s\n", name, v)
		}
	}
	text := func(name, v string) {
		if v != "" {
			line(name, scalar(v))
		}
	}
	text("goal", c.Goal)
	offers := make([]string, len(c.Offers))
	for i, o := range c.Offers {
		offers[i] = scalar(o)
	}
	line("offers", "["+strings.Join(offers, ", ")+"]")
	line("margin", number(c.Margin))
	line("value", number(c.Value))
	line("budget", number(c.Budget))
	line("control", number(c.Control))
	text("channel", c.Channel)
	text("audience", c.Audience)
	text("exclude", c.Exclude)
	text("history", c.History)
	if !c.Within.IsZero() {
		line("within", c.Within.String())
	}
	e.put("campaigns", c.Name, b.String())
}

// put replaces the entry called name of a section, or adds it at the section's end; a section that is missing is added.
func (e *Edit) put(section, name, block string) {
	text := strings.Split(strings.TrimRight(block, "\n"), "\n")
	from, to := e.section(section)
	if from < 0 {
		e.lines = append(append(e.lines, "", section+":"), text...)
		return
	}
	e.lines[from-1] = emptyValue.ReplaceAllString(e.lines[from-1], "$1$2")
	for i := from; i < to; i++ {
		if keyOf(e.lines[i], 2) != name {
			continue
		}
		end := i + 1
		for end < to && (indent(e.lines[end]) > 2) {
			end++
		}
		e.splice(i, end, text)
		return
	}
	for to > from && (strings.TrimSpace(e.lines[to-1]) == "" || strings.HasPrefix(e.lines[to-1], "#")) {
		to-- // blank lines and comments before the next section belong to it
	}
	e.splice(to, to, text)
}

// emptyValue finds the value of a section that is written as an empty mapping on the section's own line.
var emptyValue = regexp.MustCompile(`^([^:#]+:)\s*(?:\{\s*\}|null|~)(\s*(?:#.*)?)$`)

func (e *Edit) splice(from, to int, text []string) {
	e.lines = append(e.lines[:from:from], append(text, e.lines[to:]...)...)
}

// section returns the stretch of lines below a top-level key, or -1.
func (e *Edit) section(name string) (from, to int) {
	from = -1
	for i, l := range e.lines {
		if from < 0 {
			if keyOf(l, 0) == name {
				from = i + 1
			}
			continue
		}
		if indent(l) == 0 && !strings.HasPrefix(l, "#") {
			return from, i
		}
	}
	return from, len(e.lines)
}

// indent returns the number of leading spaces; a blank line is indented without limit.
func indent(l string) int {
	t := strings.TrimLeft(l, " ")
	if strings.TrimSpace(t) == "" {
		return 1 << 20
	}
	return len(l) - len(t)
}

// keyOf returns the key of a "key: value" line of that indent, unquoted, or "".
func keyOf(l string, at int) string {
	if indent(l) != at || strings.HasPrefix(l[at:], "#") {
		return ""
	}
	l = l[at:]
	if strings.HasPrefix(l, `"`) {
		if end := strings.Index(l[1:], `":`); end >= 0 {
			var s string
			if json.Unmarshal([]byte(l[:end+2]), &s) == nil {
				return s
			}
		}
		return ""
	}
	k, _, ok := strings.Cut(l, ":")
	if !ok {
		return ""
	}
	return strings.Trim(k, "'")
}

func number(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }

// plainScalar matches texts that YAML reads back as the same text without quotes.
var plainScalar = regexp.MustCompile(`^[\p{L}_][\p{L}\p{N}_./ -]*$`)

// notText holds words that YAML 1.1 or 1.2 readers take for something else.
var notText = map[string]bool{"y": true, "n": true, "yes": true, "no": true, "true": true, "false": true, "on": true, "off": true, "null": true, "nan": true, "inf": true}

func scalar(s string) string {
	if plainScalar.MatchString(s) && !notText[strings.ToLower(s)] && strings.TrimSpace(s) == s {
		return s
	}
	return quoted(s)
}

func quoted(s string) string {
	if !strings.ContainsAny(s, "'\n\r\t\\") && strings.ContainsAny(s, `"`) {
		return "'" + s + "'"
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.Encode(s)
	return strings.TrimRight(b.String(), "\n")
}
