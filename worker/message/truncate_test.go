package message

import (
	"os"
	"testing"

	"github.com/postweave/postweave/worker/postlog"
)

// everyByte has the test below cut at every byte of every message, which takes
// minutes.
const everyByte = "POSTWEAVE_TEST_EVERY_BYTE"

// A message with one line that is cut anywhere has no recipient that the whole one
// has not, loses none but that line's, and stays one document.
func TestACutLineInventsNoRecipient(t *testing.T) {
	keys, _ := labCorpus(t)
	keyStride, byteStride := 23, 3
	if os.Getenv(everyByte) != "" {
		keyStride, byteStride = 1, 1
	}
	cuts := 0
	for i := 0; i < len(keys); i += keyStride {
		k := &keys[i]
		whole := Merge(k.key, k.lines, Options{})
		allowed := recipientsOf(whole)
		named := map[string]int{} // by how many lines
		for _, l := range k.lines {
			e := postlog.Parse(l.Program, l.Text)
			if to, orig, ok := namedBy(&e); ok {
				named[pairOf(to, orig)]++
			}
			if e.HasTo { // cleanup's word on a recipient that was rewritten
				if _, ok := allowed[pairOf(e.To, "")]; !ok {
					allowed[pairOf(e.To, "")] = known{}
				}
			}
		}
		lines := append([]Line(nil), k.lines...)
		for j, l := range k.lines {
			e := postlog.Parse(l.Program, l.Text)
			to, orig, says := namedBy(&e)
			for n := i % byteStride; n < len(l.Text); n += byteStride {
				lines[j].Text = l.Text[:n]
				cuts++
				docs := Merge(k.key, lines, Options{})
				if len(docs) != len(whole) {
					t.Fatalf("%v: %d documents where %q is cut at %d", k.key, len(docs), l.Text, n)
				}
				have := recipientsOf(docs)
				for pair := range have {
					if _, ok := allowed[pair]; !ok {
						t.Fatalf("%v: recipient %q where %q is cut at %d", k.key, pair, l.Text, n)
					}
				}
				for pair, count := range named {
					if says && pair == pairOf(to, orig) {
						count--
					}
					if count > 0 && !have[pair].tried {
						t.Fatalf("%v: recipient %q is lost where %q is cut at %d", k.key, pair, l.Text, n)
					}
				}
			}
			lines[j] = l
		}
	}
	if cuts < 10_000 {
		t.Errorf("%d cuts only", cuts)
	}
}
