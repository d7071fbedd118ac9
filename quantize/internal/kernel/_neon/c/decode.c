#include "decode.h"

// decodeQ4_0 gives the values of blocks.
KERNEL decodeQ4_0(float *dst, const uint8_t *src, long blocks) {
	ROLLED for (; blocks > 0; blocks--, src += 18, dst += 32) {
		float d = half(src);
		u16x q = load16(src + 2);
		put(dst, minus(low_nibbles(q), 8), d);
		put(dst + 16, minus(high_nibbles(q), 8), d);
	}
}

// decodeQ4_1 gives the values of blocks.
KERNEL decodeQ4_1(float *dst, const uint8_t *src, long blocks) {
	ROLLED for (; blocks > 0; blocks--, src += 20, dst += 32) {
		float d = half(src), m = half(src + 2);
		u16x q = load16(src + 4);
		put_plus(dst, low_nibbles(q), d, m);
		put_plus(dst + 16, high_nibbles(q), d, m);
	}
}

// spread_bits gives 16 bytes with all bits set or none: those of two bytes of v, from byte `at` on.
INLINE u16x spread_bits(u16x v, int at, u16x bit) {
	u16x first = vdupq_laneq_u8(v, 0), second = vdupq_laneq_u8(v, 1);
	switch (at) {
	case 2: first = vdupq_laneq_u8(v, 2), second = vdupq_laneq_u8(v, 3); break;
	case 4: first = vdupq_laneq_u8(v, 4), second = vdupq_laneq_u8(v, 5); break;
	case 6: first = vdupq_laneq_u8(v, 6), second = vdupq_laneq_u8(v, 7); break;
	case 8: first = vdupq_laneq_u8(v, 8), second = vdupq_laneq_u8(v, 9); break;
	case 10: first = vdupq_laneq_u8(v, 10), second = vdupq_laneq_u8(v, 11); break;
	case 12: first = vdupq_laneq_u8(v, 12), second = vdupq_laneq_u8(v, 13); break;
	case 14: first = vdupq_laneq_u8(v, 14), second = vdupq_laneq_u8(v, 15); break;
	}
	return vtstq_u8(vcombine_u8(vget_low_u8(first), vget_low_u8(second)), bit);
}

// five adds fifth bits, of which there are four bytes at `at`, to nibbles.
INLINE void five(u16x q[2], const uint8_t *at, u16x bit) {
	u16x high = vreinterpretq_u8_u32(vdupq_n_u32(word(at))), v = load16(at + 4);
	q[0] = vorrq_u8(low_nibbles(v), vandq_u8(spread_bits(high, 0, bit), every(16)));
	q[1] = vorrq_u8(high_nibbles(v), vandq_u8(spread_bits(high, 2, bit), every(16)));
}

// decodeQ5_0 gives the values of blocks.
KERNEL decodeQ5_0(float *dst, const uint8_t *src, long blocks) {
	u16x bit = each_bit(), q[2];
	ROLLED for (; blocks > 0; blocks--, src += 22, dst += 32) {
		float d = half(src);
		five(q, src + 2, bit);
		put(dst, minus(q[0], 16), d);
		put(dst + 16, minus(q[1], 16), d);
	}
}

// decodeQ5_1 gives the values of blocks.
KERNEL decodeQ5_1(float *dst, const uint8_t *src, long blocks) {
	u16x bit = each_bit(), q[2];
	ROLLED for (; blocks > 0; blocks--, src += 24, dst += 32) {
		float d = half(src), m = half(src + 2);
		five(q, src + 4, bit);
		put_plus(dst, q[0], d, m);
		put_plus(dst + 16, q[1], d, m);
	}
}

// decodeQ8_0 gives the values of blocks.
KERNEL decodeQ8_0(float *dst, const uint8_t *src, long blocks) {
	ROLLED for (; blocks > 0; blocks--, src += 34, dst += 32) {
		float d = half(src);
		put(dst, signs(load16(src + 2)), d);
		put(dst + 16, signs(load16(src + 18)), d);
	}
}

// decodeQ1_0 gives the values of blocks: 1 of set bits and -1 of others.
KERNEL decodeQ1_0(float *dst, const uint8_t *src, long blocks) {
	u16x bit = each_bit();
	ROLLED for (; blocks > 0; blocks--, src += 18, dst += 128) {
		float d = half(src);
		u16x v = load16(src + 2);
		EACH(k, 8) put(dst + 16 * k, signs(vorrq_u8(vmvnq_u8(spread_bits(v, 2 * k, bit)), every(1))), d);
	}
}

