// Package rooms holds the floors of the house: which room may know which.
//
// Imports go down. Rooms on one floor do not know each other; a room may import its own sub-rooms only where the list
// puts them on a lower floor. The test runs go list and names every sideways or upward import.
package rooms

// Floors lists the rooms by floor, lowest first. A room that is missing here fails the test: add it with its floor in
// the commit that opens it.
var Floors = [][]string{
	0: {"kequn", "kequn/internal/kernel", "kequn/internal/metric", "kequn/internal/chart"},
	1: {"kequn/internal/table", "kequn/internal/query", "kequn/internal/plan", "kequn/internal/receipt", "kequn/internal/vault", "kequn/internal/treekit", "kequn/internal/net", "kequn/internal/ngram", "kequn/internal/onnx"},
	2: {"kequn/internal/model", "kequn/internal/rule", "kequn/internal/engine", "kequn/internal/store"},
	3: {"kequn/internal/synth", "kequn/internal/source", "kequn/internal/quality", "kequn/internal/feature", "kequn/internal/segment", "kequn/internal/explain",
		"kequn/internal/evaluate", "kequn/internal/audience", "kequn/internal/decision", "kequn/internal/activate", "kequn/internal/measure",
		"kequn/internal/model/linear", "kequn/internal/model/tree", "kequn/internal/model/gbdt", "kequn/internal/model/cluster", "kequn/internal/model/svm", "kequn/internal/model/neural",
		"kequn/internal/model/additive", "kequn/internal/model/uplift", "kequn/internal/model/lifetime", "kequn/internal/model/value", "kequn/internal/model/nextitem", "kequn/internal/model/sequence", "kequn/internal/model/ladder", "kequn/internal/engine/local"},
	4: {"kequn/internal/pipeline"},
	5: {"kequn/internal/report"},
	6: {"kequn/cmd/kequn"},
}

// Kits are conformance kits and tools of the house: they may import anything below floor 4, and only tests import them.
var Kits = []string{"kequn/internal/model/modeltest", "kequn/internal/engine/enginetest", "kequn/internal/source/sourcetest", "kequn/internal/rooms"}

// Neighbours are the imports within a floor that the house allows, each with its reason.
var Neighbours = map[[2]string]string{
	{"kequn/internal/metric", "kequn/internal/kernel"}: "metric is built on kernel's sorting and streams",
	{"kequn/internal/kernel", "kequn"}:                 "the words are for everybody",
	{"kequn/internal/query", "kequn/internal/table"}:   "a definition speaks of columns",
	{"kequn/internal/plan", "kequn/internal/table"}:    "a plan names kinds of columns",
	{"kequn/internal/receipt", "kequn/internal/plan"}:  "a receipt cites the plan's campaign and offers",
	{"kequn/internal/treekit", "kequn/internal/table"}: "bins are made of columns",
	{"kequn/internal/ngram", "kequn/internal/table"}:   "texts are columns",
}
