package main

import (
	"kequn/internal/engine/local"
	"kequn/internal/model"
	"kequn/internal/model/gbdt"
	"kequn/internal/model/ladder"
	"kequn/internal/model/linear"
	"kequn/internal/model/neural"
	"kequn/internal/model/svm"
	"kequn/internal/model/tree"
)

// learners is the menu: the rungs of the ladder, simplest first.
var learners = []model.Named{
	{Name: "linear", Learner: linear.Learner{}},
	{Name: "tree", Learner: tree.Learner{}},
	{Name: "forest", Learner: tree.Forest{}},
	{Name: "gbdt", Learner: gbdt.Learner{}},
	{Name: "svm", Learner: svm.Learner{}},
	{Name: "mlp", Learner: neural.Learner{}},
}

// decoders read saved models back, by family.
var decoders = func() map[string]model.Decoder {
	d := map[string]model.Decoder{
		ladder.BaseName:   ladder.DecodeBase,
		linear.Family:     linear.Decode,
		tree.Family:       tree.Decode,
		tree.ForestFamily: tree.DecodeForest,
		gbdt.Name:         gbdt.Decode,
		svm.Family:        svm.Decode,
		neural.Family:     neural.Decode,
	}
	d[ladder.AutoFamily] = ladder.Decoder(d)
	return d
}()

// localEngine computes here, in one streaming pass.
var localEngine = local.Engine{}
