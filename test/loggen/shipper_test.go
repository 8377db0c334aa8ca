package loggen

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// The documents of the corpora were made by running the published patterns over a real log: ours must be the same for the same lines.
func TestDocumentsEqualThoseOfTheCorpus(t *testing.T) {
	for _, layout := range []struct {
		layout                        Layout
		file, host, program, pid, msg string
		received                      string
	}{
		{LayoutSyslog, "logstash-syslog.ndjson.gz", "syslog_hostname", "syslog_program", "syslog_pid", "syslog_message", "received_at"},
		{LayoutPlain, "logstash-plain.ndjson.gz", "logsource", "program", "pid", "message", "event.ingested"},
	} {
		t.Run(layout.file, func(t *testing.T) {
			ship := NewShipper(layout.layout, 1)
			wrong, n := 0, 0
			for _, raw := range readCorpus(t, layout.file) {
				n++
				var want, got map[string]any
				if err := json.Unmarshal(raw, &want); err != nil {
					t.Fatal(err)
				}
				at, err := time.Parse(time.RFC3339, want["@timestamp"].(string))
				if err != nil {
					t.Fatal(err)
				}
				text := func(name string) string { return want[name].(string) }
				doc := ship.AppendDocument(nil, Line{at, text(layout.host), text(layout.program), text(layout.pid), text(layout.msg)})
				if err := json.Unmarshal(doc, &got); err != nil {
					t.Fatalf("no JSON: %v\n%s", err, doc)
				}
				delete(want, layout.received)
				delete(got, layout.received)
				if !reflect.DeepEqual(got, want) {
					if wrong++; wrong <= 5 {
						t.Errorf("line %d\n got %s\nwant %s", n, doc, raw)
					}
				}
			}
			t.Logf("%d documents, %d differ", n, wrong)
		})
	}
}

func TestNumbersStayOfOneType(t *testing.T) {
	doc := string(NewShipper(LayoutPlain, 1).AppendDocument(nil, Line{
		Time: time.Unix(0, 0), Program: "postfix/smtp",
		Text: "4BXyz1234567: x",
	}))
	if !json.Valid([]byte(doc)) {
		t.Fatal(doc)
	}
	doc = string(NewShipper(LayoutPlain, 1).AppendDocument(nil, Line{
		Time: time.Unix(0, 0), Program: "postfix/smtp",
		Text: `0A1B2C3D4E: to=<a@b>, relay=none, delay=31, delays=31/0/0/0.5, dsn=4.4.1, status=deferred (x "y" \ z)`,
	}))
	for _, want := range []string{`"postfix_delay":31.0`, `"postfix_delay_in_qmgr":0.0`, `"postfix_delay_transmission":0.5`, `x \"y\" \\ z`} {
		if !strings.Contains(doc, want) {
			t.Errorf("no %s in %s", want, doc)
		}
	}
}

func readCorpus(t *testing.T, name string) [][]byte {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "corpora", "lab-postfix-3.7", name))
	if err != nil {
		t.Fatalf("the corpus of two real servers is part of the repository's tests: %v", err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var lines [][]byte
	s := bufio.NewScanner(z)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		lines = append(lines, append([]byte(nil), s.Bytes()...))
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	return lines
}

func TestBytesThatAreNotUTF8(t *testing.T) {
	for in, want := range map[string]string{
		"caf\xe9 cr\xe8me": "caf� cr�me",
		"\xe6\x97":         "�",
		"日\xe6":            "日�",
		"\x80\x80":         "��",
		"\xf0\x9f\x98x":    "�x",
		"a\tb\x00":         `a\u0009b\u0000`,
		"é\xff\"":          `é�\"`,
	} {
		if got := string(appendEscaped(nil, in)); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
