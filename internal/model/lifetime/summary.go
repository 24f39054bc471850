package lifetime

import (
	"math"

	"kequn"
)

// Summary is all that the models need to know of a customer's orders up to the last day of history. Times are in one unit throughout:
// days, weeks, or whatever [Summarise] was told.
type Summary struct {
	Repeats int     // x: orders after the first
	Recency float64 // t_x: from the first to the last order; 0 without repeats
	Age     float64 // T: from the first order to the last day of history

	// Spend is the mean amount of the repeat orders; 0 without repeats.
	Spend float64

	// LogGaps is the sum of log(gap) over the gaps between orders, in the same unit. Only the regular process ([MBGCNBD] with k > 1)
	// reads it; 0 where it is not known, and then k cannot be told.
	LogGaps float64
}

// Unit is how many days one unit of time has.
type Unit float64

// The usual units. The literature counts in weeks.
const (
	Day  Unit = 1
	Week Unit = 7
)

// Summarise returns the summary of one customer whose orders fell on the given days, sorted, where a day is a number that grows by one from
// day to day in the plan's zone. Orders on one day count as one, as in the literature: amounts are added up. until is the last whole day
// of history; days after it are an error, since they are the future. amounts is nil where money does not matter.
func Summarise(days []int32, amounts []float64, until int32, unit Unit) (Summary, error) {
	if len(days) == 0 {
		return Summary{}, kequn.Errorf(kequn.KindInput, "", "a customer without orders has no lifetime").WithHint("leave customers without orders out")
	}
	if !(unit > 0) || amounts != nil && len(amounts) != len(days) {
		panic("lifetime: bad unit or length mismatch")
	}
	s := Summary{Age: float64(until-days[0]) / float64(unit)}
	total := 0.0
	for i, d := range days {
		switch {
		case d > until:
			return Summary{}, kequn.Errorf(kequn.KindInput, "", "an order lies after the last day of history")
		case i > 0 && d < days[i-1]:
			return Summary{}, kequn.Errorf(kequn.KindInput, "", "orders are not sorted by day")
		case i > 0 && d > days[i-1]:
			s.Repeats++
			s.LogGaps += math.Log(float64(d-days[i-1]) / float64(unit))
		}
		if s.Repeats > 0 && amounts != nil {
			total += amounts[i]
		}
	}
	if s.Repeats > 0 {
		s.Recency = float64(days[len(days)-1]-days[0]) / float64(unit)
		s.Spend = total / float64(s.Repeats)
	}
	return s, nil
}

// maxRepeats bounds the tables of a fit; whoever orders more often is a program.
const maxRepeats = 1 << 20

// fault says in words what is impossible in a summary, or "".
func (s Summary) fault() string {
	finite := func(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
	switch {
	case !finite(s.Recency) || !finite(s.Age) || !finite(s.Spend) || !finite(s.LogGaps):
		return "a number is missing or infinite"
	case s.Repeats < 0 || s.Age < 0 || s.Recency < 0:
		return "a negative number"
	case s.Repeats > maxRepeats:
		return "more than a million repeat orders"
	case s.Recency > s.Age:
		return "the last order lies after the end of history"
	case s.Repeats == 0 && s.Recency != 0, s.Repeats > 0 && s.Recency == 0:
		return "repeats and recency contradict each other"
	}
	return ""
}
