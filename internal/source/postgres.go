package source

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"kequn"
	"kequn/internal/table"
)

// database is a connection to a PostgreSQL server with a read-only transaction open: whatever is asked sees one snapshot.
type database struct {
	conn    *pgconn.PgConn
	name    string // of the table, as roles are guessed from it
	query   bool   // it is a query's result, not a table
	from    string // what is read, as SQL: a quoted table, or a query in parentheses
	columns []dbColumn

	since     int // column that says what is new, -1 for none
	after     string
	inclusive bool
}

// dbColumn is one column of the table or query.
type dbColumn struct {
	sql     string // its value as SQL
	plain   string // the column itself, as SQL
	typ     valueType
	ordered bool   // it can say what is new
	comment string // what the database says of it
}

// valueType is what a source knows of a column's values before any is seen; the zero value is nothing.
type valueType struct {
	kind   table.Kind
	layout string
	known  bool
}

// isDatabase tells whether a path is the address of a database.
func isDatabase(path string) bool {
	return strings.HasPrefix(path, "postgres://") || strings.HasPrefix(path, "postgresql://")
}

// connectTime is how long a server may take to answer, unless the address says otherwise (connect_timeout).
const connectTime = 15 * time.Second

// openPostgres connects, opens the snapshot and takes a sample:
//
//	postgres://user@host:5432/shop?table=public.orders
//	postgres://host/shop?query=SELECT id, customer_id, paid_at, amount FROM orders WHERE paid
//
// What libpq takes from the surroundings is taken from there: PGHOST, PGUSER, PGPASSWORD, PGPASSFILE, ~/.pgpass, sslmode.
// A password in the address is refused, because addresses end up in histories and logs.
func openPostgres(address string, opt Options) (_ *File, err error) {
	shown, db, config, err := parseAddress(address)
	if err != nil {
		return nil, err
	}
	f := &File{Path: shown, Format: Postgres, Rows: -1, Encoding: "utf-8", opt: opt, db: db, chunk: chunkBytes}
	f.Dialect.Header = true
	defer func() {
		if err != nil {
			db.close()
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	if db.conn, err = pgconn.ConnectConfig(ctx, config); err != nil {
		return nil, f.unreachable(err)
	}
	// Values are written one way, whatever the server's settings; should the transaction end, the next may not write either.
	_, err = db.conn.Exec(ctx, `SET default_transaction_read_only = on; SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'iso_8601';
		SET client_encoding = 'UTF8'; SET standard_conforming_strings = on; SET synchronize_seqscans = off; SET lock_timeout = '30s';
		SET extra_float_digits = 1; SET idle_in_transaction_session_timeout = 0;
		BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY`).ReadAll()
	if err != nil {
		return nil, f.dbError(err)
	}
	if err := f.dbColumns(ctx); err != nil {
		return nil, err
	}
	if err := f.sampleDB(ctx); err != nil {
		return nil, err
	}
	return f, nil
}

const addressForm = "write it as postgres://user@host/database?table=public.orders, or with ?query=SELECT …"

// parseAddress takes our own parameters out of the address. shown is the address without user and query, for people,
// records and errors: none of them may hold what a query compares with.
func parseAddress(address string) (shown string, db *database, config *pgconn.Config, err error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", nil, nil, kequn.Errorf(kequn.KindUsage, "the database's address", "cannot be read").WithHint("%s; in a query write %% as %%25, # as %%23 and & as %%26", addressForm)
	}
	shown = "postgres://" + u.Host + u.Path
	values, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return "", nil, nil, kequn.Errorf(kequn.KindUsage, shown, "what follows the ? cannot be read").WithHint("in a query write %% as %%25, # as %%23, + as %%2B, ; as %%3B and & as %%26")
	}
	_, secret := u.User.Password()
	if secret || values.Has("password") || values.Has("sslpassword") {
		return "", nil, nil, kequn.Errorf(kequn.KindUsage, shown, "a password does not belong into the address: the shell's history and lists of processes keep it").
			WithHint("put it into the environment as PGPASSWORD, or into ~/.pgpass")
	}
	name, query := values.Get("table"), values.Get("query")
	db = &database{since: -1}
	switch {
	case u.Fragment != "":
		return "", nil, nil, kequn.Errorf(kequn.KindUsage, shown, "a # ends the address").WithHint("write it as %%23")
	case name != "" && query != "":
		return "", nil, nil, kequn.Errorf(kequn.KindUsage, shown, "names both a table and a query").WithHint("keep one of them")
	case name != "":
		shown += "?table=" + name
		db.name, db.from = name[strings.LastIndexByte(name, '.')+1:], name // looked up when connected
		db.name = strings.Trim(db.name, `"`)
	case query != "":
		sum := sha256.Sum256([]byte(query))
		shown += "?query=" + hex.EncodeToString(sum[:4]) // tells queries apart without showing them
		db.name, db.query, db.from = "query", true, query
	}
	values.Del("table")
	values.Del("query")
	u.RawQuery = values.Encode()
	config, err = pgconn.ParseConfig(u.String())
	if err != nil {
		var e *pgconn.ParseConfigError
		why := error(nil)
		if errors.As(err, &e) {
			why = e.Unwrap() // without the address
		}
		return "", nil, nil, &kequn.Error{Kind: kequn.KindUsage, Where: shown, Message: "the address cannot be used", Hint: addressForm, Err: why}
	}
	if config.ConnectTimeout <= 0 || config.ConnectTimeout > 10*time.Minute {
		config.ConnectTimeout = connectTime
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "kequn"
	}
	return shown, db, config, nil
}

