package source

import "signalbox/itsm"

// Named fills what Alertmanager and Prometheus alerts have in common: severity,
// title and CI from the conventional labels and annotations.
func Named(e *itsm.Event) {
	e.SeverityWord, _ = e.Labels.First("severity", "priority")
	e.Severity = itsm.SeverityOf(e.SeverityWord)
	title, _ := e.Annotations.First("summary", "title", "message")
	if title == "" {
		title, _ = e.Labels.First("alertname")
	}
	if title == "" {
		title = "alert " + e.Identity
	}
	e.Title = Title(title)
	if ci := e.Labels.Get("ci"); len(ci) <= NameBytesMax {
		e.CIName = ci
	}
}
