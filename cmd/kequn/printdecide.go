package main

import (
	"fmt"
	"io"
	"strings"

	"kequn"
	"kequn/internal/metric"
	"kequn/internal/pipeline"
	"kequn/internal/receipt"
)

func (a *app) printDecision(w io.Writer, d *pipeline.Decision) {
	say := func(zh, en string, args ...any) { fmt.Fprintf(w, a.say(zh, en)+"\n", args...) }
	say("%s，截止 %s，效果期 %s", "%s as of %s, measured over %s", d.Campaign, d.Cutoff, d.Horizon)
	t := newTable(a.say("步骤", "step"), a.say("剩余", "left"))
	for _, s := range d.Waterfall {
		t.row(a.step(s.Step), count(s.Left))
	}
	t.print(w)
	var offers []string
	for _, o := range d.Offers {
		offers = append(offers, fmt.Sprintf("%s %s", o.Name, count(o.Count)))
	}
	say("触达 %s 人（%s）", "contact     %s (%s)", count(d.Contact), strings.Join(offers, a.say("，", ", ")))
	say("对照 %s 人（随机留出，不触达）", "hold back   %s (at random: the control)", count(d.Control))
	var reasons []string
	for _, r := range d.Reasons {
		reasons = append(reasons, fmt.Sprintf("%s %s", pipeline.ReasonWord(r.Name, a.language()), count(r.Count)))
	}
	say("不打扰 %s 人：%s", "leave alone %s: %s", count(d.LeftAlone), strings.Join(reasons, a.say("，", ", ")))
	budget := a.say("不限", "none")
	if d.Budget > 0 {
		budget = money(d.Budget, d.Currency)
	}
	say("预期成本 %s（预算 %s）", "expected cost %s (budget %s)", money(d.Cost, d.Currency), budget)
	say("预期利润 %s（95%% 区间 %s）", "expected profit %s (95 %% interval %s)", money(d.Expected.Mean, d.Currency), a.interval(d.Expected))
	if d.ShadowPrice > 0 {
		say("预算每多 1，利润约多 %.2f", "one more unit of budget would earn about %.2f", d.ShadowPrice)
	}
	if d.Smallest < 1 {
		say("不触达的购买率约 %.1f%%；对照组能看清的最小效果为 %.1f 个百分点", "about %.1f %% buy without contact; the control can show an effect of %.1f points or more", 100*d.BaseRate, 100*d.Smallest)
	} else {
		say("不触达的购买率约 %.1f%%；对照组太小，看不清任何效果", "about %.1f %% buy without contact; the control group is too small to show any effect", 100*d.BaseRate)
	}
	fmt.Fprintln(w, a.say(d.Method.WhyZH, d.Method.Why))
	for _, l := range d.Leaks {
		say("疑似泄漏，未使用：%s", "may be a leak, left out: %s", l)
	}
	a.printPolicies(w, d.Policies, d.Currency)
	say("凭证 %s", "receipt %s", d.Receipt)
	switch r := d.Replay; {
	case r == nil:
		say("下一步：kequn activate %s --to csv", "next: kequn activate %s --to csv", d.Campaign)
	case r.Same:
		say("重放：与凭证逐字节相同", "replayed: the same, byte for byte")
	default:
		say("重放：不同之处 %s；原因 %s", "replayed: these differ: %s; because: %s", strings.Join(r.Differ, ", "), strings.Join(r.Because, ", "))
	}
}

// step says a step of the waterfall in the user's language.
func (a *app) step(s string) string {
	if a.language() != kequn.Chinese {
		return s
	}
	words := map[string]string{"everybody": "所有客户", "audience": "在目标人群内", "not excluded": "不在排除名单", "not held out": "不在全局留出组"}
	if zh, ok := words[s]; ok {
		return zh
	}
	if channel, ok := strings.CutPrefix(s, "consent for "); ok {
		return "同意接收 " + channel
	}
	return s
}

// interval writes the bounds of an amount.
func (a *app) interval(i metric.Interval) string {
	return money(i.Low, "") + a.say(" 至 ", " to ") + money(i.High, "")
}

func (a *app) printPolicies(w io.Writer, list []receipt.Policy, currency string) {
	names := map[string]string{
		"contact_all": a.say("全部触达（最好的单一方案）", "everybody, best single offer"), "rfm": a.say("RFM 最高的", "highest RFM"),
		"response": a.say("最可能购买的", "likeliest to buy"), "uplift": a.say("最受影响的（本决策）", "most moved (this decision)"),
	}
	t := newTable(a.say("  选人办法", "  whom"), a.say("触达", "contacted"), a.say("利润", "profit"), a.say("95% 区间", "95 % interval"))
	basis := ""
	for _, p := range list {
		basis = p.Basis
		t.row("  "+names[p.Name], count(p.Contacted), money(p.Profit.Mean, currency), a.interval(p.Profit))
	}
	t.print(w)
	switch basis {
	case "ips":
		fmt.Fprintln(w, a.say("  （在过去的随机投放上估计，折算到本次人数）", "  (as measured on the past random send, scaled to these numbers)"))
	case "model":
		fmt.Fprintln(w, a.say("  （视所有购买均由触达带来，只能横向比较，不是真正的增量）", "  (as if contact had caused every purchase: good for comparing, not what it would cause)"))
	}
}
