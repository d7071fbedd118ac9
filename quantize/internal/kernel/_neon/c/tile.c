#include "neon.h"

// spread puts 16 runs of n values, n a multiple of 16, side by side. offsets are bytes from src to each run.
KERNEL spread(float *dst, const float *src, const long *offsets, long n) {
	ROLLED for (int lane = 0; lane < 16; lane += 4) {
		const float *p[4];
		EACH(k, 4) p[k] = (const float *)((const char *)src + offsets[lane + k]);
		float *to = dst + lane;
		ROLLED for (long i = 0; i < n; i += 4) {
			f4 r[4];
			EACH(k, 4) r[k] = load(p[k] + i);
			float64x2_t even01 = vreinterpretq_f64_f32(vtrn1q_f32(r[0], r[1]));
			float64x2_t odd01 = vreinterpretq_f64_f32(vtrn2q_f32(r[0], r[1]));
			float64x2_t even23 = vreinterpretq_f64_f32(vtrn1q_f32(r[2], r[3]));
			float64x2_t odd23 = vreinterpretq_f64_f32(vtrn2q_f32(r[2], r[3]));
			store(to, vreinterpretq_f32_f64(vtrn1q_f64(even01, even23)));
			store(to + 16, vreinterpretq_f32_f64(vtrn1q_f64(odd01, odd23)));
			store(to + 32, vreinterpretq_f32_f64(vtrn2q_f64(even01, even23)));
			store(to + 48, vreinterpretq_f32_f64(vtrn2q_f64(odd01, odd23)));
			to += 64;
		}
	}
}

// collect writes the lanes of n rows of bytes, n at least 16, as 16 runs, stride bytes apart.
//
// Interleaving the first half of 256 bytes with the second rotates the bits of a byte's place; four times, and rows
// are columns.
KERNEL collect(uint8_t *dst, long stride, const uint8_t *src, long n) {
	long at = 0;
	for (;;) {
		uint8x16_t v[16];
		EACH(i, 16) v[i] = vld1q_u8(src + 16 * (at + i));
		EACH(level, 4) {
			uint8x16_t next[16];
			EACH(i, 8) {
				next[2 * i] = vzip1q_u8(v[i], v[i + 8]);
				next[2 * i + 1] = vzip2q_u8(v[i], v[i + 8]);
			}
			EACH(i, 16) v[i] = next[i];
		}
		uint8_t *to = dst + at;
		EACH(l, 16) {
			vst1q_u8(to, v[l]);
			to += stride;
		}
		// The last 16 rows overlap the ones before when n is no multiple of 16.
		if (at >= n - 16) return;
		at = at + 16 < n - 16 ? at + 16 : n - 16;
	}
}

// addSquares goes on with SumSquares on 16 lanes.
KERNEL addSquares(float *sum, const float *x, long n) {
	f4 s[4];
	EACH(k, 4) s[k] = load(sum + 4 * k);
	ROLLED for (long i = 0; i < n; i++, x += 16) {
		EACH(k, 4) {
			f4 v = load(x + 4 * k);
			s[k] = vaddq_f32(s[k], vmulq_f32(v, v));
		}
	}
	EACH(k, 4) store(sum + 4 * k, s[k]);
}

// squares is x² on 16 lanes.
KERNEL squares(float *w, const float *x, long n) {
	ROLLED for (long i = 0; i < n; i++, x += 16, w += 16) {
		EACH(k, 4) {
			f4 v = load(x + 4 * k);
			store(w + 4 * k, vmulq_f32(v, v));
		}
	}
}

// weighMagnitude is mean + |x| on 16 lanes.
KERNEL weighMagnitude(float *w, const float *x, const float *mean, long n) {
	f4 m[4];
	EACH(k, 4) m[k] = load(mean + 4 * k);
	ROLLED for (long i = 0; i < n; i++, x += 16, w += 16) {
		EACH(k, 4) store(w + 4 * k, vaddq_f32(m[k], vabsq_f32(load(x + 4 * k))));
	}
}

