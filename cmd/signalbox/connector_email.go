package main

import (
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"signalbox/cmd/internal/conf"
	"signalbox/connectors"
	"signalbox/connectors/email"
	"signalbox/itsm"
)

// implicitPort is the port of SMTP over implicit TLS (RFC 8314).
const implicitPort = 465

var emailKind = connectorKind{
	perMinute: email.MailsPerMinute,
	make:      newEmail,
	hosts: func(c conf.Connector) []string {
		return []string{(&url.URL{Scheme: "smtp", Host: c.SMTP}).String()}
	},
}

func newEmail(name string, c conf.Connector, env connectorEnv) (connectors.Connector, error) {
	o := email.Options{Name: name, From: c.From, To: c.To, ExternalURL: env.external, TLS: c.SMTPTLS, Reach: env.reach}
	host, port, err := net.SplitHostPort(c.SMTP)
	if err == nil {
		o.Host = host
		o.Port, err = strconv.Atoi(port)
	}
	if err != nil || o.Host == "" || o.Port < 1 || o.Port > 65535 {
		return nil, itsm.Errorf(itsm.Invalid, "smtp: %q: expected host:port such as smtp.example.com:587", c.SMTP)
	}
	if err := connectors.CheckURL("smtp://" + c.SMTP); err != nil {
		return nil, itsm.Errorf(itsm.Invalid, "smtp: %v", err)
	}
	switch {
	case o.TLS == "" && o.Port == implicitPort:
		o.TLS = email.Implicit
	case o.TLS == "":
		o.TLS = email.StartTLS
	case !slices.Contains([]string{email.StartTLS, email.Implicit, email.None}, o.TLS):
		return nil, itsm.Errorf(itsm.Invalid, "smtp_tls: %q: expected starttls, implicit or none", o.TLS)
	}
	basic, err := readOptional("basic", c.Basic)
	if err != nil {
		return nil, err
	}
	if basic != "" {
		ok := false
		if o.User, o.Password, ok = strings.Cut(basic, ":"); !ok {
			return nil, itsm.Errorf(itsm.Invalid, "basic: the secret %s holds no user:password", c.Basic)
		}
	}
	if o.TLS == email.None && o.User != "" {
		return nil, itsm.Errorf(itsm.Invalid, "smtp_tls: none, with a password in basic: expected starttls or implicit; a password is not sent in the clear")
	}
	return email.New(o)
}
