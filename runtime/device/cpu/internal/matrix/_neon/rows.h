// Products of rows with one vector: what piece.dot adds up, for four groups at once. Codes are multiplied as they lie, and
// what belongs to a group is added by sums of neighbours that registers share. A file that includes this gives
//
//	multiply(values, lows, w)  the sums of products with 16 codes, in four parts
//	multiply2                  the same of 32 codes
//	VALUE_BYTES                how far values of neighbouring columns lie apart
#include "blocks.h"

// four gives the sums of the parts of four sums.
INLINE i4 four(const i4 n[4]) {
	return vpaddq_s32(vpaddq_s32(n[0], n[1]), vpaddq_s32(n[2], n[3]));
}

// pairs adds neighbours.
INLINE f4 pairs(f4 x, f4 y) { return vpaddq_f32(x, y); }

// terms gives what is added to a sum for each of four groups, of the sums of integers, scales and minima.
INLINE f4 terms(int group, int minima, const i4 n[2], const f4 scale[2], const f4 minimum[2], const float *xscale, const float *xsum) {
	f4 x = times(real(n[0]), scale[0]);
	if (group == 16) x = pairs(x, times(real(n[1]), scale[1]));
	x = times(x, load(xscale));
	if (!minima) return x;
	f4 m = times(minimum[0], load(xsum));
	if (group == 16) m = pairs(m, times(minimum[1], load(xsum + 4)));
	return minus(x, m);
}

// stored multiplies with codes that were unpacked before. shape is the columns of a row, the number of rows, that of times
// four groups, and how far low bytes come after high ones.
INLINE void stored(int group, int minima, float *to, const int8_t *codes, const float *scales, const uint8_t *values, const float *xscale, const float *xsum, const long *shape) {
	long columns = shape[0], chunks = shape[2], low = shape[3];
	ROLLED for (long rows = shape[1]; rows > 0; rows--, to += SEGMENT, codes += columns, scales += columns / group) {
		const int8_t *c = codes;
		const uint8_t *v = values;
		const float *s = scales, *xs = xscale, *xe = xsum;
		float *t = to;
		ROLLED for (long i = chunks; i > 0; i--) {
			i4 n[8], all[2];
			f4 scale[2], minimum[2];
			const uint8_t *l = next(v, low);
			EACH(g, 4) {
				s16x w[2] = {codes16(c + 32 * g), codes16(c + 32 * g + 16)};
				const uint8_t *x = v + 32 * VALUE_BYTES * g, *y = l + 32 * VALUE_BYTES * g;
				if (group == 32) {
					n[g] = multiply2(x, y, w);
				} else {
					n[2 * g] = multiply(x, y, w[0]);
					n[2 * g + 1] = multiply(x + 16 * VALUE_BYTES, y + 16 * VALUE_BYTES, w[1]);
					EACH(k, 2) settle(n + 2 * g + k);
				}
			}
			EACH(k, 32 / group) {
				all[k] = four(n + 4 * k), scale[k] = load(s + 4 * k);
				if (minima) minimum[k] = load(s + MINIMA + 4 * k);
			}
			store(t, terms(group, minima, all, scale, minimum, xs, xe));
			c += 128, v += 128 * VALUE_BYTES, s += 128 / group, xs += 4, xe += 128 / group, t += 4;
		}
	}
}

// fused is unpacking and multiplying in one. shape is the bytes of a row, the number of rows, that of times 256 columns
// (128 where blocks are small), and how far low bytes come after high ones.
INLINE void fused(enum type type, float *to, const uint8_t *blocks, const uint8_t *values, const float *xscale, const float *xsum, const long *shape, const uint64_t *points, const uint64_t *signs) {
	const int group = group_of(type), minima = has_minima(type), parts = is_small(type) ? 1 : 2, size = block_bytes(type);
	long row = shape[0], chunks = shape[2], low = shape[3];
	ROLLED for (long rows = shape[1]; rows > 0; rows--, to += SEGMENT, blocks += row) {
		const uint8_t *b = blocks, *v = values;
		const float *xs = xscale, *xe = xsum;
		float *t = to;
		ROLLED for (long i = chunks; i > 0; i--) {
			f4 scale[4], minimum[4];
			const uint8_t *l = next(v, low);
			scales(type, scale, minimum, b);
			EACH(part, parts) {
				i4 n[8], all[2];
				EACH(g, 4) {
					s16x w[2];
					if (is_small(type)) leaf(type, w, b + size * g, 0, points, signs);
					else leaf(type, w, b, 4 * part + g, points, signs);
					const uint8_t *x = v + 32 * VALUE_BYTES * (4 * part + g), *y = l + 32 * VALUE_BYTES * (4 * part + g);
					if (group == 32) {
						n[g] = multiply2(x, y, w);
						if (has_points(type)) settle(n + g);
					} else {
						n[2 * g] = multiply(x, y, w[0]);
						n[2 * g + 1] = multiply(x + 16 * VALUE_BYTES, y + 16 * VALUE_BYTES, w[1]);
						EACH(k, 2) settle(n + 2 * g + k);
					}
				}
				EACH(k, 32 / group) all[k] = four(n + 4 * k);
				const int k = part * 32 / group;
				store(t + 4 * part, terms(group, minima, all, scale + k, minimum + k, xs + 4 * part, xe + 128 / group * part));
				forget();
			}
			b += is_small(type) ? 4 * size : size;
			v += 128 * VALUE_BYTES * parts, xs += 4 * parts, xe += 128 / group * parts, t += 4 * parts;
		}
	}
}
