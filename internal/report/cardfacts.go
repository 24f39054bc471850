package report

import (
	"slices"
	"strconv"
	"strings"
)

func (v cardView) facts() []block {
	g := table(v.say("项目", "what"), v.say("内容", "value"))
	add := func(name, value string) {
		if value != "" {
			g.row(name, value)
		}
	}
	add(v.say("问题", "question"), v.Title)
	add(v.say("数据", "data"), v.Data)
	add(v.say("时间范围", "window"), v.Window)
	if v.card.Rows > 0 {
		add(v.say("评判行数", "rows judged"), integer(v.card.Rows))
	}
	if n := v.card.Scalability.TrainRows; n > 0 {
		add(v.say("训练行数", "rows trained on"), integer(n))
	}
	add(v.say("模型", "model"), v.family(v.card.Model))
	var params []string
	for _, p := range v.Params {
		params = append(params, p.Name+" = "+exact(p.Value))
	}
	add(v.say("参数", "parameters"), strings.Join(params, v.say("，", ", ")))
	if v.Data != "" || v.Seed != 0 { // within the workspace's page nobody says the seed
		add(v.say("随机种子", "seed"), strconv.FormatUint(v.Seed, 10))
	}
	add(v.say("数据指纹", "hash of the data"), v.DataHash)
	add(v.say("程序版本", "program"), v.Program)
	add(v.say("生成时间", "made at"), v.Created)
	out := []block{tabled(g)}
	if len(v.Leaks) > 0 {
		var lines []string
		for _, l := range v.Leaks {
			lines = append(lines, v.pick(l))
		}
		out = append(out, heading(v.say("可能泄漏结果的列", "Columns that may know the outcome")), block{Kind: "list", Lines: lines})
	}
	if lines := v.unmeasured(); len(lines) > 0 {
		out = append(out, heading(v.say("没有测量的", "Not measured")), block{Kind: "list", Lines: lines})
	}
	if len(v.Notes) > 0 {
		out = append(out, heading(v.say("备注", "Notes")), block{Kind: "list", Lines: v.Notes})
	}
	return append(out, soft(v.say("相同的数据、种子和参数，得到相同的模型和相同的数字（用时和内存除外）。", "The same data, seed and parameters give the same model and the same figures (seconds and memory aside).")))
}

// unmeasured is all that was left out, with its reason.
func (v cardView) unmeasured() []string {
	var lines []string
	for _, n := range v.card.NotMeasured {
		lines = append(lines, v.say(n.Zh, n.En))
	}
	for _, t := range v.why.Missing {
		lines = append(lines, v.say(t.Zh, t.En))
	}
	for i, l := range lines {
		lines[i] = capital(l)
	}
	return slices.DeleteFunc(lines, func(s string) bool { return s == "" })
}

// missing says in a section why one of its parts is not there.
func (v cardView) missing(parts ...string) []block {
	var out []block
	for _, n := range v.card.NotMeasured {
		if said := v.say(n.Zh, n.En); said != "" && slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(strings.ToLower(n.Part), p) }) {
			out = append(out, soft(v.say("没有测量：", "Not measured: ")+said))
		}
	}
	return out
}
