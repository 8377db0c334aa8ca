package message

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"
)

// selectionMail has two recipients of different fates, one of them by way of an alias.
func selectionMail() *Document {
	return &Document{
		ID: "Zm9vYmFyYmF6cXV4MTIzNA", Kind: KindMessage, Host: "MX1.corp.test", QueueID: "4F2A31B2C7", MessageID: "1@x",
		Timestamp: time.Date(2026, 11, 22, 10, 0, 0, 500_900, time.UTC), From: "Alice.Smith@Corp.test", To: []string{"bob@ok.test", "carol@bounce.test"},
		Subject: "Réunion à 10h, Re: invoice_7", Size: 5000, HasSize: true, Status: Mixed, Open: true,
		Client: Client{Hostname: "web1.Corp.test", IP: "192.0.2.11"}, SASL: SASL{Username: "alice"},
		Recipients: []Recipient{
			{To: "carol@bounce.test", Status: Bounced, Relay: Relay{Hostname: "mx.bounce.test", IP: "2001:db8::7"}, Delay: 1, HasDelay: true},
			{To: "bob@ok.test", OrigTo: "team@lists.test", Status: Sent, Relay: Relay{Name: "local"}, Delay: 90, HasDelay: true},
		},
		Counts: Counts{Sent: 1, Bounced: 1, Total: 2},
	}
}

func TestSelection(t *testing.T) {
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	fits := []Selection{
		{},
		{From: "alice.smith@corp.test"},
		{From: "ALICE.SMITH@CORP.TEST"},
		{From: "@corp.TEST"},
		{From: "smith"},
		{From: "alice.smith@"},
		{From: "a*h@*"},
		{From: "@*.test"},
		{To: "bob@ok.test"},
		{To: "team@lists.test"},
		{To: "@lists.test"},
		{To: "@lists*"},
		{To: "team@"},
		{To: "aro"},
		{Subject: "réunion"},
		{Subject: "10H réunion"},
		{Subject: "INVOICE_7"},
		{Subject: "inv*"},
		{Subject: "re:"},
		{Subject: "*union 1*"},
		{Text: "reunion"},
		{Text: "réunion smith bob"},
		{Text: "team invoice 7"},
		{Text: "reu* ali*"},
		{Text: "alice.smith@corp.test"},
		{MessageID: "1@x"},
		{QueueID: "4F2A31B2C7"},
		{ID: "4F2A31B2C7"},
		{ID: "1@x"},
		{ID: "Zm9vYmFyYmF6cXV4MTIzNA"},
		{Client: "WEB1.corp.test"},
		{Client: ".corp.test"},
		{Client: "web*"},
		{Client: "192.0.2.11"},
		{Client: "192.0.2.0/24"},
		{Client: "::ffff:192.0.2.11"},
		{Client: "[192.0.2.11]"},
		{User: "alice"},
		{User: "lic"},
		{Server: "mx1.corp.test"},
		{Server: "mx1*"},
		{Relay: "mx.bounce.test"},
		{Relay: "local"},
		{Relay: ".bounce.test"},
		{Relay: "2001:db8::/32"},
		{Status: "mixed"},
		{Status: "sent"},
		{Status: "bounced"},
		{To: "bob", Status: "sent"},
		{To: "bob", Status: "mixed"},
		{To: "team", Status: "sent"},
		{Larger: 5000},
		{Slower: 90 * time.Second},
		{Slower: time.Minute, Relay: "local", To: "bob", Status: "sent"},
		{Open: true},
		{Since: at},
		{Until: at.Add(time.Millisecond)},
		{Since: at.Add(500 * time.Microsecond)},
	}
	others := []Selection{
		{From: "<>"},
		{From: "alice.smith@corp"},
		{From: "@test"},
		{From: "bob"},
		{From: "smith@"},
		{From: "@corp.test*x"},
		{To: "alice"},
		{To: "team@ok.test"},
		{To: "@test"},
		{Subject: "reunion"},
		{Subject: "invoice"},
		{Subject: "smith"},
		{Subject: "réunion 11h"},
		{Subject: "..."},
		{Subject: " "},
		{Text: "reu"},
		{Text: "réunion dave"},
		{Text: "!"},
		{MessageID: "1@X"},
		{QueueID: "4f2a31b2c7"},
		{ID: "4F2A31B2C"},
		{Client: "corp.test"},
		{Client: "192.0.2.1"},
		{Client: "192.0.3.0/24"},
		{User: "bob"},
		{Server: "mx1"},
		{Server: "mx2*"},
		{Relay: "mx"},
		{Relay: ".test.local"},
		{Relay: "192.0.2.11"},
		{Status: "deferred"},
		{To: "bob", Status: "bounced"},
		{To: "carol", Status: "sent"},
		{Status: "sent", Relay: "mx.bounce.test"},
		{Slower: time.Minute, To: "carol"},
		{To: "bob", Status: "receiving"},
		{Larger: 5001},
		{Slower: 91 * time.Second},
		{Since: at.Add(time.Millisecond)},
		{Until: at},
		{From: "smith", To: "dave"},
	}
	d := selectionMail()
	for _, s := range fits {
		if !s.Filter().Matches(d) {
			t.Errorf("%+v does not fit", s)
		}
	}
	for _, s := range others {
		if s.Filter().Matches(d) {
			t.Errorf("%+v fits", s)
		}
	}
	d.Open, d.HasSize = false, false
	for _, s := range []Selection{{Open: true}, {Larger: 1}} {
		if s.Filter().Matches(d) {
			t.Errorf("%+v fits", s)
		}
	}
}

