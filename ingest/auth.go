package ingest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"signalbox/itsm"
)

// Auth is how a source proves who it is: any one of the schemes that are set.
// Each takes several live secrets, so that they can be rotated without a gap.
type Auth struct {
	Bearer     []string    // Authorization: Bearer SECRET
	Basic      []BasicAuth // Authorization: Basic
	QueryToken []string    // ?token=SECRET, for senders that can do nothing else
	GitLab     []string    // X-Gitlab-Token: SECRET, in clear as GitLab sends it
	HMAC       *HMAC
	PagerDuty  []string // secrets of webhook subscriptions (X-PagerDuty-Signature)
}

// BasicAuth is one user and password.
type BasicAuth struct{ User, Password string }

// HMAC is a signature (HMAC-SHA256) over the raw bytes of the body. With
// TimestampHeader the signed text is timestamp + Separator + body and a request
// counts for SignatureSkew only; with IDHeader it is id + Separator + timestamp +
// Separator + body, as in Standard Webhooks.
type HMAC struct {
	Secrets         []string
	Header          string // such as X-Signature-256
	Prefix          string // before each signature, such as "sha256="
	Base64          bool   // signatures are base64, not hex
	TimestampHeader string // Unix seconds, or as RFC 3339 has it where RFC3339 is set
	RFC3339         bool
	IDHeader        string // needs TimestampHeader
	Separator       string // "" is "."
	Joined          bool   // nothing stands between what is signed
	Version         string // signed before everything else, with a Separator after it; such as Slack's v0
}

// StandardWebhooks is the scheme of standardwebhooks.com for secrets of the form
// whsec_BASE64.
func StandardWebhooks(secrets ...string) (*HMAC, error) {
	h := &HMAC{Header: "Webhook-Signature", Prefix: "v1,", Base64: true, TimestampHeader: "Webhook-Timestamp", IDHeader: "Webhook-Id"}
	for i, s := range secrets {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(s, "whsec_"))
		if err != nil {
			return nil, itsm.Errorf(itsm.Invalid, "secret %d: expected whsec_ and base64", i+1)
		}
		h.Secrets = append(h.Secrets, string(key))
	}
	return h, nil
}

// Slack is the scheme of https://docs.slack.dev/authentication/verifying-requests-from-slack
// for an app's signing secrets.
func Slack(secrets ...string) *HMAC {
	return &HMAC{Secrets: secrets, Header: "X-Slack-Signature", Prefix: "v0=", TimestampHeader: "X-Slack-Request-Timestamp", Separator: ":", Version: "v0"}
}

// Zendesk is the scheme of https://developer.zendesk.com/documentation/webhooks/verifying/
// for the signing secrets of webhooks.
func Zendesk(secrets ...string) *HMAC {
	return &HMAC{Secrets: secrets, Header: "X-Zendesk-Webhook-Signature", Base64: true, TimestampHeader: "X-Zendesk-Webhook-Signature-Timestamp", RFC3339: true, Joined: true}
}

func (a Auth) empty() bool {
	return len(a.Bearer)+len(a.Basic)+len(a.QueryToken)+len(a.PagerDuty)+len(a.GitLab) == 0 && a.HMAC == nil
}

// needsBody reports whether the body must be read before the sender is known.
func (a Auth) needsBody() bool { return a.HMAC != nil || len(a.PagerDuty) > 0 }

// validate refuses what would accept anybody, such as an empty secret.
func (a Auth) validate(path string) error {
	lists := map[string][]string{"bearer": a.Bearer, "query_token": a.QueryToken, "webhook_secrets": a.PagerDuty, "gitlab": a.GitLab}
	if a.HMAC != nil {
		lists["hmac.secrets"] = a.HMAC.Secrets
		switch {
		case len(a.HMAC.Secrets) == 0:
			return itsm.Errorf(itsm.Invalid, "%s.hmac.secrets: empty", path)
		case a.HMAC.Header == "":
			return itsm.Errorf(itsm.Invalid, "%s.hmac.header: empty; name the header that carries the signature", path)
		case a.HMAC.IDHeader != "" && a.HMAC.TimestampHeader == "":
			return itsm.Errorf(itsm.Invalid, "%s.hmac.id_header: needs timestamp_header", path)
		}
	}
	for _, name := range []string{"bearer", "query_token", "webhook_secrets", "gitlab", "hmac.secrets"} {
		for i, s := range lists[name] {
			if s == "" {
				return itsm.Errorf(itsm.Invalid, "%s.%s[%d]: an empty secret would let anybody in", path, name, i)
			}
		}
	}
	for i, b := range a.Basic {
		if b.User == "" || b.Password == "" {
			return itsm.Errorf(itsm.Invalid, "%s.basic[%d]: user and password must both be set", path, i)
		}
	}
	return nil
}

// sameSecret compares in constant time, whatever the lengths: both sides are
// hashed first.
func sameSecret(got []byte, want string) bool {
	g, w := sha256.Sum256(got), sha256.Sum256([]byte(want))
	return hmac.Equal(g[:], w[:])
}

func anySecret(got []byte, wants []string) bool {
	ok := false
	for _, w := range wants { // all of them: which one matched shows in no timing
		ok = sameSecret(got, w) || ok
	}
	return ok
}

