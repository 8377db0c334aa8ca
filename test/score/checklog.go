package score

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"
)

// checkLog holds the documents against what the log's lines state.
func (r *Result) checkLog(d *documents, t *truth) {
	for _, k := range t.keys {
		r.check("one document a queue id", len(d.byKey[k]) == 1, "%s: %d documents", k, len(d.byKey[k]))
	}
	for _, doc := range d.messages {
		r.check("no document without a line", t.lines[doc.key()] > 0, "%s", doc.key())
	}
	for _, k := range t.keys {
		if doc, ok := d.only(k); ok {
			r.checkLife(k, doc, t)
			r.checkStated(k, doc, t.origin[k])
			r.checkNames(k, doc, t)
		}
	}
	for _, to := range t.order {
		if doc, ok := d.only(to.key); ok {
			r.checkRecipient(to, doc, t)
		}
	}
	for _, l := range t.links {
		if doc, ok := d.only(l.key); ok {
			found := slices.ContainsFunc(doc.list("links"), func(have document) bool {
				return have.text("rel") == l.rel && have.text("queue_id") == l.id
			})
			r.check("links that a line states", found, "%s: %s %s not in %v", l.key, l.rel, l.id, doc.at("links"))
		}
	}
	r.checkRefusals(d, t)
}

func (r *Result) checkLife(k key, doc document, t *truth) {
	r.check("lines counted", doc.equals("lines", t.lines[k]), "%s: lines=%v want %d", k, doc.at("lines"), t.lines[k])
	r.check("complete", doc.bool("complete") == t.removed[k], "%s: complete=%v removed line: %v", k, doc.at("complete"), t.removed[k])
	if s, ok := t.clock[k]; ok {
		r.check("first_seen", clock(doc.text("first_seen")) == s.first[7:], "%s: first_seen=%v want %s", k, doc.at("first_seen"), s.first)
		r.check("last_seen", clock(doc.text("last_seen")) == s.last[7:], "%s: last_seen=%v want %s", k, doc.at("last_seen"), s.last)
	}
	if a, ok := t.active[k]; ok {
		want := cmp.Or(strings.ToLower(a.from), "<>")
		r.check("from", doc.lower("from") == want, "%s: %v want %q", k, doc.at("from"), want)
		r.check("size", doc.equals("size", a.size), "%s: %v want %d", k, doc.at("size"), a.size)
		r.check("nrcpt", doc.equals("nrcpt", a.nrcpt), "%s: %v want %d", k, doc.at("nrcpt"), a.nrcpt)
	}
	if want, ok := t.verdict[k]; ok {
		r.check("verdict in status", doc.text("status") == want, "%s: %v want %s", k, doc.at("status"), want)
	}
}

// clock is the time of day within an ISO 8601 time, hh:mm:ss.
func clock(iso string) string {
	if len(iso) < len("2026-11-22T01:29:04") {
		return ""
	}
	return iso[11:19]
}

func (r *Result) checkStated(k key, doc document, o *origin) {
	if o.smtp {
		r.checkField(k, doc, "client.hostname", o.name)
		r.checkField(k, doc, "client.ip", o.ip)
		r.checkField(k, doc, "sasl.username", o.login)
	}
	if o.uid != nil {
		r.check("uid", doc.equals("uid", *o.uid), "%s: %v want %d", k, doc.at("uid"), *o.uid)
	}
	if o.messageID != "" {
		got := bare(doc.text("message_id"))
		r.check("message_id", got == o.messageID, "%s: %q want %q", k, got, o.messageID)
	}
}

// checkField wants a string, and no field at all where the string is empty.
func (r *Result) checkField(k key, doc document, path, want string) {
	got := doc.at(path)
	ok := got == want || want == "" && got == nil
	r.check(path, ok, "%s: %v want %q", k, got, want)
}

