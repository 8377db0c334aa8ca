package message

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Selection says which messages are asked for. What is empty selects nothing
// away; all that is given must fit. Conditions on a recipient (To, Relay, Status, Slower) are met by one and
// the same recipient, among those that a document shows ([MaxRecipients]).
//
// Elasticsearch answers the same selection by a query; both must find the same.
type Selection struct {
	From, To  string // see [AddressPattern]
	Text      string // words in addresses or subject, accents apart; * stands for any part of a word
	Subject   string // words in the subject; * likewise
	MessageID string // without angle brackets
	QueueID   string // upper and lower case as logged
	ID        string // a queue id, a message id or a document's _id
	Client    string // who handed it in, see [HostPattern]
	User      string // who was logged in, see [UserPattern]
	Relay     string // the next hop, see [HostPattern], or a name like "local"
	Server    string // ours, see [NamePattern]
	Status    string // of the message, or of a recipient
	Larger    int64  // bytes, at least
	Slower    time.Duration
	Open      bool      // no end was seen
	Since     time.Time // arrival ≥ Since
	Until     time.Time // arrival < Until
}

// OfRecipients tells that the selection asks for recipients in a way that a
// document's own fields cannot answer.
func (s *Selection) OfRecipients() bool {
	return s.Relay != "" || s.Slower > 0 || s.To != "" && s.Status != "" && !s.OfWholeMessage()
}

// OfWholeMessage tells a status that no recipient has.
func (s *Selection) OfWholeMessage() bool {
	return s.Status == Mixed || s.Status == AbortedStatus || s.Status == Receiving
}

// Filter is a selection made ready.
type Filter struct {
	s             Selection
	from, to      Pattern
	client, relay Pattern
	user, server  Pattern
	text, subject []WordPattern
	ofRecipients  bool
}

// Filter makes the selection ready for many documents.
func (s Selection) Filter() *Filter {
	return &Filter{
		s: s, from: AddressPattern(s.From), to: AddressPattern(s.To), client: HostPattern(s.Client), relay: HostPattern(s.Relay),
		user: UserPattern(s.User), server: NamePattern(s.Server), text: SearchPatterns(s.Text), subject: SubjectPatterns(s.Subject),
		ofRecipients: s.OfRecipients(),
	}
}

// Matches tells whether a document is asked for.
func (f *Filter) Matches(d *Document) bool {
	s := &f.s
	switch { // times as a date field has them
	case !s.Since.IsZero() && d.Timestamp.UnixMilli() < s.Since.UnixMilli(), !s.Until.IsZero() && d.Timestamp.UnixMilli() >= s.Until.UnixMilli():
	case s.QueueID != "" && d.QueueID != s.QueueID, s.MessageID != "" && d.MessageID != s.MessageID:
	case s.ID != "" && d.QueueID != s.ID && d.MessageID != s.ID && d.ID != s.ID:
	case s.Larger > 0 && (!d.HasSize || d.Size < s.Larger), s.Open && !d.Open:
	case s.From != "" && !f.from.address(d.From, domainOf(d.From)):
	case s.Client != "" && !f.client.host(d.Client.Hostname, d.Client.IP):
	case s.User != "" && !f.user.name(d.SASL.Username), s.Server != "" && !f.server.name(d.Host):
	case s.Subject != "" && !allWords(f.subject, append([]string{d.Subject}, d.Subjects...)...):
	case s.Text != "" && !allWords(f.text, string(searchWords(d))):
	default:
		return f.recipients(d)
	}
	return false
}

// recipients checks the conditions on recipients.
func (f *Filter) recipients(d *Document) bool {
	s := &f.s
	switch {
	case s.OfWholeMessage() && d.Status != s.Status:
		return false
	case f.ofRecipients:
		return slices.ContainsFunc(d.Recipients, func(r Recipient) bool { return f.MatchesRecipient(&r) })
	case s.To != "" && !f.addressed(d):
		return false
	}
	// The counts know of all recipients, shown or not. Those of a probe call what could be delivered sent.
	return s.Status == "" || d.Status == s.Status || d.Kind == KindMessage && d.Counts.of(s.Status) > 0 ||
		slices.ContainsFunc(d.Recipients, func(r Recipient) bool { return r.Status == s.Status })
}

// addressed tells whether it was written to whom is asked for. All final addresses
// are looked at, beyond those recipients that are shown.
func (f *Filter) addressed(d *Document) bool {
	return slices.ContainsFunc(d.To, func(to string) bool { return f.to.address(to, domainOf(to)) }) ||
		slices.ContainsFunc(d.Recipients, func(r Recipient) bool { return f.to.address(r.OrigTo, domainOf(r.OrigTo)) })
}

// MatchesRecipient tells whether one recipient meets the conditions on
// recipients. Where the selection has none, each does.
func (f *Filter) MatchesRecipient(r *Recipient) bool {
	s := &f.s
	switch {
	case s.To != "" && !f.to.address(r.To, domainOf(r.To)) && !f.to.address(r.OrigTo, domainOf(r.OrigTo)):
	case s.Status != "" && r.Status != s.Status && !s.OfWholeMessage():
	case s.Slower > 0 && (!r.HasDelay || r.Delay < s.Slower.Seconds()):
	case s.Relay != "" && !f.relay.host(r.Relay.Hostname, r.Relay.IP) && !f.relay.name(r.Relay.Name):
	default:
		return true
	}
	return false
}

