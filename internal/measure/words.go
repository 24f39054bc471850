package measure

import (
	"fmt"
	"math"
	"strings"
)

// Describe fills the result's texts: what a manager reads. unit is the currency.
func (r *Result) Describe(unit string) {
	pp := func(x float64) string { return fmt.Sprintf("%+.1f", 100*x) }
	money := func(x float64) string { return strings.TrimSpace(group(math.Round(x)) + " " + unit) }
	var en, zh strings.Builder
	fmt.Fprintf(&en, "%d were contacted, %d held back. %.1f %% of the contacted bought, %.1f %% of the held back: a difference of %s points (95 %% interval %s to %s).",
		r.Contact, r.Control, 100*r.ContactRate, 100*r.ControlRate, pp(r.Conversion.Mean), pp(r.Conversion.Low), pp(r.Conversion.High))
	fmt.Fprintf(&zh, "触达 %d 人，留出对照 %d 人。触达者购买率 %.1f%%，对照组 %.1f%%，相差 %s 个百分点（95%% 区间 %s 至 %s）。",
		r.Contact, r.Control, 100*r.ContactRate, 100*r.ControlRate, pp(r.Conversion.Mean), pp(r.Conversion.Low), pp(r.Conversion.High))
	fmt.Fprintf(&en, " Profit %s (%s to %s) against a forecast of %s (%s to %s).",
		money(r.Profit.Mean), money(r.Profit.Low), money(r.Profit.High), money(r.Forecast.Mean), money(r.Forecast.Low), money(r.Forecast.High))
	fmt.Fprintf(&zh, "利润 %s（%s 至 %s），事前预测 %s（%s 至 %s）。",
		money(r.Profit.Mean), money(r.Profit.Low), money(r.Profit.High), money(r.Forecast.Mean), money(r.Forecast.Low), money(r.Forecast.High))
	if t := r.Truth; t != nil {
		fmt.Fprintf(&en, " The demo shop knows the truth: %s points, profit %s; the best possible choice would have earned %s.", pp(t.Conversion), money(t.Profit), money(t.Oracle))
		fmt.Fprintf(&zh, "演示商店知道真值：%s 个百分点，利润 %s；最优选择可得 %s。", pp(t.Conversion), money(t.Profit), money(t.Oracle))
	}
	e, z := r.Verdict.Words()
	r.TextEN, r.TextZH = en.String()+" "+e, zh.String()+z
}

// Words returns the verdict as a sentence in English and Chinese.
func (v Verdict) Words() (en, zh string) {
	switch v {
	case Earned:
		return "It earned money.", "结论：赚到了钱。"
	case Lost:
		return "It lost money.", "结论：亏了钱。"
	case Unequal:
		return "Contact and control are not split as drawn, so no effect may be read: check how the list was sent.", "触达组与对照组比例与抽签不符，不能得出效果：请检查名单投放过程。"
	case TooEarly:
		return "The horizon has not passed yet: figures will change.", "效果期尚未结束，数字还会变化。"
	}
	return "The data cannot tell whether it earned or lost money.", "数据尚不足以判断盈亏。"
}

// group writes a whole number with thousands separators.
func group(x float64) string {
	s := fmt.Sprintf("%.0f", math.Abs(x))
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	if x < 0 && s != "0" {
		return "-" + s
	}
	return s
}
