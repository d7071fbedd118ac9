// Command _asm writes the kernels of package vector for amd64. Run it with go generate there.
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
	{"dots", []func(*asm){
		func(a *asm) { dots(a, 4, 4) }, func(a *asm) { dots(a, 1, 4) }, func(a *asm) { dots(a, 1, 1) },
	}},
	{"mix", []func(*asm){func(a *asm) { mix(a, 4) }, func(a *asm) { mix(a, 1) }}},
	{"sums", []func(*asm){touch, largest, squares, expSum, sumExp}},
	{"each", []func(*asm){gate, scaled, addScaled, times, blend, rotateHalves, rotateNeighbours}},
}

func main() {
	dir := flag.String("dir", "..", "directory of package vector")
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
		cfg := printer.Config{Argv: []string{"go", "generate"}, Pkg: "vector"}
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
