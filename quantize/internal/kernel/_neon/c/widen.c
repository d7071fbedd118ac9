#include "neon.h"

// The kernels of this file take 32 values at a time, n being a multiple, and scans 128 bytes.

INLINE uint16x8_t load_words(const uint8_t *p) { return vreinterpretq_u16_u8(vld1q_u8(p)); }
INLINE void store_words(uint8_t *p, uint16x8_t v) { vst1q_u8(p, vreinterpretq_u8_u16(v)); }

// widenBF16 gives the values of bfloat16.
KERNEL widenBF16(float *dst, const uint8_t *src, long n) {
	ROLLED for (; n > 0; n -= 32, src += 64, dst += 32) {
		EACH(k, 4) {
			uint16x8_t h = load_words(src + 16 * k);
			store(dst + 8 * k, vreinterpretq_f32_u32(vshll_n_u16(vget_low_u16(h), 16)));
			store(dst + 8 * k + 4, vreinterpretq_f32_u32(vshll_high_n_u16(h, 16)));
		}
	}
}

// widenF16 gives the values of halves.
KERNEL widenF16(float *dst, const uint8_t *src, long n) {
	ROLLED for (; n > 0; n -= 32, src += 64, dst += 32) {
		EACH(k, 4) {
			float16x8_t h = vreinterpretq_f16_u16(load_words(src + 16 * k));
			store(dst + 8 * k, vcvt_f32_f16(vget_low_f16(h)));
			store(dst + 8 * k + 4, vcvt_high_f32_f16(h));
		}
	}
}

// narrowF64 rounds float64.
KERNEL narrowF64(float *dst, const uint8_t *src, long n) {
	ROLLED for (; n > 0; n -= 32, src += 256, dst += 32) {
		EACH(k, 8) {
			float64x2_t low = vreinterpretq_f64_u8(vld1q_u8(src + 32 * k)), high = vreinterpretq_f64_u8(vld1q_u8(src + 32 * k + 16));
			store(dst + 4 * k, vcvt_high_f32_f64(vcvt_f32_f64(low), high));
		}
	}
}

// roundF16 rounds to halves and makes every NaN the quiet one of its sign.
KERNEL roundF16(uint8_t *dst, const float *src, long n) {
	ROLLED for (; n > 0; n -= 32, src += 32, dst += 64) {
		EACH(k, 4) {
			uint16x8_t h = vreinterpretq_u16_f16(vcvt_high_f16_f32(vcvt_f16_f32(load(src + 8 * k)), load(src + 8 * k + 4)));
			uint16x8_t nan = vcgtq_u16(vbicq_u16(h, vdupq_n_u16(0x8000)), vdupq_n_u16(0x7c00));
			store_words(dst + 16 * k, vbicq_u16(h, vandq_u16(nan, vdupq_n_u16(0x01ff))));
		}
	}
}

// upper rounds to the upper half, ties to even, by adding just less than half a unit, and the unit's own bit. NaN keeps
// its upper half and becomes quiet.
INLINE u4 upper(f4 x) {
	u4 b = vreinterpretq_u32_f32(x), unit = vandq_u32(vshrq_n_u32(b, 16), vdupq_n_u32(1));
	u4 rounded = vaddq_u32(vaddq_u32(unit, vdupq_n_u32(0x7fff)), b);
	return vbslq_u32(vceqq_f32(x, x), rounded, vorrq_u32(b, vdupq_n_u32(0x400000)));
}

// roundBF16 rounds to bfloat16.
KERNEL roundBF16(uint8_t *dst, const float *src, long n) {
	ROLLED for (; n > 0; n -= 32, src += 32, dst += 64) {
		EACH(k, 4) {
			u4 low = upper(load(src + 8 * k)), high = upper(load(src + 8 * k + 4));
			store_words(dst + 16 * k, vuzp2q_u16(vreinterpretq_u16_u32(low), vreinterpretq_u16_u32(high)));
		}
	}
}

// E4M3 has a bit of exponent less than a half, three bits of mantissa, and a bias that makes it 2^8 times as large.
// What would be 480 is NaN.
INLINE uint16x8_t halves_e4m3(uint16x8_t c) {
	uint16x8_t magnitude = vandq_u16(vshlq_n_u16(c, 7), vdupq_n_u16(0x3f80));
	uint16x8_t nan = vceqq_u16(magnitude, vdupq_n_u16(0x3f80));
	magnitude = veorq_u16(magnitude, vandq_u16(nan, vdupq_n_u16(0x4180)));
	return vorrq_u16(magnitude, vandq_u16(vshlq_n_u16(c, 8), vdupq_n_u16(0x8000)));
}

