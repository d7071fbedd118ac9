#include "neon.h"

// largest gives the largest magnitudes of every size values.
INLINE void largest(float *top, const float *x, long n, int size) {
	ROLLED for (long i = 0; i < n; i += 4, x += 4 * size) {
		f4 m[4];
		EACH(g, 4) {
			m[g] = vabsq_f32(load(x + size * g));
			EACH(j, size / 4 - 1) m[g] = vmaxq_f32(m[g], vabsq_f32(load(x + size * g + 4 * (j + 1))));
		}
		store(top + i, vpmaxq_f32(vpmaxq_f32(m[0], m[1]), vpmaxq_f32(m[2], m[3])));
	}
}

// largest16 finds the largest magnitudes of n groups, n a multiple of 4.
KERNEL largest16(float *top, const float *x, long n) { largest(top, x, n, 16); }

// largest32 finds the largest magnitudes of n groups, n a multiple of 4.
KERNEL largest32(float *top, const float *x, long n) { largest(top, x, n, 32); }

// cut_fp4 gives x·inverse cut to an integer, as bytes: how many halves of a scale |x| is above, with its sign.
INLINE int8x16_t cut_fp4(const float *x, f4 inv) {
	i4 c[4];
	EACH(k, 4) c[k] = vcvtq_s32_f32(vmulq_f32(load(x + 4 * k), inv));
	return vreinterpretq_s8_u8(bytes(c[0], c[1], c[2], c[3]));
}

// look_up_fp4 turns these into codes. The code for |x| above n halves is how many of 1, 3, 5, 7, 10, 14 and 20 are not
// above n.
INLINE uint8x16_t look_up_fp4(int8x16_t v, uint8x16_t first) {
	uint8x16_t n = vreinterpretq_u8_s8(vabsq_s8(v));
	uint8x16_t code = vqtbl1q_u8(first, vminq_u8(n, vdupq_n_u8(15)));
	code = vsubq_u8(code, vcgeq_u8(n, vdupq_n_u8(20)));
	uint8x16_t sign = vandq_u8(vreinterpretq_u8_s8(v), vdupq_n_u8(0x80));
	return vorrq_u8(code, vshrq_n_u8(sign, 4));
}

INLINE uint8x16_t codes_fp4(void) { return table(0x0403030202010100, 0x0606050505050404); }

// codesMXFP4 makes codes of blocks.
KERNEL codesMXFP4(uint8_t *dst, const float *x, long n, const float *inverse) {
	uint8x16_t first = codes_fp4();
	ROLLED for (long i = 0; i < n; i++, x += 32, dst += 17) {
		f4 inv = vld1q_dup_f32(inverse + i);
		uint8x16_t low = look_up_fp4(cut_fp4(x, inv), first), high = look_up_fp4(cut_fp4(x + 16, inv), first);
		vst1q_u8(dst + 1, vsliq_n_u8(low, high, 4));
	}
}

// codesNVFP4 makes codes of blocks of four groups, each with an inverse scale.
KERNEL codesNVFP4(uint8_t *dst, const float *x, long n, const float *inverse) {
	uint8x16_t first = codes_fp4();
	ROLLED for (long i = 0; i < n; i++, dst += 36) {
		EACH(g, 4) {
			uint8x16_t v = look_up_fp4(cut_fp4(x, vld1q_dup_f32(inverse)), first);
			vst1_u8(dst + 4 + 8 * g, vsli_n_u8(vget_low_u8(v), vget_high_u8(v), 4));
			x += 16, inverse++;
		}
	}
}

// trits rounds 16 values between -1.5 and 1.5 to -1, 0 or 1, halves away from zero.
INLINE uint8x16_t trits(const float *x, f4 inv) {
	i4 c[4];
	EACH(k, 4) c[k] = vcvtaq_s32_f32(vmulq_f32(load(x + 4 * k), inv));
	return bytes(c[0], c[1], c[2], c[3]);
}

// codesTQ2_0 makes codes of blocks: values 32 apart in a byte.
KERNEL codesTQ2_0(uint8_t *dst, const float *x, long n, const float *inverse) {
	ROLLED for (long i = 0; i < n; i++, x += 256, dst += 66) {
		f4 inv = vld1q_dup_f32(inverse + i);
		ROLLED for (int m = 0; m < 64; m += 16) {
			const float *p = x + m / 32 * 128 + m % 32;
			uint8x16_t v = trits(p + 96, inv);
			v = vaddq_u8(vshlq_n_u8(v, 2), trits(p + 64, inv));
			v = vaddq_u8(vshlq_n_u8(v, 2), trits(p + 32, inv));
			v = vaddq_u8(vshlq_n_u8(v, 2), trits(p, inv));
			vst1q_u8(dst + m, vaddq_u8(v, vdupq_n_u8(0x55)));
		}
	}
}

