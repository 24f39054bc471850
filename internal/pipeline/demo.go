package pipeline

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"kequn"
	"kequn/internal/measure"
	"kequn/internal/plan"
	"kequn/internal/synth"
)

// DemoCampaign is the demo's campaign, and how long its effect is measured.
const (
	DemoCampaign = "spring"
	demoAdvance  = "14d"
)

// DemoFlags say which shop is made up.
type DemoFlags struct {
	Customers int // 0 is synth.DefaultCustomers
	Report    func(s *Shop) (path string, err error)
}

// Demo is what the demo shop showed.
type Demo struct {
	Dir        string          `json:"dir"`
	Customers  int             `json:"customers"`
	Cutoff     string          `json:"cutoff"` // the moment of the decision
	Data       *ReportData     `json:"-"`
	Decision   *Decision       `json:"decision,omitempty"` // nil where it was made before
	Activation *Activation     `json:"activation,omitempty"`
	Advanced   *Advanced       `json:"advanced,omitempty"`
	Measured   *measure.Result `json:"measured"`
	Report     string          `json:"report"`
	Stages     []DemoStage     `json:"stages"`
	Seconds    float64         `json:"seconds"`
}

// DemoStage is one step with its time.
type DemoStage struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
}

// RunDemo makes up a shop in Options.Dir, loads it, answers everything, decides and activates the campaign, lets the shop live
// on, and measures. A demo that was interrupted goes on where it stopped; a folder with anything else in it is refused.
func RunDemo(ctx context.Context, o Options, f DemoFlags) (*Demo, error) {
	began := time.Now()
	o = o.withDefaults()
	if err := demoFolder(o.Dir); err != nil {
		return nil, err
	}
	d := &Demo{Dir: o.Dir, Stages: []DemoStage{}}
	stage := func(name string, do func() error) error {
		from := time.Now()
		err := do()
		d.Stages = append(d.Stages, DemoStage{name, time.Since(from).Seconds()})
		return err
	}
	var status synth.Status
	if err := stage("simulate", func() (err error) {
		status, err = makeShop(ctx, o, f.Customers)
		return err
	}); err != nil {
		return nil, err
	}
	d.Customers = status.Shop.Customers
	s, err := Create(o)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"load", func() error { return s.loadDemo(ctx, status) }},
		{"run", func() error {
			if status.Period > 1 {
				return nil // it was run before the shop lived on
			}
			_, err := s.Run(ctx, RunFlags{})
			return err
		}},
		{"decide", func() error { return s.decideDemo(ctx, d, status) }},
		{"advance", func() (err error) {
			if status.Period == 1 {
				d.Advanced, err = s.Advance(ctx, demoAdvance)
			}
			return err
		}},
		{"measure", func() (err error) {
			d.Measured, err = s.Measure(ctx, DemoCampaign)
			return err
		}},
		{"report", func() (err error) {
			if d.Data, err = s.ReportData(ctx); err != nil {
				return err
			}
			d.Report, err = f.Report(s)
			return err
		}},
	} {
		if err := stage(step.name, step.do); err != nil {
			return nil, err
		}
	}
	for _, x := range d.Data.Decision {
		if x.Receipt.Campaign.Name == DemoCampaign {
			d.Cutoff = x.Receipt.Cutoff
		}
	}
	d.Seconds = time.Since(began).Seconds()
	return d, nil
}

// demoFolder refuses a folder that holds something else.
func demoFolder(dir string) error {
	if _, err := synth.Open(dir); err == nil {
		return nil
	}
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return kequn.Errorf(kequn.KindUsage, dir, "is no folder that a shop can be made in")
	case len(entries) > 0:
		return kequn.Errorf(kequn.KindUsage, dir, "is not empty and holds no demo shop").WithHint("name a new folder: kequn demo shop")
	}
	return nil
}

// makeShop writes the shop's first files, or opens the shop that is there.
func makeShop(ctx context.Context, o Options, customers int) (synth.Status, error) {
	want := synth.Shop{Customers: customers, Seed: o.Seed, Lang: o.Lang, Threads: o.Threads}
	if want.Customers == 0 {
		want.Customers = synth.DefaultCustomers
	}
	if st, err := synth.Open(o.Dir); err == nil {
		if st.Shop.Customers != want.Customers || st.Shop.Seed != want.Seed || st.Shop.Lang != want.Lang {
			return st, kequn.Errorf(kequn.KindUsage, o.Dir, "holds another demo shop: %d customers, seed %d, language %s", st.Shop.Customers, st.Shop.Seed, st.Shop.Lang).
				WithHint("name another folder, or give the same --customers, --seed and --lang to go on with it")
		}
		return st, nil
	}
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return synth.Status{}, kequn.Errorf(kequn.KindUsage, o.Dir, "the folder cannot be made: %v", err)
	}
	step := o.Lang.Pick("模拟一家商店", "simulate a shop")
	if _, err := want.Write(ctx, o.Dir, func(done, total int) { o.Progress(step, int64(done), int64(total)) }); err != nil {
		return synth.Status{}, err
	}
	return synth.Open(o.Dir)
}

