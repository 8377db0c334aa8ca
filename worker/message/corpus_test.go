package message

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// picked are messages of the lab corpus that are unlike each other.
var picked = []struct{ host, queueID, why string }{
	{"mx1", "D64BA98628F", "sent, with a login"},
	{"mx1", "272E798632B", "mixed, retried, a refused recipient"},
	{"mx1", "88905986333", "expired"},
	{"mx1", "408679863A9", "bounced, with its notice"},
	{"mx1", "4A845986023", "a bounce"},
	{"mx1", "04E649860CF", "forwarded"},
	{"mx1", "084F1986458", "requeued"},
	{"mx2", "4jXBLp1Tt3z1SGdc", "taken off the queue to be requeued"},
	{"mx1", "E32BE98638B", "held and released"},
	{"mx1", "F2EDF9862EF", "deleted"},
	{"mx1", "A2BB39863F8", "rejected by a header check"},
	{"mx1", "2549698633B", "discarded by a header check"},
	{"mx1", "CF8F89860FD", "discarded by the transport"},
	{"mx2", "4jXBLl31lBz1SGc4", "aborted"},
	{"mx2", "4jXBLp3hVkz1SGf0", "redirected"},
	{"mx1", "C9761986282", "content filter"},
	{"mx1", "86DF398632E", "alias"},
	{"mx2", "4jXBLs2zXTz1SGgf", "a subject that imitates the line"},
	{"mx1", "F09D5986313", "IPv6"},
}

// Every message of two real servers, counted; some of them as a whole.
func TestLabDocuments(t *testing.T) {
	keys, rejects := labCorpus(t)
	byKey := map[Key][]Line{}
	statuses, warnings, origins := map[string]int{}, map[string]int{}, map[string]int{}
	for _, k := range keys {
		byKey[k.key] = k.lines
		docs := Merge(k.key, k.lines, Options{})
		if len(docs) != 1 {
			t.Errorf("%v: %d documents", k.key, len(docs))
		}
		for i := range docs {
			d := &docs[i]
			statuses[d.Status]++
			origins[d.Origin]++
			for _, w := range d.Warnings {
				warnings[w]++
			}
			if d.Unparsed > 0 || d.Lines != len(k.lines) {
				t.Errorf("%v: %d lines of %d, %d not understood", k.key, d.Lines, len(k.lines), d.Unparsed)
			}
		}
	}
	got := fmt.Sprintln(statuses, origins, warnings, len(rejects))
	const want = "map[aborted:22 bounced:362 deferred:3 deleted:6 discarded:33 expired:61 held:12 mixed:226 receiving:21 rejected:63 sent:1882] " +
		"map[internal:487 local:91 smtp:2113] map[subject_truncated:5] 406\n"
	if got != want {
		t.Errorf("\n got %swant %s", got, want)
	}
	testGolden(t, byKey, rejects)
}

// testGolden compares whole documents.
func testGolden(t *testing.T, byKey map[Key][]Line, rejects []HostLine) {
	t.Helper()
	var golden bytes.Buffer
	for _, p := range picked {
		k := Key{p.host, p.queueID}
		for _, d := range Merge(k, byKey[k], Options{LocalDomains: []string{"corp.test", "local.test"}}) {
			golden.Write(append(d.AppendJSON(nil), '\n'))
		}
	}
	for _, r := range rejects[:2] {
		d := Reject(r.Host, r.Line, Options{LocalDomains: []string{"corp.test", "local.test"}})
		golden.Write(append(d.AppendJSON(nil), '\n'))
	}
	name := filepath.Join("testdata", "lab.ndjson.golden")
	if *update {
		if err := os.WriteFile(name, golden.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	a, b := strings.Split(golden.String(), "\n"), strings.Split(string(want), "\n")
	for i := range max(len(a), len(b)) {
		if i >= len(a) || i >= len(b) || a[i] != b[i] {
			t.Fatalf("document %d differs (-update writes the file anew)\n got %s\nwant %s", i, a[min(i, len(a)-1)], b[min(i, len(b)-1)])
		}
	}
}
