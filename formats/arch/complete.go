package arch

import (
	"fmt"
	"sort"
	"strconv"
	"strings"

	"github.com/qconv/qconv/formats/fault"
)

// report collects names for one message: the first few, and how many.
type report struct {
	names []string
	count int
}

const reported = 5

func (r *report) add(name string) {
	if r.count++; r.count <= reported {
		r.names = append(r.names, fault.Printable(name))
	}
}

func (r *report) String() string {
	text := strings.Join(r.names, ", ")
	if r.count > len(r.names) {
		text += fmt.Sprintf(" and %d more", r.count-len(r.names))
	}
	return text
}

// complete checks that each rule matched once wherever it must, and that nothing is left over.
func (k *binder) complete() error {
	var missing, unknown report
	at := 0
	for ri := range k.spec.Rules {
		r := &k.spec.Rules[ri]
		start := at
		for at < len(k.sorted) && k.sorted[at].rule == int32(ri) {
			at++
		}
		group := k.sorted[start:at]
		for i := 1; i < len(group); i++ {
			if compareSlots(group[i-1], group[i]) == 0 {
				return fault.New(fault.Mismatch, "", "%s and %s are the same tensor to this architecture",
					fault.Printable(k.src[group[i-1].src].Name), fault.Printable(k.src[group[i].src].Name))
			}
		}
		if r.Need == Head && (k.m.tied || k.m.bare) || r.Need == Uniform && len(group) == 0 {
			continue
		}
		k.missing(r, group, &missing)
	}
	for _, name := range k.extra {
		unknown.add(name)
	}
	var orphans []string
	for name := range k.scales {
		orphans = append(orphans, name)
	}
	sort.Strings(orphans)
	for _, name := range orphans {
		unknown.add(k.src[k.scales[name]].Name)
	}
	switch {
	case missing.count > 0 && unknown.count > 0:
		return fault.New(fault.Mismatch, "", "missing %d of the tensors that config.json implies: %s; no place in a %s model for %d of the tensors: %s",
			missing.count, &missing, k.spec.Name, unknown.count, &unknown)
	case missing.count > 0:
		return fault.New(fault.Mismatch, "", "missing %d of the tensors that config.json implies: %s", missing.count, &missing)
	case unknown.count > 0:
		return fault.New(fault.Mismatch, "", "no place in a %s model for %d of the tensors: %s", k.spec.Name, unknown.count, &unknown)
	}
	return nil
}

// missing reports every place of r that group, sorted, does not fill.
func (k *binder) missing(r *Rule, group []slot, to *report) {
	layers, experts := int64(1), int64(1)
	if r.layered() {
		layers = k.Layers
	}
	if r.experts() {
		experts = k.Experts
	}
	for l := range layers {
		layer := l
		if !r.layered() {
			layer = -1
		}
		if r.When != nil && !r.When(k.m, layer) {
			continue
		}
		for e := range experts {
			if len(group) > 0 && (!r.layered() || int64(group[0].layer) == l) && (!r.experts() || int64(group[0].expert) == e) {
				group = group[1:]
				continue
			}
			if to.count >= reported { // a hostile config may imply millions
				to.count++
				continue
			}
			name := strings.Replace(r.From, "{l}", strconv.FormatInt(l, 10), 1)
			to.add(strings.Replace(name, "{e}", strconv.FormatInt(e, 10), 1))
		}
	}
}
