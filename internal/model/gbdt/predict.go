package gbdt

import (
	"kequn"
	"kequn/internal/kernel"
	"kequn/internal/model"
	"kequn/internal/table"
	"kequn/internal/treekit"
)

// Model is a fitted sum of trees. It can explain, rank its columns and give margins.
type Model struct {
	header model.Header
	link   link
	trees  *treekit.Ensemble
	match  *model.Matcher
}

var (
	_ model.Attributor  = (*Model)(nil)
	_ model.Importancer = (*Model)(nil)
	_ model.Marginer    = (*Model)(nil)
)

// Header says what the model is and wants.
func (m *Model) Header() model.Header { return m.header }

// NTrees returns how many trees the model has.
func (m *Model) NTrees() int { return len(m.trees.Trees) }

// Ensemble returns the trees, which must not be changed. Their columns are those of the header.
func (m *Model) Ensemble() *treekit.Ensemble { return m.trees }

// Predict returns probabilities or values as model.Model says.
func (m *Model) Predict(x *table.Table) ([]float64, error) {
	score, err := m.scores(x)
	if err != nil {
		return nil, err
	}
	nOut := m.trees.NOut()
	kernel.Parallel(x.NRows(), 0, 4096, func(lo, hi int) { m.link.apply(score[lo*nOut:hi*nOut], nOut) })
	return score, nil
}

// Margin returns the log-odds (binary), the value (regression) or the logarithms of unnormed chances (multiclass, one per
// class) on which contributions add up.
func (m *Model) Margin(x *table.Table) ([]float64, error) { return m.scores(x) }

func (m *Model) scores(x *table.Table) ([]float64, error) {
	in, err := m.match.Match(x)
	if err != nil {
		return nil, err
	}
	return m.trees.Predict(in, 0), nil
}

// Attribute returns exact Shapley values of the columns on the margin: see [treekit.Ensemble.Attribute].
func (m *Model) Attribute(x *table.Table, class int) (base float64, phi []float64, err error) {
	if m.header.Task != kequn.Multiclass {
		class = 0
	}
	if class < 0 || class >= m.trees.NOut() {
		return 0, nil, kequn.Errorf(kequn.KindUsage, "", "the model has classes 0 to %d, not %d", m.trees.NOut()-1, class)
	}
	in, err := m.match.Match(x)
	if err != nil {
		return 0, nil, err
	}
	base, phi = m.trees.Attribute(in, class, 0)
	return base, phi, nil
}

// Importance returns the share of each column in the gain of all questions.
func (m *Model) Importance() []float64 { return m.trees.Importance() }
