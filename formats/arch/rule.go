package arch

import "strings"

// Rule says what becomes of a kind of source tensor.
type Rule struct {
	From  string   // name pattern: {l} stands for a layer, {e} for an expert, each for one whole part between dots
	Shape []string // shape expressions, outermost dimension first
	To    []Out
	Need  Need
	When  func(m *Model, layer int64) bool // layers that have it (-1 for a rule without {l}); nil: all
}

// Out is one target of a rule. A rule with {e} has one, and its Op is Stack.
type Out struct {
	To    string // {l} stands for the layer
	Op    Op
	Heads string // expressions
	Skip  string
	Take  string
}

// Need says whether a rule must match.
type Need uint8

const (
	Required Need = iota
	Uniform       // in every layer or in none
	Head          // the output head: required unless tied or Bare
)

// same is the rule for a tensor that keeps its values.
func same(from, to string, shape ...string) Rule {
	return Rule{From: from, Shape: shape, To: []Out{{To: to, Op: Copy}}}
}

// stacked is the rule for one expert's part of a stacked tensor.
func stacked(from, to string, shape ...string) Rule {
	return Rule{From: from, Shape: shape, To: []Out{{To: to, Op: Stack}}}
}

// permuted is the rule for query and key projections whose rope pairs neighbours in GGUF and halves
// in the checkpoint.
func permuted(from, to, heads string, shape ...string) Rule {
	return Rule{From: from, Shape: shape, To: []Out{{To: to, Op: PermuteQK, Heads: heads}}}
}

// in gives r for the layers that when holds for.
func (r Rule) in(when func(*Model, int64) bool) Rule { r.When = when; return r }

// needed gives r with another need.
func (r Rule) needed(n Need) Rule { r.Need = n; return r }

// experts tells a rule whose sources are one per expert.
func (r *Rule) experts() bool { return strings.Contains(r.From, "{e}") }

// layered tells a rule that repeats in every layer.
func (r *Rule) layered() bool { return strings.Contains(r.From, "{l}") }

// pattern writes name with its first decimal part replaced by {l} and the second one by {e} into buf.
// layer and expert are -1 when there is no such part; a third decimal part stays as it is.
func pattern(buf []byte, name string) (p []byte, layer, expert int64) {
	p, layer, expert = buf[:0], -1, -1
	for i := 0; ; i++ {
		part, rest, more := strings.Cut(name, ".")
		if i > 0 {
			p = append(p, '.')
		}
		n, isNumber := decimal(part)
		switch {
		case isNumber && layer < 0:
			layer, p = n, append(p, "{l}"...)
		case isNumber && expert < 0:
			expert, p = n, append(p, "{e}"...)
		default:
			p = append(p, part...)
		}
		if !more {
			return p, layer, expert
		}
		name = rest
	}
}

// decimal reads a number as a checkpoint writes it: no sign, no leading zero, at most nine digits.
func decimal(s string) (n int64, ok bool) {
	if s == "" || len(s) > 9 || (s[0] == '0' && len(s) > 1) {
		return 0, false
	}
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + int64(s[i]-'0')
	}
	return n, true
}

// Name filters of the reference converter for text models: parts of checkpoints that hold something
// else than the language model.
var (
	foreignPrefixes = []string{"mlp", "vit.", "vpm.", "siglip2.", "conformer.", "merger.", "resampler.", "sound_encoder.",
		"sound_projection.", "speech_embeddings."}
	foreignParts = []string{"visual.", "vision.", "audio.", "talker.", "vision_", "audio_", "token2wav.", "code2wav.",
		"projector.", "pre_mm_projector_norm", "image_newline", "view_seperator", "patch_embed", "patch_embedding",
		"patch_merger.", "patch_merge_mlp.", "model.connector."}
	derivable = []string{".attention.masked_bias", ".attention.bias", ".rotary_emb.inv_freq"}
)

// textName gives the name that rules see; keep is false for a tensor that is not the language model's.
func (s *Spec) textName(name string, bare bool) (_ string, keep bool) {
	for _, c := range s.Cut {
		name = strings.ReplaceAll(name, c, "")
	}
	for _, p := range foreignPrefixes {
		if strings.HasPrefix(name, p) {
			return "", false
		}
	}
	for _, p := range foreignParts {
		if strings.Contains(name, p) {
			return "", false
		}
	}
	if stem, ok := strings.CutSuffix(name, "e_score_correction_bias"); ok {
		name = stem + "e_score_correction.bias"
	}
	name = strings.ReplaceAll(name, "language_model.", "")
	if bare {
		name = "model." + name
	}
	return name, true
}

// keptF32 tells the tensors that the reference keeps in F32 whatever the type of the file.
func keptF32(name string, dims int) bool {
	return dims <= 1 || strings.HasSuffix(name, "_norm.weight") || !strings.HasSuffix(name, ".weight") ||
		strings.HasPrefix(name, "blk.") && (strings.HasSuffix(name, ".ffn_gate_inp.weight") || strings.HasSuffix(name, ".ffn_gate_inp_shexp.weight"))
}
