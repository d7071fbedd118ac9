package chat

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/qconv/qconv/formats/fault"
)

// hostile templates try to get out, to run for ever, or to take all memory or stack.
var hostile = []struct {
	name, template string
	kind           fault.Kind
	text           string // part of the message
}{
	{"long range", "{% for i in range(10**9) %}{% endfor %}", fault.Limit, "range of 1000000000 elements"},
	{"range beyond integers", "{{ range(-2**62, 2**62)|length }}", fault.Limit, "range"},
	{"loops in loops", strings.Repeat("{% for i in range(100000) %}", 5) + "x" + strings.Repeat("{% endfor %}", 5), fault.Limit, "steps"},
	{"empty loops in loops", strings.Repeat("{% for i in range(100000) %}", 3) + strings.Repeat("{% endfor %}", 3), fault.Limit, "steps"},
	{"long string", "{{ 'a' * 10**10 }}", fault.Limit, "MiB"},
	{"long string by doubling", "{% set ns = namespace(s='aaaaaaaa') %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}", fault.Limit, "MiB"},
	{"long string by ~", "{% set ns = namespace(s='aaaaaaaa') %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s ~ ns.s %}{% endfor %}", fault.Limit, "MiB"},
	{"long list", "{{ [1] * 10**10 }}", fault.Limit, "MiB"},
	{"long list by doubling", "{% set ns = namespace(s=[1]) %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}", fault.Limit, "MiB"},
	{"long list sorted", "{{ ([3, 1, 2] * 300000)|sort|length }}", fault.Limit, "steps"},
	{"long string by replace", "{{ ('a' * 10**6).replace('a', 'b' * 10**6) }}", fault.Limit, "MiB"},
	{"long string by replace filter", "{{ ('a' * 10**6)|replace('', 'b' * 10**6) }}", fault.Limit, "MiB"},
	{"long string by join", "{{ ('b' * 10**6).join('a' * 10**6) }}", fault.Limit, "MiB"},
	{"long string by join filter", "{{ range(100000)|join('b' * 10**6) }}", fault.Limit, "MiB"},
	{"long string by indent", "{{ ('a\n' * 10**6)|indent('b' * 10**6) }}", fault.Limit, "MiB"},
	{"long string by tojson", "{{ ([1] * 10**6)|tojson(separators=('b' * 10**6, '')) }}", fault.Limit, "MiB"},
	{"long string by tojson indent", "{{ ([1] * 10**6)|tojson(indent='b' * 10**6) }}", fault.Limit, "MiB"},
	{"much text", "{% set s = 'a' * 10**6 %}{% for i in range(1000) %}{{ s }}{% endfor %}", fault.Limit, "MiB of text"},
	{"much captured text", "{% set s = 'a' * 10**6 %}{% for i in range(1000) %}{% set x %}{{ s }}{% endset %}{% endfor %}", fault.Limit, "MiB"},
	{"large integer", "{{ 9**9**9 }}", fault.Unsupported, "64 bits"},
	{"large power", "{{ 9**999999999999999999 }}", fault.Unsupported, "64 bits"},
	{"large negation", "{{ -(-9223372036854775807 - 1) }}", fault.Unsupported, "64 bits"},
	{"large quotient", "{{ (-9223372036854775807 - 1) // -1 }}", fault.Unsupported, "64 bits"},
	{"macro that calls itself", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", fault.Limit, "levels"},
	{"macros that call each other", "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}", fault.Limit, "levels"},
	{"macro that calls itself twice", "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(60) }}", fault.Limit, "steps"},
	{"macro as its default", "{% macro m(a=m()) %}{% endmacro %}{{ m() }}", fault.Limit, "levels"},
	{"value in itself", "{% set ns = namespace() %}{% set ns.l = [ns] %}{% set ns.d = {'a': ns.l} %}{{ ns.l == [ns] }}{{ ns.d|tojson }}", fault.Malformed, "not JSON"},
	{"deep value", deepValue + "{{ ns.l }}", fault.Limit, "levels"},
	{"deep value as JSON", deepValue + "{{ ns.l|tojson }}", fault.Limit, "levels"},
	{"deep values compared", deepValue + "{% set a = ns.l %}" + deepValue + "{{ a == ns.l }}", fault.Limit, "levels"},
	{"deep values ordered", deepValue + "{% set a = ns.l %}" + deepValue + "{{ a < ns.l }}", fault.Limit, "levels"},
	{"wide value", wideValue + "{{ ns.l|tojson|length }}", fault.Limit, ""},
	{"wide value printed", wideValue + "{{ ns.l }}", fault.Limit, ""},
	{"wide values compared", wideValue + "{% set a = ns.l %}" + wideValue + "{{ a == ns.l }}", fault.Limit, "steps"},
	{"looking through much text", "{% set s = 'a' * 10**7 %}{% for i in range(100000) %}{{ 'b' in s }}{% endfor %}", fault.Limit, "steps"},
	{"counting in much text", "{% set s = 'a' * 10**7 %}{% for i in range(100000) %}{{ s.count('a') }}{% endfor %}", fault.Limit, "steps"},
	{"measuring much text", "{% set s = 'a' * 10**7 %}{% for i in range(100000) %}{{ s|length }}{{ s[5] }}{% endfor %}", fault.Limit, "steps"},
	{"stripping much text", "{% set s = ' ' * 10**7 %}{% for i in range(100000) %}{{ s.strip() }}{% endfor %}", fault.Limit, "MiB"},
	{"stripping many characters", "{{ ('a' * 10**6).strip('b' * 10**6) }}", fault.Unsupported, "stripping"},
	{"many brackets", "{{ " + strings.Repeat("(", 100000) + "1" + strings.Repeat(")", 100000) + " }}", fault.Limit, "brackets"},
	{"many brackets without end", "{{ " + strings.Repeat("[", 500000), fault.Limit, "brackets"},
	{"many dicts", "{{ " + strings.Repeat("{1:", 100000) + " }}", fault.Limit, "brackets"},
	{"many nots", "{{ " + strings.Repeat("not ", 200000) + "1 }}", fault.Limit, "inside each other"},
	{"many signs", "{{ " + strings.Repeat("-", 500000) + "1 }}", fault.Limit, "inside each other"},
	{"many elses", "{{ " + strings.Repeat("1 if 0 else ", 80000) + "1 }}", fault.Limit, "inside each other"},
	{"many ifs", strings.Repeat("{% if 1 %}", 50000) + strings.Repeat("{% endif %}", 40000), fault.Limit, "inside each other"},
	{"many targets", "{% set " + strings.Repeat("(", 100000) + "a" + " %}", fault.Limit, "brackets"},
	{"long sum", "{{ 1" + strings.Repeat("+1", 200000) + " }}", fault.Limit, "levels"},
	{"long chain of attributes", "{{ messages" + strings.Repeat(".a", 200000) + " }}", fault.Limit, "levels"},
	{"long chain of filters", "{{ 1" + strings.Repeat("|d", 200000) + " }}", fault.Limit, "levels"},
	{"long chain of block filters", "{% filter d" + strings.Repeat("|d(1/0)", 100000) + " %}{% endfilter %}", fault.Malformed, "zero"},
	{"long chain of calls", "{{ m" + strings.Repeat("()", 200000) + " }}", fault.Limit, "levels"},
	{"include", "{% include '/etc/passwd' %}", fault.Unsupported, "may not load others"},
	{"include in a branch", "{% if false %}{% include '/etc/passwd' %}{% endif %}", fault.Unsupported, "may not load others"},
	{"import", "{% import '/etc/passwd' as x %}", fault.Unsupported, "may not load others"},
	{"from", "{% from '/etc/passwd' import x %}", fault.Unsupported, "may not load others"},
	{"extends", "{% extends '/etc/passwd' %}", fault.Unsupported, "may not load others"},
	{"class of a string", "{{ ''.__class__.__mro__[1].__subclasses__() }}", fault.Unsupported, "lead out"},
	{"class by attr", "{{ ''|attr('__class__') }}", fault.Unsupported, `"attr"`},
	{"class by map", "{{ ['']|map(attribute='__class__')|list }}", fault.Unsupported, "lead out"},
	{"class by subscript", "{{ ''['__class__'] }}", fault.Unsupported, "lead out"},
	{"globals of a function", "{{ raise_exception.__globals__['os'].system('id') }}", fault.Unsupported, "lead out"},
	{"globals of cycler", "{{ cycler.__init__.__globals__.os.popen('id').read() }}", fault.Unsupported, "cycler"},
	{"self", "{{ self.__init__.__globals__.__builtins__ }}", fault.Unsupported, "self"},
	{"format string", "{{ '{0.__class__}'.format(1) }}", fault.Unsupported, `"format"`},
	{"format by percent", "{{ '%1000000000d' % 1 }}", fault.Unsupported, "formatting"},
	{"format_map", "{{ '{a}'.format_map({'a': 1}) }}", fault.Unsupported, `"format_map"`},
	{"changing a list", "{{ messages.append(messages) }}", fault.Unsupported, `"append"`},
	{"changing a dict", "{{ messages[0].update({'a': 1}) }}", fault.Unsupported, `"update"`},
	{"environment", "{{ env['HOME'] }}", fault.Malformed, "undefined"},
	{"open", "{{ open('/etc/passwd').read() }}", fault.Malformed, "undefined"},
	{"long time format", "{{ strftime_now('%Y' * 10**6) }}", fault.Limit, "format"},
	{"wide lorem", "{{ lipsum(10**9) }}", fault.Unsupported, "lipsum"},
	{"wide padding", "{{ 'a'.ljust(10**10) }}{{ 'a'.center(10**10) }}", fault.Unsupported, "ljust"},
	{"wide centering", "{{ 'a'|center(10**10) }}", fault.Unsupported, "center"},
	{"wide indent", "{{ 'a'|indent(10**10) }}", fault.Limit, "indent"},
	{"recursive loop", "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}", fault.Unsupported, "recursive"},
	{"long template", strings.Repeat("a", MaxTemplate+1), fault.Limit, "bytes"},
	{"not UTF-8", "a\xffb", fault.Malformed, "UTF-8"},
	{"refusal with escapes", "{{ raise_exception('\x1b[31mred') }}", fault.Mismatch, `\x1b[31mred`},
	{"name with escapes", "{{ 1|\x1b }}", fault.Malformed, `\x1b`},
}

const (
	deepValue = "{% set ns = namespace(l=[]) %}{% for i in range(5000) %}{% set ns.l = [ns.l] %}{% endfor %}"
	wideValue = "{% set ns = namespace(l=[]) %}{% for i in range(60) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}"
)

// render runs a template, checks from outside that it kept its limits, and fails when it does not come back.
func render(t testing.TB, ctx context.Context, template string, o Options) (string, error) {
	t.Helper()
	return renderWithin(t, ctx, maxSteps, template, o)
}

func renderWithin(t testing.TB, ctx context.Context, steps int, template string, o Options) (string, error) {
	t.Helper()
	hang := time.AfterFunc(2*time.Minute, func() { panic("a render does not end: " + quote(template)) })
	defer hang.Stop()
	r := &run{ctx: ctx, now: DefaultNow, allow: steps}
	text, err := r.render(template, o)
	// The step that goes over a limit is counted and not taken; one step counts at most one value.
	if r.steps > steps+maxBytes/256+1 || r.bytes > maxBytes || r.depth > maxDepth || len(text) > MaxOutput {
		t.Errorf("%s: %d steps, %d bytes of values, depth %d, %d bytes of text", quote(template), r.steps, r.bytes, r.depth, len(text))
	}
	if err != nil {
		var e *fault.Error
		if !errors.As(err, &e) || e.Kind == 0 {
			t.Errorf("%s: an error without kind: %v", quote(template), err)
		}
		if len(err.Error()) > 4000 {
			t.Errorf("%s: a message of %d bytes", quote(template), len(err.Error()))
		}
		if text != "" {
			t.Errorf("%s: text beside an error", quote(template))
		}
	}
	return text, err
}

func TestHostile(t *testing.T) {
	o := Options{Messages: []Message{{"user", "hi"}}}
	before := runtime.NumGoroutine()
	for _, h := range hostile {
		text, err := render(t, context.Background(), h.template, o)
		if err == nil {
			t.Errorf("%s: rendered as %s", h.name, quote(text))
		} else if fault.KindOf(err) != h.kind || !strings.Contains(err.Error(), h.text) {
			t.Errorf("%s: kind %d, %v, want kind %d and %q", h.name, fault.KindOf(err), err, h.kind, h.text)
		}
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines before, %d after", before, after)
	}
}

// TestCancelled holds that a render ends soon after its context is done, and that the error says why.
func TestCancelled(t *testing.T) {
	const busy = "{% for i in range(300) %}{% for j in range(300) %}{{ i * j }}{% endfor %}{% endfor %}"
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := render(t, ctx, busy, Options{})
	if !errors.Is(err, context.Canceled) || fault.KindOf(err) != fault.Limit {
		t.Errorf("cancelled before: %v", err)
	}
	ctx = &doneAfter{Context: context.Background(), looks: 3}
	if _, err = render(t, ctx, busy, Options{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("out of time: %v", err)
	}
	if _, err := render(t, context.Background(), busy, Options{}); err != nil {
		t.Errorf("with time: %v", err)
	}
}

// doneAfter is a context whose time is over after it was asked a number of times.
type doneAfter struct {
	context.Context
	looks int
}

func (d *doneAfter) Err() error {
	if d.looks--; d.looks < 0 {
		return context.DeadlineExceeded
	}
	return nil
}

func TestInput(t *testing.T) {
	deep := any(nil)
	for range 10000 {
		deep = []any{deep}
	}
	for _, c := range []struct {
		name string
		o    Options
		kind fault.Kind
	}{
		{"message", Options{Messages: []Message{{"user", "a\xff"}}}, fault.Malformed},
		{"role", Options{Messages: []Message{{"\xff", "a"}}}, fault.Malformed},
		{"token", Options{BOS: "\xff"}, fault.Malformed},
		{"key", Options{Extra: map[string]any{"x": map[string]any{"\xff": 1}}}, fault.Malformed},
		{"type", Options{Extra: map[string]any{"x": struct{}{}}}, fault.Usage},
		{"levels", Options{Extra: map[string]any{"x": deep}}, fault.Limit},
		{"size", Options{Messages: []Message{{"user", strings.Repeat("a", MaxInput+1)}}}, fault.Limit},
	} {
		if _, err := render(t, context.Background(), "{{ x }}", c.o); fault.KindOf(err) != c.kind {
			t.Errorf("%s: %v, want kind %d", c.name, err, c.kind)
		}
	}
	got, err := Render(context.Background(), "{{ x }} {{ tools }} {{ strftime_now('%F') }} {{ bos_token is defined }}",
		Options{Extra: map[string]any{"x": map[string]any{"b": 1, "a": []any{int64(2), 1.5, true, nil, "s"}}}})
	if want := "{'a': [2, 1.5, True, None, 's'], 'b': 1} None 2024-07-26 False"; got != want || err != nil {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

// TestLongConversation holds that the limits leave room for what people do: a million characters in many turns.
func TestLongConversation(t *testing.T) {
	o := Options{AddGenerationPrompt: true, BOS: "<s>", EOS: "</s>"}
	for i := range 1000 {
		o.Messages = append(o.Messages, Message{[]string{"user", "assistant"}[i%2], fmt.Sprint(i, strings.Repeat(" word", 400))})
	}
	const template = "{% set ns = namespace(t='') %}{% for m in messages %}{% set c = m.content.split('</think>')[-1].strip() %}" +
		"{% set ns.t = '<' ~ m.role ~ '>' ~ c %}{{ ns.t + '\\n' }}{% endfor %}{{ messages[::-1]|length }}"
	text, err := render(t, context.Background(), template, o)
	if err != nil || len(text) < 2_000_000 {
		t.Errorf("%d bytes, %v", len(text), err)
	}
}

// FuzzRender holds that no template panics, hangs or passes its limits.
func FuzzRender(f *testing.F) {
	for _, h := range hostile {
		if len(h.template) < 400 {
			f.Add(h.template, "hi")
		}
	}
	var file struct{ Snippets []recorded }
	readJSON(f, "snippets.json", &file)
	for _, s := range file.Snippets {
		f.Add(strings.ReplaceAll(s.Template, "⏎", "\n"), "a <b>\n")
	}
	f.Fuzz(func(t *testing.T, template, content string) {
		const steps = maxSteps / 40 // the fuzzing engine takes a slow input for a hanging one
		o := Options{
			Messages: []Message{{"system", "s"}, {"user", content}}, AddGenerationPrompt: true, BOS: "<s>", EOS: "</s>",
			Extra: map[string]any{"n": 7, "l": []any{3, 1, 2}, "d": map[string]any{"a": 1}, "s": "Hello", "ns": nil},
		}
		text, err := renderWithin(t, context.Background(), steps, template, o)
		again, err2 := renderWithin(t, context.Background(), steps, template, o)
		if text != again || (err == nil) != (err2 == nil) {
			t.Errorf("two runs differ: %q %v, %q %v", text, err, again, err2)
		}
	})
}

// TestMutated renders templates that are ours with pieces cut, doubled and moved: nearly right ones reach further than
// random bytes do.
func TestMutated(t *testing.T) {
	var file struct{ Snippets []recorded }
	readJSON(t, "snippets.json", &file)
	rng := rand.New(rand.NewPCG(1, 2))
	o := Options{Messages: []Message{{"user", "hi"}}, Extra: map[string]any{"l": []any{1, 2}, "d": map[string]any{"a": 1}, "s": "Hello"}}
	for range 2000 {
		a := file.Snippets[rng.IntN(len(file.Snippets))].Template
		b := file.Snippets[rng.IntN(len(file.Snippets))].Template
		i, j, k := rng.IntN(len(a)+1), rng.IntN(len(b)+1), rng.IntN(len(a)+1)
		renderWithin(t, context.Background(), maxSteps/40, strings.ToValidUTF8(a[:i]+b[j:]+a[min(i, k):], ""), o)
	}
}
