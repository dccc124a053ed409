// Package gitlab decodes GitLab's deployment and pipeline webhooks into changes.
// It is pure.
//
// The fields read are those of
// https://docs.gitlab.com/user/project/integrations/webhook_events/ (2026-11).
package gitlab

import (
	"strings"
	"time"

	"signalbox/ingest/source"
	"signalbox/itsm"
)

// states are those of a deployment and of a pipeline. What waits for people is
// planned.
var states = map[string]itsm.ChangeState{
	"created": itsm.ChangePlanned, "blocked": itsm.ChangePlanned, "approved": itsm.ChangePlanned, "running": itsm.ChangeInProgress,
	"success": itsm.ChangeSuccessful, "failed": itsm.ChangeFailed, "canceled": itsm.ChangeCancelled, "rejected": itsm.ChangeCancelled,
}

// Decode turns the body of one webhook into at most one act. Other events, and
// pipelines of other than the default branch, are an empty result.
func Decode(body []byte, b source.Bounds) (source.Result, error) {
	f, err := source.Flatten(body, b)
	if err != nil {
		return source.Result{}, err
	}
	w := wire{f}
	if f["object_kind"] == "" {
		return source.Result{}, itsm.Errorf(itsm.Invalid, `not a GitLab webhook: "object_kind" is missing; expected deployment or pipeline events`)
	}
	var u itsm.ChangeUpdate
	var at itsm.Time
	ok := false
	switch f["object_kind"] {
	case "deployment":
		u, at, ok = w.deployment()
	case "pipeline":
		u, at, ok = w.pipeline()
	}
	if !ok {
		return source.Result{}, nil
	}
	act, err := source.ChangeAct("gitlab:"+w.First("user.username", "user.name", "project.path_with_namespace"), at, u)
	return source.Result{Acts: []itsm.Act{act}}, err
}

type wire struct{ source.Flat }

// at reads a time, which GitLab writes in one of several ways.
func (w wire) at(path string) itsm.Time {
	s := w.Flat[path]
	for _, layout := range []string{"2006-01-02 15:04:05 -0700", "2006-01-02 15:04:05 UTC", time.RFC3339Nano} {
		if t, err := time.Parse(layout, s); err == nil && t.Year() > 1970 {
			return itsm.TimeOf(t)
		}
	}
	return 0
}

// times sets when it began or ended, as far as a state says so.
func times(u *itsm.ChangeUpdate, state itsm.ChangeState, at itsm.Time) {
	u.State = &state
	switch {
	case state == itsm.ChangeInProgress:
		u.StartedAt = source.SaidAt(at)
	case state.IsOver():
		u.EndedAt = source.SaidAt(at)
	}
}

// ci names what is changed: the project.
func (w wire) ci() *[]string {
	path := w.Flat["project.path_with_namespace"]
	return source.SaidCI(path[strings.LastIndexByte(path, '/')+1:], w.Flat["project.name"])
}

func (w wire) deployment() (u itsm.ChangeUpdate, at itsm.Time, ok bool) {
	f := w.Flat
	state, ok := states[f["status"]]
	if !ok || f["deployment_id"] == "" {
		return u, 0, false
	}
	at = w.at("status_changed_at")
	title := "Deploy " + f["project.path_with_namespace"] + " " + f["short_sha"] + " to " + f["environment"]
	if c := f["commit_title"]; c != "" {
		title += ": " + c
	}
	u = itsm.ChangeUpdate{ExternalID: source.Said(f["project.path_with_namespace"] + "#deployment/" + f["deployment_id"]), Title: source.Said(source.Title(title)),
		Environment: source.Said(w.First("environment_tier", "environment")), CIs: w.ci(), Who: source.Said(w.First("user.username", "user.name")),
		URL: source.Said(source.Link(w.First("deployable_url", "commit_url", "project.web_url")))}
	times(&u, state, at)
	return u, at, true
}

func (w wire) pipeline() (u itsm.ChangeUpdate, at itsm.Time, ok bool) {
	f := w.Flat
	state, ok := states[f["object_attributes.status"]]
	if !ok || f["object_attributes.id"] == "" || f["object_attributes.ref"] != f["project.default_branch"] || state == itsm.ChangePlanned {
		return u, 0, false
	}
	at = w.at("object_attributes.created_at")
	if state.IsOver() {
		if end := w.at("object_attributes.finished_at"); end != 0 {
			at = end
		}
	}
	title := "Pipeline " + f["object_attributes.id"] + " of " + f["project.path_with_namespace"] + " on " + f["object_attributes.ref"]
	if c := f["commit.title"]; c != "" {
		title += ": " + c
	}
	u = itsm.ChangeUpdate{ExternalID: source.Said(f["project.path_with_namespace"] + "#pipeline/" + f["object_attributes.id"]), Title: source.Said(source.Title(title)),
		CIs: w.ci(), Who: source.Said(w.First("user.username", "user.name")), URL: source.Said(source.Link(w.First("object_attributes.url", "project.web_url")))}
	times(&u, state, at)
	return u, at, true
}
