package tokenizer

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/qconv/qconv/formats/hf"
	"github.com/qconv/qconv/formats/internal/strictjson"
)

func TestLive(t *testing.T) {
	b, _ := os.ReadFile("/tmp/tok/live/nasty.json")
	var texts []string
	json.Unmarshal(b, &texts)
	texts = append(texts, randomTexts(1, 10000)...)
	wiki, _ := os.ReadFile("/work/shared/data/text/wiki.test.raw")
	texts = append(texts, string(wiki))
	for _, n := range []string{"qwen2.5", "llama3.1", "hunyuan-a13b", "llama2-spm", "llama2-fast"} {
		start := time.Now()
		var tok *Tokenizer
		var err error
		if n == "llama2-fast" {
			doc, _ := os.ReadFile("/tmp/tok/live/llama2-fast.json")
			j, e := parseJSON(string(doc), n)
			if e != nil { t.Fatal(e) }
			tok, err = newJSON(j)
		} else {
			tok, err = Load(hf.Dir("/work/shared/data/tokenizers/"+n, false), strictjson.Value{})
		}
		if err != nil { t.Error(err); continue }
		load := time.Since(start)
		f, err := os.Open("/tmp/tok/live/" + n + ".txt")
		if err != nil { t.Error(err); continue }
		sc := bufio.NewScanner(f); sc.Buffer(nil, 1<<26)
		bad := 0
		var last time.Duration
		for i, s := range texts {
			sc.Scan()
			start := time.Now()
			ids := tok.Encode(s, EncodeOptions{ParseSpecial: n != "llama2-spm"})
			last = time.Since(start)
			if got := strings.Trim(fmt.Sprint(ids), "[]"); got != sc.Text() {
				if bad++; bad < 6 { t.Errorf("%s %d %.300q\n got %.300s\nwant %.300s", n, i, s, got, sc.Text()) }
			}
			if back, err := tok.Decode(ids); n != "llama2-spm" && n != "qwen2.5" && n != "hunyuan-a13b" && n!= "llama2-fast" && (err != nil || back != s) { t.Errorf("decode %.100q %.100q", s, back) }
		}
		t.Logf("%s texts %d bad %d load %v wiki %v", n, len(texts), bad, load, last)
	}
}
