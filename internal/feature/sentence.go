package feature

import (
	"math"
	"strconv"
	"strings"

	"kequn"
	"kequn/internal/query"
)

// Sentence says a feature's value in plain words: "过去 30 天下单 3 次", "3 orders in the last 30 days". Of a text feature text is
// the value, "" where missing; of others number, NaN where missing.
func Sentence(f query.Feature, number float64, text string, lang kequn.Lang) string {
	words := lang.Pick(f.TextZH, f.TextEN)
	value, ok := valueText(f, number, text, lang)
	if !ok {
		return lang.Pick(words+"：无", words+": none ("+f.Missing+")")
	}
	if s, fits := counted(f, value, lang); fits {
		return s
	}
	return words + lang.Pick("：", ": ") + value
}

// counted says counts and days as people do, with the number inside the sentence.
func counted(f query.Feature, value string, lang kequn.Lang) (string, bool) {
	words := lang.Pick(f.TextZH, f.TextEN)
	if lang == kequn.Chinese {
		if s, ok := strings.CutSuffix(words, "下单次数"); ok {
			return s + "下单 " + value + " 次", true
		}
		if s, ok := strings.CutSuffix(words, "次数"); ok {
			return s + " " + value + " 次", true
		}
		if strings.HasPrefix(words, "距") && strings.HasSuffix(words, "的天数") {
			return words[:len(words)-len("的天数")] + " " + value + " 天", true
		}
		return "", false
	}
	if f.Node.Op == query.AggOp {
		switch f.Node.Agg.Fn {
		case query.Count, query.Distinct, query.ActiveDays, query.Sessions:
			if value == "1" {
				words = singular(words)
			}
			return value + " " + words, true
		}
	}
	if strings.HasPrefix(words, "days since ") {
		if value == "1" {
			words = singular(words)
		}
		return value + " " + words, true
	}
	return "", false
}

// singular takes the plural off the first word that has one: "orders in the last 30 days" becomes "order in the last 30 days".
func singular(words string) string {
	parts := strings.Split(words, " ")
	for i, w := range parts {
		if w == "different" {
			continue
		}
		if strings.HasSuffix(w, "s") && !strings.HasSuffix(w, "ss") {
			parts[i] = strings.TrimSuffix(w, "s")
			break
		}
	}
	return strings.Join(parts, " ")
}

// unitsZH are units in Chinese; others stand as they are.
var unitsZH = map[string]string{"orders": "单", "events": "次", "days": "天", "years": "岁", "share": "", "pieces": "件", "products": "种", "kinds": "种", "sessions": "次", "items": "种",
	"contacts": "次", "campaigns": "个", "refunds": "次", "lines": "行", "gaps": "倍", "ratio": "倍", "nats": "", "o'clock": "点", "orders a day": "单/天", " a month": "/月", "CNY a month": "元/月", "CNY": "元", "yes or no": "", "year": "年",
	"minutes": "分钟", "people": "人", "days a month": "天/月"}

func valueText(f query.Feature, number float64, text string, lang kequn.Lang) (string, bool) {
	if f.Node.Type == query.Text {
		return text, text != ""
	}
	if math.IsNaN(number) {
		return "", false
	}
	if f.Unit == "yes or no" || f.Node.Type == query.Bool {
		if number != 0 {
			return lang.Pick("是", "yes"), true
		}
		return lang.Pick("否", "no"), true
	}
	if f.Unit == "share" {
		return Number(number*100, 1) + "%", true
	}
	digits := 0
	if number != math.Trunc(number) && math.Abs(number) < 1000 {
		digits = 1
		if math.Abs(number) < 10 {
			digits = 2
		}
	}
	s := Number(number, digits)
	bare := f.Node.Op == query.AggOp && f.Node.Agg.Fn == query.Count || strings.HasPrefix(f.TextEN, "days since ") || lang == kequn.English && countable(f)
	if bare || f.Unit == "" {
		return s, true
	}
	unit := strings.TrimPrefix(f.Unit, "money")
	if lang == kequn.Chinese {
		if zh, ok := unitsZH[unit]; ok {
			unit = zh
		}
	}
	return strings.TrimSpace(s + " " + strings.TrimSpace(unit)), true
}

func countable(f query.Feature) bool {
	if f.Node.Op != query.AggOp {
		return false
	}
	switch f.Node.Agg.Fn {
	case query.Distinct, query.ActiveDays, query.Sessions:
		return true
	}
	return false
}

// Number writes a number with thousands separated and at most so many decimals.
func Number(x float64, decimals int) string {
	s := strconv.FormatFloat(math.Abs(x), 'f', decimals, 64)
	whole, rest, _ := strings.Cut(s, ".")
	rest = strings.TrimRight(rest, "0")
	var b strings.Builder
	if x < 0 && strings.Trim(s, "0.") != "" {
		b.WriteByte('-')
	}
	for i, r := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(r)
	}
	if rest != "" {
		b.WriteString("." + rest)
	}
	return b.String()
}
