package source

import (
	"net/url"
	"strings"
	"testing"

	"kequn/internal/source/sourcetest"
)

// TestPostgresTLS reads over TCP with a password, and over TLS from a server whose certificate is checked, and from no other.
func TestPostgresTLS(t *testing.T) {
	db := sourcetest.StartPostgresTLS(t)
	db.Exec(t, `CREATE TABLE orders (id int); INSERT INTO orders VALUES (7)`)
	trust := func(name string) string { return "&sslrootcert=" + url.QueryEscape(db.Certificate(name)) }
	for _, address := range []string{
		db.TCP("localhost", "disable", "orders"),
		db.TCP("localhost", "require", "orders"),
		db.TCP("localhost", "verify-full", "orders") + trust("root"),
		db.TCP("127.0.0.1", "verify-ca", "orders") + trust("root"),
	} {
		if _, rows, _, err := rowsText(t, address, 0); err != nil || rows != "7@1" {
			t.Errorf("%s: %q %v", address, rows, err)
		}
	}
	for _, c := range []struct{ name, address, want string }{
		{"another certificate", db.TCP("localhost", "verify-full", "orders") + trust("other"), "certificate"},
		{"another certificate, any name", db.TCP("localhost", "verify-ca", "orders") + trust("other"), "certificate"},
		{"a name that the certificate does not have", db.TCP("127.0.0.1", "verify-full", "orders") + trust("root"), "certificate"},
		{"a certificate that nobody vouches for", db.TCP("localhost", "verify-full", "orders"), "certificate"},
		{"no file of certificates", db.TCP("localhost", "verify-full", "orders") + trust("nowhere"), "the address cannot be used"},
	} {
		f, err := Open(c.address, Options{})
		if err == nil {
			f.Close()
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), sourcetest.Password) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	t.Setenv("PGPASSWORD", "wrong-"+sourcetest.Password)
	f, err := Open(db.TCP("localhost", "verify-full", "orders")+trust("root"), Options{})
	if err == nil {
		f.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "refuses") || strings.Contains(err.Error(), sourcetest.Password) {
		t.Errorf("a wrong password: %v", err)
	}
}
