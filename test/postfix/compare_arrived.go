package main

import (
	"fmt"
	"slices"
	"strings"
)

// arrived compares a message that reached the sink with the documents of its way.
func (c *comparison) arrived(a *Arrived) {
	where := fmt.Sprintf("arrived %q", a.Subject)
	var next Document // the server after
	for i, hop := range a.Hops {
		if hop.QueueID == "" && i == len(a.Hops)-1 {
			return // smtpd(8) before a filter before the queue has none
		}
		d := c.one(where, hop.QueueID)
		if d == nil {
			return
		}
		c.same(where, "the instance", d.value("instance"), instanceOf(hop.By))
		c.same(where, "the message-id", d.value("message_id"), a.MessageID)
		if i == 0 {
			c.same(where, "the sender", strings.ToLower(d.value("from")), strings.ToLower(nonNull(a.From)))
			if a.Size > 0 {
				c.same(where, "the size", d.value("size"), fmt.Sprint(a.Size))
			}
		} else if !c.leads(d, next) {
			c.wrong("%s: %s does not name %s as its next queue id", where, hop.QueueID, next.value("queue_id"))
		} else if a.Hops[i-1].By == hop.By && next.value("origin") == "smtp" && !next.has("links.queue_id", hop.QueueID) {
			c.wrong("%s: %s came back from a filter, and does not name %s, which it had been", where, next.value("queue_id"), hop.QueueID)
		}
		next = d
	}
}

// leads tells whether one document says that the message went on as the other.
func (c *comparison) leads(from, to Document) bool {
	id := to.value("queue_id")
	return from.has("recipients.remote_queue_id", id) || from.has("links.queue_id", id) ||
		to.value("origin") == "local" && to.has("links.queue_id", from.value("queue_id")) // requeued: only the new one says so
}

// attempts is what the sink knows of one recipient of one sender on one
// instance, in order.
type attempts struct {
	instance, from, to string
	answers            []Answer
	arrived            []*Arrived
}

// answers compares what the sink said to each recipient, try by try.
func (c *comparison) answers() {
	type key struct{ instance, from, to string }
	said := map[key]*attempts{}
	var order []*attempts
	for i := range c.journal.Arrived {
		a := &c.journal.Arrived[i]
		for _, answer := range a.Answers {
			k := key{instanceOf(a.HELO), a.From, answer.To}
			t := said[k]
			if t == nil {
				t = &attempts{instance: k.instance, from: k.from, to: k.to}
				said[k], order = t, append(order, t)
			}
			t.answers, t.arrived = append(t.answers, answer), append(t.arrived, a)
		}
	}
	for _, t := range order {
		c.tried(t)
	}
}

// tried compares the documents that have the recipient with what the sink
// knows.
func (c *comparison) tried(t *attempts) {
	where := fmt.Sprintf("%s from %s to %s", t.instance, t.from, t.to)
	found := 0
	var responses []string // of all attempts that got there
	byID := map[string]Document{}
	for _, d := range c.documents {
		if d.value("instance") != t.instance || !strings.EqualFold(d.value("from"), nonNull(t.from)) {
			continue
		}
		for _, r := range d.each("recipients") {
			if strings.EqualFold(r.value("to"), t.to) {
				c.known[d.value("queue_id")] = true
				replies := reached(r, t.arrived[0].Port)
				found += len(replies)
				responses = append(responses, replies...)
				byID[d.value("queue_id")] = d
			}
		}
	}
	if found != len(t.answers) {
		c.wrong("%s: the sink was asked %d times, and the documents have %d attempts there", where, len(t.answers), found)
	}
	c.replies(where, t.answers, responses)
	final := map[string]int{} // by queue id: its last answer
	for i := range t.answers {
		if hops := t.arrived[i].Hops; len(hops) > 0 {
			final[hops[0].QueueID] = i
		}
	}
	for i, a := range t.answers {
		hops := t.arrived[i].Hops
		switch {
		case len(hops) > 0 && final[hops[0].QueueID] != i:
		case len(hops) > 0 && byID[hops[0].QueueID] == nil:
			c.wrong("%s: %s is not among its documents", where, hops[0].QueueID)
		case len(hops) > 0:
			c.last(where, byID[hops[0].QueueID], a, t.arrived[i])
		case len(byID) == 1 && i == len(t.answers)-1:
			for _, d := range byID {
				c.last(where, d, a, t.arrived[i])
			}
		}
	}
}

// reached gives the responses to a recipient's attempts that got to the sink.
func reached(r Document, port int) (responses []string) {
	for _, h := range r.each("history") {
		if h.value("relay") == "127.0.0.1" { // the port is not kept
			responses = append(responses, h.value("response"))
		}
	}
	if number(r.value("relay.port")) == port {
		responses = append(responses, r.value("response"))
	}
	return responses
}

// replies compares how often the sink said something with how often Postfix
// heard it.
func (c *comparison) replies(where string, answers []Answer, responses []string) {
	said := map[string]int{}
	for _, a := range answers {
		if a.Reply != "closed" {
			said[a.Reply]++
		}
	}
	for reply, n := range said {
		for _, r := range responses {
			if strings.Contains(r, reply) {
				n--
			}
		}
		if n != 0 {
			c.wrong("%s: the sink said %q %d times more than the documents have it", where, reply, n)
		}
	}
}

// last compares the sink's last word on a recipient of a message.
func (c *comparison) last(where string, d Document, a Answer, at *Arrived) {
	r := d.recipient(a.To)
	status := r.value("status")
	final := map[byte][]string{'2': {"sent", "deliverable"}, '5': {"bounced", "undeliverable"}}[a.Reply[0]]
	if final == nil || softened(r) {
		final = []string{"deferred", "expired", "deleted", "held"}
	}
	if !slices.Contains(final, status) {
		c.wrong("%s: the sink said %q, and the status is %q", where, a.Reply, status)
	}
	c.same(where, "the relay's port", r.value("relay.port"), fmt.Sprint(at.Port))
	if a.Reply == "closed" {
		return
	}
	if !softened(r) {
		c.same(where, "the code", r.value("dsn"), enhanced(a.Reply))
	}
	if !strings.Contains(r.value("response"), a.Reply) {
		c.wrong("%s: %q is not in the response %q", where, a.Reply, r.value("response"))
	}
	if a.Stage == "END-OF-MESSAGE" && a.Reply[0] == '2' {
		c.same(where, "the sink's queue id", r.value("remote_queue_id"), at.QueueID)
	}
}

// softened tells that soft_bounce made a refusal for now of one for good: the
// sink said 5.x.y, and Postfix logs 4.x.y.
func softened(r Document) bool { return strings.HasSuffix(r.value("to"), "@soft.example") }

func instanceOf(host string) string {
	name, _, _ := strings.Cut(host, ".")
	return "postfix-" + name
}

// enhanced is the second word of "550 5.7.1 text".
func enhanced(reply string) string {
	if words := strings.Fields(reply); len(words) > 1 {
		return words[1]
	}
	return ""
}
