package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"kequn/internal/evaluate"
	"kequn/internal/explain"
)

// How many lines of each part are printed: the page has all.
const (
	mostHelp    = 3
	mostDrivers = 5
)

// printCard says how far to trust a model: what a reader at a prompt wants of the card.
// words says what a column is; nil, and columns of which it says nothing, are called by their names.
func (a *app) printCard(w io.Writer, c *evaluate.Card, g *explain.Global, words func(column string) (zh, en string)) {
	if c == nil {
		return
	}
	lang := a.language()
	fmt.Fprintf(w, a.say("\n评级：%s。%s\n", "\ngrade: %s. %s\n"), c.Grade(lang), c.Advice(lang))
	for _, k := range c.Comparison {
		if text := k.In(lang); text != "" && k.Simple && !k.Chosen && k.Behind != nil && k.Behind.Low != k.Behind.High {
			fmt.Fprintf(w, a.say("最简可用 %s：%s\n", "simplest acceptable, %s: %s\n"), k.Name, text)
		}
	}
	if c.Chance != nil {
		fmt.Fprintln(w, c.Chance.In(lang))
	}
	if len(c.Help) > 0 {
		fmt.Fprintln(w, a.say("最能帮上忙的：", "what would help most:"))
		for i, h := range c.Help[:min(mostHelp, len(c.Help))] {
			fmt.Fprintf(w, "  %d. %s\n", i+1, h.In(lang))
		}
	}
	for _, f := range c.Fairness {
		fmt.Fprintf(w, a.say("公平性（%s）：%s\n", "fairness by %s: %s\n"), f.Attribute, firstSentence(f.In(lang)))
	}
	a.printReasons(w, g, words)
	// Parts that were left out for one reason are named together.
	var left []string
	var parts [][]string
	var reasons []string
	for _, n := range c.NotMeasured {
		part, _, _ := strings.Cut(n.Part, ".")
		word, ok := partWords[part]
		if !ok {
			left = append(left, n.In(lang))
			continue
		}
		at := slices.Index(reasons, n.In(lang))
		if at < 0 {
			at = len(reasons)
			reasons, parts = append(reasons, n.In(lang)), append(parts, nil)
		}
		parts[at] = append(parts[at], word.In(lang))
	}
	for i, reason := range reasons {
		left = append(left, strings.Join(parts[i], a.say("、", ", "))+a.say("：", ": ")+reason)
	}
	if g != nil {
		for _, n := range g.Missing {
			left = append(left, a.say(n.Zh, n.En))
		}
	}
	if len(left) > 0 {
		fmt.Fprintf(w, a.say("未测量：%s\n", "not measured: %s\n"), strings.Join(left, a.say("；", "; ")))
	}
}

// firstSentence returns a text up to its first full stop: the page has the rest.
func firstSentence(text string) string {
	for _, stop := range []string{"。", ". "} {
		if i := strings.Index(text, stop); i >= 0 {
			return text[:i+len(strings.TrimSuffix(stop, " "))]
		}
	}
	return text
}

// partWords are the parts of a card by their keys.
var partWords = map[string]evaluate.Text{
	"drift":      {Zh: "漂移", En: "drift"},
	"chance":     {Zh: "打乱检验", En: "shuffled outcomes"},
	"curve":      {Zh: "学习曲线", En: "learning curve"},
	"seeds":      {Zh: "换随机数", En: "other seeds"},
	"groups":     {Zh: "没见过的群体", En: "unseen groups"},
	"parameters": {Zh: "换参数", En: "other parameters"},
	"threads":    {Zh: "多线程", En: "threads"},
}

// printReasons says what moves the score, and how few columns would do.
func (a *app) printReasons(w io.Writer, g *explain.Global, words func(column string) (zh, en string)) {
	if g == nil {
		return
	}
	called := func(column string) string {
		if words != nil {
			if zh, en := words(column); zh != "" {
				return a.say(zh, en)
			}
		}
		return column
	}
	weights := g.Permutation
	if len(weights) == 0 {
		weights = g.Own
	}
	shown := 0
	for _, x := range weights {
		if x.Share <= 0 || shown == mostDrivers {
			break
		}
		if shown++; shown == 1 {
			fmt.Fprintln(w, a.say("主要依据：", "what moves the score:"))
		}
		line := fmt.Sprintf("  %6s  %s", percent(x.Share), called(x.Column))
		for _, e := range g.Effects {
			if e.Column == x.Column {
				if text := a.say(e.Zh, e.En); text != "" {
					line += a.say("：", ": ") + text
				}
			}
		}
		fmt.Fprintln(w, line)
	}
	for _, f := range g.Fewer {
		if f.Enough {
			names := make([]string, len(f.Names))
			for i, n := range f.Names {
				names[i] = called(n)
			}
			fmt.Fprintf(w, a.say("只用 %d 列就够：%s\n", "%d columns would do: %s\n"), f.Columns, strings.Join(names, a.say("、", ", ")))
			break
		}
	}
	if t := g.Tree; t != nil {
		if text := a.say(t.Zh, t.En); text != "" {
			fmt.Fprintln(w, text)
		}
	}
}
