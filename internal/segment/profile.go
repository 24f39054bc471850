package segment

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"

	"kequn/internal/kernel"
	"kequn/internal/metric"
	"kequn/internal/table"
)

const (
	maxTraits = 6    // told per segment
	maxLevels = 12   // compared per category, the commonest
	minEffect = 0.1  // below, a difference is not worth telling however significant
	maxP      = 0.01 // adjusted
)

// describe compares each of k segments with everybody else in every column of the profile. label is the segment of each
// row. Keys and names are left to the caller.
func describe(in Input, label []int32, k int) []Segment {
	out := make([]Segment, k)
	for _, l := range label {
		out[l].Size++
	}
	total := 0.0
	revenue := make([]float64, k)
	for i, v := range in.Revenue {
		if v == v {
			revenue[label[i]] += v
			total += v
		}
	}
	for c := range out {
		out[c].Profile = []Trait{} // an empty list, not null
		if len(label) > 0 {
			out[c].Share = float64(out[c].Size) / float64(len(label))
		}
		if in.Revenue != nil && total > 0 {
			share := revenue[c] / total
			out[c].Revenue = &share
		}
	}
	var traits []segmentTrait
	for _, c := range in.profile().Columns {
		traits = append(traits, compareColumn(in, c, label, k)...)
	}
	adjust(traits)
	for c := range out {
		var mine []Trait
		for _, t := range traits {
			if t.segment == c && t.P <= maxP && math.Abs(t.Effect) >= minEffect {
				mine = append(mine, t.Trait)
			}
		}
		sort.SliceStable(mine, func(i, j int) bool { return math.Abs(mine[i].Effect) > math.Abs(mine[j].Effect) })
		out[c].Profile = append(out[c].Profile, mine[:min(maxTraits, len(mine))]...)
		out[c].Text = sentence(out[c].Profile)
	}
	return out
}

type segmentTrait struct {
	Trait
	segment int
}

// compareColumn compares the segments in one column, or in each common level of a category. Identifiers (texts) are not
// compared.
func compareColumn(in Input, c *table.Column, label []int32, k int) []segmentTrait {
	words := in.words(c.Name)
	switch {
	case c.Kind == table.Text, c.Kind == table.Time:
		return nil
	case c.Kind != table.Category:
		return compare(Trait{Feature: c.Name, Text: words}, c.Floats(), label, k)
	}
	var out []segmentTrait
	for _, code := range commonest(c) {
		level := strings.Clone(c.Dict.At(int(code)))
		x := make([]float64, c.Len())
		for i, v := range c.Code {
			switch {
			case v < 0:
				x[i] = math.NaN()
			case v == code:
				x[i] = 1
			}
		}
		out = append(out, compare(Trait{Feature: c.Name, Level: level, Text: Text{words.ZH + "为“" + level + "”", words.EN + " is “" + level + "”"}}, x, label, k)...)
	}
	return out
}

// commonest returns the codes of the commonest values, commonest first, equals by their text.
func commonest(c *table.Column) []int32 {
	count := make([]int, c.Dict.Len())
	for _, v := range c.Code {
		if v >= 0 {
			count[v]++
		}
	}
	var codes []int32
	for v, n := range count {
		if n > 0 {
			codes = append(codes, int32(v))
		}
	}
	slices.SortFunc(codes, func(a, b int32) int {
		if count[a] != count[b] {
			return count[b] - count[a]
		}
		return strings.Compare(c.Dict.At(int(a)), c.Dict.At(int(b)))
	})
	return codes[:min(maxLevels, len(codes))]
}

// compare gives one trait per segment; missing values are left out. Time O(n + k).
func compare(t Trait, x []float64, label []int32, k int) []segmentTrait {
	n, mean, ss := make([]float64, k), make([]float64, k), make([]float64, k)
	all, allMean := 0.0, 0.0
	for i, v := range x {
		if v == v && !math.IsInf(v, 0) {
			n[label[i]]++
			mean[label[i]] += v
			all++
			allMean += v
		}
	}
	if all < 2 {
		return nil
	}
	allMean /= all
	for c := range mean {
		mean[c] /= max(n[c], 1)
	}
	allSS := 0.0
	for i, v := range x {
		if v == v && !math.IsInf(v, 0) {
			d := v - mean[label[i]]
			ss[label[i]] += d * d
			allSS += (v - allMean) * (v - allMean)
		}
	}
	sd := math.Sqrt(allSS / (all - 1))
	if sd == 0 {
		return nil
	}
	var out []segmentTrait
	for c := range k {
		rest := all - n[c]
		if n[c] < 2 || rest < 2 {
			continue
		}
		// The rest's mean and squares follow from everybody's and the segment's: Σ(x−a)² over both parts.
		restMean := (allMean*all - mean[c]*n[c]) / rest
		restSS := max(0, allSS-ss[c]-n[c]*(mean[c]-allMean)*(mean[c]-allMean)-rest*(restMean-allMean)*(restMean-allMean))
		e := metric.MeanDifference(metric.Sample{N: n[c], Mean: mean[c], Variance: ss[c] / (n[c] - 1)}, metric.Sample{N: rest, Mean: restMean, Variance: restSS / (rest - 1)}, 0.95)
		one := t
		one.Mean, one.Overall, one.P = mean[c], allMean, e.P
		one.Effect = (mean[c] - restMean) / sd
		if allMean > 0 {
			one.Index = 100 * mean[c] / allMean
		}
		out = append(out, segmentTrait{one, c})
	}
	return out
}

// adjust replaces p-values by Benjamini and Hochberg's: with p₍₁₎ ≤ … ≤ p₍ₘ₎, the smallest over j ≥ i of p₍ⱼ₎·m/j.
func adjust(t []segmentTrait) {
	p := make([]float64, len(t))
	for i := range t {
		p[i] = t[i].P
	}
	order := kernel.Argsort(p)
	least := 1.0
	for rank := len(order); rank > 0; rank-- {
		i := order[rank-1]
		least = min(least, p[i]*float64(len(t))/float64(rank))
		t[i].P = least
	}
}

// sentence tells the three most telling traits.
func sentence(traits []Trait) Text {
	var zh, en []string
	for _, t := range traits[:min(3, len(traits))] {
		up := t.Effect > 0
		switch {
		case t.Level != "":
			zh = append(zh, fmt.Sprintf("%s的占 %.0f%%（总体 %.0f%%）", t.Text.ZH, 100*t.Mean, 100*t.Overall))
			en = append(en, fmt.Sprintf("%s for %.0f%% (all: %.0f%%)", t.Text.EN, 100*t.Mean, 100*t.Overall))
		case up:
			zh = append(zh, fmt.Sprintf("%s较高（%s，总体 %s）", t.Text.ZH, figure(t.Mean), figure(t.Overall)))
			en = append(en, fmt.Sprintf("high %s (%s, all: %s)", t.Text.EN, figure(t.Mean), figure(t.Overall)))
		default:
			zh = append(zh, fmt.Sprintf("%s较低（%s，总体 %s）", t.Text.ZH, figure(t.Mean), figure(t.Overall)))
			en = append(en, fmt.Sprintf("low %s (%s, all: %s)", t.Text.EN, figure(t.Mean), figure(t.Overall)))
		}
	}
	if len(zh) == 0 {
		return Text{"与总体没有明显差别", "no clear difference from everybody"}
	}
	return Text{strings.Join(zh, "；"), strings.Join(en, "; ")}
}

// figure prints a mean with three digits.
func figure(v float64) string {
	switch a := math.Abs(v); {
	case a >= 100:
		return fmt.Sprintf("%.0f", v)
	case a >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}