// What the index and a log compare in the same way, at the edges.
func TestSelectionAtTheEdges(t *testing.T) {
	d := selectionMail()
	d.Recipients[0].Relay = Relay{Hostname: "mx.bounce.test", IP: "203.0.113.7"}
	d.SASL.Username = "JÖRG@Example.org"
	d.Counts.Deferred = 7 // none of those that are shown
	for _, s := range []Selection{
		{Status: "deferred"},
		{Relay: "mx.bounce.test[203.0.113.7]:25"},
		{Relay: "203.0.113.7:25"},
		{Relay: "MX.bounce.test:25"},
		{Relay: "[203.0.113.7]"},
		{Client: "web1.corp.test[192.0.2.11]"},
		{Client: "::ffff:192.0.0.0/104"},
		{Client: "0.0.0.0/0"},
		{Relay: "::ffff:203.0.113.0/120"},
		{User: "JÖRG"},
		{User: "jÖrg@example.org"},
		{User: "@EXAMPLE.org"},
	} {
		if !s.Filter().Matches(d) {
			t.Errorf("%+v does not fit", s)
		}
	}
	for _, s := range []Selection{{Status: "expired"}, {Client: "::/0"}, {Client: "::ffff:0:0/95"}, {Relay: "mx.bounce.test[203.0.113.8]:25"}, {Relay: ":25"}, {User: "jörg"}} {
		if s.Filter().Matches(d) {
			t.Errorf("%+v fits", s)
		}
	}
	probe := &Document{Kind: KindProbe, Status: Deliverable, Recipients: []Recipient{{To: "a@b", Status: Deliverable}}, Counts: Counts{Sent: 1, Total: 1}}
	if sent, could := (Selection{Status: Sent}), (Selection{Status: Deliverable}); sent.Filter().Matches(probe) || !could.Filter().Matches(probe) {
		t.Error("a probe that says an address could be delivered to is taken for sent mail")
	}
	d.Client.IP, d.Recipients[0].Relay.IP = "2001:db8::9", "2001:db8::7"
	for _, s := range []Selection{{Client: "::/0"}, {Client: "2001:db8::9"}, {Relay: "[2001:db8::7]:25"}, {Relay: "mx.bounce.test[2001:db8::7]:25"}, {Relay: "2001:db8::/32"}} {
		if !s.Filter().Matches(d) {
			t.Errorf("%+v does not fit", s)
		}
	}
}

// Of a message's recipients those are shown that are asked for.
func TestSelectedRecipients(t *testing.T) {
	d := selectionMail()
	for s, want := range map[Selection]string{
		{}: "carol bob", {To: "team"}: "bob", {Status: "bounced"}: "carol", {Status: "mixed"}: "carol bob", {Slower: time.Minute}: "bob",
		{From: "alice", Relay: "2001:db8::7"}: "carol", {To: "@lists.test", Status: "bounced"}: "",
	} {
		var got []string
		f := s.Filter()
		for i := range d.Recipients {
			if f.MatchesRecipient(&d.Recipients[i]) {
				got = append(got, d.Recipients[i].To[:strings.Index(d.Recipients[i].To, "@")])
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%+v: %q, want %q", s, got, want)
		}
	}
}

// More recipients than are shown are found by address.
func TestSelectionBeyondTheShownRecipients(t *testing.T) {
	d := selectionMail()
	d.To = append(d.To, "zoe@ok.test")
	s := Selection{To: "zoe"}
	if !s.Filter().Matches(d) {
		t.Error("not found")
	}
}

// A wildcard is what a regular expression makes of it.
func TestWildcards(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	draw := func(letters string) string {
		b := make([]byte, rng.IntN(7))
		for i := range b {
			b[i] = letters[rng.IntN(len(letters))]
		}
		return string(b)
	}
	for range 50_000 {
		pattern, s := draw("ab*"), draw("ab")
		want := regexp.MustCompile("^" + strings.ReplaceAll(pattern, "*", ".*") + "$").MatchString(s)
		if got := fitsWildcard(pattern, s); got != want {
			t.Fatalf("%q of %q: %v", pattern, s, got)
		}
	}
}
