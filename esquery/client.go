package esquery

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
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
	// MaxRequestsPerSecond spaces requests evenly, repeated ones included. Zero
	// is no limit.
	MaxRequestsPerSecond float64

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
	pool      *addressPool
	pace      *pace
	log       *zap.Logger

	retryBudget    time.Duration
	requestTimeout time.Duration
	compress       bool
	local          bool // all addresses are of this machine
	injected       bool

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

	// Source marks requests that read the raw lines. A missing shard or a
	// refused request is then an incomplete source (ClassSource).
	Source bool
}

// Response is an answer with a status of 2xx or one of Request.OK.
type Response struct {
	Status int
	Header http.Header
	Body   []byte // JSON, decompressed; empty for HEAD
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
	authorization, err := cfg.authorization()
	if err != nil {
		return nil, err
	}
	pace, err := newPace(cfg.MaxRequestsPerSecond)
	if err != nil {
		return nil, fmt.Errorf("POSTWEAVE_MAX_REQUESTS_PER_SECOND: %w", err)
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
		pool:           newAddressPool(addresses),
		pace:           pace,
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
	header := http.Header{"Accept": {mediaJSON}}
	if authorization != "" {
		header.Set("Authorization", authorization)
		warnPlainText(c.log, addresses)
	}
	userAgent := cfg.UserAgent
	if userAgent == "" {
		userAgent = "postweave"
	}
	c.transport, err = elastictransport.NewClient(
		elastictransport.WithURLs(addresses...),
		elastictransport.WithUserAgent(userAgent),
		elastictransport.WithHeader(header),
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
	attempts := backoff{budget: c.retryBudget}
	var last *Error
	for {
		if err := c.pace.wait(ctx); err != nil {
			return nil, fmt.Errorf("%s: %w", req.Op, err)
		}
		timeout := attempts.timeout(c.requestTimeout)
		begin := time.Now()
		res, failed := c.attempt(ctx, timeout, req, body, encoding)
		if failed == nil {
			c.log.Debug("request", zap.String("op", req.Op), zap.Int("status", res.Status), zap.Duration("took", time.Since(begin)),
				zap.Int("sent", len(body)), zap.Int("received", len(res.Body)))
			return res, nil
		}
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("%s: %w", req.Op, err)
		}
		if last != nil && timeout < c.requestTimeout && errors.Is(failed.Err, errTimeout) {
			// It was our budget that ran out: the earlier failure tells more.
			return nil, last
		}
		last = failed
		if !failed.retry || !idempotent && !failed.untouched {
			return nil, failed
		}
		var after time.Duration
		if res != nil {
			after = retryAfter(res.Header)
		}
		wait, more := attempts.next(failed, len(c.pool.list), after)
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
func (c *Client) attempt(ctx context.Context, timeout time.Duration, req Request, body []byte, encoding string) (*Response, *Error) {
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
	if encoding != "" {
		hr.Header.Set("Content-Encoding", encoding)
	}

	res, err := c.transport.Perform(hr)
	address := hr.URL.Scheme + "://" + hr.URL.Host
	var answer *Response
	if err == nil {
		answer, err = readAnswer(res, req.Expect)
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

func readAnswer(res *http.Response, expect int) (*Response, error) {
	defer res.Body.Close()
	var body bytes.Buffer
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
	return &Response{Status: res.StatusCode, Header: res.Header, Body: body.Bytes()}, nil
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

// addressPool hands out one address until it fails, and then the next.
type addressPool struct {
	list []*elastictransport.Connection

	mu      sync.Mutex
	current int
}

func newAddressPool(addresses []*url.URL) *addressPool {
	p := &addressPool{}
	for _, u := range addresses {
		p.list = append(p.list, &elastictransport.Connection{URL: u})
	}
	return p
}

// Next returns the address in use.
func (p *addressPool) Next() (*elastictransport.Connection, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.list[p.current], nil
}

// OnSuccess does nothing.
func (p *addressPool) OnSuccess(*elastictransport.Connection) error { return nil }

// OnFailure moves on to the next address.
func (p *addressPool) OnFailure(conn *elastictransport.Connection) error {
	p.leave(conn.URL)
	return nil
}

// leave moves on, unless another request has done so already.
func (p *addressPool) leave(u *url.URL) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if at := p.list[p.current].URL; at.Scheme == u.Scheme && at.Host == u.Host {
		p.current = (p.current + 1) % len(p.list)
	}
}

// URLs returns all addresses.
func (p *addressPool) URLs() []*url.URL {
	urls := make([]*url.URL, 0, len(p.list))
	for _, conn := range p.list {
		urls = append(urls, conn.URL)
	}
	return urls
}

// ConcurrentSafe says that the pool has its own lock.
func (p *addressPool) ConcurrentSafe() {}

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

// parseAddresses returns the URLs without user, password and final slash. What
// it finds of the first two goes into cfg.
func parseAddresses(cfg *Config) ([]*url.URL, error) {
	given := cfg.Addresses
	if cfg.CloudID != "" {
		if len(given) > 0 {
			return nil, errors.New("POSTWEAVE_ES_URL and POSTWEAVE_ES_CLOUD_ID are both set; give one of them")
		}
		address, err := cloudAddress(cfg.CloudID)
		if err != nil {
			return nil, err
		}
		given = []string{address}
	}
	if len(given) == 0 {
		return nil, errors.New("no address; set POSTWEAVE_ES_URL")
	}
	var addresses []*url.URL
	var user *url.Userinfo
	for i, raw := range given {
		u, err := parseAddress(raw)
		if err != nil {
			return nil, fmt.Errorf("address %d of POSTWEAVE_ES_URL: %w", i+1, err)
		}
		if u.User != nil {
			if user != nil && *user != *u.User {
				return nil, errors.New("POSTWEAVE_ES_URL holds different users; they must be the same for all addresses")
			}
			user = u.User
			u.User = nil
		}
		addresses = append(addresses, u)
	}
	if user != nil {
		if cfg.Username != "" || cfg.Password != "" || cfg.APIKey != "" {
			return nil, errors.New("POSTWEAVE_ES_URL holds a user, and another way to log in is set; give one of them")
		}
		cfg.Username = user.Username()
		cfg.Password, _ = user.Password()
	}
	return addresses, nil
}

// parseAddress never repeats what it was given: it may hold a password.
func parseAddress(raw string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(raw))
	switch {
	case err != nil:
		return nil, errors.New("not a URL; it must look like https://host:9200")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, errors.New("does not begin with http:// or https://")
	case u.Hostname() == "":
		return nil, errors.New("has no host")
	case u.RawQuery != "" || u.Fragment != "" || u.ForceQuery:
		return nil, errors.New("must not have a query or a fragment")
	}
	u.Path = strings.TrimRight(u.Path, "/")
	u.RawPath = ""
	return u, nil
}

// cloudAddress decodes "name:base64(host$elasticsearch$kibana)".
func cloudAddress(cloudID string) (string, error) {
	bad := errors.New("POSTWEAVE_ES_CLOUD_ID is not a Cloud ID; copy it from the deployment's page")
	_, encoded, ok := strings.Cut(strings.TrimSpace(cloudID), ":")
	if !ok {
		return "", bad
	}
	decoded, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(encoded, "="))
	if err != nil {
		return "", bad
	}
	parts := strings.Split(string(decoded), "$")
	if len(parts) < 2 || parts[0] == "" || parts[1] == "" {
		return "", bad
	}
	host, port, ok := strings.Cut(parts[0], ":")
	if !ok {
		port = "443"
	}
	// The part of Elasticsearch may bring a port of its own.
	if id, own, ok := strings.Cut(parts[1], ":"); ok {
		parts[1], port = id, own
	}
	address := "https://" + parts[1] + "." + host + ":" + port
	if u, err := url.Parse(address); err != nil || u.Path != "" || u.User != nil {
		return "", bad
	}
	return address, nil
}

// authorization returns the value of the header, or "".
func (cfg Config) authorization() (string, error) {
	key := strings.TrimSpace(cfg.APIKey)
	switch {
	case key != "" && (cfg.Username != "" || cfg.Password != ""):
		return "", errors.New("POSTWEAVE_ES_API_KEY and POSTWEAVE_ES_USERNAME or POSTWEAVE_ES_PASSWORD are set; give one way to log in")
	case key != "":
		if strings.Contains(key, ":") { // id:key, as other tools of Elastic take it
			key = base64.StdEncoding.EncodeToString([]byte(key))
		}
		for _, r := range key {
			if r <= ' ' || r >= 0x7f {
				return "", errors.New("POSTWEAVE_ES_API_KEY has characters that no API key has")
			}
		}
		return "ApiKey " + key, nil
	case cfg.Username == "" && cfg.Password == "":
		return "", nil
	case cfg.Username == "":
		return "", errors.New("POSTWEAVE_ES_PASSWORD is set without POSTWEAVE_ES_USERNAME")
	case cfg.Password == "":
		return "", errors.New("POSTWEAVE_ES_USERNAME is set without POSTWEAVE_ES_PASSWORD")
	case strings.Contains(cfg.Username, ":"):
		return "", errors.New("POSTWEAVE_ES_USERNAME must not contain a colon")
	}
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(cfg.Username+":"+cfg.Password)), nil
}

// warnPlainText tells of credentials that go over the network in the clear.
// Logstash refuses an API key without TLS; Beats, Jaeger and Prometheus do not,
// and neither do we: behind a service mesh plain HTTP to the sidecar is how it
// is meant, and a refusal would need a switch that people then always set.
func warnPlainText(log *zap.Logger, addresses []*url.URL) {
	for _, u := range addresses {
		if u.Scheme == "http" && !loopback(u) {
			log.Warn("credentials go to Elasticsearch without TLS; use https:// unless something else encrypts the way",
				zap.String("address", u.Scheme+"://"+u.Host))
		}
	}
}

func loopback(u *url.URL) bool {
	host := u.Hostname()
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func allLoopback(addresses []*url.URL) bool {
	for _, u := range addresses {
		if !loopback(u) {
			return false
		}
	}
	return true
}

// newBase returns the HTTP transport proper.
func newBase(cfg Config, addresses []*url.URL, local bool) (*http.Transport, error) {
	tlsConfig, err := newTLS(cfg)
	if err != nil {
		return nil, err
	}
	if tlsConfig != nil {
		for _, u := range addresses {
			if u.Scheme != "https" {
				return nil, fmt.Errorf("TLS settings are given, but %s://%s is not https", u.Scheme, u.Host)
			}
		}
	}
	dialer := &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}
	base := &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		TLSClientConfig:        tlsConfig,
		TLSHandshakeTimeout:    10 * time.Second,
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    8,
		IdleConnTimeout:        90 * time.Second,
		ExpectContinueTimeout:  time.Second,
		DisableCompression:     local,
		MaxResponseHeaderBytes: 1 << 20,
	}
	if cfg.CAFingerprint != "" {
		base.DialTLSContext = dialPinned(dialer, tlsConfig)
	}
	return base, nil
}

// dialPinned makes connections whose certificate is checked against the host
// that was dialled. A tls.Config alone cannot do that: the state it hands to
// VerifyConnection has no name where the host is an IP address.
func dialPinned(dialer *net.Dialer, config *tls.Config) func(context.Context, string, string) (net.Conn, error) {
	verify := config.VerifyConnection
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		own := config.Clone()
		own.ServerName = host
		own.VerifyConnection = func(state tls.ConnectionState) error {
			state.ServerName = host
			return verify(state)
		}
		secure := tls.Dialer{NetDialer: dialer, Config: own}
		return secure.DialContext(ctx, network, address)
	}
}

