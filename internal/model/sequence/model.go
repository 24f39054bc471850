package sequence

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"

	"kequn"
	"kequn/internal/net"
)

// Model is a trained model of behaviour. It is immutable; its methods may be called by several goroutines at once.
type Model struct {
	Schema    Schema  `json:"schema"`
	Options   Options `json:"options"`
	Curve     []Point `json:"curve"`
	Customers int     `json:"customers"` // learnt from
	Seen      int64   `json:"seen"`      // tokens, each as often as it was shown

	net *network
}

// freeze lets go of what only training needs.
func (m *Model) freeze() {
	for _, p := range m.net.params() {
		p.Grad = nil
	}
}

// lookBothWays makes every block of a Transformer see later tokens too.
func (n *network) lookBothWays() {
	net.EachLayer(n.body, func(l net.Layer) {
		if a, ok := l.(*net.Attention); ok {
			a.Causal = false
		}
	})
}

// NParams returns the number of parameters.
func (m *Model) NParams() int { return nParams(m.net.params()) }

// Width returns how many numbers an embedding has.
func (m *Model) Width() int { return 2 * m.Options.Shape.Dim }

// NamePrefix begins the names of an embedding's numbers.
const NamePrefix = "behaviour_"

// Names returns the names of an embedding's numbers.
func (m *Model) Names() []string {
	out := make([]string, m.Width())
	for i := range out {
		out[i] = fmt.Sprintf("%s%03d", NamePrefix, i)
	}
	return out
}

// embedTokens is how many tokens go through the network at a time.
const embedTokens = 8192

// window returns the tokens of a customer that the model looks at: the newest ones.
func (m *Model) window(s *Streams, i int) (lo, hi int64) {
	lo, hi = s.Start[i], s.Start[i+1]
	return max(lo, hi-int64(m.Options.Window)), hi
}

// Embed returns a row of Width numbers for each customer: what the model knows of him from his newest events. It is the same for any
// number of threads and beside any other customers. A customer without events has zeros.
func (m *Model) Embed(ctx context.Context, s *Streams, threads int) ([]float32, error) {
	out := make([]float32, s.Len()*m.Width())
	err := m.each(ctx, s, threads, func(_ *network, h net.Matrix, b *batch, from, to int) {
		for k := range to - from {
			pool(out[(from+k)*m.Width():][:m.Width()], h, int(b.start[k]), int(b.start[k+1]))
		}
	})
	return out, err
}

// A sequence file is
//
//	"KQSEQUE\x01"     8 bytes, the last one is the version
//	length            uint32, little endian
//	facts             JSON of Model
//	parameters        float32, little endian, in the network's order
//	SHA-256           32 bytes, of everything before
const (
	magic    = "KQSEQUE\x01"
	maxFacts = 64 << 20
	maxBytes = 4 << 30
)

// Save writes the model as one file. A saved model embeds the same bits when loaded.
func (m *Model) Save(w io.Writer) error {
	facts, err := json.Marshal(m)
	if err != nil {
		return err
	}
	sum := sha256.New()
	out := io.MultiWriter(w, sum)
	head := binary.LittleEndian.AppendUint32([]byte(magic), uint32(len(facts)))
	for _, b := range [][]byte{head, facts, writeParams(m.net.params())} {
		if _, err := out.Write(b); err != nil {
			return err
		}
	}
	_, err = w.Write(sum.Sum(nil))
	return err
}

// Load reads a model that [Model.Save] wrote. A file that is cut, changed or of a newer version is refused with a damaged error.
func Load(r io.Reader) (*Model, error) {
	all, err := io.ReadAll(io.LimitReader(r, maxBytes))
	if err != nil {
		return nil, err
	}
	bad := func(why string) error { return kequn.Errorf(kequn.KindDamaged, "", "sequence model: %s", why) }
	const fixed = len(magic) + 4
	if len(all) < fixed+sha256.Size || string(all[:len(magic)-1]) != magic[:len(magic)-1] {
		return nil, bad("not a sequence model's file")
	}
	if all[len(magic)-1] != magic[len(magic)-1] {
		return nil, kequn.Errorf(kequn.KindDamaged, "", "sequence model of version %d, which this program does not know", all[len(magic)-1]).WithHint("it was written by a newer program: use that one")
	}
	body := all[:len(all)-sha256.Size]
	if sum := sha256.Sum256(body); !bytes.Equal(sum[:], all[len(body):]) {
		return nil, bad("its checksum is wrong")
	}
	n := int(binary.LittleEndian.Uint32(all[len(magic):]))
	if n > maxFacts || n > len(body)-fixed {
		return nil, bad("it is cut")
	}
	m := &Model{}
	if err := json.Unmarshal(body[fixed:fixed+n], m); err != nil {
		return nil, bad("its facts are not JSON")
	}
	if err := m.Schema.Check(); err != nil {
		return nil, err
	}
	if err := m.Options.check(); err != nil {
		return nil, bad("its shape is none")
	}
	if m.Options.Window < 1 {
		return nil, bad("its window is none")
	}
	m.net = newNetwork(&m.Schema, m.Options.Shape, 0, 0)
	if m.Options.Masked > 0 {
		m.net.lookBothWays()
	}
	if err := readParams(body[fixed+n:], m.net.params()); err != nil {
		return nil, err
	}
	m.freeze()
	return m, nil
}
