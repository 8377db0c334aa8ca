package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// flagSet is the standard library's flag set with three differences: it goes
// on after a mistake, so that all of them are reported at once; flags may stand
// after the arguments ("merge mail.log -o table"); and it remembers the order
// of declaration, for help and completion.
type flagSet struct {
	set      *flag.FlagSet
	declared []flagInfo
	// settings holds what was given for the flags of settings, by their key
	// ("ES_URL"). Config is parsed from them and the environment together.
	settings map[string]string
	problems []error
}

// flagInfo describes one flag to help and completion.
type flagInfo struct {
	name    string
	meta    string // placeholder of the value; empty for a switch
	usage   string
	choices []string
	setting string // key of the setting, empty for a command's own flag
}

// errHelp is returned by parse when -h or --help was among the arguments.
var errHelp = flag.ErrHelp

func newFlagSet(name string) *flagSet {
	set := flag.NewFlagSet(name, flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.Usage = func() {}
	return &flagSet{set: set, settings: map[string]string{}}
}

// flagValue adapts a function to flag.Value. Set never fails towards the flag
// package, which would stop at the first failure; it notes the problem instead.
type flagValue struct {
	owner  *flagSet
	info   flagInfo
	accept func(string) error
}

func (v *flagValue) String() string { return "" }

func (v *flagValue) Set(s string) error {
	if err := v.accept(s); err != nil {
		v.owner.problems = append(v.owner.problems, fmt.Errorf("--%s: %w", v.info.name, err))
	}
	return nil
}

// IsBoolFlag lets a switch stand without a value.
func (v *flagValue) IsBoolFlag() bool { return v.info.meta == "" }

func (f *flagSet) add(info flagInfo, accept func(string) error) {
	f.declared = append(f.declared, info)
	f.set.Var(&flagValue{owner: f, info: info, accept: accept}, info.name, info.usage)
}

// toggle declares a switch; --name=false takes it back.
func (f *flagSet) toggle(p *bool, name, usage string) {
	f.add(flagInfo{name: name, usage: usage}, func(s string) (err error) {
		*p, err = parseBool(s)
		return err
	})
}

func (f *flagSet) text(p *string, name, meta, usage string) {
	f.add(flagInfo{name: name, meta: meta, usage: usage}, func(s string) error {
		*p = s
		return nil
	})
}

// value is text that must not be empty: an empty variable of a script must not select everything.
func (f *flagSet) value(p *string, name, meta, usage string) {
	f.add(flagInfo{name: name, meta: meta, usage: usage}, func(s string) error {
		if s == "" {
			return errors.New("the value is empty; leave the flag out where it is not to select")
		}
		*p = s
		return nil
	})
}

// longestMeta is the longest list of values that stands beside its flag.
const longestMeta = 60

func (f *flagSet) choice(p *string, name string, choices []string, usage string) {
	info := flagInfo{name: name, meta: strings.Join(choices, "|"), usage: usage, choices: choices}
	if len(info.meta) > longestMeta { // the command's text lists them
		info.meta = strings.ToUpper(name)
	}
	f.add(info, func(s string) error {
		if !slices.Contains(choices, s) {
			return fmt.Errorf("%q is not valid, want %s%s", s, oneOf(choices), didYouMean(s, "", choices))
		}
		*p = s
		return nil
	})
}

func (f *flagSet) duration(p *time.Duration, name, usage string) {
	f.add(flagInfo{name: name, meta: "DURATION", usage: usage}, func(s string) (err error) {
		*p, err = parseDuration(s)
		return err
	})
}

// number declares a whole number between low and high, both included.
func (f *flagSet) number(p *int, name string, low, high int, usage string) {
	f.add(flagInfo{name: name, meta: "N", usage: usage}, func(s string) error {
		n, err := strconv.Atoi(s)
		if err != nil || n < low || n > high {
			return fmt.Errorf("%q is not valid, want a whole number from %d to %d", s, low, high)
		}
		*p = n
		return nil
	})
}

func (f *flagSet) size(p *int64, name string, low int64, usage string) {
	f.add(flagInfo{name: name, meta: "SIZE", usage: usage}, func(s string) error {
		n, err := parseSize(s)
		if err != nil {
			return err
		}
		if n < low {
			return fmt.Errorf("%q is too small, want %s or more", s, sizeText(low))
		}
		*p = n
		return nil
	})
}

func (f *flagSet) zone(p **time.Location, name, usage string) {
	f.add(flagInfo{name: name, meta: "ZONE", usage: usage}, func(s string) (err error) {
		*p, err = parseZone(s)
		return err
	})
}

// parse reads the arguments and returns those that are no flags. It returns
// errHelp, or nothing: what is wrong lies in f.problems.
func (f *flagSet) parse(args []string) ([]string, error) {
	var positional []string
	for {
		err := f.set.Parse(args)
		rest := f.set.Args()
		consumed := args[:len(args)-len(rest)]
		switch {
		case errors.Is(err, flag.ErrHelp):
			return nil, errHelp
		case err != nil && len(rest) > 0 && malformed(rest[0]):
			// Alone of all mistakes this one is left standing by the flag package.
			f.problems = append(f.problems, f.explain(rest[0]))
			rest = rest[1:]
		case err != nil:
			f.problems = append(f.problems, f.explain(consumed[len(consumed)-1]))
		case len(consumed) > 0 && consumed[len(consumed)-1] == "--":
			return append(positional, rest...), nil
		case len(rest) > 0:
			positional = append(positional, rest[0])
			rest = rest[1:]
		}
		if len(rest) == 0 {
			return positional, nil
		}
		args = rest
	}
}

// malformed tells what the flag package takes for no flag at all: ---x, -=x.
func malformed(arg string) bool {
	name, dashed := strings.CutPrefix(arg, "-")
	name = strings.TrimPrefix(name, "-")
	return dashed && arg != "-" && arg != "--" && (name == "" || name[0] == '-' || name[0] == '=')
}

// explain says what is wrong with the argument at which parsing stopped. The
// flag package has no error types; looking the name up again says more than
// its text, and does not depend on it.
func (f *flagSet) explain(arg string) error {
	name, _, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
	if f.set.Lookup(name) != nil {
		return fmt.Errorf("--%s: a value is missing", name)
	}
	names := make([]string, len(f.declared))
	for i, d := range f.declared {
		names[i] = d.name
	}
	// Only the name is repeated: the value of a mistyped --es-pasword=… is a secret.
	return unknownFlagError{fmt.Sprintf("unknown flag --%s%s", name, didYouMean(name, "--", names))}
}

// unknownFlagError marks that an argument after it may be its value.
type unknownFlagError struct{ text string }

func (e unknownFlagError) Error() string { return e.text }

// sawUnknown tells whether an unknown flag was met.
func (f *flagSet) sawUnknown() bool {
	return slices.ContainsFunc(f.problems, func(err error) bool {
		var unknown unknownFlagError
		return errors.As(err, &unknown)
	})
}

// oneOf lists alternatives as a sentence does: "a, b or c".
func oneOf(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}
