package model

import (
	"errors"
	"reflect"
)

// ErrTask says that a family does not predict this kind of outcome.
var ErrTask = errors.New("model: the family does not predict this kind of outcome")

// WithThreads returns a copy of the learner that uses at most n threads (0: all). Learners that use several threads say
// so by a field Threads of type int; it has no param tag, for it changes no result. Other learners are returned as they are.
func WithThreads(l Learner, n int) Learner { return withInt(l, "Threads", int64(n)) }

// WithSeed returns a copy of the learner with the seed. Learners that draw random numbers have a field Seed of type
// uint64; others are returned as they are.
func WithSeed(l Learner, seed uint64) Learner { return withInt(l, "Seed", int64(seed)) }

func withInt(l Learner, field string, n int64) Learner {
	t := structType(l)
	if t.Kind() != reflect.Struct {
		return l
	}
	v := reflect.New(t).Elem()
	v.Set(reflect.Indirect(reflect.ValueOf(l)))
	f := v.FieldByName(field)
	switch {
	case !f.IsValid() || !f.CanSet():
		return l
	case f.CanInt():
		f.SetInt(n)
	case f.CanUint():
		f.SetUint(uint64(n))
	default:
		return l
	}
	return v.Interface().(Learner)
}
