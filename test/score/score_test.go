package score

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// One message to two recipients, the second through an alias and at the second
// try, and one refused without a queue id.
const (
	logLines = `Nov 22 10:00:00 mx1 postfix/smtpd[10]: 3A9C96093D: client=web1.corp.test[192.0.2.11], sasl_method=PLAIN, sasl_username=user1
Nov 22 10:00:00 mx1 postfix/cleanup[11]: 3A9C96093D: message-id=<1@corp.test>
Nov 22 10:00:00 mx1 postfix/cleanup[11]: 3A9C96093D: info: header Subject: =?UTF-8?Q?Gr=C3=BC=C3=9Fe?= from web1.corp.test[192.0.2.11]; from=<a@corp.test> to=<Bob@ok.test> proto=ESMTP helo=<web1>
Nov 22 10:00:01 mx1 postfix/qmgr[12]: 3A9C96093D: from=<a@corp.test>, size=500, nrcpt=2 (queue active)
Nov 22 10:00:02 mx1 postfix/smtp[13]: 3A9C96093D: to=<Bob@ok.test>, relay=far.test[198.51.100.1]:2601, delay=2, delays=1/0/0.5/0.5, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as ABC)
Nov 22 10:00:02 mx1 postfix/smtp[14]: 3A9C96093D: to=<carol@grey.test>, orig_to=<team@corp.test>, relay=far.test[198.51.100.1]:2601, delay=2.1, delays=1/0/0.5/0.6, dsn=4.2.0, status=deferred (host far.test[198.51.100.1] said: 450 4.2.0 later)
Nov 22 10:05:02 mx1 postfix/smtp[15]: 3A9C96093D: to=<carol@grey.test>, orig_to=<team@corp.test>, relay=far.test[198.51.100.1]:2601, delay=302, delays=301/0/0.5/0.5, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as DEF)
Nov 22 10:05:02 mx1 postfix/qmgr[12]: 3A9C96093D: removed
Nov 22 10:06:00 mx1 postfix/smtpd[10]: NOQUEUE: reject: RCPT from bad.test[203.0.113.9]: 554 5.7.1 <x@ok.test>: Recipient address rejected: Access denied; from=<> to=<x@ok.test> proto=ESMTP helo=<bad>
`
	sentLines = `{"i": 1, "host": "mx1", "mark": null, "message_id": "<1@corp.test>", "rcpts": ["Bob@ok.test", "team@corp.test"], "subject": "=?UTF-8?Q?Gr=C3=BC=C3=9Fe?=", "client": ["web1.corp.test", "192.0.2.11"], "login": "user1", "replies": {"mail": 250, "Bob@ok.test": 250, "team@corp.test": 250}, "queue_id": "3A9C96093D"}
{"i": 2, "host": "mx1", "mark": null, "message_id": "<2@corp.test>", "rcpts": [], "subject": "", "client": null, "login": null, "replies": {}, "queue_id": null}
`
	arrivedLines = `{"message_id": "<1@corp.test>", "rcpt": "bob@ok.test"}
{"message_id": "<1@corp.test>", "rcpt": "carol@grey.test"}
`
	messageDoc = `{"kind":"message","host":{"name":"mx1"},"queue_id":"3A9C96093D","lines":8,"complete":true,
		"first_seen":"2026-11-22T10:00:00.000Z","last_seen":"2026-11-22T10:05:02.000Z",
		"from":"a@corp.test","to":["bob@ok.test","carol@grey.test"],"size":500,"nrcpt":2,"subject":"Grüße","message_id":"1@corp.test",
		"client":{"hostname":"web1.corp.test","ip":"192.0.2.11"},"sasl":{"username":"user1"},"status":"sent",
		"recipients":[
			{"to":"Bob@ok.test","status":"sent","dsn":"2.0.0","attempts":1,"delay":2,"relay":{"port":2601}},
			{"to":"carol@grey.test","orig_to":"team@corp.test","status":"sent","dsn":"2.0.0","attempts":2,"delay":302,"relay":{"port":2601}}]}`
	rejectDoc = `{"kind":"reject","host":{"name":"mx1"},"from":"<>","client":{"ip":"203.0.113.9"},
		"recipients":[{"to":"x@ok.test","status":"rejected","dsn":"5.7.1"}]}`
)

