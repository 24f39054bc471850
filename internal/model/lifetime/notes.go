package lifetime

import (
	"fmt"
	"math"

	"kequn"
)

// note is a remark for people, in both languages.
type note struct {
	English string `json:"en"`
	Chinese string `json:"zh"`
}

// Notes returns what people should know before they trust the forecasts: parameters that the data do not hold, assumptions that do not fit.
func (m *Model) Notes(lang kequn.Lang) []string {
	var out []string
	for _, n := range m.notes {
		if lang == kequn.Chinese {
			out = append(out, n.Chinese)
		} else {
			out = append(out, n.English)
		}
	}
	return out
}

// related is from what correlation of orders and spend on the independence of the two is doubted aloud.
const related = 0.2

func (m *Model) remarks() []note {
	var out []note
	add := func(en, zh string, args ...any) {
		out = append(out, note{fmt.Sprintf(en, args...), fmt.Sprintf(zh, args...)})
	}
	var s state
	processOf(m.Process, m.K).state(m.theta, Summary{Repeats: 1, Recency: m.span, Age: m.span}, &s)
	stays := s.stayB / (s.leaveA + s.stayB)
	if s.hazardShape > 0 {
		stays = math.Exp(-s.hazardShape * math.Log1p(m.span/s.hazardRate))
	}
	switch {
	case stays > 0.999:
		add("no sign that customers leave: everybody counts as still there", "看不出顾客流失：所有人都视为仍在")
	case m.loose[2] || m.loose[3]:
		add("how much customers differ in leaving cannot be told from these orders", "从这些订单看不出顾客流失的快慢差异有多大")
	}
	if m.loose[0] || m.loose[1] {
		add("how much customers differ in how often they order cannot be told from these orders", "从这些订单看不出顾客下单频率的差异有多大")
	}
	if !m.Settled {
		add("the search for the best parameters did not settle; take the forecasts as rough", "参数搜索没有收敛，预测仅供粗略参考")
	}
	p := m.spend
	if p == nil {
		return out
	}
	switch {
	case p.p == 0 && p.fitted < leastBuyers:
		add("only %d customers have a known spend on repeat orders: every order counts with their mean", "只有 %d 位顾客有复购金额：每单按他们的平均值计", p.fitted)
	case p.p == 0:
		add("all orders have the same amount: spend is orders times that", "所有订单金额相同：金额即订单数乘以该值")
	case p.q < 1.2:
		add("a few customers spend so much more than the rest that the mean spend of newcomers is rough", "少数顾客的消费远高于其他人，新客平均消费的估计比较粗略")
	}
	if p.p > 0 && math.Abs(p.correlation) > related {
		add("those who order more often spend differently on an order (correlation %.2f): forecasts of spend suppose they do not", "下单频率与单笔金额相关（相关系数 %.2f），而金额预测假定两者无关", p.correlation)
	}
	return out
}
