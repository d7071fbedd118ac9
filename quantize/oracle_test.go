package quantize

import (
	"bufio"
	"bytes"
	"encoding/binary"
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
	"github.com/qconv/qconv/quantize/internal/kernel"
)

var (
	oraclePath    = flag.String("oracle", "", "path of ggml_oracle.py, which asks the reference")
	pythonPath    = flag.String("python", "python3", "interpreter with numpy for -oracle")
	oracleRows    = flag.Int("oracle.rows", 1024, "rows of 2048 values for each type, distribution and kind of weighting")
	oracleTypes   = flag.String("oracle.types", "", "types to compare, such as Q4_0,IQ4_NL; empty for all")
	oracleDists   = flag.String("oracle.dists", "", "distributions to compare, such as gauss,real; empty for all")
	oracleTiers   = flag.String("oracle.tiers", "", "tiers to compare, such as go,avx2; empty for all that there are")
	oracleDigests = flag.String("oracle.digests", "", "file that gets digests of the reference's answers, or without -oracle has them")
	oracleSeed    = flag.Uint64("oracle.seed", 1, "seed of the rows")
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

// TestOracle compares fresh rows on every tier with the reference, both ways. It needs the reference and minutes:
// testdata/diff_codecs.sh runs it. With -oracle.digests the reference's answers are kept as digests, and without -oracle
// compared with: that is for processors on which the reference does not run.
func TestOracle(t *testing.T) {
	if *oraclePath == "" && *oracleDigests == "" {
		t.Skip("give -oracle PATH/ggml_oracle.py to compare with the reference itself; the goldens are its recorded answers")
	}
	kept := readDigests(t)
	for _, c := range List() {
		if c.Type == gguf.TypeF32 || !chosen(*oracleTypes, c.Type.String()) {
			continue // the reference has no decoder of F32 to ask
		}
		var all tally
		for dist := range len(distributions) + 1 {
			if name := distName(dist); chosen(*oracleDists, name) {
				x, weight := oracleInput(dist)
				for i, w := range append(weightings(c, weight), wildWeights(oracleCols, *oracleSeed)) {
					if i == len(weightings(c, weight)) {
						x = x[:max(len(x)/16/oracleCols, 1)*oracleCols] // a few are enough of what no file has
					}
					key := fmt.Sprint(c.Type, " ", name, " ", i, " ", len(x), " ", *oracleSeed)
					n := compareTiers(t, c, x, w, key, kept)
					if n.differ+n.decodeDiffer > 0 {
						t.Errorf("%v %s, weights %d: %d bytes differ, %d of decoded values", c.Type, name, i, n.differ, n.decodeDiffer)
					}
					if n.refused > 0 {
						t.Logf("%v %s, weights %d: the reference gives up on %d of %d rows, Check refuses them", c.Type, name, i, n.refused, n.refused+n.values/oracleCols)
					}
					all.add(n)
				}
			}
		}
		if all.values == 0 {
			t.Errorf("%v: nothing was compared: other -oracle.rows and -oracle.seed than the digests have?", c.Type)
		}
		var tiers []string
		for _, tier := range kernelTiers() {
			tier(func() { tiers = append(tiers, kernel.Now().String()) })
		}
		t.Logf("%-7v tiers %v: %d values encoded, %d bytes differ; %d decoded, %d bytes differ", c.Type, tiers, all.values, all.differ, all.decoded, all.decodeDiffer)
	}
}

// chosen tells whether a name is in a list of a flag; an empty list has all.
func chosen(list, name string) bool {
	return list == "" || slices.Contains(strings.Split(list, ","), name)
}

func distName(dist int) string {
	if dist == len(distributions) {
		return "real"
	}
	return distributions[dist].name
}

// oracleInput gives the rows of a distribution, the last of which are the weights of real models: those of the tiny
// model and, where they are, of stories260K, again and again from other places.
func oracleInput(dist int) (x, weight []float32) {
	if dist < len(distributions) {
		return sampleRows(dist, oracleCols, *oracleRows, *oracleSeed)
	}
	_, weight = sampleRows(0, oracleCols, 1, *oracleSeed)
	var real []float32
	for _, pattern := range []string{"../testdata/harbour-2m/*.safetensors", "../../shared/data/models/stories260K/hf-bf16/*.safetensors"} {
		files, _ := filepath.Glob(pattern)
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				panic(err)
			}
			b = b[8+binary.LittleEndian.Uint64(b):] // behind the header, everything is BF16
			row := make([]float32, len(b)/2)
			decodeBF16(row, b)
			real = append(real, row...)
		}
	}
	x = make([]float32, 0, oracleCols**oracleRows)
	for at := int(*oracleSeed); len(x) < cap(x); at += 37 {
		x = append(x, real[at%31:][:min(len(real)-31, cap(x)-len(x))]...)
	}
	return x, weight
}

