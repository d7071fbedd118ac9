package chat

import (
	"fmt"

	"github.com/qconv/qconv/formats/fault"
)

func at(k fault.Kind, line int, format string, args ...any) error {
	return fault.New(k, "", "chat template: line %d: %w", line, fmt.Errorf(format, args...))
}

// syntax is an error of the template's text.
func syntax(line int, format string, args ...any) error {
	return at(fault.Malformed, line, format, args...)
}

func unsupported(line int, format string, args ...any) error {
	return at(fault.Unsupported, line, format+" is not supported", args...)
}

func limit(line int, format string, args ...any) error {
	return at(fault.Limit, line, format, args...)
}

// within says which input err is about.
func within(err error, format string, args ...any) error {
	return fault.New(fault.KindOf(err), "", "chat template: %s: %w", fmt.Sprintf(format, args...), err)
}
