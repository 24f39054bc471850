package svm_test

import (
	"testing"

	"kequn/internal/model/modeltest"
	"kequn/internal/model/svm"
)

func TestConformance(t *testing.T) {
	modeltest.Exercise(t, svm.Learner{}, svm.Decode, nil)
}

func TestConformanceLinear(t *testing.T) {
	modeltest.Exercise(t, svm.Learner{Kernel: svm.Linear, C: 0.1}, svm.Decode, nil)
}

func TestConformanceLandmarks(t *testing.T) {
	modeltest.Exercise(t, svm.Learner{Kernel: svm.Landmarks, Landmarks: 64, C: 1, Gamma: 0.05}, svm.Decode, nil)
}

func FuzzDecode(f *testing.F) { modeltest.Fuzz(f, svm.Learner{}, svm.Decode) }
