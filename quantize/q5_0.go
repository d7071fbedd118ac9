package quantize

import (
	"encoding/binary"

	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize/internal/kernel"
)

// Q5_0: 32 values in 22 bytes.
//
//	0     2               6                      22
//	| d   | h             | q[0]|q[16]<<4 …      |
//	| f16 | bit j: q[j]>>4 | byte j: low four bits of q[j], q[j+16] |
//
// value j = (q[j]-16)·d
var q5_0 = Codec{Type: gguf.TypeQ5_0, Check: checkQ5_0, encode: encodeQ5_0, decode: decodeQ5_0, encodeFast: encodeQ5_0Fast, decodeFast: kernel.DecodeQ5_0}

func encodeQ5_0(dst []byte, src, weight []float32) {
	if weight != nil {
		encodeQ5_0Weighted(dst, src, weight)
		return
	}
	var l [32]uint8
	for ; len(src) >= 32; src, dst = src[32:], dst[22:] {
		x, b := src[:32], dst[:22]
		d := kernel.Peak(x) / -16
		putF16(b, d)
		inv := inverse(d)
		if isInf(inv) {
			clear(b[2:])
			continue
		}
		for j, v := range x {
			l[j] = biased(v, inv, 16.5, 31)
		}
		packFive(b[2:], &l)
	}
}

func encodeQ5_0Weighted(dst []byte, src, weight []float32) {
	sigma2 := kernel.SumSquares(src) / float32(len(src))
	var w [32]float32
	var l [32]int8
	var u [32]uint8
	for ; len(src) >= 32; src, weight, dst = src[32:], weight[32:], dst[22:] {
		x, b := src[:32], dst[:22]
		kernel.WeighImportance(w[:], x, weight, sigma2)
		putF16(b, kernel.SearchSigned(l[:], x, w[:], 16))
		for j, c := range l {
			u[j] = uint8(c)
		}
		packFive(b[2:], &u)
	}
}

// packFive stores 32 codes of five bits: the high bits in four bytes, then the nibbles.
func packFive(p []byte, l *[32]uint8) {
	p = p[:20]
	var high uint32
	for j := range 16 {
		p[4+j] = l[j]&15 | l[j+16]<<4
		high |= uint32(l[j]>>4&1)<<j | uint32(l[j+16]>>4&1)<<(j+16)
	}
	binary.LittleEndian.PutUint32(p, high)
}

// unpackFive gives the codes that packFive stored.
func unpackFive(l *[32]uint8, p []byte) {
	p = p[:20]
	high := binary.LittleEndian.Uint32(p)
	for j := range 16 {
		l[j] = p[4+j]&15 | uint8(high>>j&1)<<4
		l[j+16] = p[4+j]>>4 | uint8(high>>(j+16)&1)<<4
	}
}

func encodeQ5_0Fast(dst []byte, src, weight []float32) bool {
	if len(weight) == 0 {
		return kernel.EncodeQ5_0(dst, src)
	}
	return tiledRows(dst, src, weight, 22, func(t *kernel.Tile) {
		tileSigned(t, 16)
		packHalves(t, 6, true)
	})
}

func decodeQ5_0(dst []float32, src []byte) {
	var l [32]uint8
	for ; len(src) >= 22; src, dst = src[22:], dst[32:] {
		d := getF16(src)
		unpackFive(&l, src[2:])
		x := dst[:32]
		for j := range x {
			x[j] = float32(int32(l[j])-16) * d
		}
	}
}

func checkQ5_0(row []byte) error { return checkScales(row, 22, 32, 0) }