var (
	errFingerprint = errors.New("no certificate of the server has the pinned fingerprint")
	errClientCert  = errors.New("client certificate")
)

// newTLS returns nil where the defaults of the system are to be used.
func newTLS(cfg Config) (*tls.Config, error) {
	if cfg.CAFile == "" && cfg.CAFingerprint == "" && cfg.ClientCert == "" && cfg.ClientKey == "" {
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	switch {
	case cfg.CAFile != "" && cfg.CAFingerprint != "":
		return nil, errors.New("POSTWEAVE_ES_CA and POSTWEAVE_ES_CA_FINGERPRINT are both set; give one of them")
	case cfg.CAFile != "":
		pem, err := os.ReadFile(cfg.CAFile)
		if err != nil {
			return nil, fmt.Errorf("POSTWEAVE_ES_CA: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("POSTWEAVE_ES_CA: %s holds no certificate in PEM form", cfg.CAFile)
		}
	case cfg.CAFingerprint != "":
		pin, err := parseFingerprint(cfg.CAFingerprint)
		if err != nil {
			return nil, err
		}
		// Verification is not skipped but made by verifyPinned: the usual one
		// cannot know an authority before the server has shown it.
		config.InsecureSkipVerify = true
		config.VerifyConnection = func(state tls.ConnectionState) error { return verifyPinned(state, pin) }
	}
	if (cfg.ClientCert == "") != (cfg.ClientKey == "") {
		return nil, errors.New("POSTWEAVE_ES_CLIENT_CERT and POSTWEAVE_ES_CLIENT_KEY must be set together")
	}
	if cfg.ClientCert != "" {
		load := func() (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(cfg.ClientCert, cfg.ClientKey)
			if err != nil {
				return nil, fmt.Errorf("%w: POSTWEAVE_ES_CLIENT_CERT and POSTWEAVE_ES_CLIENT_KEY (a key with a password is not supported): %w", errClientCert, err)
			}
			return &pair, nil
		}
		if _, err := load(); err != nil {
			return nil, err
		}
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return load() }
	}
	return config, nil
}

func parseFingerprint(s string) ([sha256.Size]byte, error) {
	var pin [sha256.Size]byte
	raw, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(s), ":", ""))
	if err != nil || len(raw) != len(pin) {
		return pin, errors.New("POSTWEAVE_ES_CA_FINGERPRINT is not a SHA-256 fingerprint; it has 64 hexadecimal digits")
	}
	copy(pin[:], raw)
	return pin, nil
}

// verifyPinned trusts the one authority of that fingerprint, which the server
// must show among its certificates, and then checks signature, dates and name as
// always. A pinned certificate of the server itself is its own authority.
func verifyPinned(state tls.ConnectionState, pin [sha256.Size]byte) error {
	roots, others := x509.NewCertPool(), x509.NewCertPool()
	found := false
	for _, cert := range state.PeerCertificates {
		if sha256.Sum256(cert.Raw) == pin {
			roots.AddCert(cert)
			found = true
		} else {
			others.AddCert(cert)
		}
	}
	if !found {
		return errFingerprint
	}
	if state.ServerName == "" {
		// An IP address behind an HTTP proxy; see dialPinned.
		return errors.New("tls: a pinned authority behind a proxy needs an address with a host name")
	}
	_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: others, DNSName: state.ServerName,
	})
	return err
}
