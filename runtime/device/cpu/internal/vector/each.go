package vector

import (
	"fmt"
	"math"
)

// same panics unless all have n values.
func same(n int, others ...int) {
	for _, o := range others {
		if o != n {
			panic(fmt.Sprintf("vector: %d values with %d", n, o))
		}
	}
}

// whole is how many of n values kernels take.
func whole(n int) int { return n / Group * Group }

// Gate computes dst = gate/(1+e^-gate)·up. dst may be one of the others.
func Gate(dst, gate, up []float32) {
	same(len(dst), len(gate), len(up))
	first := 0
	if n := whole(len(dst)); n > 0 && gateFast(dst[:n], gate, up) {
		first = n
	}
	for i := first; i < len(dst); i++ {
		g := gate[i]
		s := exp(math.Float32frombits(math.Float32bits(g) | 1<<31))
		below := 1 + s
		if !math.Signbit(float64(g)) {
			s = 1
		}
		dst[i] = g * (s / below) * up[i]
	}
}

// Scaled computes dst = x·f·w. dst may be x.
func Scaled(dst, x, w []float32, f float32) {
	same(len(dst), len(x), len(w))
	first := 0
	if n := whole(len(dst)); n > 0 && scaledFast(dst[:n], x, w, f) {
		first = n
	}
	for i := first; i < len(dst); i++ {
		dst[i] = x[i] * f * w[i]
	}
}

// AddScaled computes dst += f·x.
func AddScaled(dst, x []float32, f float32) {
	same(len(dst), len(x))
	first := 0
	if n := whole(len(dst)); n > 0 && addScaledFast(dst[:n], x, f) {
		first = n
	}
	for i := first; i < len(dst); i++ {
		dst[i] += float32(f * x[i])
	}
}

// Times computes dst = f·x.
func Times(dst, x []float32, f float32) {
	same(len(dst), len(x))
	first := 0
	if n := whole(len(dst)); n > 0 && timesFast(dst[:n], x, f) {
		first = n
	}
	for i := first; i < len(dst); i++ {
		dst[i] = f * x[i]
	}
}

// Blend computes dst = keep·dst + f·x.
func Blend(dst, x []float32, keep, f float32) {
	same(len(dst), len(x))
	first := 0
	if n := whole(len(dst)); n > 0 && blendFast(dst[:n], x, keep, f) {
		first = n
	}
	for i := first; i < len(dst); i++ {
		dst[i] = float32(keep*dst[i]) + float32(f*x[i])
	}
}

// RotateHalves turns pairs of x and y: x·cos - y·sin and x·sin + y·cos.
func RotateHalves(x, y, cos, sin []float32) {
	same(len(x), len(y), len(cos), len(sin))
	first := 0
	if n := whole(len(x)); n > 0 && rotateHalvesFast(x[:n], y, cos, sin) {
		first = n
	}
	for i := first; i < len(x); i++ {
		x[i], y[i] = float32(x[i]*cos[i])-float32(y[i]*sin[i]), float32(x[i]*sin[i])+float32(y[i]*cos[i])
	}
}

// RotateNeighbours turns pairs of values next to each other: x = x·cos + neighbour·sin. For pair j both cosines are its
// own; the first sine is negative.
func RotateNeighbours(x, cos, sin []float32) {
	same(len(x), len(cos), len(sin))
	first := 0
	if n := whole(len(x)); n > 0 && rotateNeighboursFast(x[:n], cos, sin) {
		first = n
	}
	for i := first; i < len(x)-1; i += 2 {
		a, b := x[i], x[i+1]
		x[i], x[i+1] = float32(a*cos[i])+float32(b*sin[i]), float32(b*cos[i+1])+float32(a*sin[i+1])
	}
}
