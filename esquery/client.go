package esquery

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/elastic/elastic-transport-go/v8/elastictransport"
	"github.com/klauspost/compress/gzip"
	"go.uber.org/zap"
)

const (
	defaultRetryBudget    = 30 * time.Second
	defaultRequestTimeout = 60 * time.Second

	// maxAnswer bounds what one answer may take of memory, after decompression.
	// Callers ask for pages that are far below it.
	maxAnswer = 256 << 20

	// compressFrom is the size in bytes from which a request body is worth gzip.
	compressFrom = 1 << 10

	// Elasticsearch 8 understands these as its own, and 9 as a wish for 8's
	// manners. Both headers must carry them, or neither.
	mediaJSON   = "application/vnd.elasticsearch+json; compatible-with=8"
	mediaNDJSON = "application/vnd.elasticsearch+x-ndjson; compatible-with=8"
)

// Config says how to reach Elasticsearch. The zero value of a field means its
// default, or that it is not used.
type Config struct {
	// Addresses are the URLs of one cluster, http or https, with an optional
	// path before Elasticsearch's own. User and password in a URL are taken as
	// Username and Password and are never shown again.
	Addresses []string
	// CloudID is the alternative to Addresses on Elastic Cloud.
	CloudID string

	// Username with Password, or APIKey: at most one of the two ways. APIKey is
	// the encoded form that Elasticsearch returns, or "id:key".
	Username, Password, APIKey string
	// Credentials reads them again. It is called when Elasticsearch refuses them, once for each that it refuses, and
	// what it returns takes their place. Its error names what could not be read, and holds no part of it. If nil, a
	// refused login is final.
	Credentials func() (Credentials, error)

	// CAFile is a PEM file of the authorities to trust instead of the
	// system's. CAFingerprint is the SHA-256 of one such authority in
	// hexadecimal, with or without colons, as Elasticsearch prints it when it
	// first starts. At most one of the two.
	CAFile, CAFingerprint string
	// ClientCert and ClientKey are PEM files, read anew for every connection,
	// so that a renewed certificate needs no restart. They go along with either
	// way of logging in, because often it is a proxy that asks for them.
	ClientCert, ClientKey string

	// UserAgent is sent with every request. If empty, "postweave" is used.
	UserAgent string

	// RetryBudget is how long one operation is tried again after its first
	// failure. If zero, the default of 30 s is used.
	RetryBudget time.Duration
	// RequestTimeout ends a single request, its answer included. If zero, the
	// default of 60 s is used. One operation lasts at most the sum of both.
	RequestTimeout time.Duration
	// MaxRequestsPerSecond keeps the beginnings of requests that far apart, repeated ones included. Zero
	// is no limit.
	MaxRequestsPerSecond float64
	// MaxConcurrency bounds the requests that are under way at once, whoever makes them. Zero is no limit.
	MaxConcurrency int

	// Logger is told of retries. If nil, nobody is.
	Logger *zap.Logger

	// Transport replaces the network, for tests. The TLS settings above are
	// then without effect.
	Transport http.RoundTripper
}

// Client sends requests to one Elasticsearch cluster and is the only thing in
// postweave that does. It is safe for concurrent use.
//
// It is built on elastictransport, with request structs of esapi where those
// spare writing a path by hand, and not on the root package of go-elasticsearch
// nor on its typedapi and esutil. Those bring in all of the typed API: 1072
// packages instead of 210, and some 24 MB in every binary and test binary. Two
// things of theirs would be of use, and neither fits: the product check looks at
// the first answer only, here every answer is looked at; and esutil.BulkIndexer
// gives no verdict per batch and does not retry an item.
//
// Three things of elastictransport are switched off or replaced:
//   - its retries, which know neither 429 nor Retry-After nor a budget and would
//     multiply with ours;
//   - its pool, which asks the nodes in turn and keeps timers for the dead ones:
//     here one address is used until it fails, then the next;
//   - its certificate fingerprint, which accepts any server that can show the
//     pinned authority's certificate, a public thing, without having been signed by it.
type Client struct {
	transport *elastictransport.Client
	base      http.RoundTripper
	login     *login
	pool      *addressPool
	ceiling   *ceiling
	log       *zap.Logger

	retryBudget    time.Duration
	requestTimeout time.Duration
	compress       bool
	local          bool // all addresses are of this machine
	injected       bool

	aliases aliases

	// known is set once Elasticsearch has answered.
	known atomic.Bool
}

