package synth

import (
	"math"
	"strconv"

	"kequn"
)

const (
	nTiers      = 5  // price levels a customer can have
	perCategory = 12 // products in a category, from cheap to dear
)

// category is a class of goods.
type category struct {
	zh, en   string
	low      float64 // price of the cheapest product, in yuan
	high     float64 // price of the dearest
	refund   float64 // multiplies the customer's refund rate
	more     float64 // multiplies the chance of one more piece
	women    float64 // how much more women like it (log)
	young    float64 // how much more the young like it (log, per unit of youth −1…1)
	goods    [4]string
	goodsEn  [4]string
	popular  float64
	giftable float64
}

var categories = [...]category{
	{"美妆", "beauty", 39, 420, .8, .8, .9, .4, [4]string{"面霜", "口红", "精华", "面膜"}, [4]string{"face cream", "lipstick", "serum", "mask"}, 1.2, 2},
	{"女装", "womenswear", 79, 520, 1.8, .6, 1.5, .3, [4]string{"连衣裙", "针织衫", "风衣", "半身裙"}, [4]string{"dress", "jumper", "trench coat", "skirt"}, 1.3, .6},
	{"男装", "menswear", 79, 480, 1.4, .6, -1.4, .1, [4]string{"衬衫", "夹克", "休闲裤", "卫衣"}, [4]string{"shirt", "jacket", "chinos", "hoodie"}, 1, .6},
	{"母婴", "baby", 45, 360, .6, 1.2, .6, .3, [4]string{"奶瓶", "纸尿裤", "童装", "推车挂件"}, [4]string{"bottle", "nappies", "babygrow", "pram toy"}, .8, .8},
	{"数码", "electronics", 59, 990, 1.1, .3, -.7, .5, [4]string{"耳机", "充电宝", "键盘", "智能手环"}, [4]string{"headphones", "power bank", "keyboard", "fitness band"}, .9, 1.5},
	{"家居", "home", 35, 560, .8, .9, .3, -.3, [4]string{"床品", "收纳盒", "台灯", "锅具"}, [4]string{"bed linen", "storage box", "desk lamp", "pan"}, 1.2, .9},
	{"零食", "snacks", 15, 120, .3, 1.6, .2, .4, [4]string{"坚果", "巧克力", "饼干", "果干"}, [4]string{"nuts", "chocolate", "biscuits", "dried fruit"}, 1.3, 1.2},
	{"图书", "books", 22, 150, .4, 1.2, .1, .1, [4]string{"小说", "绘本", "食谱", "传记"}, [4]string{"novel", "picture book", "cookbook", "biography"}, .8, 1.4},
	{"运动", "sports", 49, 620, 1.2, .5, -.3, .3, [4]string{"跑鞋", "瑜伽垫", "速干衣", "运动包"}, [4]string{"running shoes", "yoga mat", "running shirt", "gym bag"}, .9, .8},
	{"宠物", "pets", 25, 260, .4, 1.4, .2, .2, [4]string{"猫粮", "狗粮", "猫砂", "玩具"}, [4]string{"cat food", "dog food", "cat litter", "pet toy"}, .7, .2},
}

const (
	nCategories = len(categories)
	nProducts   = nCategories * perCategory
)

// catalogue is what the shop sells. Product p belongs to category p / perCategory.
type catalogue struct {
	id    [nProducts]string
	name  [nProducts]string
	price [nProducts]int64                          // in hundredths of the currency
	cum   [nCategories][nTiers][perCategory]float64 // cumulative chance of a product within its category
	mean  [nCategories][nTiers]float64              // mean price in the category for a customer of a tier, in hundredths
	label [nCategories]string
}

// Money says what a decision costs and earns in the demo shop. All amounts are in the currency's main unit.
type Money struct {
	Currency    string  // CNY or GBP
	Margin      float64 // of an order's amount, before the offer's own cost
	ContactCost float64 // of one message
	CouponShare float64 // of the order's amount that coupon10 takes off
	ShippingFee float64 // what freeship costs the shop on an order
}

// MoneyOf returns the demo shop's costs and margin. Prices in the English shop are 0.4 of the Chinese ones.
func MoneyOf(lang kequn.Lang) Money {
	if lang == kequn.Chinese {
		return Money{Currency: "CNY", Margin: .35, ContactCost: .6, CouponShare: .10, ShippingFee: 10}
	}
	return Money{Currency: "GBP", Margin: .35, ContactCost: .24, CouponShare: .10, ShippingFee: 4}
}

func newCatalogue(lang kequn.Lang) *catalogue {
	k := new(catalogue)
	scale := 1.0
	if lang == kequn.English {
		scale = .4
	}
	series := [3]string{lang.Pick("基础款", "basic"), lang.Pick("经典款", "classic"), lang.Pick("臻选款", "select")}
	for c := range categories {
		cat := &categories[c]
		k.label[c] = lang.Pick(cat.zh, cat.en)
		for i := range perCategory {
			p := c*perCategory + i
			k.id[p] = "P" + strconv.Itoa(1001+p)
			goods := cat.goods[i%4]
			if lang == kequn.English {
				goods = cat.goodsEn[i%4]
			}
			k.name[p] = goods + lang.Pick("·", ", ") + series[i/4]
			along := float64(i) / (perCategory - 1)
			price := scale * cat.low * math.Pow(cat.high/cat.low, along)
			k.price[p] = int64(math.Round(price))*100 - 10 // 38.90: prices end below a round figure
		}
		for tier := range nTiers {
			w := k.cum[c][tier][:]
			for i := range w {
				gap := float64(i)/(perCategory-1) - (.1 + .2*float64(tier))
				w[i] = math.Exp(-gap * gap / (2 * .22 * .22))
			}
			cumulate(w)
			last := 0.0
			for i := range w {
				k.mean[c][tier] += (w[i] - last) * float64(k.price[c*perCategory+i])
				last = w[i]
			}
		}
	}
	return k
}
