// What blocks hold, for kernels that store it and for those that multiply with it: leaf gives the codes of 32 columns,
// scales the scales and minima of 128 or 256 columns. The type is a constant, so of each switch one case remains. Points
// and signs are for types that have them.
#include "grid.h"

// fifth gives 16 for each of 32 bits that is set.
INLINE void fifth(u16x to[2], const uint8_t *at) {
	u16x bits = vreinterpretq_u8_u32(vdupq_n_u32(word(at)));
	u16x first = table(0, opaque(0x0101010101010101)), second = table(opaque(0x0202020202020202), opaque(0x0303030303030303));
	to[0] = vandq_u8(vtstq_u8(vqtbl1q_u8(bits, first), each_bit()), every(16));
	to[1] = vandq_u8(vtstq_u8(vqtbl1q_u8(bits, second), each_bit()), every(16));
}

INLINE void levels(s16x w[2], const uint8_t *src, uint64_t first, uint64_t second) {
	s16x t = as_signed(table(first, second));
	u16x n[2];
	nibbles(n, load16(src));
	w[0] = vqtbl1q_s8(t, n[0]), w[1] = vqtbl1q_s8(t, n[1]);
}

// leaf gives the codes of columns 32·g … of a block, less the offset of the type.
INLINE void leaf(enum type t, s16x w[2], const uint8_t *b, int g, const uint64_t *points, const uint64_t *signs) {
	u16x n[2], f[2];
	switch (t) {
	default:
		grid_leaf(t, w, b, g, points, signs);
		break;
	case Q4_0:
		nibbles(n, load16(b + 2));
		EACH(i, 2) w[i] = less(n[i], 8);
		break;
	case Q4_1:
		nibbles(n, load16(b + 4));
		EACH(i, 2) w[i] = as_signed(n[i]);
		break;
	case Q5_0:
		nibbles(n, load16(b + 6));
		fifth(f, b + 2);
		EACH(i, 2) w[i] = less(vorrq_u8(n[i], f[i]), 16);
		break;
	case Q5_1:
		nibbles(n, load16(b + 8));
		fifth(f, b + 4);
		EACH(i, 2) w[i] = as_signed(vorrq_u8(n[i], f[i]));
		break;
	case Q8_0:
		EACH(i, 2) w[i] = as_signed(load16(b + 2 + 16 * i));
		break;
	case IQ4_NL:
		levels(w, b + 2, 0xf6eaddcfbfad9881, 0x7159453526190d01);
		break;
	case MXFP4:
		levels(w, b + 1, 0x0c08060403020100, 0xf4f8fafcfdfeff00);
		break;
	case Q2_K:
		EACH(i, 2) w[i] = as_signed(field(load16(b + 16 + g / 4 * 32 + 16 * i), g % 4 * 2, 3));
		break;
	case Q3_K:
		EACH(i, 2) {
			u16x top = field(load16(b + 16 * i), g - 2, 4);
			w[i] = less(vorrq_u8(field(load16(b + 32 + g / 4 * 32 + 16 * i), g % 4 * 2, 3), top), 4);
		}
		break;
	case Q4_K:
		EACH(i, 2) {
			nibbles(n, load16(b + 16 + g / 2 * 32 + 16 * i));
			w[i] = as_signed(n[g % 2]);
		}
		break;
	case Q5_K:
		EACH(i, 2) {
			nibbles(n, load16(b + 48 + g / 2 * 32 + 16 * i));
			w[i] = as_signed(vorrq_u8(n[g % 2], field(load16(b + 16 + 16 * i), g - 4, 16)));
		}
		break;
	case Q6_K:
		EACH(i, 2) {
			nibbles(n, load16(b + g / 4 * 64 + g % 2 * 32 + 16 * i));
			u16x top = field(load16(b + 128 + g / 4 * 32 + 16 * i), g % 4 * 2 - 4, 0x30);
			w[i] = less(vorrq_u8(n[g % 4 / 2], top), 32);
		}
		break;
	case IQ4_XS:
		levels(w, b + 8 + 16 * g, 0xf6eaddcfbfad9881, 0x7159453526190d01);
		break;
	case TQ2_0:
		EACH(i, 2) w[i] = less(field(load16(b + g / 4 * 32 + 16 * i), g % 4 * 2, 3), 1);
		break;
	}
}

// power gives the scale 2^(e-128) of MXFP4.
INLINE float power(uint8_t e) {
	uint32_t bits = e < 2 ? 1u << (21 + e) : (uint32_t)(e - 1) << 23;
	float f;
	__builtin_memcpy(&f, &bits, 4);
	return f;
}

