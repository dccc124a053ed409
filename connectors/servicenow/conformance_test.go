package servicenow_test

import (
	"net/http"
	"testing"

	"signalbox/connectors"
	"signalbox/connectors/connectortest"
	"signalbox/connectors/servicenow"
	fake "signalbox/connectors/servicenow/servicenowtest"
)

func TestConformance(t *testing.T) {
	connectortest.Run(t, connectortest.Subject{
		Connector: func(_ testing.TB, url string, client *http.Client) connectors.Connector {
			return servicenow.New(servicenow.Options{Name: connectortest.Name, URL: url, User: fake.User, Password: fake.Password, AssignmentGroup: "Service Desk", ExternalURL: "https://signalbox.example.com", HTTP: client})
		},
		Front:  fake.Front,
		Report: fake.Report,
		Decode: config.Decode,

		Objects: true,
	})
}
