package kernel

// Levels4 are the values of the sixteen codes of IQ4: close together where weights are frequent.
var Levels4 = [16]float32{-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113}

// Borders4 separate the codes: the code of x is how many borders x is not below, so a tie goes up and NaN
// counts as large. They are the midpoints, because the reference's differences are exact beside them.
var Borders4 = [15]float32{-115.5, -93.5, -74, -57, -42, -28.5, -16, -4.5, 7, 19, 31.5, 45.5, 61, 79, 101}

// The borders are multiples of a half, so floor(2x) decides: codes4[floor(2x)+512] is the code of x, and
// values4 its level. Times 2^21, what is as large as a border is a whole number: the cut to an integer and
// the shift by 20 are that floor.
const unit4 = 1 << 21

var codes4, values4 = func() (codes [1024]uint8, values [1024]float32) {
	for i := range codes {
		for codes[i] < 15 && float32(i-512)/2 >= Borders4[codes[i]] {
			codes[i]++
		}
		values[i] = Levels4[codes[i]]
	}
	return codes, values
}()

// NearestLevel4 gives the code of the level next to x.
func NearestLevel4(x float32) uint8 {
	switch {
	case !(x < 128):
		return 15
	case x < -128:
		return 0
	}
	return codes4[(int32(x*unit4)>>20+512)&1023]
}

// SearchLevels4 finds a scale: x ≈ scale·Levels4[code], where code is that of the level nearest to x/scale. It
// is 0 for a group that counts as zero.
func SearchLevels4(x, w []float32) (scale float32) {
	top := Peak(x)
	if Abs(top) < Tiny {
		return 0
	}
	qx, qq := levelSums4(x, w, 1/(top/-Levels4[0]))
	if qq > 0 {
		scale = qx / qq
	}
	best := scale * qx
	for k := int32(-7); k <= 7; k++ {
		qx, qq := levelSums4(x, w, (float32(k)+Levels4[0])/top)
		if qq > 0 && qx*qx > best*qq {
			scale = qx / qq
			best = scale * qx
		}
	}
	return scale
}

// levelSums4 gives Σ w·q·x and Σ w·q² for the levels q nearest to inv·x, whose magnitude is below 256.
func levelSums4(x, w []float32, inv float32) (qx, qq float32) {
	w = w[:len(x)]
	inv *= unit4
	for i, v := range x {
		q := values4[(int32(inv*v)>>20+512)&1023]
		wq := w[i] * q
		qx += float32(wq * v)
		qq += float32(wq * q)
	}
	return qx, qq
}
