// Command _asm writes the kernels of package kernel for amd64. Run it with go generate there.
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

// files lists what each output file holds; every function is written for both tiers.
var files = []struct {
	name      string
	functions []func(*asm)
}{
	{"offset", []func(*asm){
		func(a *asm) { searchOffset(a, false) },
		func(a *asm) { searchOffset(a, true) },
	}},
	{"signed", []func(*asm){searchSigned, refineSigned, peaks}},
	{"positive", []func(*asm){searchPositive}},
	{"levels", []func(*asm){searchLevels, nearestLevels}},
	{"shifted", []func(*asm){searchShifted, searchShiftedHalves, fitShifted, func(a *asm) { gridSnap(&grid{a, 2}) }}},
	{"pack", []func(*asm){packNibbles, packPairs, packBits}},
	{"tile", []func(*asm){spread, collect, addSquares, squares, weighMagnitude, weighImportance, requantize, laneCodes}},
	{"scales", []func(*asm){
		func(a *asm) { largest(a, 16) }, func(a *asm) { largest(a, 32) },
		scaleSigned, scaleOffset, scaleMagnitude,
	}},
	{"rounded", []func(*asm){codesQ4_0, codesQ4_1, codesQ5_0, codesQ5_1, codesQ8_0}},
	{"fp4", []func(*asm){codesMXFP4, codesNVFP4}},
	{"ternary", []func(*asm){codesTQ1_0, codesTQ2_0, codesQ2_0, signsQ1_0, sumMagnitudes}},
	{"decode", []func(*asm){
		decodeQ4_0, decodeQ4_1, decodeQ5_0, decodeQ5_1, decodeQ8_0, decodeIQ4_NL, decodeMXFP4, decodeNVFP4,
		decodeTQ1_0, decodeTQ2_0, decodeQ1_0, decodeQ2_0,
	}},
	{"decode_k", []func(*asm){decodeQ2_K, decodeQ3_K, decodeQ4_K, decodeQ5_K, decodeQ6_K, decodeIQ4_XS}},
	{"decode_grid", []func(*asm){
		decodeIQ2_XXS, decodeIQ2_XS, decodeIQ2_S, decodeIQ3_XXS, decodeIQ3_S, decodeIQ1_S, decodeIQ1_M,
	}},
	{"widen", []func(*asm){copyF32, widenBF16, widenF16, narrowF64, roundF16, roundBF16, fp8E4M3, fp8E5M2, scanF32, scan16}},
	{"grid", []func(*asm){
		func(a *asm) { gridTerms(&grid{a, 2}) }, func(a *asm) { gridFind(&grid{a, 2}) }, func(a *asm) { gridSums(&grid{a, 2}) },
		func(a *asm) { gridTerms(&grid{a, 3}) }, func(a *asm) { gridFind(&grid{a, 3}) }, func(a *asm) { gridSums(&grid{a, 3}) },
	}},
}

func main() {
	dir := flag.String("dir", "..", "directory of package kernel")
	flag.Parse()
	log.SetFlags(0)
	for _, f := range files {
		ctx := build.NewContext()
		ctx.ConstraintExpr("amd64,!purego")
		data := map[string]bool{}
		for _, wide := range []bool{false, true} {
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
		cfg := printer.Config{Argv: []string{"go", "generate"}, Pkg: "kernel"}
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
