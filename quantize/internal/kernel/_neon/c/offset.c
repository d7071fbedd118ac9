#include "neon.h"

// Rows of the state, as in kernel.offsetState.
enum { SCALE = 0, LOW = 16, INVERSE = 32, FROM = 48, BAD = 64, BEST = 80, LEAST = 96, MOST = 112, SUM_W = 128, SUM_X = 144 };

// LIMIT is where rounding by adding MAGIC stops being rounding.
#define LIMIT 4e6f

// V vectors go together: enough that one's sums do not wait for themselves, and few enough for the registers.
#define V 2

// error adds the weighted error of one row.
INLINE f4 error(f4 e, f4 l, f4 scale, f4 low, f4 x, f4 w, int absolute) {
	f4 d = vsubq_f32(vaddq_f32(vmulq_f32(scale, l), low), x);
	d = absolute ? vabsq_f32(d) : vmulq_f32(d, d);
	return vaddq_f32(e, vmulq_f32(w, d));
}

// replace stores v in the lanes of a mask.
INLINE void replace(float *p, u4 mask, f4 v) { store(p, choose(mask, v, load(p))); }

// step is one try: the inverse scale factor/(most-low).
INLINE void step(const float *x, const float *w, float *try, long n, float factor, i4 bottom_code, i4 top_code, float *st, f4 low[V], int absolute) {
	f4 inv[V], l1[V], l2[V], lx[V];
	EACH(k, V) {
		f4 range = vsubq_f32(load(st + MOST + 4 * k), low[k]);
		inv[k] = vdivq_f32(splat(factor), range);
		f4 reach = vabsq_f32(vmulq_f32(vsubq_f32(load(st + LEAST + 4 * k), low[k]), inv[k]));
		f4 reach2 = vabsq_f32(vmulq_f32(range, inv[k]));
		u4 ok = vandq_u32(vcltq_f32(reach, splat(LIMIT)), vcltq_f32(reach2, splat(LIMIT)));
		u4 bad = vornq_u32(vreinterpretq_u32_f32(load(st + BAD + 4 * k)), ok);
		store(st + BAD + 4 * k, vreinterpretq_f32_u32(bad));
		l1[k] = l2[k] = lx[k] = zero();
	}
	ROLLED for (long i = 0; i < n; i += 16) {
		EACH(k, V) {
			f4 v = load(x + i + 4 * k);
			f4 l = code(vmulq_f32(inv[k], vsubq_f32(v, low[k])), bottom_code, top_code);
			store(try + i + 4 * k, l);
			f4 wl = vmulq_f32(load(w + i + 4 * k), l);
			l1[k] = vaddq_f32(l1[k], wl);
			l2[k] = vaddq_f32(l2[k], vmulq_f32(wl, l));
			lx[k] = vaddq_f32(lx[k], vmulq_f32(wl, v));
		}
	}
	f4 fit[V], bottom[V], e[V];
	u4 valid[V];
	EACH(k, V) {
		f4 sum_w = load(st + SUM_W + 4 * k), sum_x = load(st + SUM_X + 4 * k);
		f4 d = vsubq_f32(vmulq_f32(sum_w, l2[k]), vmulq_f32(l1[k], l1[k]));
		valid[k] = vcgtq_f32(d, zero());
		fit[k] = vdivq_f32(vsubq_f32(vmulq_f32(sum_w, lx[k]), vmulq_f32(sum_x, l1[k])), d);
		bottom[k] = vdivq_f32(vsubq_f32(vmulq_f32(l2[k], sum_x), vmulq_f32(l1[k], lx[k])), d);
		u4 above = vcgtq_f32(bottom[k], zero());
		bottom[k] = choose(above, zero(), bottom[k]);
		fit[k] = choose(above, vdivq_f32(lx[k], l2[k]), fit[k]);
		e[k] = zero();
	}
	ROLLED for (long i = 0; i < n; i += 16) {
		EACH(k, V) {
			long j = i + 4 * k;
			e[k] = error(e[k], load(try + j), fit[k], bottom[k], load(x + j), load(w + j), absolute);
		}
	}
	EACH(k, V) {
		u4 better = vandq_u32(valid[k], vcltq_f32(e[k], load(st + BEST + 4 * k)));
		replace(st + BEST + 4 * k, better, e[k]);
		replace(st + SCALE + 4 * k, better, fit[k]);
		replace(st + INVERSE + 4 * k, better, inv[k]);
		replace(st + FROM + 4 * k, better, low[k]);
		low[k] = choose(better, bottom[k], low[k]);
	}
}

