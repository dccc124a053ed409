package pagerduty

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"

	pd "github.com/PagerDuty/go-pagerduty"

	"signalbox/connectors"
)

const (
	answerMax   = 8 << 20 // bytes of an answer that are read: a page of services or incidents
	answerShown = 500
	requestsMax = 2100 // of one call of the library, which follows pages: connectors.EstateMax and some
)

// client returns a PagerDuty client for one call, and the record of how it went.
func (c *Connector) client() (*call, *pd.Client) {
	k := &call{http: c.o.HTTP}
	var opts []pd.ClientOptions
	if c.o.EventsURL != "" {
		opts = append(opts, pd.WithV2EventsAPIEndpoint(strings.TrimSuffix(c.o.EventsURL, "/")))
	}
	if c.o.APIURL != "" {
		opts = append(opts, pd.WithAPIEndpoint(strings.TrimSuffix(c.o.APIURL, "/")))
	}
	client := pd.NewClient(c.o.APIToken, opts...)
	client.HTTPClient = k
	return k, client
}

// call is the transport of one request; it keeps what the library drops.
type call struct {
	http   *http.Client
	status int
	header http.Header
	answer string
	n      int
}

// Do implements pagerduty.HTTPClient. The whole answer is read here, so that no
// path of the library can leave a connection open.
func (k *call) Do(r *http.Request) (*http.Response, error) {
	if k.n++; k.n > requestsMax {
		return nil, fmt.Errorf("more than %d pages", requestsMax)
	}
	resp, err := k.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, answerMax))
	if err != nil {
		return nil, err
	}
	k.status, k.header, k.answer = resp.StatusCode, resp.Header, connectors.Cut(strings.ToValidUTF8(string(b), "?"), answerShown)
	resp.Body = io.NopCloser(bytes.NewReader(b))
	return resp, nil
}

// outcome says what a call came to. The status decides: the library's own error
// is only trusted when there was no answer, or when a success could not be read.
func (k *call) outcome(err error) error {
	if k.status == 0 {
		if err == nil {
			return nil
		}
		return connectors.Retry(0, "PagerDuty was not reached: %w", err)
	}
	if answered := connectors.Answered(k.status, k.header, k.answer); answered != nil {
		return answered
	}
	if err != nil {
		// 2xx with something that is not PagerDuty's JSON, such as a proxy's login page.
		return connectors.Retry(0, "PagerDuty answered %d with something unexpected: %s", k.status, k.answer)
	}
	return nil
}
