package email_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"testing"

	"github.com/emersion/go-smtp"

	"signalbox/connectors"
	"signalbox/connectors/email"
	"signalbox/connectors/goldentest"
	"signalbox/itsm"
)

func connector(t *testing.T, s *server, change func(*email.Options)) *email.Connector {
	t.Helper()
	o := email.Options{Name: "mail", Host: "127.0.0.1", Port: s.address.Port, TLS: email.StartTLS, User: "signalbox", Password: "pw", From: "Signalbox <signalbox@example.com>",
		To: []string{"noc@example.org", "Ada <ada@example.org>"}, ExternalURL: "https://signalbox.example.com", TLSConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: s.roots}}
	if change != nil {
		change(&o)
	}
	c, err := email.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func intent(tr itsm.Transition) itsm.Intent {
	return itsm.Intent{Key: "0123456789abcdef-" + string(tr), Connector: "mail", Incident: 7, Epoch: 1, Transition: tr, At: 1_795_262_400_000, Actor: "console:admin", Text: "because of <db-1> & more",
		Snapshot: itsm.IncidentSnapshot{Title: "orders is failing", Priority: itsm.P1, Severity: itsm.Critical, State: itsm.New, CIs: []string{"db-1"}, Services: []string{"orders"}, Cause: "db-1",
			Because: "3 of 3 alerting CIs depend on db-1", Alerts: 3, Firing: 3, Group: "dba", OpenedAt: 1_795_262_000_000}}
}

var transitions = []itsm.Transition{itsm.Trigger, itsm.Update, itsm.Acknowledge, itsm.Note, itsm.Resolve}

