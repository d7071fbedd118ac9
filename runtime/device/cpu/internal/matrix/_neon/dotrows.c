#define VALUE_BYTES 1
#include "dotprod.h"

INLINE s16x values16(const uint8_t *p) { return vreinterpretq_s8_u8(vld1q_u8(p)); }

INLINE i4 multiply(const uint8_t *x, const uint8_t *y, s16x w) {
	i4 high = vdotq_s32(vdupq_n_s32(0), w, values16(x));
	return vdotq_s32(vshlq_n_s32(high, 8), w, values16(y));
}

INLINE i4 multiply2(const uint8_t *x, const uint8_t *y, const s16x w[2]) {
	i4 high = vdotq_s32(vdotq_s32(vdupq_n_s32(0), w[0], values16(x)), w[1], values16(x + 16));
	return vdotq_s32(vdotq_s32(vshlq_n_s32(high, 8), w[0], values16(y)), w[1], values16(y + 16));
}

#include "rows.h"

// dotRows32 gives the products of groups of unpacked rows.
KERNEL dotRows32(float *to, const int8_t *codes, const float *scales, const uint8_t *values, const float *xscale, const float *xsum, const long *shape) {
	stored(32, 0, to, codes, scales, values, xscale, xsum, shape);
}

// dotRows32Minima gives the products of groups of unpacked rows.
KERNEL dotRows32Minima(float *to, const int8_t *codes, const float *scales, const uint8_t *values, const float *xscale, const float *xsum, const long *shape) {
	stored(32, 1, to, codes, scales, values, xscale, xsum, shape);
}

// dotRows16 gives the products of groups of unpacked rows.
KERNEL dotRows16(float *to, const int8_t *codes, const float *scales, const uint8_t *values, const float *xscale, const float *xsum, const long *shape) {
	stored(16, 0, to, codes, scales, values, xscale, xsum, shape);
}

// dotRows16Minima gives the products of groups of unpacked rows.
KERNEL dotRows16Minima(float *to, const int8_t *codes, const float *scales, const uint8_t *values, const float *xscale, const float *xsum, const long *shape) {
	stored(16, 1, to, codes, scales, values, xscale, xsum, shape);
}

// dotQ4_0 gives the products of groups of rows of blocks.
KERNEL dotQ4_0(float *to, const uint8_t *blocks, const uint8_t *values, const float *xscale, const float *xsum, const long *shape) { fused(Q4_0, to, blocks, values, xscale, xsum, shape, 0, 0); }

// dotQ4_1 gives the products of groups of rows of blocks.
KERNEL dotQ4_1(float *to, const uint8_t *blocks, const uint8_t *values, const float *xscale, const float *xsum, const long *shape) { fused(Q4_1, to, blocks, values, xscale, xsum, shape, 0, 0); }

// dotQ5_0 gives the products of groups of rows of blocks.
KERNEL dotQ5_0(float *to, const uint8_t *blocks, const uint8_t *values, const float *xscale, const float *xsum, const long *shape) { fused(Q5_0, to, blocks, values, xscale, xsum, shape, 0, 0); }

// dotQ5_1 gives the products of groups of rows of blocks.
KERNEL dotQ5_1(float *to, const uint8_t *blocks, const uint8_t *values, const float *xscale, const float *xsum, const long *shape) { fused(Q5_1, to, blocks, values, xscale, xsum, shape, 0, 0); }

// dotQ8_0 gives the products of groups of rows of blocks.
KERNEL dotQ8_0(float *to, const uint8_t *blocks, const uint8_t *values, const float *xscale, const float *xsum, const long *shape) { fused(Q8_0, to, blocks, values, xscale, xsum, shape, 0, 0); }

// dotIQ4_NL gives the products of groups of rows of blocks.
KERNEL dotIQ4_NL(float *to, const uint8_t *blocks, const uint8_t *values, const float *xscale, const float *xsum, const long *shape) { fused(IQ4_NL, to, blocks, values, xscale, xsum, shape, 0, 0); }

// dotMXFP4 gives the products of groups of rows of blocks.
KERNEL dotMXFP4(float *to, const uint8_t *blocks, const uint8_t *values, const float *xscale, const float *xsum, const long *shape) { fused(MXFP4, to, blocks, values, xscale, xsum, shape, 0, 0); }

