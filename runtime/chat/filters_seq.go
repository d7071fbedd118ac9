package chat

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// getter reads the argument "attribute" and gives a function that looks it up in an element.
func (c *call) getter(i int) (func(value) (value, error), error) {
	attr, ok := c.take(i, "attribute")
	if !ok || attr == nil {
		return func(v value) (value, error) { return v, nil }, nil
	}
	return c.path(attr, nil)
}

// path gives a function that looks up an attribute like "a.b.0"; a value that is missing is replaced by instead, if there
// is one.
func (c *call) path(attr, instead value) (func(value) (value, error), error) {
	var keys []value
	switch a := attr.(type) {
	case int64:
		keys = []value{a}
	case string:
		for _, part := range strings.Split(a, ".") {
			if n, err := strconv.ParseInt(part, 10, 64); err == nil && part[0] != '+' && part[0] != '-' {
				keys = append(keys, n)
			} else {
				keys = append(keys, part)
			}
		}
	default:
		return nil, unsupported(c.line, "an attribute of type %s", typeName(attr))
	}
	return func(v value) (value, error) {
		for _, k := range keys {
			if err := c.f.tick(c.line, 1); err != nil {
				return nil, err
			}
			var err error
			if v, err = c.f.item(c.line, v, k); err != nil {
				return nil, err
			}
			if _, missing := v.(undefined); missing && instead != nil {
				v = instead
			}
		}
		return v, nil
	}, nil
}

// inner is a call of another filter or test with the arguments that follow the first skip ones.
func (c *call) inner(name string, skip int) *call {
	return &call{f: c.f, line: c.line, name: name, args: slices.Clone(c.args[skip:]), named: maps.Clone(c.named)}
}

// all takes every argument: they were given to inner calls, which checked them.
func (c *call) all() { c.args, c.named = nil, nil }

func mapped(c *call, v value) (value, error) {
	elems, err := c.f.elements(c.line, v)
	if err != nil {
		return nil, err
	}
	var each func(value) (value, error)
	if attr, ok := c.named["attribute"]; ok && len(c.args) == 0 {
		delete(c.named, "attribute")
		instead, _ := c.take(0, "default")
		if each, err = c.path(attr, instead); err != nil {
			return nil, err
		}
	} else {
		if len(c.args) == 0 {
			return nil, syntax(c.line, "map needs the name of a filter or an attribute")
		}
		name, ok := c.args[0].(string)
		if !ok {
			return nil, syntax(c.line, "map: the name of a filter is a string")
		}
		template := c.inner(name, 1)
		each = func(v value) (value, error) { return template.inner(name, 0).filter(v) }
		c.all()
	}
	out := make([]value, 0, min(len(elems), 1024))
	for _, e := range elems {
		if err := c.f.make(c.line, slot); err != nil {
			return nil, err
		}
		x, err := each(e)
		if err != nil {
			return nil, err
		}
		out = append(out, x)
	}
	return &iterator{out}, nil
}

// selecting makes select, reject, selectattr and rejectattr.
func selecting(keep, byAttr bool) filterFunc {
	return func(c *call, v value) (value, error) {
		elems, err := c.f.elements(c.line, v)
		if err != nil {
			return nil, err
		}
		get, skip := func(v value) (value, error) { return v, nil }, 0
		if byAttr {
			if len(c.args) == 0 {
				return nil, syntax(c.line, "%s needs the name of an attribute", quote(c.name))
			}
			if get, err = c.path(c.args[0], nil); err != nil {
				return nil, err
			}
			skip = 1
		}
		holds := func(v value) (bool, error) { return truth(v), nil }
		if len(c.args) > skip {
			name, ok := c.args[skip].(string)
			if !ok {
				return nil, syntax(c.line, "%s: the name of a test is a string", quote(c.name))
			}
			template := c.inner(name, skip+1)
			holds = func(v value) (bool, error) {
				t := template.inner(name, 0)
				return t.f.test(t, v)
			}
			c.all()
		} else {
			c.args = nil
		}
		out := []value{}
		for _, e := range elems {
			if err := c.f.make(c.line, slot); err != nil {
				return nil, err
			}
			x, err := get(e)
			if err != nil {
				return nil, err
			}
			ok, err := holds(x)
			if err != nil {
				return nil, err
			}
			if ok == keep {
				out = append(out, e)
			}
		}
		return &iterator{out}, nil
	}
}

// fold gives the form by which strings are compared when case does not matter.
func (c *call) fold(v value, sensitive bool) (value, error) {
	if s, ok := asString(v); ok && !sensitive {
		return lower(c, s)
	}
	return v, nil
}

