package model

import (
	"context"
	"slices"
	"time"

	"kequn"
	"kequn/internal/table"
)

// Start is what a fit knows once its input is found to be in order.
type Start struct {
	Params []Value // parameters in effect, defaults resolved: the caller's own
	Rows   int     // rows of weight > 0

	family  string
	task    kequn.Task
	classes []string
	began   time.Time
}

// Begin does what every Fit does first: it starts the clock, settles the learner's parameters ([Resolve]), refuses tasks
// that are none of the given ones with [ErrTask] (none given: Binary, Regression and Multiclass are taken), checks
// shapes and values ([Check]) and whether ctx is still alive, in this order. It returns the learner with its defaults resolved.
//
// Columns are left to the caller, since some families drop rows of weight 0 before they look at them.
func Begin[L Learner](ctx context.Context, l L, x *table.Table, y Outcome, w []float64, tasks ...kequn.Task) (L, Start, error) {
	s := Start{family: l.Name(), task: y.Task, classes: y.Classes, began: time.Now()}
	l, params, err := Resolve(l)
	if err != nil {
		return l, s, err
	}
	if len(tasks) == 0 {
		tasks = []kequn.Task{kequn.Binary, kequn.Regression, kequn.Multiclass}
	}
	if !slices.Contains(tasks, y.Task) {
		return l, s, ErrTask
	}
	s.Params = params
	if s.Rows, err = Check(x, y, w); err != nil {
		return l, s, err
	}
	return l, s, ctx.Err()
}

// Header returns the header of the model that is fitted, without its time.
func (s Start) Header(version int, cols []Column, notes []string) Header {
	return Header{Family: s.family, Version: version, Task: s.task, Classes: s.classes, Columns: cols, Params: s.Params, Rows: s.Rows, Notes: notes}
}

// Seconds returns how long the fit has taken so far, for [Header.Seconds].
func (s Start) Seconds() float64 { return time.Since(s.began).Seconds() }
