package vault

import (
	"bytes"
	"io"

	"filippo.io/age"
)

// Seal returns a writer that seals to w with the newest data identity. Closing it ends the file but does not close w.
func (k *Keyring) Seal(w io.Writer) (io.WriteCloser, error) {
	return age.Encrypt(w, k.identities[len(k.identities)-1].Recipient())
}

// SealBytes returns data sealed.
func (k *Keyring) SealBytes(data []byte) ([]byte, error) {
	return sealTo(data, k.identities[len(k.identities)-1].Recipient())
}

// Open returns a reader of what was sealed. The first error of kind damaged says that the key is another one; errors of
// later reads mean that the file was changed or cut. Nothing unauthenticated is ever returned.
func (k *Keyring) Open(r io.Reader) (io.Reader, error) {
	plain, err := age.Decrypt(r, k.opening()...)
	if err != nil {
		return nil, errChanged
	}
	return checkedReader{plain}, nil
}

// OpenBytes opens what [Keyring.SealBytes] sealed.
func (k *Keyring) OpenBytes(sealed []byte) ([]byte, error) {
	r, err := k.Open(bytes.NewReader(sealed))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// OpenAt gives random access to a sealed file of the given size, and tells the size of what is in it. Chunks of 64 KiB
// are authenticated as they are read; the last one is checked at once, so a cut file is refused here.
func (k *Keyring) OpenAt(r io.ReaderAt, size int64) (io.ReaderAt, int64, error) {
	plain, n, err := age.DecryptReaderAt(r, size, k.opening()...)
	if err != nil {
		return nil, 0, errChanged
	}
	return plain, n, nil
}

// opening lists the data identities, newest first: most files are of the newest.
func (k *Keyring) opening() []age.Identity {
	out := make([]age.Identity, 0, len(k.identities))
	for i := len(k.identities) - 1; i >= 0; i-- {
		out = append(out, k.identities[i])
	}
	return out
}

type checkedReader struct{ r io.Reader }

func (c checkedReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if err != nil && err != io.EOF {
		err = errChanged
	}
	return n, err
}

func sealTo(data []byte, to ...age.Recipient) ([]byte, error) {
	var out bytes.Buffer
	out.Grow(len(data) + 4096)
	w, err := age.Encrypt(&out, to...)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