func smallCorpus(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"mail.log": logLines, "sent.ndjson": sentLines, "arrived.ndjson": arrivedLines} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// decode returns a fresh document that a test may change.
func decode(t *testing.T, text string) document {
	t.Helper()
	var d document
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func ndjson(t *testing.T, docs ...document) string {
	t.Helper()
	var b strings.Builder
	for _, d := range docs {
		line, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(line, '\n'))
	}
	return b.String()
}

// failing scores documents and returns the names of the checks that found something wrong.
func failing(t *testing.T, dir string, docs ...document) []string {
	t.Helper()
	result, err := Documents(dir, strings.NewReader(ndjson(t, docs...)))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range result.Checks {
		if c.Wrong > 0 {
			names = append(names, c.Name)
			if len(c.Samples) == 0 {
				t.Errorf("%s: wrong without a sample", c.Name)
			}
		}
	}
	slices.Sort(names)
	return names
}

func TestRightDocuments(t *testing.T) {
	dir := smallCorpus(t)
	message, reject := decode(t, messageDoc), decode(t, rejectDoc)
	if got := failing(t, dir, message, reject); len(got) > 0 {
		t.Errorf("wrong: %v", got)
	}
	if got := failing(t, dir, document{"_id": "1", "_source": map[string]any(message)}, reject); len(got) > 0 {
		t.Errorf("as hits of Elasticsearch, wrong: %v", got)
	}
	result, err := Documents(dir, strings.NewReader(ndjson(t, message, reject)))
	if err != nil {
		t.Fatal(err)
	}
	if wrong, total := result.Wrong(); wrong != 0 || total != 36 {
		t.Errorf("%d wrong of %d, want 0 of 36", wrong, total)
	}
}

func TestWrongDocuments(t *testing.T) {
	dir := smallCorpus(t)
	recipient := func(d document, n int) map[string]any {
		return d["recipients"].([]any)[n].(map[string]any)
	}
	for _, test := range []struct {
		name string
		edit func(message, reject document)
		want []string
	}{
		{"lines", func(m, _ document) { m["lines"] = 7.0 }, []string{"lines counted"}},
		{"complete", func(m, _ document) { delete(m, "complete") }, []string{"complete"}},
		{"times", func(m, _ document) { m["first_seen"], m["last_seen"] = m["last_seen"], m["first_seen"] }, []string{"first_seen", "last_seen"}},
		{"sender", func(m, _ document) { delete(m, "from") }, []string{"from"}},
		{"size", func(m, _ document) { m["size"] = "500" }, []string{"size"}},
		{"nrcpt", func(m, _ document) { m["nrcpt"] = 1.0 }, []string{"nrcpt"}},
		{"client", func(m, _ document) { delete(m, "client") }, []string{"client ip", "client.hostname", "client.ip"}},
		{"login", func(m, _ document) { m["sasl"] = map[string]any{"username": "user2"} }, []string{"sasl username", "sasl.username"}},
		{"subject", func(m, _ document) { m["subject"] = "Gruesse" }, []string{"subject"}},
		{"message id", func(m, _ document) { m["message_id"] = "2@corp.test" }, []string{"arrived = sent through the last relay", "message_id"}},
		{"last attempt", func(m, _ document) { recipient(m, 1)["delay"] = 2.1 }, []string{"recipient's last delay"}},
		{"attempts", func(m, _ document) { recipient(m, 1)["attempts"] = 1.0 }, []string{"recipient's attempts"}},
		{"dsn", func(m, _ document) { recipient(m, 1)["dsn"] = "4.2.0" }, []string{"recipient's dsn"}},
		{"status", func(m, _ document) { recipient(m, 0)["status"] = "bounced" }, []string{"arrived = sent through the last relay", "recipient's status"}},
		{"port", func(m, _ document) { delete(recipient(m, 0), "relay") }, []string{"arrived = sent through the last relay", "recipient's relay port"}},
		{"alias", func(m, _ document) { delete(recipient(m, 1), "orig_to") }, []string{"accepted recipient present", "recipient's attempts"}},
		{"to", func(m, _ document) { m["to"] = "bob@ok.test" }, []string{"to lists the recipients"}},
		{"invented recipient", func(m, _ document) {
			m["recipients"] = append(m["recipients"].([]any), map[string]any{"to": "eve@ok.test"})
		}, []string{"no recipient that no line names", "to lists the recipients"}},
		{"reject", func(_, r document) { recipient(r, 0)["dsn"] = "5.7.0" }, []string{"a document for each NOQUEUE reject"}},
		{"other id", func(m, _ document) { m["queue_id"] = "3A9C96093E" }, []string{"no document without a line", "one document a queue id", "submitted message found"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			message, reject := decode(t, messageDoc), decode(t, rejectDoc)
			test.edit(message, reject)
			if got := failing(t, dir, message, reject); !slices.Equal(got, test.want) {
				t.Errorf("wrong: %q, want %q", got, test.want)
			}
		})
	}
}

