#include "neon.h"

// Offsets in kernel.rounding, in float32, but the last in bytes.
enum { INVERSE = 0, SHIFT = 64, SCALE = 128, ODD = 768 };

// extremes gives the smallest and the largest value of each of four blocks of 32. Which of two zeros counts is not
// sure.
INLINE void extremes(const float *x, f4 *low, f4 *high) {
	f4 l[4], h[4];
	EACH(b, 4) {
		l[b] = h[b] = load(x + 32 * b);
		EACH(j, 7) {
			f4 v = load(x + 32 * b + 4 * (j + 1));
			l[b] = vminq_f32(l[b], v);
			h[b] = vmaxq_f32(h[b], v);
		}
	}
	*low = vpminq_f32(vpminq_f32(l[0], l[1]), vpminq_f32(l[2], l[3]));
	*high = vpmaxq_f32(vpmaxq_f32(h[0], h[1]), vpmaxq_f32(h[2], h[3]));
}

// four gives one bit a lane.
INLINE uint64_t four(u4 mask) {
	uint64_t lanes = vget_lane_u64(vreinterpret_u64_u16(vmovn_u32(mask)), 0);
	return (lanes & 0x0008000400020001) * 0x0001000100010001 >> 48;
}

INLINE u4 halves(f4 d) { return vmovl_u16(vreinterpret_u16_f16(vcvt_f16_f32(d))); }

INLINE u4 finite(f4 d) { return vcltq_f32(vabsq_f32(d), splat(__builtin_inff())); }

// put stores scales, the inverse of d, and shift: 0 for 0, and both 0 where the inverse, or d, is infinite.
INLINE void put(float *state, u4 scale, f4 d, f4 shift) {
	f4 inv = vdivq_f32(splat(1), d);
	inv = choose(vceqq_f32(d, zero()), zero(), inv);
	u4 sound = vandq_u32(finite(inv), finite(d));
	store(state + INVERSE, only(sound, inv));
	store(state + SHIFT, only(sound, shift));
	store(state + SCALE, vreinterpretq_f32_u32(scale));
}

// put_odd stores one bit a block: those whose bytes depend on the order of their values.
INLINE void put_odd(float *state, uint64_t odd) { __builtin_memcpy((char *)state + ODD, &odd, 8); }

// scaleSigned makes signed scales of n blocks of 32, n a multiple of 4, from the value of largest magnitude: odd when both
// signs have it, where it takes the positive.
KERNEL scaleSigned(const float *x, long n, float divisor, float bias, float *state) {
	uint64_t odd = 0;
	ROLLED for (long g = 0; g < n / 4; g++, x += 128) {
		f4 low, high;
		extremes(x, &low, &high);
		f4 opposite = vsubq_f32(zero(), low);
		odd |= four(vandq_u32(vceqq_f32(high, opposite), vcgtq_f32(high, zero()))) << (4 * g);
		f4 peak = choose(vcltq_f32(high, opposite), low, high);
		f4 d = vdivq_f32(vaddq_f32(peak, zero()), splat(divisor)); // +0 for -0
		put(state + 4 * g, halves(d), d, splat(bias));
	}
	put_odd(state, odd);
}

// scaleOffset makes scales and offsets of n blocks of 32, n a multiple of 4, from the range: odd when the smallest value is a
// zero, whose sign is not sure.
KERNEL scaleOffset(const float *x, long n, float divisor, float *state) {
	uint64_t odd = 0;
	ROLLED for (long g = 0; g < n / 4; g++, x += 128) {
		f4 low, high;
		extremes(x, &low, &high);
		odd |= four(vceqq_f32(low, zero())) << (4 * g);
		f4 d = vdivq_f32(vabsq_f32(vsubq_f32(high, low)), splat(divisor));
		put(state + 4 * g, vsliq_n_u32(halves(d), halves(low), 16), d, low);
	}
	put_odd(state, odd);
}

// scaleMagnitude makes positive scales of n blocks of 32, n a multiple of 4, from the largest magnitude.
KERNEL scaleMagnitude(const float *x, long n, float divisor, float *state) {
	ROLLED for (long g = 0; g < n / 4; g++, x += 128) {
		f4 m[4];
		EACH(b, 4) {
			m[b] = vabsq_f32(load(x + 32 * b));
			EACH(j, 7) m[b] = vmaxq_f32(m[b], vabsq_f32(load(x + 32 * b + 4 * (j + 1))));
		}
		f4 d = vdivq_f32(vpmaxq_f32(vpmaxq_f32(m[0], m[1]), vpmaxq_f32(m[2], m[3])), splat(divisor));
		put(state + 4 * g, halves(d), d, zero());
	}
}

