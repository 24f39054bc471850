package pipeline

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"kequn"
	"kequn/internal/receipt"
	"kequn/internal/store"
)

// Replay is what came of deciding a receipt again.
type Replay struct {
	Receipt string   `json:"receipt"`
	Same    bool     `json:"same"`              // byte for byte
	Differ  []string `json:"differ,omitempty"`  // fields of the receipt that differ
	Because []string `json:"because,omitempty"` // why, as far as the receipt tells
}

// replay decides a receipt again from its own seed, cutoff, budget and time, and compares byte for byte. Nothing is kept.
func (s *Shop) replay(ctx context.Context, f DecideFlags) (*Decision, error) {
	old, id, text, err := s.receiptOf(f.Replay)
	if err != nil {
		return nil, err
	}
	if f.Campaign != "" && f.Campaign != old.Campaign.Name {
		return nil, kequn.Errorf(kequn.KindUsage, "--replay", "the receipt is of the campaign %q", old.Campaign.Name)
	}
	created, err := time.Parse(time.RFC3339Nano, old.Created)
	if err != nil {
		return nil, kequn.Errorf(kequn.KindDamaged, "receipt "+id[:12], "created %q is no time", old.Created)
	}
	again := *s
	again.Seed, again.By, again.Now = old.Seed, old.By, func() time.Time { return created }
	m, err := again.decide(ctx, DecideFlags{Campaign: old.Campaign.Name, Budget: old.Budget, Cutoff: old.Cutoff})
	if err != nil {
		return nil, err
	}
	r := &Replay{Receipt: id, Same: bytes.Equal(m.text, text)}
	if !r.Same {
		r.Differ = differing(text, m.text)
		for _, x := range []struct{ old, now, why string }{
			{old.Program, m.receipt.Program, "another version of the program"}, {old.Platform, m.receipt.Platform, "another instruction set"},
			{old.Data, m.receipt.Data, "the loaded data have changed"},
		} {
			if x.old != x.now {
				r.Because = append(r.Because, x.why)
			}
		}
	}
	d := m.show()
	d.Replay = r
	return d, nil
}

// receiptOf finds a receipt by its id or the id's beginning.
func (s *Shop) receiptOf(prefix string) (*receipt.Receipt, string, []byte, error) {
	snap, err := s.ws.Snapshot()
	if err != nil {
		return nil, "", nil, err
	}
	found := slices.DeleteFunc(snap.Blobs(receiptBlobs), func(b store.Blob) bool { return !strings.HasPrefix(b.SHA256, prefix) })
	switch len(found) {
	case 0:
		return nil, "", nil, kequn.Errorf(kequn.KindUsage, "", "there is no receipt %q", prefix).WithHint("kequn decide CAMPAIGN prints the id")
	case 1:
	default:
		return nil, "", nil, kequn.Errorf(kequn.KindUsage, "", "%d receipts begin with %q", len(found), prefix).WithHint("give more of the id")
	}
	text, err := snap.ReadBlob(found[0])
	if err != nil {
		return nil, "", nil, err
	}
	r, err := receipt.Decode(text, found[0].SHA256)
	return r, found[0].SHA256, text, err
}

// differing names the fields of two receipts that are not the same.
func differing(a, b []byte) []string {
	var x, y map[string]json.RawMessage
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return []string{"everything"}
	}
	var out []string
	for _, k := range sortedKeys(x) {
		if !bytes.Equal(x[k], y[k]) {
			out = append(out, k)
		}
	}
	return out
}
