package pagerduty_test

import (
	"net/http"
	"testing"

	"signalbox/connectors"
	"signalbox/connectors/connectortest"
	"signalbox/connectors/pagerduty"
	"signalbox/connectors/pagerduty/pagerdutytest"
	"signalbox/ingest/source"
	decoder "signalbox/ingest/source/pagerduty"
)

func TestConformance(t *testing.T) {
	connectortest.Run(t, connectortest.Subject{
		Connector: func(_ testing.TB, url string, client *http.Client) connectors.Connector {
			return pagerduty.New(pagerduty.Options{Name: connectortest.Name, EventsURL: url, APIURL: url, RoutingKey: pagerdutytest.FrontKey,
				APIToken: pagerdutytest.FrontToken, From: pagerdutytest.FrontFrom, ExternalURL: "https://signalbox.example.com", HTTP: client})
		},
		Front:  pagerdutytest.Front,
		Report: pagerdutytest.Report,
		Decode: source.Decoder(decoder.Decode).Within(source.Bounds{}),
	})
}
