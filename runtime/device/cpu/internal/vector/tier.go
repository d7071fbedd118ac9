// Package vector has the inner loops of all operations but products with weights: plain Go, and kernels that give the
// same bits. Where multiplications and additions are fused, plain Go fuses too. Lengths are checked here, once; kernels
// get pointers.
package vector

import "fmt"

// tier is a set of processor instructions that kernels are written for.
type tier uint8

const (
	plain tier = iota // plain Go
	avx2
	avx512
	neon    // of every arm64
	dotprod // NEON, on processors for which package matrix has more
)

func (t tier) String() string { return [...]string{"go", "avx2", "avx512", "neon", "dotprod"}[t] }

// now is the tier in use.
var now = tiers()[len(tiers())-1]

// Kernels names the instructions in use: go, avx2, avx512, neon or dotprod. It is the best that the processor has, until Use chooses
// another.
func Kernels() string { return now.String() }

// AllKernels lists what this processor could use, plain Go first.
func AllKernels() (names []string) {
	for _, t := range tiers() {
		names = append(names, t.String())
	}
	return names
}

// Use chooses instructions by a name of AllKernels. It is not for use while operations run.
func Use(name string) error {
	for _, t := range tiers() {
		if t.String() == name {
			now = t
			return nil
		}
	}
	return fmt.Errorf("this processor has no kernels %q, but %v", name, AllKernels())
}
