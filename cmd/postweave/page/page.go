package page

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/postweave/postweave/worker/traffic"
)

// Report is what a page shows.
type Report struct {
	Figures   *traffic.Figures
	Source    string   // where the messages lie: an index, or logs
	Selection string   // what was asked for beside the range; empty: everything
	Sections  []string // those shown, of [Sections]; empty: all
	// Visible makes text of a mail safe for the eye: what could turn the direction or not be seen becomes something that can. The page itself
	// escapes what HTML gives a meaning.
	Visible func(string) string
}

//go:embed page.html
var pageText string

//go:embed page.css
var styleText string

// pageTemplate is parsed when a page is made: no other command is to wait for it.
var pageTemplate = sync.OnceValue(func() *template.Template { return template.Must(template.New("page").Parse(pageText)) })

// Write writes the page: the same bytes for the same report.
func Write(w io.Writer, r *Report) error {
	var b bytes.Buffer
	if err := pageTemplate().Execute(&b, r.view()); err != nil {
		return fmt.Errorf("cannot make the page: %w", err)
	}
	if _, err := b.WriteTo(w); err != nil {
		return fmt.Errorf("cannot write the page: %w", err)
	}
	return nil
}

// view is what the template goes through.
type view struct {
	Style     template.CSS
	Title     string
	Range     string
	Source    string
	Selection string
	Data      string
	Empty     bool
	Tiles     []tile
	Notes     []string
	Time      *timeView
	Groups    []group
	Terms     []Term
}

// tile is a key figure.
type tile struct{ Label, Value, About, Class string }

// group is some tables under a heading.
type group struct {
	ID, Title string
	Three     bool // columns, where it is wide
	Tables    []tableView
}

func (r *Report) shows(section string) bool {
	return len(r.Sections) == 0 || slices.Contains(r.Sections, section)
}

func (r *Report) view() view {
	f := r.Figures
	v := view{
		Style: template.CSS(styleText), //nolint:gosec // our own file
		Title: "Mail report", Range: rangeText(f), Source: r.short(r.Source), Selection: r.short(r.Selection), Data: dataText(f),
		Empty: f.First.IsZero(), Terms: Terms(),
	}
	if r.shows("totals") {
		v.Tiles = tiles(f)
	}
	for _, n := range f.Notes {
		v.Notes = append(v.Notes, strings.ReplaceAll(n.Section, "_", " ")+": "+n.Text)
	}
	if r.shows("time") && len(f.Time.Buckets) > 0 {
		v.Time = r.timeView()
	}
	v.Groups = r.groups()
	return v
}

// groupings are the headings, and the sections below them.
var groupings = []struct {
	id, title string
	sections  []string
}{
	{"outcomes", "Outcomes", []string{"outcomes", "recipient-outcomes", "delivery-times"}},
	{"problems", "Problems", []string{"bounces", "deferrals", "rejects"}},
	{"senders", "Senders", []string{"senders", "sender-domains", "clients", "users"}},
	{"recipients", "Recipients", []string{"recipients", "recipient-domains"}},
	{"routes", "Servers and relays", []string{"relays", "slow-relays", "servers"}},
	{"sizes", "Big messages", []string{"biggest"}},
}

func (r *Report) groups() []group {
	tables := make(map[string]Table)
	for _, t := range Tables(r.Figures) {
		tables[t.Section] = t
	}
	var out []group
	for _, g := range groupings {
		x := group{ID: g.id, Title: g.title, Three: g.id == "outcomes"}
		for _, section := range g.sections {
			if r.shows(section) {
				x.Tables = append(x.Tables, r.tableView(tables[section]))
			}
		}
		if len(x.Tables) > 0 {
			out = append(out, x)
		}
	}
	return out
}

// longest is the most that is shown of a text, in characters.
const longest = 240

