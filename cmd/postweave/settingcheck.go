package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"net/url"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"go.uber.org/zap/zapcore"

	"github.com/postweave/postweave/esquery"
)

// The values of settings that are a choice.
var (
	fieldProfiles = []string{"auto", "syslog", "logstash", "ecs", "beats"}
	logLevels     = []string{"debug", "info", "warn", "error"}
	logFormats    = []string{"auto", "text", "json"}
)

// check finds what each value alone or several together make impossible. Only
// the given settings are looked at. A value that did not parse is its zero
// value here and has been reported; zero values are therefore let pass.
func (c Config) check(settings []setting, from origin) []error {
	var problems []error
	for _, s := range settings {
		if err := c.checkOne(s, from); err != nil {
			problems = append(problems, err)
		}
	}
	reads := func(key string) bool {
		return slices.ContainsFunc(settings, func(s setting) bool { return s.key == key })
	}
	if reads("ES_URL") {
		problems = append(problems, c.checkConnection(from)...)
	}
	if reads("TARGET") {
		problems = append(problems, c.checkIndices(reads("SOURCE"), reads("STATE"))...)
	}
	return problems
}

func (c Config) checkOne(s setting, from origin) error {
	bad := func(value, want string) error { return notValid(s, from, value, want) }
	switch s.key {
	case "ES_URL":
		// A comma in a password cuts the address in two, and neither half shows what it is.
		secret := slices.ContainsFunc(c.Addresses, func(a string) bool { return strings.Contains(a, "@") })
		for _, address := range c.Addresses {
			if err := checkAddress(address, secret); err != nil {
				return fmt.Errorf("%s: %w", from.of(s), err)
			}
		}
	case "ES_CA_FINGERPRINT":
		if c.CAFingerprint == "" {
			return nil
		}
		if sum, err := hex.DecodeString(strings.ReplaceAll(c.CAFingerprint, ":", "")); err != nil || len(sum) != 32 {
			return bad(c.CAFingerprint, "the SHA-256 fingerprint of the CA certificate, 64 hexadecimal digits")
		}
	case "SOURCE":
		for _, pattern := range c.Source {
			if why := badPattern(pattern); why != "" {
				return fmt.Errorf("%s: %q is no index pattern: %s", from.of(s), pattern, why)
			}
		}
	case "TARGET":
		if why := badIndexName(c.Target); why != "" {
			return fmt.Errorf("%s: %q is no name for an alias: %s", from.of(s), c.Target, why)
		}
	case "STATE":
		if why := badIndexName(c.State); why != "" {
			return fmt.Errorf("%s: %q is no name for an index: %s", from.of(s), c.State, why)
		}
	case "FIELDS":
		return c.checkFields(s, from)
	case "HORIZON":
		if c.Horizon > 0 && c.Horizon < time.Minute {
			return bad(durationText(c.Horizon), "a minute or more")
		}
	case "OVERLAP":
		if c.Overlap > 0 && c.Overlap < time.Second {
			return bad(durationText(c.Overlap), "a second or more")
		}
	case "SCHEDULE":
		if err := checkSchedule(c.Schedule); err != nil {
			return fmt.Errorf("%s: %q %w", from.of(s), c.Schedule, err)
		}
	case "SHARDS":
		if c.Shards < 0 || c.Shards > esquery.MaxParts {
			return bad(strconv.Itoa(c.Shards), s.want)
		}
	case "MAX_REQUESTS_PER_SECOND":
		if c.MaxRequestsPerSecond < 0 || c.MaxRequestsPerSecond > 0 && c.MaxRequestsPerSecond < esquery.LeastPerSecond || math.IsNaN(c.MaxRequestsPerSecond) || math.IsInf(c.MaxRequestsPerSecond, 0) {
			return bad(fmt.Sprint(c.MaxRequestsPerSecond), s.want)
		}
	case "MAX_CONCURRENCY":
		if c.MaxConcurrency < 0 || c.MaxConcurrency > 64 || from.given(s.key) && c.MaxConcurrency == 0 {
			return bad(fmt.Sprint(c.MaxConcurrency), s.want)
		}
	case "LOCAL_DOMAINS":
		for _, domain := range c.LocalDomains {
			if strings.ContainsAny(domain, "@*/: \t") || strings.HasPrefix(domain, ".") {
				return bad(domain, "domains such as example.com, comma separated")
			}
		}
	case "LOG_LEVEL":
		if _, err := zapcore.ParseLevel(c.LogLevel); err != nil || !slices.Contains(logLevels, c.LogLevel) {
			return bad(c.LogLevel, oneOf(logLevels)+didYouMean(c.LogLevel, "", logLevels))
		}
	case "LOG_FORMAT":
		if !slices.Contains(logFormats, c.LogFormat) {
			return bad(c.LogFormat, oneOf(logFormats)+didYouMean(c.LogFormat, "", logFormats))
		}
	}
	return nil
}

func (c Config) checkFields(s setting, from origin) error {
	if slices.Contains(fieldProfiles, c.Fields) {
		return nil
	}
	if !strings.ContainsAny(c.Fields, "/.\\") {
		return notValid(s, from, c.Fields, oneOf(fieldProfiles)+", or the path of a file"+didYouMean(c.Fields, "", fieldProfiles))
	}
	info, err := os.Stat(c.Fields)
	switch {
	case err != nil:
		return fmt.Errorf("%s: cannot read the field profile: %w", from.of(s), err)
	case info.IsDir():
		return fmt.Errorf("%s: %s is a directory, want a file that names each field", from.of(s), c.Fields)
	}
	return nil
}

