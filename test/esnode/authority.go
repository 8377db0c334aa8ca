package esnode

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"os"
	"time"
)

// Authority signs the certificates of servers. It is made for one test, and nobody
// else trusts it.
type Authority struct {
	File string // its own certificate, PEM

	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// NewAuthority makes an authority and writes its certificate into file.
func NewAuthority(file string) (*Authority, error) {
	a := &Authority{File: file}
	var der []byte
	var err error
	if der, a.key, err = a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: "Test authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		NotBefore: time.Now().AddDate(-2, 0, 0), NotAfter: time.Now().AddDate(2, 0, 0),
	}); err != nil {
		return nil, err
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		return nil, err
	}
	return a, os.WriteFile(file, inPEM("CERTIFICATE", der), 0o600)
}

// Server makes the certificate of a server at 127.0.0.1, or of that name instead
// where there is one, that ends then.
func (a *Authority) Server(name string, until time.Time) (tls.Certificate, error) {
	c := &x509.Certificate{
		Subject: pkix.Name{CommonName: "node"}, NotBefore: time.Now().AddDate(-1, 0, 0), NotAfter: until,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	if name != "" {
		c.DNSNames, c.IPAddresses = []string{name}, nil
	}
	der, key, err := a.sign(c)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

// sign makes a certificate with a key of its own; the first one signs itself.
func (a *Authority) sign(c *x509.Certificate) (der []byte, key *ecdsa.PrivateKey, err error) {
	if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, nil, fmt.Errorf("make a key: %w", err)
	}
	c.SerialNumber = big.NewInt(time.Now().UnixNano())
	by, with := a.cert, a.key
	if by == nil {
		by, with = c, key
	}
	der, err = x509.CreateCertificate(rand.Reader, c, by, &key.PublicKey, with)
	return der, key, err
}
