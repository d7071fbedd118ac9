// Command standin writes a checkpoint with the true tensor list of a large published model and zero weights in
// sparse shards, so that plans, memory and whole conversions are tried at full size without the weights:
//
//	go run ./testdata/standin -model qwq-32b -data ../shared/data -out /tmp/qwq
//
// Models are qwq-32b (65 GB apparent), deepseek-r1 (689 GB, FP8 with block scales, 91,991 tensors) and hunyuan-a13b
// (161 GB). The tensor list, index, config and tokenizer are read from -data, which is not part of this repository.
// DeepSeek's tokenizer is not there: deepseek-r1 gets a made-up vocabulary of the true size behind DeepSeek-V3's
// pre-tokenizer, which is enough for plans and conversions but gives other key-values than the real one.
//
// Models of random weights for benchmarks need no -data: half-billion (1 GB), qwen-layers (0.7 GB), three-billion
// (6.2 GB), qwq-layers (7.0 GB) and deepseek-experts (2.7 GB); random.go says what they are.
//
// -fill N writes plausible values into the first N MiB of each shard; the rest stays zero.
package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/qconv/qconv/formats/safetensors"
)

// model says where the parts of one stand-in are, all paths under the data folder.
type model struct {
	tensors, index string
	files          [][2]string // name in the checkpoint, path under the data folder
	write          func(dir string) error
}

var modelsByName = map[string]model{
	"qwq-32b": {
		tensors: "configs/qwq-32b-preview-generated/tensors.tsv",
		index:   "configs/qwq-32b-preview-generated/model.safetensors.index.synthetic.json",
		files: [][2]string{
			{"config.json", "configs/qwq-32b-preview-generated/config.json"},
			{"tokenizer.json", "tokenizers/qwen2.5/tokenizer.json"},
			{"tokenizer_config.json", "tokenizers/qwen2.5/tokenizer_config.json"},
		},
	},
	"deepseek-r1": {
		tensors: "configs/deepseek-r1/tensors.tsv.gz",
		index:   "configs/deepseek-r1/model.safetensors.index.synthetic.json.gz",
		files: [][2]string{
			{"config.json", "configs/deepseek-r1/config.json"},
			{"chat_template.jinja", "templates/llama-cpp-deepseek-r1.jinja"},
		},
		write: writeDeepSeekTokenizer,
	},
	"hunyuan-a13b": {
		tensors: "configs/hunyuan-a13b-generated/tensors.tsv",
		index:   "configs/hunyuan-a13b-generated/model.safetensors.index.synthetic.json",
		files: [][2]string{
			{"config.json", "configs/hunyuan-a13b/config.json"},
			{"generation_config.json", "configs/hunyuan-a13b/generation_config.json"},
			{"tokenizer_config.json", "tokenizers/hunyuan-a13b/tokenizer_config.json"},
			{"hy.tiktoken", "tokenizers/hunyuan-a13b/hy.tiktoken"},
		},
	},
}

func main() {
	name := flag.String("model", "", "qwq-32b, deepseek-r1, hunyuan-a13b, or of random weights: "+strings.Join(randomNames(), ", "))
	data := flag.String("data", "../shared/data", "folder with configs, tensor lists and tokenizers")
	out := flag.String("out", "", "folder to write, which must not exist")
	fill := flag.Int64("fill", 0, "MiB of plausible values at the start of each shard")
	flag.Parse()
	m, ok := modelsByName[*name]
	if r, ok := randomModels[*name]; ok && *out != "" && flag.NArg() == 0 {
		if err := r.write(*out); err != nil {
			fmt.Fprintln(os.Stderr, "standin:", err)
			os.Exit(1)
		}
		return
	}
	if !ok || *out == "" || *fill < 0 || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := m.build(*data, *out, *fill<<20); err != nil {
		fmt.Fprintln(os.Stderr, "standin:", err)
		os.Exit(1)
	}
}

func (m model) build(data, out string, fill int64) error {
	if err := os.Mkdir(out, 0o755); err != nil {
		return err
	}
	for _, f := range m.files {
		b, err := readPart(filepath.Join(data, f[1]))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(out, f[0]), b, 0o644); err != nil {
			return err
		}
	}
	if m.write != nil {
		if err := m.write(out); err != nil {
			return err
		}
	}
	shards, err := m.shards(data, out)
	if err != nil {
		return err
	}
	var total int64
	names := make([]string, 0, len(shards))
	for n := range shards {
		names = append(names, n)
	}
	slices.Sort(names)
	tensors := 0
	for _, n := range names {
		size, err := writeShard(filepath.Join(out, n), shards[n], fill, new(values))
		if err != nil {
			return err
		}
		total += size
		tensors += len(shards[n])
	}
	fmt.Printf("%s: %d tensors in %d shards, %d bytes apparent\n", out, tensors, len(names), total)
	return nil
}

// shards gives the tensors of each shard in the order of the tensor list, and writes the index.
func (m model) shards(data, out string) (map[string][]safetensors.Tensor, error) {
	index, err := readPart(filepath.Join(data, m.index))
	if err != nil {
		return nil, err
	}
	var doc struct {
		WeightMap map[string]string `json:"weight_map"`
	}
	if err := json.Unmarshal(index, &doc); err != nil {
		return nil, fmt.Errorf("%s: %w", m.index, err)
	}
	if err := os.WriteFile(filepath.Join(out, "model.safetensors.index.json"), index, 0o644); err != nil {
		return nil, err
	}
	list, err := readPart(filepath.Join(data, m.tensors))
	if err != nil {
		return nil, err
	}
	shards := map[string][]safetensors.Tensor{}
	for line := range strings.Lines(string(list)) {
		col := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if len(col) != 3 {
			return nil, fmt.Errorf("%s: %q is not name, dtype, shape", m.tensors, line)
		}
		t := safetensors.Tensor{Name: col[0], Dtype: safetensors.Dtype(col[1])}
		for d := range strings.SplitSeq(col[2], "x") {
			n, err := strconv.ParseInt(d, 10, 64)
			if err != nil {
				return nil, fmt.Errorf("%s: %q: %w", m.tensors, line, err)
			}
			t.Shape = append(t.Shape, n)
		}
		f, ok := doc.WeightMap[t.Name]
		if !ok || f != filepath.Base(f) {
			return nil, fmt.Errorf("%s names no shard for %q", m.index, t.Name)
		}
		shards[f] = append(shards[f], t)
	}
	return shards, nil
}

// writeShard writes the header and leaves the data a hole, except for the first fill bytes of it.
func writeShard(path string, ts []safetensors.Tensor, fill int64, v *values) (size int64, err error) {
	head, err := safetensors.WriteHeader(ts, map[string]string{"format": "pt"})
	if err != nil {
		return 0, err
	}
	last := ts[len(ts)-1]
	size = last.Off + last.Bytes // Off counts from the start of the file
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Write(head); err != nil {
		return 0, err
	}
	for i := range ts {
		n := min(ts[i].Bytes, int64(len(head))+fill-ts[i].Off)
		if n <= 0 {
			break
		}
		if err := v.writeTo(f, &ts[i], n); err != nil {
			return 0, err
		}
	}
	return size, f.Truncate(size)
}

func readPart(path string) ([]byte, error) {
	b, err := os.ReadFile(path)
	if err != nil || !strings.HasSuffix(path, ".gz") {
		return b, err
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return io.ReadAll(z)
}
