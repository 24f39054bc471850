package gbdt_test

import (
	"testing"

	"kequn/internal/model/gbdt"
	"kequn/internal/model/modeltest"
)

func TestConformance(t *testing.T) {
	modeltest.Exercise(t, gbdt.Learner{}, gbdt.Decode, nil)
}
