package store

import (
	"kequn"
)

// A load whose rows break a rule that stops is kept, but not served: the newest manifest then names an earlier one, whose
// datasets answer until the rule holds again. Everything else (models, tables, documents) is always that of the newest:
//
//	manifest 7   datasets ◀────────────┐
//	manifest 8   datasets (a bad load)  │ serving: 7
//	manifest 9   datasets, documents ───┘

// Serving returns the number of the manifest whose datasets are to be served in place of the snapshot's own, 0 for these.
func (s *Snapshot) Serving() int64 { return s.m.Serving }

// Served returns the snapshot that answers: this one, or this one with the datasets of the manifest that is served.
func (s *Snapshot) Served() (*Snapshot, error) {
	if s.m.Serving == 0 {
		return s, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.served != nil {
		return s.served, nil
	}
	old, _, err := s.w.readManifest(s.m.Serving)
	if err != nil {
		return nil, err
	}
	m := s.m.clone()
	m.Datasets, m.Serving = old.Datasets, 0
	s.served = &Snapshot{w: s.w, m: m, sum: hashText([]byte(s.sum + " " + manifestName(old.Seq)))}
	return s.served, nil
}

// Serve says which manifest's datasets answer from now on; 0 is always the newest's.
func (t *Tx) Serve(seq int64) {
	t.changed = t.changed || t.next.Serving != seq
	t.next.Serving = seq
}

// Revert puts the datasets back to how an earlier manifest had them, and serves them. Loads since then can be made again.
func (t *Tx) Revert(seq int64) error {
	if seq <= 0 || seq > t.next.Seq || seq < t.next.Oldest {
		return kequn.Errorf(kequn.KindUsage, "", "there is no state %d to go back to", seq)
	}
	old, _, err := t.w.readManifest(seq)
	if err != nil {
		return err
	}
	t.next.Datasets, t.next.Serving, t.changed = old.Datasets, 0, true
	return nil
}