func (r *Result) checkNames(k key, doc document, t *truth) {
	listed := set{}
	for _, to := range doc.recipients() {
		name := to.lower("to")
		listed[name] = true
		r.check("no recipient that no line names", t.named[k][name], "%s: %v", k, to.at("to"))
	}
	shown := set{}
	for _, name := range doc.strings("to") {
		if name != "" {
			shown[strings.ToLower(name)] = true
		}
	}
	r.check("to lists the recipients", maps.Equal(shown, listed), "%s: %v", k, doc.at("to"))
}

func (r *Result) checkRecipient(to recipient, doc document, t *truth) {
	var entries []document
	for _, e := range doc.recipients() {
		if e.lower("to") == to.to && e.lower("orig_to") == to.original {
			entries = append(entries, e)
		}
	}
	if len(entries) != 1 {
		r.check("recipient's attempts", false, "%s %s: %d entries", to.key, to.to, len(entries))
		return
	}
	e, attempts := entries[0], t.attempts[to]
	last := lastAttempts(attempts)
	delay, _ := e.number("delay")
	r.check("recipient's attempts", e.equals("attempts", len(attempts)), "%s %s: %v want %d", to.key, to.to, e.at("attempts"), len(attempts))
	// Documents may round to hundredths, as Postfix does below a second.
	r.check("recipient's last delay", math.Abs(delay-last[0].delay) < .011, "%s %s: %v want %v", to.key, to.to, e.at("delay"), last[0].delay)

	dsns, ports, statuses := set{}, set{}, set{"deleted": true, "held": true}
	for _, a := range last {
		dsns[a.dsn] = true
		port := ""
		if m := portAtEnd.FindStringSubmatch(a.relay); m != nil {
			port = m[1]
		}
		ports[port] = true
		statuses[a.status] = true
		if a.daemon == "discard" {
			statuses["discarded"] = true
		}
		if a.status == "deferred" && t.expired[to.key] {
			statuses["expired"] = true
		}
	}
	if t.expired[to.key] {
		delete(statuses, "deferred")
	}
	r.check("recipient's dsn", dsns[e.text("dsn")], "%s %s: %v want %v", to.key, to.to, e.at("dsn"), names(dsns))
	r.check("recipient's status", statuses[e.text("status")], "%s %s: %v want %v", to.key, to.to, e.at("status"), names(statuses))
	r.check("recipient's relay port", ports[e.port("relay.port")], "%s %s: %q want %v", to.key, to.to, e.port("relay.port"), names(ports))
}

// lastAttempts are those that may count as a recipient's last: the ones of the
// longest delay, among the final ones if there are any. The log has whole seconds
// and several attempts can share a delay, so that it may be more than one.
func lastAttempts(attempts []attempt) []attempt {
	deferred := func(a attempt) bool { return a.status == "deferred" }
	ends := slices.DeleteFunc(slices.Clone(attempts), deferred)
	if len(ends) == 0 {
		ends = attempts
	}
	longest := slices.MaxFunc(ends, func(a, b attempt) int { return cmp.Compare(a.delay, b.delay) }).delay
	return slices.DeleteFunc(slices.Clone(ends), func(a attempt) bool { return a.delay != longest })
}

func (r *Result) checkRefusals(d *documents, t *truth) {
	have, want := map[refusal]int{}, map[refusal]int{}
	for _, doc := range d.all {
		if doc.text("kind") != "reject" || doc.text("queue_id") != "" {
			continue
		}
		f := refusal{from: doc.lower("from"), ip: doc.text("client.ip")}
		if to := doc.recipients(); len(to) > 0 {
			f.to, f.dsn = to[0].lower("to"), to[0].text("dsn")
		}
		have[f]++
	}
	for _, f := range t.refusals {
		want[f]++
	}
	order := func(a, b refusal) int {
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to), cmp.Compare(a.ip, b.ip), cmp.Compare(a.dsn, b.dsn))
	}
	both := maps.Clone(have)
	maps.Copy(both, want)
	for _, f := range slices.SortedFunc(maps.Keys(both), order) {
		r.check("a document for each NOQUEUE reject", have[f] == want[f], "%v: %d documents, %d lines", f, have[f], want[f])
	}
}

func names(s set) []string { return slices.Sorted(maps.Keys(s)) }
