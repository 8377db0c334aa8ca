package worker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/postweave/postweave/worker/message"
)

// The simulated target by time, as of its last refresh.
func (s *simulated) within(from, to time.Time, want func(kind string) bool) (out []message.Stored) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(s.visible)) {
		d := s.visible[id]
		var doc struct {
			Kind string    `json:"kind"`
			At   time.Time `json:"@timestamp"`
		}
		if err := json.Unmarshal(d.Source, &doc); err != nil {
			panic(err)
		}
		if d.Part == 0 && want(doc.Kind) && !doc.At.Before(from) && doc.At.Before(to) {
			out = append(out, d)
		}
	}
	return out
}

func outline(d message.Stored) message.Outline {
	o, err := message.StoredOutline(d.Source)
	if err != nil {
		panic(err)
	}
	o.Key = d.Key
	return o
}

func (s *simulated) Within(ctx context.Context, from, to time.Time, take func(context.Context, []message.Outline) error) error {
	for page := range slices.Chunk(s.within(from, to, func(kind string) bool { return kind != message.KindReject }), 2) {
		var outlines []message.Outline
		for _, d := range page {
			outlines = append(outlines, outline(d))
		}
		if err := take(ctx, outlines); err != nil {
			return err
		}
	}
	return nil
}

func (s *simulated) Rejects(ctx context.Context, from, to time.Time, take func(context.Context, []message.Stored) error) error {
	for page := range slices.Chunk(s.within(from, to, func(kind string) bool { return kind == message.KindReject }), 2) {
		if err := take(ctx, page); err != nil {
			return err
		}
	}
	return nil
}

func (s *simulated) Identified(_ context.Context, ids []string) (out []message.Stored, _ error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ids {
		if d, ok := s.visible[id]; ok && d.Part == 0 {
			out = append(out, d)
		}
	}
	return out, nil
}

func (s *simulated) Outlines(ctx context.Context, keys []message.Key) (out []message.Outline, _ error) {
	found, err := s.Find(ctx, keys)
	for _, d := range found {
		out = append(out, outline(d))
	}
	return out, err
}

// put stores a document as somebody does who knows nothing of postweave.
func (s *simulated) put(id string, source []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seq++
	part := 0
	if strings.Contains(id, ".") {
		part = 1
	}
	s.live[id] = message.Stored{Key: keyOf(source), ID: id, Source: source, SeqNo: s.seq, PrimaryTerm: 1, Part: part}
}

// sliced is the source's lines in slices of time.
type sliced struct {
	lines    []message.HostLine
	from, to time.Time
	width    time.Duration
}

// days is what someLines tells of, two days and a half.
func days(lines []message.HostLine, width time.Duration) sliced {
	from := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	return sliced{lines, from, from.Add(60 * time.Hour), width}
}

func (s sliced) Each(ctx context.Context, take func(context.Context, time.Time, time.Time, *message.Batch) error) error {
	for from := s.from; from.Before(s.to); from = from.Add(s.width) {
		to := from.Add(s.width)
		b := &message.Batch{}
		for _, l := range s.lines {
			if !l.Time.Before(from) && l.Time.Before(to) {
				b.Add(l.Host, l.Line)
			}
		}
		if err := take(ctx, from, to, b); err != nil {
			return err
		}
	}
	return nil
}

type verification struct {
	report VerifyReport
	found  []Difference
	err    error
}

// kinds is what was found, as "kind queue id", sorted.
func (v verification) kinds() []string {
	var out []string
	for _, d := range v.found {
		out = append(out, strings.TrimSpace(string(d.Kind)+" "+d.QueueID))
	}
	slices.Sort(out)
	return out
}

func verify(target *simulated, source sliced, with func(*Verify)) verification {
	var out verification
	v := &Verify{
		Range: source, Target: target, Archive: target, Concurrency: 2,
		Found: func(d Difference) error {
			out.found = append(out.found, d)
			return nil
		},
	}
	if with != nil {
		with(v)
	}
	out.report, out.err = v.Do(context.Background())
	return out
}

