/* What this machine can do at most, by THREADS threads together: loops of nothing but the instructions that products use,
   and plain reading of memory. Prints GMAC/s of float32 (FMA), of pairs of 16-bit integers (INT16) and GB/s (GB).
     cc -O2 -pthread -march=native peak.c && ./a.out 2 */
#include <immintrin.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + 1e-9 * t.tv_nsec;
}

static char *memory;
static const size_t bytes = 512ul << 20; /* for each thread */
enum { rounds = 100000000 };

/* Ten sums are more than the units have under way. */
#define TEN(f) f(0) f(1) f(2) f(3) f(4) f(5) f(6) f(7) f(8) f(9)

#ifdef __AVX512F__
#define WIDTH 16
#define FMA(i) "vfmadd231ps %%zmm30, %%zmm31, %%zmm" #i "\n"
#else
#define WIDTH 8
#define FMA(i) "vfmadd231ps %%ymm14, %%ymm15, %%ymm" #i "\n"
#endif
#if defined(__AVX512VNNI__) && defined(__AVX512F__)
#define INT16(i) "vpdpwssd %%zmm30, %%zmm31, %%zmm" #i "\n"
#elif defined(__AVX512F__)
#define INT16(i) "vpmaddwd %%zmm30, %%zmm31, %%zmm29\nvpaddd %%zmm29, %%zmm" #i ", %%zmm" #i "\n"
#else
#define INT16(i) "vpmaddwd %%ymm14, %%ymm15, %%ymm13\nvpaddd %%ymm13, %%ymm" #i ", %%ymm" #i "\n"
#endif
#define CLOBBERS "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm13", "cc"

static void *fma_loop(void *p) {
  long n = rounds;
  __asm__ volatile("1:\n" TEN(FMA) "dec %0\njnz 1b" : "+r"(n)::CLOBBERS);
  return p;
}

static void *int_loop(void *p) {
  long n = rounds;
  __asm__ volatile("1:\n" TEN(INT16) "dec %0\njnz 1b" : "+r"(n)::CLOBBERS);
  return p;
}

/* Four rows of 3 KiB at once, the next four asked for into the second cache: one stream alone does not keep all of memory's
   queues full. */
static void *read_loop(void *p) {
  enum { row = 3072 };
  const char *b = memory + (size_t)p * bytes;
  __m256i s[4] = {0};
  for (size_t i = 0; i + 8 * row <= bytes; i += 4 * row)
    for (int at = 0; at < row; at += 64)
      for (int k = 0; k < 4; k++) {
        const char *c = b + i + k * row + at;
        _mm_prefetch(c + 4 * row, _MM_HINT_T1);
        s[k] = _mm256_add_epi8(s[k], *(const __m256i *)c);
        s[k] = _mm256_add_epi8(s[k], *(const __m256i *)(c + 32));
      }
  volatile int keep = _mm256_extract_epi32(_mm256_add_epi8(_mm256_add_epi8(s[0], s[1]), _mm256_add_epi8(s[2], s[3])), 0);
  (void)keep;
  return p;
}

static double seconds(void *(*f)(void *), int threads) {
  double best = 1e9;
  for (int r = 0; r < 3; r++) {
    pthread_t t[64];
    double start = now();
    for (long i = 0; i < threads; i++) pthread_create(&t[i], 0, f, (void *)i);
    for (int i = 0; i < threads; i++) pthread_join(t[i], 0);
    if (now() - start < best) best = now() - start;
  }
  return best;
}

int main(int argc, char **argv) {
  int threads = argc > 1 ? atoi(argv[1]) : 1;
  if (threads < 1 || threads > 64) return 2;
  memory = aligned_alloc(2 << 20, threads * bytes);
  if (!memory) return 1;
  madvise(memory, threads * bytes, MADV_HUGEPAGE);
  memset(memory, 1, threads * bytes);
  double all = 1e-9 * threads * rounds * 10.0;
  printf("FMA %.1f\n", all * WIDTH / seconds(fma_loop, threads));
  printf("INT16 %.1f\n", all * 2 * WIDTH / seconds(int_loop, threads));
  printf("GB %.1f\n", 1e-9 * threads * bytes / seconds(read_loop, threads));
  return 0;
}
