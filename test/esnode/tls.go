package esnode

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"os"
	"sync"
	"syscall"
	"time"
)

// The files of a node that speaks TLS. They lie in its config folder: it may read
// nothing else.
const (
	authorityFile = "http_ca.pem"
	serverCert    = "http.pem"
	serverKey     = "http.key"
)

// encrypted are the settings that name these files.
var encrypted = map[string]string{
	"xpack.security.http.ssl.enabled":     "true",
	"xpack.security.http.ssl.certificate": serverCert,
	"xpack.security.http.ssl.key":         serverKey,
}

// encrypt makes an authority, and a certificate for the node. It returns the path
// of the authority's own.
func (d *runFolder) encrypt(as *syscall.Credential) (ca string, err error) {
	a, err := NewAuthority(d.path("config", authorityFile))
	if err != nil {
		return "", err
	}
	cert, err := a.Server("", time.Now().AddDate(1, 0, 0))
	if err != nil {
		return "", err
	}
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		return "", err
	}
	// Elasticsearch sends its authority's certificate along, so that its fingerprint can be pinned.
	chain := append(inPEM("CERTIFICATE", cert.Certificate[0]), inPEM("CERTIFICATE", a.cert.Raw)...)
	if err := d.replace(serverCert, chain, as); err != nil {
		return "", err
	}
	return a.File, d.replace(serverKey, inPEM("PRIVATE KEY", key), as)
}

func inPEM(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// clients are those that trust a node's authority, by the node's host and port.
var clients sync.Map

// clientOf is the client that trusts whom the server at this host and port shows.
func clientOf(host string) *http.Client {
	if c, ok := clients.Load(host); ok {
		return c.(*http.Client)
	}
	return http.DefaultClient
}

// trust makes what the tests send to this host and port go through TLS with that authority.
func trust(host, ca string) error {
	pem, err := os.ReadFile(ca)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	clients.Store(host, &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}})
	return nil
}
