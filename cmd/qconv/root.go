package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

// version is set by the release build with -ldflags "-X main.version=...".
var version = "0.1.0"

func newRoot(u *ui) *cobra.Command {
	root := &cobra.Command{
		Use:   "qconv",
		Short: "turn a Hugging Face checkpoint into a GGUF file in one pass",
		Long: `qconv reads a Hugging Face safetensors checkpoint (or a GGUF file), quantizes it and writes GGUF:
one pass, bounded memory, no intermediate file, the bytes of llama.cpp.`,
		Example: `  qconv plan QwQ-32B --type Q4_K_M
  qconv convert QwQ-32B --type Q4_K_M -o qwq-32b-q4_k_m.gguf
  qconv inspect qwq-32b-q4_k_m.gguf`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.PersistentFlags().BoolVar(&u.json, "json", false, "print JSON on standard output: one object, or one a line while a conversion runs")
	root.PersistentFlags().BoolVarP(&u.quiet, "quiet", "q", false, "print errors only")
	root.SetIn(u.in)
	root.SetOut(u.out)
	root.SetErr(u.err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	for _, c := range []*cobra.Command{
		newConvert(u), newPlan(u), newInspect(u), newTokenize(u), newHash(u), newVersion(u),
	} {
		args := c.Args
		c.Args = func(c *cobra.Command, a []string) error {
			if err := args(c, a); err != nil {
				return usageError{fmt.Errorf("%w; usage: %s", err, c.UseLine())}
			}
			return nil
		}
		root.AddCommand(c)
	}
	return root
}
