package postlog

import (
	"strings"
	"testing"
	"time"
)

func TestValidQueueID(t *testing.T) {
	for _, tt := range []struct {
		id          string
		valid, long bool
	}{
		{"4F2A31", true, false},
		{"F423F1", true, false},
		{"3A9C96093D", true, false},
		{"ED06590130AA1C9D6D862", true, false},
		{"123456", true, false},
		{"4jXBLW1S2Pz1SGX8", true, true},
		{"4jXBLn2st4z1SGbl", true, true},
		{"3V8Yf40tKrz3r4b", true, true},
		{"", false, false},
		{"4F2A3", false, false},                     // too short
		{"4f2a31", false, false},                    // lower case
		{"4F2A3G", false, false},                    // no hexadecimal digit
		{"CLEANUP99", false, false},                 //
		{"STATISTICS1", false, false},               //
		{"warning", false, false},                   //
		{"NOQUEUE", false, false},                   //
		{"4F2A31/4F2A32", false, false},             //
		{"../4F2A31", false, false},                 //
		{"4F2A31%2f", false, false},                 //
		{`4F2A31"`, false, false},                   //
		{"4F2 A31", false, false},                   //
		{"4jXBLW1S2P1SGX8", false, false},           // no separator
		{"4jXBLW1S2Pz", false, false},               // no inode
		{"4jXBLWyzzzz1SGX8", false, false},          // a million microseconds
		{"4jXBLA1S2Pz1SGX8", false, false},          // a vowel
		{"zzzzzzzzzz1S2Pz1SGX8", false, false},      // after the year 9999
		{strings.Repeat("A", 41), false, false},     //
		{strings.Repeat("A", 10<<10), false, false}, // 10 KiB
		{"4jXBLW1S2Pz" + strings.Repeat("1", 10<<10), false, false},
	} {
		if got := ValidQueueID(tt.id); got != tt.valid {
			t.Errorf("ValidQueueID(%.50q) = %v", tt.id, got)
		}
		if got := IsLongQueueID(tt.id); got != tt.long {
			t.Errorf("IsLongQueueID(%.50q) = %v", tt.id, got)
		}
	}
}

func TestLongQueueIDTime(t *testing.T) {
	at, ok := LongQueueIDTime("4jXBLW1S2Pz1SGX8")
	if want := time.Date(2026, 11, 22, 1, 29, 7, 205629000, time.UTC); !ok || at != want {
		t.Errorf("got %v, %v; want %v", at, ok, want)
	}
	if at, ok := LongQueueIDTime("3A9C96093D"); ok || !at.IsZero() {
		t.Errorf("a short id gave %v", at)
	}
}

func TestSplitQueueID(t *testing.T) {
	for _, tt := range []struct {
		text, level, id, rest string
		noqueue               bool
	}{
		{"4F2A31: removed", "", "4F2A31", "removed", false},
		{"4jXBLW1S2Pz1SGX8: removed", "", "4jXBLW1S2Pz1SGX8", "removed", false},
		{"4F2A31:", "", "4F2A31", "", false},
		{"4F2A31: ", "", "4F2A31", "", false},
		{"warning: 4F2A31: write queue file: x", "warning", "4F2A31", "write queue file: x", false},
		{"error: 4F2A31: x", "error", "4F2A31", "x", false},
		{"fatal: 4F2A31: x", "fatal", "4F2A31", "x", false},
		{"panic: 4F2A31: x", "panic", "4F2A31", "x", false},
		{"NOQUEUE: reject: x", "", "", "reject: x", true},
		{"warning: NOQUEUE: x", "warning", "", "x", true},
		{"warning: warning: 4F2A31: x", "warning", "", "warning: 4F2A31: x", false},
		{"notice: 4F2A31: x", "", "", "notice: 4F2A31: x", false},
		{"4F2A31:x", "", "", "4F2A31:x", false},
		{"4F2A31", "", "", "4F2A31", false},
		{" 4F2A31: x", "", "", " 4F2A31: x", false},
		{"CLEANUP99: x", "", "", "CLEANUP99: x", false},
		{"4F2A31.A4FCB: x", "", "", "4F2A31.A4FCB: x", false},
		{"connect from 4F2A31: x", "", "", "connect from 4F2A31: x", false},
		{"warning: 203.0.113.9: 4F2A31: x", "warning", "", "203.0.113.9: 4F2A31: x", false},
		{"", "", "", "", false},
	} {
		e := Parse("postfix/anvil", tt.text)
		if e.Level != tt.level || e.QueueID != tt.id || e.Text != tt.rest || e.NoQueue != tt.noqueue {
			t.Errorf("%q: level %q id %q rest %q noqueue %v", tt.text, e.Level, e.QueueID, e.Text, e.NoQueue)
		}
	}
}
