package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/reg"
)

// tileBytes is tileWords for fast mode, where values are bytes, and for codes that are small: VPMADDUBSW multiplies twice as
// many at once, and its sums of two products are added up in words before they become integers of 32 bits.
//
// A word holds 2·quads products of codes up to most with values up to 127. The tile is as VPDPBUSD has it, see tileProduct:
// it need not be split.
func tileBytes(a *asm, tokens, group, most int) {
	quads := min(group/4, 32767/(2*127*most))
	k := &words{asm: a, group: group, minima: true, tokens: tokens, quads: quads}
	k.tiles(fmt.Sprintf("tileBytes%dby%dTo%d", tokens, group, most))
}

// byteProducts is products for bytes.
func (k *words) byteProducts(first, n int) []reg.VecVirtual {
	sums := make([]reg.VecVirtual, k.tokens)
	for from := first; from < first+n; from += k.quads {
		part := make([]reg.VecVirtual, k.tokens)
		for q := from; q < min(from+k.quads, first+n); q++ {
			w := k.load(k.mem(k.tile, 128*q))
			for t := range part {
				v := k.vec()
				k.VPBROADCASTD(k.at(k.values, t, 4*q), v)
				k.VPMADDUBSW(v, w, v)
				if part[t] == nil {
					part[t] = v
				} else {
					k.VPADDW(v, part[t], part[t])
				}
			}
		}
		for t, v := range part {
			k.VPMADDWD(k.shared(256<<16|256), v, v) // as if values were not bytes, but bytes times 256
			if sums[t] == nil {
				sums[t] = v
			} else {
				k.VPADDD(v, sums[t], sums[t])
			}
		}
	}
	return sums
}
