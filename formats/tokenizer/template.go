package tokenizer

import (
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/hf"
	"github.com/qconv/qconv/formats/internal/strictjson"
)

const (
	jinjaName       = "chat_template.jinja"
	jinjaFolder     = "additional_chat_templates"
	templateJSON    = "chat_template.json"
	defaultTemplate = "default"
)

// chatTemplate is the text that turns messages into a prompt, or several by name. It is copied and
// never rendered: templates are programs, and come from whoever made the checkpoint.
type chatTemplate struct {
	text  string // of a single one
	named []role[string]
	many  bool
}

// readTemplate takes the first of: tokenizer_config.json (where an explicit null means none),
// chat_template.jinja with additional_chat_templates/, chat_template.json. A template over
// hf.TemplateLimit bytes is a Limit, one that is not UTF-8 is Malformed.
func readTemplate(src hf.Source, settings strictjson.Value) (*chatTemplate, error) {
	beside, err := besideTemplate(src) // read in any case: the reference refuses a broken one even if it is not used
	if err != nil {
		return nil, err
	}
	v := settings.Get("chat_template")
	if v.Kind == 0 {
		return beside, nil
	}
	return templateValue(v, settingsName)
}

// besideTemplate reads the templates that are files of their own.
func besideTemplate(src hf.Source) (*chatTemplate, error) {
	text, found, err := readJinja(src, jinjaName, jinjaName)
	if err != nil {
		return nil, err
	}
	if !found {
		v, err := readObject(src, templateJSON)
		if err != nil {
			return nil, err
		}
		return templateValue(v.Get("chat_template"), templateJSON)
	}
	folder, found, err := hf.Sub(src, jinjaFolder)
	if err != nil {
		return nil, err
	}
	var names []string
	if found {
		if names, err = folder.List(); err != nil {
			return nil, err
		}
		names = slices.DeleteFunc(names, func(n string) bool { return path.Ext(n) != ".jinja" })
	}
	if len(names) == 0 {
		return &chatTemplate{text: text}, nil
	}
	t := &chatTemplate{many: true, named: []role[string]{{defaultTemplate, text}}}
	for _, name := range names { // sorted; the reference takes the order of the file system
		text, _, err := readJinja(folder, name, jinjaFolder+"/"+name)
		if err != nil {
			return nil, err
		}
		t.named = append(t.named, role[string]{strings.TrimSuffix(name, ".jinja"), text})
	}
	return t, nil
}

// readJinja reads a template file. The reference reads it as text, so line ends become \n.
func readJinja(src hf.Source, name, shown string) (text string, found bool, err error) {
	data, found, err := hf.ReadFile(src, name, hf.TemplateLimit)
	if err != nil || !found {
		return "", found, err
	}
	if !utf8.Valid(data) {
		return "", true, fault.New(fault.Malformed, shown, "is not UTF-8")
	}
	return strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(data)), true, nil
}

// templateValue reads a template as JSON files have it: a string, or a list of {name, template}.
// The reference ignores other kinds.
func templateValue(v strictjson.Value, file string) (*chatTemplate, error) {
	switch v.Kind {
	case strictjson.String:
		return &chatTemplate{text: v.Text}, checkTemplate(v.Text, file)
	case strictjson.Array:
		t := &chatTemplate{many: true}
		for i, choice := range v.Items {
			body := choice.Get("template")
			if choice.Kind == strictjson.Object && !body.Present() {
				continue
			}
			name, ok := choice.Get("name").Str()
			if choice.Kind != strictjson.Object || body.Kind != strictjson.String || !ok && choice.Get("name").Kind != 0 {
				return nil, fault.New(fault.Malformed, file, "chat_template %d of %d is no object with a name and a template", i+1, len(v.Items))
			}
			if err := checkTemplate(body.Text, file); err != nil {
				return nil, err
			}
			t.named = append(t.named, role[string]{name, body.Text})
		}
		return t, nil
	}
	return nil, nil
}

func checkTemplate(text, file string) error {
	if len(text) > hf.TemplateLimit {
		return fault.New(fault.Limit, file, "the chat template holds %d bytes, the limit is %d", len(text), hf.TemplateLimit)
	}
	return nil
}

// write sets tokenizer.chat_template*. Named templates come before the default one. Their list comes
// from a Python set in the reference, in an order that changes from run to run: here it is sorted.
func (t *chatTemplate) write(e *export) {
	if !t.many {
		e.set(keyTemplate, t.text)
		return
	}
	var names []string
	standard := ""
	for _, r := range t.named {
		name := strings.Map(func(c rune) rune {
			if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' {
				return c
			}
			return '_'
		}, r.name)
		switch name {
		case "":
		case defaultTemplate:
			standard = r.value
		default:
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
			e.set(keyTemplate+"."+name, r.value)
		}
	}
	slices.Sort(names)
	e.set(keyTemplates, names)
	e.set(keyTemplate, standard)
}
