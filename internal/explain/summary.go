package explain

import (
	"math"
	"strings"

	"kequn"
	"kequn/internal/table"
)

// flag says what a column's kind means for whoever acts on a reason.
func flag(kind string) Text {
	switch kind {
	case "lever":
		return Text{"可以由您改变", "you can change this"}
	case "trait":
		return Text{"客户自身的特征，无法改变", "a trait of the customer: it cannot be changed"}
	case "behaviour":
		return Text{"客户的行为", "what the customer did"}
	case "proxy":
		return Text{"可能代表其他因素（如收入或年龄），请谨慎使用", "may stand for something else, such as income or age: use with care"}
	}
	return Text{}
}

const (
	mostSaid  = 2   // reasons of one direction in a summary
	worthWord = 0.1 // share of the largest contribution below which one is not spoken of
)

// summary says in a sentence where a row stands beside the average customer, the main reasons for that, the main ones against, and what could be
// changed.
func summary(task kequn.Task, e Explained, x *table.Table, row int, words Catalogue) Text {
	if len(e.Reasons) == 0 {
		return Text{"与平均客户相同：没有一列使分数变化", "like the average customer: no column moves the score"}
	}
	difference := e.Margin - e.Base
	standZh, standEn := "高于平均客户", "above the average customer"
	switch {
	case task != kequn.Regression && math.Abs(difference) < math.Log(1.05), difference == 0:
		standZh, standEn = "与平均客户相近", "about like the average customer"
	case difference < 0:
		standZh, standEn = "低于平均客户", "below the average customer"
	}
	if by := math.Abs(difference); difference != 0 && task == kequn.Regression {
		standZh += " " + short(by)
		standEn = short(by) + " " + standEn
	} else if by >= math.Log(1.05) && task != kequn.Regression {
		if difference > 0 {
			standZh, standEn = standZh+"（几率为其 "+times(by)+" 倍）", standEn+" ("+times(by)+" times the odds)"
		} else {
			standZh, standEn = standZh+"（几率为其 "+times(by)+" 分之一）", standEn+" (odds lower by "+times(by)+" times)"
		}
	}
	least := worthWord * math.Abs(e.Reasons[0].Contribution)
	var pro, contra, levers [2][]string
	for _, r := range e.Reasons {
		if math.Abs(r.Contribution) < least {
			break
		}
		w := words.called(r.Column)
		fact := factOf(x.Column(r.Column), row, w, r.Value)
		to := &pro
		if r.Contribution < 0 {
			to = &contra
		}
		if len(to[0]) < mostSaid {
			to[0], to[1] = append(to[0], fact.Zh), append(to[1], fact.En)
		}
		if r.Kind == "lever" && len(levers[0]) < mostSaid {
			levers[0], levers[1] = append(levers[0], w.Zh), append(levers[1], w.En)
		}
	}
	if difference < 0 {
		pro, contra = contra, pro
	}
	t := Text{standZh, standEn}
	say := func(zh, en string, what [2][]string) {
		if len(what[0]) > 0 {
			t.Zh += zh + strings.Join(what[0], "、")
			t.En += en + strings.Join(what[1], " and ")
		}
	}
	say("，主要因为", ", mainly because ", pro)
	say("；相反的因素：", "; on the other hand ", contra)
	say("；您可以改变：", "; what you can change: ", levers)
	return t
}
