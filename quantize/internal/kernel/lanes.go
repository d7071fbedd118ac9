package kernel

// The plain forms of what kernels do with whole rows of a tile.

// spread puts 16 runs of len(dst)/16 values side by side. from holds the runs' byte offsets in src.
func spread(dst, src []float32, from *[Lanes]int) {
	if tier != Plain && spreadFast(dst, src, from) {
		return
	}
	n := len(dst) / Lanes
	for l, at := range from {
		for i, v := range src[at/4:][:n] {
			dst[Lanes*i+l] = v
		}
	}
}

// collect writes the lanes of a tile of bytes as 16 runs, one after another.
func collect(dst, src []byte) {
	if tier != Plain && collectFast(dst, src) {
		return
	}
	n := len(src) / Lanes
	for l := range Lanes {
		for i := range n {
			dst[n*l+i] = src[Lanes*i+l]
		}
	}
}

// SumSquaresRows is SumSquares of every lane.
func SumSquaresRows(sum *Row, x []float32) {
	*sum = Row{}
	addSquaresRows(sum, x)
}

// addSquaresRows goes on with SumSquares of every lane.
func addSquaresRows(sum *Row, x []float32) {
	if tier != Plain && addSquaresFast(sum, x) {
		return
	}
	for i, v := range x {
		sum[i%Lanes] += float32(v * v)
	}
}

// SquareRows is x² of every value.
func SquareRows(w, x []float32) {
	if tier != Plain && squaresFast(w, x) {
		return
	}
	Squares(w, x)
}

// WeighMagnitudeRows is mean + |x| with one mean a lane.
func WeighMagnitudeRows(w, x []float32, mean *Row) {
	w = w[:len(x)]
	if tier != Plain && weighMagnitudeFast(w, x, mean) {
		return
	}
	for i, v := range x {
		w[i] = mean[i%Lanes] + Abs(v)
	}
}

// WeighImportanceRows is WeighImportance with one sigma2 a lane, and the sum of each lane's weights.
func WeighImportanceRows(w, x, importance []float32, sigma2, sum *Row) {
	w, importance = w[:len(x)], importance[:len(x)]
	if tier != Plain && weighImportanceFast(w, x, importance, sigma2, sum) {
		return
	}
	*sum = Row{}
	for i, v := range x {
		w[i] = float32(importance[i] * Sqrt(sigma2[i%Lanes]+float32(v*v)))
		sum[i%Lanes] += w[i]
	}
}

// RequantizeRows chooses codes for the scale and offset of each lane: Nearest((x+offset)/scale) between low and high,
// plus bias. A lane whose scale is 0 keeps its codes.
func RequantizeRows(codes []uint8, x []float32, scale, offset *Row, low, high, bias int32) {
	codes = codes[:len(x)]
	if tier != Plain && requantizeFast(codes, x, scale, offset, low, high, bias) {
		return
	}
	for i, v := range x {
		if l := i % Lanes; scale[l] != 0 {
			codes[i] = uint8(Clamp(Nearest((v+offset[l])/scale[l]), low, high) + bias)
		}
	}
}

// CodeRows gives Nearest(inverse·(x-from)) between low and high, plus bias; 0 in lanes whose inverse is 0.
func CodeRows(codes []uint8, x []float32, inverse, from *Row, low, high, bias int32) {
	codes = codes[:len(x)]
	if tier != Plain && codesFast(codes, x, inverse, from, low, high, bias) {
		return
	}
	for i, v := range x {
		if l := i % Lanes; inverse[l] == 0 {
			codes[i] = 0
		} else {
			codes[i] = uint8(Clamp(Nearest(inverse[l]*(v-from[l])), low, high) + bias)
		}
	}
}

// PeakRows is Peak of every lane.
func PeakRows(top *Row, x []float32) {
	if tier != Plain && peaksFast(top, x) {
		return
	}
	var most Row
	*top = Row{}
	for i, v := range x {
		if l := i % Lanes; Abs(v) > most[l] {
			most[l], top[l] = Abs(v), v
		}
	}
}

// SumSquaresEach is SumSquares of every row of cols values, cols being a multiple of 16. Sixteen rows go side by side,
// because one sum alone waits for each of its additions.
func SumSquaresEach(sums, x []float32, cols int) {
	x = x[:cols*len(sums)]
	if tier == Plain {
		for i := range sums {
			sums[i] = SumSquares(x[i*cols:][:cols])
		}
		return
	}
	t := NewTile()
	defer t.Free()
	for len(sums) > 0 {
		n := min(len(sums), Lanes)
		for l := range t.from {
			t.from[l] = 4 * cols * min(l, n-1)
		}
		var sum Row
		for at := 0; at < cols; at += 256 {
			part := t.X[:Lanes*min(256, cols-at)]
			spread(part, x[at:], &t.from)
			addSquaresRows(&sum, part)
		}
		copy(sums, sum[:n])
		sums, x = sums[n:], x[n*cols:]
	}
}
