package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// usageError is a wrong command line.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// arguments takes between least and most arguments; names says what each is.
func arguments(least, most int, names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		usage := c.UseLine()
		switch {
		case len(args) < least:
			return usagef("%s is missing; usage: %s", names[len(args)], usage)
		case len(args) > most && most == 0:
			return usagef("%s takes no argument, found %q; usage: %s", c.Name(), args[0], usage)
		case len(args) > most:
			return usagef("%q is one argument too many; usage: %s", args[most], usage)
		}
		return nil
	}
}

// unknownCommand refuses a first word that is no command.
func unknownCommand(root *cobra.Command, word string) error {
	hint := ""
	root.SuggestionsMinimumDistance = 2
	if near := root.SuggestionsFor(word); len(near) > 0 {
		hint = fmt.Sprintf("; did you mean %s?", strings.Join(near, " or "))
	}
	return usagef("%q is no command%s `%s --help` lists the commands", word, or(hint, ";"), root.Name())
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// flagError says in one line what is wrong with a flag and where to look.
func flagError(c *cobra.Command, err error) error {
	where := fmt.Sprintf("`%s --help` lists the flags", c.CommandPath())
	var unknown *pflag.NotExistError
	var empty *pflag.ValueRequiredError
	var wrong *pflag.InvalidValueError
	var syntax *pflag.InvalidSyntaxError
	switch {
	case errors.As(err, &unknown):
		name := unknown.GetSpecifiedName()
		if short := unknown.GetSpecifiedShortnames(); short != "" {
			hint := ";"
			if len(short) > 1 && c.Flags().Lookup(short) != nil {
				hint = fmt.Sprintf("; did you mean --%s?", short)
			} else if name[0] >= '0' && name[0] <= '9' {
				hint = "; put -- before an argument that begins with -;"
			}
			return usagef("%s has no flag -%s%s %s", c.CommandPath(), name, hint, where)
		}
		return usagef("%s has no flag --%s%s %s", c.CommandPath(), name, or(nearFlag(c, name), ";"), where)
	case errors.As(err, &empty):
		return usagef("--%s needs a value; %s", empty.GetFlag().Name, where)
	case errors.As(err, &wrong):
		return usagef("--%s %q is not %s; %s", wrong.GetFlag().Name, wrong.GetValue(), wanted(wrong.GetFlag()), where)
	case errors.As(err, &syntax):
		return usagef("%q is no flag; %s", syntax.GetSpecifiedFlag(), where)
	}
	return usagef("%w; %s", err, where)
}

// wanted says what a flag's value must be.
func wanted(f *pflag.Flag) string {
	switch f.Value.Type() {
	case "bool":
		return "true or false"
	case "int", "count":
		return "a whole number in range"
	case "uint64":
		return "a whole number from 0 on"
	case "float64":
		return "a number"
	case "duration":
		return "a time, such as 10s or 5m"
	}
	if v, ok := f.Value.(*boundValue); ok {
		return v.wanted()
	}
	return "what this flag takes"
}

// nearFlag suggests the flag whose name is most like a wrong one.
func nearFlag(c *cobra.Command, name string) (hint string) {
	least := len(name)/3 + 1
	c.Flags().VisitAll(func(f *pflag.Flag) {
		d := distance(f.Name, name)
		if strings.HasPrefix(f.Name, name) && len(name) > 2 {
			d = 0
		}
		if d < least {
			least, hint = d, fmt.Sprintf("; did you mean --%s?", f.Name)
		}
	})
	return hint
}

// distance is how many letters must be added, dropped or changed to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		last := row[0]
		row[0]++
		for j := range len(b) {
			d := last
			if a[i] != b[j] {
				d = 1 + min(last, row[j], row[j+1])
			}
			last, row[j+1] = row[j+1], d
		}
	}
	return row[len(b)]
}