// codesQ2_0 makes codes of blocks: neighbours in a byte.
KERNEL codesQ2_0(uint8_t *dst, const float *x, long n, const float *inverse) {
	ROLLED for (long i = 0; i < n; i++, x += 64, dst += 18) {
		f4 inv = vld1q_dup_f32(inverse + i);
		uint8x16_t t[4];
		EACH(k, 4) t[k] = trits(x + 16 * k, inv);
		uint8x16_t low = vaddq_u8(vuzp1q_u8(t[0], t[1]), vshlq_n_u8(vuzp2q_u8(t[0], t[1]), 2));
		uint8x16_t high = vaddq_u8(vuzp1q_u8(t[2], t[3]), vshlq_n_u8(vuzp2q_u8(t[2], t[3]), 2));
		uint8x16_t v = vaddq_u8(vuzp1q_u8(low, high), vshlq_n_u8(vuzp2q_u8(low, high), 4));
		vst1q_u8(dst + 2, vaddq_u8(v, vdupq_n_u8(0x55)));
	}
}

// fraction gives (256·v + 242)/243 for v up to 242: v + (13·v + 242)/243, and 1079/2^18 is close enough to 1/243.
INLINE uint8x8_t fraction8(uint8x8_t v) {
	int16x8_t x = vreinterpretq_s16_u16(vmlal_u8(vdupq_n_u16(242), v, vdup_n_u8(13)));
	x = vshrq_n_s16(vqdmulhq_n_s16(vshlq_n_s16(x, 3), 1079), 6);
	return vadd_u8(v, vmovn_u16(vreinterpretq_u16_s16(x)));
}

INLINE uint8x16_t fraction(uint8x16_t v) { return vcombine_u8(fraction8(vget_low_u8(v)), fraction8(vget_high_u8(v))); }

// digits gives 16 bytes of five digits of base 3, which are 0 to 2, stride values apart.
INLINE uint8x16_t digits(const float *x, long stride, f4 inv) {
	uint8x16_t t = trits(x, inv);
	EACH(k, 4) t = vmlaq_u8(trits(x + stride * (k + 1), inv), t, vdupq_n_u8(3));
	return fraction(vaddq_u8(t, vdupq_n_u8(121))); // 1 for each digit
}

// codesTQ1_0 makes codes of blocks.
KERNEL codesTQ1_0(uint8_t *dst, const float *x, long n, const float *inverse) {
	uint8x16_t weights = table(0x1b1b1b1b51515151, 0x0303030309090909);
	ROLLED for (long i = 0; i < n; i++, x += 256, dst += 54) {
		f4 inv = vld1q_dup_f32(inverse + i);
		vst1q_u8(dst, digits(x, 32, inv));
		vst1q_u8(dst + 16, digits(x + 16, 32, inv));
		vst1q_u8(dst + 32, digits(x + 160, 16, inv));
		// The last 16 values are four digits of four bytes; a fifth is 0.
		uint8x16_t v = vmulq_u8(vaddq_u8(trits(x + 240, inv), vdupq_n_u8(1)), weights);
		uint8x8_t two = vadd_u8(vget_low_u8(v), vget_high_u8(v));
		two = vadd_u8(two, vreinterpret_u8_u32(vrev64_u32(vreinterpret_u32_u8(two))));
		uint32_t last = vget_lane_u32(vreinterpret_u32_u8(fraction8(two)), 0);
		__builtin_memcpy(dst + 48, &last, 4);
	}
}

// signsQ1_0 writes one bit a value: 1 unless the value is below zero.
KERNEL signsQ1_0(uint8_t *dst, const float *x, long n) {
	uint8x16_t bit = each_bit();
	ROLLED for (long i = 0; i < n; i++, x += 128, dst += 18) {
		uint8x16_t v[8];
		EACH(j, 8) {
			i4 m[4];
			EACH(k, 4) m[k] = vreinterpretq_s32_u32(vcgezq_f32(load(x + 16 * j + 4 * k)));
			v[j] = vandq_u8(bytes(m[0], m[1], m[2], m[3]), bit);
		}
		EACH(j, 4) v[j] = vpaddq_u8(v[2 * j], v[2 * j + 1]);
		vst1q_u8(dst + 2, vpaddq_u8(vpaddq_u8(v[0], v[1]), vpaddq_u8(v[2], v[3])));
	}
}

// sumMagnitudes adds magnitudes of every lane of a tile.
KERNEL sumMagnitudes(float *sum, const float *x, long n) {
	f4 s[4] = {zero(), zero(), zero(), zero()};
	ROLLED for (long i = 0; i < n; i++, x += 16) {
		EACH(k, 4) s[k] = vaddq_f32(s[k], vabsq_f32(load(x + 4 * k)));
	}
	EACH(k, 4) store(sum + 4 * k, s[k]);
}
