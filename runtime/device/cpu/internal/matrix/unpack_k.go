package matrix

// The types with blocks of 256 values whose codes are packed plainly. Package quantize draws the blocks.

// scaleK gives scale and minimum of group g of eight, six bits each, in twelve bytes.
func scaleK(p []byte, g int) (scale, minimum uint8) {
	p = p[:12]
	if g < 4 {
		return p[g] & 63, p[g+4] & 63
	}
	return p[g+4]&15 | p[g-4]>>6<<4, p[g+4]>>4 | p[g]>>6<<4
}

// groupsK gives scales and minima of a block of Q4_K or Q5_K.
func groupsK(scales, minima []float32, b []byte) {
	d, dmin := getHalf(b), getHalf(b[2:])
	for g := range scales[:8] {
		s, m := scaleK(b[4:], g)
		scales[g], minima[g] = d*float32(s), dmin*float32(m)
	}
}

// nibblesK gives 256 codes of 128 bytes: byte i of each 32 holds codes i and i+32 of 64.
func nibblesK(codes []uint8, q []byte) {
	for i := 0; i < 128; i += 8 {
		v, c := get8(q[i:]), codes[i/32*64+i%32:]
		put8(c, v&nibbles)
		put8(c[32:], v>>4&nibbles)
	}
}

// pairsK gives 256 codes of 64 bytes, plus a constant: byte i of each 32 holds codes i, i+32, i+64 and i+96 of 128.
func pairsK(codes []uint8, q []byte, add uint64) {
	for i := 0; i < 64; i += 8 {
		v, c := get8(q[i:]), codes[i/32*128+i%32:]
		put8(c, v&pairs+add)
		put8(c[32:], v>>2&pairs+add)
		put8(c[64:], v>>4&pairs+add)
		put8(c[96:], v>>6&pairs+add)
	}
}

func unpackQ2_K(codes []uint8, scales, minima []float32, b []byte) {
	for ; len(b) > 0; codes, scales, minima, b = codes[256:], scales[16:], minima[16:], b[84:] {
		d, dmin := getHalf(b[80:]), getHalf(b[82:])
		for g, s := range b[:16] {
			scales[g], minima[g] = d*float32(s&15), dmin*float32(s>>4)
		}
		pairsK(codes, b[16:], 0)
	}
}

func unpackQ3_K(codes []uint8, scales, _ []float32, b []byte) {
	for ; len(b) > 0; codes, scales, b = codes[256:], scales[16:], b[110:] {
		d, p := getHalf(b[108:]), b[96:108]
		for g := range scales[:16] {
			s := p[g%8]>>(g/8*4)&15 | p[8+g%4]>>(g/4*2)&3<<4
			scales[g] = d * float32(int(s)-32)
		}
		pairsK(codes, b[32:], zero-4*ones)
		for i := 0; i < 256; i += 8 {
			put8(codes[i:], get8(codes[i:])+get8(b[i%32:])>>(i/32)&ones<<2)
		}
	}
}

func unpackQ4_K(codes []uint8, scales, minima []float32, b []byte) {
	for ; len(b) > 0; codes, scales, minima, b = codes[256:], scales[8:], minima[8:], b[144:] {
		groupsK(scales, minima, b)
		nibblesK(codes, b[16:])
	}
}

func unpackQ5_K(codes []uint8, scales, minima []float32, b []byte) {
	for ; len(b) > 0; codes, scales, minima, b = codes[256:], scales[8:], minima[8:], b[176:] {
		groupsK(scales, minima, b)
		nibblesK(codes, b[48:])
		for i := 0; i < 256; i += 8 {
			put8(codes[i:], get8(codes[i:])+get8(b[16+i%32:])>>(i/32)&ones<<4)
		}
	}
}

func unpackQ6_K(codes []uint8, scales, _ []float32, b []byte) {
	const add = zero - 32*ones
	for ; len(b) > 0; codes, scales, b = codes[256:], scales[16:], b[210:] {
		d := getHalf(b[208:])
		for g := range scales[:16] {
			scales[g] = d * float32(int8(b[192+g]))
		}
		for i := 0; i < 64; i += 8 { // 32 columns of each half of 128, and the three 32 to the right
			h, j := i/32, i%32
			c, low, next, high := codes[128*h+j:], get8(b[64*h+j:]), get8(b[64*h+32+j:]), get8(b[128+32*h+j:])
			put8(c, low&nibbles+high&pairs<<4+add)
			put8(c[32:], next&nibbles+high>>2&pairs<<4+add)
			put8(c[64:], low>>4&nibbles+high>>4&pairs<<4+add)
			put8(c[96:], next>>4&nibbles+high>>6&pairs<<4+add)
		}
	}
}

func unpackIQ4_XS(codes []uint8, scales, _ []float32, b []byte) {
	for ; len(b) > 0; codes, scales, b = codes[256:], scales[8:], b[136:] {
		d, high := getHalf(b), get16(b[2:])
		for g := range scales[:8] {
			s := b[4+g/2]>>(g%2*4)&15 | uint8(high>>(2*g)&3)<<4
			scales[g] = d * float32(int(s)-32)
			unpackLevels(codes[32*g:], b[8+16*g:][:16], &levelsIQ4)
		}
	}
}

func unpackTQ2_0(codes []uint8, scales, _ []float32, b []byte) {
	for ; len(b) > 0; codes, scales, b = codes[256:], scales[8:], b[66:] {
		fill(scales[:8], getHalf(b[64:]))
		pairsK(codes, b, zero-ones)
	}
}

func unpackTQ1_0(codes []uint8, scales, _ []float32, b []byte) {
	for ; len(b) > 0; codes, scales, b = codes[256:], scales[8:], b[54:] {
		fill(scales[:8], getHalf(b[52:]))
		digits(codes[:160], b[:32])
		digits(codes[160:240], b[32:48])
		digits(codes[240:256], b[48:52])
	}
}

// digits gives codes of base 3: digit n of byte m is code m+n·len(p).
func digits(codes []uint8, p []byte) {
	for m, v := range p {
		for i := m; i < len(codes); i += len(p) {
			codes[i] = 127 + uint8(uint(v)*3>>8)
			v *= 3
		}
	}
}
