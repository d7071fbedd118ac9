package verify

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/quantize/imatrix"
	"github.com/qconv/qconv/quantize/mix"
	"github.com/qconv/qconv/quantize/pipeline"
)

// patient is a GGUF file that gets damaged.
type patient struct {
	t    testing.TB
	kvs  []gguf.KV
	list []gguf.Tensor
	data map[string][]byte
}

func open(t testing.TB, file []byte) *patient {
	t.Helper()
	f, err := gguf.Open(bytes.NewReader(file), int64(len(file)), "out.gguf", gguf.DefaultLimits())
	check(t, err)
	p := &patient{t: t, kvs: slices.Clone(f.KVs), list: slices.Clone(f.Tensors), data: map[string][]byte{}}
	for i := range f.Tensors {
		off, n := f.Section(&f.Tensors[i])
		p.data[f.Tensors[i].Name] = bytes.Clone(file[off : off+n])
	}
	return p
}

// file puts it together again.
func (p *patient) file() []byte {
	p.t.Helper()
	l, err := gguf.NewLayout(p.kvs, p.list, gguf.DefaultAlignment)
	check(p.t, err)
	b := make([]byte, l.Size)
	copy(b, l.Header)
	for _, t := range l.Tensors {
		copy(b[l.DataStart+t.Offset:], p.data[t.Name])
	}
	return b
}

func (p *patient) tensor(name string) *gguf.Tensor {
	p.t.Helper()
	i := slices.IndexFunc(p.list, func(t gguf.Tensor) bool { return t.Name == name })
	if i < 0 {
		p.t.Fatal("no tensor ", name)
	}
	return &p.list[i]
}

// row gives the bytes of a row.
func (p *patient) row(name string, row int64) []byte {
	t := p.tensor(name)
	_, n := rowOf(t)
	return p.data[name][row*n : (row+1)*n]
}

func (p *patient) set(key string, v any) {
	p.t.Helper()
	i := slices.IndexFunc(p.kvs, func(kv gguf.KV) bool { return kv.Key == key })
	if i < 0 {
		p.t.Fatal("no key ", key)
	}
	p.kvs[i].Value = v
}

// damages are those that a verification has to find, by what its first message names.
var damages = []struct {
	name  string
	harm  func(p *patient)
	names string // tensor or key
}{
	{"two swapped layers", func(p *patient) {
		for name := range p.data {
			if rest, ok := strings.CutPrefix(name, "blk.0."); ok {
				p.data[name], p.data["blk.1."+rest] = p.data["blk.1."+rest], p.data[name]
			}
		}
	}, "blk.0."},
	{"a permuted q head", func(p *patient) {
		const name = "blk.1.attn_q.weight" // the first head's halves as interleaved pairs, which llama.cpp's other pairing wants
		var rows [][]byte
		for i := range int64(64) {
			rows = append(rows, bytes.Clone(p.row(name, i)))
		}
		for i, r := range rows {
			copy(p.row(name, int64(i%32*2+i/32)), r)
		}
	}, "blk.1.attn_q.weight"},
	{"a wrong rope base", func(p *patient) { p.set("qwen2.rope.freq_base", float32(10000)) }, "qwen2.rope.freq_base"},
	{"a missing bias", func(p *patient) {
		p.list = slices.DeleteFunc(p.list, func(t gguf.Tensor) bool { return t.Name == "blk.2.attn_k.bias" })
	}, "blk.2.attn_k.bias"},
	{"all biases missing", func(p *patient) {
		p.list = slices.DeleteFunc(p.list, func(t gguf.Tensor) bool { return strings.HasSuffix(t.Name, ".bias") })
	}, "blk.0.attn_k.bias"},
	{"a scale doubled in one row", func(p *patient) {
		const name = "blk.2.ffn_up.weight"
		double(p.t, p.tensor(name).Type, p.row(name, 77))
	}, "blk.2.ffn_up.weight"},
	{"a wrong norm epsilon", func(p *patient) { p.set("qwen2.attention.layer_norm_rms_epsilon", float32(1e-5)) }, "qwen2.attention.layer_norm_rms_epsilon"},
	{"two tokens swapped", func(p *patient) {
		i := slices.IndexFunc(p.kvs, func(kv gguf.KV) bool { return kv.Key == "tokenizer.ggml.tokens" })
		list := slices.Clone(p.kvs[i].Value.([]string))
		list[300], list[301] = list[301], list[300]
		p.kvs[i].Value = list
	}, "tokenizer.ggml.tokens"},
	{"a norm's weight", func(p *patient) { p.data["blk.0.attn_norm.weight"][100] ^= 1 }, "blk.0.attn_norm.weight"},
	{"zeros in place of data", func(p *patient) {
		d := p.data["blk.1.ffn_gate.weight"]
		clear(d[len(d)/4 : len(d)/2])
	}, "blk.1.ffn_gate.weight"},
	{"a tensor from nowhere", func(p *patient) {
		p.list = append(p.list, gguf.Tensor{Name: "blk.0.extra.weight", Type: gguf.TypeF32, Shape: []int64{8}})
		p.data["blk.0.extra.weight"] = make([]byte, 32)
	}, "blk.0.extra.weight"},
}

