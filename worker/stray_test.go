package worker

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/postweave/postweave/worker/message"
)

// A document whose queue id somebody altered is not found by it, and its _id is
// taken all the same. A run that meets it mends it, and does not stand there for ever.
func TestDocumentUnderAnotherQueueID(t *testing.T) {
	ctx := context.Background()
	lines := someLines()
	target := newSimulated()
	doRun(t, target, batches{batchOf(lines)})
	altered := 0
	for id, d := range target.live {
		if d.Key.QueueID == "4B9C96093E" {
			d.Source = bytes.Replace(d.Source, []byte(`"queue_id":"4B9C96093E"`), []byte(`"queue_id":"4B9C96FFFF"`), 1)
			d.Key.QueueID = "4B9C96FFFF"
			target.live[id] = d
			altered++
		}
	}
	if altered != 1 {
		t.Fatalf("%d documents altered", altered)
	}
	if err := target.Refresh(ctx); err != nil {
		t.Fatal(err)
	}
	var one []message.HostLine
	for _, l := range lines {
		if strings.HasPrefix(l.Text, "4B9C96093E: ") {
			one = append(one, l)
		}
	}
	r := doRun(t, target, batches{batchOf(one)})
	if r.Updated != 1 || r.Conflicts == 0 {
		t.Errorf("%+v, want one document updated after conflicts", r)
	}
	sameContent(t, target.content(), wanted(batchOf(lines)))
}

// A log that is none stops what would lose its lines, and the message names the
// document.
func TestDocumentWhoseLogIsNone(t *testing.T) {
	target := newSimulated()
	doRun(t, target, batches{batchOf(someLines())})
	name := ""
	for id, d := range target.live {
		if d.Key.QueueID == "4B9C96093E" {
			at := bytes.Index(d.Source, []byte(`"log":[`))
			end := bytes.LastIndex(d.Source, []byte(`],"schema"`))
			d.Source = append(append(bytes.Clone(d.Source[:at]), `"log":["x"`...), d.Source[end:]...)
			target.live[id], name = d, id
		}
	}
	if err := target.Refresh(context.Background()); err != nil {
		t.Fatal(err)
	}
	_, err := (&Run{Source: batches{batchOf(someLines())}, Target: target, Command: "run"}).Do(context.Background())
	if err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "delete it") {
		t.Errorf("error %v, want one that names %s and says what to do", err, name)
	}
}

func TestDryRunKnowsTheRejectsThatAreThere(t *testing.T) {
	target := newSimulated()
	rejects := &message.Batch{Rejects: batchOf(someLines()).Rejects}
	dry := func() Report {
		r, err := (&Run{Source: batches{rejects}, Target: target, Command: "run", DryRun: true}).Do(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := dry(); r.Created != 1 || r.Unchanged != 0 {
		t.Errorf("of an empty target: %+v", r)
	}
	doRun(t, target, batches{rejects})
	if err := target.Refresh(context.Background()); err != nil {
		t.Fatal(err)
	}
	if r := dry(); r.Created != 0 || r.Unchanged != 1 {
		t.Errorf("of a target that has them: %+v", r)
	}
}

// What was broken off says so, and a verification where it may go on.
func TestBrokenOffSaysThatThereIsMore(t *testing.T) {
	target := newSimulated()
	target.crashAt = 3
	r, err := (&Run{Source: batches{batchOf(someLines())}, Target: target, Command: "run"}).Do(context.Background())
	if !errors.Is(err, errCrash) || !r.More {
		t.Errorf("%v, more: %v", err, r.More)
	}
	v := &Verify{
		Range: days(someLines(), 10*time.Hour), Target: target, Archive: target, Heal: true,
		Found: func(Difference) error { return nil },
	}
	report, err := v.Do(context.Background())
	if !errors.Is(err, errCrash) || !report.More || !report.UpTo.IsZero() {
		t.Errorf("%v, more: %v from %v; want from the beginning", err, report.More, report.UpTo)
	}
}
