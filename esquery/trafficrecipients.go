package esquery

import (
	"github.com/postweave/postweave/worker/message"
	"github.com/postweave/postweave/worker/traffic"
)

// recipientAggs count what messages say about single recipients.
func (c *trafficCount) recipientAggs() object {
	sent := object{"times": timesAgg(), "hosts": c.hostsAgg(), "hops": c.hopsAgg()}
	return object{"nested": object{"path": "recipients"}, "aggs": object{
		"domains": c.termsAgg("recipients.domain", c.top, object{"statuses": object{"terms": object{"field": "recipients.status", "size": 100}}}),
		"sent":    filterAgg(recipientsWith(message.Sent), sent),
		"bounced": filterAgg(recipientsWith(message.Bounced, message.ExpiredStatus), object{"by": c.reasonsAgg()}),
		"waiting": filterAgg(recipientsWith(message.Deferred), object{"by": c.reasonsAgg()}),
	}}
}

func recipientsWith(statuses ...string) object {
	return object{"terms": object{"recipients.status": statuses}}
}

func timesAgg() object {
	var ranges []object
	for _, s := range traffic.Spans() {
		r := object{"from": s.From}
		if s.To > 0 {
			r["to"] = s.To
		}
		ranges = append(ranges, r)
	}
	return object{"range": object{"field": "recipients.delay", "ranges": ranges}}
}

// relayAgg lists next hops, with the sums that their means are made of.
func (c *trafficCount) relayAgg(field string) object {
	stats := func(field string) object { return object{"stats": object{"field": field}} }
	return c.termsAgg(field, max(traffic.RelaysCompared, c.top), object{
		"delay": stats("recipients.delay"), "connect": stats("recipients.delays.conn_setup"), "transmit": stats("recipients.delays.transmission"),
	})
}

func (c *trafficCount) hostsAgg() object { return c.relayAgg("recipients.relay.hostname") }

func (c *trafficCount) hopsAgg() object {
	unnamed := object{"bool": object{"must_not": []object{{"exists": object{"field": "recipients.relay.hostname"}}}}}
	return filterAgg(unnamed, object{"by": c.relayAgg("recipients.relay.name")})
}

func (c *trafficCount) reasonsAgg() object {
	agg := c.termsAgg("recipients.dsn", c.top, object{"text": exampleAgg("recipients.response")})
	terms, _ := agg["terms"].(object)
	terms["missing"] = ""
	return agg
}

type recipientsAnswer struct {
	Count   int64 `json:"doc_count"`
	Domains termsAnswer[struct {
		Key      string
		Count    int64 `json:"doc_count"`
		Statuses termsAnswer[statusBucket]
	}]
	Sent struct {
		Times struct {
			Buckets []struct {
				Count int64 `json:"doc_count"`
			}
		}
		Hosts termsAnswer[relayBucket]
		Hops  struct{ By termsAnswer[relayBucket] }
	}
	Bounced struct{ By termsAnswer[reasonBucket] }
	Waiting struct{ By termsAnswer[reasonBucket] }
}

type relayBucket struct {
	Key                      string
	Count                    int64 `json:"doc_count"`
	Delay, Connect, Transmit statsAnswer
}

type statsAnswer struct {
	Count int64
	Sum   float64
}

type reasonBucket struct {
	Key   string
	Count int64 `json:"doc_count"`
	Text  exampleAnswer
}

// takeRecipients puts an answer into the figures.
func (c *trafficCount) takeRecipients(a *recipientsAnswer) {
	c.shown = a.Count
	for i := range min(len(a.Sent.Times.Buckets), len(c.f.DeliveryTimes)) {
		c.f.DeliveryTimes[i].Deliveries = a.Sent.Times.Buckets[i].Count
	}
	c.takeDomains(a)
	for _, section := range []string{"relays", "slow_relays"} {
		c.note(section, a.Sent.Hosts.Error+a.Sent.Hops.By.Error)
	}
	relays := relaysOf(nil, a.Sent.Hosts, true)
	relays = relaysOf(relays, a.Sent.Hops.By, false)
	c.f.Relays, c.f.SlowRelays = traffic.RankRelays(relays, a.Sent.Hosts.Others+a.Sent.Hops.By.Others, c.top)
	c.f.Bounces = c.reasons("bounces", a.Bounced.By)
	c.f.Deferrals = c.reasons("deferrals", a.Waiting.By)
}

func (c *trafficCount) takeDomains(a *recipientsAnswer) {
	domains := make([]traffic.Destination, len(a.Domains.Buckets))
	for i, b := range a.Domains.Buckets {
		d := traffic.Destination{Name: b.Key, Recipients: b.Count}
		for _, s := range b.Statuses.Buckets {
			switch s.Key {
			case message.Sent:
				d.Sent = s.Count
			case message.Deferred:
				d.Deferred = s.Count
			case message.Bounced, message.ExpiredStatus:
				d.Bounced += s.Count
			}
		}
		domains[i] = d
	}
	c.note("recipient_domains", a.Domains.Error)
	c.f.RecipientDomains = traffic.RankDestinations(domains, a.Domains.Others, c.top)
}

func relaysOf(out []traffic.Relay, t termsAnswer[relayBucket], host bool) []traffic.Relay {
	for _, b := range t.Buckets {
		out = append(out, traffic.Relay{
			Name: b.Key, Host: host, Deliveries: b.Count,
			Delay:    traffic.Mean(traffic.Micros(b.Delay.Sum), b.Delay.Count),
			HandOver: traffic.Mean(traffic.Micros(b.Connect.Sum+b.Transmit.Sum), b.Connect.Count),
		})
	}
	return out
}

func (c *trafficCount) reasons(section string, t termsAnswer[reasonBucket]) traffic.Reasons {
	all := make([]traffic.Reason, len(t.Buckets))
	doubtful := false
	for i, b := range t.Buckets {
		doubtful = doubtful || b.Text.Error > 0
		all[i] = traffic.Reason{DSN: b.Key, Example: b.Text.text(), Recipients: b.Count}
	}
	c.note(section, t.Error)
	c.exampleNote(section, doubtful)
	return traffic.RankReasons(all, t.Others, c.top)
}
