//go:build !unix

// Package sourcetest starts what sources read from: a PostgreSQL server of its own for a test.
package sourcetest

import "testing"

// Password is the password of the server's user.
const Password = "Geheim-93-kQ"

// Postgres is a running server.
type Postgres struct{}

// StartPostgres skips the test: the server is started on Unix only.
func StartPostgres(t testing.TB) *Postgres {
	t.Skip("a PostgreSQL server is started for tests on Unix only")
	return nil
}

// StartPostgresTLS skips the test.
func StartPostgresTLS(t testing.TB) *Postgres { return StartPostgres(t) }

// TCP is the address of a table over TCP.
func (p *Postgres) TCP(host, mode, table string) string { return "" }

// Certificate is the file of a certificate to trust.
func (p *Postgres) Certificate(name string) string { return "" }

// Address is what a user would write for a table or a query.
func (p *Postgres) Address(what, value string) string { return "" }

// Exec runs statements.
func (p *Postgres) Exec(t testing.TB, sql string) {}
