package store

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/plan"
	"kequn/internal/table"
)

// benchPlan is the shape of ../shared/bench/features.py: orders of customers with skew.
var benchPlan = plan.Dataset{Name: "orders", Role: kequn.Orders, Columns: []plan.Column{
	{Name: "customer_id", Kind: table.Text, Role: kequn.ColCustomer},
	{Name: "ts", Kind: table.Time, Role: kequn.ColTime},
	{Name: "amount", Kind: table.Money, Role: kequn.ColAmount, Scale: 2},
	{Name: "category", Kind: table.Category, Role: kequn.ColCategory},
	{Name: "channel", Kind: table.Category, Role: kequn.ColCategory},
	{Name: "qty", Kind: table.Integer, Role: kequn.ColQuantity},
}}

// benchBatches calls f with batches of made-up orders, which share dictionaries as a reader's would.
func benchBatches(n, nCust int, id bool, f func(*table.Table) error) error {
	s := kernel.NewStream(7)
	p := benchPlan
	if id {
		p.Columns = append(p.Columns[:len(p.Columns):len(p.Columns)], plan.Column{Name: "order_id", Kind: table.Text, Role: kequn.ColID})
	}
	t := emptyTable(p)
	var text []byte
	for i := 0; i < n; {
		for _, c := range t.Columns {
			c.Reset()
		}
		for k := 0; k < 1<<15 && i < n; k++ {
			who := int(float64(nCust) * s.Float64() * s.Float64())
			text = strconv.AppendInt(append(text[:0], 'c'), int64(who), 10)
			t.Columns[0].AppendBytes(text)
			t.Columns[1].Int = append(t.Columns[1].Int, 1.6e15+int64(s.Intn(63072000))*1e6)
			t.Columns[2].Int = append(t.Columns[2].Int, int64(s.Intn(20000)))
			t.Columns[3].AppendBytes(append(text[:0], 'k', byte('a'+s.Intn(20))))
			t.Columns[4].AppendBytes(append(text[:0], 'h', byte('a'+s.Intn(3))))
			t.Columns[5].Int = append(t.Columns[5].Int, int64(1+s.Intn(5)))
			if id {
				t.Columns[6].AppendBytes(strconv.AppendInt(text[:0], int64(i), 10))
			}
			i++
		}
		if err := f(t); err != nil {
			return err
		}
		if id {
			t.Columns[6].Dict = table.NewDict()
		}
	}
	return nil
}

func peakMB() int {
	data, _ := os.ReadFile("/proc/self/status")
	for _, l := range strings.Split(string(data), "\n") {
		if f := strings.Fields(l); len(f) > 1 && f[0] == "VmHWM:" {
			kb, _ := strconv.Atoi(f[1])
			return kb / 1024
		}
	}
	return 0
}

// BenchmarkLoad loads KEQUN_BENCH_ROWS rows (default 200,000) of a twentieth as many customers.
func BenchmarkLoad(b *testing.B) {
	n := 200_000
	if v, err := strconv.Atoi(os.Getenv("KEQUN_BENCH_ROWS")); err == nil {
		n = v
	}
	for _, sealed := range []bool{false, true} {
		for _, id := range []bool{false, true} {
			b.Run(fmt.Sprintf("rows=%d,sealed=%v,id=%v", n, sealed, id), func(b *testing.B) {
				for range b.N {
					w := newWorkspace(b, Options{})
					if sealed {
						w = sealedWorkspace(b, Options{})
					}
					p := benchPlan
					if id {
						p.Columns = append(p.Columns[:len(p.Columns):len(p.Columns)], plan.Column{Name: "order_id", Kind: table.Text, Role: kequn.ColID})
					}
					tx, err := w.Begin(ctx, "load")
					if err != nil {
						b.Fatal(err)
					}
					l, err := tx.Load(p, LoadOptions{})
					if err != nil {
						b.Fatal(err)
					}
					var store time.Duration
					err = benchBatches(n, n/20, id, func(t *table.Table) error {
						at := time.Now()
						defer func() { store += time.Since(at) }()
						return l.Append(t, nil)
					})
					if err != nil {
						b.Fatal(err)
					}
					appended := store
					at := time.Now()
					if _, err := l.Close(); err != nil {
						b.Fatal(err)
					}
					if err := tx.Commit(); err != nil {
						b.Fatal(err)
					}
					store += time.Since(at)
					s := snapshot(b, w)
					var bytes int64
					for _, p := range s.m.Datasets[0].Parts {
						bytes += p.Bytes
					}
					runtime.GC()
					at = time.Now()
					for p := range s.NParts() {
						if _, err := s.Part(ctx, p, []table.Want{{Dataset: "orders", Columns: []string{"amount", "category", "channel", "qty"}}}); err != nil {
							b.Fatal(err)
						}
					}
					scanned := time.Since(at)
					b.ReportMetric(float64(n)/store.Seconds()/1e6, "Mrows/s")
					b.ReportMetric(appended.Seconds(), "append-s")
					b.ReportMetric(store.Seconds(), "load-s")
					b.ReportMetric(scanned.Seconds(), "scan-s")
					b.ReportMetric(float64(bytes)/1e6, "MB")
					b.ReportMetric(float64(peakMB()), "peak-MB")
				}
			})
		}
	}
}
