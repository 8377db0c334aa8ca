package main

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/rivo/uniseg"

	"github.com/postweave/postweave/worker/message"
)

// showPrinter draws messages with their timelines. Texts are wrapped to the terminal; raw lines never are, so that they can be
// copied whole. Everything passes visible.
type showPrinter struct {
	out    *bufio.Writer
	width  int
	colour bool
	drawn  int
}

const (
	widestShow = 120 // longer lines are hard to read
	pipeShow   = 110 // where there is no terminal
	kindWidth  = 11
	// shownMoments and shownLines are the most that is drawn of one message; JSON has all.
	shownMoments = 1000
	shownLines   = 1000
	// shownAnswer bounds a server's words, in bytes.
	shownAnswer = 2000
)

func newShowPrinter(w io.Writer) *showPrinter {
	width := min(terminalWidth(w), widestShow)
	if width == 0 {
		width = pipeShow
	}
	return &showPrinter{out: bufio.NewWriterSize(w, outputBuffer), width: width, colour: coloured(w)}
}

func (p *showPrinter) close() error {
	if err := p.out.Flush(); err != nil {
		return fmt.Errorf("cannot write the results: %w", err)
	}
	return nil
}

// print draws one message.
func (p *showPrinter) print(s *shown) error {
	m := &s.head
	if p.drawn > 0 {
		p.line("")
	}
	p.drawn++
	if s.place != "" {
		p.line(visible(s.place))
	}
	p.line(p.paint(visible(m.title()), colourTitle))
	for _, f := range m.fields() {
		p.field(f)
	}
	p.timeline(m, s.moments)
	p.log(m, s.moments)
	return nil
}

func (p *showPrinter) line(s string) {
	_, _ = p.out.WriteString(strings.TrimRight(s, " ") + "\n") // an error stays, and Flush tells it
}

func (p *showPrinter) paint(text, colour string) string {
	if !p.colour {
		return text
	}
	return paint(text, colour)
}

// headIndent is where the values of the head begin.
const headIndent = 14

func (p *showPrinter) field(f shownField) {
	lead := fmt.Sprintf("  %-*s", headIndent-2, f.name)
	for _, v := range f.values {
		for _, part := range wrapped(visible(v), p.width-headIndent) {
			p.line(lead + part)
			lead = strings.Repeat(" ", headIndent)
		}
	}
}

// momentWords are what a timeline calls the kinds that are no plain word.
var momentWords = map[string]string{
	message.MomentMessageID: "message id", message.MomentExpiryForced: "to expire", message.MomentTLS: "encrypted",
}

// momentIndent is where a moment's text begins: behind time, time since arrival and word.
const momentIndent = 2 + 8 + 2 + 7 + 2 + kindWidth + 2

func (p *showPrinter) timeline(m *shownMessage, moments []message.Moment) {
	day := ""
	for i := range moments {
		if skip := len(moments) - shownMoments; skip > 0 && i == shownMoments/2 {
			p.line(fmt.Sprintf("  … %s more, see --json …", thousands(int64(skip))))
		}
		if between(i, len(moments), shownMoments) {
			continue
		}
		x := &moments[i]
		if d := x.Time.UTC().Format("2006-01-02"); d != day {
			day = d
			p.line("")
			p.line(day + " UTC")
		}
		p.moment(m, x)
	}
}

// between tells the positions in the middle of a list that are left out where at most most are drawn.
func between(i, n, most int) bool { return n > most && i >= most/2 && i < n-most/2 }

func (p *showPrinter) moment(m *shownMessage, x *message.Moment) {
	word := momentWords[x.Kind]
	if word == "" {
		word = x.Kind
	}
	colour := statusColour(word)
	if x.Kind == message.MomentQueued { // of each mail, and no sign of trouble
		colour = ""
	}
	elapsed := elapsedWords(x.Time.Sub(m.Timestamp))
	if !strings.HasPrefix(elapsed, "-") {
		elapsed = "+" + elapsed
	}
	lead := fmt.Sprintf("  %s  %7s  ", x.Time.UTC().Format("15:04:05"), elapsed) +
		p.paint(word, colour) + strings.Repeat(" ", max(0, kindWidth-len(word))) + "  "
	for _, text := range momentTexts(x) {
		for _, part := range wrapped(visible(text), p.width-momentIndent) {
			p.line(lead + part)
			lead = strings.Repeat(" ", momentIndent)
		}
	}
}

