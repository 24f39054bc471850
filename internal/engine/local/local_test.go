package local

import (
	"testing"

	"kequn/internal/engine/enginetest"
)

func TestExercise(t *testing.T) { enginetest.Exercise(t, Engine{}) }
