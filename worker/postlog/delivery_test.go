package postlog

import (
	"math/rand/v2"
	"net/netip"
	"strconv"
	"strings"
	"testing"
)

func TestDelivery(t *testing.T) {
	relay := Relay{Host: Host{"mx.ok.test", "192.0.2.7", 25}}
	base := Attempt{
		Relay: relay, Delay: .22, HasDelay: true, Delays: [4]float64{0, .15, .03, .03}, HasDelays: true, DSN: "2.0.0", Status: "sent",
	}
	with := func(f func(a *Attempt)) Event {
		e := Event{Kind: Delivery, To: "x@y", HasTo: true, Delivered: base}
		f(&e.Delivered)
		return e
	}
	const head = "to=<x@y>, relay=mx.ok.test[192.0.2.7]:25, delay=0.22, delays=0/0.15/0.03/0.03, dsn=2.0.0, "
	check(t, "postfix/relay/smtp", []line{
		{
			head + "status=sent (250 2.0.0 Ok: queued as C8C84F008CC7)",
			with(func(a *Attempt) { a.Response, a.QueuedAs = "250 2.0.0 Ok: queued as C8C84F008CC7", "C8C84F008CC7" }),
		},
		{
			head + "status=sent (250 2.0.0 Ok: 1234 bytes queued as 4jXBLW2fLSz1SGXY)",
			with(func(a *Attempt) {
				a.Response, a.QueuedAs = "250 2.0.0 Ok: 1234 bytes queued as 4jXBLW2fLSz1SGXY", "4jXBLW2fLSz1SGXY"
			}),
		},
		{
			head + "status=sent (250 2.0.0 from MTA(smtp:[127.0.0.1]:10026): 250 2.0.0 Ok: queued as 55D5E9862C3)",
			with(func(a *Attempt) {
				a.Response, a.QueuedAs = "250 2.0.0 from MTA(smtp:[127.0.0.1]:10026): 250 2.0.0 Ok: queued as 55D5E9862C3", "55D5E9862C3"
			}),
		},
		{
			head + "status=sent (250 queued as AAAAAA1, was queued as BBBBBB2; bye)",
			with(func(a *Attempt) {
				a.Response, a.QueuedAs = "250 queued as AAAAAA1, was queued as BBBBBB2; bye", "BBBBBB2"
			}),
		},
		{head + "status=sent (250 queued as ../x)", with(func(a *Attempt) { a.Response = "250 queued as ../x" })},
		{head + "status=sent (forwarded as 4F2A31B2D)", with(func(a *Attempt) { a.Response = "forwarded as 4F2A31B2D" })}, // local's word only
		{
			head + "status=sent (250 ok) status=bounced (550 no)",
			with(func(a *Attempt) { a.Response = "250 ok) status=bounced (550 no" }),
		},
		{head + "status=sent (250 ((( unbalanced)", with(func(a *Attempt) { a.Response = "250 ((( unbalanced" })},
		{head + "status=sent (250 cut off at", with(func(a *Attempt) { a.Response, a.Incomplete = "250 cut off at", true })},
		{head + "status=sent", with(func(a *Attempt) { a.Incomplete = true })},
		{head + "status=sent ()", with(func(*Attempt) {})},
		{head + "status=weird (x)", with(func(a *Attempt) { a.Status, a.Response = "weird", "x" })},
		{
			head + "status=SOFTBOUNCE (host said: 550 queued as 4F2A31B2D)",
			with(func(a *Attempt) { a.Status, a.Response = "SOFTBOUNCE", "host said: 550 queued as 4F2A31B2D" }),
		},
		{head + "status=undeliverable-but-not-cached (x)", with(func(a *Attempt) { a.Status, a.Response = "undeliverable-but-not-cached", "x" })},
		{strings.Replace(head, ", delay=", ", conn_use=3, delay=", 1) + "status=sent (x)", with(func(a *Attempt) { a.ConnUse, a.Response = 3, "x" })},
		{strings.Replace(head, ", dsn=", ", tls=encrypt, dsn=", 1) + "status=sent (x)", with(func(a *Attempt) { a.TLS, a.Response = "encrypt", "x" })}, // 3.11
		{strings.Replace(head, "delay=0.22", "delay=-1", 1) + "status=sent (x)", with(func(a *Attempt) { a.Delay, a.HasDelay, a.Response = 0, false, "x" })},
		{strings.Replace(head, "delay=0.22", "delay=1e308", 1) + "status=sent (x)", with(func(a *Attempt) { a.Delay, a.HasDelay, a.Response = 0, false, "x" })},
		{strings.Replace(head, "delay=0.22", "delay=99999999999", 1) + "status=sent (x)", with(func(a *Attempt) { a.Delay, a.HasDelay, a.Response = 0, false, "x" })},
		{strings.Replace(head, "delay=0.22", "delay=NaN", 1) + "status=sent (x)", with(func(a *Attempt) { a.Delay, a.HasDelay, a.Response = 0, false, "x" })},
		{
			strings.Replace(head, "0/0.15/0.03/0.03", "1/2", 1) + "status=sent (x)",
			with(func(a *Attempt) { a.Delays, a.HasDelays, a.Response = [4]float64{}, false, "x" }),
		},
		{
			strings.Replace(head, "0/0.15/0.03/0.03", "1/2/3/4/5", 1) + "status=sent (x)",
			with(func(a *Attempt) { a.Delays, a.HasDelays, a.Response = [4]float64{}, false, "x" }),
		},
		{strings.Replace(head, "dsn=2.0.0", "dsn=9.9.9", 1) + "status=sent (x)", with(func(a *Attempt) { a.DSN, a.Response = "", "x" })},
		{strings.Replace(head, "dsn=2.0.0", "dsn=2.0", 1) + "status=sent (x)", with(func(a *Attempt) { a.DSN, a.Response = "", "x" })},
		{"to=<x@y>, relay=mx.ok.test[192.0.2.7]:25, delay=0.22, delays=0/0.15/0.03/0.03, dsn=2.0.0", with(func(a *Attempt) { a.Status, a.DSN, a.Incomplete = "", "", true })},
		{"to=<x@y>", Event{}},
		{"to=<x@y>, relais=none", Event{}},
		{"host mx.ok.test[192.0.2.7] said: 450 later (in reply to RCPT TO command)", Event{Kind: Noted}},
		{"lost connection with mx.ok.test[192.0.2.7] while receiving the initial server greeting", Event{Kind: Noted}},
		{"conversation with mx.ok.test[192.0.2.7] timed out while sending MAIL FROM", Event{Kind: Noted}},
		{"TLS is required, but was not offered by host mx.ok.test[192.0.2.7]", Event{Kind: Noted}},
		{"Cannot start TLS: handshake failure", Event{Kind: Noted}},
		{"SASL authentication failed; server mx.ok.test[192.0.2.7] said: 535 no", Event{Kind: Noted}},
		{"enabling PIX workarounds: disable_esmtp for mx.ok.test[192.0.2.7]:25", Event{Kind: Noted}},
		{"breaking line > 998 bytes with <CR><LF>SPACE", Event{Kind: Noted}},
		{"Sender requested REQUIRETLS, but x", Event{Kind: Noted}},
		{"something new", Event{}},
	})
}