// short makes a text safe for the eye, and not too long.
func (r *Report) short(s string) string {
	runes := []rune(s[:min(len(s), 4*longest+4)])
	if len(runes) > longest {
		s = string(runes[:longest]) + "…"
	}
	return r.Visible(s)
}

func rangeText(f *traffic.Figures) string {
	since, until := f.Since, f.Until
	if since.IsZero() {
		since = f.First
	}
	if until.IsZero() {
		until = f.Last
	}
	switch {
	case since.IsZero() && until.IsZero():
		return "all"
	case since.IsZero():
		return "until " + dateOf(until) + " UTC"
	case until.IsZero():
		return "since " + dateOf(since) + " UTC"
	case since.Format(time.DateOnly) == until.Format(time.DateOnly):
		return dateOf(since) + " to " + until.UTC().Format("15:04") + " UTC"
	}
	return dateOf(since) + " to " + dateOf(until) + " UTC"
}

func dataText(f *traffic.Figures) string {
	if f.First.IsZero() {
		return "nothing arrived"
	}
	const layout = "2006-01-02 15:04:05"
	return f.First.Format(layout) + " to " + f.Last.Format(layout) + " UTC"
}

func tiles(f *traffic.Figures) []tile {
	of := make(map[string]int64)
	for _, c := range f.RecipientOutcomes {
		of[c.Status] = c.Count
	}
	all := f.Totals.Recipients
	bounced, waiting := of["bounced"]+of["expired"], of["deferred"]+of["queued"]+of["held"]
	var deliveries, quick int64
	for _, s := range f.DeliveryTimes {
		deliveries += s.Deliveries
		if s.To > 0 && s.To <= 10 {
			quick += s.Deliveries
		}
	}
	mean := int64(0)
	if f.Totals.Messages > 0 {
		mean = f.Totals.Bytes / f.Totals.Messages
	}
	out := []tile{
		{"Messages", Thousands(f.Totals.Messages), "to " + counted(all, "recipient", "recipients"), ""},
		{"Delivered", share(of["sent"], all), Thousands(of["sent"]) + " of " + counted(all, "recipient", "recipients"), "good"},
		{"Bounced or expired", Thousands(bounced), share(bounced, all) + " of recipients", "bad"},
		{"Waiting", Thousands(waiting), "recipients deferred, queued or on hold", "wait"},
		{"Rejected", Thousands(f.Totals.Rejects), "refused before they were taken", "refused"},
		{"Volume", bytesText(f.Totals.Bytes), bytesText(mean) + " a message", ""},
		{"Within 10\u00a0s", share(quick, deliveries), "of " + counted(deliveries, "delivery", "deliveries") + " took no longer", ""},
		busiest(f),
	}
	return out
}

// busiest is the time in which most arrived.
func busiest(f *traffic.Figures) tile {
	t := tile{Label: "Busiest time", Value: "–", About: "nothing arrived"}
	var most *traffic.Bucket
	for i := range f.Time.Buckets {
		if b := &f.Time.Buckets[i]; most == nil || b.All() > most.All() {
			most = b
		}
	}
	if most == nil || most.All() == 0 {
		return t
	}
	t.Value = Thousands(most.All())
	t.About = perStep(f.Time.Step) + ", " + most.Start.Format("2 Jan 2006, 15:04:05")
	return t
}

func counted(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return Thousands(n) + " " + many
}

// stepText is the length of a bucket in words.
func stepText(seconds int64) string {
	for _, u := range []struct {
		seconds   int64
		one, many string
	}{{7 * 86400, "week", "weeks"}, {86400, "day", "days"}, {3600, "hour", "hours"}, {60, "minute", "minutes"}} {
		if seconds >= u.seconds && seconds%u.seconds == 0 {
			return counted(seconds/u.seconds, u.one, u.many)
		}
	}
	return counted(seconds, "second", "seconds")
}

// perStep is the same for an axis: "per minute", "per 5 minutes".
func perStep(seconds int64) string { return "per " + strings.TrimPrefix(stepText(seconds), "1 ") }
