package badinput

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/postweave/postweave/test/site"
)

// terminal opens a pseudo terminal: what is written to its far end can be read from the near one.
func terminal(t *testing.T) (near, far *os.File) {
	t.Helper()
	near, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo terminals here: %v", err)
	}
	t.Cleanup(func() { near.Close() })
	control := func(request uintptr, arg unsafe.Pointer) error {
		if _, _, code := syscall.Syscall(syscall.SYS_IOCTL, near.Fd(), request, uintptr(arg)); code != 0 {
			return code
		}
		return nil
	}
	var locked, number int32
	size := [4]uint16{50, 200, 0, 0}
	if err := control(syscall.TIOCSPTLCK, unsafe.Pointer(&locked)); err != nil {
		t.Skipf("no pseudo terminals here: %v", err)
	}
	if err := control(syscall.TIOCGPTN, unsafe.Pointer(&number)); err != nil {
		t.Skipf("no pseudo terminals here: %v", err)
	}
	if err := control(syscall.TIOCSWINSZ, unsafe.Pointer(&size)); err != nil {
		t.Skipf("no pseudo terminals here: %v", err)
	}
	far, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo terminals here: %v", err)
	}
	t.Cleanup(func() { far.Close() })
	return near, far
}

// onTerminal runs a command whose output and what it says go to a terminal, and returns what came there.
func onTerminal(t *testing.T, s *site.Site, args ...string) string {
	t.Helper()
	near, far := terminal(t)
	prepared, _, _ := s.Command(args...)
	cmd := exec.CommandContext(t.Context(), prepared.Path, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = prepared.Env, far, far
	got := make(chan []byte)
	go func() {
		var all []byte
		part := make([]byte, 64<<10)
		for {
			n, err := near.Read(part)
			all = append(all, part[:n]...)
			if err != nil || bytes.HasSuffix(all, []byte("the end\r\n")) {
				got <- all
				return
			}
		}
	}()
	if err := cmd.Run(); err != nil {
		t.Errorf("%.100q: %v", args, err)
	}
	if _, err := far.WriteString("the end\n"); err != nil {
		t.Fatal(err)
	}
	select {
	case all := <-got:
		return strings.TrimSuffix(strings.ReplaceAll(string(all), "\r\n", "\n"), "the end\n")
	case <-time.After(time.Minute):
		t.Fatal("the terminal shows no end")
		return ""
	}
}

// On a terminal JSON has the same values as elsewhere, and nothing that the terminal acts on. So have tables,
// reports, differences and the log.
func TestNothingReachesATerminal(t *testing.T) {
	h := newHarm(t)
	h.Must("run")
	elsewhere := h.Must("trace", "--limit", "1000", "--json").Stdout
	if !strings.ContainsAny(elsewhere, "\u009b\u202e\u2028") {
		t.Fatal("there is nothing that would do harm")
	}
	for _, args := range [][]string{
		{"trace", "--limit", "1000"},
		{"trace", "--limit", "1000", "--json"},
		{"trace", "--limit", "1000", "-o", "csv"},
		{"trace", "--limit", "1000", "--follow-links"},
		{"trace", "--limit", "1000", "--follow-links", "--json"},
		{"trace", "--limit", "1000", "--each", "recipient"},
		{"trace", "--limit", "1000", "--each", "recipient", "--json"},
		{"trace", "--limit", "1000", "--year", "2026", "-f", h.log},
		{"merge", "--year", "2026", "--explain", "-o", "table", h.log},
		{"merge", "--year", "2026", h.log},
		{"merge", "--year", "2026", "-o", "csv", h.log},
		{"run", "--reset-cursor", "--log-level", "debug"},
		{"run", "--json", "--log-format", "json", "--log-level", "debug"},
		{"setup"},
		{"version"},
	} {
		t.Run(strings.ReplaceAll(strings.Join(args[:min(len(args), 5)], " "), "/", ""), func(t *testing.T) {
			s := *h.Site
			s.T = t
			safe(t, onTerminal(t, &s, args...))
		})
	}
	shown := onTerminal(t, h.Site, "trace", "--limit", "1000", "--json")
	here, there := strings.Split(shown, "\n"), strings.Split(elsewhere, "\n")
	if len(here) != len(there) {
		t.Fatalf("%d lines on a terminal, %d elsewhere", len(here), len(there))
	}
	for i := range here[:len(here)-1] {
		var a, b any
		if json.Unmarshal([]byte(here[i]), &a) != nil || json.Unmarshal([]byte(there[i]), &b) != nil {
			t.Fatalf("line %d is no JSON", i)
		}
		x, _ := json.Marshal(a)
		y, _ := json.Marshal(b)
		if !bytes.Equal(x, y) {
			t.Errorf("line %d has another value on a terminal", i)
		}
	}
}
