#include "decode.h"

// The types of this file store numbers of points of a grid. Their table, kernel.GridTable, has 256 patterns of eight
// signs, which are 1 or -1, and then the signed bytes of each point, eight bytes apart.

// pair joins two entries of eight bytes.
INLINE s16x pair(const uint64_t *t, uint32_t first, uint32_t second) {
	return vreinterpretq_s8_u64(vld1q_lane_u64(t + second, vcombine_u64(vld1_u64(t + first), vdup_n_u64(0)), 1));
}

// quad joins four entries of four bytes.
INLINE s16x quad(const uint64_t *t, uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
	u4 v = vdupq_n_u32(0);
	v = vld1q_lane_u32((const uint32_t *)(t + a), v, 0);
	v = vld1q_lane_u32((const uint32_t *)(t + b), v, 1);
	v = vld1q_lane_u32((const uint32_t *)(t + c), v, 2);
	v = vld1q_lane_u32((const uint32_t *)(t + d), v, 3);
	return vreinterpretq_s8_u32(v);
}

INLINE uint32_t bits(uint32_t v, int from, int width) { return v >> from & ((1u << width) - 1); }

INLINE uint32_t two_bytes(const uint8_t *p) { return p[0] | (uint32_t)p[1] << 8; }

// with_high gives a number of eight bits and, above them, some bits of high.
INLINE uint32_t with_high(uint32_t low, uint32_t high, int from, int width) { return low | bits(high, from, width) << 8; }

// nibble gives number i of those that stand two in a byte.
INLINE uint32_t nibble(const uint8_t *p, int i) { return p[i / 2] >> (i % 2 * 4) & 15; }

// scaled gives unit·(n + ½)·factor, each operation rounded.
INLINE float scaled(float unit, uint32_t n, float factor) { return unit * ((float)n + 0.5f) * factor; }

// decodeIQ2_XXS gives the values of blocks.
KERNEL decodeIQ2_XXS(float *dst, const uint8_t *src, long blocks, const uint64_t *table) {
	const uint64_t *points = table + 256;
	ROLLED for (; blocks > 0; blocks--, src += 66) {
		float unit = half(src);
		const uint8_t *p = src + 2;
		ROLLED for (int i = 0; i < 8; i++, p += 8, dst += 32) {
			uint32_t signs = word(p + 4);
			float scale = scaled(unit, signs >> 28, 0.25f);
			EACH(k, 2) {
				s16x s = pair(table, bits(signs, 14 * k, 7), bits(signs, 14 * k + 7, 7));
				put(dst + 16 * k, vmulq_s8(pair(points, p[2 * k], p[2 * k + 1]), s), scale);
			}
		}
	}
}

// decodeIQ2_XS gives the values of blocks.
KERNEL decodeIQ2_XS(float *dst, const uint8_t *src, long blocks, const uint64_t *table) {
	const uint64_t *points = table + 256;
	ROLLED for (; blocks > 0; blocks--, src += 74) {
		float unit = half(src);
		ROLLED for (int i = 0; i < 16; i++, dst += 16) {
			uint32_t p = two_bytes(src + 2 + 4 * i), q = two_bytes(src + 4 + 4 * i);
			s16x s = pair(table, p >> 9, q >> 9);
			put(dst, vmulq_s8(pair(points, bits(p, 0, 9), bits(q, 0, 9)), s), scaled(unit, nibble(src + 66, i), 0.25f));
		}
	}
}

// decodeIQ2_S gives the values of blocks.
KERNEL decodeIQ2_S(float *dst, const uint8_t *src, long blocks, const uint64_t *table) {
	const uint64_t *points = table + 256;
	ROLLED for (; blocks > 0; blocks--, src += 82) {
		float unit = half(src);
		ROLLED for (int i = 0; i < 16; i++, dst += 16) {
			const uint8_t *p = src + 2 + 2 * i, *signs = src + 34 + 2 * i;
			uint32_t high = nibble(src + 66, i);
			s16x v = pair(points, with_high(p[0], high, 0, 2), with_high(p[1], high, 2, 2));
			put(dst, vmulq_s8(v, pair(table, signs[0], signs[1])), scaled(unit, nibble(src + 74, i), 0.25f));
		}
	}
}

