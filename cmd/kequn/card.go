package main

import (
	"io"
	"path/filepath"
	"strings"
	"time"

	"kequn"
	"kequn/internal/pipeline"
	"kequn/internal/report"
)

// writeCardTo writes a page as Markdown where the file's name ends in .md, else as HTML.
func writeCardTo(w io.Writer, path string, p report.CardPage) error {
	if ext := strings.ToLower(filepath.Ext(path)); ext == ".md" || ext == ".markdown" {
		return report.WriteCardMarkdown(w, p)
	}
	return report.WriteCard(w, p)
}

// tryCard makes the page of a flat table's chosen line.
func (a *app) tryCard(r *pipeline.TryResult, f pipeline.TryFlags) report.CardPage {
	p := report.CardPage{
		Lang: a.language(), Title: tableName(f.File) + ": " + r.Outcome, Program: kequn.Version, Created: time.Now().Format("2006-01-02 15:04"),
		Data: filepath.Base(f.File), DataHash: r.DataHash, Window: a.say("一张表", "one table"), Seed: r.Seed, Card: r.Card, Why: r.Reasons,
		WhyChosen: report.Text{ZH: r.Brief, EN: r.Brief}, Notes: r.Notes,
	}
	if r.Positive != "" {
		p.Title += " = " + r.Positive
	}
	if f.Test != "" {
		p.Window = a.say("另一张表 ", "another table, ") + filepath.Base(f.Test)
	}
	if r.Baseline != nil {
		p.Rungs = append(p.Rungs, tryRung(*r.Baseline, r.Chosen))
	}
	for _, m := range r.Models {
		p.Rungs = append(p.Rungs, tryRung(m, r.Chosen))
		if m.Name == r.Chosen {
			p.Params = report.ParamsOf(m.Params)
		}
	}
	for _, l := range r.Leaks {
		text := l.Column + a.say("：", ": ") + l.Evidence
		p.Leaks = append(p.Leaks, report.Text{ZH: text, EN: text})
	}
	for _, e := range r.Examples {
		x := report.Example{Title: report.Text{ZH: e.Title.Zh, EN: e.Title.En}, Change: e.Change}
		if e.Why != nil {
			x.Explained = *e.Why
		}
		p.Examples = append(p.Examples, x)
	}
	return p
}

// tableName is a file's name without folder and endings.
func tableName(path string) string {
	name := filepath.Base(path)
	for _, ext := range []string{".gz", ".zst", ".csv", ".tsv", ".txt", ".parquet", ".jsonl", ".json", ".xlsx"} {
		name = strings.TrimSuffix(name, ext)
	}
	return name
}

func tryRung(m pipeline.TryModel, chosen string) report.Rung {
	r := report.Rung{Name: m.Name, Seconds: m.FitSeconds, Chosen: m.Name == chosen}
	set := func(to *float64, v *float64) {
		if v != nil {
			*to = *v
		}
	}
	switch {
	case m.BinaryFigures != nil:
		set(&r.Score, m.AUC)
		set(&r.SE, m.AUCSD)
		set(&r.Loss, m.LogLoss)
	case m.AmountFigures != nil:
		set(&r.Score, m.R2)
		set(&r.Loss, m.RMSE)
	case m.ClassFigures != nil:
		set(&r.Score, m.MacroAUC)
		set(&r.Loss, m.LogLoss)
	}
	return r
}

// goalCard makes the page of a goal's chosen line.
func (a *app) goalCard(p *pipeline.Prediction, s *pipeline.Shop) report.CardPage {
	g := goalOf(p)
	return report.CardPage{
		Lang: a.language(), Title: p.Name + " · " + pipeline.Question(p.Goal, a.language()), Program: kequn.Version, Created: time.Now().Format("2006-01-02 15:04"),
		Data: s.Name(), DataHash: p.DataHash, Window: windowOf(p, a.language()), Seed: s.Seed, Card: p.Card, Why: p.Reasons,
		WhyChosen: g.Why, Rungs: g.Rungs, Leaks: leaksOf(p), Notes: p.Notes, Words: wordsOf(p),
	}
}

// windowOf says at which cutoffs a goal was learnt and judged.
func windowOf(p *pipeline.Prediction, l kequn.Lang) string {
	var learned []string
	for _, c := range p.Learned {
		learned = append(learned, day(c))
	}
	text := l.Pick("学习于 ", "learnt at ") + strings.Join(learned, ", ")
	if p.SameTime {
		return text + l.Pick("，在其他客户上评判", "; judged on other customers")
	}
	return text + l.Pick("，评判于 ", "; judged at ") + day(p.Judged)
}

// wordsOf says what a feature of a goal is.
func wordsOf(p *pipeline.Prediction) func(string) report.Text {
	return func(column string) report.Text {
		zh, en := p.Words(column)
		return report.Text{ZH: zh, EN: en}
	}
}
