package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

type fakeDocument struct{ row messageRow }

func (d fakeDocument) AppendJSON(dst []byte) []byte {
	return fmt.Appendf(dst, `{"subject":%q}`, d.row.Subject)
}
func (d fakeDocument) Row() messageRow { return d.row }

func TestPrinters(t *testing.T) {
	d := fakeDocument{messageRow{
		Time: time.Date(2026, 11, 1, 6, 25, 1, 0, time.FixedZone("", 3600)),
		From: "<>", To: []string{"a@example.com", "b@example.com"}, Subject: "evil \x1b[31m", Status: "sent", QueueID: "4bXyz12345zAbC",
	}}
	var lines, rows bytes.Buffer
	for _, p := range []printer{newJSONPrinter(&lines), newTablePrinter(&rows)} {
		if err := errors.Join(p.print(d), p.close()); err != nil {
			t.Fatal(err)
		}
	}
	if lines.String() != `{"subject":"evil \x1b[31m"}`+"\n" {
		t.Errorf("ndjson: %q", lines.String())
	}
	got := strings.Split(rows.String(), "\n")
	if len(got) != 3 || !strings.HasPrefix(got[0], "TIME") || !strings.HasPrefix(got[1], "2026-11-01 05:25:01  sent") ||
		!strings.Contains(got[1], `a@example.com, b@example.com  evil \x1b[31m`) {
		t.Errorf("table: %q", got)
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

// TestFullDisk: results that did not reach stdout are a failure.
func TestFullDisk(t *testing.T) {
	for _, p := range []printer{newJSONPrinter(fullDisk{}), newTablePrinter(fullDisk{})} {
		if err := errors.Join(p.print(fakeDocument{}), p.close()); err == nil {
			t.Errorf("%T: no error", p)
		}
	}
	a := &app{stdout: fullDisk{}}
	if err := a.reportOn(fakeReport{}, true, nil); err == nil {
		t.Error("report: no error")
	}
}

type fakeReport struct{}

func (fakeReport) JSON() []byte   { return []byte(`{"lines":1}`) }
func (fakeReport) String() string { return "1 line\x1b" }

func TestReport(t *testing.T) {
	failed := codedError{exitSource, errors.New("shard failed")}
	for _, c := range []struct {
		asJSON bool
		want   string
	}{{true, "{\"lines\":1}\n"}, {false, "1 line\\x1b\n"}} {
		var out bytes.Buffer
		a := &app{stdout: &out, stderr: io.Discard}
		if err := a.reportOn(fakeReport{}, c.asJSON, failed); exitCode(t.Context(), err) != exitSource || out.String() != c.want {
			t.Errorf("%q, %v", out.String(), err)
		}
		out.Reset()
		if err := a.reportOn(nil, c.asJSON, nil); err != nil || out.Len() > 0 {
			t.Errorf("no report: %q, %v", out.String(), err)
		}
	}
}

func TestClosing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var err error
	closing(ctx, func(ctx context.Context) error { return ctx.Err() }, &err)
	if err != nil {
		t.Errorf("closing after a stop has no time left: %v", err)
	}
	first := errors.New("first")
	err = first
	closing(ctx, func(context.Context) error { return errors.New("second") }, &err)
	if !errors.Is(err, first) {
		t.Errorf("closing hides %v", err)
	}
}

func TestMergeReport(t *testing.T) {
	o := mergeOptions{logFiles: logFiles{Files: []string{"mail.log"}}}
	for _, c := range []struct {
		r     mergeReport
		text  string
		wrong string
	}{
		{mergeReport{Lines: 12345, Messages: 1}, "12,345 lines merged into 1 message", ""},
		{
			mergeReport{Lines: 9, Messages: 2, Rejects: 1, Unparsed: 1, NotSyslog: 2, Late: 3, Spilled: 4},
			"9 lines merged into 2 messages and 1 reject; 1 line not understood (--explain lists them); 2 lines are no syslog; 3 lines further out of order than --window; 4 messages spilled to a temporary file (--max-memory)", "",
		},
		{mergeReport{}, "0 lines merged into 0 messages", ""},
		{mergeReport{Lines: 2, NotSyslog: 2}, "2 lines merged into 0 messages; 2 lines are no syslog", "mail.log is no log: not one of its 2 lines"},
	} {
		if c.r.String() != c.text {
			t.Errorf("%s\nwant %s", c.r, c.text)
		}
		err := o.nothingMerged(c.r)
		if (err == nil) != (c.wrong == "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
			t.Errorf("%+v: %v", c.r, err)
		}
	}
}

func TestExplain(t *testing.T) {
	var out bytes.Buffer
	a := &app{stderr: &out}
	if err := a.explain([]mergeShape{{Daemon: "smtpd", Text: "odd \x1b[2J <…>", Count: 1234}}); err != nil {
		t.Fatal(err)
	}
	if want := "COUNT  DAEMON  SHAPE\n1,234  smtpd   odd \\x1b[2J <…>\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}

// TestInputTimes: lines without a year are placed by the log's last change,
// also when the log is redirected to stdin.
func TestInputTimes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mail.log")
	changed := time.Date(2019, 3, 4, 5, 6, 7, 0, time.UTC)
	if err := os.WriteFile(path, []byte("x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, changed, changed); err != nil {
		t.Fatal(err)
	}
	redirected, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer redirected.Close()
	for _, name := range []string{path, "-"} {
		input, err := inputOf(name, redirected)
		if err != nil || !input.ModTime.Equal(changed) {
			t.Errorf("%s: %v, %v", name, input.ModTime, err)
		}
		r, err := input.Open()
		if err != nil {
			t.Fatal(err)
		}
		if content, err := io.ReadAll(r); err != nil || string(content) != "x\n" {
			t.Errorf("%s: %q, %v", name, content, err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	if input, _ := inputOf("-", strings.NewReader("")); time.Since(input.ModTime) > time.Minute {
		t.Errorf("a pipe was last changed %v", input.ModTime)
	}
}

func TestLoggerFormats(t *testing.T) {
	var out bytes.Buffer
	newLogger(Config{LogLevel: "warn", LogFormat: "auto"}, &out).Warn("careful")
	if !strings.HasPrefix(out.String(), `{"level":"warn","time":"2`) || !strings.Contains(out.String(), `"message":"careful"`) {
		t.Errorf("elsewhere than on a terminal: %q", out.String())
	}
	out.Reset()
	logger := newLogger(Config{LogLevel: "warn", LogFormat: "text"}, &out)
	logger.Info("not this")
	logger.Warn("careful \x1b[2J\u202e")
	if strings.Contains(out.String(), "not this") || !strings.HasSuffix(out.String(), "  WARN  careful \\x1b[2J\\u202e\n") {
		t.Errorf("text: %q", out.String())
	}
}
