package store

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"kequn/internal/kernel"
	"kequn/internal/plan"
	"kequn/internal/table"
)

// killPlan is orders that spill.
func killPlan() plan.Dataset { return ordersPlan(true) }

// TestLoadForEver is the process that TestKilledLoads kills: it loads and says what was committed.
func TestLoadForEver(t *testing.T) {
	dir := os.Getenv("KEQUN_TEST_KILL")
	if dir == "" {
		t.Skip("run by TestKilledLoads")
	}
	w, err := Create(dir, Options{Memory: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	for i := snapshot(t, w).Seq(); ; i++ {
		p := killPlan()
		rows := randomOrders(p, uint64(i), 2000, 50)
		no := rows.Column("order_no")
		no.Code, no.Dict = no.Code[:0], table.NewDict()
		for k := range rows.NRows() {
			no.AppendString(fmt.Sprintf("%d-%d", i, k))
		}
		load(t, w, p, rows, LoadOptions{})
		fmt.Println("committed", snapshot(t, w).Seq())
	}
}

// A process killed at any moment loses nothing that it said was committed, leaves no half load, and the next one goes on.
func TestKilledLoads(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	dir := t.TempDir()
	s := kernel.NewStream(uint64(time.Now().UnixNano()))
	for range 4 {
		cmd := exec.Command(os.Args[0], "-test.run", "^TestLoadForEver$")
		cmd.Env = append(os.Environ(), "KEQUN_TEST_KILL="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		said := int64(0)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			n, ok := strings.CutPrefix(lines.Text(), "committed ")
			if !ok {
				continue
			}
			first := said == 0
			if said, err = strconv.ParseInt(n, 10, 64); err != nil {
				t.Fatal(err)
			}
			if first {
				time.AfterFunc(time.Duration(s.Intn(150))*time.Millisecond, func() { cmd.Process.Kill() })
			}
		}
		cmd.Wait()
		w, err := Open(dir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		snap := snapshot(t, w)
		if said == 0 || snap.Seq() < said {
			t.Fatalf("committed %d, found %d", said, snap.Seq())
		}
		if _, err := w.Verify(ctx, nil); err != nil {
			t.Fatal(err)
		}
		if n := len(scan(t, snap, table.Want{Dataset: "orders", Columns: []string{"amount"}})); int64(n) != 2000*snap.Seq() {
			t.Fatalf("%d rows after %d loads of 2000", n, snap.Seq())
		}
		tx, err := w.Begin(ctx, "check") // the lock is free, and beginning clears up
		if err != nil {
			t.Fatal(err)
		}
		tx.Abort()
		if left, _ := w.fs.list(w.path("tmp")); len(left) > 0 {
			t.Errorf("%v is left", left)
		}
	}
}
