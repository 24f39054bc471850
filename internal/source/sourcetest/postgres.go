//go:build unix

// Package sourcetest starts what sources read from: a PostgreSQL server of its own for a test.
package sourcetest

import (
	"bytes"
	"context"
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
	dir string
}

// StartPostgres starts a server that ends with the test. Without the binaries of PostgreSQL (Debian: apt-get install
// postgresql) the test is skipped. It sets PGPASSWORD for the test.
func StartPostgres(t testing.TB) *Postgres {
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
	var log bytes.Buffer
	server := exec.Command(filepath.Join(bin, "postgres"), "-D", data, "-k", dir, "-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=10", "-c", "timezone=Asia/Shanghai", "-c", "datestyle=German")
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
	p := &Postgres{dir: dir}
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
	return "postgres://kequn@/" + database + "?host=" + url.QueryEscape(p.dir)
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
