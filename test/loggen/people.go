package loggen

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
)

// client is who hands a message in.
type client struct{ host, ip, helo string }

func (c client) String() string { return c.host + "[" + c.ip + "]" }

var tlsCiphers = []string{
	"TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits) key-exchange X25519 server-signature RSA-PSS (2048 bits) server-digest SHA256",
	"TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)",
	"TLSv1.2 with cipher ECDHE-RSA-AES256-GCM-SHA384 (256/256 bits)",
}

func (g *Generator) client() client {
	n := g.r.IntN(5000)
	switch {
	case g.chance(0.1):
		ip := fmt.Sprintf("203.0.113.%d", n%254+1)
		return client{"unknown", ip, "host" + strconv.Itoa(n) + ".invalid"}
	case g.chance(0.08):
		h := fmt.Sprintf("v6-%d.partner.example", n)
		return client{h, fmt.Sprintf("2001:db8:%x::25", n), h}
	default:
		h := fmt.Sprintf("mail%d.partner.example", n)
		return client{h, fmt.Sprintf("198.51.%d.%d", 100+n%8, n%254+1), h}
	}
}

// sender gives an envelope sender, "" for the null sender.
func (g *Generator) sender(inside bool) string {
	n := g.r.IntN(3000)
	switch {
	case g.chance(0.04):
		return ""
	case inside:
		return "user" + strconv.Itoa(n) + "@corp.test"
	case g.chance(0.08):
		return "SRS0=ab1c=XY=list" + strconv.Itoa(n) + ".example=owner@fwd.example"
	case g.chance(0.15):
		return "bounce+" + strconv.Itoa(n) + "@list" + strconv.Itoa(n%50) + ".example"
	default:
		return "person" + strconv.Itoa(n) + "@partner" + strconv.Itoa(n%200) + ".example"
	}
}

// subject gives a Subject as the log shows it (200 bytes of header at most, newlines as ?), what it says, and whether it was cut.
func (g *Generator) subject(n int) (logged, decoded string, cut bool) {
	num := strconv.Itoa(n)
	kind := g.r.IntN(20)
	if g.cfg.PlainSubjects {
		kind = g.r.IntN(8)
	}
	switch kind {
	case 8:
		return "=?UTF-8?B?" + base64.StdEncoding.EncodeToString([]byte("Réunion d'équipe à 10h € "+num)) + "?=", "Réunion d'équipe à 10h € " + num, false
	case 9:
		return "=?iso-8859-1?Q?Caf=E9_cr=E8me_" + num + "?=", "Café crème " + num, false
	case 10:
		return "日本語の件名 " + num, "日本語の件名 " + num, false
	case 11: // folded between two encoded words: the white space between them is no part of the subject
		return "=?UTF-8?Q?Quarterly_report_of_all_departments_" + num + "?=? =?UTF-8?Q?_with_every_appendix_=E2=9C=93?=",
			"Quarterly report of all departments " + num + " with every appendix ✓", false
	case 12:
		return "status=sent (250 fake) " + num, "status=sent (250 fake) " + num, false
	case 13:
		s := "hello from x[6.6.6.6]; from=<ceo@corp> to=<cfo@corp> proto=ESMTP helo=<x> " + num
		return s, s, false
	case 14:
		s := "to=<x@y>, relay=none, delay=0, delays=0/0/0/0, dsn=5.0.0, status=bounced (no) " + num
		return s, s, false
	case 15: // longer than what the log shows
		word := "All work and no play makes a dull newsletter number " + num + ". "
		return cutHeader(strings.Repeat(word, 6)), strings.Repeat(word, 6)[:191], true
	case 16: // cut inside an encoded word
		whole := "=?UTF-8?Q?" + strings.Repeat("=C3=A9", 9) + num + "?= "
		logged = cutHeader(strings.Repeat(whole, 4))
		n := strings.Count(logged, whole)
		return logged, strings.Repeat(strings.Repeat("é", 9)+num, n), true
	case 17:
		s := `tab?here; semi, comma <b>html</b> "quoted" 'q' ` + num
		return s, s, false
	case 18:
		s := "REMOVED: " + num + ": removed"
		return s, s, false
	default:
		s := []string{"Invoice ", "Re: meeting ", "Your order ", "Fwd: minutes of ", "Newsletter ", "Reminder: "}[kind%6] + num
		return s, s, false
	}
}

// cutHeader cuts a subject where cleanup cuts the header: after 200 bytes with its name.
func cutHeader(s string) string { return s[:min(len(s), 200-len("Subject: "))] }
