package measure

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/plan"
	"kequn/internal/receipt"
)

func campaign(n int, effect float64, seed uint64) (*receipt.Receipt, []receipt.Member, Outcome) {
	r := &receipt.Receipt{Campaign: plan.Campaign{Name: "spring"}, Assignment: receipt.Assignment{Share: 0.2}, Offers: []plan.Offer{{Name: "a", Fixed: 10, Contact: 1}}}
	s := kernel.NewStream(seed)
	var members []receipt.Member
	var o Outcome
	for i := range n {
		m := receipt.Member{Customer: fmt.Sprint(i), Group: receipt.Contact, Offer: "a"}
		p := .1 + effect
		if s.Bool(.2) {
			m.Group, p = receipt.Control, .1
		}
		x := s.Exp() * 20
		yes := s.Bool(p)
		earned := x
		if yes {
			earned += 30
		}
		members, o.Converted, o.Earned, o.Before = append(members, m), append(o.Converted, yes), append(o.Earned, earned), append(o.Before, x)
	}
	return r, members, o
}

func one(string) float64 { return 1 }

func TestEffectIsFoundAndNarrowed(t *testing.T) {
	r, members, o := campaign(20_000, .04, 3)
	res, err := Measure(r, members, o, func(string) float64 { return .1 })
	if err != nil {
		t.Fatal(err)
	}
	if !res.Conversion.Contains(.04) || res.Verdict != Earned || !res.SampleRatioOK || res.Narrowed < .4 {
		t.Errorf("%+v", res)
	}
	if want := 30*.04 - .1; !res.PerPerson.Contains(want) {
		t.Errorf("per person %v, want %v", res.PerPerson, want)
	}
	if got, want := res.Profit.Mean, float64(res.Contact)*res.PerPerson.Mean-10; math.Abs(got-want) > 1e-9 {
		t.Errorf("profit %v, want %v", got, want)
	}
	res.Describe("CNY")
	if !strings.Contains(res.TextEN, "earned money") || !strings.Contains(res.TextZH, "触达") {
		t.Error(res.TextEN, res.TextZH)
	}
}

// With no effect, a 95 % interval misses zero in about one of twenty campaigns.
func TestNoEffectIsRarelyClaimed(t *testing.T) {
	missed := 0
	const n = 400
	for seed := range uint64(n) {
		r, members, o := campaign(2_000, 0, 100+seed)
		res, err := Measure(r, members, o, func(string) float64 { return 0 })
		if err != nil {
			t.Fatal(err)
		}
		if !res.Conversion.Contains(0) {
			missed++
		}
	}
	if missed < 8 || missed > 34 { // 20 ± 3.2 standard deviations
		t.Errorf("%d of %d null campaigns show an effect, want about 20", missed, n)
	}
}

func TestUnevenSplitGivesNoVerdict(t *testing.T) {
	r, members, o := campaign(5_000, .04, 5)
	r.Assignment.Share = .3
	res, err := Measure(r, members, o, one)
	if err != nil || res.Verdict != Unequal {
		t.Errorf("%v, %v", res.Verdict, err)
	}
}

func TestNothingToCompare(t *testing.T) {
	r, members, o := campaign(50, 0, 1)
	for i := range members {
		members[i].Group = receipt.Contact
	}
	if _, err := Measure(r, members, o, one); kequn.KindOf(err) != kequn.KindNotEnough {
		t.Error(err)
	}
	for i := range members {
		members[i].Group = receipt.LeftAlone
	}
	if _, err := Measure(r, members, o, one); kequn.KindOf(err) != kequn.KindNotEnough {
		t.Error(err)
	}
}
