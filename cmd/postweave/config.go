package main

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
)

const envPrefix = "POSTWEAVE_"

// Config is every setting, whichever command reads it. The env tag is the
// variable's name without POSTWEAVE_ and, in lower case with hyphens, the
// flag's; want completes the sentence "… is not valid, want". An empty value
// is the same as none: the default holds.
//
// The tags are the truth, the tables in usage.go are written by hand for
// people; a test compares the two.
type Config struct {
	Addresses     list   `env:"ES_URL" envDefault:"http://localhost:9200" want:"addresses such as https://es1:9200, comma separated" secret:"url"`
	APIKey        string `env:"ES_API_KEY" secret:"true"`
	Username      string `env:"ES_USERNAME"`
	Password      string `env:"ES_PASSWORD" secret:"true"`
	CloudID       string `env:"ES_CLOUD_ID"`
	CAFile        string `env:"ES_CA"`
	CAFingerprint string `env:"ES_CA_FINGERPRINT"`
	ClientCert    string `env:"ES_CLIENT_CERT"`
	ClientKey     string `env:"ES_CLIENT_KEY"`
	// RetryBudget is the longest one operation goes on trying while
	// Elasticsearch is unavailable; then the run ends with exit code 3.
	RetryBudget time.Duration `env:"RETRY_BUDGET" envDefault:"30s" want:"a duration such as 30s or 5m"`

	// Source holds index patterns of raw lines.
	Source list `env:"SOURCE" envDefault:"syslog-*" want:"index patterns, comma separated"`
	// Target is the alias that is written and read.
	Target string `env:"TARGET" envDefault:"postfix-messages"`
	// State is the index of the cursors.
	State string `env:"STATE" envDefault:"postweave-state"`
	// Horizon is how far back a first run reads, counted
	// from the lines' own times. Postfix's queue life is 5 days.
	Horizon time.Duration `env:"HORIZON" envDefault:"144h" want:"a duration such as 144h or 6d"`
	// Overlap is how long a line may take from its ingest time until a search
	// shows it, where lines cannot be followed in order of arrival.
	Overlap time.Duration `env:"OVERLAP" envDefault:"10m" want:"a duration such as 10m or 1h"`
	// Fields is the name of a field profile, or the path of a file that names each field.
	Fields string `env:"FIELDS" envDefault:"auto"`
	// Programs are patterns of the programs whose lines are read where the
	// source has no queue id field.
	Programs list `env:"PROGRAMS" envDefault:"postfix*,amavis*,rspamd*,rmilter*,opendkim*,opendmarc*,openarc*,dkim*,smf-spf,spf-milter,pyspf-milter,policyd-spf,sid-*,milter-*,postgrey,sqlgrey,authentication_milter,spamass-milter,clamav-milter,clmilter,mimedefang*,MailScanner*,mailfromd,zeyple,gpg-mailgate,sympa" want:"program names, * allowed, comma separated"`
	// LocalDomains are ours, for the direction of a message: in lower case, each
	// standing for its sub-domains too.
	LocalDomains list `env:"LOCAL_DOMAINS" want:"domains, comma separated"`
	// HostMap maps a server's earlier name to its present one.
	HostMap hostMap `env:"HOST_MAP" want:"pairs such as mx-old=mx1, comma separated"`

	// Schedule is a cron line of five fields, or @every and the like; Timezone is the zone it is read in.
	Schedule string   `env:"SCHEDULE" envDefault:"*/5 * * * *"`
	Timezone timeZone `env:"TIMEZONE" envDefault:"UTC" want:"a time zone such as UTC or Europe/Berlin"`
	// MaxRuntime is a soft deadline of one pass; 0 is none.
	MaxRuntime time.Duration `env:"MAX_RUNTIME" envDefault:"0" want:"a duration such as 10m, or 0 for none"`
	// Shards is how many parts the pods of an Indexed Job do of a backfill; 0 is a range that is not divided.
	Shards int `env:"SHARDS" envDefault:"0" want:"a whole number from 1 to 256, or 0 for a range that is not divided"`
	// MaxRequestsPerSecond bounds the requests that begin in a second; 0 is no bound.
	MaxRequestsPerSecond float64 `env:"MAX_REQUESTS_PER_SECOND" envDefault:"0" want:"a number such as 20 or 0.5, not below 0.01, or 0 for none"`
	// MaxConcurrency bounds the requests that are under way at once.
	MaxConcurrency int `env:"MAX_CONCURRENCY" envDefault:"2" want:"a whole number from 1 to 64"`

	LogLevel  string `env:"LOG_LEVEL" envDefault:"info"`
	LogFormat string `env:"LOG_FORMAT" envDefault:"auto"`

	// secretFiles are where the secrets came from, by their keys ("ES_PASSWORD"): they
	// are read again when Elasticsearch refuses what they held.
	secretFiles map[string]secretFile
}

