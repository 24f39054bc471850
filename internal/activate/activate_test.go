package activate

import (
	"encoding/csv"
	"strings"
	"testing"

	"kequn/internal/receipt"
)

func TestListsAreInert(t *testing.T) {
	members := []receipt.Member{
		{Customer: `=HYPERLINK("http://127.0.0.1:9/")`, Group: receipt.Contact, Offer: "coupon10"},
		{Customer: "-7", Group: receipt.Contact, Offer: "@x"},
		{Customer: "C3", Group: receipt.Control, Offer: "coupon10"},
		{Customer: "C4", Group: receipt.LeftAlone},
	}
	files, err := CSV([]byte("{}"), members)
	if err != nil || len(files) != 3 {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(string(files[0].Data))).ReadAll()
	if err != nil || len(rows) != 3 || files[0].Rows != 2 || files[1].Rows != 1 {
		t.Fatalf("%v %v", rows, err)
	}
	if rows[1][0] != `'=HYPERLINK("http://127.0.0.1:9/")` || rows[2][0] != "-7" || rows[2][1] != "'@x" {
		t.Errorf("got %q", rows)
	}
}

func TestInert(t *testing.T) {
	for in, want := range map[string]string{"": "", "a": "a", "=1": "'=1", "+86": "+86", "+1+cmd": "'+1+cmd", "-2.5": "-2.5", "-2+3": "'-2+3", "\t=1": "'\t=1", "@a": "'@a", "-": "'-"} {
		if got := Inert(in); got != want {
			t.Errorf("Inert(%q) = %q, want %q", in, got, want)
		}
	}
}
