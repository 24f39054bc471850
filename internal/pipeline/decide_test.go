package pipeline

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"kequn"
	"kequn/internal/decision"
	"kequn/internal/engine/local"
	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/model/gbdt"
	"kequn/internal/model/linear"
	"kequn/internal/plan"
	"kequn/internal/receipt"
	"kequn/internal/synth"
	"kequn/internal/vault"
)

func shopOptions(dir string) Options {
	return Options{Dir: dir, Lang: kequn.English, Engine: local.Engine{}, By: "tester", Now: func() time.Time { return time.Date(2026, 7, 1, 8, 0, 0, 0, time.UTC) },
		Learners: []model.Named{{Name: "linear", Learner: linear.Learner{}}, {Name: "gbdt", Learner: gbdt.Learner{}}}}
}

// demoShop returns a loaded demo shop with its plan; edit may change the files before they are loaded.
func demoShop(t *testing.T, customers int, edit func(dir string)) *Shop {
	t.Helper()
	ctx := context.Background()
	o := shopOptions(filepath.Join(t.TempDir(), "shop")).withDefaults()
	st, err := makeShop(ctx, o, customers)
	if err != nil {
		t.Fatal(err)
	}
	if edit != nil {
		edit(o.Dir)
	}
	s, err := Create(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if err := s.loadDemo(ctx, st); err != nil {
		t.Fatal(err)
	}
	return s
}

func wantKind(t *testing.T, err error, want kequn.Kind, words string) {
	t.Helper()
	if kequn.KindOf(err) != want || err == nil || !strings.Contains(err.Error(), words) {
		t.Errorf("got %v (%s), want %s with %q", err, kequn.KindOf(err), want, words)
	}
}

var demoDecide = DecideFlags{Campaign: DemoCampaign, Budget: -1}

// One shop walks from decision to measurement.
func TestDecisionToMeasurement(t *testing.T) {
	ctx := context.Background()
	s := demoShop(t, 4000, nil)

	_, err := s.Measure(ctx, DemoCampaign)
	wantKind(t, err, kequn.KindUsage, "not decided yet")
	_, err = s.Activate(ctx, ActivateFlags{Campaign: DemoCampaign, To: "csv"})
	wantKind(t, err, kequn.KindUsage, "not decided yet")
	_, err = s.Decide(ctx, DecideFlags{Campaign: "autumn", Budget: -1})
	wantKind(t, err, kequn.KindUsage, `no campaign "autumn"`)

	d, err := s.Decide(ctx, demoDecide)
	if err != nil {
		t.Fatal(err)
	}
	if d.Method.Kind != "uplift" || d.Method.History != "winter" {
		t.Errorf("method %+v, want uplift from winter", d.Method)
	}
	if n := d.Waterfall[0].Left; d.Contact+d.Control+d.LeftAlone != n || len(d.members) != n {
		t.Errorf("%d + %d + %d of %d", d.Contact, d.Control, d.LeftAlone, n)
	}
	if d.Contact == 0 || d.Control == 0 || d.Expected.Low > d.Expected.Mean || d.Expected.Mean > d.Expected.High {
		t.Errorf("%+v", d)
	}
	if !slices.ContainsFunc(d.Leaks, func(l string) bool { return strings.Contains(l, "last_visit") }) {
		t.Errorf("the planted leak was not left out: %v", d.Leaks)
	}
	checkConsent(t, s, d.members)

	t.Run("replay", func(t *testing.T) {
		again, err := s.Decide(ctx, DecideFlags{Campaign: DemoCampaign, Replay: d.Receipt[:16]})
		if err != nil || !again.Replay.Same {
			t.Errorf("%v, %+v", err, again.Replay)
		}
		_, err = s.Decide(ctx, DecideFlags{Replay: "ffff"})
		wantKind(t, err, kequn.KindUsage, "no receipt")
	})
	t.Run("any number of threads", func(t *testing.T) {
		var texts [][]byte
		for _, n := range []int{1, 3} {
			other := *s
			other.Threads = n
			m, err := other.decide(ctx, demoDecide)
			if err != nil {
				t.Fatal(err)
			}
			texts = append(texts, m.text)
		}
		if !bytes.Equal(texts[0], texts[1]) {
			t.Errorf("receipts differ in %v", differing(texts[0], texts[1]))
		}
	})

	a, err := s.Activate(ctx, ActivateFlags{Campaign: DemoCampaign, To: "csv"})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{d.Contact, d.Control} {
		if got := readCSV(t, a.Files[i].Path); len(got)-1 != want || a.Files[i].Rows != want {
			t.Errorf("%s has %d rows and says %d, want %d", a.Files[i].Path, len(got)-1, a.Files[i].Rows, want)
		}
	}
	text, err := os.ReadFile(a.Files[2].Path)
	if err != nil || receipt.ID(text) != d.Receipt {
		t.Errorf("receipt.json is not the receipt: %v", err)
	}
	_, err = s.Measure(ctx, DemoCampaign)
	wantKind(t, err, kequn.KindNotEnough, "nothing can be measured yet")

	// A decision with another budget is looked at meanwhile; what was activated is what counts.
	small, err := s.Decide(ctx, DecideFlags{Campaign: DemoCampaign, Budget: 50})
	if err != nil || small.Cost > 50 || small.Contact >= d.Contact || small.ShadowPrice <= 0 {
		t.Errorf("budget 50: %v, %+v", err, small)
	}

	week, err := s.Advance(ctx, "7d")
	if err != nil || week.Handed != d.Contact || week.Reached != d.Contact {
		t.Fatalf("%v, %+v", err, week)
	}
	early, err := s.Measure(ctx, DemoCampaign)
	if err != nil || early.Verdict != "too_early" || early.Complete {
		t.Errorf("%v, %+v", err, early)
	}
	if again, err := s.Advance(ctx, "7d"); err != nil || again.Handed != 0 {
		t.Errorf("%v: %+v handed over twice", err, again)
	}
	r, err := s.Measure(ctx, DemoCampaign)
	if err != nil {
		t.Fatal(err)
	}
	if !r.Complete || r.Receipt != d.Receipt || r.Contact != d.Contact || r.Control != d.Control || r.Forecast != d.Expected {
		t.Errorf("%+v", r)
	}
	if r.Truth == nil || r.Truth.Oracle < r.Truth.Profit || !r.Conversion.Contains(r.Truth.Conversion) {
		t.Errorf("truth %+v beside %+v", r.Truth, r.Conversion)
	}
	late, err := s.Decide(ctx, DecideFlags{Replay: d.Receipt})
	if err != nil || late.Replay.Same || !slices.Contains(late.Replay.Differ, "data") {
		t.Errorf("replay on other data: %v, %+v", err, late.Replay)
	}
}

// checkConsent reads the file again: nobody is contacted who did not say yes in the newest row.
func checkConsent(t *testing.T, s *Shop, members []receipt.Member) {
	t.Helper()
	rows := readCSV(t, filepath.Join(s.Dir, "files", "customers.csv"))
	at := slices.Index(rows[0], "consent_email")
	yes := map[string]bool{}
	for _, r := range rows[1:] {
		yes[r[0]] = r[at] == "true"
	}
	for _, m := range members {
		if m.Group != receipt.LeftAlone && !yes[m.Customer] {
			t.Fatalf("%s is in %s without consent", m.Customer, m.Group)
		}
		if m.Reason == "consent" && yes[m.Customer] {
			t.Fatalf("%s is left alone for consent, which is there", m.Customer)
		}
	}
}

// Without a random past, value is response, and the receipt says why.
func TestResponseSaysWhy(t *testing.T) {
	if testing.Short() {
		t.Skip("climbs the ladder")
	}
	for _, c := range []struct {
		name, want string
		customers  int
		edit       func(rows [][]string) [][]string
	}{
		{"no control", "no past send", 1500, func(rows [][]string) [][]string {
			return slices.DeleteFunc(rows, func(r []string) bool { return r[4] == "control" })
		}},
		{"arms by tenure", "not random", 2500, func(rows [][]string) [][]string { // ids go by the day of signing up
			for i, r := range rows[1:] {
				r[4] = []string{"control", "coupon10"}[min(1, 2*i/len(rows))]
				r[6] = "0.5"
			}
			return rows
		}},
		{"arms of other sizes than declared", "sizes", 3500, func(rows [][]string) [][]string {
			for i, r := range rows[1:] {
				if r[4] == "freeship" && i%4 == 0 {
					r[4] = "coupon10"
				}
			}
			return rows
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := demoShop(t, c.customers, func(dir string) {
				path := filepath.Join(dir, "files", "sends.csv")
				rows := c.edit(readCSV(t, path))
				var b bytes.Buffer
				w := csv.NewWriter(&b)
				w.WriteAll(rows)
				if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			})
			s.Learners = []model.Named{{Name: "gbdt", Learner: gbdt.Learner{Trees: 20}}}
			d, err := s.Decide(context.Background(), demoDecide)
			if err != nil {
				t.Fatal(err)
			}
			if d.Method.Kind != "response" || !strings.Contains(d.Method.Why, c.want) {
				t.Errorf("%+v, want response because %q", d.Method, c.want)
			}
			if d.Expected.Low > -d.Cost/2 || d.Expected.High < d.Expected.Mean {
				t.Errorf("the interval %v does not reach down to no effect (cost %v)", d.Expected, d.Cost)
			}
			checkConsent(t, s, d.members)
		})
	}
}

func TestExclusionsAndHoldout(t *testing.T) {
	ctx := context.Background()
	s := demoShop(t, 1000, nil)
	v, err := s.look()
	if err != nil {
		t.Fatal(err)
	}
	cutoff, _ := v.cutoff("")
	s.Plan.Holdout = 0.1
	c := plan.Campaign{Name: "x", Audience: "lapsed", Exclude: `events.last("7d").exists()`, Channel: "sms"}
	p, err := s.eligible(ctx, v, c, cutoff)
	if err != nil {
		t.Fatal(err)
	}
	var steps []string
	for i, st := range p.steps {
		steps = append(steps, st.Step)
		if i > 0 && (st.Left >= p.steps[i-1].Left || st.Left == 0) {
			t.Errorf("step %s leaves %d of %d", st.Step, st.Left, p.steps[i-1].Left)
		}
	}
	if want := []string{"everybody", "audience", "not excluded", "consent for sms", "not held out"}; !reflect.DeepEqual(steps, want) {
		t.Errorf("steps %q, want %q", steps, want)
	}
	free := 0
	for i, why := range p.excluded {
		if why == "" {
			free++
		}
		if why == "" && s.heldOut(p.customer[i]) || why == "holdout" && !s.heldOut(p.customer[i]) {
			t.Fatalf("%s: %q", p.customer[i], why)
		}
	}
	if free != p.left() {
		t.Errorf("%d may be contacted, the waterfall says %d", free, p.left())
	}
	c.Channel = "fax"
	if _, err := s.eligible(ctx, v, c, cutoff); err == nil {
		t.Error("a channel without a consent column is accepted")
	}
}

func TestListsDoNotLeaveASealedWorkspaceUnasked(t *testing.T) {
	ctx := context.Background()
	o := shopOptions(filepath.Join(t.TempDir(), "shop"))
	secret, err := vault.Passphrase([]byte("correct horse battery"), 10)
	if err != nil {
		t.Fatal(err)
	}
	o.Secret = func() (*vault.Secret, error) { return secret, nil }
	if err := InitKey(o, secret); err != nil {
		t.Fatal(err)
	}
	made := demoShop(t, 1000, nil)
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.writePlan(plan.NewEdit(made.text)); err != nil {
		t.Fatal(err)
	}
	_, err = s.Activate(ctx, ActivateFlags{Campaign: DemoCampaign, To: "csv"})
	wantKind(t, err, kequn.KindDenied, "sealed")
	_, err = s.Activate(ctx, ActivateFlags{Campaign: DemoCampaign, To: "csv", Clear: true})
	wantKind(t, err, kequn.KindUsage, "not decided yet")
	_, err = s.Activate(ctx, ActivateFlags{Campaign: DemoCampaign, To: "xlsx"})
	wantKind(t, err, kequn.KindUsage, "not written yet")
}

func TestDemoFolderIsNotOverwritten(t *testing.T) {
	dir := t.TempDir()
	if err := demoFolder(dir); err != nil {
		t.Error(err)
	}
	if err := demoFolder(filepath.Join(dir, "new")); err != nil {
		t.Error(err)
	}
	os.WriteFile(filepath.Join(dir, "mine.txt"), []byte("mine"), 0o644)
	wantKind(t, demoFolder(dir), kequn.KindUsage, "not empty")
}

// The demo's plan reads back, with its comments, in both languages.
func TestDemoPlan(t *testing.T) {
	for _, lang := range []kequn.Lang{kequn.Chinese, kequn.English} {
		e := plan.NewEdit(plan.New("UTC", "GBP"))
		e.PutDataset(plan.Dataset{Name: "orders", Role: kequn.Orders, Columns: []plan.Column{{Name: "c", Role: kequn.ColCustomer}, {Name: "t", Role: kequn.ColTime}, {Name: "amount", Role: kequn.ColAmount}}}, nil)
		text, err := e.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		text, err = demoPlan(text, lang, synth.MoneyOf(lang)).Bytes()
		if err != nil {
			t.Fatal(err)
		}
		p, err := plan.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Goals) != 3 || len(p.Audience) != 4 || len(p.Offers) != 2 || p.CampaignNamed(DemoCampaign) == nil || strings.Count(string(text), "\n  # ") < 4 {
			t.Errorf("%s:\n%s", lang, text)
		}
	}
}

