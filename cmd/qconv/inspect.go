package main

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/qconv/qconv/formats/gguf"
)

func newInspect(u *ui) *cobra.Command {
	var all, follow bool
	c := &cobra.Command{
		Use:   "inspect SRC",
		Short: "show the keys, tensors and files of a GGUF file or a checkpoint",
		Long: `inspect reads the headers of a GGUF file (with the rest of its split set) or of a checkpoint directory and shows
its keys, tensors and files. Long arrays are cut after 8 elements; --all shows them whole.`,
		Example: `  qconv inspect model-q4_k_m.gguf
  qconv inspect model-q4_k_m.gguf --json | jq '.keys[] | select(.key=="general.name").value'`,
		Args: arguments(1, 1, "SRC"),
		RunE: func(_ *cobra.Command, args []string) error {
			m, err := openModel(args[0], follow)
			if err != nil {
				return err
			}
			defer m.Close()
			keys := modelKeys(m, all)
			if u.json {
				return u.object(inspectJSON(m, keys))
			}
			return u.inspect(m, keys)
		},
	}
	c.Flags().BoolVar(&all, "all", false, "show arrays whole")
	followFlag(c, &follow)
	return c
}

// shown is how many elements of an array are shown.
const shown = 8

type keyJSON struct {
	Key   string `json:"key"`
	Type  string `json:"type"`
	Value any    `json:"value"`
	Count int    `json:"count,omitempty"` // of an array, of which Value may hold the first elements only
}

func modelKeys(m *modelFiles, all bool) (keys []keyJSON) {
	if m.set == nil {
		for _, p := range m.checkpoint.Root.Pairs {
			keys = append(keys, keyJSON{Key: p.Name, Type: strings.TrimPrefix(strings.TrimPrefix(p.Value.Kind.String(), "a "), "an "), Value: p.Value.Any()})
		}
		return keys
	}
	for _, kv := range m.set.KVs {
		keys = append(keys, keyOf(kv, all))
	}
	return keys
}

func keyOf(kv gguf.KV, all bool) keyJSON {
	k := keyJSON{Key: kv.Key, Type: valueType(reflect.TypeOf(kv.Value)), Value: plain(kv.Value)}
	v := reflect.ValueOf(kv.Value)
	if v.Kind() != reflect.Slice {
		return k
	}
	k.Count = v.Len()
	n := k.Count
	if !all {
		n = min(n, shown)
	}
	// []uint8 would become base64; an array of any stays an array.
	list := make([]any, n)
	for i := range list {
		list[i] = plain(v.Index(i).Interface())
	}
	k.Value = list
	return k
}

// plain gives a float that JSON has no number for as a word.
func plain(v any) any {
	var f float64
	switch v := v.(type) {
	case float32:
		f = float64(v)
	case float64:
		f = v
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return word(fmt.Sprint(f))
	}
	return v
}

// word is a value that is shown without quotes.
type word string

// valueType spells types as gguf-dump does: u32, f32, str, bool, and [] for arrays.
func valueType(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Slice:
		return "[]" + valueType(t.Elem())
	case reflect.String:
		return "str"
	case reflect.Bool:
		return "bool"
	case reflect.Float32, reflect.Float64:
		return "f" + strconv.Itoa(t.Bits())
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "u" + strconv.Itoa(t.Bits())
	}
	return "i" + strconv.Itoa(t.Bits())
}

func inspectJSON(m *modelFiles, keys []keyJSON) any {
	v := struct {
		Name    string       `json:"name"`
		Format  string       `json:"format"`
		Files   []fileJSON   `json:"files"`
		Keys    []keyJSON    `json:"keys"`
		Weights int64        `json:"weights"`
		Tensors []tensorJSON `json:"tensors"`
		Notices []string     `json:"notices"`
	}{Name: m.name, Format: m.format(), Keys: keys, Weights: m.weights(), Notices: []string{}, Tensors: []tensorJSON{}}
	for _, f := range m.files {
		v.Files = append(v.Files, fileJSON{Path: f.name, Bytes: f.size})
		for _, t := range f.tensors {
			v.Tensors = append(v.Tensors, tensorJSON{Name: t.name, Shape: t.shape, Type: t.typ, Bytes: t.bytes, File: f.name})
		}
	}
	if m.checkpoint != nil {
		v.Notices = orEmpty(m.checkpoint.Notices)
	}
	return v
}

func (m *modelFiles) format() string {
	if m.set != nil {
		return "gguf"
	}
	return "safetensors"
}

// weights counts the elements of all tensors.
func (m *modelFiles) weights() (n int64) {
	for _, f := range m.files {
		for _, t := range f.tensors {
			e := int64(1)
			for _, d := range t.shape {
				e *= d
			}
			n += e
		}
	}
	return n
}

func (u *ui) inspect(m *modelFiles, keys []keyJSON) error {
	w := tabwriter.NewWriter(u.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "KEY\tTYPE\tVALUE")
	for _, k := range keys {
		fmt.Fprintf(w, "%s\t%s\t%s\n", quoted(k.Key), k.Type, valueText(k))
	}
	fmt.Fprintln(w)
	fmt.Fprintln(w, "TENSOR\tTYPE\tSHAPE\tSIZE")
	n := 0
	for _, f := range m.files {
		for _, t := range f.tensors {
			n++
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", quoted(t.name), t.typ, shape(t.shape), size(t.bytes))
		}
	}
	if err := w.Flush(); err != nil {
		return printFault(err)
	}
	u.printf("\n")
	for _, f := range m.files {
		u.printf("%s  %s, %d tensors\n", quoted(f.name), size(f.size), len(f.tensors))
	}
	if m.checkpoint != nil {
		u.notices(m.checkpoint.Notices)
	}
	return u.printf("%s weights in %d tensors\n", weights(m.weights()), n)
}

// valueText prints a value on one line; strings from files are quoted.
func valueText(k keyJSON) string {
	const width = 100
	list, ok := k.Value.([]any)
	if !ok {
		if s, ok := k.Value.(string); ok {
			s = strconv.Quote(s)
			if len(s) > width {
				s = fmt.Sprintf("%s... (%d bytes)", s[:width], len(k.Value.(string)))
			}
			return s
		}
		return fmt.Sprint(k.Value)
	}
	var b strings.Builder
	b.WriteByte('[')
	for i, e := range list {
		if i > 0 {
			b.WriteByte(' ')
		}
		if t, ok := e.(string); ok {
			e = strconv.Quote(t)
		}
		fmt.Fprint(&b, e)
	}
	if k.Count > len(list) {
		fmt.Fprintf(&b, " ... %d in all", k.Count)
	}
	b.WriteByte(']')
	return b.String()
}
