#include "dotprod.h"

// four adds the products of four rows' codes, four of each, with lane k of a vector's values.
INLINE i4 four(i4 sum, s16x w, i4 values, int k) {
	return vdotq_s32(sum, w, vreinterpretq_s8_s32(vdupq_n_s32(values[k])));
}

INLINE void load_values(i4 x[TOKENS], const uint8_t *values, long size) {
	values = next(values, 0);
	EACH(t, TOKENS) {
		x[t] = vreinterpretq_s32_u8(vld1q_u8(values));
		values = next(values, size);
	}
}

// columns adds the products of 16 columns of 4·r rows with four vectors.
INLINE void columns(i4 sum[TOKENS][4], int r, const int8_t *tile, const uint8_t *values, long size) {
	i4 x[TOKENS];
	load_values(x, values, size);
	EACH(k, 4) EACH(i, r) {
		s16x w = codes16(tile + 4 * SIDE * k + 16 * i);
		EACH(t, TOKENS) sum[t][i] = four(sum[t][i], w, x[t], k);
	}
}

INLINE void clear(i4 sum[TOKENS][4], int r) { EACH(t, TOKENS) EACH(i, r) sum[t][i] = vdupq_n_s32(0); }
INLINE void shift(i4 sum[TOKENS][4], int r) { EACH(t, TOKENS) EACH(i, r) sum[t][i] = vshlq_n_s32(sum[t][i], 8); }

// product adds to the sums of 4·r rows and four vectors at a time, as many rows as there are registers for. If fast, low
// bytes are zeros and left out.
INLINE void product(float *sums, const int8_t *tile, const float *scales, const uint8_t *values, const float *xscale, const float *xsum, const long *shape, int group, int minima, int fast) {
	const int r = group == 32 ? 4 : 2;
	long size = shape[0], groups = shape[2], lows = shape[3];
	ROLLED for (long blocks = shape[1]; blocks > 0; blocks--, sums += SIDE * TOKENS) {
		ROLLED for (int row = 0; row < SIDE; row += 4 * r) {
			const int8_t *codes = tile + 4 * row;
			const uint8_t *v = values;
			const float *scale = scales + row, *xs = xscale, *xe = xsum;
			float *to = sums + row;
			ROLLED for (long g = groups; g > 0; g--) {
				i4 n[TOKENS][4];
				f4 term[TOKENS][4];
				if (group == 32) {
					clear(n, r);
					ROLLED for (int h = 0; h < 2; h++) columns(n, r, codes + 16 * SIDE * h, v + 16 * h, size);
					shift(n, r);
					if (!fast) {
						ROLLED for (int h = 0; h < 2; h++) columns(n, r, codes + 16 * SIDE * h, v + lows + 16 * h, size);
					}
					EACH(t, TOKENS) EACH(i, r) term[t][i] = times(real(n[t][i]), load(scale + 4 * i));
				} else {
					EACH(t, TOKENS) EACH(i, r) term[t][i] = zero();
					ROLLED for (int h = 0; h < 2; h++) {
						const int8_t *c = codes + 16 * SIDE * h;
						clear(n, r);
						columns(n, r, c, v + 16 * h, size);
						shift(n, r);
						if (!fast) {
							EACH(t, TOKENS) EACH(i, r) settle(&n[t][i]);
							columns(n, r, c, v + lows + 16 * h, size);
						}
						EACH(t, TOKENS) EACH(i, r) term[t][i] = plus(term[t][i], times(real(n[t][i]), load(scale + SIDE * h + 4 * i)));
					}
				}
				const uint8_t *unit = next((const uint8_t *)xs, 0), *sum = next((const uint8_t *)xe, 0);
				EACH(t, TOKENS) {
					float u = at(unit, 0), s0 = minima ? at(sum, 0) : 0, s1 = minima && group == 16 ? at(sum, 1) : 0;
					EACH(i, r) {
						f4 x = times1(term[t][i], u);
						if (minima) {
							f4 m = times1(load(scale + MINIMA + 4 * i), s0);
							if (group == 16) m = plus(m, times1(load(scale + MINIMA + SIDE + 4 * i), s1));
							x = minus(x, m);
						}
						float *p = to + SIDE * t + 4 * i;
						store(p, plus(load(p), x));
					}
					unit = next(unit, size), sum = next(sum, size);
				}
				forget();
				codes += 32 * SIDE, v += 32, scale += SIDE * 32 / group, xs++, xe += 32 / group;
			}
		}
		values += TOKENS * size, xscale = floats_at(xscale, TOKENS * size), xsum = floats_at(xsum, TOKENS * size);
	}
}

