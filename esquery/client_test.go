package esquery

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

var quickly = 50 * time.Millisecond // retry budget of tests that are to fail

func TestConnectRefuses(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty.pem")
	if err := os.WriteFile(empty, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	local := []string{"http://localhost:9200"}
	secure := []string{"https://localhost:9200"}
	for name, test := range map[string]struct {
		cfg  Config
		text string
	}{
		"no address":       {Config{}, "POSTWEAVE_ES_URL"},
		"no scheme":        {Config{Addresses: []string{"localhost:9200"}}, "address 1"},
		"other scheme":     {Config{Addresses: []string{"http://a", "ftp://b"}}, "address 2"},
		"no host":          {Config{Addresses: []string{"http://:9200"}}, "no host"},
		"query":            {Config{Addresses: []string{"http://a?x=1"}}, "query"},
		"not a URL":        {Config{Addresses: []string{"http://u:hunter2@a b"}}, "not a URL"},
		"bad port":         {Config{Addresses: []string{"http://u:hunter2@a:port"}}, "not a URL"},
		"two logins":       {Config{Addresses: local, APIKey: "hunter2", Username: "u", Password: "hunter2"}, "one way"},
		"user in URL, too": {Config{Addresses: []string{"http://u:hunter2@a"}, APIKey: "k"}, "one of them"},
		"different users":  {Config{Addresses: []string{"http://u:hunter2@a", "http://v:hunter2@b"}}, "different users"},
		"no password":      {Config{Addresses: local, Username: "u"}, "POSTWEAVE_ES_PASSWORD"},
		"no user":          {Config{Addresses: local, Password: "hunter2"}, "POSTWEAVE_ES_USERNAME"},
		"colon in user":    {Config{Addresses: local, Username: "a:b", Password: "hunter2"}, "colon"},
		"broken key":       {Config{Addresses: local, APIKey: "hunter2\nx"}, "POSTWEAVE_ES_API_KEY"},
		"URL and Cloud ID": {Config{Addresses: local, CloudID: "a:b"}, "POSTWEAVE_ES_CLOUD_ID"},
		"broken Cloud ID":  {Config{CloudID: "hunter2"}, "POSTWEAVE_ES_CLOUD_ID"},
		"missing CA":       {Config{Addresses: secure, CAFile: filepath.Join(dir, "none")}, "POSTWEAVE_ES_CA"},
		"CA without one":   {Config{Addresses: secure, CAFile: empty}, "PEM"},
		"two CAs":          {Config{Addresses: secure, CAFile: empty, CAFingerprint: "ab"}, "one of them"},
		"bad fingerprint":  {Config{Addresses: secure, CAFingerprint: "zz"}, "64 hexadecimal"},
		"cert without key": {Config{Addresses: secure, ClientCert: empty}, "together"},
		"broken cert":      {Config{Addresses: secure, ClientCert: empty, ClientKey: empty}, "POSTWEAVE_ES_CLIENT_CERT"},
		"TLS over http":    {Config{Addresses: local, CAFingerprint: strings.Repeat("ab", 32)}, "not https"},
		"negative pace":    {Config{Addresses: local, MaxRequestsPerSecond: -1}, "POSTWEAVE_MAX_REQUESTS_PER_SECOND"},
		"negative budget":  {Config{Addresses: local, RetryBudget: -1}, "negative"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Connect(test.cfg)
			wantError(t, err, ClassSetup, test.text)
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("a secret is in %q", err)
			}
		})
	}
}

