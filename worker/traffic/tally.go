package traffic

import (
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/postweave/postweave/worker/message"
)

// Options say what figures to make.
type Options struct {
	// Top is how many entries a list has at most; 0 is [DefaultTop].
	Top int
	// Since and Until are the range that was asked for; zero where it is open. They select nothing.
	Since, Until time.Time
	// Memory bounds each list of names while documents are counted, in bytes; 0 is [DefaultMemory]. There are 16 such lists. Where one is
	// full the names that count least are let go, and a note says by how much the rest may be short.
	Memory int64
}

// The defaults.
const (
	DefaultTop    = 10
	DefaultMemory = 8 << 20
)

// TopOrDefault is Top, or its default.
func (o *Options) TopOrDefault() int {
	if o.Top <= 0 {
		return DefaultTop
	}
	return o.Top
}

// Tally counts documents one by one. The order in which they come does not matter while no list is full.
type Tally struct {
	opts        Options
	any         bool
	first, last int64 // arrivals, in milliseconds since 1970
	totals      Totals
	shown       int64 // recipients that the messages themselves hold
	clock       clock
	messages    map[string]int64 // by status
	recipients  [9]int64         // in the order of RecipientStatuses
	spans       []Span

	senders, senderDomains, to, names, addresses, users, servers bounded[Entry]

	domains           bounded[Destination]
	hosts, hops       bounded[relaySum]
	bounced, deferred reasons
	rejected          bounded[int64] // by stage, code and dsn
	rejectTexts       bounded[int64] // by these and the text
	biggest           biggest
}

// relaySum is what a relay's figures are made of; times are in microseconds.
type relaySum struct{ deliveries, delays, delayed, handOvers, handedOver int64 }

// reasons counts recipients by enhanced code, and by code and response.
type reasons struct{ codes, responses bounded[int64] }

// NewTally makes a Tally that has counted nothing.
func NewTally(o Options) *Tally {
	o.Top = o.TopOrDefault()
	if o.Memory <= 0 {
		o.Memory = DefaultMemory
	}
	entries := func() bounded[Entry] { return newBounded(o.Memory, func(e *Entry) int64 { return e.Messages }) }
	relays := func() bounded[relaySum] { return newBounded(o.Memory, func(r *relaySum) int64 { return r.deliveries }) }
	numbers := func() bounded[int64] { return newBounded(o.Memory, func(n *int64) int64 { return *n }) }
	return &Tally{
		opts: o, messages: make(map[string]int64), spans: Spans(),
		senders: entries(), senderDomains: entries(), to: entries(), names: entries(), addresses: entries(), users: entries(), servers: entries(),
		domains: newBounded(o.Memory, func(d *Destination) int64 { return d.Recipients }),
		hosts:   relays(), hops: relays(),
		bounced: reasons{numbers(), numbers()}, deferred: reasons{numbers(), numbers()},
		rejected: numbers(), rejectTexts: numbers(), biggest: biggest{most: o.Top},
	}
}

// Add counts a document. It keeps nothing of it but copies of texts.
func (t *Tally) Add(d *message.Document) {
	at := d.Timestamp.UnixMilli()
	if !t.any {
		t.any, t.first, t.last = true, at, at
	}
	t.first, t.last = min(t.first, at), max(t.last, at)
	switch d.Kind {
	case message.KindMessage:
		t.clock.add(at, d.Status, d.Size)
		t.addMessage(d)
	case message.KindReject:
		t.clock.add(at, d.Status, 0)
		t.totals.Rejects++
		t.addReject(d)
	case message.KindProbe:
		t.totals.Probes++
	}
}

