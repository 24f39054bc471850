// Package sequence holds GRU and Transformer over event streams, self-supervised pretraining (next event, masked, contrastive), embeddings, fine-tuning: the customer foundation model.
//
// Any table with event times becomes a stream of tokens for each customer:
//
//	datasets ─ Learn ─▶ Schema ─ Read ─▶ Streams ─ Pretrain ─▶ Model ─ Embed ─▶ a few dozen numbers a customer
//
// A [Schema] says what a token is: one code per field (kind of event, categories, amounts by quantile, the pause since the event
// before, hour, weekday, day of the month) and a few numbers. It is learnt from what happened and was known before a cutoff, like
// everything here: nothing at or after the cutoff, and nothing that became known after it, is read.
//
// A [Model] reads the tokens of a customer with a causal Transformer or a GRU. It learns without labels: to tell the next event
// (what, when, how much), to fill events that were blanked out, and to tell slices of one customer's stream from other customers'.
// What it then knows of a customer is his embedding.
//
// Same data, same seed, same bits, for any number of threads. Random numbers depend on the seed and the step only, so a training
// that was stopped goes on from its checkpoint to the same bytes.
package sequence

import (
	"math"
	"time"

	"kequn"
)

// Codes that every field has. Words begin after them.
const (
	codeNone    = 0 // the event has no such field, or it is missing
	codeRare    = 1 // a word that is not in the vocabulary (fields that do not hash)
	codeBlank   = 2 // blanked out, to be guessed
	codeOf      = 3 // the first word
	maxWords    = 2000
	hashBuckets = 64
)

// FieldKind says where a field's codes come from.
type FieldKind string

// The kinds of field.
const (
	FieldKindOf  FieldKind = "kind"     // the dataset, and the type of event where it has one
	FieldWord    FieldKind = "word"     // a column with words: the commonest ones, others by hash
	FieldAmount  FieldKind = "amount"   // a number's quantile, cut at Edges
	FieldGap     FieldKind = "gap"      // the pause since the event before, by powers of two of a minute
	FieldHour    FieldKind = "hour"     // of the day, in the zone
	FieldWeekday FieldKind = "weekday"  //
	FieldDay     FieldKind = "monthday" // day of the month
)

// Field is one code of a token.
type Field struct {
	Name    string    `json:"name"`
	Kind    FieldKind `json:"kind"`
	Words   []string  `json:"words,omitempty"`
	Hash    int       `json:"hash,omitempty"` // buckets of words that are not listed
	Edges   []float64 `json:"edges,omitempty"`
	Guessed bool      `json:"guessed,omitempty"` // part of what the next event is
}

// Levels returns the number of codes.
func (f *Field) Levels() int {
	switch f.Kind {
	case FieldGap:
		return codeOf + gapLevels
	case FieldHour:
		return codeOf + 24
	case FieldWeekday:
		return codeOf + 7
	case FieldDay:
		return codeOf + 31
	case FieldAmount:
		return codeOf + len(f.Edges) + 1
	}
	return codeOf + len(f.Words) + f.Hash
}

// Number is one number of a token: sign(x)·log(1+|x|) brought to mean 0 and deviation 1; missing is 0.
type Number struct {
	Name      string  `json:"name"`
	Mean      float64 `json:"mean"`
	Deviation float64 `json:"deviation"`
}

// squash is the number's scale before it is standardised.
func squash(x float64) float64 { return math.Copysign(math.Log1p(math.Abs(x)), x) }

// Set says how rows of one dataset become tokens.
type Set struct {
	Dataset string   `json:"dataset"`
	Type    string   `json:"type,omitempty"` // column with the type of event
	Columns []Column `json:"columns,omitempty"`
}

// Column feeds a column of a set, or an attribute of a lookup through one, into a field or a number.
type Column struct {
	Name   string `json:"name"`   // "category", "product_id.department"
	Field  int    `json:"field"`  // −1: none
	Number int    `json:"number"` // −1: none
}

