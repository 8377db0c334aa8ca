package esquery

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"
	"unicode"
)

// Class groups errors by what the user can do about them. Each has an exit
// code of its own.
type Class int

const (
	// ClassSetup is a mistake in the configuration, or a target that setup
	// has not made. Exit code 1.
	ClassSetup Class = iota
	// ClassUnavailable is an Elasticsearch that did not answer, or not well,
	// for longer than the retry budget. Exit code 3.
	ClassUnavailable
	// ClassAuth is a refused login, a missing privilege or a TLS failure.
	// Exit code 4.
	ClassAuth
	// ClassSource is a source that cannot be read as a whole. Exit code 5.
	ClassSource
	// ClassBlocked is a target that takes no writes: a full disk or a write
	// block. Exit code 7.
	ClassBlocked
	// ClassSchema is a target written by a newer postweave. Exit code 8.
	ClassSchema
)

// ExitCode is the exit code of the process that ends with an error of this class.
func (c Class) ExitCode() int {
	switch c {
	case ClassUnavailable:
		return 3
	case ClassAuth:
		return 4
	case ClassSource:
		return 5
	case ClassBlocked:
		return 7
	case ClassSchema:
		return 8
	default:
		return 1
	}
}

// String names the class in one word, for logs.
func (c Class) String() string {
	switch c {
	case ClassSetup:
		return "setup"
	case ClassUnavailable:
		return "unavailable"
	case ClassAuth:
		return "auth"
	case ClassSource:
		return "source"
	case ClassBlocked:
		return "blocked"
	case ClassSchema:
		return "schema"
	default:
		return fmt.Sprintf("class %d", int(c))
	}
}

// Error is a failed operation on Elasticsearch.
//
// It never holds Elasticsearch's own "reason": that text quotes the values of
// the document it complains about, which are other people's mail. Type and
// Index come from the answer and are cut down to the characters such names have.
type Error struct {
	Class   Class
	Op      string // what was being done: "open point in time"
	Address string // scheme, host and port that was asked; no user, no password
	Index   string // the index it was about, if the answer names one
	Type    string // error.type of the answer: "index_not_found_exception"
	Status  int    // HTTP status, 0 where there was no answer
	Hint    string // what the user can do
	Err     error  // cause, if the failure was not an answer of Elasticsearch

	// retry says that the same request may succeed later.
	retry bool
	// untouched says that the server certainly did not act on the request,
	// so that it may be repeated even if it is not idempotent.
	untouched bool
	// divide says that there was too much for the server to do at once: less may go through.
	divide bool
	// gone says that a shard, or the node that it was on, could not be reached.
	gone bool
	// after is how long the server asked to wait.
	after time.Duration
}

// Error is one line: what failed, where, why, and what to do.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.Address != "" {
		b.WriteString(" on " + e.Address)
	}
	if e.Index != "" {
		b.WriteString(": index " + e.Index)
	}
	if e.Status != 0 {
		fmt.Fprintf(&b, ": status %d", e.Status)
	}
	if e.Type != "" {
		b.WriteString(" " + e.Type)
	}
	if e.Err != nil {
		b.WriteString(": " + oneLine(e.Err.Error()))
	}
	if e.Hint != "" {
		b.WriteString("; " + e.Hint)
	}
	return b.String()
}

// Unwrap returns the cause, which is nil where Elasticsearch answered.
func (e *Error) Unwrap() error { return e.Err }

// ExitCode is the exit code of the process that ends with this error.
func (e *Error) ExitCode() int { return e.Class.ExitCode() }

// oneLine makes text that came over the network harmless: no line breaks, no
// terminal control, no bidirectional overrides, and not longer than a line.
func oneLine(s string) string {
	const limit = 300
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, " "))
	if runes := []rune(s); len(runes) > limit {
		s = string(runes[:limit]) + "…"
	}
	return s
}

// Hints that more than one classification gives.
const (
	hintNotElastic  = "this does not look like Elasticsearch; check POSTWEAVE_ES_URL (OpenSearch is not supported; a proxy must pass the X-Elastic-Product header)"
	hintUnreachable = "check that Elasticsearch is up and that POSTWEAVE_ES_URL is right"
	hintOverloaded  = "Elasticsearch is overloaded or not ready; try again later or lower POSTWEAVE_MAX_CONCURRENCY"
	hintCredentials = "check POSTWEAVE_ES_API_KEY, or POSTWEAVE_ES_USERNAME and POSTWEAVE_ES_PASSWORD"
	hintPrivilege   = "the user lacks a privilege; " + hintRoles
	hintRoles       = "`postweave setup --print role` prints all that are needed"
	hintPlainHTTP   = "the server speaks TLS on this port; write https:// in POSTWEAVE_ES_URL"
	hintNoTLS       = "the server does not speak TLS on this port; write http:// in POSTWEAVE_ES_URL if that is meant"
	hintCA          = "the server's certificate is not signed by a known authority; give the right one in POSTWEAVE_ES_CA or its fingerprint in POSTWEAVE_ES_CA_FINGERPRINT"
	hintCertificate = "the server's certificate is not valid (expired, or of another name); renew it or use the name it was made for"
	hintClientCert  = "the TLS handshake was refused; check POSTWEAVE_ES_CLIENT_CERT and POSTWEAVE_ES_CLIENT_KEY"
	hintSetup       = "run `postweave setup`"
)

var errTimeout = errors.New("no answer in time")

// classifyTransport says what an error means with which no answer came, or only
// a part of one.
func classifyTransport(op, address string, err error) *Error {
	e := &Error{Op: op, Address: address, Err: err}
	if hint := tlsHint(err); hint != "" {
		e.Class, e.Hint = ClassAuth, hint
		return e
	}
	e.Class, e.Hint, e.retry = ClassUnavailable, hintUnreachable, true
	var dial *net.OpError
	if errors.As(err, &dial) && dial.Op == "dial" {
		e.untouched = true
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		e.Err, e.Hint = errTimeout, hintOverloaded
	case errors.Is(err, io.EOF):
		e.Err = errors.New("the server closed the connection without an answer")
	}
	return e
}

// tlsHint returns what to do about an error of the TLS layer, and "" for any
// other.
func tlsHint(err error) string {
	var (
		record    tls.RecordHeaderError
		authority x509.UnknownAuthorityError
		invalid   x509.CertificateInvalidError
		name      x509.HostnameError
		verify    *tls.CertificateVerificationError
		roots     x509.SystemRootsError
	)
	switch {
	case errors.As(err, &record):
		return hintNoTLS
	case errors.Is(err, errFingerprint):
		return "compare POSTWEAVE_ES_CA_FINGERPRINT with the authority that Elasticsearch printed when it first started"
	case errors.As(err, &authority), errors.As(err, &roots):
		return hintCA
	case errors.As(err, &invalid), errors.As(err, &name), errors.As(err, &verify):
		return hintCertificate
	case errors.Is(err, errClientCert), strings.Contains(err.Error(), "tls: "):
		// Most of crypto/tls's own errors have no type, the server's alerts included.
		return hintClientCert
	}
	return ""
}

// classifyResponse returns nil if the answer is one of Elasticsearch's to a
// request that it carried out, and otherwise what went wrong. known says that
// Elasticsearch has answered this client before.
func classifyResponse(req Request, address string, known bool, res *Response) *Error {
	if res.Status == http.StatusRequestEntityTooLarge && allowed(req, res.Status) {
		return nil // it comes from below Elasticsearch, or from a proxy, and has no body
	}
	e := &Error{Op: req.Op, Address: address, Status: res.Status}
	// The header is on every success. Errors that are found early, an index
	// block for one, come without it and are known by their shape.
	elastic := res.Header.Get("X-Elastic-Product") == "Elasticsearch"
	success := res.Status/100 == 2
	var f failure
	shaped := false
	if !success { // a success may be large
		f, shaped = parseFailure(res.Body)
	}
	switch {
	case success && !elastic, !elastic && !shaped && req.Method != http.MethodHead:
		classifyStranger(e, known, res)
	case success || allowed(req, res.Status):
		if req.Method == http.MethodHead || looksLikeJSON(res.Body) {
			return nil
		}
		e.Class, e.retry = ClassUnavailable, true
		e.Err = errors.New("the answer is not JSON or not whole")
		e.Hint = "check what stands between postweave and Elasticsearch"
	default:
		classifyFailure(e, req, f)
	}
	return e
}

func allowed(req Request, status int) bool {
	for _, ok := range req.OK {
		if ok == status {
			return true
		}
	}
	return false
}

// looksLikeJSON looks at the ends only. net/http has already found an answer
// that was cut off; what is left to recognise is another format, and a full
// json.Valid would cost as much again as decoding the answer.
func looksLikeJSON(body []byte) bool {
	body = bytes.TrimSpace(body)
	if len(body) < 2 {
		return false
	}
	first, last := body[0], body[len(body)-1]
	return first == '{' && last == '}' || first == '[' && last == ']'
}

// classifyStranger is for answers that Elasticsearch did not give: those of a
// proxy in front of it, of a login page, of another server.
func classifyStranger(e *Error, known bool, res *Response) {
	switch {
	case res.Status == http.StatusUnauthorized, res.Status == http.StatusForbidden, res.Status == http.StatusProxyAuthRequired:
		e.Class, e.Hint = ClassAuth, hintCredentials+" (the answer came from a proxy or from another server)"
	case res.Status == http.StatusBadRequest && saysPlainHTTP(res.Body):
		e.Class, e.Hint = ClassAuth, hintPlainHTTP
	case retryableStatus(res.Status):
		e.Class, e.Hint, e.retry = ClassUnavailable, "a proxy answered in place of Elasticsearch; "+hintUnreachable, true
		e.untouched = res.Status == http.StatusTooManyRequests
	case known:
		// It was Elasticsearch a moment ago: a maintenance page, not a wrong URL.
		e.Class, e.Hint, e.retry = ClassUnavailable, "something answered in place of Elasticsearch", true
	default:
		e.Class, e.Hint = ClassSetup, hintNotElastic
	}
}

// saysPlainHTTP recognises the words of the common servers for "this port wants TLS".
func saysPlainHTTP(body []byte) bool {
	return bytes.Contains(body, []byte("HTTP request to an HTTPS server")) ||
		bytes.Contains(body, []byte("plain HTTP request was sent to HTTPS port")) ||
		bytes.Contains(body, []byte("speaking plain HTTP to an SSL-enabled server port"))
}

func retryableStatus(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	}
	return status >= 500
}

// failure is what may be told of an error body.
type failure struct {
	types  []string // outermost first
	index  string
	grants string // privileges of which one would do, from a security_exception
}

// cause is one level of an error body. Elasticsearch nests them in three ways.
type cause struct {
	Type      string  `json:"type"`
	Index     string  `json:"index"`
	Reason    string  `json:"reason"`
	RootCause []cause `json:"root_cause"`
	CausedBy  *cause  `json:"caused_by"`
	Failed    []struct {
		Index  string `json:"index"`
		Reason cause  `json:"reason"`
	} `json:"failed_shards"`
}

// parseFailure reads an error body. ok says that it has the shape of one;
// failure is empty where it holds no more than a text, {"error":"text"}.
func parseFailure(body []byte) (f failure, ok bool) {
	var answer struct {
		Error json.RawMessage `json:"error"`
	}
	var outer cause
	if json.Unmarshal(body, &answer) != nil || len(answer.Error) == 0 {
		return failure{}, false
	}
	if json.Unmarshal(answer.Error, &outer) == nil {
		f.add(outer, 0)
	}
	return f, true
}

func (f *failure) add(c cause, depth int) {
	const deepest = 8 // causes nest; their number is the server's choice
	if depth > deepest {
		return
	}
	if name := typeName(c.Type); name != "" {
		f.types = append(f.types, name)
	}
	if f.index == "" {
		f.index = indexName(c.Index)
	}
	if c.Type == "security_exception" && f.grants == "" {
		f.grants = grants(c.Reason)
		if m := refusedOn().FindStringSubmatch(c.Reason); m != nil && f.index == "" {
			f.index = indexName(m[1])
		}
	}
	// The first of several is enough: they are there for one reason.
	if len(c.RootCause) > 0 {
		f.add(c.RootCause[0], depth+1)
	}
	if len(c.Failed) > 0 {
		if f.index == "" {
			f.index = indexName(c.Failed[0].Index)
		}
		f.add(c.Failed[0].Reason, depth+1)
	}
	if c.CausedBy != nil {
		f.add(*c.CausedBy, depth+1)
	}
}

func (f *failure) has(name string) bool {
	for _, t := range f.types {
		if t == name {
			return true
		}
	}
	return false
}

// specific is the type that says most. A search that fails on its shards has a
// wrapper as its outermost type and the cause below.
func (f *failure) specific() string {
	for _, t := range f.types {
		if t != "search_phase_execution_exception" {
			return t
		}
	}
	if len(f.types) > 0 {
		return f.types[0]
	}
	return ""
}

// refusedOn finds the first index in the same text. What an index name cannot be is left out.
var refusedOn = needed(` on indices \[([^\],]{1,255})[\],]`)

var grantedBy = needed(`granted by the (?:index|cluster) privileges \[([a-z_,]{1,200})\]`)

// needed compiles an expression when it is first needed: those with counts take a millisecond together, a tenth of what a short
// command takes, and most commands meet no error.
func needed(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}