func heal(v *Verify) { v.Heal = true }

// document is the id and JSON of the one document of a queue id that contains a text.
func (s *simulated) document(t testing.TB, parts ...string) (id string, source []byte) {
	t.Helper()
	for _, id := range slices.Sorted(maps.Keys(s.live)) {
		fits := !strings.Contains(id, ".")
		for _, p := range parts {
			fits = fits && bytes.Contains(s.live[id].Source, []byte(p))
		}
		if fits {
			return id, bytes.Clone(s.live[id].Source)
		}
	}
	t.Fatalf("no document with %q", parts)
	return "", nil
}

// without takes a line out of a document's log, and leaves the rest as it is.
func without(t testing.TB, source []byte, text string) []byte {
	t.Helper()
	from := bytes.Index(source, []byte(`"log":[`)) + len(`"log":[`)
	var log []json.RawMessage
	end := from
	d := json.NewDecoder(bytes.NewReader(source[from-1:]))
	if err := d.Decode(&log); err != nil {
		t.Fatal(err)
	}
	end += int(d.InputOffset()) - 1
	n := len(log)
	log = slices.DeleteFunc(log, func(l json.RawMessage) bool { return bytes.Contains(l, []byte(text)) })
	if len(log) == n {
		t.Fatalf("no line with %q in %s", text, source)
	}
	lines := make([]string, len(log))
	for i, l := range log {
		lines[i] = string(l)
	}
	return slices.Concat(source[:from-1], []byte("["+strings.Join(lines, ",")+"]"), source[end:])
}

func replaced(t testing.TB, source []byte, old, with string) []byte {
	t.Helper()
	if !bytes.Contains(source, []byte(old)) {
		t.Fatalf("no %q in %s", old, source)
	}
	return bytes.Replace(source, []byte(old), []byte(with), 1)
}