// sortBy sorts a copy of elems by keys, which are their own.
func (c *call) sortBy(elems, keys []value, backward bool) ([]value, error) {
	if err := c.f.make(c.line, 4*slot*len(elems)); err != nil {
		return nil, err
	}
	if err := c.f.tick(c.line, len(elems)); err != nil {
		return nil, err
	}
	order := make([]int, len(elems))
	for i := range order {
		order[i] = i
	}
	var failed error
	slices.SortStableFunc(order, func(i, j int) int {
		if backward {
			i, j = j, i
		}
		if failed != nil {
			return 0
		}
		if failed = c.f.tick(c.line, 1); failed != nil {
			return 0
		}
		n, err := c.f.order(c.line, "sort", keys[i], keys[j])
		if n == unordered {
			err = unsupported(c.line, "sorting NaN")
		}
		failed = err
		return n
	})
	return pick(elems, order), failed
}

func sorted(c *call, v value) (value, error) {
	backward, _ := c.take(0, "reverse")
	sensitive, _ := c.take(1, "case_sensitive")
	if attr, ok := c.named["attribute"].(string); ok && strings.Contains(attr, ",") {
		return nil, unsupported(c.line, "sort by several attributes")
	}
	get, err := c.getter(2)
	if err != nil {
		return nil, err
	}
	elems, err := c.f.elements(c.line, v)
	if err != nil {
		return nil, err
	}
	keys := make([]value, len(elems))
	for i, e := range elems {
		k, err := get(e)
		if err != nil {
			return nil, err
		}
		if keys[i], err = c.fold(k, truth(sensitive)); err != nil {
			return nil, err
		}
	}
	out, err := c.sortBy(elems, keys, truth(backward))
	if err != nil {
		return nil, err
	}
	return c.f.newList(c.line, out)
}

func dictSort(c *call, v value) (value, error) {
	sensitive, _ := c.take(0, "case_sensitive")
	by, ok := c.take(1, "by")
	if !ok {
		by = "key"
	}
	backward, _ := c.take(2, "reverse")
	d, ok := v.(*dict)
	if !ok {
		return nil, syntax(c.line, "dictsort: %s is not a dict", typeName(v))
	}
	from := d.keys
	switch by {
	case "value":
		from = d.vals
	case "key":
	default:
		return nil, syntax(c.line, `dictsort: by is "key" or "value"`)
	}
	if err := c.f.make(c.line, 8*slot*len(d.keys)); err != nil {
		return nil, err
	}
	keys := make([]value, len(from))
	for i, k := range from {
		var err error
		if keys[i], err = c.fold(k, truth(sensitive)); err != nil {
			return nil, err
		}
	}
	out, err := c.sortBy(d.pairs(), keys, truth(backward))
	if err != nil {
		return nil, err
	}
	return c.f.newList(c.line, out)
}

func unique(c *call, v value) (value, error) {
	sensitive, _ := c.take(0, "case_sensitive")
	get, err := c.getter(1)
	if err != nil {
		return nil, err
	}
	elems, err := c.f.elements(c.line, v)
	if err != nil {
		return nil, err
	}
	seen := map[any]bool{}
	out := []value{}
	for _, e := range elems {
		if err := c.f.make(c.line, 4*slot); err != nil {
			return nil, err
		}
		k, err := get(e)
		if err != nil {
			return nil, err
		}
		if k, err = c.fold(k, truth(sensitive)); err != nil {
			return nil, err
		}
		hash, ok := hashKey(k)
		if !ok {
			return nil, unsupported(c.line, "unique on %s", typeName(k))
		}
		if !seen[hash] {
			seen[hash] = true
			out = append(out, e)
		}
	}
	return &iterator{out}, nil
}

func sum(c *call, v value) (value, error) {
	get, err := c.getter(0)
	if err != nil {
		return nil, err
	}
	total, ok := c.take(1, "start")
	if !ok {
		total = int64(0)
	}
	if _, ok := asString(total); ok {
		return nil, syntax(c.line, "sum does not work on strings")
	}
	elems, err := c.f.elements(c.line, v)
	if err != nil {
		return nil, err
	}
	for _, e := range elems {
		if err := c.f.tick(c.line, 1); err != nil {
			return nil, err
		}
		if e, err = get(e); err != nil {
			return nil, err
		}
		if total, err = c.f.arithmetic(c.line, "+", total, e); err != nil {
			return nil, err
		}
	}
	return total, nil
}
