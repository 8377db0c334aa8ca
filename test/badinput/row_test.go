package badinput

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postweave/postweave/test/loggen"
)

// path is a way into the product.
type path string

const (
	parser  path = "parser"        // worker/postlog and worker/message
	command path = "merge"         // the merge command, from a log file
	index   path = "Elasticsearch" // raw documents, run, and the documents in the target
)

var paths = []path{parser, command, index}

// row is one bad input and what has to become of it.
type row struct {
	number  int
	input   string // for people
	outcome string // for people

	// lines are what syslog has, and go through all paths save those in not.
	lines []loggen.Line
	// log stands in the log file only, behind the lines.
	log string
	// raw are documents as a shipper might index them, behind those of the lines. HOST stands for the row's host.
	raw []string
	// bare lines go to Elasticsearch without what grok makes of them.
	bare bool
	// settings of an index of its own that the raw documents go to.
	settings map[string]any

	unparsed  int // lines of the row's messages that are not understood
	notSyslog int // lines of the log file that are no syslog
	refused   int // raw documents that Elasticsearch itself does not take
	// check looks at the documents of the row's hosts; the same has to hold on each path.
	check func(t *testing.T, p path, d documents)

	not     map[path]string // why the row does not go through a path
	differs map[path]string // why the path's documents are not those of the parser's
	// instead says where what is done is not what one might expect, and why.
	instead string
	// own is the test that holds the row where it is no input of a line: "file: Test".
	own string
	// none says why there is nothing to test.
	none string
}

// start is when the lines of a row begin.
var start = time.Date(2026, 3, 20, 12, 0, 0, 0, time.UTC)

// host is the server of a row. What its name begins with is the row's.
func (r *row) host() string { return fmt.Sprintf("row%02d", r.number) }

// neighbour is a message on the row's host that the bad input must not touch.
func (r *row) neighbour() []loggen.Line {
	l := []loggen.Line{}
	for i, pair := range [][2]string{
		{"smtpd", "client=web.example.com[192.0.2.11]"},
		{"cleanup", "message-id=<neighbour@example.com>"},
		{"cleanup", "info: header Subject: good news from web.example.com[192.0.2.11]; from=<alice@example.com> to=<bob@example.net> proto=ESMTP helo=<web>"},
		{"qmgr", "from=<alice@example.com>, size=500, nrcpt=1 (queue active)"},
		{"smtp", "to=<bob@example.net>, relay=far.example.net[198.51.100.1]:25, delay=240, delays=239/0/0.5/0.5, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as ABC)"},
		{"qmgr", "removed"},
	} {
		l = append(l, loggen.Line{Time: start.Add(time.Duration(i) * time.Minute), Host: r.host(), Program: "postfix/" + pair[0], PID: "77", Text: neighbourID + ": " + pair[1]})
	}
	return l
}

// neighbourID is the neighbour's queue id on every host.
const neighbourID = "7E16B0A2D1"

// says makes lines of one program each second, from pairs of program and text.
// HOST in a text is left alone; a program is of Postfix unless it has a slash in front.
func says(host string, pairs ...string) []loggen.Line {
	var lines []loggen.Line
	for pair := range slices.Chunk(pairs, 2) {
		program := "postfix/" + pair[0]
		if name, whole := strings.CutPrefix(pair[0], "/"); whole {
			program = name
		}
		lines = append(lines, loggen.Line{Time: start.Add(time.Duration(len(lines)) * time.Second), Host: host, Program: program, PID: "99", Text: pair[1]})
	}
	return lines
}

// of prefixes each text with a queue id.
func of(host, id string, pairs ...string) []loggen.Line {
	lines := says(host, pairs...)
	for i := range lines {
		lines[i].Text = id + ": " + lines[i].Text
	}
	return lines
}

