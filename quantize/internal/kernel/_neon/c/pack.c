#include "neon.h"

typedef uint64x2_t bits;

INLINE bits load_bits(const uint8_t *p) { return vreinterpretq_u64_u8(vld1q_u8(p)); }
INLINE void store_bits(uint8_t *p, bits v) { vst1q_u8(p, vreinterpretq_u8_u64(v)); }
INLINE bits mask(uint8_t m) { return vreinterpretq_u64_u8(vdupq_n_u8(m)); }

// packNibbles is PackNibbles.
KERNEL packNibbles(uint8_t *dst, const uint8_t *low, const uint8_t *high, long n) {
	ROLLED for (long i = 0; i < n; i += 16) {
		uint8x16_t l = vld1q_u8(low + i), h = vld1q_u8(high + i);
		vst1q_u8(dst + i, vsliq_n_u8(vandq_u8(l, vdupq_n_u8(15)), h, 4));
	}
}

// packPairs is PackPairs.
KERNEL packPairs(uint8_t *dst, const uint8_t *a, const uint8_t *b, const uint8_t *c, const uint8_t *d, long n, long shift) {
	int64x2_t right = vdupq_n_s64(-shift);
	ROLLED for (long i = 0; i < n; i += 16) {
		bits v = vandq_u64(vshlq_u64(load_bits(a + i), right), mask(3));
		v = vorrq_u64(v, vshlq_n_u64(vandq_u64(vshlq_u64(load_bits(b + i), right), mask(3)), 2));
		v = vorrq_u64(v, vshlq_n_u64(vandq_u64(vshlq_u64(load_bits(c + i), right), mask(3)), 4));
		v = vorrq_u64(v, vshlq_n_u64(vandq_u64(vshlq_u64(load_bits(d + i), right), mask(3)), 6));
		store_bits(dst + i, v);
	}
}

// packBits is PackBits.
KERNEL packBits(uint8_t *dst, const uint8_t *codes, long stride, long n, long bit) {
	int64x2_t right = vdupq_n_s64(-bit);
	ROLLED for (long i = 0; i < n; i += 16) {
		const uint8_t *p = codes + i;
		bits v = vdupq_n_u64(0);
		EACH(g, 8) {
			v = vorrq_u64(v, vshlq_u64(vandq_u64(vshlq_u64(load_bits(p), right), mask(1)), vdupq_n_s64(g)));
			p += stride;
		}
		store_bits(dst + i, v);
	}
}
