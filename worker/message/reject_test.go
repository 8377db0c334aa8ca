package message

import (
	"fmt"
	"testing"

	"github.com/postweave/postweave/worker/postlog"
)

func TestReject(t *testing.T) {
	const program = "postfix/submission/smtpd"
	line := func(text string) Line { return Line{at(t, "01:00:00"), program, "17", text} }
	text := "NOQUEUE: reject: RCPT from v6.example[2001:db8::25]: 554 5.7.1 <C@D>: Relay access denied; from=<> to=<C@D> proto=ESMTP helo=<h>"
	d := Reject("mx1", line(text), Options{LocalDomains: []string{"d"}})
	want := Document{
		ID: d.ID, Kind: KindReject, Timestamp: at(t, "01:00:00"), FirstSeen: at(t, "01:00:00"), LastSeen: at(t, "01:00:00"), Host: "mx1", Origin: "smtp",
		Direction: "inbound", From: "<>", Client: Client{"v6.example", "2001:db8::25", 0, "h", "ESMTP"}, Status: Rejected, Lines: 1,
		Recipients: []Recipient{{
			To: "C@D", Status: Rejected, DSN: "5.7.1", Response: "554 5.7.1 <C@D>: Relay access denied",
			FirstAttempt: at(t, "01:00:00"), LastAttempt: at(t, "01:00:00"),
		}},
		To: []string{"C@D"}, Counts: Counts{Rejected: 1, Total: 1},
		Checks: []Check{{program, "reject", "RCPT", "554 5.7.1 <C@D>: Relay access denied", "554", "5.7.1"}},
		Log:    []Line{line(text)}, searchedWords: []byte("c d"),
	}
	if got := fmt.Sprintf("%+v", d); got != fmt.Sprintf("%+v", want) {
		t.Errorf("\n got %s\nwant %+v", got, want)
	}
	d = Reject("mx1", Line{at(t, "01:00:00"), "postfix/postscreen", "17", "NOQUEUE: reject: CONNECT from [192.0.2.1]:4711: too many connections"}, Options{})
	if d.Client != (Client{IP: "192.0.2.1", Port: 4711}) || d.Status != Rejected || len(d.Recipients) != 0 || d.From != "" || d.Checks[0].Stage != "CONNECT" {
		t.Errorf("%+v", d)
	}
	ids := map[string]bool{}
	for _, l := range []Line{line(text), line(text + " "), line(text + "x"), {at(t, "01:00:01"), program, "17", text}, {at(t, "01:00:00"), program, "18", text}} {
		ids[Reject("mx1", l, Options{}).ID] = true
	}
	ids[Reject("mx2", line(text), Options{}).ID] = true
	if len(ids) != 5 { // white space at the end is no difference
		t.Errorf("%d ids", len(ids))
	}
}

func TestIsReject(t *testing.T) {
	const env = " from x[192.0.2.1]: 550 no; from=<a@b> to=<c@d> proto=SMTP helo=<h>"
	for text, want := range map[string]bool{
		"NOQUEUE: reject: RCPT" + env:                              true,
		"NOQUEUE: milter-reject: CONNECT" + env:                    true,
		"NOQUEUE: hangup: CONNECT" + env:                           true,
		"NOQUEUE: reject_warning: RCPT" + env:                      false,
		"NOQUEUE: filter: RCPT" + env:                              false,
		"NOQUEUE: client=x[192.0.2.1]":                             false,
		"NOQUEUE: lost connection after CONNECT from x[192.0.2.1]": false,
		"4F2A31B2C7: reject: RCPT" + env:                           false,
		"reject: RCPT" + env:                                       false,
	} {
		if e := postlog.Parse("postfix/smtpd", text); IsReject(&e) != want {
			t.Errorf("%s: %v", text, !want)
		}
	}
}
