package additive_test

import (
	"testing"

	"kequn/internal/model/additive"
	"kequn/internal/model/modeltest"
)

func TestConformance(t *testing.T) {
	modeltest.Exercise(t, additive.Learner{}, additive.Decode, nil)
}
