package hf

import (
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"

	"github.com/qconv/qconv/formats/internal/strictjson"
)

// The forms of plain scalars in YAML 1.1. They differ from today's YAML in ways that model cards
// meet: yes and no are booleans, 1e3 is text, 010 is eight, 2024-01-01 is a date.
var (
	yamlBool  = regexp.MustCompile(`^(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$`)
	yamlFloat = regexp.MustCompile(`^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$`)
	yamlInt   = regexp.MustCompile(`^(?:[-+]?0b[0-1_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+)$`)
	yamlNull  = regexp.MustCompile(`^(?:~|null|Null|NULL|)$`)
	yamlDate  = regexp.MustCompile(`^(?:[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?(?:[ \t]*(?:Z|[-+][0-9]{1,2}(?::[0-9]{2})?))?)$`)
)

// resolvePlain gives the value of an unquoted scalar. Numbers come as JSON literals, with a point or
// an exponent exactly when they are floating point; a date, or a number that cannot be read, becomes
// a typed object (see isTyped), since neither has a form in JSON.
func resolvePlain(s string) strictjson.Value {
	switch {
	case yamlNull.MatchString(s):
		return strictjson.Value{Kind: strictjson.Null, Text: "null"}
	case yamlBool.MatchString(s):
		return strictjson.Value{Kind: strictjson.Bool, Text: yamlTruth(s)}
	case yamlFloat.MatchString(s):
		return yamlFloatValue(s)
	case yamlInt.MatchString(s):
		return yamlIntValue(s)
	case yamlDate.MatchString(s):
		return typed("a date", s)
	}
	return strictjson.Value{Kind: strictjson.String, Text: s}
}

func yamlTruth(s string) string {
	switch strings.ToLower(s) {
	case "yes", "true", "on":
		return "true"
	}
	return "false"
}

// typed marks a value that is neither text nor number for the reference, such as a date: an object
// without any key that is ever looked up.
func typed(what, s string) strictjson.Value {
	return strictjson.Value{Kind: strictjson.Object, Pairs: []strictjson.Member{{Name: typedKey, Value: strictjson.Value{Kind: strictjson.String, Text: what + " (" + s + ")"}}}}
}

// maxDigits is Python's limit on reading decimal integers.
const maxDigits = 4300

const typedKey = "\x00type"

func isTyped(v strictjson.Value) bool {
	return v.Kind == strictjson.Object && len(v.Pairs) == 1 && v.Pairs[0].Name == typedKey
}

func yamlIntValue(s string) strictjson.Value {
	digits := strings.ReplaceAll(s, "_", "")
	negative := strings.HasPrefix(digits, "-")
	digits = strings.TrimLeft(digits, "+-")
	n, ok := new(big.Int), true
	switch {
	case len(digits) > maxDigits:
		ok = false
	case digits == "0":
	case strings.HasPrefix(digits, "0b"):
		n, ok = n.SetString(digits[2:], 2)
	case strings.HasPrefix(digits, "0x"):
		n, ok = n.SetString(digits[2:], 16)
	case digits[0] == '0':
		n, ok = n.SetString(digits, 8)
	case strings.Contains(digits, ":"):
		for _, p := range strings.Split(digits, ":") { // base 60
			d, err := strconv.ParseInt(p, 10, 64)
			ok = ok && err == nil
			n.Add(n.Mul(n, big.NewInt(60)), big.NewInt(d))
		}
	default:
		n, ok = n.SetString(digits, 10)
	}
	if !ok {
		return typed("a number that cannot be read", s)
	}
	if negative {
		n.Neg(n)
	}
	return strictjson.Value{Kind: strictjson.Number, Text: n.String()}
}

func yamlFloatValue(s string) strictjson.Value {
	digits := strings.ToLower(strings.ReplaceAll(s, "_", ""))
	sign := 1.0
	if strings.HasPrefix(digits, "-") {
		sign = -1
	}
	digits = strings.TrimLeft(digits, "+-")
	var f float64
	switch {
	case digits == ".inf":
		return infinity(sign)
	case digits == ".nan":
		return strictjson.Value{Kind: strictjson.Number, Text: "NaN"}
	case strings.Contains(digits, ":"):
		parts := strings.Split(digits, ":")
		base := 1.0
		for i := len(parts) - 1; i >= 0; i-- {
			d, err := strconv.ParseFloat(parts[i], 64)
			if err != nil && !math.IsInf(d, 0) {
				return typed("a number that cannot be read", s)
			}
			f += float64(d * base)
			base *= 60
		}
	default:
		var err error
		if f, err = strconv.ParseFloat(digits, 64); err != nil && !math.IsInf(f, 0) {
			return typed("a number that cannot be read", s)
		}
	}
	f *= sign
	if math.IsInf(f, 0) {
		return infinity(f)
	}
	return strictjson.Value{Kind: strictjson.Number, Text: strconv.FormatFloat(f, 'e', -1, 64)}
}

func infinity(sign float64) strictjson.Value {
	if sign < 0 {
		return strictjson.Value{Kind: strictjson.Number, Text: "-Infinity"}
	}
	return strictjson.Value{Kind: strictjson.Number, Text: "Infinity"}
}
