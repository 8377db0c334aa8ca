package main

import (
	"fmt"
	"io"
	"strings"
)

// settingHelp is one row of the environment table.
type settingHelp struct {
	key, meta, byDefault, text string
	choices                    []string
}

// environmentTable is written by hand; TestUsageMatchesConfig compares its keys
// and defaults with Config.
var environmentTable = []settingHelp{
	{"ES_URL", "URL", "http://localhost:9200", "addresses of Elasticsearch, comma separated", nil},
	{"ES_API_KEY", "KEY", "", "API key (base64, as Elasticsearch prints it)", nil},
	{"ES_USERNAME", "NAME", "", "user name, with a password instead of an API key", nil},
	{"ES_PASSWORD", "PASSWORD", "", "password of that user", nil},
	{"ES_CLOUD_ID", "ID", "", "Elastic Cloud deployment, instead of addresses", nil},
	{"ES_CA", "FILE", "", "CA certificates to trust (PEM)", nil},
	{"ES_CA_FINGERPRINT", "HEX", "", "SHA-256 fingerprint of the CA to trust", nil},
	{"ES_CLIENT_CERT", "FILE", "", "client certificate (PEM)", nil},
	{"ES_CLIENT_KEY", "FILE", "", "key of the client certificate (PEM)", nil},
	{"RETRY_BUDGET", "DURATION", "30s", "how long one operation goes on trying while Elasticsearch is unavailable", nil},
	{"SOURCE", "PATTERNS", "syslog-*", "index patterns of the raw lines, comma separated", nil},
	{"TARGET", "ALIAS", "postfix-messages", "alias that is written and read", nil},
	{"STATE", "INDEX", "postweave-state", "index of the cursors", nil},
	{"HORIZON", "DURATION", "144h", "how far back a first run reads, counted from the newest line", nil},
	{"OVERLAP", "DURATION", "10m", "how late a line may show itself where arrival cannot be followed (remote clusters)", nil},
	{"FIELDS", "PROFILE|FILE", "auto", "names of the fields: auto, syslog, logstash, ecs, beats or a file", fieldProfiles},
	{"PROGRAMS", "NAMES", "postfix*,amavis*,rspamd*,rmilter*,opendkim*,opendmarc*,openarc*,dkim*,smf-spf,spf-milter,pyspf-milter,policyd-spf,sid-*,milter-*,postgrey,sqlgrey,authentication_milter,spamass-milter,clamav-milter,clmilter,mimedefang*,MailScanner*,mailfromd,zeyple,gpg-mailgate,sympa", "programs whose lines are read where there is no queue id field", nil},
	{"LOCAL_DOMAINS", "DOMAINS", "", "our own domains, comma separated, sub-domains included: they decide the direction", nil},
	{"HOST_MAP", "PAIRS", "", "old=new names of servers that changed theirs, comma separated", nil},
	{"SCHEDULE", "CRON", "*/5 * * * *", "when the daemon runs", nil},
	{"TIMEZONE", "ZONE", "UTC", "time zone of the schedule", nil},
	{"MAX_RUNTIME", "DURATION", "0", "soft deadline of one pass: finish the slice and report more to do (0: none)", nil},
	{"SHARDS", "N", "0", "parts of a backfill, for the pods of an Indexed Job (0: not divided)", nil},
	{"MAX_REQUESTS_PER_SECOND", "N", "0", "most requests sent to Elasticsearch in a second, 0.5 is one in two (0: no limit)", nil},
	{"MAX_CONCURRENCY", "N", "2", "most requests under way at once, reading and writing together", nil},
	{"LOG_LEVEL", "LEVEL", "info", "debug, info, warn or error", logLevels},
	{"LOG_FORMAT", "FORMAT", "auto", "text, json or auto: text on a terminal, JSON elsewhere", logFormats},
}

func helpRow(key string) settingHelp {
	for _, row := range environmentTable {
		if row.key == key {
			return row
		}
	}
	return settingHelp{key: key, meta: "VALUE"}
}

