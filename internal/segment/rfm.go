package segment

import (
	"fmt"
	"math"
	"slices"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/plan"
	"kequn/internal/query"
	"kequn/internal/table"
)

// The columns that RFM is made from, as [RFMFeatures] names them.
const (
	RecencyFeature   = "rfm_recency"
	FrequencyFeature = "rfm_frequency"
	MonetaryFeature  = "rfm_monetary"
)

// RFMFeatures returns the three features of a dataset of purchases: days since the last one, how many, and how much, in
// the last `within` (zero is ever). Recency is missing for who bought nothing. Without a column of role amount, the
// monetary feature is the number of lines.
func RFMFeatures(d *plan.Dataset, within kequn.Span) []query.Feature {
	w := query.Window{Span: within}
	money := query.Feature{Name: MonetaryFeature, Kind: query.Behaviour, Missing: "nothing bought", TextZH: "消费金额", TextEN: "spend",
		Node: query.AggOf(query.Agg{Dataset: d.Name, Fn: query.Count, Lines: true, Window: w}, query.Number)}
	if a := d.With(kequn.ColAmount); a != nil {
		money.Node = query.AggOf(query.Agg{Dataset: d.Name, Column: a.Name, Fn: query.Sum, Window: w}, query.Number)
		money.Unit, money.Sources = a.Currency, []string{d.Name + "." + a.Name}
	}
	return []query.Feature{
		{Name: RecencyFeature, Kind: query.Behaviour, Unit: "days", Missing: "nothing bought", TextZH: "距上次购买天数", TextEN: "days since the last purchase",
			Node: query.AggOf(query.Agg{Dataset: d.Name, Fn: query.DaysLast, Window: w}, query.Number)},
		{Name: FrequencyFeature, Kind: query.Behaviour, Unit: "orders", Missing: "nothing bought", TextZH: "购买次数", TextEN: "number of purchases",
			Node: query.AggOf(query.Agg{Dataset: d.Name, Fn: query.Count, Window: w}, query.Number)},
		money,
	}
}

// RFM scores customers from 1 to 5 by recency, frequency and money. The thresholds are kept, so that a score means the
// same next month, and for one customer as for all.
//
// With q₁ ≤ … ≤ q₄ the values that a fifth, two fifths … of the buyers do not exceed,
//
//	score(v) = 1 + number of j with v > qⱼ
//
// where v is −days, orders or money. Equal values get equal scores; where most buyers have the same value they all get
// the lowest score of their stretch: if two thirds bought once, once is 1 and twice is 4, and nobody is flattered.
type RFM struct {
	Recency   [4]float64 `json:"recency"`   // of −days: rising
	Frequency [4]float64 `json:"frequency"` // rising
	Monetary  [4]float64 `json:"monetary"`  // rising
	Buyers    int        `json:"buyers"`    // that the thresholds are from
}

// Score is a customer's scores, all 0 for who bought nothing.
type Score struct{ R, F, M int }

// V is the value score: the rounded mean of frequency and money, halves up.
func (s Score) V() int { return (s.F + s.M + 1) / 2 }

// FitRFM finds the thresholds. Rows without recency (nothing bought) do not count. Fewer than five buyers are a
// not_enough error.
func FitRFM(recency, frequency, monetary []float64) (*RFM, error) {
	var r, f, m []float64
	for i := range recency {
		if bought(recency[i], frequency[i]) {
			r, f, m = append(r, -recency[i]), append(f, frequency[i]), append(m, orZero(monetary[i]))
		}
	}
	if len(r) < 5 {
		return nil, kequn.Errorf(kequn.KindNotEnough, "segments: rfm", "has %d customers with a purchase, want at least 5", len(r)).WithHint("load orders with their amounts")
	}
	out := &RFM{Buyers: len(r)}
	for _, c := range []struct {
		values []float64
		to     *[4]float64
	}{{r, &out.Recency}, {f, &out.Frequency}, {m, &out.Monetary}} {
		copy(c.to[:], kernel.WeightedQuantiles(c.values, nil, []float64{0.2, 0.4, 0.6, 0.8}))
	}
	return out, nil
}

func bought(recency, frequency float64) bool { return !math.IsNaN(recency) && frequency > 0 }

func orZero(v float64) float64 {
	if math.IsNaN(v) {
		return 0
	}
	return v
}

// Score returns the scores of one customer.
func (r *RFM) Score(recency, frequency, monetary float64) Score {
	if !bought(recency, frequency) {
		return Score{}
	}
	return Score{score(r.Recency, -recency), score(r.Frequency, frequency), score(r.Monetary, orZero(monetary))}
}

func score(q [4]float64, v float64) int {
	s := 1
	for _, t := range q {
		if v > t {
			s++
		}
	}
	return s
}

// class is one named class of RFM.
type class struct {
	key  string
	name Text
}

