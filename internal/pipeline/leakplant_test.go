package pipeline

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"kequn"
	"kequn/internal/evaluate"
	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/model/gbdt"
	"kequn/internal/table"
)

// people is a made-up table of customers in which nothing knows the outcome, until something is planted.
type people struct {
	*kernel.Stream
	p      evaluate.LeakProbe
	amount bool
	city   []int // of each row
	logit  []float64
}

// newPeople makes n customers with about 20 % yes; as an amount, most have none.
func newPeople(n int, amount bool, seed uint64) *people {
	t := &people{Stream: kernel.NewStream(seed, kernel.ID("people")), amount: amount}
	t.p = evaluate.LeakProbe{X: &table.Table{}, Others: &table.Table{}, Y: model.Outcome{Task: kequn.Binary}, Ordered: true, Records: true,
		Learner: gbdt.Learner{Trees: 30, Leaves: 15}, Threads: 2, Seed: seed}
	if amount {
		t.p.Y.Task = kequn.Regression
	}
	const day = 86_400_000_000
	joined, seen := table.NewColumn("joined", table.Time, n), table.NewColumn("last_order", table.Time, n)
	age, visits, spend, balance := table.NewColumn("age", table.Number, n), table.NewColumn("visits", table.Number, n), table.NewColumn("spend", table.Number, n), table.NewColumn("balance", table.Number, n)
	city, plan := table.NewColumn("city", table.Category, n), table.NewColumn("plan", table.Category, n)
	for range n {
		tenure := t.Intn(1500)
		recency := t.Intn(tenure + 1)
		joined.Int = append(joined.Int, int64(20000-tenure)*day)
		seen.Int = append(seen.Int, int64(20000-recency)*day)
		age.Num = append(age.Num, float64(18+t.Intn(60)))
		v := math.Floor(math.Exp(1 + t.Norm()))
		visits.Num = append(visits.Num, v)
		money := 0.0
		if t.Bool(0.7) {
			money = math.Round(100*math.Exp(3+0.3*math.Log1p(v)+t.Norm())) / 100
		}
		spend.Num = append(spend.Num, money)
		balance.Num = append(balance.Num, math.Round(1000*t.Norm()))
		c, k := t.Intn(25), t.Intn(3)
		city.AppendString("city " + strconv.Itoa(c))
		plan.AppendString([]string{"basic", "plus", "gold"}[k])
		t.city = append(t.city, c)
		z := -1.9 + 0.7*(math.Log1p(v)-1.3) - 0.9*float64(recency)/500 + 0.35*float64(k) + 0.02*float64(c%5)
		t.logit = append(t.logit, z)
		yes := t.Bool(1 / (1 + math.Exp(-z)))
		y := 0.0
		if yes {
			y = 1
			if amount {
				y = math.Round(100*math.Exp(3+0.4*math.Log1p(v)+0.8*t.Norm())) / 100
			}
		}
		t.p.Y.Y = append(t.p.Y.Y, y)
	}
	t.p.X.Columns = []*table.Column{joined, seen, age, visits, spend, balance, city, plan}
	return t
}

func (t *people) yes(i int) bool { return t.p.Y.Y[i] != 0 }

// number adds a feature.
func (t *people) number(name string, at func(i int) float64) {
	c := table.NewColumn(name, table.Number, 0)
	for i := range t.p.Y.Y {
		c.Num = append(c.Num, at(i))
	}
	t.p.X.Columns = append(t.p.X.Columns, c)
}

// words adds a category or text; "" is missing.
func (t *people) words(to *table.Table, name string, kind table.Kind, at func(i int) string) {
	c := table.NewColumn(name, kind, 0)
	for i := range t.p.Y.Y {
		if s := at(i); s == "" {
			c.AppendMissing()
		} else {
			c.AppendString(s)
		}
	}
	to.Columns = append(to.Columns, c)
}

// take puts the rows in another order, or repeats some.
func (t *people) take(rows []int32) {
	t.p.X, t.p.Y = t.p.X.Take(rows), t.p.Y.Take(rows)
	if len(t.p.Others.Columns) > 0 {
		t.p.Others = t.p.Others.Take(rows)
	}
}

func (t *people) shuffled() []int32 {
	rows := make([]int32, len(t.p.Y.Y))
	for i := range rows {
		rows[i] = int32(i)
	}
	for i := len(rows) - 1; i > 0; i-- {
		j := t.Intn(i + 1)
		rows[i], rows[j] = rows[j], rows[i]
	}
	return rows
}

// between draws from [lo, hi).
func (t *people) between(lo, hi float64) float64 { return lo + (hi-lo)*t.Float64() }

