package postlog

import "testing"

func TestNamesQueueIDs(t *testing.T) {
	for program, want := range map[string]bool{
		"postfix/smtpd": true, "postfix-out/relay/smtp": true, "mail/qmgr": true, "opendkim": true, "OpenDKIM": true,
		"amavis": true, "dovecot": true, "rspamd": true,
		"kernel": false, "CRON": false, "systemd": false, "smtp": false, "": false, "sshd": false,
	} {
		if NamesQueueIDs(program) != want {
			t.Errorf("%q: %t", program, !want)
		}
	}
}

func TestLeadingQueueIDIsThatOfParse(t *testing.T) {
	for _, text := range []string{
		"4F2D3A1B: removed", "warning: 4F2D3A1B: x", "NOQUEUE: reject: x", "fatal: NOQUEUE: x", "4jXBLW1S2Pz1SGX8: client=a[::1]",
		"4F2D3A1B", "4F2D3A1B:", "4F2D3A1B:x", "connect from a[192.0.2.1]", "", "warning: ", "error: error: 4F2D3A1B: x", "cafe00: x",
	} {
		e := Parse("postfix/smtpd", text)
		if id, noqueue := LeadingQueueID(text); id != e.QueueID || noqueue != e.NoQueue {
			t.Errorf("%q: %q %t, Parse says %q %t", text, id, noqueue, e.QueueID, e.NoQueue)
		}
	}
}
