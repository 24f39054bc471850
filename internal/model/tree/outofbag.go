package tree

import (
	"math"

	"kequn"
	"kequn/internal/kernel"
)

// A tree knows nothing of the rows that it did not draw (e⁻¹ = 37 % where every row is drawn once on average). What the forest's
// other trees say of a row is an honest forecast: it judges the forest, chooses how far leaves are smoothed, and calibrates it.

// mostJudges is how many entries are asked out of bag. They are chosen by their hash.
const mostJudges = 20_000

// forestPulls are the amounts of smoothing to choose from, in draws.
var forestPulls = []float64{0.5, 1.5, 5, 15, 50, 150}

// firstPull is the smoothing where nothing can be held out.
const firstPull = 1

// unseen is what trees said of entries that they did not draw.
type unseen struct {
	judges []int32
	pulls  []float64
	unit   float64 // sums are whole numbers in units of 1/unit, since the order of trees is open
	k      int

	share []int64 // per judge: Σ over trees of how likely a copy of the row was left out, in units of 2⁻³²
	sum   []int64 // (judges, pulls, k)
	leaf  [][]float64
}

func newUnseen(b *bag, pulls []float64) *unseen {
	u := &unseen{pulls: pulls, k: b.k, unit: 1 << 40}
	if b.class == nil {
		u.unit = b.yUnit
	}
	share := float64(mostJudges) / float64(len(b.row))
	for e := range b.key {
		if share >= 1 || float64(kernel.Mix(b.key[e]^0x6a75)>>11)/(1<<53) < share {
			u.judges = append(u.judges, int32(e))
		}
	}
	return u
}

// fresh returns sums of the same judges that start at zero.
func (u *unseen) fresh() *unseen {
	v := *u
	v.share, v.sum, v.leaf = make([]int64, len(u.judges)), make([]int64, len(u.judges)*len(u.pulls)*u.k), make([][]float64, len(u.pulls))
	return &v
}

// add adds what the tree that g has just grown says of the entries that it did not draw.
func (u *unseen) add(g *thicket, t *sapling) {
	for p, pull := range u.pulls {
		u.leaf[p] = t.estimates(g.bag, pull, u.leaf[p])
	}
	for j, e := range u.judges {
		left := g.leftOut(e, g.times[e])
		if left == 0 {
			continue
		}
		at := t.leafOf(g, e) * u.k
		u.share[j] += int64(left * shareUnit)
		sum := u.sum[j*len(u.pulls)*u.k:]
		for p := range u.pulls {
			for c, v := range u.leaf[p][at : at+u.k] {
				sum[p*u.k+c] += int64(v * left * u.unit)
			}
		}
	}
}

const shareUnit = 1 << 32

// leftOut returns how likely one of an entry's copies was not drawn by a tree that drew the entry the given number of times: of w
// copies, (1 − 1/w)^times. An entry of weight 1 was left out or it was not. To leave out all copies of a row would be unfair: the tree
// would know too little of their outcome.
func (b *bag) leftOut(e, times int32) float64 {
	if times == 0 {
		return 1
	}
	copies := float64(b.weight[e]) / b.wUnit * max(1, b.rate)
	if copies <= 1 {
		return 0
	}
	return math.Pow(1-1/copies, float64(times))
}

func (u *unseen) join(v *unseen) {
	for i, x := range v.share {
		u.share[i] += x
	}
	for i, x := range v.sum {
		u.sum[i] += x
	}
}

// OutOfBag is how a forest does on rows that its trees did not draw, each asked of the trees that do not know it.
type OutOfBag struct {
	Rows     int     // different rows that were asked; 0 if there were too few
	Loss     float64 // mean log loss after calibration (classes) or mean squared error (amounts)
	BaseLoss float64 // the same of a constant
}

// choose returns the smoothing with the least loss, the calibration that goes with it, and how well that does.
func (u *unseen) choose(b *bag) (smoothing float64, link calibration, facts OutOfBag) {
	link = calibration{slope: 1}
	var rows []int
	var weight, truth []float64
	perClass := make([]int, max(2, u.k))
	for j, e := range u.judges {
		if u.share[j] == 0 {
			continue
		}
		rows, weight = append(rows, j), append(weight, float64(b.weight[e])/b.wUnit)
		if b.class != nil {
			truth = append(truth, float64(b.class[e]))
			perClass[b.class[e]]++
		} else {
			truth = append(truth, float64(b.amount[e])/b.yUnit)
		}
	}
	enough := len(rows) >= 2*leastJudges
	if b.class != nil {
		most := 0
		for _, n := range perClass {
			most = max(most, n)
		}
		enough = len(rows)-most >= leastJudges
	}
	if !enough {
		return firstPullOf(u.pulls), link, OutOfBag{}
	}
	facts.Rows = len(rows)
	total := kernel.Sum(weight)
	said := make([]float64, len(rows)*u.k)
	for p, pull := range u.pulls {
		for i, j := range rows {
			for c := range u.k {
				said[i*u.k+c] = float64(u.sum[(j*len(u.pulls)+p)*u.k+c]) / u.unit / (float64(u.share[j]) / shareUnit)
			}
		}
		var loss float64
		l := calibration{slope: 1}
		if b.task == kequn.Regression {
			for i, v := range said {
				loss += weight[i] * (v - truth[i]) * (v - truth[i])
			}
		} else {
			l, loss = calibrate(said, truth, weight, u.k)
		}
		if p == 0 || loss/total < facts.Loss {
			smoothing, link, facts.Loss = pull, l, loss/total
		}
	}
	for i, v := range truth {
		switch {
		case b.class == nil:
			facts.BaseLoss += weight[i] / total * (v - b.prior[0]) * (v - b.prior[0])
		case u.k > 1:
			facts.BaseLoss -= weight[i] / total * math.Log(b.prior[int(v)])
		default:
			facts.BaseLoss -= weight[i] / total * math.Log(math.Abs(1-v-b.prior[0]))
		}
	}
	return smoothing, link, facts
}

// leastJudges is from how many rows out of bag (classes: those not of the largest class) anything is chosen by them.
const leastJudges = 10

func firstPullOf(pulls []float64) float64 {
	if len(pulls) == 1 {
		return pulls[0]
	}
	return firstPull
}
