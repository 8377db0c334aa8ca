package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// load reads every setting, from flags as a command line and variables without prefix.
func load(t *testing.T, args []string, environ ...string) (Config, error) {
	t.Helper()
	settings := allSettings()
	f := newFlagSet("test")
	f.declare(settings)
	if rest, err := f.parse(args); err != nil || len(rest) > 0 || len(f.problems) > 0 {
		t.Fatalf("flags: %v %v %v", rest, err, f.problems)
	}
	for i := range environ {
		environ[i] = envPrefix + environ[i]
	}
	return loadConfig(settings, f.settings, environ)
}

func TestDefaults(t *testing.T) {
	cfg, err := load(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Horizon != 144*time.Hour || cfg.Target != "postfix-messages" || cfg.MaxConcurrency != 2 ||
		cfg.RetryBudget != 30*time.Second || cfg.Timezone.Location() != time.UTC || !slices.Equal(cfg.Source, []string{"syslog-*"}) {
		t.Errorf("defaults: %+v", cfg)
	}
}

func TestPrecedence(t *testing.T) {
	for name, c := range map[string]struct {
		args    []string
		environ []string
		want    string
	}{
		"default":                               {nil, nil, "postfix-messages"},
		"environment":                           {nil, []string{"TARGET=from-env"}, "from-env"},
		"flag":                                  {[]string{"--target", "from-flag"}, []string{"TARGET=from-env"}, "from-flag"},
		"empty variable is none":                {nil, []string{"TARGET="}, "postfix-messages"},
		"empty flag takes the environment back": {[]string{"--target="}, []string{"TARGET=from-env"}, "postfix-messages"},
		"the last flag holds":                   {[]string{"--target=a", "-target=b"}, nil, "b"},
	} {
		cfg, err := load(t, c.args, c.environ...)
		if err != nil || cfg.Target != c.want {
			t.Errorf("%s: %q, %v, want %q", name, cfg.Target, err, c.want)
		}
	}
}

func TestValues(t *testing.T) {
	cfg, err := load(t,
		[]string{"--source", "a-*, b-*", "--source", "Remote:c-*", "--horizon", "6d", "--max-requests-per-second", "0.5"},
		"MAX_RUNTIME=1d12h", "HOST_MAP=old=new, mx-a = mx-b", "TIMEZONE=Europe/Berlin", "LOCAL_DOMAINS=Example.COM,example.org", "ES_CLOUD_ID=x:eA==")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(list{"a-*", "b-*", "Remote:c-*"}, cfg.Source); diff != "" {
		t.Error("source", diff)
	}
	if diff := cmp.Diff(hostMap{"old": "new", "mx-a": "mx-b"}, cfg.HostMap); diff != "" {
		t.Error("host map", diff)
	}
	if cfg.Horizon != 144*time.Hour || cfg.MaxRuntime != 36*time.Hour || cfg.MaxRequestsPerSecond != 0.5 ||
		cfg.Timezone.Location().String() != "Europe/Berlin" || !slices.Equal(cfg.LocalDomains, []string{"example.com", "example.org"}) {
		t.Errorf("%+v", cfg)
	}
	if cfg.Addresses != nil {
		t.Errorf("the default address %v stands beside a cloud id", cfg.Addresses)
	}
}

func TestSecretFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, []byte("s3cret \r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args    []string
		environ []string
		want    string
	}{
		"variable":                {nil, []string{"ES_API_KEY_FILE=" + path}, "s3cret "},
		"flag":                    {[]string{"--es-api-key-file", path}, nil, "s3cret "},
		"flag before file":        {[]string{"--es-api-key", "k"}, []string{"ES_API_KEY_FILE=" + path}, "k"},
		"file flag before direct": {[]string{"--es-api-key-file", path}, []string{"ES_API_KEY=k"}, "s3cret "},
	} {
		cfg, err := load(t, c.args, c.environ...)
		if err != nil || cfg.APIKey != c.want {
			t.Errorf("%s: %q, %v", name, cfg.APIKey, err)
		}
	}
}

