package score

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// submission is one line of sent.ndjson.
type submission struct {
	Host       string         `json:"host"`
	QueueID    string         `json:"queue_id"` // empty where the server never said one
	Mark       string         `json:"mark"`     // what was special about it
	MessageID  string         `json:"message_id"`
	Recipients []string       `json:"rcpts"`
	Subject    string         `json:"subject"` // as sent, folded and encoded
	Client     []string       `json:"client"`  // name, address
	Login      string         `json:"login"`
	Replies    map[string]int `json:"replies"` // by step and by recipient
	Port       int            `json:"port"`    // where it was not the usual one
	Error      any            `json:"error"`
}

func readSent(dir string) ([]submission, error) { return readNDJSON[submission](dir, "sent.ndjson") }

// proxyPort is that of the smtpd behind a before-queue proxy, which hides client,
// login and header checks from the lines of the queue id.
const proxyPort = 2528

// filterPorts lead to the second server and to the content filter: what goes
// there was sent, whatever the recipient's domain does in the end.
var filterPorts = set{"2526": true, "10025": true}

// unsettled marks submissions whose accepted recipients need not be seen again.
var unsettled = set{
	"hold": true, "discard": true, "redirect": true, "header-reject": true, "body-reject": true,
	"too-big": true, "abort": true, "milter": true,
}

type refusedAt struct{ host, to string }

// checkSent holds the documents against what was submitted.
func (r *Result) checkSent(d *documents, sent []submission) {
	refused := map[refusedAt]bool{}
	for _, doc := range d.all {
		if doc.text("kind") != "reject" {
			continue
		}
		for _, to := range doc.recipients() {
			refused[refusedAt{doc.host(), to.lower("to")}] = true
		}
	}
	for _, s := range sent {
		if s.QueueID == "" {
			continue
		}
		k := key{s.Host, s.QueueID}
		doc, ok := d.only(k)
		r.check("submitted message found", ok, "%s: %d documents", k, len(d.byKey[k]))
		if !ok {
			continue
		}
		r.checkHeaders(k, doc, s)
		r.checkAccepted(k, doc, s, refused)
		if s.Mark == "discard" {
			r.check("discarded", doc.text("status") == "discarded", "%s: %v", k, doc.at("status"))
		}
		for _, to := range doc.recipients() {
			r.checkFate(k, doc, to)
		}
	}
}

func (r *Result) checkHeaders(k key, doc document, s submission) {
	got, want := bare(doc.text("message_id")), bare(s.MessageID)
	r.check("message_id", got == want || s.MessageID == "" && got != "", "%s: %q want %q", k, got, want)
	if s.Port == proxyPort {
		return
	}
	if len(s.Client) == 2 {
		text, _ := s.Error.(string)
		want := strings.ReplaceAll(s.Client[1], "IPV6:", "")
		r.check("client ip", strings.Contains(text, "xclient") || doc.text("client.ip") == want, "%s: %v want %s", k, doc.at("client.ip"), want)
	}
	r.check("sasl username", doc.text("sasl.username") == s.Login, "%s: %v want %q", k, doc.at("sasl.username"), s.Login)
	got, want = plain(doc.text("subject")), plain(decoded(s.Subject))
	if len(s.Subject) > 150 { // Postfix cuts what it logs of a header
		r.check("subject", head(got) == head(want), "%s: %q want %q", k, got, want)
	} else {
		r.check("subject", got == want, "%s: %q want %q", k, got, want)
	}
}

// head is the first hundred characters.
func head(s string) string {
	if runes := []rune(s); len(runes) > 100 {
		return string(runes[:100])
	}
	return s
}

func (r *Result) checkAccepted(k key, doc document, s submission, refused map[refusedAt]bool) {
	seen := set{}
	for _, to := range doc.recipients() {
		seen[to.lower("to")] = true
		seen[to.lower("orig_to")] = true
	}
	for _, name := range s.Recipients {
		reply, ok := s.Replies[name]
		to := strings.ToLower(name)
		switch {
		case ok && reply == 250 && !unsettled[s.Mark]:
			r.check("accepted recipient present", seen[to], "%s: %s not in %v", k, name, names(seen))
		case ok && reply >= 500:
			recorded := slices.ContainsFunc(doc.recipients(), func(e document) bool {
				return e.lower("to") == to && e.text("status") == "rejected"
			})
			r.check("refused recipient recorded", recorded || refused[refusedAt{k.host, to}], "%s: %s", k, name)
		}
	}
}

// checkFate wants of each recipient what its domain does to all mail.
func (r *Result) checkFate(k key, doc, to document) {
	status := to.text("status")
	switch status {
	case "rejected", "held", "discarded", "deleted":
		return
	}
	name := to.lower("to")
	passedOn := filterPorts[to.port("relay.port")]
	switch name[strings.LastIndexByte(name, '@')+1:] {
	case "bounce.test", "err.test":
		r.check("bounced recipient", passedOn || status == "bounced", "%s: %s %s", k, name, status)
	case "defer.test", "dead.test", "drop.test":
		if doc.bool("complete") {
			r.check("expired recipient", passedOn || status == "expired" || status == "bounced", "%s: %s %s", k, name, status)
		}
	}
}

// arrival is one line of arrived.ndjson: a recipient that the far end accepted.
type arrival struct {
	MessageID string `json:"message_id"`
	Recipient string `json:"rcpt"`
}

func readArrived(dir string) ([]arrival, error) { return readNDJSON[arrival](dir, "arrived.ndjson") }

// lastPorts are those of the far end.
var lastPorts = set{"2601": true, "2602": true}

// checkArrived wants each copy that the far end took to be one recipient that
// was sent there, and the other way round.
func (r *Result) checkArrived(d *documents, arrived []arrival) {
	have, want := map[arrival]int{}, map[arrival]int{}
	for _, a := range arrived {
		if a.MessageID != "" {
			want[arrival{bare(a.MessageID), strings.ToLower(a.Recipient)}]++
		}
	}
	for _, doc := range d.messages {
		for _, to := range doc.recipients() {
			if to.text("status") == "sent" && lastPorts[to.port("relay.port")] {
				have[arrival{bare(doc.text("message_id")), to.lower("to")}]++
			}
		}
	}
	both := maps.Clone(have)
	maps.Copy(both, want)
	order := func(a, b arrival) int {
		return cmp.Or(cmp.Compare(a.MessageID, b.MessageID), cmp.Compare(a.Recipient, b.Recipient))
	}
	for _, a := range slices.SortedFunc(maps.Keys(both), order) {
		r.check("arrived = sent through the last relay", have[a] == want[a], "%v: %d documents say sent, %d arrived", a, have[a], want[a])
	}
}
