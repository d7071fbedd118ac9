package arch

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"math/big"
	"testing"
)

// TestPowers compares with torch 2.6.0 on x86-64 with AVX-512 (testdata/pow_bits.py): the powers that rotary embeddings of
// common widths need, every bit of them.
func TestPowers(t *testing.T) {
	for _, c := range []struct {
		base float32
		dims int
		want string
	}{
		{10000, 8, "ae3757f53502f81d"}, {10000, 16, "4df6789df38c7da3"}, {10000, 32, "7e2b8e788038ba4c"}, {10000, 64, "4907bb2421b1dff1"}, {10000, 80, "6fa422aa98c40eda"},
		{10000, 96, "04577811b352da57"}, {10000, 112, "2393b5d3d500054e"}, {10000, 128, "0f38c9ea2be251a9"}, {10000, 256, "ce87a7367afc2547"}, {500000, 8, "3bc8386763be4075"},
		{500000, 16, "78ca7e9f4f4d43d2"}, {500000, 32, "69f5544c7c2a1fbc"}, {500000, 64, "32c2e63bf2cf74a0"}, {500000, 80, "cd9cbfc7dd6ebf10"}, {500000, 96, "a8ac3ea5892f4507"},
		{500000, 112, "942dffb790fa0b37"}, {500000, 128, "b1bf8d0426cfd74d"}, {500000, 256, "30c43bf6bde2678d"}, {1000000, 8, "a65f3f784596c439"}, {1000000, 16, "1f7a0c119055761d"},
		{1000000, 32, "864791c1814ebc45"}, {1000000, 64, "1281499495540d44"}, {1000000, 80, "18340319f4d1dca9"}, {1000000, 96, "eff70ac9d7958177"}, {1000000, 112, "e96c20455804668d"},
		{1000000, 128, "7097fd897a00e96b"}, {1000000, 256, "be9bac9defff8931"}, {1234567, 8, "754f1466eb7ec1c9"}, {1234567, 16, "c2ad6c4126fac736"}, {1234567, 32, "0984c73ce05cb6f0"},
		{1234567, 64, "8b39390eb3662aa4"}, {1234567, 80, "c9aeed78739c079a"}, {1234567, 96, "4d3ddbd4c58f96fe"}, {1234567, 112, "b58bf8fa37ed31c5"}, {1234567, 128, "ee53976de9474178"},
		{1234567, 256, "1fdc3f83545b3a15"}, {100000, 8, "22124bba8ff2c931"}, {100000, 16, "03772e74893021e9"}, {100000, 32, "3a8d20ce4b1ee89c"}, {100000, 64, "586a336f48f1c0ca"},
		{100000, 80, "369de5d4d894fcc2"}, {100000, 96, "5509861c99013877"}, {100000, 112, "763b350636764641"}, {100000, 128, "747253232a87fddd"}, {100000, 256, "f2e4e14ddbab703d"},
		{150000, 8, "202cef372c2c1d1f"}, {150000, 16, "2815d192787a9032"}, {150000, 32, "8a2edac58989aa4c"}, {150000, 64, "1ae5274ace85264f"}, {150000, 80, "bd505b6d8b676206"},
		{150000, 96, "a76348e84c00a0e4"}, {150000, 112, "fc0a4c948028c34d"}, {150000, 128, "8aa9ec08f4495643"}, {150000, 256, "fdc9bcc382b55adf"}, {8000000, 8, "94a83ebf3d54a588"},
		{8000000, 16, "240309b4ac011aa2"}, {8000000, 32, "a693fd1c80d50b22"}, {8000000, 64, "3d047fb5861caf76"}, {8000000, 80, "69e331ea263752f9"}, {8000000, 96, "c888eaddb539871f"},
		{8000000, 112, "1aacf11f986ab894"}, {8000000, 128, "0d77c68d8a91298a"}, {8000000, 256, "2dad07c5dd37776d"}, {2, 8, "87874290ab180b75"}, {2, 16, "de0d5f5d6dcf8f12"},
		{2, 32, "897133476516e88d"}, {2, 64, "84f7d5709934c2e3"}, {2, 80, "6b54d52b361c29b6"}, {2, 96, "29c19aec0a2d75a1"}, {2, 112, "59b6f1a991b678a0"},
		{2, 128, "626defcbef382adc"}, {2, 256, "4fb38b57763168f2"}, {10, 8, "2a548688eb056cdf"}, {10, 16, "143af72c9ddb934d"}, {10, 32, "d79d4b6555677b50"},
		{10, 64, "584bd5ad5f2589f6"}, {10, 80, "1ad0fed9e2d18af9"}, {10, 96, "e6b1c6943d5850bb"}, {10, 112, "ac161d57903e6eb1"}, {10, 128, "cb5bb2c2100b6374"},
		{10, 256, "6b51be147bdbf3b8"}, {1.5, 8, "f75a87c586a137eb"}, {1.5, 16, "5dff7658d7c32303"}, {1.5, 32, "79e27afee570fb29"}, {1.5, 64, "df95d60b8dfe4350"},
		{1.5, 80, "d8e93291e9c4ada0"}, {1.5, 96, "1cf4612347ace268"}, {1.5, 112, "6efe2b9b14e8705f"}, {1.5, 128, "e8d5d3ee141be1a0"}, {1.5, 256, "9ea6a8ce72995bce"},
		{30000000, 8, "cb96851c0fc3e45c"}, {30000000, 16, "9d814b41f6feca0c"}, {30000000, 32, "9ba2edbb96d75f6a"}, {30000000, 64, "bb06735a153b8cfa"}, {30000000, 80, "f3ae50e1b743a16e"},
		{30000000, 96, "861764befc8e3a1e"}, {30000000, 112, "17aece4b30224b66"}, {30000000, 128, "597cb88191ae9e59"}, {30000000, 256, "00d4da9926a07e66"},
	} {
		var raw []byte
		for _, p := range powers(c.base, c.dims/2, func(i int) float32 { return float32(2*i) / float32(c.dims) }) {
			raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(p))
		}
		h := sha256.Sum256(raw)
		if got := hex.EncodeToString(h[:8]); got != c.want {
			t.Errorf("base %v, %d dimensions: digest %s, torch gives %s", c.base, c.dims, got, c.want)
		}
	}
}

// TestFMA compares with exact arithmetic.
func TestFMA(t *testing.T) {
	seed := uint32(1)
	next := func() float32 {
		for {
			seed = seed*1664525 + 1013904223
			if f := math.Float32frombits(seed); math.Abs(float64(f)) < 1e14 && math.Abs(float64(f)) > 1e-15 {
				return f
			}
		}
	}
	for i := range 200000 {
		a, b, c := next(), next(), next()
		switch i % 4 {
		case 1:
			c = -a * b // nearly cancels
		case 2:
			c = a * b * float32(math.Ldexp(1, 24)) // the product decides a tie
		}
		sum := new(big.Float).SetPrec(400).Mul(big.NewFloat(float64(a)), big.NewFloat(float64(b)))
		want, _ := sum.Add(sum, big.NewFloat(float64(c))).Float32()
		if got := fma(a, b, c); got != want {
			t.Fatalf("fma(%v, %v, %v) = %v, want %v", a, b, c, got, want)
		}
	}
}
