#include "vector.h"

#define FUSES

// Operations on each value. n is a multiple of 16.

// gate is Gate.
KERNEL gate(float *dst, const float *gate, const float *up, long n) {
	ROLLED for (; n > 0; n -= 8, dst += 8, gate += 8, up += 8) {
		EACH(i, 2) {
			f4 g = load(gate + 4 * i), s = exp(vnegq_f32(vabsq_f32(g))), below = plus(s, splat(1));
			// The numerator is s where the sign of g is set, else 1.
			u4 negative = vreinterpretq_u32_s32(vshrq_n_s32(vreinterpretq_s32_f32(g), 31));
			s = choose(negative, s, splat(1));
			store(dst + 4 * i, mul(mul(g, vdivq_f32(s, below)), load(up + 4 * i)));
		}
	}
}

// scaled is Scaled.
KERNEL scaled(float *dst, const float *x, const float *w, long n, float f) {
	ROLLED for (; n > 0; n -= GROUP, dst += GROUP, x += GROUP, w += GROUP) {
		EACH(i, 4) store(dst + 4 * i, mul(mul(load(x + 4 * i), splat(f)), load(w + 4 * i)));
	}
}

// addScaled is AddScaled.
KERNEL addScaled(float *dst, const float *x, long n, float f) {
	ROLLED for (; n > 0; n -= GROUP, dst += GROUP, x += GROUP) {
		EACH(i, 4) store(dst + 4 * i, plus(load(dst + 4 * i), mul(load(x + 4 * i), splat(f))));
	}
}

// times is Times.
KERNEL times(float *dst, const float *x, long n, float f) {
	ROLLED for (; n > 0; n -= GROUP, dst += GROUP, x += GROUP) EACH(i, 4) store(dst + 4 * i, mul(load(x + 4 * i), splat(f)));
}

// blend is Blend.
KERNEL blend(float *dst, const float *x, long n, float keep, float f) {
	ROLLED for (; n > 0; n -= GROUP, dst += GROUP, x += GROUP) {
		EACH(i, 4) store(dst + 4 * i, plus(mul(load(dst + 4 * i), splat(keep)), mul(load(x + 4 * i), splat(f))));
	}
}

// rotateHalves is RotateHalves.
KERNEL rotateHalves(float *x, float *y, const float *cos, const float *sin, long n) {
	ROLLED for (; n > 0; n -= GROUP, x += GROUP, y += GROUP, cos += GROUP, sin += GROUP) {
		EACH(i, 4) {
			f4 v = load(x + 4 * i), w = load(y + 4 * i), c = load(cos + 4 * i), s = load(sin + 4 * i);
			store(x + 4 * i, minus(mul(v, c), mul(w, s)));
			store(y + 4 * i, plus(mul(v, s), mul(w, c)));
		}
	}
}

// rotateNeighbours is RotateNeighbours.
KERNEL rotateNeighbours(float *x, const float *cos, const float *sin, long n) {
	ROLLED for (; n > 0; n -= GROUP, x += GROUP, cos += GROUP, sin += GROUP) {
		EACH(i, 4) {
			f4 v = load(x + 4 * i);
			store(x + 4 * i, plus(mul(v, load(cos + 4 * i)), mul(vrev64q_f32(v), load(sin + 4 * i))));
		}
	}
}
