package questions

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Truth is what is known of a log.
type Truth struct {
	Mails    []*Mail // in order of their first lines
	Rejects  []Reject
	Sent     []Sent
	Arrived  []Arrived
	byID     map[string]*Mail
	requeues [][2]string // old and new id
}

// Mail is what the lines with one queue id say.
type Mail struct {
	Host, ID   string
	At         time.Time // of the first line, in whole seconds
	Lines      []string  // text behind the id
	Programs   []string  // of each line
	ClientName string
	ClientIP   string
	User       string
	From       string
	HasFrom    bool
	Size       int
	MessageID  string
	Subject    string // as logged, encoded
	Tries      []Try
	Refused    []Reject // at RCPT
	Active     bool
	Expired    bool
	Removed    bool
	Deleted    bool
	Requeued   bool
	OnHold     bool
	Stopped    string // "reject" or "discard", by a check of the whole message; "size" where it was too big
}

// Try is a delivery line.
type Try struct {
	At                              time.Time
	To, Orig, Relay, Daemon         string
	Delay                           float64
	Delays                          [4]float64
	DSN, Status, Response, QueuedAs string
}

// Reject is a refusal.
type Reject struct {
	Host, Name, IP, Stage, Reply, From, To string
	At                                     time.Time
}

// Sent is what the sending program noted of a mail.
type Sent struct {
	Host      string
	MessageID string `json:"message_id"`
	Sender    string
	Rcpts     []string
	Subject   string
	QueueID   *string `json:"queue_id"`
	Login     *string
}

// Arrived is what the far end noted of a mail that it took.
type Arrived struct {
	MessageID string `json:"message_id"`
	Sender    string
	Rcpt      string
}

var (
	syslogLine = regexp.MustCompile(`^(\w{3} [ \d]\d \d\d:\d\d:\d\d) (\S+) postfix/([\w/-]+)\[\d+\]: (.*)$`)
	withID     = regexp.MustCompile(`^(?:warning: )?([0-9A-F]{10,12}|[0-9A-Za-z]{15,16}): (.*)$`)
	clientLine = regexp.MustCompile(`^client=([^\[]+)\[([^\]]+)\](?:, sasl_method=\w+, sasl_username=(\S+))?`)
	activeLine = regexp.MustCompile(`^from=<(.*)>, size=(\d+), nrcpt=\d+ \(queue active\)$`)
	pickupLine = regexp.MustCompile(`^uid=\d+ from=<(.*?)>(?: orig_id=(\w+))?$`)
	tryLine    = regexp.MustCompile(`^to=<(.*?)>(?:, orig_to=<(.*?)>)?, relay=([^,]+)(?:, conn_use=\d+)?, delay=([\d.]+), delays=([\d./]+), dsn=([\d.]+), status=(\w+) \((.*)\)$`)
	rejectLine = regexp.MustCompile(`^reject: (\w+) from ([^\[]*(?:\[UNAVAILABLE\])?)\[([^\]]+)\]: (.*); from=<(.*?)>(?: to=<(.*?)>)? proto=.*$`)
	checkLine  = regexp.MustCompile(`^(reject|discard|hold): (?:header|body) `)
	subject    = regexp.MustCompile(`^(?:\w+: )?header Subject: (.*) from (?:local|([^ \[]+)\[([^\]]+)\]); from=<`)
)

// ReadTruth reads the log and what beside it is known of its mails.
func ReadTruth(log, sent, arrived string) (*Truth, error) {
	t := &Truth{byID: map[string]*Mail{}}
	if err := eachLine(log, t.take); err != nil {
		return nil, err
	}
	if err := eachLine(sent, func(line string) error { return appendJSON(&t.Sent, line) }); err != nil {
		return nil, err
	}
	if err := eachLine(arrived, func(line string) error { return appendJSON(&t.Arrived, line) }); err != nil {
		return nil, err
	}
	return t, nil
}

func eachLine(path string, take func(string) error) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read the corpus: %w", err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("read the corpus: %w", err)
	}
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if err := take(lines.Text()); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read the corpus: %w", err)
	}
	return nil
}

func appendJSON[T any](list *[]T, line string) error {
	var x T
	if err := json.Unmarshal([]byte(line), &x); err != nil {
		return fmt.Errorf("read the corpus: %w", err)
	}
	*list = append(*list, x)
	return nil
}

// take reads one line.
func (t *Truth) take(line string) error {
	m := syslogLine.FindStringSubmatch(line)
	if m == nil {
		return fmt.Errorf("no line of Postfix: %s", line)
	}
	at, err := time.Parse("2006 Jan _2 15:04:05", "2026 "+m[1])
	if err != nil {
		return fmt.Errorf("time of a line: %w", err)
	}
	host, program, text := m[2], m[3], m[4]
	daemon := program[strings.LastIndexByte(program, '/')+1:]
	if rest, ok := strings.CutPrefix(text, "NOQUEUE: "); ok {
		if r, ok := readReject(host, at, rest); ok {
			t.Rejects = append(t.Rejects, r)
		}
		return nil
	}
	if m = withID.FindStringSubmatch(text); m == nil {
		return nil
	}
	mail := t.byID[m[1]] // no id is in use on both servers
	if mail == nil {
		mail = &Mail{Host: host, ID: m[1], At: at}
		t.byID[m[1]] = mail
		t.Mails = append(t.Mails, mail)
	}
	mail.Lines = append(mail.Lines, m[2])
	mail.Programs = append(mail.Programs, daemon)
	t.about(mail, at, daemon, m[2])
	return nil
}

