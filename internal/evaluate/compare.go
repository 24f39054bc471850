package evaluate

import (
	"fmt"
	"math"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/metric"
	"kequn/internal/model"
)

// Line is a rung's scores of the judged rows, row-major with as many numbers a row as there are classes.
type Line struct {
	Name   string
	Score  []float64 // NaN where the rung has none: such rows are left out of its comparison
	Chosen bool
	Simple bool // the simplest acceptable
}

// Compare sets every line beside the chosen one on the same rows: the difference in skill with its paired 95 % interval (for an AUC after
// DeLong), rows of one group counting as one, and in words what the line gives up. w and group may be nil. Rows of weight 0 do not count.
//
// It returns nil without a chosen line, or where there are too few rows to judge. Time is that of a sort for each line.
func Compare(y model.Outcome, w []float64, group []int64, lines []Line) []Comparison {
	at := -1
	for i, l := range lines {
		if l.Chosen {
			at = i
		}
	}
	if at < 0 {
		return nil
	}
	var out []Comparison
	for i, l := range lines {
		c := Comparison{Name: l.Name, Chosen: i == at, Simple: l.Simple}
		k := y.NOut()
		var rows []int32
		for r := range y.Y {
			if (w == nil || w[r] > 0) && has(l.Score, r, k) && has(lines[at].Score, r, k) {
				rows = append(rows, int32(r))
			}
		}
		j := newJury(y.Take(rows), kernel.Take(w, rows), kernel.Take(group, rows))
		if !j.enough(leastClass) {
			continue
		}
		mine, best := takeWide(l.Score, rows, k), takeWide(lines[at].Score, rows, k)
		own, top := j.judge(mine), j.judge(best)
		c.Skill = some(own.skill)
		if c.Chosen {
			c.Tied = true
			c.Text = Text{"选用的模型", "the chosen model"}
			out = append(out, c)
			continue
		}
		d, se := j.less(top, own)
		if math.IsNaN(d) || math.IsNaN(se) {
			continue
		}
		behind := around(d, se)
		c.Behind, c.Tied = &behind, behind.Contains(0)
		c.Text = giveUp(j, c, mine, best)
		out = append(out, c)
	}
	if len(out) < 2 {
		return nil
	}
	return out
}

func has(score []float64, row, width int) bool {
	if (row+1)*width > len(score) {
		return false
	}
	for _, v := range score[row*width : (row+1)*width] {
		if v-v != 0 {
			return false
		}
	}
	return true
}

// giveUp says what a line gives up, first in skill, then in what a marketer sees.
func giveUp(j *jury, c Comparison, mine, best []float64) Text {
	name, b := skillName(j.task), c.Behind
	var t Text
	switch {
	case !c.Chosen && b.Low == 0 && b.High == 0:
		return Text{"就是选用的模型本身", "the chosen one is this very model"}
	case c.Tied:
		t = Text{fmt.Sprintf("与选用的模型分不出高下（%s相差 %s，区间 %s 到 %s）", name.Zh, signed(-b.Mean), signed(-b.High), signed(-b.Low)),
			fmt.Sprintf("cannot be told from the chosen one (%s %s, interval %s to %s)", name.En, signed(-b.Mean), signed(-b.High), signed(-b.Low))}
	case b.Mean > 0:
		t = Text{fmt.Sprintf("%s低 %.3f（%.3f 到 %.3f）", name.Zh, b.Mean, b.Low, b.High),
			fmt.Sprintf("gives up %.3f %s (%.3f to %.3f)", b.Mean, name.En, b.Low, b.High)}
	default:
		return Text{tidy(fmt.Sprintf("%s反而高 %.3f（%.3f 到 %.3f）", name.Zh, -b.Mean, -b.High, -b.Low)),
			fmt.Sprintf("its %s is higher by %.3f (%.3f to %.3f)", name.En, -b.Mean, -b.High, -b.Low)}
	}
	if c.Simple {
		t.Zh, t.En = "够用的最简单模型："+t.Zh, "the simplest that will do: "+t.En
	}
	t.Zh = tidy(t.Zh)
	if c.Tied {
		return t // counts of people would be noise too
	}
	more := j.seen(mine, best)
	return Text{t.Zh + more.Zh, t.En + more.En}
}

// seen says a difference as counts of people.
func (j *jury) seen(mine, best []float64) Text {
	switch j.task {
	case kequn.Regression:
		a, b := j.loss(mine), j.loss(best)
		if !(b > 0) || math.IsNaN(a) {
			return Text{}
		}
		p := 100 * (a/b - 1)
		word := Text{"大", "larger"}
		if p < 0 {
			word = Text{"小", "smaller"}
		}
		return Text{fmt.Sprintf("：典型误差%s %.1f%%", word.Zh, math.Abs(p)), fmt.Sprintf(": its typical error is %.1f %% %s", math.Abs(p), word.En)}
	case kequn.Multiclass:
		n := j.right(best) - j.right(mine)
		word := Text{"少", "fewer"}
		if n < 0 {
			word = Text{"多", "more"}
		}
		return Text{fmt.Sprintf("：每 1,000 行%s猜对 %.0f 行", word.Zh, 1000*math.Abs(n)), fmt.Sprintf(": of 1,000 rows it has %.0f %s right", 1000*math.Abs(n), word.En)}
	}
	n := math.Round(1000 * (j.found(best) - j.found(mine)))
	switch {
	case math.IsNaN(n):
		return Text{}
	case n == 0:
		return Text{"：分数最高的十分之一里找到的目标客户一样多", ": as many of those sought are among the best scored tenth"}
	case n < 0:
		return Text{fmt.Sprintf("：每 1,000 位目标客户，分数最高的十分之一里多找到 %.0f 位", -n), fmt.Sprintf(": %.0f more of every 1,000 sought are among the best scored tenth", -n)}
	}
	return Text{fmt.Sprintf("：每 1,000 位目标客户，分数最高的十分之一里少找到 %.0f 位", n), fmt.Sprintf(": %.0f fewer of every 1,000 sought are among the best scored tenth", n)}
}

// found returns which share of the yes are among the best scored tenth, rows of one score sharing alike.
func (j *jury) found(score []float64) float64 {
	total, yes := 0.0, 0.0
	for i, y := range j.y {
		total += j.weight(i)
		yes += y * j.weight(i)
	}
	left, found := topShare*total, 0.0
	order := kernel.ArgsortDesc(score)
	for lo, hi := 0, 0; lo < len(order) && left > 0; lo = hi {
		w, wy := 0.0, 0.0
		for hi = lo; hi < len(order) && score[order[hi]] == score[order[lo]]; hi++ {
			i := int(order[hi])
			w += j.weight(i)
			wy += j.y[i] * j.weight(i)
		}
		found += wy * math.Min(1, left/w)
		left -= w
	}
	return found / yes
}

// right returns the share of rows whose likeliest class is theirs.
func (j *jury) right(score []float64) float64 {
	total, right := 0.0, 0.0
	for i, top := range metric.TopClass(score, j.classes) {
		total += j.weight(i)
		if float64(top) == j.y[i] {
			right += j.weight(i)
		}
	}
	return right / total
}
