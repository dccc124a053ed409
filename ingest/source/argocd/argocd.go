// Package argocd decodes what our notification template has Argo CD send about a
// sync into changes. It is pure.
//
// Argo CD sends what its templates say
// (https://argo-cd.readthedocs.io/en/stable/operator-manual/notifications/services/webhook/,
// 2026-11), with GET unless the template says POST. Template is ours; the README
// says where it goes.
package argocd

import (
	"signalbox/ingest/source"
	"signalbox/itsm"
)

// Template is the body of the webhook in the notification template.
const Template = `{"app": "{{.app.metadata.name}}", "namespace": "{{.app.metadata.namespace}}", "project": "{{.app.spec.project}}",
 "repo": "{{.app.spec.source.repoURL}}", "revision": "{{.app.status.operationState.syncResult.revision}}",
 "phase": "{{.app.status.operationState.phase}}", "health": "{{.app.status.health.status}}",
 "started_at": "{{.app.status.operationState.startedAt}}", "finished_at": "{{.app.status.operationState.finishedAt}}",
 "cluster": "{{.app.spec.destination.server}}", "destination": "{{.app.spec.destination.namespace}}",
 "url": "{{.context.argocdUrl}}/applications/{{.app.metadata.name}}"}`

var states = map[string]itsm.ChangeState{
	"Running": itsm.ChangeInProgress, "Terminating": itsm.ChangeInProgress, "Succeeded": itsm.ChangeSuccessful, "Failed": itsm.ChangeFailed, "Error": itsm.ChangeFailed,
}

// Decode turns one notification into one act. "ci" and "environment" may be added
// to the template; without the first, the application is what changes.
func Decode(body []byte, b source.Bounds) (source.Result, error) {
	f, err := source.Flatten(body, b)
	if err != nil {
		return source.Result{}, err
	}
	state, ok := states[f["phase"]]
	switch {
	case f["app"] == "":
		return source.Result{}, itsm.Errorf(itsm.Invalid, `"app" is missing: expected the notification of the template that the README has`)
	case !ok:
		return source.Result{}, itsm.Errorf(itsm.Invalid, "phase %s: expected Running, Terminating, Succeeded, Failed or Error", source.Quote(f["phase"]))
	}
	began, ended := source.MaybeTime(f["started_at"]), source.MaybeTime(f["finished_at"])
	at := began
	if state.IsOver() && ended != 0 {
		at = ended
	}
	title := "Sync " + f["app"]
	if rev := f["revision"]; rev != "" {
		title += " to " + rev[:min(len(rev), 8)]
	}
	if f["health"] != "" && state.IsOver() {
		title += ", " + f["health"]
	}
	u := itsm.ChangeUpdate{ExternalID: source.Said(f["namespace"] + "/" + f["app"] + "@" + f["revision"] + "@" + f["started_at"]), State: &state, Title: source.Said(source.Title(title)),
		Description: source.Said(f["repo"]), StartedAt: source.SaidAt(began), Environment: source.Said(f["environment"]), CIs: source.SaidCI(f["ci"], f["app"]),
		Who: source.Said(f["project"]), URL: source.Said(source.Link(f["url"]))}
	if state.IsOver() {
		u.EndedAt = source.SaidAt(ended)
	}
	act, err := source.ChangeAct("argocd:"+f["app"], at, u)
	return source.Result{Acts: []itsm.Act{act}}, err
}