// Request is one operation on Elasticsearch's REST interface.
type Request struct {
	Op          string     // what is being done, for error texts: "open point in time"
	Method      string     // GET, POST, …
	Path        string     // begins with "/"; its parts are escaped by the caller
	Query       url.Values // may be nil; must be where Path holds a query
	Body        []byte     // may be nil
	ContentType string     // of Body: "application/json" (if empty) or "application/x-ndjson"
	Idempotent  bool       // doing it twice is as good as once; GET and HEAD always are
	OK          []int      // statuses that are no error besides 2xx, such as 404

	// Expect is how large the answer is likely to be, in bytes, where that is known
	// from the one before. It saves growing; nothing depends on it.
	Expect int
	// into takes the answer, whose Body is good until the buffer is used again. If nil, the answer has memory of
	// its own.
	into *bytes.Buffer
	// source takes the JSON of each document of a search's answer, which is then not kept: see decodeAnswer.
	source func(*scanner) bool

	// Divisible says that the caller can ask for less at once: where the request as it is was too
	// much (a full queue, a circuit breaker), it fails at once and is not tried again unchanged.
	Divisible bool

	// reopens says that the caller opens another point in time where a node that keeps this one is gone: the request fails at
	// once, since no other node could answer it, while copies of the shards may be on others.
	reopens bool

	// patience is how long the operation may last once it may begin, attempts that are repeated
	// included. Zero is as long as the budget and the requests' own timeouts allow.
	patience time.Duration
	// wait is how long an answer is waited for, where that is longer than for others.
	wait time.Duration
	// beside tells a sign of life: it needs no place among the requests that are under way.
	beside bool

	// trouble is shared by requests that are one operation, so that they have one budget. If nil,
	// the request has one of its own.
	trouble *backoff

	// Source marks requests that read the raw lines. A missing shard or a
	// refused request is then an incomplete source (ClassSource).
	Source bool
}

// Response is an answer with a status of 2xx or one of Request.OK.
type Response struct {
	Status int
	Header http.Header
	Body   []byte // JSON, decompressed; empty for HEAD

	tls *tls.ConnectionState // of the connection; nil without TLS
}

// Connect checks the configuration, reads the certificate files and returns a
// client. It sends nothing. Errors are of type *Error and class ClassSetup.
func Connect(cfg Config) (*Client, error) {
	c, err := connect(cfg)
	if err != nil {
		return nil, &Error{Class: ClassSetup, Op: "connect to Elasticsearch", Err: err}
	}
	return c, nil
}

func connect(cfg Config) (*Client, error) {
	addresses, err := parseAddresses(&cfg)
	if err != nil {
		return nil, err
	}
	login, err := newLogin(cfg)
	if err != nil {
		return nil, err
	}
	ceiling, err := newCeiling(cfg.MaxConcurrency, cfg.MaxRequestsPerSecond)
	if err != nil {
		return nil, err
	}
	if cfg.RetryBudget < 0 || cfg.RequestTimeout < 0 {
		return nil, errors.New("retry budget and request timeout must not be negative")
	}
	local := allLoopback(addresses)
	base := cfg.Transport
	if base == nil {
		if base, err = newBase(cfg, addresses, local); err != nil {
			return nil, err
		}
	}

	c := &Client{
		base:           base,
		login:          login,
		pool:           newAddressPool(addresses),
		ceiling:        ceiling,
		log:            cfg.Logger,
		retryBudget:    orDefault(cfg.RetryBudget, defaultRetryBudget),
		requestTimeout: orDefault(cfg.RequestTimeout, defaultRequestTimeout),
		// On loopback gzip costs both sides more than the bytes it saves.
		compress: !local,
		local:    local,
		injected: cfg.Transport != nil,
	}
	if c.log == nil {
		c.log = zap.NewNop()
	}
	if login.current() != "" {
		warnPlainText(c.log, addresses)
	}
	userAgent := cfg.UserAgent
	if userAgent == "" {
		userAgent = "postweave"
	}
	c.transport, err = elastictransport.NewClient(
		elastictransport.WithURLs(addresses...),
		elastictransport.WithUserAgent(userAgent),
		elastictransport.WithHeader(http.Header{"Accept": {mediaJSON}}),
		elastictransport.WithTransport(base),
		elastictransport.WithDisableRetry(),
		elastictransport.WithInterceptors(keepEscapes),
		elastictransport.WithConnectionPoolFunc(func([]*elastictransport.Connection, elastictransport.Selector) elastictransport.ConnectionPool {
			return c.pool
		}),
	)
	if err != nil {
		return nil, err
	}
	return c, nil
}

func orDefault(d, fallback time.Duration) time.Duration {
	if d == 0 {
		return fallback
	}
	return d
}

// Close gives back idle connections. The client must not be used after it.
func (c *Client) Close() {
	if idle, ok := c.base.(interface{ CloseIdleConnections() }); ok {
		idle.CloseIdleConnections()
	}
}

// Do sends the request until it is answered, refused for good, or out of budget.
//
// Tried again are: no or half an answer, no answer in time, 408, 425, 429 other
// than a block, 5xx, and an answer that is not JSON. A request that is not
// idempotent is repeated only where the server cannot have acted on it. Where
// an address gives no answer the next one is asked at once.
//
// The error is an *Error, or wraps ctx's error if ctx ended first.
func (c *Client) Do(ctx context.Context, req Request) (*Response, error) {
	body, encoding, err := c.encode(req.Body)
	if err != nil {
		return nil, &Error{Class: ClassSetup, Op: req.Op, Err: err}
	}
	idempotent := req.Idempotent || req.Method == http.MethodGet || req.Method == http.MethodHead
	attempts := req.trouble
	if attempts == nil {
		attempts = &backoff{budget: c.retryBudget}
	}
	var last *Error
	renewed := false
	for {
		asked := time.Now()
		leave, err := c.ceiling.enter(ctx, req.beside)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", req.Op, err)
		}
		begin := time.Now()
		attempts.spared(begin.Sub(asked))
		if req.patience > 0 && last == nil && !renewed {
			var end context.CancelFunc
			ctx, end = context.WithTimeout(ctx, req.patience)
			defer end()
		}
		enough := max(c.requestTimeout, req.wait)
		timeout := attempts.timeout(enough)
		login := c.login.current()
		res, failed := c.attempt(ctx, timeout, req, body, encoding, login)
		leave()
		if failed == nil {
			c.log.Debug("request", zap.String("op", req.Op), zap.Int("status", res.Status), zap.Duration("took", time.Since(begin)),
				zap.Int("sent", len(body)), zap.Int("received", len(res.Body)))
			return res, nil
		}
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("%s: %w", req.Op, err)
		}
		if last != nil && timeout < enough && errors.Is(failed.Err, errTimeout) {
			// It was our budget that ran out: the earlier failure tells more.
			return nil, last
		}
		if failed = c.relogin(failed, login, renewed); failed == nil {
			renewed = true
			continue
		}
		last = failed
		if res != nil {
			failed.after = retryAfter(res.Header)
		}
		if req.Divisible && failed.divide || req.reopens && failed.gone {
			return nil, failed
		}
		if !failed.retry || !idempotent && !failed.untouched {
			return nil, failed
		}
		wait, more := attempts.next(failed, len(c.pool.list), failed.after)
		if !more {
			return nil, failed
		}
		c.log.Warn("Elasticsearch did not answer as it should, trying again",
			zap.Error(failed), zap.Duration("wait", wait))
		if err := sleep(ctx, wait); err != nil {
			return nil, fmt.Errorf("%s: %w", req.Op, err)
		}
	}
}

// encode compresses a body once for all attempts. It is not left to
// elastictransport, which reuses its buffer as soon as an answer is there, even
// if the body is still being sent.
func (c *Client) encode(body []byte) (encoded []byte, encoding string, err error) {
	if !c.compress || len(body) < compressFrom {
		return body, "", nil
	}
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	if err != nil {
		return nil, "", err
	}
	if _, err := w.Write(body); err != nil {
		return nil, "", err
	}
	if err := w.Close(); err != nil {
		return nil, "", err
	}
	return out.Bytes(), "gzip", nil
}