// search is SearchOffset. Lanes whose quotients leave the range in which rounding is rounding are marked bad and left
// to the plain version.
INLINE void search(const float *x, const float *w, float *try, long n, const float *factors, long steps, float top, float *st, int absolute) {
	i4 bottom_code = bound(0), top_code = bound(top);
	ROLLED for (int part = 0; part < 16; part += 4 * V) {
		f4 low[V], e[V];
		{
			f4 least[V], most[V], sum_w[V], sum_x[V];
			EACH(k, V) {
				least[k] = most[k] = load(x + 4 * k);
				sum_w[k] = load(w + 4 * k);
				sum_x[k] = vmulq_f32(sum_w[k], least[k]);
			}
			ROLLED for (long i = 16; i < 16 * n; i += 16) {
				EACH(k, V) {
					f4 v = load(x + i + 4 * k), wv = load(w + i + 4 * k);
					least[k] = lesser(v, least[k]);
					most[k] = greater(v, most[k]);
					sum_w[k] = vaddq_f32(sum_w[k], wv);
					sum_x[k] = vaddq_f32(sum_x[k], vmulq_f32(wv, v));
				}
			}
			EACH(k, V) {
				store(st + LEAST + 4 * k, least[k]);
				store(st + MOST + 4 * k, most[k]);
				store(st + SUM_W + 4 * k, sum_w[k]);
				store(st + SUM_X + 4 * k, sum_x[k]);
				low[k] = choose(vcgtq_f32(least[k], zero()), zero(), least[k]);
			}
		}
		{
			f4 inv[V], scale[V];
			EACH(k, V) {
				inv[k] = vdivq_f32(splat(top), vsubq_f32(load(st + MOST + 4 * k), low[k]));
				scale[k] = vdivq_f32(splat(1), inv[k]);
				store(st + LOW + 4 * k, low[k]);
				store(st + FROM + 4 * k, low[k]);
				store(st + INVERSE + 4 * k, inv[k]);
				store(st + SCALE + 4 * k, scale[k]);
				store(st + BAD + 4 * k, zero());
				e[k] = zero();
			}
			ROLLED for (long i = 0; i < 16 * n; i += 16) {
				EACH(k, V) {
					f4 v = load(x + i + 4 * k);
					f4 l = code(vmulq_f32(inv[k], vsubq_f32(v, low[k])), bottom_code, top_code);
					e[k] = error(e[k], l, scale[k], low[k], v, load(w + i + 4 * k), absolute);
				}
			}
			EACH(k, V) store(st + BEST + 4 * k, e[k]);
		}
		ROLLED for (long s = 0; s < steps; s++) step(x, w, try, 16 * n, factors[s], bottom_code, top_code, st, low, absolute);
		// Lanes without a range: scale 0, every code 0, the offset of the start.
		EACH(k, V) {
			f4 least = load(st + LEAST + 4 * k);
			least = choose(vcgtq_f32(least, zero()), zero(), least);
			u4 flat = vcleq_f32(load(st + MOST + 4 * k), least);
			store(st + LOW + 4 * k, choose(flat, least, low[k]));
			replace(st + SCALE + 4 * k, flat, zero());
			replace(st + INVERSE + 4 * k, flat, zero());
			replace(st + FROM + 4 * k, flat, zero());
			replace(st + BAD + 4 * k, flat, zero());
		}
		x += 4 * V, w += 4 * V, try += 4 * V, st += 4 * V;
	}
}

// searchOffset is SearchOffset on 16 lanes.
KERNEL searchOffset(const float *x, const float *w, float *try, long n, const float *factors, long steps, float top, float *state) {
	search(x, w, try, n, factors, steps, top, state, 0);
}

// searchOffsetAbs is SearchOffset on 16 lanes.
KERNEL searchOffsetAbs(const float *x, const float *w, float *try, long n, const float *factors, long steps, float top, float *state) {
	search(x, w, try, n, factors, steps, top, state, 1);
}
