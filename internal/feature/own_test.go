package feature_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"kequn"
	"kequn/internal/engine"
	"kequn/internal/engine/enginetest"
	"kequn/internal/engine/local"
	"kequn/internal/feature"
	"kequn/internal/plan"
	"kequn/internal/query"
	"kequn/internal/rule"
)

func ownFeatures(t *testing.T, m engine.Data, list ...plan.Feature) []query.Feature {
	t.Helper()
	var c rule.Catalogue
	for _, d := range m.Datasets() {
		c.Datasets = append(c.Datasets, d.Dataset)
	}
	out, err := feature.Own(list, c, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestOwnFeaturesFollowTheirDefinitions(t *testing.T) {
	m := enginetest.NewMemory(3, toyShop(50, 500)...)
	fs := ownFeatures(t, m,
		plan.Feature{Name: "spend", Value: `orders.last("90d").sum("amount")`, Unit: "CNY"},
		plan.Feature{Name: "female", Value: `gender == "f"`},
		plan.Feature{Name: "allowed", Value: `gender == "f"`, Allow: true},
		plan.Feature{Name: "mean", Value: `orders.mean("amount")`, TextEN: "mean", Missing: "none"},
		plan.Feature{Name: "town", Value: `city`, Kind: "proxy"})
	for i, want := range []struct {
		kind      query.Kind
		sensitive bool
		sources   string
		missing   string
	}{
		{query.Behaviour, false, "orders.amount", "never missing: nothing counts as 0"}, {query.Trait, true, "customers.gender", "never missing"},
		{query.Trait, false, "customers.gender", "never missing"}, {query.Behaviour, false, "orders.amount", "none"}, {query.Proxy, false, "customers.city", "unknown at the cutoff"},
	} {
		f := fs[i]
		if f.Kind != want.kind || f.Sensitive != want.sensitive || strings.Join(f.Sources, " ") != want.sources || f.Missing != want.missing || f.TextZH == "" || f.TextEN == "" {
			t.Errorf("%s is %+v, want %+v", f.Name, f, want)
		}
	}
}

// layout are features of every type, at two cutoffs.
func layout(t *testing.T, m engine.Data) (feature.Layout, *engine.Panel) {
	fs := ownFeatures(t, m,
		plan.Feature{Name: "n", Value: `orders.count()`}, plan.Feature{Name: "pieces", Value: `orders.max("quantity")`}, plan.Feature{Name: "spend", Value: `orders.sum("amount")`},
		plan.Feature{Name: "mean", Value: `orders.last("30d").mean("amount")`}, plan.Feature{Name: "busy", Value: `orders.count() > 3`}, plan.Feature{Name: "top", Value: `orders.last("60d").mode("product_id")`})
	l := feature.Layout{Features: fs, Datasets: m.Datasets(), Cutoffs: []kequn.Cutoff{day(300), day(400)}, Zone: time.UTC}
	p, err := engine.Collect(context.Background(), local.Engine{}, m, engine.Request{Cutoffs: l.Cutoffs, Features: fs, Zone: time.UTC})
	if err != nil {
		t.Fatal(err)
	}
	return l, p
}

// The CSV and the Parquet file hold the panel's values: customer, cutoff and every feature, in their types.
func TestFilesHoldTheValues(t *testing.T) {
	m := enginetest.NewMemory(4, toyShop(200, 500)...)
	l, p := layout(t, m)
	want := map[string]string{}
	for i := range p.NRows() {
		line := fmt.Sprint(p.Customer.String(i), ",", kequn.FormatZone(l.Cutoffs[p.Cutoff[i]], time.UTC))
		key := line
		for _, c := range p.X.Columns {
			line += ","
			if c.Kind.InCode() {
				line += c.String(i)
			} else if v := c.Float(i); !math.IsNaN(v) {
				line += strconv.FormatFloat(v, 'g', -1, 64)
			}
		}
		want[key] = line
	}
	write := func(f feature.File, err error) {
		t.Helper()
		if err == nil {
			err = (local.Engine{}).Stream(context.Background(), m, engine.Request{Cutoffs: l.Cutoffs, Features: l.Features, Zone: time.UTC}, f.Write)
		}
		if err == nil {
			err = f.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	check := func(rows [][]string) {
		t.Helper()
		if len(rows) != len(want) {
			t.Fatalf("%d rows, want %d", len(rows), len(want))
		}
		for _, r := range rows {
			if got := strings.Join(r, ","); got != want[r[0]+","+r[1]] {
				t.Fatalf("%s, want %s", got, want[r[0]+","+r[1]])
			}
		}
	}

	var text bytes.Buffer
	write(feature.NewCSV(&text, l), nil)
	rows, err := csv.NewReader(&text).ReadAll()
	if err != nil || strings.Join(rows[0], ",") != "customer,cutoff,n,pieces,spend,mean,busy,top" {
		t.Fatal(rows[0], err)
	}
	check(rows[1:])
	if !slices.IsSortedFunc(rows[1:], func(a, b []string) int { return strings.Compare(a[0]+a[1], b[0]+b[1]) }) {
		t.Error("the rows of a small CSV file are not sorted by customer and cutoff")
	}

	var packed bytes.Buffer
	f, err := feature.NewParquet(&packed, l)
	write(f, err)
	r, err := file.NewParquetReader(bytes.NewReader(packed.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	a, err := pqarrow.NewFileReader(r, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	tab, err := a.ReadTable(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer tab.Release()
	var types []string
	for _, x := range tab.Schema().Fields() {
		types = append(types, x.Type.String())
	}
	if got := strings.Join(types, " "); got != "utf8 timestamp[us, tz=UTC] int64 int64 float64 float64 bool utf8" {
		t.Fatal(got)
	}
	all := make([][]string, tab.NumRows())
	for c := range int(tab.NumCols()) {
		at := 0
		for _, chunk := range tab.Column(c).Data().Chunks() {
			for i := range chunk.Len() {
				all[at] = append(all[at], value(chunk, i))
				at++
			}
		}
	}
	check(all)
}

func value(a arrow.Array, i int) string {
	if a.IsNull(i) {
		return ""
	}
	switch a := a.(type) {
	case *array.String:
		return a.Value(i)
	case *array.Int64:
		return fmt.Sprint(a.Value(i))
	case *array.Float64:
		return strconv.FormatFloat(a.Value(i), 'g', -1, 64)
	case *array.Boolean:
		return map[bool]string{true: "1", false: "0"}[a.Value(i)]
	case *array.Timestamp:
		return kequn.FormatZone(kequn.Instant(a.Value(i)), time.UTC)
	}
	return a.ValueStr(i)
}

// What is told of the values does not depend on how they came in parts, and what drifts is told from what does not.
func TestSummary(t *testing.T) {
	var first []feature.Entry
	for _, parts := range []int{1, 7} {
		m := enginetest.NewMemory(parts, toyShop(400, 500)...)
		fs := ownFeatures(t, m,
			plan.Feature{Name: "tenure", Value: `orders.days_since_first()`}, plan.Feature{Name: "recent", Value: `orders.last("30d").count()`},
			plan.Feature{Name: "town", Value: `city`}, plan.Feature{Name: "same", Value: `1 + 0 * orders.count()`})
		cutoffs := []kequn.Cutoff{day(300), day(400), day(480)}
		sum := feature.NewSummary(fs, len(cutoffs))
		err := (local.Engine{}).Stream(context.Background(), m, engine.Request{Cutoffs: cutoffs, Features: fs, Zone: time.UTC, AnyTime: true}, func(p *engine.Panel) error { sum.Add(p); return nil })
		if err != nil {
			t.Fatal(err)
		}
		entries := feature.Catalogue(fs)
		sum.Describe(entries)
		tenure, recent, town, same := entries[0].Stats, entries[1].Stats, entries[2].Stats, entries[3].Stats
		if tenure.Drift < feature.LargeDrift || tenure.Shift <= 0 || tenure.Overlap > 0.7 || tenure.PSI < 0.25 {
			t.Errorf("tenure hardly drifts: %+v", *tenure)
		}
		if recent.Drift > 0.5 || town.Drift > 0.2 || same.Drift != 0 || same.Overlap != 1 {
			t.Errorf("recent, town or same drift: %v %v %+v", recent.Drift, town.Drift, *same)
		}
		if town.Distinct < 2 || len(town.Top) < 2 || town.Top[0].Share < town.Top[1].Share || same.Histogram != nil || len(tenure.Histogram.Shares) == 0 || len(tenure.Trend) != 3 {
			t.Errorf("town %+v, same %+v, tenure %+v", *town, *same, *tenure)
		}
		if first == nil {
			first = entries
			continue
		}
		for i := range entries {
			a, b := entries[i].Stats, first[i].Stats
			if a.MissingShare != b.MissingShare || math.Abs(a.Mean-b.Mean) > 1e-9*math.Abs(b.Mean) || !slices.Equal(a.Quantiles, b.Quantiles) || math.Abs(a.Drift-b.Drift) > 1e-9 || !slices.Equal(a.Top, b.Top) {
				t.Errorf("%s: 7 parts tell %+v, one %+v", entries[i].Name, *a, *b)
			}
		}
	}
}

// A handful of customers is not described.
func TestSummaryOfAFew(t *testing.T) {
	m := enginetest.NewMemory(1, toyShop(8, 500)...)
	fs := ownFeatures(t, m, plan.Feature{Name: "spend", Value: `orders.sum("amount")`}, plan.Feature{Name: "town", Value: `city`})
	sum := feature.NewSummary(fs, 1)
	if err := (local.Engine{}).Stream(context.Background(), m, engine.Request{Cutoffs: []kequn.Cutoff{day(480)}, Features: fs, AnyTime: true}, func(p *engine.Panel) error { sum.Add(p); return nil }); err != nil {
		t.Fatal(err)
	}
	entries := feature.Catalogue(fs)
	sum.Describe(entries)
	for _, e := range entries {
		if s := e.Stats; !s.Few || s.Mean != 0 || s.Quantiles != nil || s.Top != nil || s.Histogram != nil {
			t.Errorf("%s of 8 customers: %+v", e.Name, *s)
		}
	}
}

func TestInChinese(t *testing.T) {
	for en, zh := range map[string]string{
		"orders": "单", "CNY": "CNY", "": "", "money a month": "金额/月", "no order yet": "还没有订单", "no event of clicks yet": "还没有 clicks 的行为", "none in the 30 days before": "此前 30 天内没有",
		"no spend in the 90 days before": "此前 90 天没有消费", "fewer than two orders": "不足两单", "never missing": "从不缺失",
	} {
		if got := feature.InChinese(en); got != zh {
			t.Errorf("%q is %q in Chinese, want %q", en, got, zh)
		}
	}
}
