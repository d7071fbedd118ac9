// What the kernels of package vector share. Each lane does what plain Go does to it; where plain Go fuses, so do these, by
// intrinsics.
#include "neon.h"

#define GROUP 16 // values

typedef float64x2_t d2;

INLINE f4 mul(f4 x, f4 y) { return vmulq_f32(x, y); }
INLINE f4 plus(f4 x, f4 y) { return vaddq_f32(x, y); }
INLINE f4 minus(f4 x, f4 y) { return vsubq_f32(x, y); }
INLINE f4 fma(f4 x, f4 y, f4 z) { return vfmaq_f32(z, x, y); } // x·y + z
INLINE const float *after(const float *p, long bytes) { return (const float *)((const uint8_t *)p + bytes); }

// Constants of exponentials, as in package vector.
#define LOG2E 1.44269504088896340735992468100189214
#define LN2 0.693147180559945309417232121458176568
#define LN2_HIGH 0x1.62e4p-1

// exp gives e^x for x ≤ 0.
INLINE f4 exp(f4 x) {
	static const float coefficients[7] = {0x1.6a23cep-10f, 0x1.123a2p-7f, 0x1.5558f2p-5f, 0x1.555492p-3f, 0x1.fffffcp-2f, 1, 1};
	f4 least = splat(-87.3f);
	f4 c = vmaxq_f32(x, least); // NaN stays
	f4 t = fma(c, splat((float)LOG2E), splat(MAGIC));
	f4 n = minus(t, splat(MAGIC));
	f4 r = fma(n, splat((float)-(LN2 - LN2_HIGH)), fma(n, splat((float)-LN2_HIGH), c));
	f4 p = splat(coefficients[0]);
	EACH(i, 6) p = fma(p, r, splat(coefficients[i + 1]));
	i4 scale = vaddq_s32(vshlq_n_s32(vreinterpretq_s32_f32(t), 23), vdupq_n_s32(0x3f800000));
	f4 v = mul(p, vreinterpretq_f32_s32(scale));
	return vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(v), vcltq_f32(x, least)));
}

// folded gives the sums of four products' partial sums: lanes i and i+8, then i+4, i+2 and i+1.
INLINE f4 folded(f4 sum[4][4]) {
	f4 v[4];
	EACH(k, 4) v[k] = plus(plus(sum[k][0], sum[k][2]), plus(sum[k][1], sum[k][3]));
	EACH(k, 2) {
		d2 a = vreinterpretq_f64_f32(v[2 * k]), b = vreinterpretq_f64_f32(v[2 * k + 1]);
		v[k] = plus(vreinterpretq_f32_f64(vzip1q_f64(a, b)), vreinterpretq_f32_f64(vzip2q_f64(a, b)));
	}
	return vpaddq_f32(v[0], v[1]);
}
