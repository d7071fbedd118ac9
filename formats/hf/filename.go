package hf

import (
	"math"
	"strconv"
	"strings"

	"github.com/qconv/qconv/formats/internal/strictjson"
)

// FileName is the default name of the output for a type such as "Q8_0", with ".gguf".
//
// It is the reference's, except that a character that could leave the output's directory or that no
// file name should hold becomes a hyphen: the parts come from the checkpoint's files.
func (m *Metadata) FileName(typ string) string {
	name := "ggml-model"
	for _, key := range [...]string{keyBasename, keyName} {
		if v := m.fields[key]; v.Kind == strictjson.String {
			name = fileNamePart(v.Text)
			break
		}
	}
	if v := m.fields[keySize]; v.Kind == strictjson.String {
		name += "-" + v.Text
	}
	for _, key := range [...]string{keyFinetune, keyVersion} {
		if v := m.fields[key]; v.Kind == strictjson.String {
			name += "-" + fileNamePart(v.Text)
		}
	}
	if typ != "" {
		name += "-" + strings.ToUpper(fileNamePart(typ))
	}
	return strings.Map(safeRune, name) + ".gguf"
}

func fileNamePart(s string) string { return strings.ReplaceAll(pyStrip(s), " ", "-") }

func safeRune(r rune) rune {
	if r == '/' || r == '\\' || r == ':' || r < 0x20 || r == 0x7f {
		return '-'
	}
	return r
}

// sizeLabel gives such as 7.2B, or 8x7.2B for experts.
func sizeLabel(o MetadataOptions) string {
	if o.ExpertCount > 0 {
		return strconv.FormatInt(o.ExpertCount, 10) + "x" + roundedCount(o.SharedParams+o.ExpertParams)
	}
	return roundedCount(o.TotalParams)
}

// roundedCount writes a count of weights with at least two digits.
func roundedCount(n int64) string {
	scale, suffix := 1e-3, "K"
	switch {
	case n > 1e12:
		scale, suffix = 1e-12, "T"
	case n > 1e9:
		scale, suffix = 1e-9, "B"
	case n > 1e6:
		scale, suffix = 1e-6, "M"
	}
	scaled := float64(n) * scale
	whole := strings.TrimLeft(strconv.FormatFloat(math.RoundToEven(scaled), 'f', 0, 64), "0")
	return strconv.FormatFloat(scaled, 'f', max(2-len(whole), 0), 64) + suffix
}
