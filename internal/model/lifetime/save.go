package lifetime

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"io"
	"math"

	"kequn"
)

// A lifetime file is
//
//	"KQLIFET\x01"     8 bytes, the last one is the version
//	length            uint32, little endian
//	stored            JSON
//	SHA-256           32 bytes, of everything before
const (
	magic     = "KQLIFET\x01"
	maxStored = 1 << 20 // a model is under 10 kB
)

type stored struct {
	Process       Process      `json:"process"`
	K             int          `json:"k"`
	Theta         []float64    `json:"theta"`
	Cov           []float64    `json:"cov"`
	Loose         []bool       `json:"loose"`
	LogLikelihood float64      `json:"log_likelihood"`
	Customers     int          `json:"customers"`
	Buyers        int          `json:"buyers"`
	Settled       bool         `json:"settled"`
	Tried         []Candidate  `json:"tried"`
	Level         float64      `json:"level"`
	Span          float64      `json:"span"`
	Spend         *storedSpend `json:"spend,omitempty"`
	Notes         []note       `json:"notes,omitempty"`
}

type storedSpend struct {
	P             float64   `json:"p"`
	Q             float64   `json:"q"`
	V             float64   `json:"v"`
	Cov           []float64 `json:"cov,omitempty"`
	Loose         []bool    `json:"loose,omitempty"`
	Flat          float64   `json:"flat"`
	LogLikelihood float64   `json:"log_likelihood"`
	Fitted        int       `json:"fitted"`
	Newcomer      float64   `json:"newcomer"`
	Correlation   float64   `json:"correlation"`
}

// Save writes the model as one small file. A saved model predicts the same bits when loaded.
func (m *Model) Save(w io.Writer) error { return write(w, m.stored()) }

func (m *Model) stored() stored {
	s := stored{m.Process, m.K, m.theta, m.cov, m.loose, m.LogLikelihood, m.Customers, m.Buyers, m.Settled, m.Tried, m.level, m.span, nil, m.notes}
	if p := m.spend; p != nil {
		s.Spend = &storedSpend{p.p, p.q, p.v, p.cov, p.loose, p.flat, p.logLik, p.fitted, p.newcomer, p.correlation}
	}
	return s
}

func write(w io.Writer, content any) error {
	body, err := json.Marshal(content)
	if err != nil {
		return err
	}
	b := binary.LittleEndian.AppendUint32([]byte(magic), uint32(len(body)))
	b = append(b, body...)
	sum := sha256.Sum256(b)
	_, err = w.Write(append(b, sum[:]...))
	return err
}

func damaged(why string) *kequn.Error {
	return kequn.Errorf(kequn.KindDamaged, "", "lifetime model: %s", why)
}

// Load reads a model that [Model.Save] wrote. A file that is cut, changed, of a newer version, or whose numbers cannot be a model's is refused.
func Load(r io.Reader) (*Model, error) {
	body, err := read(r)
	if err != nil {
		return nil, err
	}
	return decode(body)
}

// LoadBlend reads what [Blend.Save] wrote, as [Load] does.
func LoadBlend(r io.Reader) (*Blend, error) {
	body, err := read(r)
	if err != nil {
		return nil, err
	}
	var s storedBlend
	if err := json.Unmarshal(body, &s); err != nil {
		return nil, damaged("its contents are not JSON")
	}
	if len(s.Members) == 0 || len(s.Members) > 16 || !positive(s.OrderFactor, s.SpendFactor) {
		return nil, damaged("not a blend's file")
	}
	b := &Blend{OrderFactor: s.OrderFactor, SpendFactor: s.SpendFactor}
	for _, one := range s.Members {
		m, err := one.model()
		if err != nil {
			return nil, err
		}
		b.Members = append(b.Members, m)
	}
	return b, nil
}

type storedBlend struct {
	Members     []stored `json:"members"`
	OrderFactor float64  `json:"order_factor"`
	SpendFactor float64  `json:"spend_factor"`
}

// Save writes the blend as one small file.
func (b *Blend) Save(w io.Writer) error {
	s := storedBlend{OrderFactor: b.OrderFactor, SpendFactor: b.SpendFactor}
	for _, m := range b.Members {
		s.Members = append(s.Members, m.stored())
	}
	return write(w, s)
}

// read returns the contents of a file whose checksum is right.
func read(r io.Reader) ([]byte, error) {
	var head [len(magic) + 4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil || string(head[:len(magic)-1]) != magic[:len(magic)-1] {
		return nil, damaged("not a lifetime model's file")
	}
	if head[len(magic)-1] != magic[len(magic)-1] {
		return nil, damaged("its version is unknown").WithHint("it was written by a newer program: use that one")
	}
	n := binary.LittleEndian.Uint32(head[len(magic):])
	if n > maxStored {
		return nil, damaged("its length is wrong")
	}
	body := make([]byte, int(n)+sha256.Size)
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, damaged("the file is cut")
	}
	sum := sha256.Sum256(append(head[:], body[:n]...))
	if !bytes.Equal(sum[:], body[n:]) {
		return nil, damaged("its checksum is wrong")
	}
	return body[:n], nil
}

func decode(body []byte) (*Model, error) {
	var s stored
	if err := json.Unmarshal(body, &s); err != nil {
		return nil, damaged("its contents are not JSON")
	}
	return s.model()
}

// model checks that the numbers can be a fit's.
func (s stored) model() (*Model, error) {
	if _, known := names[s.Process]; !known || s.K < 1 || s.K > mostK || s.Process != MBGCNBD && s.K != 1 {
		return nil, damaged("unknown process")
	}
	if len(s.Theta) != 4 || len(s.Cov) != 16 || len(s.Loose) != 4 || !positive(s.Theta...) || !variances(s.Cov, 4) || !(s.Level > 0 && s.Level < 1) || !positive(s.Span) {
		return nil, damaged("its parameters cannot be")
	}
	m := &Model{Process: s.Process, K: s.K, LogLikelihood: s.LogLikelihood, Customers: s.Customers, Buyers: s.Buyers, Tried: s.Tried, Settled: s.Settled,
		level: s.Level, theta: s.Theta, cov: s.Cov, loose: s.Loose, span: s.Span, notes: s.Notes}
	if p := s.Spend; p != nil {
		flat := p.P == 0 && p.Flat > 0 && positive(p.Flat)
		fitted := positive(p.P, p.V, p.Newcomer, p.Q-1) && len(p.Cov) == 9 && len(p.Loose) == 3 && variances(p.Cov, 3)
		if !flat && !fitted {
			return nil, damaged("its spend parameters cannot be")
		}
		m.spend = &spendModel{p.P, p.Q, p.V, p.Cov, p.Loose, p.Flat, p.LogLikelihood, p.Fitted, p.Newcomer, p.Correlation}
	}
	return m, nil
}

// positive tells whether all are numbers that a fit can reach.
func positive(all ...float64) bool {
	for _, v := range all {
		if !(v > 1e-100 && v < 1e100) {
			return false
		}
	}
	return true
}

func variances(cov []float64, n int) bool {
	for i, v := range cov {
		if math.Abs(v) > 1e100 || i%(n+1) == 0 && v < 0 {
			return false
		}
	}
	return true
}
