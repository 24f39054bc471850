package explain

import "kequn/internal/metric"

// Text is a sentence in both languages.
type Text struct {
	Zh string `json:"zh"`
	En string `json:"en"`
}

// Global is what a model does on the whole. Parts that were not asked for, or that the data cannot carry, are empty; Missing says which.
type Global struct {
	Own         []Weight    `json:"importance"`  // the model's own measure (gain, coefficients)
	Permutation []Weight    `json:"permutation"` // rise of the loss when a column is shuffled, on rows not trained on
	Effects     []Effect    `json:"effects"`     // of the most important columns
	Tree        *Surrogate  `json:"surrogate_tree,omitempty"`
	Rules       *Surrogate  `json:"surrogate_rules,omitempty"`
	Fewer       []Fewer     `json:"fewer_columns"`  // what a model of the best few columns gives up
	Path        []PathPoint `json:"path,omitempty"` // of a linear model from the simplest on
	Missing     []Text      `json:"not_measured"`
}

// Effect is how a model's score changes along one column, other columns staying as they go with it (accumulated local effects).
// Values are on the margin, weighted mean 0 over the rows.
type Effect struct {
	Column string        `json:"column"`
	Method string        `json:"method"` // ale, or shape where the model itself is a sum of curves
	Points []EffectPoint `json:"points"`
	Swing  float64       `json:"swing"` // highest less lowest
	Text
}

// EffectPoint is one place of a column.
type EffectPoint struct {
	At    float64 `json:"at"`              // numbers
	Level string  `json:"level,omitempty"` // categories; "" at a number
	Value float64 `json:"value"`
	SE    float64 `json:"se"`
	Share float64 `json:"share"` // of rows in the cell that ends here, or of this level
}

// Surrogate is a readable model that imitates another.
type Surrogate struct {
	Kind     string   `json:"kind"`            // tree or rules
	Leaves   int      `json:"leaves"`          // or rules
	Fidelity float64  `json:"fidelity"`        // R² of the margin imitated, on rows that neither was trained on
	Top      float64  `json:"top_tenth"`       // share of the best scored tenth that both agree on
	Skill    *float64 `json:"skill,omitempty"` // its own AUC or R² against what happened, on the same rows
	Of       *float64 `json:"of,omitempty"`    // that of the model
	RulesZh  []string `json:"rules_zh"`
	RulesEn  []string `json:"rules_en"`
	Text
}

// Fewer is the model trained again on its best few columns only.
type Fewer struct {
	Columns int              `json:"columns"`
	Names   []string         `json:"names"`
	Skill   *float64         `json:"skill,omitempty"`
	GivesUp *metric.Interval `json:"gives_up,omitempty"` // skill of all columns less this one's, paired
	Enough  bool             `json:"enough"`             // the fewest whose loss is within one paired standard error
	Seconds float64          `json:"seconds"`
}

// PathPoint is a linear model at one strength of the penalty.
type PathPoint struct {
	Penalty float64  `json:"penalty"`
	Columns int      `json:"columns"` // with a coefficient that is not 0
	Entered []string `json:"entered"` // columns that this step added
	Skill   *float64 `json:"skill,omitempty"`
	SE      *float64 `json:"se,omitempty"`
	Chosen  bool     `json:"chosen,omitempty"`
}

// Change is a nearest change of one row that flips what is decided about it.
type Change struct {
	Steps []Step  `json:"steps"`
	From  float64 `json:"from"` // score before
	To    float64 `json:"to"`   // score after
	Text
}

// Step changes one column.
type Step struct {
	Column string `json:"column"`
	From   string `json:"from"`
	To     string `json:"to"`
	Kind   string `json:"kind,omitempty"`
	Text
}
