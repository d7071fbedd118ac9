package chat

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/qconv/qconv/formats/fault"
)

// conversation is an entry of testdata/conversations.json.
type conversation struct {
	Name     string
	Messages []struct{ Role, Content string }
	Prompt   bool `json:"add_generation_prompt"`
	BOS, EOS string
	Extra    map[string]any
}

func (c *conversation) options() Options {
	o := Options{
		AddGenerationPrompt: c.Prompt, BOS: c.BOS, EOS: c.EOS, Extra: c.Extra,
		Now: time.Date(2031, 5, 4, 15, 6, 7, 0, time.UTC), // as in testdata/record.py
	}
	for _, m := range c.Messages {
		o.Messages = append(o.Messages, Message(m))
	}
	return o
}

// recorded is what jinja2 made of a template.
type recorded struct {
	Template string
	Text     *string
	SHA256   string
	Bytes    int
	Error    string // "raise", "error", or ""
	Message  string
}

func readJSON(t testing.TB, name string, to any) {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d := json.NewDecoder(f)
	d.UseNumber() // whole numbers stay integers
	if err := d.Decode(to); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func conversations(t testing.TB) []conversation {
	var cs []conversation
	readJSON(t, "conversations.json", &cs)
	return cs
}

// stricter are snippets that jinja2 renders and this package refuses.
var stricter = map[string]string{
	`{{ "\N{BULLET}" }}`:       "names of characters are not here",
	"{{ ''.__class__ }}":       "jinja2 refuses only the use of what it finds",
	"{{ namespace.__init__ }}": "the same",
	"{{ lipsum.__globals__ }}": "the same",
	"{{ l|items }}":            "jinja2 prints an iterator that would fail",
	"{{ deep|selectattr }}":    "the same",
	"{{ l[] }}":                "jinja2 takes it for an empty tuple",
	"{{ 2 ** -1 }}":            "powers of floats differ in the last digit between C libraries",
	"{{ 2 ** 0.5 }}":           "the same",
	"{#":                       "jinja2 allows a comment without end only here",
}

// TestSnippets compares single constructs of the language with jinja2, errors included.
func TestSnippets(t *testing.T) {
	var file struct {
		Conversation conversation
		Snippets     []recorded
	}
	readJSON(t, "snippets.json", &file)
	if len(file.Snippets) < 250 {
		t.Fatalf("%d snippets", len(file.Snippets))
	}
	for _, s := range file.Snippets {
		got, err := Render(context.Background(), strings.ReplaceAll(s.Template, "⏎", "\n"), file.Conversation.options())
		if _, ok := stricter[s.Template]; ok {
			if k := fault.KindOf(err); s.Error != "" || k != fault.Unsupported && k != fault.Malformed {
				t.Errorf("%s\n got %q, %v, want it refused, and rendered by jinja2", s.Template, got, err)
			}
			continue
		}
		s.check(t, s.Template, got, err)
	}
}

// random is a file of programs made by testdata/record_random.py.
var random = flag.String("random", "testdata/random.json", "programs for TestRandom")

// TestRandom compares programs put together by chance with jinja2. Where both give a text it is the same; refusing more
// than jinja2 does is allowed, in few of them.
func TestRandom(t *testing.T) {
	text, err := os.ReadFile(*random)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Conversation conversation
		Programs     []recorded
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&file); err != nil {
		t.Fatal(err)
	}
	rendered, refused, lax := 0, 0, 0
	for _, p := range file.Programs {
		got, err := Render(context.Background(), p.Template, file.Conversation.options())
		switch {
		case err != nil && fault.KindOf(err) == 0:
			t.Errorf("%q\n an error without kind: %v", p.Template, err)
		case err != nil && p.Text != nil:
			refused++
		case err == nil && p.Text == nil:
			lax++
		case err == nil && got != *p.Text:
			t.Errorf("%q\n got %q\nwant %q", p.Template, got, *p.Text)
		case err == nil:
			rendered++
		}
	}
	// jinja2 evaluates constants before it runs, and fails on some that are never reached.
	if rendered < 500 || refused > rendered/10 || lax > rendered/100 {
		t.Errorf("%d programs: %d texts are the same, %d refused only here, %d only by jinja2", len(file.Programs), rendered, refused, lax)
	}
	t.Logf("%d programs: %d texts are the same, %d refused only here, %d only by jinja2", len(file.Programs), rendered, refused, lax)
}

func (r *recorded) check(t *testing.T, name, got string, err error) {
	t.Helper()
	if err != nil {
		switch k := fault.KindOf(err); {
		case r.Error == "":
			t.Errorf("%s\n refused: %v", name, err)
		case k == 0 || (k == fault.Mismatch) != (r.Error == "raise"):
			t.Errorf("%s\n kind %d: %v\n jinja2: %s", name, k, err, r.Message)
		}
		return
	}
	sum := sha256.Sum256([]byte(got))
	switch {
	case r.Error != "":
		t.Errorf("%s\n got %q, jinja2 refuses: %s", name, got, r.Message)
	case r.Text != nil && got != *r.Text:
		t.Errorf("%s\n got %q\nwant %q", name, got, *r.Text)
	case r.Text == nil && (len(got) != r.Bytes || hex.EncodeToString(sum[:]) != r.SHA256):
		t.Errorf("%s\n got %d bytes that are not the %d recorded", name, len(got), r.Bytes)
	}
}

// TestTemplates compares whole templates, ours, with all conversations.
func TestTemplates(t *testing.T) {
	var file struct {
		Templates map[string]map[string]recorded
	}
	readJSON(t, "golden.json", &file)
	if len(file.Templates) == 0 {
		t.Fatal("no templates")
	}
	for name, want := range file.Templates {
		template, err := os.ReadFile(filepath.Join("testdata/templates", name))
		if err != nil {
			t.Fatal(err)
		}
		compareAll(t, name, string(template), want)
	}
}

func compareAll(t *testing.T, name, template string, want map[string]recorded) {
	t.Helper()
	for _, c := range conversations(t) {
		w, ok := want[c.Name]
		if !ok {
			t.Fatalf("%s: nothing recorded for conversation %s", name, c.Name)
		}
		got, err := Render(context.Background(), template, c.options())
		w.check(t, name+" with "+c.Name, got, err)
	}
}

// TestPublished renders templates of published models. They are not ours to ship, so only hashes of jinja2's output are
// here; templates that differ from those recorded are left out.
func TestPublished(t *testing.T) {
	const dir = "../../../shared/data/templates"
	if _, err := os.Stat(dir); err != nil {
		t.Skip("no published chat templates here (../shared/data/templates)")
	}
	var file struct {
		Templates map[string]struct {
			SHA256        string
			Conversations map[string]recorded
		}
	}
	readJSON(t, "published.json", &file)
	for _, name := range slices.Sorted(maps.Keys(file.Templates)) {
		template, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
			continue
		}
		want := file.Templates[name]
		if sum := sha256.Sum256(template); hex.EncodeToString(sum[:]) != want.SHA256 {
			t.Errorf("%s is not the template that was recorded", name)
			continue
		}
		compareAll(t, name, string(template), want.Conversations)
	}
}