// A message's usual lines, around what a row has to say.
const (
	someID    = "4F2A31B2C7"
	client    = "client=mail.example.org[192.0.2.1]"
	active    = "from=<jane@example.org>, size=900, nrcpt=1 (queue active)"
	delivered = "to=<joe@example.com>, relay=mx.example.com[192.0.2.2]:25, delay=1, delays=0.2/0/0.3/0.5, dsn=2.0.0, status=sent (250 ok)"
	envelope  = " from mail.example.org[192.0.2.1]; from=<jane@example.org> to=<joe@example.com> proto=ESMTP helo=<mail.example.org>"
)

// subject is the line of a header check about a Subject.
func subject(text string) string { return "info: header Subject: " + text + envelope }

// mail is a whole message with such a subject.
func mail(host, id, text string) []loggen.Line {
	return of(host, id, "smtpd", client, "cleanup", "message-id=<1@example.org>", "cleanup", subject(text), "qmgr", active, "smtp", delivered, "qmgr", "removed")
}

// document is what the tests look at; text is the whole of it.
type document struct {
	Kind       string
	Host       struct{ Name string }
	QueueID    string    `json:"queue_id"`
	Timestamp  time.Time `json:"@timestamp"`
	From       string
	To         []string
	Subject    string
	Subjects   []string
	MessageID  string `json:"message_id"`
	Size       *int64
	NRcpt      *int64
	Client     struct{ Hostname, IP, HELO string }
	SASL       struct{ Username string }
	Status     string
	Complete   bool
	Lines      int
	Counts     map[string]int
	Recipients []recipient
	Links      []link
	Warnings   []string
	Unparsed   int
	Checks     []struct{ Stage, Text string }
	Log        []struct{ Text string }

	text string
}

type recipient struct {
	To, Status, DSN, Response string
	OrigTo                    string `json:"orig_to"`
	Relay                     struct{ Hostname, IP, Name string }
	RemoteQueueID             string `json:"remote_queue_id"`
	Delay                     *float64
	Delays                    map[string]float64
	Attempts                  int
}

type link struct {
	Rel     string
	QueueID string `json:"queue_id"`
}

type documents []document

// read takes documents apart. None may have a character that JSON does not let stand, or be no UTF-8.
func read(t *testing.T, texts []string) documents {
	t.Helper()
	var out documents
	for _, text := range texts {
		d := document{text: text}
		decoder := json.NewDecoder(strings.NewReader(text))
		if err := decoder.Decode(&d); err != nil {
			t.Fatalf("a document is no JSON: %v\n%.500s", err, text)
		}
		if bytes.ContainsFunc([]byte(text), func(r rune) bool { return r < 0x20 }) || strings.Contains(text, `\u0000`) || strings.ToValidUTF8(text, "") != text {
			t.Errorf("a document holds what no store takes: %.500q", text)
		}
		out = append(out, d)
	}
	return out
}

// one is the only document.
func (d documents) one(t *testing.T) document {
	t.Helper()
	if len(d) != 1 {
		t.Fatalf("%d documents, want 1", len(d))
	}
	return d[0]
}

// none wants no document.
func none(t *testing.T, _ path, d documents) {
	t.Helper()
	if len(d) != 0 {
		t.Errorf("%d documents, want none: %.500s", len(d), d[0].text)
	}
}

// equal compares what a document says with what it should say.
func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: have %.300v, want %.300v", what, fmt.Sprintf("%q", fmt.Sprint(got)), fmt.Sprintf("%q", fmt.Sprint(want)))
	}
}

// warned wants a warning, or none by that name.
func (d *document) warned(t *testing.T, warning string, want bool) {
	t.Helper()
	if slices.Contains(d.Warnings, warning) != want {
		t.Errorf("warnings are %v; %s should be there: %v", d.Warnings, warning, want)
	}
}

// saysSubject checks the subject of the only document.
func saysSubject(want string) func(*testing.T, path, documents) {
	return func(t *testing.T, _ path, d documents) {
		t.Helper()
		equal(t, "subject", d.one(t).Subject, want)
	}
}
