package strictjson

import (
	"errors"
	"strings"
	"testing"
)

func TestRefused(t *testing.T) {
	for _, c := range []struct {
		name, doc, msg string
		off            int
	}{
		{"empty", "", "unexpected end", 0},
		{"space only", " \n", "unexpected end", 2},
		{"duplicate key", `{"a":1,"b":2,"a":3}`, `duplicate key "a"`, 13},
		{"duplicate key, escaped", `{"a":1,"\u0061":3}`, `duplicate key "a"`, 7},
		{"duplicate key among many", `{"0":0,"1":0,"2":0,"3":0,"4":0,"5":0,"6":0,"7":0,"8":0,"9":0,"3":0}`, `duplicate key "3"`, 61},
		{"duplicate key after many", `{"0":0,"1":0,"2":0,"3":0,"4":0,"5":0,"6":0,"7":0,"8":0,"9":0,"9":0}`, `duplicate key "9"`, 61},
		{"duplicate key, inner", `{"x":{"a":1,"a":2}}`, `duplicate key "a"`, 12},
		{"not UTF-8", "{\"a\":\"\xff\"}", "not UTF-8", 6},
		{"surrogate in UTF-8", "\"\xed\xa0\x80\"", "not UTF-8", 1},
		{"second document", `{} {}`, "more data", 3},
		{"garbage after", `{}x`, "more data", 2},
		{"lone high surrogate", `"\ud800"`, "lone surrogate", 7},
		{"lone low surrogate", `"\udc00"`, "lone surrogate", 7},
		{"surrogates in wrong order", `"\udc00\ud800"`, "lone surrogate", 13},
		{"short escape", `"\u12"`, "invalid escape", 1},
		{"unknown escape", `"\x"`, "invalid escape", 1},
		{"signed escape", `"\u+123"`, "invalid \\u escape", 1},
		{"control character", "\"a\nb\"", "control character", 2},
		{"control character after escape", "\"\\ta\nb\"", "control character", 4},
		{"open string", `"abc`, "unexpected end in string", 4},
		{"open escape", `"a\`, "unexpected end in escape", 2},
		{"trailing comma in array", `[1,]`, "unexpected ']'", 3},
		{"trailing comma in object", `{"a":1,}`, "unexpected '}'", 7},
		{"no comma", `[1 2]`, "expected ','", 3},
		{"no colon", `{"a" 1}`, "expected ':'", 5},
		{"key is no string", `{1:2}`, "found a number, expected a string", 1},
		{"open array", `[1`, "expected ',' or ']'", 2},
		{"open object", `{"a":1`, "expected ',' or '}'", 6},
		{"leading zero", `01`, "leading zero", 2},
		{"negative leading zero", `-01`, "leading zero", 3},
		{"plus", `+1`, "unexpected '+'", 0},
		{"bare minus", `-`, "expected a digit", 1},
		{"bare point", `1.`, "expected a digit after", 2},
		{"bare exponent", `1e+`, "expected a digit in the exponent", 3},
		{"misspelt literal", `tru`, "expected true", 0},
		{"comment", `/**/1`, "unexpected '/'", 0},
		{"NaN", `NaN`, "unexpected 'N'", 0},
		{"byte order mark", "\ufeff{}", "unexpected", 0},
		{"too deep", `[[[[1]]]]`, "nested deeper than 3", 3},
		{"too deep, mixed", `{"a":[{"b":[]}]}`, "nested deeper than 3", 11},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := tree(c.doc, 3)
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("accepted, or another error: %v", err)
			}
			if e.Off != c.off || !strings.Contains(e.Msg, c.msg) {
				t.Errorf("got %q at %d, want %q at %d", e.Msg, e.Off, c.msg, c.off)
			}
		})
	}
}

// tree parses without Python's literals.
func tree(doc string, depth int) (Value, error) {
	s, err := NewScanner(doc, depth, false)
	if err != nil {
		return Value{}, err
	}
	v, err := s.Value()
	if err == nil {
		err = s.End()
	}
	return v, err
}

func TestA23Depth(t *testing.T) {
	for _, unit := range []string{"[", `{"a":`} {
		if _, err := tree(strings.Repeat(unit, 20_000), 128); err == nil || !strings.Contains(err.Error(), "nested deeper") {
			t.Errorf("20,000 times %s: %v", unit, err)
		}
	}
	ok := strings.Repeat("[", 128) + strings.Repeat("]", 128)
	if _, err := tree(ok, 128); err != nil {
		t.Errorf("128 deep: %v", err)
	}
	if _, err := tree("["+ok+"]", 128); err == nil {
		t.Error("129 deep: accepted")
	}
	// Siblings do not add up.
	if _, err := tree("["+strings.Repeat("[],{},", 1000)+"[]]", 2); err != nil {
		t.Errorf("siblings: %v", err)
	}
}

func TestValues(t *testing.T) {
	v, err := Parse([]byte(` {"s":"a\u00e9\ud83d\ude00\n\/","i":-12,"big":9223372036854775808,"f":1.5e3,"t":true,"n":null,`+
		`"nan":NaN,"inf":-Infinity,"pos":Infinity,"a":[1,"x"],"o":{"k":false},"z":4096.0,"frac":0.5,"huge":1e400}`+"\t\r\n"), 8)
	if err != nil {
		t.Fatal(err)
	}
	if s, ok := v.Get("s").Str(); !ok || s != "aé😀\n/" {
		t.Errorf("s = %q, %v", s, ok)
	}
	for _, c := range []struct {
		key   string
		n     int64
		ok    bool
		isInt bool
	}{
		{"i", -12, true, true}, {"big", 0, false, false}, {"f", 1500, true, false}, {"z", 4096, true, false},
		{"frac", 0, false, false}, {"huge", 0, false, false}, {"nan", 0, false, false}, {"inf", 0, false, false},
		{"s", 0, false, false}, {"t", 0, false, false}, {"absent", 0, false, false},
	} {
		if n, ok := v.Get(c.key).Int64(); n != c.n || ok != c.ok {
			t.Errorf("%s: Int64 = %d, %v", c.key, n, ok)
		}
		if got := v.Get(c.key).IsInt(); got != c.isInt {
			t.Errorf("%s: IsInt = %v", c.key, got)
		}
	}
	for key, want := range map[string]float64{"i": -12, "f": 1500, "big": 9223372036854775808} {
		if f, ok := v.Get(key).Float64(); !ok || f != want {
			t.Errorf("%s: Float64 = %v, %v", key, f, ok)
		}
	}
	for _, key := range []string{"nan", "inf", "pos", "huge", "s"} {
		if f, ok := v.Get(key).Float64(); ok {
			t.Errorf("%s: Float64 = %v", key, f)
		}
	}
	if b, ok := v.Get("t").Boolean(); !b || !ok {
		t.Error("t is not true")
	}
	if b, ok := v.Get("o").Get("k").Boolean(); b || !ok {
		t.Error("o.k is not false")
	}
	if v.Get("n").Present() || v.Get("absent").Present() || !v.Get("t").Present() {
		t.Error("Present is wrong for null, absent or true")
	}
	if a := v.Get("a").Items; len(a) != 2 || a[1].Text != "x" {
		t.Errorf("a = %v", a)
	}
}

// TestSkip: Skip consumes exactly what Value does.
func TestSkip(t *testing.T) {
	doc := `[{"a":[1,{}],"b":"\n"}, null, -0.5e-3, [], "x"]`
	s, err := NewScanner(doc, 8, false)
	if err != nil {
		t.Fatal(err)
	}
	var ends []int
	err = s.Array(func(int) error {
		err := s.Skip()
		ends = append(ends, s.Offset())
		return err
	})
	if err != nil || s.End() != nil {
		t.Fatal(err)
	}
	for i, want := range []string{`"b":"\n"}`, "null", "-0.5e-3", "[]", `"x"`} {
		if !strings.HasSuffix(doc[:ends[i]], want) {
			t.Errorf("element %d ends at %d, after %q", i, ends[i], doc[:ends[i]])
		}
	}
}

// TestMembers: the caller sees duplicates and where names start.
func TestMembers(t *testing.T) {
	s, err := NewScanner(`{ "a":1, "a":2}`, 8, false)
	if err != nil {
		t.Fatal(err)
	}
	var at []int
	err = s.Members(func(name string, off int) error {
		at = append(at, off)
		return s.Skip()
	})
	if err != nil || len(at) != 2 || at[0] != 2 || at[1] != 9 {
		t.Errorf("names at %v, %v", at, err)
	}
}
