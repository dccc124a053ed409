package main

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"

	"signalbox/cmd/internal/conf"
	"signalbox/itsm/access"
)

// givenToken is the admin token that the environment or the configuration gives,
// and where a person finds it; "" when neither does.
func givenToken(f *conf.File) (token, hint string, err error) {
	if v := os.Getenv("SIGNALBOX_ADMIN_TOKEN"); v != "" {
		return v, "SIGNALBOX_ADMIN_TOKEN", nil
	}
	if !f.Auth.AdminToken.IsSet() {
		return "", "", nil
	}
	if token, err = f.Auth.AdminToken.Read(); err != nil {
		return "", "", fmt.Errorf("auth.admin_token: %w", err)
	}
	return token, f.Auth.AdminToken.String(), nil
}

// adminToken is the given token, or else that of the data directory, which is
// made when there is none.
func (s *settings) adminToken() (token, hint string, err error) {
	if s.token != "" {
		return s.token, s.hint, nil
	}
	path := filepath.Join(s.file.DataDir, tokenFile)
	token, _, err = access.LoadOrCreateToken(path)
	return token, path, err
}

// certificate reads the key pair of HTTPS; nil when HTTP is served.
func certificate(c conf.TLS) (*tls.Certificate, error) {
	if c.CertFile == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("tls: cert_file %s, key_file %s: expected a certificate and its key in PEM: %w", c.CertFile, c.KeyFile, err)
	}
	return &pair, nil
}

// servedPair is the certificate that new connections are answered with; a reload
// changes it while the old ones go on.
type servedPair struct {
	current atomic.Pointer[tls.Certificate]
}

// use serves c from now on and reports whether that changes anything.
func (p *servedPair) use(c *tls.Certificate) bool {
	old := p.current.Swap(c)
	return old == nil || !bytes.Equal(old.Leaf.Raw, c.Leaf.Raw)
}

// config is how HTTPS is served with it.
func (p *servedPair) config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		return p.current.Load(), nil
	}}
}
