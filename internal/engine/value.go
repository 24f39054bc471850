package engine

import (
	"context"

	"kequn/internal/query"
)

// Value is what a definition came to for one customer at one cutoff. Num, Text, Time or Bool is set, by Type.
type Value struct {
	query.Value
	Missing bool `json:"missing,omitempty"`
}

// Valuer is the ability of an engine to answer for one customer: why in, why not.
type Valuer interface {
	// Values returns the value of each node at each cutoff of the request (cutoff first), for one customer, whether or
	// not he belongs to the population. Features, rules, outcomes and Who of the request are not looked at. Nodes may look
	// at the past only. A customer who is not in the data is a usage error.
	Values(ctx context.Context, d Data, r Request, customer string, nodes []*query.Node) ([][]Value, error)
}

// Locator is the ability of data to tell in which partition a customer is. Without it all partitions are looked through.
type Locator interface {
	PartOf(customer string) int
}
