package esquery

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/postweave/postweave/worker/message"
	"github.com/postweave/postweave/worker/traffic"
)

// count counts messages, rejects and the messages' recipients.
func (c *trafficCount) count(ctx context.Context) error {
	step, from, to := traffic.StepFor(c.f.Since, c.f.Until, c.f.First, c.f.Last)
	var answer messagesAnswer
	body := object{
		"size": c.top, "sort": []object{
			{"size": object{"order": "desc"}},
			{"@timestamp": object{"order": "asc"}},
			{"host.name": object{"order": "asc"}},
			{"queue_id": object{"order": "asc", "missing": "_last"}},
		},
		"_source":     []string{"@timestamp", "from", "subject", "size", "status", "host.name", "queue_id", "counts.total"},
		"post_filter": object{"bool": object{"filter": []object{term("kind", message.KindMessage), {"exists": object{"field": "size"}}}}},
		"aggs": object{
			"messages": filterAgg(term("kind", message.KindMessage), c.messageAggs()),
			"rejects":  filterAgg(term("kind", message.KindReject), object{"by": c.refusalAggs()}),
			"probes":   object{"filter": term("kind", message.KindProbe)},
			"time":     filterAgg(object{"terms": object{"kind": []string{message.KindMessage, message.KindReject}}}, object{"by": timeAgg(step)}),
		},
	}
	selected := c.query
	c.query = withFirstRecipient(selected)
	a, err := c.ask(ctx, "count messages", body, &answer)
	c.query = selected
	if err != nil {
		return err
	}
	c.take(&answer)
	c.takeRecipients(&answer.Messages.Each)
	c.f.Time = traffic.NewTimeline(step, from, to, answer.Time.By.filled())
	c.f.Biggest, err = bigOnes(a.Hits.Hits)
	return err
}

// withFirstRecipient has each document that is returned tell its first recipient, which is one of up to a thousand. What
// fits stays the same.
func withFirstRecipient(query object) object {
	return object{"bool": object{"filter": []object{query}, "should": []object{{"nested": object{
		"path": "recipients", "query": object{"match_all": object{}}, "score_mode": "none",
		"inner_hits": object{"size": 1, "sort": []string{"_doc"}, "_source": []string{"recipients.to"}},
	}}}}}
}

func (c *trafficCount) messageAggs() object {
	bytes := object{"bytes": sumAgg("size")}
	named := object{"bool": object{"filter": []object{{"exists": object{"field": "client.hostname"}}}, "must_not": []object{term("client.hostname", unknownClient)}}}
	aggs := object{
		"bytes": sumAgg("size"), "recipients": sumAgg("counts.total"),
		"statuses":       object{"terms": object{"field": "status", "size": 100}},
		"senders":        c.termsAgg("from", c.top, bytes),
		"sender_domains": c.termsAgg("from_domain", c.top, bytes),
		"to":             c.termsAgg("to", c.top, bytes),
		"named":          filterAgg(named, object{"by": c.termsAgg("client.hostname", c.top, bytes)}),
		"unnamed":        filterAgg(object{"bool": object{"must_not": []object{named}}}, object{"by": c.termsAgg("client.ip", c.top, bytes)}),
		"users":          c.termsAgg("sasl.username", c.top, bytes),
		"servers":        c.termsAgg("host.name", c.top, bytes),
	}
	counts := object{}
	for _, status := range traffic.RecipientStatuses {
		counts[status] = sumAgg("counts." + status)
	}
	aggs["each"] = c.recipientAggs()
	aggs["counts"] = filterAgg(object{"match_all": object{}}, counts)
	return aggs
}

// unknownClient is what Postfix writes where a client's name could not be verified.
const unknownClient = "unknown"

// moreRefusals is how many stages, codes and enhanced codes are told apart: more than servers have.
const moreRefusals = 100

func (c *trafficCount) refusalAggs() object {
	by := func(field string, aggs object) object {
		return object{"terms": object{"field": field, "size": moreRefusals, "missing": ""}, "aggs": aggs}
	}
	return by("checks.stage", object{"by": by("checks.code", object{"by": by("checks.dsn", object{"text": exampleAgg("checks.text")})})})
}

// exampleAgg finds the most frequent value.
func exampleAgg(field string) object {
	return object{"terms": object{"field": field, "size": 1, "shard_size": fromEachShard}}
}

func timeAgg(step traffic.Step) object {
	return object{
		"date_histogram": object{"field": "@timestamp", "fixed_interval": duration(int64(step)), "offset": duration(step.Offset()), "min_doc_count": 1},
		"aggs":           object{"statuses": object{"terms": object{"field": "status", "size": 100}}, "bytes": sumAgg("size")},
	}
}

// duration is a length of time as Elasticsearch takes it.
func duration(ms int64) string { return strconv.FormatInt(ms, 10) + "ms" }

type messagesAnswer struct {
	Messages struct {
		Count      int64 `json:"doc_count"`
		Bytes      sumAnswer
		Recipients sumAnswer
		Statuses   termsAnswer[statusBucket]
		Senders    termsAnswer[entryBucket]
		Domains    termsAnswer[entryBucket] `json:"sender_domains"`
		To         termsAnswer[entryBucket]
		Named      struct{ By termsAnswer[entryBucket] }
		Unnamed    struct{ By termsAnswer[entryBucket] }
		Users      termsAnswer[entryBucket]
		Servers    termsAnswer[entryBucket]
		Counts     map[string]json.RawMessage // by status, and doc_count
		Each       recipientsAnswer
	}
	Rejects struct {
		Count int64 `json:"doc_count"`
		By    termsAnswer[struct {
			Key string
			By  termsAnswer[struct {
				Key string
				By  termsAnswer[refusalBucket]
			}]
		}]
	}
	Probes struct {
		Count int64 `json:"doc_count"`
	}
	Time struct{ By timeAnswer }
}

