// Package activate hands lists to the tools that contact people.
package activate

import (
	"bytes"
	"encoding/csv"
	"strings"

	"kequn/internal/receipt"
)

// File is one file to be handed over.
type File struct {
	Name string
	Data []byte
	Rows int
}

// CSV returns contact.csv, control.csv and receipt.json of a decision, lists sorted by customer. Cells that a spreadsheet
// would run as a formula are made inert: see [Inert].
func CSV(text []byte, members []receipt.Member) ([]File, error) {
	contact, err := list("contact.csv", members, receipt.Contact)
	if err != nil {
		return nil, err
	}
	control, err := list("control.csv", members, receipt.Control)
	if err != nil {
		return nil, err
	}
	return []File{contact, control, {Name: "receipt.json", Data: text, Rows: 1}}, nil
}

func list(name string, members []receipt.Member, group receipt.Group) (File, error) {
	f := File{Name: name}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.Write([]string{"customer", "offer"})
	for _, m := range members {
		if m.Group == group {
			w.Write([]string{Inert(m.Customer), Inert(m.Offer)})
			f.Rows++
		}
	}
	w.Flush()
	f.Data = b.Bytes()
	return f, w.Error()
}

// Inert puts an apostrophe before a text that a spreadsheet would take for a formula: one that begins with = + - @, a tab
// or a carriage return (OWASP, CSV injection; ASVS 5.0, 1.2.10). A plain number keeps its sign.
func Inert(s string) string {
	if s == "" || !strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return s
	}
	if (s[0] == '-' || s[0] == '+') && len(s) > 1 && strings.Trim(s[1:], "0123456789.") == "" {
		return s
	}
	return "'" + s
}
