package cluster

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"math"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/metric"
	"kequn/internal/table"

	"pgregory.net/rapid"
)

func readBlobs(t *testing.T) (x []float32, truth []int32) {
	t.Helper()
	f, err := os.Open("testdata/blobs.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines[1:] {
		for _, text := range line[:3] {
			v, _ := strconv.ParseFloat(text, 32)
			x = append(x, float32(v))
		}
		c, _ := strconv.Atoi(line[3])
		truth = append(truth, int32(c))
	}
	return x, truth
}

func readGolden(t *testing.T) map[string][]float64 {
	t.Helper()
	b, err := os.ReadFile("testdata/blobs.golden")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]float64{}
	for _, line := range strings.Split(strings.TrimSpace(string(b)), "\n")[1:] {
		f := strings.Fields(line)
		for _, text := range f[1:] {
			v, _ := strconv.ParseFloat(text, 64)
			out[f[0]] = append(out[f[0]], v)
		}
	}
	return out
}

// From the same beginning, the same end as scikit-learn; from our own seeds, its best of 50. Its centres are float32.
func TestAgreesWithScikitLearn(t *testing.T) {
	x, _ := readBlobs(t)
	golden := readGolden(t)
	g, err := KMeans{K: 4, Begin: x[:12]}.Fit(t.Context(), x, 3)
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(float64(g.Iterations)-golden["iterations"][0]) > 1 {
		t.Errorf("%d iterations, want %v", g.Iterations, golden["iterations"])
	}
	if e := g.Inertia/golden["inertia"][0] - 1; math.Abs(e) > 1e-5 {
		t.Errorf("inertia %v, want %v", g.Inertia, golden["inertia"])
	}
	for i, c := range golden["centres"] {
		if math.Abs(float64(g.Centres[i])-c) > 1e-4 {
			t.Errorf("centre value %d: %v, want %v", i, g.Centres[i], c)
		}
	}
	for i, n := range golden["sizes"] {
		if g.Sizes[i] != int(n) {
			t.Errorf("sizes %v, want %v", g.Sizes, golden["sizes"])
			break
		}
	}
	if g, _ = (KMeans{K: 4}).Fit(t.Context(), x, 3); g.Inertia > golden["best"][0]*(1+1e-4) {
		t.Errorf("inertia from own seeds %v, want %v", g.Inertia, golden["best"])
	}
}

// plainLloyd is the textbook's two lines, in float64.
func plainLloyd(x []float32, p int, centre []float32, rounds int) []int32 {
	c := make([]float64, len(centre))
	for i, v := range centre {
		c[i] = float64(v)
	}
	label := make([]int32, len(x)/p)
	for range rounds {
		sum, count := make([]float64, len(c)), make([]float64, len(c)/p)
		for i := range label {
			least := math.Inf(1)
			for g := range count {
				d := 0.0
				for j := range p {
					e := float64(x[i*p+j]) - c[g*p+j]
					d += e * e
				}
				if d < least {
					least, label[i] = d, int32(g)
				}
			}
			count[label[i]]++
			for j := range p {
				sum[int(label[i])*p+j] += float64(x[i*p+j])
			}
		}
		for i := range c {
			if count[i/p] > 0 {
				c[i] = sum[i] / count[i/p]
			}
		}
	}
	return label
}

func blobs(seed uint64, n, p, k int, spread float64) (x []float32, truth []int32) {
	s := kernel.NewStream(seed)
	centre := make([]float64, k*p)
	for i := range centre {
		centre[i] = 4 * s.Norm()
	}
	for range n {
		g := s.Intn(k)
		truth = append(truth, int32(g))
		for j := range p {
			x = append(x, float32(centre[g*p+j]+spread*s.Norm()))
		}
	}
	return x, truth
}

func TestFastLloydEqualsThePlainOne(t *testing.T) {
	for seed := range uint64(5) {
		x, _ := blobs(seed, 10_000, 7, 5, 1.5)
		begin := x[:35]
		g, err := KMeans{K: 5, Begin: begin, Tolerance: 1e-12}.Fit(t.Context(), x, 7)
		if err != nil {
			t.Fatal(err)
		}
		if ari := metric.AdjustedRand(g.Label, plainLloyd(x, 7, begin, g.Iterations+1)); ari < 0.999 {
			t.Errorf("seed %d: agreement with plain Lloyd %v", seed, ari)
		}
	}
}

