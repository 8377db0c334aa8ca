package esquery

import (
	"net/netip"
	"strings"
	"time"

	"github.com/postweave/postweave/worker/message"
)

// selectionQuery is a selection as a query. What the user gave goes into terms
// and patterns, never into a query's syntax. [message.Filter] is the same for a log.
func selectionQuery(s *message.Selection) object {
	filter := []object{}
	add := func(given bool, query func() object) {
		if given {
			filter = append(filter, query())
		}
	}
	add(s.From != "", func() object { return addressQuery(s.From, "from", "from_domain") })
	add(s.Subject != "", func() object {
		words := message.SubjectPatterns(s.Subject)
		return either(wordsQuery(words, "subject"), wordsQuery(words, "subjects"))
	})
	add(s.Text != "", func() object { return wordsQuery(message.SearchPatterns(s.Text), "search") })
	add(s.MessageID != "", func() object { return term("message_id", s.MessageID) })
	add(s.QueueID != "", func() object { return term("queue_id", s.QueueID) })
	add(s.ID != "", func() object {
		return either(term("queue_id", s.ID), term("message_id", s.ID), object{"ids": object{"values": []string{s.ID}}})
	})
	add(s.Client != "", func() object { return hostQuery(message.HostPattern(s.Client), "client.ip", "client.hostname") })
	add(s.User != "", func() object { return nameQuery(message.UserPattern(s.User), "sasl.username") })
	add(s.Server != "", func() object { return nameQuery(message.NamePattern(s.Server), "host.name") })
	add(s.Larger > 0, func() object { return object{"range": object{"size": object{"gte": s.Larger}}} })
	add(s.Open, func() object { return term("open", true) })
	add(!s.Since.IsZero() || !s.Until.IsZero(), func() object { return arrivedQuery(s.Since, s.Until) })
	return object{"bool": object{"filter": append(filter, recipientQueries(s)...)}}
}

// recipientQueries are the conditions on recipients. All together are asked of
// each nested recipient; a single one is quicker asked of the message, which has its recipients' fields too.
func recipientQueries(s *message.Selection) []object {
	var on, all []object
	if s.To != "" {
		if s.OfRecipients() {
			on = append(on, either(
				addressQuery(s.To, "recipients.to", "recipients.domain"), aliasQuery(s.To),
			))
		} else { // more than the recipients that are shown
			all = append(all, either(addressQuery(s.To, "to", "to_domain"), aliasQuery(s.To)))
		}
	}
	switch {
	case s.Status == "":
	case s.OfWholeMessage():
		all = append(all, term("status", s.Status))
	case s.OfRecipients():
		on = append(on, term("recipients.status", s.Status))
	default:
		// The counts know of all recipients, shown or not. Those of a probe call what could be delivered sent.
		counted := object{"bool": object{"filter": []object{term("kind", message.KindMessage), {"range": object{"counts." + s.Status: object{"gte": 1}}}}}}
		all = append(all, either(term("status", s.Status), term("recipients.status", s.Status), counted))
	}
	if s.Slower > 0 {
		on = append(on, object{"range": object{"recipients.delay": object{"gte": s.Slower.Seconds()}}})
	}
	if s.Relay != "" {
		p := message.HostPattern(s.Relay)
		relay := hostQuery(p, "recipients.relay.ip", "recipients.relay.hostname")
		if !p.Network.IsValid() {
			relay = either(relay, nameQuery(p, "recipients.relay.name"))
		}
		on = append(on, relay)
	}
	if len(on) > 0 {
		all = append(all, object{"nested": object{"path": "recipients", "query": object{"bool": object{"filter": on}}}})
	}
	return all
}

// aliasQuery looks at the address that was written to before it was expanded to others.
func aliasQuery(address string) object {
	p := message.AddressPattern(address)
	if p.Domain {
		p = message.Pattern{Text: "*@" + p.Text, Wildcard: true}
	}
	return patternQuery(p, "recipients.orig_to", false)
}

func addressQuery(value, address, domain string) object {
	p := message.AddressPattern(value)
	if p.Domain {
		return patternQuery(p, domain, false)
	}
	return patternQuery(p, address, false)
}

func hostQuery(p message.Pattern, ip, name string) object {
	if p.Network.IsValid() {
		return networkQuery(p.Network, ip)
	}
	return nameQuery(p, name)
}

// networkQuery takes addresses within a network, which Elasticsearch knows to
// be the same whether written as IPv4 or mapped to IPv6.
func networkQuery(network netip.Prefix, field string) object {
	if network.IsSingleIP() {
		return term(field, network.Addr().String())
	}
	if network.Contains(netip.IPv6Unspecified()) || network.Contains(firstMapped) { // in the index IPv4 addresses lie in there
		return object{"bool": object{"filter": []object{term(field, network.String())}, "must_not": []object{term(field, "0.0.0.0/0")}}}
	}
	return term(field, network.String())
}

// firstMapped is how the index keeps 0.0.0.0.
var firstMapped = netip.AddrFrom16([16]byte{10: 0xff, 11: 0xff})

// nameQuery compares without regard to case, in fields that keep it.
func nameQuery(p message.Pattern, field string) object { return patternQuery(p, field, true) }

func patternQuery(p message.Pattern, field string, fold bool) object {
	kind, value := "term", p.Text
	if p.Wildcard {
		kind, value = "wildcard", literalButStar.Replace(p.Text)
	}
	ask := object{"value": value}
	if fold {
		ask["case_insensitive"] = true
	}
	return object{kind: object{field: ask}}
}

// literalButStar leaves * alone a meaning: an address may hold a question mark.
var literalButStar = strings.NewReplacer(`\`, `\\`, `?`, `\?`)

// wordsQuery wants all words in a field.
func wordsQuery(words []message.WordPattern, field string) object {
	if len(words) == 0 {
		return object{"match_none": object{}}
	}
	var whole []string
	filter := []object{}
	for _, w := range words {
		if w.Wildcard {
			filter = append(filter, object{"wildcard": object{field: object{"value": literalButStar.Replace(w.Text)}}})
		} else {
			whole = append(whole, w.Text)
		}
	}
	if len(whole) > 0 {
		filter = append(filter, object{"match": object{field: object{"query": strings.Join(whole, " "), "operator": "and"}}})
	}
	return object{"bool": object{"filter": filter}}
}

func arrivedQuery(since, until time.Time) object {
	within := object{"format": "strict_date_optional_time"}
	if !since.IsZero() {
		within["gte"] = since.UTC().Format(time.RFC3339Nano)
	}
	if !until.IsZero() {
		within["lt"] = until.UTC().Format(time.RFC3339Nano)
	}
	return object{"range": object{"@timestamp": within}}
}

func term(field string, value any) object {
	return object{"term": object{field: object{"value": value}}}
}

func either(queries ...object) object {
	return object{"bool": object{"should": queries, "minimum_should_match": 1}}
}
