package mappings

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// field is one entry of a mapping's properties.
type field struct {
	Type       string           `json:"type"`
	Path       string           `json:"path"`
	Normalizer string           `json:"normalizer"`
	Analyzer   string           `json:"analyzer"`
	Ignore     int              `json:"ignore_above"`
	Enabled    *bool            `json:"enabled"`
	InRoot     bool             `json:"include_in_root"`
	Properties map[string]field `json:"properties"`
	Fields     map[string]field `json:"fields"`
}

type meta struct {
	Product string `json:"product"`
	Schema  int    `json:"schema"`
}

type body struct {
	Meta     meta            `json:"_meta"`
	Dynamic  json.RawMessage `json:"dynamic"`
	Settings struct {
		Index map[string]any `json:"index"`
	} `json:"settings"`
	Properties map[string]field `json:"properties"`
}

type templateFile struct {
	Patterns []string `json:"index_patterns"`
	Version  int      `json:"version"`
	Meta     meta     `json:"_meta"`
	Template struct {
		Mappings body `json:"mappings"`
	} `json:"template"`
}

func parseTemplate(t *testing.T, raw []byte) templateFile {
	t.Helper()
	var f templateFile
	if err := json.Unmarshal(raw, &f); err != nil {
		t.Fatal(err)
	}
	return f
}

// flatten lists every field by its full name, multi-fields included.
func flatten(prefix string, properties map[string]field, into map[string]field) {
	for name, f := range properties {
		into[prefix+name] = f
		flatten(prefix+name+".", f.Properties, into)
		flatten(prefix+name+".", f.Fields, into)
	}
}

func messageFields(t *testing.T) map[string]field {
	fields := map[string]field{}
	flatten("", parseTemplate(t, template).Template.Mappings.Properties, fields)
	return fields
}

// The fields a message document has, with their types. A lower-cased keyword
// is written "lower", an object that is only stored "stored".
var documentFields = map[string]string{
	"kind": "keyword", "@timestamp": "date", "first_seen": "date", "last_seen": "date", "duration": "double",
	"host.name": "keyword", "instance": "keyword", "queue_id": "keyword", "origin": "keyword", "direction": "keyword",
	"from": "lower", "from_domain": "lower", "to": "lower", "to_domain": "lower",
	"subject": "text", "subject.keyword": "keyword", "subjects": "text", "subjects.keyword": "keyword", "search": "text",
	"message_id": "keyword", "size": "long", "nrcpt": "long",
	"client.hostname": "keyword", "client.ip": "ip", "client.port": "long", "client.helo": "keyword", "client.proto": "keyword",
	"sasl.method": "keyword", "sasl.username": "keyword", "sasl.sender": "keyword",
	"tls.version": "keyword", "tls.cipher": "keyword", "tls.trust": "keyword",
	"uid": "long", "status": "keyword", "complete": "boolean", "open": "boolean", "lines": "long",
	"recipients": "nested", "recipients.to": "lower", "recipients.orig_to": "lower", "recipients.domain": "lower",
	"recipients.status": "keyword", "recipients.dsn": "keyword", "recipients.response": "keyword", "recipients.transport": "keyword",
	"recipients.relay.hostname": "keyword", "recipients.relay.ip": "ip", "recipients.relay.port": "long", "recipients.relay.name": "keyword",
	"recipients.remote_queue_id": "keyword", "recipients.tls": "keyword",
	"recipients.attempts": "long", "recipients.first_attempt": "date", "recipients.last_attempt": "date", "recipients.delay": "double",
	"recipients.delays.before_qmgr": "double", "recipients.delays.in_qmgr": "double",
	"recipients.delays.conn_setup": "double", "recipients.delays.transmission": "double", "recipients.history": "stored",
	"counts.sent": "long", "counts.deferred": "long", "counts.bounced": "long", "counts.expired": "long", "counts.rejected": "long",
	"counts.discarded": "long", "counts.deleted": "long", "counts.held": "long", "counts.queued": "long", "counts.total": "long",
	"checks.program": "keyword", "checks.action": "keyword", "checks.stage": "keyword",
	"checks.text": "keyword", "checks.code": "keyword", "checks.dsn": "keyword",
	"session.checks.program": "keyword", "session.checks.action": "keyword", "session.checks.stage": "keyword",
	"session.checks.text": "keyword", "session.checks.code": "keyword", "session.checks.dsn": "keyword", "session.checks.score": "double",
	"session.checks.time": "date", "session.relays_tried.time": "date",
	"session.delivery_tls.time": "date", "session.delivery_tls.hostname": "keyword", "session.delivery_tls.ip": "ip",
	"session.delivery_tls.port": "long", "session.delivery_tls.name": "keyword", "session.delivery_tls.version": "keyword",
	"session.delivery_tls.cipher": "keyword", "session.delivery_tls.trust": "keyword",
	"session.relays_tried.hostname": "keyword", "session.relays_tried.ip": "ip", "session.relays_tried.port": "long",
	"session.relays_tried.name": "keyword", "session.relays_tried.text": "keyword",
	"session.disconnect": "flattened",
	"links.rel":          "keyword", "links.queue_id": "keyword", "links.host": "keyword",
	"warnings": "keyword", "unparsed": "long", "log": "stored", "log_parts": "long", "schema": "long",
}

var ecsAliases = map[string]string{
	"source.ip": "client.ip", "source.domain": "client.hostname", "user.name": "sasl.username",
	"email.local_id": "queue_id", "email.message_id": "message_id", "email.subject": "subject.keyword",
	"email.sender.address": "from", "email.to.address": "to",
	"event.start": "first_seen", "event.end": "last_seen",
}