// weighImportance is WeighImportance and the sum of the weights, on 16 lanes.
KERNEL weighImportance(float *w, const float *x, const float *importance, const float *sigma2, float *sum, long n) {
	f4 s2[4], s[4] = {zero(), zero(), zero(), zero()};
	EACH(k, 4) s2[k] = load(sigma2 + 4 * k);
	ROLLED for (long i = 0; i < n; i++, x += 16, importance += 16, w += 16) {
		EACH(k, 4) {
			f4 v = load(x + 4 * k);
			f4 r = vmulq_f32(load(importance + 4 * k), vsqrtq_f32(vaddq_f32(s2[k], vmulq_f32(v, v))));
			store(w + 4 * k, r);
			s[k] = vaddq_f32(s[k], r);
		}
	}
	EACH(k, 4) store(sum + 4 * k, s[k]);
}

// limits are the bounds of codes, as nearest_biased gives them, and what makes them final.
typedef struct {
	i4 low, high, bias;
} limits;

INLINE limits limits_of(long low, long high, long bias) {
	return (limits){vdupq_n_s32((int)low + 0x400000), vdupq_n_s32((int)high + 0x400000), vdupq_n_s32((int)bias - 0x400000)};
}

INLINE i4 limited(f4 y, limits l) { return vaddq_s32(vmaxq_s32(vminq_s32(nearest_biased(y), l.high), l.low), l.bias); }

// requantize chooses codes for scales and offsets, on 16 lanes: nearest((x+offset)/scale) between low and high, plus
// bias. A lane with scale 0 keeps its codes.
KERNEL requantize(uint8_t *codes, const float *x, const float *scale, const float *offset, long n, long low, long high, long bias) {
	limits l = limits_of(low, high, bias);
	f4 s[4], o[4];
	i4 unused[4];
	EACH(k, 4) {
		s[k] = load(scale + 4 * k);
		o[k] = load(offset + 4 * k);
		unused[k] = vreinterpretq_s32_u32(vceqq_f32(s[k], zero()));
	}
	uint8x16_t keep = bytes(unused[0], unused[1], unused[2], unused[3]);
	ROLLED for (long i = 0; i < n; i++, x += 16, codes += 16) {
		i4 c[4];
		EACH(k, 4) c[k] = limited(vdivq_f32(vaddq_f32(load(x + 4 * k), o[k]), s[k]), l);
		vst1q_u8(codes, vbslq_u8(keep, vld1q_u8(codes), bytes(c[0], c[1], c[2], c[3])));
	}
}

// laneCodes gives the codes of a search, on 16 lanes: nearest(inverse·(x-from)) between low and high, plus bias; 0 in
// lanes whose inverse is 0.
KERNEL laneCodes(uint8_t *codes, const float *x, const float *inverse, const float *from, long n, long low, long high, long bias) {
	limits l = limits_of(low, high, bias);
	f4 f[4], o[4];
	i4 unused[4];
	EACH(k, 4) {
		f[k] = load(inverse + 4 * k);
		o[k] = load(from + 4 * k);
		unused[k] = vreinterpretq_s32_u32(vceqq_f32(f[k], zero()));
	}
	uint8x16_t none = bytes(unused[0], unused[1], unused[2], unused[3]);
	ROLLED for (long i = 0; i < n; i++, x += 16, codes += 16) {
		i4 c[4];
		EACH(k, 4) c[k] = limited(vmulq_f32(f[k], vsubq_f32(load(x + 4 * k), o[k])), l);
		vst1q_u8(codes, vbicq_u8(bytes(c[0], c[1], c[2], c[3]), none));
	}
}

// peaks is Peak on 16 lanes.
KERNEL peaks(float *top, const float *x, long n) {
	f4 most[4], at[4];
	EACH(k, 4) most[k] = at[k] = zero();
	ROLLED for (long i = 0; i < n; i++, x += 16) {
		EACH(k, 4) {
			f4 v = load(x + 4 * k), m = vabsq_f32(v);
			u4 above = vcgtq_f32(m, most[k]);
			most[k] = choose(above, m, most[k]);
			at[k] = choose(above, v, at[k]);
		}
	}
	EACH(k, 4) store(top + 4 * k, at[k]);
}