func readReject(host string, at time.Time, text string) (Reject, bool) {
	m := rejectLine.FindStringSubmatch(text)
	if m == nil {
		return Reject{}, false
	}
	return Reject{Host: host, At: at, Stage: m[1], Name: m[2], IP: m[3], Reply: m[4], From: m[5], To: m[6]}, true
}

// about takes what one line says of its mail.
func (t *Truth) about(mail *Mail, at time.Time, daemon, text string) {
	switch daemon {
	case "smtpd":
		if m := clientLine.FindStringSubmatch(text); m != nil {
			mail.ClientName, mail.ClientIP, mail.User = m[1], m[2], m[3]
		}
		if text == "queue file size limit exceeded" {
			mail.Stopped = "size"
		}
		if r, ok := readReject(mail.Host, at, text); ok {
			mail.Refused = append(mail.Refused, r)
		}
	case "pickup":
		if m := pickupLine.FindStringSubmatch(text); m != nil {
			mail.From, mail.HasFrom = m[1], true
			if m[2] != "" {
				t.requeues = append(t.requeues, [2]string{m[2], mail.ID})
			}
		}
	case "cleanup":
		mail.readCleanup(text)
	case "qmgr":
		mail.readQueue(text)
	case "postsuper":
		switch text {
		case "placed on hold":
			mail.OnHold = true
		case "released from hold":
			mail.OnHold = false
		case "requeued":
			mail.Requeued = true
		case "removed":
			mail.Deleted = true
		}
	}
	if m := tryLine.FindStringSubmatch(text); m != nil {
		mail.Tries = append(mail.Tries, readTry(at, daemon, m))
	}
}

func (m *Mail) readCleanup(text string) {
	if id, ok := strings.CutPrefix(text, "message-id="); ok && m.MessageID == "" {
		m.MessageID = strings.Trim(id, "<>")
	}
	if s := subject.FindStringSubmatch(text); s != nil {
		m.Subject = s[1]
		if m.ClientIP == "" { // of a mail that was put back: its first client
			m.ClientName, m.ClientIP = s[2], s[3]
		}
	}
	if c := checkLine.FindStringSubmatch(text); c != nil {
		if c[1] == "hold" {
			m.OnHold = true
		} else {
			m.Stopped = c[1]
		}
	}
	// The envelope stands behind what the sender wrote: its last place counts.
	if i := strings.LastIndex(text, "; from=<"); i > 0 && !m.HasFrom {
		m.From, _, _ = strings.Cut(text[i+len("; from=<"):], "> to=<")
		m.HasFrom = true
	}
}

func (m *Mail) readQueue(text string) {
	if a := activeLine.FindStringSubmatch(text); a != nil {
		m.Active, m.OnHold = true, false
		m.From, m.HasFrom = a[1], true
		m.Size, _ = strconv.Atoi(a[2])
	}
	switch {
	case text == "removed":
		m.Removed = true
	case strings.HasSuffix(text, ", status=expired, returned to sender"):
		m.Expired = true
	}
}

func readTry(at time.Time, daemon string, m []string) Try {
	try := Try{At: at, To: m[1], Orig: m[2], Relay: m[3], Daemon: daemon, DSN: m[6], Status: m[7], Response: m[8]}
	try.Delay, _ = strconv.ParseFloat(m[4], 64)
	for i, d := range strings.Split(m[5], "/") {
		try.Delays[i], _ = strconv.ParseFloat(d, 64)
	}
	if i := strings.LastIndex(m[8], "queued as "); i >= 0 && m[7] == "sent" {
		try.QueuedAs = m[8][i+len("queued as "):]
	}
	if id, ok := strings.CutPrefix(m[8], "forwarded as "); ok && daemon == "local" {
		try.QueuedAs = id
	}
	return try
}

// Outcome is what became of a mail for one recipient.
type Outcome struct {
	Mail *Mail
	Try
}

// Outcomes are the last tries for each recipient, with what the queue manager, an operator or the discard transport made of them.
func (m *Mail) Outcomes() []Outcome {
	var out []Outcome
	index := map[string]int{}
	for _, try := range m.Tries {
		key := strings.ToLower(try.To + "\n" + try.Orig)
		i, known := index[key]
		if !known {
			i = len(out)
			index[key] = i
			out = append(out, Outcome{})
		}
		if known && (out[i].Status != "deferred" && try.Status == "deferred" || out[i].Delay > try.Delay && out[i].Status == try.Status) {
			continue
		}
		out[i] = Outcome{m, try}
	}
	for i := range out {
		switch {
		case out[i].Status == "sent" && out[i].Daemon == "discard":
			out[i].Status = "discarded"
		case out[i].Status == "deferred" && m.Expired:
			out[i].Status = "expired"
		case out[i].Status == "deferred" && m.Deleted:
			out[i].Status = "deleted"
		}
	}
	return out
}

// Sender is the envelope sender as documents have it.
func (m *Mail) Sender() string {
	if m.HasFrom && m.From == "" {
		return "<>"
	}
	return m.From
}

// Arrived is when the mail came: the time of its first line, or what its deliveries' delays say where that is earlier. Stamps
// are in whole seconds, so that of a mail whose client is known no less than two of them count.
func (m *Mail) Arrived() time.Time {
	at, least := m.At, 2*time.Second
	if m.Programs[0] == "cleanup" { // Postfix's own: nothing else tells when it began
		least = 0
	}
	for _, try := range m.Tries {
		if begun := try.At.Add(-time.Duration(try.Delay * float64(time.Second))); begun.Before(at.Add(-least)) {
			at = begun
		}
	}
	return at
}
