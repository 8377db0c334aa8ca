package esquery

import (
	"context"
	"hash/maphash"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/postweave/postweave/worker/message"
	"github.com/postweave/postweave/worker/postlog"
)

const (
	// sampleLines are looked at of each way of indexing, the newest ones, of the newest sampleIndices indices.
	sampleLines   = 3_000
	sampleIndices = 5
	sampleGroups  = 20
	// enoughMails is how many mails a server needs in the sample for that none has a subject to say something.
	enoughMails = 20
)

// sample is what the newest lines say of all lines.
type sample struct {
	lines      int // of Postfix and its filters
	unreadable int // documents without host, time or text
	withID     int // lines that begin with a queue id
	unknown    int // of them not understood
	cut        int // deliveries whose answer has no end
	deliveries int
	twice      int // equal to one before
	long       int // queue ids of the long kind, a line each
	hosts      map[string]*sampledHost

	seed maphash.Seed
	seen map[uint64]bool
}

// sampledHost is one server in the sample.
type sampledHost struct {
	named, handedIn queueIDs // those with a line of a Message-ID, and of an origin
	subjects        int      // lines with one
	newest          time.Time
	lags            []time.Duration // from stamp to ingest time
}

func (s *sample) servers() []string { return slices.Sorted(maps.Keys(s.hosts)) }

// lines reads a sample and judges it.
func (x *examination) lines(ctx context.Context) error {
	if len(x.fields) == 0 {
		return nil
	}
	s := &sample{hosts: make(map[string]*sampledHost), seen: make(map[uint64]bool), seed: maphash.MakeSeed()}
	for _, names := range x.alike() {
		if err := x.draw(ctx, s, names); err != nil {
			return x.failed(ctx, "source-unreadable", err)
		}
	}
	x.judge(s)
	return nil
}

// alike groups the indices that are read alike, newest first, and takes the first of each group.
func (x *examination) alike() [][]string {
	groups := make(map[string][]string)
	for _, name := range slices.Backward(slices.Sorted(maps.Keys(x.fields))) {
		f := x.fields[name]
		// What is read alike may be of several shippers, each with names of its own.
		stem := strings.TrimRight(name, "0123456789.-")
		key := strings.Join(slices.Concat([]string{stem}, f.sources, f.programs, f.ingest), " ")
		if len(groups[key]) < sampleIndices {
			groups[key] = append(groups[key], name)
		}
	}
	var out [][]string
	for _, key := range slices.Sorted(maps.Keys(groups)) {
		if len(out) < sampleGroups {
			out = append(out, groups[key])
		}
	}
	return out
}

// draw takes the newest lines of indices that are read alike.
func (x *examination) draw(ctx context.Context, s *sample, indices []string) error {
	f := x.fields[indices[0]]
	a, err := x.client.search(ctx, Request{
		Op: "read a sample of lines", Method: http.MethodPost, Path: "/" + indexPath(indices) + "/_search", Idempotent: true, Source: true,
		Query: url.Values{"allow_partial_search_results": {"false"}},
		Body: object{
			"size": sampleLines, "track_total_hits": false, "query": x.source.relevant(f), "_source": true,
			"sort": []object{{f.time: object{"order": "desc", "unmapped_type": "date"}}}, "docvalue_fields": ingestDates(f),
		}.json(),
	})
	if err != nil {
		return err
	}
	decoder := newLineDecoder(f)
	bare := make(map[string]bool)
	for i := range a.Hits.Hits {
		h := &a.Hits.Hits[i]
		if len(h.Source) == 0 {
			if !bare[h.Index] {
				x.find("no-source-kept", h.Index, "the mapping switches _source off")
			}
			bare[h.Index] = true
			continue
		}
		d, ok := decoder.decode(h.Source)
		if !ok {
			s.unreadable++
			continue
		}
		ingested := time.Time{}
		for _, name := range f.ingest {
			if t, ok := parseTime(h.field(name)); ok {
				ingested = t
				break
			}
		}
		d.host = oneLine(x.source.hostName(d.host))
		s.add(d, ingested)
	}
	return nil
}

func ingestDates(f *fields) []object {
	out := make([]object, len(f.ingest))
	for i, name := range f.ingest {
		out[i] = object{"field": name, "format": "strict_date_optional_time"}
	}
	return out
}

// queueIDs are the queue ids of some lines, no more than the sample has lines.
type queueIDs map[string]struct{}

