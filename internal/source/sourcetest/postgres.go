//go:build unix

// Package sourcetest starts what sources read from: a PostgreSQL server of its own for a test.
package sourcetest

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Password is the password of the server's user; it looks like no other word, so that tests can search for it.
const Password = "Geheim-93-kQ"

// Postgres is a running server that listens on a socket in a folder of its own and nowhere else.
type Postgres struct {
	dir  string
	port int // of TCP, 0 for none
}

// StartPostgres starts a server that ends with the test. Without the binaries of PostgreSQL (Debian: apt-get install
// postgresql) the test is skipped. It sets PGPASSWORD for the test.
func StartPostgres(t testing.TB) *Postgres {
	t.Helper()
	return startPostgres(t, false)
}

// StartPostgresTLS starts a server that listens on localhost too, with passwords and with a certificate of its own for the name localhost.
func StartPostgresTLS(t testing.TB) *Postgres {
	t.Helper()
	return startPostgres(t, true)
}

func startPostgres(t testing.TB, tcp bool) *Postgres {
	t.Helper()
	bin := postgresBin()
	if bin == "" {
		t.Skip("no PostgreSQL server is installed here (Debian: apt-get install postgresql)")
	}
	dir, err := os.MkdirTemp("", "kequn-pg-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	attr := &syscall.SysProcAttr{}
	if os.Geteuid() == 0 { // PostgreSQL refuses to run as root
		uid, gid, ok := unprivileged()
		if !ok {
			t.Skip("PostgreSQL does not run as root, and there is no user postgres or nobody")
		}
		if err := os.Chown(dir, uid, gid); err != nil {
			t.Skip("a folder cannot be given to another user: ", err)
		}
		attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	pw := filepath.Join(dir, "pw")
	if err := os.WriteFile(pw, []byte(Password), 0o644); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-U", "kequn", "-A", "scram-sha-256", "--pwfile", pw, "-E", "UTF8", "--locale=C", "-N")
	initdb.SysProcAttr, initdb.Dir = attr, dir
	initdb.Env = append(os.Environ(), "HOME="+dir)
	if out, err := initdb.CombinedOutput(); err != nil {
		t.Skipf("initdb does not run here: %v\n%s", err, out)
	}
	p := &Postgres{dir: dir}
	listen := []string{"-c", "listen_addresses="}
	if tcp {
		p.port = freePort(t)
		cert, key := newCertificate(t, dir, "root")
		if attr.Credential != nil {
			if err := os.Chown(key, int(attr.Credential.Uid), int(attr.Credential.Gid)); err != nil {
				t.Fatal(err)
			}
		}
		newCertificate(t, dir, "other")
		listen = []string{"-c", "listen_addresses=127.0.0.1", "-c", "port=" + strconv.Itoa(p.port), "-c", "ssl=on", "-c", "ssl_cert_file=" + cert, "-c", "ssl_key_file=" + key}
	}
	var log bytes.Buffer
	server := exec.Command(filepath.Join(bin, "postgres"), append(listen, "-D", data, "-k", dir, "-c", "fsync=off", "-c", "max_connections=10", "-c", "timezone=Asia/Shanghai", "-c", "datestyle=German")...)
	server.SysProcAttr, server.Dir, server.Stdout, server.Stderr = attr, dir, &log, &log
	if err := server.Start(); err != nil {
		t.Skip("the server does not start: ", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Wait() }()
	t.Cleanup(func() {
		server.Process.Signal(syscall.SIGQUIT)
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			server.Process.Kill()
		}
	})
	t.Setenv("PGPASSWORD", Password)
	for range 200 {
		if conn, err := pgconn.Connect(context.Background(), p.address("postgres")); err == nil {
			conn.Close(context.Background())
			return p
		}
		select {
		case <-ended:
			t.Skipf("the server does not run here:\n%s", log.String())
		case <-time.After(50 * time.Millisecond):
		}
	}
	t.Fatalf("the server does not answer:\n%s", log.String())
	return nil
}

func (p *Postgres) address(database string) string {
	address := "postgres://kequn@/" + database + "?host=" + url.QueryEscape(p.dir)
	if p.port != 0 {
		address += "&port=" + strconv.Itoa(p.port)
	}
	return address
}

// TCP is the address of a table over TCP; host is localhost, or 127.0.0.1 for which the certificate does not stand. mode is the sslmode.
func (p *Postgres) TCP(host, mode, table string) string {
	return "postgres://kequn@" + host + ":" + strconv.Itoa(p.port) + "/postgres?sslmode=" + mode + "&table=" + url.QueryEscape(table)
}

// Certificate is the file of a certificate to trust: "root" is the server's, "other" another one.
func (p *Postgres) Certificate(name string) string { return filepath.Join(p.dir, name+".crt") }

// newCertificate writes a certificate for localhost that signs itself, and its key.
func newCertificate(t testing.TB, dir, name string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "kequn test " + name}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	signed, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key")
	for _, f := range []struct {
		path, kind string
		body       []byte
		mode       os.FileMode
	}{{cert, "CERTIFICATE", signed, 0o644}, {key, "PRIVATE KEY", secret, 0o600}} {
		if err := os.WriteFile(f.path, pem.EncodeToMemory(&pem.Block{Type: f.kind, Bytes: f.body}), f.mode); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Skip("no port is free: ", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// Address is what a user would write for a table or a query ("table", "public.orders").
func (p *Postgres) Address(what, value string) string {
	return p.address("postgres") + "&" + what + "=" + url.QueryEscape(value)
}

// Exec runs statements as another user of the database would.
func (p *Postgres) Exec(t testing.TB, sql string) {
	t.Helper()
	conn, err := pgconn.Connect(context.Background(), p.address("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(context.Background(), sql).ReadAll(); err != nil {
		t.Fatal(err)
	}
}

// postgresBin returns the folder of the server's programs, of the newest version there is, or "".
func postgresBin() string {
	best, version := "", -1.0
	for _, p := range []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql/bin", "/opt/homebrew/opt/postgresql*/bin"} {
		found, _ := filepath.Glob(p)
		for _, dir := range found {
			v, _ := strconv.ParseFloat(strings.Trim(filepath.Base(filepath.Dir(dir)), "pgsqlotre@-"), 64)
			if _, err := os.Stat(filepath.Join(dir, "initdb")); err == nil && v > version {
				best, version = dir, v
			}
		}
	}
	if best == "" {
		if at, err := exec.LookPath("initdb"); err == nil {
			if real, err := filepath.EvalSymlinks(at); err == nil {
				best = filepath.Dir(real)
			}
		}
	}
	return best
}

func unprivileged() (uid, gid int, ok bool) {
	for _, name := range []string{"postgres", "nobody"} {
		if u, err := user.Lookup(name); err == nil {
			uid, err1 := strconv.Atoi(u.Uid)
			gid, err2 := strconv.Atoi(u.Gid)
			return uid, gid, err1 == nil && err2 == nil
		}
	}
	return 0, 0, false
}
