//go:build purego || !amd64

package matrix

import "github.com/qconv/qconv/formats/gguf"

func multiplyEights(_ []float32, _ int, _ *Activations, _ *Weight, row0, _ int) int { return row0 }

func wantsWoven(gguf.Type) bool { return false }

func unweave(_, _ []byte, _, _ int) { panic("matrix: nothing is woven") }
