package postlog

import (
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// logs lists the log files of the corpora and of the situations, as elements of a
// path below test/.
func logs(t testing.TB) (names []string) {
	t.Helper()
	root := filepath.Join("..", "..", "test")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Base(filepath.Dir(filepath.Dir(path))) != "corpora" && filepath.Base(filepath.Dir(filepath.Dir(path))) != "corpus" {
			return err
		}
		if name := d.Name(); strings.HasSuffix(name, ".log") || strings.HasSuffix(name, ".log.gz") {
			names = append(names, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// A line that is cut anywhere names the same recipients, ids and numbers as the
// whole one, or none: never a part of one. Each distinct line of all logs is cut at every byte.
func TestACutLineInventsNothing(t *testing.T) {
	type content struct{ program, text string }
	seen := map[content]bool{}
	failures := 0
	for _, name := range logs(t) {
		for _, raw := range corpus(t, "..", strings.TrimPrefix(filepath.ToSlash(name), "../../test/")) {
			l, err := ParseLine(raw, 2026, time.UTC)
			if err != nil {
				continue
			}
			_, rest, _ := strings.Cut(l.Text, ":")
			if c := (content{l.Program, rest}); seen[c] {
				continue
			} else {
				seen[c] = true
			}
			whole := Parse(l.Program, l.Text)
			for n := range len(raw) {
				cut, err := ParseLine(raw[:n], 2026, time.UTC)
				if err != nil {
					continue
				}
				e := Parse(cut.Program, cut.Text)
				if what := invented(&e, &whole); what != "" && failures < 5 {
					failures++
					t.Errorf("%s: %s\ncut from %s", what, raw[:n], raw)
				}
			}
		}
	}
	if len(seen) < 1000 {
		t.Errorf("%d distinct lines only", len(seen))
	}
}

// invented names what a cut line says and the whole one does not. A sender or
// recipient that a stranger put into the text in full, where an honest line ends just so, cannot be told
// from one: such a line is another whole line.
func invented(e, whole *Event) string {
	names := func(key, s string) bool { return s == "" || strings.Contains(whole.Text, key+"=<"+s+">") }
	d, w := &e.Delivered, &whole.Delivered
	switch {
	case e.QueueID != "" && e.QueueID != whole.QueueID:
		return "queue id " + e.QueueID
	case !names("to", e.To), !names("orig_to", e.OrigTo), e.Kind == Delivery && (e.To != whole.To || e.OrigTo != "" && e.OrigTo != whole.OrigTo):
		return "recipient " + e.To + " " + e.OrigTo
	case !names("from", e.From):
		return "sender " + e.From
	case d.QueuedAs != "" && d.QueuedAs != w.QueuedAs, d.ForwardAs != "" && d.ForwardAs != w.ForwardAs:
		return "next id " + d.QueuedAs + d.ForwardAs
	case d.HasDelay && d.Delay != w.Delay, d.HasDelays && d.Delays != w.Delays:
		return "delay"
	case d.DSN != "" && d.DSN != w.DSN:
		return "dsn " + d.DSN
	case e.HasSize && e.Size != whole.Size, e.HasNRcpt && e.NRcpt != whole.NRcpt:
		return "size or number of recipients"
	case e.Client.IP != "" && !strings.Contains(whole.Text, "["+e.Client.IP+"]"), d.Relay.IP != "" && d.Relay.IP != w.Relay.IP:
		return "address"
	}
	return ""
}