// sixteen gives trunc(x·inverse + bias) of 16 values, at most most, as bytes.
INLINE uint8x16_t sixteen(const float *x, f4 inv, f4 bias, uint8_t most) {
	i4 c[4];
	EACH(k, 4) c[k] = vcvtq_s32_f32(vaddq_f32(vmulq_f32(load(x + 4 * k), inv), bias));
	return vminq_u8(bytes(c[0], c[1], c[2], c[3]), vdupq_n_u8(most));
}

// sixteen_above gives trunc((x-low)·inverse + ½) as bytes. With a finite inverse, errors of rounding are too small to
// reach the code after the highest.
INLINE uint8x16_t sixteen_above(const float *x, f4 inv, f4 low) {
	i4 c[4];
	EACH(k, 4) c[k] = vcvtq_s32_f32(vaddq_f32(vmulq_f32(vsubq_f32(load(x + 4 * k), low), inv), splat(0.5f)));
	return bytes(c[0], c[1], c[2], c[3]);
}

// codes gives the codes of one block.
INLINE void codes(const float *x, const float *state, uint8_t most, int offset, uint8x16_t *first, uint8x16_t *second) {
	f4 inv = vld1q_dup_f32(state + INVERSE), shift = vld1q_dup_f32(state + SHIFT);
	*first = offset ? sixteen_above(x, inv, shift) : sixteen(x, inv, shift, most);
	*second = offset ? sixteen_above(x + 16, inv, shift) : sixteen(x + 16, inv, shift, most);
}

// nibbles packs the low four bits of two times 16 codes.
INLINE uint8x16_t nibbles(uint8x16_t first, uint8x16_t second) { return vsliq_n_u8(vandq_u8(first, vdupq_n_u8(15)), second, 4); }

// fifth gives bit 4 of 32 codes.
INLINE uint32_t fifth(uint8x16_t first, uint8x16_t second, uint8x16_t bit) {
	uint8x16_t sixteenth = vdupq_n_u8(16);
	uint8x16_t a = vandq_u8(vtstq_u8(first, sixteenth), bit), b = vandq_u8(vtstq_u8(second, sixteenth), bit);
	a = vpaddq_u8(a, b);
	a = vpaddq_u8(a, a);
	return vgetq_lane_u32(vreinterpretq_u32_u8(vpaddq_u8(a, a)), 0);
}

// blocks makes blocks of 32 codes from x and kernel.rounding.
INLINE void blocks(uint8_t *dst, const float *x, long n, const float *state, int scale_bytes, uint8_t most, int offset) {
	uint8x16_t bit = each_bit();
	ROLLED for (long i = 0; i < n; i++, x += 32, state++) {
		__builtin_memcpy(dst, state + SCALE, scale_bytes);
		dst += scale_bytes;
		uint8x16_t first, second;
		codes(x, state, most, offset, &first, &second);
		if (most == 31) {
			uint32_t high = fifth(first, second, bit);
			__builtin_memcpy(dst, &high, 4);
			dst += 4;
		}
		vst1q_u8(dst, nibbles(first, second));
		dst += 16;
	}
}

// codesQ4_0 makes blocks from scales.
KERNEL codesQ4_0(uint8_t *dst, const float *x, long n, const float *state) { blocks(dst, x, n, state, 2, 15, 0); }

// codesQ4_1 makes blocks from scales.
KERNEL codesQ4_1(uint8_t *dst, const float *x, long n, const float *state) { blocks(dst, x, n, state, 4, 15, 1); }

// codesQ5_0 makes blocks from scales.
KERNEL codesQ5_0(uint8_t *dst, const float *x, long n, const float *state) { blocks(dst, x, n, state, 2, 31, 0); }

// codesQ5_1 makes blocks from scales.
KERNEL codesQ5_1(uint8_t *dst, const float *x, long n, const float *state) { blocks(dst, x, n, state, 4, 31, 1); }

// codesQ8_0 makes blocks from scales. Halves round away from zero.
KERNEL codesQ8_0(uint8_t *dst, const float *x, long n, const float *state) {
	ROLLED for (long i = 0; i < n; i++, dst += 34, state++) {
		f4 inv = vld1q_dup_f32(state + INVERSE);
		__builtin_memcpy(dst, state + SCALE, 2);
		EACH(h, 2) {
			i4 c[4];
			EACH(k, 4) c[k] = vcvtaq_s32_f32(vmulq_f32(load(x + 4 * k), inv));
			vst1q_u8(dst + 2 + 16 * h, bytes(c[0], c[1], c[2], c[3]));
			x += 16;
		}
	}
}