// injuries are what can be wrong with a target, by what verify is to say of it.
// lines are those that the source has.
var injuries = map[string]struct {
	want  []string
	quick bool // the numbers of lines tell
	hurt  func(t testing.TB, s *simulated)
}{
	"nothing": {nil, true, func(testing.TB, *simulated) {}},
	"a document deleted": {[]string{"missing 4jXBLW1S2Pz1SGX8"}, true, func(t testing.TB, s *simulated) {
		id, _ := s.document(t, "4jXBLW1S2Pz1SGX8")
		delete(s.live, id)
	}},
	"one of a short id deleted": {[]string{"missing 3A9C96093D"}, true, func(t testing.TB, s *simulated) {
		id, _ := s.document(t, `"mx1"`, "3A9C96093D", "r2@b.example")
		delete(s.live, id)
	}},
	"a line taken out": {[]string{"incomplete 4B9C96093E"}, false, func(t testing.TB, s *simulated) {
		id, doc := s.document(t, "4B9C96093E")
		s.put(id, without(t, doc, "status=deferred"))
	}},
	"lines never merged": {[]string{"incomplete 3A9C96093D"}, true, func(t testing.TB, s *simulated) {
		id, doc := s.document(t, `"mx2"`, "3A9C96093D")
		lines, _, err := message.StoredLines(doc)
		if err != nil {
			t.Fatal(err)
		}
		part := message.Merge(message.Key{Host: "mx2", QueueID: "3A9C96093D"}, lines[:4], message.Options{})
		s.put(id, part[0].AppendJSON(nil))
	}},
	"a field altered": {[]string{"different 4jXBLW1S2Pz1SGX8"}, false, func(t testing.TB, s *simulated) {
		id, doc := s.document(t, "4jXBLW1S2Pz1SGX8")
		s.put(id, replaced(t, doc, `"status":"sent"`, `"status":"bounced"`))
	}},
	"a copy under another id": {[]string{"orphan 4B9C96093E"}, true, func(t testing.TB, s *simulated) {
		_, doc := s.document(t, "4B9C96093E")
		s.put("AAAAAAAAAAAAAAAAAAAAAA", doc)
	}},
	"only under another id": {[]string{"missing 4jXBLW1S2Pz1SGX8", "orphan 4jXBLW1S2Pz1SGX8"}, false, func(t testing.TB, s *simulated) {
		id, doc := s.document(t, "4jXBLW1S2Pz1SGX8")
		delete(s.live, id)
		s.put("AAAAAAAAAAAAAAAAAAAAAA", doc)
	}},
	"halves in two documents": {[]string{"incomplete 4B9C96093E", "orphan 4B9C96093E"}, false, func(t testing.TB, s *simulated) {
		id, doc := s.document(t, "4B9C96093E")
		lines, _, err := message.StoredLines(doc)
		if err != nil {
			t.Fatal(err)
		}
		k := message.Key{Host: "mx2", QueueID: "4B9C96093E"}
		first, second := message.Merge(k, lines[:3], message.Options{}), message.Merge(k, lines[3:], message.Options{})
		s.put(id, first[0].AppendJSON(nil))
		s.put("BBBBBBBBBBBBBBBBBBBBBB", second[0].AppendJSON(nil))
	}},
	"a stub": {[]string{"quarantined 4jXBLW1S2Pz1SGX8"}, true, func(t testing.TB, s *simulated) {
		id, doc := s.document(t, "4jXBLW1S2Pz1SGX8")
		lines, _, err := message.StoredLines(doc)
		if err != nil {
			t.Fatal(err)
		}
		d := message.Merge(message.Key{Host: "mx2", QueueID: "4jXBLW1S2Pz1SGX8"}, lines, message.Options{})[0]
		s.put(id, d.AppendStubJSON(nil, "document_parsing_exception"))
	}},
	"an older schema": {[]string{"older_schema 4jXBLW1S2Pz1SGX8"}, true, func(t testing.TB, s *simulated) {
		id, doc := s.document(t, "4jXBLW1S2Pz1SGX8")
		s.put(id, replaced(t, doc, fmt.Sprintf(`"schema":%d`, message.Schema), `"schema":1`))
	}},
	"a reject deleted": {[]string{"missing"}, true, func(t testing.TB, s *simulated) {
		id, _ := s.document(t, `"kind":"reject"`)
		delete(s.live, id)
	}},
	"a reject altered": {[]string{"different"}, true, func(t testing.TB, s *simulated) {
		id, doc := s.document(t, `"kind":"reject"`)
		s.put(id, replaced(t, doc, `"dsn":"5.7.1"`, `"dsn":"4.7.1"`))
	}},
	"a reject moved to another day": {[]string{"different"}, true, func(t testing.TB, s *simulated) {
		id, doc := s.document(t, `"kind":"reject"`)
		s.put(id, replaced(t, doc, `"@timestamp":"2026-11-20`, `"@timestamp":"2025-01-20`))
	}},
	"a reject twice": {[]string{"orphan"}, true, func(t testing.TB, s *simulated) {
		_, doc := s.document(t, `"kind":"reject"`)
		s.put("CCCCCCCCCCCCCCCCCCCCCC", doc)
	}},
}

// merged is a target that a run has brought up to date.
func merged(t testing.TB, lines []message.HostLine, o message.Options) *simulated {
	t.Helper()
	target := newSimulated()
	if _, err := (&Run{Source: batches{batchOf(lines)}, Target: target, Options: o}).Do(context.Background()); err != nil {
		t.Fatal(err)
	}
	return target
}

