package postlog

import "testing"

// Before MAIL FROM there is no address, but a client's name for itself.
func TestEnvelopeBeforeMail(t *testing.T) {
	for _, c := range []struct{ text, proto, helo, reply, username string }{
		{"504 5.5.2 <localhost>: Helo command rejected: need fully-qualified hostname; proto=SMTP helo=<localhost>", "SMTP", "localhost", "504 5.5.2 <localhost>: Helo command rejected: need fully-qualified hostname", ""},
		{"421 4.7.0 mx.corp.example Error: too many connections; proto=SMTP", "SMTP", "", "421 4.7.0 mx.corp.example Error: too many connections", ""},
		{"552 5.3.4 too big; proto=ESMTP helo=<big.example> sasl_method=PLAIN sasl_username=eve", "ESMTP", "big.example", "552 5.3.4 too big", "eve"},
		// What the client calls itself looks like an envelope, in the reply and in the envelope.
		{"504 5.5.2 <a; proto=ESMTP helo=<b>: rejected; proto=SMTP helo=<a; proto=ESMTP helo=<b>", "SMTP", "a; proto=ESMTP helo=<b", "504 5.5.2 <a; proto=ESMTP helo=<b>: rejected", ""},
		{"554 5.7.1 no; proto=QUIC helo=<x>", "", "", "554 5.7.1 no; proto=QUIC helo=<x>", ""},
		{"554 5.7.1 no; proto=SMTP helo=<x", "", "", "554 5.7.1 no; proto=SMTP helo=<x", ""},
	} {
		e := Parse("postfix/smtpd", "NOQUEUE: reject: HELO from host.example[192.0.2.1]: "+c.text)
		if e.Kind != Verdict || e.Proto != c.proto || e.HELO != c.helo || e.Check.Text != c.reply || e.SASL.Username != c.username || e.HasFrom || e.HasTo {
			t.Errorf("%s\n%+v", c.text, e)
		}
	}
}
