// Package vault keeps keys and seals files with them: seal, open, random access, pseudonyms, rotation, shredding one
// person's key.
//
// There is no cipher of ours in here. Files are sealed by age (filippo.io/age: ChaCha20-Poly1305 in chunks, keys by
// X25519 + ML-KEM-768), people's records by AES-256-GCM, part keys are derived by HKDF-SHA-256, pseudonyms made by
// HMAC-SHA-256. Errors never hold a key, a passphrase or what was sealed. docs/format/keys.md says every field.
package vault

import (
	"bytes"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"strconv"

	"filippo.io/age"

	"kequn"
)

// KeySize is the length of every symmetric key in bytes (256 bits).
const KeySize = 32

// keyringFormat is the version of the keyring's layout.
const keyringFormat = 1

// Keyring holds the keys of one workspace. It is opened by a [Secret] and may be used by several goroutines at once,
// except for [Keyring.Rotate].
type Keyring struct {
	fileKeys   []fileKey // oldest first; the last one writes, all read
	pseudonym  []byte
	identities []*age.HybridIdentity // likewise
}

type fileKey struct {
	ID  string `json:"id"`
	Key []byte `json:"key"`
}

// stored is the keyring as JSON, before it is sealed.
type stored struct {
	Format     int       `json:"format"`
	FileKeys   []fileKey `json:"file_keys"`
	Pseudonym  []byte    `json:"pseudonym_key"`
	Identities []string  `json:"data_identities"`
}

// NewKeyring returns a keyring of fresh random keys.
func NewKeyring() (*Keyring, error) {
	k := &Keyring{pseudonym: randomKey()}
	return k, k.Rotate()
}

// Rotate adds a new file key and a new data identity, which write from now on. The old ones keep reading, so no file
// has to be rewritten.
func (k *Keyring) Rotate() error {
	id, err := age.GenerateHybridIdentity()
	if err != nil {
		return fmt.Errorf("vault: %w", err)
	}
	k.identities = append(k.identities, id)
	k.fileKeys = append(k.fileKeys, fileKey{ID: "k" + strconv.Itoa(len(k.fileKeys)+1), Key: randomKey()})
	return nil
}

// Newest returns the id of the file key that writes.
func (k *Keyring) Newest() string { return k.fileKeys[len(k.fileKeys)-1].ID }

// PartKey derives the key of one part: HKDF-SHA-256 of the file key called id, with the file's random identity as salt.
// Every part has a key of its own, so one can be handed out without giving the others away. An unknown id is an error
// of kind damaged.
func (k *Keyring) PartKey(id string, file []byte) ([]byte, error) {
	for i := range k.fileKeys {
		if k.fileKeys[i].ID == id {
			return hkdf.Key(sha256.New, k.fileKeys[i].Key, file, "kequn part v1", KeySize)
		}
	}
	return nil, kequn.Errorf(kequn.KindDamaged, "", "the keyring has no key %q", id)
}

// Marshal returns the keyring sealed by the secret.
func (k *Keyring) Marshal(s *Secret) ([]byte, error) {
	plain := stored{Format: keyringFormat, FileKeys: k.fileKeys, Pseudonym: k.pseudonym}
	for _, id := range k.identities {
		plain.Identities = append(plain.Identities, id.String())
	}
	data, err := json.Marshal(plain)
	if err != nil {
		return nil, err
	}
	return sealTo(data, s.recipients...)
}

// Unmarshal opens a sealed keyring. A wrong secret and a changed file are errors of kind damaged.
func Unmarshal(sealed []byte, s *Secret) (*Keyring, error) {
	r, err := age.Decrypt(bytes.NewReader(sealed), s.identities...)
	if err != nil {
		return nil, kequn.Errorf(kequn.KindDamaged, "", "the key does not open the keyring").
			WithHint("check the passphrase or identity; keys cannot be recovered without it")
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, errChanged
	}
	var plain stored
	if json.Unmarshal(data, &plain) != nil {
		return nil, errChanged
	}
	if plain.Format > keyringFormat {
		return nil, kequn.Errorf(kequn.KindUsage, "", "the keyring has format %d, this program reads up to %d", plain.Format, keyringFormat).
			WithHint("use a newer kequn")
	}
	k := &Keyring{fileKeys: plain.FileKeys, pseudonym: plain.Pseudonym}
	for _, s := range plain.Identities {
		id, err := age.ParseHybridIdentity(s)
		if err != nil {
			return nil, errChanged
		}
		k.identities = append(k.identities, id)
	}
	ok := len(k.fileKeys) > 0 && len(k.identities) > 0 && len(k.pseudonym) == KeySize
	for _, f := range k.fileKeys {
		ok = ok && len(f.Key) == KeySize
	}
	if !ok {
		return nil, errChanged
	}
	return k, nil
}

var errChanged = kequn.Errorf(kequn.KindDamaged, "", "a sealed file was changed or cut, or is of another workspace")

func randomKey() []byte {
	b := make([]byte, KeySize)
	rand.Read(b) // never fails, see crypto/rand
	return b
}