// Whatever is wrong with a target is told of by its kind, without a write; mended, the
// target is what one run over all lines writes, and a second look finds nothing.
func TestVerifyFindsAndMends(t *testing.T) {
	lines := someLines()
	for name, c := range injuries {
		for _, width := range []time.Duration{5 * time.Hour, 60 * time.Hour} {
			t.Run(fmt.Sprintf("%s, slices of %v", name, width), func(t *testing.T) {
				target := merged(t, lines, message.Options{})
				c.hurt(t, target)
				before := target.content()
				got := verify(target, days(lines, width), nil)
				if !slices.Equal(got.kinds(), c.want) || errors.Is(got.err, ErrDifferent) != (len(c.want) > 0) {
					t.Errorf("found %q and %v, want %q", got.kinds(), got.err, c.want)
				}
				if got.report.Lines != len(lines) || got.report.Documents == 0 || got.report.Differences != len(c.want) {
					t.Errorf("report %+v", got.report)
				}
				dry := verify(target, days(lines, width), func(v *Verify) { v.Heal, v.DryRun = true, true })
				if r := dry.report; errors.Is(dry.err, ErrDifferent) != (len(c.want) > 0) || r.Created+r.Updated+r.Deleted != len(c.want) {
					t.Errorf("dry run: %+v, %v", dry.report, dry.err)
				}
				sameContent(t, target.content(), before)

				healed := verify(target, days(lines, width), heal)
				if healed.err != nil || healed.report.Mended != len(c.want) || !slices.Equal(healed.kinds(), c.want) {
					t.Errorf("healed: %q, %+v, %v", healed.kinds(), healed.report, healed.err)
				}
				sameContent(t, target.content(), wanted(batchOf(lines)))
				writes := target.writes
				if again := verify(target, days(lines, width), heal); again.err != nil || len(again.found) > 0 || target.writes != writes {
					t.Errorf("a second look: %q, %v, %d writes", again.kinds(), again.err, target.writes-writes)
				}
			})
		}
	}
}

// Where the source has dropped its lines that is no difference. What is wrong
// with the documents is mended from their own lines as far as these reach, and nothing is ever taken away.
func TestVerifyAfterRetention(t *testing.T) {
	lines := someLines()
	for name, c := range injuries {
		t.Run(name, func(t *testing.T) {
			target := merged(t, lines, message.Options{})
			c.hurt(t, target)
			hurt := target.content()
			healed := verify(target, days(nil, 7*time.Hour), heal)
			now := target.content()
			switch name {
			case "one of a short id deleted":
				// Without it the third is the second of its day, which its id says.
				if !slices.Equal(healed.kinds(), []string{"missing 3A9C96093D", "orphan 3A9C96093D"}) || healed.err != nil {
					t.Errorf("found %q, %v", healed.kinds(), healed.err)
				}
				if !slices.Equal(slices.Sorted(maps.Values(now)), slices.Sorted(maps.Values(hurt))) {
					t.Error("a document has other bytes than before")
				}
			case "a document deleted", "a reject deleted", "lines never merged", "a reject moved to another day":
				if len(healed.found) > 0 || healed.err != nil { // nobody can know
					t.Errorf("found %q, %v", healed.kinds(), healed.err)
				}
				sameContent(t, now, hurt)
			case "a line taken out":
				if !slices.Equal(healed.kinds(), c.want) || !errors.Is(healed.err, ErrDifferent) || healed.report.Spared != 1 || !healed.found[0].Spared {
					t.Errorf("found %q, %+v, %v", healed.kinds(), healed.report, healed.err)
				}
				sameContent(t, now, hurt)
			default:
				if !slices.Equal(healed.kinds(), c.want) || healed.err != nil {
					t.Errorf("found %q, %v, want %q", healed.kinds(), healed.err, c.want)
				}
				sameContent(t, now, wanted(batchOf(lines)))
			}
		})
	}
}