// dotQ2_K gives the products of groups of rows of blocks.
KERNEL dotQ2_K(float *to, const uint8_t *blocks, const uint8_t *values, const float *xscale, const float *xsum, const long *shape) { fused(Q2_K, to, blocks, values, xscale, xsum, shape, 0, 0); }

// dotQ3_K gives the products of groups of rows of blocks.
KERNEL dotQ3_K(float *to, const uint8_t *blocks, const uint8_t *values, const float *xscale, const float *xsum, const long *shape) { fused(Q3_K, to, blocks, values, xscale, xsum, shape, 0, 0); }

// dotQ4_K gives the products of groups of rows of blocks.
KERNEL dotQ4_K(float *to, const uint8_t *blocks, const uint8_t *values, const float *xscale, const float *xsum, const long *shape) { fused(Q4_K, to, blocks, values, xscale, xsum, shape, 0, 0); }

// dotQ5_K gives the products of groups of rows of blocks.
KERNEL dotQ5_K(float *to, const uint8_t *blocks, const uint8_t *values, const float *xscale, const float *xsum, const long *shape) { fused(Q5_K, to, blocks, values, xscale, xsum, shape, 0, 0); }

// dotQ6_K gives the products of groups of rows of blocks.
KERNEL dotQ6_K(float *to, const uint8_t *blocks, const uint8_t *values, const float *xscale, const float *xsum, const long *shape) { fused(Q6_K, to, blocks, values, xscale, xsum, shape, 0, 0); }

// dotIQ4_XS gives the products of groups of rows of blocks.
KERNEL dotIQ4_XS(float *to, const uint8_t *blocks, const uint8_t *values, const float *xscale, const float *xsum, const long *shape) { fused(IQ4_XS, to, blocks, values, xscale, xsum, shape, 0, 0); }

// dotTQ2_0 gives the products of groups of rows of blocks.
KERNEL dotTQ2_0(float *to, const uint8_t *blocks, const uint8_t *values, const float *xscale, const float *xsum, const long *shape) { fused(TQ2_0, to, blocks, values, xscale, xsum, shape, 0, 0); }

// dotIQ1_S gives the products of groups of rows of blocks.
KERNEL dotIQ1_S(float *to, const uint8_t *blocks, const uint8_t *values, const float *xscale, const long *shape, const uint64_t *points, const uint64_t *signs) { fused(IQ1_S, to, blocks, values, xscale, xscale, shape, points, signs); }

// dotIQ1_M gives the products of groups of rows of blocks.
KERNEL dotIQ1_M(float *to, const uint8_t *blocks, const uint8_t *values, const float *xscale, const long *shape, const uint64_t *points, const uint64_t *signs) { fused(IQ1_M, to, blocks, values, xscale, xscale, shape, points, signs); }

// dotIQ2_XXS gives the products of groups of rows of blocks.
KERNEL dotIQ2_XXS(float *to, const uint8_t *blocks, const uint8_t *values, const float *xscale, const long *shape, const uint64_t *points, const uint64_t *signs) { fused(IQ2_XXS, to, blocks, values, xscale, xscale, shape, points, signs); }

// dotIQ2_XS gives the products of groups of rows of blocks.
KERNEL dotIQ2_XS(float *to, const uint8_t *blocks, const uint8_t *values, const float *xscale, const long *shape, const uint64_t *points, const uint64_t *signs) { fused(IQ2_XS, to, blocks, values, xscale, xscale, shape, points, signs); }

// dotIQ2_S gives the products of groups of rows of blocks.
KERNEL dotIQ2_S(float *to, const uint8_t *blocks, const uint8_t *values, const float *xscale, const long *shape, const uint64_t *points, const uint64_t *signs) { fused(IQ2_S, to, blocks, values, xscale, xscale, shape, points, signs); }

// dotIQ3_XXS gives the products of groups of rows of blocks.
KERNEL dotIQ3_XXS(float *to, const uint8_t *blocks, const uint8_t *values, const float *xscale, const long *shape, const uint64_t *points, const uint64_t *signs) { fused(IQ3_XXS, to, blocks, values, xscale, xscale, shape, points, signs); }

// dotIQ3_S gives the products of groups of rows of blocks.
KERNEL dotIQ3_S(float *to, const uint8_t *blocks, const uint8_t *values, const float *xscale, const long *shape, const uint64_t *points, const uint64_t *signs) { fused(IQ3_S, to, blocks, values, xscale, xscale, shape, points, signs); }

#pragma clang attribute pop
