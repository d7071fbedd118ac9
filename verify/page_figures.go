package verify

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// How the page writes figures, names and times.

// figure prints four significant digits.
func figure(x float64) string { return digits(x, 4) }

func digits(x float64, n int) string {
	switch {
	case math.IsNaN(x):
		return "NaN"
	case math.IsInf(x, 1):
		return "∞"
	case math.IsInf(x, -1):
		return "-∞"
	case x == 0:
		return "0"
	}
	e := strconv.FormatFloat(x, 'e', n-1, 64)
	mantissa, power, _ := strings.Cut(e, "e")
	exp, _ := strconv.Atoi(power)
	if exp < -4 || exp > 6 {
		return mantissa + "e" + strconv.Itoa(exp)
	}
	return thousands(strconv.FormatFloat(x, 'f', max(0, n-1-exp), 64))
}

// estimate prints a figure as exactly as its standard error allows: two digits of the error.
func estimate(e Estimate) string { return plusMinus(e.Value, e.Error, "") }

// percent prints a share in hundredths.
func percent(e Estimate) string { return plusMinus(100*e.Value, 100*e.Error, " %") }

func plusMinus(x, dev float64, unit string) string {
	places := 1 - int(math.Floor(math.Log10(dev)))
	if !(dev > 0 && dev < 1e6 && math.Abs(x) < 1e6) || places > 7 {
		return digits(x, 4) + " ± " + digits(dev, 2) + unit
	}
	places = max(places, 0)
	return thousands(strconv.FormatFloat(x, 'f', places, 64)) + " ± " + strconv.FormatFloat(dev, 'f', places, 64) + unit
}

// cosine prints six places, or how far it is from 1.
func cosine(x float64) string {
	switch d := 1 - x; {
	case d > 1e-14 && d < 5e-6: // less is from rounding
		return "1 - " + digits(d, 2)
	case math.Abs(d) <= 2:
		return strconv.FormatFloat(x, 'f', 6, 64)
	}
	return figure(x)
}

// bits prints bits per weight.
func bits(x float64) string {
	if math.Abs(x) < 1e6 {
		return strconv.FormatFloat(x, 'f', 2, 64)
	}
	return figure(x)
}

// bounded prints a figure with as many digits as it takes to see on which side of the bound it is.
func bounded(g Gate) string {
	for n := 4; n < 17; n++ {
		short, err := strconv.ParseFloat(strconv.FormatFloat(g.Value, 'e', n-1, 64), 64)
		if err != nil || (short < g.Bound) == (g.Value < g.Bound) && (short > g.Bound) == (g.Value > g.Bound) {
			return digits(g.Value, n)
		}
	}
	return strconv.FormatFloat(g.Value, 'g', -1, 64)
}

// plain prints a bound or the place of a tick as a person writes it.
func plain(x float64) string {
	if a := math.Abs(x); a >= 1e-4 && a < 1e15 {
		return thousands(strconv.FormatFloat(x, 'f', -1, 64))
	}
	return strings.Replace(strings.Replace(strconv.FormatFloat(x, 'g', -1, 64), "e-0", "e-", 1), "e+", "e", 1)
}

func count[T int | int64](n T) string { return thousands(strconv.FormatInt(int64(n), 10)) }

// thousands sets commas between groups of the digits in front of the point.
func thousands(s string) string {
	whole, rest, _ := strings.Cut(s, ".")
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "-", whole[1:]
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if rest != "" {
		rest = "." + rest
	}
	return sign + whole + rest
}

// size prints bytes as the command does, with a binary unit.
func size(n int64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	f, i := float64(n)/1024, 0
	for f >= 1024 && i < len(units)-1 {
		f /= 1024
		i++
	}
	return fmt.Sprintf("%s %ciB", strconv.FormatFloat(f, 'f', max(0, 2-int(math.Log10(f))), 64), units[i])
}

// share names a quantile.
func share(s float64) string {
	switch s {
	case 1:
		return "maximum"
	case 0.5:
		return "median"
	case 0:
		return "minimum"
	}
	return strconv.FormatFloat(math.Round(s*1e6)/1e4, 'f', -1, 64) + " %"
}

func shape(dims []int64) string {
	s := make([]string, len(dims))
	for i, d := range dims {
		s[i] = strconv.FormatInt(d, 10)
	}
	return strings.Join(s, " × ")
}

// clock prints a time of the report for people; what is no time stays as it is.
func clock(s string) string {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return visible(s)
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}

// visible shows what cannot be printed as Go writes it: text of a file shall not steer how a page reads.
func visible(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case strconv.IsPrint(r):
			b.WriteRune(r)
		default:
			q := strconv.QuoteRune(r)
			b.WriteString(q[1 : len(q)-1])
		}
		s = s[n:]
	}
	return b.String()
}

// name shows a name, without its middle when nobody would read it all. The report's JSON has it whole.
func name(s string) string { return shortened(s, 120) }

// text shows a sentence.
func text(s string) string { return shortened(s, 1000) }

func shortened(s string, most int) string {
	if len(s) > 8*most { // not more work than what is shown
		s = s[:4*most] + s[len(s)-4*most:]
	}
	r := []rune(visible(s))
	if len(r) <= most {
		return string(r)
	}
	return string(r[:most*2/3]) + " … " + string(r[len(r)-most/3:])
}

// commandLine quotes arguments for a POSIX shell; $'…' where there is something that cannot be printed.
func commandLine(args []string) string {
	quoted := make([]string, len(args))
	for i, a := range args {
		switch {
		case a != "" && strings.Trim(a, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./=:,@%+") == "":
			quoted[i] = a
		case visible(a) == a:
			quoted[i] = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		default:
			quoted[i] = "$'" + strings.ReplaceAll(visible(strings.ReplaceAll(a, `\`, `\\`)), "'", `\'`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}
