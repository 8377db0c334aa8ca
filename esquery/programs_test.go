package esquery

import (
	"slices"
	"strings"
	"testing"

	"github.com/postweave/postweave/worker/postlog"
)

// What a log file's reader takes for a filter's line is read from Elasticsearch
// too, where grok found no queue id in it.
func TestDefaultProgramsAreThoseThatNameQueueIDs(t *testing.T) {
	read := func(program string) bool {
		return slices.ContainsFunc(DefaultPrograms, func(pattern string) bool {
			prefix, star := strings.CutSuffix(pattern, "*")
			return program == pattern || star && strings.HasPrefix(program, prefix)
		})
	}
	for _, program := range []string{
		"postfix/smtpd", "postfix-out/qmgr", "opendkim", "dkimpy-milter", "dkim-filter", "dkim-milter", "opendmarc", "openarc",
		"smf-spf", "spf-milter", "pyspf-milter", "policyd-spf", "sid-filter", "sid-milter", "milter-greylist", "postgrey", "sqlgrey",
		"authentication_milter", "spamass-milter", "clamav-milter", "clmilter", "milter-regex", "mimedefang", "mimedefang.pl", "MailScanner",
		"mailfromd", "amavis", "amavisd", "amavisd-new", "rspamd", "rmilter", "zeyple", "gpg-mailgate", "sympa",
	} {
		if !postlog.NamesQueueIDs(program) || !read(program) {
			t.Errorf("%s: names queue ids: %v, read by default: %v", program, postlog.NamesQueueIDs(program), read(program))
		}
	}
	for _, program := range []string{"kernel", "sshd", "CRON", "systemd", "dovecot"} {
		if read(program) {
			t.Errorf("%s is read by default", program)
		}
	}
}
