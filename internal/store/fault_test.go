package store

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"
	"syscall"
	"testing"

	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/table"
	"kequn/internal/vault"
)

// memoryFS is a file system in memory that behaves as badly as a real one may: what was not synced can be lost or torn
// when the power goes, names are durable only once their folder was synced, and any operation can fail.
type memoryFS struct {
	mu    sync.Mutex
	now   map[string]*memNode // names as programs see them
	disk  map[string]*memNode // names that would survive
	dirs  map[string]bool
	held  map[string]bool
	ops   int
	fail  func(op int, what string) error // asked before each operation that changes something
	trace []string
}

type memNode struct {
	data   []byte
	synced []byte
}

func newMemoryFS() *memoryFS {
	return &memoryFS{now: map[string]*memNode{}, disk: map[string]*memNode{}, dirs: map[string]bool{}, held: map[string]bool{}}
}

// step counts an operation and lets it fail.
func (m *memoryFS) step(what string) error {
	m.ops++
	m.trace = append(m.trace, what)
	if m.fail != nil {
		return m.fail(m.ops, what)
	}
	return nil
}

// crash returns what is found after the power went: synced names and bytes, and at random some of the rest: a name that
// was not synced yet, or a file with only the front, or rubbish, of what was written since its last sync.
func (m *memoryFS) crash(s *kernel.Stream) *memoryFS {
	out := newMemoryFS()
	names := map[string]*memNode{}
	for n, f := range m.disk {
		names[n] = f
	}
	var all []string
	for n := range m.now {
		all = append(all, n)
	}
	for n := range m.disk {
		if m.now[n] == nil {
			all = append(all, n)
		}
	}
	sort.Strings(all)
	for _, n := range all {
		if m.now[n] == m.disk[n] || s.Bool(0.5) {
			continue
		}
		if m.now[n] == nil {
			delete(names, n) // the removal got through
		} else {
			names[n] = m.now[n]
		}
	}
	sort.Strings(all)
	for _, n := range all {
		f := names[n]
		if f == nil {
			continue
		}
		data := bytes.Clone(f.synced)
		if tail := len(f.data) - len(f.synced); tail > 0 && s.Bool(0.7) {
			keep := s.Intn(tail + 1)
			data = append(data, f.data[len(f.synced):len(f.synced)+keep]...)
			if keep > 0 && s.Bool(0.3) {
				for i := len(f.synced); i < len(data); i++ {
					data[i] = byte(s.Uint64())
				}
			}
		}
		c := &memNode{data: data, synced: bytes.Clone(data)}
		out.now[n], out.disk[n] = c, c
	}
	for d := range m.dirs {
		out.dirs[d] = true
	}
	return out
}

var errPower = errors.New("the power went")

func (m *memoryFS) create(name string) (writeFile, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.step("create " + filepath.Base(name)); err != nil {
		return nil, err
	}
	if m.now[name] != nil {
		return nil, fs.ErrExist
	}
	if !m.dirs[filepath.Dir(name)] {
		return nil, fs.ErrNotExist
	}
	f := &memNode{}
	m.now[name] = f
	return &memWriter{m, f}, nil
}

type memWriter struct {
	m *memoryFS
	f *memNode
}

func (w *memWriter) Write(p []byte) (int, error) {
	w.m.mu.Lock()
	defer w.m.mu.Unlock()
	if err := w.m.step("write"); err != nil {
		n := len(p) / 2 // torn
		w.f.data = append(w.f.data, p[:n]...)
		return n, err
	}
	w.f.data = append(w.f.data, p...)
	return len(p), nil
}

func (w *memWriter) Sync() error {
	w.m.mu.Lock()
	defer w.m.mu.Unlock()
	if err := w.m.step("sync"); err != nil {
		return err
	}
	w.f.synced = bytes.Clone(w.f.data)
	return nil
}

func (w *memWriter) Close() error { return nil }

func (m *memoryFS) open(name string) (readFile, error) {
	data, err := m.read(name)
	if err != nil {
		return nil, err
	}
	return memoryFile{bytes.NewReader(data)}, nil
}

func (m *memoryFS) read(name string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if f := m.now[name]; f != nil {
		return bytes.Clone(f.data), nil
	}
	return nil, fs.ErrNotExist
}

func (m *memoryFS) rename(from, to string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.step("rename " + filepath.Base(to)); err != nil {
		return err
	}
	f := m.now[from]
	if f == nil {
		return fs.ErrNotExist
	}
	delete(m.now, from)
	m.now[to] = f
	return nil
}

