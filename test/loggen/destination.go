package loggen

import (
	"fmt"
	"strconv"
)

// fate is what the domain of a recipient does with mail.
type fate uint8

const (
	accepts     fate = iota
	greylists        // takes it at a later attempt
	unreliable       // first attempts time out
	refuses          // 5xx
	defers           // 4xx for ever
	unreachable      // for ever
	mailbox          // local(8)
	forwards         // local(8) alias: a new message
	maildir          // virtual(8)
	dovecot          // lmtp(8)
	command          // pipe(8)
	blackhole        // discard(8)
	erroneous        // error(8)
	ourHop           // another of our servers
)

var fateDomain = map[fate]string{
	greylists: "grey", unreliable: "slow", refuses: "bounce", defers: "defer", unreachable: "dead",
	command: "pipe", blackhole: "hole", erroneous: "err", ourHop: "hop",
}

// fateOf picks what becomes of a recipient. What fails for ever is bounded by FailingRecipients, since each such message makes
// over a hundred attempts.
func (g *Generator) fateOf(inside bool) fate {
	if g.chance(g.cfg.FailingRecipients) {
		return []fate{defers, unreachable}[g.r.IntN(2)]
	}
	x := g.r.IntN(1000)
	if inside { // mail that comes in
		switch {
		case x < 500:
			return dovecot
		case x < 650:
			return maildir
		case x < 800:
			return mailbox
		case x < 830:
			return forwards
		case x < 850:
			return command
		case x < 860:
			return blackhole
		}
	}
	switch {
	case x < 870:
		return accepts
	case x < 910:
		return greylists
	case x < 930:
		return unreliable
	case x < 965:
		return refuses
	case x < 975:
		return erroneous
	case len(g.servers) > 1:
		return ourHop
	default:
		return accepts
	}
}

// address makes a recipient of that fate. n keeps the recipients of one message apart.
func (f fate) address(n int) string {
	u := "user" + strconv.Itoa(n)
	switch n % 97 {
	case 3:
		u = "o'brien" + strconv.Itoa(n)
	case 5:
		u = "User." + strconv.Itoa(n) + "+Tag"
	case 7:
		u = `"john doe ` + strconv.Itoa(n) + `"`
	}
	switch f {
	case accepts:
		return u + "@remote" + strconv.Itoa(n%300) + ".example"
	case mailbox, forwards, maildir, dovecot:
		return u + "@corp.test"
	default:
		return u + "@" + fateDomain[f] + strconv.Itoa(n%5) + ".example"
	}
}

// relayOf is a recipient's next hop as the log names it.
func relayOf(domain string) string {
	h := uint32(2166136261)
	for i := range len(domain) {
		h = (h ^ uint32(domain[i])) * 16777619
	}
	return fmt.Sprintf("mx.%s[198.18.%d.%d]:25", domain, h>>8&255, h&255)
}