// checkConnection allows one way to authenticate. A client certificate may
// stand beside it: proxies in front of Elasticsearch ask for one.
func (c Config) checkConnection(from origin) []error {
	var problems []error
	var ways []string
	for _, key := range []string{"ES_API_KEY", "ES_USERNAME"} {
		if from.given(key) {
			ways = append(ways, from[key])
		}
	}
	if slices.ContainsFunc(c.Addresses, hasUserinfo) {
		ways = append(ways, "the user name in "+from["ES_URL"])
	}
	if len(ways) > 1 {
		problems = append(problems, fmt.Errorf("%s are several ways to authenticate, give one of them", strings.Join(ways, " and ")))
	}
	if from.given("ES_USERNAME") != from.given("ES_PASSWORD") {
		problems = append(problems, errors.New("ES_USERNAME and ES_PASSWORD belong together, only "+from["ES_USERNAME"]+from["ES_PASSWORD"]+" is set"))
	}
	if from.given("ES_CLIENT_CERT") != from.given("ES_CLIENT_KEY") {
		problems = append(problems, errors.New("ES_CLIENT_CERT and ES_CLIENT_KEY belong together, only "+from["ES_CLIENT_CERT"]+from["ES_CLIENT_KEY"]+" is set"))
	}
	if from.given("ES_CLOUD_ID") && from.given("ES_URL") {
		problems = append(problems, errors.New(from["ES_URL"]+" and "+from["ES_CLOUD_ID"]+" both say where Elasticsearch is, give one of them"))
	}
	return problems
}

func hasUserinfo(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.User != nil
}

// checkAddress reports what is wrong with one address without repeating a
// password in it; url.Parse's own errors quote their input and are not passed on. secret says that
// there may be a password in any of the addresses: nothing of this one is repeated.
func checkAddress(address string, secret bool) error {
	u, err := url.Parse(address)
	switch {
	case err != nil, secret && (u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.RawQuery != "" || u.Fragment != "" || strings.Contains(u.Path, "@")):
		return errors.New("an address is not valid, want one such as https://es1:9200 (special characters of a password are written as %XX)")
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("%q is not valid, want an address with http:// or https:// in front, such as https://es1:9200", address)
	case u.Hostname() == "":
		return fmt.Errorf("%q is not valid, the host is missing", address)
	case u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("%q is not valid, an address has no ? or #", address)
	}
	return nil
}

// checkIndices keeps source, target and state apart: a run that read its own
// documents, or a state inside the target's template, would go wrong much later.
func (c Config) checkIndices(withSource, withState bool) []error {
	var problems []error
	if withState && (c.State == c.Target || strings.HasPrefix(c.State, c.Target+"-")) {
		problems = append(problems, fmt.Errorf("the state index %q lies within the target's pattern %q, choose another POSTWEAVE_STATE or POSTWEAVE_TARGET", c.State, c.Target+"-*"))
	}
	if !withSource {
		return problems
	}
	for _, pattern := range c.Source {
		for _, own := range []string{c.Target, c.Target + "-000001", c.Target + "-log", c.State} {
			if matched, err := path.Match(pattern, own); err == nil && matched {
				problems = append(problems, fmt.Errorf("the source pattern %q matches %q, which postweave itself writes: narrow POSTWEAVE_SOURCE", pattern, own))
				break
			}
		}
	}
	return problems
}

// badPattern says what makes an index pattern impossible or dangerous, or "".
// Date math and exclusions are refused: index names never decide what is read.
func badPattern(pattern string) string {
	index := pattern
	if remote, rest, isRemote := strings.Cut(pattern, ":"); isRemote {
		if remote == "" || rest == "" || strings.Contains(rest, ":") {
			return "a remote cluster is written as cluster:pattern"
		}
		// A cluster's alias may have capital letters. One that begins with a minus sign leaves that cluster out.
		if why := badName(strings.ToLower(remote), "*"); why != "" {
			return "of its cluster's name, " + why
		}
		index = rest
	}
	return badName(index, "*")
}

// badIndexName says what makes a name impossible for an index or an alias of
// ours, or "". Names that begin with a dot are Elasticsearch's own: patterns pass them over, and a later
// version is to refuse them.
func badIndexName(name string) string {
	switch {
	case strings.Contains(name, ":"):
		return "it holds ':'"
	case len(name) > 1 && name[0] == '.' && name != "..":
		return "it begins with a dot, as Elasticsearch's own do"
	}
	return badName(name, "")
}

// badName applies Elasticsearch's rules for names, save for the allowed characters.
func badName(name, allowed string) string {
	switch {
	case name == "" || name == "." || name == "..":
		return "it is empty"
	case strings.ContainsRune("-_+", rune(name[0])):
		return "it begins with " + name[:1]
	case len(name) > 200:
		return "it is longer than 200 bytes"
	}
	for _, r := range name {
		switch {
		case strings.ContainsRune(allowed, r):
		case unicode.IsUpper(r):
			return "it has capital letters"
		case strings.ContainsRune(`\/*?"<>|,#`, r), unicode.IsSpace(r), unsafeRune(r), r == unicode.ReplacementChar:
			return fmt.Sprintf("it holds %q", r)
		}
	}
	return ""
}
