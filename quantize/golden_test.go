package quantize

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/gguf"
)

var update = flag.Bool("update", false, "record testdata/goldens.tsv anew from -oracle; look at the difference before you commit it")

const (
	goldenFile = "testdata/goldens.tsv"
	goldenCols = 1024
	goldenRows = 4
	goldenSeed = 20261123
)

// golden is what the reference made of one input.
type golden struct {
	encoded string // SHA-256 of all blocks
	decoded string // SHA-256 of the float32 that the reference decodes these blocks to
	first   []byte // the first block itself, to see where a difference lies
}

// gaveUp stands for both hashes and the block where the reference ends the program instead of answering.
const gaveUp = "-"

func goldenKey(c *Codec, dist int, weighted bool) string {
	return fmt.Sprintf("%v\t%s\t%v", c.Type, distributions[dist].name, weighted)
}

// kindsOf tells which rows of a type there are: without and with weights, or only with.
func kindsOf(c *Codec) []bool {
	if c.NeedWeight {
		return []bool{true}
	}
	return []bool{false, true}
}

// goldenInput gives the rows of a golden, and its weights or nil.
func goldenInput(dist int, weighted bool) (x, weight []float32) {
	x, weight = sampleRows(dist, goldenCols, goldenRows, goldenSeed)
	if !weighted {
		weight = nil
	}
	return x, weight
}

// TestGoldens compares every codec with recorded answers of llama.cpp v0.5.0, in both directions.
func TestGoldens(t *testing.T) {
	if *update {
		record(t)
	}
	goldens := readGoldens(t)
	for _, c := range List() {
		t.Run(c.Type.String(), func(t *testing.T) {
			for dist := range distributions {
				for _, weighted := range kindsOf(c) {
					g, ok := goldens[goldenKey(c, dist, weighted)]
					if !ok {
						t.Fatalf("no golden of %s: record it with -update -oracle", goldenKey(c, dist, weighted))
					}
					x, weight := goldenInput(dist, weighted)
					b := encodeRows(c, x, weight, goldenCols)
					if g.encoded == gaveUp {
						if c.Check(b) == nil {
							t.Errorf("%s weighted=%v: Check accepts rows on which the reference gives up", distributions[dist].name, weighted)
						}
						continue
					}
					if !bytes.HasPrefix(b, g.first) {
						t.Errorf("%s weighted=%v: the first block is\n%x, the reference has\n%x", distributions[dist].name, weighted, b[:len(g.first)], g.first)
					}
					if digest(b) != g.encoded {
						t.Errorf("%s weighted=%v: bytes differ from the reference's", distributions[dist].name, weighted)
					} else if digest(floatsOf(floatBytes(decodeRows(c, b, goldenCols)))) != g.decoded {
						t.Errorf("%s weighted=%v: decoded values differ from the reference's", distributions[dist].name, weighted)
					}
				}
			}
		})
	}
	want := 0
	for _, c := range List() {
		want += len(kindsOf(c)) * len(distributions)
	}
	if len(goldens) != want {
		t.Errorf("%d goldens are recorded, %d are used", len(goldens), want)
	}
}

func readGoldens(t *testing.T) map[string]golden {
	t.Helper()
	b, err := os.ReadFile(goldenFile)
	if err != nil {
		t.Fatal(err)
	}
	goldens := map[string]golden{}
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(strings.TrimSpace(line), "\t")
		if len(f) != 6 {
			t.Fatalf("%s: a line has %d fields, want 6", goldenFile, len(f))
		}
		first, err := hex.DecodeString(strings.TrimPrefix(f[5], gaveUp))
		if err != nil {
			t.Fatal(err)
		}
		goldens[strings.Join(f[:3], "\t")] = golden{encoded: f[3], decoded: f[4], first: first}
	}
	return goldens
}

// record asks the reference for everything.
func record(t *testing.T) {
	if *oraclePath == "" {
		t.Fatal("-update needs -oracle PATH/ggml_oracle.py")
	}
	var b strings.Builder
	b.WriteString("# Answers of llama.cpp v0.5.0 on x86-64, recorded by TestGoldens -update. The inputs are in samples_test.go.\n")
	b.WriteString("# type, distribution, weighted, SHA-256 of the blocks, SHA-256 of what they decode to, first block\n")
	for _, c := range List() {
		elems, size, _ := c.Type.Block()
		for dist := range distributions {
			for _, weighted := range kindsOf(c) {
				x, weight := goldenInput(dist, weighted)
				blocks := ask(t, c, "rows", goldenCols, floatBytes(x), weight)
				if blocks == nil {
					fmt.Fprintf(&b, "%s\t%s\t%s\t%s\n", goldenKey(c, dist, weighted), gaveUp, gaveUp, gaveUp)
					continue
				}
				decoded := blocks // the reference has no decoder for F32: its bytes are the values
				if c.Type != gguf.TypeF32 {
					decoded = ask(t, c, "unrows", goldenCols, blocks, nil)
				}
				first := size
				if elems == 1 {
					first *= 8
				}
				fmt.Fprintf(&b, "%s\t%s\t%s\t%x\n", goldenKey(c, dist, weighted), digest(blocks), digest(floatsOf(decoded)), blocks[:first])
			}
		}
	}
	if err := os.WriteFile(goldenFile, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