// plants are the kinds of leak of docs/leaks.md, each with some of its forms; the strength of each is drawn anew for every seed.
var plants = []struct {
	kind   string
	column string
	amount bool
	plant  func(t *people)
}{
	{"1 too good", "x", false, func(t *people) {
		d := t.between(2.5, 5)
		t.number("x", func(i int) float64 { return d*t.p.Y.Y[i] + t.Norm() })
	}},
	{"1 too good", "x", false, func(t *people) { // by its levels
		t.words(t.p.X, "x", table.Category, func(i int) string {
			if t.Bool(0.97) == t.yes(i) {
				return []string{"C1", "C2"}[t.Intn(2)]
			}
			return []string{"A", "B", "D"}[t.Intn(3)]
		})
	}},
	{"1 much of the model goes with it", "x", false, func(t *people) {
		d := t.between(1.7, 2.3)
		t.number("x", func(i int) float64 { return d*t.p.Y.Y[i] + t.Norm() })
	}},
	{"2 filled afterwards", "x", false, func(t *people) {
		p := t.between(0.3, 1)
		t.number("x", func(i int) float64 {
			if t.yes(i) && t.Bool(p) || t.Bool(0.001) {
				return float64(t.Intn(100))
			}
			return math.NaN()
		})
	}},
	{"2 emptied afterwards", "x", false, func(t *people) {
		p := t.between(0.3, 1)
		t.words(t.p.X, "x", table.Category, func(i int) string {
			if t.yes(i) && t.Bool(p) {
				return ""
			}
			return []string{"a", "b", "c"}[t.Intn(3)]
		})
	}},
	{"3 id by outcome", "x", false, func(t *people) {
		next := [2]int{100000, 100000 + len(t.logit)}
		t.words(t.p.Others, "x", table.Text, func(i int) string {
			k := int(t.p.Y.Y[i])
			if t.Bool(0.15) {
				k = 1 - k
			}
			next[k] += 1 + t.Intn(2)
			return "K" + strconv.Itoa(next[k]) + "-" + strconv.Itoa(k*0) + strconv.Itoa(next[k])
		})
	}},
	{"3 id with a prefix by outcome", "x", false, func(t *people) {
		t.words(t.p.Others, "x", table.Text, func(i int) string {
			return []string{"A", "B", "C", "R"}[map[bool]int{true: 2 + t.Intn(2), false: t.Intn(3)}[t.yes(i)]] + strconv.FormatUint(kernel.Mix(uint64(i)), 16)
		})
	}},
	{"3 hash ranges by outcome", "x", false, func(t *people) {
		t.words(t.p.Others, "x", table.Text, func(i int) string {
			h := kernel.Mix(uint64(i)+t.p.Seed) >> 1
			if t.yes(i) {
				h = h/2 + 1<<62
			}
			return fmt.Sprintf("%016x", h)
		})
	}},
	{"3 running number among the features", "x", false, func(t *people) {
		next := [2]int{1000, 1000 + len(t.logit)}
		t.number("x", func(i int) float64 { next[int(t.p.Y.Y[i])]++; return float64(next[int(t.p.Y.Y[i])]) })
	}},
	{"4 sorted by outcome", evaluate.RowOrder, false, func(t *people) {
		rows := t.shuffled()
		slices.SortStableFunc(rows, func(a, b int32) int { return int(t.p.Y.Y[a] - t.p.Y.Y[b]) })
		t.take(rows)
	}},
	{"4 blocks", evaluate.RowOrder, false, func(t *people) {
		size := 3 + t.Intn(40)
		var yes, no, rows []int32
		for i := range t.p.Y.Y {
			if t.yes(i) {
				yes = append(yes, int32(i))
			} else {
				no = append(no, int32(i))
			}
		}
		for len(yes) > 0 || len(no) > 0 {
			from := &no
			if len(yes) > 0 && (len(no) == 0 || t.Bool(float64(len(yes))/float64(len(yes)+len(no)))) {
				from = &yes
			}
			k := min(size, len(*from))
			rows = append(rows, (*from)[:k]...)
			*from = (*from)[k:]
		}
		t.take(rows)
	}},
	{"5 refund of the outcome", "x", false, func(t *people) {
		p := t.between(0.1, 0.9)
		t.number("x", func(i int) float64 {
			if t.yes(i) && t.Bool(p) {
				return -math.Round(math.Exp(3 + t.Norm()))
			}
			return 0
		})
	}},
	{"5 flag set afterwards", "x", false, func(t *people) {
		p := t.between(0.15, 0.9)
		t.words(t.p.X, "x", table.Category, func(i int) string {
			if t.yes(i) && t.Bool(p) {
				return "closing"
			}
			return []string{"active", "new"}[t.Intn(2)]
		})
	}},
	{"5 refund of the amount", "x", true, func(t *people) {
		p := t.between(0.1, 0.9)
		t.number("x", func(i int) float64 {
			if t.yes(i) && t.Bool(p) {
				return -t.p.Y.Y[i]
			}
			return 0
		})
	}},
	{"6 copy", "x", false, func(t *people) { t.number("x", func(i int) float64 { return 7 + 1000*t.p.Y.Y[i] }) }},
	{"6 copy in other words", "x", false, func(t *people) {
		t.words(t.p.X, "x", table.Category, func(i int) string { return map[bool]string{true: "流失", false: "在网"}[t.yes(i)] })
	}},
	{"6 copy with mistakes", "x", false, func(t *people) {
		t.number("x", func(i int) float64 {
			if t.Bool(0.01) {
				return 1 - t.p.Y.Y[i]
			}
			return t.p.Y.Y[i]
		})
	}},
	{"6 a text says it", "x", false, func(t *people) {
		t.words(t.p.X, "x", table.Text, func(i int) string {
			s := fmt.Sprintf("spoke with the customer about topic %d on line %d", t.Intn(50), t.Intn(500))
			if t.yes(i) {
				s += " and the contract was cancelled"
			}
			return s
		})
	}},
	{"6 copy of the amount", "x", true, func(t *people) {
		k := t.between(0.1, 9)
		t.number("x", func(i int) float64 { return 3 + k*t.p.Y.Y[i] + 0.5*t.Norm() })
	}},
	{"7 records twice", evaluate.RepeatedRows, false, func(t *people) {
		rows := t.shuffled()
		rows = append(rows, rows[:int(t.between(0.02, 0.3)*float64(len(rows)))]...)
		t.take(rows)
		t.take(t.shuffled())
	}},
	{"7 a person on many rows", "x", false, func(t *people) {
		n := len(t.p.Y.Y)
		each := 2 + t.Intn(4)
		rows := t.shuffled()[:n/each]
		var all []int32
		for range each {
			all = append(all, rows...)
		}
		t.take(all)
		for _, c := range t.p.X.Columns {
			for i := range c.Num { // another month, other figures
				c.Num[i] = math.Round(c.Num[i] * t.between(0.7, 1.4))
			}
		}
		of := make([]int, len(all))
		for i := range of {
			of[i] = 5000 + int(kernel.Mix(uint64(all[i])+t.p.Seed)%1000000)
		}
		t.number("x", func(i int) float64 { return float64(of[i]) })
		t.take(t.shuffled())
	}},
	{"7 records twice, a little changed", evaluate.RepeatedRows, false, func(t *people) {
		rows := t.shuffled()
		n := len(rows)
		rows = append(rows, rows[:int(t.between(0.1, 0.3)*float64(n))]...)
		t.take(rows)
		for _, c := range t.p.X.Columns {
			for i := range c.Num {
				if i >= n {
					c.Num[i] *= 1 + 0.005*t.Norm()
				}
			}
		}
		t.take(t.shuffled())
	}},
	{"9 a date after the outcome", "x", false, func(t *people) {
		const day = 86_400_000_000
		p := t.between(0.3, 1)
		c := table.NewColumn("x", table.Time, 0)
		for i := range t.p.Y.Y {
			d := t.p.X.Column("last_order").Int[i] - int64(t.Intn(30))*day
			if t.yes(i) && t.Bool(p) {
				d = int64(20001+t.Intn(60)) * day
			}
			c.Int = append(c.Int, d)
		}
		t.p.X.Columns = append(t.p.X.Columns, c)
	}},
	{"10 mean outcome of the city", "x", false, func(t *people) { t.encode(0, 1, false) }},
	{"10 pulled mean, in percent", "x", false, func(t *people) { t.encode(t.between(1, 50), 100, false) }},
	{"10 mean of all others", "x", false, func(t *people) { t.encode(0, 1, true) }},
	{"10 mean amount of the city", "x", true, func(t *people) { t.encode(0, 1, false) }},
	{"10 total with the outcome in it", "x", true, func(t *people) {
		p := t.between(0.2, 0.8)
		t.number("x", func(i int) float64 {
			if t.Bool(p) {
				return t.p.Y.Y[i] + math.Round(100*math.Exp(2+t.Norm()))/100
			}
			return t.p.Y.Y[i]
		})
	}},
}

