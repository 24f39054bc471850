package neural_test

import (
	"testing"

	"kequn/internal/model/modeltest"
	"kequn/internal/model/neural"
)

// Fewer networks than the zero value's 8, whose every promise takes hundreds of fits.
func TestConformance(t *testing.T) {
	modeltest.Exercise(t, neural.Learner{Members: 3, Epochs: 25}, neural.Decode, nil)
}

func FuzzDecode(f *testing.F) {
	modeltest.Fuzz(f, neural.Learner{Width: 8, Members: 2, Epochs: 2}, neural.Decode)
}
