package questions

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// expected says how a question is asked by a machine, what its answer says, and what is true.
type expected struct {
	machine []string // flags for an answer that a machine reads
	answer  func(t *testing.T, output string) []string
	truth   func(t *testing.T, all *Truth) []string
	ordered bool // the order is part of the answer
}

var asJSON, asCSV = []string{"--json"}, []string{"-o", "csv"}

// answers are those to the page's questions, by their headings.
var answers = map[string]expected{
	"Did my mail arrive, when, and what did the next server answer?": ofRecipients(func(o Outcome) bool {
		return o.Mail.From == "bounce+1354@list.example" && o.written("info@ok.test")
	}, nil).with(func(t *testing.T, all *Truth) {
		if !slices.ContainsFunc(all.Arrived, func(a Arrived) bool {
			return a.Sender == "bounce+1354@list.example" && a.Rcpt == "info@ok.test"
		}) {
			t.Error("the far end has not seen that mail")
		}
	}),
	"What did somebody send today?": ofMails(
		func(m *Mail) bool { return m.From == "bounce+1069@list.example" },
		func(r Reject) bool { return r.From == "bounce+1069@list.example" },
	).with(func(t *testing.T, all *Truth) {
		if !slices.ContainsFunc(all.Sent, func(s Sent) bool { return s.Sender == "bounce+1069@list.example" && s.QueueID != nil }) {
			t.Error("nobody has sent that mail")
		}
	}),
	"Who wrote to somebody?": ofMails(
		func(m *Mail) bool { return m.wroteTo("user125@ok.test") },
		func(r Reject) bool { return r.To == "user125@ok.test" },
	),
	"Which mails to a domain bounced, and why?": ofRecipients(func(o Outcome) bool {
		return o.Status == "bounced" && (strings.HasSuffix(o.To, "@bounce.test") || strings.HasSuffix(o.Orig, "@bounce.test"))
	}, nil),
	"Where is the mail with this message id?": ofMails(func(m *Mail) bool { return m.MessageID == "1354.11.1be7b967@corp.test" }, nil),
	"What is the mail with this queue id?":    ofMails(func(m *Mail) bool { return m.ID == "C9E7A98634E" }, nil),
	"Which way did a mail take across the servers?": ofJourney(func(m *Mail) bool {
		return m.MessageID == "1202.11.ccfb376166@corp.test"
	}),
	"What exactly happened to a mail, and when?": {asJSON, timeline, func(_ *testing.T, all *Truth) []string { return story(all.byID["272E798632B"]) }, false},
	"Why was a mail not delivered to everybody?": ofRecipients(func(o Outcome) bool {
		return o.Mail.From == "bounce+680@list.example" && o.Mail.mixed()
	}, func(_ Reject, m *Mail) bool { return m != nil && m.From == "bounce+680@list.example" && m.mixed() }),
	"What still waits, and since when?": ofMails(func(m *Mail) bool { return !m.Removed && !m.Deleted && !m.Requeued && m.Stopped == "" }, nil),
	"What was put off, and why?":        ofRecipients(func(o Outcome) bool { return o.Status == "deferred" }, nil),
	"Which mails are on hold?":          ofMails(func(m *Mail) bool { return m.OnHold && !m.Removed && !m.Deleted }, nil),
	"What did an operator delete?":      ofMails(func(m *Mail) bool { return m.Deleted }, nil),
	"What became of a mail that was put back into the queue?": ofJourney(func(m *Mail) bool { return m.ID == "356189862B3" }).with(func(t *testing.T, all *Truth) {
		if len(all.requeues) == 0 {
			t.Error("nothing was put back")
		}
	}),
	"Which mails expired?": ofRecipients(func(o Outcome) bool { return o.Status == "expired" }, nil),
	"Who was refused, and why?": ofRecipients(func(Outcome) bool { return false }, func(r Reject, _ *Mail) bool {
		return r.To == "nosuchuser@local.test"
	}),
	"Who got the mail to an alias?": ofRecipients(func(o Outcome) bool { return o.written("alias@corp.test") }, func(r Reject, _ *Mail) bool {
		return r.To == "alias@corp.test"
	}),
	"Was the sender told that it failed?": ofMails(func(m *Mail) bool { return m.Sender() == "<>" && m.wroteTo("bounce+680@list.example") }, nil),
	"What came from a machine, or a network?": ofMails(
		func(m *Mail) bool { return within("192.0.2.0/24", m.ClientIP) },
		func(r Reject) bool { return within("192.0.2.0/24", r.IP) },
	),
	"What was sent with somebody's login?": ofMails(func(m *Mail) bool { return m.User == "user8@corp.test" }, nil).with(func(t *testing.T, all *Truth) {
		sent := 0
		for _, s := range all.Sent {
			if s.Login != nil && *s.Login == "user8@corp.test" && s.QueueID != nil {
				sent++
				if m := all.byID[*s.QueueID]; m == nil || m.User != "user8@corp.test" {
					t.Errorf("%s was sent with that login, and the log does not say so", *s.QueueID)
				}
			}
		}
		if sent == 0 {
			t.Error("nothing was sent with that login")
		}
	}),
	"Which mails have a word in their subject?": ofMails(func(m *Mail) bool { return invoice.MatchString(m.Subject) }, nil).with(func(t *testing.T, all *Truth) {
		for _, s := range all.Sent {
			if invoice.MatchString(s.Subject) && s.QueueID != nil && all.byID[*s.QueueID].Subject != "" && !invoice.MatchString(all.byID[*s.QueueID].Subject) {
				t.Errorf("the subject of %s was sent, and is not in the log", *s.QueueID)
			}
		}
	}),
	"What went through a certain server, or was delivered locally?": ofRecipients(func(o Outcome) bool { return o.Relay == "local" }, nil),
	"Which mails are the biggest?": {asJSON, func(t *testing.T, output string) (out []string) {
		for _, d := range read(t, output) {
			out = append(out, fmt.Sprint(d.name(), " ", d.Size))
		}
		return out
	}, func(_ *testing.T, all *Truth) (out []string) {
		mails := slices.Clone(all.Mails)
		slices.SortStableFunc(mails, func(a, b *Mail) int { return cmp.Compare(b.Size, a.Size) })
		for _, m := range mails[:5] {
			out = append(out, fmt.Sprint(m.name(), " ", m.Size))
		}
		return out
	}, true},
	"Which mails are bigger than so much?": ofMails(func(m *Mail) bool { return m.Size >= 10<<10 }, nil),
	"What took longer than so long?":       ofRecipients(func(o Outcome) bool { return o.Delay >= 20 }, nil),
	"How many mails bounced?": {asJSON, func(t *testing.T, output string) []string {
		d := read(t, output)
		if len(d) != 1 || d[0].Messages == nil {
			t.Fatalf("no number: %s", output)
		}
		return []string{strconv.Itoa(*d[0].Messages)}
	}, func(_ *testing.T, all *Truth) []string {
		n := 0
		for _, m := range all.Mails {
			if slices.ContainsFunc(m.Outcomes(), func(o Outcome) bool { return o.Status == "bounced" }) {
				n++
			}
		}
		return []string{strconv.Itoa(n)}
	}, false},
	"Why do mails bounce?": ranking([]string{"dsn"}, "recipients", 20, func(all *Truth, count func(string)) {
		for _, o := range all.outcomes() {
			if o.Status == "bounced" || o.Status == "expired" {
				count(o.DSN)
			}
		}
	}),
	"Why are mails refused?": ranking([]string{"stage", "code", "dsn"}, "rejects", 20, func(all *Truth, count func(string)) {
		for _, r := range all.Rejects {
			word := strings.Fields(r.Reply)
			count(r.Stage + " " + word[0] + " " + word[1])
		}
	}),
	"Which login sends most?": ranking([]string{"user"}, "messages", 10, func(all *Truth, count func(string)) {
		for _, m := range all.Mails {
			if m.User != "" {
				count(m.User)
			}
		}
	}),
	"Which machine sends most?": ranking([]string{"client"}, "messages", 10, func(all *Truth, count func(string)) {
		for _, m := range all.Mails {
			if name := m.ClientName; name == "unknown" {
				count(m.ClientIP)
			} else if name != "" {
				count(name)
			}
		}
	}),
	"Who writes most?": ranking([]string{"sender"}, "messages", 3, func(all *Truth, count func(string)) {
		for _, m := range all.Mails {
			if m.HasFrom {
				count(m.Sender())
			}
		}
	}),
	"Which relay is slow?": {asCSV, func(t *testing.T, output string) (out []string) {
		for _, row := range rows(t, output) {
			out = append(out, relayLine(row["relay"], row["deliveries"], number(t, row["delay"]), number(t, row["hand_over"])))
		}
		return out
	}, slowRelays, true},
	"How many mails are there an hour?": {asCSV, func(t *testing.T, output string) (out []string) {
		for _, row := range rows(t, output) {
			sum := 0.0
			for _, name := range []string{"sent", "deferred", "bounced", "rejected", "other"} {
				sum += number(t, row[name])
			}
			if sum > 0 {
				out = append(out, fmt.Sprint(row["from"], " ", sum))
			}
		}
		return out
	}, func(_ *testing.T, all *Truth) []string {
		n := map[string]float64{}
		count := func(at time.Time) { n[at.Truncate(15*time.Minute).Format(time.RFC3339)]++ }
		for _, m := range all.Mails {
			count(m.Arrived())
		}
		for _, r := range all.Rejects {
			count(r.At)
		}
		var out []string
		for at, number := range n {
			out = append(out, fmt.Sprint(at, " ", number))
		}
		return out
	}, false},
}

