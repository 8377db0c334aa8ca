package esquery

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"go.uber.org/zap"
)

// Checkup looks at everything that a run stands on, writes nothing and refreshes nothing, and tells of what
// it finds: the connection, the login and its privileges, the raw lines and how
// well they are understood, the target, the clocks.
type Checkup struct {
	Config Config        // of the connection
	Source SourceOptions // what a run would read and write
	// LocalDomains tells that POSTWEAVE_LOCAL_DOMAINS is set.
	LocalDomains bool
}

const (
	// greetingPatience is how long one address may take to answer at all. What it is asked then has a run's time.
	greetingPatience = 10 * time.Second
	// certificateNotice is how long before its end a certificate is worth a word. Certificates that live for
	// 90 days are mostly renewed 30 days before.
	certificateNotice = 14 * 24 * time.Hour
)

// examination is a checkup under way.
type examination struct {
	*Checkup
	tell   func(Finding)
	client *Client // of all addresses, once one of them has answered
	source *Source

	done     bool            // nothing else is worth looking at
	secured  bool            // users and privileges are known
	lacks    map[string]bool // privileges that the login lacks on the raw lines
	open     []sourceIndex
	shards   []sourceIndex // with checkpoints; none where those are not told
	tides    map[string]tide
	fields   map[string]*fields
	overlap  string // why the arrival cannot be followed; "" where it can
	newest   time.Time
	clusters time.Time // the cluster's clock
}

// Do goes through all checks. What cannot be looked at because of something before is left out. The
// error is only that of a context that ended, or of options that are impossible.
func (c *Checkup) Do(ctx context.Context, tell func(Finding)) error {
	x := &examination{Checkup: c, tell: tell, lacks: make(map[string]bool)}
	x.Config.Logger = zap.NewNop() // all is told as findings
	x.Source.Logger = zap.NewNop()
	if err := x.connect(ctx); err != nil || x.client == nil {
		return err
	}
	defer x.client.Close()
	var err error
	if x.source, err = x.client.Source(x.Source); err != nil {
		return err
	}
	x.source.unrefreshed = true
	for _, check := range []func(context.Context) error{
		x.version, x.privileges, x.indices, x.layouts, x.clock, x.lines, x.guarantee, x.target, x.state,
	} {
		if err := check(ctx); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil || x.done {
			return err
		}
	}
	if !c.LocalDomains {
		x.find("no-local-domains", "", "POSTWEAVE_LOCAL_DOMAINS is not set")
	}
	return nil
}

// find tells of a symptom.
func (x *examination) find(name, on, format string, args ...any) {
	for _, s := range symptoms {
		if s.Name == name {
			x.tell(s.finding(on, fmt.Sprintf(format, args...)))
			return
		}
	}
	panic("BUG: no symptom " + name)
}

// fine tells of what is as it should be.
func (x *examination) fine(check, on, format string, args ...any) {
	x.tell(Finding{Check: check, Level: LevelOK, On: on, Found: fmt.Sprintf(format, args...)})
}

// failed tells of a request that failed, as what it amounts to; by default as the named symptom.
func (x *examination) failed(ctx context.Context, name string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var e *Error
	if errors.As(err, &e) {
		switch {
		case e.Status == http.StatusForbidden && e.Type == "security_exception":
			name = "privilege-missing"
		case e.Class == ClassUnavailable:
			name = "no-answer"
		}
		x.find(name, e.Index, "%s", e.Error())
		return nil
	}
	x.find(name, "", "%s", oneLine(err.Error()))
	return nil
}

// counted is a number with its noun.
func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// andMore names the first of several.
func andMore(names []string) string {
	switch len(names) {
	case 0:
		return ""
	case 1:
		return names[0]
	}
	return fmt.Sprintf("%s and %d more", names[0], len(names)-1)
}
