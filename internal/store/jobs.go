package store

import (
	"database/sql"
	"errors"
	"io/fs"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite", in Go

	"kequn"
)

// Job is one command that was run, as state.db remembers it. It holds no personal value.
type Job struct {
	ID      int64
	Verb    string
	Started time.Time
	Ended   time.Time // zero while it runs, or when it was cut short
	Status  string    // running, done, failed
	Exit    int
	Rows    int64
}

const jobsSchema = `CREATE TABLE IF NOT EXISTS jobs (
	id INTEGER PRIMARY KEY, verb TEXT NOT NULL, started INTEGER NOT NULL, ended INTEGER,
	status TEXT NOT NULL, exit INTEGER NOT NULL DEFAULT 0, rows INTEGER NOT NULL DEFAULT 0) STRICT`

// state opens state.db, made on first use.
func (w *Workspace) state() (*sql.DB, error) {
	db, err := sql.Open("sqlite", "file:"+sqlitePath(w.path("state.db"))+"?_pragma=busy_timeout(5000)&_pragma=synchronous(FULL)&_pragma=journal_mode(DELETE)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	if _, err := db.Exec(jobsSchema); err != nil {
		db.Close()
		e := kequn.Errorf(kequn.KindDamaged, w.path("state.db"), "cannot be opened").WithHint("it holds the list of jobs only: remove it to go on")
		e.Err = err
		return nil, e
	}
	return db, nil
}

// sqlitePath escapes what a file URI cannot hold.
func sqlitePath(path string) string {
	var out []byte
	for _, c := range []byte(path) {
		switch c {
		case '?', '#', '%':
			out = append(out, '%', "0123456789ABCDEF"[c>>4], "0123456789ABCDEF"[c&15])
		case '\\':
			out = append(out, '/')
		default:
			out = append(out, c)
		}
	}
	return string(out)
}

// StartJob notes that a command begins and returns its number.
func (w *Workspace) StartJob(verb string) (int64, error) {
	db, err := w.state()
	if err != nil {
		return 0, err
	}
	defer db.Close()
	r, err := db.Exec(`INSERT INTO jobs (verb, started, status) VALUES (?, ?, 'running')`, verb, time.Now().UnixMicro())
	if err != nil {
		return 0, diskError(err)
	}
	return r.LastInsertId()
}

// EndJob notes how a command ended.
func (w *Workspace) EndJob(id int64, exit int, rows int64) error {
	db, err := w.state()
	if err != nil {
		return err
	}
	defer db.Close()
	status := "done"
	if exit != 0 {
		status = "failed"
	}
	_, err = db.Exec(`UPDATE jobs SET ended = ?, status = ?, exit = ?, rows = ? WHERE id = ?`, time.Now().UnixMicro(), status, exit, rows, id)
	return diskError(err)
}

// Jobs lists the last commands, newest first.
func (w *Workspace) Jobs(limit int) ([]Job, error) {
	if _, err := w.fs.size(w.path("state.db")); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	db, err := w.state()
	if err != nil {
		return nil, err
	}
	defer db.Close()
	rows, err := db.Query(`SELECT id, verb, started, coalesce(ended, 0), status, exit, rows FROM jobs ORDER BY id DESC LIMIT ?`, limit)
	if err != nil {
		return nil, diskError(err)
	}
	defer rows.Close()
	var out []Job
	for rows.Next() {
		var j Job
		var started, ended int64
		if err := rows.Scan(&j.ID, &j.Verb, &started, &ended, &j.Status, &j.Exit, &j.Rows); err != nil {
			return nil, diskError(err)
		}
		j.Started = time.UnixMicro(started).UTC()
		if ended != 0 {
			j.Ended = time.UnixMicro(ended).UTC()
		}
		out = append(out, j)
	}
	return out, diskError(rows.Err())
}

// verifyState returns what is wrong with state.db, "" if nothing is.
func (w *Workspace) verifyState() string {
	if _, onDisk := w.fs.(disk); !onDisk {
		return ""
	}
	if _, err := w.fs.size(w.path("state.db")); err != nil {
		return ""
	}
	db, err := w.state()
	if err != nil {
		return "cannot be opened"
	}
	defer db.Close()
	var answer string
	if err := db.QueryRow(`PRAGMA integrity_check`).Scan(&answer); err != nil || answer != "ok" {
		return "is damaged"
	}
	return ""
}

// NoteJob notes a command that has ended: one row, one sync.
func (w *Workspace) NoteJob(verb string, started time.Time, exit int) error {
	db, err := w.state()
	if err != nil {
		return err
	}
	defer db.Close()
	status := "done"
	if exit != 0 {
		status = "failed"
	}
	_, err = db.Exec(`INSERT INTO jobs (verb, started, ended, status, exit) VALUES (?, ?, ?, ?, ?)`, verb, started.UnixMicro(), time.Now().UnixMicro(), status, exit)
	return diskError(err)
}