// --quick sees what the numbers of lines tell, and reads whole documents only
// where it must.
func TestVerifyByNumbersOfLines(t *testing.T) {
	lines := someLines()
	quick := func(v *Verify) { v.Outlines = v.Target.(*simulated) }
	for name, c := range injuries {
		t.Run(name, func(t *testing.T) {
			target := merged(t, lines, message.Options{})
			c.hurt(t, target)
			got := verify(target, days(lines, 60*time.Hour), quick)
			if c.quick && !slices.Equal(got.kinds(), c.want) {
				t.Errorf("found %q, want %q", got.kinds(), c.want)
			}
			if most := len(c.want) + 1; got.report.Merged > most {
				t.Errorf("%d of %d keys were merged", got.report.Merged, got.report.Keys)
			}
		})
	}
	// In narrow slices most keys lie across two: they are merged.
	target := merged(t, lines, message.Options{})
	injuries["a line taken out"].hurt(t, target)
	if got := verify(target, days(lines, 30*time.Minute), quick); !slices.Equal(got.kinds(), []string{"incomplete 4B9C96093E"}) {
		t.Errorf("across slices: %q", got.kinds())
	}
	// The document has as many lines as each of two slices, and they are those of the first.
	var halves []message.HostLine
	for _, l := range lines {
		if strings.HasPrefix(l.Text, "4B9C96093E") && !strings.HasSuffix(l.Text, "(try again)") {
			halves = append(halves, l)
		}
	}
	target = merged(t, halves[:3], message.Options{})
	if got := verify(target, days(halves, time.Hour), quick); !slices.Equal(got.kinds(), []string{"incomplete 4B9C96093E"}) {
		t.Errorf("as many lines in each slice: %q", got.kinds())
	}
}

// A source that knows fewer lines than the documents differs in nothing, and
// healing never makes a document smaller, whatever is missing on either side.
func TestHealingNeverShrinks(t *testing.T) {
	lines := someLines()
	rapid.Check(t, func(t *rapid.T) {
		o := logBounds[rapid.IntRange(0, len(logBounds)-1).Draw(t, "bound")]
		draw := func(label string) (some []message.HostLine) {
			keep := rapid.SliceOfN(rapid.Bool(), len(lines), len(lines)).Draw(t, label)
			for i, l := range lines {
				if keep[i] {
					some = append(some, l)
				}
			}
			return some
		}
		inTarget, inSource := draw("target"), draw("source")
		target := newSimulated()
		if _, err := (&Run{Source: batches{batchOf(inTarget)}, Target: target, Options: o}).Do(context.Background()); err != nil {
			t.Fatal(err)
		}
		got := verify(target, days(inSource, time.Duration(rapid.IntRange(1, 60).Draw(t, "hours"))*time.Hour), func(v *Verify) { v.Heal, v.Options = true, o })
		if got.err != nil {
			t.Fatal(got.err)
		}
		if d := target.difference(wantedWith(o, batchOf(append(slices.Clone(inTarget), inSource...)))); d != "" {
			t.Fatal(d)
		}
	})
}

// A log in parts is compared with all of them. A part that is gone is mended
// from the source, and where that has its lines no more the document stays.
func TestVerifyReadsAllParts(t *testing.T) {
	o := message.Options{MaxLogLines: 2}
	lines := someLines()
	with := func(heal bool) func(*Verify) { return func(v *Verify) { v.Options, v.Heal = o, heal } }
	target := merged(t, lines, o)
	if got := verify(target, days(lines, 9*time.Hour), with(true)); got.err != nil || len(got.found) > 0 {
		t.Fatalf("%q, %v", got.kinds(), got.err)
	}
	if got := verify(target, days(nil, 9*time.Hour), with(true)); got.err != nil || len(got.found) > 0 {
		t.Fatalf("%q, %v", got.kinds(), got.err)
	}
	id, doc := target.document(t, "4jXBLW1S2Pz1SGX8")
	target.put(id, replaced(t, doc, `"status":"sent"`, `"status":"bounced"`))
	if got := verify(target, days(nil, 9*time.Hour), with(true)); got.err != nil || !slices.Equal(got.kinds(), []string{"different 4jXBLW1S2Pz1SGX8"}) {
		t.Errorf("a field altered: %q, %v", got.kinds(), got.err)
	}
	gone := ""
	for part := range target.live {
		if lines, _, err := message.StoredLines(target.live[part].Source); err == nil && strings.HasPrefix(part, id+".") && len(lines) > 0 {
			gone = part
		}
	}
	delete(target.live, gone)
	hurt := target.content()
	want := []string{"incomplete 4jXBLW1S2Pz1SGX8"}
	if got := verify(target, days(nil, 9*time.Hour), with(true)); !errors.Is(got.err, ErrDifferent) || !slices.Equal(got.kinds(), want) || got.report.Spared != 1 {
		t.Errorf("without the source: %q, %v", got.kinds(), got.err)
	}
	sameContent(t, target.content(), hurt)
	if got := verify(target, days(lines, 60*time.Hour), with(true)); got.err != nil || !slices.Equal(got.kinds(), want) {
		t.Errorf("with the source: %q, %v", got.kinds(), got.err)
	}
	sameDocuments(t, target, wantedWith(o, batchOf(lines)))
}

