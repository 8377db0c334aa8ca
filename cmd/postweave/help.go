package main

import (
	"context"
	"fmt"
	"time"
)

// helpCommand is filled in init, for its action looks at the table it stands in.
var helpCommand command

func init() {
	helpCommand = command{
		name:     "help",
		synopsis: "[COMMAND|environment|exit-codes]",
		summary:  "show this, or the help of a command",
		about:    "Shows the overview, a command's flags, the table of settings or the exit codes.",
		example:  "postweave help merge\npostweave help environment",
		action:   func() action { return &helpOptions{} },
	}
}

type helpOptions struct{ topic string }

func (o *helpOptions) flags(*flagSet) {}

// The topics that are no commands.
const (
	topicEnvironment = "environment"
	topicExitCodes   = "exit-codes"
)

func (o *helpOptions) check(args []string, _ time.Time) error {
	if len(args) == 0 {
		return nil
	}
	if len(args) > 1 {
		return fmt.Errorf("one topic at a time, not %d", len(args))
	}
	o.topic = args[0]
	if _, found := findCommand(o.topic); found || o.topic == topicEnvironment || o.topic == topicExitCodes {
		return nil
	}
	topics := append(commandNames(), topicEnvironment, topicExitCodes)
	return fmt.Errorf("there is no help on %q%s", o.topic, didYouMean(o.topic, "", topics))
}

func (o *helpOptions) run(_ context.Context, a *app) error {
	switch o.topic {
	case "":
		writeUsage(a.stdout)
	case topicEnvironment:
		writeEnvironment(a.stdout)
	case topicExitCodes:
		writeExitCodes(a.stdout)
	default:
		c, _ := findCommand(o.topic)
		writeCommandHelp(a.stdout, c, flagsOf(c))
	}
	return nil
}

// flagsOf declares a command's flags, for help and completion.
func flagsOf(c command) *flagSet {
	f := newFlagSet(c.name)
	c.action().flags(f)
	f.declare(settingsFor(c.settings))
	return f
}
