#include "vector.h"

#define FUSES

// Products of rows with keys. A product has 16 partial sums, which are folded at the end. Strides are bytes, groups are of
// 16 values.

// add adds the products of a group of two rows and two keys, or of one row and four keys.
INLINE void add(f4 sum[4][4], int rows, const float *q, long q_stride, const float *k, long k_stride) {
	const int keys = 4 / rows;
	EACH(i, 4) {
		f4 x[2], y[4];
		EACH(r, rows) x[r] = load(after(q, q_stride * r) + 4 * i);
		EACH(c, keys) y[c] = load(after(k, k_stride * c) + 4 * i);
		EACH(r, rows) EACH(c, keys) sum[keys * r + c][i] = fma(x[r], y[c], sum[keys * r + c][i]);
	}
}

INLINE void clear(f4 sum[4][4]) { EACH(k, 4) EACH(i, 4) sum[k][i] = zero(); }

// dots4x4 multiplies four rows with blocks of four keys.
KERNEL dots4x4(float *out, long outStride, const float *q, long qStride, const float *k, long kStride, long blocks, long groups) {
	ROLLED for (; blocks > 0; blocks--, out += 4, k = after(k, 4 * kStride)) {
		ROLLED for (long r = 0; r < 4; r += 2) {
			ROLLED for (long c = 0; c < 4; c += 2) {
				const float *x = after(q, qStride * r), *y = after(k, kStride * c);
				f4 sum[4][4];
				clear(sum);
				ROLLED for (long n = groups; n > 0; n--, x += GROUP, y += GROUP) add(sum, 2, x, qStride, y, kStride);
				f4 v = folded(sum);
				float *to = (float *)after(out, outStride * r) + c;
				vst1_f32(to, vget_low_f32(v));
				vst1_f32((float *)after(to, outStride), vget_high_f32(v));
			}
		}
	}
}

// dots1x4 multiplies a row with blocks of four keys.
KERNEL dots1x4(float *out, const float *q, const float *k, long kStride, long blocks, long groups) {
	ROLLED for (; blocks > 0; blocks--, out += 4, k = after(k, 4 * kStride)) {
		const float *x = q, *y = k;
		f4 sum[4][4];
		clear(sum);
		ROLLED for (long n = groups; n > 0; n--, x += GROUP, y += GROUP) add(sum, 1, x, 0, y, kStride);
		store(out, folded(sum));
	}
}

// dots1x1 multiplies a row with one key after the other.
KERNEL dots1x1(float *out, const float *q, const float *k, long kStride, long keys, long groups) {
	ROLLED for (; keys > 0; keys--, out++, k = after(k, kStride)) {
		const float *x = q, *y = k;
		f4 sum[4][4];
		clear(sum);
		ROLLED for (long n = groups; n > 0; n--, x += GROUP, y += GROUP) EACH(i, 4) sum[0][i] = fma(load(x + 4 * i), load(y + 4 * i), sum[0][i]);
		*out = folded(sum)[0];
	}
}
