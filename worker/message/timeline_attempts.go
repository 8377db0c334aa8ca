package message

import (
	"strings"
	"time"

	"github.com/postweave/postweave/worker/postlog"
)

// answer is what the attempts of one moment have in common.
type answer struct {
	service, word, dsn, response, tls string
	relay                             postlog.Relay
	incomplete                        bool
}

// attempts is a moment that deliveries join. A transaction with many recipients is logged as one line for each.
type attempts struct {
	at    int // of its moment in the list
	first time.Time
	known map[pair]struct{}
}

// together is how far apart the lines about one transaction's recipients may be.
const together = time.Second

// takeDelivery tells an attempt, in one with those for other recipients that had the same outcome at the same time. A
// second attempt for one of them begins a moment of its own.
func (t *timeline) takeDelivery(f *fact, e *postlog.Event) {
	a := &e.Delivered
	said := answer{e.Service, a.Status, a.DSN, a.Response, a.TLS, a.Relay, a.Incomplete}
	who := pair{foldCase(e.To), foldCase(e.OrigTo)}
	if g := t.open[said]; g != nil && f.Time.Sub(g.first) < together {
		if _, again := g.known[who]; !again {
			g.known[who] = struct{}{}
			t.list[g.at].join(f, e)
			return
		}
	}
	if t.open == nil {
		t.open = make(map[answer]*attempts)
	}
	t.open[said] = &attempts{at: len(t.list), first: f.Time, known: map[pair]struct{}{who: {}}}
	t.add(attempt(f, e), rank[postlog.Delivery])
}

// attempt begins the moment of an attempt.
func attempt(f *fact, e *postlog.Event) Moment {
	a := &e.Delivered
	m := Moment{
		Time: f.Time, Kind: MomentAttempt, Answer: a.Response, QueueID: a.QueuedAs, To: []Receiver{{e.To, e.OrigTo}},
		Relay: relayWords(a.Relay), Transport: e.Daemon, DSN: a.DSN,
		Delay: a.Delay, HasDelay: a.HasDelay, Delays: a.Delays, HasDelays: a.HasDelays, Lines: []Line{f.Line},
	}
	if a.ForwardAs != "" {
		m.QueueID = a.ForwardAs
	}
	status, _, known := attemptStatus(e)
	if known {
		m.Kind = status
	}
	m.Text = attemptWords(e, &m, known)
	return m
}

// join adds another recipient of the same outcome.
func (m *Moment) join(f *fact, e *postlog.Event) {
	a := &e.Delivered
	m.To = append(m.To, Receiver{e.To, e.OrigTo})
	m.Lines = append(m.Lines, f.Line)
	if m.HasDelays = m.HasDelays && a.HasDelays && a.Delays == m.Delays && a.Delay == m.Delay; !m.HasDelays {
		m.Delays = [4]float64{}
	}
	m.HasDelay = m.HasDelay && a.HasDelay
	m.Delay = max(m.Delay, a.Delay)
	if !m.HasDelay {
		m.Delay = 0
	}
}

// attemptWords says how an attempt was made. To whom is in the moment's list.
func attemptWords(e *postlog.Event, m *Moment, known bool) string {
	a := &e.Delivered
	var words []string
	if m.Relay != "" && m.Relay != e.Daemon {
		words = append(words, "via "+m.Relay)
	}
	if e.Daemon != "smtp" {
		words = append(words, "by "+e.Daemon)
	}
	if a.TLS != "" {
		words = append(words, "(TLS: "+a.TLS+")")
	}
	switch {
	case a.Incomplete:
		words = append(words, "(the line is cut)")
	case !known:
		words = append(words, "(status "+a.Status+")")
	case a.Status == "SOFTBOUNCE":
		words = append(words, "(soft_bounce: it would have bounced)")
	}
	return strings.Join(words, " ")
}

// relayWords is the next hop as Postfix writes it, empty where there was none.
func relayWords(r postlog.Relay) string {
	if r.Other == "none" {
		return ""
	}
	return Relay{r.Name, r.IP, r.Port, r.Other}.String()
}
