package main

import (
	"context"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/qconv/qconv/formats/hf"
	"github.com/qconv/qconv/formats/tokenizer"
)

func newTokenize(u *ui) *cobra.Command {
	var file string
	var pieces, decode, bos, special, follow bool
	c := &cobra.Command{
		Use:   "tokenize MODEL [TEXT]",
		Short: "turn text into token ids, or ids into text",
		Long: `tokenize encodes TEXT (or a file, or standard input) with the tokenizer of MODEL, a checkpoint directory or a
GGUF file, and prints the ids on one line. Special tokens in the text are text unless --special is given.`,
		Example: `  qconv tokenize QwQ-32B "Hello world"
  qconv tokenize model.gguf --pieces -f prompt.txt
  qconv tokenize model.gguf --decode "9707 1879"`,
		Args: arguments(1, 2, "MODEL"),
		RunE: func(c *cobra.Command, args []string) error {
			t, err := openTokenizer(args[0], follow)
			if err != nil {
				return err
			}
			text, err := u.text(c.Context(), "TEXT", args[1:], file)
			if err != nil {
				return err
			}
			if decode {
				return u.decode(t, text)
			}
			return u.encoded(t, t.Encode(text, tokenizer.EncodeOptions{AddSpecial: bos, ParseSpecial: special}), pieces)
		},
	}
	f := c.Flags()
	f.StringVarP(&file, "file", "f", "", "read the text from `FILE`")
	f.BoolVar(&pieces, "pieces", false, "print one line a token: id and piece")
	f.BoolVar(&decode, "decode", false, "the text is a list of ids; print what they stand for")
	f.BoolVar(&bos, "bos", false, "add the special tokens that the model wants around a text")
	f.BoolVar(&special, "special", false, "read special tokens such as <|im_start|> in the text as tokens")
	followFlag(c, &follow)
	return c
}

func openTokenizer(path string, follow bool) (*tokenizer.Tokenizer, error) {
	dir, err := isCheckpoint("MODEL", path)
	if err != nil {
		return nil, err
	}
	if dir {
		src := hf.Dir(path, follow)
		_, cfg, err := hf.LoadConfig(src)
		if _, found, _ := hf.ReadFile(src, "config.json", hf.ConfigLimit); err != nil && found {
			return nil, err // a directory with tokenizer files only will do
		}
		return tokenizer.Load(src, cfg)
	}
	g, err := openGGUF(path)
	if err != nil {
		return nil, err
	}
	defer g.Close()
	return tokenizer.FromGGUF(g.set.First)
}

// text is the argument, which help calls what, else the file, else standard input.
func (u *ui) text(ctx context.Context, what string, args []string, file string) (string, error) {
	switch {
	case len(args) > 0 && file != "":
		return "", usagef("%s and --file are both given; give one", what)
	case len(args) > 0:
		return args[0], nil
	case file != "":
		b, err := os.ReadFile(file)
		if err != nil {
			return "", ioFault(file, err, "--file names a text")
		}
		return string(b), nil
	}
	if f, ok := u.in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		u.note("reading the text from the terminal; Ctrl-D ends it")
	}
	// A read of a terminal or pipe does not end with ctx: then it is left behind.
	type input struct {
		b   []byte
		err error
	}
	read := make(chan input, 1)
	go func() {
		b, err := io.ReadAll(u.in)
		read <- input{b, err}
	}()
	select {
	case in := <-read:
		if in.err != nil {
			return "", ioFault("standard input", in.err, "")
		}
		return string(in.b), nil
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

func (u *ui) encoded(t *tokenizer.Tokenizer, ids []int32, pieces bool) error {
	if u.json {
		v := struct {
			IDs    []int32  `json:"ids"`
			Pieces []string `json:"pieces,omitempty"`
		}{IDs: ids}
		if v.IDs == nil {
			v.IDs = []int32{}
		}
		if pieces {
			for _, id := range ids {
				v.Pieces = append(v.Pieces, t.Piece(id))
			}
		}
		return u.object(v)
	}
	if pieces {
		for _, id := range ids {
			if err := u.printf("%d\t%q\n", id, t.Piece(id)); err != nil {
				return err
			}
		}
		return nil
	}
	words := make([]string, len(ids))
	for i, id := range ids {
		words[i] = strconv.Itoa(int(id))
	}
	return u.printf("%s\n", strings.Join(words, " "))
}

func (u *ui) decode(t *tokenizer.Tokenizer, text string) error {
	var ids []int32
	for _, w := range strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == ',' || r == '\n' || r == '\t' || r == '[' || r == ']' }) {
		n, err := strconv.ParseInt(w, 10, 32)
		if err != nil {
			return usagef("%q is no token id; ids are whole numbers from 0, such as those that tokenize prints", w)
		}
		ids = append(ids, int32(n))
	}
	s, err := t.Decode(ids)
	if err != nil {
		return err
	}
	if u.json {
		return u.object(map[string]string{"text": s})
	}
	return u.printf("%s\n", s)
}
