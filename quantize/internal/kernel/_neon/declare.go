package main

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// function is a kernel as C declares it.
type function struct {
	name, doc string
	params    []param
}

type param struct{ name, goType string }

// kernelLine finds a comment of // lines and the kernel below it.
var kernelLine = regexp.MustCompile(`(?m)((?:^//.*\n)+)^KERNEL (\w+)\(([^)]*)\)`)

var goTypes = map[string]string{
	"float *": "*float32", "const float *": "*float32", "uint8_t *": "*byte", "const uint8_t *": "*byte",
	"const long *": "*int", "long *": "*int", "const uint64_t *": "*uint64", "long ": "int", "float ": "float32",
	"const int8_t *": "*int8", "int8_t *": "*int8", "int32_t *": "*int32", "double *": "*float64", "double ": "float64",
}

// declarations reads the kernels of a C file.
func declarations(c string) (functions []function, err error) {
	for _, m := range kernelLine.FindAllStringSubmatch(c, -1) {
		f := function{name: m[2], doc: m[1]}
		for p := range strings.SplitSeq(m[3], ",") {
			p = strings.Join(strings.Fields(p), " ")
			at := strings.LastIndexAny(p, " *") + 1
			t, ok := goTypes[p[:at]]
			if !ok {
				return nil, fmt.Errorf("%s: no Go type for %q", f.name, p)
			}
			f.params = append(f.params, param{p[at:], t})
		}
		functions = append(functions, f)
	}
	return functions, nil
}

// Registers that the C functions' calling convention, preserve_none, passes arguments in.
const (
	firstWhole = 20
	lastWhole  = 27
	lastFloat  = 7
)

// write adds the function to the assembly and its declaration to those of Go.
func (f function) write(asm, goFile *bytes.Buffer, code []instruction) error {
	whole, float, at := firstWhole, 0, 0
	var loads, params strings.Builder
	for i, p := range f.params {
		if i > 0 {
			params.WriteString(", ")
		}
		fmt.Fprintf(&params, "%s %s", p.name, p.goType)
		if p.goType == "float32" {
			fmt.Fprintf(&loads, "\tFMOVS %s+%d(FP), F%d\n", p.name, at, float)
			at, float = at+4, float+1
			continue
		}
		at = (at + 7) &^ 7
		if p.goType == "float64" {
			fmt.Fprintf(&loads, "\tFMOVD %s+%d(FP), F%d\n", p.name, at, float)
			at, float = at+8, float+1
			continue
		}
		fmt.Fprintf(&loads, "\tMOVD %s+%d(FP), R%d\n", p.name, at, whole)
		at, whole = at+8, whole+1
	}
	if whole > lastWhole+1 || float > lastFloat+1 {
		return errors.New("too many arguments")
	}
	signature := fmt.Sprintf("func %sNEON(%s)", f.name, params.String())
	fmt.Fprintf(asm, "\n// %s\nTEXT ·%sNEON(SB), NOSPLIT, $0-%d\n%s", signature, f.name, at, loads.String())
	for _, ins := range code {
		fmt.Fprintf(asm, "\tWORD $0x%08x // %s\n", ins.word, ins.text)
	}
	doc := strings.Replace(f.doc, "// "+f.name+" ", "// "+f.name+"NEON ", 1)
	fmt.Fprintf(goFile, "\n%s//\n//go:noescape\n%s\n", doc, signature)
	return nil
}
