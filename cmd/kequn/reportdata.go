package main

import (
	"fmt"
	"math"

	"kequn"
	"kequn/internal/chart"
	"kequn/internal/pipeline"
	"kequn/internal/report"
	"kequn/internal/segment"
)

// reportOf turns what the pipeline knows into what the page shows.
func reportOf(d *pipeline.ReportData, lang kequn.Lang) report.Data {
	out := report.Data{Lang: lang, Name: d.Name, Created: d.Created, Program: kequn.Version, Cutoff: d.Cutoff, First: d.First, Last: d.Last,
		Customers: d.Customers, Currency: d.Currency, Sealed: d.Sealed}
	for _, l := range d.Loads {
		out.Loads = append(out.Loads, report.Load{Name: l.Name, Role: string(l.Role), Read: l.Read, Kept: l.Kept, Rejected: l.Rejected, Duplicate: l.Duplicate,
			Reasons: counts(l.Why), Warnings: counts(l.Odd)})
	}
	for _, m := range d.Months {
		out.Months = append(out.Months, report.Month(m))
	}
	for _, s := range d.Segments {
		out.Segments = append(out.Segments, segmentationOf(s))
	}
	for _, g := range d.Goals {
		out.Goals = append(out.Goals, goalOf(g))
	}
	for _, x := range d.Decision {
		out.Decision = append(out.Decision, report.Decision{Receipt: x.Receipt, ID: x.ID, Result: x.Result})
	}
	return out
}

func counts(list []pipeline.Tally) []report.Count {
	zh, en := app{lang: "zh"}, app{lang: "en"}
	var out []report.Count
	for _, t := range list {
		out = append(out, report.Count{Word: report.Text{ZH: zh.reason(t.Reason) + columnWord(t.Column), EN: en.reason(t.Reason) + columnWord(t.Column)}, N: t.Rows})
	}
	return out
}

func segmentationOf(s *segment.Segmentation) report.Segmentation {
	out := report.Segmentation{Name: s.Name, Title: report.Text{ZH: "行为分群", EN: "Behaviour groups"}, Note: report.Text(s.Note)}
	if s.Grid != nil {
		out.Title = report.Text{ZH: "RFM 分级：最近、频次、金额", EN: "RFM: recency, frequency, money"}
		out.Grid = gridOf(s)
	}
	for _, x := range s.Segments {
		revenue := math.NaN()
		if x.Revenue != nil {
			revenue = *x.Revenue
		}
		out.Segments = append(out.Segments, report.Segment{Name: report.Text(x.Name), Size: x.Size, Share: x.Share, Revenue: revenue, Profile: report.Text(x.Text)})
	}
	return out
}

func gridOf(s *segment.Segmentation) *report.Grid {
	names := map[string]report.Text{}
	for _, x := range s.Segments {
		names[x.Key] = report.Text(x.Name)
	}
	g := &report.Grid{X: report.Text{ZH: "频次与金额 →（5 为最高）", EN: "frequency and money → (5 is highest)"}, Y: report.Text{ZH: "最近", EN: "recency"}}
	for i, row := range s.Grid {
		g.Rows = append(g.Rows, string(rune('5'-i)))
		g.Cols = append(g.Cols, string(rune('1'+i)))
		var cells []report.GridCell
		for _, c := range row {
			cells = append(cells, report.GridCell{Name: names[c.Class], Count: c.Count})
		}
		g.Cells = append(g.Cells, cells)
	}
	return g
}

func goalOf(p *pipeline.Prediction) report.Goal {
	g := report.Goal{Name: p.Name, Binary: p.Task == kequn.Binary, Rows: p.Rows, Rate: p.Rate,
		Question: report.Text{ZH: pipeline.Question(p.Goal, kequn.Chinese), EN: pipeline.Question(p.Goal, kequn.English)}, Why: report.Text{ZH: p.WhyZH, EN: p.WhyEN}}
	if p.Skipped != "" {
		g.Skipped, g.Why = p.Skipped, report.Text{}
		return g
	}
	if p.Card != nil {
		g.Grade, g.Advice = report.Text{ZH: p.Card.Grade(kequn.Chinese), EN: p.Card.Grade(kequn.English)}, report.Text{ZH: p.Card.Advice(kequn.Chinese), EN: p.Card.Advice(kequn.English)}
	}
	for _, m := range p.Models {
		if m.Failed != "" {
			continue
		}
		r := report.Rung{Name: m.Name, Loss: m.Loss(), Seconds: m.FitSeconds, Chosen: m.Name == p.Chosen}
		switch {
		case m.AUC != nil:
			r.Score = *m.AUC
			if m.AUCSD != nil {
				r.SE = *m.AUCSD
			}
		case m.R2 != nil:
			r.Score = *m.R2
		}
		g.Rungs = append(g.Rungs, r)
	}
	for _, x := range p.Gains {
		g.Gains = append(g.Gains, chart.Point{X: x.Share, Y: x.Captured})
	}
	for _, b := range p.Calib {
		g.Calib = append(g.Calib, report.CalibPoint{Predicted: b.Predicted, Actual: b.Rate, Share: b.Weight})
	}
	for _, d := range p.Drivers {
		g.Drivers = append(g.Drivers, report.Driver{Text: report.Text{ZH: d.TextZH, EN: d.TextEN}, Share: d.Share, Kind: string(d.Kind)})
	}
	if n := p.Next; n != nil {
		for _, d := range n.Drivers {
			g.Drivers = append(g.Drivers, report.Driver{Text: report.Text{ZH: d.TextZH, EN: d.TextEN}, Share: d.Share, Kind: "behaviour"})
		}
		for _, x := range n.Examples {
			g.Notes = append(g.Notes, report.Text{ZH: fmt.Sprintf("排在第一的：%s（%d 位客户）", x.Value, x.Lists), EN: fmt.Sprintf("First on the list of %d customers: %s", x.Lists, x.Value)})
		}
	}
	for _, l := range leaksOf(p) {
		g.Notes = append(g.Notes, report.Text{ZH: "疑似泄漏 " + l.ZH, EN: "May be a leak: " + l.EN})
	}
	if p.SameTime {
		g.Notes = append(g.Notes, report.Text{ZH: "历史不足以在更晚的时间评判，改在其他客户上评判。", EN: "History is too short to judge on later time: judged on other customers."})
	}
	if p.Card != nil {
		g.Card = &report.CardPage{Title: p.Name, Program: kequn.Version, DataHash: p.DataHash, Card: p.Card, Why: p.Reasons, WhyChosen: g.Why, Rungs: g.Rungs,
			Leaks: leaksOf(p), Notes: p.Notes, Words: wordsOf(p)}
	}
	return g
}

// leaksOf says which columns seem to know the outcome.
func leaksOf(p *pipeline.Prediction) []report.Text {
	var out []report.Text
	for _, l := range p.Leaks {
		out = append(out, report.Text{ZH: l.Column + "：" + l.EvidenceZH + leftOut(l, "（已不用于训练）"), EN: l.Column + ": " + l.EvidenceEN + leftOut(l, " (left out of training)")})
	}
	return out
}

// leftOut returns the words if a suspect was left out of training.
func leftOut(l pipeline.Leak, words string) string {
	if l.Dropped {
		return words
	}
	return ""
}