// Schema says what a token is.
type Schema struct {
	Zone    string   `json:"zone"`
	Before  int64    `json:"before"` // the cutoff it was learnt before
	Sets    []Set    `json:"sets"`
	Fields  []Field  `json:"fields"`
	Numbers []Number `json:"numbers"`
}

func (s *Schema) location() *time.Location {
	if l, err := time.LoadLocation(s.Zone); err == nil {
		return l
	}
	return time.UTC
}

// Check refuses a schema that cannot be.
func (s *Schema) Check() error {
	if len(s.Sets) == 0 || len(s.Fields) == 0 {
		return kequn.Errorf(kequn.KindDamaged, "", "sequence model: a schema without events")
	}
	for i := range s.Fields {
		f := &s.Fields[i]
		if n := f.Levels(); n > math.MaxUint16 || len(f.Words) > maxWords || f.Hash < 0 || f.Hash > hashBuckets {
			return kequn.Errorf(kequn.KindDamaged, "", "sequence model: field %d has %d codes", i, n)
		}
		for k := 1; k < len(f.Edges); k++ {
			if !(f.Edges[k-1] < f.Edges[k]) {
				return kequn.Errorf(kequn.KindDamaged, "", "sequence model: the edges of field %d do not rise", i)
			}
		}
	}
	for _, n := range s.Numbers {
		if !(n.Deviation > 0) || math.IsInf(n.Deviation, 0) || math.IsNaN(n.Mean) || math.IsInf(n.Mean, 0) {
			return kequn.Errorf(kequn.KindDamaged, "", "sequence model: a number's scale is not one")
		}
	}
	for _, set := range s.Sets {
		for _, c := range set.Columns {
			if c.Field < -1 || c.Field >= len(s.Fields) || c.Number < -1 || c.Number >= len(s.Numbers) {
				return kequn.Errorf(kequn.KindDamaged, "", "sequence model: a column feeds a field that there is not")
			}
		}
	}
	return nil
}

// Streams are the tokens of some customers, oldest first: those of customer i are rows Start[i] to Start[i+1].
type Streams struct {
	Customer []string
	Start    []int64
	Time     []int64    // microseconds since 1970
	Fields   [][]uint16 // per field, a code per token
	Numbers  [][]float32
}

// Len returns the number of customers.
func (s *Streams) Len() int { return len(s.Start) - 1 }

// Tokens returns the number of tokens.
func (s *Streams) Tokens() int { return len(s.Time) }

// Bytes returns about how much memory the streams take.
func (s *Streams) Bytes() int64 {
	return int64(len(s.Time))*(8+2*int64(len(s.Fields))+4*int64(len(s.Numbers))) + 40*int64(len(s.Customer))
}

// Append adds the customers of another part.
func (s *Streams) Append(o *Streams) {
	if s.Fields == nil && s.Numbers == nil {
		s.Start, s.Fields, s.Numbers = []int64{0}, make([][]uint16, len(o.Fields)), make([][]float32, len(o.Numbers))
	}
	base := int64(len(s.Time))
	s.Customer = append(s.Customer, o.Customer...)
	for _, at := range o.Start[1:] {
		s.Start = append(s.Start, base+at)
	}
	s.Time = append(s.Time, o.Time...)
	for i := range o.Fields {
		s.Fields[i] = append(s.Fields[i], o.Fields[i]...)
	}
	for i := range o.Numbers {
		s.Numbers[i] = append(s.Numbers[i], o.Numbers[i]...)
	}
}

// gapLevels is the number of lengths of pauses: by half powers of two of a minute, up to about 9 years.
const gapLevels = 46

// gapCode returns the code of a pause in microseconds.
func gapCode(micro int64) uint16 {
	minutes := float64(max(0, micro)) / 60e6
	return codeOf + uint16(min(gapLevels-1, int(2*math.Log2(1+minutes))))
}
