package quantize

import (
	"bytes"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var (
	oraclePath  = flag.String("oracle", "", "path of ggml_oracle.py, which asks the reference")
	pythonPath  = flag.String("python", "python3", "interpreter with numpy for -oracle")
	oracleRows  = flag.Int("oracle.rows", 1024, "rows of 2048 values for each type, distribution and kind of weighting")
	oracleTypes = flag.String("oracle.types", "", "types to compare, such as Q4_0,IQ4_NL; empty for all")
	oracleSeed  = flag.Uint64("oracle.seed", 1, "seed of the rows")
)

// ask runs the reference on rows (verb rows) or blocks (verb unrows).
func ask(t *testing.T, c *Codec, verb string, cols int, input []byte, weight []float32) []byte {
	t.Helper()
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	if err := os.WriteFile(in, input, 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{*oraclePath, verb, c.Type.String(), fmt.Sprint(cols), in, out}
	if weight != nil {
		w := filepath.Join(dir, "weight")
		if err := os.WriteFile(w, floatBytes(weight), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--imatrix", w)
	}
	if msg, err := exec.Command(*pythonPath, args...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", args, err, msg)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestOracle compares fresh rows with the reference, both ways. It needs the reference and minutes:
// testdata/diff_codecs.sh runs it.
func TestOracle(t *testing.T) {
	if *oraclePath == "" {
		t.Skip("give -oracle PATH/ggml_oracle.py to compare with the reference itself; the goldens are its recorded answers")
	}
	const cols = 2048
	for _, c := range List() {
		if c.Type.String() == "F32" {
			continue // the reference has no decoder to ask
		}
		if *oracleTypes != "" && !slices.Contains(strings.Split(*oracleTypes, ","), c.Type.String()) {
			continue
		}
		var values, differ, decoded, decodeDiffer int
		for dist := range distributions {
			for _, weighted := range []bool{false, true} {
				x, weight := sampleRows(dist, cols, *oracleRows, *oracleSeed)
				if !weighted {
					weight = nil
				}
				got := encodeRows(c, x, weight, cols)
				want := ask(t, c, "rows", cols, floatBytes(x), weight)
				n := countDiffer(got, want)
				values, differ = values+len(x), differ+n
				if n > 0 {
					t.Errorf("%v %s weighted=%v: %d of %d bytes differ", c.Type, distributions[dist].name, weighted, n, len(want))
				}
				if weighted {
					continue
				}
				back := floatsOf(floatBytes(decodeRows(c, want, cols)))
				n = countDiffer(back, floatsOf(ask(t, c, "unrows", cols, want, nil)))
				decoded, decodeDiffer = decoded+len(x), decodeDiffer+n
				if n > 0 {
					t.Errorf("%v %s: decoding differs in %d of %d bytes", c.Type, distributions[dist].name, n, len(back))
				}
			}
		}
		t.Logf("%-5v %d values encoded, %d bytes differ; %d decoded, %d bytes differ", c.Type, values, differ, decoded, decodeDiffer)
	}
}

// floatsOf drops the payload of NaN, which the processor chooses.
func floatsOf(b []byte) []byte {
	x := make([]float32, len(b)/4)
	decodeF32(x, b)
	for i, v := range x {
		if v != v {
			x[i] = float32(math.NaN())
		}
	}
	return floatBytes(x)
}

func countDiffer(a, b []byte) int {
	if bytes.Equal(a, b) {
		return 0
	}
	if len(a) != len(b) {
		return max(len(a), len(b))
	}
	n := 0
	for i := range a {
		if a[i] != b[i] {
			n++
		}
	}
	return n
}
