#define VALUE_BYTES 2
#include "matrix.h"

INLINE int16x8_t values8(const uint8_t *p) { return vreinterpretq_s16_u8(vld1q_u8(p)); }

// more adds the products with 16 codes.
INLINE i4 more(i4 sum, const uint8_t *x, s16x w) {
	int16x8_t a = vmovl_s8(vget_low_s8(w)), b = vmovl_high_s8(w), p = values8(x), q = values8(x + 16);
	sum = vmlal_s16(sum, vget_low_s16(a), vget_low_s16(p));
	sum = vmlal_high_s16(sum, a, p);
	sum = vmlal_s16(sum, vget_low_s16(b), vget_low_s16(q));
	return vmlal_high_s16(sum, b, q);
}

INLINE i4 multiply(const uint8_t *x, const uint8_t *y, s16x w) { return (void)y, more(vdupq_n_s32(0), x, w); }
INLINE i4 multiply2(const uint8_t *x, const uint8_t *y, const s16x w[2]) { return (void)y, more(more(vdupq_n_s32(0), x, w[0]), x + 32, w[1]); }

#include "rows.h"

// wordsRows32 gives the products of groups of unpacked rows.
KERNEL wordsRows32(float *to, const int8_t *codes, const float *scales, const uint8_t *values, const float *xscale, const float *xsum, const long *shape) {
	stored(32, 0, to, codes, scales, values, xscale, xsum, shape);
}

// wordsRows32Minima gives the products of groups of unpacked rows.
KERNEL wordsRows32Minima(float *to, const int8_t *codes, const float *scales, const uint8_t *values, const float *xscale, const float *xsum, const long *shape) {
	stored(32, 1, to, codes, scales, values, xscale, xsum, shape);
}

// wordsRows16 gives the products of groups of unpacked rows.
KERNEL wordsRows16(float *to, const int8_t *codes, const float *scales, const uint8_t *values, const float *xscale, const float *xsum, const long *shape) {
	stored(16, 0, to, codes, scales, values, xscale, xsum, shape);
}

// wordsRows16Minima gives the products of groups of unpacked rows.
KERNEL wordsRows16Minima(float *to, const int8_t *codes, const float *scales, const uint8_t *values, const float *xscale, const float *xsum, const long *shape) {
	stored(16, 1, to, codes, scales, values, xscale, xsum, shape);
}

// wordsQ4_0 gives the products of groups of rows of blocks.
KERNEL wordsQ4_0(float *to, const uint8_t *blocks, const uint8_t *values, const float *xscale, const float *xsum, const long *shape) { fused(Q4_0, to, blocks, values, xscale, xsum, shape, 0, 0); }

// wordsQ4_1 gives the products of groups of rows of blocks.
KERNEL wordsQ4_1(float *to, const uint8_t *blocks, const uint8_t *values, const float *xscale, const float *xsum, const long *shape) { fused(Q4_1, to, blocks, values, xscale, xsum, shape, 0, 0); }

// wordsQ5_0 gives the products of groups of rows of blocks.
KERNEL wordsQ5_0(float *to, const uint8_t *blocks, const uint8_t *values, const float *xscale, const float *xsum, const long *shape) { fused(Q5_0, to, blocks, values, xscale, xsum, shape, 0, 0); }

// wordsQ5_1 gives the products of groups of rows of blocks.
KERNEL wordsQ5_1(float *to, const uint8_t *blocks, const uint8_t *values, const float *xscale, const float *xsum, const long *shape) { fused(Q5_1, to, blocks, values, xscale, xsum, shape, 0, 0); }

// wordsQ8_0 gives the products of groups of rows of blocks.
KERNEL wordsQ8_0(float *to, const uint8_t *blocks, const uint8_t *values, const float *xscale, const float *xsum, const long *shape) { fused(Q8_0, to, blocks, values, xscale, xsum, shape, 0, 0); }

// wordsIQ4_NL gives the products of groups of rows of blocks.
KERNEL wordsIQ4_NL(float *to, const uint8_t *blocks, const uint8_t *values, const float *xscale, const float *xsum, const long *shape) { fused(IQ4_NL, to, blocks, values, xscale, xsum, shape, 0, 0); }

// wordsMXFP4 gives the products of groups of rows of blocks.
KERNEL wordsMXFP4(float *to, const uint8_t *blocks, const uint8_t *values, const float *xscale, const float *xsum, const long *shape) { fused(MXFP4, to, blocks, values, xscale, xsum, shape, 0, 0); }

