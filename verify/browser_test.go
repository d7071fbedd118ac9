package verify

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// browser is a headless Chromium with one tab, driven by the DevTools protocol: JSON messages that end with a zero byte, over two
// pipes.
type browser struct {
	t       *testing.T
	in      io.Writer
	out     *bufio.Reader
	last    int
	session string
	events  []event
}

type event struct {
	Method string
	Params json.RawMessage
}

// newBrowser starts the Chromium of QCONV_CHROMIUM or of PATH, or skips the test.
func newBrowser(t *testing.T) *browser {
	t.Helper()
	path := os.Getenv("QCONV_CHROMIUM")
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if p, err := exec.LookPath(name); err == nil && path == "" {
			path = p
		}
	}
	if path == "" || runtime.GOOS == "windows" { // where a child gets no further pipes
		t.Skip("no Chromium on PATH (or in QCONV_CHROMIUM): the page is not opened in a browser")
	}
	theirIn, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, theirOut, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars",
		"--remote-debugging-pipe", "--user-data-dir="+t.TempDir())
	cmd.ExtraFiles = []*os.File{theirIn, theirOut} // 3 and 4
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	theirIn.Close()
	theirOut.Close()
	watchdog := time.AfterFunc(8*time.Minute, func() { cmd.Process.Kill() }) // ends what would wait for ever
	b := &browser{t: t, in: in, out: bufio.NewReaderSize(out, 1<<20)}
	t.Cleanup(func() {
		fmt.Fprint(in, `{"id":0,"method":"Browser.close"}`+"\x00")
		cmd.Wait()
		watchdog.Stop()
		in.Close()
		out.Close()
	})
	target := b.call("Target.createTarget", map[string]any{"url": "about:blank"})["targetId"]
	b.session = b.call("Target.attachToTarget", map[string]any{"targetId": target, "flatten": true})["sessionId"].(string)
	for _, domain := range []string{"Page", "Runtime", "Log", "Network"} {
		b.call(domain+".enable", nil)
	}
	b.call("Page.setLifecycleEventsEnabled", map[string]any{"enabled": true})
	return b
}

// call runs a method and gives its result.
func (b *browser) call(method string, params map[string]any) map[string]any {
	b.t.Helper()
	b.last++
	message := map[string]any{"id": b.last, "method": method, "params": params}
	if params == nil {
		message["params"] = map[string]any{}
	}
	if b.session != "" {
		message["sessionId"] = b.session
	}
	text, err := json.Marshal(message)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.in.Write(append(text, 0)); err != nil {
		b.t.Fatalf("%s: the browser is gone: %v", method, err)
	}
	for {
		id, result := b.read(method)
		if id == b.last {
			return result
		}
	}
}

// read takes the next message; events are kept.
func (b *browser) read(waiting string) (id int, result map[string]any) {
	b.t.Helper()
	text, err := b.out.ReadBytes(0)
	if err != nil {
		b.t.Fatalf("%s: the browser is gone: %v", waiting, err)
	}
	var m struct {
		ID     int
		Result map[string]any
		Error  *struct{ Message string }
		event
	}
	if err := json.Unmarshal(text[:len(text)-1], &m); err != nil {
		b.t.Fatal(err)
	}
	if m.Error != nil {
		b.t.Fatalf("%s: %s", waiting, m.Error.Message)
	}
	if m.Method != "" {
		b.events = append(b.events, m.event)
	}
	return m.ID, m.Result
}

// screen sets the size in CSS pixels and the preferred colours.
func (b *browser) screen(width, height int, colours string) {
	b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600})
	b.call("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": colours}}})
}

// open loads a page of the disk and waits until its script has run.
func (b *browser) open(path, fragment string) {
	b.t.Helper()
	b.navigate("about:blank")
	b.events = nil
	b.navigate("file://" + filepath.ToSlash(path) + fragment)
}

func (b *browser) navigate(url string) {
	b.t.Helper()
	loader := b.call("Page.navigate", map[string]any{"url": url})["loaderId"]
	for seen := 0; ; {
		for ; seen < len(b.events); seen++ {
			var p struct{ Name, LoaderID string }
			if e := b.events[seen]; e.Method == "Page.lifecycleEvent" && json.Unmarshal(e.Params, &p) == nil && p.Name == "load" && p.LoaderID == loader {
				return
			}
		}
		b.read(url)
	}
}

// eval gives the value of an expression in the page.
func (b *browser) eval(expression string, value any) {
	b.t.Helper()
	r := b.call("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true, "userGesture": true})
	if r["exceptionDetails"] != nil {
		b.t.Fatalf("%s: %v", expression, r["exceptionDetails"])
	}
	text, err := json.Marshal(r["result"].(map[string]any)["value"])
	if err == nil {
		err = json.Unmarshal(text, value)
	}
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
}

// text gives what a reader sees of the first element.
func (b *browser) text(selector string) (s string) {
	b.t.Helper()
	b.eval(fmt.Sprintf("document.querySelector(%q).innerText", selector), &s)
	return strings.Join(strings.Fields(s), " ")
}

// click presses the mouse on the middle of an element.
func (b *browser) click(selector string) {
	b.t.Helper()
	var at struct{ X, Y float64 }
	b.eval(fmt.Sprintf(`(() => { const e = document.querySelector(%q); e.scrollIntoView({block: 'center'}); const r = e.getBoundingClientRect();
		return {X: r.x + r.width / 2, Y: r.y + r.height / 2}; })()`, selector), &at)
	for _, kind := range []string{"mouseMoved", "mousePressed", "mouseReleased"} {
		b.call("Input.dispatchMouseEvent", map[string]any{"type": kind, "x": at.X, "y": at.Y, "button": "left", "clickCount": 1})
	}
}

// press presses a key.
func (b *browser) press(key string, code int) {
	text := map[string]string{"Enter": "\r"}[key]
	b.call("Input.dispatchKeyEvent", map[string]any{"type": "keyDown", "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text})
	b.call("Input.dispatchKeyEvent", map[string]any{"type": "keyUp", "key": key, "code": key, "windowsVirtualKeyCode": code})
}

// shoot writes a picture of the page as a PNG file; of the whole page, or of what the screen shows.
func (b *browser) shoot(path string, whole bool) {
	b.t.Helper()
	data, err := base64.StdEncoding.DecodeString(b.call("Page.captureScreenshot", map[string]any{"captureBeyondViewport": whole})["data"].(string))
	if err == nil {
		err = os.WriteFile(path, data, 0o644)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// complaints gives what the page asked the network for, and errors of its script and its policy.
func (b *browser) complaints(path string) (list []string) {
	for _, e := range b.events {
		switch e.Method {
		case "Network.requestWillBeSent":
			var p struct{ Request struct{ URL string } }
			json.Unmarshal(e.Params, &p)
			if own, _, _ := strings.Cut(p.Request.URL, "#"); own != "file://"+filepath.ToSlash(path) && own != "about:blank" {
				list = append(list, "asks for "+p.Request.URL)
			}
		case "Log.entryAdded", "Runtime.exceptionThrown", "Page.javascriptDialogOpening":
			list = append(list, string(e.Params))
		}
	}
	return list
}
