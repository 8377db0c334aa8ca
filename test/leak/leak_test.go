package leak

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func known() *Known {
	k := &Known{}
	k.AddSecret("correct-horse")
	k.AddLine(`Nov 21 10:00:00 mx1 postfix/cleanup[77]: 1A2B: info: header Subject: Offer "of" the week from web.corp.test[192.0.2.11]; from=<> to=<b@x.test> proto=ESMTP helo=<desk.corp.test>`)
	k.AddLine(`Nov 21 10:00:00 mx1 postfix/cleanup[77]: 1A2C: info: header Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe_von_der_See?= from web.corp.test[192.0.2.11]; from=<> to=<b@x.test>`)
	k.AddLine(`Nov 21 10:00:00 mx1 postfix/smtpd[77]: 1A2B: client=unknown[2001:db8::77], sasl_method=PLAIN, sasl_username=accounting`)
	k.AddDocument([]byte(`{"message":"Nov 21 10:00:00 mx1 postfix/smtp[77]: 1A2B: to=<b@x.test>, relay=far.ok.test[198.51.100.1]:25, dsn=2.0.0","tags":["x"]}`))
	return k
}

// Each of these lines tells something that it must not.
func TestIn(t *testing.T) {
	for _, c := range []struct{ what, line string }{
		{"an address", `cannot write the document of alice@corp.test`},
		{"an address", `{"level":"warn","msg":"from=<o'neil+x@a.example>"}`},
		{"an address", `GET /mail/_search?q=sender:alice%40corp.test: 400`},
		{"an address", `message 20261121.1A2B@mx1 is not understood`},
		{"an address", `{"msg":"alice\u0040corp.test"}`},
		{"an address", `https://elastic:hunter2@es1.example:9200: connection refused`},
		{"a secret", `{"level":"warn","password":"correct-horse"}`},
		{"a secret", `xcorrect-horsey`},
		{"a subject", `cannot write "Offer \"of\" the week" OR Offer "of" the week`},
		{"a subject", `{"msg":"Offer \"of\" the week"}`},
		{"a subject", `=?utf-8?q?Gr=C3=BC=C3=9Fe_von_der_See?=`},
		{"a subject", `not sent: Grüße von der See`},
		{"a name of a client or relay", `connection of web.corp.test refused`},
		{"a name of a client or relay", `relay far.ok.test`},
		{"an address of a client or relay", `192.0.2.11 is not in the source`},
		{"an address of a client or relay", `[2001:db8::77]:25`},
		{"a helo", `desk.corp.test`},
		{"a login", `accounting is not a user`},
		{"Elasticsearch's own words", `400 document_parsing_exception: [1:20] failed to parse field [size] of type [long]`},
		{"Elasticsearch's own words", `Preview of field's value: 'x'`},
		{"Elasticsearch's own words", `action [indices:data/write/bulk] is unauthorized for user [u]`},
		{"Elasticsearch's own words", `{"error":{"root_cause":[]}}`},
	} {
		found := false
		for _, f := range known().In("all is well\n" + c.line + "\nall is well\n") {
			found = found || f.What == c.what && f.Line == c.line
		}
		if !found {
			t.Errorf("%s is not found in %s", c.what, c.line)
		}
	}
}

// And these must not be taken for a leak.
func TestInOrder(t *testing.T) {
	for _, line := range []string{
		`{"level":"warn","ts":"2026-11-21T10:00:00.000Z","msg":"trying again","request":"POST /it-1-messages/_bulk","status":429,"type":"es_rejected_execution_exception"}`,
		`http://127.0.0.1:9200: connection refused; check that Elasticsearch is up and that POSTWEAVE_ES_URL is right`,
		`https://elastic:xxxxx@es1.example:9200: connection refused`,
		`queue id 1A2B3C4D5E6 of mx1, 6 lines, 3 documents`,
		`a field "@timestamp" is missing in logs-2026.11.21`,
		`{"slices":1,"lines":6,"documents":1,"guarantee":"arrival","notes":[]}`,
		`localhost[127.0.0.1]`,
		`schedule "@every 2s"`,
		`the correct horse`,
		``,
	} {
		if found := known().In(line); found != nil {
			t.Errorf("found in %s: %+v", line, found)
		}
	}
}

// What there is no room for is counted, and what was there is still found.
func TestRoom(t *testing.T) {
	k := known()
	for i := range most {
		k.Add("a subject", "subject "+strings.Repeat("x", i%100)+string(rune('A'+i%26))+strings.Repeat("y", i/100))
	}
	if k.LeftOut() == 0 || len(k.In("correct-horse")) != 1 {
		t.Errorf("%d are left out", k.LeftOut())
	}
}

// Whichever way a call is given a secret, its outputs may not hold it; and only
// results may hold mail data.
func TestInCall(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte("the-key-of-a-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args           []string
		env            string
		stdout, stderr string
		want           string
	}{
		{[]string{"run"}, "POSTWEAVE_ES_PASSWORD=correct-horse", "", "correct-horse", "a secret"},
		{[]string{"run"}, "POSTWEAVE_ES_PASSWORD=hunter2", "", "user:hunter2", "a secret"},
		{[]string{"run"}, "POSTWEAVE_ES_PASSWORD=secret", "", "cannot read the secret", ""}, // a word, for which one cannot look
		{[]string{"run"}, "POSTWEAVE_ES_API_KEY=a1b2c3d4e5", "", "a1b2c3d4e5", "a secret"},
		{[]string{"run"}, "POSTWEAVE_ES_PASSWORD_FILE=" + file, "", "the-key-of-a-file", "a secret"},
		{[]string{"run"}, "POSTWEAVE_ES_URL=http://127.0.0.1:1,http://u:correct-horse@127.0.0.1:2", "", "correct-horse", "a secret"},
		{[]string{"run"}, "POSTWEAVE_ES_URL=http://u:correct-horse@127.0.0.1:2", "", "Authorization: Basic dTpjb3JyZWN0LWhvcnNl", "a secret"},
		{[]string{"run", "--es-api-key", "a1b2c3d4e5"}, "", "a1b2c3d4e5", "", "a secret"},
		{[]string{"run", "--es-password=correct-horse"}, "", "correct-horse", "", "a secret"},
		{[]string{"trace", "--es-password=correct-horse"}, "", "", "sent: correct-horse", "a secret"},
		{[]string{"trace", "--es-password", "correct-horse"}, "", "", "sent: correct-horse", "a secret"},
		{[]string{"run"}, "", "alice@corp.test", "", "an address"},
		{[]string{"run"}, "", "", "alice@corp.test", "an address"},
		{[]string{"merge"}, "", "alice@corp.test", "", ""},
		{[]string{"merge"}, "", "", "alice@corp.test", "an address"},
		{[]string{"trace", "--from", "alice@corp.test"}, "", "", "nothing from alice@corp.test", ""},
		{[]string{"trace", "--from", "alice@corp.test"}, "", "", "nothing to bob@corp.test", "an address"},
		{[]string{"setup", "--print", "template"}, "", "a@b.example", "", ""},
	} {
		cmd := &exec.Cmd{Args: append([]string{"postweave"}, c.args...), Env: []string{c.env}}
		var got string
		for _, f := range new(Known).InCall(cmd, c.stdout, c.stderr) {
			got = f.What
		}
		if got != c.want {
			t.Errorf("%v, %s: %q is found in %q, %q; want %q", c.args, c.env, got, c.stdout, c.stderr, c.want)
		}
	}
}
