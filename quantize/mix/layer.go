package mix

import "github.com/qconv/qconv/formats/fault"

// lowBit tells the recipes below about 2.7 bits, which have rules of their own.
func lowBit(file uint32) bool {
	switch file {
	case fileIQ1_S, fileIQ1_M, fileIQ2_XXS, fileIQ2_XS, fileIQ2_S, fileIQ2_M:
		return true
	}
	return false
}

// moreBits picks the first and last eighth of n layers and every third layer between.
func moreBits(i, n int64) bool { return i < n/8 || i >= 7*n/8 || (i-n/8)%3 == 2 }

// layer gives the layer of a feed-forward tensor and counts it. Dense models have one of a kind in a
// layer, so the count will do; with experts the name decides.
func (v *visit) layer(s *Site, nth *int64) (int64, error) {
	i := *nth
	*nth++
	if v.model.Experts <= 1 {
		return i, nil
	}
	l, ok := layerOf(s.Name)
	if !ok || l >= v.model.Layers {
		return 0, fault.New(fault.Malformed, "", "the recipe needs the layer in the name, below the model's %d", v.model.Layers).In(s.Name)
	}
	return l, nil
}
