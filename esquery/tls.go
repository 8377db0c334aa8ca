package esquery

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

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