func TestGroupsHoldTogether(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 200).Draw(t, "n")
		p := rapid.IntRange(1, 6).Draw(t, "p")
		k := rapid.IntRange(1, 12).Draw(t, "k")
		levels := rapid.IntRange(1, 20).Draw(t, "levels") // few levels: repeated rows, empty groups
		s := kernel.NewStream(rapid.Uint64().Draw(t, "seed"))
		x := make([]float32, n*p)
		for i := range x {
			x[i] = float32(s.Intn(levels)) - 3
		}
		g, err := KMeans{K: k, Starts: 2, Threads: 1}.Fit(context.Background(), x, p)
		if err != nil {
			t.Fatal(err)
		}
		if g.K < min(k, distinctRows(x, p, k)) || g.K > k || len(g.Centres) != g.K*p {
			t.Fatalf("%d groups for k = %d, %d different rows", g.K, k, distinctRows(x, p, k))
		}
		count := make([]int, g.K)
		inertia := 0.0
		for i, l := range g.Label {
			count[l]++
			inertia += distance2(x[i*p:(i+1)*p], g.Centres[int(l)*p:(int(l)+1)*p])
		}
		if !slices.Equal(count, g.Sizes) || slices.Min(count) == 0 || !slices.IsSortedFunc(count, func(a, b int) int { return b - a }) {
			t.Fatalf("sizes %v, counted %v", g.Sizes, count)
		}
		if math.Abs(inertia-g.Inertia) > 1e-9*(1+inertia) {
			t.Fatalf("inertia %v, want %v", g.Inertia, inertia)
		}
		if !slices.Equal(Assign(x, p, g.Centres, 1), g.Label) {
			t.Fatal("assigning the same rows gives other groups")
		}
	})
}

func TestSameBytesForAnyThreads(t *testing.T) {
	x, _ := blobs(1, 30_000, 5, 6, 2.5)
	tab := asTable(x, 5)
	var first []byte
	var firstLabel []int32
	for _, threads := range []int{1, 2, 4, 8} {
		m, label, err := Find(t.Context(), tab, Options{MaxK: 6, Seed: 3, Threads: threads, Starts: 3})
		if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first, firstLabel = b, label
		}
		if string(first) != string(b) || !slices.Equal(label, firstLabel) {
			t.Errorf("%d threads give other bytes", threads)
		}
	}
}

func asTable(x []float32, p int) *table.Table {
	t := &table.Table{}
	for j := range p {
		c := table.NewColumn(string(rune('a'+j)), table.Number, len(x)/p)
		for i := j; i < len(x); i += p {
			c.Num = append(c.Num, float64(x[i]))
		}
		t.Columns = append(t.Columns, c)
	}
	return t
}

func TestFindSeesHowManyGroupsThereAre(t *testing.T) {
	for _, c := range []struct {
		k, p   int
		spread float64
	}{{2, 2, 0.4}, {3, 5, 0.6}, {5, 6, 0.8}, {7, 8, 0.8}} {
		x, truth := blobs(uint64(10+c.k), 3000, c.p, c.k, c.spread)
		m, label, err := Find(t.Context(), asTable(x, c.p), Options{Seed: 1, Starts: 5})
		if err != nil {
			t.Fatal(err)
		}
		if m.K != c.k || metric.AdjustedRand(label, truth) < 0.98 {
			t.Errorf("%d blobs: k = %d, agreement with the truth %v; trials %+v", c.k, m.K, metric.AdjustedRand(label, truth), shown(m.Trials))
		}
		if m.Stability < 0.95 || m.Stability > 1 || m.Silhouette < 0.5 {
			t.Errorf("%d blobs: stability %v, silhouette %v", c.k, m.Stability, m.Silhouette)
		}
	}
}

// One round cloud has no groups: whatever k is taken, halves of the rows do not agree on many of them.
func TestACloudIsNotStable(t *testing.T) {
	x, _ := blobs(4, 3000, 6, 1, 1)
	m, _, err := Find(t.Context(), asTable(x, 6), Options{K: 6, Seed: 1, Starts: 3})
	if err != nil {
		t.Fatal(err)
	}
	if m.Stability > 0.75 || m.Silhouette > 0.25 {
		t.Errorf("stability %v, silhouette %v", m.Stability, m.Silhouette)
	}
}

