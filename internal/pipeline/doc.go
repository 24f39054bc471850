package pipeline

import (
	"encoding/json"
	"strconv"

	"kequn/internal/store"
)

// docs is the kind of blob that holds what steps found out, as JSON.
const docs = "docs"

// putDoc keeps a document under a name.
func putDoc(tx *store.Tx, name string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = tx.PutBlob(docs, name, b)
	return err
}

// readDoc reads a document of the newest manifest; v stays as it is where there is none.
func (s *Shop) readDoc(name string, v any) error {
	snap, err := s.ws.Snapshot()
	if err != nil {
		return err
	}
	if _, ok := snap.HasBlob(docs, name); !ok {
		return nil
	}
	b, err := snap.Blob(docs, name)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, v)
}

func number(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }
