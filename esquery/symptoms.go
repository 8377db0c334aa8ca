package esquery

import "strings"

// Level says how bad a finding is.
type Level string

// The levels. Only a failure keeps a run from doing its work.
const (
	LevelOK      Level = "ok"
	LevelNotice  Level = "notice"  // worth knowing
	LevelWarning Level = "warning" // something is lost or promised less
	LevelFailure Level = "failure" // a run ends with an exit code other than 0
)

// Symptom is a kind of finding: what it means whoever has it.
type Symptom struct {
	Name  string // "tls-expires-soon"; stands in JSON, and stays as it is
	Check string // what was looked at: "tls"
	Level Level
	Class Class  // of a failure: what the run's error would be
	Code  int    // exit code of a failure, where it is not the class's
	Costs string // what one does without
	Do    string // what to do; "{on}" stands for what the finding is about
}

// symptoms are all kinds of findings, in the order in which they are looked for.
var symptoms = []Symptom{
	{
		Name: "no-answer", Check: "connection", Level: LevelFailure, Class: ClassUnavailable,
		Costs: "no run can do anything", Do: "start Elasticsearch, or mend POSTWEAVE_ES_URL, the network or the proxy between",
	},
	{
		Name: "address-dead", Check: "connection", Level: LevelWarning,
		Costs: "runs go on with the other addresses, and lose some seconds where they try this one", Do: "bring {on} back, or take it out of POSTWEAVE_ES_URL",
	},
	{
		Name: "not-elasticsearch", Check: "connection", Level: LevelFailure, Class: ClassSetup,
		Costs: "no run can do anything", Do: "point POSTWEAVE_ES_URL at Elasticsearch 8 or 9, and let a proxy pass the header X-Elastic-Product",
	},
	{
		Name: "tls-failed", Check: "tls", Level: LevelFailure, Class: ClassAuth,
		Costs: "no run can do anything", Do: "follow the hint in the message",
	},
	{
		Name: "tls-expires-soon", Check: "tls", Level: LevelWarning,
		Costs: "from that day on runs end with 4", Do: "renew the certificate",
	},
	{
		Name: "credentials-in-clear", Check: "tls", Level: LevelWarning,
		Costs: "who can listen on the way learns the login and reads the mail data", Do: "switch TLS on in Elasticsearch and write https:// in POSTWEAVE_ES_URL",
	},
	{
		Name: "login-refused", Check: "login", Level: LevelFailure, Class: ClassAuth,
		Costs: "no run can do anything", Do: "set POSTWEAVE_ES_API_KEY, or POSTWEAVE_ES_USERNAME and POSTWEAVE_ES_PASSWORD, to a valid login",
	},
	{
		Name: "no-security", Check: "login", Level: LevelNotice,
		Costs: "whoever reaches Elasticsearch may read and delete all mail data", Do: "switch on xpack.security.enabled, unless nobody else can reach it",
	},
	{
		Name: "version-untold", Check: "version", Level: LevelNotice,
		Costs: "nothing; a run does not need it", Do: "grant the cluster privilege monitor to who runs this check, if it is to look at the version too",
	},
	{
		Name: "version-old", Check: "version", Level: LevelFailure, Class: ClassSetup,
		Costs: "requests are refused or answered in another way", Do: "use Elasticsearch " + oldestTested + " or newer",
	},
	{
		Name: "version-untested", Check: "version", Level: LevelWarning,
		Costs: "it may work and has not been tried", Do: "use Elasticsearch " + oldestTested + " to " + newestTested + ", or watch the first runs and `postweave verify`",
	},
	{
		Name: "version-mixed", Check: "version", Level: LevelNotice,
		Costs: "nothing, while an upgrade is under way", Do: "finish the upgrade",
	},
	{
		Name: "privilege-missing", Check: "privileges", Level: LevelFailure, Class: ClassAuth,
		Costs: "a run ends with 4", Do: "give the login the role that `postweave setup --print role` prints",
	},
	{
		Name: "privilege-narrow", Check: "privileges", Level: LevelWarning,
		Costs: "indices that are made later may be out of reach, and a pattern does not tell of what it may not see", Do: "grant the privileges on the pattern, as `postweave setup --print role` does",
	},
	{
		Name: "privilege-optional", Check: "privileges", Level: LevelWarning,
		Costs: "new lines are known by their ingest time, and one that shows itself late may be missed", Do: "grant monitor and maintenance on {on}",
	},
	{
		Name: "privilege-excess", Check: "privileges", Level: LevelNotice,
		Costs: "a login that gets into wrong hands does more harm than it has to", Do: "use a login with the role that `postweave setup --print role` prints",
	},
	{
		Name: "source-unreadable", Check: "source", Level: LevelFailure, Class: ClassSource,
		Costs: "a run ends at it, and reads nothing", Do: "follow the message; where a shard is lost, GET _cluster/allocation/explain says why",
	},
	{
		Name: "source-missing", Check: "source", Level: LevelFailure, Class: ClassSetup,
		Costs: "a run ends with 1", Do: "set POSTWEAVE_SOURCE to the indices that Logstash writes (GET _cat/indices lists them), and grant read and monitor on them",
	},
	{
		Name: "source-unusable", Check: "source", Level: LevelFailure, Class: ClassSetup,
		Costs: "a run ends with 1", Do: "name the indices in POSTWEAVE_SOURCE if all of their lines may be read, or an alias without a filter",
	},
	{
		Name: "pattern-empty", Check: "source", Level: LevelWarning,
		Costs: "what is expected there is not read", Do: "mend {on} in POSTWEAVE_SOURCE, or take it out",
	},
	{
		Name: "index-closed", Check: "source", Level: LevelFailure, Class: ClassSource,
		Costs: "a run ends with 5, because lines may be missing", Do: "open {on} (POST {on}/_open), or leave it out of POSTWEAVE_SOURCE",
	},
	{
		Name: "index-closed-old", Check: "source", Level: LevelNotice,
		Costs: "late lines in it are not read", Do: "open {on} before a backfill of its days",
	},
	{
		Name: "fields-unknown", Check: "fields", Level: LevelFailure, Class: ClassSource,
		Costs: "a run ends with 5: its lines cannot be read", Do: "name its fields in a file for POSTWEAVE_FIELDS, or narrow POSTWEAVE_SOURCE to the indices of Postfix's lines",
	},
	{
		Name: "fields-unknown-old", Check: "fields", Level: LevelNotice,
		Costs: "they are left out", Do: "nothing, or name their fields in a file for POSTWEAVE_FIELDS before a backfill of their days",
	},
	{
		Name: "no-source-kept", Check: "fields", Level: LevelFailure, Class: ClassSource,
		Costs: "its lines cannot be read at all", Do: "index the lines anew into an index that keeps _source, and leave {on} out of POSTWEAVE_SOURCE",
	},
	{
		Name: "part-not-kept", Check: "fields", Level: LevelWarning,
		Costs: "its documents are left out: they lack a part without which no line can be read", Do: "index the lines anew into an index that keeps all of _source, and leave {on} out of POSTWEAVE_SOURCE",
	},
	{
		Name: "page-too-small", Check: "fields", Level: LevelFailure, Class: ClassSource,
		Costs: "searches for its lines are refused", Do: "take the setting index.max_result_window of {on} back to its default: PUT {on}/_settings {\"index.max_result_window\": null}",
	},
	{
		Name: "no-queue-id-field", Check: "fields", Level: LevelNotice,
		Costs: "queue ids are taken from the text; lines of programs that POSTWEAVE_PROGRAMS does not name are not read", Do: "nothing, or let the grok patterns set postfix_queueid as a keyword",
	},
	{
		Name: "layouts-mixed", Check: "fields", Level: LevelNotice,
		Costs: "nothing: each index is read by its own fields", Do: "look whether that is meant",
	},
	{
		Name: "no-postfix-lines", Check: "lines", Level: LevelWarning,
		Costs: "there is nothing to merge", Do: "look whether Postfix's lines get there, and whether POSTWEAVE_SOURCE and POSTWEAVE_PROGRAMS name them (syslog_name in main.cf changes the program's name)",
	},
	{
		Name: "no-new-lines", Check: "lines", Level: LevelWarning,
		Costs: "what happened since is not known here", Do: "look whether Postfix still logs, and whether the shipper and Logstash are up",
	},
	{
		Name: "lines-unreadable", Check: "lines", Level: LevelWarning,
		Costs: "documents without host, time or text are left out", Do: "look at what Logstash does with them; tags such as _grokparsefailure show where it went wrong",
	},
	{
		Name: "not-understood", Check: "lines", Level: LevelWarning,
		Costs: "the messages have these lines in `log`, and not what they say", Do: "run `postweave merge --explain` over a log of that server, which lists them by shape with addresses masked, and report those",
	},
	{
		Name: "lines-cut", Check: "lines", Level: LevelWarning,
		Costs: "the end of long lines is missing: answers of other servers, and with them their queue ids", Do: "raise the longest message of syslog (rsyslog: $MaxMessageSize 32k, before any input)",
	},
	{
		Name: "lines-twice", Check: "lines", Level: LevelNotice,
		Costs: "nothing in the documents, since equal lines count once; room and time", Do: "look for a second shipper, or a log that is read twice",
	},
	{
		Name: "ids-short", Check: "lines", Level: LevelNotice,
		Costs: "short queue ids come back after hours or days; mails of one id are told apart by their times and lines, which is less sure", Do: "set enable_long_queue_ids = yes in main.cf",
	},
	{
		Name: "no-subjects", Check: "subjects", Level: LevelWarning,
		Costs: "messages have no subject and cannot be found by it", Do: "name a file in header_checks of main.cf with the line /^Subject:/ WARN, as the README shows",
	},
	{
		Name: "subjects-missing", Check: "subjects", Level: LevelNotice,
		Costs: "messages that come in there have no subject", Do: "set header_checks on {on} as on the others",
	},
	{
		Name: "overlap", Check: "guarantee", Level: LevelWarning,
		Costs: "a line that a search shows later than POSTWEAVE_OVERLAP after it came in may be missed", Do: "grant the privileges that are missing; for remote clusters, run postweave beside each of them, or backfill the days once more",
	},
	{
		Name: "no-ingest-time", Check: "guarantee", Level: LevelWarning,
		Costs: "without the order of arrival and without an ingest time, a line that is late by more than POSTWEAVE_OVERLAP is missed", Do: "let Logstash or an ingest pipeline set event.ingested (or received_at) as a date",
	},
	{
		Name: "not-set-up", Check: "target", Level: LevelFailure, Class: ClassSetup,
		Costs: "a run ends with 1", Do: "run `postweave setup`",
	},
	{
		Name: "target-unusable", Check: "target", Level: LevelFailure, Class: ClassSetup,
		Costs: "a run ends with 1", Do: "follow the message",
	},
	{
		Name: "target-newer", Check: "target", Level: LevelFailure, Class: ClassSchema,
		Costs: "a run ends with 8, and writes nothing", Do: "use the newer postweave that wrote it",
	},
	{
		Name: "target-mapping", Check: "target", Level: LevelFailure, Code: exitQuarantined,
		Costs: "documents may be refused, and stubs take their place (exit code 6)", Do: "move {on} away, run `postweave setup`, and backfill; the raw lines give the documents again",
	},
	{
		Name: "target-blocked", Check: "target", Level: LevelFailure, Class: ClassBlocked,
		Costs: "a run ends with 7", Do: "make room on the disk where that is the reason, and take the block off: PUT {on}/_settings, with its name set to null",
	},
	{
		Name: "target-old-blocked", Check: "target", Level: LevelWarning,
		Costs: "a late line of a message in it ends a run with 7", Do: "take the block off {on}, or leave it where such messages are over",
	},
	{
		Name: "template-hidden", Check: "target", Level: LevelNotice,
		Costs: "nothing; a run does not need it", Do: "grant the cluster privilege manage_index_templates to who runs this check, if it is to look for a template that is in the way of the next index",
	},
	{
		Name: "template-overshadowed", Check: "target", Level: LevelWarning,
		Costs: "the next index behind the alias would get another mapping", Do: "narrow the patterns of the other template, or lower its priority",
	},
	{
		Name: "cursor-damaged", Check: "state", Level: LevelFailure, Class: ClassSetup,
		Costs: "a run ends with 1", Do: "run `postweave run --reset-cursor`; no document is lost by that",
	},
	{
		Name: "never-run", Check: "state", Level: LevelNotice,
		Costs: "the first run reads the lines of POSTWEAVE_HORIZON and leaves out older ones", Do: "`postweave run`; for older days `postweave backfill`",
	},
	{
		Name: "clock-differs", Check: "clock", Level: LevelWarning,
		Costs: "no document depends on it; --since, --days, the daemon's schedule and the times of logs do", Do: "let this machine and Elasticsearch's follow a time server",
	},
	{
		Name: "lines-of-the-future", Check: "clock", Level: LevelWarning,
		Costs: "messages stand at the wrong time, and a first run counts its horizon from there", Do: "set the clock of {on}, or the time zone that Logstash's date filter takes its stamps for",
	},
	{
		Name: "time-zone", Check: "clock", Level: LevelWarning,
		Costs: "its messages stand at the wrong time", Do: "give Logstash's date filter the time zone in which {on} writes its log, or let it write RFC 3339 stamps",
	},
	{
		Name: "no-local-domains", Check: "settings", Level: LevelNotice,
		Costs: "messages have no `direction`", Do: "name your own domains in POSTWEAVE_LOCAL_DOMAINS",
	},
}

