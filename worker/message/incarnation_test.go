package message

import (
	"fmt"
	"strings"
	"testing"

	"github.com/postweave/postweave/worker/postlog"
)

// parted renders documents as "arrival lines[ complete]" each.
func parted(docs []Document) string {
	var out []string
	for _, d := range docs {
		s := fmt.Sprintf("%s %d", d.Timestamp.Format("02T15:04:05"), d.Lines)
		if d.Complete {
			s += " complete"
		}
		out = append(out, s)
	}
	return strings.Join(out, ", ")
}

func delivery(stamp string, delay float64, status string) string {
	return fmt.Sprintf("\n%s smtp: to=<c@d>, relay=none, delay=%v, delays=0/0/0/%[2]v, dsn=2.0.0, status=%s (x)", stamp, delay, status)
}

func TestIncarnations(t *testing.T) {
	mail := func(hour string) string { // complete, 4 lines within hour:00:0x
		return "\n" + hour + ":00:00 smtpd: client=x.example[192.0.2.1]" +
			"\n" + hour + ":00:00 cleanup: message-id=<" + hour + "@x>" +
			delivery(hour+":00:05", 5, "sent") +
			"\n" + hour + ":00:05 qmgr: removed"
	}
	headless := func(hour string) string { // its first lines are missing
		return delivery(hour+":00:05", 5, "sent") + "\n" + hour + ":00:05 qmgr: removed"
	}
	child := func(hour string) string { // a bounce: no origin line
		return "\n" + hour + ":00:00 cleanup: message-id=<" + hour + "@mx1>" +
			"\n" + hour + ":00:00 qmgr: from=<>, size=1, nrcpt=1 (queue active)" + delivery(hour+":00:05", 5, "sent") + "\n" + hour + ":00:05 qmgr: removed"
	}
	for _, tt := range []struct{ name, lines, want string }{
		{"one", mail("01"), "22T01:00:00 4 complete"},
		{"twice in a day", mail("01") + mail("05"), "22T01:00:00 4 complete, 22T05:00:00 4 complete"},
		{"three times", mail("01") + mail("05") + mail("09"), "22T01:00:00 4 complete, 22T05:00:00 4 complete, 22T09:00:00 4 complete"},
		{"twice, neither removed", "01:00:00 smtpd: client=x[192.0.2.1]" + delivery("01:00:05", 5, "sent") + "\n05:00:00 pickup: uid=0 from=<a>" +
			delivery("05:00:05", 5, "sent"), "22T01:00:00 2, 22T05:00:00 2"},
		{"the second without its first lines", mail("01") + headless("05"), "22T01:00:00 4 complete, 22T05:00:00 2 complete"},
		{"the first without its first lines", headless("01") + mail("05"), "22T01:00:00 2 complete, 22T05:00:00 4 complete"},
		{"both without", headless("01") + headless("05"), "22T01:00:00 2 complete, 22T05:00:00 2 complete"},
		{"a bounce after a mail", mail("01") + child("05"), "22T01:00:00 4 complete, 22T05:00:00 4 complete"},
		{"a mail after a bounce", child("01") + mail("05"), "22T01:00:00 4 complete, 22T05:00:00 4 complete"},
		{"a bounce after a bounce", child("01") + child("05"), "22T01:00:00 4 complete, 22T05:00:00 4 complete"},
		{
			"a bounce after a mail, not delivered yet", mail("01") + "\n05:00:00 cleanup: message-id=<5@mx1>\n05:00:00 qmgr: from=<>, size=1, nrcpt=1 (queue active)",
			"22T01:00:00 4 complete, 22T05:00:00 2",
		},
		{"the second's last line alone", mail("01") + "\n05:00:05 qmgr: removed", "22T01:00:00 4 complete, 22T05:00:05 1 complete"},
		{"the second's last line alone, a third", mail("01") + "\n05:00:05 qmgr: removed" + mail("09"), "22T01:00:00 4 complete, 22T05:00:05 1 complete, 22T09:00:00 4 complete"},
		{"removed again by a clock that is off by seconds", mail("01") + "\n01:00:15 qmgr: removed", "22T01:00:00 5 complete"},
		{"the second expired, its first lines missing", mail("01") + "\n05:00:05 qmgr: from=<a@b>, status=expired, returned to sender", "22T01:00:00 4 complete, 22T05:00:05 1"},
		{
			"two bounces, the first not removed, the second not delivered", "01:00:00 cleanup: message-id=<1@mx1>\n01:00:00 qmgr: from=<>, size=1, nrcpt=1 (queue active)" +
				delivery("01:00:02", 2, "sent") + "\n05:00:00 cleanup: message-id=<5@mx1>\n05:00:00 qmgr: from=<>, size=1, nrcpt=1 (queue active)", "22T01:00:00 3, 22T05:00:00 2",
		},
		{"two message-ids in one mail", "01:00:00 smtpd: client=x[192.0.2.1]\n01:00:01 cleanup: message-id=<1@x>\n01:00:03 cleanup: message-id=<2@x>", "22T01:00:00 3"},
		{"a mail that takes an hour to come", "01:00:00 smtpd: client=x[192.0.2.1]\n02:00:00 cleanup: message-id=<1@x>", "22T01:00:00 2"},
		{"two message-ids, of one old arrival", "01:00:00 smtpd: client=x[192.0.2.1]\n01:00:01 cleanup: message-id=<1@x>\n01:01:00 cleanup: message-id=<2@x>" +
			delivery("01:01:05", 65, "sent"), "22T01:00:00 4"},
		{"another size, the first not removed, the second not delivered", "01:00:00 smtpd: client=x[192.0.2.1]\n01:00:00 qmgr: from=<a@b>, size=900, nrcpt=1 (queue active)" +
			"\n05:00:00 qmgr: from=<c@b>, size=800, nrcpt=1 (queue active)\n05:00:05 qmgr: removed", "22T01:00:00 2, 22T05:00:00 2 complete"},
		{"the same size, an hour later", "01:00:00 smtpd: client=x[192.0.2.1]\n01:00:00 qmgr: from=<a@b>, size=900, nrcpt=1 (queue active)" +
			"\n02:00:00 qmgr: from=<a@b>, size=900, nrcpt=1 (queue active)", "22T01:00:00 3"},
		{"a size that is cut", "01:00:00 smtpd: client=x[192.0.2.1]\n01:00:00 qmgr: from=<a@b>, size=900, nrcpt=1 (queue active)\n02:00:00 qmgr: from=<a@b>, size=90", "22T01:00:00 3"},
		{"out of step by seconds, after another", mail("01") + "\n05:00:00 cleanup: message-id=<2@x>\n05:00:01 qmgr: removed" + delivery("05:00:02", 0.5, "sent") +
			"\n05:00:04 smtpd: client=x[192.0.2.1]", "22T01:00:00 4 complete, 22T05:00:00 4 complete"},
		{"a notice that is late", mail("01") + "\n01:05:00 bounce: sender delay notification: AAAAAA1", "22T01:00:00 5 complete"},
		{"a delivery line that was cut in its delay", "01:00:00 smtpd: client=x[192.0.2.1]\n05:00:00 smtp: to=<c@d>, relay=none, delay=1", "22T01:00:00 2"},
		{"aborted, then another", "01:00:00 smtpd: client=x[192.0.2.1]" + mail("05"), "22T01:00:00 1, 22T05:00:00 4 complete"},
		{"only the ends of two", "01:00:05 qmgr: removed" + mail("05"), "22T01:00:05 1 complete, 22T05:00:00 4 complete"},
		{
			"requeued, with its old arrival", "\n05:00:00 pickup: uid=0 from=<a> orig_id=AAAAAA1" + delivery("05:00:05", 14405, "sent") + "\n05:00:05 qmgr: removed",
			"22T01:00:00 3 complete",
		},
		{"requeued under an id that was used", mail("01") + "\n05:00:00 pickup: uid=0 from=<a> orig_id=AAAAAA1" + delivery("05:00:05", 99999, "sent") +
			"\n05:00:05 qmgr: removed", "22T01:00:00 4 complete, 21T01:13:26 3 complete"},
		{"requeued, its old arrival within the life of another", "\n01:00:00 smtpd: client=x[192.0.2.1]" + delivery("01:00:05", 5, "deferred") +
			delivery("01:30:00", 1800, "sent") + "\n01:30:00 qmgr: removed\n05:00:00 pickup: uid=0 from=<a> orig_id=AAAAAA1" + delivery("05:00:05", 13805, "sent") +
			"\n05:00:05 qmgr: removed", "22T01:00:00 4 complete, 22T01:10:00 3 complete"},
		{"pickup waited", "\n01:10:00 pickup: uid=0 from=<a>" + delivery("01:10:05", 605, "sent"), "22T01:00:00 2"},
		{"MAIL FROM minutes before client=", "\n01:04:00 smtpd: client=x[192.0.2.1]" + delivery("01:04:05", 245, "sent"), "22T01:00:00 2"},
		{"deferred for days", mail("01")[:strings.Index(mail("01"), "\n01:00:05")] + delivery("01:00:05", 5, "deferred") + delivery("2026-11-23T01:00:05", 86405, "deferred") +
			delivery("2026-11-26T01:00:07", 345607, "sent") + "\n2026-11-26T01:00:07 qmgr: removed", "22T01:00:00 6 complete"},
		{
			"held for weeks", "01:00:00 smtpd: client=x[192.0.2.1]\n01:00:00 cleanup: hold: header X: y" + env + "\n2026-12-13T01:00:00 postsuper: released from hold" +
				"\n2026-12-13T01:00:00 qmgr: from=<a@b>, size=1, nrcpt=1 (queue active)" + delivery("2026-12-13T01:00:01", 1814401, "sent") + "\n2026-12-13T01:00:01 qmgr: removed",
			"22T01:00:00 6 complete",
		},
		{"over midnight", "\n23:59:58 smtpd: client=x[192.0.2.1]\n23:59:58 cleanup: message-id=<1@x>" + delivery("2026-11-23T00:00:03", 5, "sent") +
			"\n2026-11-23T00:00:03 qmgr: removed", "22T23:59:58 4 complete"},
		{"first line missing, over midnight", delivery("2026-11-23T00:00:03", 5, "sent") + "\n2026-11-23T00:00:03 qmgr: removed", "22T23:59:58 2 complete"},
		{"first lines missing, deferred for days", delivery("2026-11-23T01:00:00", 86400, "deferred") + delivery("2026-11-24T01:00:00", 172800, "deferred"), "22T01:00:00 2"},
		{"last line missing", "\n01:00:00 smtpd: client=x[192.0.2.1]" + delivery("01:00:05", 5, "sent"), "22T01:00:00 2"},
		{"the clock went an hour ahead", "\n01:00:00 smtpd: client=x[192.0.2.1]" + delivery("02:00:05", 3605, "sent") + "\n02:00:05 qmgr: removed", "22T01:00:00 3 complete"},
		{"the clock went back a little", "\n01:00:08 smtpd: client=x[192.0.2.1]" + delivery("01:00:03", 0, "sent") + "\n01:00:03 smtpd: something", "22T01:00:03 3"},
		{
			"removed before its delivery, by the clock", "\n01:00:00 smtpd: client=x[192.0.2.1]\n01:00:04 qmgr: removed" + delivery("01:00:05", 5, "sent"),
			"22T01:00:00 3 complete",
		},
		{"removed long before, by the clock", "\n01:00:00 smtpd: client=x[192.0.2.1]\n01:00:04 qmgr: removed\n01:01:00 qmgr: from=<a@b>, size=1, nrcpt=1 (queue active)" +
			delivery("01:01:05", 65, "sent"), "22T01:00:00 4 complete"},
		{
			"two origin lines in one second", "01:00:00 pickup: uid=0 from=<a>\n01:00:00 smtpd: client=x[192.0.2.1]" + delivery("01:00:05", 5, "sent"),
			"22T01:00:00 1, 22T01:00:00 2",
		},
		{
			"two origin lines in one second, a line before", "00:59:59 smtpd: x\n01:00:00 pickup: uid=0 from=<a>\n01:00:00 smtpd: client=x[192.0.2.1]",
			"22T00:59:59 2, 22T01:00:00 1",
		},
	} {
		docs := merged(t, tt.lines)
		if got := parted(docs); got != tt.want {
			t.Errorf("%s: %s\nwant %s", tt.name, got, tt.want)
		}
		ids := map[string]bool{}
		for _, d := range docs {
			if ids[d.ID] || len(d.ID) != 22 {
				t.Errorf("%s: id %q", tt.name, d.ID)
			}
			ids[d.ID] = true
		}
		// A long queue id is one message whatever its lines say.
		if docs := Merge(Key{"mx1", longID}, logLines(t, longID, tt.lines), Options{}); len(docs) != 1 {
			t.Errorf("%s: %d documents of a long queue id", tt.name, len(docs))
		}
	}
}

