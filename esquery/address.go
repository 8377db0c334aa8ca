package esquery

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"

	"github.com/elastic/elastic-transport-go/v8/elastictransport"
	"go.uber.org/zap"
)

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
	var plain []string
	for _, u := range addresses {
		if u.Scheme == "http" && !loopback(u) {
			plain = append(plain, u.Scheme+"://"+u.Host)
		}
	}
	if len(plain) > 0 {
		log.Warn("credentials go to Elasticsearch without TLS; use https:// unless something else encrypts the way", zap.Strings("addresses", plain))
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