// double doubles all scales of a row in blocks.
func double(t testing.TB, typ gguf.Type, row []byte) {
	t.Helper()
	_, size, _ := typ.Block()
	at := map[gguf.Type][]int64{gguf.TypeQ8_0: {0}, gguf.TypeQ4_K: {0, 2}, gguf.TypeQ6_K: {208}, gguf.TypeQ2_K: {80, 82}}[typ]
	if at == nil {
		t.Fatal("where is the scale of ", typ)
	}
	for b := int64(0); b < int64(len(row)); b += size {
		for _, o := range at {
			scale := binary.LittleEndian.Uint16(row[b+o:])
			if e := scale >> 10 & 31; e > 0 && e < 30 {
				scale += 1 << 10
			}
			binary.LittleEndian.PutUint16(row[b+o:], scale)
		}
	}
}

// kinds are files of the tiny model: their types, and whether importance that is not at hand made them.
var kinds = []struct {
	typ     string
	weights bool
}{{"Q4_K_M", false}, {"Q8_0", false}, {"Q4_K_M", true}, {"Q2_K", true}, {"F16", false}}

// healthy makes such a file.
func healthy(t testing.TB, typ string, weights bool) []byte {
	t.Helper()
	recipe, _ := mix.ParseRecipe(typ)
	o := pipeline.Options{Recipe: recipe}
	if weights {
		o.Importance, o.ImportanceFile = importance(t, "harbour-2m.gguf"), "harbour-2m.gguf"
		i := slices.IndexFunc(o.Importance.Entries, func(e imatrix.Entry) bool { return zeroed[e.Name] })
		o.Importance.Entries = slices.Delete(o.Importance.Entries, i, i+1)
	}
	return converted(t, checkpoint(t, tiny), o)
}

// TestD15Damage: each damage is found, and the first message names the tensor or the key.
func TestD15Damage(t *testing.T) {
	t.Parallel()
	for _, k := range kinds {
		whole := healthy(t, k.typ, k.weights)
		src := FromCheckpoint(checkpoint(t, tiny), "")
		if r := static(t, subject(t, whole, src)); !r.Pass || Error(r) != nil {
			t.Fatalf("%s, importance %v: found in a file without damage:\n%s", k.typ, k.weights, findings(r))
		}
		for _, d := range damages {
			if k.typ == "F16" && d.name == "a scale doubled in one row" {
				continue // there are none
			}
			p := open(t, whole)
			d.harm(p)
			r := static(t, subject(t, p.file(), src))
			if err := Error(r); fault.KindOf(err) != fault.Failed || !strings.Contains(err.Error(), d.names) {
				t.Errorf("%s, importance %v, %s: %v, found:\n%s", k.typ, k.weights, d.name, err, findings(r))
			} else {
				t.Logf("%s, importance %v, %s: %v", k.typ, k.weights, d.name, err)
			}
		}
	}
}

// TestD15BitFlips: a bit that is flipped anywhere in the tensors' data is found, and its tensor and row are named. Where
// importance is not at hand some cannot be: the test says how many.
func TestD15BitFlips(t *testing.T) {
	t.Parallel()
	for _, k := range kinds {
		flips := 100
		if k.weights || k.typ == "F16" {
			flips = 20
		}
		whole := healthy(t, k.typ, k.weights)
		src := FromCheckpoint(checkpoint(t, tiny), "")
		f, err := gguf.Open(bytes.NewReader(whole), int64(len(whole)), "out.gguf", gguf.DefaultLimits())
		check(t, err)
		var total int64
		for i := range f.Tensors {
			total += f.Tensors[i].Bytes()
		}
		r := rand.New(rand.NewPCG(15, 100))
		found := 0
		for range flips {
			at, bit := r.Int64N(total), byte(1)<<r.IntN(8)
			i := 0
			for ; at >= f.Tensors[i].Bytes(); i++ {
				at -= f.Tensors[i].Bytes()
			}
			off, _ := f.Section(&f.Tensors[i])
			b := bytes.Clone(whole)
			b[off+at] ^= bit
			_, rowLen := rowOf(&f.Tensors[i])
			err := Error(static(t, subject(t, b, src)))
			want := fmt.Sprintf("tensor %q: row %d ", f.Tensors[i].Name, at/rowLen)
			if f.Tensors[i].Rows() == 1 {
				want = fmt.Sprintf("tensor %q: ", f.Tensors[i].Name)
			}
			named := err != nil && (strings.Contains(err.Error(), want) || strings.Contains(err.Error(), strings.TrimSuffix(want, " ")+","))
			switch {
			case named && fault.KindOf(err) == fault.Failed:
				found++
			case err != nil || !k.weights:
				t.Errorf("%s: bit %#02x of byte %d of %s: %v", k.typ, bit, at, f.Tensors[i].Name, err)
			}
		}
		t.Logf("%s, importance %v: %d of %d flipped bits found", k.typ, k.weights, found, flips)
	}
}
