package postlog

import (
	"math"
	"strconv"
	"strings"
)

// parseAgent reads the lines of the delivery agents beside smtp and lmtp: local,
// virtual, pipe, error (which serves as retry too) and discard.
func (e *Event) parseAgent() {
	if strings.HasPrefix(e.Text, "to=<") {
		e.parseDelivery()
	}
}

// parseDelivery reads
//
//	to=<R>[, orig_to=<O>], relay=X[, conn_use=N], delay=D, delays=a/b/c/d[, tls=T], dsn=X.Y.Z, status=S (response)
//
// (src/global/log_adhoc.c). The response is a stranger's text and stays whole;
// nothing behind "status=" is taken for an attribute.
func (e *Event) parseDelivery() {
	s := e.Text[len("to=<"):]
	to, s, ok := recipientMailbox(s, func(rest string) bool {
		return strings.HasPrefix(rest, ", orig_to=<") || strings.HasPrefix(rest, ", relay=")
	})
	if !ok {
		return
	}
	e.To, e.HasTo = to, true
	if rest, found := strings.CutPrefix(s, ", orig_to=<"); found {
		if e.OrigTo, s, ok = recipientMailbox(rest, func(rest string) bool { return strings.HasPrefix(rest, ", relay=") }); !ok {
			return
		}
	}
	e.Kind = Delivery
	a := &e.Delivered
	a.Incomplete = true
	// What no comma follows may be the first half of a value: a cut delay would tell another arrival.
	relay, s, ok := cutComma(s[len(", relay="):])
	if ok {
		a.Relay = parseRelay(relay)
	}
	for ok {
		if status, found := strings.CutPrefix(s, "status="); found {
			a.takeStatus(status)
			if a.Status == "sent" {
				a.takeNextID(e.Daemon)
			}
			return
		}
		var attribute string
		if attribute, s, ok = cutComma(s); ok {
			a.takeAttribute(attribute)
		}
	}
}

// recipientMailbox is mailbox, save that a line without a status is cut: what looks
// like the end of an address there may stand within one that is quoted.
func recipientMailbox(s string, follows func(rest string) bool) (addr, rest string, ok bool) {
	if addr, rest, ok = quotedMailbox(s, follows); ok || !strings.Contains(s, ", status=") {
		return addr, rest, ok
	}
	return looseMailbox(s, follows)
}

// cutComma is strings.Cut at ", ". Attributes are short, for which a plain loop is quickest.
func cutComma(s string) (before, after string, found bool) {
	for i := 0; i+1 < len(s); i++ {
		if s[i] == ',' && s[i+1] == ' ' {
			return s[:i], s[i+2:], true
		}
	}
	return s, "", false
}

func (a *Attempt) takeAttribute(s string) {
	key, value, ok := strings.Cut(s, "=")
	if !ok {
		return
	}
	switch key {
	case "conn_use":
		a.ConnUse, _ = digits(value)
	case "delay":
		a.Delay, a.HasDelay = seconds(value)
	case "delays":
		a.takeDelays(value)
	case "tls":
		a.TLS = value
	case "dsn":
		if validDSN(value) {
			a.DSN = value
		}
	}
}

// takeDelays reads "a/b/c/d".
func (a *Attempt) takeDelays(s string) {
	for i := range a.Delays {
		part, rest, more := strings.Cut(s, "/")
		n, ok := seconds(part)
		if !ok || more != (i < len(a.Delays)-1) {
			a.Delays = [4]float64{}
			return
		}
		a.Delays[i], s = n, rest
	}
	a.HasDelays = true
}

// maxDelay is the longest delay believed, in seconds: a century.
const maxDelay = 100 * 366 * 24 * 3600

// powersOfTen are exact, and so is a division of whole numbers up to 2^53 by one of them: it is rounded once, as
// strconv.ParseFloat rounds.
var powersOfTen = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

// seconds parses a delay: a plain decimal number, not negative.
func seconds(s string) (float64, bool) {
	whole, decimals, point := int64(0), 0, false
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			if len(s) <= 15 {
				whole = whole*10 + int64(c-'0')
			}
			if point {
				decimals++
			}
		case c == '.' && !point:
			point = true
		default:
			return 0, false
		}
	}
	if len(s) > 15 || len(s) < 2 && (s == "" || point) {
		return longSeconds(s)
	}
	f := float64(whole) / powersOfTen[decimals]
	if f > maxDelay {
		return 0, false
	}
	return f, true
}

// longSeconds is seconds for what has more digits than any delay.
func longSeconds(s string) (float64, bool) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f > maxDelay || math.IsNaN(f) {
		return 0, false
	}
	return f, true
}

func (a *Attempt) takeStatus(s string) {
	var response string
	a.Status, response, _ = strings.Cut(s, " ")
	a.Status = strings.TrimSuffix(a.Status, ",")
	response, ok := strings.CutPrefix(response, "(")
	if !ok {
		a.Response = response
		return
	}
	a.Response, ok = strings.CutSuffix(response, ")")
	a.Incomplete = !ok
}

// takeNextID finds the queue id that the next server, or local's own
// forwarding, gave the message. The last "queued as" counts: what stands before it may be
// quoted from elsewhere. "forwarded as" is believed from local only, the one that writes
// it.
func (a *Attempt) takeNextID(daemon string) {
	if id, ok := strings.CutPrefix(a.Response, "forwarded as "); ok && daemon == "local" {
		if id, _, ok = strings.Cut(id, " "); ValidQueueID(id) && (ok || !a.Incomplete) {
			a.ForwardAs = id
		}
		return
	}
	i := lastIndex(a.Response, "queued as ")
	if i < 0 {
		return
	}
	id := a.Response[i+len("queued as "):]
	end := 0
	for end < len(id) && !endsID(id[end]) {
		end++
	}
	if end == len(id) && a.Incomplete {
		return // perhaps half of one
	}
	id = id[:end]
	if plainID(id) {
		a.QueuedAs = id
	}
}

func endsID(c byte) bool {
	switch c {
	case ' ', ';', ',', '(', ')', '<', '>':
		return true
	}
	return false
}

// plainID tells whether another server's id is short and made of letters,
// digits, dots, dashes and underscores. Other mail servers form theirs by other rules
// than Postfix.
func plainID(s string) bool {
	if len(s) < 4 || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && c != '.' && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// parseRelay reads "HOST[IP]:port", "none", "local", a service's name,
// "HOST[private/socket]" or a path.
func parseRelay(s string) Relay {
	h, rest, ok := parseHost(s)
	if !ok || rest != "" || h.IP == "" && h.Port == 0 {
		return Relay{Other: s}
	}
	return Relay{Host: h}
}
