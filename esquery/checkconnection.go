package esquery

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// connect asks each address for itself who the login is: that needs no
// privilege, and shows connection, TLS and login at once. The client that stays knows all addresses.
func (x *examination) connect(ctx context.Context) error {
	// It moves a login out of the addresses.
	addresses, err := parseAddresses(&x.Config)
	if err != nil {
		return &Error{Class: ClassSetup, Op: "connect to Elasticsearch", Err: err}
	}
	x.Config.Addresses, x.Config.CloudID = nil, ""
	for _, address := range addresses {
		x.Config.Addresses = append(x.Config.Addresses, address.String())
	}
	whole, err := Connect(x.Config)
	if err != nil {
		return err
	}
	var dead []*Error
	answered := 0
	for _, address := range addresses {
		failed, err := x.greet(ctx, address, whole.ceiling)
		switch {
		case err != nil:
			return err
		case failed == nil:
			answered++
		case failed.Class == ClassUnavailable:
			dead = append(dead, failed)
		default: // it is there and does not let us in: one such tells of all
			x.find(refusal(failed), failed.Address, "%s", failed.Error())
			return nil
		}
	}
	for _, failed := range dead {
		if answered == 0 {
			x.find("no-answer", failed.Address, "%s", failed.Error())
		} else {
			x.find("address-dead", failed.Address, "%s", failed.Error())
		}
	}
	if answered > 0 {
		x.client = whole
	}
	return nil
}

// refusal names the symptom of a server that answers and does not do what is asked.
func refusal(e *Error) string {
	switch {
	case e.Status == http.StatusUnauthorized, e.Status == http.StatusForbidden:
		return "login-refused"
	case e.Class == ClassAuth:
		return "tls-failed"
	}
	return "not-elasticsearch"
}

// whoami is the answer of who one is.
type whoami struct {
	Username string `json:"username"`
	Kind     string `json:"authentication_type"` // "realm", "api_key", "token", "anonymous"
}

// greet makes one request to one address, below the ceiling that holds for all of them.
func (x *examination) greet(ctx context.Context, address *url.URL, all *ceiling) (*Error, error) {
	cfg := x.Config
	cfg.Addresses = []string{address.String()}
	cfg.RetryBudget, cfg.RequestTimeout = time.Nanosecond, greetingPatience // one try
	client, err := Connect(cfg)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	client.ceiling = all
	begin := time.Now()
	res, err := client.Do(ctx, Request{
		Op: "ask who the login is", Method: http.MethodGet, Path: "/_security/_authenticate",
		// So answers a node without security: it has no such path.
		OK: []int{http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed},
	})
	if err != nil {
		var failed *Error
		if !errors.As(err, &failed) || ctx.Err() != nil {
			return nil, err
		}
		return failed, nil
	}
	on := address.Scheme + "://" + address.Host
	if res.Header.Get("X-Elastic-Product") != "Elasticsearch" { // others have such a path neither
		return &Error{Class: ClassSetup, Op: "ask who the login is", Address: on, Status: res.Status, Hint: hintNotElastic}, nil
	}
	x.fine("connection", on, "answers in %d ms", time.Since(begin).Milliseconds())
	x.certificates(on, res)
	x.login(on, res)
	return nil, nil
}

// certificates looks at how long those of the server are good for, and at
// credentials that go without any.
func (x *examination) certificates(on string, res *Response) {
	if res.tls == nil {
		if (x.Config.APIKey != "" || x.Config.Username != "") && !loopbackAddress(on) {
			x.find("credentials-in-clear", on, "the login goes to %s without encryption", on)
		}
		return
	}
	chain := res.tls.PeerCertificates
	if len(res.tls.VerifiedChains) > 0 {
		chain = res.tls.VerifiedChains[0]
	}
	var first *x509.Certificate
	for _, c := range chain {
		if first == nil || c.NotAfter.Before(first.NotAfter) {
			first = c
		}
	}
	if first == nil {
		return
	}
	whose := "the server's certificate"
	if first != chain[0] {
		whose = "the certificate of the authority " + oneLine(first.Subject.CommonName)
	}
	until := first.NotAfter.UTC().Format(time.DateOnly)
	if first.NotAfter.Before(time.Now().Add(certificateNotice)) {
		x.find("tls-expires-soon", on, "%s ends on %s", whose, until)
		return
	}
	x.fine("tls", on, "the chain is good until %s", until)
}

