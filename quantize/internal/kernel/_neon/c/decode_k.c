#include "decode.h"

// Types with 256 values a block. Their groups' scales are made first, four in a register.

// products makes 16 signed bytes times a unit.
INLINE void products(f4 to[4], s16x b, float unit) {
	floats(to, b);
	EACH(k, 4) to[k] = vmulq_n_f32(to[k], unit);
}

// decodeQ2_K gives the values of blocks.
KERNEL decodeQ2_K(float *dst, const uint8_t *src, long blocks) {
	ROLLED for (; blocks > 0; blocks--, src += 84, dst += 256) {
		f4 scale[4], minimum[4];
		u16x small = load16(src);
		products(scale, signs(low_nibbles(small)), half(src + 80));
		products(minimum, signs(high_nibbles(small)), half(src + 82));
		EACH(i, 4) {
			u16x q = load16(src + 16 + 16 * i);
			EACH(k, 4) {
				int g = i / 2 * 8 + 2 * k + i % 2;
				put_minus(dst + 16 * g, field(q, 2 * k, 3), scale[g / 4][g % 4], minimum[g / 4][g % 4]);
			}
		}
	}
}

// decodeQ3_K gives the values of blocks.
KERNEL decodeQ3_K(float *dst, const uint8_t *src, long blocks) {
	int32x4_t right = vreinterpretq_s32_u8(table(0xfffffffe00000000, 0xfffffffafffffffc)); // 0, -2, -4, -6
	ROLLED for (; blocks > 0; blocks--, src += 110, dst += 256) {
		// Six-bit scales: 16 nibbles, then pairs of bits of scales 4k … 4k+3.
		uint8x8_t nibbles = vld1_u8(src + 96);
		u16x low = vcombine_u8(vand_u8(nibbles, vdup_n_u8(15)), vshr_n_u8(nibbles, 4));
		u16x pairs = vreinterpretq_u8_u32(vshlq_u32(vdupq_n_u32(word(src + 104)), right));
		f4 scale[4];
		products(scale, minus(vorrq_u8(low, vshlq_n_u8(vandq_u8(pairs, every(3)), 4)), 32), half(src + 108));
		EACH(at, 2) {
			u16x top = load16(src + 16 * at);
			EACH(h, 2) {
				u16x q = load16(src + 32 + 32 * h + 16 * at);
				EACH(k, 4) {
					int g = 8 * h + 2 * k + at;
					u16x x = vorrq_u8(field(q, 2 * k, 3), vshlq_n_u8(field(top, 4 * h + k, 1), 2));
					put(dst + 16 * g, minus(x, 4), scale[g / 4][g % 4]);
				}
			}
		}
	}
}

// six_bits makes the scales and minima of Q4_K and Q5_K: eight of each in twelve bytes, the first four as they are, and
// of the others low nibbles and, in the highest bits of the first, high pairs.
INLINE void six_bits(f4 scale[4], const uint8_t *src) {
	uint64_t a = word(src + 4), b = word(src + 8), c = word(src + 12);
	uint64_t s = (a & 0x3f3f3f3f) | ((c & 0x0f0f0f0f) | (a >> 2 & 0x30303030)) << 32;
	uint64_t m = (b & 0x3f3f3f3f) | ((c >> 4 & 0x0f0f0f0f) | (b >> 2 & 0x30303030)) << 32;
	floats(scale, vreinterpretq_s8_u64(vcombine_u64(vcreate_u64(s), vcreate_u64(m))));
	EACH(k, 4) scale[k] = vmulq_n_f32(scale[k], half(src + (k < 2 ? 0 : 2)));
}

// decodeQ4_K gives the values of blocks.
KERNEL decodeQ4_K(float *dst, const uint8_t *src, long blocks) {
	ROLLED for (; blocks > 0; blocks--, src += 144, dst += 256) {
		f4 scale[4];
		six_bits(scale, src);
		EACH(g, 8) {
			EACH(h, 2) {
				u16x q = load16(src + 16 + g / 2 * 32 + 16 * h);
				q = g % 2 ? high_nibbles(q) : low_nibbles(q);
				put_minus(dst + 32 * g + 16 * h, q, scale[g / 4][g % 4], scale[2 + g / 4][g % 4]);
			}
		}
	}
}

// decodeQ5_K gives the values of blocks.
KERNEL decodeQ5_K(float *dst, const uint8_t *src, long blocks) {
	ROLLED for (; blocks > 0; blocks--, src += 176, dst += 256) {
		f4 scale[4];
		six_bits(scale, src);
		u16x fifth[2] = {load16(src + 16), load16(src + 32)};
		EACH(g, 8) {
			EACH(h, 2) {
				u16x q = load16(src + 48 + g / 2 * 32 + 16 * h);
				q = vorrq_u8(g % 2 ? high_nibbles(q) : low_nibbles(q), vshlq_n_u8(field(fifth[h], g, 1), 4));
				put_minus(dst + 32 * g + 16 * h, q, scale[g / 4][g % 4], scale[2 + g / 4][g % 4]);
			}
		}
	}
}

// decodeQ6_K gives the values of blocks.
KERNEL decodeQ6_K(float *dst, const uint8_t *src, long blocks) {
	ROLLED for (; blocks > 0; blocks--, src += 210, dst += 256) {
		f4 scale[4];
		products(scale, signs(load16(src + 192)), half(src + 208));
		EACH(i, 4) { // a quarter of the pairs of bits, which belong to four groups
			int h = i / 2, at = i % 2;
			u16x pairs = load16(src + 128 + 16 * i);
			EACH(k, 4) {
				int g = 8 * h + 2 * k + at;
				u16x q = load16(src + 64 * h + k % 2 * 32 + 16 * at);
				q = k > 1 ? high_nibbles(q) : low_nibbles(q);
				put(dst + 16 * g, minus(vorrq_u8(q, vshlq_n_u8(field(pairs, 2 * k, 3), 4)), 32), scale[g / 4][g % 4]);
			}
		}
	}
}

// decodeIQ4_XS gives the values of blocks.
KERNEL decodeIQ4_XS(float *dst, const uint8_t *src, long blocks) {
	s16x levels = levels4();
	ROLLED for (; blocks > 0; blocks--, src += 136) {
		// Eight scales: nibbles, and pairs of bits, from the lowest on.
		float d = half(src);
		uint32_t low = word(src + 4), high = src[2] | src[3] << 8;
		ROLLED for (int g = 0; g < 8; g++, low >>= 4, high >>= 2, dst += 32) {
			int s = (int)((low & 15) | (high & 3) << 4) - 32;
			put_levels(dst, src + 8 + 16 * g, levels, d * (float)s);
		}
	}
}
