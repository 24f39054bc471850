package evaluate

import "kequn/internal/metric"

// Figures with one name that fits all tasks: skill is the AUC of a yes or no, R² of an amount and the macro AUC of several classes;
// loss is log loss and RMSE.
// Both are of rows that the model was not trained on. A difference is always later or other less first, paired on the same rows.

// Variation is the chosen family trained again with one thing changed.
type Variation struct {
	What      string   `json:"what"`  // seed, rows or the parameter's name
	Value     float64  `json:"value"` // of the seed or the parameter, or how many rows were drawn
	Skill     *float64 `json:"skill,omitempty"`
	Change    *float64 `json:"change,omitempty"`    // of skill against the model as chosen
	SE        *float64 `json:"se,omitempty"`        // of the change
	Rank      *float64 `json:"rank,omitempty"`      // Spearman correlation of its scores with those of the model as chosen
	TopShared *float64 `json:"top_tenth,omitempty"` // share of the best scored tenth that both agree on
	Reasons   *float64 `json:"reasons,omitempty"`   // share of the five most important columns that both agree on
}

// CurvePoint is a model trained on fewer rows.
type CurvePoint struct {
	Rows       int      `json:"rows"`
	Skill      *float64 `json:"skill,omitempty"`
	SE         *float64 `json:"se,omitempty"`
	TrainSkill *float64 `json:"train_skill,omitempty"` // on rows that it was trained on
	Loss       *float64 `json:"loss,omitempty"`
	Seconds    float64  `json:"seconds"`
	MB         float64  `json:"mb,omitempty"` // that fitting allocated at most at one time, beside the table
}

// ThreadPoint is a fit with some number of threads.
type ThreadPoint struct {
	Threads int     `json:"threads"`
	Seconds float64 `json:"seconds"`
	Speedup float64 `json:"speedup"` // against one thread
	Same    bool    `json:"same"`    // its scores are those of the other numbers of threads, bit for bit
}

// MoreRows is what twice as many rows would bring, from the curve: skill is fitted by a − b·rows^(−c).
type MoreRows struct {
	Rows int              `json:"rows"` // twice as many as there are
	Gain *metric.Interval `json:"gain,omitempty"`
	Text
}

// GroupFigure is how a model does on a group that it never saw in training, beside one that did.
type GroupFigure struct {
	Column string   `json:"column"`
	Group  string   `json:"group"`
	Rows   int      `json:"rows"`
	Unseen *float64 `json:"unseen,omitempty"` // skill where the group was left out of training
	Seen   *float64 `json:"seen,omitempty"`   // skill on the same rows where others of the group were trained on
	SE     *float64 `json:"se,omitempty"`     // of unseen − seen
}

// ColumnDrift is a column whose values differ between the rows trained on and those judged.
type ColumnDrift struct {
	Column string  `json:"column"`
	PSI    float64 `json:"psi"`
	Text
}

// Chance is the same family trained on shuffled outcomes: what there is to find where there is nothing.
type Chance struct {
	Shuffles int       `json:"shuffles"`
	Skills   []float64 `json:"skills,omitempty"` // of each shuffle
	Mean     float64   `json:"mean"`             // skill over the shuffles: near ½ for an AUC, near 0 for R²
	SD       float64   `json:"sd"`
	Highest  float64   `json:"highest"`
	Skill    float64   `json:"skill"`    // with the true outcomes, same rows and rounds
	P        float64   `json:"p"`        // (1 + shuffles that did as well) / (1 + shuffles)
	Distance float64   `json:"distance"` // (skill − mean) / sd
	Text
}

// Comparison is a rung beside the chosen one on the same rows.
type Comparison struct {
	Name   string           `json:"name"`
	Skill  *float64         `json:"skill,omitempty"`
	Behind *metric.Interval `json:"behind,omitempty"` // skill of the chosen less this one's: above 0 the chosen is better
	Tied   bool             `json:"tied"`             // the interval holds 0
	Chosen bool             `json:"chosen,omitempty"`
	Simple bool             `json:"simple,omitempty"` // the simplest acceptable
	Text                    // "gives up 0.004 AUC (0.001 to 0.007): 12 fewer of 1,000 buyers among the best tenth"
}

// Help is a thing that would make the model better or its use safer, the most promising first.
type Help struct {
	Key  string   `json:"key"` // more_rows, more_history, later_judging, randomised_send, calibrate, fewer_columns, other_columns, more_positives
	Gain *float64 `json:"gain,omitempty"`
	Text
}

// Fairness is how a model treats the groups of one sensitive attribute.
type Fairness struct {
	Attribute string      `json:"attribute"`
	Used      bool        `json:"used"`      // the attribute itself is among the model's columns
	Threshold float64     `json:"threshold"` // score from which on a row counts as selected
	Share     float64     `json:"selected"`  // share of all rows selected
	Groups    []FairGroup `json:"groups"`
	TooSmall  []string    `json:"too_small"`          // groups with too few rows for any figure
	Proxies   []Proxy     `json:"proxies"`            // columns that tell the attribute
	Parity    *FairGap    `json:"demographic_parity"` // of selection rates
	Odds      *FairGap    `json:"equalized_odds"`     // the worse of true and false positive rates
	Equal     *FairGap    `json:"equal_opportunity"`  // of true positive rates
	Text
}

// FairGroup is one group.
type FairGroup struct {
	Group     string           `json:"group"`
	Rows      int              `json:"rows"`
	Positives int              `json:"positives"`
	Selected  *metric.Interval `json:"selection_rate,omitempty"`
	TPR       *metric.Interval `json:"true_positive_rate,omitempty"`
	FPR       *metric.Interval `json:"false_positive_rate,omitempty"`
	AUC       *float64         `json:"auc,omitempty"`
	Rate      *float64         `json:"rate,omitempty"`      // that happened
	Predicted *float64         `json:"predicted,omitempty"` // mean score
}

// FairGap is the largest difference between groups and the smallest ratio.
type FairGap struct {
	Difference float64 `json:"difference"`
	Ratio      float64 `json:"ratio"`
}

// Proxy is a column from which a sensitive attribute can be told.
type Proxy struct {
	Column string  `json:"column"`
	AUC    float64 `json:"auc"` // with which the column alone tells the attribute's groups apart (one against the rest, the best group's)
	Share  float64 `json:"share,omitempty"`
	Text
}

// Suspect is what the leak X-ray found and nobody confirmed: a column that seems to know the outcome, or how the rows were put together.
type Suspect struct {
	Column  string   `json:"column"`
	Kind    string   `json:"kind,omitempty"`  // as of Leak.Reason
	Aside   bool     `json:"aside,omitempty"` // the model does not see it and its figures do not suffer: for whoever uses the data elsewhere
	With    *float64 `json:"with,omitempty"`  // skill with the column, and without it
	Without *float64 `json:"without,omitempty"`
}

// NotMeasured is a part of the card that was left out, and why.
type NotMeasured struct {
	Part string `json:"part"`
	Text
}
