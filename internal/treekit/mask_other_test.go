//go:build !amd64

package treekit

func withInstructions(f func(name string)) { f("portable") }