// dotProduct32 is tileProduct32 for tiles with four columns of a row, then those of the next one; low bytes
// lie shape[3] bytes after high ones.
KERNEL dotProduct32(float *sums, const int8_t *tile, const float *scales, const uint8_t *values, const float *xscale, const float *xsum, const long *shape) {
	product(sums, tile, scales, values, xscale, xsum, shape, 32, 0, 0);
}

// dotProduct32Minima is tileProduct32Minima for tiles with four columns of a row, then those of the next one; low bytes
// lie shape[3] bytes after high ones.
KERNEL dotProduct32Minima(float *sums, const int8_t *tile, const float *scales, const uint8_t *values, const float *xscale, const float *xsum, const long *shape) {
	product(sums, tile, scales, values, xscale, xsum, shape, 32, 1, 0);
}

// dotProduct16 is tileProduct16 for tiles with four columns of a row, then those of the next one; low bytes
// lie shape[3] bytes after high ones.
KERNEL dotProduct16(float *sums, const int8_t *tile, const float *scales, const uint8_t *values, const float *xscale, const float *xsum, const long *shape) {
	product(sums, tile, scales, values, xscale, xsum, shape, 16, 0, 0);
}

// dotProduct16Minima is tileProduct16Minima for tiles with four columns of a row, then those of the next one; low bytes
// lie shape[3] bytes after high ones.
KERNEL dotProduct16Minima(float *sums, const int8_t *tile, const float *scales, const uint8_t *values, const float *xscale, const float *xsum, const long *shape) {
	product(sums, tile, scales, values, xscale, xsum, shape, 16, 1, 0);
}

// dotProductFast32 is tileProduct32 for tiles with four columns of a row, then those of the next one, and values that are whole bytes.
KERNEL dotProductFast32(float *sums, const int8_t *tile, const float *scales, const uint8_t *values, const float *xscale, const float *xsum, const long *shape) {
	product(sums, tile, scales, values, xscale, xsum, shape, 32, 0, 1);
}

// dotProductFast32Minima is tileProduct32Minima for tiles with four columns of a row, then those of the next one, and values that are whole bytes.
KERNEL dotProductFast32Minima(float *sums, const int8_t *tile, const float *scales, const uint8_t *values, const float *xscale, const float *xsum, const long *shape) {
	product(sums, tile, scales, values, xscale, xsum, shape, 32, 1, 1);
}

// dotProductFast16 is tileProduct16 for tiles with four columns of a row, then those of the next one, and values that are whole bytes.
KERNEL dotProductFast16(float *sums, const int8_t *tile, const float *scales, const uint8_t *values, const float *xscale, const float *xsum, const long *shape) {
	product(sums, tile, scales, values, xscale, xsum, shape, 16, 0, 1);
}

// dotProductFast16Minima is tileProduct16Minima for tiles with four columns of a row, then those of the next one, and values that are whole bytes.
KERNEL dotProductFast16Minima(float *sums, const int8_t *tile, const float *scales, const uint8_t *values, const float *xscale, const float *xsum, const long *shape) {
	product(sums, tile, scales, values, xscale, xsum, shape, 16, 1, 1);
}

#pragma clang attribute pop
