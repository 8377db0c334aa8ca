package score

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// truth is what the lines of the log state, each by itself.
type truth struct {
	keys     []key // in order of appearance
	lines    map[key]int
	removed  map[key]bool
	expired  map[key]bool
	active   map[key]active
	clock    map[key]span // of lines with an RFC 3164 time
	origin   map[key]*origin
	verdict  map[key]string
	named    map[key]set
	attempts map[recipient][]attempt
	order    []recipient // the keys of attempts, in order of appearance
	links    []link
	refusals []refusal
}

type set map[string]bool

type active struct {
	from        string
	size, nrcpt int
}

type span struct{ first, last string }

// origin is what client= or uid= and message-id= say.
type origin struct {
	smtp            bool // a client= line was seen
	name, ip, login string
	uid             *int
	messageID       string
}

type recipient struct {
	key
	to, original string // folded
}

type attempt struct {
	delay                      float64
	status, dsn, relay, daemon string
}

type link struct {
	key
	rel, id string
}

// refusal is a NOQUEUE reject by what tells one from another.
type refusal struct{ from, to, ip, dsn string }

var (
	entry = regexp.MustCompile(`^(?:(\w{3} [ \d]\d [\d:]{8})|(?:\S+T\S+)) (\S+) (\S+?)\[\d+\]: (?:(?:warning|error|fatal): )?` +
		`([0-9A-F]{6,}|[0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-z]{12,}): (.*)$`)
	delivery = regexp.MustCompile(`^to=<(.*?)>, (?:orig_to=<(.*?)>, )?relay=(.*?), (?:conn_use=\d+, )?delay=([\d.]+), ` +
		`delays=[\d./]+, (?:tls=\S+ )?dsn=([\d.]+), status=(\S+) \((.*)$`)
	queueActive  = regexp.MustCompile(`^from=<(.*?)>, size=(\d+), nrcpt=(\d+) \(queue active\)`)
	client       = regexp.MustCompile(`^client=(\S*)\[([^\]]*)\]`)
	loginName    = regexp.MustCompile(`, sasl_username=(.*?)(?:, \w+=|$)`)
	pickup       = regexp.MustCompile(`^uid=(\d+) from=<(.*?)>(?: orig_id=(\S+))?`)
	messageID    = regexp.MustCompile(`^message-id=(.*)$`)
	notification = regexp.MustCompile(`^sender non-delivery notification: (\S+)`)
	verdictLine  = regexp.MustCompile(`^(?:milter-)?(reject|discard): (?:header |body |END-OF-MESSAGE)`)
	toAddress    = regexp.MustCompile(`\bto=<(.*?)>`)
	origAddress  = regexp.MustCompile(`orig_to=<(.*?)>`)
	envelope     = regexp.MustCompile(`from=<(.*?)>,? to=<(.*?)>`)
	peer         = regexp.MustCompile(` from (\S*)\[([^\]]*)\]`)
	replyCode    = regexp.MustCompile(`: \d{3} (\d\.\d+\.\d+) `)
	portAtEnd    = regexp.MustCompile(`:(\d+)$`)
)

func readLog(dir string) (*truth, error) {
	f, err := open(dir, "mail.log")
	if err != nil {
		return nil, fmt.Errorf("read the corpus: %w", err)
	}
	defer f.Close()
	t := &truth{
		lines: map[key]int{}, removed: map[key]bool{}, expired: map[key]bool{}, active: map[key]active{},
		clock: map[key]span{}, origin: map[key]*origin{}, verdict: map[key]string{}, named: map[key]set{},
		attempts: map[recipient][]attempt{},
	}
	if err := eachLine(f, func(line []byte) error { t.add(string(line)); return nil }); err != nil {
		return nil, fmt.Errorf("read the corpus: mail.log: %w", err)
	}
	return t, nil
}

