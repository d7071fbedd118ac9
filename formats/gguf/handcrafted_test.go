package gguf

import (
	"strings"
	"testing"

	"github.com/qconv/qconv/formats/fault"
)

// The 33 handcrafted files of llama.cpp v0.5.0's tests/test-gguf.cpp, made by a generator of our own:
// same defects in files of the same make-up, other random numbers. The reference's verdicts are its
// expect_context_not_null.
//
// Exceptions, each a rule of ours that is stricter than the reference:
//   - a bool is the byte 0 or 1 (row C14); the reference takes any byte, and its generator writes any.
//     Ours writes 0 or 1, and TestC16StricterBools shows the difference.
//   - alignments below 8 exceed a limit of ours; with the limit at 1 the verdicts agree.
//   - data must lie inside the file; the reference does not look in the six TENSORS files that it
//     accepts or refuses by header alone. They are opened as files that claim to be long enough.
type handcrafted struct {
	name  string
	good  bool
	stage int // 0: header only, 1: key-values, 2: tensor infos, 3: data
}

var handcraftedFiles = []handcrafted{
	{"HEADER_BAD_MAGIC", false, 0},
	{"HEADER_BAD_VERSION_0", false, 0},
	{"HEADER_BAD_VERSION_1", false, 0},
	{"HEADER_BAD_VERSION_FUTURE", false, 0},
	{"HEADER_BAD_N_KV", false, 0},
	{"HEADER_BAD_N_TENSORS", false, 0},
	{"HEADER_EMPTY", true, 0},
	{"KV_BAD_KEY_SIZE", false, 1},
	{"KV_EMPTY_KEY", false, 1},
	{"KV_BAD_TYPE", false, 1},
	{"KV_DUPLICATE_KEY", false, 1},
	{"KV_BAD_ALIGN", false, 1},
	{"KV_WRONG_TYPE_ALIGN", false, 1},
	{"KV_SUCCESS", true, 1},
	{"TENSORS_BAD_NAME_SIZE", false, 2},
	{"TENSORS_BAD_N_DIMS", false, 2},
	{"TENSORS_BAD_SHAPE", false, 2},
	{"TENSORS_ZERO_DIM", true, 2},
	{"TENSORS_NE_TOO_BIG", false, 2},
	{"TENSORS_NBYTES_TOO_BIG", false, 2},
	{"TENSORS_BAD_TYPE", false, 2},
	{"TENSORS_BAD_OFFSET", false, 2},
	{"TENSORS_DUPLICATE_NAME", false, 2},
	{"TENSORS_BAD_ALIGN", false, 2},
	{"TENSORS_INCONSISTENT_ALIGN", false, 2},
	{"TENSORS_SUCCESS", true, 2},
	{"TENSORS_CUSTOM_ALIGN", true, 2},
	{"DATA_NOT_ENOUGH_DATA", false, 3},
	{"DATA_BAD_ALIGN", false, 3},
	{"DATA_INCONSISTENT_ALIGN", false, 3},
	{"DATA_MEM_SIZE_OVERFLOW", false, 3},
	{"DATA_SUCCESS", true, 3},
	{"DATA_CUSTOM_ALIGN", true, 3},
}

func TestC16Handcrafted(t *testing.T) {
	if len(handcraftedFiles) != 33 {
		t.Fatalf("%d cases", len(handcraftedFiles))
	}
	lim := DefaultLimits()
	lim.MinAlignment = 1
	for _, h := range handcraftedFiles {
		t.Run("C16 "+h.name, func(t *testing.T) {
			for seed := range uint64(20) {
				c := newCraft(h, seed, 2)
				f, err := c.open(lim)
				if (err == nil) != h.good {
					t.Fatalf("seed %d: %v, the reference accepts: %v", seed, err, h.good)
				}
				if err != nil {
					if k := fault.KindOf(err); k == 0 || k == fault.IO || !strings.HasPrefix(err.Error(), fileName+": ") {
						t.Fatalf("seed %d: kind %d: %v", seed, k, err)
					}
					continue
				}
				holds(t, f)
				c.same(t, f)
			}
		})
	}
}

// same is the reference's check of what was read.
func (c *craft) same(t *testing.T, f *File) {
	t.Helper()
	if len(f.Tensors) != len(c.infos) || f.Version != latestVersion || f.Align != c.align {
		t.Fatalf("%d tensors, want %d; version %d; align %d, want %d", len(f.Tensors), len(c.infos), f.Version, f.Align, c.align)
	}
	l, err := NewLayout(f.KVs, f.Tensors, f.Align)
	if err != nil {
		t.Fatal(err)
	}
	if l.Header == nil || string(l.Header) != string(c.b[:l.DataStart]) {
		t.Fatal("laid out again, the header differs")
	}
	for i := range f.Tensors {
		x := &f.Tensors[i]
		if want := c.infos[i]; x.Name != want.Name || x.Type != want.Type || x.Offset != want.Offset {
			t.Fatalf("%+v, want %+v", *x, want)
		}
		if c.h.stage < 3 {
			continue
		}
		p := make([]byte, x.Bytes())
		if err := f.ReadAt(x, p, 0); err != nil {
			t.Fatal(err)
		}
		for j := range p {
			if p[j] != byte(x.Offset+int64(j)) {
				t.Fatalf("%s: byte %d is %d", x.Name, j, p[j])
			}
		}
	}
}

// TestC16Exceptions shows where the verdicts differ, and that nothing else does.
func TestC16Exceptions(t *testing.T) {
	for _, h := range handcraftedFiles {
		strict := h.good && strings.HasSuffix(h.name, "CUSTOM_ALIGN")
		_, err := newCraft(h, 1, 2).open(DefaultLimits())
		if (err == nil) != (h.good && !strict) {
			t.Errorf("%s under the default limits: %v", h.name, err)
		}
		if strict && fault.KindOf(err) != fault.Limit {
			t.Errorf("%s: %v", h.name, err)
		}
	}
	h := handcrafted{"KV_SUCCESS", true, 1}
	c := newCraft(h, 1, 0)
	if _, err := c.open(DefaultLimits()); fault.KindOf(err) != fault.Malformed || !strings.Contains(err.Error(), "bool is the byte") {
		t.Errorf("bools of any byte: %v", err)
	}
	for _, name := range []string{"TENSORS_SUCCESS", "TENSORS_CUSTOM_ALIGN"} {
		c := newCraft(handcrafted{name, true, 2}, 1, 2)
		lim := DefaultLimits()
		lim.MinAlignment = 1
		if _, err := claimed(c.b, int64(len(c.b)), lim); fault.KindOf(err) != fault.Malformed || !strings.Contains(err.Error(), "may be incomplete") {
			t.Errorf("%s without data: %v", name, err)
		}
	}
}
