package postlog

import "testing"

// What a before-queue filter refuses is a verdict without a queue file, though
// the line does not begin with NOQUEUE.
func TestProxyReject(t *testing.T) {
	const text = "proxy-reject: END-OF-MESSAGE: 550 5.7.1 virus found; from=<s@bad.example> to=<alice@corp.example> proto=ESMTP helo=<bad.example>"
	if id, noqueue := LeadingQueueID(text); id != "" || !noqueue {
		t.Errorf("%q, %v", id, noqueue)
	}
	e := Parse("postfix/smtpd", text)
	want := Check{Action: "proxy-reject", Stage: "END-OF-MESSAGE", Code: "550", DSN: "5.7.1", Text: "550 5.7.1 virus found"}
	if e.Kind != Verdict || !e.NoQueue || e.Check != want || e.From != "s@bad.example" || e.To != "alice@corp.example" || e.HELO != "bad.example" || e.Client != (Host{}) {
		t.Errorf("%+v", e)
	}
	for _, other := range []string{
		"proxy-accept: END-OF-MESSAGE: 250 2.0.0 Ok: queued as AAAAAA1; from=<s@bad.example> to=<alice@corp.example> proto=ESMTP helo=<bad.example>",
		"proxy-reject", "proxy-reject: ", "proxy-reject: odd stage: 550 no; from=<a@b>",
		"AAAAAA1: proxy-reject: END-OF-MESSAGE: 550 no; from=<a@b>",
	} {
		if e := Parse("postfix/smtpd", other); e.Kind == Verdict {
			t.Errorf("%s: %+v", other, e)
		}
	}
}
