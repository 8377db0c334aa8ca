package faults

import (
	"fmt"
	"testing"
	"time"

	"github.com/postweave/postweave/test/loggen"
	"github.com/postweave/postweave/test/site"
)

// A log that was loaded with one stamp for all its lines has a moment with more
// lines than a backfill holds at once. Time divides it no further; nothing is lost, and memory stays bounded.
func TestMomentOfTooManyLines(t *testing.T) {
	s := site.New(t)
	at := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	const mails, lines = 20_500, 5
	var all []loggen.Line
	for n := range mails {
		id := fmt.Sprintf("4%05d0001z1SGX8", n)
		for _, l := range site.TextLines("mx1", at,
			"smtpd", id+": client=web.corp.test[192.0.2.11]",
			"cleanup", id+": message-id=<"+id+"@corp.test>",
			"qmgr", id+": from=<alice@corp.test>, size=500, nrcpt=1 (queue active)",
			"smtp", id+": to=<bob@ok.test>, relay=far.ok.test[198.51.100.1]:25, delay=4, delays=3/0/0.5/0.5, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as ABC)",
			"qmgr", id+": removed",
		) {
			l.Time = at
			all = append(all, l)
		}
	}
	docs := s.Shipped(loggen.LayoutSyslog, all...)
	for i := range docs {
		docs[i].Index = s.Daily(at.AddDate(0, 0, i%2))
	}
	s.Index(docs)
	if r := s.Backfill("2026-11-20", "2026-11-20"); r.Lines != mails*lines || r.Created < mails || r.Slices < 3 {
		t.Errorf("backfill of one moment: %+v, want %d lines in several slices", r, mails*lines)
	}
	if r := s.Run(); r.Lines != mails*lines || r.Created+r.Updated+r.Deleted != 0 {
		t.Errorf("a run over the same lines: %+v, want nothing to do", r)
	}
}