// Slopes and levels that made the outcomes are found again; b is drawn towards its prior.
func TestSurfaceCalibration(t *testing.T) {
	s := kernel.NewStream(5)
	const n, b = 60_000, .5
	shared, arms := make([]float64, n), zeros(3, n)
	arm, bought := make([]int, n), make([]float64, n)
	for i := range n {
		shared[i] = -2 + s.Norm()
		for a := range arms {
			arms[a][i] = s.Norm()
		}
	}
	deviate(arms)
	f := &surface{center: []float64{0, 0, 0}}
	for i := range n {
		arm[i] = s.Intn(3)
		if s.Bool(sigma(1.1*shared[i] + []float64{.1, .4, .2}[arm[i]] + b*arms[arm[i]][i])) {
			bought[i] = 1
		}
	}
	f.calibrate(shared, arms, arm, bought)
	for k, want := range []float64{1.1, b, .1, .4, .2} {
		if math.Abs(f.theta[k]-want) > .08 {
			t.Errorf("theta %v, want about 1.1 %v .1 .4 .2", f.theta, b)
			break
		}
	}
	p := f.probability(shared, arms)
	for a := range p {
		var sum, yes float64
		for i := range n {
			if arm[i] == a {
				sum, yes = sum+p[a][i], yes+bought[i]
			}
		}
		if math.Abs(sum-yes) > .5 { // the levels' equations
			t.Errorf("arm %d: %v predicted, %v bought", a, sum, yes)
		}
	}
}

