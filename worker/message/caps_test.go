package message

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestManyRecipients(t *testing.T) {
	const n = 1500
	var b strings.Builder
	b.WriteString(accepted)
	for i := range n {
		status, dsn := "sent", "2.0.0"
		switch {
		case i%3 == 0:
			status, dsn = "deferred", "4.0.0"
		case i == 1:
			status, dsn = "bounced", "5.0.0"
		}
		fmt.Fprintf(&b, "\n01:00:02 smtp: to=<u%04d@d>, relay=none, delay=2, delays=0/0/0/2, dsn=%s, status=%s (x)", i, dsn, status)
	}
	d := one(t, b.String())
	if len(d.Recipients) != MaxRecipients || len(d.To) != n || d.Counts != (Counts{Deferred: 500, Bounced: 1, Sent: 999, Total: n}) || d.Status != Mixed {
		t.Errorf("%d shown, %d in to, %+v, %s", len(d.Recipients), len(d.To), d.Counts, d.Status)
	}
	if fmt.Sprint(d.Warnings) != "["+WarnCapRecipients+"]" || d.Lines != n+3 || len(d.Log) != n+3 {
		t.Errorf("%v, %d lines", d.Warnings, d.Lines)
	}
	if d.Recipients[0].Status != Bounced || d.Recipients[1].Status != Deferred || d.Recipients[501].Status != Sent || !slices.IsSorted(d.To) {
		t.Errorf("not the worst first")
	}
}

func TestCaps(t *testing.T) {
	var b strings.Builder
	for i := range MaxHistory + 10 {
		fmt.Fprintf(&b, "\n01:00:02 smtp: to=<c@d>, relay=none, delay=%d, delays=0/0/0/0, dsn=4.0.0, status=deferred (%d)", i, i)
	}
	d := one(t, b.String())
	if h := d.Recipients[0].History; len(h) != MaxHistory || h[0].Response != "9" || d.Recipients[0].Attempts != MaxHistory+10 || fmt.Sprint(d.Warnings) != "["+WarnCapHistory+"]" {
		t.Errorf("%d earlier attempts, the first %v; %v", len(h), h[0], d.Warnings)
	}
	b.Reset()
	for i := range MaxChecks + 10 {
		fmt.Fprintf(&b, "\n01:00:02 cleanup: warning: header X-%03d: y%s", i, env)
	}
	if d = one(t, b.String()); len(d.Checks) != MaxChecks || d.Checks[0].Text != "header X-000: y" || fmt.Sprint(d.Warnings) != "["+WarnCapChecks+"]" {
		t.Errorf("%d checks, %v", len(d.Checks), d.Warnings)
	}
	b.Reset()
	for i := range MaxLinks + 10 {
		fmt.Fprintf(&b, "\n01:00:02 bounce: sender delay notification: AA%06d", i)
	}
	if d = one(t, b.String()); len(d.Links) != MaxLinks || d.Links[0].QueueID != "AA000000" || fmt.Sprint(d.Warnings) != "["+WarnCapLinks+"]" {
		t.Errorf("%d links, %v", len(d.Links), d.Warnings)
	}
}

func TestCapTo(t *testing.T) {
	if testing.Short() {
		t.Skip("a hundred thousand lines")
	}
	lines := make([]Line, MaxTo+1)
	for i := range lines {
		lines[i] = Line{at(t, "01:00:00"), "postfix/smtp", "1", fmt.Sprintf("%s: to=<u%06d@d>, relay=none, delay=2, delays=0/0/0/2, dsn=2.0.0, status=sent (x)", shortID, i)}
	}
	d := Merge(shortKey, lines, Options{})[0]
	if len(d.To) != MaxTo || d.Counts.Sent != MaxTo+1 || fmt.Sprint(d.Warnings) != "[cap_recipients cap_to]" {
		t.Errorf("%d in to, %+v, %v", len(d.To), d.Counts, d.Warnings)
	}
}

func TestLongValues(t *testing.T) {
	long := strings.Repeat("é", 5000) // 10,000 bytes; 8,191 lies within a character
	d := one(t, `
		01:00:00 cleanup: message-id=<`+long+`@x>
		01:00:00 qmgr: from=<`+long+`@x>, size=1, nrcpt=1 (queue active)
		01:00:01 smtp: to=<`+long+`@x>, relay=`+long+`, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (`+long+`)`)
	if fmt.Sprint(d.Warnings) != "["+WarnValueCut+"]" {
		t.Errorf("warnings %v", d.Warnings)
	}
	r := d.Recipients[0]
	for name, s := range map[string]string{"message_id": d.MessageID, "from": d.From, "to": r.To, "relay": r.Relay.Name, "response": r.Response, "to[]": d.To[0]} {
		if len(s) != maxValue-1 {
			t.Errorf("%s has %d bytes", name, len(s))
		}
	}
	decoded(t, d)
}

// Bytes that are not UTF-8, and NUL, come out as U+FFFD everywhere.
func TestOddBytes(t *testing.T) {
	d := one(t, "01:00:00 smtp: to=<a\xff@\x00b>, relay=n\xc3, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (x\xffy)\n01:00:00 cleanup: message-id=<\x00@\xff>")
	if r := d.Recipients[0]; r.To != "a\ufffd@\ufffdb" || r.Response != "x\ufffdy" || r.Relay.Name != "n\ufffd" || d.MessageID != "\ufffd@\ufffd" {
		t.Errorf("%+v", d)
	}
	decoded(t, d)
}

func TestBadNumbers(t *testing.T) {
	d := one(t, "01:00:00 qmgr: from=<a@b>, size=99999999999999999999, nrcpt=-5 (queue active)")
	if d.HasSize || d.HasNRcpt || fmt.Sprint(d.Warnings) != "["+WarnSchemaMismatch+"]" {
		t.Errorf("%+v", d)
	}
	d = one(t, "01:00:00 smtp: to=<a@b>, relay=none, delay=1")
	if fmt.Sprint(d.Warnings) != "["+WarnDeliveryCut+" "+WarnUnknownStatus+"]" || d.Recipients[0].Status != Deferred {
		t.Errorf("%v %+v", d.Warnings, d.Recipients)
	}
}

func TestWarnings(t *testing.T) {
	d := one(t, accepted+"\n01:00:02 qmgr: removed"+delivery("01:00:20", 20, "sent")+"\n01:00:00 cleanup: message-id=<2@x>")
	if fmt.Sprint(d.Warnings) != "["+WarnClock+" "+WarnMessageIDs+"]" || d.MessageID != "1@x" {
		t.Errorf("%v %q", d.Warnings, d.MessageID)
	}
}
