package chat

import (
	"fmt"
	"strings"
	"time"
)

// globals are the functions a template can call.
var globals = map[string]func(c *call) (value, error){
	"range":           rangeOf,
	"namespace":       func(c *call) (value, error) { d, err := dictOf(c); return &namespace{d}, err },
	"dict":            func(c *call) (value, error) { return dictOf(c) },
	"raise_exception": raiseException,
	"strftime_now":    strftimeNow,
}

func raiseException(c *call) (value, error) {
	v, _ := c.take(0, "message")
	text, err := c.f.str(c.line, v)
	if err != nil {
		return nil, err
	}
	return nil, raise(c.line, text)
}

// rangeOf is range with jinja2's limit on its length.
func rangeOf(c *call) (value, error) {
	var n [3]int64
	given := len(c.args)
	for i := range c.args {
		v, _ := c.take(i, "")
		_, k, isInt, _ := asNumber(v)
		if !isInt || i > 2 {
			return nil, syntax(c.line, "range needs one to three integers, got %s", typeName(v))
		}
		n[i] = k
	}
	from, to, step := n[0], n[1], n[2]
	switch given {
	case 0:
		return nil, syntax(c.line, "range needs one to three integers")
	case 1:
		from, to, step = 0, n[0], 1
	case 2:
		step = 1
	}
	if step == 0 {
		return nil, syntax(c.line, "range: the step is zero")
	}
	// The bounds are kept where no addition below can overflow; nobody needs a range out there.
	const far = 1 << 60
	for _, k := range [...]int64{from, to, step} {
		if k > far || k < -far {
			return nil, limit(c.line, "a range beyond 2^60")
		}
	}
	span := to - from
	if step < 0 {
		span = -span
	}
	size := int64(0)
	if span > 0 {
		size = (span-1)/max(step, -step) + 1
	}
	if size > maxRange {
		return nil, limit(c.line, "a range of %d elements, the limit is %d", size, maxRange)
	}
	if err := c.f.make(c.line, slot*int(size)); err != nil {
		return nil, err
	}
	v := &view{"range", make([]value, size)}
	for i := range v.items {
		v.items[i] = from + int64(i)*step
	}
	return v, nil
}

// dictOf makes a dict of the named arguments, after those of one dict.
func dictOf(c *call) (*dict, error) {
	d := newDict()
	if err := c.f.make(c.line, 4*slot*(len(c.named)+1)); err != nil {
		return d, err
	}
	if from, ok := c.take(0, ""); ok {
		old, isDict := from.(*dict)
		if !isDict {
			return d, unsupported(c.line, "%s of %s", quote(c.name), typeName(from))
		}
		if err := c.f.make(c.line, 4*slot*len(old.keys)); err != nil {
			return d, err
		}
		for i, k := range old.keys {
			hash, _ := hashKey(k)
			d.set(hash, k, old.vals[i])
		}
	}
	for _, name := range c.order {
		d.set(name, name, c.named[name])
	}
	c.named = nil
	return d, nil
}

// loopAttribute is what the variable loop knows.
func (f *frame) loopAttribute(line int, l *loop, name string) (value, error) {
	n, i := int64(len(l.items)), int64(l.at)
	switch name {
	case "index":
		return i + 1, nil
	case "index0":
		return i, nil
	case "revindex":
		return n - i, nil
	case "revindex0":
		return n - i - 1, nil
	case "first":
		return i == 0, nil
	case "last":
		return i == n-1, nil
	case "length":
		return n, nil
	case "depth":
		return int64(l.depth), nil
	case "depth0":
		return int64(l.depth) - 1, nil
	case "previtem":
		if i == 0 {
			return undefined{"the item before the first"}, nil
		}
		return l.items[i-1], nil
	case "nextitem":
		if i == n-1 {
			return undefined{"the item after the last"}, nil
		}
		return l.items[i+1], nil
	case "cycle":
		return &function{name: "loop.cycle", call: func(c *call) (value, error) {
			if len(c.args) == 0 {
				return nil, syntax(c.line, "loop.cycle needs something to choose from")
			}
			v := c.args[l.at%len(c.args)]
			c.args = nil
			return v, nil
		}}, nil
	}
	return nil, unsupported(line, "the attribute %s of loop", quote(name))
}

func strftimeNow(c *call) (value, error) {
	format, err := c.textArgument(0, "format")
	if err != nil {
		return nil, err
	}
	if len(format) > 1024 {
		return nil, limit(c.line, "strftime_now: a format of %d bytes", len(format))
	}
	text, err := strftime(c.line, format, c.f.now)
	if err != nil {
		return nil, err
	}
	return text, c.f.make(c.line, len(text))
}

// strftime formats a time as C's strftime does in the C locale. "%-d" leaves out zeros in front.
func strftime(line int, format string, t time.Time) (string, error) {
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			b.WriteByte(format[i])
			continue
		}
		i++
		pad := "%02d"
		if i < len(format) && format[i] == '-' {
			pad = "%d"
			i++
		}
		if i >= len(format) {
			return "", unsupported(line, "strftime_now: a %% at the end of %s", quote(format))
		}
		code := format[i]
		layout := map[byte]string{'b': "Jan", 'h': "Jan", 'B': "January", 'a': "Mon", 'A': "Monday", 'p': "PM"}[code]
		number, known := map[byte]int{
			'd': t.Day(), 'm': int(t.Month()), 'y': t.Year() % 100, 'H': t.Hour(), 'I': (t.Hour()+11)%12 + 1,
			'M': t.Minute(), 'S': t.Second(),
		}[code]
		switch {
		case layout != "" && pad == "%02d":
			b.WriteString(t.Format(layout))
		case known:
			fmt.Fprintf(&b, pad, number)
		case code == 'Y' && pad == "%02d" && t.Year() >= 1000:
			fmt.Fprintf(&b, "%d", t.Year())
		case code == 'j' && pad == "%02d":
			fmt.Fprintf(&b, "%03d", t.YearDay())
		case code == 'F' && pad == "%02d" && t.Year() >= 1000:
			b.WriteString(t.Format("2006-01-02"))
		case code == 'T' && pad == "%02d":
			b.WriteString(t.Format("15:04:05"))
		case code == '%' && pad == "%02d":
			b.WriteByte('%')
		default:
			return "", unsupported(line, "strftime_now: the code in %s", quote(format))
		}
	}
	return b.String(), nil
}