// An arrival that was reckoned counts where it is earlier by more than rounding.
func TestArrival(t *testing.T) {
	const origin = "01:00:10 smtpd: client=x[192.0.2.1]"
	for _, tt := range []struct{ lines, want string }{
		{origin + delivery("01:00:12", 2.9, "sent"), "01:00:10"},
		{origin + delivery("01:00:12", 4.3, "sent"), "01:00:07.7"},
		{origin + delivery("01:00:12", 4.06, "sent"), "01:00:07.94"}, // 4.0599… in binary
		{origin + delivery("01:00:12", 65, "sent"), "00:59:07"},
		{delivery("01:00:12", 65, "sent"), "00:59:07"},
		{delivery("01:00:12", 0, "sent"), "01:00:12"},
	} {
		if got := one(t, tt.lines).Timestamp; got != at(t, tt.want) {
			t.Errorf("%s\narrival %v, want %s", tt.lines, got, tt.want)
		}
	}
}

// Writers who know different lines of one message meet at one _id.
func TestIDsStable(t *testing.T) {
	whole := one(t, wholeMail)
	lines := logLines(t, shortID, wholeMail)
	for set := 1; set < 1<<len(lines); set++ {
		var some []Line
		for i, l := range lines {
			if set&(1<<i) != 0 {
				some = append(some, l)
			}
		}
		docs := Merge(shortKey, some, Options{})
		if len(docs) != 1 || docs[0].ID != whole.ID {
			t.Fatalf("lines %b: %d documents, id %s; want %s", set, len(docs), docs[0].ID, whole.ID)
		}
	}
	long := Key{"mx1", longID}
	id := Merge(long, logLines(t, longID, wholeMail), Options{})[0].ID
	if got := Merge(long, logLines(t, longID, "2027-05-05T01:00:00 qmgr: removed"), Options{})[0].ID; got != id {
		t.Errorf("a late line of a long queue id has the id %s, want %s", got, id)
	}
	for _, k := range []Key{{"mx2", longID}, {"mx1", strings.ToLower(longID)}, {"mx1", shortID}, {"mx14", longID[1:]}} {
		if docs := Merge(k, logLines(t, k.QueueID, wholeMail), Options{}); docs[0].ID == id {
			t.Errorf("%v has the id of another key", k)
		}
	}
	// Any line with a delivery's delay knows the day of arrival.
	block := "2026-11-22T23:50:00 smtpd: client=x[192.0.2.1]" + delivery("2026-11-24T01:00:00", 90600, "deferred") + delivery("2026-11-25T01:00:00", 177000, "sent")
	want := one(t, block).ID
	for _, part := range []string{delivery("2026-11-24T01:00:00", 90600, "deferred"), delivery("2026-11-25T01:00:00", 177000, "sent")} {
		if got := one(t, part).ID; got != want {
			t.Errorf("%s: id %s, want %s", part, got, want)
		}
	}
}

