#include "matrix.h"

// units gives what the values of some groups become multiples of, and its inverse; see Mode.units.
INLINE float units(const float *x, long groups, float steps, float divisor, float *inverse) {
	// The largest magnitude, found among integers: NaN is larger than infinity.
	u4 top = vdupq_n_u32(0);
	ROLLED for (const float *end = x + 32 * groups; x < end; x += 32)
		EACH(i, 8) top = vmaxq_u32(top, vreinterpretq_u32_f32(vabsq_f32(load(x + 4 * i))));
	uint32_t most = vmaxvq_u32(top);
	float m;
	__builtin_memcpy(&m, &most, 4);
	float unit = m / divisor;
	*inverse = steps / m;
	if (most >= 0x7f800000) unit = __builtin_nanf(""), *inverse = 0; // NaN times zero becomes the integer 0
	if (most < (127 - 110) << 23) unit = 0, *inverse = 0;
	return unit;
}

// rounded gives the integers of 32 values.
INLINE void rounded(i4 q[8], const float *x, float inverse, i4 shift) {
	EACH(i, 8) q[i] = vshlq_s32(vcvtnq_s32_f32(times1(load(x + 4 * i), inverse)), shift);
}

// sums stores the scale and the sums, which lie behind the integers: field k begins 4·k·groups bytes after the scales.
INLINE void sums(float *scale, long all, long g, float unit, const i4 q[8]) {
	int32_t low = vaddvq_s32(vaddq_s32(vaddq_s32(q[0], q[1]), vaddq_s32(q[2], q[3])));
	int32_t high = vaddvq_s32(vaddq_s32(vaddq_s32(q[4], q[5]), vaddq_s32(q[6], q[7])));
	scale[g] = unit;
	scale[all + g] = unit * (float)(low + high);
	scale[3 * all + 2 * g] = unit * (float)low;
	scale[3 * all + 2 * g + 1] = unit * (float)high;
}

// round fills the first groups of a record with integers of 16 bits. shape is the number of groups, that of groups of a
// record, the power of two that integers are multiplied with, and the number of groups that have a scale in common.
KERNEL round(uint8_t *record, const float *x, const long *shape, float steps, float divisor) {
	long n = shape[0], all = shape[1], span = shape[3];
	float unit = 0, inverse = 0;
	i4 shift = vdupq_n_s32(shape[2]);
	float *scale = (float *)(record + 64 * all);
	ROLLED for (long g = 0; g < n; g++, x += 32, record += 64) {
		i4 q[8];
		if (g % span == 0) unit = units(x, span, steps, divisor, &inverse);
		rounded(q, x, inverse, shift);
		EACH(i, 4) vst1q_u8(record + 16 * i, vreinterpretq_u8_s16(vcombine_s16(vmovn_s32(q[2 * i]), vmovn_s32(q[2 * i + 1]))));
		sums(scale, all, g, unit, q);
	}
}

// roundBytes is round for integers as 256·high + low: the high bytes of all groups come before the low ones.
KERNEL roundBytes(uint8_t *record, const float *x, const long *shape, float steps, float divisor) {
	long n = shape[0], all = shape[1], span = shape[3];
	float unit = 0, inverse = 0;
	i4 shift = vdupq_n_s32(shape[2]);
	float *scale = (float *)(record + 64 * all);
	uint8_t *lows = record + 32 * all;
	ROLLED for (long g = 0; g < n; g++, x += 32, record += 32, lows += 32) {
		i4 q[8];
		if (g % span == 0) unit = units(x, span, steps, divisor, &inverse);
		rounded(q, x, inverse, shift);
		EACH(i, 2) {
			i4 *v = q + 4 * i, high[4];
			EACH(k, 4) high[k] = vrshrq_n_s32(v[k], 8);
			vst1q_u8(record + 16 * i, bytes(high[0], high[1], high[2], high[3]));
			vst1q_u8(lows + 16 * i, bytes(v[0], v[1], v[2], v[3]));
		}
		sums(scale, all, g, unit, q);
	}
}
