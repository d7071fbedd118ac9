#include "vector.h"

#define FUSES

// Sums in 16 lanes, of n values, a multiple of 16.

// touch reads one value of each cache line.
KERNEL touch(const float *x, long n) {
	ROLLED for (; n > 0; n -= GROUP, x += GROUP) (void)*(const volatile float *)x;
}

// largest raises lanes to the largest values; NaN is no value.
KERNEL largest(const float *x, long n, float *lanes) {
	f4 most[4];
	EACH(i, 4) most[i] = load(lanes + 4 * i);
	ROLLED for (; n > 0; n -= GROUP, x += GROUP) EACH(i, 4) most[i] = greater(load(x + 4 * i), most[i]);
	EACH(i, 4) store(lanes + 4 * i, most[i]);
}

INLINE void load_lanes(d2 sum[8], const double *lanes) { EACH(i, 8) sum[i] = vld1q_f64(lanes + 2 * i); }
INLINE void store_lanes(double *lanes, const d2 sum[8]) { EACH(i, 8) vst1q_f64(lanes + 2 * i, sum[i]); }
INLINE d2 low(f4 x) { return vcvt_f64_f32(vget_low_f32(x)); }
INLINE d2 high(f4 x) { return vcvt_high_f64_f32(x); }

// squares adds squares, whose products are exact.
KERNEL squares(const float *x, long n, double *lanes) {
	d2 sum[8];
	load_lanes(sum, lanes);
	ROLLED for (; n > 0; n -= GROUP, x += GROUP) {
		EACH(i, 4) {
			f4 v = load(x + 4 * i);
			d2 a = low(v), b = high(v);
			sum[2 * i] = vfmaq_f64(sum[2 * i], a, a);
			sum[2 * i + 1] = vfmaq_f64(sum[2 * i + 1], b, b);
		}
	}
	store_lanes(lanes, sum);
}

// expSum makes x = exp(x-most) and adds it: first in lanes 0 … 7 of all groups, then in the others.
KERNEL expSum(float *x, long n, float most, double *lanes) {
	ROLLED for (int half = 0; half < GROUP; half += GROUP / 2) {
		d2 sum[4];
		EACH(i, 4) sum[i] = vld1q_f64(lanes + half + 2 * i);
		ROLLED for (long at = half; at < n; at += GROUP) {
			EACH(i, 2) {
				f4 e = exp(minus(load(x + at + 4 * i), splat(most)));
				store(x + at + 4 * i, e);
				sum[2 * i] = vaddq_f64(sum[2 * i], low(e));
				sum[2 * i + 1] = vaddq_f64(sum[2 * i + 1], high(e));
			}
		}
		EACH(i, 4) vst1q_f64(lanes + half + 2 * i, sum[i]);
	}
}

INLINE d2 every(double x) { return vdupq_n_f64(x); }

// exp64 is Exp.
INLINE d2 exp64(d2 x) {
	const double magic = 0x1.8p52;
	x = vmaxq_f64(x, every(-700)); // NaN stays
	d2 t = vfmaq_f64(every(magic), x, every(LOG2E));
	d2 r = vfmaq_f64(x, vsubq_f64(t, every(magic)), every(-LN2));
	double f = 3628800; // 10!
	d2 p = every(1 / f);
	EACH(i, 10) {
		f /= 10 - i;
		p = vfmaq_f64(every(1 / f), p, r);
	}
	int64x2_t scale = vaddq_s64(vshlq_n_s64(vreinterpretq_s64_f64(t), 52), vdupq_n_s64(0x3ff0000000000000));
	return vmulq_f64(p, vreinterpretq_f64_s64(scale)); // exact
}

// sumExp adds exp(x-most), in float64 throughout.
KERNEL sumExp(const float *x, long n, double most, double *lanes) {
	ROLLED for (; n > 0; n -= GROUP, x += GROUP) {
		ROLLED for (int i = 0; i < GROUP; i += 4) {
			f4 v = load(x + i);
			d2 a = exp64(vsubq_f64(low(v), every(most))), b = exp64(vsubq_f64(high(v), every(most)));
			vst1q_f64(lanes + i, vaddq_f64(vld1q_f64(lanes + i), a));
			vst1q_f64(lanes + i + 2, vaddq_f64(vld1q_f64(lanes + i + 2), b));
		}
	}
}
