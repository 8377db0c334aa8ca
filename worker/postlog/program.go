package postlog

import "strings"

// filters are the programs beside Postfix whose lines begin with a queue id:
// milters and content filters that were told it.
var filters = map[string]bool{
	"opendkim": true, "opendmarc": true, "openarc": true, "dkimpy-milter": true, "dkim-filter": true, "sid-filter": true,
	"sid-milter": true, "smf-spf": true, "spf-milter": true, "pyspf-milter": true, "authentication_milter": true,
	"milter-greylist": true, "spamass-milter": true, "clamav-milter": true, "clmilter": true, "milter-regex": true,
	"mimedefang": true, "mailscanner": true, "amavis": true, "amavisd": true, "amavisd-new": true, "rspamd": true,
	"rmilter": true, "dovecot": true, "mailfromd": true, "zeyple": true, "gpg-mailgate": true, "sympa": true,
}

// NamesQueueIDs tells whether a program's lines may begin with a queue id: those
// of Postfix ([IsPostfix]) and of the filters known to name it. Lines of others are not looked
// at: in all of syslog, a word of hexadecimal digits before a colon is no rarity.
func NamesQueueIDs(program string) bool {
	if IsPostfix(program) {
		return true
	}
	if filters[program] {
		return true
	}
	name, _, _ := strings.Cut(program, "/")
	return name != program && filters[name] || filters[strings.ToLower(program)]
}
