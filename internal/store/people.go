package store

import (
	"kequn/internal/vault"
)

// clearSet collects the clear personal values of one range of customers.
type clearSet struct {
	l    *layout
	keys *vault.Keyring
	set  *vault.People
}

// newPeople returns nil where no values have to be kept apart.
func (x *Load) newPeople() *clearSet {
	if len(x.l.clear) == 0 {
		return nil
	}
	return &clearSet{x.l, x.tx.w.keys, vault.NewPeople()}
}

// add keeps the newest value of each personal column of each customer. Rows come by customer, then time, then known-at.
func (c *clearSet) add(g *gatherer, blocks []*block, picks []pick) error {
	columns := g.clear(c.l, blocks, picks)
	var fields map[string]string
	flush := func(p pick) error {
		if len(fields) == 0 {
			return nil
		}
		id := c.keys.Person(string(blocks[p.b].custOf(int(p.r))))
		old, err := c.set.Get(id)
		if err != nil {
			return err
		}
		for name, v := range old {
			if _, newer := fields[name]; !newer {
				fields[name] = v
			}
		}
		err = c.set.Put(id, fields)
		fields = nil
		return err
	}
	for i, p := range picks {
		if i > 0 && !sameCustomer(blocks, picks[i-1], p) {
			if err := flush(picks[i-1]); err != nil {
				return err
			}
		}
		if p.gone {
			continue
		}
		for k, col := range columns {
			if col.Code[i] < 0 {
				continue
			}
			if fields == nil {
				fields = map[string]string{}
			}
			fields[c.l.clear[k].Name] = string(col.Dict.Bytes(int(col.Code[i])))
		}
	}
	if len(picks) == 0 {
		return nil
	}
	return flush(picks[len(picks)-1])
}

func sameCustomer(blocks []*block, a, b pick) bool {
	p, q := blocks[a.b], blocks[b.b]
	if p.cust.Dict == q.cust.Dict {
		return p.cust.Code[a.r] == q.cust.Code[b.r]
	}
	return string(p.custOf(int(a.r))) == string(q.custOf(int(b.r)))
}

// keepPeople stores the records of each range: beside those there are, or merged with them when there would be too many.
func (x *Load) keepPeople(results []*written) error {
	d := x.d
	if len(x.l.clear) == 0 {
		return nil
	}
	layer := 0
	for _, p := range d.People {
		layer = max(layer, p.Layer+1)
	}
	old := d.People
	if merge := layer >= maxLayers; !merge {
		d.People = append([]people(nil), old...)
	} else {
		// All ranges are rewritten, each with everything that was known of its customers.
		layer, d.People = 0, nil
		all := vault.NewPeople()
		for _, p := range old {
			set, err := x.tx.w.readPeople(p)
			if err != nil {
				return err
			}
			if err := all.Merge(set); err != nil {
				return err
			}
		}
		for _, r := range results {
			if r.people != nil {
				if err := all.Merge(r.people); err != nil {
					return err
				}
				r.people = nil
			}
		}
		results = []*written{{from: 0, to: maxPartitions, people: all}}
	}
	for _, r := range results {
		if r.people == nil || r.people.Len() == 0 {
			continue
		}
		keys, records := r.people.Marshal()
		k, err := x.tx.putFile("vault", keys)
		if err != nil {
			return err
		}
		rec, err := x.tx.putFile("vault", records)
		if err != nil {
			return err
		}
		d.People = append(d.People, people{From: r.from, To: r.to, Layer: layer, Keys: k, Records: rec, Count: r.people.Len()})
	}
	return nil
}

// readPeople opens the records of a range.
func (w *Workspace) readPeople(p people) (*vault.People, error) {
	keys, err := w.readStored("vault", p.Keys)
	if err != nil {
		return nil, err
	}
	records, err := w.readStored("vault", p.Records)
	if err != nil {
		return nil, err
	}
	set, err := vault.UnmarshalPeople(keys, records)
	if err != nil {
		return nil, damaged(w.path("vault", p.Keys), "cannot be read")
	}
	return set, nil
}
