package corpus

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"
)

// The README has one sentence for each situation, and no other.
func TestReadmeListsEverySituation(t *testing.T) {
	readme, err := fs.ReadFile(files, "README.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for line := range strings.Lines(string(readme)) {
		item, found := strings.CutPrefix(strings.TrimSpace(line), "- `")
		if !found {
			continue
		}
		name, says, found := strings.Cut(item, "`: ")
		if !found || len(says) < 20 || !strings.HasSuffix(says, ".") {
			t.Errorf("no sentence about %s", name)
		}
		if listed[name] {
			t.Errorf("%s is listed twice", name)
		}
		listed[name] = true
	}
	all, err := All()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		if !listed[s.Name] {
			t.Errorf("%s is not in the README", s.Name)
		}
		delete(listed, s.Name)
	}
	for name := range maps.Keys(listed) {
		t.Errorf("the README lists %s, which is not there", name)
	}
}

// Each situation is small, reads as a log, has facts for all its documents, and documents that
// are what the facts say.
func TestSituationsAreWhole(t *testing.T) {
	all, err := All()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 60 {
		t.Fatalf("%d situations", len(all))
	}
	for _, s := range all {
		t.Run(s.Name, func(t *testing.T) {
			if strings.Trim(s.Name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
				t.Error("the name is not in kebab case")
			}
			lines, err := s.Lines()
			if err != nil || len(lines) < 3 || len(lines) > 40 {
				t.Errorf("%d lines, %v", len(lines), err)
			}
			if len(s.Facts.Documents) == 0 || len(s.Facts.Documents) != len(s.Documents) {
				t.Errorf("%d facts, %d documents", len(s.Facts.Documents), len(s.Documents))
			}
			for _, d := range s.Facts.Documents {
				for _, must := range []string{"status", "recipients"} {
					if _, said := d[must]; !said {
						t.Errorf("nothing is said of the %s of %v", must, d["queue_id"])
					}
				}
				if _, said := d["complete"]; !said && d["kind"] != "reject" {
					t.Errorf("nothing is said of whether %v is complete", d["queue_id"])
				}
			}
			for _, wrong := range s.Facts.Wrong(s.Documents) {
				t.Error(wrong)
			}
		})
	}
}

// A single change of a document does not pass the facts: of what they name, and
// of what they say by leaving it out.
func TestFactsFindWhatIsWrong(t *testing.T) {
	const sound = `{"kind":"message","@timestamp":"2026-03-02T07:00:00.000Z","host":{"name":"a"},"queue_id":"AAAAAA1","status":"mixed","complete":true,"open":false,` +
		`"from":"x@y.example","recipients":[{"to":"a@b.example","status":"bounced","attempts":2},{"to":"c@b.example","status":"sent","attempts":1}],` +
		`"counts":{"sent":1,"deferred":0,"bounced":1,"expired":0,"rejected":0,"discarded":0,"deleted":0,"held":0,"queued":0,"total":2},"unparsed":0,"log":[{"text":"fake"}]}`
	var f Facts
	if err := json.Unmarshal([]byte(`{"nowhere":["fake"],"documents":[{"queue_id":"AAAAAA1","status":"mixed","complete":true,"tls":null,"from":"x@y.example",`+
		`"recipients":[{"to":"a@b.example","status":"bounced","attempts":2},{"to":"c@b.example","status":"sent"}]}]}`), &f); err != nil {
		t.Fatal(err)
	}
	if wrong := f.Wrong([]string{sound}); len(wrong) > 0 {
		t.Fatalf("%q", wrong)
	}
	for _, change := range [][2]string{
		{`"status":"mixed"`, `"status":"sent"`},
		{`"kind":"message"`, `"kind":"probe"`},
		{`AAAAAA1`, `AAAAAA2`},
		{`"complete":true`, `"complete":false`},
		{`"open":false`, `"open":true`},
		{`"from":"x@y.example"`, `"from":"<>"`},
		{`"from":"x@y.example",`, ``},
		{`"to":"a@b.example"`, `"to":"b@b.example"`},
		{`"status":"bounced"`, `"status":"deferred"`},
		{`"attempts":2`, `"attempts":1`},
		{`"attempts":1`, `"attempts":2`},
		{`"attempts":1`, `"attempts":1,"orig_to":"z@b.example"`},
		{`"attempts":1`, `"attempts":1,"remote_queue_id":"Z"`},
		{`"attempts":1}`, `"attempts":1},{"to":"d@b.example","status":"sent","attempts":1}`},
		{`"sent":1`, `"sent":2`},
		{`"held":0`, `"held":1`},
		{`"total":2`, `"total":3`},
		{`"unparsed":0`, `"unparsed":1`},
		{`"unparsed":0`, `"unparsed":0,"warnings":["clock_skew"]`},
		{`"unparsed":0`, `"unparsed":0,"links":[{"rel":"bounce"}]`},
		{`"unparsed":0`, `"unparsed":0,"checks":[{}]`},
		{`"unparsed":0`, `"unparsed":0,"tls":{}`},
		{`"unparsed":0`, `"unparsed":0,"message_id":"fake"`},
	} {
		changed := strings.Replace(sound, change[0], change[1], 1)
		if wrong := f.Wrong([]string{changed}); changed == sound || len(wrong) == 0 {
			t.Errorf("%s for %s is not found", change[1], change[0])
		}
	}
	for _, docs := range [][]string{nil, {sound, sound}, {"{"}} {
		if len(f.Wrong(docs)) == 0 {
			t.Errorf("%d documents for one are not found", len(docs))
		}
	}
}

// Core leaves out nothing but the session.
func TestCore(t *testing.T) {
	doc := `{"a":1,"tls":{"version":"x"},"recipients":[{"tls":"may"}],"session":{"checks":[]},"z":2}`
	if got := Core(doc); got != `{"a":1,"recipients":[{"tls":"may"}],"z":2}` {
		t.Error(got)
	}
	if got := Cores([]string{"b", `{"session":1}`, "a"}); !slices.Equal(got, []string{"a", "b", "{}"}) {
		t.Error(fmt.Sprint(got))
	}
}
