package lifetime_test

import (
	"compress/gzip"
	"encoding/csv"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"kequn/internal/model/lifetime"
)

// order is one customer's orders of one day.
type order struct {
	day    int32
	amount float64
}

// shared opens a file of the shared data, or skips.
func shared(t testing.TB, parts ...string) [][]string {
	t.Helper()
	f, err := os.Open(filepath.Join(append([]string{"..", "..", "..", "..", "shared", "data"}, parts...)...))
	if err != nil {
		t.Skip("shared data is absent")
	}
	defer f.Close()
	var in io.Reader = f
	if strings.HasSuffix(f.Name(), ".gz") {
		if in, err = gzip.NewReader(f); err != nil {
			t.Fatal(err)
		}
	}
	r := csv.NewReader(in)
	r.FieldsPerRecord = -1
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func dayOf(t testing.TB, text string) int32 {
	t.Helper()
	at, err := time.Parse("2006-01-02", text[:10])
	if err != nil {
		t.Fatal(err)
	}
	return int32(at.Unix() / 86400)
}

// histories groups rows by customer; each customer's orders are sorted by day. Customers are in the order of their text.
func histories(t testing.TB, rows [][]string, customer, date string, amount func(row []string, at func(string) string) (float64, bool)) [][]order {
	t.Helper()
	head := rows[0]
	byID := map[string][]order{}
	for _, row := range rows[1:] {
		at := func(name string) string { return row[slices.Index(head, name)] }
		if v, ok := amount(row, at); ok {
			byID[at(customer)] = append(byID[at(customer)], order{dayOf(t, at(date)), v})
		}
	}
	ids := make([]string, 0, len(byID))
	for id := range byID {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	var out [][]order
	for _, id := range ids {
		o := byID[id]
		slices.SortStableFunc(o, func(a, b order) int { return int(a.day - b.day) })
		out = append(out, o)
	}
	return out
}

func number(t testing.TB, s string) float64 {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// summaries summarises histories up to a day, in weeks; customers who began later are left out.
func summaries(t testing.TB, all [][]order, until int32) []lifetime.Summary {
	t.Helper()
	var out []lifetime.Summary
	for _, h := range all {
		var days []int32
		var amounts []float64
		for _, o := range h {
			if o.day <= until {
				days = append(days, o.day)
				amounts = append(amounts, o.amount)
			}
		}
		if len(days) == 0 {
			continue
		}
		s, err := lifetime.Summarise(days, amounts, until, lifetime.Week)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, s)
	}
	return out
}

func cdnow(t testing.TB, sample bool) [][]order {
	name := "cdnow_master.csv.gz"
	if sample {
		name = "cdnow_sample.csv"
	}
	id := "master_id"
	rows := shared(t, "cdnow", name)
	if !slices.Contains(rows[0], id) {
		id = "customer_id"
	}
	return histories(t, rows, id, "date", func(_ []string, at func(string) string) (float64, bool) { return number(t, at("amount")), true })
}

// The parameters that Fader, Hardie and Lee (2005) and Fader and Hardie (2005, 2013) published for the CDNOW sample after 39 weeks, to the digits they gave.
func TestPublishedParameters(t *testing.T) {
	all := summaries(t, cdnow(t, true), dayOf(t, "1997-09-30"))
	for _, c := range []struct {
		process lifetime.Process
		want    []float64
		digits  []float64 // what the last published digit is worth
		ll      float64
	}{
		{lifetime.BGNBD, []float64{0.243, 4.414, 0.793, 2.426}, []float64{1e-3, 1e-3, 1e-3, 1e-3}, -9582.4},
		{lifetime.ParetoNBD, []float64{0.553, 10.578, 0.606, 11.669}, []float64{1e-3, 1e-2, 1e-3, 5e-2}, -9595.0},
	} {
		m, err := lifetime.Fit(t.Context(), all, lifetime.Options{Process: c.process})
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(m.LogLikelihood-c.ll) > 0.05 {
			t.Errorf("%s: log likelihood %.3f, published %.1f", c.process, m.LogLikelihood, c.ll)
		}
		p := m.Parameters()
		t.Logf("%s: %v, log likelihood %.4f", c.process, p, m.LogLikelihood)
		for i, want := range c.want {
			if math.Abs(p[i].Value-want) > c.digits[i] {
				t.Errorf("%s: %s is %.4f, published %.3f", c.process, p[i].Name, p[i].Value, want)
			}
		}
		for i, want := range []float64{6.25, 3.74, 15.44} {
			if g := p[4+i]; math.Abs(g.Value/want-1) > 5e-3 {
				t.Errorf("%s is %.4f, published %.2f", g.Name, g.Value, want)
			}
		}
	}
}