func (t *truth) add(line string) {
	if strings.Contains(line, "NOQUEUE: reject: ") {
		t.refusals = append(t.refusals, readRefusal(line))
	}
	m := entry.FindStringSubmatch(line)
	if m == nil {
		return
	}
	clock, program, text := m[1], m[3], m[5]
	k := key{m[2], m[4]}
	if t.lines[k]++; t.lines[k] == 1 {
		t.keys = append(t.keys, k)
		t.named[k] = set{}
		t.origin[k] = &origin{}
	}
	if clock != "" {
		t.addClock(k, clock)
	}
	t.addState(k, program[strings.LastIndexByte(program, '/')+1:], text)
	t.addOrigin(k, text)
	t.addRecipients(k, program[strings.LastIndexByte(program, '/')+1:], text)
}

func readRefusal(line string) refusal {
	var r refusal
	if m := envelope.FindStringSubmatch(line); m != nil {
		r.from, r.to = cmp.Or(strings.ToLower(m[1]), "<>"), strings.ToLower(m[2])
	}
	if m := peer.FindStringSubmatch(line); m != nil {
		r.ip = m[2]
	}
	if m := replyCode.FindStringSubmatch(line); m != nil {
		r.dsn = m[1]
	}
	return r
}

func (t *truth) addClock(k key, clock string) {
	s, ok := t.clock[k]
	if !ok {
		s = span{clock, clock}
	}
	// The corpora lie within a month, so that the text sorts as the time does.
	t.clock[k] = span{min(s.first, clock), max(s.last, clock)}
}

func (t *truth) addState(k key, daemon, text string) {
	if strings.HasPrefix(text, "removed") {
		t.removed[k] = true
	}
	if strings.HasPrefix(text, "from=") && strings.Contains(text, "status=expired") {
		t.expired[k] = true
	}
	if m := queueActive.FindStringSubmatch(text); m != nil {
		t.active[k] = active{m[1], atoi(m[2]), atoi(m[3])}
	}
	if m := notification.FindStringSubmatch(text); m != nil {
		t.addLink(k, "bounce", m[1])
	}
	if m := verdictLine.FindStringSubmatch(text); m != nil && daemon == "cleanup" {
		t.verdict[k] = map[string]string{"reject": "rejected", "discard": "discarded"}[m[1]]
	}
}

func (t *truth) addOrigin(k key, text string) {
	o := t.origin[k]
	if m := client.FindStringSubmatch(text); m != nil {
		o.smtp, o.name, o.ip, o.login = true, m[1], m[2], ""
		if m := loginName.FindStringSubmatch(text); m != nil {
			o.login = m[1]
		}
	}
	if m := pickup.FindStringSubmatch(text); m != nil {
		uid := atoi(m[1])
		o.uid = &uid
		if m[3] != "" {
			t.addLink(k, "requeued_from", m[3])
		}
	}
	if m := messageID.FindStringSubmatch(text); m != nil && o.messageID == "" {
		o.messageID = bare(m[1])
	}
}

func (t *truth) addRecipients(k key, daemon, text string) {
	for _, pattern := range []*regexp.Regexp{toAddress, origAddress} {
		for _, m := range pattern.FindAllStringSubmatch(text, -1) {
			t.named[k][strings.ToLower(m[1])] = true
		}
	}
	m := delivery.FindStringSubmatch(text)
	if m == nil {
		return
	}
	delay, err := strconv.ParseFloat(m[4], 64)
	if err != nil {
		return
	}
	r := recipient{k, strings.ToLower(m[1]), strings.ToLower(m[2])}
	if t.attempts[r] == nil {
		t.order = append(t.order, r)
	}
	t.attempts[r] = append(t.attempts[r], attempt{delay: delay, dsn: m[5], status: m[6], relay: m[3], daemon: daemon})
	if _, id, ok := strings.Cut(m[7], "forwarded as "); ok {
		t.addLink(k, "forwarded_as", strings.TrimRight(id, ")"))
	}
}

func (t *truth) addLink(k key, rel, id string) {
	if l := (link{k, rel, id}); !slices.Contains(t.links, l) {
		t.links = append(t.links, l)
	}
}

// bare is a message id without angle brackets.
func bare(id string) string { return strings.Trim(id, "<>") }

// atoi is for what a pattern has found to be digits; more of them than fit are
// no number that any document holds.
func atoi(digits string) int {
	n, err := strconv.Atoi(digits)
	if err != nil {
		return -1
	}
	return n
}
