package main

import (
	"context"
	"strings"
	"time"
)

var setupCommand = command{
	name:     "setup",
	synopsis: "[FLAGS]",
	summary:  "create the index template, the indices and the alias",
	about: `Installs what "run" needs: the index template made from the target's name, the alias and
its first index, and the indices of the state and of long logs. Repeating it does no harm.
Where something by that name has another shape it is left alone, and the message says so.

--print needs no server. It writes to stdout the template, for those who install it by other
means, or the least roles for a login: "worker" for the other commands, "setup" for this one,
"reader" for trace and report. One alone is what PUT _security/role/NAME takes; "role" is all three by
their names, to pick role_descriptors of an API key from.`,
	example: `postweave setup --es-url https://es1:9200 --es-api-key-file /run/secrets/es-setup
postweave setup --print role-worker > role.json`,
	settings: joined(connectionSettings, []string{"SOURCE", "TARGET", "STATE"}, logSettings),
	action:   func() action { return &setupOptions{} },
}

// What --print writes.
const (
	printTemplate = "template"
	printRoles    = "role"
)

var printable = []string{printTemplate, printRoles, "role-worker", "role-setup", "role-reader"}

// setupOptions are the flags of setup.
type setupOptions struct {
	DryRun bool   // write nothing, say what would be written
	Print  string // one of printable, or empty to install
	JSON   bool
}

func (o *setupOptions) flags(f *flagSet) {
	f.toggle(&o.DryRun, "dry-run", "write nothing, say what would be written")
	f.choice(&o.Print, "print", printable, "write this to stdout instead; all roles, or one")
	f.toggle(&o.JSON, "json", "print what was done as one line of JSON")
}

// ignored lists settings that this call has no use for: where the raw lines are
// matters to the roles alone.
func (o *setupOptions) ignored() []string {
	if strings.HasPrefix(o.Print, printRoles) {
		return nil
	}
	return []string{"SOURCE"}
}

func (o *setupOptions) check(args []string, _ time.Time) error { return noArguments(args) }

func (o *setupOptions) run(ctx context.Context, a *app) error {
	if o.Print != "" {
		text, err := wirePrint(a.cfg, o.Print)
		if err != nil {
			return err
		}
		return a.printJSON(text)
	}
	done, err := wireSetup(ctx, a.cfg, a.logger, *o)
	if err := a.reportOn(done, o.JSON, err); err != nil {
		return err
	}
	if !o.JSON && !o.DryRun {
		a.say("next: postweave check looks at the source and the privileges, postweave run begins")
	}
	return nil
}
