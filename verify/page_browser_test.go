package verify

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func writePage(t *testing.T, r *Report) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "report.html")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.WritePage(f); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// number counts the elements that are drawn: those with a size.
func (b *browser) number(selector string) (n int) {
	b.t.Helper()
	b.eval(fmt.Sprintf("[...document.querySelectorAll(%q)].filter((e) => e.getClientRects().length > 0).length", selector), &n)
	return n
}

func (b *browser) want(what, got, want string) {
	b.t.Helper()
	if got != want {
		b.t.Errorf("%s: the page shows %q, want %q", what, got, want)
	}
}

// TestPageInBrowser reads figures back from what Chromium shows of the page.
func TestPageInBrowser(t *testing.T) {
	b := newBrowser(t)
	r := damaged()
	path := writePage(t, r)
	b.screen(1280, 800, "light")
	b.open(path, "#sort=relative_rmse:desc")
	b.want("verdict", b.text("[data-figure=verdict]"), "Failed")
	b.want("KL divergence", b.text("[data-figure=kl_divergence]"), "1.842")
	b.want("perplexity ratio", b.text("[data-figure=perplexity_ratio]"), "4.812")
	b.want("top-1", b.text("[data-figure=top_1]"), "93.41 %")
	b.want("worst layer", b.text("[data-figure=worst_layer]"), "27")
	b.want("first finding", b.text("header .findings li"), "tensors blk.7.attn_q.weight: relative RMSE 0.7812 against the source, other tensors of Q4_K have 0.0781: rows 1,024 to 1,151 are those of another head")
	b.want("first bound", b.text(".gates tbody tr"), "mean KL divergence --max-kld layer 7 adds most, from 0.04985 to 0.3214 1.842 at most 0.05 no")
	b.want("second bound", b.text(".gates tbody tr:nth-child(2)"), "same first token --min-top1 0.9341 at least 0.9 yes")
	b.want("first tensor by error", b.text("#tensor-table tbody tr"), "blk.7.attn_q.weight 7 Q4_K 3584 × 3584 6.89 MiB 4.50 0.7812 0.694800 0.4871 1.414 row 1,090 different")
	b.want("maximum of the divergence", b.text("#kl_divergence tr:nth-child(2)"), "maximum "+figure(r.Divergence.KLDs[0].Value))
	for what, c := range map[string][2]int{
		"layers of the curve":   {b.number("#layers .dot") - 1, 28}, // one is in the key
		"layers to point at":    {b.number("#layers .hit"), 28},
		"bars of the histogram": {b.number("#divergence .bar"), len(r.Divergence.bars())},
		"marks of quantiles":    {b.number("#divergence .quantile"), 3},
		"cells of the map":      {b.number("#map .map td[title]"), 28 * 12},
		"tensors outside":       {b.number("#map .outside tr"), 3},
		"rows of the table":     {b.number("#tensor-table tbody tr"), 3 + 28*12},
		"marked cells":          {b.number("#map td.worst"), 1},
	} {
		if c[0] != c[1] {
			t.Errorf("%s: the page shows %d, want %d", what, c[0], c[1])
		}
	}
	b.layersAreWhereTheyBelong(r)
	b.tableObeys()
	b.readoutFollows()
	b.download(r)
	for _, c := range b.complaints(path) {
		t.Error(c)
	}

	b.open(writePage(t, sample(28)), "")
	b.want("verdict", b.text("[data-figure=verdict]"), "Passed")
	b.want("perplexity ratio", b.text("[data-figure=perplexity_ratio]"), "1.024")
	b.want("KL divergence", b.text("[data-figure=kl_divergence]"), figure(sample(28).Divergence.KLD.Value))
}

// layersAreWhereTheyBelong reads the error of each layer from the height of its dot, by the labels of the axis.
func (b *browser) layersAreWhereTheyBelong(r *Report) {
	b.t.Helper()
	var errors []float64
	b.eval(`(() => {
		const middle = (e) => { const r = e.getBoundingClientRect(); return r.y + r.height / 2; };
		const drawn = (e) => e.getClientRects().length > 0;
		const lines = [...document.querySelectorAll('#layers .plot .grid')].filter(drawn).map(middle);
		const labels = [...document.querySelectorAll('#layers .plot .tick.end')].filter(drawn).map((e) => Math.log10(Number(e.textContent)));
		const last = lines.length - 1;
		const slope = (labels[last] - labels[0]) / (lines[last] - lines[0]);
		return [...document.querySelectorAll('#layers .plot > .dot')].filter(drawn).filter((e) => e.closest('.key') === null)
			.map((e) => 10 ** (labels[0] + slope * (middle(e) - lines[0])));
	})()`, &errors)
	if len(errors) != len(r.Layers) {
		b.t.Fatalf("the curve has %d dots, want %d", len(errors), len(r.Layers))
	}
	for i, l := range r.Layers {
		if e := errors[i]; e < 0.98*l.Error || e > 1.02*l.Error {
			b.t.Errorf("layer %d is drawn at %.4f, its error is %.4f", l.Number, e, l.Error)
		}
	}
}