// momentTexts are the paragraphs of a moment, at least one.
func momentTexts(x *message.Moment) []string {
	text := x.Text
	if len(x.To) > 0 {
		text = strings.TrimSpace("to " + receiversWords(x.To) + " " + text)
	}
	texts := []string{text}
	if answer := x.Answer; answer != "" {
		if len(answer) > shownAnswer {
			answer = strings.ToValidUTF8(answer[:shownAnswer], "") + "…"
		}
		if x.DSN != "" && x.DSN[0] != '2' && !strings.Contains(answer, x.DSN) {
			answer += " (" + x.DSN + ")"
		}
		texts = append(texts, answer)
	}
	if took := tookWords(x); took != "" {
		texts = append(texts, took)
	}
	if texts[0] == "" && len(texts) > 1 {
		texts = texts[1:]
	}
	return texts
}

func receiversWords(to []message.Receiver) string {
	var names []string
	for _, r := range to[:min(len(to), shownRecipients)] {
		names = append(names, receiverWords(r.To, r.OrigTo))
	}
	s := strings.Join(names, ", ")
	if more := len(to) - len(names); more > 0 {
		s += fmt.Sprintf(" and %s more", thousands(int64(more)))
	}
	return s
}

// tookWords says where an attempt's time went, as Postfix counted it from the arrival: before the queue manager took the
// message up, in the active queue, until there was a connection, and on it.
func tookWords(x *message.Moment) string {
	switch {
	case x.HasDelays:
		d := x.Delays
		return fmt.Sprintf("delay %s s: %s waiting, %s queued, %s connecting, %s sending", plain(x.Delay), plain(d[0]), plain(d[1]), plain(d[2]), plain(d[3]))
	case x.HasDelay:
		return fmt.Sprintf("delay %s s", plain(x.Delay))
	}
	return ""
}

// plain writes a number without an exponent.
func plain(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }

// log writes the raw lines in their order, as the timeline has them.
func (p *showPrinter) log(m *shownMessage, moments []message.Moment) {
	n := 0
	for i := range moments {
		n += len(moments[i].Lines)
	}
	if n == 0 {
		return
	}
	p.line("")
	p.line("Log, " + counted(n, "line", "lines"))
	at := 0
	for i := range moments {
		for j := range moments[i].Lines {
			if at == shownLines/2 && n > shownLines {
				p.line(fmt.Sprintf("  … %s more, see --json …", thousands(int64(n-shownLines))))
			}
			if !between(at, n, shownLines) {
				p.line("  " + visible(rawLine(m.Host.Name, &moments[i].Lines[j])))
			}
			at++
		}
	}
}

// rawLine is a line as a log file has it.
func rawLine(host string, l *message.Line) string {
	layout := "2006-01-02T15:04:05Z"
	if l.Time.Nanosecond() != 0 {
		layout = "2006-01-02T15:04:05.000000Z"
	}
	pid := ""
	if l.PID != "" {
		pid = "[" + l.PID + "]"
	}
	return l.Time.UTC().Format(layout) + " " + host + " " + l.Program + pid + ": " + l.Text
}

// leastText is the width below which text is not wrapped: a narrow window does it.
const leastText = 20

// wrapped breaks text at spaces into lines of so many terminal columns. A word that is longer stays whole.
func wrapped(s string, width int) []string {
	if width < leastText || uniseg.StringWidth(s) <= width {
		return []string{s}
	}
	var lines []string
	line, used := "", 0
	for word := range strings.SplitSeq(s, " ") {
		w := uniseg.StringWidth(word)
		if line != "" && used+1+w > width {
			lines = append(lines, line)
			line, used = "", 0
		}
		if line != "" {
			line += " "
			used++
		}
		line += word
		used += w
	}
	return append(lines, line)
}
