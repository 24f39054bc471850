package report

import (
	"bytes"
	"math"
	"os"
	"regexp"
	"strings"
	"testing"

	"kequn"
	"kequn/internal/chart"
	"kequn/internal/measure"
	"kequn/internal/plan"
	"kequn/internal/receipt"
)

const hostile = `<script>document.title='pwned'</script>`

func sample(lang kequn.Lang) Data {
	r := &receipt.Receipt{Created: "2026-07-01T00:00:00Z", By: "ann", Campaign: plan.Campaign{Name: "spring"}, Contact: 4200, Control: 1050, LeftAlone: 8650, Cost: 9_800, Budget: 20_000,
		Forecast: Interval{Mean: 12_400, Low: 3_000, High: 21_500}, Smallest: .019, Cutoff: "2026-07-01", Horizon: "14d", Data: strings.Repeat("ab", 32), Features: strings.Repeat("cd", 32),
		Members: receipt.Members{Hash: strings.Repeat("ef", 32)}, Method: receipt.Method{Kind: "uplift", Why: "From randomised history.", WhyZH: "来自随机化历史。"},
		Waterfall:  []receipt.Step{{Step: "everybody", Left: 20_000}, {Step: "consent", Left: 13_900}},
		Policies:   []receipt.Policy{{Name: "uplift", Contacted: 5250, Profit: Interval{Mean: 12_400, Low: 3_000, High: 21_500}}, {Name: "rfm", Contacted: 5250, Profit: Interval{Mean: -800, Low: -9_000, High: 8_000}}},
		Assignment: receipt.Assignment{Experiment: "spring", Share: .2}}
	for i := range 11 {
		x := float64(i) / 10
		m := 40_000 * x * (1 - x)
		r.Curve = append(r.Curve, receipt.Point{Contacted: int(13_900 * x), Profit: Interval{Mean: m, Low: m - 8_000*x, High: m + 8_000*x}})
	}
	g := Goal{Name: "buys_again", Question: Text{"未来 30 天内会再次购买吗？", "Will they buy again within 30 days?"}, Grade: Text{"良好", "Good"}, Advice: Text{"可用于排序和定价。", "Good enough to rank and to price."}, Binary: true,
		Why:     Text{"梯度提升比线性高 0.018 ± 0.006。", "Boosting beats linear by 0.018 ± 0.006."},
		Rungs:   []Rung{{Name: "base", Score: .5, Loss: .4}, {Name: "linear", Score: .77, SE: .004, Loss: .31, Seconds: .4}, {Name: "gbdt", Score: .79, SE: .004, Loss: .3, Seconds: 2, Chosen: true}},
		Drivers: []Driver{{Text{"距上次下单天数", "days since the last order"}, .31, "behaviour"}, {Text{"收到的优惠券", "coupons received"}, .1, "lever"}, {Text{hostile, hostile}, .05, "proxy"}}}
	for i := range 11 {
		x := float64(i) / 10
		g.Gains = append(g.Gains, chart.Point{X: x, Y: math.Sqrt(x)})
		g.Calib = append(g.Calib, CalibPoint{.6 * x, .58 * x, .1})
	}
	card := sampleCard(lang)
	g.Card = &card
	grid := &Grid{X: Text{"频次 →", "frequency →"}, Y: Text{"最近", "recency"}}
	for i := 5; i > 0; i-- {
		grid.Rows, grid.Cols = append(grid.Rows, string(rune('0'+i))), append(grid.Cols, string(rune('0'+6-i)))
		var row []GridCell
		for j := range 5 {
			row = append(row, GridCell{Text{"冠军客户", "champions"}, i * j * 100})
		}
		grid.Cells = append(grid.Cells, row)
	}
	res := &measure.Result{Campaign: "spring", Contact: 4200, Control: 1050, ContactRate: .12, ControlRate: .1, Forecast: r.Forecast, Profit: Interval{Mean: 14_600, Low: 3_100, High: 26_100},
		Conversion: Interval{Mean: .02, Low: 0, High: .04}, Verdict: measure.Earned, Truth: &measure.Truth{Conversion: .021, Profit: 13_000, Oracle: 18_000}}
	res.Describe("CNY")
	return Data{Lang: lang, Name: "shop " + hostile, Created: "2026-07-01", Program: "0.1.0", Cutoff: "2026-07-01", First: "2025-01-07", Last: "2026-06-30", Customers: 20_000, Currency: "CNY",
		Loads:  []Load{{Name: "orders", Role: "orders", Read: 76_000, Kept: 75_300, Rejected: 500, Duplicate: 200, Reasons: []Count{{Text{"日期不存在", "no such date"}, 500}}, Warnings: []Count{{Text{hostile, hostile}, 3}}}},
		Months: []Month{{"2026-05", 4_000, 820_000}, {"2026-06", 4_400, 990_000}},
		Segments: []Segmentation{
			{Name: "rfm", Title: Text{"RFM 分级", "RFM"}, Grid: grid, Segments: []Segment{{Name: Text{"冠军客户", "champions"}, Size: 2_000, Share: .1, Revenue: .4, Profile: Text{"最近、频繁、大额", "recent, frequent, large"}}}},
			{Name: "behaviour", Title: Text{"行为分群", "behaviour"}, Note: Text{"4 组，稳定度 0.93", "4 groups, stability 0.93"}, Segments: []Segment{{Name: Text{"高频大额", "frequent big spenders"}, Size: 5_000, Share: .25, Revenue: math.NaN()}}},
		},
		Goals: []Goal{g}, Decision: []Decision{{Receipt: r, ID: strings.Repeat("12", 32), Result: res}}}
}

func TestPageIsInertAndAsksForNothing(t *testing.T) {
	for _, lang := range []kequn.Lang{kequn.Chinese, kequn.English} {
		var b bytes.Buffer
		if err := Write(&b, sample(lang)); err != nil {
			t.Fatal(err)
		}
		text := b.String()
		if strings.Contains(text, "<script") || strings.Contains(text, "NaN") || strings.Contains(text, "%!") {
			t.Errorf("%s: the page runs a script, or holds a figure that is none", lang)
		}
		if m := regexp.MustCompile(`(?:src|href|url)\s*[=(]\s*["']?(?:https?:)?//[^"' )]*`).FindString(text); m != "" {
			t.Errorf("%s: the page asks the network for %s", lang, m)
		}
		for _, want := range []string{"4,200", "champions", "冠军客户", "spring", "</html>"} {
			if lang == kequn.Chinese && want == "champions" || lang == kequn.English && want == "冠军客户" {
				if strings.Contains(text, want) {
					t.Errorf("%s: the page says %q", lang, want)
				}
			} else if !strings.Contains(text, want) {
				t.Errorf("%s: the page does not say %q", lang, want)
			}
		}
		if dir := os.Getenv("KEQUN_REPORT_DIR"); dir != "" {
			os.WriteFile(dir+"/sample-"+string(lang)+".html", b.Bytes(), 0o644)
		}
	}
}

func TestEmptyPage(t *testing.T) {
	var b bytes.Buffer
	if err := Write(&b, Data{Lang: kequn.English}); err != nil || !strings.Contains(b.String(), "</html>") {
		t.Error(err)
	}
}
