// Blocks that store numbers of points: see package matrix. A point is a uint64 of eight codes or, for IQ3, of
// four; signs are bytes with all bits set or none.
#include "types.h"

INLINE uint32_t word16(const uint8_t *p) { return p[0] | p[1] << 8; }

// two gives the numbers at two places of a table, two_of_four those at four places of one whose numbers have 32 bits.
INLINE u16x two(const uint64_t *table, uint32_t i, uint32_t j) {
	return vreinterpretq_u8_u64(vld1q_lane_u64(table + j, vcombine_u64(vld1_u64(table + i), vcreate_u64(0)), 1));
}

INLINE u16x two_of_four(const uint64_t *table, uint32_t i, uint32_t j, uint32_t k, uint32_t l) {
	u4 v = vdupq_n_u32(*(const uint32_t *)(table + i));
	v = vld1q_lane_u32((const uint32_t *)(table + j), v, 1);
	v = vld1q_lane_u32((const uint32_t *)(table + k), v, 2);
	return vreinterpretq_u8_u32(vld1q_lane_u32((const uint32_t *)(table + l), v, 3));
}

// negated gives the codes of points less 128, those whose sign is set negated.
INLINE s16x negated(u16x points, u16x signs) {
	s16x m = as_signed(signs);
	return vsubq_s8(veorq_s8(less(points, 128), m), m);
}

// shifted gives the codes of points less 128, moved up or down by an eighth.
INLINE s16x shifted(u16x points, int down_a, int down_b) {
	return vaddq_s8(less(points, 128), vcombine_s8(vdup_n_s8(1 - 2 * down_a), vdup_n_s8(1 - 2 * down_b)));
}

// grid_leaf gives the codes of columns 32·g … of a block.
INLINE void grid_leaf(enum type t, s16x w[2], const uint8_t *b, int g, const uint64_t *points, const uint64_t *signs) {
	EACH(i, 2) {
		const uint8_t *q;
		uint32_t h, k;
		switch (t) {
		case IQ1_S:
			q = b + 2 + 4 * g + 2 * i, h = word16(b + 34 + 2 * g), k = h >> 6 * i;
			w[i] = shifted(two(points, q[0] | (k & 7) << 8, q[1] | (k >> 3 & 7) << 8), h >> 15, h >> 15);
			break;
		case IQ1_M:
			q = b + 4 * g + 2 * i, h = b[32 + 2 * g + i];
			w[i] = shifted(two(points, q[0] | (h & 7) << 8, q[1] | (h >> 4 & 7) << 8), h >> 3 & 1, h >> 7);
			break;
		case IQ2_XXS:
			q = b + 2 + 8 * g + 2 * i, h = word(b + 6 + 8 * g) >> 14 * i;
			w[i] = negated(two(points, q[0], q[1]), two(signs, h & 127, h >> 7 & 127));
			break;
		case IQ2_XS:
			q = b + 2 + 8 * g + 4 * i, h = word16(q), k = word16(q + 2);
			w[i] = negated(two(points, h & 511, k & 511), two(signs, h >> 9, k >> 9));
			break;
		case IQ2_S:
			q = b + 2 + 4 * g + 2 * i, h = b[66 + g] >> 4 * i;
			w[i] = negated(two(points, q[0] | (h & 3) << 8, q[1] | (h >> 2 & 3) << 8), two(signs, q[32], q[33]));
			break;
		case IQ3_XXS:
			q = b + 2 + 8 * g + 4 * i, h = word(b + 66 + 4 * g) >> 14 * i;
			w[i] = negated(two_of_four(points, q[0], q[1], q[2], q[3]), two(signs, h & 127, h >> 7 & 127));
			break;
		case IQ3_S:
			q = b + 2 + 8 * g + 4 * i, h = b[66 + g] >> 4 * i;
			w[i] = negated(two_of_four(points, q[0] | (h & 1) << 8, q[1] | (h & 2) << 7, q[2] | (h & 4) << 6, q[3] | (h & 8) << 5),
				two(signs, b[74 + 4 * g + 2 * i], b[75 + 4 * g + 2 * i]));
			break;
		default:
			break;
		}
		settle((i4 *)(w + i));
	}
}