// grants finds the privileges in the text of a security_exception. With
// refusedOn it is the only use of a reason: what the patterns take out can be nothing but
// privileges and the names of indices.
func grants(reason string) string {
	if m := grantedBy().FindStringSubmatch(reason); m != nil {
		return strings.ReplaceAll(m[1], ",", ", ")
	}
	return ""
}

var (
	typeShape  = needed(`^[A-Za-z0-9_.$]{1,100}$`)
	indexShape = needed(`^[^\s"<>|\\/*?,#[:cntrl:]]{1,255}$`)
)

func typeName(s string) string {
	if typeShape().MatchString(s) {
		return s
	}
	return ""
}

func indexName(s string) string {
	if indexShape().MatchString(s) && oneLine(s) == s {
		return s
	}
	return ""
}

// classifyFailure goes by type first and by status second, because a status is
// used for more than one thing: 429 is an overload and a full disk, 403 a
// missing privilege and a write block, 503 a node that starts and a lost shard.
func classifyFailure(e *Error, req Request, f failure) {
	e.Type, e.Index = f.specific(), f.index
	e.gone = e.Status >= 500 && (lostShards(e.Type) || e.Type == "node_disconnected_exception" || e.Type == "node_not_connected_exception")
	// A full search queue is no question of size. A full write queue is: it is counted in bytes.
	e.divide = f.has("circuit_breaking_exception") || f.has("too_many_buckets_exception") || f.has("es_rejected_execution_exception") && !req.Source
	switch {
	case e.Status == http.StatusUnauthorized:
		e.Class, e.Hint = ClassAuth, hintCredentials
	case f.has("cluster_block_exception") && e.Status < 500:
		classifyBlock(e, req)
	case e.Status == http.StatusForbidden:
		e.Class, e.Hint = ClassAuth, hintPrivilege
		if f.grants != "" {
			e.Hint = "the user needs one of the privileges " + f.grants + "; " + hintRoles
		}
	case e.Status >= 500 && req.Source && lostShards(e.Type):
		e.Class, e.retry = ClassSource, true
		e.Hint = "a shard of the source cannot be read; see _cluster/health?level=indices for the index that is red"
	case retryableStatus(e.Status):
		e.Class, e.Hint, e.retry = ClassUnavailable, hintOverloaded, true
		e.untouched = e.Status == http.StatusTooManyRequests
	case f.has("media_type_header_exception"), e.Status == http.StatusNotAcceptable, e.Status == http.StatusUnsupportedMediaType:
		e.Class, e.Hint = ClassSetup, "postweave needs Elasticsearch 8 or 9"
	case e.Status == http.StatusRequestEntityTooLarge:
		e.Class, e.Hint = ClassSetup, "the request is larger than http.max_content_length of Elasticsearch or the limit of a proxy; raise it"
	case f.has("index_not_found_exception") && req.Source:
		e.Class, e.Hint = ClassSetup, "no index of that name; check POSTWEAVE_SOURCE"
	case f.has("index_not_found_exception"):
		e.Class, e.Hint = ClassSetup, hintSetup
	case f.has("index_closed_exception") && !req.Source:
		e.Class, e.Hint = ClassSetup, "the index is closed: open it, then run again"
	case req.Source:
		e.Class, e.Hint = ClassSource, "the source cannot be read like this; check POSTWEAVE_SOURCE and POSTWEAVE_FIELDS"
	default:
		e.Class, e.Hint = ClassSetup, "Elasticsearch refused the request; check its version (8 or 9 is needed) and POSTWEAVE_TARGET"
	}
}

// lostShards tells a shard that is not there from a node that is starting or
// overloaded. With all copies lost the search has no inner cause at all.
func lostShards(errorType string) bool {
	switch errorType {
	case "no_shard_available_action_exception", "unavailable_shards_exception",
		"search_phase_execution_exception", "shard_not_found_exception":
		return true
	}
	return false
}

// classifyBlock is for index blocks. They stay until somebody acts, so none is
// tried again, the 429 of a full disk included. A block with status 503 is not
// here: it is a cluster without a master, and passes.
func classifyBlock(e *Error, req Request) {
	if req.Source {
		e.Class, e.Hint = ClassSource, "a block on the index keeps it from being read; see its index.blocks settings"
		return
	}
	e.Class = ClassBlocked
	if e.Status == http.StatusTooManyRequests {
		e.Hint = "the disk of a data node is full (flood stage); free space, Elasticsearch then lifts the block by itself"
		return
	}
	e.Hint = "the index is write-blocked; see index.blocks of its settings"
}