func TestDeliveryRelays(t *testing.T) {
	for relay, want := range map[string]Relay{
		"none":                               {Other: "none"},
		"local":                              {Other: "local"},
		"tocat":                              {Other: "tocat"},
		"dovecot-lmtp":                       {Other: "dovecot-lmtp"},
		"/var/run/x":                         {Other: "/var/run/x"},
		"mail.example[private/dovecot-lmtp]": {Other: "mail.example[private/dovecot-lmtp]"},
		"mx_1.b.c[192.0.2.1]:25":             {Host: Host{"mx_1.b.c", "192.0.2.1", 25}},
		"127.0.0.1[127.0.0.1]:10025":         {Host: Host{"127.0.0.1", "127.0.0.1", 10025}},
		"v6.example[2001:db8::25]:25":        {Host: Host{"v6.example", "2001:db8::25", 25}},
		"mx.example[192.0.2.1]:25x":          {Other: "mx.example[192.0.2.1]:25x"},
		"":                                   {},
	} {
		e := Parse("postfix/smtp", testID+": to=<x@y>, relay="+relay+", delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (x)")
		if e.Delivered.Relay != want || e.Delivered.Status != "sent" {
			t.Errorf("relay=%s: %+v", relay, e.Delivered)
		}
	}
}

func TestDeliveryAgents(t *testing.T) {
	for _, tt := range []struct{ program, response, forward string }{
		{"postfix/local", "forwarded as 4jXBLW3GmJz1SGXl", "4jXBLW3GmJz1SGXl"},
		{"postfix/local", "forwarded as nothing", ""},
		{"postfix/local", "delivered to mailbox", ""},
		{"postfix/lmtp", "250 2.0.0 <x@y> Wp7cJ8 Saved", ""},
		{"postfix/virtual", "delivered to maildir", ""},
		{"postfix/pipe", "delivered via tocat service (Return-Path: <MAILER-DAEMON> Received: from x ))", ""},
		{"postfix/error", "no such domain here", ""},
		{"postfix/retry", "delivery temporarily suspended: x", ""},
		{"postfix/discard", "silently", ""},
	} {
		e := Parse(tt.program, testID+": to=<x@y>, relay=local, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent ("+tt.response+")")
		if e.Kind != Delivery || e.Delivered.Response != tt.response || e.Delivered.ForwardAs != tt.forward || e.Delivered.Incomplete {
			t.Errorf("%s: %+v", tt.program, e)
		}
	}
}

