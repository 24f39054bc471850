// Package receipt holds the decision receipt: what was decided, on what grounds, and what it should earn.
//
// A receipt is immutable and named by the hash of its bytes, so that an edited one is found out. It holds definitions,
// counts and sums, and the hash of the list of members; the list itself is kept beside it. docs/format/receipt.md says
// every field.
package receipt

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"io"
	"slices"
	"strconv"
	"strings"

	"kequn"
	"kequn/internal/metric"
	"kequn/internal/plan"
)

// Format is the version of the receipt's fields.
const Format = 1

// Receipt is a decision. All money is in units of Currency.
type Receipt struct {
	Format   int    `json:"format"`
	Program  string `json:"program"`  // version
	Platform string `json:"platform"` // instruction set on which the numbers were computed
	Created  string `json:"created"`  // RFC 3339
	By       string `json:"by"`       // who decided
	Seed     uint64 `json:"seed"`

	Campaign plan.Campaign `json:"campaign"`
	Offers   []plan.Offer  `json:"offers"`
	Goal     plan.Goal     `json:"goal"`
	Rule     string        `json:"rule"` // who was eligible, as text
	Currency string        `json:"currency"`

	Cutoff   string  `json:"cutoff"`   // RFC 3339: the instant of decision
	Horizon  string  `json:"horizon"`  // how long the effect is measured
	Data     string  `json:"data"`     // hash of the datasets' manifest
	Features string  `json:"features"` // hash of the feature definitions
	Models   []Model `json:"models"`

	Method Method `json:"method"`

	Waterfall []Step `json:"waterfall"`
	Contact   int    `json:"contact"`
	Control   int    `json:"control"`
	LeftAlone int    `json:"left_alone"`

	Cost        float64  `json:"cost"`   // expected, of those contacted
	Budget      float64  `json:"budget"` // 0 is no limit
	ShadowPrice float64  `json:"shadow_price"`
	Forecast    Interval `json:"forecast"`                // expected profit of contacting those contacted, over not contacting them
	Conversion  Interval `json:"conversion"`              // forecast effect on the share that buys, contacted against not
	Smallest    float64  `json:"smallest_visible_effect"` // smallest difference in that share the control can show (80 % power, 5 % error)
	BaseRate    float64  `json:"base_rate"`
	Policies    []Policy `json:"policies"`
	Curve       []Point  `json:"curve"`

	Assignment Assignment `json:"assignment"`
	Members    Members    `json:"members"`
}

// Model is a model that the decision rests on.
type Model struct {
	Name   string `json:"name"`
	Family string `json:"family"`
	Hash   string `json:"hash"`
}

// Method says how value was estimated.
type Method struct {
	Kind  string `json:"kind"` // uplift: caused, from randomised history; response: not shown to be caused
	Why   string `json:"why_en"`
	WhyZH string `json:"why_zh"`

	History     string `json:"history,omitempty"`      // campaign whose arms were randomised
	HistoryRows int    `json:"history_rows,omitempty"` //
}

// Step is one step of the exclusions waterfall: how many customers are left after it.
type Step struct {
	Step string `json:"step"`
	Left int    `json:"left"`
}

// Interval is a figure with its 95 % interval.
type Interval = metric.Interval

// Policy is another way of choosing whom to contact, valued in the same way.
type Policy struct {
	Name      string   `json:"name"`
	Contacted int      `json:"contacted"`
	Profit    Interval `json:"profit"`
	Basis     string   `json:"basis"` // ips: measured on randomised history; model: predicted only
}

// Point is one point of the profit curve: the profit of contacting the best N.
type Point struct {
	Contacted int      `json:"contacted"`
	Profit    Interval `json:"profit"`
}

// Assignment says how control was drawn: a customer is control if the keyed hash of customer and experiment falls below the share.
type Assignment struct {
	Experiment string  `json:"experiment"`
	Share      float64 `json:"share"`
}

// Members identifies the list of members.
type Members struct {
	Rows int    `json:"rows"`
	Hash string `json:"hash"` // SHA-256 of WriteMembers' bytes
}

// Member is what was decided for one customer.
type Member struct {
	Customer string
	Group    Group
	Offer    string  // the offer chosen, also of a control; "" for those left alone
	Value    float64 // expected profit of contacting this customer
	Reason   string  // why left alone: a word of Reasons
}

// Group is what happens to a customer.
type Group string

// The groups.
const (
	Contact   Group = "contact"
	Control   Group = "control"
	LeftAlone Group = "left_alone"
)

// Encode returns the receipt's bytes and its id, the SHA-256 of them.
func (r *Receipt) Encode() (text []byte, id string, err error) {
	text, err = json.MarshalIndent(r, "", "  ")
	if err != nil {
		return nil, "", err
	}
	text = append(text, '\n')
	return text, ID(text), nil
}

// ID returns the id of a receipt's bytes.
func ID(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// Decode reads a receipt and refuses one whose bytes do not match the id: it was edited or damaged.
func Decode(text []byte, id string) (*Receipt, error) {
	if ID(text) != id {
		return nil, kequn.Errorf(kequn.KindDamaged, "receipt "+short(id), "does not match its own hash: it was changed after the decision")
	}
	var r Receipt
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, kequn.Errorf(kequn.KindDamaged, "receipt "+short(id), "cannot be read: %v", err)
	}
	if r.Format > Format {
		return nil, kequn.Errorf(kequn.KindDamaged, "receipt "+short(id), "has format %d, this program reads %d", r.Format, Format).
			WithHint("it was written by a newer program: use that one")
	}
	return &r, nil
}

func short(id string) string { return id[:min(12, len(id))] }

// WriteMembers writes the members, sorted by customer, as CSV: the form that is hashed.
func WriteMembers(w io.Writer, members []Member) error {
	sorted := slices.Clone(members)
	slices.SortFunc(sorted, func(a, b Member) int { return strings.Compare(a.Customer, b.Customer) })
	out := csv.NewWriter(w)
	out.Write([]string{"customer", "group", "offer", "value", "reason"})
	for _, m := range sorted {
		out.Write([]string{m.Customer, string(m.Group), m.Offer, strconv.FormatFloat(m.Value, 'g', -1, 64), m.Reason})
	}
	out.Flush()
	return out.Error()
}

// ReadMembers reads what WriteMembers wrote.
func ReadMembers(text []byte) ([]Member, error) {
	in := csv.NewReader(bytes.NewReader(text))
	in.FieldsPerRecord, in.ReuseRecord = 5, true
	var out []Member
	for line := 0; ; line++ {
		f, err := in.Read()
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return nil, kequn.Errorf(kequn.KindDamaged, "members of a receipt", "%v", err)
		}
		if line == 0 {
			continue
		}
		v, err := strconv.ParseFloat(f[3], 64)
		if err != nil {
			return nil, kequn.Errorf(kequn.KindDamaged, "members of a receipt", "line %d: %v", line+1, err)
		}
		out = append(out, Member{Customer: strings.Clone(f[0]), Group: Group(f[1]), Offer: strings.Clone(f[2]), Value: v, Reason: strings.Clone(f[4])})
	}
}
