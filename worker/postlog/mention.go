package postlog

import (
	"math"
	"strconv"
	"strings"
)

// mentioner returns the reading of a program's lines, nil where they name
// neither a queue id nor a session that Postfix names too.
func mentioner(program string) func(*Context, string) {
	name, _, _ := strings.Cut(program, "/")
	return mentioners[name]
}

// mentioners are those programs, each with the reading of its lines.
//
// The texts hold addresses and message ids, which strangers choose. So each reading wants its
// mark exactly once in the line: where it is there twice, one of them is a forgery, and which
// one cannot be told.
var mentioners = map[string]func(*Context, string){
	"amavis": (*Context).parseAmavis, "amavisd": (*Context).parseAmavis, "amavisd-new": (*Context).parseAmavis,
	"rspamd":     (*Context).parseRspamd,
	"mimedefang": (*Context).parseMimedefang, "mimedefang.pl": (*Context).parseMimedefang,
	"mailscanner": (*Context).parseMessageOf, "MailScanner": (*Context).parseMessageOf, "clamav-milter": (*Context).parseMessageOf,
	"dovecot": (*Context).parseDovecot,
}

func (c *Context) parseMention(program, text string) {
	read := mentioner(program)
	if read == nil {
		return
	}
	if read(c, text); c.Kind == Mention && !ValidQueueID(c.QueueID) {
		*c = Context{Daemon: c.Daemon}
	}
}

// mark finds the one place where s stands in the text and returns what stands
// around it.
func mark(text, s string) (before, after string, ok bool) {
	before, after, ok = strings.Cut(text, s)
	return before, after, ok && !strings.Contains(after, s)
}

// parseAmavis reads "(12345-01) Passed CLEAN {RelayedInbound}, […] <from> -> <to>,
// Queue-ID: ID, Message-ID: <…>, mail_id: …, Hits: -1.9, size: 1234, …" (amavis'
// $log_templ).
func (c *Context) parseAmavis(text string) {
	_, said, ok := strings.Cut(text, ") ")
	if !ok || !strings.HasPrefix(said, "Passed ") && !strings.HasPrefix(said, "Blocked ") && !strings.HasPrefix(said, "Not-Delivered ") {
		return
	}
	head, _, _ := strings.Cut(said, ", Message-ID: ") // a stranger's, and so is what follows
	before, id, ok := mark(head, ", Queue-ID: ")
	if !ok || strings.Count(before, `"`)%2 != 0 { // within a quoted address
		return
	}
	c.QueueID, _, _ = strings.Cut(id, ",")
	c.Kind, c.Text = Mention, said
	c.Action = said[:verdictEnd(said)]
	if _, hits, ok := mark(said, ", Hits: "); ok {
		hits, _, _ = strings.Cut(hits, ",")
		c.takeScore(hits)
	}
}

// verdictEnd is where "Passed CLEAN" or "Blocked INFECTED (name)" ends.
func verdictEnd(s string) int {
	for i := range len(s) {
		if s[i] == ',' || s[i] == '{' || s[i] == '(' {
			return len(strings.TrimRight(s[:i], " "))
		}
	}
	return len(s)
}

// parseRspamd reads "<task>; task; rspamd_task_write_log: id: <…>, qid: <ID>,
// ip: …, (default: F (no action): [3.20/15.00] […" (rspamd's log_format).
func (c *Context) parseRspamd(text string) {
	_, said, ok := strings.Cut(text, "rspamd_task_write_log: ")
	if !ok {
		return
	}
	_, rest, ok := mark(said, "qid: <")
	if !ok {
		return
	}
	c.QueueID, rest, _ = strings.Cut(rest, ">")
	c.Kind, c.Text = Mention, said
	_, verdict, ok := mark(rest, "(default: ")
	if !ok {
		return
	}
	_, verdict, ok = strings.Cut(verdict, " (")
	if !ok {
		return
	}
	action, score, ok := strings.Cut(verdict, "): [")
	if !ok {
		return
	}
	c.Action = action
	score, _, _ = strings.Cut(score, "/")
	c.takeScore(score)
}

