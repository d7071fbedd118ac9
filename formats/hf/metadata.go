package hf

import (
	"fmt"
	"strings"

	"github.com/qconv/qconv/formats/fault"
	"github.com/qconv/qconv/formats/internal/strictjson"
)

// MetadataOptions are what a model's descriptive keys depend on besides its files.
type MetadataOptions struct {
	ModelName string // general.name, over everything else; "" when not given
	JSON      []byte // an object keyed by GGUF keys, over what the files say; nil when not given

	// Weights of the output, for general.size_label; all 0 when unknown. SharedParams counts those
	// outside of experts, ExpertParams those of one expert of every layer.
	TotalParams, SharedParams, ExpertParams, ExpertCount int64
}

// Metadata is what a checkpoint says about itself, as general.* keys.
type Metadata struct {
	Notices []string // what a user should know, one sentence each

	fields   map[string]strictjson.Value // by GGUF key; absent and null both mean unknown
	bases    *[]strictjson.Value         // nil: unknown, no count is written; objects
	datasets *[]strictjson.Value
	pairs    []Pair
}

// Pair is a GGUF key and its value: a uint32, int32, float32, string, []string, []int32, []float32 or []bool.
type Pair struct {
	Key   string
	Value any
}

// LoadMetadata collects general.* from, in this order and the first winning: the front matter of
// README.md, _name_or_path of config.json, the name of the source. generation_config.json gives
// sampling values; o overrides all. root is config.json as it stands (Checkpoint.Root), not merged:
// the _name_or_path of a text model inside is another model's.
//
// A value that has no form in its key (a number as a name, text as a temperature, NaN) is a fault of
// kind Malformed: the reference stops there too.
func LoadMetadata(src Source, root strictjson.Value, o MetadataOptions) (*Metadata, error) {
	m := &Metadata{fields: map[string]strictjson.Value{}}
	card, err := loadCard(src)
	if err != nil {
		return nil, err
	}
	m.useCard(card, o.TotalParams)
	if err := m.useConfig(root, o.TotalParams); err != nil {
		return nil, err
	}
	m.useID(src.Name(), o.TotalParams)
	if err := m.useGeneration(src); err != nil {
		return nil, err
	}
	if err := m.override(o.JSON); err != nil {
		return nil, err
	}
	if o.ModelName != "" {
		m.fields[keyName] = text(o.ModelName)
	}
	if !m.has(keyName) {
		m.fields[keyName] = text(src.Name())
	}
	if !m.has(keySize) && o.TotalParams > 0 {
		m.fields[keySize] = text(sizeLabel(o))
	}
	if m.pairs, err = m.build(); err != nil {
		return nil, err
	}
	return m, nil
}

// Metadata loads what the checkpoint says about itself.
func (c *Checkpoint) Metadata(o MetadataOptions) (*Metadata, error) {
	return LoadMetadata(c.Source, c.Root, o)
}

func text(s string) strictjson.Value { return strictjson.Value{Kind: strictjson.String, Text: s} }

func (m *Metadata) has(key string) bool { return m.fields[key].Present() }

// suggest sets a key that is not known yet.
func (m *Metadata) suggest(key string, v strictjson.Value) {
	if !m.has(key) {
		m.fields[key] = v
	}
}

// cardFields are the card's names of values taken as they are, in order of preference.
var cardFields = [...]struct{ card, key string }{
	{"name", keyName}, {"author", keyAuthor}, {"version", keyVersion}, {"organization", keyOrganization},
	{"description", keyDescription}, {"finetune", keyFinetune}, {"basename", keyBasename}, {"size_label", keySize},
	{"url", keySourceURL}, {"doi", keySourceDOI}, {"uuid", keySourceUUID}, {"repo_url", keySourceRepoURL},
	{"model_name", keyName}, {"model_author", keyAuthor}, {"model_version", keyVersion}, {"model_organization", keyOrganization},
	{"model_description", keyDescription}, {"model_finetune", keyFinetune}, {"model_basename", keyBasename}, {"model_size_label", keySize},
	{"model_url", keySourceURL}, {"model_doi", keySourceDOI}, {"model_uuid", keySourceUUID}, {"model_repo_url", keySourceRepoURL},
	{"model_creator", keyAuthor}, {"model_type", keyBasename},
	{"license", keyLicense}, {"license_name", keyLicenseName}, {"license_link", keyLicenseLink},
}

func (m *Metadata) useCard(card strictjson.Value, totalParams int64) {
	if card.Kind == 0 {
		return
	}
	for _, f := range cardFields {
		m.suggest(f.key, card.Get(f.card))
	}
	m.bases = origins(firstOf(card, "base_model", "base_models", "base_model_sources"), totalParams)
	m.datasets = origins(firstOf(card, "datasets", "dataset", "dataset_sources"), totalParams)
	m.gather(keyTags, card.Get("tags"), card.Get("pipeline_tag"))
	m.gather(keyLanguages, card.Get("languages"), card.Get("language"))
}

// firstOf gives the member that is there under the first of names, even when it is null.
func firstOf(v strictjson.Value, names ...string) strictjson.Value {
	for _, n := range names {
		if m := v.Get(n); m.Kind != 0 {
			return m
		}
	}
	return strictjson.Value{}
}

