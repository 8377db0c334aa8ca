package worker

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/postweave/postweave/worker/message"
)

func rebuild(target *simulated, with func(*Rebuild)) (Report, error) {
	from := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	r := &Rebuild{Target: target, Archive: target, From: from, To: from.Add(60 * time.Hour), Concurrency: 2}
	if with != nil {
		with(r)
	}
	return r.Do(context.Background())
}

// Rebuilding brings the very bytes back, from the documents alone; what is right
// is not written.
func TestRebuildRestoresTheBytes(t *testing.T) {
	lines := someLines()
	for _, name := range []string{
		"nothing", "a field altered", "an older schema", "a stub", "a copy under another id", "only under another id", "halves in two documents",
		"a reject altered", "a reject twice",
	} {
		t.Run(name, func(t *testing.T) {
			target := merged(t, lines, message.Options{})
			injuries[name].hurt(t, target)
			hurt, writes := target.content(), target.writes
			dry, err := rebuild(target, func(r *Rebuild) { r.DryRun = true })
			if err != nil {
				t.Fatal(err)
			}
			sameContent(t, target.content(), hurt)
			report, err := rebuild(target, nil)
			if err != nil || report.Created != dry.Created || report.Updated != dry.Updated || report.Deleted != dry.Deleted {
				t.Errorf("%+v, %v; dry run %+v", report, err, dry)
			}
			if changed := report.Created + report.Updated + report.Deleted; (changed == 0) != (name == "nothing") || name == "nothing" && target.writes != writes {
				t.Errorf("%+v, %d writes", report, target.writes-writes)
			}
			if report.Documents != len(wanted(batchOf(lines))) {
				t.Errorf("%d documents, want %d", report.Documents, len(wanted(batchOf(lines))))
			}
			sameContent(t, target.content(), wanted(batchOf(lines)))
		})
	}
}

// Other settings are what a rebuild is for: the bytes are those of a run with
// them, of long logs too.
func TestRebuildWithOtherSettings(t *testing.T) {
	lines := someLines()
	for _, o := range logBounds {
		target := merged(t, lines, o)
		o.LocalDomains = []string{"b.example"}
		if report, err := rebuild(target, func(r *Rebuild) { r.Options = o }); err != nil || report.Updated == 0 {
			t.Fatalf("%+v, %v", report, err)
		}
		if d := target.difference(wantedWith(o, batchOf(lines))); d != "" {
			t.Error(d)
		}
	}
}

// Broken off at any write, it is completed by the next.
func TestRebuildBrokenOff(t *testing.T) {
	lines := someLines()
	o := message.Options{LocalDomains: []string{"b.example"}}
	with := func(r *Rebuild) { r.Options = o }
	for at := 1; ; at++ {
		target := merged(t, lines, message.Options{})
		injuries["halves in two documents"].hurt(t, target)
		target.crashAt = target.writes + at
		_, err := rebuild(target, with)
		if err == nil {
			if at < 5 {
				t.Fatalf("%d writes", at-1)
			}
			return
		}
		if !errors.Is(err, errCrash) {
			t.Fatal(err)
		}
		target.crashAt = 0
		if _, err := rebuild(target, with); err != nil {
			t.Fatal(err)
		}
		sameContent(t, target.content(), wantedWith(o, batchOf(lines)))
	}
}

// A document that lost lines says more than they give: it stays.
func TestRebuildSparesWhatLostLines(t *testing.T) {
	lines := someLines()
	target := merged(t, lines, message.Options{})
	injuries["a line taken out"].hurt(t, target)
	_, reject := target.document(t, `"kind":"reject"`)
	id, _ := target.document(t, `"kind":"reject"`)
	target.put(id, without(t, reject, "NOQUEUE"))
	hurt := target.content()
	if report, err := rebuild(target, nil); !errors.Is(err, ErrSpared) || len(report.Notes) != 1 {
		t.Errorf("%+v, %v", report, err)
	}
	sameContent(t, target.content(), hurt)
}

func TestRebuildEndsAtItsTime(t *testing.T) {
	target := merged(t, someLines(), message.Options{})
	report, err := rebuild(target, func(r *Rebuild) { r.MaxRuntime = time.Nanosecond })
	if err != nil || !report.More || report.Slices != 1 || len(report.Notes) != 1 {
		t.Errorf("%+v, %v", report, err)
	}
}

// Another writer that knows other lines of a short id's message may put them
// under another _id at the same moment: who looks once more unites them.
func TestRebuildUnitesWhatComesMeanwhile(t *testing.T) {
	k := message.Key{Host: "mx2", QueueID: "4B9C96093E"}
	var lines []message.HostLine
	for _, l := range someLines() {
		if l.Host == k.Host && strings.HasPrefix(l.Text, k.QueueID) {
			lines = append(lines, l)
		}
	}
	target := merged(t, lines[:4], message.Options{})
	id, doc := target.document(t, k.QueueID)
	target.put(id, replaced(t, doc, `"status":"deferred"`, `"status":"held"`))
	if err := target.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	lines = append(lines[:5], lines[6]) // without the delivery, which tells the arrival
	var rest []message.Line
	for _, l := range lines[4:] {
		rest = append(rest, l.Line)
	}
	other := message.Merge(k, rest, message.Options{})[0] // of the next day
	if other.ID == id {
		t.Fatal("both halves have one id")
	}
	came := false
	target.refuse = func(message.Change) bool {
		if !came {
			came = true
			target.live[other.ID] = message.Stored{Key: k, ID: other.ID, Source: other.AppendJSON(nil), SeqNo: 1000, PrimaryTerm: 1}
		}
		return false
	}
	if _, err := rebuild(target, nil); err != nil || !came {
		t.Fatal(err, came)
	}
	sameContent(t, target.content(), wanted(batchOf(lines)))
}