// parseMimedefang reads "MDLOG,ID,event,value1,value2,sender,recipient,subject"
// (mimedefang.pl md_syslog).
func (c *Context) parseMimedefang(text string) {
	rest, ok := strings.CutPrefix(text, "MDLOG,")
	if !ok {
		return
	}
	id, said, ok := strings.Cut(rest, ",")
	if !ok {
		return
	}
	c.Kind, c.QueueID, c.Text = Mention, id, said
	c.Action, _, _ = strings.Cut(said, ",")
}

// parseMessageOf reads MailScanner's "Message ID.A1B2C from IP (sender) to domain is
// spam, …" and clamav-milter's "Message ID from <…> to <…> … infected by NAME".
func (c *Context) parseMessageOf(text string) {
	rest, ok := strings.CutPrefix(text, "Message ")
	if !ok {
		return
	}
	id, said, ok := strings.Cut(rest, " ")
	if !ok {
		return
	}
	id, _, _ = strings.Cut(id, ".") // MailScanner adds random digits
	c.Kind, c.QueueID, c.Text = Mention, id, said
	switch i := max(strings.LastIndex(said, " is "), strings.LastIndex(said, " infected by ")); {
	case i < 0:
		c.Action = "note"
	case strings.HasPrefix(said[i:], " infected by "):
		c.Action = "infected"
	default:
		c.Action, _, _ = strings.Cut(said[i+len(" is "):], ",")
	}
}

// parseDovecot reads "lmtp(user)<pid><SESSION>: msgid=<…>: saved mail to INBOX"
// and, of versions before 2.3, "lmtp(user): SESSION: msgid=…"
// (src/lib-lda/mail-deliver.c, prefix by src/lmtp).
func (c *Context) parseDovecot(text string) {
	head, said, ok := strings.Cut(text, ": ")
	if !ok || !strings.HasPrefix(head, "lmtp(") {
		return
	}
	switch open := strings.LastIndexByte(head, '<'); {
	case strings.HasSuffix(head, ")"):
		if c.Session, said, ok = strings.Cut(said, ": "); !ok {
			return
		}
	case open > 0 && strings.HasSuffix(head, ">"):
		c.Session = head[open+1 : len(head)-1]
	}
	if !plainSession(c.Session) || said == "" {
		c.Session = ""
		return
	}
	c.Kind, c.Text = Saved, said
	what := said
	if i := strings.LastIndex(said, ">: "); i >= 0 { // behind the message id, which a stranger wrote
		what = said[i:]
	}
	switch {
	case strings.Contains(what, "saved mail to "), strings.Contains(what, "stored mail into mailbox "):
		c.Action = "saved"
	case strings.Contains(what, "discarded"):
		c.Action = "discarded"
	case strings.Contains(what, "forwarded to "):
		c.Action = "forwarded"
	case strings.Contains(what, "save failed"), strings.Contains(what, "failed to store"):
		c.Action = "failed"
	default:
		c.Action = "note"
	}
}

// SavedSession returns the id of dovecot's LMTP session from its reply "250
// 2.0.0 <user@domain> SESSION Saved" (src/lmtp/lmtp-local.c).
func SavedSession(response string) (session string, ok bool) {
	s, ok := strings.CutSuffix(response, " Saved")
	if !ok {
		return "", false
	}
	session = s[strings.LastIndexByte(s, ' ')+1:]
	return session, len(session) < len(s) && plainSession(session)
}

// plainSession tells whether s may be a session's id: base64 and its kin.
func plainSession(s string) bool {
	if len(s) < 8 || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && c != '+' && c != '/' && c != '=' && c != ':' && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// takeScore takes a plain decimal number; "-" is none.
func (c *Context) takeScore(s string) {
	if strings.Trim(s, "+-.0123456789") != "" {
		return
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil && !math.IsInf(f, 0) {
		c.Score, c.HasScore = f, true
	}
}
