package email_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"net/mail"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"signalbox/connectors"
	"signalbox/connectors/connectortest"
	"signalbox/connectors/email"
)

// TestConformance: what befalls the requests of the suite befalls the mails, which a
// real SMTP server hands on one by one.
func TestConformance(t *testing.T) {
	connectortest.Run(t, connectortest.Subject{
		Connector: func(t testing.TB, url string, client *http.Client) connectors.Connector {
			r := &relay{url: url + "/mail", client: client, conns: make(chan net.Conn), closed: make(chan struct{})}
			srv := smtp.NewServer(r)
			srv.Domain, srv.ErrorLog = "mail.example.com", log.New(io.Discard, "", 0)
			go srv.Serve(r)
			t.Cleanup(func() { srv.Close() })
			c, err := email.New(email.Options{Name: connectortest.Name, Host: "mail.example.com", Port: 25, TLS: email.None, From: "signalbox@example.com", To: []string{"noc@example.com"},
				ExternalURL: "https://signalbox.example.com", Dial: r.dial})
			if err != nil {
				t.Fatal(err)
			}
			return c
		},
		Front: reader,
		Lacks: connectortest.Deletion | connectortest.Search, // what was sent cannot be taken away or looked at
	})
}

// relay is an SMTP server that hands each mail on as a request, and answers what
// becomes of it.
type relay struct {
	url    string
	client *http.Client
	once   sync.Once
	conns  chan net.Conn
	closed chan struct{}
}

func (r *relay) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case r.conns <- theirs:
		return ours, nil
	case <-r.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Accept, Close and Addr implement net.Listener.
func (r *relay) Accept() (net.Conn, error) {
	select {
	case c := <-r.conns:
		return c, nil
	case <-r.closed:
		return nil, net.ErrClosed
	}
}

func (r *relay) Close() error {
	r.once.Do(func() { close(r.closed) })
	return nil
}

func (r *relay) Addr() net.Addr { return &net.UnixAddr{Name: "mail", Net: "memory"} }

// NewSession implements smtp.Backend.
func (r *relay) NewSession(c *smtp.Conn) (smtp.Session, error) { return &relayed{r, c}, nil }

type relayed struct {
	r *relay
	c *smtp.Conn
}

func (*relayed) Mail(string, *smtp.MailOptions) error { return nil }
func (*relayed) Rcpt(string, *smtp.RcptOptions) error { return nil }
func (*relayed) Reset()                               {}
func (*relayed) Logout() error                        { return nil }

func (x *relayed) Data(b io.Reader) error {
	body, err := io.ReadAll(b)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // a server gives up on what is behind it
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, x.r.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := x.r.client.Do(req)
	if err != nil {
		x.c.Conn().Close() // as it fares, the mail's connection does
		return err
	}
	defer resp.Body.Close()
	switch _, err := io.ReadAll(resp.Body); {
	case err != nil:
		x.c.Conn().Close()
		return err
	case resp.StatusCode < 300:
		return nil
	case resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= 500:
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "try again later"}
	}
	return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: "refused"}
}

var headOf = regexp.MustCompile(`^(INC\d+) (is open|is open again|has changed|is acknowledged|is resolved|has a note)$`)

// reader is a mailbox and who reads it: a mail with a Message-ID that is there is the
// same mail.
func reader(p *connectortest.Partner) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, lines, err := letter(r.Body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, err)
			return
		}
		head := headOf.FindStringSubmatch(lines[0])
		if head == nil || !p.Once(id) {
			return
		}
		number, what := head[1], head[2]
		if strings.HasPrefix(what, "is open") {
			p.Create(connectortest.Object{Key: number, Title: lines[2]})
			return
		}
		records := p.FindKey(number)
		if len(records) == 0 {
			return
		}
		switch what {
		case "has a note":
			p.Note(records[0].ID, connectortest.API, lines[4])
		case "is acknowledged":
			p.Change(records[0].ID, func(o *connectortest.Object) { o.Status = connectortest.Acknowledged })
		case "is resolved":
			p.Change(records[0].ID, func(o *connectortest.Object) { o.Status = connectortest.Resolved })
		}
	})
}

// letter returns a mail's Message-ID and the lines of its text.
func letter(r io.Reader) (id string, lines []string, err error) {
	m, err := mail.ReadMessage(r)
	if err != nil {
		return "", nil, err
	}
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		return "", nil, err
	}
	part, err := multipart.NewReader(m.Body, params["boundary"]).NextPart() // it takes quoted-printable away
	if err != nil {
		return "", nil, err
	}
	text, err := io.ReadAll(part)
	lines = strings.Split(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n")
	if id = m.Header.Get("Message-Id"); err == nil && (id == "" || len(lines) < 5) {
		err = errors.New("no mail of an incident")
	}
	return id, lines, err
}