// decodeIQ3_XXS gives the values of blocks.
KERNEL decodeIQ3_XXS(float *dst, const uint8_t *src, long blocks, const uint64_t *table) {
	const uint64_t *points = table + 256;
	ROLLED for (; blocks > 0; blocks--, src += 98) {
		float unit = half(src);
		const uint8_t *p = src + 2;
		ROLLED for (int i = 0; i < 8; i++, dst += 32) {
			uint32_t signs = word(src + 66 + 4 * i);
			float scale = scaled(unit, signs >> 28, 0.5f);
			EACH(k, 2) {
				s16x s = pair(table, bits(signs, 14 * k, 7), bits(signs, 14 * k + 7, 7));
				put(dst + 16 * k, vmulq_s8(quad(points, p[0], p[1], p[2], p[3]), s), scale);
				p += 4;
			}
		}
	}
}

// decodeIQ3_S gives the values of blocks.
KERNEL decodeIQ3_S(float *dst, const uint8_t *src, long blocks, const uint64_t *table) {
	const uint64_t *points = table + 256;
	ROLLED for (; blocks > 0; blocks--, src += 110) {
		float unit = half(src);
		const uint8_t *p = src + 2, *signs = src + 74;
		ROLLED for (int i = 0; i < 8; i++, dst += 32) {
			uint32_t high = src[66 + i];
			float scale = unit * (float)(2 * nibble(src + 106, i) + 1);
			EACH(k, 2) {
				uint32_t n[4];
				EACH(j, 4) n[j] = with_high(p[j], high, 4 * k + j, 1);
				put(dst + 16 * k, vmulq_s8(quad(points, n[0], n[1], n[2], n[3]), pair(table, signs[0], signs[1])), scale);
				p += 4, signs += 2;
			}
		}
	}
}

// Points of IQ1 are eight times their levels, and an eighth up or down is added: a pattern of signs that are one.

// down gives the pattern of eight times -1 when a bit is set, else of 1.
INLINE uint32_t down(uint32_t v, int bit) { return bits(v, bit, 1) * 255; }

// decodeIQ1_S gives the values of blocks.
KERNEL decodeIQ1_S(float *dst, const uint8_t *src, long blocks, const uint64_t *table) {
	const uint64_t *points = table + 256;
	ROLLED for (; blocks > 0; blocks--, src += 50) {
		float unit = half(src);
		const uint8_t *p = src + 2;
		ROLLED for (int i = 0; i < 8; i++, dst += 32) {
			uint32_t high = two_bytes(src + 34 + 2 * i), move = down(high, 15);
			float scale = scaled(unit, bits(high, 12, 3), 0.25f); // an eighth of unit·(2n+1)
			EACH(k, 2) {
				s16x v = pair(points, with_high(p[0], high, 6 * k, 3), with_high(p[1], high, 6 * k + 3, 3));
				put(dst + 16 * k, vaddq_s8(v, pair(table, move, move)), scale);
				p += 2;
			}
		}
	}
}

// decodeIQ1_M gives the values of blocks.
KERNEL decodeIQ1_M(float *dst, const uint8_t *src, long blocks, const uint64_t *table) {
	const uint64_t *points = table + 256;
	ROLLED for (; blocks > 0; blocks--, src += 56) {
		// The highest nibbles of four words are the half that all scales have in common.
		const uint8_t *s = src + 48;
		uint8_t common[2] = {s[1] >> 4 | (s[3] & 0xf0), s[5] >> 4 | (s[7] & 0xf0)};
		float unit = half(common);
		ROLLED for (int g = 0; g < 16; g++, dst += 16) {
			float scale = scaled(unit, two_bytes(s + g / 4 * 2) >> (g % 4 * 3) & 7, 0.25f);
			uint32_t high = src[32 + g];
			s16x v = pair(points, with_high(src[2 * g], high, 0, 3), with_high(src[2 * g + 1], high, 4, 3));
			put(dst, vaddq_s8(v, pair(table, down(high, 3), down(high, 7))), scale);
		}
	}
}
