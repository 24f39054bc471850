package linear_test

import (
	"testing"

	"kequn/internal/model/linear"
	"kequn/internal/model/modeltest"
)

func TestConformance(t *testing.T) {
	modeltest.Exercise(t, linear.Learner{}, linear.Decode, nil)
}

func FuzzDecode(f *testing.F) { modeltest.Fuzz(f, linear.Learner{}, linear.Decode) }
