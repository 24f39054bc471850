package source

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// BenchmarkRead reads made-up orders: rows=1e6 by default, or as many as KEQUN_BENCH_ROWS says.
func BenchmarkRead(b *testing.B) {
	rows := 1_000_000
	if n, err := strconv.Atoi(os.Getenv("KEQUN_BENCH_ROWS")); err == nil {
		rows = n
	}
	path := filepath.Join(b.TempDir(), "orders.csv")
	text := []byte("order_id,customer_id,ts,amount,category\n")
	start := time.Date(2023, 1, 1, 0, 0, 0, 0, time.UTC)
	state := uint32(1)
	for i := range rows {
		state = state*1664525 + 1013904223
		text = fmt.Appendf(text, "O%08d,C%06d,%s,%d.%02d,c%d\n", i, state>>12%500_000, start.Add(time.Duration(state>>4)*time.Second/8).Format("2006-01-02 15:04:05"),
			state>>8%900, state>>3%100, state>>20%20)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		b.Fatal(err)
	}
	text = nil
	b.Run(fmt.Sprintf("rows=%d", rows), func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			f, err := Open(path, Options{})
			if err != nil {
				b.Fatal(err)
			}
			p, err := f.Propose(Overrides{})
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(f.Bytes)
			counts, err := f.Read(context.Background(), p.Columns, nil, nil)
			f.Close()
			if err != nil || counts.Kept != int64(rows) {
				b.Fatalf("%+v %v", counts, err)
			}
		}
		b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
	})
}