// compareTiers compares what every tier makes of rows with the reference or with a digest of what it made.
func compareTiers(t *testing.T, c *Codec, x, weight []float32, key string, kept map[string]string) (n tally) {
	var want []byte
	if *oraclePath != "" {
		if want = ask(t, c, "rows", oracleCols, floatBytes(x), weight); want == nil {
			for _, tier := range kernelTiers() {
				tier(func() { n.add(compareRowByRow(t, c, x, weight)) })
			}
			return n
		}
		keepDigest(t, key, digest(want))
	} else if kept[key] == "" {
		return n // the reference gave up
	}
	var decoded []byte
	for _, tier := range kernelTiers() {
		tier(func() {
			got := encodeRows(c, x, weight, oracleCols)
			n.values += len(x)
			if want == nil {
				if digest(got) != kept[key] {
					n.differ += len(got)
				}
				return
			}
			n.differ += countDiffer(got, want)
			if decoded == nil {
				decoded = floatsOf(ask(t, c, "unrows", oracleCols, want, nil))
			}
			back := floatsOf(floatBytes(decodeRows(c, want, oracleCols)))
			n.decodeDiffer += countDiffer(back, decoded)
			n.decoded += len(x)
		})
	}
	return n
}

// kernelTiers gives functions that run another one on each tier.
func kernelTiers() (tiers []func(func())) {
	for _, k := range kernel.Available() {
		if chosen(*oracleTiers, k.String()) {
			tiers = append(tiers, func(f func()) {
				defer kernel.Use(kernel.Use(k))
				f()
			})
		}
	}
	return tiers
}

func readDigests(t *testing.T) map[string]string {
	kept := map[string]string{}
	if *oracleDigests == "" || *oraclePath != "" {
		return kept
	}
	b, err := os.ReadFile(*oracleDigests)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		key, sum, _ := strings.Cut(strings.TrimSpace(line), "\t")
		kept[key] = sum
	}
	return kept
}

func keepDigest(t *testing.T, key, sum string) {
	if *oracleDigests == "" {
		return
	}
	f, err := os.OpenFile(*oracleDigests, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fmt.Fprintf(f, "%s\t%s\n", key, sum)
}

const oracleCols = 2048

// tally counts what was compared: values and bytes.
type tally struct{ values, differ, decoded, decodeDiffer, refused int }

func (t *tally) add(n tally) {
	t.values, t.differ, t.refused = t.values+n.values, t.differ+n.differ, t.refused+n.refused
	t.decoded, t.decodeDiffer = t.decoded+n.decoded, t.decodeDiffer+n.decodeDiffer
}

// compareRowByRow is for rows on some of which the reference gives up. A few are compared one by one, and Check must
// refuse what is made of those that it gives up on.
func compareRowByRow(t *testing.T, c *Codec, x, weight []float32) (n tally) {
	for row := x[:min(len(x), 2*oracleCols)]; len(row) > 0; row = row[oracleCols:] {
		got := encodeRows(c, row[:oracleCols], weight, oracleCols)
		want := ask(t, c, "rows", oracleCols, floatBytes(row[:oracleCols]), weight)
		if want != nil {
			n.values, n.differ = n.values+oracleCols, n.differ+countDiffer(got, want)
			continue
		}
		n.refused++
		if c.Check(got) == nil {
			t.Errorf("%v: Check accepts a row on which the reference gives up", c.Type)
		}
	}
	return n
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
