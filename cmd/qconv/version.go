package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/qconv/qconv/quantize"
	"github.com/qconv/qconv/runtime/device/cpu"
)

// version is set by the release build with -ldflags "-X main.version=...".
var version = "0.1.0"

func newVersion(u *ui) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "print the version, the platform and the reference whose bytes are written",
		Example: "  qconv version --json",
		Args:    arguments(0, 0),
		RunE:    func(*cobra.Command, []string) error { return u.version() },
	}
}

func (u *ui) version() error {
	v := struct {
		Version   string `json:"version"`
		Go        string `json:"go"`
		Platform  string `json:"platform"`
		Commit    string `json:"commit,omitempty"`
		Kernels   string `json:"kernels"`
		Reference string `json:"reference"`
	}{Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Kernels: quantize.Kernels(), Reference: "llama.cpp v0.5.0"}
	if b, ok := debug.ReadBuildInfo(); ok {
		for _, s := range b.Settings {
			if s.Key == "vcs.revision" {
				v.Commit = s.Value
			}
		}
	}
	if u.json {
		return u.object(v)
	}
	return u.printf("qconv %s (%s, %s, %s kernels), bytes of %s\n", v.Version, v.Platform, v.Go, v.Kernels, v.Reference)
}

// kernelsAsked refuses a QCONV_CPU that cannot be obeyed, so that nobody believes to have tried what he has not.
func kernelsAsked() error {
	name := os.Getenv("QCONV_CPU")
	if name == "" || name == quantize.Kernels() {
		return nil
	}
	all := quantize.AllKernels()
	if dot := "dotprod"; slices.Contains(cpu.AllKernels(), dot) { // for running models only: quantizers take NEON then
		if name == dot {
			return nil
		}
		all = append(all, dot)
	}
	return usagef("QCONV_CPU=%s: this processor has %s", name, strings.Join(all, ", "))
}
