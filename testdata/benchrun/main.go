// Command benchrun measures what `ggml_oracle.py bench-model` measures, with qconv's runtime: tokens per second of one
// batch of PROMPT tokens with the last logits and with all of them, then of one token at a time; the best of several runs.
// testdata/bench_run.py shows both side by side.
//
//	go run ./testdata/benchrun -threads 2 MODEL.gguf
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/pprof"
	"time"

	"github.com/qconv/qconv/formats/arch"
	"github.com/qconv/qconv/formats/gguf"
	"github.com/qconv/qconv/runtime/device/cpu"
	"github.com/qconv/qconv/runtime/model"
)

func main() {
	threads := flag.Int("threads", 2, "threads")
	fast := flag.Bool("fast", false, "round activations to 8 bits")
	prompt := flag.Int("prompt", 512, "tokens of the batch")
	generate := flag.Int("generate", 32, "tokens generated one at a time")
	runs := flag.Int("runs", 4, "runs; the best counts")
	profile := flag.String("profile", "", "write a CPU profile to this file")
	flag.Parse()
	if *profile != "" {
		f, err := os.Create(*profile)
		if err == nil {
			err = pprof.StartCPUProfile(f)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "benchrun:", err)
			os.Exit(1)
		}
		defer pprof.StopCPUProfile()
	}
	if flag.NArg() != 1 || *prompt < 1 || *generate < 0 || *runs < 1 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(flag.Arg(0), *threads, *prompt, *generate, *runs, *fast); err != nil {
		fmt.Fprintln(os.Stderr, "benchrun:", err)
		os.Exit(1)
	}
}

func run(path string, threads, prompt, generate, runs int, fast bool) error {
	set, err := gguf.OpenSet(func(name string) (io.ReaderAt, int64, error) {
		f, err := os.Open(filepath.Join(filepath.Dir(path), name))
		if err != nil {
			return nil, 0, err
		}
		st, err := f.Stat()
		return f, st.Size(), err
	}, filepath.Base(path), gguf.DefaultLimits())
	if err != nil {
		return err
	}
	_, block, err := arch.FromGGUF(set)
	if err != nil {
		return err
	}
	ctx := context.Background()
	m, err := model.New(ctx, cpu.New(threads, fast), block, model.FromSet(set), prompt+generate)
	if err != nil {
		return err
	}
	if err := m.Load(ctx); err != nil {
		return err
	}
	ids, rows, targets := make([]int32, prompt), make([]int32, prompt), make([]int32, prompt)
	for i := range ids {
		ids[i], rows[i], targets[i] = int32(i*7%97+3), int32(i), int32(i*7%97+3)
	}
	best := map[string]float64{}
	measure := func(name string, n int, f func() error) error {
		start := time.Now()
		err := f()
		best[name] = max(best[name], float64(n)/time.Since(start).Seconds())
		return err
	}
	for range runs {
		cache, err := m.NewCache(prompt + generate)
		if err != nil {
			return err
		}
		err = measure("prompt", prompt, func() error {
			p, err := m.Forward(ctx, &model.Batch{IDs: ids, Windows: []int{prompt}, Cache: cache})
			if err != nil {
				return err
			}
			defer p.End()
			_, err = m.Logits(p.X(), rows[prompt-1:])
			return err
		})
		if err != nil {
			return err
		}
		err = measure("prompt, all logits", prompt, func() error {
			p, err := m.Forward(ctx, &model.Batch{IDs: ids, Windows: []int{prompt}})
			if err != nil {
				return err
			}
			defer p.End()
			_, err = m.LogProbs(ctx, p.X(), rows, targets)
			return err
		})
		if err != nil {
			return err
		}
		err = measure("generate", generate, func() error {
			for range generate {
				p, err := m.Forward(ctx, &model.Batch{IDs: []int32{5}, Windows: []int{1}, Cache: cache})
				if err != nil {
					return err
				}
				if _, err := m.Logits(p.X(), []int32{0}); err != nil {
					return err
				}
				p.End()
			}
			return nil
		})
		if err != nil {
			return err
		}
		cache.Free()
	}
	for _, name := range []string{"prompt", "prompt, all logits", "generate"} {
		fmt.Printf("%s: %.1f tokens/s\n", name, best[name])
	}
	return nil
}