// small_scale gives that of one block of 32 columns.
INLINE float small_scale(enum type t, const uint8_t *b) { return t == MXFP4 ? power(b[0]) : half(b); }
INLINE float small_minimum(const uint8_t *b) { return -half(b + 2); }

// products makes 16 signed bytes times a unit.
INLINE void products(f4 to[4], s16x b, float unit) {
	floats(to, b);
	EACH(k, 4) to[k] = times1(to[k], unit);
}

// six_bits gives eight scales and eight minima of twelve bytes: the first four of each as they are, of the others low
// nibbles and, in the highest bits of the first, high pairs.
INLINE void six_bits(f4 scale[2], f4 minimum[2], const uint8_t *b) {
	uint64_t x = word(b + 4), y = word(b + 8), z = word(b + 12);
	uint64_t s = (x & 0x3f3f3f3f) | ((z & 0x0f0f0f0f) | (x >> 2 & 0x30303030)) << 32;
	uint64_t m = (y & 0x3f3f3f3f) | ((z >> 4 & 0x0f0f0f0f) | (y >> 2 & 0x30303030)) << 32;
	f4 all[4];
	floats(all, vreinterpretq_s8_u64(vcombine_u64(vcreate_u64(s), vcreate_u64(m))));
	float d = half(b), dmin = half(b + 2);
	EACH(k, 2) scale[k] = times1(all[k], d), minimum[k] = times1(all[2 + k], dmin);
}

// scales gives those of a block of 256 columns, or of four blocks of 32.
INLINE void scales(enum type t, f4 scale[4], f4 minimum[4], const uint8_t *b) {
	if (has_points(t)) {
		grid_scales(t, scale, b);
		return;
	}
	switch (t) {
	case MXFP4:
		scale[0] = (f4){power(b[0]), power(b[17]), power(b[34]), power(b[51])};
		break;
	case Q2_K: {
		u16x n[2];
		nibbles(n, load16(b));
		products(scale, as_signed(n[0]), half(b + 80));
		products(minimum, as_signed(n[1]), half(b + 82));
		break;
	}
	case Q3_K: {
		// Six-bit scales: 16 nibbles, then pairs of bits of scales 4k … 4k+3.
		i4 right = vreinterpretq_s32_u8(table(0xfffffffe00000000, 0xfffffffafffffffc)); // 0, -2, -4, -6
		uint8x8_t bytes = vld1_u8(b + 96);
		u16x low = vcombine_u8(vand_u8(bytes, vdup_n_u8(15)), vshr_n_u8(bytes, 4));
		u16x pairs = vreinterpretq_u8_u32(vshlq_u32(vdupq_n_u32(word(b + 104)), right));
		products(scale, less(vorrq_u8(low, vshlq_n_u8(vandq_u8(pairs, every(3)), 4)), 32), half(b + 108));
		break;
	}
	case Q4_K: case Q5_K:
		six_bits(scale, minimum, b);
		break;
	case Q6_K:
		products(scale, as_signed(load16(b + 192)), half(b + 208));
		break;
	case IQ4_XS: {
		// Eight scales: nibbles, and pairs of bits, from the lowest on.
		uint8x8_t n = vreinterpret_u8_u32(vdup_n_u32(word(b + 4)));
		uint8x8_t low = vzip1_u8(vand_u8(n, vdup_n_u8(15)), vshr_n_u8(n, 4));
		int16x8_t right = vreinterpretq_s16_u8(table(0xfffafffcfffe0000, 0xfff2fff4fff6fff8)); // 0, -2 … -14
		uint16x8_t pairs = vshlq_u16(vdupq_n_u16(b[2] | b[3] << 8), right);
		uint8x8_t high = vshl_n_u8(vand_u8(vmovn_u16(pairs), vdup_n_u8(3)), 4);
		int16x8_t s = vmovl_s8(vreinterpret_s8_u8(vsub_u8(vorr_u8(low, high), vdup_n_u8(32))));
		float d = half(b);
		scale[0] = times1(real(vmovl_s16(vget_low_s16(s))), d);
		scale[1] = times1(real(vmovl_high_s16(s)), d);
		break;
	}
	case TQ2_0:
		scale[0] = scale[1] = splat(half(b + 64));
		break;
	default: { // four halves, a block apart
		int size = block_bytes(t);
		scale[0] = (f4){half(b), half(b + size), half(b + 2 * size), half(b + 3 * size)};
		if (has_minima(t)) minimum[0] = vnegq_f32((f4){half(b + 2), half(b + size + 2), half(b + 2 * size + 2), half(b + 3 * size + 2)});
		break;
	}
	}
}
