package message

import (
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"time"

	"github.com/postweave/postweave/worker/postlog"
)

// Key names the messages that share a queue id on a host. A long queue id has
// one; a short one may have many over the years, see [Merge].
type Key struct {
	Host    string // syslog hostname
	QueueID string // case matters
}

// validID is the key's queue id, nothing where it could be none of Postfix.
func validID(k Key) string {
	if postlog.ValidQueueID(k.QueueID) {
		return k.QueueID
	}
	return ""
}

// CleanHost returns a syslog hostname as a Key has it: valid UTF-8 without NUL
// and without white space at its end. It may be empty, which makes no Key.
func CleanHost(name string) string {
	if isWord(name) {
		return name
	}
	name, _ = clean(name)
	return name
}

// idBytes is how much of the hash makes a document's _id: 16 bytes, 22
// characters of base64url. A fixed alphabet and length keep odd host names out of URLs and
// bulk action lines.
const idBytes = 16

// messageID returns the document's _id. A long queue id is never given out
// twice, so host and id are enough; a short one needs the UTC day of arrival and
// the ordinal within it, which writers who know different lines of one message agree on.
func messageID(k Key, arrival time.Time, ordinal int) string {
	return hashID("message", k.Host, k.QueueID, arrival.UTC().Format(time.DateOnly), strconv.Itoa(ordinal))
}

func longMessageID(k Key) string { return hashID("message", k.Host, k.QueueID) }

// rejectID makes the _id of a NOQUEUE reject from its one line.
func rejectID(host string, l Line) string {
	return hashID("reject", host, l.Time.Format(time.RFC3339Nano), l.Program, l.PID, l.Text)
}

func hashID(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write([]byte(strconv.Itoa(len(p)))) // a length before each part: no two lists are alike
		h.Write([]byte{':'})
		h.Write([]byte(p))
	}
	var sum [sha256.Size]byte
	return base64.RawURLEncoding.EncodeToString(h.Sum(sum[:0])[:idBytes])
}
