package main

import (
	"fmt"
	"io"

	"kequn/internal/pipeline"
	"kequn/internal/segment"
	"kequn/internal/source"
)

func (a *app) printLoad(w io.Writer, r *pipeline.LoadResult) {
	t := newTable(a.say("数据集", "dataset"), a.say("角色", "role"), a.say("读入", "read"), a.say("保留", "kept"), a.say("拒收", "rejected"), a.say("重复", "duplicate"), a.say("文件", "file"))
	for _, d := range r.Datasets {
		t.row(d.Name, string(d.Role), count(d.Read), count(d.Kept), count(d.Rejected), count(d.Duplicate), d.File)
	}
	t.print(w)
	for _, d := range r.Datasets {
		if d.Again {
			fmt.Fprintf(w, a.say("%s：此文件以前读入过，没有变化\n", "%s: this file was loaded before; nothing changed\n"), d.File)
			continue
		}
		for _, x := range d.Why {
			fmt.Fprintf(w, a.say("%s：拒收 %s：%s%s（首见于第 %d 行）\n", "%s: %s rejected: %s%s (first at line %d)\n"), d.Name, a.rows(x.Rows), a.reason(x.Reason), columnWord(x.Column), x.Line)
		}
		for _, x := range d.Odd {
			fmt.Fprintf(w, a.say("%s：%s留意：%s%s\n", "%s: %s to look at: %s%s\n"), d.Name, a.rows(x.Rows), a.reason(x.Reason), columnWord(x.Column))
		}
		if d.Identical > 0 {
			fmt.Fprintf(w, a.say("%s：%s与另一行完全相同，没有行编号，均予保留\n", "%s: %s identical to another one; without an id all are kept\n"), d.Name, a.rows(d.Identical))
		}
		if d.Corrected > 0 {
			fmt.Fprintf(w, a.say("%s：%s更正了先前的记录\n", "%s: %s, correcting an earlier one\n"), d.Name, a.rows(d.Corrected))
		}
		if d.Rejects != "" {
			fmt.Fprintf(w, a.say("%s：拒收的行在 %s（或 kequn rejects %s）\n", "%s: the rejected rows are in %s (or: kequn rejects %s)\n"), d.Name, d.Rejects, d.Name)
		}
		for _, n := range d.Notes {
			fmt.Fprintf(w, "%s: %s\n", d.Name, n)
		}
	}
	a.printQuality(w, r.Quality)
	fmt.Fprintln(w, a.say("各列的含义写在 kequn.yaml，可修改；下一步：kequn ready", "what each column is stands in kequn.yaml, where you can change it; next: kequn ready"))
}

// rows counts rows in words.
func (a *app) rows(n int64) string {
	if n == 1 {
		return a.say("1 行", "1 row")
	}
	return count(n) + a.say(" 行", " rows")
}

func columnWord(c string) string {
	if c == "" {
		return ""
	}
	return " [" + c + "]"
}

func (a *app) reason(r string) string {
	if r == "conflicting_id" {
		return a.say("同一编号、内容不同", "the same id with another content")
	}
	return source.Reason(r).Words(a.language())
}

// day cuts an RFC 3339 time to its date.
func day(s string) string { return s[:min(10, len(s))] }

func (a *app) printRun(w io.Writer, r *pipeline.RunResult) {
	words := map[string]string{"done": a.say("完成", "done"), "up_to_date": a.say("无变化", "up to date"), "skipped": a.say("跳过", "skipped")}
	t := newTable(a.say("步骤", "step"), a.say("结果", "result"), a.say("秒", "seconds"))
	for _, s := range r.Steps {
		seconds := ""
		if s.Seconds > 0 {
			seconds = fmt.Sprintf("%.1f", s.Seconds)
		}
		t.row(s.Name, words[s.Status], seconds)
	}
	t.print(w)
	for _, s := range r.Steps {
		if s.Note != "" {
			fmt.Fprintf(w, "%s: %s\n", s.Name, s.Note)
		}
	}
	a.printQuality(w, r.Quality)
	if !r.Changed {
		fmt.Fprintln(w, a.say("没有变化，无需重做。", "nothing has changed: nothing was done again."))
	}
	if r.Report != "" {
		fmt.Fprintf(w, a.say("报告：%s\n", "report: %s\n"), r.Report)
	}
}

func (a *app) printSegments(w io.Writer, list []*segment.Segmentation) {
	for _, s := range list {
		fmt.Fprintf(w, "%s: %s\n", s.Name, a.say(s.Note.ZH, s.Note.EN))
		t := newTable(a.say("分群", "segment"), a.say("人数", "customers"), a.say("占比", "share"), a.say("销售额占比", "of revenue"), a.say("特点", "in what it differs"))
		for _, x := range s.Segments {
			revenue := "–"
			if x.Revenue != nil {
				revenue = percent(*x.Revenue)
			}
			t.row(a.say(x.Name.ZH, x.Name.EN), count(x.Size), percent(x.Share), revenue, a.say(x.Text.ZH, x.Text.EN))
		}
		t.print(w)
		fmt.Fprintln(w)
	}
}

func (a *app) printWhy(w io.Writer, y *pipeline.Why) {
	fmt.Fprintf(w, a.say("客户 %s，截止 %s\n", "customer %s as of %s\n"), y.Customer, y.Cutoff)
	for _, g := range y.Goals {
		fmt.Fprintf(w, "\n%s  %s\n", g.Goal, g.Headline)
		a.printOutlook(w, g.Outlook)
		for i, r := range g.Reasons {
			fmt.Fprintf(w, "  %d. %s\n", i+1, r.Text)
		}
		if g.Change != nil {
			fmt.Fprintf(w, "  → %s\n", g.Change.Text)
		}
	}
	for _, d := range y.Decisions {
		fmt.Fprintf(w, "\n%s  %s\n", d.Campaign, d.Text)
	}
	for _, s := range y.Segments {
		fmt.Fprintf(w, "%s: %s\n", s.Segmentation, s.Name)
	}
}
