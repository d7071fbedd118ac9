package tokenizer

import (
	"slices"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/internal/strictjson"
)

// overlay is tokenizer_config.json with the values that the post-processor puts in.
type overlay struct {
	base strictjson.Value
	over map[string]strictjson.Value
}

func newOverlay(base strictjson.Value) *overlay {
	return &overlay{base: base, over: map[string]strictjson.Value{}}
}

// empty is true when the file is missing or holds {}, which the reference takes for missing.
func (o *overlay) empty() bool { return len(o.base.Pairs) == 0 }

func (o *overlay) get(name string) strictjson.Value {
	if v, ok := o.over[name]; ok {
		return v
	}
	return o.base.Get(name)
}

func (o *overlay) put(name string, v strictjson.Value) { o.over[name] = v }

// same compares token names; only strings can be the same, as a template has strings.
func same(a, b strictjson.Value) bool {
	return a.Kind == strictjson.String && b.Kind == strictjson.String && a.Text == b.Text
}

func either(v, a, b strictjson.Value) bool { return same(v, a) || same(v, b) }

// postProcessor tells from the processors of tokenizer.json which tokens go around a text, and which
// names tokenizer_config.json then lacks.
func (s *specials) postProcessor(v strictjson.Value, settings *overlay) error {
	p := &around{specials: s, settings: settings}
	p.bos, p.cls = settings.get("bos_token"), settings.get("cls_token")
	p.eos, p.sep = settings.get("eos_token"), settings.get("sep_token")
	if !settings.empty() {
		if !truthy(p.bos) && truthy(p.cls) {
			p.bos = p.cls
			settings.put("bos_token", p.bos)
		}
		if !truthy(p.eos) && truthy(p.sep) {
			p.eos = p.sep
			settings.put("eos_token", p.eos)
		}
	}
	if !truthy(v) {
		return nil
	}
	if v.Kind != strictjson.Object {
		return fault.New(fault.Malformed, jsonName, "post_processor is %v, expected an object", v.Kind)
	}
	list := []strictjson.Value{v}
	if many := v.Get("processors"); many.Kind != 0 {
		list = many.Items
	}
	for _, one := range list {
		switch kind, _ := one.Get("type").Str(); kind {
		case "RobertaProcessing":
			p.roberta(one)
		case "TemplateProcessing":
			p.single(one.Get("single").Items)
			p.pair(one.Get("pair").Items)
		}
	}
	return nil
}

// around follows the processors.
type around struct {
	*specials
	settings           *overlay
	bos, cls, eos, sep strictjson.Value // as the reference sees them at this point
	first, last        strictjson.Value // special tokens around a single text
}

func (p *around) roberta(v strictjson.Value) {
	for _, name := range []string{"bos", "eos", "sep"} {
		assign(&p.adds, name, true)
	}
	if p.settings.empty() {
		return
	}
	named := func(key string, other strictjson.Value) strictjson.Value {
		if x := v.Get(key); len(x.Items) > 0 {
			return x.Items[0]
		}
		return other
	}
	if !truthy(p.cls) {
		p.cls = named("cls", p.bos)
		p.settings.put("cls_token", p.cls)
	}
	if !truthy(p.sep) {
		p.sep = named("sep", p.eos)
		p.settings.put("sep_token", p.sep)
	}
}

// special gives the special token of a piece of a template, or the absent Value.
func special(piece strictjson.Value) strictjson.Value {
	id := piece.Get("SpecialToken").Get("id")
	if !truthy(id) {
		return strictjson.Value{}
	}
	return id
}

// single reads what goes around one text.
func (p *around) single(pieces []strictjson.Value) {
	p.first, p.last = strictjson.Value{}, strictjson.Value{}
	if len(pieces) < 2 {
		return
	}
	known := !p.settings.empty()
	if first := special(pieces[0]); first.Kind != 0 {
		p.first = first
		switch {
		case !known:
			p.bos = first
		case !either(first, p.bos, p.cls):
			if !truthy(p.bos) {
				p.bos = first
				p.settings.put("bos_token", first)
			}
			if !truthy(p.cls) {
				p.cls = first
				p.settings.put("cls_token", first)
			}
		}
		assign(&p.adds, "bos", either(first, p.bos, p.cls))
	}
	if last := special(pieces[len(pieces)-1]); last.Kind != 0 {
		p.last = last
		switch {
		case !known:
			p.eos = last
		case !same(last, p.eos):
			// The old end token still ends something: a turn, or a message.
			for _, name := range []string{"eot", "eom"} {
				if !slices.Contains(p.roles, name) {
					p.roles = append(p.roles, name)
					p.settings.put(name+"_token", p.eos)
					break
				}
			}
			p.eos = last
			p.settings.put("eos_token", last)
		}
		assign(&p.adds, "eos", same(last, p.eos))
	}
}

// pair reads what goes between two texts.
func (p *around) pair(pieces []strictjson.Value) {
	if len(pieces) == 0 {
		return
	}
	start, stop := 0, len(pieces)
	if p.first.Kind != 0 && same(special(pieces[0]), p.first) {
		start = 1
	}
	if p.last.Kind != 0 && same(special(pieces[len(pieces)-1]), p.last) {
		stop--
	}
	if start >= stop {
		return
	}
	pieces = pieces[start:stop]
	sequence := func(v strictjson.Value) string { return text(v.Get("Sequence"), "id", "") }
	if sequence(pieces[0]) != "A" || sequence(pieces[len(pieces)-1]) != "B" || len(pieces) < 3 {
		return
	}
	middle := pieces[1 : len(pieces)-1]
	add := false
	if x := special(middle[0]); x.Kind != 0 && either(x, p.sep, p.eos) && p.last.Kind == 0 {
		add = true
	}
	if len(middle) == 2 {
		if x := special(middle[1]); x.Kind != 0 && either(x, p.sep, p.eos) {
			add = true
		}
	}
	assign(&p.adds, "sep", add)
	if add && !truthy(p.sep) && !p.settings.empty() {
		p.settings.put("sep_token", p.eos)
	}
}
