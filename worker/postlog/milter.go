package postlog

import "strings"

// milterAction tells whether a word is what became of a milter's reply to an
// event: smtpd writes it before the end of the message (src/smtpd/smtpd.c
// check_milter_reply), cleanup at its end (src/cleanup/cleanup_milter.c cleanup_milter_apply). Until Postfix
// 3.9 a hold says "milter triggers HOLD action"; 3.10 and later give the milter's reason.
func milterAction(s string) bool {
	switch s {
	case "milter-reject", "milter-hold", "milter-discard", "milter-accept":
		return true
	}
	return false
}

// milterContentAction tells whether a word is the verdict of milter_header_checks,
// which look at the headers that a milter adds (src/cleanup/cleanup_milter.c
// cleanup_milter_hbc_log): "milter-header-reject".
func milterContentAction(s string) bool {
	for _, part := range [...]string{"milter-header-", "milter-body-"} {
		if rest, ok := strings.CutPrefix(s, part); ok {
			return contentAction(rest)
		}
	}
	return false
}
