package datadog_test

import (
	"net/http"
	"testing"

	"signalbox/connectors"
	"signalbox/connectors/connectortest"
	"signalbox/connectors/datadog"
	"signalbox/connectors/datadog/datadogtest"
)

func TestConformance(t *testing.T) {
	for keep, lacks := range map[datadog.Keep]connectortest.Lacks{datadog.KeepCases: 0, datadog.KeepIncidents: connectortest.Comments} {
		t.Run(string(keep), func(t *testing.T) {
			connectortest.Run(t, connectortest.Subject{
				Connector: func(_ testing.TB, url string, client *http.Client) connectors.Connector {
					return datadog.New(datadog.Options{Name: connectortest.Name, URL: url, APIKey: datadogtest.APIKey, AppKey: datadogtest.AppKey, Keep: keep, Events: true,
						Project: "p", CaseType: "t", HTTP: client})
				},
				Front: datadogtest.Front(t),
				Lacks: lacks,
			})
		})
	}
}
