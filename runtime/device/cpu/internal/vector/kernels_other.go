//go:build purego || !(amd64 || arm64)

package vector

func dotsFast(_, _, _ Matrix, _, _, _ int) bool { return false }
func mixFast(_, _, _ Matrix, _, _, _ int) bool  { return false }
func touchFast([]float32)                       {}

func largestFast([]float32, *[Group]float32) bool         { return false }
func expSumFast([]float32, float32, *[Group]float64) bool { return false }
func sumExpFast([]float32, float64, *[Group]float64) bool { return false }
func squaresFast([]float32, *[Group]float64) bool         { return false }
func gateFast(_, _, _ []float32) bool                     { return false }
func scaledFast(_, _, _ []float32, _ float32) bool        { return false }
func addScaledFast(_, _ []float32, _ float32) bool        { return false }
func timesFast(_, _ []float32, _ float32) bool            { return false }
func blendFast(_, _ []float32, _, _ float32) bool         { return false }
func rotateHalvesFast(_, _, _, _ []float32) bool          { return false }
func rotateNeighboursFast(_, _, _ []float32) bool         { return false }
