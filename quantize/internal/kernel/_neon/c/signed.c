#include "neon.h"

// Rows of the state, as in kernel.signedState.
enum { SCALE = 0, INVERSE = 16, BAD = 64 };

#define TINY 1e-15f

// K inverse scales are tried together.
#define K 3

// peak gives the first value of largest magnitude in each lane.
INLINE f4 peak(const float *x, long n) {
	f4 most = zero(), at = zero();
	ROLLED for (long i = 0; i < n; i += 16) {
		f4 v = load(x + i), m = vabsq_f32(v);
		u4 above = vcgtq_f32(m, most);
		most = choose(above, m, most);
		at = choose(above, v, at);
	}
	return at;
}

// add adds the values of one row to the sums of K inverse scales. A factor below nmax+½ needs no lower bound.
INLINE void add(f4 xl[K], f4 ll[K], const f4 inv[K], f4 v, f4 w, f4 wx, i4 low, i4 high, int bounded) {
	EACH(k, K) {
		f4 y = vmulq_f32(inv[k], v);
		f4 l = bounded ? code(y, low, high) : code_up_to(y, high);
		xl[k] = vaddq_f32(xl[k], vmulq_f32(wx, l));
		ll[k] = vaddq_f32(ll[k], vmulq_f32(vmulq_f32(w, l), l));
	}
}

// searchSigned is SearchSigned on 16 lanes: 19 inverse scales factor/top, the first of which is the start. The last
// six need a lower bound.
KERNEL searchSigned(const float *x, const float *w, float *wx, long n, const float *factors, float nmax, float *state) {
	i4 low = bound(-nmax), high = bound(nmax - 1);
	n *= 16;
	ROLLED for (int part = 0; part < 4; part++) {
		f4 top = peak(x, n);
		f4 inv = vdivq_f32(splat(factors[0]), top), xl = zero(), ll = zero();
		ROLLED for (long i = 0; i < n; i += 16) {
			f4 v = load(x + i), wv = load(w + i);
			f4 p = vmulq_f32(wv, v), l = code_up_to(vmulq_f32(inv, v), high);
			store(wx + i, p);
			xl = vaddq_f32(xl, vmulq_f32(p, l));
			ll = vaddq_f32(ll, vmulq_f32(vmulq_f32(wv, l), l));
		}
		f4 scale = choose(vceqq_f32(ll, zero()), zero(), vdivq_f32(xl, ll));
		f4 best = vmulq_f32(scale, xl), invs[K], xls[K], lls[K];
		ROLLED for (int t = 1; t < 19; t += K) {
			EACH(k, K) {
				invs[k] = vdivq_f32(splat(factors[t + k]), top);
				xls[k] = lls[k] = zero();
			}
			if (t < 13) {
				ROLLED for (long i = 0; i < n; i += 16) add(xls, lls, invs, load(x + i), load(w + i), load(wx + i), low, high, 0);
			} else {
				ROLLED for (long i = 0; i < n; i += 16) add(xls, lls, invs, load(x + i), load(w + i), load(wx + i), low, high, 1);
			}
			EACH(k, K) {
				u4 better = vandq_u32(vcgtq_f32(lls[k], zero()), vcgtq_f32(vmulq_f32(xls[k], xls[k]), vmulq_f32(best, lls[k])));
				f4 s = vdivq_f32(xls[k], lls[k]);
				inv = choose(better, invs[k], inv);
				scale = choose(better, s, scale);
				best = choose(better, vmulq_f32(s, xls[k]), best);
			}
		}
		// Lanes that count as zero have scale 0; inverse 0 marks them.
		u4 tiny = vcltq_f32(vabsq_f32(top), splat(TINY));
		store(state + SCALE, choose(tiny, zero(), scale));
		store(state + INVERSE, choose(tiny, zero(), inv));
		x += 4, w += 4, wx += 4, state += 4;
	}
}

// V vectors go together while refining: each waits for its divisions.
#define V 4

// refineSigned is RefineSigned on 16 lanes. table keeps the codes.
KERNEL refineSigned(const float *x, float *table, long n, float nmax, float *state) {
	i4 low = bound(-nmax), high = bound(nmax - 1);
	n *= 16;
	ROLLED for (int part = 0; part < 16; part += 4 * V) {
		f4 xl[V], ll[V];
		ROLLED for (int k = 0; k < 4 * V; k += 4) store(state + SCALE + k, peak(x + k, n));
		{
			f4 inv[V];
			EACH(k, V) {
				inv[k] = vdivq_f32(splat(-nmax), load(state + SCALE + 4 * k));
				xl[k] = ll[k] = zero();
			}
			ROLLED for (long i = 0; i < n; i += 16) {
				EACH(k, V) {
					f4 v = load(x + i + 4 * k), w = vmulq_f32(v, v), l = code(vmulq_f32(inv[k], v), low, high);
					store(table + i + 4 * k, l);
					xl[k] = vaddq_f32(xl[k], vmulq_f32(vmulq_f32(w, v), l));
					ll[k] = vaddq_f32(ll[k], vmulq_f32(vmulq_f32(w, l), l));
				}
			}
		}
		i4 lowest = vdupq_n_s32((int)-nmax + 0x400000), highest = vdupq_n_s32((int)nmax - 1 + 0x400000);
		ROLLED for (int sweep = 0; sweep < 5; sweep++) {
			u4 changed = vdupq_n_u32(0);
			ROLLED for (long i = 0; i < n; i += 16) {
				EACH(k, V) {
					f4 v = load(x + i + 4 * k), w = vmulq_f32(v, v), p = vmulq_f32(w, v), l = load(table + i + 4 * k);
					f4 sx = vsubq_f32(xl[k], vmulq_f32(p, l));
					f4 sl = vsubq_f32(ll[k], vmulq_f32(vmulq_f32(w, l), l));
					i4 t = nearest_biased(vdivq_f32(vmulq_f32(v, sl), sx));
					t = vsubq_s32(vmaxq_s32(vminq_s32(t, highest), lowest), vdupq_n_s32(0x400000));
					f4 c = vcvtq_f32_s32(t);
					u4 moved = vbicq_u32(vcgtq_f32(sx, zero()), vceqq_f32(c, l));
					sx = vaddq_f32(sx, vmulq_f32(p, c));
					sl = vaddq_f32(sl, vmulq_f32(vmulq_f32(w, c), c));
					u4 lower = vcgtq_f32(vmulq_f32(vmulq_f32(sx, sx), ll[k]), vmulq_f32(vmulq_f32(xl[k], xl[k]), sl));
					u4 better = vandq_u32(moved, vandq_u32(vcgtq_f32(sl, zero()), lower));
					store(table + i + 4 * k, choose(better, c, l));
					xl[k] = choose(better, sx, xl[k]);
					ll[k] = choose(better, sl, ll[k]);
					changed = vorrq_u32(changed, better);
				}
			}
			if (vmaxvq_u32(changed) == 0) break;
		}
		EACH(k, V) {
			u4 tiny = vcltq_f32(vabsq_f32(load(state + SCALE + 4 * k)), splat(TINY));
			u4 counts = vbicq_u32(vcgtq_f32(ll[k], zero()), tiny);
			store(state + SCALE + 4 * k, only(counts, vdivq_f32(xl[k], ll[k])));
			store(state + BAD + 4 * k, zero());
		}
		x += 4 * V, table += 4 * V, state += 4 * V;
	}
}
