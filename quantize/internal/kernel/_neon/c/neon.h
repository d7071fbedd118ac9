// What the kernels share. A tile has 16 lanes: value i of lane l at 16*i+l, a row is four vectors.
//
// Every operation rounds on its own, in the order of the plain Go version. Minimum and maximum are written as
// comparisons where zeros' signs or NaN matter. No constant may need a place in memory: see opaque.
#include <arm_neon.h>

// KERNEL begins a function that is called from Go. The convention leaves every register but x18, x29 and x30 free, and
// passes arguments in x20 ... x27 and v0 ... v7.
#define KERNEL __attribute__((preserve_none)) void

// EACH is a loop without a loop.
#define EACH(k, n) _Pragma("clang loop unroll(full)") for (int k = 0; k < (n); k++)

// ROLLED keeps a loop a loop.
#define ROLLED _Pragma("clang loop unroll(disable)")

#define INLINE static inline __attribute__((always_inline))

typedef float32x4_t f4;
typedef int32x4_t i4;
typedef uint32x4_t u4;

INLINE f4 load(const float *p) { return vld1q_f32(p); }
INLINE void store(float *p, f4 v) { vst1q_f32(p, v); }
INLINE f4 splat(float x) { return vdupq_n_f32(x); }
INLINE f4 zero(void) { return splat(0); }

// choose gives x where the mask is set, else y.
INLINE f4 choose(u4 mask, f4 x, f4 y) { return vbslq_f32(mask, x, y); }
// only gives x where the mask is set, else 0.
INLINE f4 only(u4 mask, f4 x) { return vreinterpretq_f32_u32(vandq_u32(mask, vreinterpretq_u32_f32(x))); }
INLINE f4 lesser(f4 v, f4 low) { return choose(vcltq_f32(v, low), v, low); }
INLINE f4 greater(f4 v, f4 high) { return choose(vcgtq_f32(v, high), v, high); }

// Adding MAGIC, 1.5*2^23, leaves a rounded integer in the low bits of magnitudes up to 4194303.
#define MAGIC 12582912.0f
#define MAGIC_BITS 0x4b400000

// nearest is kernel.Nearest plus 0x400000, also where the sum does not round.
INLINE i4 nearest_biased(f4 y) {
	return vandq_s32(vreinterpretq_s32_f32(vaddq_f32(y, splat(MAGIC))), vdupq_n_s32(0x7fffff));
}
INLINE i4 nearest(f4 y) { return vsubq_s32(nearest_biased(y), vdupq_n_s32(0x400000)); }

// bound is what code compares with.
INLINE i4 bound(float limit) { return vreinterpretq_s32_f32(splat(MAGIC + limit)); }

// code rounds to integers between bounds, for magnitudes up to 4194303.
INLINE f4 code_up_to(f4 y, i4 high) {
	i4 t = vreinterpretq_s32_f32(vaddq_f32(y, splat(MAGIC)));
	return vsubq_f32(vreinterpretq_f32_s32(vminq_s32(t, high)), splat(MAGIC));
}
INLINE f4 code(f4 y, i4 low, i4 high) {
	i4 t = vreinterpretq_s32_f32(vaddq_f32(y, splat(MAGIC)));
	return vsubq_f32(vreinterpretq_f32_s32(vmaxq_s32(vminq_s32(t, high), low)), splat(MAGIC));
}

// bytes gives the low bytes of 16 integers.
INLINE uint8x16_t bytes(i4 a, i4 b, i4 c, i4 d) {
	uint16x8_t low = vuzp1q_u16(vreinterpretq_u16_s32(a), vreinterpretq_u16_s32(b));
	uint16x8_t high = vuzp1q_u16(vreinterpretq_u16_s32(c), vreinterpretq_u16_s32(d));
	return vuzp1q_u8(vreinterpretq_u8_u16(low), vreinterpretq_u8_u16(high));
}

// opaque hides a constant from the compiler, which would else load vectors made of it from memory.
INLINE uint64_t opaque(uint64_t x) {
	__asm__("" : "+r"(x));
	return x;
}

// table gives 16 bytes, the first in the lowest bits of the first word.
INLINE uint8x16_t table(uint64_t first, uint64_t second) {
	return vreinterpretq_u8_u64(vcombine_u64(vcreate_u64(opaque(first)), vcreate_u64(opaque(second))));
}

// each_bit has bit i in byte i of each half.
INLINE uint8x16_t each_bit(void) { return vreinterpretq_u8_u64(vdupq_n_u64(opaque(0x8040201008040201))); }

// half gives the half-precision number at p.
INLINE float half(const uint8_t *p) {
	__fp16 h;
	__builtin_memcpy(&h, p, 2);
	return h;
}

INLINE uint32_t word(const uint8_t *p) {
	uint32_t w;
	__builtin_memcpy(&w, p, 4);
	return w;
}

// floats gives 16 signed bytes as floats.
INLINE void floats(f4 x[4], int8x16_t b) {
	int16x8_t low = vmovl_s8(vget_low_s8(b)), high = vmovl_high_s8(b);
	x[0] = vcvtq_f32_s32(vmovl_s16(vget_low_s16(low)));
	x[1] = vcvtq_f32_s32(vmovl_high_s16(low));
	x[2] = vcvtq_f32_s32(vmovl_s16(vget_low_s16(high)));
	x[3] = vcvtq_f32_s32(vmovl_high_s16(high));
}
