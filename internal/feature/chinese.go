package feature

import "strings"

// InChinese says a unit or the meaning of a missing value of the automatic features in Chinese. What it does not know, such as a
// currency or what a plan says, stays as it is.
func InChinese(s string) string {
	if zh, ok := chinese[s]; ok {
		return zh
	}
	for _, p := range chineseParts {
		if rest, ok := strings.CutPrefix(s, p.before); ok {
			if middle, ok := strings.CutSuffix(rest, p.after); ok && middle != "" {
				if p.name {
					return strings.Replace(p.zh, "…", middle, 1)
				}
				return strings.Replace(p.zh, "…", InChinese(middle), 1)
			}
		}
	}
	return s
}

var chinese = map[string]string{
	never0: "从不缺失：没有记为 0", noRows: "窗口内没有这类记录", tooFew: "窗口内记录太少", noValue: "截止时未知",
	"never missing": "从不缺失", "a part of the definition is missing": "定义中的某一部分缺失",
	"never missing: never is a state": "从不缺失：“从未”也是一种状态",
	"fewer than two active days":      "活跃不足两天", "fewer than three active days": "活跃不足三天",
	"never contacted": "从未被触达", "never contacted with it": "从未用它触达", "no refund yet": "还没有退款",
	"none yet, or at no hour rather than another": "还没有，或各个钟点不相上下",

	"orders": "单", "order": "订单", "days": "天", "share": "占比", "ratio": "比值", "pieces": "件", "products": "种商品", "kinds": "种", "items": "项",
	"events": "次", "event": "行为", "sessions": "次访问", "session": "访问", "contacts": "次触达", "contact": "触达", "campaigns": "场活动", "refunds": "笔退款", "refund": "退款",
	"gaps": "个平均间隔", "minutes": "分钟", "nats": "纳特（熵）", "o'clock": "点钟", "lines": "行", "rows": "行", "money": "金额", "years": "年", "year": "年份",
	"yes or no": "是或否", "purchase": "购买", "purchases": "次购买", "days a month": "天/月", "orders a day": "单/天",
}

// chineseParts are phrases around a word.
var chineseParts = []struct {
	before, after, zh string
	name              bool // the word is a name and stays as it is
}{
	{"no event of ", " yet", "还没有 … 的行为", true},
	{"no spend in the ", " days before", "此前 … 天没有消费", false},
	{"no ", " yet", "还没有…", false},
	{"no ", " in the window", "窗口内没有…", false},
	{"none in the ", " days before", "此前 … 天内没有", false},
	{"fewer than two ", "", "不足两…", false},
	{"fewer than three ", "", "不足三…", false},
	{"", " a month", "…/月", false},
	{"", " a day", "…/天", false},
}
