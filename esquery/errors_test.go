package esquery

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// wantError checks class, exit code and that the text is one line that holds a
// part of the hint.
func wantError(t *testing.T, err error, class Class, text string) {
	t.Helper()
	var failed *Error
	if !errors.As(err, &failed) {
		t.Errorf("error %v, want one of class %v", err, class)
		return
	}
	if failed.Class != class || failed.ExitCode() != class.ExitCode() {
		t.Errorf("class %v, want %v: %v", failed.Class, class, err)
	}
	if line := err.Error(); !strings.Contains(line, text) || strings.ContainsAny(line, "\n\r\x1b") {
		t.Errorf("error %q, want one line with %q", line, text)
	}
}

func TestExitCodes(t *testing.T) {
	for class, want := range map[Class]int{
		ClassSetup: 1, ClassUnavailable: 3, ClassAuth: 4, ClassSource: 5, ClassBlocked: 7, ClassSchema: 8,
	} {
		if got := class.ExitCode(); got != want {
			t.Errorf("%v: exit code %d, want %d", class, got, want)
		}
	}
}

func errorBody(errorType string) string {
	return fmt.Sprintf(`{"error":{"root_cause":[{"type":%q,"reason":"secret alice@example.org","index":"syslog-1"}],`+
		`"type":%q,"reason":"secret alice@example.org"},"status":0}`, errorType, errorType)
}

const html = "<html><body>Bad Gateway</body></html>"

