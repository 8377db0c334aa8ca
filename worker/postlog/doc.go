// Package postlog turns one syslog line of Postfix into an [Event].
//
// The way of a line: [ParseLine] takes the header off (time, host, program,
// pid), [Parse] reads the text by the daemon that wrote it. Both are pure: no
// clock, no I/O, no state from one line to the next. The package imports the
// standard library only.
//
// # What can be trusted in a line
//
// Addresses, subjects and the words of remote servers are written by
// strangers, and Postfix does not escape them. So nothing here searches for a
// pattern anywhere in a line: the left side is read from the left as a grammar
// (level, queue id, daemon's own words), addresses are read as RFC 5321 mailboxes
// with quoted strings, and what follows free text is anchored at the right end,
// where Postfix wrote last. HELO names are the one exception that makes that
// possible: Postfix replaces brackets, quotes and spaces in them by "?"
// (src/smtpd/smtpd.c, NEUTER_CHARACTERS).
//
// Each daemon family has a file of its own that names the Postfix source file
// whose format it reads.
package postlog
