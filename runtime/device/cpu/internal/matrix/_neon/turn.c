#include "matrix.h"

// Transpositions. They do some columns more, up to four.

// square transposes four by four numbers.
INLINE void square(i4 y[4], const i4 x[4]) {
	i4 a = vzip1q_s32(x[0], x[2]), b = vzip2q_s32(x[0], x[2]), c = vzip1q_s32(x[1], x[3]), d = vzip2q_s32(x[1], x[3]);
	y[0] = vzip1q_s32(a, c), y[1] = vzip2q_s32(a, c), y[2] = vzip1q_s32(b, d), y[3] = vzip2q_s32(b, d);
}

// transpose turns 32 rows, stride bytes apart, by blocks of four columns.
KERNEL transpose(float *dst, const float *src, long stride, long blocks) {
	const uint8_t *from = (const uint8_t *)src;
	int32_t *to = (int32_t *)dst;
	ROLLED for (; blocks > 0; blocks--, from += 16, to += 4 * SIDE) {
		const uint8_t *p = from;
		ROLLED for (int r = 0; r < SIDE; r += 4, p += 4 * stride) {
			i4 x[4], y[4];
			EACH(i, 4) x[i] = vreinterpretq_s32_u8(vld1q_u8(p + stride * i));
			square(y, x);
			EACH(i, 4) vst1q_s32(to + SIDE * i + r, y[i]);
		}
	}
}

// transposeBytes turns 32 rows, 512 bytes apart, by blocks of 16 columns of bytes.
KERNEL transposeBytes(uint8_t *dst, const uint8_t *src, long blocks) {
	ROLLED for (; blocks > 0; blocks--, src += 16, dst += 16 * SIDE) {
		ROLLED for (int r = 0; r < SIDE; r += 16) {
			const uint8_t *p = src + ROW_CODES * r;
			i4 x[16], y[16];
			EACH(i, 16) x[i] = vreinterpretq_s32_u8(vld1q_u8(p + ROW_CODES * i));
			EACH(i, 4) square(y + 4 * i, x + 4 * i);
			EACH(k, 4) { // four columns, of four rows in each register
				u16x a = vreinterpretq_u8_s32(y[k]), b = vreinterpretq_u8_s32(y[4 + k]);
				u16x c = vreinterpretq_u8_s32(y[8 + k]), d = vreinterpretq_u8_s32(y[12 + k]);
				u16x even = vuzp1q_u8(a, b), odd = vuzp2q_u8(a, b), even2 = vuzp1q_u8(c, d), odd2 = vuzp2q_u8(c, d);
				uint8_t *to = dst + SIDE * 4 * k + r;
				vst1q_u8(to, vuzp1q_u8(even, even2));
				vst1q_u8(to + SIDE, vuzp1q_u8(odd, odd2));
				vst1q_u8(to + 2 * SIDE, vuzp2q_u8(even, even2));
				vst1q_u8(to + 3 * SIDE, vuzp2q_u8(odd, odd2));
			}
		}
	}
}

// addRows adds n rows of 32 values, in order.
KERNEL addRows(float *dst, const float *rows, long n) {
	f4 sum[8];
	EACH(i, 8) sum[i] = load(dst + 4 * i);
	ROLLED for (; n > 0; n--, rows += SIDE) EACH(i, 8) sum[i] = plus(sum[i], load(rows + 4 * i));
	EACH(i, 8) store(dst + 4 * i, sum[i]);
}
