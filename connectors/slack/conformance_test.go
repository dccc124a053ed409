package slack_test

import (
	"net/http"
	"testing"

	"signalbox/connectors"
	"signalbox/connectors/connectortest"
	"signalbox/connectors/slack"
	"signalbox/connectors/slack/slacktest"
)

// TestConformance: what people press in Slack changes nothing there by itself, so
// there are no reports of it.
func TestConformance(t *testing.T) {
	connectortest.Run(t, connectortest.Subject{
		Connector: func(_ testing.TB, url string, client *http.Client) connectors.Connector {
			return slack.New(slack.Options{Name: connectortest.Name, Token: slacktest.FrontToken, Channel: slacktest.FrontChannel, APIURL: url, Interactive: true,
				ExternalURL: "https://signalbox.example.com", HTTP: client})
		},
		Front: slacktest.Front,
	})
}
