package evaluate

import (
	"reflect"

	"kequn/internal/model"
)

// matter names the parameters of a family that change most what it learns, as its page in docs/learners says. One that is 0
// leaves the choice to the learner, so it is not halved; of a gbdt with symmetric trees that is leaves, of the others depth.
var matter = map[string][]string{
	"linear":   {"l2", "min_count"},
	"tree":     {"max_leaves", "min_leaf", "max_depth"},
	"rulelist": {"max_rules", "max_conditions", "min_rows"},
	"forest":   {"trees", "min_leaf", "columns"},
	"additive": {"rate", "bins", "min_rows", "category_smooth"},
	"gbdt":     {"rate", "leaves", "depth", "min_rows", "l2", "trees"},
	"svm":      {"c", "gamma", "landmarks"},
	"mlp":      {"width", "rate", "dropout", "decay"},
}

// mostParams bounds the parameters that are tried.
const mostParams = 4

const kindFloat = reflect.Float64

// set is a parameter with its value in effect.
type set struct {
	model.Param
	value float64
}

// mattering returns the parameters of a learner to be varied: those known to matter or, of a family not known here, its first.
func mattering(l model.Learner, inEffect []model.Value) []set {
	value := map[string]float64{}
	for _, v := range inEffect {
		value[v.Name] = v.Value
	}
	declared := model.Params(l)
	var out []set
	add := func(p model.Param) {
		v := value[p.Name]
		idle := p.Name == "leaves" && value["symmetric"] == 1 || p.Name == "trees" && value["patience"] > 0
		if v != 0 && !idle && p.Name != "seed" && p.Kind != reflect.Bool && len(out) < mostParams {
			out = append(out, set{p, v})
		}
	}
	names, known := matter[l.Name()]
	if !known {
		for _, p := range declared {
			add(p)
		}
		return out
	}
	for _, name := range names {
		for _, p := range declared {
			if p.Name == name {
				add(p)
			}
		}
	}
	return out
}