func (d *database) close() error {
	if d.conn == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return d.conn.Close(ctx)
}

// unreachable says why there is no connection, in words a user can act on and without the secret.
func (f *File) unreachable(err error) error {
	var p *pgconn.PgError
	if errors.As(err, &p) {
		hint := "check user, database and password (PGPASSWORD or ~/.pgpass)"
		return kequn.Errorf(kequn.KindInput, f.Path, "the server refuses: %s", p.Message).WithHint("%s", hint)
	}
	why := "the server does not answer"
	for e := err; e != nil; e = errors.Unwrap(e) {
		if s := e.Error(); strings.Contains(s, "password") && strings.Contains(s, "required") {
			why = "the server asks for a password"
		}
	}
	var timeout interface{ Timeout() bool }
	switch s := err.Error(); {
	case errors.As(err, &timeout) && timeout.Timeout():
		why = "the server does not answer in time"
	case strings.Contains(s, "connection refused"):
		why = "nothing listens there: the connection is refused"
	case strings.Contains(s, "no such host"):
		why = "there is no such host"
	case strings.Contains(s, "no such file"):
		why = "there is no such socket"
	case strings.Contains(s, "tls"), strings.Contains(s, "certificate"):
		return kequn.Errorf(kequn.KindInput, f.Path, "no secure connection can be made: the server has no TLS, or its certificate is not to be trusted for this host").
			WithHint("sslrootcert=FILE names the certificate to trust, and the address must use the name that it stands for; sslmode=require encrypts without checking who answers")
	}
	return kequn.Errorf(kequn.KindInput, f.Path, "%s", why).WithHint("check host and port, and that the server runs; passwords come from PGPASSWORD or ~/.pgpass, TLS from sslmode")
}

// dbError words an error of the server. Those about values (class 22) quote values, which are people's; they stay away.
func (f *File) dbError(err error) error {
	var e *kequn.Error
	if errors.As(err, &e) || errors.Is(err, context.Canceled) {
		return err
	}
	var p *pgconn.PgError
	if !errors.As(err, &p) {
		return kequn.Errorf(kequn.KindInput, f.Path, "the connection broke while it was read").WithHint("try again; the same rows are recognised")
	}
	switch p.Code[:min(len(p.Code), 2)] {
	case "22", "23":
		return kequn.Errorf(kequn.KindInput, f.Path, "the query fails on a value of the data (SQLSTATE %s)", p.Code).WithHint("run it in psql to see which")
	case "25":
		return kequn.Errorf(kequn.KindInput, f.Path, "the query would write, and only reading is done here").WithHint("give a SELECT that calls nothing that writes")
	case "42", "0A":
		if p.Code == "42501" {
			return kequn.Errorf(kequn.KindInput, f.Path, "the user may not read it: %s", p.Message).WithHint("GRANT SELECT ON … TO the user")
		}
		return kequn.Errorf(kequn.KindInput, f.Path, "the server does not accept the query: %s", p.Message)
	case "40", "53", "55", "57", "58":
		return kequn.Errorf(kequn.KindInput, f.Path, "the server stopped the reading: %s", p.Message).WithHint("try again later")
	}
	return kequn.Errorf(kequn.KindInput, f.Path, "the server answers with an error: %s (SQLSTATE %s)", p.Message, p.Code)
}

