package rules

import (
	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// variable is something a condition can ask for.
type variable struct {
	name  string
	from  Stage // first stage that knows it
	typ   *cel.Type
	about string
	value func(f *Facts) ref.Val
}

var mapOfText = cel.MapType(cel.StringType, cel.StringType)

func str(s string) ref.Val { return types.String(s) }

// variables are all there are. Their order is that of the documentation.
var variables = [...]variable{
	{"source", Normalise, cel.StringType, "configured name of the sender", func(f *Facts) ref.Val { return str(f.Event.Source) }},
	{"origin", Normalise, cel.StringType, "system behind the source that saw it, when the sender tells several apart", func(f *Facts) ref.Val { return str(f.Event.Origin) }},
	{"sender_group", Normalise, cel.StringType, "the sender's own group of alerts (Alertmanager's groupKey)", func(f *Facts) ref.Val { return str(f.Event.Group) }},
	{"status", Normalise, cel.StringType, "firing or resolved", func(f *Facts) ref.Val { return str(f.Event.Status.String()) }},
	{"severity", Normalise, cel.StringType, "critical, major, minor, warning or info; compare with at_least(severity, \"major\")", func(f *Facts) ref.Val { return str(f.Event.Severity.String()) }},
	{"severity_word", Normalise, cel.StringType, "the sender's own word", func(f *Facts) ref.Val { return str(f.Event.SeverityWord) }},
	{"title", Normalise, cel.StringType, "title of the alert", func(f *Facts) ref.Val { return str(f.Event.Title) }},
	{"identity", Normalise, cel.StringType, "what identifies the alert within its source", func(f *Facts) ref.Val { return str(f.Event.Identity) }},
	{"ci_name", Normalise, cel.StringType, "the CI that the sender names itself", func(f *Facts) ref.Val { return str(f.Event.CIName) }},
	{"no_data", Normalise, cel.BoolType, "the condition is that no data comes", func(f *Facts) ref.Val { return types.Bool(f.Event.NoData) }},
	{"labels", Normalise, mapOfText, "labels; one that is missing is \"\"", func(f *Facts) ref.Val { return textMap{f.Event.Labels} }},
	{"annotations", Normalise, mapOfText, "annotations; one that is missing is \"\"", func(f *Facts) ref.Val { return textMap{f.Event.Annotations} }},
	{"starts_at", Normalise, cel.TimestampType, "when the condition began, as the sender says", func(f *Facts) ref.Val { return types.Timestamp{Time: f.Event.StartsAt.Std()} }},
	{"now", Normalise, cel.TimestampType, "when the entry was journaled", func(f *Facts) ref.Val { return types.Timestamp{Time: f.Now.Std()} }},

	{"ci.id", Suppress, cel.StringType, "id of the CI, or the provisional key", func(f *Facts) ref.Val { return str(f.CI.ID) }},
	{"ci.bound", Suppress, cel.BoolType, "the CMDB has it", func(f *Facts) ref.Val { return types.Bool(f.CI.Bound) }},
	{"ci.name", Suppress, cel.StringType, "its name", func(f *Facts) ref.Val { return str(f.CI.Name) }},
	{"ci.class", Suppress, cel.StringType, "its class", func(f *Facts) ref.Val { return str(f.CI.Class) }},
	{"ci.env", Suppress, cel.StringType, "its environment", func(f *Facts) ref.Val { return str(f.CI.Env) }},
	{"ci.tier", Suppress, cel.IntType, "its tier, 1 to 4; 0 when the CMDB says none", func(f *Facts) ref.Val { return types.Int(f.CI.Tier) }},
	{"ci.owner", Suppress, cel.StringType, "its owner", func(f *Facts) ref.Val { return str(f.CI.Owner) }},
	{"ci.group", Suppress, cel.StringType, "its support group", func(f *Facts) ref.Val { return str(f.CI.Group) }},
	{"ci.services", Suppress, cel.ListType(cel.StringType), "ids of the services that depend on it", func(f *Facts) ref.Val { return texts(f.CI.Services) }},
	{"ci.attributes", Suppress, mapOfText, "its attributes; one that is missing is \"\"", func(f *Facts) ref.Val { return textMap{f.CI.Attributes} }},

	{"incident.priority", Incident, cel.StringType, "P1 to P5; as text \"P1\" < \"P2\"", func(f *Facts) ref.Val { return str(f.Incident.Priority.String()) }},
	{"incident.impact", Incident, cel.StringType, "high, medium or low", func(f *Facts) ref.Val { return str(f.Incident.Impact.String()) }},
	{"incident.urgency", Incident, cel.StringType, "high, medium or low", func(f *Facts) ref.Val { return str(f.Incident.Urgency.String()) }},
	{"incident.severity", Incident, cel.StringType, "worst severity of its alerts", func(f *Facts) ref.Val { return str(f.Incident.Severity.String()) }},
	{"incident.alerts", Incident, cel.IntType, "alert episodes in it", func(f *Facts) ref.Val { return types.Int(f.Incident.Alerts) }},
	{"incident.firing", Incident, cel.IntType, "of these, how many fire", func(f *Facts) ref.Val { return types.Int(f.Incident.Firing) }},
	{"incident.cis", Incident, cel.ListType(cel.StringType), "ids of its CIs", func(f *Facts) ref.Val { return texts(f.Incident.CIs) }},
	{"incident.services", Incident, cel.ListType(cel.StringType), "ids of the services affected", func(f *Facts) ref.Val { return texts(f.Incident.Services) }},
	{"incident.share", Incident, cel.DoubleType, "largest share of an affected service's CIs that alert, 0 to 1; the service itself is none of them", func(f *Facts) ref.Val { return types.Double(float64(f.Incident.ShareMilli) / 1000) }},
	{"incident.cause", Incident, cel.StringType, "id of the most probable cause, or \"\"", func(f *Facts) ref.Val { return str(f.Incident.Cause) }},
	{"incident.labels", Incident, mapOfText, "labels that all its alerts share", func(f *Facts) ref.Val { return textMap{f.Incident.Labels} }},
	{"incident.storm", Incident, cel.BoolType, "it was opened in a storm", func(f *Facts) ref.Val { return types.Bool(f.Incident.Storm) }},
}

// variableAt finds a variable by its name; -1 when there is none.
func variableAt(name string) int {
	if i, ok := variablePlaces[name]; ok {
		return i
	}
	return -1
}

var variablePlaces = func() map[string]int {
	m := make(map[string]int, len(variables))
	for i := range variables {
		m[variables[i].name] = i
	}
	return m
}()

func texts(list []string) ref.Val { return types.DefaultTypeAdapter.NativeToValue(list) }

// Variable describes something a condition can ask for, for people and editors.
type Variable struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Stage string `json:"stage"` // first stage that knows it
	About string `json:"about"`
}

// Variables lists what conditions can ask for.
func Variables() []Variable {
	out := make([]Variable, len(variables))
	for i, v := range variables {
		out[i] = Variable{v.name, cel.FormatCELType(v.typ), v.from.String(), v.about}
	}
	return out
}