// encode adds the mean outcome of the row's city, pulled toward the overall mean, or that of its other rows.
func (t *people) encode(pull, times float64, others bool) {
	sum, n := make([]float64, 25), make([]float64, 25)
	mean := kernel.Sum(t.p.Y.Y) / float64(len(t.p.Y.Y))
	for i, c := range t.city {
		sum[c] += t.p.Y.Y[i]
		n[c]++
	}
	t.number("x", func(i int) float64 {
		c := t.city[i]
		if others {
			return (sum[c] - t.p.Y.Y[i]) / (n[c] - 1)
		}
		return times * (sum[c] + pull*mean) / (n[c] + pull)
	})
}

// Each kind of leak is found whatever its strength, and nothing else is.
func TestLeaksPlanted(t *testing.T) {
	seeds := 3
	if v, err := strconv.Atoi(os.Getenv("LEAK_SEEDS")); err == nil {
		seeds = v
	}
	clean := 0
	for seed := range uint64(2 * seeds) {
		q := newPeople(3000, seed%2 == 1, 1000+seed)
		found, err := evaluate.Leaks(context.Background(), q.p)
		if err != nil {
			t.Fatal(err)
		}
		if len(found) > 0 {
			t.Errorf("seed %d: nothing is planted, found %s", seed, said(found))
			clean++
		}
	}
	for k, plant := range plants {
		hit, other := 0, 0
		for seed := range uint64(seeds) {
			q := newPeople(3000, plant.amount, 100*uint64(k)+seed)
			plant.plant(q)
			found, err := evaluate.Leaks(context.Background(), q.p)
			if err != nil {
				t.Fatal(err)
			}
			right := slices.ContainsFunc(found, func(l evaluate.Leak) bool { return l.Column == plant.column })
			if right {
				hit++
			} else {
				t.Errorf("%s, seed %d: not found; %s", plant.kind, seed, said(found))
			}
			if len(found) > 1 || len(found) == 1 && !right {
				other++
				t.Logf("%s, seed %d: %s", plant.kind, seed, said(found))
			}
		}
		t.Logf("%-40s %d of %d, other findings %d", plant.kind, hit, seeds, other)
	}
	t.Logf("clean: %d false of %d", clean, 2*seeds)
}