// A document that is refused again stays a stub, with all its lines, and is not
// called mended. One that is taken now is.
func TestHealTriesStubsAgain(t *testing.T) {
	lines := someLines()
	target := newSimulated()
	target.refuse = func(c message.Change) bool {
		return bytes.Contains(c.Source, []byte(`"queue_id":"4jXBLW1S2Pz1SGX8"`)) && !bytes.Contains(c.Source, []byte("quarantined"))
	}
	if _, err := (&Run{Source: batches{batchOf(lines)}, Target: target}).Do(context.Background()); !errors.Is(err, ErrQuarantined) {
		t.Fatal(err)
	}
	stub := target.content()
	got := verify(target, days(lines, 60*time.Hour), heal)
	if !errors.Is(got.err, ErrDifferent) || got.report.Refused != 1 || got.report.Mended != 0 {
		t.Errorf("%+v, %v", got.report, got.err)
	}
	sameContent(t, target.content(), stub)
	target.refuse = nil
	if got := verify(target, days(nil, 60*time.Hour), heal); got.err != nil || got.report.Mended != 1 {
		t.Errorf("%+v, %v", got.report, got.err)
	}
	sameContent(t, target.content(), wanted(batchOf(lines)))
}

// What somebody else writes between the two looks is no difference.
func TestVerifyLooksTwice(t *testing.T) {
	lines := someLines()
	target := merged(t, lines[:len(lines)/2], message.Options{})
	source := days(lines, 60*time.Hour)
	got := verify(target, source, func(v *Verify) {
		v.Progress = func(time.Time, VerifyReport) {
			before := target.content()
			for id, doc := range wanted(batchOf(lines)) {
				if before[id] != doc {
					target.put(id, []byte(doc)) // not to be seen before the next refresh
				}
			}
		}
	})
	if got.err != nil || len(got.found) > 0 {
		t.Errorf("%q, %v", got.kinds(), got.err)
	}
}

// A document that a newer postweave wrote ends it, and nothing is written.
func TestVerifyAndRebuildRefuseNewerDocuments(t *testing.T) {
	lines := someLines()
	for _, part := range []string{"4jXBLW1S2Pz1SGX8", `"kind":"reject"`} {
		target := merged(t, lines, message.Options{})
		id, doc := target.document(t, part)
		target.put(id, replaced(t, doc, fmt.Sprintf(`"schema":%d`, message.Schema), `"schema":99`))
		before := target.content()
		for _, l := range [][]message.HostLine{lines, nil} {
			if got := verify(target, days(l, 60*time.Hour), heal); !errors.Is(got.err, ErrNewerSchema) {
				t.Errorf("verify: %v", got.err)
			}
		}
		if _, err := rebuild(target, nil); !errors.Is(err, ErrNewerSchema) {
			t.Errorf("rebuild: %v", err)
		}
		sameContent(t, target.content(), before)
	}
}