func (m *memoryFS) remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.step("remove"); err != nil {
		return err
	}
	delete(m.now, name)
	return nil
}

func (m *memoryFS) removeAll(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.step("removeAll"); err != nil {
		return err
	}
	for n := range m.now {
		if strings.HasPrefix(n, dir+string(filepath.Separator)) {
			delete(m.now, n)
		}
	}
	for d := range m.dirs {
		if d == dir || strings.HasPrefix(d, dir+string(filepath.Separator)) {
			delete(m.dirs, d)
		}
	}
	return nil
}

func (m *memoryFS) mkdir(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.step("mkdir"); err != nil {
		return err
	}
	for d := dir; !m.dirs[d]; d = filepath.Dir(d) {
		m.dirs[d] = true
	}
	return nil
}

func (m *memoryFS) list(dir string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []string
	for _, group := range []func(func(string)){
		func(f func(string)) {
			for n := range m.now {
				f(n)
			}
		},
		func(f func(string)) {
			for d := range m.dirs {
				f(d)
			}
		},
	} {
		group(func(n string) {
			if filepath.Dir(n) == dir {
				out = append(out, filepath.Base(n))
			}
		})
	}
	sort.Strings(out)
	return slices.Compact(out), nil
}

func (m *memoryFS) size(name string) (int64, error) {
	data, err := m.read(name)
	return int64(len(data)), err
}

func (m *memoryFS) syncDir(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.step("syncDir " + filepath.Base(dir)); err != nil {
		return err
	}
	for n := range m.disk {
		if filepath.Dir(n) == dir && m.now[n] == nil {
			delete(m.disk, n)
		}
	}
	for n, f := range m.now {
		if filepath.Dir(n) == dir {
			m.disk[n] = f
		}
	}
	return nil
}

type memLock struct {
	m    *memoryFS
	name string
}

func (m *memoryFS) lock(name string) (fileLock, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.held[name] {
		return nil, errLocked
	}
	m.held[name] = true
	return memLock{m, name}, nil
}

func (l memLock) write(holder []byte) error { return nil }

func (l memLock) unlock() error {
	l.m.mu.Lock()
	defer l.m.mu.Unlock()
	delete(l.m.held, l.name)
	return nil
}