func (b *browser) tableObeys() {
	b.t.Helper()
	first := func() string { return strings.Fields(b.text("#tensor-table tbody tr:not([hidden])"))[0] }
	sorted := func() (s string) {
		b.eval("[...document.querySelectorAll('#tensor-table [aria-sort]')].map((e) => e.dataset.key + ' ' + e.ariaSort).join()", &s)
		return s
	}
	b.want("aria-sort", sorted(), "relative_rmse descending")
	b.click("#tensor-table [data-key=cosine] button")
	b.want("aria-sort after a click", sorted(), "cosine ascending")
	b.want("first by cosine", first(), "blk.7.attn_q.weight")
	b.click("#tensor-table [data-key=name] button")
	b.want("first by name", first(), "blk.0.attn_k.bias")
	b.press("Enter", 13) // the button that was clicked has the focus
	b.want("aria-sort after Enter", sorted(), "name descending")
	b.want("first by name, downwards", first(), "token_embd.weight")
	b.click("#filter")
	b.call("Input.insertText", map[string]any{"text": "27.FFN"})
	if n := b.number("#tensor-table tbody tr"); n != 4 {
		b.t.Errorf("the filter leaves %d rows, want 4", n)
	}
	b.want("count", b.text("#shown"), "4 of 339")
	b.want("first of the filtered", first(), "blk.27.ffn_up.weight")
	var address string
	b.eval("location.hash", &address)
	b.want("address", address, "#sort=name:desc&filter=27.FFN")
	b.eval("(() => { location.hash = '#sort=bytes:asc'; return new Promise((done) => addEventListener('hashchange', () => done(0))); })()", new(int))
	b.want("aria-sort of another address", sorted(), "bytes ascending")
	b.want("first by size", first(), "blk.0.attn_k.bias")
	b.want("count of another address", b.text("#shown"), "")
}

func (b *browser) readoutFollows() {
	b.t.Helper()
	b.click("#layers .plot.wide .hit:nth-of-type(8)")
	if s := b.text("#layers .readout"); !strings.HasPrefix(s, "layer 7: error 0.3214, cosine ") {
		b.t.Errorf("the layer that was clicked reads %s", s)
	}
	b.press("ArrowRight", 39)
	if s := b.text("#layers .readout"); !strings.HasPrefix(s, "layer 8: error 0.4556") {
		b.t.Errorf("the layer on its right reads %s", s)
	}
	b.click("#map td.worst")
	b.want("cell", b.text("#map .readout"), "blk.7.attn_q.weight: Q4_K, 4.50 bits per weight, relative RMSE 0.7812")
}

// download saves the page's object by its link and compares it with the report.
func (b *browser) download(r *Report) {
	b.t.Helper()
	dir := b.t.TempDir()
	b.call("Browser.setDownloadBehavior", map[string]any{"behavior": "allow", "downloadPath": dir, "eventsEnabled": true})
	b.click("#download")
	for done := false; !done; {
		for _, e := range b.events {
			done = done || e.Method == "Browser.downloadProgress" && strings.Contains(string(e.Params), `"completed"`)
		}
		if !done {
			b.read("download")
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "verify.json"))
	if err != nil {
		b.t.Fatal(err)
	}
	var got Report
	if err := json.Unmarshal(text, &got); err != nil {
		b.t.Fatal(err)
	}
	a, _ := json.Marshal(got)
	want, _ := json.Marshal(r)
	if string(a) != string(want) {
		b.t.Error("the object that was downloaded is not the report")
	}
}