// ask returns the rows of a query of ours, as text.
func (f *File) ask(ctx context.Context, sql string, args ...string) ([][][]byte, error) {
	values := make([][]byte, len(args))
	for i, a := range args {
		values[i] = []byte(a)
	}
	res := f.db.conn.ExecParams(ctx, sql, values, nil, nil, nil).Read()
	if res.Err != nil {
		return nil, f.dbError(res.Err)
	}
	return res.Rows, nil
}

// dbColumns finds the table or checks the query, and describes the columns.
func (f *File) dbColumns(ctx context.Context) error {
	d := f.db
	switch {
	case d.from == "":
		return f.noTable(ctx, "the address names no table")
	case d.query:
		// The query must be one statement by itself, so that nothing in it can end the parentheses it is put into.
		if _, err := d.conn.Prepare(ctx, "", d.from, nil); err != nil {
			return f.dbError(err)
		}
		d.from = "(" + d.from + "\n)"
	default:
		asWritten := d.from
		if !strings.Contains(asWritten, `"`) && strings.ContainsFunc(asWritten, func(r rune) bool {
			return r < 0x80 && r != '_' && r != '.' && r != '$' && (r < '0' || r > '9') && (r|0x20 < 'a' || r|0x20 > 'z')
		}) {
			asWritten = quoteName(asWritten) // it cannot be a name without quotes
		}
		rows, err := f.ask(ctx, `SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname), obj_description(c.oid, 'pg_class') FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE c.oid = coalesce(to_regclass($1), to_regclass($2)) AND c.relkind IN ('r','v','m','p','f')`, asWritten, quoteName(d.from))
		var e *kequn.Error
		if errors.As(err, &e) && !strings.Contains(e.Message, "syntax") && !strings.Contains(e.Message, "name") {
			return err
		}
		if err != nil || len(rows) == 0 {
			if err != nil { // the transaction has failed; a new one for the list
				d.conn.Exec(ctx, "ROLLBACK; BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY").ReadAll()
			}
			return f.noTable(ctx, "the database has no such table")
		}
		d.from = string(rows[0][0])
		if c := oneLine(rows[0][1]); c != "" {
			f.Notes = append(f.Notes, "the database says of the table: "+c)
		}
	}
	described, err := d.conn.Prepare(ctx, "", "SELECT * FROM "+d.from+" AS kequn_rows", nil)
	if err != nil {
		return f.dbError(err)
	}
	if len(described.Fields) > f.opt.Limits.Columns {
		return f.tooManyColumns(fmt.Sprint(len(described.Fields)))
	}
	var names, omitted []string
	for _, field := range described.Fields {
		c, ok := newDBColumn(field)
		if !ok {
			omitted = append(omitted, field.Name)
			continue
		}
		if field.TableOID != 0 && field.TableAttributeNumber != 0 {
			rows, err := f.ask(ctx, "SELECT col_description($1::oid, $2::int)", strconv.Itoa(int(field.TableOID)), strconv.Itoa(int(field.TableAttributeNumber)))
			if err != nil {
				return err
			}
			if len(rows) == 1 {
				c.comment = oneLine(rows[0][0])
			}
		}
		d.columns = append(d.columns, c)
		names = append(names, field.Name)
	}
	if len(omitted) > 0 {
		f.Notes = append(f.Notes, "columns of bytes are left out: "+strings.Join(omitted, ", "))
	}
	if len(names) == 0 {
		return kequn.Errorf(kequn.KindInput, f.Path, "has no column that can be read")
	}
	return f.nameColumns(names)
}

// noTable refuses with the tables there are.
func (f *File) noTable(ctx context.Context, what string) error {
	rows, err := f.ask(ctx, `SELECT quote_ident(schemaname) || '.' || quote_ident(relname) FROM (SELECT schemaname, tablename AS relname FROM pg_tables UNION ALL SELECT schemaname, viewname FROM pg_views) t
		WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1 LIMIT 40`)
	refusal := kequn.Errorf(kequn.KindInput, f.Path, "%s", what)
	if err != nil || len(rows) == 0 {
		return refusal.WithHint("%s", addressForm)
	}
	var names []string
	for _, r := range rows {
		names = append(names, string(r[0]))
	}
	return refusal.WithHint("its tables are %s; say for example ?table=%s", strings.Join(names, ", "), names[0])
}

