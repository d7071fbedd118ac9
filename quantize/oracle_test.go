package quantize

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/qconv/qconv/formats/gguf"
)

var (
	oraclePath  = flag.String("oracle", "", "path of ggml_oracle.py, which asks the reference")
	pythonPath  = flag.String("python", "python3", "interpreter with numpy for -oracle")
	oracleRows  = flag.Int("oracle.rows", 1024, "rows of 2048 values for each type, distribution and kind of weighting")
	oracleTypes = flag.String("oracle.types", "", "types to compare, such as Q4_0,IQ4_NL; empty for all")
	oracleSeed  = flag.Uint64("oracle.seed", 1, "seed of the rows")
)

// reference is the process that answers ask.
var reference struct {
	once sync.Once
	in   io.Writer
	out  *bufio.Scanner
	err  error
}

func startReference() error {
	cmd := exec.Command(*pythonPath, "testdata/ask.py", *oraclePath)
	cmd.Env = append(os.Environ(), "GGML_NO_BACKTRACE=1", "OMP_WAIT_POLICY=passive") // no debugger when it gives up
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	reference.in, reference.out = in, bufio.NewScanner(out)
	return cmd.Start() // it ends with this process, which closes its input
}

// ask lets the reference work on rows (verb rows) or blocks (verb unrows). It gives nothing when the reference gives
// up: the IQ types end the program when sums overflow.
func ask(t *testing.T, c *Codec, verb string, cols int, input []byte, weight []float32) []byte {
	t.Helper()
	reference.once.Do(func() { reference.err = startReference() })
	if reference.err != nil {
		t.Fatal(reference.err)
	}
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	if err := os.WriteFile(in, input, 0o600); err != nil {
		t.Fatal(err)
	}
	question := []string{verb, c.Type.String(), fmt.Sprint(cols), in, out}
	if weight != nil {
		w := filepath.Join(dir, "weight")
		if err := os.WriteFile(w, floatBytes(weight), 0o600); err != nil {
			t.Fatal(err)
		}
		question = append(question, w)
	}
	fmt.Fprintln(reference.in, strings.Join(question, "\t"))
	if !reference.out.Scan() {
		t.Fatal("ask.py has ended")
	}
	switch reference.out.Text() {
	case "ok":
	case "gave up":
		return nil
	default:
		t.Fatalf("%v: %s", question, reference.out.Text())
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
	for _, c := range List() {
		if c.Type == gguf.TypeF32 {
			continue // the reference has no decoder to ask
		}
		if *oracleTypes != "" && !slices.Contains(strings.Split(*oracleTypes, ","), c.Type.String()) {
			continue
		}
		var all tally
		for dist := range distributions {
			x, weight := sampleRows(dist, oracleCols, *oracleRows, *oracleSeed)
			for i, w := range append(weightings(c, weight), wildWeights(oracleCols, *oracleSeed)) {
				n, blocks := compareEncoding(t, c, x, w)
				if i == 0 && len(blocks) > 0 {
					back := floatsOf(floatBytes(decodeRows(c, blocks, oracleCols)))
					n.decodeDiffer = countDiffer(back, floatsOf(ask(t, c, "unrows", oracleCols, blocks, nil)))
					n.decoded = len(back) / 4
				}
				if n.differ+n.decodeDiffer > 0 {
					t.Errorf("%v %s, weights %d: %d bytes differ, %d of decoded values", c.Type, distributions[dist].name, i, n.differ, n.decodeDiffer)
				}
				if n.refused > 0 {
					t.Logf("%v %s, weights %d: the reference gives up on %d of %d rows, Check refuses them", c.Type, distributions[dist].name, i, n.refused, n.refused+n.values/oracleCols)
				}
				all.add(n)
			}
		}
		t.Logf("%-5v %d values encoded, %d bytes differ; %d decoded, %d bytes differ", c.Type, all.values, all.differ, all.decoded, all.decodeDiffer)
	}
}

const oracleCols = 2048

// tally counts what was compared: values and bytes.
type tally struct{ values, differ, decoded, decodeDiffer, refused int }

func (t *tally) add(n tally) {
	t.values, t.differ, t.refused = t.values+n.values, t.differ+n.differ, t.refused+n.refused
	t.decoded, t.decodeDiffer = t.decoded+n.decoded, t.decodeDiffer+n.decodeDiffer
}

// compareEncoding compares rows and gives the reference's blocks. When the reference gives up, a few rows are
// compared one by one, and Check must refuse what is made of those that it gives up on.
func compareEncoding(t *testing.T, c *Codec, x, weight []float32) (n tally, blocks []byte) {
	got := encodeRows(c, x, weight, oracleCols)
	if want := ask(t, c, "rows", oracleCols, floatBytes(x), weight); want != nil {
		return tally{values: len(x), differ: countDiffer(got, want)}, want
	}
	for row := x[:min(len(x), 2*oracleCols)]; len(row) > 0; row = row[oracleCols:] {
		got := encodeRows(c, row[:oracleCols], weight, oracleCols)
		want := ask(t, c, "rows", oracleCols, floatBytes(row[:oracleCols]), weight)
		if want != nil {
			n.values, n.differ = n.values+oracleCols, n.differ+countDiffer(got, want)
			blocks = append(blocks, want...)
			continue
		}
		n.refused++
		if c.Check(got) == nil {
			t.Errorf("%v: Check accepts a row on which the reference gives up", c.Type)
		}
	}
	return n, blocks
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
