package worker

import (
	"strings"
	"testing"
	"time"

	"github.com/postweave/postweave/worker/message"
)

// sessionLines are the lines of one session with one message, by name.
func sessionLines() map[string]message.HostLine {
	at := time.Date(2026, 11, 22, 1, 0, 0, 0, time.UTC)
	line := func(after int, program, text string) message.HostLine {
		return message.HostLine{Host: "mx1", Line: message.Line{Time: at.Add(time.Duration(after) * time.Second), Program: program, PID: "7", Text: text}}
	}
	return map[string]message.HostLine{
		"connect":    line(0, "postfix/smtpd", "connect from a.example[192.0.2.1]"),
		"tls":        line(0, "postfix/smtpd", "Anonymous TLS connection established from a.example[192.0.2.1]: TLSv1.3 with cipher AES (256/256 bits)"),
		"client":     line(1, "postfix/smtpd", "3A9C96093D: client=a.example[192.0.2.1]"),
		"disconnect": line(2, "postfix/smtpd", "disconnect from a.example[192.0.2.1] mail=1"),
		"message-id": line(1, "postfix/cleanup", "3A9C96093D: message-id=<1@a.example>"),
		"active":     line(2, "postfix/qmgr", "3A9C96093D: from=<a@a.example>, size=1, nrcpt=1 (queue active)"),
		"amavis":     line(3, "amavis", "(1-1) Passed CLEAN {X}, [192.0.2.1] <a@a.example> -> <b@b.example>, Queue-ID: 3A9C96093D, Hits: 1.5, size: 1"),
	}
}

func runNamed(t *testing.T, target *simulated, names ...string) Report {
	t.Helper()
	all := sessionLines()
	var run batches
	for _, batch := range names {
		var lines []message.HostLine
		for name := range strings.FieldsSeq(batch) {
			lines = append(lines, all[name])
		}
		run = append(run, batchOf(lines))
	}
	return doRun(t, target, run)
}

func theOnly(t *testing.T, target *simulated) string {
	t.Helper()
	content := target.content()
	if len(content) != 1 {
		t.Fatalf("%d documents", len(content))
	}
	for _, source := range content {
		return source
	}
	return ""
}

const (
	tlsFound   = `"tls":{"version":"TLSv1.3","cipher":"AES","trust":"Anonymous"}`
	countFound = `"disconnect":{"mail":"1"}`
	checkFound = `"checks":[{"time":"2026-11-22T01:00:03.000Z","program":"amavis","action":"Passed CLEAN","score":1.5`
)

func mustHold(t *testing.T, source string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(source, part) {
			t.Errorf("no %s in %s", part, source)
		}
	}
}

func TestSessionIsJoined(t *testing.T) {
	for _, split := range [][]string{
		{"connect tls client disconnect message-id active amavis"},
		{"amavis active message-id disconnect client tls connect"},
		{"connect tls", "client message-id active disconnect amavis"}, // of one run
		{"connect tls disconnect amavis", "client message-id active"},
	} {
		target := newSimulated()
		runNamed(t, target, split...)
		mustHold(t, theOnly(t, target), tlsFound, countFound, checkFound)
	}
}

// A session alone is no reason to write, but what is written anyway takes it
// along.
func TestSessionIsNoReasonToWrite(t *testing.T) {
	target := newSimulated()
	runNamed(t, target, "client message-id")
	before, writes := theOnly(t, target), target.writes
	report := runNamed(t, target, "connect tls client disconnect message-id")
	if target.writes != writes || report.Unchanged != 1 || theOnly(t, target) != before {
		t.Errorf("written: %+v", report)
	}
	runNamed(t, target, "connect tls client disconnect active")
	mustHold(t, theOnly(t, target), tlsFound, countFound)
}

// A document keeps what was found when other lines of it were read.
func TestSessionIsKept(t *testing.T) {
	target := newSimulated()
	runNamed(t, target, "connect tls client disconnect message-id")
	runNamed(t, target, "active")
	mustHold(t, theOnly(t, target), tlsFound, countFound, `"lines":3`)
	writes := target.writes
	if report := runNamed(t, target, "active client"); target.writes != writes {
		t.Errorf("written: %+v", report)
	}
}

// Lines that go to another document take the session that was found by them
// along.
func TestSessionDoesNotStayBehind(t *testing.T) {
	at := time.Date(2026, 11, 22, 1, 0, 0, 0, time.UTC)
	line := func(after time.Duration, program, text string) message.HostLine {
		return message.HostLine{Host: "mx1", Line: message.Line{Time: at.Add(after), Program: program, PID: "7", Text: text}}
	}
	first := []message.HostLine{ // of two messages, which only the client's line tells
		line(0, "postfix/cleanup", "3A9C96093D: message-id=<1@a.example>"),
		line(time.Hour, "postfix/smtp", "connect to mx.example[192.0.2.9]:25: Connection refused"),
		line(time.Hour, "postfix/smtp", "3A9C96093D: to=<b@b.example>, relay=none, delays=1/0/1/0, dsn=4.4.1, status=deferred (connect to mx.example[192.0.2.9]:25: Connection refused)"),
	}
	target := newSimulated()
	doRun(t, target, batches{batchOf(first)})
	mustHold(t, theOnly(t, target), `"relays_tried"`)
	doRun(t, target, batches{batchOf([]message.HostLine{line(time.Hour-time.Second, "postfix/smtpd", "3A9C96093D: client=a.example[192.0.2.1]")})})
	content := target.content()
	if len(content) != 2 {
		t.Fatalf("%d documents", len(content))
	}
	for _, source := range content {
		if strings.Contains(source, "relays_tried") && !strings.Contains(source, "status=deferred") {
			t.Errorf("stayed behind: %s", source)
		}
	}
}

// However many servers there are, what is kept from one batch to the next is
// bounded, and what is let go is counted.
func TestSessionsOfManyServersAreBounded(t *testing.T) {
	s := sessions{most: 10}
	line := sessionLines()["connect"].Line
	for i := range 25 {
		b := &message.Batch{}
		b.Add(string(rune('a'+i)), line)
		s.join(b)
	}
	if s.dropped != 22 || len(s.hosts) != 3 {
		t.Errorf("%d let go, %d kept", s.dropped, len(s.hosts))
	}
}
