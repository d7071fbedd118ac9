#include "vector.h"

#define FUSES

// Weighted sums of values. Results stay in registers while keys pass. Strides are bytes, groups are of 16 columns.

// mix does four registers of columns for each of some rows.
INLINE void mix(int rows, float *out, long out_stride, const float *p, long p_stride, const float *v, long v_stride, long keys) {
	f4 sum[4][4];
	EACH(r, rows) EACH(i, 4) sum[r][i] = load(after(out, out_stride * r) + 4 * i);
	ROLLED for (; keys > 0; keys--, p++, v = after(v, v_stride)) {
		EACH(r, rows) {
			float w = *after(p, p_stride * r);
			EACH(i, 4) sum[r][i] = vfmaq_n_f32(sum[r][i], load(v + 4 * i), w);
		}
	}
	EACH(r, rows) EACH(i, 4) store((float *)after(out, out_stride * r) + 4 * i, sum[r][i]);
}

// mix4 adds values, weighted by p, to four rows.
KERNEL mix4(float *out, long outStride, const float *p, long pStride, const float *v, long vStride, long keys, long groups) {
	ROLLED for (; groups > 0; groups--, out += GROUP, v += GROUP) mix(4, out, outStride, p, pStride, v, vStride, keys);
}

// mix1 adds values, weighted by p, to a row: 64 columns at a time, then 16.
KERNEL mix1(float *out, const float *p, const float *v, long vStride, long keys, long groups) {
	ROLLED for (; groups > 3; groups -= 4, out += 4 * GROUP, v += 4 * GROUP) {
		f4 sum[16];
		const float *w = p, *x = v;
		EACH(i, 16) sum[i] = load(out + 4 * i);
		ROLLED for (long n = keys; n > 0; n--, w++, x = after(x, vStride)) EACH(i, 16) sum[i] = vfmaq_n_f32(sum[i], load(x + 4 * i), *w);
		EACH(i, 16) store(out + 4 * i, sum[i]);
	}
	ROLLED for (; groups > 0; groups--, out += GROUP, v += GROUP) mix(1, out, 0, p, 0, v, vStride, keys);
}
