package pipeline

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"kequn"
	"kequn/internal/activate"
	"kequn/internal/receipt"
	"kequn/internal/store"
	"kequn/internal/synth"
)

// ActivateFlags say which campaign's lists go where.
type ActivateFlags struct {
	Campaign, To, Out string
	Clear             bool // write readable lists out of a sealed workspace
}

// Activation is what was handed over.
type Activation struct {
	Campaign string          `json:"campaign"`
	Receipt  string          `json:"receipt"`
	At       string          `json:"at"`
	Files    []ActivatedFile `json:"files"`
}

// ActivatedFile is one file that was written.
type ActivatedFile struct {
	Path string `json:"path"`
	Rows int    `json:"rows"`
}

// activationDoc is what is remembered of a campaign's newest activation.
type activationDoc struct {
	Receipt string `json:"receipt"`
	At      string `json:"at"`

	// In a demo shop: the period of files at whose end it was decided, and the one in which the contacts were handed to the
	// simulation (0: not yet). It is written before the shop lives on, so that nobody is contacted twice.
	Period int `json:"period,omitempty"`
	Handed int `json:"handed,omitempty"`
}

// Activate writes contact.csv, control.csv and receipt.json of a campaign's newest decision: all of them are complete before the
// first takes its name.
func (s *Shop) Activate(ctx context.Context, f ActivateFlags) (*Activation, error) {
	switch f.To {
	case "", "csv":
	case "xlsx", "parquet", "webhook":
		return nil, kequn.Errorf(kequn.KindUsage, "--to", "%s is not written yet", f.To).WithHint("--to csv")
	default:
		return nil, kequn.Errorf(kequn.KindUsage, "--to", "%q is no kind of list", f.To).WithHint("--to csv")
	}
	if _, _, err := s.campaign(f.Campaign); err != nil {
		return nil, err
	}
	if s.Sealed() && !f.Clear {
		return nil, kequn.Errorf(kequn.KindDenied, "", "the workspace is sealed, and these lists could be read by everybody").WithHint("--clear writes them all the same")
	}
	var out *Activation
	err := s.locked(ctx, "activate", func() (err error) {
		out, err = s.activate(ctx, f)
		return err
	})
	return out, err
}

func (s *Shop) activate(ctx context.Context, f ActivateFlags) (*Activation, error) {
	snap, err := s.ws.Snapshot()
	if err != nil {
		return nil, err
	}
	r, id, text, err := newestReceipt(snap, f.Campaign)
	if err != nil {
		return nil, err
	}
	if r == nil {
		return nil, undecided(f.Campaign)
	}
	members, err := membersOf(snap, r, id)
	if err != nil {
		return nil, err
	}
	files, err := activate.CSV(text, members)
	if err != nil {
		return nil, err
	}
	dir := f.Out
	if dir == "" {
		dir = filepath.Join(s.Dir, "activations", f.Campaign)
	}
	out := &Activation{Campaign: f.Campaign, Receipt: id, At: kequn.FormatZone(kequn.At(s.Now()), s.Plan.Location())}
	if out.Files, err = writeTogether(dir, files); err != nil {
		return nil, err
	}
	return out, s.rememberActivation(ctx, r, out)
}

func undecided(campaign string) error {
	return kequn.Errorf(kequn.KindUsage, "", "%s was not decided yet", campaign).WithHint("kequn decide %s", campaign)
}

// membersOf reads the members of a receipt and refuses a list that is not the one it cites.
func membersOf(snap *store.Snapshot, r *receipt.Receipt, id string) ([]receipt.Member, error) {
	list, err := snap.Blob(memberBlobs, id)
	if err != nil {
		return nil, err
	}
	if receipt.ID(list) != r.Members.Hash {
		return nil, kequn.Errorf(kequn.KindDamaged, "members of receipt "+id[:12], "are not those that the receipt cites")
	}
	return receipt.ReadMembers(list)
}

// writeTogether writes files into a folder under other names first, and renames them when all are complete.
func writeTogether(dir string, files []activate.File) (out []ActivatedFile, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, kequn.Errorf(kequn.KindUsage, dir, "the folder cannot be made: %v", err)
	}
	var temporary []string
	defer func() {
		for _, name := range temporary {
			os.Remove(name)
		}
	}()
	for _, f := range files {
		tmp, err := os.CreateTemp(dir, "."+f.Name+"-*")
		if err != nil {
			return nil, kequn.Errorf(kequn.KindUsage, dir, "cannot be written: %v", err)
		}
		temporary = append(temporary, tmp.Name())
		_, err = tmp.Write(f.Data)
		if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
			return nil, err
		}
	}
	for i, f := range files {
		path := filepath.Join(dir, f.Name)
		if err := os.Rename(temporary[i], path); err != nil {
			return nil, err
		}
		out = append(out, ActivatedFile{path, f.Rows})
	}
	return out, nil
}

// rememberActivation keeps when the lists were handed over. The same decision handed over again keeps what the demo shop knows.
func (s *Shop) rememberActivation(ctx context.Context, r *receipt.Receipt, a *Activation) error {
	var doc activationDoc
	if err := s.readDoc("activation."+a.Campaign, &doc); err != nil {
		return err
	}
	if doc.Receipt != a.Receipt {
		doc = activationDoc{Receipt: a.Receipt}
		if st, err := synth.Open(s.Dir); err == nil && kequn.FormatZone(st.End, s.Plan.Location()) == r.Cutoff {
			doc.Period = st.Period
		}
	}
	doc.At = a.At
	return s.keepActivation(ctx, a.Campaign, doc)
}

func (s *Shop) keepActivation(ctx context.Context, campaign string, doc activationDoc) error {
	tx, err := s.ws.Begin(ctx, "activate "+campaign)
	if err != nil {
		return err
	}
	defer tx.Abort()
	if err := putDoc(tx, "activation."+campaign, doc); err != nil {
		return err
	}
	return tx.Commit()
}
