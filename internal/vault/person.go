package vault

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"slices"
)

// PersonID stands for a person in files: the first 128 bits of HMAC-SHA-256 of the customer's id.
type PersonID [16]byte

// Person returns the number that stands for a customer.
func (k *Keyring) Person(customer string) PersonID { return PersonID(k.mac("customer", customer)[:16]) }

// Pseudonym returns the text that stands for a personal value of a kind (name, phone, email): the first 128 bits of
// HMAC-SHA-256 under the pseudonym key, in hexadecimal. Equal values of a kind have equal pseudonyms in every dataset
// of a workspace, and different ones in different workspaces. About 0.5 µs.
func (k *Keyring) Pseudonym(kind, value string) string {
	return hex.EncodeToString(k.mac(kind, value)[:16])
}

func (k *Keyring) mac(kind, value string) []byte {
	m := hmac.New(sha256.New, k.pseudonym)
	m.Write([]byte(kind))
	m.Write([]byte{0}) // a kind holds no zero byte, so (kind, value) is read back in one way only
	m.Write([]byte(value))
	return m.Sum(nil)
}

// People is a set of personal records, each sealed under a key of that person's own. Keys and records are two files:
// dropping a person's key and rewriting the file of keys makes the record unreadable wherever copies of it are.
//
// A People is not safe for several goroutines while it is changed.
type People struct {
	keys    map[PersonID][]byte
	records map[PersonID][]byte // nonce, then AES-256-GCM of the JSON of the fields; the id is authenticated with it
}

// NewPeople returns an empty set.
func NewPeople() *People {
	return &People{keys: map[PersonID][]byte{}, records: map[PersonID][]byte{}}
}

// Len returns the number of people whose record can be read.
func (p *People) Len() int { return len(p.keys) }

// Put replaces a person's record. The person keeps the key they have, or gets a fresh one.
func (p *People) Put(id PersonID, fields map[string]string) error {
	key, ok := p.keys[id]
	if !ok {
		key = randomKey()
	}
	aead, err := personCipher(key)
	if err != nil {
		return err
	}
	data, err := json.Marshal(fields) // sorts by field
	if err != nil {
		return err
	}
	p.keys[id], p.records[id] = key, aead.Seal(nil, nil, data, id[:])
	return nil
}

// Get returns a person's record, nil if there is none or its key was dropped. A record that was changed is an error of
// kind damaged.
func (p *People) Get(id PersonID) (map[string]string, error) {
	key, record := p.keys[id], p.records[id]
	if key == nil || record == nil {
		return nil, nil
	}
	aead, err := personCipher(key)
	if err != nil {
		return nil, errChanged
	}
	data, err := aead.Open(nil, nil, record, id[:])
	if err != nil {
		return nil, errChanged
	}
	var fields map[string]string
	if json.Unmarshal(data, &fields) != nil {
		return nil, errChanged
	}
	return fields, nil
}

// Drop forgets a person's key and record, and tells whether there was one.
func (p *People) Drop(id PersonID) bool {
	_, ok := p.keys[id]
	delete(p.keys, id)
	delete(p.records, id)
	return ok
}

// Merge copies the people of q into p; where both know one, fields of q win.
func (p *People) Merge(q *People) error {
	for _, id := range q.ids() {
		if _, known := p.keys[id]; !known {
			p.keys[id], p.records[id] = q.keys[id], q.records[id]
			continue
		}
		old, err := p.Get(id)
		if err != nil {
			return err
		}
		fields, err := q.Get(id)
		if err != nil {
			return err
		}
		if old == nil {
			old = map[string]string{}
		}
		for name, v := range fields {
			old[name] = v
		}
		if err := p.Put(id, old); err != nil {
			return err
		}
	}
	return nil
}

// Marshal returns the file of keys and the file of records, both in order of id. The file of keys must be sealed.
func (p *People) Marshal() (keys, records []byte) {
	for _, id := range p.ids() {
		keys = append(append(keys, id[:]...), p.keys[id]...)
		records = append(records, id[:]...)
		records = binary.LittleEndian.AppendUint32(records, uint32(len(p.records[id])))
		records = append(records, p.records[id]...)
	}
	return keys, records
}

// UnmarshalPeople reads what [People.Marshal] wrote. Records without a key (shredded ones) are passed over.
func UnmarshalPeople(keys, records []byte) (*People, error) {
	p := NewPeople()
	const entry = len(PersonID{}) + KeySize
	if len(keys)%entry != 0 {
		return nil, errChanged
	}
	for ; len(keys) > 0; keys = keys[entry:] {
		p.keys[PersonID(keys)] = keys[len(PersonID{}):entry:entry]
	}
	for len(records) > 0 {
		const head = len(PersonID{}) + 4
		if len(records) < head {
			return nil, errChanged
		}
		id := PersonID(records)
		n := int64(binary.LittleEndian.Uint32(records[len(id):]))
		if int64(len(records)-head) < n {
			return nil, errChanged
		}
		if _, ok := p.keys[id]; ok {
			p.records[id] = records[head : head+int(n) : head+int(n)]
		}
		records = records[head+int(n):]
	}
	return p, nil
}

func (p *People) ids() []PersonID {
	out := make([]PersonID, 0, len(p.keys))
	for id := range p.keys {
		out = append(out, id)
	}
	slices.SortFunc(out, func(a, b PersonID) int {
		return bytes.Compare(a[:], b[:])
	})
	return out
}

// personCipher is AES-256-GCM that draws a random nonce for each sealing and keeps it in front. A key seals one record
// a few times in its life, far from where random nonces could meet.
func personCipher(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}
