package esquery

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// Trace selects merged messages. Empty parts do not select.
type Trace struct {
	From, To    string // an address, or "@domain"; "<>" is the null sender
	Subject     string // words, all of which must be in it
	MessageID   string // without angle brackets
	QueueID     string // upper and lower case as logged
	Client      string // host name or address
	Status      string
	Since, Till time.Time // arrival: at or after, before
	Limit       int       // most messages returned, up to 10,000
}

// Each hands over the JSON of the messages that fit, newest first. more tells
// that there are others beyond the limit.
func (d *Documents) Each(ctx context.Context, t Trace, emit func(source []byte) error) (more bool, err error) {
	found, more, err := d.matching(ctx, t)
	if err != nil {
		return false, err
	}
	for i := range found {
		if err := emit(found[i].Source); err != nil {
			return false, err
		}
	}
	return more, nil
}

// matching returns the messages that fit, newest first.
func (d *Documents) matching(ctx context.Context, t Trace) (found []hit, more bool, err error) {
	limit := min(t.Limit, maxHits)
	hits, total, err := d.client.hits(ctx, Request{
		Op: "search messages", Method: http.MethodPost, Path: "/" + url.PathEscape(d.alias) + "/_search",
		Query: url.Values{"allow_partial_search_results": {"false"}}, Idempotent: true,
		Body: object{
			"size": limit, "track_total_hits": limit + 1, "query": t.query(),
			"sort": []object{
				{"@timestamp": object{"order": "desc"}},
				{"queue_id": object{"order": "asc", "missing": "_last"}},
				{"host.name": object{"order": "asc"}},
			},
		}.json(),
	})
	return hits, total > int64(limit), err
}

// query puts what the user asked for into terms, never into a query's syntax.
func (t Trace) query() object {
	filter := []object{}
	add := func(o object) { filter = append(filter, o) }
	term := func(field, value string) object { return object{"term": object{field: object{"value": value}}} }
	if t.From != "" {
		add(addressQuery(t.From, "from", "from_domain"))
	}
	if t.To != "" {
		// The address that was written to may have been expanded to others.
		add(either(addressQuery(t.To, "to", "to_domain"), addressQuery(t.To, "recipients.orig_to", "to_domain")))
	}
	if t.Subject != "" {
		add(object{"match": object{"subject": object{"query": t.Subject, "operator": "and"}}})
	}
	if t.MessageID != "" {
		add(term("message_id", t.MessageID))
	}
	if t.QueueID != "" {
		add(term("queue_id", t.QueueID))
	}
	if t.Client != "" {
		if _, err := netip.ParseAddr(t.Client); err == nil {
			add(term("client.ip", t.Client))
		} else {
			add(term("client.hostname", t.Client))
		}
	}
	if t.Status != "" {
		add(either(term("status", t.Status), term("recipients.status", t.Status)))
	}
	within := object{"format": "strict_date_optional_time"}
	if !t.Since.IsZero() {
		within["gte"] = t.Since.UTC().Format(time.RFC3339Nano)
	}
	if !t.Till.IsZero() {
		within["lt"] = t.Till.UTC().Format(time.RFC3339Nano)
	}
	if len(within) > 1 {
		add(object{"range": object{"@timestamp": within}})
	}
	return object{"bool": object{"filter": filter}}
}

func addressQuery(value, address, domain string) object {
	if name, ok := strings.CutPrefix(value, "@"); ok {
		return object{"term": object{domain: object{"value": name}}}
	}
	return object{"term": object{address: object{"value": value}}}
}

func either(queries ...object) object {
	return object{"bool": object{"should": queries, "minimum_should_match": 1}}
}
