package main

import (
	"context"
	"time"
)

var setupCommand = command{
	name:     "setup",
	synopsis: "[FLAGS]",
	summary:  "create the index template, the indices and the alias",
	about: `Installs what "run" needs: the index template made from the target's name, the alias and
its first index, and the indices of the state and of long logs. Repeating it does no harm.
Where something by that name has another shape it is left alone, and the message says so.

--print writes the template to stdout instead, for those who install it by other means;
that needs no server.`,
	example: `postweave setup --es-url https://es1:9200 --es-api-key-file /run/secrets/es-setup
postweave setup --print template > template.json`,
	settings: joined(connectionSettings, []string{"TARGET", "STATE"}, logSettings),
	action:   func() action { return &setupOptions{} },
}

// setupOptions are the flags of setup.
type setupOptions struct {
	DryRun bool   // write nothing, say what would be written
	Print  string // "template", or empty to install
	JSON   bool
}

func (o *setupOptions) flags(f *flagSet) {
	f.toggle(&o.DryRun, "dry-run", "write nothing, say what would be written")
	f.choice(&o.Print, "print", []string{"template"}, "write the template to stdout instead")
	f.toggle(&o.JSON, "json", "print what was done as one line of JSON")
}

func (o *setupOptions) check(args []string, _ time.Time) error { return noArguments(args) }

func (o *setupOptions) run(ctx context.Context, a *app) error {
	if o.Print != "" {
		text, err := wirePrint(a.cfg, o.Print)
		if err != nil {
			return err
		}
		return a.printLine(text)
	}
	done, err := wireSetup(ctx, a.cfg, a.logger, *o)
	return a.reportOn(done, o.JSON, err)
}
