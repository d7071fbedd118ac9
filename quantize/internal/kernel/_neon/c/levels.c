#include "neon.h"

// The levels of IQ4 and the borders between them, as kernel.Levels4 and kernel.Borders4: -115.5, -93.5, -74, -57, -42,
// -28.5, -16, -4.5, 7, 19, 31.5, 45.5, 61, 79, 101.
//
// A value is cut into buckets 8 wide, from -128 on, so narrow that at most one border is within each. What lies below
// it has the bucket's code, the rest the next. Borders are multiples of a half, so a bucket has 16 steps. Buckets that
// begin at 0, 8 ... 120 come first, then those at -128 ... -8.
typedef struct {
	uint8x16x2_t code;   // of a bucket
	uint8x16x2_t border; // its step; 16 where there is none
} buckets;

INLINE buckets buckets_of_levels(void) {
	return (buckets){
		{{table(0x0c0c0b0b0a090908, 0x0f0f0f0e0e0e0d0d), table(0x0302020101010000, 0x0706060505040403)}},
		{{table(0x0a100b100f06100e, 0x1010100a10100e10), table(0x100c100510100910, 0x07001007100c100e)}},
	};
}

INLINE int8x16_t levels(void) { return vreinterpretq_s8_u8(table(0xf6eaddcfbfad9881, 0x7159453526190d01)); }

// nearest_codes gives the codes of 16 values, which are y in units of 2^-21: the cut to these units is exact for
// magnitudes from 4 on, which all borders have. What lies beyond ±128 goes into the first or the last bucket.
INLINE uint8x16_t nearest_codes(i4 y[4], buckets b) {
	int16x8_t low = vqshrn_high_n_s32(vqshrn_n_s32(y[0], 13), y[1], 13); // floor(256y)
	int16x8_t high = vqshrn_high_n_s32(vqshrn_n_s32(y[2], 13), y[3], 13);
	uint8x16_t bucket = vshrq_n_u8(vuzp2q_u8(vreinterpretq_u8_s16(low), vreinterpretq_u8_s16(high)), 3);
	int8x16_t step = vshrn_high_n_s16(vshrn_n_s16(low, 7), high, 7);
	uint8x16_t above = vcgeq_u8(vandq_u8(vreinterpretq_u8_s8(step), vdupq_n_u8(15)), vqtbl2q_u8(b.border, bucket));
	return vsubq_u8(vqtbl2q_u8(b.code, bucket), above);
}

// nearestLevels is NearestLevel4 on 16 lanes. NaN counts as large.
KERNEL nearestLevels(uint8_t *codes, const float *x, const float *inverse, long n) {
	buckets b = buckets_of_levels();
	f4 inv[4];
	EACH(k, 4) inv[k] = load(inverse + 4 * k);
	ROLLED for (long i = 0; i < n; i++, x += 16, codes += 16) {
		i4 y[4];
		EACH(k, 4) y[k] = vcvtq_n_s32_f32(vminnmq_f32(vmulq_f32(inv[k], load(x + 4 * k)), splat(128)), 21);
		vst1q_u8(codes, nearest_codes(y, b));
	}
}

// V vectors of two rows go together.
#define V 2

// searchLevels is SearchLevels4 on 16 lanes, for an even n. factors are the numerators of 16 inverse scales; the first
// is not used.
KERNEL searchLevels(const float *x, const float *w, long n, const float *factors, float *state) {
	buckets b = buckets_of_levels();
	int8x16_t level = levels();
	n *= 16;
	ROLLED for (int part = 0; part < 16; part += 4 * V) {
		f4 most[V], top[V], inv[V], scale[V], best[V];
		EACH(k, V) most[k] = top[k] = zero();
		ROLLED for (long i = 0; i < n; i += 16) {
			EACH(k, V) {
				f4 v = load(x + i + 4 * k), m = vabsq_f32(v);
				u4 above = vcgtq_f32(m, most[k]);
				most[k] = choose(above, m, most[k]);
				top[k] = choose(above, v, top[k]);
			}
		}
		EACH(k, V) {
			inv[k] = vdivq_f32(splat(1), vdivq_f32(top[k], splat(127)));
			scale[k] = best[k] = zero();
		}
		ROLLED for (int t = 0; t < 16; t++) {
			f4 qx[V], qq[V]; // Σ w·q·x and Σ w·q² for the levels q next to inverse·x, whose magnitude is below 256
			EACH(k, V) {
				if (t > 0) inv[k] = vdivq_f32(splat(factors[t]), top[k]);
				qx[k] = qq[k] = zero();
			}
			ROLLED for (long i = 0; i < n; i += 32) {
				i4 y[2 * V];
				f4 q[2 * V];
				EACH(r, 2) EACH(k, V) y[V * r + k] = vcvtq_n_s32_f32(vmulq_f32(inv[k], load(x + i + 16 * r + 4 * k)), 21);
				floats(q, vqtbl1q_s8(level, nearest_codes(y, b)));
				EACH(r, 2) EACH(k, V) {
					long at = i + 16 * r + 4 * k;
					f4 l = q[V * r + k], wq = vmulq_f32(load(w + at), l);
					qx[k] = vaddq_f32(qx[k], vmulq_f32(wq, load(x + at)));
					qq[k] = vaddq_f32(qq[k], vmulq_f32(wq, l));
				}
			}
			EACH(k, V) {
				f4 s = vdivq_f32(qx[k], qq[k]);
				u4 some = vcgtq_f32(qq[k], zero());
				u4 better = vandq_u32(some, vcgtq_f32(vmulq_f32(qx[k], qx[k]), vmulq_f32(best[k], qq[k])));
				if (t == 0) { // the start counts also when it is no better than nothing
					scale[k] = only(some, s);
					best[k] = vmulq_f32(scale[k], qx[k]);
				} else {
					scale[k] = choose(better, s, scale[k]);
					best[k] = choose(better, vmulq_f32(s, qx[k]), best[k]);
				}
			}
		}
		EACH(k, V) {
			u4 tiny = vcltq_f32(vabsq_f32(top[k]), splat(1e-15f));
			store(state + 4 * k, choose(tiny, zero(), scale[k]));
		}
		x += 4 * V, w += 4 * V, state += 4 * V;
	}
}
