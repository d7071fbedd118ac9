package kernel

import "encoding/binary"

// The functions of this file move codes of few bits together. They treat rows of bytes as a whole: which lane a byte
// belongs to does not matter, so 8 bytes are done at a time.

func word(b []byte) uint64       { return binary.LittleEndian.Uint64(b) }
func putWord(b []byte, v uint64) { binary.LittleEndian.PutUint64(b, v) }

const (
	lowNibbles = 0x0f0f0f0f0f0f0f0f
	lowPairs   = 0x0303030303030303
	lowBits    = 0x0101010101010101
)

// PackNibbles puts the low nibbles of low and high into one byte.
func PackNibbles(dst, low, high []byte) {
	low, high = low[:len(dst)], high[:len(dst)]
	if tier != Plain && len(dst)%64 == 0 && packNibblesFast(dst, low, high) {
		return
	}
	for i := 0; i+8 <= len(dst); i += 8 {
		putWord(dst[i:], word(low[i:])&lowNibbles|word(high[i:])&lowNibbles<<4)
	}
}

// PackPairs puts the bits from shift on of four codes into one byte, two bits of each.
func PackPairs(dst, a, b, c, d []byte, shift uint) {
	a, b, c, d = a[:len(dst)], b[:len(dst)], c[:len(dst)], d[:len(dst)]
	if tier != Plain && len(dst)%64 == 0 && packPairsFast(dst, a, b, c, d, shift) {
		return
	}
	for i := 0; i+8 <= len(dst); i += 8 {
		putWord(dst[i:], word(a[i:])>>shift&lowPairs|word(b[i:])>>shift&lowPairs<<2|word(c[i:])>>shift&lowPairs<<4|word(d[i:])>>shift&lowPairs<<6)
	}
}

// PackBits puts one bit of each of eight codes into one byte; code g begins at g·stride.
func PackBits(dst, codes []byte, stride int, bit uint) {
	codes = codes[:7*stride+len(dst)]
	if tier != Plain && len(dst)%64 == 0 && packBitsFast(dst, codes, stride, bit) {
		return
	}
	for i := 0; i+8 <= len(dst); i += 8 {
		var v uint64
		for g := range 8 {
			v |= word(codes[g*stride+i:]) >> bit & lowBits << g
		}
		putWord(dst[i:], v)
	}
}
