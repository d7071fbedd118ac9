// Package wire does arithmetic on numbers that came from a file: every sum and product is
// checked, and no such number sizes an allocation before it is known to fit the input.
package wire

import "math"

// Mul gives a*b for a, b >= 0; ok is false when an operand is negative or the product exceeds an int64.
func Mul(a, b int64) (p int64, ok bool) {
	if a < 0 || b < 0 || (b != 0 && a > math.MaxInt64/b) {
		return 0, false
	}
	return a * b, true
}

// Add gives a+b for a, b >= 0; ok is false when an operand is negative or the sum exceeds an int64.
func Add(a, b int64) (s int64, ok bool) {
	if a < 0 || b < 0 || a > math.MaxInt64-b {
		return 0, false
	}
	return a + b, true
}

// Product multiplies all factors; the empty product is 1. A zero factor gives 0 only when
// every other factor is valid (not negative) too.
func Product(factors []int64) (p int64, ok bool) {
	p = 1
	zero := false
	for _, f := range factors {
		if f < 0 {
			return 0, false
		}
		if f == 0 {
			zero = true
			continue
		}
		if p, ok = Mul(p, f); !ok {
			return 0, false
		}
	}
	if zero {
		return 0, true
	}
	return p, true
}

// Align rounds n up to a multiple of align (a power of two >= 1); ok is false when align is
// not a power of two, n is negative or the result exceeds an int64.
func Align(n, align int64) (a int64, ok bool) {
	if align < 1 || align&(align-1) != 0 || n < 0 {
		return 0, false
	}
	if a, ok = Add(n, align-1); !ok {
		return 0, false
	}
	return a &^ (align - 1), true
}

// Int gives u as an int64; ok is false when it does not fit.
func Int(u uint64) (n int64, ok bool) {
	if u > math.MaxInt64 {
		return 0, false
	}
	return int64(u), true
}