func TestClassifyResponse(t *testing.T) {
	tests := []struct {
		name    string
		status  int
		body    string
		foreign bool // no product header
		known   bool
		source  bool
		class   Class
		retry   bool
		text    string
	}{
		{name: "401", status: 401, body: errorBody("security_exception"), class: ClassAuth, text: "POSTWEAVE_ES_API_KEY"},
		{name: "403 privilege", status: 403, body: errorBody("security_exception"), class: ClassAuth, text: "setup --print role"},
		{
			name: "403 privilege named", status: 403, class: ClassAuth, text: "create_index, manage",
			body: `{"error":{"type":"security_exception","reason":"action [indices:admin/create] is unauthorized for user [u] on indices [i], this action is granted by the index privileges [create_index,manage]"}}`,
		},
		{name: "403 write block", status: 403, body: errorBody("cluster_block_exception"), class: ClassBlocked, text: "write-blocked"},
		{name: "403 write block without header", status: 403, body: errorBody("cluster_block_exception"), foreign: true, class: ClassBlocked, text: "write-blocked"},
		{name: "429 full disk", status: 429, body: errorBody("cluster_block_exception"), class: ClassBlocked, text: "disk"},
		{name: "403 block on the source", status: 403, body: errorBody("cluster_block_exception"), source: true, class: ClassSource},
		{name: "503 no master", status: 503, body: errorBody("cluster_block_exception"), class: ClassUnavailable, retry: true},
		{name: "429 queue full", status: 429, body: errorBody("es_rejected_execution_exception"), class: ClassUnavailable, retry: true},
		{name: "429 breaker", status: 429, body: errorBody("circuit_breaking_exception"), source: true, class: ClassUnavailable, retry: true},
		{name: "408", status: 408, body: errorBody("timeout"), class: ClassUnavailable, retry: true},
		{name: "425", status: 425, body: html, foreign: true, class: ClassUnavailable, retry: true},
		{name: "500", status: 500, body: errorBody("exception"), class: ClassUnavailable, retry: true},
		{
			name: "503 shards of the source", status: 503, source: true, class: ClassSource, retry: true,
			body: `{"error":{"root_cause":[],"type":"search_phase_execution_exception","reason":"all shards failed","failed_shards":[]},"status":503}`,
		},
		{name: "503 shards of the target", status: 503, body: errorBody("unavailable_shards_exception"), class: ClassUnavailable, retry: true},
		{name: "404 source", status: 404, body: errorBody("index_not_found_exception"), source: true, class: ClassSetup, text: "POSTWEAVE_SOURCE"},
		{name: "404 target", status: 404, body: errorBody("index_not_found_exception"), class: ClassSetup, text: "postweave setup"},
		{name: "400 source", status: 400, body: errorBody("illegal_argument_exception"), source: true, class: ClassSource, text: "syslog-1"},
		{name: "400 target", status: 400, body: errorBody("mapper_parsing_exception"), class: ClassSetup, text: "mapper_parsing_exception"},
		{name: "400 media type", status: 400, body: errorBody("media_type_header_exception"), class: ClassSetup, text: "Elasticsearch 8 or 9"},
		{name: "406", status: 406, body: `{"error":"x","status":406}`, class: ClassSetup, text: "Elasticsearch 8 or 9"},
		{name: "413", status: 413, body: `{}`, class: ClassSetup, text: "max_content_length"},
		{name: "405 as text", status: 405, body: `{"error":"secret alice@example.org","status":405}`, class: ClassSetup, text: "405"},
		{name: "200 empty", status: 200, body: "", class: ClassUnavailable, retry: true, text: "not JSON"},
		{name: "200 cut off", status: 200, body: `{"hits":`, class: ClassUnavailable, retry: true, text: "not whole"},
		{name: "200 of another server", status: 200, body: `{"version":{"distribution":"opensearch"}}`, foreign: true, class: ClassSetup, text: "does not look like Elasticsearch"},
		{name: "200 page", status: 200, body: html, foreign: true, class: ClassSetup, text: "does not look like Elasticsearch"},
		{name: "200 page in the middle", status: 200, body: html, foreign: true, known: true, class: ClassUnavailable, retry: true, text: "in place of"},
		{name: "404 page", status: 404, body: html, foreign: true, class: ClassSetup, text: "does not look like Elasticsearch"},
		{name: "302", status: 302, body: html, foreign: true, class: ClassSetup, text: "does not look like Elasticsearch"},
		{name: "502 page", status: 502, body: html, foreign: true, class: ClassUnavailable, retry: true, text: "proxy"},
		{name: "503 page", status: 503, body: html, foreign: true, class: ClassUnavailable, retry: true},
		{name: "401 page", status: 401, body: html, foreign: true, class: ClassAuth, text: "proxy"},
		{name: "407", status: 407, body: html, foreign: true, class: ClassAuth},
		{name: "plain HTTP to Go", status: 400, body: "Client sent an HTTP request to an HTTPS server.\n", foreign: true, class: ClassAuth, text: "https://"},
		{name: "plain HTTP to nginx", status: 400, body: "<center>The plain HTTP request was sent to HTTPS port</center>", foreign: true, class: ClassAuth, text: "https://"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			res := reply(test.status, test.body)
			if test.foreign {
				res.Header.Del("X-Elastic-Product")
			}
			req := Request{Op: "try", Method: http.MethodPost, Source: test.source}
			failed := classifyResponse(req, "http://es:9200", test.known, &Response{Status: test.status, Header: res.Header, Body: []byte(test.body)})
			if failed == nil {
				t.Fatal("no error")
			}
			wantError(t, failed, test.class, test.text)
			wantError(t, failed, test.class, "try on http://es:9200")
			if failed.retry != test.retry {
				t.Errorf("retry %v, want %v", failed.retry, test.retry)
			}
			if line := failed.Error(); strings.Contains(line, "secret") || strings.Contains(line, "alice") {
				t.Errorf("the reason is in %q", line)
			}
		})
	}
}

func TestClassifyResponseAccepts(t *testing.T) {
	for _, test := range []struct {
		req    Request
		status int
		body   string
	}{
		{Request{Method: "GET"}, 200, `{}`},
		{Request{Method: "GET"}, 201, " [1]\n"},
		{Request{Method: "HEAD"}, 200, ""},
		{Request{Method: "GET", OK: []int{404}}, 404, `{"error":"x"}`},
		{Request{Method: "GET", OK: []int{404}}, 404, `{"found":false}`},
		{Request{Method: "HEAD", OK: []int{404}}, 404, ""},
	} {
		res := reply(test.status, test.body)
		if failed := classifyResponse(test.req, "", false, &Response{Status: test.status, Header: res.Header, Body: []byte(test.body)}); failed != nil {
			t.Errorf("%+v: %v", test, failed)
		}
	}
}

