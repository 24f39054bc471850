// Package pipeline runs the steps in order, only what changed, and remembers what was made from what.
//
// It is the only room that knows the order: source → quality → feature → segment → model → explain → evaluate → audience →
// decision → activate → measure.
package pipeline
