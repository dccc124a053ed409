package console

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"golang.org/x/net/html"

	"signalbox/itsm/access"
)

// fixedNow is when the canned story is told in tests.
var fixedNow = time.Date(2026, 11, 21, 2, 51, 0, 0, time.UTC)

func fixedClock() time.Time { return fixedNow }

// site is a storybook being served, and a client that keeps cookies and does not
// follow redirects.
type site struct {
	t       testing.TB
	base    string
	console *Console
	app     *fiber.App
	book    *book
	client  *http.Client
	log     *bytes.Buffer
}

// serve starts the storybook on a free port.
func serve(t testing.TB, clock func() time.Time) *site {
	t.Helper()
	b, err := openBook(clock)
	if err != nil {
		t.Fatal(err)
	}
	return serveBook(t, b)
}

func serveBook(t testing.TB, b *book) *site {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	base := "http://" + ln.Addr().String()
	log := new(bytes.Buffer)
	c, app, err := b.serve(base, slog.New(slog.NewTextHandler(log, nil)),
		access.Token{Secret: StorybookToken, Name: "admin", Role: access.Admin}, access.Token{Secret: "viewer", Name: "vera", Role: access.Viewer})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- app.Listener(ln) }()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar, Transport: &http.Transport{}, Timeout: time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	t.Cleanup(func() {
		c.Close()
		client.CloseIdleConnections()
		if err := app.ShutdownWithTimeout(time.Minute); err != nil {
			t.Errorf("shut down: %v", err)
		}
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	// Shutting down a server that has not begun to accept would wait for ever.
	if resp, err := client.Get(base + "/sign-in"); err != nil {
		t.Fatal(err)
	} else {
		resp.Body.Close()
	}
	return &site{t: t, base: base, console: c, app: app, book: b, client: client, log: log}
}

// signedIn is serve, signed in as admin.
func signedIn(t testing.TB, clock func() time.Time) *site {
	t.Helper()
	return serve(t, clock).signIn()
}

// signedInEmpty is a server just started that has received nothing.
func signedInEmpty(t testing.TB, clock func() time.Time) *site {
	t.Helper()
	b, err := emptyBook(clock)
	if err != nil {
		t.Fatal(err)
	}
	return serveBook(t, b).signIn()
}

func (s *site) signIn() *site {
	t := s.t
	t.Helper()
	if r, _ := s.post("/sign-in", url.Values{"token": {StorybookToken}, "next": {"/"}}); r.StatusCode != http.StatusSeeOther {
		t.Fatalf("sign in: status %d, want 303", r.StatusCode)
	}
	return s
}

func (s *site) do(r *http.Request) (*http.Response, string) {
	s.t.Helper()
	resp, err := s.client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp, string(body)
}

func (s *site) get(path string) (*http.Response, string) {
	s.t.Helper()
	r, err := http.NewRequest(http.MethodGet, s.base+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.do(r)
}

func (s *site) post(path string, form url.Values) (*http.Response, string) {
	s.t.Helper()
	r, err := http.NewRequest(http.MethodPost, s.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return s.do(r)
}

// pages are the addresses of every page of the storybook.
var pages = []string{
	"/home?as=oncall", "/home?as=problems", "/home?as=operations", "/unbound", "/unbound?key=host:legacy-print-1", "/unbound?key=alert:alertmanager/targetdown",
	"/", "/?state=all", "/?state=resolved&priority=P1,P3", "/?q=nothing+like+this", "/?service=svc-cart",
	"/incidents/INC0000001", "/incidents/INC0000003", "/incidents/INC0000004", "/incidents/INC0000005", "/incidents/INC0000006", "/incidents/INC0000007", "/incidents/INC0000004/review", "/?major=proposed,accepted", "/?picked=all", "/?priority=P1&priority=P2", "/?assignee=jonas&group=Mail", "/bulk?do=resolve&number=INC0000002&number=INC0000004&number=INC0000007&number=INC0000006", "/bulk?do=assign&number=INC0000005", "/bulk?do=hold&number=INC0000003&number=INC0000005", "/bulk?do=merge&number=INC0000005", "/bulk?do=parent&number=INC0000004&number=INC0000005", "/bulk?do=acknowledge&number=INC0000002",
	"/alerts", "/alerts?status=all&q=orders", "/alerts?incident=INC0000004", "/alerts/ALR0000003", "/alerts/ALR0000010", "/alerts/ALR0000045",
	"/alerts/ALR0000010/why", "/alerts/ALR0000010/why?beside=INC0000007", "/alerts/ALR0000045/why", "/incidents/INC0000004/why",
	"/incidents/INC0000001/ask/acknowledge", "/incidents/INC0000001/ask/resolve", "/incidents/INC0000004/ask/acknowledge", "/incidents/INC0000007/ask/resolve",
	"/problems", "/problems?by=team", "/problems?by=service", "/problems?show=over", "/problems/PRB0000002", "/problems/PRB0000003",
	"/reports", "/reports?days=7&team=payments", "/reports/mttr", "/reports/sla", "/reports/noise", "/reports/cis?from=2026-10-01&to=2026-12-31&service=svc-cart",
	"/cis", "/cis?q=orders&class=Pod", "/cis/orders-db-1", "/cis/svc-checkout", "/cis/ci-agent-3",
	"/changes", "/changes?month=2020-01", "/changes/CHG0000001", "/changes/CHG0000003", "/maintenance", "/maintenance/new", "/maintenance/new?change=CHG0000003", "/maintenance/MNT0000001", "/maintenance/MNT0000002",
	"/rules", "/rules?show=shadow&stage=suppress&q=pod", "/rules?show=never+matched", "/rules/rule/shop-namespace", "/rules/rule/latency-behind-5xx", "/rules/history", "/rules/suggestions", "/rules/suggestions?kind=together",
	"/rules/diff?from=3&to=4", "/rules/diff?from=0&to=1", "/rules/revisions/2", "/rules/revisions/4", "/rules/revisions/4/activate", "/rules/revisions/1/activate",
	"/rules/edit", "/rules/edit?from=2", "/rules/try", "/rules/try?alert=ALR0000010", "/rules/try?alert=ALR0000010&revision=2", "/rules/try?alert=ALR0000044&revision=4",
	"/rules/backtests", "/rules/backtests?revision=4&against=none&days=30", "/rules/backtests/1", "/rules/backtests/2", "/rules/backtests/3", "/rules/backtests/4",
	"/quarantine", "/quarantine?show=all", "/quarantine/5f0c77a1be22d940",
	"/deliveries", "/deliveries?fate=suppressed&source=alertmanager", "/deliveries?alert=ALR0000010", "/deliveries?from=2020-01-01", "/deliveries/301", "/deliveries/301?event=4", "/deliveries/306", "/totals",
	"/account", "/admin/users", "/admin/users/jo", "/admin/tokens", "/admin/teams", "/admin/teams/payments", "/admin/audit", "/admin/audit?object=user/jo", "/?team=payments",
	"/connectors", "/connectors/pagerduty", "/connectors/jira", "/connectors/chat", "/settings/connectors",
	"/status", "/help", "/no/such/page",
}

// emptyPages are those a fresh server has something to say on.
var emptyPages = []string{"/", "/home?as=oncall", "/home?as=problems", "/home?as=operations", "/unbound", "/problems", "/reports", "/reports/mttr", "/alerts", "/cis", "/changes", "/maintenance", "/maintenance/new", "/rules", "/rules/edit", "/rules/history", "/rules/backtests", "/rules/suggestions", "/rules/try", "/quarantine", "/deliveries", "/totals", "/connectors", "/status", "/help"}

func parse(t testing.TB, body string) *html.Node {
	t.Helper()
	n, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// each calls fn for every element of a tree.
func each(n *html.Node, fn func(*html.Node)) {
	if n.Type == html.ElementNode {
		fn(n)
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		each(c, fn)
	}
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// text is what a reader reads of a tree.
func text(n *html.Node) string {
	var b strings.Builder
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		if n.Type == html.TextNode {
			b.WriteString(n.Data)
			b.WriteByte(' ')
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
	}
	walk(n)
	return strings.Join(strings.Fields(b.String()), " ")
}

// link is the address of the first link with these words, or "".
func link(t testing.TB, body, words string) (href string) {
	t.Helper()
	each(parse(t, body), func(n *html.Node) {
		if n.Data == "a" && href == "" && text(n) == words {
			href = attr(n, "href")
		}
	})
	return href
}
