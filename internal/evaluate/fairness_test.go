package evaluate

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/metric"
	"kequn/internal/table"
)

// crowd makes n rows of three groups and a few with a missing or a rare one; c is scored and buys least. zip tells the group, noise
// does not.
func crowd(n int) FairInput {
	s := kernel.NewStream(3)
	g := table.NewColumn("group", table.Category, n)
	zip, noise, city := table.NewColumn("zip", table.Number, n), table.NewColumn("noise", table.Number, n), table.NewColumn("city", table.Category, n)
	var in FairInput
	for i := range n {
		k := s.Intn(3)
		p := 1 / (1 + math.Exp(1.5*float64(k)-s.Norm()))
		y := 0.0
		if s.Bool(p) {
			y = 1
		}
		switch {
		case i%1000 == 0:
			g.AppendString("rare")
		case i%20 == 1:
			g.AppendMissing()
		default:
			g.AppendString([]string{"a", "b", "c"}[k])
		}
		zip.Num = append(zip.Num, float64(k)+0.3*s.Norm())
		noise.Num = append(noise.Num, s.Norm())
		city.AppendString([]string{"x", "y", "z"}[(k+s.Intn(2))%3])
		in.Y, in.Score = append(in.Y, y), append(in.Score, p)
	}
	in.Attribute, in.Group, in.X = "group", g, table.New(zip, noise, city)
	return in
}

func fair(t *testing.T, in FairInput) *Fairness {
	t.Helper()
	f, err := FairnessOf(in)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := json.Marshal(f); err != nil {
		t.Fatal(err)
	}
	if f.Zh == "" || f.En == "" || strings.Contains(f.Zh+f.En, "%!") || strings.Contains(f.Zh+f.En, "NaN") {
		t.Errorf("says %q %q", f.Zh, f.En)
	}
	return f
}

func names(f *Fairness) (out []string) {
	for _, g := range f.Groups {
		out = append(out, g.Group)
	}
	return out
}

func TestFairness(t *testing.T) {
	in := crowd(6000)
	f := fair(t, in)
	if got := names(f); len(got) != 4 || got[3] != UnknownGroup || !slices.Equal(f.TooSmall, []string{"rare"}) {
		t.Errorf("groups %v, too small %v", got, f.TooSmall)
	}
	if f.Share != 0.2 || f.Parity == nil || f.Parity.Ratio > 0.4 || f.Equal == nil || f.Odds == nil || f.Odds.Difference < f.Equal.Difference {
		t.Errorf("share %v, %+v %+v %+v", f.Share, f.Parity, f.Odds, f.Equal)
	}
	if !strings.Contains(f.En, "below the usual limit of four fifths") || !strings.Contains(f.En, `"c"`) || !strings.Contains(f.En, "points fewer") {
		t.Error(f.En)
	}
	var proxies []string
	for _, p := range f.Proxies {
		proxies = append(proxies, p.Column)
	}
	if !slices.Equal(proxies, []string{"zip", "city"}) || f.Proxies[0].AUC < 0.9 {
		t.Errorf("%+v", f.Proxies)
	}
	// The figures of a group are those of its rows.
	var yes, in2 float64
	for i, y := range in.Y {
		if in.Group.String(i) == "a" && y == 1 {
			yes++
			if in.Score[i] >= f.Threshold {
				in2++
			}
		}
	}
	a := f.Groups[slices.Index(names(f), "a")]
	if want := metric.Wilson(in2, yes, 0.95); a.TPR == nil || math.Abs(a.TPR.Mean-want.Mean) > 1e-12 || math.Abs(a.TPR.Low-want.Low) > 1e-12 || a.Positives != int(yes) {
		t.Errorf("%+v, want %+v", a.TPR, want)
	}

	// Nothing depends on threads, and rows may be those of a larger table.
	in.Threads = 1
	if g := fair(t, in); g.En != f.En || g.Proxies[0].AUC != f.Proxies[0].AUC {
		t.Error("threads matter")
	}
	rows := make([]int32, len(in.Y))
	twice := make([]int32, 0, 2*len(rows))
	for i := range rows {
		rows[i] = int32(2 * i)
		twice = append(twice, int32(i), 0)
	}
	in.X, in.XRow = in.X.Take(twice), rows
	if g := fair(t, in); g.Proxies[0].AUC != f.Proxies[0].AUC {
		t.Error("rows of a larger table are others")
	}
}

