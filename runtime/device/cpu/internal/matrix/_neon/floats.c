#include "matrix.h"

// Types without integers: sixteen partial sums for a product, each of fused multiplications and additions.
#define FUSES

#define ROWS 4
#define LANES 16

// floatProduct4 adds the products of steps times 16 columns of four rows with blocks of four vectors, stride bytes apart.
KERNEL floatProduct4(float *sums, const float *rows, const float *x, long stride, long blocks, long steps) {
	ROLLED for (; blocks > 0; blocks--, sums += ROWS * LANES * TOKENS, x = floats_at(x, TOKENS * stride)) {
		ROLLED for (int lanes = 0; lanes < LANES; lanes += 4) {
			f4 sum[TOKENS][ROWS];
			float *to = sums + lanes;
			const float *v = x + lanes, *w = rows + lanes;
			EACH(t, TOKENS) EACH(r, ROWS) sum[t][r] = load(to + LANES * (ROWS * t + r));
			ROLLED for (long i = steps; i > 0; i--, v += LANES, w += LANES) {
				f4 row[ROWS];
				EACH(r, ROWS) row[r] = load(w + ROW_CODES * r);
				EACH(t, TOKENS) {
					f4 y = load(floats_at(v, stride * t));
					EACH(r, ROWS) sum[t][r] = vfmaq_f32(sum[t][r], row[r], y);
				}
			}
			EACH(t, TOKENS) EACH(r, ROWS) store(to + LANES * (ROWS * t + r), sum[t][r]);
		}
	}
}

INLINE void load_sums(f4 sum[ROWS][4], const float *sums) { EACH(r, ROWS) EACH(i, 4) sum[r][i] = load(sums + LANES * r + 4 * i); }
INLINE void store_sums(float *sums, f4 sum[ROWS][4]) { EACH(r, ROWS) EACH(i, 4) store(sums + LANES * r + 4 * i, sum[r][i]); }

// floatProduct1 is floatProduct4 for one vector after the other.
KERNEL floatProduct1(float *sums, const float *rows, const float *x, long stride, long blocks, long steps) {
	ROLLED for (; blocks > 0; blocks--, sums += ROWS * LANES, x = floats_at(x, stride)) {
		f4 sum[ROWS][4];
		const float *v = x, *w = rows;
		load_sums(sum, sums);
		ROLLED for (long n = steps; n > 0; n--, v += LANES, w += LANES) {
			EACH(i, 4) {
				f4 y = load(v + 4 * i);
				EACH(r, ROWS) sum[r][i] = vfmaq_f32(sum[r][i], load(w + ROW_CODES * r + 4 * i), y);
			}
		}
		store_sums(sums, sum);
	}
}

enum type { F32, F16, BF16 };

INLINE int value_bytes(enum type t) { return t == F32 ? 4 : 2; }

// widen4 gives four values.
INLINE f4 widen4(enum type t, const uint8_t *p) {
	switch (t) {
	case F16: return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(p)));
	case BF16: return vreinterpretq_f32_u32(vshll_n_u16(vreinterpret_u16_u8(vld1_u8(p)), 16));
	case F32: break;
	}
	return vreinterpretq_f32_u8(vld1q_u8(p));
}

// stream multiplies four rows as they lie with a vector.
INLINE void stream(enum type t, float *sums, const uint8_t *rows, const float *x, long stride, long steps) {
	f4 sum[ROWS][4];
	load_sums(sum, sums);
	ROLLED for (; steps > 0; steps--, rows += LANES * value_bytes(t), x += LANES) {
		EACH(i, 4) {
			f4 y = load(x + 4 * i);
			EACH(r, ROWS) sum[r][i] = vfmaq_f32(sum[r][i], widen4(t, rows + stride * r + 4 * value_bytes(t) * i), y);
		}
	}
	store_sums(sums, sum);
}

// streamF32 adds the products of four rows with a vector.
KERNEL streamF32(float *sums, const uint8_t *rows, const float *x, long rowBytes, long steps) { stream(F32, sums, rows, x, rowBytes, steps); }

// streamF16 adds the products of four rows with a vector.
KERNEL streamF16(float *sums, const uint8_t *rows, const float *x, long rowBytes, long steps) { stream(F16, sums, rows, x, rowBytes, steps); }

// streamBF16 adds the products of four rows with a vector.
KERNEL streamBF16(float *sums, const uint8_t *rows, const float *x, long rowBytes, long steps) { stream(BF16, sums, rows, x, rowBytes, steps); }

// widenF16 gives eight values at a time.
KERNEL widenF16(float *dst, const uint8_t *src, long eights) {
	ROLLED for (; eights > 0; eights--, src += 16, dst += 8) EACH(i, 2) store(dst + 4 * i, widen4(F16, src + 8 * i));
}

// widenBF16 gives eight values at a time.
KERNEL widenBF16(float *dst, const uint8_t *src, long eights) {
	ROLLED for (; eights > 0; eights--, src += 16, dst += 8) EACH(i, 2) store(dst + 4 * i, widen4(BF16, src + 8 * i));
}

// foldSums adds up sixteen partial sums each, of eight products at a time: lanes i and i+8, then i+4, i+2 and i+1.
KERNEL foldSums(float *dst, const float *sums, long eights) {
	ROLLED for (eights *= 2; eights > 0; eights--, dst += 4, sums += 4 * LANES) {
		f4 v[4];
		EACH(k, 4) {
			const float *p = sums + LANES * k;
			v[k] = plus(plus(load(p), load(p + 8)), plus(load(p + 4), load(p + 12)));
		}
		EACH(k, 2) {
			float64x2_t a = vreinterpretq_f64_f32(v[2 * k]), b = vreinterpretq_f64_f32(v[2 * k + 1]);
			v[k] = plus(vreinterpretq_f32_f64(vzip1q_f64(a, b)), vreinterpretq_f32_f64(vzip2q_f64(a, b)));
		}
		store(dst, vpaddq_f32(v[0], v[1]));
	}
}
