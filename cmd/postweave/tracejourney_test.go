package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

const journeyDocument = `{"kind":"message","@timestamp":"2026-11-22T10:00:00.000Z","host":{"name":"mx2"},"queue_id":"B2","from":"s@example.com","to":["r@example.org"],"subject":"<b> & \u001b[31mred","status":"sent"}`

// The document's bytes are those of trace without --follow-links, and the line
// is one JSON object.
func TestJourneyJSONKeepsTheDocument(t *testing.T) {
	for want, s := range map[string]journeyStep{
		`{"journey":1,"depth":0,"found":true,"document":` + journeyDocument + "}\n": {Journey: 1, Found: true},
		`{"journey":12,"depth":2,"relation":"bounce","of":{"host":"mx\"1","queue_id":"A1"},"found":false,"document":` + journeyDocument + "}\n": {
			Journey: 12, Depth: 2, Relation: "bounce", OfHost: `mx"1`, OfQueueID: "A1",
		},
	} {
		s.document = storedDocument(journeyDocument)
		var out bytes.Buffer
		p := journeyJSON{newJSONPrinter(&out)}
		if err := p.print(s); err != nil {
			t.Fatal(err)
		}
		if err := p.close(); err != nil {
			t.Fatal(err)
		}
		if out.String() != want || !json.Valid(out.Bytes()) {
			t.Errorf("got  %swant %s", out.String(), want)
		}
	}
}

// A journey in a table is indented, no further than can be read, and every
// relation has its word.
func TestJourneyTable(t *testing.T) {
	var out bytes.Buffer
	p := newJourneyPrinter(&out)
	for _, s := range []journeyStep{
		{Journey: 1},
		{Journey: 1, Depth: 1, Relation: "next_server"},
		{Journey: 1, Depth: 2, Relation: "reinjected"},
		{Journey: 1, Depth: 2, Relation: "forwarded"},
		{Journey: 1, Depth: 2, Relation: "requeued"},
		{Journey: 1, Depth: 2, Relation: "bounce"},
		{Journey: 1, Depth: 2, Relation: "delay_notice"},
		{Journey: 1, Depth: 900, Relation: "dsn"},
		{Journey: 2},
	} {
		s.document = storedDocument(journeyDocument)
		if err := p.print(s); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.close(); err != nil {
		t.Fatal(err)
	}
	deep := strings.Repeat("  ", deepest)
	wants := []string{
		"JOURNEY", "1  ", "  └ next server  ", "    └ re-injected  ", "    └ forwarded  ", "    └ requeued  ", "    └ bounce  ",
		"    └ delay notice  ", deep + "└ success notice  ", "2  ",
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != len(wants) {
		t.Fatalf("%s", out.String())
	}
	for i, want := range wants {
		if !strings.HasPrefix(lines[i], want) || strings.Contains(lines[i], "\x1b") || i > 0 && !strings.HasSuffix(lines[i], " mx2   B2") {
			t.Errorf("%q, want %q", lines[i], want)
		}
	}
}