// decodeQ2_0 gives the values of blocks with four neighbours in a byte.
KERNEL decodeQ2_0(float *dst, const uint8_t *src, long blocks) {
	ROLLED for (; blocks > 0; blocks--, src += 18, dst += 64) {
		float d = half(src);
		u16x q = load16(src + 2), c[4];
		EACH(k, 4) c[k] = field(q, 2 * k, 3);
		uint16x8_t a = vreinterpretq_u16_u8(vzip1q_u8(c[0], c[1])), b = vreinterpretq_u16_u8(vzip1q_u8(c[2], c[3]));
		put(dst, minus(vreinterpretq_u8_u16(vzip1q_u16(a, b)), 1), d);
		put(dst + 16, minus(vreinterpretq_u8_u16(vzip2q_u16(a, b)), 1), d);
		a = vreinterpretq_u16_u8(vzip2q_u8(c[0], c[1])), b = vreinterpretq_u16_u8(vzip2q_u8(c[2], c[3]));
		put(dst + 32, minus(vreinterpretq_u8_u16(vzip1q_u16(a, b)), 1), d);
		put(dst + 48, minus(vreinterpretq_u8_u16(vzip2q_u16(a, b)), 1), d);
	}
}

// decodeTQ2_0 gives the values of blocks.
KERNEL decodeTQ2_0(float *dst, const uint8_t *src, long blocks) {
	ROLLED for (; blocks > 0; blocks--, src += 66, dst += 256) {
		float d = half(src + 64);
		ROLLED for (int i = 0; i < 64; i += 16) {
			u16x q = load16(src + i);
			float *to = dst + i / 32 * 128 + i % 32;
			EACH(k, 4) put(to + 32 * k, minus(field(q, 2 * k, 3), 1), d);
		}
	}
}

// first_digits gives the first digits of base 3, less 1: 0 up to 85, 2 above 170. Three times the byte, cut to a byte,
// begins with the second digit.
INLINE s16x first_digits(u16x q) { return minus(vnegq_s8(signs(vaddq_u8(vcgtq_u8(q, every(85)), vcgtq_u8(q, every(170))))), 1); }

INLINE void put_digits(float *dst, const uint8_t *src, long stride, float d) {
	u16x q = load16(src);
	ROLLED for (int k = 0; k < 5; k++, dst += stride) {
		put(dst, first_digits(q), d);
		q = vmulq_u8(q, every(3));
	}
}

// decodeTQ1_0 gives the values of blocks.
KERNEL decodeTQ1_0(float *dst, const uint8_t *src, long blocks) {
	u16x powers = table(0x0303030301010101, 0x1b1b1b1b09090909);
	ROLLED for (; blocks > 0; blocks--, src += 54, dst += 256) {
		float d = half(src + 52);
		put_digits(dst, src, 32, d);
		put_digits(dst + 16, src + 16, 32, d);
		put_digits(dst + 160, src + 32, 16, d);
		put(dst + 240, first_digits(vmulq_u8(vreinterpretq_u8_u32(vdupq_n_u32(word(src + 48))), powers)), d);
	}
}

// decodeIQ4_NL gives the values of blocks.
KERNEL decodeIQ4_NL(float *dst, const uint8_t *src, long blocks) {
	s16x levels = levels4();
	ROLLED for (; blocks > 0; blocks--, src += 18, dst += 32) put_levels(dst, src + 2, levels, half(src));
}

// decodeMXFP4 gives the values of blocks; table has the scales that a byte stands for.
KERNEL decodeMXFP4(float *dst, const uint8_t *src, long blocks, const float *table) {
	s16x levels = levels_fp4();
	ROLLED for (; blocks > 0; blocks--, src += 17, dst += 32) put_levels(dst, src + 1, levels, table[src[0]]);
}

// decodeNVFP4 gives the values of blocks; table has the scales that a byte stands for.
KERNEL decodeNVFP4(float *dst, const uint8_t *src, long blocks, const float *table) {
	s16x levels = levels_fp4();
	ROLLED for (; blocks > 0; blocks--, src += 36, dst += 64) {
		EACH(k, 2) {
			u16x q = load16(src + 4 + 16 * k);
			uint64x2_t low = vreinterpretq_u64_s8(vqtbl1q_s8(levels, low_nibbles(q)));
			uint64x2_t high = vreinterpretq_u64_s8(vqtbl1q_s8(levels, high_nibbles(q)));
			put(dst + 32 * k, vreinterpretq_s8_u64(vzip1q_u64(low, high)), table[src[2 * k]]);
			put(dst + 32 * k + 16, vreinterpretq_s8_u64(vzip2q_u64(low, high)), table[src[2 * k + 1]]);
		}
	}
}