func TestTemplateHasEveryField(t *testing.T) {
	got := map[string]string{}
	aliases := map[string]string{}
	for name, f := range messageFields(t) {
		switch {
		case f.Type == "alias":
			aliases[name] = f.Path
		case f.Enabled != nil && !*f.Enabled:
			got[name] = "stored"
		case f.Type == "keyword" && f.Normalizer == "lowercase":
			got[name] = "lower"
		case f.Type != "":
			got[name] = f.Type
		case f.Properties == nil:
			t.Errorf("%s is neither a field nor an object", name)
		}
	}
	if diff := cmp.Diff(documentFields, got); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(ecsAliases, aliases); diff != "" {
		t.Errorf("ECS aliases (-want +got):\n%s", diff)
	}
}

func TestAliasesPointToRootFields(t *testing.T) {
	fields := messageFields(t)
	for name, path := range ecsAliases {
		target, ok := fields[path]
		if !ok || target.Type == "alias" || strings.HasPrefix(path, "recipients.") {
			t.Errorf("%s points to %s, which is no root field", name, path)
		}
	}
}

func TestOnlyCoreTypesAndBuiltInAnalysis(t *testing.T) {
	core := []string{"keyword", "text", "date", "long", "double", "boolean", "ip", "nested", "object", "alias", "flattened", ""}
	for name, f := range messageFields(t) {
		if !slices.Contains(core, f.Type) {
			t.Errorf("%s has type %q, which is not in Elasticsearch's core", name, f.Type)
		}
		if f.Normalizer != "" && f.Normalizer != "lowercase" || f.Analyzer != "" && f.Analyzer != "standard" {
			t.Errorf("%s needs normalizer %q, analyzer %q", name, f.Normalizer, f.Analyzer)
		}
		// Four bytes a character is the most UTF-8 has.
		if (f.Type == "keyword" || f.Type == "flattened") && (f.Ignore == 0 || f.Ignore*4 > 32766) {
			t.Errorf("%s: ignore_above %d lets a term through that rejects its document", name, f.Ignore)
		}
	}
}

func TestTemplateIsStrict(t *testing.T) {
	m := parseTemplate(t, template).Template.Mappings
	if string(m.Dynamic) != `"strict"` {
		t.Errorf("dynamic is %s", m.Dynamic)
	}
	if !m.Properties["recipients"].InRoot {
		t.Error("recipients are not included in the root")
	}
}

func TestSchemaIsTheSameEverywhere(t *testing.T) {
	want := meta{Product: Product, Schema: Schema}
	f := parseTemplate(t, template)
	var s struct {
		Mappings body `json:"mappings"`
	}
	if err := json.Unmarshal(State(), &s); err != nil {
		t.Fatal(err)
	}
	for where, got := range map[string]meta{"template": f.Meta, "mapping": f.Template.Mappings.Meta, "state": s.Mappings.Meta} {
		if got != want {
			t.Errorf("_meta of the %s is %+v, want %+v", where, got, want)
		}
	}
	if f.Version != Schema {
		t.Errorf("version of the template is %d, want %d", f.Version, Schema)
	}
}

func TestTemplateForTarget(t *testing.T) {
	raw, err := Template("mail")
	if err != nil {
		t.Fatal(err)
	}
	got := parseTemplate(t, raw)
	want := parseTemplate(t, template)
	if !slices.Equal(got.Patterns, Patterns("mail")) {
		t.Errorf("patterns %q", got.Patterns)
	}
	got.Patterns = want.Patterns
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("something else than the patterns changed:\n%s", diff)
	}
	if _, err := Template("Mail*"); err == nil {
		t.Error("Template accepted a wildcard")
	}
}

// The file can be put by hand, so its patterns must be those of the default.
func TestFileIsTheDefaultTemplate(t *testing.T) {
	raw, err := os.ReadFile("postfix-messages.template.json")
	if err != nil {
		t.Fatal(err)
	}
	if got := parseTemplate(t, raw).Patterns; !slices.Equal(got, Patterns("postfix-messages")) {
		t.Errorf("patterns %q", got)
	}
}

func TestStateIsACopy(t *testing.T) {
	State()[0] = 'x'
	if State()[0] != '{' {
		t.Error("a caller can change the embedded state")
	}
}

func TestMatches(t *testing.T) {
	const target = "postfix-messages"
	for index, want := range map[string]bool{
		FirstIndex(target):           true,
		"postfix-messages-2026.11":   true,
		"postfix-messages":           false,
		"postfix-messages-":          false,
		"postfix-messages-log":       false,
		"postfix-messages-eu-000001": false,
		"postweave-state":            false,
	} {
		if got := Matches(target, index); got != want {
			t.Errorf("Matches(%q) = %v", index, got)
		}
	}
}

func TestValidName(t *testing.T) {
	for _, name := range []string{"a", "postfix-messages", "postweave-state", ".hidden", "2026", "mail_1+x", "größe", strings.Repeat("a", 200)} {
		if err := ValidName(name); err != nil {
			t.Errorf("ValidName(%q) = %v", name, err)
		}
	}
	for _, name := range []string{
		"", ".", "..", "-a", "_all", "+a", "Mail", "Ä", "a b", "a\tb", "a\x00", "a\xff",
		`a\b`, "a/b", "a*", "a?", `a"`, "<a", "a>", "a|b", "a,b", "a#b", "remote:a", strings.Repeat("a", 201),
	} {
		if err := ValidName(name); err == nil {
			t.Errorf("ValidName(%q) = nil", name)
		}
	}
}
