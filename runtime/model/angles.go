package model

import (
	"math"

	"github.com/qconv/qconv/formats/arch"
)

// angles gives, for every position below n, the cosine and sine of each rotated pair, times the magnitude. Everything is
// computed in float64; arch.Rope has the formulas. divisors are those of rope_freqs, one a pair, or nil.
func angles(r *arch.Rope, divisors []float32, n int) []float32 {
	pairs := int(r.Dims / 2)
	speed := make([]float64, pairs) // radians a position
	for j := range speed {
		speed[j] = math.Pow(r.Base, -2*float64(j)/float64(r.Dims))
		switch r.Scaling {
		case arch.RopeLinear:
			speed[j] /= r.Factor
		case arch.RopeDivided:
			speed[j] /= float64(divisors[j])
		case arch.RopeYaRN:
			keep := yarnRamp(r, j)
			speed[j] = keep*speed[j] + (1-keep)*speed[j]/r.Factor
		}
	}
	out := make([]float32, 0, n*2*pairs)
	for p := range n {
		for _, s := range speed {
			sin, cos := math.Sincos(float64(p) * s)
			out = append(out, float32(cos*r.Magnitude), float32(sin*r.Magnitude))
		}
	}
	return out
}

// yarnRamp is the share of pair j that keeps its angle: 1 for fast pairs, 0 for slow ones.
func yarnRamp(r *arch.Rope, j int) float64 {
	dim := func(rotations float64) float64 {
		return float64(r.Dims) * math.Log(float64(r.OrigContext)/(2*math.Pi*rotations)) / (2 * math.Log(r.Base))
	}
	low := max(0, math.Floor(dim(r.BetaFast)))
	high := min(float64(r.Dims)-1, math.Ceil(dim(r.BetaSlow)))
	return 1 - min(1, max(0, (float64(j)-low)/max(0.001, high-low)))
}
