package hard

// Short queue ids, which come back; and a long one, which does not.
const (
	first  = "3A9C96093D"
	second = "4B9C96093E"
	long   = "4jXBLW1S2Pz1SGX8"
)

// Scenarios are the hard merges.
func Scenarios() []Scenario {
	return []Scenario{
		lateSplit(), originBeforeMidnight(), heldForWeeks(), twoHalves(), deletedAndReset(), deletedAndBackfilled(), droppedByRetention(), resurrection(), staleDeletion(),
	}
}

// A late line splits one document in two while another worker writes it.
func lateSplit() Scenario {
	const seemOne = `
		20 01:00:00 qmgr: from=<s@a.example>, size=1000, nrcpt=1 (queue active)
		20 09:00:00 qmgr: from=<t@a.example>, size=2000, nrcpt=1 (queue active)`
	return Scenario{"late line splits a document that another worker writes", []Step{
		{
			Arrive: all(arrive("a", "2026-11-20", first, seemOne), arrive("b", "2026-11-20", second, seemOne)),
			Runs:   []Run{{Feed: "a"}, {Feed: "b"}},
		},
		{
			Arrive: all(
				arrive("a", "2026-11-20", first, "20 09:00:00 smtpd: client=b.example[192.0.2.2]"),
				arrive("b", "2026-11-20", first, `
					20 01:00:02 smtp: to=<r1@b.example>, relay=none, delay=2, delays=1/0/0/1, dsn=2.0.0, status=sent (ok)
					20 01:00:02 qmgr: removed`),
				arrive("a", "2026-11-20", second, "20 01:00:02 qmgr: removed"),
				arrive("b", "2026-11-20", second, `
					20 09:00:00 smtpd: client=b.example[192.0.2.2]
					20 09:00:03 smtp: to=<r2@b.example>, relay=none, delay=3, delays=1/0/0/2, dsn=2.0.0, status=sent (ok)`),
			),
			Runs: []Run{{Feed: "a"}, {Feed: "b"}},
		},
		{
			Arrive: arrive("a", "2026-11-21", first, "20 09:00:04 qmgr: removed"),
			Runs:   []Run{{Feed: "a"}, {Feed: "b"}},
		},
	}}
}

// The `removed` of after midnight is there first, and the message has the id of
// that day; then comes its origin, of the day before.
func originBeforeMidnight() Scenario {
	return Scenario{"origin from before midnight after the removal", []Step{
		{
			Arrive: all(
				arrive("a", "2026-11-21", first, "21 00:00:04 qmgr: removed"),
				arrive("a", "2026-11-21", second, `
					21 00:00:01 qmgr: from=<s@a.example>, size=1000, nrcpt=1 (queue active)
					21 00:00:05 qmgr: removed`),
			),
			Runs: []Run{{Feed: "a"}},
		},
		{
			Arrive: all(
				arrive("a", "2026-11-20", first, `
					20 23:59:58 smtpd: client=a.example[192.0.2.1]
					20 23:59:58 cleanup: message-id=<1@a.example>`),
				arrive("a", "2026-11-21", second, "21 00:00:04 smtp: to=<r@b.example>, relay=none, delay=6, delays=1/0/0/5, dsn=2.0.0, status=sent (ok)"),
			),
			Runs: []Run{{Feed: "a"}},
		},
		{
			Arrive: all(
				arrive("a", "2026-11-22", second, "20 23:59:58 smtpd: client=a.example[192.0.2.1]"),
				arrive("a", "2026-11-22", first, "21 00:00:03 smtp: to=<r@b.example>, relay=none, delay=5, delays=1/0/0/4, dsn=2.0.0, status=sent (ok)"),
			),
			Runs: []Run{{Feed: "a"}},
		},
	}}
}

// Mail lies on hold for three weeks: of one the beginning is there first, of the
// other the end.
func heldForWeeks() Scenario {
	const (
		begin = `
			01 09:00:00 smtpd: client=b.example[192.0.2.2]
			01 09:00:00 cleanup: hold: header X: y from b.example[192.0.2.2]; from=<s@a.example> to=<r@b.example> proto=ESMTP helo=<h>`
		end = `
			22 09:00:00 postsuper: released from hold
			22 09:00:05 smtp: to=<r@b.example>, relay=none, delay=1814405, delays=1814400/0/0/5, dsn=2.0.0, status=sent (ok)
			22 09:00:05 qmgr: removed`
	)
	return Scenario{"mail held for three weeks", []Step{
		{Arrive: arrive("a", "2026-11-01", first, begin), Runs: []Run{{Feed: "a"}}},
		{Arrive: all(arrive("a", "2026-11-22", first, end), arrive("a", "2026-11-22", second, end)), Runs: []Run{{Feed: "a"}}},
		{Arrive: arrive("a", "2026-11-23", second, begin), Runs: []Run{{Feed: "a"}}},
	}}
}

// Two workers each hold one half of a message, and neither knows of the other's.
func twoHalves() Scenario {
	const (
		beginning = `
			20 23:59:57 smtpd: client=a.example[192.0.2.1]
			20 23:59:57 cleanup: message-id=<1@a.example>
			20 23:59:58 qmgr: from=<s@a.example>, size=1000, nrcpt=1 (queue active)`
		ending = `
			21 00:00:02 qmgr: from=<s@a.example>, size=1000, nrcpt=1 (queue active)
			21 00:00:03 smtp: to=<r@b.example>, relay=none, delay=6, delays=1/0/0/5, dsn=2.0.0, status=sent (ok)
			21 00:00:03 qmgr: removed`
	)
	return Scenario{"two workers with one half each", []Step{
		{
			Arrive: all(
				arrive("a", "2026-11-20", first, beginning), arrive("b", "2026-11-21", first, ending),
				arrive("a", "2026-11-21", second, ending), arrive("b", "2026-11-20", second, beginning),
				arrive("a", "2026-11-20", long, beginning), arrive("b", "2026-11-21", long, ending),
			),
			Runs: []Run{{Feed: "a"}, {Feed: "b"}},
		},
	}}
}

