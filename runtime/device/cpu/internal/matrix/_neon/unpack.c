#include "blocks.h"

// unpack stores the codes, scales and minima of blocks.
INLINE void unpack(enum type t, int8_t *codes, float *scale, float *minimum, const uint8_t *b, long n, const uint64_t *points, const uint64_t *signs) {
	ROLLED for (; n > 0; n--, b += block_bytes(t)) {
		s16x w[2];
		if (is_small(t)) {
			leaf(t, w, b, 0, points, signs);
			EACH(i, 2) vst1q_s8(codes + 16 * i, w[i]);
			*scale++ = small_scale(t, b);
			if (has_minima(t)) *minimum++ = small_minimum(b);
			codes += 32;
			continue;
		}
		f4 s[4], m[4];
		scales(t, s, m, b);
		EACH(k, 64 / group_of(t)) {
			store(scale + 4 * k, s[k]);
			if (has_minima(t)) store(minimum + 4 * k, m[k]);
		}
		EACH(g, 8) {
			leaf(t, w, b, g, points, signs);
			EACH(i, 2) vst1q_s8(codes + 32 * g + 16 * i, w[i]);
		}
		codes += 256, scale += 256 / group_of(t), minimum += 256 / group_of(t);
	}
}

// unpackQ4_0 unpacks n blocks.
KERNEL unpackQ4_0(int8_t *codes, float *scales, float *minima, const uint8_t *blocks, long n) { unpack(Q4_0, codes, scales, minima, blocks, n, 0, 0); }

// unpackQ4_1 unpacks n blocks.
KERNEL unpackQ4_1(int8_t *codes, float *scales, float *minima, const uint8_t *blocks, long n) { unpack(Q4_1, codes, scales, minima, blocks, n, 0, 0); }

// unpackQ5_0 unpacks n blocks.
KERNEL unpackQ5_0(int8_t *codes, float *scales, float *minima, const uint8_t *blocks, long n) { unpack(Q5_0, codes, scales, minima, blocks, n, 0, 0); }

// unpackQ5_1 unpacks n blocks.
KERNEL unpackQ5_1(int8_t *codes, float *scales, float *minima, const uint8_t *blocks, long n) { unpack(Q5_1, codes, scales, minima, blocks, n, 0, 0); }

// unpackQ8_0 unpacks n blocks.
KERNEL unpackQ8_0(int8_t *codes, float *scales, float *minima, const uint8_t *blocks, long n) { unpack(Q8_0, codes, scales, minima, blocks, n, 0, 0); }

// unpackIQ4_NL unpacks n blocks.
KERNEL unpackIQ4_NL(int8_t *codes, float *scales, float *minima, const uint8_t *blocks, long n) { unpack(IQ4_NL, codes, scales, minima, blocks, n, 0, 0); }

// unpackMXFP4 unpacks n blocks.
KERNEL unpackMXFP4(int8_t *codes, float *scales, float *minima, const uint8_t *blocks, long n) { unpack(MXFP4, codes, scales, minima, blocks, n, 0, 0); }

// unpackQ2_K unpacks n blocks.
KERNEL unpackQ2_K(int8_t *codes, float *scales, float *minima, const uint8_t *blocks, long n) { unpack(Q2_K, codes, scales, minima, blocks, n, 0, 0); }

// unpackQ3_K unpacks n blocks.
KERNEL unpackQ3_K(int8_t *codes, float *scales, float *minima, const uint8_t *blocks, long n) { unpack(Q3_K, codes, scales, minima, blocks, n, 0, 0); }

// unpackQ4_K unpacks n blocks.
KERNEL unpackQ4_K(int8_t *codes, float *scales, float *minima, const uint8_t *blocks, long n) { unpack(Q4_K, codes, scales, minima, blocks, n, 0, 0); }

// unpackQ5_K unpacks n blocks.
KERNEL unpackQ5_K(int8_t *codes, float *scales, float *minima, const uint8_t *blocks, long n) { unpack(Q5_K, codes, scales, minima, blocks, n, 0, 0); }

// unpackQ6_K unpacks n blocks.
KERNEL unpackQ6_K(int8_t *codes, float *scales, float *minima, const uint8_t *blocks, long n) { unpack(Q6_K, codes, scales, minima, blocks, n, 0, 0); }

// unpackIQ4_XS unpacks n blocks.
KERNEL unpackIQ4_XS(int8_t *codes, float *scales, float *minima, const uint8_t *blocks, long n) { unpack(IQ4_XS, codes, scales, minima, blocks, n, 0, 0); }

// unpackTQ2_0 unpacks n blocks.
KERNEL unpackTQ2_0(int8_t *codes, float *scales, float *minima, const uint8_t *blocks, long n) { unpack(TQ2_0, codes, scales, minima, blocks, n, 0, 0); }

// unpackIQ1_S unpacks n blocks.
KERNEL unpackIQ1_S(int8_t *codes, float *scales, const uint8_t *blocks, long n, const uint64_t *points, const uint64_t *signs) { unpack(IQ1_S, codes, scales, scales, blocks, n, points, signs); }

// unpackIQ1_M unpacks n blocks.
KERNEL unpackIQ1_M(int8_t *codes, float *scales, const uint8_t *blocks, long n, const uint64_t *points, const uint64_t *signs) { unpack(IQ1_M, codes, scales, scales, blocks, n, points, signs); }

// unpackIQ2_XXS unpacks n blocks.
KERNEL unpackIQ2_XXS(int8_t *codes, float *scales, const uint8_t *blocks, long n, const uint64_t *points, const uint64_t *signs) { unpack(IQ2_XXS, codes, scales, scales, blocks, n, points, signs); }

// unpackIQ2_XS unpacks n blocks.
KERNEL unpackIQ2_XS(int8_t *codes, float *scales, const uint8_t *blocks, long n, const uint64_t *points, const uint64_t *signs) { unpack(IQ2_XS, codes, scales, scales, blocks, n, points, signs); }

// unpackIQ2_S unpacks n blocks.
KERNEL unpackIQ2_S(int8_t *codes, float *scales, const uint8_t *blocks, long n, const uint64_t *points, const uint64_t *signs) { unpack(IQ2_S, codes, scales, scales, blocks, n, points, signs); }

// unpackIQ3_XXS unpacks n blocks.
KERNEL unpackIQ3_XXS(int8_t *codes, float *scales, const uint8_t *blocks, long n, const uint64_t *points, const uint64_t *signs) { unpack(IQ3_XXS, codes, scales, scales, blocks, n, points, signs); }

// unpackIQ3_S unpacks n blocks.
KERNEL unpackIQ3_S(int8_t *codes, float *scales, const uint8_t *blocks, long n, const uint64_t *points, const uint64_t *signs) { unpack(IQ3_S, codes, scales, scales, blocks, n, points, signs); }