// sentBy returns the first request that a client of this configuration sends.
func sentBy(t *testing.T, cfg Config, req Request) *http.Request {
	t.Helper()
	var sent *http.Request
	cfg.Transport = tripper(func(r *http.Request) (*http.Response, error) {
		sent = r
		return reply(200, `{}`), nil
	})
	c, err := Connect(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Do(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	return sent
}

func TestHeaders(t *testing.T) {
	local := []string{"http://localhost:9200"}
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("u:p:q"))
	for _, test := range []struct {
		cfg  Config
		want string
	}{
		{Config{Addresses: local}, ""},
		{Config{Addresses: local, Username: "u", Password: "p:q"}, basic},
		{Config{Addresses: []string{"http://u:p%3Aq@localhost:9200"}}, basic},
		{Config{Addresses: local, APIKey: "a2V5\n"}, "ApiKey a2V5"},
		{Config{Addresses: local, APIKey: "id:key"}, "ApiKey " + base64.StdEncoding.EncodeToString([]byte("id:key"))},
	} {
		sent := sentBy(t, test.cfg, reading)
		if got := sent.Header.Get("Authorization"); got != test.want {
			t.Errorf("Authorization %q, want %q", got, test.want)
		}
		if sent.URL.User != nil {
			t.Error("the URL still holds the user")
		}
	}
	sent := sentBy(t, Config{Addresses: local, UserAgent: "postweave/1.2"}, Request{
		Op: "write", Method: "POST", Path: "/_bulk",
		ContentType: "application/x-ndjson", Body: []byte("{}\n"),
	})
	for name, want := range map[string]string{
		"User-Agent": "postweave/1.2", "Accept": "application/vnd.elasticsearch+json; compatible-with=8",
		"Content-Type": "application/vnd.elasticsearch+x-ndjson; compatible-with=8",
	} {
		if got := sent.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if got := sentBy(t, Config{Addresses: local}, Request{Method: "GET", Path: "/"}).Header.Get("Content-Type"); got != "" {
		t.Errorf("Content-Type %q without a body", got)
	}
}

func TestPathAndQuery(t *testing.T) {
	sent := sentBy(t, Config{Addresses: []string{"https://proxy/es/"}}, Request{Method: "GET", Path: "/%3Ca%2Fb%3E/_search", Query: map[string][]string{"q": {"a b"}}})
	if got := sent.URL.String(); got != "https://proxy/es/%3Ca%2Fb%3E/_search?q=a+b" {
		t.Error(got)
	}
	c, err := Connect(Config{Addresses: []string{"http://localhost"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, req := range []Request{{Op: "try", Path: "x"}, {Op: "try", Path: "/x?a=b", Query: map[string][]string{"c": {"d"}}}, {Op: "try", Path: "/%zz"}} {
		_, err := c.Do(t.Context(), req)
		wantError(t, err, ClassSetup, "try")
	}
}

func TestBodyIsCompressedElsewhere(t *testing.T) {
	body := bytes.Repeat([]byte("0123456789"), 1000)
	req := Request{Op: "write", Method: "POST", Path: "/_bulk", Body: body, Idempotent: true}
	if sent := sentBy(t, Config{Addresses: []string{"http://127.0.0.1:9200"}}, req); sent.Header.Get("Content-Encoding") != "" {
		t.Error("compressed on loopback")
	}
	small := req
	small.Body = []byte("{}")
	if sent := sentBy(t, Config{Addresses: []string{"https://es"}}, small); sent.Header.Get("Content-Encoding") != "" {
		t.Error("compressed two bytes")
	}
	var bodies [][]byte
	c, err := Connect(Config{Addresses: []string{"https://es"}, Transport: tripper(func(r *http.Request) (*http.Response, error) {
		if r.Header.Get("Content-Encoding") != "gzip" {
			t.Error("not compressed")
		}
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			return nil, err
		}
		got, err := io.ReadAll(z)
		if err != nil {
			return nil, err
		}
		if bodies = append(bodies, got); len(bodies) == 1 {
			return reply(503, `{}`), nil
		}
		return reply(200, `{}`), nil
	})})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Do(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	if len(bodies) != 2 || !bytes.Equal(bodies[0], body) || !bytes.Equal(bodies[1], body) {
		t.Errorf("%d bodies arrived", len(bodies))
	}
}

func TestAnswerIsBounded(t *testing.T) {
	c, err := Connect(Config{Addresses: []string{"http://localhost"}, Transport: tripper(func(*http.Request) (*http.Response, error) {
		res := reply(200, "")
		res.ContentLength = -1
		res.Body = io.NopCloser(readerFunc(func(p []byte) (int, error) { return len(p), nil }))
		return res, nil
	})})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Do(t.Context(), reading)
	wantError(t, err, ClassUnavailable, "larger than 256 MiB")
}

func TestPlainTextWarning(t *testing.T) {
	for address, want := range map[string]int{
		"http://es:9200": 1, "https://es:9200": 0, "http://localhost:9200": 0, "http://127.0.0.1:9200": 0, "http://[::1]:9200": 0,
	} {
		core, logs := observer.New(zap.WarnLevel)
		if _, err := Connect(Config{Addresses: []string{address}, APIKey: "hunter2", Logger: zap.New(core)}); err != nil {
			t.Fatal(err)
		}
		if logs.Len() != want {
			t.Errorf("%s: %d warnings", address, logs.Len())
		}
	}
}

func TestSecretsAreNotLogged(t *testing.T) {
	core, logs := observer.New(zap.DebugLevel)
	c, err := Connect(Config{Addresses: []string{"http://user:hunter2@127.0.0.1:1"}, RetryBudget: time.Second, Logger: zap.New(core)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, err = c.Do(t.Context(), reading)
	wantError(t, err, ClassUnavailable, "try on http://127.0.0.1:1")
	if strings.Contains(err.Error(), "hunter2") {
		t.Error(err)
	}
	if logs.Len() == 0 {
		t.Error("no retry was logged")
	}
	for _, entry := range logs.All() {
		for _, value := range entry.ContextMap() {
			if text, ok := value.(string); ok && strings.Contains(text, "hunter2") {
				t.Errorf("logged %q", text)
			}
		}
	}
}

func TestCloudID(t *testing.T) {
	for decoded, want := range map[string]string{
		"eu.cloud.es.io$abc$kib":          "https://abc.eu.cloud.es.io:443",
		"eu.cloud.es.io:9243$abc$kib":     "https://abc.eu.cloud.es.io:9243",
		"eu.cloud.es.io$abc:9244$kib":     "https://abc.eu.cloud.es.io:9244",
		"eu.cloud.es.io:9243$abc:9244":    "https://abc.eu.cloud.es.io:9244",
		"eu.cloud.es.io":                  "",
		"$abc":                            "",
		"eu.cloud.es.io$":                 "",
		"eu.cloud.es.io/path$user@evil$x": "",
	} {
		got, err := cloudAddress("name:" + base64.StdEncoding.EncodeToString([]byte(decoded)))
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", decoded, got, err)
		}
	}
	for _, id := range []string{"", "x", "x:", "x:%%%", "x:" + base64.StdEncoding.EncodeToString([]byte("\xff\x00$\x01$"))} {
		if got, err := cloudAddress(id); err == nil {
			t.Errorf("%q: %q", id, got)
		}
	}
}

// authority signs certificates for tests.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	key := newKey(t)
	raw := sign(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}, nil, key, key)
	cert, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return authority{cert, key}
}

func sign(t *testing.T, cert, parent *x509.Certificate, key, by *ecdsa.PrivateKey) []byte {
	t.Helper()
	cert.SerialNumber = big.NewInt(time.Now().UnixNano())
	if parent == nil {
		parent = cert
	}
	raw, err := x509.CreateCertificate(rand.Reader, cert, parent, &key.PublicKey, by)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// issue makes a certificate for 127.0.0.1, followed by the authority's as
// Elasticsearch sends it.
func (a authority) issue(t *testing.T, change func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	key := newKey(t)
	cert := &x509.Certificate{
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		NotBefore:   time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	if change != nil {
		change(cert)
	}
	return tls.Certificate{Certificate: [][]byte{sign(t, cert, a.cert, key, a.key), a.cert.Raw}, PrivateKey: key}
}

func (a authority) fingerprint() string {
	sum := sha256.Sum256(a.cert.Raw)
	return hex.EncodeToString(sum[:])
}

func writePEM(t *testing.T, kind string, raw []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file.pem")
	if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// serve answers like Elasticsearch over TLS.
func serve(t *testing.T, config *tls.Config) string {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Elastic-Product", "Elasticsearch")
		_, _ = io.WriteString(w, `{}`)
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = config
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL
}

func ask(t *testing.T, cfg Config) error {
	t.Helper()
	cfg.RetryBudget = quickly
	c, err := Connect(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, err = c.Do(context.Background(), reading)
	return err
}

func TestTLS(t *testing.T) {
	ca := newAuthority(t)
	server := func(change func(*x509.Certificate)) string {
		return serve(t, &tls.Config{Certificates: []tls.Certificate{ca.issue(t, change)}})
	}
	good := server(nil)
	expired := server(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	renamed := server(func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"elsewhere.example"} })
	caFile := writePEM(t, "CERTIFICATE", ca.cert.Raw)
	pin := ca.fingerprint()
	colons := strings.ToUpper(strings.Join(pairs(pin), ":"))

	for _, cfg := range []Config{{CAFile: caFile}, {CAFingerprint: pin}, {CAFingerprint: colons}} {
		cfg.Addresses = []string{good}
		if err := ask(t, cfg); err != nil {
			t.Errorf("%+v: %v", cfg, err)
		}
		cfg.Addresses = []string{expired}
		wantError(t, ask(t, cfg), ClassAuth, "renew")
		cfg.Addresses = []string{renamed}
		wantError(t, ask(t, cfg), ClassAuth, "name")
	}
	wantError(t, ask(t, Config{Addresses: []string{good}}), ClassAuth, "POSTWEAVE_ES_CA")
	other := newAuthority(t)
	wantError(t, ask(t, Config{Addresses: []string{good}, CAFile: writePEM(t, "CERTIFICATE", other.cert.Raw)}), ClassAuth, "POSTWEAVE_ES_CA")
	wantError(t, ask(t, Config{Addresses: []string{good}, CAFingerprint: other.fingerprint()}), ClassAuth, "POSTWEAVE_ES_CA_FINGERPRINT")

	// A server that shows the pinned authority's certificate but was signed by another.
	forged := other.issue(t, nil)
	forged.Certificate[1] = ca.cert.Raw
	wantError(t, ask(t, Config{Addresses: []string{serve(t, &tls.Config{Certificates: []tls.Certificate{forged}})}, CAFingerprint: pin}), ClassAuth, "POSTWEAVE_ES_CA")
}

func pairs(s string) []string {
	var out []string
	for ; s != ""; s = s[2:] {
		out = append(out, s[:2])
	}
	return out
}

func TestClientCertificate(t *testing.T) {
	ca := newAuthority(t)
	clients := x509.NewCertPool()
	clients.AddCert(ca.cert)
	url := serve(t, &tls.Config{
		Certificates: []tls.Certificate{ca.issue(t, nil)}, ClientCAs: clients, ClientAuth: tls.RequireAndVerifyClientCert,
	})
	mine := ca.issue(t, nil)
	key, err := x509.MarshalPKCS8PrivateKey(mine.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Addresses: []string{url}, CAFingerprint: ca.fingerprint()}
	wantError(t, ask(t, cfg), ClassAuth, "POSTWEAVE_ES_CLIENT_CERT")
	cfg.ClientCert, cfg.ClientKey = writePEM(t, "CERTIFICATE", mine.Certificate[0]), writePEM(t, "PRIVATE KEY", key)
	if err := ask(t, cfg); err != nil {
		t.Error(err)
	}
	plain := strings.Replace(url, "https:", "http:", 1)
	wantError(t, ask(t, Config{Addresses: []string{plain}}), ClassAuth, "write https://")
}

func TestTLSAndPlainMixedUp(t *testing.T) {
	// Go's server says what is wrong; Elasticsearch closes without a word.
	ca := newAuthority(t)
	secure := serve(t, &tls.Config{Certificates: []tls.Certificate{ca.issue(t, nil)}})
	wantError(t, ask(t, Config{Addresses: []string{strings.Replace(secure, "https:", "http:", 1)}}), ClassAuth, "write https://")

	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{ca.issue(t, nil)}})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_ = conn.(*tls.Conn).NetConn().SetDeadline(time.Now().Add(5 * time.Second))
			if conn.(*tls.Conn).Handshake() != nil {
				conn.(*tls.Conn).NetConn().Close()
				continue
			}
			conn.Close()
		}
	}()
	wantError(t, ask(t, Config{Addresses: []string{"http://" + listener.Addr().String()}}), ClassAuth, "write https://")

	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	wantError(t, ask(t, Config{Addresses: []string{strings.Replace(plain.URL, "http:", "https:", 1)}}), ClassAuth, "does not speak TLS")
	wantError(t, ask(t, Config{Addresses: []string{plain.URL}}), ClassSetup, "does not look like Elasticsearch")
}

// A server that crashes on every request is not taken for one that speaks TLS.
func TestClosedWithoutAnswer(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conn.Close()
		}
	}()
	wantError(t, ask(t, Config{Addresses: []string{"http://" + listener.Addr().String()}}), ClassUnavailable, "POSTWEAVE_ES_URL")
}

func TestUnknownHost(t *testing.T) {
	wantError(t, ask(t, Config{Addresses: []string{"http://does-not-exist.invalid:9200"}}), ClassUnavailable, "does-not-exist.invalid")
}