func TestBasketIsBetweenOwnAndEverybodys(t *testing.T) {
	r := rows{count: []float64{10, 0, 1, 4}, spent: []float64{1000, 0, 20, 200}}
	bought, amount := []float64{1, 1, 1, 1}, []float64{95, 80, 60, 55}
	b := fitBasket(r, bought, amount)
	if got := b.of(r, 1); math.Abs(got-b.g*b.mean) > 1e-9 {
		t.Errorf("nobody's past: %v, want %v", got, b.g*b.mean)
	}
	if a, c := b.of(r, 0), b.of(r, 3); a < c || a > 120 || c < 40 {
		t.Errorf("%+v gives %v and %v", b, a, c)
	}
	if z := fitBasket(rows{count: []float64{0}, spent: []float64{0}}, []float64{1}, []float64{5}); z.of(rows{count: []float64{0}, spent: []float64{0}}, 0) != 0 {
		t.Errorf("nothing known, yet %+v", z)
	}
}

func TestCombineLiesBetween(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.SliceOfN(rapid.Float64Range(-50, 50), 2, 40).Draw(t, "measured")
		model := rapid.Float64Range(-50, 50).Draw(t, "model")
		m := mean(v)
		c := combine(v, model)
		if c.Mean < math.Min(m, model)-1e-6 || c.Mean > math.Max(m, model)+1e-6 || c.Low > c.Mean || c.High < c.Mean {
			t.Errorf("%v from %v and %v", c, m, model)
		}
	})
}

