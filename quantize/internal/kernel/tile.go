package kernel

// A tile holds up to 16 groups of values side by side, one a lane: value i of lane l is at 16·i + l. Every lane goes
// through the operations of the plain version in its order, which is what keeps the bytes the same.

// Lanes is the width of a tile on every tier.
const Lanes = 16

// Row is one value of each lane.
type Row [Lanes]float32

// gather copies one lane of a tile of n rows.
func gather(dst, tile []float32, lane, n int) {
	for i := range n {
		dst[i] = tile[Lanes*i+lane]
	}
}
