package main

import (
	"io"
	"os"
	"strings"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/quantize/mix"
)

// patternArg is one --tensor-type, or one --tensor-type-file. Their order matters: the first match wins.
type patternArg struct {
	text string
	file bool
}

// patternFlag gathers both flags in one list, in the order of the command line.
type patternFlag struct {
	to   *[]patternArg
	file bool
}

// Set implements pflag.Value.
func (f *patternFlag) Set(text string) error {
	*f.to = append(*f.to, patternArg{text, f.file})
	return nil
}

// String implements pflag.Value.
func (f *patternFlag) String() string { return "" }

// Type implements pflag.Value.
func (f *patternFlag) Type() string { return "pattern" }

func (j *job) readPatterns() error {
	for _, p := range j.patterns {
		if p.file {
			if err := j.readPatternFile(p.text); err != nil {
				return err
			}
			continue
		}
		pat, err := parsePattern("--tensor-type", p.text)
		if err != nil {
			return err
		}
		j.opts.Mix.Patterns = append(j.opts.Mix.Patterns, pat)
	}
	return nil
}

// patternFileLimit is far above a line for every tensor of the largest model.
const patternFileLimit = 8 << 20

// readPatternFile reads items separated by white space, as llama-quantize does.
func (j *job) readPatternFile(path string) error {
	b, err := j.readFlagFile("--tensor-type-file", path, patternFileLimit)
	if err != nil {
		return err
	}
	for _, item := range strings.FieldsFunc(string(b), func(r rune) bool { return r == ' ' || r >= '\t' && r <= '\r' }) {
		pat, err := parsePattern("--tensor-type-file "+path, item)
		if err != nil {
			return err
		}
		j.opts.Mix.Patterns = append(j.opts.Mix.Patterns, pat)
	}
	return nil
}

// parsePattern reads one RE=TYPE; from says where it stands.
func parsePattern(from, s string) (p mix.Pattern, err error) {
	i := strings.LastIndexByte(s, '=')
	if i < 1 {
		return p, usagef("%s: %q is not RE=TYPE; write it as 'ffn_down=Q6_K'", from, s)
	}
	t, err := tensorType(from, s[i+1:])
	if err != nil {
		return p, err
	}
	if p, err = mix.NewPattern(s[:i], *t); err != nil {
		return p, usagef("%s: %w", from, err)
	}
	return p, nil
}

// readFlagFile reads the file that a flag names, which becomes an input like those of the source.
func (j *job) readFlagFile(flag, path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, ioFault(path, err, flag+" names a file")
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, ioFault(path, err, "")
	}
	if int64(len(b)) > limit {
		return nil, fault.New(fault.Limit, path, "holds more than %d bytes, the limit for %s", limit, flag)
	}
	st, err := f.Stat()
	if err != nil {
		return nil, ioFault(path, err, "")
	}
	if st.Mode().IsRegular() {
		j.inputs = append(j.inputs, st)
	}
	return b, nil
}
