package browser

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// look.js is what is asked of a page, within it.
//
//go:embed look.js
var lookScript string

// look is its answer.
type look struct {
	Overflow   []string // elements that stand out to the side
	Faint      []string // texts whose contrast is too low
	Structure  []string // what is wrong with headings, tables and pictures
	Active     []string // elements that could do something
	Texts      int      // text nodes that were measured
	Tables     int
	Title      string
	Text       string            // all that can be read
	Tiles      map[string]string // key figures by their label
	Rows       map[string]string // "section/name" to the first number of each row of a table
	Background string
	Pwned      bool
}

// report writes a page with the command.
func report(t *testing.T, args ...string) string {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), program, append([]string{"report", "-o", "html"}, args...)...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("report: %v\n%s", err, stderr.String())
	}
	path := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(path, out, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// screen is what a page is looked at on.
type screen struct {
	name          string
	width, height int64
	dark, print   bool
}

var screens = []screen{
	{"phone", 375, 812, false, false},
	{"phone-dark", 375, 812, true, false},
	{"tablet", 768, 1024, false, false},
	{"tablet-dark", 768, 1024, true, false},
	{"desktop", 1440, 900, false, false},
	{"desktop-dark", 1440, 900, true, false},
	{"paper", 720, 1000, false, true},
	{"paper-dark", 720, 1000, true, true},
}

// tab is a page in a browser, and what it said and asked for.
type tab struct {
	mu       sync.Mutex
	said     []string
	requests []string
}

// emulate makes the browser that screen.
func (s screen) emulate(ctx context.Context, _ *chromedp.Target) error {
	scheme, media := "light", ""
	if s.dark {
		scheme = "dark"
	}
	if s.print {
		media = "print"
	}
	_, err := chromedp.Call(ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: s.width, Height: s.height, DeviceScaleFactor: 1, Mobile: s.width < 500,
	})
	if err != nil {
		return err
	}
	_, err = chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Media: media, Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	return err
}

// picture writes what there is to see into the folder of the flag.
func (s screen) picture(ctx context.Context, _ *chromedp.Target) error {
	all := true
	shot, err := chromedp.Call(ctx, page.CaptureScreenshot, page.CaptureScreenshotParams{
		Clip: &page.Viewport{Width: float64(s.width), Height: pictures[s.name], Scale: 1}, CaptureBeyondViewport: &all,
	})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(*screenshots, "report-"+s.name+".png"), shot.Data, 0o644)
}

// open looks at a page on a screen.
func open(t *testing.T, path string, s screen) look {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser)
	defer cancel()
	var seen tab
	if err := chromedp.Listen(ctx, seen.note); err != nil {
		t.Fatal(err)
	}
	address := (&url.URL{Scheme: "file", Path: path}).String()
	if err := chromedp.Do(ctx, chromedp.Func(watch), chromedp.Func(s.emulate), chromedp.Navigate(address)); err != nil {
		t.Fatal(err)
	}
	if *screenshots != "" && pictures[s.name] > 0 && t.Name() == "TestTheLab" {
		if err := chromedp.Do(ctx, chromedp.Func(s.picture)); err != nil {
			t.Fatal(err)
		}
	}
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string]("JSON.stringify("+lookScript+")"))
	if err != nil {
		t.Fatal(err)
	}
	var l look
	if err := json.Unmarshal([]byte(text), &l); err != nil {
		t.Fatal(err)
	}
	seen.mu.Lock()
	defer seen.mu.Unlock()
	if len(seen.said) > 0 {
		t.Errorf("%s: the browser says %q", s.name, seen.said)
	}
	for _, r := range seen.requests {
		if r != address && !strings.HasPrefix(r, "data:") {
			t.Errorf("%s: it asks for %s", s.name, r)
		}
	}
	return l
}

// pictures are the screens that pictures are made of, with their height.
var pictures = map[string]float64{"desktop": 2330, "tablet-dark": 1500, "phone": 1500}

// note keeps what a page says and asks for.
func (b *tab) note(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		b.said = append(b.said, "console "+string(e.Type))
	case *runtime.EventExceptionThrown:
		b.said = append(b.said, "exception "+e.ExceptionDetails.Text)
	case *log.EventEntryAdded:
		b.said = append(b.said, string(e.Entry.Level)+" "+e.Entry.Text)
	case *network.EventRequestWillBeSent:
		b.requests = append(b.requests, e.Request.URL)
	}
}

// sound looks at a page on every screen, for what has to hold whatever it shows.
func sound(t *testing.T, path string) (last look) {
	t.Helper()
	for _, s := range screens {
		l := open(t, path, s)
		for what, list := range map[string][]string{"stands out": l.Overflow, "is too faint": l.Faint, "is not in order": l.Structure, "could act": l.Active} {
			if len(list) > 0 {
				t.Errorf("%s: %d %s: %q", s.name, len(list), what, list[:min(5, len(list))])
			}
		}
		if l.Texts < 50 || l.Tables < 5 {
			t.Errorf("%s: only %d texts and %d tables were looked at", s.name, l.Texts, l.Tables)
		}
		if l.Pwned {
			t.Errorf("%s: a script of a mail ran", s.name)
		}
		dark := strings.HasPrefix(l.Background, "rgb(1") && len(l.Background) < len("rgb(100, 100, 100)")
		if dark != (s.dark && !s.print) {
			t.Errorf("%s: the background is %s", s.name, l.Background)
		}
		last = l
	}
	return last
}

