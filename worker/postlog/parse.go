package postlog

import "strings"

// Parse reads what a program said. program is the name as syslog has it
// ("postfix/submission/smtpd"), text what follows "program[pid]: ". Parse never fails:
// what it does not understand comes back as [Unknown], with its queue id where
// the text begins with one.
//
// A line belongs to the queue id that its text begins with, after an optional level
// word ("warning: 4F2…: …", src/util/msg_output.c), and to no other.
func Parse(program, text string) (e Event) {
	ParseInto(&e, program, text)
	return e
}

// ParseInto is [Parse] into an event that the caller has: an event is some 600
// bytes, which are not to be copied for each line.
func ParseInto(e *Event, program, text string) {
	*e = Event{}
	e.Service, e.Daemon = program, daemonOf(program)
	e.Level, text = splitLevel(text)
	e.QueueID, e.Text, e.NoQueue = splitQueueID(text)
	if e.QueueID == "" && !e.NoQueue {
		return
	}
	e.parse()
}

// ParseOf is [ParseInto] for a line that is expected to begin with a queue id, which must be a valid one: that it does
// is told by a comparison.
func ParseOf(id string, e *Event, program, text string) {
	if n := len(id); n == 0 || len(text) <= n+1 || text[n] != ':' || text[n+1] != ' ' || text[:n] != id {
		ParseInto(e, program, text)
		return
	}
	*e = Event{}
	e.Service, e.Daemon, e.QueueID, e.Text = program, daemonOf(program), text[:len(id)], text[len(id)+2:]
	e.parse()
}

// daemonOf is the last element of a program name.
func daemonOf(program string) string {
	for i := len(program) - 1; i >= 0; i-- {
		if program[i] == '/' {
			return program[i+1:]
		}
	}
	return program
}

// parse reads what follows the queue id.
func (e *Event) parse() {
	switch e.Daemon {
	case "smtpd":
		e.parseSMTPD()
	case "cleanup":
		e.parseCleanup()
	case "qmgr", "oqmgr", "nqmgr":
		e.parseQmgr()
	case "smtp", "lmtp":
		e.parseSMTP()
	case "local", "virtual", "pipe", "error", "retry", "discard":
		e.parseAgent()
	case "bounce", "defer", "trace":
		e.parseBounce()
	case "pickup":
		e.parsePickup()
	case "postsuper":
		e.parsePostsuper()
	case "qmqpd":
		e.parseQMQPD()
	case "postscreen":
		e.parsePostscreen()
	default:
		e.parseFilter()
	}
}

// splitLevel takes a level word off the text (src/util/msg_syslog.c).
func splitLevel(text string) (level, rest string) {
	if text == "" {
		return "", text
	}
	switch text[0] { // four words; the switch spares most lines the comparison
	case 'w', 'e', 'f', 'p':
		for _, word := range [...]string{"warning", "error", "fatal", "panic"} {
			if rest, ok := strings.CutPrefix(text, word); ok {
				if rest, ok := strings.CutPrefix(rest, ": "); ok {
					return word, rest
				}
			}
		}
	}
	return "", text
}

// Instance returns the Postfix instance that a program name begins with:
// "postfix-out" of "postfix-out/smtp". It is empty where the name has no slash.
func Instance(program string) string {
	i := strings.IndexByte(program, '/')
	if i < 0 {
		return ""
	}
	return program[:i]
}

// IsPostfix tells whether a program name is one of Postfix: its first element
// begins with "postfix", or its last one is a daemon of Postfix (for a syslog_name that
// does not begin with "postfix").
func IsPostfix(program string) bool {
	if strings.HasPrefix(program, "postfix") {
		return true
	}
	slash := strings.LastIndexByte(program, '/')
	if slash <= 0 {
		return false
	}
	switch program[slash+1:] {
	case "smtpd", "qmqpd", "postscreen", "cleanup", "qmgr", "oqmgr", "nqmgr", "smtp", "lmtp", "local", "virtual",
		"pipe", "error", "retry", "discard", "bounce", "defer", "trace", "pickup", "postsuper":
		return true
	}
	return false
}