// attempt sends the request once. Where the failure was an answer, both results
// are set.
func (c *Client) attempt(ctx context.Context, timeout time.Duration, req Request, body []byte, encoding, login string) (*Response, *Error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()

	if !strings.HasPrefix(req.Path, "/") {
		return nil, &Error{Class: ClassSetup, Op: req.Op, Err: fmt.Errorf("path %q does not begin with a slash", req.Path)}
	}
	hr, err := http.NewRequestWithContext(ctx, req.Method, req.Path, bytes.NewReader(body))
	if err != nil {
		return nil, &Error{Class: ClassSetup, Op: req.Op, Err: err}
	}
	if len(req.Query) > 0 {
		if hr.URL.RawQuery != "" {
			return nil, &Error{Class: ClassSetup, Op: req.Op, Err: fmt.Errorf("path %q has a query of its own", req.Path)}
		}
		hr.URL.RawQuery = req.Query.Encode()
	}
	if len(body) > 0 {
		hr.Header.Set("Content-Type", contentType(req.ContentType))
	}
	if login != "" {
		hr.Header.Set("Authorization", login)
	}
	if encoding != "" {
		hr.Header.Set("Content-Encoding", encoding)
	}

	res, err := c.transport.Perform(hr)
	address := hr.URL.Scheme + "://" + hr.URL.Host
	var answer *Response
	if err == nil {
		answer, err = readAnswer(res, req.Expect, req.into)
	}
	if errors.Is(err, errAnswerTooLarge) {
		return nil, &Error{Class: ClassUnavailable, Op: req.Op, Address: address, Err: err}
	}
	if err != nil {
		failed := classifyTransport(req.Op, address, err)
		if failed.retry && !failed.untouched && hr.URL.Scheme == "http" && c.speaksTLS(ctx, hr.URL.Host) {
			return nil, &Error{Class: ClassAuth, Op: req.Op, Address: address, Err: failed.Err, Hint: hintPlainHTTP}
		}
		return nil, failed
	}
	failed := classifyResponse(req, address, c.known.Load(), answer)
	if failed == nil {
		c.known.Store(true)
		return answer, nil
	}
	switch failed.Status {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		c.pool.leave(hr.URL)
	}
	return answer, failed
}

// contentType turns a plain media type into the one that pins version 8.
func contentType(plain string) string {
	switch plain {
	case "", "application/json":
		return mediaJSON
	case "application/x-ndjson":
		return mediaNDJSON
	}
	return plain
}

var errAnswerTooLarge = fmt.Errorf("the answer is larger than %d MiB", maxAnswer>>20)

func readAnswer(res *http.Response, expect int, into *bytes.Buffer) (*Response, error) {
	defer res.Body.Close()
	body := into
	if body == nil {
		body = new(bytes.Buffer)
	}
	body.Reset()
	if n := res.ContentLength; n > 0 && n <= maxAnswer {
		body.Grow(int(n) + bytes.MinRead)
	} else if expect > 0 { // large answers come in chunks of unknown number
		body.Grow(min(expect+expect/16, maxAnswer) + bytes.MinRead)
	}
	n, err := body.ReadFrom(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return nil, err
	}
	if n > maxAnswer {
		return nil, errAnswerTooLarge
	}
	return &Response{Status: res.StatusCode, Header: res.Header, Body: body.Bytes(), tls: res.TLS}, nil
}

// speaksTLS finds out whether a server that answers no plain HTTP expects TLS.
// Elasticsearch just closes such a connection, which looks like a crash. Only
// the handshake is made; nothing is sent, so the certificate does not matter.
func (c *Client) speaksTLS(ctx context.Context, host string) bool {
	if c.injected || c.known.Load() {
		return false
	}
	if _, _, err := net.SplitHostPort(host); err != nil {
		host = net.JoinHostPort(strings.Trim(host, "[]"), "80")
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}
	conn, err := dialer.DialContext(ctx, "tcp", host)
	if err != nil {
		// It may want a client's certificate first; then it spoke TLS too.
		return strings.Contains(err.Error(), "remote error: tls:")
	}
	conn.Close()
	return true
}

// keepEscapes mends the path of a request to an address that has a path of its
// own. elastictransport joins the decoded forms only, and an escaped slash in
// the name of an index would become a real one.
func keepEscapes(next elastictransport.RoundTripFunc) elastictransport.RoundTripFunc {
	return func(r *http.Request) (*http.Response, error) {
		if raw := r.URL.RawPath; raw != "" {
			if path, err := url.PathUnescape(raw); err == nil {
				if prefix, ok := strings.CutSuffix(r.URL.Path, path); ok {
					r.URL.RawPath = (&url.URL{Path: prefix}).EscapedPath() + raw
				}
			}
		}
		return next(r)
	}
}