// Recipients as Postfix writes them since 3.5, and as it wrote them before.
func TestDeliveryAddresses(t *testing.T) {
	for _, addr := range []string{
		"x@y", "o'brien@drop.test", "root", "", "user=tag@y", "SRS0=abc=de=example.org=bob@y", "a!b!c@y", "x@[192.0.2.1]", "jürgen@bücher.example",
		`"john doe"@y`, `"a> to=<b"@evil`, `"a>, relay=fake[6.6.6.6]:25, delay=1, dsn=2.0.0, status=sent (250 fake)"@y`, `"\""@y`, `"\\"@y`,
		`"a\">, relay=fake, status=sent (x)"@y`, `"@"@y`, `"a.b".c@y`, `c."a>b"@y`, `a\@b@c`, `a\>b@c`, `@relay.example:"a>b"@y`,
		// not quoted by Postfix before 3.5, or quoted wrong
		"john doe@y", "a>b@y", `a"b@y`, `"@y`, `a"b>c"d@y`, `"\\">@x`, `a"b`,
	} {
		for _, orig := range []string{"", "o@y", `"o> p"@y`, `"o>, relay=none, status=sent (x"@y`} {
			text := testID + ": to=<" + addr + ">"
			if orig != "" {
				text += ", orig_to=<" + orig + ">"
			}
			text += ", relay=none, delay=1, delays=0/0/0/1, dsn=2.0.0, status=deferred (why)"
			e := Parse("postfix/smtp", text)
			if e.Kind != Delivery || e.To != addr || e.OrigTo != orig || e.Delivered.Status != "deferred" || e.Delivered.Relay.Other != "none" {
				t.Errorf("%s\n%+v", text, e)
			}
		}
	}
}

// Delays are read to the last bit as strconv reads them.
func TestSecondsAsStrconvReadsThem(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 500_000 {
		b := make([]byte, r.IntN(19))
		for i := range b {
			b[i] = "0123456789.."[r.IntN(12)]
			if r.IntN(200) == 0 {
				b[i] = "e-+x_ "[r.IntN(6)]
			}
		}
		s := string(b)
		want, err := strconv.ParseFloat(s, 64)
		ok := err == nil && strings.Trim(s, "0123456789.") == "" && want <= maxDelay
		if !ok {
			want = 0
		}
		if got, read := seconds(s); got != want || read != ok {
			t.Fatalf("%q: %v, %t; want %v, %t", s, got, read, want, ok)
		}
	}
}

func TestIPv4AsNetipReadsIt(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300_000 {
		b := make([]byte, 1+r.IntN(16))
		for i := range b {
			b[i] = "0123456789.........25"[r.IntN(21)]
		}
		a, err := netip.ParseAddr(string(b))
		if want := err == nil && a.Is4(); isIPv4(string(b)) != want {
			t.Fatalf("%q: %t", b, !want)
		}
	}
}

// A line is read as one of its key just as without the key.
func TestParseOfIsParse(t *testing.T) {
	for _, text := range []string{
		"4F2A31B2C: removed", "4F2A31B2C:removed", "4F2A31B2C:", "4F2A31B2C: ", "warning: 4F2A31B2C: removed", "4F2A31B2CD: removed", "NOQUEUE: reject: x", "", ": x",
	} {
		for _, id := range []string{"4F2A31B2C", "4jXBLs53lkz1SGgK", ""} {
			var got Event
			ParseOf(id, &got, "postfix/qmgr", text)
			if want := Parse("postfix/qmgr", text); got != want {
				t.Errorf("%q of %q: %+v, want %+v", text, id, got, want)
			}
		}
	}
}