var invoice = regexp.MustCompile(`(?i)\binvoice\b`)

// with adds a look at what the sending and the receiving program noted.
func (e expected) with(look func(t *testing.T, all *Truth)) expected {
	truth := e.truth
	e.truth = func(t *testing.T, all *Truth) []string {
		look(t, all)
		return truth(t, all)
	}
	return e
}

func read(t *testing.T, output string) []document {
	t.Helper()
	all, err := documents(output)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func rows(t *testing.T, output string) []map[string]string {
	t.Helper()
	all, err := table(output)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func number(t *testing.T, text string) float64 {
	t.Helper()
	x, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// ofMails expects a list of mails and refusals.
func ofMails(keep func(*Mail) bool, refused func(Reject) bool) expected {
	return expected{asJSON, func(t *testing.T, output string) (out []string) {
		for _, d := range read(t, output) {
			out = append(out, d.name())
		}
		return out
	}, func(_ *testing.T, all *Truth) (out []string) {
		for _, m := range all.Mails {
			if keep(m) {
				out = append(out, m.name())
			}
		}
		for _, r := range all.Rejects {
			if refused != nil && refused(r) {
				out = append(out, refusalName(r.Host, r.At, r.To))
			}
		}
		return out
	}, false}
}

// ofRecipients expects a list of recipients; refused is asked of those that were refused, with the mail that went to others.
func ofRecipients(keep func(Outcome) bool, refused func(r Reject, m *Mail) bool) expected {
	return expected{asJSON, func(t *testing.T, output string) (out []string) {
		for _, d := range read(t, output) {
			r := d.Recipient
			out = append(out, outcomeLine(d.name(), r.To, r.OrigTo, r.Status, r.Response))
		}
		return out
	}, func(_ *testing.T, all *Truth) (out []string) {
		for _, o := range all.outcomes() {
			if keep(o) {
				out = append(out, outcomeLine(o.Mail.name(), o.To, o.Orig, o.Status, o.Response))
			}
		}
		if refused == nil {
			return out
		}
		for _, m := range all.Mails {
			for _, r := range m.Refused {
				if refused(r, m) && !m.wroteTo(r.To) {
					out = append(out, outcomeLine(m.name(), r.To, "", "rejected", r.Reply))
				}
			}
		}
		for _, r := range all.Rejects {
			if refused(r, nil) {
				out = append(out, outcomeLine(refusalName(r.Host, r.At, r.To), r.To, "", "rejected", r.Reply))
			}
		}
		return out
	}, false}
}

// ofJourney expects all mails that hang together with some, with what each is to which.
func ofJourney(begin func(*Mail) bool) expected {
	return expected{asJSON, func(t *testing.T, output string) (out []string) {
		for _, d := range read(t, output) {
			out = append(out, strings.Join([]string{d.Document.name(), d.Relation, d.Of.QueueID}, " "))
		}
		return out
	}, func(_ *testing.T, all *Truth) []string { return all.journey(begin) }, false}
}

// ranking expects the greatest counts of some names, the greatest first.
func ranking(names []string, measure string, most int, each func(all *Truth, count func(string))) expected {
	return expected{asCSV, func(t *testing.T, output string) (out []string) {
		for _, row := range rows(t, output) {
			var name []string
			for _, n := range names {
				name = append(name, row[n])
			}
			out = append(out, strings.Join(name, " ")+" "+row[measure])
		}
		return out
	}, func(_ *testing.T, all *Truth) (out []string) {
		counts := map[string]int{}
		each(all, func(name string) { counts[name]++ })
		order := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
			return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
		})
		for _, name := range order[:min(most, len(order))] {
			out = append(out, fmt.Sprint(name, " ", counts[name]))
		}
		return out
	}, true}
}

func (m *Mail) name() string { return m.Host + " " + m.ID }

// written tells whether the mail for a recipient was written to an address.
func (o *Outcome) written(address string) bool {
	return strings.EqualFold(o.To, address) || strings.EqualFold(o.Orig, address)
}

func (m *Mail) wroteTo(address string) bool {
	return slices.ContainsFunc(m.Outcomes(), func(o Outcome) bool { return o.written(address) })
}

func (m *Mail) mixed() bool {
	all := m.Outcomes()
	return slices.ContainsFunc(all, func(o Outcome) bool { return o.Status != all[0].Status })
}

func (t *Truth) outcomes() (all []Outcome) {
	for _, m := range t.Mails {
		all = append(all, m.Outcomes()...)
	}
	return all
}

func within(network, ip string) bool {
	a, err := netip.ParseAddr(ip)
	return err == nil && netip.MustParsePrefix(network).Contains(a)
}

// timeline reads which line is told as what.
func timeline(t *testing.T, output string) (out []string) {
	for _, d := range read(t, output) {
		for _, moment := range d.Timeline {
			for _, l := range moment.Log {
				_, text, _ := strings.Cut(strings.TrimPrefix(l.Text, "warning: "), ": ")
				out = append(out, moment.Kind+" "+text)
			}
		}
	}
	return out
}

// story says which line tells what.
func story(m *Mail) (out []string) {
	kinds := []struct {
		kind string
		line *regexp.Regexp
	}{
		{"received", regexp.MustCompile(`^client=`)},
		{"message_id", regexp.MustCompile(`^message-id=`)},
		{"rejected", regexp.MustCompile(`^reject: RCPT`)},
		{"subject", regexp.MustCompile(`^warning: header Subject:`)},
		{"sent", regexp.MustCompile(`^to=<.*, status=sent \(`)},
		{"deferred", regexp.MustCompile(`^to=<.*, status=deferred \(`)},
		{"expired", regexp.MustCompile(`^from=<.*, status=expired, returned to sender$`)},
		{"removed", regexp.MustCompile(`^removed$`)},
		{"queued", regexp.MustCompile(`^from=<.*\(queue active\)$`)},
	}
	queued := false
	for _, l := range m.Lines {
		for _, k := range kinds {
			if !k.line.MatchString(l) {
				continue
			}
			if k.kind == "queued" && queued {
				k.kind = "active"
			}
			queued = queued || k.kind == "queued"
			out = append(out, k.kind+" "+l)
			break
		}
	}
	return out
}

// journey follows what the log itself says of other queue ids, in both directions.
func (t *Truth) journey(begin func(*Mail) bool) (out []string) {
	type link struct{ rel, from, to string }
	var links []link
	for _, m := range t.Mails {
		for _, o := range m.Outcomes() {
			next := t.byID[o.QueuedAs]
			switch {
			case next == nil:
			case o.Daemon == "local":
				links = append(links, link{"forwarded", m.ID, next.ID})
			case next.Host == m.Host:
				links = append(links, link{"reinjected", m.ID, next.ID})
			default:
				links = append(links, link{"next_server", m.ID, next.ID})
			}
		}
		for i, l := range m.Lines {
			_, id, found := strings.Cut(l, " notification: ")
			switch {
			case m.Programs[i] != "bounce" || !found:
			case strings.Contains(l, "delay"):
				links = append(links, link{"delay_notice", m.ID, id})
			default:
				links = append(links, link{"bounce", m.ID, id})
			}
		}
	}
	for _, r := range t.requeues {
		links = append(links, link{"requeued", r[0], r[1]})
	}
	known := map[string]bool{}
	for _, m := range t.Mails {
		known[m.ID] = begin(m)
	}
	for grown := true; grown; {
		grown = false
		for _, l := range links {
			if known[l.from] != known[l.to] {
				known[l.from], known[l.to], grown = true, true, true
			}
		}
	}
	parent := map[string]link{}
	for _, l := range links {
		parent[l.to] = l
	}
	for _, m := range t.Mails {
		if known[m.ID] {
			l := parent[m.ID]
			out = append(out, strings.Join([]string{m.name(), l.rel, l.from}, " "))
		}
	}
	return out
}

// slowRelays are the next hops of what was delivered, the slowest first.
func slowRelays(_ *testing.T, all *Truth) (out []string) {
	type sum struct {
		n              int
		delay, handing float64
	}
	sums := map[string]*sum{}
	for _, o := range all.outcomes() {
		if o.Status != "sent" {
			continue
		}
		name, _, _ := strings.Cut(o.Relay, "[")
		s := sums[name]
		if s == nil {
			s = new(sum)
			sums[name] = s
		}
		s.n++
		s.delay += o.Delay
		s.handing += o.Delays[2] + o.Delays[3]
	}
	order := slices.SortedFunc(maps.Keys(sums), func(a, b string) int {
		return cmp.Compare(sums[b].handing/float64(sums[b].n), sums[a].handing/float64(sums[a].n))
	})
	for _, name := range order {
		s := sums[name]
		out = append(out, relayLine(name, strconv.Itoa(s.n), s.delay/float64(s.n), s.handing/float64(s.n)))
	}
	return out
}

func relayLine(name, deliveries string, delay, handing float64) string {
	round := func(x float64) float64 { return math.Round(x*1000) / 1000 }
	return fmt.Sprintf("%s %s %.3f %.3f", name, deliveries, round(delay), round(handing))
}
