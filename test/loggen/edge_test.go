package loggen

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// The made fixture must say what its truth says, so far as counting lines can tell, and each line of it must become a document.
func TestEdgeFixture(t *testing.T) {
	dir := filepath.Join("..", "corpora", "edge")
	log, err := os.Open(filepath.Join(dir, "mail.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	ship := map[Layout]*Shipper{LayoutSyslog: NewShipper(LayoutSyslog, 1), LayoutPlain: NewShipper(LayoutPlain, 1)}
	lines := map[string]map[Line]bool{}
	days := map[string]bool{}
	last, raw := time.Time{}, false
	err = Read(log, 2026, time.UTC, func(l Line) error {
		if l.Time.Before(last) {
			t.Errorf("%v after %v", l.Time, last)
		}
		last = l.Time
		raw = raw || !utf8.ValidString(l.Text)
		days[IndexName("logs", l.Time)] = true
		for _, s := range ship {
			if doc := s.AppendDocument(nil, l); !json.Valid(doc) || !utf8.Valid(doc) {
				t.Errorf("no JSON: %s", doc)
			} else if name := twice(doc); name != "" {
				t.Errorf("%s is there twice, which Elasticsearch refuses: %s", name, doc)
			}
		}
		if id, _, ok := strings.Cut(l.Text, ": "); ok && (IsShortID(id) || isLongID(id)) {
			k := l.Host + " " + id
			if lines[k] == nil {
				lines[k] = map[Line]bool{}
			}
			lines[k][l] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !raw || len(days) != 3 || !days["logs-2026.03.11"] {
		t.Errorf("bytes that are not UTF-8: %v; days %v", raw, days)
	}

	f, err := os.Open(filepath.Join(dir, "truth.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	want := map[string]int{}
	for s := bufio.NewScanner(f); s.Scan(); {
		var d struct {
			Kind, Host string
			QueueID    string `json:"queue_id"`
			Lines      int
		}
		if err := json.Unmarshal(s.Bytes(), &d); err != nil {
			t.Fatal(err)
		}
		if d.Kind == "message" {
			want[d.Host+" "+d.QueueID] += d.Lines
		}
	}
	for k := range lines {
		if want[k] != len(lines[k]) {
			t.Errorf("%s: %d lines, the truth has %d", k, len(lines[k]), want[k])
		}
		delete(want, k)
	}
	if len(want) > 0 {
		t.Errorf("in the truth alone: %v", want)
	}
}

func TestReadRefusesWhatIsNoLog(t *testing.T) {
	for _, bad := range []string{"hello", "Foo 99 99:99:99 h p: x", "2026-13-01T00:00:00Z h p[1]: x", "Mar  2 00:00:00 host"} {
		if err := Read(strings.NewReader(bad), 2026, time.UTC, func(Line) error { return nil }); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

// twice names a field that a flat JSON object has twice.
func twice(doc []byte) string {
	seen := map[string]bool{}
	d := json.NewDecoder(bytes.NewReader(doc))
	_, _ = d.Token()
	for d.More() {
		name, _ := d.Token()
		n, ok := name.(string)
		if ok && seen[n] {
			return n
		}
		seen[n] = true
		var value any
		_ = d.Decode(&value)
	}
	return ""
}

func TestNoFieldComesTwice(t *testing.T) {
	ship := NewShipper(LayoutPlain, 1)
	err := New(Config{Seed: 11, Messages: 2000, Milters: true}).Each(func(l Line) error {
		if doc := ship.AppendDocument(nil, l); twice(doc) != "" || !json.Valid(doc) {
			t.Errorf("%s twice: %s", twice(doc), doc)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
