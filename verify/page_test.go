package verify

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func render(t *testing.T, r *Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.WritePage(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

var (
	rawText = regexp.MustCompile(`(?s)<(script|style)([^>]*)>(.*?)</(script|style)>`)
	policy  = regexp.MustCompile(`http-equiv="Content-Security-Policy" content="([^"]*)"`)
)

// TestPageIsSound reads each page with a strict parser of XML, whose rules the template keeps too: whatever names say, they
// make no element and no attribute, and no element loads anything.
func TestPageIsSound(t *testing.T) {
	for title, r := range pages() {
		t.Run(title, func(t *testing.T) {
			text := render(t, r)
			if !utf8.ValidString(text) {
				t.Error("the page is no UTF-8")
			}
			raw := rawText.FindAllStringSubmatch(text, -1)
			if len(raw) != 3 || raw[0][1] != "style" || raw[1][2] != ` type="application/json" id="report"` || raw[2][2] != "" {
				t.Fatalf("the page has %d elements of style and script", len(raw))
			}
			p := policy.FindStringSubmatch(text)
			if p == nil {
				t.Fatal("the page has no policy")
			}
			want := "default-src 'none'; script-src '" + contentHash(raw[2][3]) + "'; style-src '" + contentHash(raw[0][3]) + "'; base-uri 'none'; form-action 'none'"
			if got := strings.NewReplacer("&#39;", "'", "&#43;", "+").Replace(p[1]); got != want {
				t.Errorf("policy %s, want %s", got, want)
			}
			checkJSON(t, r, raw[1][3])
			rest := rawText.ReplaceAllString(strings.TrimPrefix(text, "<!DOCTYPE html>\n"), "<$1$2></$1>")
			for i, c := range rest {
				if unicode.IsControl(c) && c != '\n' || unicode.Is(unicode.Bidi_Control, c) {
					t.Fatalf("the page holds %q: …%q", c, rest[max(0, i-60):i])
				}
			}
			checkElements(t, rest)
		})
	}
}

// checkJSON compares the object in the page with the report's, which TestJSON compares with package json's.
func checkJSON(t *testing.T, r *Report, text string) {
	t.Helper()
	var got, want any
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	object, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(object, &want); err != nil {
		t.Fatal(err)
	}
	a, _ := json.Marshal(got)
	b, _ := json.Marshal(want)
	if !bytes.Equal(a, b) {
		t.Error("the page holds another object than the report's")
	}
	if strings.ContainsAny(text, "<>\u2028\u2029") {
		t.Error("the object is not escaped for its element")
	}
}

func checkElements(t *testing.T, text string) {
	t.Helper()
	known := strings.Fields(`html head meta title style body header p h1 strong div svg path span ul li code a table thead tbody tr th td main section h2 h3 dl dt dd b
		figure text rect details summary caption small i label input pre button footer script`)
	attributes := strings.Fields(`lang charset http-equiv content name class viewBox aria-hidden aria-label aria-labelledby d x y width height id role tabindex scope
		data-figure data-layers data-key data-first hidden title type autocomplete spellcheck placeholder href`)
	ids, refs := map[string]bool{}, []string{}
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		e, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		if !slices.Contains(known, e.Name.Local) {
			t.Fatalf("element %s", e.Name.Local)
		}
		for _, a := range e.Attr {
			switch {
			case !slices.Contains(attributes, a.Name.Local):
				t.Fatalf("attribute %s of %s", a.Name.Local, e.Name.Local)
			case a.Name.Local == "id" && ids[a.Value]:
				t.Errorf("two elements have the id %s", a.Value)
			case a.Name.Local == "id":
				ids[a.Value] = true
			case a.Name.Local == "href" && !strings.HasPrefix(a.Value, "#"):
				t.Errorf("the page points to %s", a.Value)
			case a.Name.Local == "href" || a.Name.Local == "aria-labelledby":
				refs = append(refs, strings.TrimPrefix(a.Value, "#"))
			}
		}
	}
	for _, ref := range refs {
		if !ids[ref] {
			t.Errorf("nothing has the id %s", ref)
		}
	}
}

func TestPageLoadsNothing(t *testing.T) {
	text := render(t, sample(2))
	for _, bad := range []string{"http:", "https:", "url(", "@import", "<link", "<iframe", "<img", " src=", " style=", "fetch(", "XMLHttpRequest", "import("} {
		if strings.Contains(text, bad) {
			t.Errorf("the page contains %s", bad)
		}
	}
}

// TestPageTellsWhatIsMissing: a part without data is replaced by what makes it.
func TestPageTellsWhatIsMissing(t *testing.T) {
	for _, c := range []struct {
		title       string
		r           *Report
		has, hasNot []string
	}{
		{"file only", &Report{File: "a b.gguf", Tensors: sample(1).Tensors[:1]}, []string{"qconv verify &#39;a b.gguf&#39; --against SOURCE -f TEXT", "qconv verify &#39;a b.gguf&#39; -f TEXT"},
			[]string{`id="layers"`, `id="divergence"`, `id="statistics"`}},
		{"source only", &Report{File: "a.gguf", Against: "src", Tensors: sample(1).Tensors}, []string{"It needs a text: <code>qconv verify a.gguf --against src -f TEXT</code>", `data-key="relative_rmse"`}, []string{"SOURCE"}},
		{"text only", &Report{File: "a.gguf", Text: &Text{File: "t.txt"}, Perplexity: &Perplexity{}}, []string{"It needs the source: <code>qconv verify a.gguf --against SOURCE -f t.txt</code>", `data-figure="perplexity"`}, []string{`id="tensors"`}},
		{"given up", &Report{File: "a.gguf", Against: "src", Text: &Text{File: "t.txt"}}, []string{"the checks before it say why"}, []string{"It needs"}},
		{"all", sample(2), []string{`id="layers"`, `id="divergence"`, `id="map"`, `id="statistics"`}, []string{`id="missing"`}},
	} {
		text := render(t, c.r)
		for _, s := range c.has {
			if !strings.Contains(text, s) {
				t.Errorf("%s: the page lacks %s", c.title, s)
			}
		}
		for _, s := range c.hasNot {
			if strings.Contains(text, s) {
				t.Errorf("%s: the page has %s", c.title, s)
			}
		}
	}
}

// TestJSON compares with package json, which knows everything but figures that are not finite.
func TestJSON(t *testing.T) {
	type plainReport Report // without the method
	for title, r := range map[string]*Report{"sample": sample(3), "failed": damaged(), "perplexity": {Perplexity: &Perplexity{Estimate{1, 2}, 3},
		Tensors: []Tensor{{Name: "<&>\u2028\xff"}}}} {
		for _, list := range []any{&r.Checks, &r.Findings, &r.Notices, &r.Gates, &r.Command, &r.Tensors} { // not nil, which package json writes as null
			switch l := list.(type) {
			case *[]Check:
				*l = append([]Check{}, *l...)
			case *[]Finding:
				*l = append([]Finding{}, *l...)
			case *[]string:
				*l = append([]string{}, *l...)
			case *[]Gate:
				*l = append([]Gate{}, *l...)
			}
		}
		for i := range r.Tensors {
			r.Tensors[i].Shape = append([]int64{}, r.Tensors[i].Shape...)
		}
		got, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		want, err := json.Marshal((*plainReport)(r))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s:\n%s, package json writes\n%s", title, got, want)
		}
	}
	r := &Report{BitsPerWeight: math.NaN(), Layers: []Layer{{Error: math.Inf(1), Cosine: math.Inf(-1), Worst: 2}}}
	got, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{`"bits_per_weight":null`, `"relative_error":null,"cosine":null,"worst_error":2`, `"findings":[]`, `"tensors":[]`} {
		if !strings.Contains(string(got), s) {
			t.Errorf("%s lacks %s", got, s)
		}
	}
	if _, err := json.Marshal(hostile(20, 20)); err != nil {
		t.Error(err)
	}
}

