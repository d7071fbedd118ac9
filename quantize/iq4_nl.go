package quantize

import (
	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize/internal/kernel"
)

// IQ4_NL: 32 values in 18 bytes.
//
//	0     2                       18
//	| d   | q[0]|q[16]<<4 …       |
//	| f16 | byte j: q[j], q[j+16] |
//
// value j = d·level[q[j]], with the sixteen uneven levels kernel.Levels4
var iq4NL = Codec{Type: gguf.TypeIQ4_NL, Check: checkIQ4NL, encode: encodeIQ4NL, decode: decodeIQ4NL, encodeFast: encodeIQ4NLFast, decodeFast: kernel.DecodeIQ4_NL}

func encodeIQ4NL(dst []byte, src, weight []float32) {
	var w [32]float32
	for ; len(src) >= 32; src, dst = src[32:], dst[18:] {
		x, b := src[:32], dst[:18]
		if weight == nil {
			kernel.Squares(w[:], x)
		} else {
			kernel.WeighImportance(w[:], x, weight, kernel.SumSquares(x)*(2.0/32))
			weight = weight[32:]
		}
		d := kernel.SearchLevels4(x, w[:])
		putF16(b, d)
		packLevels(b[2:18], x, inverse(d)) // of d as it was found, not as it is stored
	}
}

func encodeIQ4NLFast(dst []byte, src, weight []float32) bool {
	return tiled(dst, src, weight, 32, 18, func(t *kernel.Tile, weighted bool) {
		const n = 32 * kernel.Lanes
		if weighted {
			sigma2Rows(t, 32)
		}
		t.Levels.Init()
		searchLevels(t, 0, weighted)
		putF16Rows(t, 0, &t.Levels.Scale)
		kernel.LevelRows(t.Codes[:n], t.X[:n], inverseRow(&t.Levels.Scale))
		packHalves(t, 2, false)
	})
}

// sigma2Rows sets the mean square, doubled, of each lane's block of n values.
func sigma2Rows(t *kernel.Tile, n int) {
	kernel.SumSquaresRows(&t.Sigma2, t.X[:kernel.Lanes*n])
	for l := range t.Sigma2 {
		t.Sigma2[l] *= 2 / float32(n)
	}
}

// searchLevels searches group g of each lane's block, under the squares of its values or under importance.
func searchLevels(t *kernel.Tile, g int, weighted bool) {
	const n = 32 * kernel.Lanes
	x := t.X[n*g:][:n]
	if weighted {
		kernel.WeighImportanceRows(t.W[:n], x, t.Importance[n*g:], &t.Sigma2, kernel.RowAt(t.Sums[:], g))
	} else {
		kernel.SquareRows(t.W[:n], x)
	}
	t.Levels.Search(x, t.W[:], 32)
}

// inverseRow is inverse of every lane.
func inverseRow(d *kernel.Row) *kernel.Row {
	var r kernel.Row
	for l, v := range d {
		r[l] = inverse(v)
	}
	return &r
}

// packLevels stores the codes of 32 values: byte j holds those of value j and, above it, of value j+16.
func packLevels(q []byte, x []float32, inv float32) {
	q, x = q[:16], x[:32]
	for j := range q {
		q[j] = kernel.NearestLevel4(inv*x[j]) | kernel.NearestLevel4(inv*x[j+16])<<4
	}
}

// unpackLevels gives the 32 values of 16 bytes of codes under a scale.
func unpackLevels(x []float32, q []byte, d float32) {
	x, q = x[:32], q[:16]
	for j, c := range q {
		x[j] = d * kernel.Levels4[c&15]
		x[j+16] = d * kernel.Levels4[c>>4]
	}
}

func decodeIQ4NL(dst []float32, src []byte) {
	for ; len(src) >= 18; src, dst = src[18:], dst[32:] {
		unpackLevels(dst, src[2:], getF16(src))
	}
}

// All codes are legal.
func checkIQ4NL(row []byte) error { return checkScales(row, 18, 32, 0) }
