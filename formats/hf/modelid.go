package hf

import (
	"math"
	"slices"
	"strings"
	"unicode"
)

// modelID is what a name such as "mistralai/Mixtral-8x7B-Instruct-v0.1" tells. Parts that it does
// not tell are "".
type modelID struct {
	full     string // without the organization
	org      string
	hasOrg   bool // org may be "" all the same
	basename string
	finetune string
	version  string
	size     string
}

// role is what a part of a name is taken for; a part may have several.
type role uint8

const (
	roleBase role = 1 << iota
	roleSize
	roleFinetune
	roleVersion
	roleType
)

// parseModelID takes a name apart by the rules of the reference. totalParams, when not 0, tells
// sizes from lengths of context: a label far from the model's own size is a word of the finetune's
// name. A negative count stands for an adapter, of which only the magnitude is known.
func parseModelID(id string, totalParams int64) modelID {
	if strings.Contains(id, " ") {
		return modelID{full: id} // a sentence, not an id
	}
	org, full, hasOrg := strings.Cut(id, "/")
	if !hasOrg {
		org, full = "", id
	}
	if strings.HasPrefix(org, ".") {
		org, hasOrg = "", false // a relative path
	}
	parts := slices.DeleteFunc(strings.Split(full, "-"), func(p string) bool { return p == "" })
	roles := make([]role, len(parts))
	for i := range parts {
		parts[i], roles[i] = classify(parts[i], i == 0, totalParams)
	}
	dropWordSizes(parts, roles)
	markBase(parts, roles)

	m := modelID{
		full:     full,
		org:      org,
		hasOrg:   hasOrg,
		basename: join(parts, roles, func(r role) bool { return r&roleBase != 0 }),
		finetune: join(parts, roles, func(r role) bool { return r&roleFinetune != 0 }),
		version:  join(parts, roles, func(r role) bool { return r&roleVersion != 0 && r&roleBase == 0 }),
	}
	var sizes []string
	for i, p := range parts {
		if roles[i]&roleSize != 0 && !slices.Contains(sizes, p) {
			sizes = append(sizes, p)
		}
	}
	m.size = strings.Join(sizes, "-")
	if m.size == "" && m.finetune == "" && m.version == "" {
		m.basename = "" // too ambiguous
	}
	return m
}

func join(parts []string, roles []role, want func(role) bool) string {
	var out []string
	for i, p := range parts {
		if want(roles[i]) {
			out = append(out, p)
		}
	}
	return strings.Join(out, "-")
}

// classify gives the role that a part has by itself, and the part in its normal form.
func classify(part string, first bool, totalParams int64) (string, role) {
	folded := fold(part)
	switch {
	case isVersion(folded):
		return part, roleVersion
	case isTypeName(folded):
		return part, roleType
	case !first && isSize(folded):
		return sizeRole(part, totalParams)
	case !first && isFinetune(folded):
		if totalParams < 0 && folded == "lora" {
			return part, roleType // the suffix of the adapter's file name says it already
		}
		return part, roleFinetune
	}
	return part, 0
}

// sizeRole writes a size as 7B, 7.1B, 57B; or as a word of the finetune's name when it cannot be the model's size.
func sizeRole(part string, totalParams int64) (string, role) {
	p := []rune(strings.ReplaceAll(part, "_", "."))
	n := len(p)
	if n > 2 && unicode.IsDigit(p[n-1]) { // 7b1
		p = append(append(p[:n-2:n-2], '.'), p[n-1], p[n-2])
		n = len(p)
	}
	if n > 1 && unicode.IsDigit(p[n-2]) && strings.ContainsRune("kmbt", p[n-1]) {
		p[n-1] = unicode.ToUpper(p[n-1])
	}
	if totalParams != 0 {
		// Not a number: a word such as "mini", or "8x7"; it stays a size.
		if f, ok := pyFloat(string(p[:n-1])); ok && !plausible(f*thousands(p[n-1]), totalParams) {
			p[n-1] = unicode.ToLower(p[n-1])
			return string(p), roleFinetune
		}
	}
	return string(p), roleSize
}

// thousands gives what a suffix multiplies by.
func thousands(suffix rune) float64 {
	switch suffix {
	case 'K':
		return 1e3
	case 'M':
		return 1e6
	case 'B':
		return 1e9
	case 'T':
		return 1e12
	}
	return 1e-3
}

// plausible is true when the label is within 7/8 of the count; for an adapter, when it is not below 1/8.
func plausible(label float64, totalParams int64) bool {
	if totalParams < 0 {
		return !(label < float64(-totalParams/8))
	}
	sevenEighths := totalParams - totalParams/8
	if totalParams%8 != 0 {
		sevenEighths--
	}
	return !(math.Abs(label-float64(totalParams)) > float64(sevenEighths))
}

// dropWordSizes takes "mini" for no size when a number tells it.
func dropWordSizes(parts []string, roles []role) {
	numeric := false
	for i, p := range parts {
		numeric = numeric || roles[i]&roleSize != 0 && strings.IndexFunc(p, unicode.IsDigit) >= 0
	}
	if !numeric {
		return
	}
	for i, p := range parts {
		if roles[i]&roleSize != 0 && strings.IndexFunc(p, func(r rune) bool { return !unicode.IsLetter(r) }) < 0 {
			roles[i] &^= roleSize
		}
	}
}

// markBase gives the leading words and versions the base name's role, except the versions that end it.
func markBase(parts []string, roles []role) {
	atStart := true
	for i, p := range parts {
		if atStart && (roles[i] == 0 && startsWithLetter(p) || roles[i]&roleVersion != 0) {
			roles[i] |= roleBase
			continue
		}
		atStart = false
		if roles[i] == 0 {
			roles[i] = roleFinetune
		}
	}
	for i := len(roles) - 1; i >= 0 && roles[i]&roleBase != 0 && roles[i] != roleBase; i-- {
		roles[i] &^= roleBase
	}
}

func startsWithLetter(s string) bool {
	for _, r := range s {
		return unicode.IsLetter(r)
	}
	return false
}
