package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"github.com/klauspost/compress/gzip"

	"github.com/postweave/postweave/test/esnode"
)

const (
	corpus   = "test/corpora/lab-postfix-3.7/"
	logFile  = corpus + "mail.log.gz"
	logYear  = "2026" // syslog lines name none
	rawLines = corpus + "logstash-syslog.ndjson.gz"

	binary      = "bin/postweave" // as "make build" names it: what is shown can be typed
	urlVariable = "POSTWEAVE_ES_URL"

	shown = "C9E7A98634E" // a message that reached one of two
)

// demonstration is one showing.
type demonstration struct {
	out  io.Writer
	once bool // end after the table
}

func (d *demonstration) show(ctx context.Context) error {
	if _, err := os.Stat(logFile); err != nil {
		return fmt.Errorf("the log to show is not there, run this from the top of the repository: %w", err)
	}
	d.say("\nThe log of two Postfix servers, 29,312 lines, becomes messages: who wrote to whom.\n")

	stage := begin(d.out, "Build postweave")
	if err := build(ctx); err != nil {
		stage.failed("failed")
		return err
	}
	stage.done(binary)

	stage = begin(d.out, "Start Elasticsearch "+esnode.Version())
	node, err := esnode.Start(ctx, esnode.Options{Log: stage})
	switch {
	case errors.Is(err, esnode.ErrNoJava), errors.Is(err, esnode.ErrNoMaven):
		stage.failed("not possible here")
		return d.withoutServer(ctx, err)
	case err != nil:
		stage.failed("failed")
		return fmt.Errorf("%w\n\nWithout a server this works:\n  %s", err, mergeCommand)
	}
	stage.done(node.URL)
	// The prompt must not come back before the node is gone.
	return errors.Join(d.withServer(ctx, node.URL), node.Stop())
}

// withServer does what a newcomer would do, from raw lines to a query.
func (d *demonstration) withServer(ctx context.Context, url string) error {
	stage := begin(d.out, "Index the lines like Logstash")
	n, err := index(ctx, url)
	if err != nil {
		stage.failed("failed")
		return err
	}
	stage.done(fmt.Sprintf("%d documents in syslog-2026.11.22", n))

	d.say("\n$ export %s=%s", urlVariable, url)
	for _, args := range [][]string{
		{"setup"},
		{"run"},
		{"trace", "--subject", "café", "--limit", "12"},
		{"trace", "--show", shown},
	} {
		if err := d.postweave(ctx, url, args...); err != nil {
			return err
		}
	}
	if d.once {
		return nil
	}
	d.say(`
Elasticsearch stays up until Ctrl-C. In another terminal:

  export %[1]s=%[2]s
  %[3]s trace --status bounced --each recipient --limit 10
  %[3]s trace --to alice --from app@ --follow-links --limit 5
  %[3]s trace --queue-id %[4]s --json
  %[3]s report --since 2026-11-22 > report.html
  curl -s "$%[1]s/postfix-messages/_search?q=status:expired&size=1&pretty"

The raw lines are still in syslog-*, unchanged. "%[3]s run" once more finds nothing new and writes nothing.`, urlVariable, url, binary, shown)
	<-ctx.Done()
	d.say("\nStopping Elasticsearch.")
	return nil
}

var fromLog = []string{"-f", logFile, "--year", logYear}

var mergeCommand = fmt.Sprintf("%s trace --text café %s", binary, strings.Join(fromLog, " "))

// withoutServer shows what needs neither Java nor Elasticsearch.
func (d *demonstration) withoutServer(ctx context.Context, missing error) error {
	what := "a JDK 17 or newer"
	if errors.Is(missing, esnode.ErrNoMaven) {
		what = "Maven (it fetches the node once)"
	}
	d.say(`
The full demonstration runs a real Elasticsearch node, for which %s is missing here
(Debian, Ubuntu: apt-get install openjdk-17-jdk-headless maven). To look through a log
postweave needs no server.`, what)
	for _, args := range [][]string{{"trace", "--subject", "café", "--limit", "12"}, {"trace", "--show", shown}} {
		if err := d.postweave(ctx, "", append(args, fromLog...)...); err != nil {
			return err
		}
	}
	d.say("\nTry it with your own: %[1]s trace -f /var/log/mail.log, or %[1]s report -f /var/log/mail.log > report.html", binary)
	return nil
}

// postweave runs the product as a user does, and shows the command first.
func (d *demonstration) postweave(ctx context.Context, url string, args ...string) error {
	d.say("\n$ %s %s", binary, strings.Join(args, " "))
	cmd := d.command(ctx, args...)
	cmd.Env = append(cmd.Env, urlVariable+"="+url)
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("postweave %s: %w", args[0], err)
	}
	return nil
}

// command has the viewer's terminal as its output, so that a table fits it.
// Settings of the viewer's own, such as another source, have no place here.
func (d *demonstration) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "./"+binary, args...)
	cmd.Stdout, cmd.Stderr = d.out, d.out
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "POSTWEAVE_") {
			cmd.Env = append(cmd.Env, entry)
		}
	}
	return cmd
}

func (d *demonstration) say(format string, args ...any) { fmt.Fprintf(d.out, format+"\n", args...) }

// build makes the binary. A checkout that belongs to somebody else has no
// version that git would tell; the demonstration needs none.
func build(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", binary, "./cmd/postweave")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build postweave: %w\n%s", err, out)
	}
	return nil
}

// index loads the raw lines, into one index a day and with the mapping that
// Elasticsearch makes for them by itself.
func index(ctx context.Context, url string) (int, error) {
	in, err := open(rawLines)
	if err != nil {
		return 0, err
	}
	defer in.Close()
	return esnode.LoadNDJSON(ctx, url, in, esnode.Daily("syslog-"), esnode.LoadOptions{Refresh: true})
}

// unpacked is a gzip file being read.
type unpacked struct {
	*gzip.Reader
	file *os.File
}

// Close closes the file.
func (u unpacked) Close() error { return errors.Join(u.Reader.Close(), u.file.Close()) }

func open(name string) (unpacked, error) {
	f, err := os.Open(name)
	if err != nil {
		return unpacked{}, err
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		return unpacked{}, errors.Join(fmt.Errorf("%s: %w", name, err), f.Close())
	}
	return unpacked{z, f}, nil
}
