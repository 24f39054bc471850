package modeltest

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"kequn"
	"kequn/internal/model"
	"kequn/internal/table"
)

// Reviews returns a table of shop reviews, half of them Chinese and half English, and the outcome that follows from the text alone:
// a bad review (binary), stars (regression), or what it is about (multiclass). Columns are text, price and city, of which price and city
// tell nothing. Hardly any text repeats; one of thirty is missing, empty or only emoji.
func Reviews(task kequn.Task, n int, seed uint64) (*table.Table, model.Outcome) {
	r := rand.New(rand.NewPCG(seed, 7))
	one := func(list string) string { words := strings.Split(list, "|"); return words[r.IntN(len(words))] }
	text := table.NewColumn("review", table.Text, n)
	price := table.NewColumn("price", table.Number, n)
	city := table.NewColumn("city", table.Category, n)
	y := model.Outcome{Task: task, Y: make([]float64, n)}
	if task == kequn.Multiclass {
		y.Classes = []string{"delivery", "quality", "service"}
	}
	for i := range n {
		bad, about := r.IntN(2), r.IntN(3)
		var s string
		if r.IntN(2) == 0 {
			what := one([]string{"快递|物流|送货|配送", "质量|做工|材质|面料", "客服|售后|店家|服务态度"}[about])
			how := one([]string{"非常好|很满意|值得推荐|超出预期|不错|挺喜欢", "太差了|很失望|不推荐|有问题|后悔买了|不太好"}[bad])
			s = fmt.Sprintf("%s买的%s，%s%s，%s%d次购买", one("上周|前天|国庆|双十一|昨天晚上|给妈妈"), one("衣服|手机壳|电饭煲|书包|耳机|枕头"), what, how, one("这是第|已经|算上这次第|朋友也"), r.IntN(400))
		} else {
			what := one([]string{"delivery|shipping|the courier|the parcel", "quality|the fabric|workmanship|material", "support|customer service|the seller|staff"}[about])
			how := one([]string{"was excellent|made me happy|is highly recommended|exceeded expectations|was really good", "was terrible|disappointed me|is not recommended|caused problems|was not good at all"}[bad])
			s = fmt.Sprintf("%s %s, %s %s. Order number %d %s", one("Bought the|Ordered a|Got this|My new"), one("shirt last week|kettle for mum|phone case|pillow again|backpack on sale"), what, how, r.IntN(4000), one("thanks|!|:)|👍|— will see|"))
		}
		switch r.IntN(90) {
		case 0:
			text.AppendMissing()
		case 1:
			text.AppendString("")
		case 2:
			text.AppendString("😀😀🎉")
		default:
			text.AppendString(s)
		}
		price.Num = append(price.Num, float64(r.IntN(500)))
		city.AppendString(one("上海|Paris|Lagos"))
		switch task {
		case kequn.Binary:
			y.Y[i] = float64(bad)
		case kequn.Regression:
			y.Y[i] = 5 - 4*float64(bad) + 0.5*r.NormFloat64()
		case kequn.Multiclass:
			y.Y[i] = float64(about)
		}
	}
	return table.New(text, price, city), y
}
