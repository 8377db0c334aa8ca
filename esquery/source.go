package esquery

import (
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"
)

// Source is the raw lines as Logstash indexed them. [Source.Arrivals] reads
// what is new, [Source.Days] a range of time; both satisfy worker.Source.
type Source struct {
	client   *Client
	options  SourceOptions
	tried    []layout
	programs []string
	log      *zap.Logger
	notes    []string
}

// SourceOptions name the raw lines and say how they are read.
type SourceOptions struct {
	Patterns []string // index patterns
	Target   string   // alias of the target: the cursor belongs to both
	State    string   // index of the cursor
	Fields   string   // field profile, see [Profiles]; empty is "auto"
	// Programs are read even where there is no queue id field; a star may end a name. Empty is
	// DefaultPrograms.
	Programs []string
	Horizon  time.Duration     // how far back a first run looks; 0 is DefaultHorizon
	HostMap  map[string]string // old names of servers to new ones
	Since    time.Time         // a first run reads lines from then on, instead of within the horizon
	DryRun   bool              // read only: no cursor is moved
	Logger   *zap.Logger
}

// DefaultHorizon lies above the five days that Postfix keeps a mail in its
// queue.
const DefaultHorizon = 144 * time.Hour

// DefaultPrograms are Postfix's and those of filters whose lines begin with queue
// ids or name them. dovecot is left out: most of its lines are about reading mail, none begins with a
// queue id, and where it is named here its verdicts are joined too.
var DefaultPrograms = []string{
	"postfix*", "amavis*", "rspamd*", "rmilter*", "opendkim*", "opendmarc*", "openarc*", "dkim*", "smf-spf", "spf-milter",
	"pyspf-milter", "policyd-spf", "sid-*", "milter-*", "postgrey", "sqlgrey", "authentication_milter", "spamass-milter",
	"clamav-milter", "clmilter", "mimedefang*", "MailScanner*", "mailfromd", "zeyple", "gpg-mailgate", "sympa",
}

// Source checks the options and returns the source. It sends nothing.
func (c *Client) Source(o SourceOptions) (*Source, error) {
	if len(o.Patterns) == 0 {
		return nil, setupError("", fmt.Errorf("no source is named"), "set POSTWEAVE_SOURCE")
	}
	for _, pattern := range o.Patterns {
		if strings.Contains(pattern, ":") {
			// A remote index tells neither its shards' checkpoints nor its history.
			return nil, setupError("", fmt.Errorf("POSTWEAVE_SOURCE: %s is in a remote cluster, and what arrives there cannot be followed", pattern),
				"run postweave against the cluster that holds the raw lines")
		}
	}
	tried, err := profile(o.Fields)
	if err != nil {
		return nil, err
	}
	if o.Horizon == 0 {
		o.Horizon = DefaultHorizon
	}
	s := &Source{client: c, options: o, tried: tried, programs: o.Programs, log: o.Logger}
	if len(s.programs) == 0 {
		s.programs = DefaultPrograms
	}
	if s.log == nil {
		s.log = zap.NewNop()
	}
	return s, nil
}

// hostName returns the name that a server's lines are kept under.
func (s *Source) hostName(name string) string {
	if now, ok := s.options.HostMap[name]; ok {
		return now
	}
	return name
}

// note keeps something that the user should know and logs it once.
func (s *Source) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	s.notes = append(s.notes, text)
	s.log.Warn(text)
}
