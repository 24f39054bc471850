package lifetime

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"reflect"
	"slices"
	"testing"

	"kequn"
	"kequn/internal/kernel"

	"pgregory.net/rapid"
)

// customer is a simulated life: the days of its orders with amounts, and whether it is still there at the end of history.
type customer struct {
	history Summary
	orders  int     // within the horizon
	spend   float64 // of these
	alive   bool
}

// simulate draws customers of a process with Gamma-Gamma spend (6, 4, 15): the model's story, told step by step.
func simulate(p Process, k int, theta []float64, n int, age, horizon float64, seed uint64) []customer {
	out := make([]customer, n)
	for i := range out {
		s := kernel.NewStream(seed, uint64(i))
		lambda := s.Gamma(theta[0]) / theta[1]
		nu := s.Gamma(4) / 15
		end, leave := math.Inf(1), 0.0
		if p == ParetoNBD {
			end = s.Exp() / (s.Gamma(theta[2]) / theta[3])
		} else {
			leave = s.Beta(theta[2], theta[3])
		}
		c, t, total, last := customer{history: Summary{Age: age * (0.6 + 0.4*s.Float64())}}, 0.0, 0.0, 0.0
		gone := p != BGNBD && p != ParetoNBD && s.Bool(leave)
		c.alive = !gone && end > c.history.Age
		for !gone {
			t += s.Gamma(float64(k)) / lambda
			if t > end || t > c.history.Age+horizon {
				break
			}
			amount := s.Gamma(6) / nu
			gone = p != ParetoNBD && s.Bool(leave)
			if t <= c.history.Age {
				c.history.Repeats++
				c.history.Recency = t
				c.history.LogGaps += math.Log(t - last)
				total += amount
				c.alive = !gone && end > c.history.Age
			} else {
				c.orders++
				c.spend += amount
			}
			last = t
		}
		if c.history.Repeats > 0 {
			c.history.Spend = total / float64(c.history.Repeats)
		}
		out[i] = c
	}
	return out
}

func historiesOf(all []customer) []Summary {
	out := make([]Summary, len(all))
	for i, c := range all {
		out[i] = c.history
	}
	return out
}

var stories = []struct {
	process Process
	k       int
	theta   []float64
}{
	{BGNBD, 1, []float64{0.8, 5, 0.6, 2.5}},
	{MBGNBD, 1, []float64{1.2, 7, 0.5, 1.5}},
	{MBGCNBD, 3, []float64{1.3, 1.5, 0.5, 1.5}},
	{ParetoNBD, 1, []float64{0.9, 6, 0.8, 15}},
}

