package api

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"signalbox/itsm"
	"signalbox/itsm/entry"
	"signalbox/itsm/ledger"
)

// shelf is a journal of some entries.
type shelf map[itsm.Offset][]byte

func (s shelf) Entry(off itsm.Offset) ([]byte, error) {
	if b, ok := s[off]; ok {
		return b, nil
	}
	return nil, itsm.Errorf(itsm.NotFound, "entry %d is not kept", off)
}

// deliver stores a delivery and its fates as the next entry.
func (w *world) deliver(journal shelf, d entry.Delivery, fates ...itsm.EventFate) itsm.Offset {
	w.t.Helper()
	off := w.offset + 1
	w.apply(itsm.Decision{Kind: itsm.PutFates, Fates: &itsm.Fates{Offset: off, At: start.Add(time.Duration(off) * time.Second), Source: d.Source, Events: fates}})
	journal[off] = entry.EncodeDelivery(nil, &d)
	return off
}

func ledgerWorld(t *testing.T, totals ledger.Totals) (*world, shelf) {
	journal := shelf{}
	w := newWorld(t, func(o *Options) {
		o.Ledger = ledger.New(o.Records.(ledger.Records), journal, func() ledger.Totals { return totals })
	})
	return w, journal
}

func TestDeliveries(t *testing.T) {
	w, journal := ledgerWorld(t, ledger.Totals{})
	inc := w.open(itsm.Incident{})
	w.raise(itsm.Alert{Number: 1, Source: "am", Key: "am/a", Status: itsm.Firing, Severity: itsm.Major, Title: "disk full", Episode: 1, Incident: inc})
	folded := itsm.EventFate{Fate: itsm.FateFolded, Alert: 1, Episode: 1, Incident: inc}
	first := w.deliver(journal, entry.Delivery{Source: "am", Remote: "192.0.2.7:9", Raw: []byte("<b>\x00"),
		Events: []itsm.Event{{Source: "am", Identity: "a", Title: "disk full", Status: itsm.Firing, Severity: itsm.Major}, {Source: "am", Identity: "b", Status: itsm.Resolved}},
		Bad:    []entry.Bad{{ID: "q1", Error: "alerts[2]: no labels"}}},
		folded, itsm.EventFate{Fate: itsm.FateSuppressed, Reason: itsm.ReasonUnknownClear}, itsm.EventFate{Fate: itsm.FateQuarantined})
	second := w.deliver(journal, entry.Delivery{Source: "dd", Events: []itsm.Event{{Source: "dd", Identity: "x", Status: itsm.Firing}}}, itsm.EventFate{Fate: itsm.FateFolded, Alert: 2, Episode: 1})
	delete(journal, second)
	if first != 3 || second != 4 {
		t.Fatalf("entries %d and %d", first, second)
	}

	w.want(w.call("GET", "/api/v1/deliveries/3", ""), http.StatusOK,
		`"offset":3,"at":"2026-11-03T09:00:03.000Z","source":"am","event_count":3,"folded":1,"deduplicated":0,"suppressed":1,"quarantined":1`,
		`"kept":true,"remote":"192.0.2.7:9","retry_of":null,"raw_bytes":4`,
		`"identity":"a","status":"firing","severity":"major","title":"disk full","fate":"folded","reason":null,"alert":"ALR0000001","episode":1,"incident":"INC0000001","incident_now":"INC0000001"`,
		`"because":"same CI","story":"Folded into ALR0000001; it is in INC0000001: same CI."`,
		`"fate":"suppressed","reason":"clear of an unknown alert","alert":null`,
		`"quarantine":"q1","error":"alerts[2]: no labels"`, `"next_event":null`)
	w.want(w.call("GET", "/api/v1/deliveries/3?event=2", ""), http.StatusOK, `"events":[{"event":2,`)
	w.want(w.call("GET", "/api/v1/deliveries/4", ""), http.StatusOK, `"kept":false`, `"identity":null`, `"alert":"ALR0000002"`)
	for path, word := range map[string]string{"2": "entry 2", "5": "entry 5", "0": "offset", "x": "offset", "99999999999999999999": "offset"} {
		w.want(w.call("GET", "/api/v1/deliveries/"+path, ""), http.StatusNotFound, word)
	}
	w.want(w.call("GET", "/api/v1/deliveries/3?event=-1", ""), http.StatusBadRequest, "event")

	a := w.want(w.call("GET", "/api/v1/deliveries/3/raw", ""), http.StatusOK)
	if a.body != "<b>\x00" || a.header.Get("Content-Type") != "application/octet-stream" || !strings.HasPrefix(a.header.Get("Content-Disposition"), "attachment") {
		t.Errorf("raw = %q %v", a.body, a.header)
	}
	w.want(w.call("GET", "/api/v1/deliveries/4/raw", ""), http.StatusNotFound)
}