// A document that lies under another queue id than its lines is nobody's to
// merge: no mail is made of it, and it is not deleted.
func TestHealSparesLinesOfAnotherMail(t *testing.T) {
	lines := someLines()
	target := merged(t, lines, message.Options{})
	id, doc := target.document(t, "4jXBLW1S2Pz1SGX8")
	target.put(id, replaced(t, doc, `"queue_id":"4jXBLW1S2Pz1SGX8"`, `"queue_id":"4jXBLW1S2Pz1SGX9"`))
	before := target.content()
	got := verify(target, days(nil, 60*time.Hour), heal)
	if !errors.Is(got.err, ErrDifferent) || got.report.Spared == 0 || got.report.Spared != got.report.Differences {
		t.Errorf("%q, %+v, %v", got.kinds(), got.report, got.err)
	}
	sameContent(t, target.content(), before)
}

// Healing that is broken off at any write is completed by the next one, and
// meanwhile no line is in no document.
func TestHealingBrokenOff(t *testing.T) {
	lines := someLines()
	for _, name := range []string{"halves in two documents", "only under another id", "a copy under another id"} {
		for at := 1; ; at++ {
			target := merged(t, lines, message.Options{})
			injuries[name].hurt(t, target)
			target.crashAt = target.writes + at
			got := verify(target, days(nil, 60*time.Hour), heal)
			if got.err == nil {
				if at == 1 {
					t.Fatalf("%s: nothing was written", name)
				}
				break
			}
			if !errors.Is(got.err, errCrash) {
				t.Fatal(got.err)
			}
			target.crashAt = 0
			if got := verify(target, days(nil, 60*time.Hour), heal); got.err != nil {
				t.Fatal(got.err)
			}
			sameContent(t, target.content(), wanted(batchOf(lines)))
		}
	}
}

// More doubts than are kept are looked at at once, and none is told of twice.
func TestVerifyBoundsItsDoubts(t *testing.T) {
	lines := someLines()
	got := verify(newSimulated(), days(lines, 2*time.Hour), func(v *Verify) { v.maxDoubts = 1 })
	if len(got.found) != 5 { // keys, and the reject: of a short id's three documents the first look knows one
		t.Errorf("found %q", got.kinds())
	}
	target := newSimulated()
	if got := verify(target, days(lines, 2*time.Hour), func(v *Verify) { v.maxDoubts, v.Heal = 1, true }); got.err != nil {
		t.Fatal(got.err)
	}
	sameContent(t, target.content(), wanted(batchOf(lines)))
}

func TestVerifyEndsAtItsTime(t *testing.T) {
	lines := someLines()
	target := merged(t, lines, message.Options{})
	got := verify(target, days(lines, 10*time.Hour), func(v *Verify) { v.MaxRuntime = time.Nanosecond })
	if got.err != nil || !got.report.More || got.report.Slices != 1 || !got.report.UpTo.Equal(time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)) {
		t.Errorf("%+v, %v", got.report, got.err)
	}
}

// Stopped in the middle, it says that there is more to do.
func TestVerifyAndRebuildStopped(t *testing.T) {
	lines := someLines()
	target := merged(t, lines, message.Options{})
	ctx, stop := context.WithCancel(t.Context())
	v := &Verify{Range: days(lines, 10*time.Hour), Target: target, Archive: target, Progress: func(time.Time, VerifyReport) { stop() }}
	report, err := v.Do(ctx)
	if !errors.Is(err, context.Canceled) || !report.More || report.Slices != 1 {
		t.Errorf("verify: %+v, %v", report, err)
	}
	ctx, stop = context.WithCancel(t.Context())
	again, err := (&Rebuild{
		Target: target, Archive: target, From: days(nil, 0).from, To: days(nil, 0).to, Progress: func(time.Time, Report) { stop() },
	}).Do(ctx)
	if !errors.Is(err, context.Canceled) || !again.More || again.Slices != 1 {
		t.Errorf("rebuild: %+v, %v", again, err)
	}
}
