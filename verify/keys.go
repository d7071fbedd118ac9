package verify

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/qconv/qconv/formats/arch"
	"github.com/qconv/qconv/formats/gguf"
)

// blockKeys says which key of {arch}.* a number of the forward recipe comes from; of several the first that one of the files has.
// Numbers that come from the tensors have none: they are compared as tensors.
var blockKeys = map[string][]string{
	"Layers":               {"block_count", "nextn_predict_layers"},
	"Width":                {"embedding_length"},
	"Context":              {"context_length"},
	"Norm.Eps":             {"attention.layer_norm_rms_epsilon"},
	"Attention.Heads":      {"attention.head_count"},
	"Attention.HeadsKV":    {"attention.head_count_kv"},
	"Attention.KeyDim":     {"attention.key_length_mla", "attention.key_length"},
	"Attention.ValueDim":   {"attention.value_length_mla", "attention.value_length"},
	"Attention.Scale":      {"rope.scaling.yarn_log_multiplier", "attention.key_length_mla", "attention.key_length"},
	"Attention.KVRank":     {"attention.kv_lora_rank"},
	"Attention.NopeDim":    {"attention.key_length_mla"},
	"Attention.RopeDim":    {"rope.dimension_count"},
	"Rope.Dims":            {"rope.dimension_count"},
	"Rope.Base":            {"rope.freq_base"},
	"Rope.Scaling":         {"rope.scaling.type"},
	"Rope.Type":            {"rope.scaling.type"},
	"Rope.Factor":          {"rope.scaling.factor", "rope.scale_linear"},
	"Rope.OrigContext":     {"rope.scaling.original_context_length"},
	"Rope.BetaFast":        {"rope.scaling.yarn_beta_fast"},
	"Rope.BetaSlow":        {"rope.scaling.yarn_beta_slow"},
	"Rope.Magnitude":       {"rope.scaling.yarn_attn_factor", "rope.scaling.attn_factor", "rope.scaling.yarn_log_multiplier"},
	"MLP.Width":            {"feed_forward_length"},
	"Experts.Count":        {"expert_count"},
	"Experts.Used":         {"expert_used_count"},
	"Experts.Width":        {"expert_feed_forward_length", "feed_forward_length"},
	"Experts.LeadingDense": {"leading_dense_block_count"},
	"Experts.Gating":       {"expert_gating_func"},
	"Experts.Groups":       {"expert_group_count"},
	"Experts.GroupsUsed":   {"expert_group_used_count"},
	"Experts.Normalize":    {"expert_weights_norm"},
	"Experts.WeightScale":  {"expert_weights_scale"},
	"Vocab":                nil,
	"TiedOutput":           nil,
	"Attention.QKVBias":    nil,
	"Attention.OutBias":    nil,
	"Attention.QRank":      nil,
	"MLP.Bias":             nil,
	"Experts.SharedWidth":  nil,
	"Experts.Bias":         nil,
	"Experts.GroupTop":     nil,
	"Norm.Kind":            nil, // the architecture's
	"Attention.Kind":       nil,
	"Attention.QKNorm":     nil,
	"Rope.Pairing":         nil,
	"MLP.Kind":             nil,
	"Attention.Window":     nil, // no key says it
	"Attention.WindowFrom": nil,
}

// keys compares the forward recipe and the tokenizer with those of the file that the source would become.
func (s *Subject) keys(r *Report) error {
	if err := s.Source.open(); err != nil {
		return err
	}
	if f, other := s.otherModel(r.Arch); other {
		s.other = true
		r.Add(checkKeys, "", f)
		return nil
	}
	var found []Finding
	named := map[string]bool{}
	if s.spec != nil {
		for _, path := range differences(reflect.ValueOf(s.block), reflect.ValueOf(s.Source.block), "") {
			for _, f := range s.blockFinding(r.Arch, path) {
				if !named[f.Tensor] {
					named[f.Tensor] = true
					found = append(found, f)
				}
			}
		}
	}
	prefix := r.Arch + "."
	compared := 0
	for _, key := range s.keyUnion() {
		mine, have := s.Set.First.Get(key)
		theirs, want := s.Source.keys.Get(key)
		isTokenizer := strings.HasPrefix(key, "tokenizer.")
		if !isTokenizer && !strings.HasPrefix(key, prefix) || named[key] {
			continue
		}
		compared++
		switch {
		case have && want:
			if text := difference(mine, theirs); text != "" {
				found = append(found, finding(key, "%s", text))
			}
		case !isTokenizer && s.spec != nil: // the default is what the other says, or the number is of no account
			r.note("the key %s is in only one of the file and the source", key)
		case have:
			found = append(found, finding(key, "is %s, the source has no such key", shown(mine)))
		default:
			found = append(found, finding(key, "is missing, the source says %s", shown(theirs)))
		}
	}
	s.generalKeys(r)
	r.Add(checkKeys, fmt.Sprintf("%d keys of %s and of the tokenizer", compared, r.Arch), found...)
	return nil
}

// otherModel tells that the file is of another model, so that there is no point in comparing all that it has.
func (s *Subject) otherModel(name string) (Finding, bool) {
	shape := func(get func(string) (any, bool), arch string, tensors []gguf.Tensor) string {
		count := func(key string) string {
			if v, ok := get(arch + "." + key); ok {
				return shown(v)
			}
			return "no"
		}
		rows := int64(0)
		for i := range tensors {
			if t := &tensors[i]; t.Name == "token_embd.weight" {
				rows = t.Rows()
			}
		}
		return fmt.Sprintf("%s with %s layers, width %s and %d tokens", arch, count("block_count"), count("embedding_length"), rows)
	}
	var theirs []gguf.Tensor
	for i := range s.Source.whole.Steps {
		theirs = append(theirs, s.Source.whole.Tensors().Tensor(i))
	}
	mine := shape(s.Set.First.Get, name, s.Set.Tensors)
	want := shape(s.Source.keys.Get, s.Source.whole.Arch, theirs)
	return finding("", "is another model than the source: it is %s; the source is %s", mine, want), mine != want
}

