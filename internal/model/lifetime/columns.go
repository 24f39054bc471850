package lifetime

import (
	"math"

	"kequn/internal/model"
	"kequn/internal/table"
)

// The columns of a table from which summaries are read, one customer a row. Times are in days before the cutoff.
const (
	ActiveColumn   = "lifetime_active_days" // different days with an order
	FirstColumn    = "lifetime_first"       // since the first order
	LastColumn     = "lifetime_last"        // since the last one
	AmountColumn   = "lifetime_amount"      // of all orders; only where money matters
	BeginsColumn   = "lifetime_begins"      // of the first order; only where money matters
	GapMeanColumn  = "lifetime_gap_mean"    // mean days between active days
	GapSDColumn    = "lifetime_gap_sd"      // their standard deviation
	leastGapSpread = 0.02                   // the least squared coefficient of variation: k of 50
	mostGapSpread  = 4.0
)

// Columns returns the columns that [Summaries] reads, as a model's header lists them.
func Columns(money bool) []model.Column {
	names := []string{ActiveColumn, FirstColumn, GapMeanColumn, GapSDColumn, LastColumn}
	if money {
		names = []string{ActiveColumn, AmountColumn, BeginsColumn, FirstColumn, GapMeanColumn, GapSDColumn, LastColumn}
	}
	out := make([]model.Column, len(names))
	for i, n := range names {
		out[i] = model.Column{Name: n, Kind: table.Number}
	}
	return out
}

// Summaries reads a summary of each row of a table, in days; rows without an order have Repeats −1. The sum of the gaps' logarithms is that of gamma gaps with
// the customer's mean and spread, from which only the regularity k is chosen.
func Summaries(x *table.Table, money bool) ([]Summary, error) {
	in, err := model.Match(Columns(money), x)
	if err != nil {
		return nil, err
	}
	num := func(name string) []float64 { return in.Column(name).Num }
	active, first, last, mean, sd := num(ActiveColumn), num(FirstColumn), num(LastColumn), num(GapMeanColumn), num(GapSDColumn)
	var amount, begins []float64
	if money {
		amount, begins = num(AmountColumn), num(BeginsColumn)
	}
	out := make([]Summary, len(active))
	for i := range out {
		if !(active[i] >= 1) || math.IsNaN(first[i]) || math.IsNaN(last[i]) {
			out[i].Repeats = -1
			continue
		}
		s := Summary{Repeats: min(maxRepeats, int(active[i])-1), Age: math.Floor(first[i])}
		if s.Repeats > 0 {
			// Days of 23 or 25 hours may make two dates fall on one number.
			s.Recency = max(1, s.Age-math.Floor(last[i]))
			s.Age = max(s.Age, s.Recency)
			s.LogGaps = logGaps(s, mean[i], sd[i])
			if money {
				if spent := amount[i] - begins[i]; spent > 0 {
					s.Spend = spent / float64(s.Repeats)
				}
			}
		}
		out[i] = s
	}
	return out, nil
}

// logGaps is x·E[log gap] of gamma gaps whose mean and standard deviation are the customer's; a single gap is what it is.
func logGaps(s Summary, mean, sd float64) float64 {
	x := float64(s.Repeats)
	if !(mean > 0) {
		return x * math.Log(s.Recency/x)
	}
	if !(sd > 0) || s.Repeats < 2 {
		return x * math.Log(mean)
	}
	k := 1 / max(leastGapSpread, min(mostGapSpread, sd*sd/(mean*mean)))
	return x * (math.Log(mean) + digamma(k) - math.Log(k))
}

// Known returns the summaries of rows with an order.
func Known(all []Summary) []Summary {
	var out []Summary
	for _, s := range all {
		if s.Repeats >= 0 {
			out = append(out, s)
		}
	}
	return out
}