// eight_nibbles gives sixteen nibbles of eight bytes, the lower of a byte first.
INLINE s16x eight_nibbles(const uint8_t *p) {
	uint8x8_t q = vld1_u8(p), low = vand_u8(q, vdup_n_u8(15)), high = vshr_n_u8(q, 4);
	return vreinterpretq_s8_u8(vcombine_u8(vzip1_u8(low, high), vzip2_u8(low, high)));
}

INLINE f4 real4(u4 x) { return vcvtq_f32_u32(x); }

// grid_scales gives those of a block.
INLINE void grid_scales(enum type t, f4 scale[4], const uint8_t *b) {
	float d = half(b);
	switch (t) {
	case IQ1_S: {
		uint16x8_t h = vreinterpretq_u16_u8(load16(b + 34));
		uint16x8_t s = vaddq_u16(vandq_u16(vshrq_n_u16(h, 11), vdupq_n_u16(14)), vdupq_n_u16(1));
		scale[0] = times1(times1(real4(vmovl_u16(vget_low_u16(s))), d), 0.125f);
		scale[1] = times1(times1(real4(vmovl_high_u16(s)), d), 0.125f);
		break;
	}
	case IQ1_M: {
		uint16x4_t q = vreinterpret_u16_u8(vld1_u8(b + 48));
		uint16_t bits = b[49] >> 4 | (b[51] >> 4) << 4 | (b[53] >> 4) << 8 | (b[55] >> 4) << 12;
		d = half((const uint8_t *)&bits);
		i4 right = vreinterpretq_s32_u8(table(0xfffffffd00000000, 0xfffffff7fffffffa)); // 0, -3, -6, -9
		EACH(k, 4) {
			u4 s = vandq_u32(vshlq_u32(vdupq_n_u32(q[k]), right), vdupq_n_u32(7));
			scale[k] = times1(times1(real4(vaddq_u32(vaddq_u32(s, s), vdupq_n_u32(1))), d), 0.125f);
		}
		break;
	}
	case IQ2_XXS:
		EACH(k, 2) {
			u4 s = vshrq_n_u32(vuzp2q_u32(vreinterpretq_u32_u8(load16(b + 2 + 32 * k)), vreinterpretq_u32_u8(load16(b + 18 + 32 * k))), 28);
			scale[k] = times1(times1(plus(real4(s), splat(0.5f)), d), 0.25f);
		}
		break;
	case IQ2_XS: case IQ2_S: {
		floats(scale, eight_nibbles(b + (t == IQ2_S ? 74 : 66)));
		EACH(k, 4) scale[k] = times1(times1(plus(scale[k], splat(0.5f)), 0.25f), d);
		break;
	}
	case IQ3_XXS:
		EACH(k, 2) {
			u4 s = vshrq_n_u32(vreinterpretq_u32_u8(load16(b + 66 + 16 * k)), 28);
			scale[k] = times1(times1(plus(real4(s), splat(0.5f)), d), 0.5f);
		}
		break;
	case IQ3_S: {
		uint8x8_t q = vreinterpret_u8_u32(vdup_n_u32(word(b + 106)));
		uint8x8_t n = vzip1_u8(vand_u8(q, vdup_n_u8(15)), vshr_n_u8(q, 4));
		uint16x8_t s = vmovl_u8(vadd_u8(vadd_u8(n, n), vdup_n_u8(1)));
		scale[0] = times1(real4(vmovl_u16(vget_low_u16(s))), d);
		scale[1] = times1(real4(vmovl_high_u16(s)), d);
		break;
	}
	default:
		break;
	}
}