// The _id is written into other people's indices: it must never change.
func TestIDsFixed(t *testing.T) {
	if got := one(t, wholeMail).ID; got != "rFruH9Cnq9rG9muV3C0Cfg" {
		t.Errorf("short queue id: %s", got)
	}
	if got := Merge(Key{"mx1", longID}, logLines(t, longID, wholeMail), Options{})[0].ID; got != "RkSyZpkpA_I_MuTc2qCLZg" {
		t.Errorf("long queue id: %s", got)
	}
	l := Line{Time: at(t, "01:00:00"), Program: "postfix/smtpd", PID: "1", Text: "NOQUEUE: reject: RCPT from x[192.0.2.1]: 550 no"}
	if d := Reject("mx1", l, Options{}); d.ID != "VXLK7PhSjbv0r89Bh-7umw" {
		t.Errorf("reject: %s", d.ID)
	}
}

func TestLongArrival(t *testing.T) {
	decoded, _ := postlog.LongQueueIDTime(longID)
	k := Key{"mx1", longID}
	if d := Merge(k, logLines(t, longID, "01:30:00 qmgr: removed"), Options{})[0]; d.Timestamp != decoded || d.FirstSeen != at(t, "01:30:00") {
		t.Errorf("arrival %v, first seen %v", d.Timestamp, d.FirstSeen)
	}
	if d := Merge(k, logLines(t, longID, "01:29:00 qmgr: removed"), Options{})[0]; d.Timestamp != at(t, "01:29:00") {
		t.Errorf("arrival %v", d.Timestamp)
	}
}
