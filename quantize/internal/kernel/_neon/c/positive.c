#include "neon.h"

#define TINY 1e-15f

// V vectors go together while inverse scales are tried, and all four while sweeping, where each waits for its divisions.
#define V 2

// miss is Σ w·d² for the codes under an inverse scale: those up to a bound, or of eight bits.
INLINE f4 miss(f4 e, f4 v, f4 w, f4 inv, f4 scale, i4 nmax, int bounded) {
	i4 c = nearest(vmulq_f32(inv, v));
	c = bounded ? vminq_s32(nmax, c) : vandq_s32(c, vdupq_n_s32(0xff));
	f4 d = vsubq_f32(v, vmulq_f32(scale, vcvtq_f32_s32(c)));
	return vaddq_f32(e, vmulq_f32(vmulq_f32(w, d), d));
}

// tops stores the largest values; NaN counts as large.
INLINE void tops(float *to, const float *x, long n) {
	f4 top[4];
	EACH(k, 4) top[k] = zero();
	ROLLED for (long i = 0; i < n; i += 16) {
		EACH(k, 4) {
			f4 v = load(x + i + 4 * k);
			top[k] = choose(vcgtq_f32(top[k], v), top[k], v);
		}
	}
	EACH(k, 4) store(to + 4 * k, top[k]);
}

// best_inverse turns the largest values of some lanes into their best inverse scales.
INLINE void best_inverse(float *state, const float *x, const float *w, long n, const float *factors, i4 high) {
	f4 top[V], inv[V], best[V];
	EACH(k, V) top[k] = load(state + 4 * k);
	ROLLED for (int f = 0; f < 9; f++) {
		f4 try[V], scale[V], e[V];
		EACH(k, V) {
			try[k] = vdivq_f32(splat(factors[f]), top[k]);
			scale[k] = vdivq_f32(splat(1), try[k]);
			e[k] = zero();
		}
		if (f == 0) {
			ROLLED for (long i = 0; i < n; i += 16) {
				EACH(k, V) e[k] = miss(e[k], load(x + i + 4 * k), load(w + i + 4 * k), try[k], scale[k], high, 0);
			}
			EACH(k, V) {
				best[k] = e[k];
				inv[k] = try[k];
			}
			continue;
		}
		ROLLED for (long i = 0; i < n; i += 16) {
			EACH(k, V) e[k] = miss(e[k], load(x + i + 4 * k), load(w + i + 4 * k), try[k], scale[k], high, 1);
		}
		EACH(k, V) {
			u4 better = vcltq_f32(e[k], best[k]);
			best[k] = choose(better, e[k], best[k]);
			inv[k] = choose(better, try[k], inv[k]);
		}
	}
	EACH(k, V) store(state + 4 * k, inv[k]);
}

// searchPositive is SearchPositive on 16 lanes. factors are the numerators of the nine inverse scales, the start's
// first. Codes come out as float32 from 0 to 255.
KERNEL searchPositive(const float *x, const float *w, float *codes, long n, const float *factors, float nmax, float *state) {
	i4 high = vdupq_n_s32((int)nmax), byte = vdupq_n_s32(0xff);
	n *= 16;
	tops(state, x, n);
	ROLLED for (int l = 0; l < 16; l += 4 * V) best_inverse(state + l, x + l, w + l, n, factors, high);

	f4 xl[4], ll[4];
	{
		f4 inv[4];
		EACH(k, 4) {
			inv[k] = load(state + 4 * k);
			xl[k] = ll[k] = zero();
		}
		ROLLED for (long i = 0; i < n; i += 16) {
			EACH(k, 4) {
				f4 v = load(x + i + 4 * k), wv = load(w + i + 4 * k);
				i4 c = vminq_s32(high, nearest(vmulq_f32(inv[k], v)));
				store(codes + i + 4 * k, vcvtq_f32_s32(vandq_s32(c, byte)));
				f4 l = vcvtq_f32_s32(c);
				xl[k] = vaddq_f32(xl[k], vmulq_f32(vmulq_f32(wv, v), l));
				ll[k] = vaddq_f32(ll[k], vmulq_f32(vmulq_f32(wv, l), l));
			}
		}
	}
	ROLLED for (int sweep = 0; sweep < 5; sweep++) {
		u4 changed = vdupq_n_u32(0);
		ROLLED for (long i = 0; i < n; i += 16) {
			EACH(k, 4) {
				f4 v = load(x + i + 4 * k), wv = load(w + i + 4 * k), l = load(codes + i + 4 * k);
				f4 p = vmulq_f32(wv, v);
				f4 sx = vsubq_f32(xl[k], vmulq_f32(p, l));
				f4 sl = vsubq_f32(ll[k], vmulq_f32(vmulq_f32(wv, l), l));
				u4 sound = vandq_u32(vcgtq_f32(sx, zero()), vcgtq_f32(sl, zero()));
				i4 t = vminq_s32(high, nearest(vdivq_f32(vmulq_f32(v, sl), sx)));
				f4 c = vcvtq_f32_s32(t);
				u4 moved = vbicq_u32(sound, vceqq_f32(c, l));
				sx = vaddq_f32(sx, vmulq_f32(p, c));
				sl = vaddq_f32(sl, vmulq_f32(vmulq_f32(wv, c), c));
				u4 lower = vcgtq_f32(vmulq_f32(vmulq_f32(sx, sx), ll[k]), vmulq_f32(vmulq_f32(xl[k], xl[k]), sl));
				u4 better = vandq_u32(moved, lower);
				store(codes + i + 4 * k, choose(better, vcvtq_f32_s32(vandq_s32(t, byte)), l));
				xl[k] = choose(better, sx, xl[k]);
				ll[k] = choose(better, sl, ll[k]);
				changed = vorrq_u32(changed, better);
			}
		}
		if (vmaxvq_u32(changed) == 0) break;
	}
	tops(state, x, n);
	ROLLED for (int l = 0; l < 16; l += 4) {
		f4 scale = only(vcgtq_f32(ll[0], zero()), vdivq_f32(xl[0], ll[0]));
		u4 tiny = vcltq_f32(load(state + l), splat(TINY));
		store(state + l, choose(tiny, zero(), scale));
		if (vmaxvq_u32(tiny) != 0) {
			ROLLED for (long i = 0; i < n; i += 16) store(codes + l + i, choose(tiny, zero(), load(codes + l + i)));
		}
		xl[0] = xl[1], xl[1] = xl[2], xl[2] = xl[3];
		ll[0] = ll[1], ll[1] = ll[2], ll[2] = ll[3];
	}
}