func TestMissingAndDoubledDocuments(t *testing.T) {
	dir := smallCorpus(t)
	message, reject := decode(t, messageDoc), decode(t, rejectDoc)
	want := []string{"a document for each NOQUEUE reject", "arrived = sent through the last relay", "one document a queue id", "submitted message found"}
	if got := failing(t, dir); !slices.Equal(got, want) {
		t.Errorf("nothing: wrong %q, want %q", got, want)
	}
	if got := failing(t, dir, message, message, reject, reject); !slices.Equal(got, want) {
		t.Errorf("everything twice: wrong %q, want %q", got, want)
	}
}

func TestUnreadable(t *testing.T) {
	if _, err := Documents(t.TempDir(), strings.NewReader("")); err == nil || !strings.Contains(err.Error(), "mail.log") {
		t.Errorf("an empty folder: %v", err)
	}
	if _, err := Documents(smallCorpus(t), strings.NewReader("{}\nno json\n")); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("a line that is no JSON: %v", err)
	}
}

// The corpora are read without complaint, and no document is no success.
func TestLabCorpusWithoutDocuments(t *testing.T) {
	result, err := Documents("../corpora/lab-postfix-3.7", strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int{
		"one document a queue id":               2691,
		"submitted message found":               1095,
		"arrived = sent through the last relay": 1976,
		"a document for each NOQUEUE reject":    343,
	} {
		if c := result.byName[name]; c == nil || c.Wrong != want {
			t.Errorf("%s: %+v, want %d wrong", name, c, want)
		}
	}
}

func TestDecoded(t *testing.T) {
	for header, want := range map[string]string{
		"plain":                                    "plain",
		"=?UTF-8?Q?Gr=C3=BC=C3=9Fe_an?= alle":      "Grüße an alle",
		"=?iso-8859-1?Q?Gr=FC=DFe?=":               "Grüße",
		"=?UTF-8?B?R3LDvMOf?=\r\n =?utf-8?B?ZQ?=":  "Grüße",
		"=?UTF-8?Q?Gr=C3?= =?UTF-8?Q?=BC=C3=9Fe?=": "Grüße",
		"a\r\n\tfolded line":                       "a folded line",
		"=?no-such-charset?Q?x?=":                  "=?no-such-charset?Q?x?=",
		"=?UTF-8?B?*?=":                            "=?UTF-8?B?*?=",
	} {
		if got := decoded(header); got != want {
			t.Errorf("decoded(%q) = %q, want %q", header, got, want)
		}
	}
}
