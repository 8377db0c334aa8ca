package faults

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postweave/postweave/mappings"
	"github.com/postweave/postweave/test/loggen"
	"github.com/postweave/postweave/test/site"
)

// march is the day of the small corpus.
var march = time.Date(2026, 3, 20, 12, 0, 0, 0, time.UTC)

// smallCorpus is mail of two servers, one with long queue ids and one with
// short ones that come back, with rejects, in two arrivals: the second has late lines of the first's messages, one of
// which cuts a document in two.
func smallCorpus(s *site.Site) (first, second []site.Raw) {
	s.T.Helper()
	var lines []loggen.Line
	err := loggen.New(loggen.Config{Seed: 7, Messages: 14, Start: march, Span: 20 * time.Minute, Until: march.Add(80 * time.Minute), ReuseIDs: 0.3}).
		Run(func(l loggen.Line) error { lines = append(lines, l); return nil }, nil)
	if err != nil {
		s.T.Fatal(err)
	}
	rejects := site.TextLines("mx1", march,
		"smtpd", "NOQUEUE: reject: RCPT from far.test[198.51.100.9]: 554 5.7.1 <a@corp.test>: Relay access denied; from=<x@far.test> to=<a@corp.test> proto=ESMTP helo=<far>",
		"smtpd", "NOQUEUE: reject: RCPT from far.test[198.51.100.9]: 554 5.7.1 <b@corp.test>: Relay access denied; from=<x@far.test> to=<b@corp.test> proto=ESMTP helo=<far>")
	const id = "9A2B3C4D5E6"
	whole := site.TextLines("mx1", march.Add(10*time.Minute),
		"qmgr", id+": from=<s@a.example>, size=1000, nrcpt=1 (queue active)",
		"qmgr", id+": from=<t@a.example>, size=2000, nrcpt=1 (queue active)")
	whole[1].Time = march.Add(40 * time.Minute)
	late := site.TextLines("mx1", march.Add(40*time.Minute), "smtpd", id+": client=b.example[192.0.2.2]")
	for i, d := range s.Shipped(loggen.LayoutSyslog, lines...) {
		if i%3 == 1 || i > 2*len(lines)/3 {
			second = append(second, d)
		} else {
			first = append(first, d)
		}
	}
	first = append(first, s.Shipped(loggen.LayoutSyslog, append(whole, rejects[0])...)...)
	second = append(second, s.Shipped(loggen.LayoutSyslog, append(late, rejects[1])...)...)
	return first, second
}

// Whichever request a run or a backfill is killed at, and whether or not the node
// got it, one more that exits 0 leaves what one clean one leaves.
func TestF01KilledAtEveryRequest(t *testing.T) {
	for name, args := range map[string][]string{
		"run":      {"run"},
		"backfill": {"backfill", "--from", "2026-03-20T12:00:00Z", "--to", "2026-03-20T13:30:00Z"}, // two slices
	} {
		t.Run(name, func(t *testing.T) {
			s := site.New(t)
			first, second := smallCorpus(s)
			s.Index(first)
			s.Run()
			begin := imageOf(s)
			s.Index(second)
			clean := s.Beside("clean")
			clean.Run()
			want := site.Identified(clean.Documents())

			p := newProxy(t, s.Node)
			s.Through(p.URL).Must(args...)
			total, end := len(p.requests()), imageOf(s)
			site.Same(t, "two arrivals and one run over both", site.Identified(end[s.Target]), want)
			if len(begin[s.Target]) == 0 || len(end[s.Target]) <= len(begin[s.Target]) {
				t.Fatalf("%d documents, then %d: nothing to kill", len(begin[s.Target]), len(end[s.Target]))
			}
			for _, x := range []strike{killedBefore, killedAfter} {
				for k := 1; ; k++ {
					begin.restore(s)
					o, hit := x.at(s, p, k, everyRequest, nil, args...)
					if !hit {
						// What two goroutines ask may be a request more or less.
						if o.Code != 0 || k < total-2 {
							t.Errorf("it ends before request %d, want %d: exit %d\n%s", k, total, o.Code, o.Stderr)
						}
						break
					}
					s.Must(args...)
					end.equal(s, fmt.Sprintf("%s, request %d", x.what, k))
				}
				p.happened(t, x.what)
			}
			t.Logf("%d requests; killed %v", total, p.faults())
			settled(t, s)
		})
	}
}