// Each process finds its own parameters within four standard errors, is chosen among all, and its forecasts are what then happens: on
// average, in the interval as often as promised, alive as often as said.
func TestOwnStory(t *testing.T) {
	const horizon = 26
	for _, story := range stories {
		t.Run(string(story.process), func(t *testing.T) {
			all := simulate(story.process, story.k, story.theta, 3000, 52, horizon, 5)
			histories := historiesOf(all)
			m, err := Fit(t.Context(), histories, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if m.Process != story.process || m.K != story.k || !m.Settled {
				t.Errorf("chose %s with k = %d (settled: %v) of %v", m.Process, m.K, m.Settled, m.Tried)
			}
			if notes := m.Notes(kequn.English); len(notes) > 0 {
				t.Errorf("notes: %q", notes)
			}
			for i, p := range m.Parameters() {
				want := append(slices.Clone(story.theta), 6, 4, 15)[i]
				if p.Loose || math.Abs(p.Value-want) > 4*p.Error || !(p.Low < p.Value && p.Value < p.High) {
					t.Errorf("%s: %.3f ± %.3f (%.3f … %.3f), truth %.3f", p.Name, p.Value, p.Error, p.Low, p.High, want)
				}
			}
			pred := make([]Prediction, len(all))
			if err := m.Predict(t.Context(), histories, horizon, 0, pred); err != nil {
				t.Fatal(err)
			}
			var orders, spend, alive, wantOrders, wantSpend, wantAlive, inOrders, inSpend, below float64
			for i, p := range pred {
				orders += p.Orders.Mean
				spend += p.Spend.Mean
				alive += p.Alive
				wantOrders += float64(all[i].orders)
				wantSpend += all[i].spend
				if all[i].alive {
					wantAlive++
				}
				if o := float64(all[i].orders); o >= p.Orders.Low && o <= p.Orders.High {
					inOrders++
				}
				if all[i].spend >= p.Spend.Low && all[i].spend <= p.Spend.High {
					inSpend++
				}
				if all[i].spend <= p.Spend.Median {
					below++
				}
			}
			n := float64(len(all))
			near(t, "orders", orders, wantOrders, 0.05)
			near(t, "spend", spend, wantSpend, 0.08)
			near(t, "alive", alive, wantAlive, 0.05)
			if inOrders < 0.9*n || inSpend < 0.885*n || inSpend > 0.97*n || below < 0.48*n {
				t.Errorf("of %v customers %v have orders and %v spend within 90 %% intervals, %v at most the median", n, inOrders, inSpend, below)
			}
			total, err := m.Total(t.Context(), histories, horizon, 0, 1, 0)
			if err != nil {
				t.Fatal(err)
			}
			near(t, "total orders", total.Orders.Mean, orders, 1e-9)
			near(t, "total spend", total.Spend.Mean, spend, 1e-9)
			if !(total.Orders.Low < wantOrders*1.03 && total.Orders.High > wantOrders*0.97 && total.Orders.High < 1.3*total.Orders.Low) {
				t.Errorf("total orders %v, truth %v", total.Orders, wantOrders)
			}
		})
	}
}

// Gradients are the slopes of the likelihoods.
func TestGradients(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		story := rapid.SampledFrom(stories).Draw(rt, "story")
		theta := make([]float64, 4)
		for i := range theta {
			theta[i] = math.Exp(rapid.Float64Range(-4, 4).Draw(rt, "log parameter"))
		}
		g := group(historiesOf(simulate(story.process, story.k, story.theta, 30, 40, 0, rapid.Uint64().Draw(rt, "seed"))))
		proc := processOf(story.process, story.k)
		_, grad := proc.likelihood(theta, g, 1)
		for i := range theta {
			const h = 1e-5
			up, down := slices.Clone(theta), slices.Clone(theta)
			up[i] *= math.Exp(h)
			down[i] *= math.Exp(-h)
			a, _ := proc.likelihood(up, g, 1)
			b, _ := proc.likelihood(down, g, 1)
			if slope := (a - b) / (2 * h); math.Abs(slope-grad[i]) > 1e-5*(1+math.Abs(slope)+1e-2*math.Abs(a)) {
				rt.Fatalf("%s %v: slope %d is %v, gradient says %v", story.process, theta, i, slope, grad[i])
			}
		}
	})
}

// No summary and no parameters within reach give anything but finite, ordered forecasts.
func TestForecastsAreFinite(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		story := rapid.SampledFrom(stories).Draw(rt, "story")
		m := &Model{Process: story.process, K: story.k, level: 0.9, span: 1, theta: make([]float64, 4)}
		for i := range m.theta {
			m.theta[i] = math.Exp(rapid.Float64Range(-9, 9).Draw(rt, "log parameter"))
		}
		m.spend = &spendModel{p: math.Exp(rapid.Float64Range(-3, 6).Draw(rt, "log p")), q: 1 + math.Exp(rapid.Float64Range(-6, 6).Draw(rt, "log q")), v: 20, newcomer: 30}
		s := Summary{Age: rapid.Float64Range(0, 100).Draw(rt, "age")}
		if s.Age > 0 && rapid.Bool().Draw(rt, "again") {
			s.Repeats = rapid.IntRange(1, 3000).Draw(rt, "repeats")
			s.Recency = s.Age * rapid.Float64Range(0.01, 1).Draw(rt, "recency")
			s.Spend = rapid.Float64Range(0, 1000).Draw(rt, "spend")
		}
		p := m.Expect(s, rapid.Float64Range(0.1, 200).Draw(rt, "horizon"))
		for _, r := range []Range{p.Orders, p.Spend} {
			for _, v := range []float64{r.Mean, r.Median, r.Low, r.High} {
				if math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
					rt.Fatalf("%v with %v: %+v", s, m.theta, p)
				}
			}
			if r.Low > r.Median*(1+1e-5) || r.Median > r.High*(1+1e-5) {
				rt.Fatalf("%v with %v: %+v", s, m.theta, p)
			}
		}
		if !(p.Alive >= 0 && p.Alive <= 1) {
			rt.Fatalf("alive %v", p.Alive)
		}
	})
}