// TestPageWithoutScript: all but sorting, filtering and copying is there.
func TestPageWithoutScript(t *testing.T) {
	b := newBrowser(t)
	b.call("Emulation.setScriptExecutionDisabled", map[string]any{"value": true})
	b.screen(1280, 800, "light")
	b.open(writePage(t, damaged()), "")
	b.want("verdict", b.text("[data-figure=verdict]"), "Failed")
	for selector, want := range map[string]int{"#layers .hit": 28, "#tensor-table tbody tr": 339, "button": 0, "input": 0, "#download": 0, ".readout": 0} {
		if n := b.number(selector); n != want {
			t.Errorf("without script there are %d of %s, want %d", n, selector, want)
		}
	}
}

// TestPageFits: at no width does the page itself scroll sideways, and all letters stand out from what is behind them as
// WCAG AA asks, in both colours. Names do nothing.
func TestPageFits(t *testing.T) {
	b := newBrowser(t)
	for title, r := range pages() {
		if title == "3,000 tensors" {
			r = hostile(600, 40) // the same with less to wait for
		}
		path := writePage(t, r)
		for _, s := range []struct {
			width   int
			colours string
		}{{1280, "light"}, {390, "dark"}, {320, "light"}, {800, "dark"}} {
			if (s.width == 320 || s.width == 800) && title != "failed" && title != "hostile" {
				continue
			}
			b.screen(s.width, 844, s.colours)
			b.open(path, "#sort=cosine:asc")
			label := title + " " + strconv.Itoa(s.width) + " " + s.colours
			var overflow []string
			b.eval(`(() => {
				const width = document.documentElement.clientWidth;
				if (document.documentElement.scrollWidth <= width) return [];
				return [...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > width + 1 && !e.closest('.scroll'))
					.slice(0, 5).map((e) => e.outerHTML.slice(0, 200));
			})() `, &overflow)
			if len(overflow) > 0 {
				t.Errorf("%s: wider than the screen: %q", label, overflow)
			}
			var faint []string
			b.eval(contrast, &faint)
			if len(faint) > 0 {
				t.Errorf("%s: too little contrast: %q", label, faint)
			}
			var broken bool
			b.eval("window.broken !== undefined || document.images.length > 0 || document.scripts.length !== 2", &broken)
			if broken {
				t.Errorf("%s: a name did something", label)
			}
			for _, c := range b.complaints(path) {
				t.Errorf("%s: %s", label, c)
			}
		}
	}
}

// contrast lists kinds of text whose ratio to what is behind them is below 4.5, by WCAG 2's definition.
const contrast = `(() => {
	const part = (c) => { c /= 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
	const rgb = (s) => s.match(/[\d.]+/g).map(Number);
	const light = ([r, g, b]) => 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
	const behind = (e) => {
		for (; e; e = e.parentElement) {
			const c = rgb(getComputedStyle(e).backgroundColor);
			if (c.length === 3) return c;
		}
		return [255, 255, 255];
	};
	const faint = new Set(), seen = new Set();
	const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	for (let n; (n = texts.nextNode());) {
		const e = n.parentElement;
		if (!n.data.trim() || e.closest('script, title') || e.getClientRects().length === 0) continue;
		const style = getComputedStyle(e);
		const front = rgb(e.closest('svg') ? style.fill : style.color), back = behind(e);
		const pair = front + ' on ' + back;
		if (seen.has(pair)) continue;
		seen.add(pair);
		const [a, b] = [light(front), light(back)].sort((x, y) => y - x);
		const ratio = (a + 0.05) / (b + 0.05);
		if (!(ratio >= 4.5)) faint.add(ratio.toFixed(2) + ': ' + pair + ' ' + e.outerHTML.slice(0, 80));
	}
	return seen.size > 3 ? [...faint] : ['the page has hardly any text'];
})()`

// TestPageShots takes pictures for people to look at: testdata/page_shots.sh.
func TestPageShots(t *testing.T) {
	dir := os.Getenv("QCONV_PAGE_SHOTS")
	if dir == "" {
		t.Skip("QCONV_PAGE_SHOTS names no folder for pictures of the page")
	}
	b := newBrowser(t)
	for name, r := range map[string]*Report{"passed": sample(28), "failed": damaged(), "deep": sample(64), "hostile": hostile(60, 28)} {
		path := writePage(t, r)
		for _, colours := range []string{"light", "dark"} {
			for _, s := range []struct {
				name string
				w, h int
			}{{"laptop", 1280, 800}, {"phone", 390, 844}} {
				b.screen(s.w, s.h, colours)
				b.open(path, "")
				b.shoot(filepath.Join(dir, name+"-"+s.name+"-"+colours+".png"), true)
			}
		}
	}
}
