// Package modeltest is the conformance kit of learners: what every family must keep, one subtest per promise.
//
// A family's own test is one call:
//
//	func TestConformance(t *testing.T) {
//		modeltest.Exercise(t, gbdt.Learner{}, gbdt.Decode, nil)
//	}
//
// The promises come in four groups, after scikit-learn's check_estimator:
//
//	ready       the zero value works and beats a constant; parameters are declared
//	repeatable  same bytes for any number of threads; nothing is changed; saved = loaded
//	fair        weights, order and names mean what they say; contributions add up
//	careful     odd input gets the declared answer or an error that names the place
package modeltest

import (
	"errors"
	"fmt"
	"runtime/debug"
	"testing"

	"kequn"
	"kequn/internal/model"
)

// Exercise runs every check on every task that the learner takes (one that returns [model.ErrTask] is not taken).
//
// expected maps a check that cannot hold to the reason. Its keys are a check's name for all tasks ("fair/twice") or for
// one ("regression/fair/twice"). A listed check that passes everywhere it is listed fails, so that the list stays true.
func Exercise(t *testing.T, l model.Learner, decode model.Decoder, expected map[string]string) {
	t.Helper()
	used := map[string]bool{}
	taken := 0
	for _, task := range []kequn.Task{kequn.Binary, kequn.Regression, kequn.Multiclass} {
		s := newSubject(l, decode, task)
		if !s.takes() {
			continue
		}
		taken++
		for _, c := range checks {
			t.Run(string(task)+"/"+c.name, func(t *testing.T) {
				err := s.run(c)
				for _, key := range []string{c.name, string(task) + "/" + c.name} {
					if reason, ok := expected[key]; ok {
						if err != nil {
							used[key] = true
							t.Skipf("known: %s (%v)", reason, err)
						}
					}
				}
				if err != nil {
					t.Errorf("%s: %v\n%s", c.promise, err, l.Name())
				}
			})
		}
	}
	if taken == 0 {
		t.Errorf("%s takes no task at all", l.Name())
	}
	for key, reason := range expected {
		if !used[key] {
			t.Errorf("%q is listed as failing (%s), but passes or does not exist: take it off the list", key, reason)
		}
	}
}

// check is one promise. It returns what is wrong.
type check struct {
	name    string
	promise string
	run     func(s *subject) error
}

// subject is a learner on one task with its tables.
type subject struct {
	learner model.Learner
	decode  model.Decoder
	task    kequn.Task
	train   toy
	test    toy
}

func newSubject(l model.Learner, decode model.Decoder, task kequn.Task) *subject {
	return &subject{learner: l, decode: decode, task: task, train: newToy(task, 400, 1), test: newToy(task, 200, 2)}
}

func (s *subject) takes() bool {
	_, err := s.fit(s.train, nil)
	return !errors.Is(err, model.ErrTask)
}

func (s *subject) run(c check) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return c.run(s)
}
