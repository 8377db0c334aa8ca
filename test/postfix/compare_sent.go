package main

import (
	"fmt"
	"strings"
)

// sent compares what a client knows.
func (c *comparison) sent(s *Sent) {
	where := fmt.Sprintf("%s %q", s.Situation, s.Subject)
	for _, d := range c.find(s.MessageID, "postfix-mx") {
		c.known[d.value("queue_id")] = true
		c.message(where+" "+d.value("queue_id"), d, s)
		if origin := d.value("origin"); origin == "local" || origin == "qmqp" {
			c.recipients(where, d, s)
		}
	}
	if s.QueueID == "" {
		c.unqueued(where, s)
		return
	}
	d := c.one(where, s.QueueID)
	if d == nil {
		return
	}
	c.same(where, "the origin", d.value("origin"), "smtp")
	c.same(where, "the client", d.value("client.ip"), "127.0.0.1")
	c.same(where, "the user", d.value("sasl.username"), s.SASLUser)
	// Lines about TLS name no queue id. Where they cannot be told from another session's, the
	// document has to be silent.
	if s.Alone || d.value("tls.version") != "" {
		c.same(where, "the client's TLS version", d.value("tls.version"), s.TLS)
		c.same(where, "the client's cipher", d.value("tls.cipher"), s.Cipher)
	}
	for _, a := range s.Refusals {
		if a.Queued {
			c.refused(where, d, a)
		}
	}
	if s.Vanished {
		return
	}
	c.message(where, d, s)
	c.recipients(where, d, s)
	c.same(where, "the instance", d.value("instance"), "postfix-mx")
	if s.Subject != "" {
		c.same(where, "the client's name", d.value("client.helo"), s.HELO)
	}
}

// recipients compares who should have got a message with whom the document
// knows.
func (c *comparison) recipients(where string, d Document, s *Sent) {
	if d.value("nrcpt") == "" {
		return // qmgr(8) never had it: only its lines tell the recipients for certain
	}
	for _, to := range s.To {
		if d.recipient(to) == nil && !s.Redirected {
			c.wrong("%s: the document does not know the recipient %s", where, to)
		}
	}
	if n := len(d.each("recipients")); fmt.Sprint(n) != d.value("counts.total") {
		c.wrong("%s: %d recipients, and the counts say %s", where, n, d.value("counts.total"))
	}
}

// unqueued compares a message for which its client was given no queue id.
func (c *comparison) unqueued(where string, s *Sent) {
	for _, a := range s.Refusals {
		if a.Stage != "END-OF-MESSAGE" {
			continue
		}
		docs := c.find(s.MessageID, "postfix-mx")
		if len(docs) != 1 {
			c.wrong("%s: refused at its end, and there are %d documents", where, len(docs))
			return
		}
		if docs[0].value("status") == "aborted" {
			continue // Postfix does not log what it told the client
		}
		c.same(where, "the status of the refused message", docs[0].value("status"), "rejected")
		if !docs[0].has("checks.dsn", enhanced(a.Reply)) && !docs[0].has("recipients.dsn", enhanced(a.Reply)) {
			c.wrong("%s: the refusal's code %s is not in the document", where, enhanced(a.Reply))
		}
	}
}

// message compares what stands in the message and on its envelope.
func (c *comparison) message(where string, d Document, s *Sent) {
	if s.HELO != "" || d.value("kind") != "probe" {
		c.same(where, "the kind", d.value("kind"), "message")
	}
	c.same(where, "the sender", strings.ToLower(d.value("from")), strings.ToLower(nonNull(s.From)))
	switch {
	case s.MessageID != "":
		c.same(where, "the message-id", d.value("message_id"), s.MessageID)
	case d.value("message_id") == "":
		c.wrong("%s: no message-id, and Postfix made one", where)
	}
	switch {
	case d.value("origin") == "internal": // forwarded: no header check sees it (internal_mail_filter_classes)
	case s.Subject == "*":
		if len(d.value("subject")) < 100 {
			c.wrong("%s: the subject has less than a hundred letters", where)
		}
	default:
		c.same(where, "the subject", d.value("subject"), s.Subject)
	}
	if d.value("nrcpt") != "" && number(d.value("size")) < 100 {
		c.wrong("%s: the size is %q", where, d.value("size"))
	}
}

// refused compares a recipient that was refused in a message that others got.
func (c *comparison) refused(where string, d Document, a Answer) {
	r := d.recipient(a.To)
	if r == nil {
		c.wrong("%s: no word of the refused %s", where, a.To)
		return
	}
	c.same(where, "the refused recipient's status", r.value("status"), "rejected")
	c.same(where, "the refused recipient's code", r.value("dsn"), enhanced(a.Reply))
}

// refusals compares each refusal without a queue id with its document.
func (c *comparison) refusals() {
	type key struct{ from, to, dsn string }
	want, got := map[key]int{}, map[key]int{}
	for _, s := range c.journal.Sent {
		for _, a := range s.Refusals {
			switch {
			case a.Stage == "END-OF-MESSAGE" && s.Proxied:
				want[key{nonNull(a.From), s.To[0], enhanced(a.Reply)}]++
			case a.Stage != "END-OF-MESSAGE" && !a.Queued && !isSyntax(a.Reply):
				want[key{nonNull(a.From), a.To, enhanced(a.Reply)}]++
			}
		}
	}
	for _, d := range c.documents {
		if d.value("kind") != "reject" {
			continue
		}
		k := key{d.value("from"), d.value("recipients.to"), d.value("checks.dsn")}
		got[k]++
		if !d.has("checks.action", "proxy-reject") { // its line does not name the client
			c.same("reject of "+k.to, "the client", d.value("client.ip"), "127.0.0.1")
		}
	}
	for k, n := range want {
		if got[k] != n {
			c.wrong("refused %d times with %s: from %q to %q, and there are %d reject documents", n, k.dsn, k.from, k.to, got[k])
		}
	}
	for k, n := range got {
		if want[k] == 0 {
			c.wrong("%d reject documents nobody knows of: %s from %q to %q", n, k.dsn, k.from, k.to)
		}
	}
}

// isSyntax tells a refusal that Postfix does not log: of a command that it
// cannot read.
func isSyntax(reply string) bool { return strings.HasPrefix(reply, "501 ") }