// The settings that go together, for the commands to pick from.
var (
	connectionSettings = []string{"ES_URL", "ES_API_KEY", "ES_USERNAME", "ES_PASSWORD", "ES_CLOUD_ID", "ES_CA", "ES_CA_FINGERPRINT", "ES_CLIENT_CERT", "ES_CLIENT_KEY", "RETRY_BUDGET", "MAX_REQUESTS_PER_SECOND", "MAX_CONCURRENCY"}
	sourceSettings     = []string{"SOURCE", "FIELDS", "PROGRAMS", "HORIZON", "OVERLAP", "HOST_MAP", "LOCAL_DOMAINS"}
	writeSettings      = []string{"TARGET", "STATE"}
	logSettings        = []string{"LOG_LEVEL", "LOG_FORMAT"}
)

// setting is one field of Config as its tags describe it.
type setting struct {
	key          string // "ES_URL"
	field        string // "Addresses"
	defaultValue string
	want         string
	secret       bool // has a _FILE twin and is never repeated
	sensitive    bool // may hold a secret, and is never repeated either
	isList       bool
}

func (s setting) variable() string { return envPrefix + s.key }
func (s setting) flagName() string { return strings.ReplaceAll(strings.ToLower(s.key), "_", "-") }

// allSettings lists Config's fields in their order.
func allSettings() []setting {
	t := reflect.TypeFor[Config]()
	all := make([]setting, 0, t.NumField())
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() {
			continue
		}
		all = append(all, setting{
			key:          f.Tag.Get("env"),
			field:        f.Name,
			defaultValue: f.Tag.Get("envDefault"),
			want:         f.Tag.Get("want"),
			secret:       f.Tag.Get("secret") == "true",
			sensitive:    f.Tag.Get("secret") != "",
			isList:       f.Type == reflect.TypeFor[list]() || f.Type == reflect.TypeFor[hostMap](),
		})
	}
	return all
}

// settingsFor picks the settings with the given keys, in Config's order.
func settingsFor(keys []string) []setting {
	return slices.DeleteFunc(allSettings(), func(s setting) bool { return !slices.Contains(keys, s.key) })
}

// declare gives every setting its flag. A list's flag may be repeated.
func (f *flagSet) declare(settings []setting) {
	for _, s := range settings {
		f.add(flagInfo{name: s.flagName(), meta: metaOf(s.key), usage: helpOf(s.key), choices: choicesOf(s.key), setting: s.key},
			func(value string) error {
				if before, given := f.settings[s.key]; given && s.isList {
					value = before + "," + value
				}
				f.settings[s.key] = value
				return nil
			})
		if s.secret {
			f.add(flagInfo{name: s.flagName() + "-file", meta: "FILE", usage: "file that holds the value of --" + s.flagName(), setting: s.key},
				func(value string) error {
					f.settings[s.key+"_FILE"] = value
					return nil
				})
		}
	}
}

// origin tells where a setting's value came from, in the words of an error.
type origin map[string]string

func (o origin) of(s setting) string {
	if from := o[s.key]; from != "" {
		return from
	}
	return s.variable()
}

// given tells whether the value is somebody's choice and not the default.
func (o origin) given(key string) bool { return o[key] != "" }

// loadConfig reads the settings with the given keys: a flag comes before the
// environment, the environment before the default. Settings that a command
// does not read keep their defaults and are not looked at: "merge" works beside
// a wrong POSTWEAVE_ES_URL. All mistakes are reported at once.
func loadConfig(settings []setting, flags map[string]string, environ []string) (Config, error) {
	variables := env.ToMap(environ)
	values, from, files, problems := collect(settings, flags, variables)

	cfg := Config{secretFiles: files}
	err := env.ParseWithOptions(&cfg, env.Options{
		Environment: values,
		Prefix:      envPrefix,
		FuncMap: map[reflect.Type]env.ParserFunc{
			reflect.TypeFor[time.Duration](): func(s string) (any, error) { return parseDuration(s) },
		},
	})
	problems = append(problems, parseProblems(err, settings, values, from)...)
	problems = append(problems, cfg.check(settings, from)...)
	for i, domain := range cfg.LocalDomains {
		cfg.LocalDomains[i] = strings.ToLower(domain)
	}
	if cfg.CloudID != "" {
		cfg.Addresses = nil // the default address; one that was given beside it is a problem above
	}
	return cfg, errors.Join(problems...)
}

