package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestCertificateReload renews the certificate of a running server: new connections
// get it, an old one goes on, and a pair that does not fit changes nothing.
func TestCertificateReload(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	write := func(path string, b []byte) {
		t.Helper()
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	firstCert, firstKey := selfSigned(t, 1)
	secondCert, secondKey := selfSigned(t, 2)
	write(cert, firstCert)
	write(key, firstKey)
	s := prepare(t, filepath.Join(dir, "data"), "tls: {cert_file: '"+cert+"', key_file: '"+key+"'}\n")
	s.launch()
	addr := strings.TrimPrefix(s.url, "http://")
	serial := func() int64 {
		c, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			return 0
		}
		defer c.Close()
		return c.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	}
	hup := func(says string) {
		t.Helper()
		before := strings.Count(s.log.String(), says)
		if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the log says "+says, func() bool { return strings.Count(s.log.String(), says) > before })
	}
	eventually(t, "the first certificate is served", func() bool { return serial() == 1 })
	kept, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()

	write(cert, secondCert) // half of a renewal: the key is still the old one
	hup("private key does not match")
	if got := serial(); got != 1 {
		t.Errorf("after a pair that does not fit, certificate %d is served; want 1", got)
	}
	write(key, secondKey)
	hup("the configuration was reloaded")
	if got := serial(); got != 2 {
		t.Errorf("after the renewal, certificate %d is served; want 2", got)
	}
	if _, err := kept.Write([]byte("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 12)
	if _, err := kept.Read(answer); err != nil || string(answer) != "HTTP/1.1 200" {
		t.Errorf("a connection from before the renewal: %q, %v", answer, err)
	}
	write(cert, []byte("not PEM"))
	hup("the old one stays")
	if got := serial(); got != 2 {
		t.Errorf("after a broken file, certificate %d is served; want 2", got)
	}
}

// selfSigned makes a certificate and its key in PEM.
func selfSigned(t *testing.T, serial int64) (cert, key []byte) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(serial), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
}
