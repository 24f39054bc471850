// Package quality proposes rules about the data from the data, checks them in one scan, and shows the rows that break them.
//
// One pass over the partitions, in parallel, keeps for every column a few counters and sketches of fixed size, split in two
// sides: what was there before, and what the newest load brought (or, where there was one load only, the last stretch of
// time). From them rules are proposed, with what they allow learnt from the side before, and all of them are judged:
//
//	parts ──▶ tallies (counts, histograms, hash samples) ──▶ rules ──▶ findings
//	      └─▶ marks (rows that break a rule about several columns or datasets) ─┘
//
// All sums are of whole numbers, or are made in the order of partitions, so findings do not depend on threads. Memory is that
// of the partitions being read plus the tallies. What a hash sample tells is marked as approximate. A second pass, only where
// somebody asks, writes the rows that break a rule.
//
// No finding holds a value of a personal column, nor of any column that may hold one: they say column, count and share.
package quality

import (
	"time"

	"kequn"
	"kequn/internal/engine"
	"kequn/internal/plan"
)

// The levels of a rule: what happens when it is broken.
const (
	Warn = "warn"
	Stop = "stop" // the last good version goes on serving
	Off  = "off"
)

// The states of a rule after a check.
const (
	OK      = "ok"
	Broken  = "broken"
	Unknown = "unknown" // there is too little to judge by
)

// Rule is what must hold: a rule of the plan, or a proposed one. What Min, Max, Values, Other, Pattern and Share mean is said
// with its kind: see [Kinds].
type Rule struct {
	plan.Quality
	Proposed bool
}

// Result is a rule with what was found.
type Result struct {
	Name    string  `json:"name"`
	Kind    string  `json:"kind"`
	Dataset string  `json:"dataset"`
	Column  string  `json:"column,omitempty"`
	Level   string  `json:"level"`
	Status  string  `json:"status"`
	Found   int64   `json:"found"`           // rows (customers, days …) that break it
	Of      int64   `json:"of"`              // of so many
	Share   float64 `json:"share"`           // Found of Of
	Value   float64 `json:"value,omitempty"` // of rules about one figure: what it is
	Text    string  `json:"text"`
	Approx  bool    `json:"approximate,omitempty"`
	Rows    bool    `json:"rows"` // the failing rows can be written
	Family  string  `json:"family"`
	Own     bool    `json:"own,omitempty"` // a rule of the plan

	Rule   Rule      `json:"-"`
	Words  [2]string `json:"-"` // Text in Chinese and English
	weight int
}

// Load is what became of the rows of one load of a dataset, oldest first.
type Load struct {
	At                   kequn.Instant
	From                 int64 // number of its first row, in order of arrival
	Read, Kept, Rejected int64
	Duplicate            int64
	Unreadable           map[string]int64 // cells that could not be read, by column; looked up only

}

// Design is what was planned for a campaign's random arms: the share held back.
type Design struct {
	Campaign string
	Control  float64
	Cutoff   kequn.Instant // when it was decided; NoTime if nobody knows
}

// Options say what is known about the data beside the data.
type Options struct {
	Now      time.Time
	Zone     *time.Location
	Lang     kequn.Lang
	Threads  int
	Sealed   bool // personal columns hold pseudonyms and are left out
	Loads    map[string][]Load
	Designs  []Design
	Rules    []plan.Quality // of the plan
	Datasets []string       // only rules of these; nil is all
	Progress func(done, total int64)
}

// Report is the result of a check, rules in order of severity.
type Report struct {
	Results []Result
	Stops   int // broken rules that stop
	Warns   int // broken rules that warn
	Rows    int64
	scan    *scan
	data    engine.Data
}