func TestFigures(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{figure(0.0226712), "0.02267"}, {figure(7.43161), "7.432"}, {figure(1234567.8), "1,234,568"}, {figure(12345678.9), "1.235e7"}, {figure(0.00001234567), "1.235e-5"},
		{figure(0.00012345678), "0.0001235"}, {figure(-1.0826), "-1.083"}, {figure(0), "0"}, {figure(1), "1.000"}, {figure(9.99996), "10.00"}, {figure(-12345), "-12,345"},
		{figure(math.NaN()), "NaN"}, {figure(math.Inf(1)), "∞"}, {figure(math.Inf(-1)), "-∞"},
		{estimate(Estimate{7.6124, 0.0891}), "7.612 ± 0.089"}, {estimate(Estimate{12345.678, 12.3}), "12,346 ± 12"}, {estimate(Estimate{3e-12, 2.5e-13}), "3.000e-12 ± 2.5e-13"},
		{estimate(Estimate{1.5, 0}), "1.500 ± 0"}, {estimate(Estimate{math.NaN(), math.NaN()}), "NaN ± NaN"}, {percent(Estimate{0.93407, 0.00388}), "93.41 ± 0.39 %"},
		{cosine(0.99695711), "0.996957"}, {cosine(1), "1.000000"}, {cosine(1 - 0x1p-52), "1.000000"}, {cosine(1 - 3.25e-8), "1 - 3.3e-8"}, {cosine(-0.25), "-0.250000"}, {cosine(math.NaN()), "NaN"},
		{bits(4.5), "4.50"}, {bits(6.5625), "6.56"}, {plain(0.05), "0.05"}, {plain(1e-9), "1e-9"}, {plain(12000), "12,000"}, {tick(0.0005), "0.0005"}, {tick(2e-7), "2e-7"},
		{share(0.999), "99.9 %"}, {share(0.5), "median"}, {share(0), "minimum"}, {share(1), "maximum"}, {share(0.001), "0.1 %"},
		{size(1023), "1023 B"}, {size(4683073536), "4.36 GiB"}, {size(14336), "14.0 KiB"}, {count(int64(-1234567)), "-1,234,567"}, {count(999), "999"},
		{shape([]int64{3584, 152064}), "3584 × 152064"}, {clock("2026-03-14T16:09:26+01:00"), "2026-03-14 15:09:26 UTC"}, {clock("noon"), "noon"},
		{bounded(Gate{Value: 0.0500001, Bound: 0.05}), "0.0500001"}, {bounded(Gate{Value: 0.0512345, Bound: 0.05}), "0.05123"}, {bounded(Gate{Value: 0.05, Bound: 0.05}), "0.05000"},
		{visible("a\x00\u202eb\xff ü"), `a\x00\u202eb\xff ü`},
	} {
		if c.got != c.want {
			t.Errorf("%s, want %s", c.got, c.want)
		}
	}
	if s := name(strings.Repeat("ab", 1<<20)); utf8.RuneCountInString(s) > 125 || !strings.Contains(s, " … ") {
		t.Errorf("a long name is shown as %s", s)
	}
}

