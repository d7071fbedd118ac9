package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// instruction is a word of code and how it reads.
type instruction struct {
	word uint32
	text string
}

var (
	symbolLine      = regexp.MustCompile(`^[0-9a-f]+ <(\w+)>:$`)
	instructionLine = regexp.MustCompile(`^ +[0-9a-f]+: ([0-9a-f]{8}) +\t(.*)$`)
)

// compile gives the code of every function of a C file.
func compile(source string) (map[string][]instruction, error) {
	flags, err := os.ReadFile("c/flags")
	if err != nil {
		return nil, err
	}
	tmp, err := os.MkdirTemp("", "neon")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(tmp)
	object := filepath.Join(tmp, "o.o")
	arguments := append(strings.Fields(string(flags)), "-I", "c", "-c", source, "-o", object)
	if out, err := exec.Command("clang-19", arguments...).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("clang-19: %w\n%s", err, out)
	}
	out, err := exec.Command("llvm-objdump-19", "--disassemble", "--reloc", object).Output()
	if err != nil {
		return nil, fmt.Errorf("llvm-objdump-19: %w", err)
	}
	code, name := map[string][]instruction{}, ""
	for line := range strings.Lines(string(out)) {
		line = strings.TrimRight(line, "\n")
		if m := symbolLine.FindStringSubmatch(line); m != nil {
			name = m[1]
			continue
		}
		if m := instructionLine.FindStringSubmatch(line); m != nil && name != "" {
			w, err := strconv.ParseUint(m[1], 16, 32)
			if err != nil {
				return nil, err
			}
			code[name] = append(code[name], instruction{uint32(w), strings.Join(strings.Fields(m[2]), " ")})
			continue
		}
		if strings.Contains(line, "R_AARCH64") {
			return nil, fmt.Errorf("%s refers to something outside of itself, mostly a constant: %s", name, strings.TrimSpace(line))
		}
	}
	return code, nil
}

var (
	// The stack is Go's, x28 is the goroutine, x29 the frame, x30 the way back, x18 the system's. Everything else a
	// function in assembly may change.
	reserved = regexp.MustCompile(`\b(sp|wsp|[xw](18|28|29|30))\b`)
	fused    = regexp.MustCompile(`^(fn?m(add|sub)|b?fml[as]\w*|fcmla|bfdot|bfmmla|frecps|frsqrts)\b`)
	calls    = regexp.MustCompile(`^(bl|blr|br|svc|adrp?|brk|hlt)\b`)
)

// fuses is what a C file says whose kernels fuse on purpose, by intrinsics, as plain Go does there.
const fuses = "#define FUSES"

// check refuses code that cannot stand as it is in a Go function without a frame, or would give other bytes.
func check(code []instruction, fuses bool) error {
	for i, ins := range code {
		switch {
		case reserved.MatchString(ins.text):
			return fmt.Errorf("instruction %d uses a register that is not free (are values spilled?): %s", i, ins.text)
		case !fuses && fused.MatchString(ins.text):
			return fmt.Errorf("instruction %d rounds once where two are due: %s", i, ins.text)
		case calls.MatchString(ins.text):
			return fmt.Errorf("instruction %d leaves the function: %s", i, ins.text)
		}
	}
	return nil
}