// Ranks have length 1 and are the same for every increasing function of the values.
func TestRanks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.SliceOfN(rapid.Float64Range(0, 9), 2, 50).Draw(t, "v")
		w := make([]float64, len(v))
		for i := range v {
			v[i] = math.Floor(v[i])
			w[i] = math.Exp(v[i])
			if v[i] == 7 {
				v[i], w[i] = math.NaN(), math.NaN()
			}
		}
		a, b := ranks(v), ranks(w)
		if !reflect.DeepEqual(a, b) {
			t.Fatalf("%v and %v", a, b)
		}
		if a != nil && math.Abs(kernel.Dot(a, a)-1) > 1e-9 {
			t.Errorf("length %v", kernel.Dot(a, a))
		}
	})
}

// The judge's choice at a price is the decision's: an offer is taken where its value exceeds price × cost.
func TestJudgeChoosesAsTheDecisionDoes(t *testing.T) {
	s := kernel.NewStream(11)
	const n = 3000
	j := &causedJudge{past: &past{arm: make([]int, n)}, arm: []int{1, 2}, value: zeros(2, n), cost: zeros(2, n)}
	p := decision.Problem{Offers: []string{"a", "b"}, Value: j.value, Cost: j.cost, Fixed: []float64{0, 0}, Excluded: make([]string, n), Budget: 900}
	for i := range n {
		p.Customers = append(p.Customers, strconv.Itoa(i))
		for o := range 2 {
			j.value[o][i], j.cost[o][i] = s.Norm(), .5+s.Float64()
		}
	}
	sol := decision.Choose(p)
	offer, worth := j.choose(sol.ShadowPrice)
	differ := 0
	for i, m := range sol.Members {
		want := ""
		if worth[i] > 0 {
			want = p.Offers[offer[i]]
		}
		if m.Offer != want {
			differ++
		}
	}
	if differ > 2 { // the one at the threshold
		t.Errorf("%d of %d differ", differ, n)
	}
}