// Equal groups are not accused, and few rows are not an accusation.
func TestFairnessByChance(t *testing.T) {
	in := crowd(6000)
	s := kernel.NewStream(9)
	coin := table.NewColumn("coin", table.Bool, 0)
	for range in.Y {
		coin.Int = append(coin.Int, int64(s.Intn(2)))
	}
	in.Attribute, in.Group = "coin", coin
	f := fair(t, in)
	if f.Parity.Ratio < 0.8 || strings.Contains(f.En, "below the usual limit") || len(f.Proxies) > 0 || !slices.Equal(names(f), []string{"no", "yes"}) {
		t.Errorf("%v %+v: %s", names(f), f.Parity, f.En)
	}
	if !strings.Contains(f.Zh, "“coin：是”") {
		t.Error(f.Zh)
	}
	few := FairInput{Y: in.Y[:120], Score: in.Score[:120], Attribute: "coin", Group: coin.Slice(0, 120)}
	if f = fair(t, few); strings.Contains(f.En, "below the usual limit") {
		t.Error(f.En)
	}
}

// Figures that mean nothing are not there.
func TestFairnessOfLittle(t *testing.T) {
	one := func(n int, y func(i int) float64, group func(i int) string) FairInput {
		in := FairInput{Attribute: "g", Group: table.NewColumn("g", table.Text, n)}
		for i := range n {
			in.Y, in.Score = append(in.Y, y(i)), append(in.Score, 0.5)
			in.Group.AppendString(group(i))
		}
		return in
	}
	half := func(i int) float64 { return float64(i % 2) }
	for name, in := range map[string]FairInput{
		"no rows":       one(0, half, nil),
		"twelve rows":   one(12, half, func(i int) string { return "abc"[i%3 : i%3+1] }),
		"an id":         one(500, half, func(i int) string { return strings.Repeat("x", i+1) }),
		"one group":     one(100, half, func(int) string { return "a" }),
		"three people":  one(100, half, func(i int) string { return map[bool]string{true: "b", false: "a"}[i < 3] }),
		"nobody buys":   one(100, func(int) float64 { return 0 }, func(i int) string { return "ab"[i/50 : i/50+1] }),
		"everybody":     one(100, func(int) float64 { return 1 }, func(i int) string { return "ab"[i/50 : i/50+1] }),
		"one buys none": one(100, func(i int) float64 { return float64(i / 50 * (i % 2)) }, func(i int) string { return "ab"[i/50 : i/50+1] }),
	} {
		f := fair(t, in)
		compared := name == "nobody buys" || name == "everybody" || name == "one buys none"
		if (f.Parity != nil) != compared || f.Equal != nil && name != "everybody" || f.Odds != nil {
			t.Errorf("%s: %+v", name, f)
		}
		if len(f.TooSmall) > mostTooSmall || name == "an id" && len(f.TooSmall) > 0 {
			t.Errorf("%s: names %d groups", name, len(f.TooSmall))
		}
	}
	if f, err := FairnessOf(FairInput{Task: kequn.Multiclass}); f != nil || err != nil {
		t.Error(f, err)
	}
	if _, err := FairnessOf(FairInput{Y: []float64{1}, Group: table.NewColumn("g", table.Text, 0)}); err == nil {
		t.Error("lengths may differ")
	}
	high := 2.0
	in := crowd(500)
	in.Threshold = &high
	if f := fair(t, in); f.Parity != nil || f.Share != 0 || !strings.Contains(f.En, "nobody reaches") {
		t.Errorf("%+v %s", f.Parity, f.En)
	}
}

func TestFairnessOfAmounts(t *testing.T) {
	in := crowd(3000)
	in.Task = kequn.Regression
	for i := range in.Y {
		in.Y[i] *= 100
		in.Score[i] *= 100
		if in.Group.String(i) == "c" {
			in.Score[i] *= 3
		}
	}
	f := fair(t, in)
	c := f.Groups[slices.Index(names(f), "c")]
	if f.Equal != nil || f.Odds != nil || c.TPR != nil || c.AUC != nil || c.Positives != 0 || *c.Predicted < 2**c.Rate || !strings.Contains(f.En, `For "c" scores promise too much`) {
		t.Errorf("%+v %s", c, f.En)
	}
}

