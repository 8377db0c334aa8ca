package badinput

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/postweave/postweave/test/loggen"
)

// characterRows are about bytes and characters, most of them in a subject, which is the sender's own.
func characterRows() []row {
	var rows []row
	add := func(number int, input, outcome string, more func(r *row)) {
		r := row{number: number, input: input, outcome: outcome}
		more(&r)
		rows = append(rows, r)
	}
	inSubject := func(number int, input, outcome, text, want string) {
		add(number, input, outcome, func(r *row) {
			r.lines = mail(r.host(), someID, text)
			r.check = saysSubject(want)
		})
	}
	const noBytes = "JSON has characters and no bytes: a shipper replaces them, and Elasticsearch refuses a document that holds them"
	bytesOnly := func(number int, input, outcome, text, want string) {
		add(number, input, outcome, func(r *row) {
			r.lines = mail(r.host(), someID, text)
			r.differs = map[path]string{index: noBytes}
			r.check = saysSubject(want)
			r.not = map[path]string{index: noBytes}
		})
	}
	add(5, "NUL", "U+FFFD in every field, and in the line that is kept", func(r *row) {
		r.lines = mail(r.host(), someID, "a\x00b")
		r.lines[0].Text = someID + ": client=mail\x00.example.org[192.0.2.1]"
		r.raw = []string{`{"@timestamp":"2026-03-20T12:00:09Z","syslog_hostname":"HOST\u0000","syslog_program":"postfix/qmgr\u0000","syslog_pid":"\u0000","syslog_message":"` + someID + `\u0000: removed"}`}
		r.check = func(t *testing.T, _ path, d documents) {
			x := d.one(t)
			equal(t, "subject", x.Subject, "a\ufffdb")
			equal(t, "client", x.Client.Hostname, "mail\ufffd.example.org")
		}
	})
	bytesOnly(6, "a byte that is no UTF-8 (`\\xff`)", "U+FFFD; Elasticsearch refuses such a document of the source by itself", "a\xffb", "a\ufffdb")
	add(7, "half a surrogate pair, as `\\ud800` or as bytes", "U+FFFD, each time the same", func(r *row) {
		r.lines = nil
		text := func(s string) string {
			return `{"@timestamp":"2026-03-20T12:00:00Z","syslog_hostname":"HOST","syslog_program":"postfix/cleanup","syslog_pid":"1","syslog_message":"` + someID + `: ` + s + `"}`
		}
		r.raw = []string{text(subject(`a\ud800b\udc00\ud800\udc00`))}
		r.log = loggenLine(r.host(), someID+": "+subject("a\xed\xa0\x80b"))
		r.not = map[path]string{parser: "the bytes are those of row 8; the escape is JSON's"}
		r.check = func(t *testing.T, p path, d documents) {
			want := map[path]string{command: "a\ufffd\ufffd\ufffdb", index: "a\ufffdb\ufffd\U00010000"}[p]
			equal(t, "subject", d.one(t).Subject, want)
		}
	})
	bytesOnly(8, "overlong UTF-8, sequences of five bytes, beyond U+10FFFF", "one U+FFFD for each byte", "\xc0\xaf\xf8\x88\x80\x80\x80\xf4\x90\x80\x80", strings.Repeat("\ufffd", 11))
	add(9, "escape sequences in subject, addresses and helo", "control characters of the subject become U+FFFD; where they are kept, what is shown has `\\x1b`", func(r *row) {
		const nasty = "\x1b[2J\x1b]0;pwn\x07"
		r.lines = of(r.host(), someID, "smtpd", client,
			"cleanup", "info: header Subject: "+nasty+" from mail.example.org[192.0.2.1]; from=<"+nasty+"@example.org> to=<"+nasty+"@example.com> proto=ESMTP helo=<"+nasty+">",
			"qmgr", "from=<"+nasty+"@example.org>, size=900, nrcpt=1 (queue active)")
		r.check = func(t *testing.T, _ path, d documents) {
			x := d.one(t)
			equal(t, "subject", x.Subject, "\ufffd[2J\ufffd]0;pwn\ufffd")
			equal(t, "sender", x.From, nasty+"@example.org")
			equal(t, "helo", x.Client.HELO, nasty)
		}
	})
	inSubject(10, "C1 controls (U+009B opens an escape sequence)", "kept; shown as `\\u009b`", "red \u009b31m\u0085 blue", "red \u009b31m\u0085 blue")
	inSubject(11, "characters that turn the direction of text (U+202E)", "kept; shown as `\\u202e`", "invoice\u202efdp.exe\u2066\u200f", "invoice\u202efdp.exe\u2066\u200f")
	inSubject(12, "U+2028, U+2029, characters of no width, tags", "kept; one line of JSON, one row of a table and of CSV; shown as `\\u2028`", "one\u2028two\u2029\u200b\ufeff\U000e0041", "one\u2028two\u2029\u200b\ufeff\U000e0041")
	add(24, "a subject that is a formula: `=cmd\\|…`, `+1`, `-1`, `@SUM`, full-width forms, a leading TAB", "kept; a cell of CSV begins with an apostrophe", func(r *row) {
		for i, text := range []string{"=cmd|'/c calc'!A1", "+1", "-1", "@SUM(A1:A9)", "＝1", "\t=1", "\r=1", "a;=1", "\uff20x"} {
			r.lines = append(r.lines, of(r.host(), someID[:9]+string(rune('0'+i)), "cleanup", subject(text), "qmgr", active)...)
		}
		r.check = func(t *testing.T, _ path, d documents) {
			equal(t, "documents", len(d), 9)
			for _, x := range d {
				if x.QueueID == someID[:9]+"0" {
					equal(t, "subject", x.Subject, "=cmd|'/c calc'!A1")
				}
			}
		}
	})
	inSubject(25, "a subject with markup", "kept: nothing of postweave writes HTML", "<img src=x onerror=alert(1)>{{7*7}}${jndi:ldap://x.example}", "<img src=x onerror=alert(1)>{{7*7}}${jndi:ldap://x.example}")
	inSubject(26, "a subject that is a `javascript:` or `data:` address", "kept as text: nothing of postweave makes links", "javascript:alert(1) data:text/html,x", "javascript:alert(1) data:text/html,x")
	inSubject(27, "encoded words (RFC 2047)", "decoded", "=?utf-8?B?4pyT?= =?iso-8859-1?Q?gr=FC=DFe?=", "✓grüße")
	add(28, "an encoded word cut in its midst by Postfix", "what is left of it is decoded, up to a whole character; warning `subject_truncated`", func(r *row) {
		text := "=?utf-8?B?" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("äöü", 200)))
		r.lines = mail(r.host(), someID, text[:200-len("Subject: ")])
		r.instead = "decoded, not left raw: Postfix cuts at 200 bytes, and nearly every subject with an umlaut is longer"
		r.check = func(t *testing.T, _ path, d documents) {
			x := d.one(t)
			x.warned(t, "subject_truncated", true)
			if !strings.HasPrefix(x.Subject, "äöüäöü") || strings.Trim(x.Subject, "äöü") != "" {
				t.Errorf("subject %q", x.Subject)
			}
		}
	})
	add(29, "20,000 beginnings of an encoded word", "in linear time; raw, and the line is cut at 32 KiB", func(r *row) {
		r.lines = of(r.host(), someID, "cleanup", subject(strings.Repeat("=?x?y?", 20_000)+"?="), "cleanup", subject(strings.Repeat("=?x?y?", 4000)+"?="))
		r.check = func(t *testing.T, _ path, d documents) {
			x := d.one(t)
			x.warned(t, "subject_undecodable", true)
			x.warned(t, "line_truncated", true)
			if !strings.HasPrefix(x.Subject, "=?x?y?=?x?y?") || len(x.Subject) > 8191 {
				t.Errorf("subject of %d bytes %.40q", len(x.Subject), x.Subject)
			}
		}
	})
	add(30, "encoded words of an unknown character set, of UTF-7, of wrong base64", "raw; warning `subject_undecodable`", func(r *row) {
		for i, text := range []string{"=?klingon-8?Q?x=41?=", "=?utf-7?Q?+ADw-script+AD4-?=", "=?utf-8?B?!!!!?=", "=?utf-8?X?x?="} {
			r.lines = append(r.lines, of(r.host(), someID[:9]+string(rune('0'+i)), "cleanup", subject(text))...)
		}
		r.check = func(t *testing.T, _ path, d documents) {
			equal(t, "documents", len(d), 4)
			for _, x := range d {
				x.warned(t, "subject_undecodable", true)
				if !strings.HasPrefix(x.Subject, "=?") || strings.Contains(x.Subject, "<script") {
					t.Errorf("subject %q", x.Subject)
				}
			}
		}
	})
	inSubject(31, "an encoded word that holds NUL, ESC, line breaks", "made safe after decoding: U+FFFD and spaces", "=?utf-8?Q?a=00b=1B[2Jc=0D=0ASubject:=20d?=", "a\ufffdb\ufffd[2Jc  Subject: d")
	bytesOnly(32, "a subject in raw Latin-1", "U+FFFD for each byte: which set it is, the line does not say", "gr\xfc\xdfe", "gr\ufffd\ufffde")
	add(14, "a subject that ends like a forged envelope", "the last one counts: client, sender and recipient are the true ones, the subject is the whole text", func(r *row) {
		const forged = "hi from evil.example[203.0.113.9]; from=<forged@example.net> to=<victim@example.net> proto=ESMTP helo=<evil>: ok"
		r.lines = mail(r.host(), someID, forged)
		r.check = func(t *testing.T, _ path, d documents) {
			x := d.one(t)
			equal(t, "subject", x.Subject, forged)
			equal(t, "sender", x.From, "jane@example.org")
			equal(t, "recipients", strings.Join(x.To, " "), "joe@example.com")
			equal(t, "helo", x.Client.HELO, "mail.example.org")
			equal(t, "client", x.Client.Hostname, "mail.example.org")
		}
	})
	// What a store must refuse by itself, once, so that it is known that it does.
	for i := range rows {
		if rows[i].number == 6 {
			rows[i].not = nil
			rows[i].differs = map[path]string{index: noBytes}
			rows[i].raw = []string{"{\"@timestamp\":\"2026-03-20T12:00:00Z\",\"syslog_hostname\":\"HOST\",\"syslog_program\":\"postfix/qmgr\",\"syslog_message\":\"" + someID + ": removed \xff\"}"}
			rows[i].refused = 1
			bare := rows[i].lines
			rows[i].lines = nil
			var log []byte
			for _, l := range bare {
				log = l.AppendRFC3339(log)
			}
			rows[i].log = string(log)
			rows[i].not = map[path]string{parser: "row 32 has the same bytes"}
			check := rows[i].check
			rows[i].check = func(t *testing.T, p path, d documents) {
				if p == index {
					none(t, p, d)
					return
				}
				check(t, p, d)
			}
		}
	}
	return rows
}

// loggenLine is one line of cleanup in a log file.
func loggenLine(host, text string) string {
	return string(loggen.Line{Time: start, Host: host, Program: "postfix/cleanup", PID: "1", Text: text}.AppendRFC3339(nil))
}
