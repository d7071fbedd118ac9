package fault

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"
)

func TestErrorText(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		want string
	}{
		{"all", New(Malformed, "a.safetensors", "found %d, expected %d", 1, 2).In("w").At(7), `a.safetensors: tensor "w": found 1, expected 2 (byte 7)`},
		{"file", New(IO, "a", "gone"), "a: gone"},
		{"nothing known", New(Usage, "", "no input"), "no input"},
		{"byte 0", New(Malformed, "a", "bad").At(0), "a: bad (byte 0)"},
		{"escape in tensor name", New(Malformed, "a", "bad").In("w\x1b[31m\n"), `a: tensor "w\x1b[31m\n": bad`},
		{"escape in file name", New(Malformed, "a\x1b\n", "bad"), `"a\x1b\n": bad`},
	} {
		if got := c.err.Error(); got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

func TestKindOf(t *testing.T) {
	inner := New(Limit, "a", "too many: %w", fs.ErrNotExist)
	wrapped := fmt.Errorf("while planning: %w", inner)
	if got := KindOf(wrapped); got != Limit {
		t.Errorf("wrapped: kind %d, want %d", got, Limit)
	}
	if !errors.Is(wrapped, fs.ErrNotExist) {
		t.Error("the cause given with %w is lost")
	}
	if got := KindOf(New(IO, "b", "%w", wrapped)); got != IO {
		t.Errorf("outermost: kind %d, want %d", got, IO)
	}
	if got := KindOf(fs.ErrNotExist); got != 0 {
		t.Errorf("other errors: kind %d, want 0", got)
	}
	if got := KindOf(nil); got != 0 {
		t.Errorf("nil: kind %d, want 0", got)
	}
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"model.gguf": "model.gguf",
		"größe":      "größe",
		"a\tb":       `"a\tb"`,
		"a\u202eb":   `"a\u202eb"`,
		"\xff":       `"\xff"`,
		"":           "",
	} {
		if got := Printable(in); got != want {
			t.Errorf("Printable(%q) = %s, want %s", in, got, want)
		}
	}
}
