package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/postweave/postweave/worker/message"
)

// selectionFlags are the flags that say which messages are asked for.
type selectionFlags struct {
	message.Selection

	since, until string
}

// selectionText explains them in a command's help.
const selectionText = `--from and --to take a whole address, a domain with an @ in front, a local part with an @ behind
(alice@), or a part of an address (alice); --to also finds what was written to an alias. Hosts are given by
name, by address, as a network (192.0.2.0/24) or with a dot in front for all below a domain. A * stands for
anything, in words too (--subject 'invo*'). STATUS is a message's or a recipient's: sent, deferred, bounced,
expired, rejected, held, discarded, deleted, aborted, queued, receiving, mixed (recipients differ), and of a
probe deliverable or undeliverable. What is asked of recipients must be true of one and the same. Of a
message with more than 1,000 those that fared worst are looked at, and all of them for --to or --status alone.`

// messageStatuses are the values of a document's status, or of a recipient's.
var messageStatuses = []string{
	"sent", "deferred", "bounced", "expired", "rejected", "held", "discarded", "deleted", "aborted", "queued", "receiving", "mixed",
	"deliverable", "undeliverable",
}

func (s *selectionFlags) flags(f *flagSet) {
	f.value(&s.From, "from", "ADDRESS", "sender, @domain or a part; '<>' for bounces")
	f.value(&s.To, "to", "ADDRESS", "recipient, @domain or a part")
	f.value(&s.Text, "text", "WORDS", "words of addresses and subject, without regard to accents")
	f.value(&s.Subject, "subject", "WORDS", "words of the subject")
	f.value(&s.MessageID, "message-id", "ID", "message id")
	f.value(&s.QueueID, "queue-id", "ID", "queue id, upper and lower case as logged")
	f.value(&s.Client, "client", "HOST", "who handed the mail in: name, IP address or network")
	f.value(&s.User, "user", "NAME", "who was logged in, or a part")
	f.value(&s.Relay, "relay", "HOST", "next server: name, IP address or network, or a name such as local")
	f.value(&s.Server, "server", "HOST", "server of ours that logged it")
	f.choice(&s.Status, "status", messageStatuses, "what became of it")
	f.size(&s.Larger, "larger", 1, "of this size or bigger (10MB)")
	f.duration(&s.Slower, "slower", "that took this long or longer to a recipient (5m)")
	f.toggle(&s.Open, "open", "of which no end was seen")
	f.value(&s.since, "since", "DAY|TIME|AGO", "arrived then or later (UTC day, yesterday, RFC 3339 or 6d)")
	f.value(&s.until, "until", "DAY|TIME|AGO", "arrived before then; a day is included")
}

// settle completes the selection and says what is wrong with it.
func (s *selectionFlags) settle(now time.Time) error {
	if given := s.MessageID; given != "" {
		// As documents have it. Without anything left it would not filter at all.
		s.MessageID = bareMessageID(given)
		if s.MessageID == "" {
			return fmt.Errorf("--message-id: %q holds no message id", given)
		}
	}
	if given := s.QueueID; given != "" {
		s.QueueID = strings.TrimRight(given, ":,") // as it is copied from a log
		if s.QueueID == "" {
			return fmt.Errorf("--queue-id: %q holds no queue id", given)
		}
	}
	s.From, s.To = bareAddress(s.From), bareAddress(s.To)
	var sinceErr, untilErr error
	s.Since, sinceErr = optionalMoment("since", s.since, now, false)
	s.Until, untilErr = optionalMoment("until", s.until, now, true)
	if err := errors.Join(sinceErr, untilErr, s.checkText()); err != nil {
		return err
	}
	if !s.Since.IsZero() && !s.Until.IsZero() && !s.Since.Before(s.Until) {
		return fmt.Errorf("--since %s lies after --until %s", s.since, s.until)
	}
	return nil
}

// bareAddress takes an address out of what a mail program shows of it: Alice <alice@example.org>.
func bareAddress(given string) string {
	_, address, found := strings.Cut(given, "<")
	if address, closed := strings.CutSuffix(strings.TrimSpace(address), ">"); found && closed && strings.Contains(address, "@") {
		return address
	}
	return given
}

func bareMessageID(given string) string {
	return strings.TrimSpace(strings.Trim(strings.TrimSpace(given), "<>"))
}

// maxTraceText bounds a search term: the longest keyword Elasticsearch keeps is
// 32 KiB. What holds a *, or is compared without regard to case, is bounded closer: Elasticsearch makes
// a machine of it, and refuses one that is too large.
const (
	maxTraceText    = 8 << 10
	maxTracePattern = 256
)

func (s *selectionFlags) checkText() error {
	texts := []string{s.From, s.To, s.Text, s.Subject, s.MessageID, s.QueueID, s.ID, s.Client, s.User, s.Relay, s.Server}
	for _, text := range texts {
		if len(text) > maxTraceText {
			return errors.New("a search term is longer than 8 KiB")
		}
	}
	if slices.Contains([]string{s.From, s.To}, "@") {
		return errors.New("@ alone is no domain, want an address or @example.com")
	}
	for _, p := range []message.Pattern{message.AddressPattern(s.From), message.AddressPattern(s.To)} {
		if p.Wildcard && len(p.Text) > maxTracePattern+2 {
			return fmt.Errorf("a part of an address is longer than %d bytes", maxTracePattern)
		}
	}
	for _, text := range []string{s.Text, s.Subject} {
		if strings.Contains(text, "*") && len(text) > maxTracePattern {
			return fmt.Errorf("a search term with a * is longer than %d bytes", maxTracePattern)
		}
	}
	for _, text := range []string{s.Client, s.User, s.Relay, s.Server} {
		if len(text) > maxTracePattern {
			return fmt.Errorf("a name is longer than %d bytes", maxTracePattern)
		}
	}
	return nil
}
