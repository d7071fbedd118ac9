package arch

import "math"

// Tables of glibc's powf, which is Arm's (optimized-routines, math/powf_log2_data.c and exp2f_data.c): for sixteenths
// of an octave from 0.69921875 the reciprocal of a point near the middle and that point's binary logarithm, the
// coefficients of log2(1+r), thirty-second roots of two less their exponents, and the coefficients of 2^r.
var (
	log2Points = [16][2]float64{
		{0x1.661ec79f8f3bep+0, -0x1.efec65b963019p-2}, {0x1.571ed4aaf883dp+0, -0x1.b0b6832d4fca4p-2},
		{0x1.49539f0f010bp+0, -0x1.7418b0a1fb77bp-2}, {0x1.3c995b0b80385p+0, -0x1.39de91a6dcf7bp-2},
		{0x1.30d190c8864a5p+0, -0x1.01d9bf3f2b631p-2}, {0x1.25e227b0b8eap+0, -0x1.97c1d1b3b7afp-3},
		{0x1.1bb4a4a1a343fp+0, -0x1.2f9e393af3c9fp-3}, {0x1.12358f08ae5bap+0, -0x1.960cbbf788d5cp-4},
		{0x1.0953f419900a7p+0, -0x1.a6f9db6475fcep-5}, {0x1p+0, 0},
		{0x1.e608cfd9a47acp-1, 0x1.338ca9f24f53dp-4}, {0x1.ca4b31f026aap-1, 0x1.476a9543891bap-3},
		{0x1.b2036576afce6p-1, 0x1.e840b4ac4e4d2p-3}, {0x1.9c2d163a1aa2dp-1, 0x1.40645f0c6651cp-2},
		{0x1.886e6037841edp-1, 0x1.88e9c2c1b9ff8p-2}, {0x1.767dcf5534862p-1, 0x1.ce0a44eb17bccp-2},
	}
	log2Poly = [5]float64{0x1.27616c9496e0bp-2, -0x1.71969a075c67ap-2, 0x1.ec70a6ca7baddp-2, -0x1.7154748bef6c8p-1, 0x1.71547652ab82bp0}

	exp2Roots = [32]uint64{
		0x3ff0000000000000, 0x3fefd9b0d3158574, 0x3fefb5586cf9890f, 0x3fef9301d0125b51, 0x3fef72b83c7d517b, 0x3fef54873168b9aa,
		0x3fef387a6e756238, 0x3fef1e9df51fdee1, 0x3fef06fe0a31b715, 0x3feef1a7373aa9cb, 0x3feedea64c123422, 0x3feece086061892d,
		0x3feebfdad5362a27, 0x3feeb42b569d4f82, 0x3feeab07dd485429, 0x3feea47eb03a5585, 0x3feea09e667f3bcd, 0x3fee9f75e8ec5f74,
		0x3feea11473eb0187, 0x3feea589994cce13, 0x3feeace5422aa0db, 0x3feeb737b0cdc5e5, 0x3feec49182a3f090, 0x3feed503b23e255d,
		0x3feee89f995ad3ad, 0x3feeff76f2fb5e47, 0x3fef199bdd85529c, 0x3fef3720dcef9069, 0x3fef5818dcfba487, 0x3fef7c97337b9b5f,
		0x3fefa4afa2a490da, 0x3fefd0765b6e4540,
	}
	exp2Poly = [3]float64{0x1.c6af84b912394p-5, 0x1.ebfce50fac4f3p-3, 0x1.62e42ff0c52d6p-1}
)

// glibcPow is 2**(y·log2 x) in double precision, rounded at the end, with the fused operations that glibc uses on
// every processor with FMA. x is positive and normal.
func glibcPow(x, y float32) float32 {
	if y == 0 {
		return 1
	}
	// x = 2^k·z with z in [0.69921875, 1.3984375), in the i-th sixteenth of it
	bits := math.Float32bits(x)
	above := bits - 0x3f330000
	point := &log2Points[above>>19%16]
	z := float64(math.Float32frombits(bits - above&0xff800000))
	r := math.FMA(z, point[0], -1)
	r2 := r * r
	high := math.FMA(log2Poly[0], r, log2Poly[1])
	mid := math.FMA(log2Poly[2], r, log2Poly[3])
	low := math.FMA(log2Poly[4], r, point[1]+float64(int32(above)>>23))
	log := math.FMA(high, r2*r2, math.FMA(mid, r2, low))

	// y·log = k/32 + r
	const shift = 0x1.8p+52 / 32
	e := float64(float64(y) * log) // rounded on its own: log has other uses, and no compiler may fuse it here
	rounded := e + shift
	k := math.Float64bits(rounded)
	r = e - (rounded - shift)
	root := math.Float64frombits(exp2Roots[k%32] + k<<47)
	frac := math.FMA(math.FMA(exp2Poly[0], r, exp2Poly[1]), r*r, math.FMA(exp2Poly[2], r, 1))
	return float32(frac * root)
}
