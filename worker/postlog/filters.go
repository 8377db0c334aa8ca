package postlog

import "strings"

// family tells filters apart by how they write a verdict.
type family uint8

const (
	noFilter    family = iota
	anyFilter          // the verdict is the first word, if it is there
	dkimFilter         // OpenDKIM (opendkim/opendkim.c mlfi_eom), dkimpy-milter
	dmarcFilter        // OpenDMARC (opendmarc/opendmarc.c mlfi_eom), OpenARC
	spfFilter          // smf-spf, pypolicyd-spf and their kin
	greyFilter         // milter-greylist, postgrey, sqlgrey
)

// filters are the programs beside Postfix whose lines begin with a queue id:
// milters, policy servers and content filters that were told it.
//
// Not here is pmg-smtp-filter: its lines begin with an id of its own that looks like one of ours.
var filters = map[string]family{
	"opendkim": dkimFilter, "dkimpy-milter": dkimFilter, "dkim-filter": dkimFilter, "dkim-milter": dkimFilter,
	"opendmarc": dmarcFilter, "openarc": dmarcFilter,
	"smf-spf": spfFilter, "spf-milter": spfFilter, "pyspf-milter": spfFilter, "policyd-spf": spfFilter, "sid-filter": spfFilter, "sid-milter": spfFilter,
	"milter-greylist": greyFilter, "postgrey": greyFilter, "sqlgrey": greyFilter,
	"authentication_milter": anyFilter, "spamass-milter": anyFilter, "clamav-milter": anyFilter, "clmilter": anyFilter, "milter-regex": anyFilter,
	"mimedefang": anyFilter, "mimedefang.pl": anyFilter, "mailscanner": anyFilter, "mailfromd": anyFilter,
	"amavis": anyFilter, "amavisd": anyFilter, "amavisd-new": anyFilter, "rspamd": anyFilter, "rmilter": anyFilter,
	"dovecot": anyFilter, "zeyple": anyFilter, "gpg-mailgate": anyFilter, "sympa": anyFilter,
}

// familyOf returns a program's family; noFilter is none of them. The case of
// letters is that of who packed it ("OpenDKIM", "MailScanner").
func familyOf(program string) family {
	if f := filters[program]; f != noFilter {
		return f
	}
	if name, _, slash := strings.Cut(program, "/"); slash {
		return filters[name]
	}
	return filters[strings.ToLower(program)]
}

// note is the action of a filter's line in which no verdict is read.
const note = "note"

// parseFilter reads what a known filter says of a message. Any such line counts as
// understood: each filter has texts of its own and changes them, they decide nothing here, and
// the whole text is kept. Only the verdict is read, from places that no stranger writes to; where it
// is not there, the line is a note.
//
// Some OpenDMARC versions write "ID ignoring Authentication-Results at 1 from
// HOST" without a colon. That is no line of the message: it tells nothing of it, and a rule by
// which a word of digits without a colon is an id would make keys of other words.
func (e *Event) parseFilter() {
	f := familyOf(e.Service)
	if f == noFilter {
		return
	}
	e.Kind, e.Check = Filtered, Check{Action: note, Text: e.Text}
	var action string
	switch f {
	case dkimFilter:
		action = dkimVerdict(e.Text)
	case dmarcFilter:
		action = dmarcVerdict(e.Text)
	case spfFilter:
		action = spfVerdict(e.Text)
	case greyFilter:
		action = greyVerdict(e.Text)
	default:
		action = firstVerdict(e.Text)
	}
	if action != "" {
		e.Check.Action = action
	}
}

// dkimVerdict reads the whole of a text or its own first words: selector and
// domain come behind them.
func dkimVerdict(s string) string {
	switch {
	case strings.HasPrefix(s, "DKIM-Signature field added ("), strings.HasPrefix(s, `"DKIM-Signature" header added`),
		strings.HasPrefix(s, "DKIM-Signature header added"):
		return "sign"
	case s == "DKIM verification successful":
		return "pass"
	case s == "bad signature data":
		return "fail"
	case s == "no signature data":
		return "none"
	}
	return ""
}

// dmarcVerdict reads "DOMAIN VERDICT" and "SPF(mailfrom): ADDRESS VERDICT". The
// domain is the stranger's, so the last word counts, and only where nothing else is in the line.
func dmarcVerdict(s string) string {
	subject, last := "", s
	if i := strings.LastIndexByte(s, ' '); i >= 0 {
		subject, last = s[:i], s[i+1:]
	}
	if subject == "" || strings.Contains(subject, " ") && !strings.HasPrefix(subject, "SPF(") {
		return ""
	}
	return verdictWord(last)
}

// spfVerdict reads "SPF VERDICT: …", "Received-SPF: VERDICT …", with "prepend "
// before it, and "VERDICT; identity=…".
func spfVerdict(s string) string {
	s = strings.TrimPrefix(s, "prepend ")
	s = strings.TrimPrefix(s, "Received-SPF: ")
	return firstVerdict(strings.TrimPrefix(s, "SPF "))
}

// greyVerdict reads "action=VERDICT, …" and milter-greylist's "addr HOST[IP]
// from <S> to <R> delayed for 00:05:00 (ACL 1)": the addresses are strangers', what follows them is not.
func greyVerdict(s string) string {
	if strings.HasPrefix(s, "skipping greylist because ") {
		return "pass"
	}
	const delayed = "> delayed for "
	i := strings.LastIndex(s, delayed)
	if i < 0 || !strings.HasPrefix(s, "addr ") {
		return firstVerdict(s)
	}
	clock, acl, _ := strings.Cut(s[i+len(delayed):], " ")
	if len(clock) != len("00:05:00") || strings.Trim(clock, "0123456789:") != "" {
		return ""
	}
	if acl != "" && (!strings.HasPrefix(acl, "(ACL ") || strings.IndexByte(acl, ')') != len(acl)-1) { // an address goes on
		return ""
	}
	return "greylist"
}

// firstVerdict reads a verdict at the start of a text: the first word, or the
// value of the first "key=value".
func firstVerdict(s string) string {
	if end := strings.IndexAny(s, " ;,:("); end >= 0 {
		s = s[:end]
	}
	if _, value, ok := strings.Cut(s, "="); ok {
		s = value
	}
	return verdictWord(s)
}

// verdicts are the words that are taken for one: the results of RFC 8601 and
// what milters and policy servers ask the mail server to do.
var verdicts = [...]string{
	"pass", "fail", "softfail", "neutral", "none", "temperror", "permerror", "policy",
	"accept", "reject", "tempfail", "discard", "quarantine", "greylist", "defer", "defer_if_permit", "dunno", "prepend", "clean", "infected", "spam",
}

// verdictWord returns the verdict that s is, in lower case, or nothing.
func verdictWord(s string) string {
	for _, v := range verdicts {
		if len(s) == len(v) && strings.EqualFold(s, v) {
			return v
		}
	}
	return ""
}
