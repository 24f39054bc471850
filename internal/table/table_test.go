package table

import (
	"fmt"
	"math"
	"testing"
)

func TestDictNumbersInOrderOfAppearance(t *testing.T) {
	d := NewDict()
	want := map[string]int32{}
	for i := range 10_000 {
		s := fmt.Sprint("v", i*7919%3_000)
		c := d.InternString(s)
		if w, seen := want[s]; seen && w != c {
			t.Fatalf("%s is %d, was %d", s, c, w)
		}
		want[s] = c
	}
	if d.Len() != 3_000 || len(want) != 3_000 {
		t.Fatalf("%d texts, want 3000", d.Len())
	}
	for s, c := range want {
		if d.At(int(c)) != s || d.Find(s) != c {
			t.Fatalf("text %d is %q, found as %d; want %q", c, d.At(int(c)), d.Find(s), s)
		}
	}
	if d.Find("absent") != -1 || NewDict().Find("") != -1 {
		t.Error("found what was never added")
	}
	if e := NewDict(); e.Intern(nil) != 0 || e.Find("") != 0 {
		t.Error("the empty text is a text like any other")
	}
}

func TestAppendMergesDictionaries(t *testing.T) {
	a, b := NewColumn("city", Category, 0), NewColumn("city", Category, 0)
	a.AppendString("上海")
	b.AppendString("Paris")
	b.AppendMissing()
	b.AppendString("上海")
	x := New(a)
	if err := x.Append(New(b)); err != nil {
		t.Fatal(err)
	}
	got := []string{a.String(0), a.String(1), a.String(2), a.String(3)}
	if fmt.Sprint(got) != "[上海 Paris  上海]" || !a.IsMissing(2) || a.Dict.Len() != 2 {
		t.Errorf("got %q with %d texts", got, a.Dict.Len())
	}
	if x.Append(New(NewColumn("town", Category, 0))) == nil {
		t.Error("another name was accepted")
	}
}

func TestFloat(t *testing.T) {
	m := &Column{Kind: Money, Scale: 2, Int: []int64{1999, Missing}}
	if m.Float(0) != 19.99 || !math.IsNaN(m.Float(1)) {
		t.Errorf("money reads %v, %v", m.Float(0), m.Float(1))
	}
}

func BenchmarkIntern(b *testing.B) {
	keys := make([][]byte, 100_000)
	for i := range keys {
		keys[i] = fmt.Append(nil, "customer-", i)
	}
	d := NewDict()
	b.ReportAllocs()
	for i := range b.N {
		d.Intern(keys[i%len(keys)])
	}
}
