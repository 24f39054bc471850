package evaluate

import (
	"math"
	"slices"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/metric"
	"kequn/internal/table"
)

// FairInput is what a model said of rows that it was not trained on, and one sensitive attribute of theirs.
type FairInput struct {
	Task  kequn.Task // binary (also "") or regression
	Y     []float64
	Score []float64
	W     []float64 // nil for all ones; a row of weight 0 does not count

	Attribute string
	Group     *table.Column // of any kind, a value per row; a missing one is the group "unknown"

	// Who is selected: those scored at least Threshold or, where it is nil, the best scored Share, 0: a fifth. Rows tied at the edge
	// are drawn by the seed, so that the share is kept.
	Threshold *float64
	Share     float64

	Used   bool                        // the attribute is among the model's columns
	X      *table.Table                // columns among which proxies are looked for; nil looks for none
	XRow   []int32                     // of each row: its row of X; nil where they are the same
	Weight func(column string) float64 // share of a column in the model's importance; may be nil

	Seed    uint64
	Threads int
}

const (
	usualShare   = 0.2 // selected: about what a campaign contacts
	leastPeople  = 30  // rows of a group for any figure of it
	leastAnswers = 10  // rows of an answer for a rate among them
	mostPeople   = 24  // groups that are compared, the largest
	mostTooSmall = 10  // groups too small that are named
	nameless     = 100 // groups too small from which on none is named: the attribute names people rather than describes them
	fourFifths   = 0.8 // a group selected less than so often as another is looked into
	rarely       = 0.05
	tellPoints   = 0.05 // difference of shares reached from which on it is told
	tellPromise  = 0.1  // by which scores are off, of what happened, from which on it is told
)

// FairnessOf compares how a model treats the groups of an attribute. Groups of fewer than 30 rows have no figure and are named in
// TooSmall; rates among those who did it, or did not, need 10 of them. Differences and ratios are over the groups that have the figure
// and follow Fairlearn (see [metric.DemographicParity]); one that means nothing, with fewer than two groups or nobody selected, is nil.
//
// Of amounts only selection and what was predicted and happened are compared. Several classes are no task for it: the result is nil.
// Time is that of sorting the scores, and O(n) a column and group for proxies, on at most 20,000 rows.
func FairnessOf(in FairInput) (*Fairness, error) {
	n := len(in.Y)
	switch {
	case in.Task == kequn.Multiclass:
		return nil, nil
	case in.Task != "" && in.Task != kequn.Binary && in.Task != kequn.Regression:
		return nil, kequn.Errorf(kequn.KindInternal, "", "fairness of the task %q", in.Task)
	case len(in.Score) != n || in.Group == nil || in.Group.Len() != n || in.W != nil && len(in.W) != n || in.XRow != nil && len(in.XRow) != n || in.X != nil && in.XRow == nil && in.X.NRows() != n:
		return nil, kequn.Errorf(kequn.KindInternal, "", "fairness of %s: lengths differ", in.Attribute)
	}
	f := &fairness{FairInput: in, out: &Fairness{Attribute: in.Attribute, Used: in.Used, Groups: []FairGroup{}, TooSmall: []string{}, Proxies: []Proxy{}}}
	f.binary = in.Task != kequn.Regression
	f.judge()
	return f.out, nil
}

// fairness is one call of FairnessOf on its way.
type fairness struct {
	FairInput
	binary   bool
	people   people
	rows     [][]int32 // of each group: those of weight > 0
	selected []float64 // of each row: 1 or 0
	shown    []int     // of each group of out: its number
	rates    []metric.GroupRates
	small    int // groups too small
	beyond   int // groups beyond mostPeople
	out      *Fairness
}

func (f *fairness) judge() {
	f.people = peopleOf(f.Group, f.Attribute)
	f.rows = make([][]int32, len(f.people.name))
	for i, g := range f.people.of {
		if f.weight(int32(i)) > 0 {
			f.rows[g] = append(f.rows[g], int32(i))
		}
	}
	f.choose()
	f.pick()
	if len(f.shown) > 0 {
		f.figures()
	}
	if len(f.shown) > 1 {
		f.gaps()
		f.out.Proxies = f.proxies()
	}
	f.out.Text = f.words()
}

func (f *fairness) weight(row int32) float64 {
	if f.W == nil {
		return 1
	}
	return f.W[row]
}

// choose selects rows: by the threshold, or the best scored until their weight is nearest to the share.
func (f *fairness) choose() {
	f.selected = make([]float64, len(f.Y))
	var rows []int32
	total := 0.0
	for i := range f.Y {
		if w := f.weight(int32(i)); w > 0 {
			rows, total = append(rows, int32(i)), total+w
		}
	}
	taken := 0.0
	if f.Threshold != nil {
		f.out.Threshold = *f.Threshold
		for _, r := range rows {
			if f.Score[r] >= *f.Threshold {
				f.selected[r], taken = 1, taken+f.weight(r)
			}
		}
	} else {
		share := f.Share
		if !(share > 0) {
			share = usualShare
		}
		want := min(share, 1) * total
		for _, r := range f.bestFirst(rows) {
			w := f.weight(r)
			if taken+w/2 > want {
				break
			}
			f.selected[r], taken, f.out.Threshold = 1, taken+w, f.Score[r]
		}
	}
	if total > 0 {
		f.out.Share = taken / total
	}
}

