//go:build !amd64

package kernel

// withInstructions runs f with the portable version, the only one here.
func withInstructions(f func(name string)) { f("portable") }
