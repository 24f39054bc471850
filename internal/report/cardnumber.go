package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"kequn/internal/chart"
	"kequn/internal/metric"
)

// none stands for a figure that there is not.
const none = "–"

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// number writes a score: three decimals, fewer where it is large.
func number(v float64) string {
	switch {
	case !finite(v):
		return none
	case math.Abs(v) >= 100:
		return minus(chart.Short(v))
	}
	return minus(fixed(v))
}

func some(v *float64) string {
	if v == nil {
		return none
	}
	return number(*v)
}

// signed writes a difference.
func signed(v float64) string {
	s := number(v)
	if finite(v) && v > 0 && s != "0.000" {
		return "+" + s
	}
	return s
}

// slight writes a difference that may be small: four decimals where three would say little.
func slight(v float64) string {
	if !finite(v) || math.Abs(v) >= .01 || math.Abs(v) < .00005 {
		return signed(v)
	}
	s := minus(fmt.Sprintf("%.4f", v))
	if v > 0 {
		s = "+" + s
	}
	return s
}

// between writes an interval's bounds.
func between(i *metric.Interval, as func(float64) string) string {
	if i == nil || !finite(i.Low) || !finite(i.High) {
		return none
	}
	return as(i.Low) + " … " + as(i.High)
}

func share(v float64) string {
	if !finite(v) {
		return none
	}
	return minus(percent(v))
}

func someShare(v *float64) string {
	if v == nil {
		return none
	}
	return share(*v)
}

// times writes a factor.
func times(v float64) string {
	if !finite(v) {
		return none
	}
	if math.Abs(v) < 10 {
		return fmt.Sprintf("%.1f×", v)
	}
	return chart.Short(math.Round(v)) + "×"
}

func minus(s string) string { return strings.Replace(s, "-", "−", 1) }

// plain writes any amount.
func plain(v float64) string { return minus(chart.Short(v)) }

// labelled writes "name = value" for beside a picture: where it is long the name is cut, for the value tells rows apart.
func labelled(name, value string) string {
	const most, least = 20, 6
	n, v := []rune(name), []rune(value)
	if room := max(most-len(v), least); len(n) > room {
		name = string(n[:room-1]) + "…"
	}
	return name + " = " + value
}

// exact writes a parameter: six figures that say something, whole numbers whole.
func exact(v float64) string {
	if !finite(v) {
		return none
	}
	if v == math.Trunc(v) && math.Abs(v) < 1e15 {
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return strconv.FormatFloat(v, 'g', 6, 64)
}

// whiskers returns the 95% bounds of a value with a standard error; both 0 where there is none.
func whiskers(v float64, se *float64) (low, high float64) {
	if se == nil || !(*se > 0) || !finite(*se) {
		return 0, 0
	}
	return v - z95**se, v + z95**se
}

// z95 is the normal quantile of two-sided 95%.
const z95 = 1.96

// margin95 writes the half-width of that interval.
func margin95(se *float64) string {
	if se == nil || !(*se > 0) || !finite(*se) {
		return none
	}
	return "± " + number(z95**se)
}
