package explain

import (
	"fmt"
	"math"
	"strings"

	"kequn"
	"kequn/internal/table"
)

// Of a curve's swing, ups and downs of less than this share are not spoken of; nor are those within two standard errors.
const ripple = 0.1

// roughly is the same for what is only said of a curve on the whole.
const roughly = 0.3

// flatShare is the share of rows that a stretch without change must hold to be mentioned.
const flatShare = 0.2

// littleSwing is the swing of log-odds below which a column hardly changes the score: 10 % of the odds.
const littleSwing = 0.1

// describe says what a curve does: "rises until 40, then flat; odds change up to 3.2 times". The column is as it was read, so that dates are
// printed as dates; it may be nil.
func describe(e *Effect, c *table.Column, task kequn.Task, w Words) Text {
	var numbers []EffectPoint
	var levels []EffectPoint
	var missing *EffectPoint
	for i, p := range e.Points {
		switch {
		case p.Level == missingLevel:
			missing = &e.Points[i]
		case p.Level != "" || c != nil && c.Kind.InCode():
			levels = append(levels, p)
		default:
			numbers = append(numbers, p)
		}
	}
	if task == kequn.Binary && e.Swing < littleSwing || e.Swing == 0 {
		return Text{"几乎不影响分数", "hardly changes the score"}
	}
	var t Text
	if len(numbers) > 0 {
		t = curve(numbers, func(v float64) string { return valueText(c, v, w.Unit) }, c != nil && c.Kind == table.Bool)
	} else {
		t = ranking(levels)
	}
	if missing != nil && missing.Share >= 0.01 {
		switch {
		case missing.Value > 2*missing.SE && missing.Value > ripple*e.Swing:
			t.Zh, t.En = t.Zh+"；缺失时高于平均", t.En+"; above average where missing"
		case -missing.Value > 2*missing.SE && -missing.Value > ripple*e.Swing:
			t.Zh, t.En = t.Zh+"；缺失时低于平均", t.En+"; below average where missing"
		}
	}
	if task == kequn.Regression {
		t.Zh += "（高低相差 " + short(e.Swing) + "）"
		t.En += " (by " + short(e.Swing) + " from lowest to highest)"
	} else {
		t.Zh += "（几率高低相差 " + times(e.Swing) + " 倍）"
		t.En += " (odds differ up to " + times(e.Swing) + " times)"
	}
	return t
}

// times prints e to the power of a difference of log-odds.
func times(logOdds float64) string {
	if logOdds > math.Log(1000) {
		return "1000+"
	}
	return short(math.Exp(logOdds))
}

// valueText prints a number of a column as people read it.
func valueText(c *table.Column, v float64, unit string) string {
	one := &table.Column{Kind: table.Number, Num: []float64{v}}
	if c != nil && c.Kind == table.Time {
		one = &table.Column{Kind: table.Time, Int: []int64{int64(v * 1e6)}}
	}
	return Value(one, 0, spoken(unit))
}

// ranking names the highest and the lowest levels.
func ranking(p []EffectPoint) Text {
	low, high := 0, 0
	for i := range p {
		if p[i].Value < p[low].Value {
			low = i
		}
		if p[i].Value > p[high].Value {
			high = i
		}
	}
	return Text{"“" + p[high].Level + "”最高，“" + p[low].Level + "”最低", "highest for " + p[high].Level + ", lowest for " + p[low].Level}
}