func TestTheLab(t *testing.T) {
	log := filepath.Join("..", "corpora", "lab-postfix-3.7", "mail.log.gz")
	l := sound(t, report(t, "--year", "2026", "-f", log))
	want := readLog(t, log)
	for label, value := range map[string]string{
		"Messages": thousands(want.messages), "Rejected": thousands(want.rejects), "Volume": fmt.Sprintf("%.2f MB", float64(want.bytes)/1e6),
	} {
		if l.Tiles[label] != value {
			t.Errorf("%s: %q, want %q", label, l.Tiles[label], value)
		}
	}
	for row, n := range map[string]int{
		"recipient-outcomes/sent": want.sent, "recipient-outcomes/bounced": want.bounced,
		"senders/<>": want.senders["<>"], "senders/app@corp.test": want.senders["app@corp.test"], "sender-domains/corp.test": want.domains["corp.test"],
		"servers/mx1": want.servers["mx1"], "servers/mx2": want.servers["mx2"],
	} {
		if l.Rows[row] != thousands(n) || n == 0 {
			t.Errorf("%s: %q, want %d", row, l.Rows[row], n)
		}
	}
}

func TestNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mail.log")
	if err := os.WriteFile(path, []byte("Nov 22 01:29:28 mx1 sshd[1]: hello\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	page := report(t, "--year", "2026", "-f", path)
	for _, s := range screens {
		if l := open(t, page, s); len(l.Overflow)+len(l.Faint)+len(l.Structure) > 0 || !strings.Contains(l.Text, "Nothing arrived") {
			t.Errorf("%s: %+v", s.name, l)
		}
	}
}

// The log of what means to harm: as subject, as addresses and as answers of servers.
func TestHostileMail(t *testing.T) {
	long := strings.Repeat("x", 2000)
	hostile := []string{
		`<script>window.pwned=true</script>`, `<img src=x onerror="window.pwned=true">`, `</title><script>window.pwned=true</script>`,
		`</style><svg onload=window.pwned=true>`, `{{.Title}} & "quotes" 'and' more`, `javascript:window.pwned=true`,
	}
	values := append(hostile[:len(hostile):len(hostile)], "turned \u202egnp.exe\u2066 \u200bhidden\u0007\u009b31m", long, strings.Repeat("\u05e9\u05dc\u05d5\u05dd ", 40))
	var lines strings.Builder
	for i, v := range values {
		id := fmt.Sprintf("ABCDEF%02d", i)
		line := func(program, text string) {
			fmt.Fprintf(&lines, "2026-11-22T01:%02d:28.000000+00:00 mx1 postfix/%s[1]: %s: %s\n", i, program, id, text)
		}
		address := strings.ReplaceAll(v, " ", "_") + "@example.org"
		line("smtpd", "client="+strings.ReplaceAll(v, " ", "_")+"[192.0.2.1]")
		line("cleanup", "warning: header Subject: "+v+" from a[192.0.2.1]; from=<a@example.org> to=<b@example.org> proto=ESMTP helo=<a>")
		line("qmgr", fmt.Sprintf("from=<%s>, size=%d, nrcpt=2 (queue active)", address, 1000*(i+1)))
		line("smtp", "to=<"+address+">, relay=mx.example.com[192.0.2.2]:25, delay=4, delays=3/0/0.5/0.5, dsn=2.0.0, status=sent (250 ok)")
		line("smtp", "to=<b@example.org>, relay=mx.example.com[192.0.2.2]:25, delay=4, delays=3/0/0.5/0.5, dsn=5.1."+fmt.Sprint(i)+", status=bounced ("+v+")")
		line("qmgr", "removed")
	}
	path := filepath.Join(t.TempDir(), "hostile <img src=x onerror=window.pwned=true> .log")
	if err := os.WriteFile(path, []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	l := sound(t, report(t, "--top", "50", "-f", path))
	for _, v := range append(hostile, `turned \u202egnp.exe\u2066 \u200bhidden\x07\u009b31m`, long[:200]) {
		if !strings.Contains(l.Text, v) {
			t.Errorf("what stood in the subject is not to be read: %.80s", v)
		}
	}
	if strings.ContainsAny(l.Text, "\u202e\u2066\u200b\u0007\u009b") {
		t.Error("what turns the direction or cannot be seen came through")
	}
	if !strings.HasPrefix(l.Title, "Mail report: 22 Nov 2026") {
		t.Errorf("the title is %q", l.Title)
	}
}

func thousands(n int) string {
	s := fmt.Sprint(n)
	if len(s) > 3 {
		return s[:len(s)-3] + "," + s[len(s)-3:]
	}
	return s
}

// watch has the browser tell what a page says and asks for.
func watch(ctx context.Context, _ *chromedp.Target) error {
	if _, err := chromedp.Call(ctx, log.Enable, cdp.Empty{}); err != nil {
		return err
	}
	_, err := chromedp.Call(ctx, network.Enable, network.EnableParams{})
	return err
}