func said(found []evaluate.Leak) string {
	s := ""
	for _, l := range found {
		s += fmt.Sprintf("[%s %s: %s", l.Column, l.Reason, l.Evidence.En)
		if l.AUCWith != nil && l.AUCWithout != nil {
			s += fmt.Sprintf(" %.3f/%.3f", *l.AUCWith, *l.AUCWithout)
		}
		s += "]"
	}
	return s
}

// sharedSets are real tables, with what is to be found in them.
var sharedSets = []struct {
	name, file string
	f          TryFlags
	want       []string
}{
	{"telco_churn", "telco_churn/Telco-Customer-Churn.csv", TryFlags{Outcome: "Churn"}, nil},
	{"german_credit", "german_credit/german.csv", TryFlags{Outcome: "credit_risk", Positive: "2"}, nil},
	{"ifood_marketing", "ifood_marketing/marketing_campaign.csv", TryFlags{Outcome: "Response", Drop: []string{"Z_CostContact", "Z_Revenue", "ID"}}, nil},
	{"iranian_churn", "iranian_churn/iranian_churn.csv", TryFlags{Outcome: "Churn"}, []string{evaluate.RepeatedRows}},
	{"bank_marketing", "bank_marketing/bank-full.csv.gz", TryFlags{Outcome: "y", Drop: []string{"duration"}}, nil},
	{"bank_marketing with duration", "bank_marketing/bank-full.csv.gz", TryFlags{Outcome: "y"}, []string{"duration"}},
	{"bank-additional", "bank_marketing/bank-additional-full.csv.gz", TryFlags{Outcome: "y", Drop: []string{"duration"}}, nil},
	{"bank-additional with duration", "bank_marketing/bank-additional-full.csv.gz", TryFlags{Outcome: "y"}, []string{"duration"}},
	{"adult_income", "adult_income/adult_train.csv.gz", TryFlags{Outcome: "income"}, nil},
	{"hillstrom", "hillstrom/hillstrom.csv.gz", TryFlags{Outcome: "visit", Drop: []string{"conversion", "spend"}}, nil},
	{"insurance_uplift", "insurance_uplift/train.csv.gz", TryFlags{Outcome: "PURCHASE", Drop: []string{"UNIQUE_ID"}}, nil},
	{"berka loan", "berka_1993/labels.csv", TryFlags{Outcome: "loan_after_cutoff", Drop: []string{"card_after_cutoff", "account_id"}}, nil},
	{"berka card", "berka_1993/labels.csv", TryFlags{Outcome: "card_after_cutoff", Drop: []string{"loan_after_cutoff", "account_id"}}, nil},
	{"pakdd2015_gender", "pakdd2015_gender/sessions.csv.gz", TryFlags{Outcome: "gender", Positive: "male"}, []string{"session_id", evaluate.RowOrder}},
}