func loopbackAddress(address string) bool {
	u, err := url.Parse(address)
	return err == nil && loopback(u)
}

// login tells who one is.
func (x *examination) login(on string, res *Response) {
	if res.Status != http.StatusOK {
		x.find("no-security", on, "Elasticsearch asks nobody for a login")
		return
	}
	x.secured = true
	var me whoami
	if json.Unmarshal(res.Body, &me) != nil || me.Username == "" {
		x.fine("login", on, "is accepted")
		return
	}
	kind := ""
	if me.Kind == "api_key" {
		kind = " by API key"
	}
	x.fine("login", on, "accepted as %s%s", oneLine(me.Username), kind)
}

// version asks all nodes what they are. That takes a privilege that a run does without.
func (x *examination) version(ctx context.Context) error {
	versions, err := x.versions(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var e *Error
		if errors.As(err, &e) && e.Status == http.StatusForbidden {
			x.find("version-untold", "", "Elasticsearch does not tell this login its version")
		} else { // not every offer of Elasticsearch tells of its nodes
			x.fine("version", "", "not told")
		}
		return nil
	}
	oldest, newest := "", ""
	for v := range versions {
		if oldest == "" || versionBefore(v, oldest) {
			oldest = v
		}
		if newest == "" || versionBefore(newest, v) {
			newest = v
		}
	}
	switch {
	case versionBefore(oldest, "8"):
		x.find("version-old", "", "Elasticsearch is of version %s", oldest)
		x.done = true // what else is found would only be of that
	case versionBefore(oldest, oldestTested):
		x.find("version-untested", "", "Elasticsearch is of version %s; tested are %s to %s", oldest, oldestTested, newestTested)
	case versionBefore(newestTested+".999", newest):
		x.find("version-untested", "", "Elasticsearch is of version %s; tested are %s to %s", newest, oldestTested, newestTested)
	case len(versions) > 1:
		x.find("version-mixed", "", "the nodes are of versions %s to %s", oldest, newest)
	default:
		x.fine("version", "", "Elasticsearch %s on %s", oldest, counted(versions[oldest], "node", "nodes"))
	}
	return nil
}

// versions counts the nodes by version.
func (x *examination) versions(ctx context.Context) (map[string]int, error) {
	const op = "ask for the version"
	res, err := x.client.Do(ctx, Request{
		Op: op, Method: http.MethodGet, Path: "/_nodes/_all/os", Query: url.Values{"filter_path": {"nodes.*.version"}},
	})
	if err != nil {
		return nil, err
	}
	var answer struct {
		Nodes map[string]struct {
			Version string `json:"version"`
		} `json:"nodes"`
	}
	if json.Unmarshal(res.Body, &answer) != nil || len(answer.Nodes) == 0 {
		return nil, &Error{Class: ClassSetup, Op: op, Err: errors.New("the answer names no node")}
	}
	out := make(map[string]int)
	for _, n := range answer.Nodes {
		out[oneLine(n.Version)]++
	}
	return out, nil
}

// versionBefore compares the numbers of two versions, "8.15.0" and "9".
func versionBefore(a, b string) bool {
	numbers := func(v string) (n [3]int) {
		_, _ = fmt.Sscanf(v, "%d.%d.%d", &n[0], &n[1], &n[2])
		return n
	}
	x, y := numbers(a), numbers(b)
	for i := range x {
		if x[i] != y[i] {
			return x[i] < y[i]
		}
	}
	return false
}