// The mean is the sum of the distribution for Pareto/NBD too, where it has a closed form of its own.
func TestParetoMeanIsOfItsDistribution(t *testing.T) {
	for _, s := range []Summary{{Age: 30}, {Repeats: 3, Recency: 20, Age: 30}, {Repeats: 300, Recency: 29, Age: 30}, {Repeats: 3000, Recency: 30, Age: 30}} {
		for _, theta := range [][]float64{{0.5, 10, 0.6, 12}, {1, 3, 1, 4}, {2, 2, 8, 500}, {0.3, 1, 0.02, 0.1}} {
			var st state
			paretoNBD{}.state(theta, s, &st)
			tail, mean := st.atLeast(26, nil)
			sum := 0.0
			for _, p := range tail {
				sum += p
			}
			near(t, "mean", sum, mean, 1e-6)
		}
	}
}

// Whoever orders in any order, on any number of threads: the same bits.
func TestSameBits(t *testing.T) {
	all := historiesOf(simulate(MBGNBD, 1, stories[1].theta, 1500, 52, 0, 3))
	save := func(all []Summary, threads int) []byte {
		m, err := Fit(t.Context(), all, Options{Threads: threads})
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := m.Save(&b); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	want := save(all, 1)
	turned := slices.Clone(all)
	slices.Reverse(turned)
	for _, threads := range []int{1, 2, 7} {
		if !bytes.Equal(save(turned, threads), want) {
			t.Errorf("another model with %d threads", threads)
		}
	}
}

func TestSavedModelPredictsTheSame(t *testing.T) {
	for _, story := range stories {
		all := historiesOf(simulate(story.process, story.k, story.theta, 800, 52, 0, 3))
		m, err := Fit(t.Context(), all, Options{Process: story.process, K: story.k})
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := m.Save(&b); err != nil {
			t.Fatal(err)
		}
		whole := slices.Clone(b.Bytes())
		loaded, err := Load(&b)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(m, loaded) {
			t.Errorf("saved %+v, loaded %+v", m, loaded)
		}
		for _, s := range all[:50] {
			if m.Expect(s, 20) != loaded.Expect(s, 20) {
				t.Errorf("%v: another prediction", s)
			}
		}
		for _, cut := range []int{0, 3, 11, len(whole) / 2, len(whole) - 1} {
			if _, err := Load(bytes.NewReader(whole[:cut])); kequn.KindOf(err) != kequn.KindDamaged {
				t.Errorf("cut at %d: %v", cut, err)
			}
		}
		whole[40] ^= 1
		if _, err := Load(bytes.NewReader(whole)); kequn.KindOf(err) != kequn.KindDamaged {
			t.Errorf("changed: %v", err)
		}
	}
}

// Files of version 1 load and predict what they did when they were written.
func TestVersion1Loads(t *testing.T) {
	f, err := os.Open("testdata/v1/model.life")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m, err := Load(f)
	if err != nil {
		t.Fatal(err)
	}
	p := m.Expect(Summary{Repeats: 5, Recency: 40, Age: 50, Spend: 30}, 26)
	near(t, "alive", p.Alive, 0.7946700104901725, 1e-9)
	near(t, "orders", p.Orders.Mean, 2.3061074959287633, 1e-9)
	near(t, "spend", p.Spend.Median, 63.56922531184888, 1e-6)
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"process":"bg_nbd","k":1,"theta":[1,2,3,4],"cov":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0],"loose":[true,true,true,true],"level":0.9,"span":30}`))
	f.Add([]byte(`{"process":"mbg_cnbd_k","k":12,"theta":[1,2,3,1e-9],"cov":[1,0,0,0,0,1,0,0,0,0,1,0,0,0,0,1],"loose":[false,true,true,true],"level":0.5,"span":3,"spend":{"flat":3}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := decode(body)
		if err != nil {
			if kequn.KindOf(err) != kequn.KindDamaged {
				t.Fatal(err)
			}
			return
		}
		m.Parameters()
		m.Notes(kequn.Chinese)
		_, orders, _ := m.Means(Summary{Repeats: 2, Recency: 3, Age: 5}, 3)
		if math.IsNaN(orders) {
			t.Fatalf("%s gives %v", body, orders)
		}
		var b bytes.Buffer
		if err := m.Save(&b); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(&b); err != nil {
			t.Fatal(err)
		}
	})
}

