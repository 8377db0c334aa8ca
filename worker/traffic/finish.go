package traffic

import (
	"fmt"
	"strings"
	"time"
)

// Figures are the figures of what was counted so far.
func (t *Tally) Figures() Figures {
	top := t.opts.Top
	f := Figures{
		Since: t.opts.Since.UTC(), Until: t.opts.Until.UTC(), Totals: t.totals,
		Outcomes: ByStatus(t.messages), RecipientOutcomes: ByStatus(t.byStatus()),
		DeliveryTimes: append([]Span{}, t.spans...),
		Senders:       ranking(&t.senders, top), SenderDomains: ranking(&t.senderDomains, top), Recipients: ranking(&t.to, top),
		RecipientDomains: t.destinations(top), Clients: t.clients(top), Users: ranking(&t.users, top), Servers: ranking(&t.servers, top),
		Biggest: t.biggest.list(), Bounces: t.bounced.top(top), Deferrals: t.deferred.top(top), Rejects: t.refusals(top),
		Time: Timeline{Buckets: []Bucket{}}, Notes: t.notes(),
	}
	f.Relays, f.SlowRelays = t.relays(top)
	if t.any {
		f.First, f.Last = time.UnixMilli(t.first).UTC(), time.UnixMilli(t.last).UTC()
		step, from, to := StepFor(f.Since, f.Until, f.First, f.Last)
		f.Time = NewTimeline(step, from, to, t.clock.coarser(step))
	}
	return f
}

func (t *Tally) byStatus() map[string]int64 {
	counts := make(map[string]int64)
	for i, status := range RecipientStatuses {
		counts[status] = t.recipients[i]
	}
	return counts
}

func entriesOf(b *bounded[Entry], out []Entry) (_ []Entry, others int64) {
	others = b.each(func(name string, e *Entry) { out = append(out, Entry{name, e.Messages, e.Bytes}) })
	return out, others
}

func ranking(b *bounded[Entry], top int) Ranking {
	all, others := entriesOf(b, nil)
	return Rank(all, others, top)
}

func (b *bounded[V]) notes(section string) []Note {
	if b.missing == 0 {
		return nil
	}
	return []Note{{section, fmt.Sprintf("there are more names than fit in memory; what is listed may be up to %d too few, and names of no more than that may be missing", b.missing)}}
}

func (t *Tally) clients(top int) Ranking {
	all, names := entriesOf(&t.names, nil)
	all, addresses := entriesOf(&t.addresses, all)
	return RankClients(all, names+addresses, top)
}

func (t *Tally) destinations(top int) Destinations {
	var all []Destination
	others := t.domains.each(func(name string, d *Destination) {
		x := *d
		x.Name = name
		all = append(all, x)
	})
	return RankDestinations(all, others, top)
}

func (t *Tally) relays(top int) (Relays, []Relay) {
	var all []Relay
	take := func(host bool) func(string, *relaySum) {
		return func(name string, s *relaySum) {
			all = append(all, Relay{
				Name: name, Host: host, Deliveries: s.deliveries,
				Delay: Mean(s.delayed, s.delays), HandOver: Mean(s.handedOver, s.handOvers),
			})
		}
	}
	others := t.hosts.each(take(true)) + t.hops.each(take(false))
	return RankRelays(all, others, top)
}

func (r *reasons) top(top int) Reasons {
	examples := examplesOf(&r.responses)
	var all []Reason
	others := r.codes.each(func(dsn string, n *int64) {
		all = append(all, Reason{DSN: dsn, Example: examples[dsn].text, Recipients: *n})
	})
	return RankReasons(all, others, top)
}

func (t *Tally) refusals(top int) Refusals {
	examples := examplesOf(&t.rejectTexts)
	var all []Refusal
	others := t.rejected.each(func(name string, n *int64) {
		parts := strings.Split(name, between)
		all = append(all, Refusal{Stage: parts[0], Code: parts[1], DSN: parts[2], Example: examples[name].text, Rejects: *n})
	})
	return RankRefusals(all, others, top)
}

// example is the most frequent text of a name.
type example struct {
	text string
	n    int64
}

// examplesOf finds the most frequent text of each name. A joined name ends with its text.
func examplesOf(texts *bounded[int64]) map[string]example {
	best := make(map[string]example)
	texts.each(func(joined string, n *int64) {
		i := strings.LastIndex(joined, between)
		name, text := joined[:i], joined[i+len(between):]
		if b, ok := best[name]; !ok || *n > b.n || *n == b.n && text < b.text {
			best[name] = example{text, *n}
		}
	})
	return best
}

func (t *Tally) notes() []Note {
	out := []Note{}
	add := func(n []Note) { out = append(out, n...) }
	add(t.senders.notes("senders"))
	add(t.senderDomains.notes("sender_domains"))
	add(t.to.notes("recipients"))
	add(t.domains.notes("recipient_domains"))
	add(t.names.notes("clients"))
	add(t.addresses.notes("clients"))
	add(t.users.notes("users"))
	add(t.servers.notes("servers"))
	for _, section := range []string{"relays", "slow_relays"} {
		add(t.hosts.notes(section))
		add(t.hops.notes(section))
	}
	add(t.bounced.notes("bounces"))
	add(t.deferred.notes("deferrals"))
	add(t.rejected.notes("rejects"))
	if t.rejectTexts.missing > 0 {
		add([]Note{{"rejects", exampleNote}})
	}
	return append(out, HiddenNote(t.totals.Recipients, t.shown)...)
}

const exampleNote = "there are more texts than fit in memory; an example may not be the most frequent one"

func (r *reasons) notes(section string) []Note {
	out := r.codes.notes(section)
	if r.responses.missing > 0 {
		out = append(out, Note{section, exampleNote})
	}
	return out
}

// HiddenNote says that documents hold fewer recipients than their messages had.
func HiddenNote(all, shown int64) []Note {
	if shown >= all {
		return nil
	}
	return []Note{{"recipient_domains", fmt.Sprintf(
		"%d of %d recipients are in the totals and not in domains, relays, times and reasons: a document holds the 1000 of a message that fared worst", all-shown, all)}}
}