func (t *Tally) addMessage(d *message.Document) {
	t.totals.Messages++
	t.totals.Bytes = plus(t.totals.Bytes, d.Size)
	t.messages[d.Status]++
	t.addCounts(&d.Counts)
	count := func(list *bounded[Entry], name string) {
		if name == "" {
			return
		}
		e := list.add(name, 1)
		e.Messages++
		e.Bytes = plus(e.Bytes, d.Size)
	}
	from := folded(d.From)
	count(&t.senders, from)
	count(&t.senderDomains, message.Domain(from))
	for _, to := range d.To {
		count(&t.to, folded(to))
	}
	if name := valid(d.Client.Hostname); name != "" && name != unknownClient {
		count(&t.names, name)
	} else {
		count(&t.addresses, address(d.Client.IP))
	}
	count(&t.users, valid(d.SASL.Username))
	count(&t.servers, valid(d.Host))
	for i := range d.Recipients {
		t.addRecipient(&d.Recipients[i])
	}
	if d.HasSize {
		t.biggest.add(d)
	}
}

// unknownClient is what Postfix writes where a client's name could not be verified.
const unknownClient = "unknown"

func (t *Tally) addCounts(c *message.Counts) {
	// In the order of RecipientStatuses.
	for i, n := range [...]int{c.Sent, c.Deferred, c.Bounced, c.Expired, c.Rejected, c.Held, c.Discarded, c.Deleted, c.Queued} {
		t.recipients[i] += int64(n)
	}
	t.totals.Recipients += int64(c.Total)
}

func (t *Tally) addRecipient(r *message.Recipient) {
	t.shown++
	t.addDestination(r)
	switch r.Status {
	case message.Sent:
		t.addDelivery(r)
	case message.Bounced, message.ExpiredStatus:
		t.bounced.add(r.DSN, r.Response)
	case message.Deferred:
		t.deferred.add(r.DSN, r.Response)
	}
}

func (t *Tally) addDestination(r *message.Recipient) {
	domain := message.Domain(folded(r.To))
	if domain == "" {
		return
	}
	d := t.domains.add(domain, 1)
	d.Recipients++
	switch r.Status {
	case message.Sent:
		d.Sent++
	case message.Deferred:
		d.Deferred++
	case message.Bounced, message.ExpiredStatus:
		d.Bounced++
	}
}

func (t *Tally) addDelivery(r *message.Recipient) {
	if r.HasDelay {
		for i := len(t.spans) - 1; i >= 0; i-- {
			if r.Delay >= t.spans[i].From {
				t.spans[i].Deliveries++
				break
			}
		}
	}
	list, name := &t.hosts, valid(r.Relay.Hostname)
	if name == "" {
		list, name = &t.hops, valid(r.Relay.Name)
	}
	if name == "" {
		return
	}
	s := list.add(name, 1)
	s.deliveries++
	if r.HasDelay {
		s.delays++
		s.delayed = plus(s.delayed, Micros(r.Delay))
	}
	if r.HasDelays {
		s.handOvers++
		s.handedOver = plus(s.handedOver, plus(Micros(r.Delays[2]), Micros(r.Delays[3])))
	}
}

// between separates the parts of a joined name. No value holds it: a line ends there.
const between = "\n"

func (r *reasons) add(dsn, response string) {
	dsn = valid(dsn)
	*r.codes.add(dsn, 1)++
	if response != "" {
		*r.responses.add(dsn+between+valid(response), 1)++
	}
}

func (t *Tally) addReject(d *message.Document) {
	var c message.Check
	if len(d.Checks) > 0 {
		c = d.Checks[0]
	}
	name := valid(c.Stage) + between + valid(c.Code) + between + valid(c.DSN)
	*t.rejected.add(name, 1)++
	if c.Text != "" {
		*t.rejectTexts.add(name+between+valid(c.Text), 1)++
	}
}

// folded is an address as the index compares it.
func folded(s string) string { return strings.ToLower(valid(s)) }

// valid is a text as it is in JSON: what is not UTF-8 is U+FFFD, byte by byte.
func valid(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return string([]rune(s))
}

// address is an IP address as the index returns it.
func address(s string) string {
	a, err := netip.ParseAddr(s)
	if err != nil {
		return ""
	}
	return a.Unmap().WithZone("").String()
}
