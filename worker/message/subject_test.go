package message

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestDecodeSubject(t *testing.T) {
	for _, tt := range []struct {
		raw  string
		cut  bool
		want string
		ok   bool
	}{
		{"hello", false, "hello", true},
		{"", false, "", true},
		{"日本語の件名", false, "日本語の件名", true},
		{"=?UTF-8?B?4pyT?=", false, "✓", true},
		{"=?utf-8?q?Caf=C3=A9_cr=C3=A8me?=", false, "Café crème", true},
		{"=?iso-8859-1?Q?Caf=E9_cr=E8me_7?=", false, "Café crème 7", true},
		{"=?iso-8859-1*fr?Q?Caf=E9?=", false, "Café", true}, // RFC 2231 5
		{"=?windows-1251?B?z/Do4uXy?=", false, "Привет", true},
		{"=?gb2312?B?xOO6ww==?=", false, "你好", true},
		{"=?ISO-2022-JP?B?GyRCRnxLXBsoQg==?=", false, "日本", true},
		{"=?koi8-r?B?8NLJ18XU?=", false, "Привет", true},
		{"=?us-ascii?Q?plain?=", false, "plain", true},
		{"Re: =?UTF-8?Q?a?= and =?UTF-8?Q?b?= (c)", false, "Re: a and b (c)", true},
		{"=?UTF-8?Q?a?= =?UTF-8?Q?b?=", false, "ab", true},                              // the gap between two words is nothing
		{"=?UTF-8?Q?Very_long?=? =?UTF-8?Q?_folded?=", false, "Very long folded", true}, // folded
		{"=?UTF-8?Q?a?=?\t=?ISO-8859-1?Q?=E9?=", false, "aé", true},
		{"=?UTF-8?B?5pel5pw=?= =?UTF-8?B?rOiqng==?=", false, "日本語", true}, // a character split over two words
		{"=?UTF-8?Q?=E6=97=A5=E6=9C?=? =?UTF-8?Q?=AC?=", false, "日本", true},
		{"=?UTF-8?B?5pel5pw?=", false, "=?UTF-8?B?5pel5pw?=", false}, // split, and the rest is missing
		{"=?UTF-8?Q?=E6=97=A5=E6=9C", true, "日", true},
		{"=?UTF-8?B?5pel5pysNw", true, "日本7"[:6], true},
		{"=?UTF-8?Q?abc=E", true, "abc", true},
		{"=?UTF-8?Q?abc?", true, "abc", true},
		{"=?UTF-8?Q?a?= =?UTF-8?Q?b=C3", true, "ab", true},
		{"=?gb2312?Q?=C4=E3=BA", true, "你", true},
		{"=?UTF-8?Q?abc", false, "=?UTF-8?Q?abc", false},
		{"=?UTF-8?", true, "=?UTF-8?", false},
		{"=?UTF-8?Q?abc def", true, "=?UTF-8?Q?abc def", false},
		{"=?x-none?Q?a?= =?x-none?Q?b?=", false, "=?x-none?Q?a?= =?x-none?Q?b?=", false},
		{"=?x-none?Q?a?= =?UTF-8?Q?b?=", false, "=?x-none?Q?a?= b", false},
		{"=?utf-7?Q?a?=", false, "=?utf-7?Q?a?=", false},
		{"=?UTF-8?B?!!!!?=", false, "=?UTF-8?B?!!!!?=", false},
		{"=?UTF-8?Q?=GG?=", false, "=?UTF-8?Q?=GG?=", false},
		{"=?UTF-8?X?abc?=", false, "=?UTF-8?X?abc?=", false},
		{"=?=?=?", false, "=?=?=?", false},
		{"=?UTF-8?Q?=00=1B=0D=0Aa=C2=9Bb?=", false, "\uFFFD\uFFFD  a\u009bb", true}, // made safe after decoding
		{"=?UTF-8?B?PT9VVEYtOD9RP2E/PQ==?=", false, "=?UTF-8?Q?a?=", true},          // decoded once
		{"  spaces  ", false, "spaces", true},
	} {
		if got, ok := decodeSubject(tt.raw, tt.cut); got != tt.want || ok != tt.ok {
			t.Errorf("%q cut %v: %q %v, want %q %v", tt.raw, tt.cut, got, ok, tt.want, tt.ok)
		}
	}
}

