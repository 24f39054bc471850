package main

import (
	"kequn/internal/engine/local"
	"kequn/internal/model"
	"kequn/internal/model/additive"
	"kequn/internal/model/gbdt"
	"kequn/internal/model/ladder"
	"kequn/internal/model/lifetime"
	"kequn/internal/model/linear"
	"kequn/internal/model/neural"
	"kequn/internal/model/svm"
	"kequn/internal/model/tree"
	"kequn/internal/model/value"
)

// learners is the menu: the rungs of the ladder, simplest first.
var learners = []model.Named{
	{Name: "linear", Learner: linear.Learner{}},
	{Name: "rulelist", Learner: tree.RuleList{}},
	{Name: "tree", Learner: tree.Learner{}},
	{Name: "additive", Learner: additive.Learner{}},
	{Name: "forest", Learner: tree.Forest{}},
	{Name: "extra", Learner: tree.Forest{Extra: true}},
	{Name: "gbdt", Learner: gbdt.Learner{}},
	{Name: "gbdt-careful", Learner: gbdt.Careful()},
	{Name: "gbdt-varied", Learner: gbdt.Varied()},
	{Name: "gbdt-symmetric", Learner: gbdt.Symmetric()},
	{Name: "svm", Learner: svm.Learner{}},
	{Name: "mlp", Learner: neural.Learner{}},
}

// decoders read saved models back, by family.
var decoders = func() map[string]model.Decoder {
	d := map[string]model.Decoder{
		ladder.BaseName:     ladder.DecodeBase,
		linear.Family:       linear.Decode,
		tree.Family:         tree.Decode,
		tree.ForestFamily:   tree.DecodeForest,
		tree.RuleListFamily: tree.DecodeRuleList,
		additive.Name:       additive.Decode,
		gbdt.Name:           gbdt.Decode,
		svm.Family:          svm.Decode,
		neural.Family:       neural.Decode,
		lifetime.Family:     lifetime.Decode,
	}
	d[value.Family] = value.Decoder(d)
	d[ladder.AutoFamily] = ladder.Decoder(d)
	return d
}()

// localEngine computes here, in one streaming pass.
var localEngine = local.Engine{}
