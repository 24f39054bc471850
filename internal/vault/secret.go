package vault

import (
	"bytes"

	"filippo.io/age"

	"kequn"
)

// WorkFactor is the scrypt cost of new passphrases: 2^18 rounds, about a second and 256 MB for each guess.
const WorkFactor = 18

// Secret is what a person keeps to open the keyring: a passphrase or age identities.
type Secret struct {
	recipients []age.Recipient
	identities []age.Identity
}

// Passphrase makes a secret of a passphrase. The work factor is the binary logarithm of the scrypt cost for sealing;
// 0 means [WorkFactor].
func Passphrase(phrase []byte, workFactor int) (*Secret, error) {
	if len(phrase) == 0 {
		return nil, kequn.Errorf(kequn.KindUsage, "", "the passphrase is empty").
			WithHint("set KEQUN_PASSPHRASE, or give --identity FILE")
	}
	r, err := age.NewScryptRecipient(string(phrase))
	if err != nil {
		return nil, err
	}
	if workFactor == 0 {
		workFactor = WorkFactor
	}
	r.SetWorkFactor(workFactor)
	i, err := age.NewScryptIdentity(string(phrase))
	if err != nil {
		return nil, err
	}
	return &Secret{recipients: []age.Recipient{r}, identities: []age.Identity{i}}, nil
}

// Identities makes a secret of an age identity file, as age-keygen writes it: lines of AGE-SECRET-KEY-1… (X25519) or
// AGE-SECRET-KEY-PQ-1… (hybrid), and comments. With several, each of them opens the keyring; hybrid and X25519
// identities cannot be mixed.
func Identities(file []byte) (*Secret, error) {
	ids, err := age.ParseIdentities(bytes.NewReader(file))
	if err != nil {
		// The library's error may quote the line, which is the key.
		return nil, kequn.Errorf(kequn.KindUsage, "", "the identity file holds no age identity").
			WithHint("make one with age-keygen -o FILE, or use a passphrase")
	}
	s := &Secret{identities: ids}
	for _, id := range ids {
		switch id := id.(type) {
		case *age.X25519Identity:
			s.recipients = append(s.recipients, id.Recipient())
		case *age.HybridIdentity:
			s.recipients = append(s.recipients, id.Recipient())
		default:
			return nil, kequn.Errorf(kequn.KindUsage, "", "the identity file holds an identity of another kind than X25519 or hybrid")
		}
	}
	return s, nil
}

// NewIdentity returns the text of a fresh identity file.
func NewIdentity() ([]byte, error) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, err
	}
	return []byte("# public key: " + id.Recipient().String() + "\n" + id.String() + "\n"), nil
}