// keyUnion gives the keys of both, those of the file first.
func (s *Subject) keyUnion() (keys []string) {
	for _, kv := range s.Set.KVs {
		keys = append(keys, kv.Key)
	}
	for _, kv := range s.Source.whole.KVs {
		if _, ok := s.Set.First.Get(kv.Key); !ok {
			keys = append(keys, kv.Key)
		}
	}
	return keys
}

// generalKeys notes which descriptions differ; no figure depends on them.
func (s *Subject) generalKeys(r *Report) {
	var list []string
	for _, key := range s.keyUnion() {
		mine, have := s.Set.First.Get(key)
		theirs, want := s.Source.keys.Get(key)
		switch key {
		case "general.file_type", "general.quantization_version", "general.quantized_by", "general.alignment":
			continue
		}
		if strings.HasPrefix(key, "general.") && (have != want || difference(mine, theirs) != "") {
			list = append(list, key)
		}
	}
	if len(list) > 0 {
		r.note("descriptions that differ from the source's: %s", strings.Join(list, ", "))
	}
}

// differences gives the paths of the numbers that differ between two structures of one type.
func differences(a, b reflect.Value, path string) (paths []string) {
	for i := range a.NumField() {
		name := path + a.Type().Field(i).Name
		if a.Field(i).Kind() == reflect.Struct {
			paths = append(paths, differences(a.Field(i), b.Field(i), name+".")...)
		} else if a.Field(i).Interface() != b.Field(i).Interface() {
			paths = append(paths, name)
		}
	}
	return paths
}

// blockFinding names the keys of a number that differs: all that one of both has and that differ, or else the number itself.
func (s *Subject) blockFinding(name, path string) (found []Finding) {
	keys := blockKeys[path]
	if keys == nil {
		return nil
	}
	for _, k := range keys {
		key := name + "." + k
		mine, have := s.Set.First.Get(key)
		theirs, want := s.Source.keys.Get(key)
		switch {
		case have && want:
			if text := difference(mine, theirs); text != "" {
				found = append(found, finding(key, "%s", text))
			}
		case have:
			found = append(found, finding(key, "is %s, the source has no such key, which means %s", shown(mine), number(s.Source.block, path)))
		case want:
			found = append(found, finding(key, "is missing, which means %s; the source says %s", number(s.block, path), shown(theirs)))
		}
		if len(found) > 0 {
			return found
		}
	}
	return nil // another key of the same number says it
}

// number gives a number of a forward recipe by its path.
func number(b arch.Block, path string) string {
	v := reflect.ValueOf(b)
	for p := range strings.SplitSeq(path, ".") {
		v = v.FieldByName(p)
	}
	return shown(v.Interface())
}

// difference says how the value of a key differs from the source's; "" when it is the same. Whole numbers of any width are
// the same when they are equal, as are floats, and a list of equal numbers and that number.
func difference(mine, theirs any) string {
	a, b := reflect.ValueOf(mine), reflect.ValueOf(theirs)
	if a.IsValid() && b.IsValid() && a.Kind() == reflect.Slice && b.Kind() == reflect.Slice {
		return listDifference(a, b)
	}
	if same(a, b) {
		return ""
	}
	return fmt.Sprintf("is %s, the source says %s", shown(mine), shown(theirs))
}

func listDifference(a, b reflect.Value) string {
	first, count := -1, 0
	for i := range max(a.Len(), b.Len()) {
		if i >= a.Len() || i >= b.Len() || !same(a.Index(i), b.Index(i)) {
			if count++; first < 0 {
				first = i
			}
		}
	}
	if count == 0 {
		return ""
	}
	at := func(v reflect.Value) string {
		if first >= v.Len() {
			return fmt.Sprintf("ends after %d", v.Len())
		}
		return "has " + shown(v.Index(first).Interface())
	}
	return fmt.Sprintf("%s at index %d, where the source %s; entries that differ: %d", at(a), first, at(b), count)
}

// same compares two values of keys, or of their lists.
func same(a, b reflect.Value) bool {
	if !a.IsValid() || !b.IsValid() {
		return a.IsValid() == b.IsValid()
	}
	if a.Kind() == reflect.Slice || b.Kind() == reflect.Slice {
		if b.Kind() == reflect.Slice {
			a, b = b, a
		}
		for i := range a.Len() {
			if !same(a.Index(i), b) {
				return false
			}
		}
		return a.Len() > 0
	}
	switch {
	case a.CanInt() || a.CanUint():
		return (b.CanInt() || b.CanUint()) && fmt.Sprint(a.Interface()) == fmt.Sprint(b.Interface())
	case a.CanFloat():
		return b.CanFloat() && float32(a.Float()) == float32(b.Float())
	}
	return a.Interface() == b.Interface()
}

// shown prints a value for a message; texts are quoted and cut.
func shown(v any) string {
	const most = 60
	switch v := v.(type) {
	case string:
		if len(v) > most {
			return fmt.Sprintf("%q... (%d bytes)", v[:most], len(v))
		}
		return strconv.Quote(v)
	case float32:
		return strconv.FormatFloat(float64(v), 'g', -1, 32)
	case float64:
		return strconv.FormatFloat(v, 'g', 9, 64)
	}
	if n := reflect.ValueOf(v); n.Kind() == reflect.Slice && n.Len() > 8 {
		return fmt.Sprintf("a list of %d", n.Len())
	}
	return fmt.Sprint(v)
}
