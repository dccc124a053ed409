package pagerduty

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	pd "github.com/PagerDuty/go-pagerduty"

	"signalbox/connectors"
	source "signalbox/ingest/source/pagerduty"
	"signalbox/itsm"
)

// Bounds of looking at many.
const (
	listedPerPage  = 100              // the most that PagerDuty gives at once
	listedPagesMax = 20               // of one listing; what is not in them is asked for alone
	listingKept    = 20 * time.Second // one listing serves the searches of a sweep
	overSince      = 72 * time.Hour   // of incidents that are over, those made since are listed
	missingFew     = 4                // records that are rather asked for alone than listed
	sightsMax      = 20_000           // records of which it is remembered what was seen
	channelDepth   = 6                // of an event's details that are searched for our key
)

// LookMany implements connectors.ManyLooker. PagerDuty cannot be asked for several
// keys at once. It lists what is open there, a hundred a page, and one listing serves
// a whole sweep; what was seen over and is not in it still is. Only what is neither is
// asked for alone, after what ended of late was listed, too.
func (c *Connector) LookMany(ctx context.Context, refs []connectors.Ref) ([]connectors.Record, error) {
	if !c.reads() {
		return nil, itsm.Errorf(itsm.Invalid, "connector %s has no api_token, so PagerDuty cannot be asked", c.o.Name)
	}
	c.looking.Lock()
	defer c.looking.Unlock()
	ids, err := c.priorityIDs(ctx)
	if err != nil {
		return nil, err
	}
	l, err := c.listing(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]connectors.Record, len(refs))
	var missing []int
	for n, r := range refs {
		in := c.sights.in(l, source.DedupKey(r.Incident, r.Epoch))
		if in == nil {
			missing = append(missing, n)
			continue
		}
		out[n] = c.standing(in, ids)
	}
	if len(missing) > missingFew && l.over == nil && l.complete {
		if err := c.listOver(ctx, l); err != nil {
			return nil, err
		}
	}
	for _, n := range missing {
		key := source.DedupKey(refs[n].Incident, refs[n].Epoch)
		in := c.sights.in(l, key)
		if in == nil {
			found, err := c.find(ctx, key)
			if err != nil {
				return nil, err
			}
			if len(found) == 0 {
				continue
			}
			in = &found[0]
			c.sights.saw(key, in)
		}
		out[n] = c.standing(in, ids)
	}
	return out, nil
}

// listed is a PagerDuty incident in a list, and the key that its first event says.
type listed struct {
	pd.Incident
	First struct {
		Channel json.RawMessage `json:"channel"`
	} `json:"first_trigger_log_entry"` // hides the library's, which takes fewer shapes than there are
}

// key is that of the incident or, when that is null, of the event that made it, where
// PagerDuty shows that.
func (in *listed) key() string {
	if in.IncidentKey != "" {
		return in.IncidentKey
	}
	var channel any
	if json.Unmarshal(in.First.Channel, &channel) != nil {
		return ""
	}
	return keyIn(channel, channelDepth)
}

// keyIn finds a key of ours in the details of an event: where in them it stands
// depends on the integration.
func keyIn(v any, depth int) string {
	m, ok := v.(map[string]any)
	if !ok || depth == 0 {
		return ""
	}
	for _, name := range []string{"dedup_key", "incident_key"} {
		if key, _ := m[name].(string); key != "" {
			if _, _, ours := source.ParseDedupKey(key); ours {
				return key
			}
		}
	}
	for _, name := range []string{"cef_details", "details", "custom_details", "body"} {
		if key := keyIn(m[name], depth-1); key != "" {
			return key
		}
	}
	return ""
}

// listing is what PagerDuty listed, by id and by key; the newest where several have
// one key.
type listing struct {
	at       time.Time // when it was begun
	complete bool      // all that is open is in it
	open     sheet
	over     *sheet // what ended of late; nil: not asked for
}

type sheet struct{ byID, byKey map[string]*pd.Incident }

func (s *sheet) find(key, id string) *pd.Incident {
	if s == nil {
		return nil
	}
	if in := s.byKey[key]; in != nil {
		return in
	}
	return s.byID[id]
}

// listing returns one that is young enough, or a new one.
func (c *Connector) listing(ctx context.Context) (*listing, error) {
	if l := c.listedLast; l != nil && time.Since(l.at) < listingKept {
		return l, nil
	}
	l := &listing{at: time.Now()}
	var err error
	if l.open, l.complete, err = c.list(ctx, url.Values{"statuses[]": {"triggered", "acknowledged"}, "date_range": {"all"}}); err != nil {
		return nil, err
	}
	c.listedLast = l
	return l, nil
}

// listOver adds what ended of late to a listing.
func (c *Connector) listOver(ctx context.Context, l *listing) error {
	s, _, err := c.list(ctx, url.Values{"statuses[]": {"resolved"}, "since": {l.at.Add(-overSince).UTC().Format(time.RFC3339)}, "until": {l.at.Add(clockTolerance).UTC().Format(time.RFC3339)}})
	if err == nil {
		l.over = &s
	}
	return err
}

// list reads the pages of a list of incidents, newest first; false: there are more.
func (c *Connector) list(ctx context.Context, q url.Values) (s sheet, complete bool, err error) {
	s = sheet{map[string]*pd.Incident{}, map[string]*pd.Incident{}}
	q.Set("limit", strconv.Itoa(listedPerPage))
	q.Set("sort_by", "created_at:desc")
	q.Set("include[]", "first_trigger_log_entries")
	for page := range listedPagesMax {
		q.Set("offset", strconv.Itoa(page*listedPerPage))
		var got struct {
			Incidents []listed
			More      bool
		}
		if err := c.get(ctx, "/incidents?"+q.Encode(), &got); err != nil {
			return s, false, err
		}
		for i := range got.Incidents {
			in := &got.Incidents[i]
			if s.byID[in.ID] == nil {
				s.byID[in.ID] = &in.Incident
			}
			if key := in.key(); key != "" && s.byKey[key] == nil {
				s.byKey[key] = &in.Incident
			}
		}
		if !got.More {
			return s, true, nil
		}
	}
	return s, false, nil
}

// get asks the REST API where the library's types do not fit.
func (c *Connector) get(ctx context.Context, path string, out any) error {
	call, client := c.client()
	base := c.o.APIURL
	if base == "" {
		base = "https://api.pagerduty.com"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(base, "/")+path, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req, true)
	if err == nil {
		err = json.NewDecoder(resp.Body).Decode(out)
	}
	return call.outcome(err)
}