// Whatever the scores, exactly the share is selected; a row of weight 0 never counts.
func TestFairnessSelectsTheShare(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 300).Draw(t, "rows")
		in := FairInput{Attribute: "g", Group: table.NewColumn("g", table.Category, n), Share: rapid.Float64Range(0.01, 1).Draw(t, "share"), W: make([]float64, n)}
		in.Group.Dict.InternString("a")
		kept := 0
		for i := range n {
			in.Group.Code = append(in.Group.Code, 0)
			in.Y, in.Score = append(in.Y, float64(i%2)), append(in.Score, float64(rapid.IntRange(0, 3).Draw(t, "score")))
			in.W[i] = float64(rapid.IntRange(0, 1).Draw(t, "w"))
			kept += int(in.W[i])
		}
		f, err := FairnessOf(in)
		if err != nil {
			t.Fatal(err)
		}
		if kept > 0 && math.Abs(f.Share-in.Share) > 0.5/float64(kept)+1e-9 {
			t.Fatalf("selected %v of %d, want %v", f.Share, kept, in.Share)
		}
	})
}

func TestBinnedAUC(t *testing.T) {
	s := kernel.NewStream(2)
	var bin []int32
	var hash []uint64
	var y []float64
	for range 500 {
		b := s.Intn(7)
		bin, hash, y = append(bin, int32(b)), append(hash, s.Uint64()), append(y, map[bool]float64{true: 1}[s.Intn(8) < b])
	}
	if got, want := binnedAUC(bin, 9, hash, y), metric.AUC(y, outOfFold(bin, 9, hash, y, nil), nil); math.Abs(got-want) > 1e-12 || want < 0.7 {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestPeople(t *testing.T) {
	numbers := func(name string, v ...float64) string {
		p := peopleOf(&table.Column{Name: name, Kind: table.Number, Num: v}, name)
		return strings.Join(p.name, " ")
	}
	var ages, years, income []float64
	s := kernel.NewStream(1)
	for i := range 300 {
		ages, years, income = append(ages, float64(17+i%70)), append(years, float64(1940+i%65)), append(income, 30000*math.Exp(0.5*s.Norm()))
	}
	ages[0], ages[1], ages[2] = math.NaN(), 208, -1
	for want, got := range map[string]string{
		"<18 18–24 25–34 35–44 45–54 55–64 65+ unknown": numbers("客户年龄", ages...),
		"<1950 1950–1964 1965–1974 1975–1989 1990+":     numbers("Year_Birth", years...),
		"no yes unknown": numbers("SeniorCitizen", 0, 1, 1, math.NaN()),
		"<20000 20000–<26000 26000–<34000 34000–<48000 48000+": numbers("income", income...),
		"1 2":     numbers("sex", 1, 2, 2),
		"unknown": numbers("x", math.NaN()),
	} {
		if got != want {
			t.Errorf("groups %q, want %q", got, want)
		}
	}
	if got := numbers("x", 0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, math.Inf(1)); strings.Contains(got, "Inf") || strings.Contains(got, "NaN") {
		t.Error(got)
	}
	c := table.NewColumn("born", table.Time, 0)
	for y := range 40 {
		c.Int = append(c.Int, int64(-20+y)*365*86400*1_000_000)
	}
	if p := peopleOf(c, "born"); len(p.name) != 5 || !strings.HasPrefix(p.name[0], "<19") {
		t.Errorf("%q", p.name)
	}
	// Every row lies in the band that its name says.
	p := peopleOf(&table.Column{Name: "age", Kind: table.Number, Num: []float64{17, 18, 24, 25, 64, 65, 90, 40, 50, 51}}, "age")
	if got := p.of; !slices.Equal(got, []int32{0, 1, 1, 2, 5, 6, 6, 3, 4, 4}) || len(p.name) != 7 {
		t.Errorf("%v of %q", got, p.name)
	}
}

func BenchmarkFairness(b *testing.B) {
	in := crowd(100_000)
	for k := range 47 {
		c := in.X.Columns[k%3]
		d := *c
		d.Name = strings.Repeat("x", k+1)
		in.X.Columns = append(in.X.Columns, &d)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := FairnessOf(in); err != nil {
			b.Fatal(err)
		}
	}
}