func TestBadValues(t *testing.T) {
	for variable, want := range map[string]string{
		"HORIZON=6 days":                           `"6 days" is not valid, want a duration`,
		"HORIZON=-6d":                              "not valid",
		"HORIZON=1s":                               "a minute or more",
		"HORIZON=99999999999d":                     "not valid",
		"MAX_RUNTIME=-1h":                          "not valid",
		"MAX_CONCURRENCY=0":                        "from 1 to 64",
		"MAX_CONCURRENCY=65":                       "from 1 to 64",
		"MAX_REQUESTS_PER_SECOND=NaN":              "want a number",
		"MAX_REQUESTS_PER_SECOND=-1":               "want a number",
		"MAX_REQUESTS_PER_SECOND=0.001":            "not below 0.01",
		"SOURCE=*,-secret":                         `"-secret" is no index pattern: it begins with -`,
		"SOURCE=<x-{now/d}>":                       "no index pattern",
		"SOURCE=Syslog-*":                          "capital letters",
		"SOURCE=a:b:c":                             "cluster:pattern",
		"SOURCE=*":                                 `matches "postfix-messages", which postweave itself writes`,
		"SOURCE=,":                                 "want index patterns",
		"TARGET=postfix-*":                         "no name for an alias",
		"TARGET=postweave":                         "lies within the target's pattern",
		"STATE=postfix-messages-state":             "lies within the target's pattern",
		"FIELDS=logstsh":                           "did you mean logstash?",
		"FIELDS=./none.yml":                        "cannot read the field profile",
		"TIMEZONE=../etc":                          "want a time zone",
		"HOST_MAP=a":                               "want pairs",
		"HOST_MAP=a=b,b=c":                         "want pairs",
		"HOST_MAP=a=b,a=c":                         "want pairs",
		"LOCAL_DOMAINS=me@example.com":             "want domains",
		"ES_URL=localhost:9200":                    "http:// or https:// in front",
		"ES_URL=http://":                           "the host is missing",
		"ES_URL=http://a:9200/?x=1":                "has no ? or #",
		"ES_CA_FINGERPRINT=abc":                    "64 hexadecimal digits",
		"LOG_FORMAT=xml":                           "auto, text or json",
		"LOG_LEVEL=fatal":                          "debug, info, warn or error",
		"RETRY_BUDGET=" + strings.Repeat("9", 400): "not valid",
	} {
		_, err := load(t, nil, variable)
		name, _, _ := strings.Cut(variable, "=")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want … %s", variable, err, want)
		} else if !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v does not name the setting", variable, err)
		}
	}
}

func TestAllMistakesAtOnce(t *testing.T) {
	_, err := load(t, []string{"--log-level", "loud"}, "HORIZON=x", "TIMEZONE=x", "ES_API_KEY=a", "ES_USERNAME=b")
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"--log-level", "POSTWEAVE_HORIZON", "POSTWEAVE_TIMEZONE", "several ways", "belong together"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v lacks %s", err, want)
		}
	}
}

func TestUnknownVariables(t *testing.T) {
	got := unknownVariables([]string{
		"HOME=/", "POSTWEAVE_ES_URL=x", "POSTWEAVE_ES_PASSWORD_FILE=x", "POSTWEAVE_TEST_ES_URL=x",
		"POSTWEAVE_SERVICE_HOST=x", "POSTWEAVE_SERVICE_PORT_METRICS=1", "POSTWEAVE_PORT=tcp://x", "POSTWEAVE_METRICS_PORT_9108_TCP_PROTO=tcp",
		"POSTWEAVE_ES_USERNAME_FILE=x", "POSTWEAVE_LOGLEVEL=x",
	})
	want := []string{
		"POSTWEAVE_ES_USERNAME_FILE has no effect, there is no such setting, did you mean POSTWEAVE_ES_USERNAME?",
		"POSTWEAVE_LOGLEVEL has no effect, there is no such setting, did you mean POSTWEAVE_LOG_LEVEL?",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