// Classes of the grid, best first, then those who bought nothing.
var classes = []class{
	{"champions", Text{"冠军客户", "Champions"}},
	{"loyal", Text{"忠诚客户", "Loyal customers"}},
	{"potential_loyal", Text{"潜力客户", "Potential loyalists"}},
	{"new", Text{"新客", "New customers"}},
	{"promising", Text{"有希望的客户", "Promising"}},
	{"need_attention", Text{"需要关注", "Need attention"}},
	{"about_to_sleep", Text{"即将沉睡", "About to sleep"}},
	{"at_risk", Text{"有流失风险", "At risk"}},
	{"cannot_lose", Text{"不能失去", "Cannot lose them"}},
	{"hibernating", Text{"沉睡客户", "Hibernating"}},
	{"lost", Text{"已流失", "Lost"}},
	{"no_orders", Text{"未购买", "No orders"}},
}

// ClassNames lists the keys of the classes, best first.
func ClassNames() []string {
	var out []string
	for _, c := range classes {
		out = append(out, c.key)
	}
	return out
}

// grid says the class of each cell: recency 5 (bought lately) to 1 down, value 1 to 5 across.
var grid = [5][5]string{
	{"new", "potential_loyal", "potential_loyal", "champions", "champions"},
	{"promising", "potential_loyal", "loyal", "loyal", "champions"},
	{"about_to_sleep", "need_attention", "need_attention", "loyal", "loyal"},
	{"hibernating", "about_to_sleep", "at_risk", "at_risk", "cannot_lose"},
	{"lost", "hibernating", "at_risk", "cannot_lose", "cannot_lose"},
}

// ClassOf returns the class of scores by the grid of recency and value. Who is at the lowest frequency but came lately is
// new (R 5) or promising (R 4) however much was spent: one purchase is no loyalty.
func ClassOf(s Score) string {
	switch {
	case s.R == 0:
		return "no_orders"
	case s.F == 1 && s.R == 5:
		return "new"
	case s.F == 1 && s.R == 4:
		return "promising"
	}
	return grid[5-s.R][s.V()-1]
}

// Keys returns the class of each row of a table with the features of [RFMFeatures].
func (r *RFM) Keys(x *table.Table) ([]string, error) {
	recency, frequency, monetary, err := rfmColumns(x)
	if err != nil {
		return nil, err
	}
	out := make([]string, len(recency))
	for i := range out {
		out[i] = ClassOf(r.Score(recency[i], frequency[i], monetary[i]))
	}
	return out, nil
}

func rfmColumns(x *table.Table) (recency, frequency, monetary []float64, err error) {
	t, err := x.Select(RecencyFeature, FrequencyFeature, MonetaryFeature)
	if err != nil {
		return nil, nil, nil, err
	}
	return t.Columns[0].Floats(), t.Columns[1].Floats(), t.Columns[2].Floats(), nil
}

// ByRFM makes the RFM segmentation of the customers in in.X, which has the features of [RFMFeatures], and returns each
// customer's class. Classes that nobody is in are left out. thresholds is nil to find them, or those of an earlier time.
func ByRFM(in Input, thresholds *RFM) (*Segmentation, []string, error) {
	recency, frequency, monetary, err := rfmColumns(in.X)
	if err != nil {
		return nil, nil, err
	}
	r := thresholds
	if r == nil {
		if r, err = FitRFM(recency, frequency, monetary); err != nil {
			return nil, nil, err
		}
	}
	s := &Segmentation{Name: in.Name, Method: "rfm", Customers: len(recency), RFM: r, Grid: &[5][5]Cell{}}
	for i := range s.Grid {
		for j := range s.Grid[i] {
			s.Grid[i][j] = Cell{Recency: 5 - i, Value: j + 1, Class: grid[i][j]}
		}
	}
	keys := make([]string, len(recency))
	label := make([]int32, len(recency))
	for i := range keys {
		sc := r.Score(recency[i], frequency[i], monetary[i])
		keys[i] = ClassOf(sc)
		label[i] = int32(slices.IndexFunc(classes, func(c class) bool { return c.key == keys[i] }))
		if sc.R > 0 {
			s.Grid[5-sc.R][sc.V()-1].Count++
		}
	}
	if in.Revenue == nil {
		in.Revenue = monetary
	}
	d := describe(in, label, len(classes))
	for i, c := range classes {
		if d[i].Size > 0 {
			d[i].Key, d[i].Name = c.key, c.name
			s.Segments = append(s.Segments, d[i])
		}
	}
	s.Note = Text{fmt.Sprintf("按最近购买、购买次数、消费金额各分五档，阈值来自 %d 位购买者", r.Buyers),
		fmt.Sprintf("recency, frequency and money in five steps each; thresholds from %d buyers", r.Buyers)}
	return s, keys, nil
}