func shown(trials []Trial) (out []Trial) {
	for _, t := range trials {
		t.widths = nil
		out = append(out, t)
	}
	return out
}

func TestChooseK(t *testing.T) {
	for _, c := range []struct {
		name   string
		trials []Trial
		want   int
	}{
		{"the widest", []Trial{{K: 2, Silhouette: .3, SilhouetteErr: .01, Stability: .9}, {K: 3, Silhouette: .5, Stability: .9}}, 3},
		{"fewer within noise", []Trial{{K: 2, Silhouette: .49, SilhouetteErr: .02, Stability: .9}, {K: 3, Silhouette: .5, Stability: .9}}, 2},
		{"not the unstable", []Trial{{K: 2, Silhouette: .3, Stability: .9}, {K: 3, Silhouette: .5, Stability: .4}}, 2},
		{"none is stable", []Trial{{K: 2, Silhouette: .2, Stability: .3}, {K: 3, Silhouette: .4, Stability: .25}, {K: 4, Silhouette: .5, Stability: .1}}, 3},
	} {
		if got := chooseK(c.trials, false); got != c.want {
			t.Errorf("%s: k = %d, want %d", c.name, got, c.want)
		}
	}
}

func TestPrepare(t *testing.T) {
	const n = 400
	s := kernel.NewStream(1)
	spend := table.NewColumn("spend", table.Number, n)
	age := table.NewColumn("age", table.Integer, n)
	channel := table.NewColumn("channel", table.Category, n)
	city := table.NewColumn("city", table.Category, n)
	note := table.NewColumn("note", table.Text, n)
	same := table.NewColumn("same", table.Number, n)
	endless := table.NewColumn("endless", table.Number, n)
	for i := range n {
		spend.Num = append(spend.Num, math.Exp(2*s.Norm()))
		age.Int = append(age.Int, int64(20+s.Intn(50)))
		channel.AppendString([]string{"web", "shop", "app"}[s.Intn(3)])
		city.AppendString("city " + strconv.Itoa(i%40))
		note.AppendString(strconv.Itoa(i))
		same.Num = append(same.Num, 7)
		endless.Num = append(endless.Num, float64(i))
	}
	spend.Num[3], age.Int[4], endless.Num[0] = math.NaN(), table.Missing, math.Inf(1)
	spend.Num[5] = 1e30
	channel.Code[6] = -1
	tab := table.New(spend, note, city, age, channel, same, endless)
	p, err := Prepare(tab, PrepareOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"age", "channel=app", "channel=shop", "channel=web", "spend"}; !slices.Equal(p.Names(), want) {
		t.Errorf("columns %v, want %v", p.Names(), want)
	}
	if want := []string{"city: category of 40 values, not used", "endless: infinite values, not used", "note: text, not used", "same: constant, not used"}; !slices.Equal(p.Notes, want) {
		t.Errorf("notes %q", p.Notes)
	}
	if p.Columns[0].Log || !p.Columns[2].Log {
		t.Error("spend is skewed and age is not")
	}
	x, err := p.Rows(tab)
	if err != nil {
		t.Fatal(err)
	}
	w := p.NCols()
	if x[3*w+4] != 0 || x[4*w] != 0 || x[5*w+4] != edge || x[6*w+1] != 0 || x[6*w+2] != 0 {
		t.Error("missing is the middle, and the far is cut")
	}
	total := 0.0
	for j := 1; j <= 3; j++ {
		v := make([]float64, n)
		for i := range v {
			v[i] = float64(x[i*w+j])
		}
		_, variance := kernel.MeanVar(v, nil)
		total += variance
	}
	if math.Abs(total-1) > 0.01 {
		t.Errorf("the levels of a category together have variance %v, want 1", total)
	}
	for i, want := range map[int]float64{0: spend.Num[0], 1: spend.Num[1]} {
		if got := p.Columns[2].Original(float64(x[i*w+4]), 0); math.Abs(got/want-1) > 1e-4 {
			t.Errorf("original of row %d: %v, want %v", i, got, want)
		}
	}
	if _, err := p.Rows(tab.Drop("age")); err == nil || !strings.Contains(err.Error(), "age") {
		t.Errorf("a lacking column: %v", err)
	}
	if p, err = Prepare(tab, PrepareOptions{MaxLevels: -1, NoLog: true, Columns: []string{"spend", "channel"}}); err != nil || len(p.Columns) != 1 || p.Columns[0].Log {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestGroupsDoNotDependOnColumnOrder(t *testing.T) {
	x, _ := blobs(2, 2000, 4, 3, 0.5)
	tab := asTable(x, 4)
	back := &table.Table{Columns: slices.Clone(tab.Columns)}
	slices.Reverse(back.Columns)
	_, a, err := Find(t.Context(), tab, Options{K: 3})
	if err != nil {
		t.Fatal(err)
	}
	_, b, err := Find(t.Context(), back, Options{K: 3})
	if err != nil || !slices.Equal(a, b) {
		t.Errorf("other groups for another order of columns (%v)", err)
	}
}

func TestModelSurvivesJSON(t *testing.T) {
	x, _ := blobs(3, 1500, 3, 4, 0.5)
	tab := asTable(x, 3)
	m, label, err := Find(t.Context(), tab, Options{Starts: 3})
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	back, err := ReadModel(b)
	if err != nil {
		t.Fatal(err)
	}
	again, err := back.Assign(tab, 0)
	if err != nil || !slices.Equal(again, label) {
		t.Errorf("assigning after reading gives other groups (%v)", err)
	}
	if !reflect.DeepEqual(back.Centres, m.Centres) || !reflect.DeepEqual(back.Preparation, m.Preparation) {
		t.Error("centres or preparation changed")
	}
	d, err := back.Distances(tab)
	if err != nil {
		t.Fatal(err)
	}
	for i, g := range label {
		row := d[i*m.K : (i+1)*m.K]
		if row[g] > slices.Min(row)+1e-5 {
			t.Fatalf("row %d is not in its nearest group: %v, %d", i, row, g)
		}
	}
	for _, bad := range []string{"", "{", "{}", `{"preparation":{"columns":[{"name":"a","scale":0}]},"k":1,"centres":[1],"sizes":[1]}`,
		`{"preparation":{"columns":[{"name":"a","scale":1}]},"k":2,"centres":[1],"sizes":[1,1]}`} {
		if _, err := ReadModel([]byte(bad)); kequn.KindOf(err) != kequn.KindDamaged {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestTroubleIsSaid(t *testing.T) {
	constant := asTable(make([]float32, 30), 3)
	for name, c := range map[string]struct {
		tab  *table.Table
		o    Options
		kind kequn.Kind
	}{
		"no rows":         {asTable(nil, 2), Options{}, kequn.KindNotEnough},
		"no column":       {table.New(), Options{}, kequn.KindNotEnough},
		"constant":        {constant, Options{}, kequn.KindNotEnough},
		"k of 1":          {constant, Options{K: 1}, kequn.KindUsage},
		"k of 2000":       {constant, Options{K: 2000}, kequn.KindUsage},
		"empty range":     {constant, Options{MinK: 5, MaxK: 4}, kequn.KindUsage},
		"unknown columns": {constant, Options{Prepare: PrepareOptions{Columns: []string{"z"}}}, kequn.KindInput},
	} {
		if _, _, err := Find(t.Context(), c.tab, c.o); kequn.KindOf(err) != c.kind {
			t.Errorf("%s: %v", name, err)
		}
	}
	x, _ := blobs(1, 500, 2, 3, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := Find(ctx, asTable(x, 2), Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	// Three different rows cannot make five groups; the model says so.
	m, label, err := Find(t.Context(), asTable([]float32{0, 0, 5, 5, 9, 9, 9}, 1), Options{K: 5})
	if err != nil || m.K != 3 || len(m.Notes) != 1 || label[0] != label[1] || label[0] == label[2] {
		t.Errorf("%+v %v %v", m, label, err)
	}
}

func BenchmarkKMeans(b *testing.B) {
	x, _ := blobs(1, 1_000_000, 16, 8, 4)
	begin := slices.Clone(x[:8*16])
	for _, threads := range []int{1, 2} {
		b.Run("rows=1e6,cols=16,k=8,threads="+strconv.Itoa(threads), func(b *testing.B) {
			rounds := 0
			for b.Loop() {
				g, err := KMeans{K: 8, Begin: begin, Threads: threads, MaxIterations: 100}.Fit(context.Background(), x, 16)
				if err != nil {
					b.Fatal(err)
				}
				rounds += g.Iterations
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(rounds), "ms/iteration")
			b.ReportMetric(float64(rounds)/float64(b.N), "iterations")
		})
	}
}
