package quantize

import (
	"bytes"
	"math"
	"math/bits"
	"testing"
)

// Damages is true exactly where the reference's defect changes bytes.
func TestIQ3SDamages(t *testing.T) {
	const cols = 1024
	for dist := range distributions {
		x, weight := sampleRows(dist, cols, 8, 17)
		var damaged, blocks int
		for i := 0; i < len(x); i += 256 {
			block := x[i:][:256]
			want := iq3S.Damages(block)
			for _, w := range [][]float32{nil, weight[i%cols:][:256]} {
				if got := !bytes.Equal(encodeRows(&iq3S, block, w, 256), encodeRows(iq3S.Correct, block, w, 256)); got != want {
					t.Errorf("%s, super-block %d: bytes differ: %v, damages: %v", distributions[dist].name, i/256, got, want)
				}
			}
			blocks++
			if want {
				damaged++
			}
		}
		if all := iq3S.Damages(x); all != (damaged > 0) {
			t.Errorf("%s: %d super-blocks are damaged, all of them together: %v", distributions[dist].name, damaged, all)
		}
		if distributions[dist].name == "sparse" && (damaged == 0 || damaged == blocks) {
			t.Errorf("sparse: %d of %d super-blocks are damaged: this tests nothing", damaged, blocks)
		}
	}
}

// For every set of sub-blocks of zeros: which are damaged, and that correct blocks hold what the reference stores of
// the same values when it does not see zeros.
func TestIQ3SCorrect(t *testing.T) {
	whole, _ := sampleRows(0, 256, 1, 23)
	usual := rmse(whole, decodeRows(&iq3S, encodeRows(&iq3S, whole, nil, 256), 256), 0)
	for zeros := range uint(255) {
		x := append([]float32(nil), whole...)
		tiny := append([]float32(nil), whole...)
		for i := range x {
			if zeros>>(i/32)&1 == 1 {
				x[i] = float32(math.Copysign(0, float64(x[i])))
				tiny[i] *= 1e-9
			}
		}
		reference, correct := encodeRows(&iq3S, x, nil, 256), encodeRows(iq3S.Correct, x, nil, 256)
		damaged := zeros != 0 && bits.Len(^zeros&255) > bits.TrailingZeros(zeros) // the last other one follows the first
		if got := iq3S.Damages(x); got != damaged {
			t.Errorf("zeros in sub-blocks %08b: damages: %v", zeros, got)
		}
		if bytes.Equal(reference, correct) == damaged {
			t.Errorf("zeros in sub-blocks %08b: damaged, but bytes are equal, or the reverse", zeros)
		}
		values := decodeRows(&iq3S, correct, 256)
		for i, want := range decodeRows(&iq3S, encodeRows(&iq3S, tiny, nil, 256), 256) {
			if zeros>>(i/32)&1 == 0 && values[i] != want {
				t.Fatalf("zeros in sub-blocks %08b: value %d is %v, want %v", zeros, i, values[i], want)
			}
		}
		if e := rmse(x, values, zeros); e > 1.5*usual {
			t.Errorf("zeros in sub-blocks %08b: the error of a correct block is %v, usual is %v", zeros, e, usual)
		}
		if e := rmse(x, decodeRows(&iq3S, reference, 256), zeros); damaged && e < 2*usual {
			t.Errorf("zeros in sub-blocks %08b: the error of a damaged block is %v, usual is %v", zeros, e, usual)
		}
	}
}

// rmse is the error of the sub-blocks whose bit in zeros is not set.
func rmse(x, y []float32, zeros uint) float64 {
	var sum float64
	n := 0
	for i := range x {
		if zeros>>(i/32)&1 == 0 {
			d := float64(x[i]) - float64(y[i])
			sum += d * d
			n++
		}
	}
	return math.Sqrt(sum / float64(n))
}