const whole = `
	20 09:00:00 smtpd: client=a.example[192.0.2.1]
	20 09:00:00 cleanup: message-id=<1@a.example>
	20 09:00:01 qmgr: from=<s@a.example>, size=1000, nrcpt=1 (queue active)`

const rest = `
	20 09:00:03 smtp: to=<r@b.example>, relay=none, delay=3, delays=1/0/0/2, dsn=2.0.0, status=sent (ok)
	20 09:00:03 qmgr: removed`

// Documents are deleted by hand; a line that comes later makes one of itself
// alone, until the lines are read again.
func deletedAndReset() Scenario {
	return Scenario{"documents deleted and read again by a reset", []Step{
		{Arrive: all(arrive("a", "2026-11-20", first, whole), arrive("a", "2026-11-20", long, whole)), Runs: []Run{{Feed: "a"}}},
		{
			DeleteDocuments: true,
			Arrive:          all(arrive("a", "2026-11-20", first, rest), arrive("a", "2026-11-20", long, rest)),
			Runs:            []Run{{Feed: "a"}},
		},
		{Runs: []Run{{Feed: "a", Reset: true}}},
		{DeleteDocuments: true, Runs: []Run{{Feed: "a", Reset: true}, {Feed: "a"}}},
	}}
}

// The same, read again by a backfill beside a run.
func deletedAndBackfilled() Scenario {
	return Scenario{"documents deleted and read again by a backfill", []Step{
		{Arrive: all(arrive("a", "2026-11-20", first, whole), arrive("a", "2026-11-20", second, whole)), Runs: []Run{{Feed: "a"}}},
		{
			DeleteDocuments: true,
			Arrive:          all(arrive("a", "2026-11-20", first, rest), arrive("a", "2026-11-20", second, rest)),
			Runs:            []Run{{Feed: "a", From: "2026-11-20", To: "2026-11-20"}, {Feed: "a"}},
		},
	}}
}

// Retention deletes the days of a message's first lines before its last ones
// come.
func droppedByRetention() Scenario {
	return Scenario{"source days dropped before the last lines", []Step{
		{
			Arrive: all(arrive("a", "2026-11-20", first, whole), arrive("a", "2026-11-20", long, whole),
				arrive("a", "2026-11-20", second, "20 23:00:00 qmgr: from=<s@a.example>, size=1000, nrcpt=1 (queue active)")),
			Runs: []Run{{Feed: "a"}},
		},
		{
			Drop: []string{"a-2026.11.20"},
			Arrive: all(arrive("a", "2026-11-25", first, `
					25 09:00:02 smtp: to=<r@b.example>, relay=none, delay=432002, delays=432000/0/0/2, dsn=4.0.0, status=deferred (later)
					25 09:00:02 qmgr: from=<s@a.example>, status=expired, returned to sender
					25 09:00:02 qmgr: removed`),
				arrive("a", "2026-11-25", long, rest),
				arrive("a", "2026-11-25", second, "20 22:59:59 smtpd: client=b.example[192.0.2.2]")),
			Runs: []Run{{Feed: "a"}},
		},
		{
			Drop:   []string{"a-2026.11.25"},
			Arrive: arrive("a", "2026-11-26", second, "20 22:00:00 smtpd: client=c.example[192.0.2.3]"),
			Runs:   []Run{{Feed: "a"}},
		},
	}}
}

// A worker that is slow has planned to write a document that others have made
// and deleted meanwhile, because a line of theirs moved it to the day before.
func resurrection() Scenario {
	const (
		active  = "21 00:00:00 qmgr: from=<s@a.example>, size=1000, nrcpt=1 (queue active)"
		removed = "21 00:00:02 qmgr: removed"
		origin  = "20 23:59:58 smtpd: client=a.example[192.0.2.1]"
	)
	return Scenario{"slow worker resurrects a deleted document", []Step{
		{Arrive: arrive("b", "2026-11-21", first, removed), Runs: []Run{{Feed: "b"}}},
		{
			Arrive: all(
				arrive("a", "2026-11-21", first, active), arrive("b", "2026-11-21", first, origin),
				// Of this one nobody knows anything yet: the slow worker creates it, after the others have done so and
				// have deleted it.
				arrive("a", "2026-11-21", second, active), arrive("b", "2026-11-21", second, removed), arrive("c", "2026-11-21", second, origin),
			),
			Runs: []Run{{Feed: "a"}, {Feed: "b"}, {Feed: "c"}},
		},
	}}
}

// And the other way round: the slow worker has planned to delete a document, into which another one has meanwhile
// written a line that nobody else knows, and has confirmed it.
func staleDeletion() Scenario {
	return Scenario{"slow worker deletes a document that another one wrote", []Step{
		{Arrive: arrive("b", "2026-11-21", first, "21 00:00:02 qmgr: removed"), Runs: []Run{{Feed: "b"}}},
		{
			Arrive: all(
				arrive("b", "2026-11-21", first, "20 23:59:58 smtpd: client=a.example[192.0.2.1]"),
				arrive("a", "2026-11-21", first, "21 00:00:00 qmgr: from=<s@a.example>, size=1000, nrcpt=1 (queue active)"),
			),
			Runs: []Run{{Feed: "b"}, {Feed: "a"}},
		},
	}}
}
