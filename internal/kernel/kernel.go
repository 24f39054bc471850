// Package kernel does number-crunching on slices: parallel loops, seeded streams, dot products and distances, sorting, quantiles.
//
// It sits on the lowest floor and knows no table, customer or model. Two promises hold everywhere:
//
//   - Results never depend on the number of threads. Work is cut into blocks whose borders follow from the length alone,
//     and what blocks return is combined in block order.
//   - Sums run in a fixed order. A function that has a faster version for some processor says so, and says whether the
//     result may differ in its last bits.
//
// A length mismatch, or an argument outside its documented range, is a mistake of the caller and panics with a constant text.
package kernel

const (
	errLength = "kernel: length mismatch"
	errRange  = "kernel: argument out of range"
)
