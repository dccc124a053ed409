// Package kind is the list of the kinds of source: which decoder a configured
// source uses. The door, replay and the retry of quarantined deliveries read
// bodies through it, so that the same body means the same everywhere. It is pure.
package kind

import (
	"slices"
	"strings"
	"time"

	"signalbox/ingest/source"
	"signalbox/ingest/source/alertmanager"
	"signalbox/ingest/source/argocd"
	"signalbox/ingest/source/datadog"
	"signalbox/ingest/source/generic"
	"signalbox/ingest/source/github"
	"signalbox/ingest/source/gitlab"
	"signalbox/ingest/source/jira"
	"signalbox/ingest/source/opsgenie"
	"signalbox/ingest/source/pagerduty"
	"signalbox/ingest/source/pagerdutychange"
	"signalbox/ingest/source/prometheus"
	"signalbox/ingest/source/servicenow"
	"signalbox/ingest/source/slack"
	"signalbox/ingest/source/webhook"
	"signalbox/itsm"
)

// Names of the kinds, as in the configuration.
const (
	Alertmanager = "alertmanager"
	Prometheus   = "prometheus"
	Datadog      = "datadog"
	Generic      = "generic"
	Jira         = "jira"
	Opsgenie     = "opsgenie"
	PagerDuty    = "pagerduty"
	ServiceNow   = "servicenow"
	Slack        = "slack"
	Webhook      = "webhook"

	ArgoCD          = "argocd"
	GitHub          = "github"
	GitLab          = "gitlab"
	PagerDutyChange = "pagerduty-change"
)

// Names lists the kinds, sorted.
func Names() []string {
	return []string{Alertmanager, ArgoCD, Datadog, Generic, GitHub, GitLab, Jira, Opsgenie, PagerDuty, PagerDutyChange, Prometheus, ServiceNow, Slack, Webhook}
}

// Options are what decoders can be told; those of other kinds are ignored.
type Options struct {
	Bounds         source.Bounds // of every kind
	IgnoreLabels   []string      // prometheus: labels that differ between replicas
	ResolveTimeout time.Duration // prometheus: lease of an alert that names no end; 0 is 5m
	ServiceNow     servicenow.Config
	Jira           jira.Config
	Mapping        *webhook.Mapping // webhook: what its bodies mean; nil: Standard Webhooks
}

// Decoder returns the decoder of a kind.
func Decoder(name string, o Options) (source.TimedDecoder, error) {
	switch name {
	case Alertmanager:
		return source.Decoder(alertmanager.Decode).Within(o.Bounds), nil
	case Prometheus:
		return prometheus.Config{IgnoreLabels: slices.Clone(o.IgnoreLabels), ResolveTimeout: o.ResolveTimeout, Bounds: o.Bounds}.Decode, nil
	case Datadog:
		return source.Decoder(datadog.Decode).Within(o.Bounds), nil
	case Generic:
		return source.Decoder(generic.Decode).Within(o.Bounds), nil
	case ArgoCD:
		return source.Decoder(argocd.Decode).Within(o.Bounds), nil
	case GitHub:
		return source.Decoder(github.Decode).Within(o.Bounds), nil
	case GitLab:
		return source.Decoder(gitlab.Decode).Within(o.Bounds), nil
	case PagerDutyChange:
		return source.Decoder(pagerdutychange.Decode).Within(o.Bounds), nil
	case PagerDuty:
		return source.Decoder(pagerduty.Decode).Within(o.Bounds), nil
	case Jira:
		c := o.Jira
		c.Bounds = o.Bounds
		return c.Decode, nil
	case Opsgenie:
		return source.Decoder(opsgenie.Decode).Within(o.Bounds), nil
	case ServiceNow:
		c := o.ServiceNow
		c.Bounds = o.Bounds
		return c.Decode, nil
	case Webhook:
		m := o.Mapping
		if m == nil {
			var err error
			if m, err = webhook.Standard(); err != nil {
				return nil, err
			}
		}
		return source.Decoder(m.Decode).Within(o.Bounds), nil
	case Slack:
		return source.Decoder(slack.Decode).Within(o.Bounds), nil
	}
	return nil, itsm.Errorf(itsm.Invalid, "source kind %q: expected one of %s", name, strings.Join(Names(), ", "))
}