func TestOddTables(t *testing.T) {
	repeat := func(n int, s Summary) []Summary {
		out := make([]Summary, n)
		for i := range out {
			out[i] = s
		}
		return out
	}
	normal := historiesOf(simulate(BGNBD, 1, stories[0].theta, 300, 52, 0, 9))
	heavy := slices.Clone(normal)
	for i := range heavy {
		heavy[i].Spend *= math.Exp(3 * kernel.NewStream(1, uint64(i)).Norm())
		heavy[i].Spend *= heavy[i].Spend
	}
	huge := append(slices.Clone(normal), Summary{Repeats: 900_000, Recency: 51.9, Age: 52, Spend: 3})
	short := slices.Clone(normal)
	for i := range short {
		short[i] = Summary{Repeats: 1 + i%2, Recency: 1.0 / 7, Age: 2.0 / 7, Spend: 5}
	}
	for _, c := range []struct {
		name string
		all  []Summary
		kind kequn.Kind
		note bool
	}{
		{"nobody", nil, kequn.KindNotEnough, false},
		{"nobody twice", repeat(1000, Summary{Age: 50}), kequn.KindNotEnough, false},
		{"all of them the same", repeat(1000, Summary{Repeats: 4, Recency: 30, Age: 40, Spend: 7}), "", true},
		{"just ordered", repeat(500, Summary{Repeats: 6, Recency: 40, Age: 40, Spend: 7}), "", true},
		{"gone at once", append(repeat(500, Summary{Repeats: 9, Recency: 1, Age: 40, Spend: 7}), repeat(500, Summary{Age: 40})...), "", true},
		{"a machine among them", huge, "", false},
		{"two days of history", short, "", true},
		{"money without a mean", heavy, "", false},
		{"no money", repeat(200, Summary{Repeats: 4, Recency: 30, Age: 40}), "", true},
		{"not a number", append(repeat(20, Summary{Repeats: 1, Recency: 3, Age: 40}), Summary{Age: math.NaN()}), kequn.KindInput, false},
		{"last order after the end", repeat(20, Summary{Repeats: 1, Recency: 41, Age: 40}), kequn.KindInput, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, p := range []Process{Auto, BGNBD, MBGNBD, MBGCNBD, ParetoNBD} {
				m, err := Fit(t.Context(), c.all, Options{Process: p})
				if c.kind != "" {
					if kequn.KindOf(err) != c.kind {
						t.Fatalf("%q: %v", p, err)
					}
					continue
				}
				if err != nil {
					t.Fatalf("%q: %v", p, err)
				}
				if notes := m.Notes(kequn.English); c.note && len(notes) == 0 {
					t.Errorf("%q: nothing to say of %v", p, m.Parameters())
				}
				for _, s := range append(slices.Clone(c.all[:5]), c.all[len(c.all)-1], Summary{}, Summary{Age: 1e4}) {
					e := m.Expect(s, 26)
					for _, v := range []float64{e.Alive, e.Orders.Mean, e.Orders.High, e.Spend.Mean, e.Spend.Median, e.Spend.High} {
						if math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
							t.Fatalf("%q, %v: %+v", p, s, e)
						}
					}
				}
				if _, err := m.Total(t.Context(), c.all, 26, 5, 1, 1); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func TestFitStopsWhenTold(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	all := historiesOf(simulate(BGNBD, 1, stories[0].theta, 300, 52, 0, 9))
	if _, err := Fit(ctx, all, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("fit: %v", err)
	}
	m, err := Fit(t.Context(), all, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Predict(ctx, all, 5, 0, make([]Prediction, len(all))); !errors.Is(err, context.Canceled) {
		t.Errorf("predict: %v", err)
	}
}

func TestSummarise(t *testing.T) {
	for _, c := range []struct {
		name    string
		days    []int32
		amounts []float64
		until   int32
		want    Summary
		bad     bool
	}{
		{"one order", []int32{3}, []float64{5}, 17, Summary{Age: 2}, false},
		{"on the last day", []int32{17}, nil, 17, Summary{}, false},
		{"two on one day are one", []int32{3, 3, 10, 10, 24}, []float64{5, 6, 1, 2, 7}, 31, Summary{Repeats: 2, Recency: 3, Age: 4, Spend: 5, LogGaps: math.Log(2)}, false},
		{"only one day", []int32{3, 3}, []float64{5, 6}, 10, Summary{Age: 1}, false},
		{"the future", []int32{3, 11}, nil, 10, Summary{}, true},
		{"not sorted", []int32{5, 3}, nil, 10, Summary{}, true},
		{"nothing", nil, nil, 10, Summary{}, true},
	} {
		got, err := Summarise(c.days, c.amounts, c.until, Week)
		if (err != nil) != c.bad || got != c.want {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
	}
}

// Without leaving, every order to come counts: expected rate over discount rate.
func TestResidual(t *testing.T) {
	m := &Model{Process: ParetoNBD, K: 1, level: 0.9, theta: []float64{2, 4, 1e-5, 1e5}}
	near(t, "nobody leaves", m.Residual(Summary{Repeats: 8, Recency: 30, Age: 36}, 0.01), 10.0/40/0.01, 1e-5)
	// Leaving at a known rate μ discounts like interest: rate/(interest + μ).
	m.theta = []float64{2, 4, 2e5, 1e7}
	near(t, "leaves at 0.02", m.Residual(Summary{Repeats: 8, Recency: 36, Age: 36}, 0.01), 10.0/40/0.03, 1e-4)
}

func BenchmarkFit(b *testing.B) {
	for _, story := range stories {
		all := historiesOf(simulate(story.process, story.k, story.theta, 1_000_000, 104, 0, 3))
		for i := range all { // whole days, as real orders have
			s := &all[i]
			s.Age = math.Ceil(s.Age*7) / 7
			s.Recency = math.Ceil(s.Recency*7) / 7
		}
		b.Run("n=1e6,process="+string(story.process), func(b *testing.B) {
			for b.Loop() {
				if _, err := Fit(b.Context(), all, Options{Process: story.process, K: story.k, NoSpend: true}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(group(all).x)), "different")
		})
	}
}

func BenchmarkPredict(b *testing.B) {
	for _, story := range stories {
		all := historiesOf(simulate(story.process, story.k, story.theta, 10_000, 104, 0, 3))
		m, err := Fit(b.Context(), all, Options{Process: story.process, K: story.k})
		if err != nil {
			b.Fatal(err)
		}
		out := make([]Prediction, len(all))
		b.Run("n=1e4,process="+string(story.process), func(b *testing.B) {
			for b.Loop() {
				if err := m.Predict(b.Context(), all, 26, 1, out); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