// E5M2 is the upper byte of a half. Its three NaN are one in Go's table: that of 0x7e.
INLINE uint16x8_t halves_e5m2(uint16x8_t c) {
	c = vshlq_n_u16(c, 8);
	uint16x8_t nan = vcgtq_u16(vbicq_u16(c, vdupq_n_u16(0x8000)), vdupq_n_u16(0x7c00));
	c = vbicq_u16(c, vandq_u16(nan, vdupq_n_u16(0x0100)));
	return vorrq_u16(c, vandq_u16(nan, vdupq_n_u16(0x0200)));
}

// fp8 gives the values of 8-bit floats, times a scale when there is one.
INLINE void fp8(float *dst, const uint8_t *src, long n, int e4m3, int scaled, float scale) {
	ROLLED for (; n > 0; n -= 32, src += 32, dst += 32) {
		EACH(k, 4) {
			uint16x8_t c = vmovl_u8(vld1_u8(src + 8 * k));
			float16x8_t h = vreinterpretq_f16_u16(e4m3 ? halves_e4m3(c) : halves_e5m2(c));
			f4 v[2] = {vcvt_f32_f16(vget_low_f16(h)), vcvt_high_f32_f16(h)};
			EACH(j, 2) {
				if (e4m3) v[j] = vmulq_f32(v[j], splat(256));
				if (scaled) v[j] = vmulq_f32(v[j], splat(scale));
				store(dst + 8 * k + 4 * j, v[j]);
			}
		}
	}
}

// widenE4M3 gives the values of 8-bit floats.
KERNEL widenE4M3(float *dst, const uint8_t *src, long n) { fp8(dst, src, n, 1, 0, 1); }

// scaleE4M3 gives the values of 8-bit floats times a scale.
KERNEL scaleE4M3(float *dst, const uint8_t *src, long n, float scale) { fp8(dst, src, n, 1, 1, scale); }

// widenE5M2 gives the values of 8-bit floats.
KERNEL widenE5M2(float *dst, const uint8_t *src, long n) { fp8(dst, src, n, 0, 0, 1); }

// scaleE5M2 gives the values of 8-bit floats times a scale.
KERNEL scaleE5M2(float *dst, const uint8_t *src, long n, float scale) { fp8(dst, src, n, 0, 1, scale); }

// scanF32 puts into done how many bytes come before the first 128 which have a magnitude whose bits are above most. Magnitudes
// order as integers do, so one comparison of the largest is enough.
KERNEL scanF32(long *done, const uint8_t *src, long n, long most) {
	long i = 0;
	ROLLED for (; i < n; i += 128) {
		u4 v[8];
		EACH(k, 8) v[k] = vbicq_u32(vreinterpretq_u32_u8(vld1q_u8(src + i + 16 * k)), vdupq_n_u32(0x80000000));
		EACH(k, 4) v[k] = vmaxq_u32(v[k], v[k + 4]);
		if (vmaxvq_u32(vmaxq_u32(vmaxq_u32(v[0], v[1]), vmaxq_u32(v[2], v[3]))) > most) break;
	}
	*done = i;
}

// scan16 is scanF32 for 16-bit floats.
KERNEL scan16(long *done, const uint8_t *src, long n, long most) {
	long i = 0;
	ROLLED for (; i < n; i += 128) {
		uint16x8_t v[8];
		EACH(k, 8) v[k] = vbicq_u16(load_words(src + i + 16 * k), vdupq_n_u16(0x8000));
		EACH(k, 4) v[k] = vmaxq_u16(v[k], v[k + 4]);
		if (vmaxvq_u16(vmaxq_u16(vmaxq_u16(v[0], v[1]), vmaxq_u16(v[2], v[3]))) > most) break;
	}
	*done = i;
}

// copyF32 copies values.
KERNEL copyF32(uint8_t *dst, const uint8_t *src, long n) {
	ROLLED for (; n > 0; n -= 32, src += 128, dst += 128) {
		EACH(k, 8) vst1q_u8(dst + 16 * k, vld1q_u8(src + 16 * k));
	}
}
