package query

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// Kind says what a feature means to somebody who wants to act.
type Kind string

// The kinds of feature.
const (
	Trait     Kind = "trait"     // what a customer is; we cannot change it
	Behaviour Kind = "behaviour" // what a customer did
	Lever     Kind = "lever"     // what we can set: contacts, discounts
	Proxy     Kind = "proxy"     // may stand for something sensitive: careful
)

// Feature is one column known at the cutoff: its definition and what people want to know about it.
type Feature struct {
	Name      string   `json:"name"`
	Node      *Node    `json:"node"` // Number, Text or Bool (which becomes 0 or 1)
	Kind      Kind     `json:"kind"`
	Unit      string   `json:"unit"`      // "orders", "days", "CNY", "share", ""
	Missing   string   `json:"missing"`   // what a missing value means, in English
	Sources   []string `json:"sources"`   // dataset.column read
	Sensitive bool     `json:"sensitive"` // about a sensitive attribute; out of models unless asked for
	TextZH    string   `json:"text_zh"`   // plain words
	TextEN    string   `json:"text_en"`
}

// Hash identifies a list of definitions: the same hash, the same columns.
func Hash(features []Feature) string {
	b, err := json.Marshal(features)
	if err != nil {
		panic("query: a definition cannot be written: " + err.Error())
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