// The same over the lab's whole log, five arrivals of it in random order and a
// fifth of it twice, at moments drawn by chance; and killed again and again, before any run gets to its end.
func TestF01KilledOverTheLargeCorpus(t *testing.T) {
	const lab, arrivals, kills = "lab-postfix-3.7", 5, 4
	r := drawn(t)
	s := site.New(t)
	p := newProxy(t, s.Node)
	total := 50 // requests of a run over one arrival; the last one's are known better
	for _, part := range strewn(s, r, site.ReadLines(t, lab+"/logstash-syslog.ndjson.gz"), arrivals) {
		s.Index(part)
		for range kills {
			x := []strike{killedBefore, killedAfter}[r.IntN(2)]
			k := 1 + r.IntN(total)
			if _, hit := x.at(s, p, k, everyRequest, nil, "run"); !hit {
				break // most slices were confirmed before an earlier kill
			}
		}
		from := len(p.requests())
		s.Through(p.URL).Must("run")
		total = max(total, len(p.requests())-from)
	}
	if n := p.faults()[killedBefore.what] + p.faults()[killedAfter.what]; n < arrivals {
		t.Errorf("killed %d times, want %d at least", n, arrivals)
	}
	t.Logf("%v", p.faults())
	settled(t, s)
	site.Same(t, "killed runs and merge", site.Sources(s.Documents()), site.Merged(t, site.CorpusFile(lab+"/mail.log.gz"), "--year", "2026"))
}

// strewn is raw documents in random order, a fifth of them twice, each in one of
// three daily indices, in so many parts.
func strewn(s *site.Site, r *rand.Rand, sources [][]byte, parts int) [][]site.Raw {
	var docs []site.Raw
	for _, i := range append(r.Perm(len(sources)), r.Perm(len(sources))[:len(sources)/5]...) {
		docs = append(docs, site.Raw{Index: s.Source + [...]string{"2026.11.21", "2026.11.22", "2026.11.23"}[r.IntN(3)], Source: sources[i]})
	}
	r.Shuffle(len(docs), func(i, j int) { docs[i], docs[j] = docs[j], docs[i] })
	return slices.Collect(slices.Chunk(docs, len(docs)/parts+1))
}

// A mail whose log continues in pieces beside its document: killed at each write
// of the run that makes the log too long.
func TestF01KilledWhileALogGetsPieces(t *testing.T) {
	s := site.New(t)
	const id, most = "9B2B3C4D5E6", 10_000
	text := []string{"smtpd", id + ": client=b.example[192.0.2.2]"}
	for i := range most + 20 {
		text = append(text, "smtp", fmt.Sprintf("%s: to=<r%d@b.example>, relay=none, delay=%d, delays=%d/0/0/0, dsn=4.4.1, status=deferred (later)", id, i, i+1, i+1))
	}
	docs := s.Shipped(loggen.LayoutPlain, site.TextLines("mx1", march, text...)...)
	s.Index(docs[:most-10])
	s.Run()
	begin := imageOf(s)
	s.Index(docs[most-10:])
	s.Run()
	end := imageOf(s)
	if before, after := len(begin[s.Target+"-log"]), len(end[s.Target+"-log"]); before != 0 || after == 0 {
		t.Fatalf("%d pieces before and %d after: it is not the run that makes them", before, after)
	}
	p := newProxy(t, s.Node)
	for _, x := range []strike{killedBefore, killedAfter} {
		k := 1
		for ; ; k++ {
			begin.restore(s)
			if _, hit := x.at(s, p, k, writes(s), nil, "run"); !hit {
				break
			}
			s.Must("run")
			end.equal(s, fmt.Sprintf("%s, write %d", x.what, k))
		}
		if k < 4 { // pieces, document, cursor
			t.Errorf("%s: a run has %d writes, want 3 at least", x.what, k-1)
		}
	}
	settled(t, s)
}

