package synth

import "kequn"

// city is where a customer lives. Distance, from 0 (beside the warehouse) to 1, is what a parcel costs in time and money.
type city struct {
	name     string
	weight   float64
	distance float64
}

// words is everything that reads differently in the Chinese and the English shop.
type words struct {
	cities     []city
	cityShares []float64 // cumulative
	surnames   []string
	latin      []string // the surnames in letters, for e-mail addresses
	women, men []string
	gender     [2]string
	channels   [4]string
	tiers      [3]string
	odd        []string // names that a careless reader of CSV breaks on; %s is an ordinary name
	formulas   []string // names that a spreadsheet would execute
}

func wordsOf(lang kequn.Lang) *words {
	w := english()
	if lang == kequn.Chinese {
		w = chinese()
	}
	for _, c := range w.cities {
		w.cityShares = append(w.cityShares, c.weight)
	}
	cumulate(w.cityShares)
	return w
}

func chinese() *words {
	return &words{
		cities: []city{
			{"上海", 14, 0}, {"北京", 12, .1}, {"广州", 8, .15}, {"深圳", 8, .15}, {"杭州", 7, .05}, {"南京", 5, .1}, {"成都", 8, .45}, {"武汉", 6, .35},
			{"重庆", 6, .5}, {"西安", 5, .55}, {"沈阳", 4, .7}, {"昆明", 4, .8}, {"哈尔滨", 5, .9}, {"兰州", 4, .95}, {"乌鲁木齐", 4, 1},
		},
		surnames: []string{"王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴", "徐", "孙", "胡", "朱", "高", "林", "何", "郭", "马", "罗",
			"梁", "宋", "郑", "谢", "韩", "唐", "冯", "于", "董", "萧", "程", "曹", "袁", "邓", "许", "傅", "沈", "曾", "彭", "吕", "欧阳", "司马"},
		latin: []string{"wang", "li", "zhang", "liu", "chen", "yang", "zhao", "huang", "zhou", "wu", "xu", "sun", "hu", "zhu", "gao", "lin", "he", "guo", "ma", "luo",
			"liang", "song", "zheng", "xie", "han", "tang", "feng", "yu", "dong", "xiao", "cheng", "cao", "yuan", "deng", "xu", "fu", "shen", "zeng", "peng", "lv", "ouyang", "sima"},
		women: []string{"芳", "娜", "敏", "静", "丽", "艳", "娟", "霞", "秀英", "桂英", "雪", "婷", "欣怡", "梓涵", "雨桐", "思雨", "佳怡", "晓燕", "文静", "梦琪", "海燕", "玉兰", "诗涵", "若曦", "慧", "莹"},
		men:   []string{"伟", "强", "磊", "军", "洋", "勇", "杰", "涛", "超", "明", "刚", "平", "浩然", "子轩", "宇航", "志强", "建国", "俊杰", "文博", "嘉豪", "天宇", "家辉", "一鸣", "鹏", "斌", "鑫"},

		gender: [2]string{"女", "男"}, channels: [4]string{"App", "网页", "小程序", "门店"}, tiers: [3]string{"普通", "银卡", "金卡"},
		odd:      []string{"%s\"大人\"", "%s，吃货", "%s,妈妈", "%s🌸", "%s\n（代收）", "“%s”", "%s😀,\"VIP\""},
		formulas: []string{"=HYPERLINK(\"http://example.com\",\"%s\")", "+86%s", "@SUM(A1:A9)%s", "-2+3%s"},
	}
}

func english() *words {
	return &words{
		cities: []city{
			{"London", 16, .05}, {"Birmingham", 9, 0}, {"Manchester", 9, .1}, {"Leeds", 7, .15}, {"Sheffield", 6, .1}, {"Nottingham", 6, .05}, {"Bristol", 7, .2},
			{"Liverpool", 6, .2}, {"Newcastle", 6, .45}, {"Cardiff", 6, .45}, {"Edinburgh", 6, .6}, {"Glasgow", 6, .7}, {"Aberdeen", 4, .9}, {"Inverness", 3, 1}, {"Belfast", 5, .95},
		},
		surnames: []string{"Smith", "Jones", "Taylor", "Brown", "Williams", "Wilson", "Johnson", "Davies", "Patel", "Robinson", "Wright", "Thompson", "Evans", "Walker",
			"White", "Roberts", "Green", "Hall", "Wood", "Jackson", "Clarke", "Khan", "Hughes", "Edwards", "Hill", "Moore", "Begum", "Shaw", "O'Brien", "Kelly", "Murphy", "Ali", "Fraser", "MacLeod"},
		latin: []string{"smith", "jones", "taylor", "brown", "williams", "wilson", "johnson", "davies", "patel", "robinson", "wright", "thompson", "evans", "walker",
			"white", "roberts", "green", "hall", "wood", "jackson", "clarke", "khan", "hughes", "edwards", "hill", "moore", "begum", "shaw", "obrien", "kelly", "murphy", "ali", "fraser", "macleod"},
		women: []string{"Olivia", "Amelia", "Isla", "Ava", "Mia", "Grace", "Freya", "Lily", "Sophie", "Emily", "Chloe", "Hannah", "Sarah", "Laura", "Emma", "Rachel", "Claire", "Priya", "Aisha", "Siân", "Margaret", "Zoë", "Fiona", "Niamh"},
		men:   []string{"Oliver", "George", "Harry", "Noah", "Jack", "Leo", "Arthur", "James", "Thomas", "William", "Daniel", "Adam", "Michael", "David", "Paul", "Andrew", "Ravi", "Mohammed", "Callum", "Rhys", "Seán", "Graham", "Ewan", "Luke"},

		gender: [2]string{"female", "male"}, channels: [4]string{"app", "web", "mini program", "store"}, tiers: [3]string{"basic", "silver", "gold"},
		odd:      []string{"%s \"the boss\"", "%s, PhD", "Dr, %s", "%s 🌸", "%s\n(neighbour)", "\"%s\"", "%s 😀, \"VIP\""},
		formulas: []string{"=HYPERLINK(\"http://example.com\",\"%s\")", "+44 %s", "@SUM(A1:A9) %s", "-2+3 %s"},
	}
}
