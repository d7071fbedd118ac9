package quantize

import "github.com/qconv/qconv/formats/gguf"

// Q6_K: super-blocks of 256 in 210 bytes; 16 sub-blocks of 16.
//
//	  0  128  ql      half h: byte 64h+l has low nibbles of codes 128h+l and +64, byte 64h+32+l of +32 and +96
//	128   64  qh      byte 32h+l: upper pairs of codes 128h+l, +32, +64, +96 from the low end
//	192   16  scales  int8
//	208    2  d       half
//
// x = d*scale*(q-32)
var q6K = Codec{
	Type: gguf.TypeQ6_K,
	Encode: func(dst []byte, src, weight []float32) {
		for ; len(src) > 0; dst, src = dst[210:], src[256:] {
			x := src[:256]
			var codes [256]uint8
			var scales [16]float32
			var w [16]float32
			for j := range scales {
				sub, use := x[16*j:16*j+16], w[:]
				if weight != nil {
					use = weight[16*j : 16*j+16]
				} else {
					for i, v := range sub {
						w[i] = v * v
					}
				}
				scales[j] = searchScale(32, sub, use, codes[16*j:16*j+16])
			}
			if weight != nil {
				weight = weight[256:]
			}
			maxScale, magnitude := signedMax(scales[:])
			if magnitude < tiny {
				clear(dst[:210])
				continue
			}
			inv := -128 / maxScale
			putF16(dst[208:], 1/inv)
			d := getF16(dst[208:])
			for j, s := range scales {
				dst[192+j] = byte(int8(min(127, rne(inv*s))))
				scale := d * float32(int8(dst[192+j]))
				if scale == 0 {
					continue
				}
				for i := 16 * j; i < 16*j+16; i++ {
					codes[i] = uint8(clamp(-32, 31, rne(x[i]/scale)) + 32)
				}
			}
			putSixes(dst, &codes)
		}
	},
	Decode: func(dst []float32, src []byte) {
		for ; len(dst) > 0; dst, src = dst[256:], src[210:] {
			d := getF16(src[208:])
			for i := range 256 {
				h, l, k := i/128, i%32, i/32%4
				low := src[64*h+k%2*32+l] >> (k / 2 * 4) & 15
				q := int32(low|src[128+32*h+l]>>(2*k)&3<<4) - 32
				dst[i] = float32(d*float32(int8(src[192+i/16]))) * float32(q)
			}
		}
	},
	Check: func(row []byte) error { return checkScales(row, 210, 208) },
}

func putSixes(dst []byte, codes *[256]uint8) {
	for h := range 2 {
		for l := range 32 {
			c := codes[128*h+l:]
			dst[64*h+l] = c[0]&15 | c[64]<<4
			dst[64*h+32+l] = c[32]&15 | c[96]<<4
			dst[128+32*h+l] = c[0]>>4 | c[32]>>4<<2 | c[64]>>4<<4 | c[96]>>4<<6
		}
	}
}
