package receipt

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"kequn"
)

func TestAnEditedReceiptIsFoundOut(t *testing.T) {
	text, id, err := (&Receipt{Format: Format, Contact: 9600}).Encode()
	if err != nil {
		t.Fatal(err)
	}
	if r, err := Decode(text, id); err != nil || r.Contact != 9600 {
		t.Fatalf("got %v, %v", r, err)
	}
	edited := bytes.Replace(text, []byte("9600"), []byte("9601"), 1)
	if _, err := Decode(edited, id); kequn.KindOf(err) != kequn.KindDamaged {
		t.Errorf("edited receipt: %v", err)
	}
	newer, id, _ := (&Receipt{Format: Format + 1}).Encode()
	if _, err := Decode(newer, id); err == nil || !strings.Contains(err.Error(), "format 2") {
		t.Errorf("newer receipt: %v", err)
	}
}

func TestMembersReadBackSorted(t *testing.T) {
	in := []Member{
		{"c2", LeftAlone, "", 0, "no consent"},
		{"c\"1,\n", Contact, "coupon10", 1.0 / 3, ""},
	}
	var b, again bytes.Buffer
	if err := WriteMembers(&b, in); err != nil {
		t.Fatal(err)
	}
	got, err := ReadMembers(b.Bytes())
	if err != nil || !reflect.DeepEqual(got, []Member{in[1], in[0]}) {
		t.Fatalf("got %v, %v", got, err)
	}
	WriteMembers(&again, got)
	if !bytes.Equal(b.Bytes(), again.Bytes()) {
		t.Error("the same members have two forms")
	}
}
