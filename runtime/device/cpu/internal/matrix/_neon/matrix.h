// What the kernels of package matrix share: see there for what products are. Codes are signed bytes here, less the
// offset of their type: sums then need no correction. They have the integers that plain Go's have after it, so results
// have the same bits.
#pragma once
#include "neon.h"

typedef uint8x16_t u16x;
typedef int8x16_t s16x;

// Constants of package matrix.
#define ROW_CODES 512               // bytes from a row of unpacked codes to the next
#define SIDE 32                     // rows side by side
#define TOKENS 4                    // vectors that are multiplied at once
#define MINIMA (32 * ROW_CODES / 16) // floats from scales to minima
#define SEGMENT 64                  // terms from one row to the next

INLINE f4 times(f4 x, f4 y) { return vmulq_f32(x, y); }
INLINE f4 times1(f4 x, float y) { return vmulq_n_f32(x, y); }
INLINE f4 plus(f4 x, f4 y) { return vaddq_f32(x, y); }
INLINE f4 minus(f4 x, f4 y) { return vsubq_f32(x, y); }
INLINE f4 real(i4 x) { return vcvtq_f32_s32(x); }

INLINE s16x codes16(const int8_t *p) { return vld1q_s8(p); }
INLINE float at(const uint8_t *p, int i) { return ((const float *)p)[i]; }
INLINE const float *floats_at(const float *p, long bytes) { return (const float *)((const uint8_t *)p + bytes); }

// forget keeps the compiler from holding sums in registers from one round of a loop to the next: there is no room.
INLINE void forget(void) { __asm__ volatile("" ::: "memory"); }

// next moves a pointer so that the compiler keeps one of them, not one for each place.
INLINE const uint8_t *next(const uint8_t *p, long by) {
	p += by;
	__asm__("" : "+r"(p));
	return p;
}

// settle has a sum made before anything that follows is loaded, for which there would be no room.
INLINE void settle(i4 *n) { __asm__ volatile("" : "+w"(*n) : : "memory"); }
