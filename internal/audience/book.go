package audience

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"kequn"
	"kequn/internal/plan"
	"kequn/internal/query"
	"kequn/internal/rule"
)

// Book is the history of all saved definitions, by name. It is JSON as it stands; nothing in it is ever changed or taken
// away, so that an old receipt's audience can always be looked up.
type Book struct {
	Audiences []History `json:"audiences"`
}

// History is one audience's definitions, oldest first.
type History struct {
	Name     string    `json:"name"`
	Versions []Version `json:"versions"`
}

// Version is one definition. Hash is of the compiled tree: features and other audiences that the rule names count with what
// they stood for when it was saved.
type Version struct {
	Version int       `json:"version"` // from 1
	Rule    string    `json:"rule"`
	Hash    string    `json:"hash"`
	At      time.Time `json:"at"`
	By      string    `json:"by,omitempty"`
	Note    string    `json:"note,omitempty"`
}

// History returns the history of an audience, or nil.
func (b *Book) History(name string) *History {
	for i := range b.Audiences {
		if b.Audiences[i].Name == name {
			return &b.Audiences[i]
		}
	}
	return nil
}

// Latest returns the newest version.
func (h *History) Latest() Version { return h.Versions[len(h.Versions)-1] }

// Save checks a definition and writes it down as a new version, unless the newest one says the same in the same words.
// Audiences that name this one are checked too: a definition that would break them, or that comes round to itself, is
// refused. It returns the version and whether it is new.
func (b *Book) Save(name, text string, c rule.Catalogue, at time.Time, by, note string) (Version, bool, error) {
	if err := (&plan.Plan{Audience: []plan.Audience{{Name: name, Rule: text}}}).Check(); err != nil {
		return Version{}, false, err
	}
	with := c
	with.Audiences = slices.Clone(c.Audiences)
	if i := slices.IndexFunc(with.Audiences, func(a plan.Audience) bool { return a.Name == name }); i >= 0 {
		with.Audiences[i].Rule = text
	} else {
		with.Audiences = append(with.Audiences, plan.Audience{Name: name, Rule: text})
	}
	n, err := rule.Compile(text, with)
	if err != nil {
		return Version{}, false, err
	}
	for _, a := range with.Audiences {
		named := "in_audience(" + strconv.Quote(a.Name) + ")"
		if _, err := rule.Compile(named, with); err != nil {
			if _, before := rule.Compile(named, c); before == nil {
				return Version{}, false, err
			}
		}
	}
	hash := hashOf(n)
	h := b.History(name)
	if h == nil {
		b.Audiences = append(b.Audiences, History{Name: name})
		h = &b.Audiences[len(b.Audiences)-1]
	} else if last := h.Latest(); last.Rule == text && last.Hash == hash {
		return last, false, nil
	}
	v := Version{Version: len(h.Versions) + 1, Rule: text, Hash: hash, At: at.UTC().Truncate(time.Microsecond), By: by, Note: note}
	h.Versions = append(h.Versions, v)
	return v, true, nil
}

func hashOf(n *query.Node) string {
	b, err := json.Marshal(n)
	if err != nil {
		panic("audience: a tree cannot be written: " + err.Error())
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Snapshot is an audience's members at one cutoff, frozen. Hash is of the members alone.
type Snapshot struct {
	Name    string       `json:"name"`
	Rule    string       `json:"rule"`
	Cutoff  kequn.Cutoff `json:"cutoff"`
	Of      int          `json:"of"`
	Members []string     `json:"members"` // sorted
	Hash    string       `json:"hash"`
}

// NewSnapshot freezes sorted members.
func NewSnapshot(name, text string, cutoff kequn.Cutoff, of int, members []string) Snapshot {
	h := sha256.New()
	for _, m := range members {
		h.Write([]byte(m))
		h.Write([]byte{'\n'})
	}
	return Snapshot{Name: name, Rule: text, Cutoff: cutoff, Of: of, Members: members, Hash: hex.EncodeToString(h.Sum(nil))}
}

// Since returns who came in and who went out after an earlier snapshot.
func (s Snapshot) Since(earlier Snapshot) (entered, left []string) {
	i, j := 0, 0
	for i < len(s.Members) || j < len(earlier.Members) {
		switch {
		case j == len(earlier.Members) || i < len(s.Members) && s.Members[i] < earlier.Members[j]:
			entered = append(entered, s.Members[i])
			i++
		case i == len(s.Members) || earlier.Members[j] < s.Members[i]:
			left = append(left, earlier.Members[j])
			j++
		default:
			i, j = i+1, j+1
		}
	}
	return entered, left
}
