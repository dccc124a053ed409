package email_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// server is a real SMTP server that keeps what it takes.
type server struct {
	mu      sync.Mutex
	mails   []delivered
	refuse  func(step string) error // MAIL, RCPT or DATA, before it is taken
	cut     bool                    // the connection is cut after a mail was taken
	roots   *x509.CertPool
	address *net.TCPAddr
	auth    []string // mechanisms on offer
}

type delivered struct {
	user, from string
	to         []string
	body       []byte
}

// listen starts a server; implicit is TLS from the first byte.
func listen(t *testing.T, implicit, offersTLS bool, auth ...string) *server {
	t.Helper()
	s := &server{auth: auth}
	cert, roots := certificate(t)
	s.roots = roots
	srv := smtp.NewServer(s)
	srv.Domain, srv.AllowInsecureAuth = "mail.example.com", false
	srv.ReadTimeout, srv.WriteTimeout = time.Minute, time.Minute
	if offersTLS {
		srv.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.address = l.Addr().(*net.TCPAddr)
	if implicit {
		l = tls.NewListener(l, srv.TLSConfig)
	}
	go srv.Serve(l)
	t.Cleanup(func() { srv.Close() })
	return s
}

func (s *server) all() []delivered {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.mails)
}

// NewSession implements smtp.Backend.
func (s *server) NewSession(c *smtp.Conn) (smtp.Session, error) { return &session{s: s, c: c}, nil }

type session struct {
	s    *server
	c    *smtp.Conn
	mail delivered
}

func (x *session) AuthMechanisms() []string { return x.s.auth }

func (x *session) Auth(mech string) (sasl.Server, error) {
	check := func(user, password string) error {
		if user != "signalbox" || password != "pw" {
			return smtp.ErrAuthFailed
		}
		x.mail.user = user
		return nil
	}
	if mech == "LOGIN" {
		return &login{check: check}, nil
	}
	return sasl.NewPlainServer(func(_, user, password string) error { return check(user, password) }), nil
}

// login is the server's half of LOGIN, which asks for one and then the other.
type login struct {
	check func(user, password string) error
	user  string
	step  int
}

// Next implements sasl.Server.
func (l *login) Next(response []byte) (challenge []byte, done bool, err error) {
	switch l.step++; l.step {
	case 1:
		return []byte("Username:"), false, nil
	case 2:
		l.user = string(response)
		return []byte("Password:"), false, nil
	}
	return nil, true, l.check(l.user, string(response))
}

func (x *session) refused(step string) error {
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	if x.s.refuse == nil {
		return nil
	}
	return x.s.refuse(step)
}

func (x *session) Mail(from string, _ *smtp.MailOptions) error {
	if len(x.s.auth) > 0 && x.mail.user == "" {
		return smtp.ErrAuthRequired
	}
	x.mail.from = from
	return x.refused("MAIL")
}

func (x *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	x.mail.to = append(x.mail.to, to)
	return x.refused("RCPT")
}

func (x *session) Data(r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if err := x.refused("DATA"); err != nil {
		return err
	}
	x.s.mu.Lock()
	defer x.s.mu.Unlock()
	x.mail.body = b
	x.s.mails = append(x.s.mails, x.mail)
	if x.s.cut {
		x.s.cut = false
		x.c.Conn().Close()
	}
	return nil
}

func (x *session) Reset() { x.mail = delivered{user: x.mail.user} }

func (x *session) Logout() error { return nil }

// certificate makes one for 127.0.0.1, and the roots that trust it.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, roots
}