// read takes a mail apart as a reader does.
func read(t *testing.T, d delivered) (h mail.Header, text, html string) {
	t.Helper()
	m, err := mail.ReadMessage(bytes.NewReader(d.body))
	if err != nil {
		t.Fatal(err)
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("content type %s, %v", kind, err)
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	for {
		p, err := parts.NextRawPart()
		if err == io.EOF {
			return m.Header, text, html
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(quotedprintable.NewReader(p))
		if err != nil {
			t.Fatal(err)
		}
		s := strings.ReplaceAll(string(b), "\r\n", "\n")
		if strings.HasPrefix(p.Header.Get("Content-Type"), "text/html") {
			html = s
		} else {
			text = s
		}
	}
}

func subject(t *testing.T, h mail.Header) string {
	t.Helper()
	s, err := new(mime.WordDecoder).DecodeHeader(h.Get("Subject"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestThread(t *testing.T) {
	t.Parallel()
	s := listen(t, false, true, "PLAIN")
	c := connector(t, s, nil)
	for _, tr := range transitions {
		if _, err := c.Push(t.Context(), intent(tr)); err != nil {
			t.Fatalf("%s: %v", tr, err)
		}
	}
	mails := s.all()
	if len(mails) != len(transitions) {
		t.Fatalf("%d mails", len(mails))
	}
	for i, d := range mails {
		if d.user != "signalbox" || d.from != "signalbox@example.com" || strings.Join(d.to, " ") != "noc@example.org ada@example.org" {
			t.Errorf("envelope %+v", d)
		}
		h, text, html := read(t, d)
		var b strings.Builder
		for _, name := range []string{"From", "To", "Date", "Message-ID", "In-Reply-To", "References", "Auto-Submitted", "X-Auto-Response-Suppress", "X-Signalbox-Incident", "Importance"} {
			if v := h.Get(name); v != "" {
				fmt.Fprintf(&b, "%s: %s\n", name, v)
			}
		}
		fmt.Fprintf(&b, "Subject: %s\n\n%s\n-- html --\n%s", subject(t, h), text, html)
		goldentest.Same(t, string(transitions[i])+".txt", b.String())
	}
}

func TestWaysIn(t *testing.T) {
	t.Parallel()
	var loopback connectors.Place
	if err := loopback.UnmarshalText([]byte("127.0.0.0/8")); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		implicit, offers bool
		auth             []string
		change           func(*email.Options)
		want             string // of the failure; "" is none
		passing          bool
	}{
		"starttls, plain":          {false, true, []string{"PLAIN"}, nil, "", false},
		"starttls, login":          {false, true, []string{"LOGIN"}, nil, "", false},
		"implicit, plain":          {true, true, []string{"PLAIN"}, func(o *email.Options) { o.TLS = email.Implicit }, "", false},
		"implicit, login":          {true, true, []string{"LOGIN"}, func(o *email.Options) { o.TLS = email.Implicit }, "", false},
		"a relay":                  {false, false, nil, func(o *email.Options) { o.TLS, o.User = email.None, "" }, "", false},
		"no TLS on offer":          {false, false, nil, func(o *email.Options) { o.User = "" }, "STARTTLS", true},
		"wrong password":           {false, true, []string{"PLAIN"}, func(o *email.Options) { o.Password = "no" }, "535", false},
		"unknown issuer":           {false, true, []string{"PLAIN"}, func(o *email.Options) { o.TLSConfig = nil }, "certificate", true},
		"needs to sign in":         {false, true, []string{"PLAIN"}, func(o *email.Options) { o.User = "" }, "Please authenticate", false},
		"named in the file":        {false, true, []string{"PLAIN"}, func(o *email.Options) { o.Reach = connectors.Confined("mail", []connectors.Place{loopback}) }, "", false},
		"of the console":           {false, true, []string{"PLAIN"}, func(o *email.Options) { o.Reach = connectors.Confined("mail", nil) }, "console.may_call", true},
		"implicit, of the console": {true, true, []string{"PLAIN"}, func(o *email.Options) { o.TLS, o.Reach = email.Implicit, connectors.Confined("mail", nil) }, "console.may_call", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := listen(t, c.implicit, c.offers, c.auth...)
			conn := connector(t, s, c.change)
			_, err := conn.Push(t.Context(), intent(itsm.Trigger))
			if c.want == "" {
				if err != nil || len(s.all()) != 1 {
					t.Errorf("%d mails, %v", len(s.all()), err)
				}
				if said, err := conn.Check(t.Context()); err != nil || !strings.Contains(said, "noc@example.org") {
					t.Errorf("check %q, %v", said, err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || connectors.IsPassing(err) != c.passing || len(s.all()) != 0 {
				t.Errorf("%d mails, %v (passing %v), want %q, passing %v", len(s.all()), err, connectors.IsPassing(err), c.want, c.passing)
			}
		})
	}
}

func TestReplies(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"MAIL", "RCPT", "DATA"} {
		for code, passing := range map[int]bool{421: true, 450: true, 451: true, 452: true, 550: false, 552: false, 554: false} {
			s := listen(t, false, false)
			s.refuse = func(at string) error {
				if at == step {
					return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 0, 0}, Message: "greylisted for now"}
				}
				return nil
			}
			_, err := connector(t, s, func(o *email.Options) { o.TLS, o.User = email.None, "" }).Push(t.Context(), intent(itsm.Trigger))
			if err == nil || connectors.IsPassing(err) != passing || !strings.Contains(err.Error(), "greylisted for now") {
				t.Errorf("%d to %s: %v (passing %v), want passing %v", code, step, err, connectors.IsPassing(err), passing)
			}
		}
	}
}

// TestLostAnswer: a mail that was taken without an answer is sent again as the same
// mail.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	s := listen(t, false, false)
	s.cut = true
	c := connector(t, s, func(o *email.Options) { o.TLS, o.User = email.None, "" })
	if _, err := c.Push(t.Context(), intent(itsm.Note)); !connectors.IsPassing(err) {
		t.Fatalf("after the connection was cut: %v", err)
	}
	if _, err := c.Push(t.Context(), intent(itsm.Note)); err != nil {
		t.Fatal(err)
	}
	mails := s.all()
	if len(mails) != 2 {
		t.Fatalf("%d mails", len(mails))
	}
	a, _, _ := read(t, mails[0])
	b, _, _ := read(t, mails[1])
	if a.Get("Message-ID") != b.Get("Message-ID") || a.Get("Message-ID") == "" {
		t.Errorf("Message-ID %s, then %s", a.Get("Message-ID"), b.Get("Message-ID"))
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	c, err := email.New(email.Options{Name: "mail", Host: "127.0.0.1", Port: 1, From: "a@example.com", To: []string{"b@example.com"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Push(t.Context(), intent(itsm.Trigger)); !connectors.IsPassing(err) {
		t.Errorf("%v", err)
	}
}

// TestInjection: no text of an alert adds a header, a recipient or markup.
func TestInjection(t *testing.T) {
	t.Parallel()
	s := listen(t, false, false)
	c := connector(t, s, func(o *email.Options) { o.TLS, o.User = email.None, "" })
	for _, evil := range []string{"x\r\nBcc: evil@example.net", "x\nBcc: evil@example.net\n\n<script>alert(1)</script>", "x\rBcc: y", "x\u2028Bcc: y", "=?utf-8?q?x=0D=0ABcc:_y?=", "\r\n.\r\nMAIL FROM:<evil@example.net>", strings.Repeat("データ ", 5000), "\x00\xff"} {
		in := intent(itsm.Note)
		in.Snapshot.Title, in.Text, in.Actor, in.Snapshot.Cause, in.Snapshot.Group = evil, evil, evil, evil, evil
		in.Snapshot.Alerts, in.Snapshot.CIs = 50_000, []string{evil, evil}
		before := len(s.all())
		if _, err := c.Push(t.Context(), in); err != nil {
			t.Errorf("%.40q: %v", evil, err)
			continue
		}
		mails := s.all()
		if len(mails) != before+1 || len(mails[before].to) != 2 {
			t.Fatalf("%.40q: %d mails", evil, len(mails)-before)
		}
		h, _, html := read(t, mails[before])
		if h.Get("Bcc") != "" || h.Get("X-Evil") != "" || strings.ContainsAny(subject(t, h), "\r\n") || strings.Contains(html, "<script>") {
			t.Errorf("%.40q got through: %v", evil, h)
		}
		for line := range strings.Lines(string(mails[before].body)) {
			if len(line) > 1000 {
				t.Errorf("%.40q: a line of %d bytes, at most 1,000", evil, len(line))
			}
		}
	}
}

func TestAddresses(t *testing.T) {
	for _, o := range []email.Options{
		{From: "nobody", To: []string{"a@example.com"}}, {From: "a@example.com\r\nBcc: b@example.com", To: []string{"a@example.com"}}, {From: "a@example.com"},
		{From: "a@example.com", To: []string{"b"}}, {From: "a@example.com", To: make([]string, 51)}, {From: "a@example.com", To: []string{"b@example.com\nBcc: c@example.com"}},
	} {
		if _, err := email.New(o); itsm.CodeOf(err) != itsm.Invalid {
			t.Errorf("%+v: %v", o, err)
		}
	}
}
