package alertmanager_test

import (
	"net/http"
	"testing"

	"signalbox/connectors"
	"signalbox/connectors/alertmanager"
	"signalbox/connectors/alertmanager/alertmanagertest"
	"signalbox/connectors/connectortest"
	"signalbox/itsm"
)

// named has one firing alert in every incident, with its number as a name.
type named struct{}

func (named) Members(n itsm.IncidentNumber, _ int) ([]itsm.Alert, error) {
	return []itsm.Alert{fire(n, "alertmanager", map[string]string{"alertname": n.String()})}, nil
}

func (r named) Alerts(n itsm.IncidentNumber, limit int) ([]itsm.Alert, error) {
	return r.Members(n, limit)
}

func (named) Incident(n itsm.IncidentNumber) (itsm.Incident, error) {
	return itsm.Incident{Number: n, State: itsm.InProgress, AcknowledgedAt: 1}, nil
}

func TestConformance(t *testing.T) {
	connectortest.Run(t, connectortest.Subject{
		Connector: func(_ testing.TB, url string, client *http.Client) connectors.Connector {
			c := alertmanager.New(alertmanager.Options{Name: connectortest.Name, URLs: []string{url}, Sources: []string{"alertmanager"}, SilenceOnAcknowledge: true, HTTP: client})
			c.Read(named{})
			return c
		},
		Front: alertmanagertest.Front,
		Opens: itsm.Acknowledge,
		Lacks: connectortest.Comments,
	})
}
