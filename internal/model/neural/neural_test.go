package neural_test

import (
	"testing"

	"kequn/internal/model/modeltest"
	"kequn/internal/model/neural"
)

func TestConformance(t *testing.T) {
	modeltest.Exercise(t, neural.Learner{}, neural.Decode, nil)
}

func FuzzDecode(f *testing.F) {
	modeltest.Fuzz(f, neural.Learner{Width: 8, Members: 2, Epochs: 2}, neural.Decode)
}
