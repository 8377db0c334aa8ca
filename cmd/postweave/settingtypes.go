package main

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// list is a comma-separated setting. Spaces around an element and empty
// elements are dropped.
type list []string

// UnmarshalText splits the text at its commas.
func (l *list) UnmarshalText(text []byte) error {
	*l = nil
	for element := range strings.SplitSeq(string(text), ",") {
		if element = strings.TrimSpace(element); element != "" {
			*l = append(*l, element)
		}
	}
	if len(*l) == 0 {
		return errors.New("it names nothing")
	}
	return nil
}

// hostMap is old name → present name.
type hostMap map[string]string

// maxHostName bounds the name that a server is given (RFC 1035); what it had may have been anything.
const maxHostName = 255

// UnmarshalText reads old=new pairs. A name that is renamed twice, or renamed
// to one that is itself renamed, is refused: which of the two holds would
// depend on the order of the pairs.
func (m *hostMap) UnmarshalText(text []byte) error {
	var pairs list
	if err := pairs.UnmarshalText(text); err != nil {
		return err
	}
	*m = hostMap{}
	for _, pair := range pairs {
		before, after, found := strings.Cut(pair, "=")
		before, after = strings.TrimSpace(before), strings.TrimSpace(after)
		if _, twice := (*m)[before]; !found || before == "" || after == "" || strings.Contains(after, "=") || twice {
			return fmt.Errorf("%q is no pair old=new", pair)
		}
		if len(after) > maxHostName || strings.ContainsFunc(pair, unsafeRune) || !utf8.ValidString(pair) {
			return fmt.Errorf("%q holds no names of servers", pair)
		}
		(*m)[before] = after
	}
	for before, after := range *m {
		if _, renamed := (*m)[after]; renamed {
			return fmt.Errorf("%s is renamed to %s, which is renamed too", before, after)
		}
	}
	return nil
}

// timeZone is a zone read from its IANA name. The location is unexported so that
// the configuration library does not look for settings inside it.
type timeZone struct{ location *time.Location }

// Location is never nil: without a name it is UTC.
func (z timeZone) Location() *time.Location {
	if z.location == nil {
		return time.UTC
	}
	return z.location
}

// UnmarshalText looks the zone up.
func (z *timeZone) UnmarshalText(text []byte) (err error) {
	z.location, err = parseZone(string(text))
	return err
}