func TestClassifyTransport(t *testing.T) {
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connect: connection refused")}
	cert := &x509.Certificate{}
	tests := []struct {
		name      string
		err       error
		class     Class
		untouched bool
		text      string
	}{
		{"refused", refused, ClassUnavailable, true, "connection refused"},
		{"no such host", &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "es"}}, ClassUnavailable, true, "POSTWEAVE_ES_URL"},
		{"reset", &net.OpError{Op: "read", Err: errors.New("connection reset by peer")}, ClassUnavailable, false, "reset"},
		{"closed", io.EOF, ClassUnavailable, false, "closed the connection"},
		{"cut off", io.ErrUnexpectedEOF, ClassUnavailable, false, "unexpected EOF"},
		{"slow", fmt.Errorf("x: %w", context.DeadlineExceeded), ClassUnavailable, false, "no answer in time"},
		{"unknown authority", &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{Cert: cert}}, ClassAuth, false, "POSTWEAVE_ES_CA"},
		{"expired", &tls.CertificateVerificationError{Err: x509.CertificateInvalidError{Cert: cert, Reason: x509.Expired}}, ClassAuth, false, "renew"},
		{"other name", &tls.CertificateVerificationError{Err: x509.HostnameError{Certificate: cert, Host: "es"}}, ClassAuth, false, "name"},
		{"no TLS there", tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}, ClassAuth, false, "does not speak TLS"},
		{"client certificate", &net.OpError{Op: "remote error", Err: errors.New("tls: certificate required")}, ClassAuth, false, "POSTWEAVE_ES_CLIENT_CERT"},
		{"fingerprint", errFingerprint, ClassAuth, false, "POSTWEAVE_ES_CA_FINGERPRINT"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			failed := classifyTransport("try", "http://es:9200", test.err)
			wantError(t, failed, test.class, test.text)
			if failed.retry != (test.class == ClassUnavailable) || failed.untouched != test.untouched {
				t.Errorf("retry %v, untouched %v", failed.retry, failed.untouched)
			}
		})
	}
}

// What an answer names goes into the error only if it has the shape of a name.
func TestErrorTakesNamesOnly(t *testing.T) {
	body := `{"error":{"type":"bad alice@example.org\u001b[2J","index":"syslog\nx","root_cause":[{"type":"real_exception","index":"syslog-2026.11.01"}]}}`
	f, _ := parseFailure([]byte(body))
	if f.specific() != "real_exception" || f.index != "syslog-2026.11.01" {
		t.Errorf("%+v", f)
	}
}

func TestErrorPrefersTheCauseOfASearch(t *testing.T) {
	body := `{"error":{"root_cause":[{"type":"search_context_missing_exception","reason":"No search context found"}],
		"type":"search_phase_execution_exception","reason":"all shards failed","failed_shards":[{"shard":0,"index":"a","reason":{"type":"x"}}]},"status":404}`
	if f, _ := parseFailure([]byte(body)); f.specific() != "search_context_missing_exception" || f.index != "a" {
		t.Errorf("%+v", f)
	}
}

func TestParseFailureIsBounded(t *testing.T) {
	deep := strings.Repeat(`{"type":"t","caused_by":`, 1000) + `{}` + strings.Repeat(`}`, 1000)
	if f, _ := parseFailure([]byte(`{"error":` + deep + `}`)); len(f.types) > 10 {
		t.Errorf("%d types", len(f.types))
	}
	for _, body := range []string{``, `[]`, `{"error":7}`, `{"error":["a"]}`, `{"error":{"type":1}}`} {
		if f, _ := parseFailure([]byte(body)); len(f.types) > 0 {
			t.Errorf("%s: %+v", body, f)
		}
	}
}

func TestOneLine(t *testing.T) {
	if got := oneLine("a\r\nb\x1b[31m\u202ec\xff"); got != "a  b [31m c " {
		t.Errorf("%q", got)
	}
	if got := oneLine(strings.Repeat("ä", 1000)); len([]rune(got)) != 301 {
		t.Errorf("%d characters", len([]rune(got)))
	}
}
