package message

import (
	"slices"
	"strings"

	"github.com/postweave/postweave/worker/postlog"
)

// settleClient joins what smtp or lmtp said on the way with the delivery that
// came of it.
func (p *processLog) settleClient(before, keep int64, found func(string, Finding)) {
	events := p.live()
	var rivals []*event
	gone := 0
	for ; gone < len(events) && events[gone].at < before; gone++ {
		e := &events[gone]
		if e.id != "" {
			continue
		}
		var settled bool
		if rivals, settled = p.rivals(events, gone, before, rivals[:0]); !settled {
			break // the delivery has not come yet, and so for the lines behind
		}
		if len(rivals) == 0 {
			continue
		}
		c := postlog.ParseContext(p.program, e.text)
		if r := p.chooseDelivery(rivals, e, &c); r != nil {
			found(r.id, Finding{own: r.text, at: timeOf(r.at), session: sessionOf(e, &c)})
		}
	}
	for gone < len(events) && events[gone].at < keep-longestTry.Microseconds() {
		gone++
	}
	p.forgetUpTo(gone)
}

// rivals lists the messages whose delivery the line at i may belong to: those of
// the next delivery lines, and of the ones after them where these fall into the line's own
// second. settled is false where it is too early to tell.
func (p *processLog) rivals(events []event, i int, before int64, buf []*event) (rivals []*event, settled bool) {
	rivals = buf
	at := events[i].at
	first := i
	for first > 0 && events[first-1].at == at {
		first--
	}
	group, seen := int64(0), 0 // time and number of the delivery lines looked at
	for j := first; j < len(events); j++ {
		e := &events[j]
		if e.id == "" {
			continue
		}
		if seen == 0 && e.at >= before {
			return nil, false
		}
		if seen > 0 && e.at > group && group > at {
			break
		}
		group = e.at
		if seen++; seen > maxRivals {
			return nil, true
		}
		if p.tookLongEnough(e, at) {
			rivals = append(rivals, e)
		}
	}
	return rivals, seen > 0
}

// Rounding: how much a time stamp and a delay of two digits may be off, in
// microseconds.
const (
	roundedSeconds   = 1_100_000 // where a stamp has whole seconds
	roundedFractions = 100_000
)

// tookLongEnough tells whether a delivery had begun by a time: connection and
// transmission are what the process itself spent on it (src/global/log_adhoc.c).
func (p *processLog) tookLongEnough(e *event, at int64) bool {
	rounded := int64(roundedSeconds)
	if e.at%1e6 != 0 && at%1e6 != 0 {
		rounded = roundedFractions
	}
	if e.at-at <= rounded {
		return true
	}
	d := p.attempt(e)
	took := (d.Delays[2] + d.Delays[3]) * 1.05 // seconds
	return e.at-at <= int64(took*1e6)+rounded
}

// attempt reads a delivery line, which many others may ask for, once.
func (p *processLog) attempt(e *event) *postlog.Attempt {
	if e.try == nil {
		var d postlog.Event
		postlog.ParseOf(e.id, &d, p.program, e.text)
		try := d.Delivered
		e.try = &try
	}
	return e.try
}

// chooseDelivery returns a delivery of the only message, or of the only one
// with a delivery that names the same server.
func (p *processLog) chooseDelivery(rivals []*event, e *event, c *postlog.Context) *event {
	if !slices.ContainsFunc(rivals, func(r *event) bool { return r.id != rivals[0].id }) {
		return rivals[0]
	}
	var named *event
	for _, r := range rivals {
		d := p.attempt(r)
		if d.Relay != c.Peer && !strings.Contains(d.Response, e.text) {
			continue
		}
		if named != nil && named.id != r.id {
			return nil
		}
		named = r
	}
	return named
}

func sessionOf(e *event, c *postlog.Context) *Session {
	var s Session
	relay := Relay{Hostname: c.Peer.Name, IP: c.Peer.IP, Port: c.Peer.Port, Name: c.Peer.Other}
	switch c.Kind {
	case postlog.RelayTried:
		s.RelaysTried = []TriedRelay{{timeOf(e.at), relay, cutRunes(c.Text, maxValue)}}
	case postlog.RelayTLS:
		s.DeliveryTLS = []RelayTLS{{timeOf(e.at), relay, c.TLS}}
	}
	return &s
}