// newDBColumn says how a column is asked for. ok is false for bytes, which no column of ours holds.
func newDBColumn(field pgconn.FieldDescription) (c dbColumn, ok bool) {
	c.plain = "kequn_rows." + quoteIdent(field.Name)
	c.sql = c.plain
	c.typ.known = true
	switch field.DataTypeOID {
	case 17:
		return c, false
	case 16: // bool, which COPY writes as t and f
		c.typ.kind, c.sql = table.Bool, c.plain+"::text"
	case 20, 21, 23, 26:
		c.typ.kind, c.ordered = table.Integer, true
	case 700, 701, 1700:
		c.typ.kind, c.ordered = table.Number, true
	case 790: // money is written with signs of the server's locale
		c.typ.kind, c.sql, c.ordered = table.Number, c.plain+"::numeric", true
	case 1082, 1114:
		c.typ.kind, c.typ.layout, c.ordered = table.Time, LayoutISO, true
	case 1184:
		c.typ.kind, c.typ.layout, c.ordered = table.Time, LayoutZoned, true
	default:
		c.typ.kind = table.Text
	}
	return c, true
}

func quoteIdent(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// quoteName quotes the parts of a table's name, for names that need it and were not written so.
func quoteName(name string) string {
	if schema, rest, ok := strings.Cut(name, "."); ok {
		return quoteIdent(schema) + "." + quoteIdent(rest)
	}
	return quoteIdent(name)
}

// oneLine makes a comment of a database fit for one line, at most 200 bytes.
func oneLine(b []byte) string {
	s := strings.Join(strings.FieldsFunc(strings.ToValidUTF8(string(b), ""), func(r rune) bool { return r <= ' ' || r == 0x7F || r == 0x85 || r == 0x2028 || r == 0x2029 }), " ")
	if len(s) > 200 {
		s = strings.ToValidUTF8(s[:200], "") + "…"
	}
	return s
}

// Since makes Read skip what an earlier load has seen: rows whose value of the column is not beyond after, as [File.Newest]
// returned it then. With inclusive, rows equal to it are read again: whoever recognises them by an id loses no row that
// was written at the same instant, later. after "" reads everything.
//
// Rows without the value are read by the first load only.
func (f *File) Since(column, after string, inclusive bool) error {
	if f.db == nil {
		return kequn.Errorf(kequn.KindUsage, "--since-column", "%s is a file; new rows are recognised in databases only", f.Path).
			WithHint("files that were loaded before are recognised by their content; load the folder again")
	}
	i, err := f.columnIndex(column)
	if err != nil {
		return err
	}
	if !f.db.columns[i].ordered {
		return kequn.Errorf(kequn.KindUsage, f.Path, "column %q cannot say which rows are new", column).WithHint("a time or a number that only grows can, such as updated_at")
	}
	for _, c := range after {
		if !strings.ContainsRune("0123456789+-:. eEBC", c) {
			return kequn.Errorf(kequn.KindInternal, f.Path, "what was remembered of column %q is no time or number", column)
		}
	}
	f.db.since, f.db.after, f.db.inclusive = i, after, inclusive
	return nil
}

// Newest returns the greatest value of the column given to [File.Since] in the snapshot, as text; "" if there is none.
func (f *File) Newest(ctx context.Context) (string, error) {
	if f.db == nil || f.db.since < 0 {
		return "", nil
	}
	rows, err := f.ask(ctx, "SELECT max("+f.db.columns[f.db.since].sql+")::text FROM "+f.db.from+" AS kequn_rows")
	if err != nil || len(rows) == 0 {
		return "", err
	}
	return string(rows[0][0]), nil
}

// where is the condition for new rows, or "".
func (d *database) where() string {
	if d.since < 0 || d.after == "" {
		return ""
	}
	op := ">"
	if d.inclusive {
		op = ">="
	}
	return " WHERE " + d.columns[d.since].sql + " " + op + " '" + d.after + "'"
}