// On real tables, what their authors warn of is named, and nothing else.
func TestLeaksShared(t *testing.T) {
	for _, set := range sharedSets {
		path := filepath.Join("..", "..", "..", "shared", "data", filepath.FromSlash(set.file))
		if _, err := os.Stat(path); err != nil {
			t.Skip("shared data is absent")
		}
		set.f.File = path
		q := &trial{Options: Options{Lang: kequn.English, Learners: tryLearners}.withDefaults(), f: set.f, res: &TryResult{}}
		if err := q.read(context.Background()); err != nil {
			t.Fatal(err)
		}
		if err := q.probe(context.Background()); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, l := range q.leaks {
			got = append(got, l.Column)
		}
		if !slices.Equal(got, set.want) {
			t.Errorf("%s: found %s, want %q", set.name, said(q.leaks), set.want)
		}
	}
}

// A goal is not learnt from a figure of today that claims to have been known long ago, until somebody confirms it.
func TestLeakOfToday(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	s := kernel.NewStream(8)
	orders, customers := strings.Builder{}, strings.Builder{}
	orders.WriteString("order_id,customer,time,amount\n")
	customers.WriteString("customer,city,total_orders\n")
	id := 0
	for c := range 900 {
		n := 0
		gap := 10 + 60*s.Float64()
		for day := 300 * s.Float64(); day < 400 && !s.Bool(0.08); day += gap * -math.Log(1-s.Float64()) {
			id, n = id+1, n+1
			fmt.Fprintf(&orders, "O%d,C%05d,%s,%.2f\n", id, (c*7919)%90000, time.Date(2024, 1, 1, 12, 0, 0, 0, time.UTC).Add(time.Duration(day*24)*time.Hour).Format(time.RFC3339), 5+50*s.Float64())
		}
		if n > 0 {
			fmt.Fprintf(&customers, "C%05d,%s,%d\n", (c*7919)%90000, string(rune('A'+s.Intn(5))), n)
		}
	}
	for name, text := range map[string]string{"orders.csv": orders.String(), "customers.csv": customers.String()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	shop, err := Create(shopOptions(filepath.Join(dir, "shop")))
	if err != nil {
		t.Fatal(err)
	}
	defer shop.Close()
	for _, f := range []LoadFlags{
		{Files: []string{filepath.Join(dir, "orders.csv")}, As: "orders", Customer: "customer", Time: "time", Amount: "amount", ID: "order_id"},
		{Files: []string{filepath.Join(dir, "customers.csv")}, As: "customers", Customer: "customer", LoadedAt: "2024-01-01"},
	} {
		if _, err := shop.Load(ctx, f); err != nil {
			t.Fatal(err)
		}
	}
	f := GoalFlags{Event: "orders", Within: "45d", Models: "linear"}
	_, err = shop.Predict(ctx, f)
	wantKind(t, err, kequn.KindInput, "total_orders: may know the outcome: it is a value of today")
	if err != nil && !strings.Contains(err.Error(), "without it") {
		t.Errorf("the error does not say what the column is worth: %v", err)
	}
	f.ConfirmLeak = []string{"total_orders"}
	g, v, ask, err := shop.asked(f)
	if err != nil {
		t.Fatal(err)
	}
	_, found, err := shop.learnGoal(ctx, v, g, ask, f)
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 1 || !found[0].Confirmed || found[0].Kind != evaluate.LeakMoved || found[0].AUCWithout == nil {
		t.Errorf("%+v", found)
	}
}

// 100,000 rows of 50 columns: the probe's CPU seconds are its time on one thread.
func BenchmarkLeaks(b *testing.B) {
	q := newPeople(100_000, false, 1)
	for j := range 42 {
		if j < 32 {
			q.number(fmt.Sprint("n", j), func(int) float64 { return q.Norm() })
		} else {
			q.words(q.p.X, fmt.Sprint("c", j), table.Category, func(int) string { return strconv.Itoa(q.Intn(12)) })
		}
	}
	q.p.Threads = 1
	for b.Loop() {
		if _, err := evaluate.Leaks(context.Background(), q.p); err != nil {
			b.Fatal(err)
		}
	}
}
