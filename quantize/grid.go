package quantize

import (
	"sync"

	"github.com/qconv/qconv/quantize/internal/kernel"
)

// The IQ types with one to three bits store numbers of points instead of codes of single values. The points are
// facts of the format (see NOTICE); the lists of neighbours are made of them when a type is first encoded.
var (
	gridIQ1    = sync.OnceValue(func() *kernel.Grid { return kernel.NewGrid(2, 3, 3, codesIQ1[:]) })
	gridIQ2XXS = sync.OnceValue(func() *kernel.Grid { return kernel.NewGrid(2, 3, 2, codesIQ2XXS[:]) })
	gridIQ2XS  = sync.OnceValue(func() *kernel.Grid { return kernel.NewGrid(2, 3, 2, codesIQ2XS[:]) })
	gridIQ2S   = sync.OnceValue(func() *kernel.Grid { return kernel.NewGrid(2, 3, 1, codesIQ2S[:]) })
	gridIQ3XXS = sync.OnceValue(func() *kernel.Grid { return kernel.NewGrid(3, 8, 2, codesIQ3XXS[:]) })
	gridIQ3S   = sync.OnceValue(func() *kernel.Grid { return kernel.NewGrid(3, 8, 3, codesIQ3S[:]) })
)