// collect makes one environment of flags and variables, with secrets read from
// their files.
func collect(settings []setting, flags, variables map[string]string) (values map[string]string, from origin, files map[string]secretFile, problems []error) {
	values, from, files = map[string]string{}, origin{}, map[string]secretFile{}
	for _, s := range settings {
		layers := []struct {
			values    map[string]string
			key, name string
		}{
			{flags, s.key, "--" + s.flagName()},
			{variables, s.variable(), s.variable()},
		}
		for _, layer := range layers {
			twin, twinName := layer.key+"_FILE", twinOf(layer.name)
			value, direct := layer.values[layer.key]
			file, byFile := layer.values[twin]
			byFile = byFile && s.secret && file != ""
			// An empty flag takes an environment value back; an empty variable is no value.
			direct = direct && (value != "" || layer.name != s.variable())
			if !direct && !byFile {
				continue
			}
			switch {
			case direct && byFile && value != "":
				problems = append(problems, fmt.Errorf("%s and %s are both set, give one of them", layer.name, twinName))
			case byFile:
				secret, err := readSecret(file)
				if err != nil {
					problems = append(problems, fmt.Errorf("%s: %w", twinName, err))
				}
				values[s.variable()], from[s.key] = secret, twinName
				if rereadable(file) {
					files[s.key] = secretFile{twinName, file}
				}
			case value != "":
				values[s.variable()], from[s.key] = value, layer.name
			}
			break
		}
	}
	return values, from, files, problems
}

// twinOf is the name of a secret's file setting, as flag or as variable.
func twinOf(name string) string {
	if strings.HasPrefix(name, "--") {
		return name + "-file"
	}
	return name + "_FILE"
}

// parseProblems turns the library's errors, which name struct fields, into
// ones that name the flag or the variable and say what is valid.
func parseProblems(err error, settings []setting, values map[string]string, from origin) []error {
	if err == nil {
		return nil
	}
	var aggregate env.AggregateError
	if !errors.As(err, &aggregate) {
		return []error{err}
	}
	problems := make([]error, 0, len(aggregate.Errors))
	for _, e := range aggregate.Errors {
		var parse env.ParseError
		if !errors.As(e, &parse) {
			problems = append(problems, e)
			continue
		}
		i := slices.IndexFunc(settings, func(s setting) bool { return s.field == parse.Name })
		if i < 0 { // a default that does not parse: a test makes sure there is none
			problems = append(problems, e)
			continue
		}
		s := settings[i]
		problems = append(problems, notValid(s, from, values[s.variable()], s.want))
	}
	return problems
}

// notValid is the error of a value that is wrong; a secret is not repeated.
func notValid(s setting, from origin, value, want string) error {
	if s.sensitive {
		return fmt.Errorf("%s: the value is not valid, want %s", from.of(s), want)
	}
	return fmt.Errorf("%s: %q is not valid, want %s", from.of(s), value, want)
}

// serviceLink matches what Kubernetes puts into every container's environment
// for a Service whose name begins with postweave.
var serviceLink = regexp.MustCompile(`_(SERVICE_HOST|SERVICE_PORT(_.*)?|PORT|PORT_[0-9]+_(TCP|UDP|SCTP)(_.*)?)$`)

// unknownVariables finds names that begin with POSTWEAVE_ and are no setting:
// most likely a typing mistake, whose value is silently missing otherwise.
// POSTWEAVE_TEST_ belongs to the tests.
func unknownVariables(environ []string) []string {
	known := map[string]bool{}
	for _, s := range allSettings() {
		known[s.variable()] = true
		if s.secret {
			known[s.variable()+"_FILE"] = true
		}
	}
	names := slices.Collect(maps.Keys(known))
	slices.Sort(names)
	var unknown []string
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, envPrefix) || strings.HasPrefix(name, envPrefix+"TEST_") ||
			known[name] || serviceLink.MatchString(name) {
			continue
		}
		unknown = append(unknown, name+" has no effect, there is no such setting"+didYouMean(name, "", names))
	}
	slices.Sort(unknown)
	return unknown
}
