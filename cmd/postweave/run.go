package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"go.uber.org/zap"
)

// command is one row of the dispatch table.
type command struct {
	name     string
	synopsis string // what follows the name on the usage line
	summary  string // one line for the overview
	about    string // paragraphs for the command's help
	example  string
	settings []string // keys of the settings it reads; none: no configuration is loaded
	service  bool     // works unattended: its last error goes to the log where that is JSON
	resumes  bool     // keeps its place: started again, it goes on where it was stopped
	action   func() action
}

// action is a command's options and what it does with them. A fresh one is
// made for each call.
type action interface {
	// flags declares the command's own flags.
	flags(f *flagSet)
	// check completes the options from the arguments that are no flags and says
	// what is wrong with them, before anything is connected or written.
	check(args []string, now time.Time) error
	// run does the work. Its error ends in exitCode.
	run(ctx context.Context, a *app) error
}

// commands lists the commands in the order of the overview.
func commands() []command {
	return []command{
		runCommand, daemonCommand, backfillCommand, mergeCommand, traceCommand, reportCommand, setupCommand, checkCommand,
		verifyCommand, rebuildCommand,
		versionCommand, completionCommand, helpCommand,
	}
}

func findCommand(name string) (command, bool) {
	for _, c := range commands() {
		if c.name == name {
			return c, true
		}
	}
	return command{}, false
}

func commandNames() []string {
	var names []string
	for _, c := range commands() {
		names = append(names, c.name)
	}
	return names
}

// app is what every command works with.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	cfg            Config
	logger         *zap.Logger
	command        command // at work
	watched        watched
}

// run is the whole program but for the process around it: it returns the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, environ []string) int {
	stdout, stderr = shareScreen(stdout, stderr)
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr, logger: zap.NewNop(), watched: watched{begin: time.Now()}}
	if len(args) == 0 {
		writeUsage(stderr)
		return exitUsage
	}
	name, rest := args[0], args[1:]
	switch name {
	case "-h", "-help", "--help":
		name = "help"
	case "-v", "-version", "--version":
		name = "version"
	}
	c, found := findCommand(name)
	if !found {
		a.say("unknown command %q%s", name, didYouMean(name, "", commandNames()))
		a.say("see postweave help")
		return exitUsage
	}
	return a.dispatch(ctx, c, rest, environ)
}

// dispatch reads a command's flags and settings, and runs it.
func (a *app) dispatch(ctx context.Context, c command, args, environ []string) int {
	settings := settingsFor(c.settings)
	act := c.action()
	f := newFlagSet(c.name)
	act.flags(f)
	f.declare(settings)

	positional, err := f.parse(args)
	if errors.Is(err, errHelp) {
		writeCommandHelp(a.stdout, c, f)
		return exitComplete
	}
	if err := a.configure(c, act, f, positional, settings, environ); err != nil {
		a.sayError(err)
		a.say("see postweave help %s", c.name)
		return exitUsage
	}
	a.command = c
	defer a.answerWhenAsked()()
	err = act.run(ctx, a)
	code := exitCode(ctx, err)
	if code == exitInterrupted || code == exitTerminated {
		err = errors.New("stopped by a signal")
		switch {
		case c.resumes:
			err = fmt.Errorf("stopped by a signal; what was confirmed stays, the next run%s goes on from there", ofSame(c))
		case c.service:
			err = errors.New("stopped by a signal; what was written stays, run the command again for the rest")
		}
	}
	switch {
	case err == nil:
	case c.service && logsJSON(a.cfg, a.stderr):
		a.logger.Error(c.name+" failed", zap.Int("exit_code", code), zap.Error(err))
	default:
		a.sayError(err)
		if x, ok := act.(interface{ asksIndex() bool }); ok && code == exitUnavailable && x.asksIndex() {
			a.say("a log file can be asked in place of the index: -f /var/log/mail.log")
		}
	}
	return code
}

// ofSame says that the range is part of what a backfill's place is kept for.
func ofSame(c command) string {
	if c.name == backfillCommand.name {
		return " of the same command"
	}
	return ""
}

// configure gathers every mistake on the command line and in the environment.
func (a *app) configure(c command, act action, f *flagSet, positional []string, settings []setting, environ []string) error {
	problems := f.problems
	// What follows an unknown flag may be its value: complaining about that
	// argument as well would only confuse.
	if !f.sawUnknown() {
		problems = append(problems, act.check(positional, time.Now()))
	}
	if x, ok := act.(interface{ ignored() []string }); ok {
		settings = slices.DeleteFunc(slices.Clone(settings), func(s setting) bool { return slices.Contains(x.ignored(), s.key) })
	}
	if len(settings) > 0 {
		cfg, err := loadConfig(settings, f.settings, environ)
		if x, ok := act.(interface {
			place(Config, map[string]string, []string) error
		}); ok && err == nil && !f.sawUnknown() {
			err = x.place(cfg, f.settings, environ)
		}
		problems = append(problems, err)
		a.cfg = cfg
	}
	err := errors.Join(problems...)
	if len(settings) == 0 {
		return err
	}
	warnings := unknownVariables(environ)
	if err == nil {
		a.logger = newLogger(a.cfg, a.stderr)
	}
	for _, text := range warnings {
		// Beside an error a warning is text as well: a misspelt variable is
		// often its cause.
		if err == nil && c.service && logsJSON(a.cfg, a.stderr) {
			a.logger.Warn(text)
		} else {
			a.say("warning: %s", text)
		}
	}
	return err
}