func TestDeliveryList(t *testing.T) {
	w, journal := ledgerWorld(t, ledger.Totals{})
	for n := range 6 {
		f := itsm.EventFate{Fate: itsm.FateFolded, Alert: itsm.AlertNumber(n%2 + 1), Episode: 1, Incident: 1}
		if n == 3 {
			f = itsm.EventFate{Fate: itsm.FateQuarantined}
		}
		w.deliver(journal, entry.Delivery{Source: []string{"am", "dd"}[n%2]}, f)
	}
	for query, want := range map[string][]float64{
		"":                                       {6, 5, 4, 3, 2, 1},
		"?source=dd":                             {6, 4, 2},
		"?fate=quarantined":                      {4},
		"?alert=ALR0000001":                      {5, 3, 1},
		"?incident=INC0000001&fate=folded":       {6, 5, 3, 2, 1},
		"?incident=INC0000002":                   {},
		"?from=3":                                {3, 2, 1},
		"?from=2026-11-03T09:00:03Z&source=am":   {3, 1},
		"?to=2026-11-03T09:00:05.000Z":           {6, 5},
		"?from=2026-11-03T09:00:00Z":             {},
		"?from=5&to=2026-11-03T09:00:04Z":        {5, 4},
		"?limit=2":                               {6, 5},
		"?from=2026-11-03T09:00:05.999Z&limit=1": {5},
	} {
		items, next := w.want(w.call("GET", "/api/v1/deliveries"+query, ""), http.StatusOK).items(t)
		got := []float64{}
		for _, i := range items {
			got = append(got, i["offset"].(float64))
		}
		if !slices.Equal(got, want) || (next != "") != strings.Contains(query, "limit") {
			t.Errorf("%s = %v, next %q; want %v", query, got, next, want)
		}
	}
	_, next := w.call("GET", "/api/v1/deliveries?limit=4", "").items(t)
	items, next := w.want(w.call("GET", "/api/v1/deliveries?limit=4&cursor="+next, ""), http.StatusOK).items(t)
	if len(items) != 2 || items[0]["offset"].(float64) != 2 || next != "" {
		t.Errorf("the second page is %v, next %q", items, next)
	}
	for query, word := range map[string]string{"alert=7": "alert", "incident=ALR0000001": "incident", "fate=lost": "quarantined", "from=yesterday": "from", "to=5": "to", "cursor=x": "cursor"} {
		w.want(w.call("GET", "/api/v1/deliveries?"+query, ""), http.StatusBadRequest, word)
	}
}

func TestTotals(t *testing.T) {
	sum := ledger.Sum{Accepted: 10, Folded: 4, Deduplicated: 3, Suppressed: 2, SuppressedBy: []ledger.Reason{{Name: "hold", Count: 2}}, Quarantined: 1}
	w, _ := ledgerWorld(t, ledger.Totals{Sum: sum, Sources: []ledger.SourceSum{{Source: "am", Sum: sum}}})
	a := w.want(w.call("GET", "/api/v1/totals", ""), http.StatusOK)
	want := `"accepted":10,"folded":4,"deduplicated":3,"suppressed":2,"suppressed_by":[{"reason":"hold","count":2}],"quarantined":1`
	if a.body != `{"balanced":true,`+want+`,"sources":[{"source":"am",`+want+`}]}` {
		t.Errorf("totals = %s", a.body)
	}
	lost := sum
	lost.Folded--
	w, _ = ledgerWorld(t, ledger.Totals{Sum: lost})
	w.want(w.call("GET", "/api/v1/totals", ""), http.StatusOK, `"balanced":false`, `"sources":[]`)
	for _, path := range []string{"/deliveries", "/deliveries/1", "/deliveries/1/raw", "/totals"} {
		without := newWorld(t)
		without.want(without.call("GET", "/api/v1"+path, ""), http.StatusServiceUnavailable)
	}
}

func TestDeliveredActs(t *testing.T) {
	w, journal := ledgerWorld(t, ledger.Totals{})
	inc := w.open(itsm.Incident{})
	off := w.offset + 1
	w.apply(itsm.Decision{Kind: itsm.PutFates, Fates: &itsm.Fates{Offset: off, At: start, Source: "pd",
		Act: &itsm.ActFate{Kind: itsm.ActAcknowledge, Actor: "pagerduty:Jane", Incident: inc, Result: itsm.ActIgnored, Reason: itsm.ReasonOldReport}}})
	journal[off] = entry.EncodeAct(&itsm.Act{Kind: itsm.ActAcknowledge, Text: "mine"})
	w.want(w.call("GET", "/api/v1/deliveries?incident=INC0000001", ""), http.StatusOK,
		`"event_count":0`, `"act":{"kind":"acknowledge","actor":"pagerduty:Jane","incident":"INC0000001","incident_now":null,"result":"ignored","reason":"older than the partner's last report of the incident","text":null,"story":null}`)
	w.want(w.call("GET", "/api/v1/deliveries/"+strconv.FormatUint(uint64(off), 10), ""), http.StatusOK,
		`"kept":true`, `"events":[]`, `"incident_now":"INC0000001"`, `"text":"mine"`, `"story":"pagerduty:Jane: acknowledge INC0000001; ignored: older than`)
}
