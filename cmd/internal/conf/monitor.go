package conf

import (
	"reflect"
	"slices"
	"strconv"
	"time"
)

// Bounds of how long a silence or a downtime lasts that nobody prolongs.
const (
	silenceForMin = 5 * time.Minute
	silenceForMax = 30 * 24 * time.Hour
)

// replicasMax bounds the replicas of one Alertmanager.
const replicasMax = 16

// Kinds of connector to what alerts come from.
const (
	alertmanagerKind = "alertmanager"
	datadogKind      = "datadog"
)

// watchKinds are the kinds of connector that say which alerts fire there, with the
// kinds of source whose alerts they know.
var watchKinds = map[string][]string{
	alertmanagerKind: {"alertmanager", prometheusKind},
	datadogKind:      {"datadog"},
}

// builtinSources are the kinds of the sources that are there without configuration.
var builtinSources = map[string]string{"alertmanager": "alertmanager", "datadog": "datadog", genericKind: genericKind, "main": prometheusKind}

// monitor checks a connector to what alerts come from.
func (r *reader) monitor(path string, f *File, name string) {
	c := f.Connectors[name]
	for i, u := range c.URLs {
		r.address(path+".urls["+strconv.Itoa(i)+"]", orMissing(u))
	}
	if c.Kind == alertmanagerKind && (len(c.URLs) == 0 || len(c.URLs) > replicasMax) {
		r.bad(path+".urls", strconv.Itoa(len(c.URLs))+" addresses", "the address of each replica of one Alertmanager, 1 to "+strconv.Itoa(replicasMax)+", such as [http://am-1:9093, http://am-2:9093]")
	}
	for key, d := range map[string]time.Duration{".silence_for": time.Duration(c.SilenceFor), ".downtime_for": time.Duration(c.DowntimeFor)} {
		if d != 0 && (d < silenceForMin || d > silenceForMax) {
			r.bad(path+key, d.String(), "5m to 30d")
		}
	}
	if c.Kind == datadogKind {
		r.datadog(path, c)
	}
	kinds := watchKinds[c.Kind]
	if kinds == nil {
		return
	}
	if c.Kind == alertmanagerKind && len(c.Sources) == 0 {
		r.bad(path+".sources", "missing", "the sources whose alerts all come from this Alertmanager, such as [alertmanager]")
	}
	for _, s := range c.Sources {
		switch kind := f.sourceKind(s); {
		case kind == "":
			r.bad(path+".sources", strconv.Quote(cut(s)), "names of sources")
		case !slices.Contains(kinds, kind):
			r.bad(path+".sources", strconv.Quote(cut(s)), "sources of kind "+kinds[0]+"; it is of kind "+kind)
		}
		if kind := f.sourceKind(s); kind != prometheusKind {
			for _, other := range SortedKeys(f.Connectors) {
				if other < name && watchKinds[f.Connectors[other].Kind] != nil && slices.Contains(f.Connectors[other].Sources, s) {
					r.bad(path+".sources", strconv.Quote(cut(s)), "sources that connectors."+other+" does not name: what one does not have would be taken for resolved; give each its own source")
				}
			}
		}
	}
}

// datadog checks what only a connector of that kind has.
func (r *reader) datadog(path string, c Connector) {
	r.oneOf(path+".site", c.Site, datadogSites)
	r.oneOf(path+".keep", c.Keep, []string{"", "incidents", "cases"})
	for key, v := range map[string]string{".case_project": c.CaseProject, ".case_type": c.CaseType} {
		if c.Keep == "cases" && v == "" {
			r.bad(path+key, "missing", "the UUID that Datadog shows for it, because keep is cases")
		}
	}
	if !c.APIKey.IsSet() {
		r.bad(path+".api_key", "missing", expectation(reflect.TypeFor[Secret]()))
	}
	if !c.AppKey.IsSet() && (c.Keep != "" || c.DowntimeOnAcknowledge || len(c.Sources) > 0) {
		r.bad(path+".app_key", "missing", "an application key, which everything but events needs")
	}
	if c.DowntimeOnAcknowledge && len(c.Sources) == 0 {
		r.bad(path+".sources", "missing", "the sources whose alerts are of the monitors there, such as [datadog]: others cannot be muted")
	}
}

// datadogSites are Datadog's regions; the empty one is the first.
var datadogSites = []string{"", "datadoghq.com", "us3.datadoghq.com", "us5.datadoghq.com", "ap1.datadoghq.com", "ap2.datadoghq.com", "uk1.datadoghq.com",
	"datadoghq.eu", "ddog-gov.com", "us2.ddog-gov.com"}

// sourceKind is the kind of a source, built-in ones included; "" when there is none.
func (f *File) sourceKind(name string) string {
	if s, ok := f.Sources[name]; ok {
		return s.Kind
	}
	return builtinSources[name]
}

// orMissing makes an empty text one that is no address.
func orMissing(s string) string {
	if s == "" {
		return "(empty)"
	}
	return s
}
