package postlog

import "strings"

// ContextKind says what a line without a queue id at its start tells about a
// session.
type ContextKind uint8

// The kinds of such lines.
const (
	NoContext  ContextKind = iota // nothing that could be joined
	Connect                       // smtpd: a client has connected
	Disconnect                    // smtpd: it has gone; with the session's counters
	ClientTLS                     // smtpd: TLS with the client
	RelayTLS                      // smtp, lmtp: TLS with a server, new or taken up again
	RelayTried                    // smtp, lmtp: a server that could not be reached; the next one is tried
	Mention                       // a filter's verdict that names a queue id further on
	Saved                         // dovecot: what became of a mail in an LMTP session
)

var contextNames = [...]string{"none", "connect", "disconnect", "client-tls", "relay-tls", "relay-tried", "mention", "saved"}

// String returns the kind's name in lower case.
func (k ContextKind) String() string {
	if int(k) < len(contextNames) {
		return contextNames[k]
	}
	return "invalid"
}

// Context is what a line says that does not begin with a queue id. The strings
// are parts of the text (no copies).
type Context struct {
	Kind     ContextKind
	Daemon   string
	Peer     Relay  // all but Mention and Saved
	TLS      TLS    // ClientTLS, RelayTLS
	Counters string // Disconnect: "ehlo=1 mail=1 rcpt=1/2 quit=1 commands=4/5"
	Text     string // RelayTried: why; Mention, Saved: what the filter said

	QueueID  string // Mention: the queue id that it names
	Session  string // Saved: id of the LMTP session, as in the reply to Postfix
	Action   string // Mention, Saved: the verdict: "Passed CLEAN", "no action"
	Score    float64
	HasScore bool
}

// TLS is a connection's.
type TLS struct {
	Trust   string // "Anonymous", "Untrusted", "Trusted" or "Verified"
	Version string // "TLSv1.3"
	Cipher  string
}

// IsContext tells whether [ParseContext] may make something of a line. It is
// there for readers of many lines: it looks at a few bytes.
func IsContext(program, text string) bool {
	daemon := program[strings.LastIndexByte(program, '/')+1:]
	switch daemon {
	case "smtpd":
		return strings.HasPrefix(text, "connect from ") || strings.HasPrefix(text, "disconnect from ") || hasTrust(text)
	case "smtp", "lmtp":
		return strings.HasPrefix(text, "connect to ") || strings.HasPrefix(text, "SSL_connect error to ") || hasTrust(text)
	}
	return mentioner(program) != nil
}

// ParseContext reads a line that does not begin with a queue id. Kind is
// [NoContext] where it tells nothing about a session.
func ParseContext(program, text string) (c Context) {
	c.Daemon = program[strings.LastIndexByte(program, '/')+1:]
	switch c.Daemon {
	case "smtpd":
		c.parseServerSession(text)
	case "smtp", "lmtp":
		c.parseClientSession(text)
	default:
		c.parseMention(program, text)
	}
	return c
}

// Counters returns what a "disconnect" line of smtpd counts: "ehlo=1 mail=1
// rcpt=1/2 quit=1 commands=4/5". It is ParseContext for that alone.
func Counters(text string) string {
	_, rest, _ := strings.Cut(text, "]")
	if strings.HasPrefix(rest, ":") { // a port
		_, rest, _ = strings.Cut(rest, " ")
	}
	return strings.TrimPrefix(rest, " ")
}

// parseServerSession reads smtpd's "connect from HOST[IP]" and "disconnect from
// HOST[IP] ehlo=1 …" (src/smtpd/smtpd.c) and its TLS summary.
func (c *Context) parseServerSession(text string) {
	if s, ok := strings.CutPrefix(text, "connect from "); ok {
		if h, rest, ok := parseHost(s); ok && rest == "" {
			c.Kind, c.Peer.Host = Connect, h
		}
		return
	}
	if s, ok := strings.CutPrefix(text, "disconnect from "); ok {
		if h, _, ok := parseHost(s); ok {
			c.Kind, c.Peer.Host, c.Counters = Disconnect, h, Counters(text)
		}
		return
	}
	c.parseTLS(text, "from ", ClientTLS)
}

// parseClientSession reads the smtp client's "connect to HOST[IP]:25: reason"
// (src/smtp/smtp_connect.c), "SSL_connect error to HOST[IP]:25: reason"
// (src/tls/tls_client.c) and its TLS summary. A socket stands in brackets without a port.
func (c *Context) parseClientSession(text string) {
	s, ok := strings.CutPrefix(text, "connect to ")
	if !ok {
		s, ok = strings.CutPrefix(text, "SSL_connect error to ")
	}
	if !ok {
		c.parseTLS(text, "to ", RelayTLS)
		return
	}
	h, rest, ok := parseHost(s)
	if !ok || !strings.HasPrefix(rest, ": ") {
		return
	}
	c.Kind, c.Text = RelayTried, rest[len(": "):]
	c.Peer = Relay{Host: h}
	if h.IP == "" && h.Port == 0 {
		c.Peer = Relay{Other: s[:len(s)-len(rest)]}
	}
}

var trustWords = [...]string{"Anonymous", "Untrusted", "Trusted", "Verified"}

func hasTrust(text string) bool {
	if text == "" {
		return false
	}
	switch text[0] {
	case 'A', 'U', 'T', 'V':
	default:
		return false
	}
	for _, w := range trustWords {
		if rest, ok := strings.CutPrefix(text, w); ok && strings.HasPrefix(rest, " TLS connection ") {
			return true
		}
	}
	return false
}

// parseTLS reads "TRUST TLS connection established from HOST[IP][ to NAME]:
// VERSION with cipher NAME (N/N bits)…" (src/tls/tls_misc.c tls_log_summary); a client says "to",
// and "reused" for a session from the cache.
func (c *Context) parseTLS(text, preposition string, kind ContextKind) {
	if !hasTrust(text) {
		return
	}
	trust, rest, _ := strings.Cut(text, " TLS connection ")
	how, rest, ok := strings.Cut(rest, " ")
	if !ok || how != "established" && how != "reused" {
		return
	}
	if rest, ok = strings.CutPrefix(rest, preposition); !ok {
		return
	}
	h, rest, ok := parseHost(rest)
	if !ok {
		return
	}
	if name, found := strings.CutPrefix(rest, " to "); found { // the name that the client asked for
		if _, rest, found = strings.Cut(name, ": "); !found {
			return
		}
		rest = ": " + rest
	}
	version, cipher, ok := strings.Cut(strings.TrimPrefix(rest, ": "), " with cipher ")
	if !ok || strings.ContainsAny(version, " :") {
		return
	}
	cipher, _, _ = strings.Cut(cipher, " ")
	c.Kind, c.Peer.Host = kind, h
	c.TLS = TLS{Trust: trust, Version: version, Cipher: cipher}
}
