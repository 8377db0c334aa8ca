package esquery

import (
	"fmt"
	"time"

	"go.uber.org/zap"
)

// Source is the raw lines as Logstash indexed them. [Source.Incoming] reads
// what is new, [Source.Days] a range of time; both satisfy worker.Source.
type Source struct {
	client   *Client
	options  SourceOptions
	tried    []layout
	programs []string
	log      *zap.Logger
	notes    []string
	now      func() time.Time

	lenient     bool // goes on where the source may not be refreshed
	unrefreshed bool // it may not

	keysPage, linesPage *page // of the searches for keys and for lines
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
	Overlap  time.Duration     // how late a line may show itself where arrival cannot be followed; 0 is DefaultOverlap
	Since    time.Time         // a first run reads lines from then on, instead of within the horizon
	DryRun   bool              // read only: no cursor is moved
	Holder   string            // name of this run in the lease; empty is host and process
	Width    int64             // operations that the first slice spans; 0 is enough for any but a test
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
	tried, err := profile(o.Fields)
	if err != nil {
		return nil, err
	}
	if o.Horizon == 0 {
		o.Horizon = DefaultHorizon
	}
	if o.Overlap == 0 {
		o.Overlap = DefaultOverlap
	}
	s := &Source{client: c, options: o, tried: tried, programs: o.Programs, log: o.Logger, now: time.Now, keysPage: newPage(sliceKeys), linesPage: newPage(pageLines)}
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