// loadDemo loads the first files and writes the plan.
func (s *Shop) loadDemo(ctx context.Context, st synth.Status) error {
	if s.Plan.CampaignNamed(DemoCampaign) != nil {
		return nil
	}
	zone, _ := synth.Zone(st.Shop.Lang)
	money := synth.MoneyOf(st.Shop.Lang)
	if len(s.text) == 0 {
		if err := s.writePlan(plan.NewEdit(plan.New(zone, money.Currency))); err != nil {
			return err
		}
	}
	var files []string
	for _, name := range []string{"customers.csv", "events.csv.gz", "orders.csv", "products.csv", "sends.csv"} {
		files = append(files, filepath.Join(s.Dir, "files", name))
	}
	if _, err := s.Load(ctx, LoadFlags{Files: files, LoadedAt: kequn.FormatZone(synth.End(st.Shop.Lang), s.Plan.Location())}); err != nil {
		return err
	}
	return s.locked(ctx, "demo", func() error { return s.writePlan(demoPlan(s.text, st.Shop.Lang, money)) })
}

// demoPlan adds to the plan what the demo asks and offers.
func demoPlan(text []byte, lang kequn.Lang, money synth.Money) *plan.Edit {
	e := plan.NewEdit(text)
	e.PutGoal(plan.Goal{Name: "buys_again", Event: "orders", Within: kequn.Days(30)})
	e.PutGoal(plan.Goal{Name: "churn", Event: "orders", Absent: true, Within: kequn.Days(60), Who: `orders.last("180d").exists()`})
	e.PutGoal(plan.Goal{Name: "spend", Sum: "orders.amount", Within: kequn.Days(90)})
	e.PutSegmentation(plan.Segmentation{Name: "rfm", Method: "rfm"})
	e.PutSegmentation(plan.Segmentation{Name: "behaviour", Method: "behaviour"})
	valuable := 2500.0
	if lang == kequn.English {
		valuable = 1000
	}
	audiences := []plan.Audience{
		{Name: lang.Pick("老客沉睡", "lapsed"), Rule: `orders.count() >= 2 && !orders.last("90d").exists()`},
		{Name: lang.Pick("加购未买", "left_in_cart"), Rule: `events.where(e, e.type == "cart").last("14d").exists() && !orders.last("14d").exists()`},
		{Name: lang.Pick("高价值客户", "best_customers"), Rule: `orders.sum("amount") > ` + number(valuable) + `.0 && orders.last("180d").exists()`},
		{Name: lang.Pick("可能复购", "likely_buyers"), Rule: `percentile("buys_again") > 0.9`},
	}
	for _, a := range audiences {
		e.PutAudience(a)
	}
	e.PutOffer(plan.Offer{Name: synth.Coupon10.String(), Contact: money.ContactCost, Rate: money.CouponShare})
	e.PutOffer(plan.Offer{Name: synth.FreeShip.String(), Contact: money.ContactCost, Redemption: money.ShippingFee})
	e.PutCampaign(plan.Campaign{Name: DemoCampaign, Goal: "spend", Offers: []string{synth.Coupon10.String(), synth.FreeShip.String()},
		Margin: money.Margin, Control: 0.2, Channel: "email", Within: kequn.Days(synth.Horizon)})
	done, err := e.Bytes()
	if err != nil {
		return e
	}
	notes := [][2]string{
		{"  coupon10:", lang.Pick("九折一次；contact 是每封邮件的成本，rate 是核销时让出的订单金额比例", "10 % off one order: rate is the share of its amount given away; contact is what one message costs")},
		{"  freeship:", lang.Pick("包邮一次：redemption 是每次核销的运费", "one parcel free: redemption is what the parcel costs")},
		{"  " + DemoCampaign + ":", lang.Pick("先算利润再决定：margin 是毛利率，control 是随机留出作对照的比例；试试 kequn decide spring --budget 2000", "profit decides: margin is the share of an amount that is earned, control the share held back at random; try kequn decide spring --budget 2000")},
		{"  " + audiences[0].Name + ":", lang.Pick("买过两次以上、90 天没有再买的客户", "bought twice or more, but not in the last 90 days")},
	}
	out := string(done)
	for _, n := range notes {
		out = strings.Replace(out, "\n"+n[0], "\n  # "+n[1]+"\n"+n[0], 1)
	}
	return plan.NewEdit([]byte(out))
}

// decideDemo decides and activates the campaign unless that was done.
func (s *Shop) decideDemo(ctx context.Context, d *Demo, st synth.Status) error {
	snap, err := s.ws.Snapshot()
	if err != nil {
		return err
	}
	r, id, _, err := newestReceipt(snap, DemoCampaign)
	if err != nil {
		return err
	}
	if r == nil {
		if st.Period > 1 {
			return kequn.Errorf(kequn.KindUsage, s.Dir, "the shop lived on before %s was decided", DemoCampaign).WithHint("name a new folder: kequn demo shop")
		}
		if d.Decision, err = s.Decide(ctx, DecideFlags{Campaign: DemoCampaign, Budget: -1}); err != nil {
			return err
		}
	}
	var doc activationDoc
	if err := s.readDoc("activation."+DemoCampaign, &doc); err != nil {
		return err
	}
	if doc.Receipt == id && id != "" {
		return nil
	}
	d.Activation, err = s.Activate(ctx, ActivateFlags{Campaign: DemoCampaign, To: "csv"})
	return err
}