func helpOf(key string) string      { return helpRow(key).text }
func metaOf(key string) string      { return helpRow(key).meta }
func choicesOf(key string) []string { return helpRow(key).choices }

const introText = `postweave turns the many syslog lines that Postfix writes about one mail into one
document: who wrote to whom, when, about what, and what became of it.

Usage:
  postweave COMMAND [FLAGS] [ARGUMENTS]

Commands:
`

const outroText = `
Help:
  postweave help COMMAND       a command's flags, with an example
  postweave help environment   every setting, as variable and as flag
  postweave help exit-codes    what the exit codes mean

A command that takes long shows how far it is, and says so when it gets SIGUSR1.

Try it without a server:
  postweave merge -o table /var/log/mail.log
`

// writeUsage prints the overview.
func writeUsage(w io.Writer) {
	var b strings.Builder
	b.WriteString(introText)
	for _, c := range commands() {
		fmt.Fprintf(&b, "  %-12s %s\n", c.name, c.summary)
	}
	b.WriteString(outroText)
	fmt.Fprint(w, b.String())
}

// writeCommandHelp prints one command's help.
func writeCommandHelp(w io.Writer, c command, f *flagSet) {
	var b strings.Builder
	fmt.Fprintf(&b, "Usage:\n  postweave %s\n\n%s\n", strings.TrimSpace(c.name+" "+c.synopsis), strings.TrimSpace(c.about))
	writeFlags(&b, "Flags", f, func(d flagInfo) bool { return d.setting == "" })
	writeFlags(&b, "Settings (see postweave help environment)", f, func(d flagInfo) bool { return d.setting != "" })
	fmt.Fprintf(&b, "\nExample:\n%s\n", indent(strings.TrimSpace(c.example)))
	fmt.Fprint(w, b.String())
}

// flagColumn is where the explanations of flags begin.
const flagColumn = 34

func writeFlags(b *strings.Builder, title string, f *flagSet, belongs func(flagInfo) bool) {
	heading := false
	for _, d := range f.declared {
		if !belongs(d) {
			continue
		}
		if !heading {
			fmt.Fprintf(b, "\n%s:\n", title)
			heading = true
		}
		dashes := "--"
		if len(d.name) == 1 {
			dashes = "-"
		}
		left := strings.TrimRight("  "+dashes+d.name+" "+d.meta, " ")
		if len(left) > flagColumn-2 {
			fmt.Fprintf(b, "%s\n%*s%s\n", left, flagColumn, "", d.usage)
			continue
		}
		fmt.Fprintf(b, "%-*s%s\n", flagColumn, left, d.usage)
	}
}

// writeEnvironment prints the table of settings.
func writeEnvironment(w io.Writer) {
	var b strings.Builder
	b.WriteString("Every setting is read from its flag, else from its environment variable, else it has\nits default. A command has the flags of the settings it reads.\n")
	for _, s := range allSettings() {
		row := helpRow(s.key)
		fmt.Fprintf(&b, "\n%s (--%s %s)\n    %s\n", s.variable(), s.flagName(), row.meta, row.text)
		if row.byDefault != "" {
			fmt.Fprintf(&b, "    default: %s\n", row.byDefault)
		}
		if s.secret {
			fmt.Fprintf(&b, "    or %s_FILE (--%s-file): a file that holds it, read again when it is refused\n", s.variable(), s.flagName())
		}
	}
	fmt.Fprint(w, b.String())
}

// writeExitCodes prints the table of exit codes.
func writeExitCodes(w io.Writer) {
	var b strings.Builder
	b.WriteString("Exit codes. Treat one that is not in this list as a failure.\n\n")
	for _, e := range exitCodes {
		fmt.Fprintf(&b, "  %3d  %s\n", e.code, e.meaning)
	}
	fmt.Fprint(w, b.String())
}

func indent(s string) string { return "  " + strings.ReplaceAll(s, "\n", "\n  ") }
