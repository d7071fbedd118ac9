// The types of blocks, and what their kernels share.
#include "matrix.h"

enum type { Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, IQ4_NL, MXFP4, Q2_K, Q3_K, Q4_K, Q5_K, Q6_K, IQ4_XS, TQ2_0, IQ1_S, IQ1_M, IQ2_XXS, IQ2_XS, IQ2_S, IQ3_XXS, IQ3_S };

INLINE int block_bytes(enum type t) {
	switch (t) {
	case Q4_0: case IQ4_NL: return 18;
	case Q4_1: return 20;
	case Q5_0: return 22;
	case Q5_1: return 24;
	case Q8_0: return 34;
	case MXFP4: return 17;
	case Q2_K: return 84;
	case Q3_K: case IQ3_S: return 110;
	case Q4_K: return 144;
	case Q5_K: return 176;
	case Q6_K: return 210;
	case IQ4_XS: return 136;
	case TQ2_0: case IQ2_XXS: return 66;
	case IQ1_S: return 50;
	case IQ1_M: return 56;
	case IQ2_XS: return 74;
	case IQ2_S: return 82;
	case IQ3_XXS: return 98;
	}
	return 0;
}

INLINE int is_small(enum type t) { return t <= MXFP4; }               // blocks of 32 columns, not 256
INLINE int has_minima(enum type t) { return t == Q4_1 || t == Q5_1 || t == Q2_K || t == Q4_K || t == Q5_K; }
INLINE int has_points(enum type t) { return t >= IQ1_S; }         // see grid.h
INLINE int group_of(enum type t) { return t == Q2_K || t == Q3_K || t == Q6_K || t == IQ1_M || t == IQ2_XS || t == IQ2_S ? 16 : 32; }

INLINE u16x load16(const uint8_t *p) { return vld1q_u8(p); }
INLINE u16x every(uint8_t b) { return vdupq_n_u8(b); }
INLINE s16x as_signed(u16x v) { return vreinterpretq_s8_u8(v); }
INLINE s16x less(u16x v, uint8_t b) { return as_signed(vsubq_u8(v, every(b))); }

// field gives the bits of a mask that stand at a place of each byte; a negative place shifts to the left.
INLINE u16x field(u16x v, int at, uint8_t mask) {
	if (at != 0) v = vshlq_u8(v, vdupq_n_s8(-at));
	return vandq_u8(v, every(mask));
}

INLINE void nibbles(u16x to[2], u16x v) { to[0] = vandq_u8(v, every(15)), to[1] = vshrq_n_u8(v, 4); }