// byHeader checks the schemes that need no body.
func (a Auth) byHeader(c *fiber.Ctx) bool {
	header := c.Request().Header.Peek(fiber.HeaderAuthorization)
	if scheme, value, ok := strings.Cut(string(header), " "); ok && len(a.Bearer)+len(a.Basic) > 0 {
		value = strings.TrimSpace(value)
		switch {
		case strings.EqualFold(scheme, "bearer"):
			if value != "" && anySecret([]byte(value), a.Bearer) {
				return true
			}
		case strings.EqualFold(scheme, "basic"):
			if a.basic(value) {
				return true
			}
		}
	}
	if token := c.Request().Header.Peek("X-Gitlab-Token"); len(token) > 0 && len(a.GitLab) > 0 {
		return anySecret(token, a.GitLab)
	}
	if len(a.QueryToken) > 0 {
		if token := c.Context().QueryArgs().Peek("token"); len(token) > 0 {
			return anySecret(token, a.QueryToken)
		}
	}
	return false
}

func (a Auth) basic(value string) bool {
	plain, err := base64.StdEncoding.DecodeString(value)
	if err != nil {
		return false
	}
	user, password, ok := strings.Cut(string(plain), ":")
	if !ok {
		return false
	}
	hit := false
	for _, b := range a.Basic {
		u, p := sameSecret([]byte(user), b.User), sameSecret([]byte(password), b.Password)
		hit = hit || (u && p)
	}
	return hit
}

// signed is what a valid signature vouches for. Replay is "" when the scheme
// signs no timestamp.
type signed struct {
	ok     bool
	replay string // what is the same in a repeat: id or timestamp, and the body
}

// bySignature checks the schemes that sign the raw body.
func (a Auth) bySignature(h *fasthttp.RequestHeader, raw []byte, now time.Time) signed {
	if len(a.PagerDuty) > 0 && pagerDutySigned(single(h, "X-PagerDuty-Signature"), a.PagerDuty, raw) {
		return signed{ok: true}
	}
	if a.HMAC != nil {
		return a.HMAC.check(h, raw, now)
	}
	return signed{}
}

// single returns a header that occurs once; two of them are nobody's signature.
func single(h *fasthttp.RequestHeader, name string) string {
	if all := h.PeekAll(name); len(all) == 1 {
		return string(all[0])
	}
	return ""
}

// pagerDutySigned checks v1=HEX[,v1=HEX…], one for each live secret of the sender.
func pagerDutySigned(header string, secrets []string, raw []byte) bool {
	ok := false
	parts := strings.Split(header, ",")
	for _, part := range parts[:min(len(parts), signaturesMax)] {
		digits, found := strings.CutPrefix(strings.TrimSpace(part), "v1=")
		if !found {
			continue
		}
		sum, err := hex.DecodeString(digits)
		if err != nil || len(sum) != sha256.Size || digits != strings.ToLower(digits) {
			continue
		}
		for _, s := range secrets {
			ok = hmac.Equal(sum, digest(s, raw)) || ok
		}
	}
	return ok
}

func digest(secret string, parts ...[]byte) []byte {
	m := hmac.New(sha256.New, []byte(secret))
	for _, p := range parts {
		m.Write(p)
	}
	return m.Sum(nil)
}

func (s *HMAC) check(h *fasthttp.RequestHeader, raw []byte, now time.Time) signed {
	sep := s.Separator
	if sep == "" && !s.Joined {
		sep = "."
	}
	var head, replay string
	if s.Version != "" {
		head = s.Version + sep
	}
	if s.TimestampHeader != "" {
		stamp := single(h, s.TimestampHeader)
		seconds, ok := s.seconds(stamp)
		if !ok {
			return signed{}
		}
		if d := now.Unix() - seconds; d > int64(SignatureSkew/time.Second) || -d > int64(SignatureSkew/time.Second) {
			return signed{}
		}
		version := head
		head, replay = version+stamp+sep, stamp
		if s.IDHeader != "" {
			id := single(h, s.IDHeader)
			if id == "" {
				return signed{}
			}
			head, replay = version+id+sep+stamp+sep, id
		}
	}
	fields := strings.Fields(single(h, s.Header))
	ok := false
	for _, f := range fields[:min(len(fields), signaturesMax)] {
		sum, good := s.decode(f)
		for _, secret := range s.Secrets {
			ok = good && hmac.Equal(sum, digest(secret, []byte(head), raw)) || ok
		}
	}
	if !ok {
		return signed{}
	}
	if replay != "" {
		sum := sha256.Sum256(raw)
		replay = fmt.Sprintf("%s\x00%x", replay, sum[:16])
	}
	return signed{ok: true, replay: replay}
}

// seconds is a timestamp in Unix seconds; any other spelling of them is none.
func (s *HMAC) seconds(stamp string) (int64, bool) {
	if s.RFC3339 {
		t, err := time.Parse(time.RFC3339, stamp)
		return t.Unix(), err == nil
	}
	n, err := strconv.ParseInt(stamp, 10, 64)
	return n, err == nil && strconv.FormatInt(n, 10) == stamp
}

// decode takes one signature apart; any other spelling of the same bytes is none.
func (s *HMAC) decode(field string) ([]byte, bool) {
	text, found := strings.CutPrefix(field, s.Prefix)
	if !found {
		return nil, false
	}
	if s.Base64 {
		sum, err := base64.StdEncoding.Strict().DecodeString(text)
		return sum, err == nil && len(sum) == sha256.Size
	}
	sum, err := hex.DecodeString(text)
	return sum, err == nil && len(sum) == sha256.Size && text == strings.ToLower(text)
}