// wordsQ2_K gives the products of groups of rows of blocks.
KERNEL wordsQ2_K(float *to, const uint8_t *blocks, const uint8_t *values, const float *xscale, const float *xsum, const long *shape) { fused(Q2_K, to, blocks, values, xscale, xsum, shape, 0, 0); }

// wordsQ3_K gives the products of groups of rows of blocks.
KERNEL wordsQ3_K(float *to, const uint8_t *blocks, const uint8_t *values, const float *xscale, const float *xsum, const long *shape) { fused(Q3_K, to, blocks, values, xscale, xsum, shape, 0, 0); }

// wordsQ4_K gives the products of groups of rows of blocks.
KERNEL wordsQ4_K(float *to, const uint8_t *blocks, const uint8_t *values, const float *xscale, const float *xsum, const long *shape) { fused(Q4_K, to, blocks, values, xscale, xsum, shape, 0, 0); }

// wordsQ5_K gives the products of groups of rows of blocks.
KERNEL wordsQ5_K(float *to, const uint8_t *blocks, const uint8_t *values, const float *xscale, const float *xsum, const long *shape) { fused(Q5_K, to, blocks, values, xscale, xsum, shape, 0, 0); }

// wordsQ6_K gives the products of groups of rows of blocks.
KERNEL wordsQ6_K(float *to, const uint8_t *blocks, const uint8_t *values, const float *xscale, const float *xsum, const long *shape) { fused(Q6_K, to, blocks, values, xscale, xsum, shape, 0, 0); }

// wordsIQ4_XS gives the products of groups of rows of blocks.
KERNEL wordsIQ4_XS(float *to, const uint8_t *blocks, const uint8_t *values, const float *xscale, const float *xsum, const long *shape) { fused(IQ4_XS, to, blocks, values, xscale, xsum, shape, 0, 0); }

// wordsTQ2_0 gives the products of groups of rows of blocks.
KERNEL wordsTQ2_0(float *to, const uint8_t *blocks, const uint8_t *values, const float *xscale, const float *xsum, const long *shape) { fused(TQ2_0, to, blocks, values, xscale, xsum, shape, 0, 0); }

// wordsIQ1_S gives the products of groups of rows of blocks.
KERNEL wordsIQ1_S(float *to, const uint8_t *blocks, const uint8_t *values, const float *xscale, const long *shape, const uint64_t *points, const uint64_t *signs) { fused(IQ1_S, to, blocks, values, xscale, xscale, shape, points, signs); }

// wordsIQ1_M gives the products of groups of rows of blocks.
KERNEL wordsIQ1_M(float *to, const uint8_t *blocks, const uint8_t *values, const float *xscale, const long *shape, const uint64_t *points, const uint64_t *signs) { fused(IQ1_M, to, blocks, values, xscale, xscale, shape, points, signs); }

// wordsIQ2_XXS gives the products of groups of rows of blocks.
KERNEL wordsIQ2_XXS(float *to, const uint8_t *blocks, const uint8_t *values, const float *xscale, const long *shape, const uint64_t *points, const uint64_t *signs) { fused(IQ2_XXS, to, blocks, values, xscale, xscale, shape, points, signs); }

// wordsIQ2_XS gives the products of groups of rows of blocks.
KERNEL wordsIQ2_XS(float *to, const uint8_t *blocks, const uint8_t *values, const float *xscale, const long *shape, const uint64_t *points, const uint64_t *signs) { fused(IQ2_XS, to, blocks, values, xscale, xscale, shape, points, signs); }

// wordsIQ2_S gives the products of groups of rows of blocks.
KERNEL wordsIQ2_S(float *to, const uint8_t *blocks, const uint8_t *values, const float *xscale, const long *shape, const uint64_t *points, const uint64_t *signs) { fused(IQ2_S, to, blocks, values, xscale, xscale, shape, points, signs); }

// wordsIQ3_XXS gives the products of groups of rows of blocks.
KERNEL wordsIQ3_XXS(float *to, const uint8_t *blocks, const uint8_t *values, const float *xscale, const long *shape, const uint64_t *points, const uint64_t *signs) { fused(IQ3_XXS, to, blocks, values, xscale, xscale, shape, points, signs); }

// wordsIQ3_S gives the products of groups of rows of blocks.
KERNEL wordsIQ3_S(float *to, const uint8_t *blocks, const uint8_t *values, const float *xscale, const long *shape, const uint64_t *points, const uint64_t *signs) { fused(IQ3_S, to, blocks, values, xscale, xscale, shape, points, signs); }