func TestSubjectBombs(t *testing.T) {
	for _, raw := range []string{
		strings.Repeat("=?x?y?", 20000) + "?=", strings.Repeat("=?UTF-8?Q?aaa ", 3000), strings.Repeat("=?UTF-8?Q?a?= ", 3000), strings.Repeat("=?", 20000),
		"=?UTF-8?Q?" + strings.Repeat("=E2", 10000) + "?=",
	} {
		began := time.Now()
		decodeSubject(raw, true)
		if took := time.Since(began); took > 500*time.Millisecond {
			t.Errorf("%.20q…: %v", raw, took)
		}
	}
}

func TestSubjects(t *testing.T) {
	line := func(header string) string {
		return "\n01:00:00 cleanup: warning: header " + header + " from x.example[192.0.2.1]; from=<a@b> to=<c@d> proto=SMTP helo=<h>"
	}
	long := "Subject: " + strings.Repeat("A", 191)
	for _, tt := range []struct{ name, lines, subject, subjects, warnings string }{
		{"none", line("X-Spam: yes"), "", "[]", "[]"},
		{"plain", line("Subject: hello"), "hello", "[]", "[]"},
		{"other case", line("SUBJECT:hello"), "hello", "[]", "[]"},
		{"empty", line("Subject: "), "", "[]", "[]"},
		{"encoded", line("Subject: =?UTF-8?Q?h=C3=A9?="), "hé", "[]", "[]"},
		{"cut", line(long), long[9:], "[]", "[subject_truncated]"},
		{"not decoded", line("Subject: =?x?Q?a?="), "=?x?Q?a?=", "[]", "[subject_undecodable]"},
		{"twice the same", line("Subject: a") + line("Subject: =?UTF-8?Q?a?="), "a", "[]", "[]"},
		{"several", line("Subject: b") + line("Subject: a"), "a", "[a b]", "[several_subjects]"},
		{"the first in time", line("Subject: b") + strings.Replace(line("Subject: a"), "01:00:00", "01:00:01", 1), "b", "[b a]", "[several_subjects]"},
		{
			"forged", line("Subject: hi from y[6.6.6.6]; from=<z@z> to=<z@z> proto=ESMTP helo=<z>: x"),
			"hi from y[6.6.6.6]; from=<z@z> to=<z@z> proto=ESMTP helo=<z>: x", "[]", "[]",
		},
		{"another header's name", line("Subject: header Subject: x"), "header Subject: x", "[]", "[]"},
		{"not at the start", line("X-Subject: x"), "", "[]", "[]"},
		{"by a verdict", strings.Replace(line("Subject: a"), "warning", "reject", 1), "a", "[]", "[]"},
	} {
		d := one(t, tt.lines)
		if d.Subject != tt.subject || fmt.Sprint(d.Subjects) != tt.subjects || fmt.Sprint(d.Warnings) != tt.warnings || d.Client.IP != "192.0.2.1" || d.From != "a@b" {
			t.Errorf("%s: %q %q %v", tt.name, d.Subject, d.Subjects, d.Warnings)
		}
	}
	var many strings.Builder
	for i := range MaxSubjects + 5 {
		many.WriteString(line(fmt.Sprintf("Subject: %03d", i)))
	}
	if d := one(t, many.String()); len(d.Subjects) != MaxSubjects || d.Subject != "000" || fmt.Sprint(d.Warnings) != "[cap_subjects several_subjects]" {
		t.Errorf("%d subjects, %v", len(d.Subjects), d.Warnings)
	}
}