// bestFirst orders rows by score, those of one score as the seed draws.
func (f *fairness) bestFirst(rows []int32) []int32 {
	score := kernel.Take(f.Score, rows)
	order := kernel.ArgsortDesc(score)
	out := make([]int32, len(rows))
	for i, k := range order {
		out[i] = rows[k]
	}
	lot := func(r int32) uint64 { return kernel.Mix(kernel.Mix(f.Seed^kernel.ID("fairness")) ^ uint64(r)) }
	for lo := 0; lo < len(out); {
		hi := lo + 1
		for hi < len(out) && f.Score[out[hi]] == f.Score[out[lo]] {
			hi++
		}
		slices.SortFunc(out[lo:hi], func(a, b int32) int {
			if x, y := lot(a), lot(b); x != y {
				if x < y {
					return -1
				}
				return 1
			}
			return int(a - b)
		})
		lo = hi
	}
	return out
}

// pick decides which groups have figures.
func (f *fairness) pick() {
	var large []int
	for g, rows := range f.rows {
		switch {
		case len(rows) >= leastPeople:
			large = append(large, g)
		case len(rows) > 0:
			if f.small++; len(f.out.TooSmall) < mostTooSmall {
				f.out.TooSmall = append(f.out.TooSmall, f.people.name[g])
			}
		}
	}
	if f.small >= nameless {
		f.out.TooSmall = []string{}
	}
	if len(large) > mostPeople {
		bySize := slices.Clone(large)
		slices.SortStableFunc(bySize, func(a, b int) int { return len(f.rows[b]) - len(f.rows[a]) })
		kept := bySize[:mostPeople]
		f.beyond = len(large) - mostPeople
		large = slices.DeleteFunc(large, func(g int) bool { return !slices.Contains(kept, g) })
	}
	f.shown = large
}

// figures fills in the groups.
func (f *fairness) figures() {
	if f.binary {
		f.rates = metric.RatesByGroup(f.Y, f.selected, f.W, f.people.of, len(f.people.name))
	}
	for _, g := range f.shown {
		rows := f.rows[g]
		out := FairGroup{Group: f.people.name[g], Rows: len(rows)}
		y, w := kernel.Take(f.Y, rows), kernel.Take(f.W, rows)
		rate, _ := kernel.MeanVar(y, w)
		predicted, _ := kernel.MeanVar(kernel.Take(f.Score, rows), w)
		out.Rate, out.Predicted = some(rate), some(predicted)
		out.Selected = f.share(rows)
		if f.binary {
			var yes, no []int32
			for _, r := range rows {
				if f.Y[r] == 1 {
					yes = append(yes, r)
				} else {
					no = append(no, r)
				}
			}
			out.Positives = len(yes)
			if len(yes) >= leastAnswers {
				out.TPR = f.share(yes)
			}
			if len(no) >= leastAnswers {
				out.FPR = f.share(no)
			}
			if out.TPR != nil && out.FPR != nil {
				out.AUC = some(metric.AUC(y, kernel.Take(f.Score, rows), w))
			}
		}
		f.out.Groups = append(f.out.Groups, out)
	}
}

// count is the weighted number of rows selected as if drawn with equal weights: of (Σw)²/Σw² rows.
func (f *fairness) count(rows []int32) metric.Count {
	sum, square, in := 0.0, 0.0, 0.0
	for _, r := range rows {
		w := f.weight(r)
		sum, square, in = sum+w, square+w*w, in+w*f.selected[r]
	}
	n := sum * sum / square
	return metric.Count{Yes: min(n, n*in/sum), N: n}
}

func (f *fairness) share(rows []int32) *metric.Interval {
	c := f.count(rows)
	return someInterval(metric.Wilson(c.Yes, c.N, 0.95))
}

// gaps compares the groups that have the figure.
func (f *fairness) gaps() {
	if !f.binary {
		rate := make([]float64, len(f.out.Groups))
		for i, g := range f.out.Groups {
			rate[i] = g.Selected.Mean
		}
		f.out.Parity = gapOf(metric.DisparityOf(rate))
		return
	}
	var all, positive, both []metric.GroupRates
	for i, g := range f.out.Groups {
		r := f.rates[f.shown[i]]
		all = append(all, r)
		if g.TPR != nil {
			positive = append(positive, r)
		}
		if g.TPR != nil && g.FPR != nil {
			both = append(both, r)
		}
	}
	f.out.Parity = gapOf(metric.DemographicParity(all))
	if len(positive) > 1 {
		f.out.Equal = gapOf(metric.EqualOpportunity(positive))
	}
	if len(both) > 1 {
		f.out.Odds = gapOf(metric.EqualizedOdds(both))
	}
}

// gapOf returns nil where there is nothing to compare, as where nobody is selected.
func gapOf(d metric.Disparity) *FairGap {
	if math.IsNaN(d.Difference) || math.IsNaN(d.Ratio) {
		return nil
	}
	return &FairGap{Difference: d.Difference, Ratio: d.Ratio}
}