// gather puts strings and the items of lists into one list.
func (m *Metadata) gather(key string, values ...strictjson.Value) {
	all := strictjson.Value{Kind: strictjson.Array}
	known := false
	for _, v := range values {
		known = known || v.Present()
		switch v.Kind {
		case strictjson.String:
			all.Items = append(all.Items, v)
		case strictjson.Array:
			all.Items = append(all.Items, v.Items...)
		}
	}
	if known {
		m.fields[key] = all
	}
}

// origins describes the models or data sets that a card names: an id, a URL, a list of them, or
// mappings that are taken as they are.
func origins(v strictjson.Value, totalParams int64) *[]strictjson.Value {
	if v.Kind == 0 {
		return nil
	}
	var list []strictjson.Value
	switch v.Kind {
	case strictjson.String:
		list = []strictjson.Value{v}
	case strictjson.Array:
		list = v.Items
	}
	out := make([]strictjson.Value, len(list))
	for i, item := range list {
		switch item.Kind {
		case strictjson.Object:
			out[i] = item
		case strictjson.String:
			out[i] = origin(item.Text, totalParams)
		default: // anything else still counts
			out[i] = strictjson.Value{Kind: strictjson.Object}
		}
	}
	return &out
}

func origin(s string, totalParams int64) strictjson.Value {
	out := strictjson.Value{Kind: strictjson.Object}
	set := func(name, value string) {
		out.Pairs = append(out.Pairs, strictjson.Member{Name: name, Value: text(value)})
	}
	describe := func(id modelID) {
		set("name", title(id.full))
		if id.hasOrg {
			set("organization", title(id.org))
		}
		if id.version != "" {
			set("version", id.version)
		}
	}
	if !strings.HasPrefix(s, "http://") && !strings.HasPrefix(s, "https://") && !strings.HasPrefix(s, "ssh://") {
		id := parseModelID(s, totalParams)
		describe(id)
		if id.hasOrg {
			set("repo_url", "https://huggingface.co/"+id.org+"/"+id.full)
		}
		return out
	}
	set("repo_url", s)
	if id, ok := hubID(s); ok {
		describe(parseModelID(id, totalParams))
	}
	return out
}

// hubID gives ORG/NAME of a page's address at the hub. As in the reference's pattern, any character
// may stand for the dot, and a line feed may follow.
func hubID(url string) (id string, ok bool) {
	if !strings.Contains(url, "huggingface.co") {
		return "", false
	}
	rest := strings.TrimPrefix(strings.TrimPrefix(url, "http"), "s")
	rest, ok = strings.CutPrefix(rest, "://huggingface")
	if !ok || rest == "" {
		return "", false
	}
	dot := []rune(rest)[0]
	if rest, ok = strings.CutPrefix(rest[len(string(dot)):], "co/"); !ok || dot == '\n' {
		return "", false
	}
	org, name, _ := strings.Cut(rest, "/")
	if org == "" || name == "" || strings.Contains(name, "/") {
		return "", false
	}
	return rest, true
}

func (m *Metadata) useConfig(root strictjson.Value, totalParams int64) error {
	v := root.Get("_name_or_path")
	if !v.Present() {
		return nil
	}
	s, ok := v.Str()
	if !ok {
		return fault.New(fault.Malformed, configName, "_name_or_path is %v, expected a string", v.Kind)
	}
	if strings.Count(s, "/") <= 1 { // else a path on somebody's computer
		m.useID(s, totalParams)
	}
	return nil
}

func (m *Metadata) useID(s string, totalParams int64) {
	id := parseModelID(s, totalParams)
	m.suggest(keyName, text(title(id.full)))
	if id.hasOrg {
		m.suggest(keyOrganization, text(title(id.org)))
	}
	for _, f := range [...]struct{ key, value string }{
		{keyBasename, id.basename}, {keyFinetune, id.finetune}, {keyVersion, id.version}, {keySize, id.size},
	} {
		if f.value != "" {
			m.suggest(f.key, text(f.value))
		}
	}
}

// override lays the user's JSON over everything; null makes a value unknown.
func (m *Metadata) override(doc []byte) error {
	if doc == nil {
		return nil
	}
	v, err := strictjson.Parse(doc, maxDepth)
	if err != nil {
		return fault.New(fault.Malformed, "", "metadata override: %w", err)
	}
	if v.Kind != strictjson.Object {
		return fault.New(fault.Malformed, "", "metadata override: found %v, expected an object keyed by GGUF keys", v.Kind)
	}
	for _, p := range v.Pairs {
		switch {
		case p.Name == keyBaseModels:
			m.bases, err = overrideList(p)
		case p.Name == keyDatasets:
			m.datasets, err = overrideList(p)
		case isOverridable(p.Name):
			m.fields[p.Name] = p.Value
		default:
			m.Notices = append(m.Notices, fmt.Sprintf("metadata override: %s is not a key that can be set, and was ignored", fault.Printable(p.Name)))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func overrideList(p strictjson.Member) (*[]strictjson.Value, error) {
	if !p.Value.Present() {
		return nil, nil
	}
	if p.Value.Kind != strictjson.Array {
		return nil, fault.New(fault.Malformed, "", "metadata override: %s is %v, expected an array of objects", p.Name, p.Value.Kind)
	}
	for _, item := range p.Value.Items {
		if item.Kind != strictjson.Object {
			return nil, fault.New(fault.Malformed, "", "metadata override: %s has %v, expected an array of objects", p.Name, item.Kind)
		}
	}
	return &p.Value.Items, nil
}