type statusBucket struct {
	Key   string
	Count int64 `json:"doc_count"`
}

type entryBucket struct {
	Key   string
	Count int64 `json:"doc_count"`
	Bytes sumAnswer
}

type refusalBucket struct {
	Key   string
	Count int64 `json:"doc_count"`
	Text  exampleAnswer
}

type exampleAnswer struct {
	Error   int64 `json:"doc_count_error_upper_bound"`
	Buckets []struct{ Key string }
}

func (e exampleAnswer) text() string {
	if len(e.Buckets) == 0 {
		return ""
	}
	return e.Buckets[0].Key
}

type timeAnswer struct {
	Buckets []struct {
		Key      float64 // milliseconds since 1970
		Statuses termsAnswer[statusBucket]
		Bytes    sumAnswer
	}
}

func (t timeAnswer) filled() map[int64]traffic.Bucket {
	out := make(map[int64]traffic.Bucket, len(t.Buckets))
	for _, x := range t.Buckets {
		b := traffic.Bucket{Bytes: x.Bytes.int()}
		for _, s := range x.Statuses.Buckets {
			b.Add(s.Key, s.Count)
		}
		out[int64(x.Key)] = b
	}
	return out
}

// take puts an answer into the figures.
func (c *trafficCount) take(a *messagesAnswer) {
	m := &a.Messages
	c.f.Totals = traffic.Totals{
		Messages: m.Count, Rejects: a.Rejects.Count, Probes: a.Probes.Count, Recipients: m.Recipients.int(), Bytes: m.Bytes.int(),
	}
	statuses := make(map[string]int64)
	for _, s := range m.Statuses.Buckets {
		statuses[s.Key] = s.Count
	}
	counts := make(map[string]int64)
	for _, status := range traffic.RecipientStatuses {
		var sum sumAnswer
		if json.Unmarshal(m.Counts[status], &sum) == nil {
			counts[status] = sum.int()
		}
	}
	c.f.Outcomes, c.f.RecipientOutcomes = traffic.ByStatus(statuses), traffic.ByStatus(counts)
	c.f.Senders = c.ranking("senders", m.Senders)
	c.f.SenderDomains = c.ranking("sender_domains", m.Domains)
	c.f.Recipients = c.ranking("recipients", m.To)
	c.f.Users = c.ranking("users", m.Users)
	c.f.Servers = c.ranking("servers", m.Servers)
	c.note("clients", m.Named.By.Error+m.Unnamed.By.Error)
	c.f.Clients = traffic.RankClients(append(entriesOf(m.Named.By), entriesOf(m.Unnamed.By)...), m.Named.By.Others+m.Unnamed.By.Others, c.top)
	c.takeRefusals(a)
}

func entriesOf(t termsAnswer[entryBucket]) []traffic.Entry {
	out := make([]traffic.Entry, len(t.Buckets))
	for i, b := range t.Buckets {
		out[i] = traffic.Entry{Name: b.Key, Messages: b.Count, Bytes: b.Bytes.int()}
	}
	return out
}

func (c *trafficCount) ranking(section string, t termsAnswer[entryBucket]) traffic.Ranking {
	c.note(section, t.Error)
	return traffic.Rank(entriesOf(t), t.Others, c.top)
}

func (c *trafficCount) takeRefusals(a *messagesAnswer) {
	var all []traffic.Refusal
	doubtful := false
	others, short := a.Rejects.By.Others, a.Rejects.By.Error
	for _, stage := range a.Rejects.By.Buckets {
		others, short = others+stage.By.Others, short+stage.By.Error
		for _, code := range stage.By.Buckets {
			others, short = others+code.By.Others, short+code.By.Error
			for _, dsn := range code.By.Buckets {
				doubtful = doubtful || dsn.Text.Error > 0
				all = append(all, traffic.Refusal{Stage: stage.Key, Code: code.Key, DSN: dsn.Key, Example: dsn.Text.text(), Rejects: dsn.Count})
			}
		}
	}
	c.note("rejects", short)
	c.exampleNote("rejects", doubtful)
	c.f.Rejects = traffic.RankRefusals(all, others, c.top)
}

// bigOnes reads the documents that were returned.
func bigOnes(hits []hit) ([]traffic.Big, error) {
	out := make([]traffic.Big, len(hits))
	for i := range hits {
		var d struct {
			Timestamp time.Time `json:"@timestamp"`
			From      string
			Subject   string
			Size      int64
			Status    string
			Host      struct{ Name string }
			QueueID   string `json:"queue_id"`
			Counts    struct{ Total int64 }
		}
		var inner struct {
			Recipients struct {
				Hits struct {
					Hits []struct {
						Source struct{ To string } `json:"_source"`
					}
				}
			}
		}
		if json.Unmarshal(hits[i].Source, &d) != nil || json.Unmarshal(hits[i].Inner, &inner) != nil {
			return nil, &Error{Class: ClassUnavailable, Op: "read the biggest messages", Err: errors.New("a document is none of postweave's")}
		}
		out[i] = traffic.Big{
			Time: time.UnixMilli(d.Timestamp.UnixMilli()).UTC(), From: d.From, Recipients: d.Counts.Total, Subject: d.Subject, Size: d.Size,
			Status: d.Status, Host: d.Host.Name, QueueID: d.QueueID,
		}
		if found := inner.Recipients.Hits.Hits; len(found) > 0 {
			out[i].To = found[0].Source.To
		}
	}
	return out, nil
}