func TestPastSendNeedsControlAndOffer(t *testing.T) {
	offers := []plan.Offer{{Name: "coupon10"}, {Name: "ship", Arm: "freeship"}}
	stats := func(arms map[string]int64, prob float64) *sendStats {
		x := &sendStats{arm: arms, prob: map[string]float64{}, days: map[kequn.Cutoff]int64{7: 5, 9: 8}}
		for a, n := range arms {
			x.prob[a] = prob * float64(n)
		}
		return x
	}
	for _, c := range []struct {
		name  string
		stats *sendStats
		want  string
	}{
		{"no control", stats(map[string]int64{"coupon10": 50}, .5), ""},
		{"no offer of ours", stats(map[string]int64{"control": 50, "gift": 50}, .5), ""},
		{"declared", stats(map[string]int64{"control": 50, "coupon10": 50, "freeship": 60, "gift": 9}, .25), "[control coupon10 freeship] [-1 0 1] [0.33 0.33 0.33] true"},
		{"counted, in Chinese", stats(map[string]int64{"对照组": 100, "freeship": 300}, 0), "[对照组 freeship] [-1 1] [0.25 0.75] false"},
	} {
		p := c.stats.send("winter", &plan.Dataset{}, offers)
		got := ""
		if p != nil {
			var share []string
			for _, x := range p.share {
				share = append(share, strconv.FormatFloat(x, 'f', 2, 64))
			}
			got = fmt.Sprint(p.arms, p.offers, share, p.declared)
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}
