// Package email tells people about incidents by mail, over SMTP with STARTTLS or
// implicit TLS. The mails of one incident are one thread: the first has a Message-ID
// that is made from the incident, the others answer it (RFC 5322, 3.6.4).
//
// A mail cannot be taken back or changed. Each has a Message-ID made from its
// intent, so a repeat after a lost answer is the same mail, which servers and readers
// show once.
//
// # Decisions
//
// 2026-11 github.com/wneessen/go-mail instead of net/smtp, which is frozen, cannot
// speak SCRAM or LOGIN and leaves the encoding of headers, and with it their
// injection, to the caller.
package email

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"

	"signalbox/connectors"
	"signalbox/itsm"
)

// MailsPerMinute is the rate kept; providers publish limits from 30 a minute on.
const MailsPerMinute = 30

const (
	dialWithin    = 15 * time.Second
	recipientsMax = 50
)

// How the connection is encrypted.
const (
	StartTLS = "starttls" // must be offered
	Implicit = "implicit" // TLS from the first byte, as on port 465
	None     = "none"     // for a relay on this machine
)

// Options configures the connector.
type Options struct {
	Name           string
	Host           string
	Port           int
	TLS            string // StartTLS, Implicit or None
	User, Password string // "" signs in as nobody
	From           string // an address, or a name and an address in angle brackets
	To             []string
	ExternalURL    string
	TLSConfig      *tls.Config      // nil: the system's roots
	Reach          connectors.Reach // where the server may be; zero: anywhere

	// Dial connects to the server; nil: over the network.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Connector is one list of readers.
type Connector struct {
	o      Options
	domain string // of the Message-IDs
}

// New makes a connector, and says what no mail could be sent with.
func New(o Options) (*Connector, error) {
	m := mail.NewMsg()
	if err := m.From(o.From); err != nil {
		return nil, itsm.Errorf(itsm.Invalid, "from: %q: expected an address such as signalbox@example.com", o.From)
	}
	if len(o.To) == 0 || len(o.To) > recipientsMax {
		return nil, itsm.Errorf(itsm.Invalid, "to: %d addresses, expected 1 to %d", len(o.To), recipientsMax)
	}
	if err := m.To(o.To...); err != nil {
		return nil, itsm.Errorf(itsm.Invalid, "to: %q: expected addresses such as noc@example.com", o.To)
	}
	from := m.GetFrom()[0].Address
	return &Connector{o: o, domain: from[strings.LastIndexByte(from, '@')+1:]}, nil
}

// Name implements connectors.Connector.
func (c *Connector) Name() string { return c.o.Name }

// Push implements connectors.Connector.
func (c *Connector) Push(ctx context.Context, in itsm.Intent) (connectors.Receipt, error) {
	m, err := c.message(&in)
	if err != nil {
		return connectors.Receipt{}, &connectors.TerminalError{Detail: err.Error()}
	}
	return connectors.Receipt{}, c.session(ctx, m)
}

// Check implements connectors.Tester: it signs in and leaves.
func (c *Connector) Check(ctx context.Context) (string, error) {
	if err := c.session(ctx, nil); err != nil {
		return "", err
	}
	as := "nobody"
	if c.o.User != "" {
		as = c.o.User
	}
	return "signed in to " + net.JoinHostPort(c.o.Host, strconv.Itoa(c.o.Port)) + " as " + as + "; mails go to " + strings.Join(c.o.To, ", "), nil
}

// session connects, signs in and hands m over, when there is one. What is said on
// parting does not matter any more.
func (c *Connector) session(ctx context.Context, m *mail.Msg) error {
	client, err := c.client()
	if err != nil {
		return &connectors.TerminalError{Detail: err.Error()}
	}
	conn, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return judge(err)
	}
	defer client.CloseWithSMTPClient(conn)
	if err := c.signIn(conn); err != nil {
		return judge(err)
	}
	if m == nil {
		return nil
	}
	return judge(client.SendWithSMTPClient(conn, m))
}

func (c *Connector) client() (*mail.Client, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.o.TLSConfig != nil {
		conf = c.o.TLSConfig.Clone()
	}
	conf.ServerName = c.o.Host
	dialer := c.o.Reach.Dialer(c.o.Host)
	dial := dialer.DialContext
	switch {
	case c.o.Dial != nil:
		dial = c.o.Dial
	case c.o.TLS == Implicit:
		dial = (&tls.Dialer{NetDialer: dialer, Config: conf}).DialContext
	}
	opts := []mail.Option{mail.WithPort(c.o.Port), mail.WithTimeout(dialWithin), mail.WithTLSConfig(conf), mail.WithDialContextFunc(dial)}
	switch c.o.TLS {
	case Implicit:
		opts = append(opts, mail.WithSSL())
	case None:
		opts = append(opts, mail.WithTLSPolicy(mail.NoTLS))
	default:
		opts = append(opts, mail.WithTLSPolicy(mail.TLSMandatory))
	}
	if c.o.User != "" && c.o.TLS != Implicit {
		opts = append(opts, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(c.o.User), mail.WithPassword(c.o.Password))
	}
	return mail.NewClient(c.o.Host, opts...)
}

// signIn authenticates over implicit TLS, of which the library does not know when the
// dialer is ours; otherwise it did so itself.
func (c *Connector) signIn(conn *smtp.Client) error {
	if c.o.User == "" || c.o.TLS != Implicit {
		return nil
	}
	_, offered := conn.Extension("AUTH")
	if slices.Contains(strings.Fields(offered), "PLAIN") {
		return conn.Auth(smtp.PlainAuth("", c.o.User, c.o.Password, c.o.Host, false))
	}
	return conn.Auth(smtp.LoginAuth(c.o.User, c.o.Password, c.o.Host, false))
}

// judge says whether a failure may pass: RFC 5321 answers 4yz to what may, 5yz to
// what will not. A connection that could not be made or broke may.
func judge(err error) error {
	if err == nil {
		return nil
	}
	code := 0
	var said *mail.SendError
	var reply *textproto.Error
	switch {
	case errors.As(err, &said):
		code = said.ErrorCode()
	case errors.As(err, &reply):
		code = reply.Code
	}
	if code >= 500 {
		return &connectors.TerminalError{Status: code, Detail: connectors.Cut(err.Error(), 500)}
	}
	return connectors.Retry(0, "the mail server did not take it: %w", err)
}
