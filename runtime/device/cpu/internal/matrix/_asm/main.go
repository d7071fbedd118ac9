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

// files lists what each output file holds. Functions are written for both tiers, those of ymm files for AVX2 only, which
// AVX-512 uses too.
var files = []struct {
	name      string
	ymm       bool
	functions []func(*asm)
}{
	{"turn", false, []func(*asm){transpose, addRows}},
	{"round", false, []func(*asm){round}},
	{"tile", false, []func(*asm){
		func(a *asm) { tileProduct(a, 32, false) }, func(a *asm) { tileProduct(a, 32, true) },
		func(a *asm) { tileProduct(a, 16, false) }, func(a *asm) { tileProduct(a, 16, true) },
	}},
	{"row", false, []func(*asm){
		func(a *asm) { rowProducts(a, 32, false) }, func(a *asm) { rowProducts(a, 32, true) },
		func(a *asm) { rowProducts(a, 16, false) }, func(a *asm) { rowProducts(a, 16, true) },
	}},
	{"floats", false, []func(*asm){
		func(a *asm) { floatProduct(a, 1) }, func(a *asm) { floatProduct(a, 4) },
	}},
	{"unpack", true, []func(*asm){
		widenF16, widenBF16, foldSums, unpackQ8_0, unpackQ4_0, unpackQ4_K, unpackQ5_K, unpackQ6_K,
	}},
}

func main() {
	dir := flag.String("dir", "..", "directory of package matrix")
	flag.Parse()
	log.SetFlags(0)
	for _, f := range files {
		ctx := build.NewContext()
		ctx.ConstraintExpr("amd64,!purego")
		data := map[string]bool{}
		for _, wide := range []bool{false, true} {
			if wide && f.ymm {
				continue
			}
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