// TestCommandLine lets a shell read the command again.
func TestCommandLine(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("no bash to read command lines")
	}
	args := []string{"a b", "it's", "$HOME `id` \\ \"", "tab\tand\nline", "'\x01\\'", "", "plain-1.5=x", "größe", "\u202ex", "*", "~"}
	out, err := exec.Command("bash", "-c", `export LC_ALL=C.UTF-8; printf '%s\0' `+commandLine(args)).Output()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00"); !slices.Equal(got, args) {
		t.Errorf("the shell reads %q of %s, want %q", got, commandLine(args), args)
	}
}

// TestBarsHoldAllTokens: each token is in a bar, and its bar is where it is.
func TestBarsHoldAllTokens(t *testing.T) {
	for _, values := range [][]float64{{0}, {0, 0, 5e-9}, {0, 1e-8, 0.5, 100, 100}, {100}, {3e-4, 3e-4}, {0, 700, 1e5}} {
		d := &Divergence{Histogram: histogram(values)}
		total, end := 0, 0.0
		for _, b := range d.bars() {
			if !(b.lo > 0 && b.lo < b.hi && b.lo >= end*(1-1e-12)) {
				t.Errorf("%v: a bar from %g to %g behind one to %g", values, b.lo, b.hi, end)
			}
			for _, v := range values {
				if v >= b.From && v < b.To && (v < b.lo && v > 0 && b.From > 0 || v >= b.hi) {
					t.Errorf("%v: %g is outside its bar from %g to %g", values, v, b.lo, b.hi)
				}
			}
			total, end = total+b.Count, b.hi
		}
		if total != len(values) {
			t.Errorf("%v: the bars hold %d tokens", values, total)
		}
	}
}