// TestAnyCrashLeavesOldOrNew runs a history of loads, tables and blobs and cuts it at a random operation, by the power or by
// an error. What is found afterwards must be the state before or after the write under way, whole, and the history must go
// on from there.
func TestAnyCrashLeavesOldOrNew(t *testing.T) {
	seeds := 150
	if testing.Short() {
		seeds = 20
	}
	for seed := range uint64(seeds) {
		if err := crashOnce(seed); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

func crashOnce(seed uint64) error {
	s := kernel.NewStream(seed)
	disk := newMemoryFS()
	secret, err := vault.Passphrase([]byte("x"), 1)
	if err != nil {
		return err
	}
	o := Options{files: disk, Threads: 1, Memory: []int64{1, 0}[s.Intn(2)], Secret: func() (*vault.Secret, error) { return secret, nil }}
	dir := filepath.Join("mem", "shop")
	sealed := s.Bool(0.3)
	open := func() (*Workspace, error) {
		if sealed {
			if w, err := Open(dir, o); err == nil {
				return w, nil
			}
			return InitKey(dir, secret, o)
		}
		return Create(dir, o)
	}
	w, err := open()
	if err != nil {
		return err
	}
	state := "" // dump of the newest committed state
	for write := range 4 {
		cut := 1 + s.Intn(120)
		how := s.Intn(4)
		start := disk.ops
		var dead bool
		disk.fail = func(op int, what string) error {
			switch {
			case dead:
				return errPower
			case op-start != cut:
				return nil
			}
			switch how {
			case 0, 1:
				dead = true
				return errPower
			case 2:
				return syscall.ENOSPC
			}
			return syscall.EIO
		}
		next, err := writeSomething(w, s, write)
		disk.fail = nil
		if how < 2 && dead {
			disk = disk.crash(s)
		}
		o.files = disk
		disk.held = map[string]bool{}
		w2, err2 := open()
		if err2 != nil {
			return fmt.Errorf("after write %d (%v): %w\n%s", write, err, err2, strings.Join(disk.trace, "\n"))
		}
		w = w2
		got, err2 := dumpState(w)
		if err2 != nil {
			return fmt.Errorf("after write %d (%v): %w", write, err, err2)
		}
		if got != state && got != next {
			return fmt.Errorf("after write %d (%v) the state is neither the old nor the new one:\n%s\nold\n%s\nnew\n%s", write, err, got, state, next)
		}
		if err == nil && got != next {
			return fmt.Errorf("write %d was acknowledged and lost", write)
		}
		if _, err := w.Verify(ctx, nil); err != nil {
			return fmt.Errorf("after write %d: %w", write, err)
		}
		state = got
	}
	// Rubbish of the crashes is gone after one more write.
	if _, err := writeSomething(w, s, 9); err != nil {
		return err
	}
	if _, err := w.Collect(ctx, 1); err != nil {
		return err
	}
	m, _, err := w.newest()
	if err != nil {
		return err
	}
	named := map[string]bool{}
	for seq := int64(1); seq <= m.Seq; seq++ {
		m, _, err := w.readManifest(seq)
		if err != nil {
			return err
		}
		for _, f := range m.files() {
			named[f] = true
		}
	}
	return w.stored(func(name string) error {
		if !named[name] {
			return fmt.Errorf("orphan %s is left", name)
		}
		return nil
	})
}

// writeSomething makes one write and returns what the state should be after it.
func writeSomething(w *Workspace, s *kernel.Stream, i int) (string, error) {
	before, err := dumpState(w)
	if err != nil {
		return "", err
	}
	p := smallPlan(false)
	rows := emptyTable(p)
	lines := []string{}
	for k := range 20 + s.Intn(20) {
		line := fmt.Sprintf("c%d %d %d N%d-%d", s.Intn(8), s.Intn(5), s.Intn(99), i, k)
		row(rows, line)
		lines = append(lines, line)
	}
	doc := fmt.Sprintf("model %d", i)
	next := before + fmt.Sprintf("%d %s\n", len(lines), doc)
	tx, err := w.Begin(ctx, "load")
	if err != nil {
		return next, err
	}
	defer tx.Abort()
	l, err := tx.Load(p, LoadOptions{})
	if err != nil {
		return next, err
	}
	if err := l.Append(rows, nil); err != nil {
		return next, err
	}
	if _, err := l.Close(); err != nil {
		return next, err
	}
	if _, err := tx.PutBlob("receipts", "spring", []byte(doc)); err != nil {
		return next, err
	}
	who := table.NewColumn(customerColumn, table.Text, 0)
	who.AppendString("c1")
	if err := tx.PutTable("segments", table.New(who), map[string]string{"i": fmt.Sprint(i)}); err != nil {
		return next, err
	}
	return next, tx.Commit()
}

// dumpState lists what each write left: its rows and its receipt.
func dumpState(w *Workspace) (string, error) {
	s, err := w.Snapshot()
	if err != nil {
		return "", err
	}
	count := map[string]int{}
	for p := range s.NParts() {
		if len(s.Datasets()) == 0 {
			break
		}
		part, err := s.Part(ctx, p, []table.Want{{Dataset: "orders", Columns: []string{"no"}}})
		if err != nil {
			return "", err
		}
		for i := range part.Sets[0].Rows.NRows() {
			no := part.Sets[0].Rows.Columns[0].String(i)
			count[no[1:strings.Index(no, "-")]]++
		}
	}
	out := ""
	for _, b := range s.Blobs("receipts") {
		data, err := s.ReadBlob(b)
		if err != nil {
			return "", err
		}
		i := strings.TrimPrefix(string(data), "model ")
		out += fmt.Sprintf("%d %s\n", count[i], data)
		delete(count, i)
	}
	if len(count) > 0 {
		return "", fmt.Errorf("rows without their receipt: %v", count)
	}
	if len(s.m.Tables) > 0 {
		if _, _, err := s.Table("segments"); err != nil {
			return "", err
		}
	}
	return out, nil
}

func TestFullDiskSaysSo(t *testing.T) {
	disk := newMemoryFS()
	w, err := Create("mem", Options{files: disk})
	if err != nil {
		t.Fatal(err)
	}
	full := true
	disk.fail = func(_ int, what string) error {
		if full && what == "write" {
			return syscall.ENOSPC
		}
		return nil
	}
	s := kernel.NewStream(1)
	_, err = writeSomething(w, s, 0)
	var e *kequn.Error
	if !errors.As(err, &e) || !strings.Contains(e.Message, "disk is full") || e.Hint == "" {
		t.Fatalf("got %v, want an error that says that the disk is full", err)
	}
	full = false
	if _, err := writeSomething(w, s, 1); err != nil {
		t.Fatalf("with space again, without reopening: %v", err)
	}
}