// Pattern is what a value is compared with: all of it, or with * for any text.
type Pattern struct {
	Text     string       // lower case
	Domain   bool         // only what stands behind the @
	Wildcard bool         // Text holds a *
	Network  netip.Prefix // of addresses; valid where Text is an IP address or a network
}

// AddressPattern reads what somebody gives for an address: a whole one
// (alice@example.org, or <> for the null sender), a domain (@example.org), a local part (alice@), a part (alice),
// or any of these with * for what may stand there.
func AddressPattern(text string) Pattern { return addressPattern(foldCase(text)) }

func addressPattern(text string) Pattern {
	domain, ofDomain := strings.CutPrefix(text, "@")
	switch {
	case ofDomain:
		return Pattern{Text: domain, Domain: true, Wildcard: strings.Contains(domain, "*")}
	case strings.HasSuffix(text, "@"):
		return Pattern{Text: text + "*", Wildcard: true}
	case text == "<>" || strings.Contains(text, "@") && !strings.Contains(text, "*"):
		return Pattern{Text: text}
	case strings.Contains(text, "*"):
		return Pattern{Text: text, Wildcard: true}
	}
	return Pattern{Text: "*" + text + "*", Wildcard: true}
}

// HostPattern reads what somebody gives for a host: its name, a name with *,
// .example.org for all below it, an IP address or a network (192.0.2.0/24), or as Postfix
// logs it, mx.example.org[192.0.2.1]:25, of which the address counts. A port does not.
func HostPattern(text string) Pattern {
	if p, err := netip.ParsePrefix(text); err == nil {
		if p.Addr().Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		return Pattern{Text: text, Network: p.Masked()}
	}
	text = withoutPort(text)
	if _, address, found := strings.Cut(text, "["); found && strings.HasSuffix(address, "]") {
		text = strings.TrimSuffix(address, "]")
	}
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return Pattern{Text: a.String(), Network: netip.PrefixFrom(a, a.BitLen())}
	}
	if strings.HasPrefix(text, ".") {
		text = "*" + text
	}
	return NamePattern(text)
}

// UserPattern reads what somebody gives for a login, which is an address or a
// bare name, as [AddressPattern] does.
func UserPattern(text string) Pattern {
	p := addressPattern(lowerASCII(text)) // the index keeps the case of logins, and folds no more than ASCII when it is asked
	if p.Domain {
		p.Text, p.Domain, p.Wildcard = "*@"+p.Text, false, true
	}
	return p
}

// withoutPort cuts off a port, which nothing but digits behind a colon is, and which an IPv6 address has outside of brackets only.
func withoutPort(text string) string {
	at := strings.LastIndexByte(text, ':')
	if at <= 0 || at == len(text)-1 || strings.Trim(text[at+1:], "0123456789") != "" || strings.Contains(text[:at], ":") && text[at-1] != ']' {
		return text
	}
	return text[:at]
}

// NamePattern reads a name, which may hold * for any text.
func NamePattern(text string) Pattern {
	return Pattern{Text: lowerASCII(text), Wildcard: strings.Contains(text, "*")}
}

// address compares addresses as the index has them, in lower case.
func (p *Pattern) address(address, domain string) bool {
	if p.Domain {
		return domain != "" && p.fits(foldCase(domain))
	}
	return address != "" && p.fits(foldCase(address))
}

// name compares names, of which the index folds ASCII letters.
func (p *Pattern) name(name string) bool {
	return name != "" && !p.Network.IsValid() && p.fits(lowerASCII(name))
}

// host compares a host's name, or its address with a network.
func (p *Pattern) host(name, ip string) bool {
	if !p.Network.IsValid() {
		return p.name(name)
	}
	a, err := netip.ParseAddr(ip)
	return err == nil && p.Network.Contains(a.Unmap())
}

func (p *Pattern) fits(s string) bool {
	if p.Wildcard {
		return fitsWildcard(p.Text, s)
	}
	return p.Text == s
}

// fitsWildcard compares with a pattern whose * stands for any text. Of two
// that might take more, the later one is tried first, and never an earlier again: linear for practical purposes.
func fitsWildcard(pattern, s string) bool {
	parts := strings.Split(pattern, "*")
	first, last := parts[0], parts[len(parts)-1]
	if len(parts) == 1 {
		return pattern == s
	}
	if len(s) < len(first)+len(last) || !strings.HasPrefix(s, first) || !strings.HasSuffix(s, last) {
		return false
	}
	s = s[len(first) : len(s)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		at := strings.Index(s, part)
		if at < 0 {
			return false
		}
		s = s[at+len(part):]
	}
	return true
}

// lowerASCII folds what Elasticsearch's case_insensitive folds.
func lowerASCII(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return r >= 'A' && r <= 'Z' }) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}
