// What the decoding kernels share. What a block holds becomes signed bytes, 16 at a time, and these become values.
#include "neon.h"

typedef uint8x16_t u16x;
typedef int8x16_t s16x;

INLINE u16x load16(const uint8_t *p) { return vld1q_u8(p); }
INLINE s16x signs(u16x v) { return vreinterpretq_s8_u8(v); }
INLINE u16x every(uint8_t b) { return vdupq_n_u8(b); }
INLINE u16x low_nibbles(u16x v) { return vandq_u8(v, every(15)); }
INLINE u16x high_nibbles(u16x v) { return vshrq_n_u8(v, 4); }

// field gives the bits of a mask that stand at a place of each byte.
INLINE u16x field(u16x v, int at, uint8_t mask) {
	if (at > 0) v = vshlq_u8(v, vdupq_n_s8(-at));
	return vandq_u8(v, every(mask));
}

INLINE s16x minus(u16x v, uint8_t b) { return signs(vsubq_u8(v, every(b))); }

// put stores 16 values: the bytes times a scale.
INLINE void put(float *dst, s16x b, float scale) {
	f4 x[4];
	floats(x, b);
	EACH(k, 4) store(dst + 4 * k, vmulq_n_f32(x[k], scale));
}

// put_minus subtracts a minimum from the products, put_plus adds it: both are rounded before.
INLINE void put_minus(float *dst, u16x b, float scale, float minimum) {
	f4 x[4];
	floats(x, signs(b));
	EACH(k, 4) store(dst + 4 * k, vsubq_f32(vmulq_n_f32(x[k], scale), splat(minimum)));
}

INLINE void put_plus(float *dst, u16x b, float scale, float minimum) {
	f4 x[4];
	floats(x, signs(b));
	EACH(k, 4) store(dst + 4 * k, vaddq_f32(vmulq_n_f32(x[k], scale), splat(minimum)));
}

// put_levels stores 32 values whose nibbles are at src.
INLINE void put_levels(float *dst, const uint8_t *src, s16x levels, float d) {
	u16x q = load16(src);
	put(dst, vqtbl1q_s8(levels, low_nibbles(q)), d);
	put(dst + 16, vqtbl1q_s8(levels, high_nibbles(q)), d);
}

INLINE s16x levels4(void) { return signs(table(0xf6eaddcfbfad9881, 0x7159453526190d01)); }
INLINE s16x levels_fp4(void) { return signs(table(0x0c08060403020100, 0xf4f8fafcfdfeff00)); }