func (q *queueIDs) add(id string) {
	if *q == nil {
		*q = make(queueIDs)
	}
	(*q)[strings.Clone(id)] = struct{}{}
}

// mails counts those that somebody handed in, of which the sample has the header's line as well: header_checks never see
// notices, and a sample of a night or of a storm of bounces may hold nothing else.
func (h *sampledHost) mails() (n int) {
	for id := range h.named {
		if _, found := h.handedIn[id]; found {
			n++
		}
	}
	return n
}

// add counts one line.
func (s *sample) add(d decoded, ingested time.Time) {
	s.lines++
	host := s.hosts[d.host]
	if host == nil {
		host = &sampledHost{}
		s.hosts[d.host] = host
	}
	if d.line.Time.After(host.newest) {
		host.newest = d.line.Time
	}
	if !ingested.IsZero() {
		host.lags = append(host.lags, ingested.Sub(d.line.Time))
	}
	if same := s.digest(&d); s.seen[same] {
		s.twice++
	} else {
		s.seen[same] = true
	}
	event := postlog.Parse(d.line.Program, d.line.Text)
	if event.QueueID == "" {
		return
	}
	s.withID++
	if postlog.IsLongQueueID(event.QueueID) {
		s.long++
	}
	switch event.Kind {
	case postlog.Unknown:
		s.unknown++
	case postlog.MessageID:
		host.named.add(event.QueueID)
	case postlog.Client, postlog.Pickup:
		host.handedIn.add(event.QueueID)
	case postlog.Verdict:
		if message.HoldsSubject(&event) {
			host.subjects++
		}
	case postlog.Delivery:
		s.deliveries++
		if event.Delivered.Incomplete {
			s.cut++
		}
	}
}

func (s *sample) digest(d *decoded) uint64 {
	l := &d.line
	return maphash.String(s.seed, strings.Join([]string{d.host, l.Time.String(), l.Program, l.PID, l.Text}, "\x00"))
}

// judge tells what the sample shows.
func (x *examination) judge(s *sample) {
	const few, some = 50, 5 // one in fifty, one in five
	if s.lines > 0 && s.unreadable*few > s.lines || s.lines == 0 && s.unreadable > 0 {
		x.find("lines-unreadable", "", "%d of %d documents of Postfix and its filters lack host, time or text", s.unreadable, s.lines+s.unreadable)
	}
	if s.withID == 0 {
		if s.unreadable == 0 {
			x.find("no-postfix-lines", "", "of the newest documents, %s of a program that is read, and none begins with a queue id", counted(s.lines, "is", "are"))
		}
		return
	}
	understood := 100 * float64(s.withID-s.unknown) / float64(s.withID)
	if s.unknown > 2 && s.unknown*few > s.withID {
		x.find("not-understood", "", "of %d lines with a queue id, %.1f %% are understood", s.withID, understood)
	} else {
		x.fine("lines", "", "of %d lines with a queue id, %.1f %% are understood", s.withID, understood)
	}
	if s.cut > 2 && s.cut*few > s.deliveries {
		x.find("lines-cut", "", "%d of %d deliveries end in the middle of the answer", s.cut, s.deliveries)
	}
	if s.twice*some > s.lines {
		x.find("lines-twice", "", "%d of %d lines are there more than once", s.twice, s.lines)
	}
	if short := s.withID - s.long; short*2 > s.withID {
		x.find("ids-short", "", "%d of %d lines have a short queue id", short, s.withID)
	}
	x.judgeSubjects(s)
	x.clocksOfServers(s)
}

// judgeSubjects tells whether header_checks logs subjects. A few mails have none by themselves.
func (x *examination) judgeSubjects(s *sample) {
	mails, subjects, logging := 0, 0, 0
	var without []string
	for _, host := range s.servers() {
		h := s.hosts[host]
		mails, subjects = mails+h.mails(), subjects+h.subjects
		if h.subjects > 0 {
			logging++
		}
		if h.mails() >= enoughMails && h.subjects == 0 {
			without = append(without, host)
		}
	}
	switch {
	case mails == 0:
	case subjects == 0:
		x.find("no-subjects", "", "none of %s has a logged subject", counted(mails, "mail", "mails"))
	case len(without) > 0:
		x.find("subjects-missing", strings.Join(firstOf(without), ", "), "%s subjects, and %s without any", counted(logging, "server logs", "servers log"), counted(len(without), "is", "are"))
	default:
		x.fine("subjects", "", "header_checks logs subjects: %d in %s", subjects, counted(mails, "mail", "mails"))
	}
}
