// Package matrix multiplies weights in GGUF blocks with batches of float32 vectors.
//
// # Arithmetic
//
// Blocks are small integers times scales, so products are made of integers. Each group of 32 values of a vector is
// rounded to multiples of its largest magnitude divided by 32639, the largest number that two signed bytes make: 16 bits
// where other runtimes take 8, and where Fast mode has llama.cpp's integers (see Mode.Span). For a group of 32 columns, with codes from 0 to 255,
//
//	Σ weight·value = scale·Σ(code-offset)·integer·unit - minimum·unit·Σ integer
//
// in which the sums are exact integers, below 2^31 (see piece.dot), and four or five float32 operations remain. They are
// rounded one by one, groups are added in their order, and nothing is fused: all tiers give the same bits, and a result
// depends on nothing but its row and its vector. Types with a scale for 16 columns have two such products in a group.
//
// # Error
//
// Rounding moves a value by at most half a unit, 1/65278 of the largest magnitude of its group, and as if at random: its
// standard deviation is the unit over √12. Relative to the norm of a group that is 2e-5 for normally distributed values
// (whose largest of 32 is about 2.1 times their norm over √32), and at most 5e-5, when one value is all there is. Products
// with a row have that error, as norm over norm, for weights of any type; float32 sums add about 1e-7. Where products cancel
// (their norm is small beside that of |weight|·|value|) it counts against what cancels, as in any arithmetic.
//
// Values that are not finite make all products of their vector NaN or infinite and touch no other. Groups whose
// magnitudes are all below 2^-110 count as zeros. Magnitudes whose sum over a group overflows float32 give infinities.
//
// F32, F16 and BF16 have no integers: they are widened to float32 and multiplied as they are, with sixteen partial sums
// (see multiplyFloats). Kernels fuse, so plain Go differs from them by about 1e-7.
//
// # Speed
//
// With many vectors, 32 rows by 512 columns are unpacked to bytes, turned so that rows lie side by side, and multiplied
// with four vectors at a time. A tile is used for all vectors, so unpacking hardly counts. With one or two vectors rows
// are multiplied as they lie, 16 groups at a time, for the commonest types without storing codes at all. On arm64 these are
// four groups, and all types with kernels.
//
// On AVX2 products are of words, two for an instruction's four of bytes, because sums of two bytes of 16 bits do not fit. In
// fast mode they do, if codes are small and not negative: types with minima are multiplied in bytes.
//
// Ranges of rows for goroutines should be multiples of 32, and not smaller than 64 where there are many vectors:
// each range reads all vectors.
package matrix