// curve says where a curve rises, falls and is flat.
func curve(p []EffectPoint, print func(float64) string, yesNo bool) Text {
	n := len(p)
	low, high, seTotal := p[0].Value, p[0].Value, 0.0
	for _, x := range p {
		low, high = min(low, x.Value), max(high, x.Value)
		seTotal += x.SE
	}
	if high-low == 0 {
		return Text{"几乎不变", "hardly changes"}
	}
	if n == 2 {
		up := p[1].Value > p[0].Value
		a, b := print(p[0].At), print(p[1].At)
		if yesNo || p[0].At == 0 && p[1].At == 1 {
			if up {
				return Text{"是则更高，否则更低", "higher if yes, lower if no"}
			}
			return Text{"是则更低，否则更高", "lower if yes, higher if no"}
		}
		if up {
			return Text{b + " 高于 " + a, "higher at " + b + " than at " + a}
		}
		return Text{b + " 低于 " + a, "lower at " + b + " than at " + a}
	}
	little := min(max(ripple*(high-low), 2*seTotal/float64(n)), roughly*(high-low))
	mirrored := make([]EffectPoint, n)
	for i, x := range p {
		mirrored[i] = x
		mirrored[i].Value = -x.Value
	}
	loose := roughly * (high - low)
	for _, f := range []func() (Text, bool){
		func() (Text, bool) { return monotone(p, little, print) },
		func() (Text, bool) { t, ok := monotone(mirrored, little, print); return opposite(t), ok },
		func() (Text, bool) { return hill(p, little, print) },
		func() (Text, bool) { t, ok := hill(mirrored, little, print); return opposite(t), ok },
		func() (Text, bool) { return Text{"总体上越大越高", "rises on the whole"}, rises(p, loose) },
		func() (Text, bool) {
			return Text{"总体上越大越低", "falls on the whole"}, rises(mirrored, loose)
		},
		func() (Text, bool) { t, ok := hill(p, loose, print); return t.onTheWhole(), ok },
		func() (Text, bool) { t, ok := hill(mirrored, loose, print); return opposite(t).onTheWhole(), ok },
	} {
		if t, ok := f(); ok {
			return t
		}
	}
	top, bottom := 0, 0
	for i := range p {
		if p[i].Value > p[top].Value {
			top = i
		}
		if p[i].Value < p[bottom].Value {
			bottom = i
		}
	}
	return Text{fmt.Sprintf("时升时降：在 %s 附近最高，在 %s 附近最低", print(p[top].At), print(p[bottom].At)),
		fmt.Sprintf("goes up and down: highest near %s, lowest near %s", print(p[top].At), print(p[bottom].At))}
}

// rises tells whether the curve never falls by more than a little.
func rises(p []EffectPoint, little float64) bool {
	top := math.Inf(-1)
	for _, x := range p {
		if top = max(top, x.Value); top-x.Value > little {
			return false
		}
	}
	return true
}

// monotone words a curve that rises.
func monotone(p []EffectPoint, little float64, print func(float64) string) (Text, bool) {
	if !rises(p, little) {
		return Text{}, false
	}
	n := len(p)
	from, to := 0, n-1 // the curve is at its bottom up to from, and at its top from to on
	for from+1 < n && p[from+1].Value-p[0].Value <= little {
		from++
	}
	for to > 0 && p[n-1].Value-p[to-1].Value <= little {
		to--
	}
	share := func(lo, hi int) (sum float64) {
		for _, x := range p[lo:hi] {
			sum += x.Share
		}
		return sum
	}
	whole := share(0, n)
	flatHead, flatTail := from > 0 && share(0, from+1) >= flatShare*whole, to < n-1 && share(to+1, n) >= flatShare*whole
	switch {
	case from+1 >= to: // one step
		at := print(p[min(from, n-1)].At)
		return Text{"超过 " + at + " 后上升一级", "one step up above " + at}, true
	case flatHead && flatTail:
		return Text{"在 " + print(p[from].At) + " 到 " + print(p[to].At) + " 之间上升，两侧平稳", "rises between " + print(p[from].At) + " and " + print(p[to].At) + ", flat on both sides"}, true
	case flatTail:
		return Text{"上升到 " + print(p[to].At) + " 后平稳", "rises until " + print(p[to].At) + ", then flat"}, true
	case flatHead:
		return Text{print(p[from].At) + " 以内平稳，之后上升", "flat until " + print(p[from].At) + ", then rises"}, true
	}
	return Text{"越大越高", "rises throughout"}, true
}

// hill words a curve that rises to one place and falls from there.
func hill(p []EffectPoint, little float64, print func(float64) string) (Text, bool) {
	top := 0
	for i := range p {
		if p[i].Value > p[top].Value {
			top = i
		}
	}
	falling := make([]EffectPoint, 0, len(p)-top)
	for _, x := range p[top:] {
		x.Value = -x.Value
		falling = append(falling, x)
	}
	if !rises(p[:top+1], little) || !rises(falling, little) {
		return Text{}, false
	}
	return Text{"上升到 " + print(p[top].At) + " 后下降", "rises until " + print(p[top].At) + ", then falls"}, true
}

func (t Text) onTheWhole() Text { return Text{"总体上" + t.Zh, "on the whole " + t.En} }

// opposite turns up and down round.
func opposite(t Text) Text {
	zh := strings.NewReplacer("上升", "下降", "下降", "上升", "越大越高", "越大越低")
	en := strings.NewReplacer("rises", "falls", "falls", "rises", "step up", "step down")
	return Text{zh.Replace(t.Zh), en.Replace(t.En)}
}