// Versions that the tests run against, the oldest and the newest.
const (
	oldestTested = "8.15"
	newestTested = "9.2"
)

// exitQuarantined is how a run ends that could not write some documents as they are.
const exitQuarantined = 6

// Symptoms lists all kinds of findings, in the order in which they are looked for.
func Symptoms() []Symptom { return append([]Symptom(nil), symptoms...) }

// ExitCode is how a run ends because of it; 0 where it does not.
func (s Symptom) ExitCode() int {
	switch {
	case s.Level != LevelFailure:
		return 0
	case s.Code != 0:
		return s.Code
	}
	return s.Class.ExitCode()
}

// Finding is one thing that a checkup found out.
type Finding struct {
	Check string `json:"check"`           // what was looked at: "tls"
	Level Level  `json:"level"`           // ok, notice, warning or failure
	Name  string `json:"name,omitempty"`  // of the [Symptom]; empty where all is well
	On    string `json:"on,omitempty"`    // address, index, pattern or server
	Found string `json:"found"`           // what is there, in a sentence; nothing of a mail
	Costs string `json:"costs,omitempty"` // what one does without
	Do    string `json:"do,omitempty"`    // what to do
	// ExitCode is how a run ends because of it; 0 where it does not.
	ExitCode int `json:"exit_code,omitempty"`
}

// finding fills in a symptom.
func (s Symptom) finding(on, found string) Finding {
	return Finding{
		Check: s.Check, Level: s.Level, Name: s.Name, On: on, Found: found, Costs: s.Costs,
		Do: strings.ReplaceAll(s.Do, "{on}", on), ExitCode: s.ExitCode(),
	}
}