// Killed when all is written and before the cursor has moved: the next run reads
// the same lines, and writes nothing.
func TestF02KilledBeforeTheCursorIsSaved(t *testing.T) {
	for name, args := range map[string][]string{
		"run":      {"run", "--json"},
		"backfill": {"backfill", "--json", "--from", "2026-03-20T12:00:00Z", "--to", "2026-03-20T13:00:00Z"}, // the first slice
	} {
		t.Run(name, func(t *testing.T) {
			s := site.New(t)
			first, second := smallCorpus(s)
			s.Index(first)
			s.Run()
			s.Index(second)
			cursor := imageOf(s).place(s)
			p := newProxy(t, s.Node)
			if _, hit := killedBefore.at(s, p, 1, cursorWrites(s), nil, args...); !hit {
				t.Fatalf("the cursor was never saved\n%s", p)
			}
			p.happened(t, killedBefore.what)
			after := imageOf(s)
			if !slices.Equal(after.place(s), cursor) {
				t.Errorf("the cursor has moved: %q, want %q", after.place(s), cursor)
			}
			r := s.Report(s.Must(args...))
			if r.Lines == 0 || r.Created+r.Updated+r.Deleted+r.Quarantined != 0 || r.Unchanged == 0 {
				t.Errorf("the run after it: %+v, want lines and nothing written", r)
			}
			site.SameBytes(t, "revisions", revisions(s.Documents()), revisions(after[s.Target]))
			settled(t, s)
		})
	}
}

// Setup is killed at every request, over nothing and over an installation of an
// older schema. Whoever reads meanwhile finds every document, a run works or says that setup is due, and the
// next setup completes. (There is no copy and no swap of an alias: an upgrade changes the template and the mappings.)
func TestF49KilledSetup(t *testing.T) {
	s := site.New(t)
	s.Index(s.Shipped(loggen.LayoutSyslog, site.Mail("mx1", "1A2B3C4D5E6", march)...))
	s.Run()
	docs := site.Identified(s.Documents())
	p := newProxy(t, s.Node)

	older := func() {
		meta := map[string]any{"product": mappings.Product, "schema": mappings.Schema - 1}
		s.ES(http.MethodPut, "/"+s.Target+"/_mapping", map[string]any{"_meta": meta}, nil)
		var found struct {
			Templates []struct {
				Body map[string]json.RawMessage `json:"index_template"`
			} `json:"index_templates"`
		}
		s.ES(http.MethodGet, "/_index_template/"+s.Target, nil, &found)
		body := map[string]any{}
		for name, part := range found.Templates[0].Body {
			if !strings.HasPrefix(name, "created_date") && !strings.HasPrefix(name, "modified_date") { // Elasticsearch 9's own
				body[name] = part
			}
		}
		body["_meta"] = meta
		s.ES(http.MethodPut, "/_index_template/"+s.Target, body, nil)
	}
	fresh := func() {
		for _, name := range []string{mappings.FirstIndex(s.Target), mappings.LogIndex(s.Target), s.State} {
			s.ES(http.MethodDelete, "/"+name, nil, nil)
		}
		s.ES(http.MethodDelete, "/_index_template/"+s.Target, nil, nil)
	}
	for name, prepare := range map[string]func(){"older": older, "nothing": fresh} {
		t.Run(name, func(t *testing.T) {
			s := *s
			s.T = t
			due := 0
			for _, x := range []strike{killedBefore, killedAfter} {
				for k := 1; ; k++ {
					prepare()
					o, hit := x.at(&s, p, k, everyRequest, nil, "setup")
					if !hit {
						if o.Code != 0 || k < 5 {
							t.Errorf("setup without a kill before request %d: exit %d\n%s", k, o.Code, o.Stderr)
						}
						break
					}
					what := fmt.Sprintf("setup %s, request %d", x.what, k)
					if name == "older" {
						site.SameBytes(t, what+", what readers see", site.Identified(s.Documents()), docs)
					}
					if o := s.Call("run"); o.Code != 0 {
						due++
						refused(t, o, 1, "postweave setup")
					}
					s.Must("setup")
					if again := s.Must("setup", "--json"); strings.Contains(again.Stdout, "create") || strings.Contains(again.Stdout, "update") {
						t.Errorf("%s: setup was not complete: %s", what, again.Stdout)
					}
					s.Run()
					site.SameBytes(t, what, site.Identified(s.Documents()), docs)
				}
			}
			if due == 0 {
				t.Error("no kill left an installation that a run refuses: nothing is shown")
			}
			t.Logf("%v, %d times a run asked for setup", slices.Sorted(maps.Keys(p.faults())), due)
		})
	}
	settled(t, s)
}
