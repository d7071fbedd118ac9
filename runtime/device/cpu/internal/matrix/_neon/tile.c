#include "matrix.h"

// Products of tiles for every arm64: codes and values become 16 bits wide, and a lane of a vector's values is multiplied
// with a column of rows.

// columns adds the products of eight columns of 4·r rows with four vectors.
INLINE void columns(i4 sum[TOKENS][4], int r, const int8_t *tile, const uint8_t *values, long size) {
	int16x8_t x[TOKENS];
	values = next(values, 0);
	EACH(t, TOKENS) {
		x[t] = vreinterpretq_s16_u8(vld1q_u8(values));
		values = next(values, size);
	}
	EACH(c, 8) {
		EACH(i, r / 2) { // eight rows
			int16x8_t w = vmovl_s8(vld1_s8(tile + SIDE * c + 8 * i));
			EACH(t, TOKENS) {
				int16x4_t v = vdup_n_s16(x[t][c]);
				sum[t][2 * i] = vmlal_s16(sum[t][2 * i], vget_low_s16(w), v);
				sum[t][2 * i + 1] = vmlal_high_s16(sum[t][2 * i + 1], w, vcombine_s16(v, v));
			}
		}
	}
}

// integers gives the sums of n times eight columns.
INLINE void integers(i4 sum[TOKENS][4], int r, int n, const int8_t *tile, const uint8_t *values, long size) {
	EACH(t, TOKENS) EACH(i, r) sum[t][i] = vdupq_n_s32(0);
	ROLLED for (int k = 0; k < n; k++, tile += 8 * SIDE, values += 16) columns(sum, r, tile, values, size);
}

// product adds to the sums of 4·r rows and four vectors at a time. Of types with a scale for 16 columns only eight rows
// fit into the registers.
INLINE void product(float *sums, const int8_t *tile, const float *scales, const uint8_t *values, const float *xscale, const float *xsum, const long *shape, int group, int minima) {
	const int r = group == 32 ? 4 : 2;
	long size = shape[0], groups = shape[2];
	ROLLED for (long blocks = shape[1]; blocks > 0; blocks--, sums += SIDE * TOKENS) {
		ROLLED for (int row = 0; row < SIDE; row += 4 * r) {
			const int8_t *codes = tile + row;
			const uint8_t *v = values;
			const float *scale = scales + row, *xs = xscale, *xe = xsum;
			float *to = sums + row;
			ROLLED for (long g = groups; g > 0; g--) {
				i4 n[TOKENS][4];
				f4 term[TOKENS][4];
				if (group == 32) {
					integers(n, r, 4, codes, v, size);
					EACH(t, TOKENS) EACH(i, r) term[t][i] = times(real(n[t][i]), load(scale + 4 * i));
				} else {
					integers(n, r, 2, codes, v, size);
					EACH(t, TOKENS) EACH(i, r) term[t][i] = times(real(n[t][i]), load(scale + 4 * i));
					integers(n, r, 2, codes + 16 * SIDE, v + 32, size);
					EACH(t, TOKENS) EACH(i, r) term[t][i] = plus(term[t][i], times(real(n[t][i]), load(scale + SIDE + 4 * i)));
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
				codes += 32 * SIDE, v += 64, scale += SIDE * 32 / group, xs++, xe += 32 / group;
			}
		}
		values += TOKENS * size, xscale = floats_at(xscale, TOKENS * size), xsum = floats_at(xsum, TOKENS * size);
	}
}

// tileProduct32 adds the products of a tile, column after column, with blocks of four vectors. shape is the bytes of a
// record, the number of blocks and that of groups.
KERNEL tileProduct32(float *sums, const int8_t *tile, const float *scales, const uint8_t *values, const float *xscale, const float *xsum, const long *shape) {
	product(sums, tile, scales, values, xscale, xsum, shape, 32, 0);
}

// tileProduct32Minima is tileProduct32 for types with minima.
KERNEL tileProduct32Minima(float *sums, const int8_t *tile, const float *scales, const uint8_t *values, const float *xscale, const float *xsum, const long *shape) {
	product(sums, tile, scales, values, xscale, xsum, shape, 32, 1);
}

// tileProduct16 is tileProduct32 for types with a scale for 16 columns.
KERNEL tileProduct16(float *sums, const int8_t *tile, const float *scales, const uint8_t *values, const float *xscale, const float *xsum, const long *shape) {
	product(sums, tile, scales, values, xscale, xsum, shape, 16, 0);
}

// tileProduct16Minima is tileProduct16 for types with minima.
KERNEL tileProduct16Minima(float *sums, const int8_t *tile, const float *scales, const uint8_t *values, const float *xscale, const float *xsum, const long *shape) {
	product(sums, tile, scales, values, xscale, xsum, shape, 16, 1);
}
