package vault

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"kequn"
)

// work is a scrypt cost for tests.
const work = 5

func keyring(t testing.TB) *Keyring {
	t.Helper()
	k, err := NewKeyring()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func phrase(t testing.TB, s string) *Secret {
	t.Helper()
	secret, err := Passphrase([]byte(s), work)
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

func TestKeyringOpensWithItsSecretOnly(t *testing.T) {
	k := keyring(t)
	one, err := NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	two, _ := NewIdentity()
	ids := func(files ...[]byte) *Secret {
		s, err := Identities(bytes.Join(files, nil))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for _, c := range []struct{ seal, open, wrong *Secret }{
		{phrase(t, "open sesame"), phrase(t, "open sesame"), phrase(t, "open sesam")},
		{ids(one), ids(one), ids(two)},
		{ids(one, two), ids(two), phrase(t, "x")},
	} {
		sealed, err := k.Marshal(c.seal)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Unmarshal(sealed, c.open)
		if err != nil {
			t.Fatal(err)
		}
		file := make([]byte, 16)
		a, _ := k.PartKey(k.Newest(), file)
		b, err := got.PartKey(got.Newest(), file)
		if err != nil || !bytes.Equal(a, b) || got.Pseudonym("name", "Ann") != k.Pseudonym("name", "Ann") {
			t.Errorf("the keyring came back otherwise: %v", err)
		}
		if _, err := Unmarshal(sealed, c.wrong); kequn.KindOf(err) != kequn.KindDamaged {
			t.Errorf("a wrong secret: %v", err)
		}
		for at := range sealed {
			if at > 40 && at < len(sealed)-40 && at%37 != 0 {
				continue
			}
			bad := bytes.Clone(sealed)
			bad[at] ^= 4
			if _, err := Unmarshal(bad, c.open); kequn.KindOf(err) != kequn.KindDamaged {
				t.Fatalf("byte %d changed: %v", at, err)
			}
			if _, err := Unmarshal(sealed[:at], c.open); kequn.KindOf(err) != kequn.KindDamaged {
				t.Fatalf("cut to %d bytes: %v", at, err)
			}
		}
	}
}

func TestBadSecretsAreRefusedWithoutTellingThem(t *testing.T) {
	if _, err := Passphrase(nil, work); kequn.KindOf(err) != kequn.KindUsage {
		t.Errorf("an empty passphrase: %v", err)
	}
	bad := "AGE-SECRET-KEY-1SECRETSECRET"
	_, err := Identities([]byte("# mine\n" + bad + "\n"))
	if kequn.KindOf(err) != kequn.KindUsage || strings.Contains(fmt.Sprintf("%+v", err), "SECRETSECRET") {
		t.Errorf("a bad identity: %v", err)
	}
}

func TestSealedComesBackAndChangesAreNoticed(t *testing.T) {
	k, other := keyring(t), keyring(t)
	rapid.Check(t, func(r *rapid.T) {
		size := rapid.SampledFrom([]int{0, 1, 100, 65535, 65536, 65537, 200_000}).Draw(r, "size")
		data := bytes.Repeat([]byte("0123456789abcdef!"), size/17+1)[:size]
		sealed, err := k.SealBytes(data)
		if err != nil {
			r.Fatal(err)
		}
		if size > 16 && bytes.Contains(sealed, data[:16]) {
			r.Fatal("sealed data can be read")
		}
		got, err := k.OpenBytes(sealed)
		if err != nil || !bytes.Equal(got, data) {
			r.Fatalf("%d bytes came back as %d, %v", size, len(got), err)
		}
		at, n, err := k.OpenAt(bytes.NewReader(sealed), int64(len(sealed)))
		if err != nil || n != int64(size) {
			r.Fatalf("random access: %d bytes, %v", n, err)
		}
		if size > 10 {
			from := rapid.IntRange(0, size-10).Draw(r, "from")
			b := make([]byte, 10)
			if _, err := at.ReadAt(b, int64(from)); err != nil && err != io.EOF || !bytes.Equal(b, data[from:from+10]) {
				r.Fatalf("at %d: %q, %v", from, b, err)
			}
		}
		if _, err := other.OpenBytes(sealed); kequn.KindOf(err) != kequn.KindDamaged {
			r.Fatalf("another keyring: %v", err)
		}
		bad := bytes.Clone(sealed)
		bad[rapid.IntRange(0, len(bad)-1).Draw(r, "flip")] ^= 1 << rapid.IntRange(0, 7).Draw(r, "bit")
		if _, err := k.OpenBytes(bad); kequn.KindOf(err) != kequn.KindDamaged {
			r.Fatalf("a flipped bit: %v", err)
		}
		if _, err := k.OpenBytes(sealed[:rapid.IntRange(0, len(sealed)-1).Draw(r, "cut")]); kequn.KindOf(err) != kequn.KindDamaged {
			r.Fatalf("a cut file: %v", err)
		}
	})
}

func TestRotationKeepsReading(t *testing.T) {
	k := keyring(t)
	before, _ := k.SealBytes([]byte("old"))
	first := k.Newest()
	oldKey, _ := k.PartKey(first, []byte("file"))
	if err := k.Rotate(); err != nil {
		t.Fatal(err)
	}
	if k.Newest() == first {
		t.Error("the newest key is the old one")
	}
	if got, err := k.OpenBytes(before); err != nil || string(got) != "old" {
		t.Errorf("an old file: %q, %v", got, err)
	}
	if again, err := k.PartKey(first, []byte("file")); err != nil || !bytes.Equal(again, oldKey) {
		t.Errorf("an old part's key changed: %v", err)
	}
	if next, _ := k.PartKey(k.Newest(), []byte("file")); bytes.Equal(next, oldKey) {
		t.Error("the new key is the old one")
	}
	if _, err := k.PartKey("k9", nil); kequn.KindOf(err) != kequn.KindDamaged {
		t.Errorf("an unknown key: %v", err)
	}
	sealed, err := k.Marshal(phrase(t, "p"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := Unmarshal(sealed, phrase(t, "p"))
	if err != nil || got.Newest() != k.Newest() {
		t.Fatal(err)
	}
	if text, err := got.OpenBytes(before); err != nil || string(text) != "old" {
		t.Errorf("after rewriting the keyring: %v", err)
	}
}

func TestPseudonyms(t *testing.T) {
	k := keyring(t)
	seen := map[string]bool{}
	for _, kind := range []string{"name", "email"} {
		for i := range 1000 {
			p := k.Pseudonym(kind, fmt.Sprint(i))
			if len(p) != 32 || seen[p] {
				t.Fatalf("pseudonym %q of %s %d", p, kind, i)
			}
			seen[p] = true
			if p != k.Pseudonym(kind, fmt.Sprint(i)) {
				t.Fatal("a pseudonym changed")
			}
		}
	}
	if keyring(t).Pseudonym("name", "1") == k.Pseudonym("name", "1") {
		t.Error("two workspaces have the same pseudonyms")
	}
}

func TestPeopleAreReadWithTheirKeyOnly(t *testing.T) {
	k := keyring(t)
	p := NewPeople()
	ann, bob := k.Person("ann"), k.Person("bob")
	for _, id := range []PersonID{ann, bob} {
		if err := p.Put(id, map[string]string{"email": "x@example.org"}); err != nil {
			t.Fatal(err)
		}
	}
	q := NewPeople()
	if err := q.Put(ann, map[string]string{"name": "Ann"}); err != nil {
		t.Fatal(err)
	}
	if err := p.Merge(q); err != nil {
		t.Fatal(err)
	}
	keys, records := p.Marshal()
	if bytes.Contains(records, []byte("example")) || bytes.Contains(records, []byte("Ann")) {
		t.Error("records can be read")
	}
	got, err := UnmarshalPeople(keys, records)
	if err != nil {
		t.Fatal(err)
	}
	if f, err := got.Get(ann); err != nil || fmt.Sprint(f) != "map[email:x@example.org name:Ann]" {
		t.Errorf("ann is %v, %v", f, err)
	}
	// Without ann's key her record, wherever a copy lies, says nothing, and bob's is as before.
	if !got.Drop(ann) || got.Drop(ann) {
		t.Error("dropping told the wrong thing")
	}
	fewer, _ := got.Marshal()
	if got, err = UnmarshalPeople(fewer, records); err != nil {
		t.Fatal(err)
	}
	if f, err := got.Get(ann); f != nil || err != nil {
		t.Errorf("ann is %v, %v", f, err)
	}
	if f, err := got.Get(bob); err != nil || f["email"] != "x@example.org" {
		t.Errorf("bob is %v, %v", f, err)
	}
	// A record is bound to its person.
	swapped, err := UnmarshalPeople(append(append(append([]byte{}, bob[:]...), keyOf(keys, ann)...), nil...), renamed(records, ann, bob))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := swapped.Get(bob); kequn.KindOf(err) != kequn.KindDamaged {
		t.Errorf("another person's record: %v", err)
	}
}

func keyOf(keys []byte, id PersonID) []byte {
	i := bytes.Index(keys, id[:])
	return keys[i+16 : i+48]
}

// renamed gives the record of one person the name of another, whose own goes away.
func renamed(records []byte, from, to PersonID) []byte {
	out := bytes.ReplaceAll(records, to[:], bytes.Repeat([]byte{7}, 16))
	return bytes.Replace(out, from[:], to[:], 1)
}

func FuzzUnmarshalPeople(f *testing.F) {
	p := NewPeople()
	p.Put(PersonID{1}, map[string]string{"a": "b"})
	keys, records := p.Marshal()
	f.Add(keys, records)
	f.Fuzz(func(t *testing.T, keys, records []byte) {
		p, err := UnmarshalPeople(keys, records)
		if err != nil {
			return
		}
		for _, id := range p.ids() {
			p.Get(id)
		}
		p.Marshal()
	})
}

func BenchmarkPseudonym(b *testing.B) {
	k := keyring(b)
	for range b.N {
		k.Pseudonym("email", "somebody@example.org")
	}
}

func BenchmarkSealSmall(b *testing.B) {
	k := keyring(b)
	data := make([]byte, 10_000)
	for range b.N {
		if _, err := k.SealBytes(data); err != nil {
			b.Fatal(err)
		}
	}
}
