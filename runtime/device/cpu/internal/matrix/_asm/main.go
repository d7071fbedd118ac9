// Command _asm writes the kernels of package matrix for amd64. Run it with go generate there.
package main

import (
	"flag"
	"log"
	"os"
	"path/filepath"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/printer"
)

// files lists what each output file holds, for which tiers. AVX-512 uses what there is for AVX2 only, too.
var files = []struct {
	name      string
	wide      []bool
	functions []func(*asm)
}{
	{"turn", both, []func(*asm){transpose, addRows}},
	{"round", both, []func(*asm){round}},
	{"tile", zmm, []func(*asm){
		func(a *asm) { tileProduct(a, 32, false, false) }, func(a *asm) { tileProduct(a, 32, true, false) },
		func(a *asm) { tileProduct(a, 16, false, false) }, func(a *asm) { tileProduct(a, 16, true, false) },
	}},
	{"words", ymm, []func(*asm){
		splitTile,
		func(a *asm) { tileWords(a, 4, 32, false) }, func(a *asm) { tileWords(a, 4, 32, true) },
		func(a *asm) { tileWords(a, 4, 16, false) }, func(a *asm) { tileWords(a, 4, 16, true) },
		func(a *asm) { tileWords(a, 8, 32, false) }, func(a *asm) { tileWords(a, 8, 32, true) },
	}},
	{"bytes", ymm, []func(*asm){
		func(a *asm) { tileBytes(a, 4, 32, 15) }, func(a *asm) { tileBytes(a, 8, 32, 15) }, func(a *asm) { tileBytes(a, 4, 32, 31) },
		func(a *asm) { tileBytes(a, 4, 16, 3) },
	}},
	{"fast", zmm, []func(*asm){
		func(a *asm) { tileProduct(a, 32, false, true) }, func(a *asm) { tileProduct(a, 32, true, true) },
		func(a *asm) { tileProduct(a, 16, false, true) }, func(a *asm) { tileProduct(a, 16, true, true) },
	}},
	{"row", both, []func(*asm){
		func(a *asm) { rowProducts(a, 32, false) }, func(a *asm) { rowProducts(a, 32, true) },
		func(a *asm) { rowProducts(a, 16, false) }, func(a *asm) { rowProducts(a, 16, true) },
	}},
	{"fused", zmm, []func(*asm){fusedQ4_0, fusedQ8_0, fusedQ2_K, fusedQ3_K, fusedQ4_K, fusedQ5_K, fusedQ6_K, fusedIQ4_XS}},
	{"narrow", ymm, []func(*asm){narrowQ8_0, narrowQ2_K, narrowQ3_K, narrowIQ4_NL, narrowIQ4_XS}},
	{"eight", ymm, []func(*asm){eightQ4_0, eightQ4_K, eightQ5_K, eightQ6_K, unweave}},
	{"floats", both, []func(*asm){
		func(a *asm) { floatProduct(a, 1) }, func(a *asm) { floatProduct(a, 4) }, streamF32, streamF16, streamBF16,
	}},
	{"grid", ymm, []func(*asm){
		unpackIQ1_S, unpackIQ1_M, unpackIQ2_XXS, unpackIQ2_XS, unpackIQ2_S, unpackIQ3_XXS, unpackIQ3_S,
	}},
	{"unpack", ymm, []func(*asm){
		widenF16, widenBF16, foldSums,
		unpackQ4_0, unpackQ4_1, unpackQ5_0, unpackQ5_1, unpackQ8_0, unpackIQ4_NL, unpackMXFP4,
		unpackQ2_K, unpackQ3_K, unpackQ4_K, unpackQ5_K, unpackQ6_K, unpackIQ4_XS, unpackTQ2_0,
	}},
}

var both, ymm, zmm = []bool{false, true}, []bool{false}, []bool{true}

func main() {
	dir := flag.String("dir", "..", "directory of package matrix")
	flag.Parse()
	log.SetFlags(0)
	for _, f := range files {
		ctx := build.NewContext()
		ctx.ConstraintExpr("amd64,!purego")
		data := map[string]bool{}
		for _, wide := range f.wide {
			a := &asm{Context: ctx, wide: wide, data: data}
			for _, fn := range f.functions {
				fn(a)
			}
		}
		file, err := ctx.Result()
		if err == nil {
			err = pass.Compile.Execute(file)
		}
		if err != nil {
			log.Fatalf("%s: %v", f.name, err)
		}
		cfg := printer.Config{Argv: []string{"go", "generate"}, Pkg: "matrix"}
		for ext, p := range map[string]printer.Printer{"s": printer.NewGoAsm(cfg), "go": printer.NewStubs(cfg)} {
			b, err := p.Print(file)
			if err != nil {
				log.Fatalf("%s: %v", f.name, err)
			}
			if err := os.WriteFile(filepath.Join(*dir, "asm_"+f.name+"_amd64."+ext), b, 0o644); err != nil {
				log.Fatal(err)
			}
		}
	}
}
