package maillog

import (
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/postweave/postweave/worker/message"
	"github.com/postweave/postweave/worker/postlog"
)

// Lines of servers that say nothing more keep no blocks, however much is read of others in the same second.
func TestSilentServersKeepNoBlocks(t *testing.T) {
	at := time.Date(testYear, 11, 22, 1, 0, 0, 0, time.UTC)
	o := mustDefaults(t, Options{})
	m := newMerger(o, func(*message.Document) error { return nil })
	defer m.flow.close()
	freed := make(chan struct{}, 2)
	for _, text := range []string{"ABCDEF1: client=a[192.0.2.1]", "connect from a[192.0.2.1]"} {
		block := new([blockSize]byte)
		runtime.SetFinalizer(block, func(*[blockSize]byte) { freed <- struct{}{} })
		if err := m.take(&postlog.Line{Time: at, Host: "mx1", Program: "postfix/smtpd", PID: "1", Text: within(block, text)}); err != nil {
			t.Fatal(err)
		}
	}
	other := postlog.Line{Time: at, Host: "mx2", Program: "kernel", Text: strings.Repeat("x", 1<<20)}
	for range 2*settleDownAfter>>20 + 2 {
		if err := m.take(&other); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		runtime.GC()
		runtime.GC()
		select {
		case <-freed:
		case <-time.After(5 * time.Second):
			t.Fatal("a block is held")
		}
	}
	if m.groups.first == nil || m.hosts["mx1"].sessions.Held() != 2 {
		t.Error("the lines are not held")
	}
	runtime.KeepAlive(m)
}

// within puts a text into a block, as one of its lines.
func within(block *[blockSize]byte, text string) string {
	return unsafe.String(&block[0], copy(block[:], text))
}
