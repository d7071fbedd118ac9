package wire

import (
	"math"
	"math/big"
	"testing"
)

// edges are where a wrapped sum or product hides.
var edges = []int64{
	math.MinInt64, math.MinInt64 + 1, -1 << 32, -1, 0, 1, 2, 3, 7, 8, 31, 32, 33, 63, 64,
	1<<31 - 1, 1 << 31, 1<<32 - 1, 1 << 32, 3037000499, 3037000500, // around the square root of 2^63
	1<<62 - 1, 1 << 62, 1<<62 + 1, math.MaxInt64 - 32, math.MaxInt64 - 31, math.MaxInt64 - 1, math.MaxInt64,
}

var maxInt64 = big.NewInt(math.MaxInt64)

// expect compares with exact arithmetic: ok if and only if no operand is negative and the result fits.
func expect(t *testing.T, what string, got int64, ok bool, exact *big.Int, negative bool) {
	t.Helper()
	if want := !negative && exact.Cmp(maxInt64) <= 0; ok != want {
		t.Fatalf("%s: ok = %v, exact result %v", what, ok, exact)
	}
	if ok && exact.Cmp(big.NewInt(got)) != 0 {
		t.Fatalf("%s = %d, exact result %v", what, got, exact)
	}
	if !ok && got != 0 {
		t.Fatalf("%s = %d although it is not ok", what, got)
	}
}

func check(t *testing.T, a, b, c int64) {
	t.Helper()
	A, B, C := big.NewInt(a), big.NewInt(b), big.NewInt(c)
	got, ok := Mul(a, b)
	expect(t, "Mul", got, ok, new(big.Int).Mul(A, B), a < 0 || b < 0)
	got, ok = Add(a, b)
	expect(t, "Add", got, ok, new(big.Int).Add(A, B), a < 0 || b < 0)

	// A zero makes a product 0 but does not excuse the others.
	exact, zero := big.NewInt(1), false
	for _, f := range []*big.Int{A, B, C} {
		if f.Sign() == 0 {
			zero = true
		} else {
			exact.Mul(exact, f)
		}
	}
	got, ok = Product([]int64{a, b, c})
	if zero && ok {
		if got != 0 {
			t.Fatalf("Product(%d, %d, %d) = %d", a, b, c, got)
		}
		got = exact.Int64()
	}
	expect(t, "Product", got, ok, exact, a < 0 || b < 0 || c < 0)

	power := b > 0 && new(big.Int).And(B, new(big.Int).Sub(B, big.NewInt(1))).Sign() == 0
	up := new(big.Int)
	if power {
		up.Add(A, new(big.Int).Sub(B, big.NewInt(1)))
		if up.Cmp(maxInt64) <= 0 { // refused when the sum before rounding exceeds an int64
			up.Div(up, B).Mul(up, B)
		}
	}
	got, ok = Align(a, b)
	expect(t, "Align", got, ok, up, a < 0 || !power)

	u := uint64(a)
	got, ok = Int(u)
	expect(t, "Int", got, ok, new(big.Int).SetUint64(u), false)
}

func TestEdges(t *testing.T) {
	for _, a := range edges {
		for _, b := range edges {
			for _, c := range edges {
				check(t, a, b, c)
			}
		}
	}
	if p, ok := Product(nil); p != 1 || !ok {
		t.Errorf("empty product = %d, %v", p, ok)
	}
}

// TestC6RoundUpWraps: rounding up a size within alignment-1 of 2^63 must fail, not wrap to a small number.
func TestC6RoundUpWraps(t *testing.T) {
	for align := int64(2); align <= 1<<20; align *= 2 {
		first := math.MaxInt64 - align + 2 // the smallest n whose multiple would be 2^63
		if a, ok := Align(first, align); ok {
			t.Errorf("Align(%d, %d) = %d", first, align, a)
		}
		if a, ok := Align(first-1, align); !ok || a != first-1 {
			t.Errorf("Align(%d, %d) = %d, %v", first-1, align, a, ok)
		}
	}
}

func FuzzWire(f *testing.F) {
	for i := range edges {
		f.Add(edges[i], edges[(i*7+3)%len(edges)], edges[(i*5+1)%len(edges)])
	}
	f.Fuzz(check)
}
